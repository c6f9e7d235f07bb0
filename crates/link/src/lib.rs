//! A connection between a hub and a runner: who dials and how often, hello
//! and refusal, frames in both directions with bounds and deadlines, and what
//! is still to be sent again.
//!
//! It carries [`pilot_proto::runner`] and does not know what a task is.
//!
//! **Invariant:** whatever the peer does (nothing, too much, nonsense), a
//! connection holds a bounded amount of memory, and every wait has a deadline.
#![deny(missing_docs)]

pub mod accept;
pub mod backoff;
pub mod deadlines;
pub mod dial;
pub mod endpoint;
pub mod identity;
pub mod join;
pub mod join_code;
pub mod live;
pub mod machine;
pub mod outbox;
pub mod tls;
pub mod wire;

mod connector;
mod hear;

pub use accept::{AcceptError, Accepted, Greeted, Standing, accept, new_nonce};
pub use backoff::Backoff;
pub use deadlines::Deadlines;
pub use dial::{DialError, Dialled, Greeting, dial};
pub use endpoint::{Endpoint, EndpointError};
pub use identity::{RunnerKey, verify};
pub use join::{JoinError, post_join};
pub use live::{Closed, HubLive, Incoming, Live, RunnerLive, SendError, Sender};
pub use machine::{LinkEffect, LinkEvent, LinkMachine, LinkState};
pub use outbox::Outbox;
pub use wire::{Frame, Socket, WireError};
