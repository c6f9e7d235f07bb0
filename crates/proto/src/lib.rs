//! The vocabulary of Pilothouse: what every room means when it says *task*,
//! *run* or *journal*, and what travels between hub, runner and console.
//!
//! Types and their serialised shapes only. **Invariant:** nothing here opens a
//! socket, a file or a database, and nothing here reads a clock or a random
//! source; ids and times are always passed in.
#![deny(missing_docs)]

pub mod action;
pub mod agentapi;
pub mod code;
pub mod console;
pub mod event;
pub mod film;
pub mod grant;
pub mod ids;
pub mod inbox;
pub mod intake;
pub mod log;
pub mod model;
pub mod network;
pub mod permission;
pub mod project;
pub mod pull_request;
pub mod review;
pub mod run;
pub mod runner;
pub mod schedule;
pub mod screen;
pub mod secret;
pub mod snapshot;
pub mod task;
pub mod time;
pub mod tunnel;
pub mod walls;

pub use action::ProjectAction;
pub use code::{Code, Problem};
pub use event::{Cursor, Event, Record, Stream};
pub use grant::{
    NewSecret, SealedGrant, SecretDelivery, SecretOrigin, SecretSeen, SecretSource, SecretUse,
};
pub use ids::{BatchId, BlobId, GroupId, InboxId, OrderId, RunId, RunnerId, ScheduleId, TaskId};
pub use inbox::{Answer, InboxItem, Need};
pub use project::{Forge, ForgeKind, Project, Provider, ProviderKind};
pub use pull_request::PullRequestPolicy;
pub use run::{Outcome, Phase, Run, RunSpec};
pub use secret::Secret;
pub use snapshot::{ChangedFile, Snapshot, SnapshotDelta};
pub use task::{Mode, OnTimeout, Task, TaskState};
pub use time::Timestamp;
pub use walls::{AppliedLimit, LimitMeans, Limited, WallLimits, WallsKind, WallsReport, WallsWish};
