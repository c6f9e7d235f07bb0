//! The runner's side of the handshake.

use crate::deadlines::Deadlines;
use crate::endpoint::Endpoint;
use crate::identity::RunnerKey;
use crate::live::RunnerLive;
use pilot_proto::runner::{About, Held, Known, Refusal, Role};
use pilot_proto::{Problem, RunnerId};
use std::time::Duration;

/// What a runner says of itself in its hello.
#[derive(Debug, Clone)]
pub struct Greeting {
    /// Who it is.
    pub runner: RunnerId,
    /// What the connection is for.
    pub role: Role,
    /// How it is set up; on the primary connection.
    pub about: Option<About>,
    /// What it has; on the primary connection.
    pub runs: Vec<Held>,
}

/// A connection that the hub welcomed.
#[derive(Debug)]
pub struct Dialled {
    /// The connection.
    pub live: RunnerLive,
    /// Version to speak.
    pub version: u32,
    /// The hub's answer to the runs held.
    pub runs: Vec<Known>,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// The hub cannot be reached.
    #[error("the hub at `{hub}` cannot be reached: {why}")]
    Unreachable {
        /// Where.
        hub: String,
        /// What failed.
        why: String,
    },
    /// A step took too long.
    #[error("the hub at `{hub}` did not answer within {} s", after.as_secs_f32())]
    Deadline {
        /// Where.
        hub: String,
        /// How long.
        after: Duration,
    },
    /// TLS failed: most often another certificate than the one pinned.
    #[error("no trusted connection to the hub at `{hub}`: {why}")]
    Untrusted {
        /// Where.
        hub: String,
        /// What failed.
        why: String,
    },
    /// Something else than a hub answers there.
    #[error("`{hub}` does not answer like a hub: {why}")]
    NotAHub {
        /// Where.
        hub: String,
        /// What came instead.
        why: String,
        /// It asked to be left alone for so long.
        retry_after: Option<Duration>,
    },
    /// The hub refused. The one variant that is final.
    #[error("the hub at `{hub}` refused this runner: {}", describe(refusal))]
    Refused {
        /// Where.
        hub: String,
        /// Why.
        refusal: Refusal,
    },
}

impl DialError {
    /// For a person.
    pub fn problem(&self) -> Problem {
        todo!()
    }
}

/// A refusal in a person's words.
pub fn describe(refusal: &Refusal) -> String {
    todo!()
}

/// Opens a connection and greets. On success the hub has said welcome.
pub async fn dial(
    endpoint: &Endpoint,
    key: &RunnerKey,
    greeting: Greeting,
    deadlines: Deadlines,
) -> Result<Dialled, DialError> {
    todo!()
}
