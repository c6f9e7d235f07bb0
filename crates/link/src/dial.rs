//! The runner's side of the handshake.

use crate::connector::{ByteStream, chain, connect};
use crate::deadlines::Deadlines;
use crate::endpoint::Endpoint;
use crate::hear::{Heard, hear, say};
use crate::identity::RunnerKey;
use crate::live::{Live, RunnerLive};
use crate::machine::LinkEvent;
use crate::wire::over_tungstenite::{OverTungstenite, config};
use crate::wire::{Socket, WireError};
use pilot_proto::runner::{
    About, Held, Known, LINK_PATH, OLDEST, Refusal, Role, ToHub, ToRunner, VERSION, hello_text,
};
use pilot_proto::{Code, Problem, RunnerId};
use std::time::Duration;
use tokio::time::timeout;
use tokio_tungstenite::client_async_with_config;
use tokio_tungstenite::tungstenite::{self, http};

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
        let message = format!("{self}.");
        match self {
            Self::Unreachable { .. } | Self::Deadline { .. } => {
                Problem::new(Code::Precondition, message)
                    .hint("Is the hub running, and is this its address?")
            }
            Self::Untrusted { .. } => Problem::new(Code::Forbidden, message).hint(
                "If the hub has a new certificate, make a new join code on it and join again.",
            ),
            Self::NotAHub { .. } => {
                Problem::new(Code::Invalid, message).hint("Is this the hub's address?")
            }
            Self::Refused { refusal, .. } => refusal_problem(message, refusal),
        }
    }

    /// What it means to the machine: only a refusal is final.
    pub fn event(&self) -> LinkEvent {
        match self {
            Self::Refused { refusal, .. } => LinkEvent::Refused(refusal.clone()),
            Self::NotAHub { retry_after, .. } => {
                LinkEvent::Lost { reason: self.to_string(), retry_after: *retry_after }
            }
            Self::Unreachable { .. } | Self::Deadline { .. } | Self::Untrusted { .. } => {
                LinkEvent::Lost { reason: self.to_string(), retry_after: None }
            }
        }
    }
}

fn refusal_problem(message: String, refusal: &Refusal) -> Problem {
    match refusal {
        Refusal::Version { newest, yours, .. } if yours > newest => {
            Problem::new(Code::Version, message).hint("Update the hub.")
        }
        Refusal::Version { .. } => {
            Problem::new(Code::Version, message).hint("Update `pilot` on the runner.")
        }
        Refusal::NotEnrolled | Refusal::Revoked => Problem::new(Code::Forbidden, message)
            .hint("Make a join code on the hub (`pilot runner join-code`) and join again."),
        Refusal::Malformed | Refusal::Unknown(_) => Problem::new(Code::Internal, message),
    }
}

/// A refusal in a person's words, with both versions where they are the reason.
pub fn describe(refusal: &Refusal) -> String {
    match refusal {
        Refusal::Version { oldest, newest, yours } if oldest == newest => {
            format!("the runner speaks version {yours} of the wire, the hub version {newest}")
        }
        Refusal::Version { oldest, newest, yours } => format!(
            "the runner speaks version {yours} of the wire, the hub versions {oldest} to {newest}"
        ),
        Refusal::NotEnrolled => "the hub does not know it, or its key does not match".into(),
        Refusal::Revoked => "it was revoked".into(),
        Refusal::Malformed => "its first frame was not a hello".into(),
        Refusal::Unknown(words) => format!("for a reason this version does not know: {words}"),
    }
}

/// Opens a connection and greets. On success the hub has said welcome.
pub async fn dial(
    endpoint: &Endpoint,
    key: &RunnerKey,
    greeting: Greeting,
    deadlines: Deadlines,
) -> Result<Dialled, DialError> {
    let hub = endpoint.to_string();
    let late = |after| DialError::Deadline { hub: hub.clone(), after };
    let mut socket =
        timeout(deadlines.dial, open(endpoint)).await.map_err(|_| late(deadlines.dial))??;
    let welcome = timeout(deadlines.greet, greet(&mut socket, &hub, key, greeting)).await;
    let (version, runs) = welcome.map_err(|_| late(deadlines.greet))??;
    Ok(Dialled { live: Live::start(socket, hub, deadlines), version, runs })
}

