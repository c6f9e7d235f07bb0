//! The hub's side of the handshake.

use crate::deadlines::Deadlines;
use crate::identity::NoRandomness;
use crate::live::HubLive;
use crate::wire::{Socket, WireError};
use pilot_proto::RunnerId;
use pilot_proto::runner::{About, Held, Refusal, Role};
use std::time::Duration;

/// What the hub knows of a runner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// It may connect with this key.
    Enrolled {
        /// 64 hex digits.
        public_key: String,
        /// Its name, for logs.
        name: String,
    },
    /// A person revoked it.
    Revoked,
    /// Nothing.
    Unknown,
}

/// A hello whose signature holds.
#[derive(Debug, Clone)]
pub struct Greeted {
    /// Who.
    pub runner: RunnerId,
    /// Version to speak; to be told in the welcome.
    pub version: u32,
    /// What the connection is for.
    pub role: Role,
    /// How the runner is set up.
    pub about: Option<About>,
    /// What it has.
    pub runs: Vec<Held>,
}

/// A connection of a runner that proved who it is. The hub's first message on
/// `live` must be `ToRunner::Welcome { version: greeted.version, … }` (or a
/// refusal): the hub queues it itself, so that it can register the sender and
/// answer the runs held in one step and nothing falls between.
#[derive(Debug)]
pub struct Accepted {
    /// What it said.
    pub greeted: Greeted,
    /// The connection.
    pub live: HubLive,
}

/// Why there is no connection. The peer was told, where it could be.
#[derive(Debug, thiserror::Error)]
pub enum AcceptError {
    /// We refused.
    #[error("`{peer}` was refused: {}", crate::dial::describe(refusal))]
    Refused {
        /// The runner, or the address if it named none.
        peer: String,
        /// Why.
        refusal: Refusal,
        /// More for the log than the peer was told.
        why: String,
    },
    /// No hello in time.
    #[error("`{peer}` said no hello within {} s", after.as_secs_f32())]
    Deadline {
        /// The address.
        peer: String,
        /// How long.
        after: Duration,
    },
    /// It hung up before its hello.
    #[error("`{peer}` hung up before its hello")]
    Gone {
        /// The address.
        peer: String,
    },
    /// The carrier failed.
    #[error("the connection of `{peer}` failed before its hello: {source}")]
    Wire {
        /// The address.
        peer: String,
        /// How.
        source: WireError,
    },
}

/// 32 random bytes in hex, for one connection's challenge.
pub fn new_nonce() -> Result<String, NoRandomness> {
    todo!()
}

/// Challenges the peer and checks its hello. `peer` is its address, for logs;
/// `lookup` says what the hub knows of the runner that it claims to be.
pub async fn accept<S, F, Fut>(
    socket: S,
    peer: &str,
    nonce: String,
    lookup: F,
    deadlines: Deadlines,
) -> Result<Accepted, AcceptError>
where
    S: Socket,
    F: FnOnce(RunnerId) -> Fut + Send,
    Fut: Future<Output = Standing> + Send,
{
    todo!()
}
