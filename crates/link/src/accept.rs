//! The hub's side of the handshake.

use crate::deadlines::Deadlines;
use crate::hear::{Heard, hear, part, say};
use crate::identity::{NoRandomness, verify};
use crate::live::{HubLive, Live};
use crate::wire::{Socket, WireError};
use pilot_proto::RunnerId;
use pilot_proto::runner::{
    About, Held, OLDEST, Refusal, Role, ToHub, ToRunner, VERSION, hello_text,
};
use std::time::Duration;
use tokio::time::timeout;

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
    #[error("`{peer}` was refused: {}{}", crate::dial::describe(refusal), in_brackets(why))]
    Refused {
        /// The runner, or the address if it named none.
        peer: String,
        /// Why.
        refusal: Refusal,
        /// For the log, more than the peer was told; may be empty.
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
    #[error(
        "the connection of `{peer}` broke before its hello: {}",
        crate::connector::chain(source)
    )]
    Wire {
        /// The address.
        peer: String,
        /// How.
        source: WireError,
    },
}

fn in_brackets(why: &str) -> String {
    if why.is_empty() { String::new() } else { format!(" ({why})") }
}

/// 32 random bytes in hex, for one connection's challenge.
pub fn new_nonce() -> Result<String, NoRandomness> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(NoRandomness)?;
    Ok(hex::encode(bytes))
}

/// Challenges the peer and checks its hello. `peer` is its address, for logs;
/// `lookup` says what the hub knows of the runner that it claims to be.
pub async fn accept<S, F, Fut>(
    mut socket: S,
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
    let after = deadlines.greet;
    let hello = timeout(after, hear_hello(&mut socket, peer, nonce, lookup)).await;
    let hello = hello.map_err(|_| AcceptError::Deadline { peer: peer.into(), after })?;
    match hello {
        Ok((greeted, name)) => Ok(Accepted { greeted, live: Live::start(socket, name, deadlines) }),
        Err(error) => {
            if let AcceptError::Refused { refusal, .. } = &error {
                refuse(socket, refusal, after).await;
            }
            Err(error)
        }
    }
}

/// Tells the peer why, if it still listens.
async fn refuse(mut socket: impl Socket, refusal: &Refusal, deadline: Duration) {
    let refused = ToRunner::Refused(refusal.clone());
    if matches!(timeout(deadline, say(&mut socket, &refused)).await, Ok(Ok(()))) {
        part(socket).await;
    }
}

/// The checked hello, and the runner's name.
async fn hear_hello<F, Fut>(
    socket: &mut impl Socket,
    peer: &str,
    nonce: String,
    lookup: F,
) -> Result<(Greeted, String), AcceptError>
where
    F: FnOnce(RunnerId) -> Fut,
    Fut: Future<Output = Standing>,
{
    let broke = |source| AcceptError::Wire { peer: peer.into(), source };
    let malformed = |why: String| refused(peer, Refusal::Malformed, why);
    let challenge = ToRunner::Challenge { nonce: nonce.clone(), oldest: OLDEST, newest: VERSION };
    say(socket, &challenge).await.map_err(broke)?;
    let (version, runner, role, signature, about, runs) = match hear(socket).await.map_err(broke)? {
        Heard::Message(ToHub::Hello { version, runner, role, signature, about, runs }) => {
            (version, runner, role, signature, about, runs)
        }
        Heard::Message(_) => return Err(malformed("another message".into())),
        Heard::Nonsense(why) => return Err(malformed(why)),
        Heard::Gone => return Err(AcceptError::Gone { peer: peer.into() }),
    };
    // The version comes first: of a hello of another version nothing else can
    // be relied on.
    if !(OLDEST..=VERSION).contains(&version) {
        let refusal = Refusal::Version { oldest: OLDEST, newest: VERSION, yours: version };
        return Err(refused(&format!("{runner} at {peer}"), refusal, String::new()));
    }
    if role == Role::Unknown {
        return Err(malformed("a role that this version does not have".into()));
    }
    let name = match lookup(runner).await {
        Standing::Enrolled { public_key, name } => {
            if !verify(&public_key, &hello_text(&nonce, runner, role, version), &signature) {
                let why = "the signature is not by the key it enrolled with";
                return Err(refused(&format!("{name} at {peer}"), Refusal::NotEnrolled, why));
            }
            name
        }
        Standing::Revoked => {
            return Err(refused(&format!("{runner} at {peer}"), Refusal::Revoked, ""));
        }
        Standing::Unknown => {
            let why = "no such runner is enrolled";
            return Err(refused(&format!("{runner} at {peer}"), Refusal::NotEnrolled, why));
        }
    };
    Ok((Greeted { runner, version, role, about, runs }, name))
}

fn refused(peer: &str, refusal: Refusal, why: impl Into<String>) -> AcceptError {
    AcceptError::Refused { peer: peer.into(), refusal, why: why.into() }
}