async fn open(endpoint: &Endpoint) -> Result<OverTungstenite<Box<dyn ByteStream>>, DialError> {
    let stream = connect(endpoint).await?;
    let scheme = if endpoint.is_tls() { "wss" } else { "ws" };
    let url = format!("{scheme}://{}{}", endpoint.authority(), endpoint.path(LINK_PATH));
    let upgraded = client_async_with_config(url, stream, Some(config())).await;
    let (socket, _response) = upgraded.map_err(|error| upgrade_error(endpoint, &error))?;
    Ok(OverTungstenite(socket))
}

fn upgrade_error(endpoint: &Endpoint, error: &tungstenite::Error) -> DialError {
    let hub = endpoint.to_string();
    match error {
        tungstenite::Error::Io(error) => DialError::Unreachable { hub, why: chain(error) },
        tungstenite::Error::Http(response) => DialError::NotAHub {
            hub,
            why: format!("HTTP status {}", response.status()),
            retry_after: retry_after(response.headers()),
        },
        other => DialError::NotAHub { hub, why: chain(other), retry_after: None },
    }
}

/// The seconds of a `Retry-After`; its other form, a date, is not used by hubs.
fn retry_after(headers: &http::HeaderMap) -> Option<Duration> {
    let seconds = headers.get(http::header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

async fn greet(
    socket: &mut impl Socket,
    hub: &str,
    key: &RunnerKey,
    greeting: Greeting,
) -> Result<(u32, Vec<Known>), DialError> {
    let broke = |error: WireError| DialError::Unreachable { hub: hub.into(), why: chain(&error) };
    let strange = |why: String| DialError::NotAHub { hub: hub.into(), why, retry_after: None };
    let hung_up = || DialError::Unreachable {
        hub: hub.into(),
        why: "it closed the connection during the greeting".into(),
    };
    let (nonce, version) = match hear(socket).await.map_err(broke)? {
        Heard::Message(ToRunner::Challenge { nonce, oldest, newest }) => {
            (nonce, common_version(oldest, newest))
        }
        Heard::Message(ToRunner::Refused(refusal)) => {
            return Err(DialError::Refused { hub: hub.into(), refusal });
        }
        Heard::Message(_) => return Err(strange("its first message is no challenge".into())),
        Heard::Nonsense(why) => return Err(strange(format!("its first frame is {why}"))),
        Heard::Gone => return Err(hung_up()),
    };
    say(socket, &hello(key, &nonce, version, greeting)).await.map_err(broke)?;
    match hear(socket).await.map_err(broke)? {
        Heard::Message(ToRunner::Welcome { version: agreed, runs }) if agreed == version => {
            Ok((agreed, runs))
        }
        Heard::Message(ToRunner::Welcome { version: agreed, .. }) => {
            Err(strange(format!("it wants to speak version {agreed}, we offered {version}")))
        }
        Heard::Message(ToRunner::Refused(refusal)) => {
            Err(DialError::Refused { hub: hub.into(), refusal })
        }
        Heard::Message(_) => Err(strange("it answered the hello with something else".into())),
        Heard::Nonsense(why) => Err(strange(format!("its answer to the hello is {why}"))),
        Heard::Gone => Err(hung_up()),
    }
}

/// The newest version that both speak. Without one we still say ours: the
/// hub's refusal then names both, in its log and in ours.
fn common_version(oldest: u32, newest: u32) -> u32 {
    let version = newest.min(VERSION);
    if version >= oldest.max(OLDEST) { version } else { VERSION }
}

fn hello(key: &RunnerKey, nonce: &str, version: u32, greeting: Greeting) -> ToHub {
    let Greeting { runner, role, about, runs } = greeting;
    let signature = key.sign(&hello_text(nonce, runner, role, version));
    ToHub::Hello { version, runner, role, signature, about, runs }
}
