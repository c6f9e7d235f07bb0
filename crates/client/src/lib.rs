//! A console's connection to a hub: commands over HTTP, and what happens over
//! one WebSocket. Used by the command line, the desktop's Rust side and tests.
//!
//! Not a room for decisions: what a console may do is the hub's to say, and
//! what it shows is the console's. Here is only how the question gets there
//! and how an answer comes back once, whole and in order.
//!
//! **Invariant:** a token goes to the hub it belongs to and nowhere else: plain
//! HTTP is spoken to this machine only, no proxy stands between a console and
//! a hub on its own machine, and no redirect is followed.

mod backoff;
mod client;
mod endpoint;
mod error;
mod forward;
mod frames;
mod greeting;
mod journal;
mod live;
mod probe;
mod tls;
mod tunnel;
mod watches;

pub use client::{Client, Fetched};
pub use endpoint::{Endpoint, discovered};
pub use error::ClientError;
pub use forward::{Forward, ForwardError};
pub use frames::Frames;
pub use greeting::{Age, Greeting};
pub use journal::JournalRecords;
pub use live::{Live, Told};
pub use probe::{Probed, probe};
pub use tunnel::{TunnelFrame, TunnelReceiver, TunnelSender, as_stream};
