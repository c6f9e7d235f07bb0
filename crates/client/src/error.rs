//! Why a hub did not do what a console asked.

use pilot_proto::{Code, Problem};
use std::error::Error;
use std::io;
use std::path::PathBuf;

/// A call did not work out. No variant holds a token.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The hub's address makes no sense.
    #[error("`{url}` is not the address of a hub: {why}")]
    Address {
        /// What was given, without credentials.
        url: String,
        /// What is wrong with it.
        why: String,
    },
    /// The local hub left its address or token where we cannot read it.
    #[error("the local hub's `{}` cannot be read", path.display())]
    LocalHub {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// No answer. Trying later may help.
    #[error("the hub at `{hub}` cannot be reached")]
    Unreachable {
        /// The hub.
        hub: String,
        /// How it failed.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// Somebody else answers: the certificate is not the pinned one.
    #[error("the hub at `{hub}` has the certificate `{seen}` where `{expected}` was expected")]
    Certificate {
        /// The hub.
        hub: String,
        /// The pinned fingerprint.
        expected: String,
        /// The one it showed.
        seen: String,
    },
    /// What answers is not a hub, or of a version that we do not understand.
    #[error("what answers at `{hub}` does not answer as a hub: {why}")]
    NotAHub {
        /// The address.
        hub: String,
        /// What was strange.
        why: String,
    },
    /// The hub does not know us, or not any more.
    #[error("{problem}")]
    Unauthorized {
        /// The hub.
        hub: String,
        /// In its words.
        problem: Problem,
    },
    /// The hub has no such command: it is older than we are.
    #[error("the hub at `{hub}` is older than this program: it does not know `{what}`")]
    Older {
        /// The hub.
        hub: String,
        /// The command, or the path.
        what: String,
    },
    /// The hub says no.
    #[error(transparent)]
    Refused(Problem),
    /// The request cannot be put into a URL.
    #[error("`{command}` cannot be asked: {why}")]
    Request {
        /// Its name in the command table.
        command: String,
        /// What is wrong.
        why: String,
    },
    /// What the hub sent could not be written down.
    #[error("what the hub sent cannot be written")]
    Write {
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl ClientError {
    /// True where the same call may work later without anybody doing something.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Unreachable { .. } => true,
            Self::Address { .. }
            | Self::LocalHub { .. }
            | Self::Certificate { .. }
            | Self::NotAHub { .. }
            | Self::Unauthorized { .. }
            | Self::Older { .. }
            | Self::Refused(_)
            | Self::Request { .. }
            | Self::Write { .. } => false,
        }
    }
}

impl From<ClientError> for Problem {
    fn from(error: ClientError) -> Self {
        let message = match error.source().map(innermost) {
            Some(why) => format!("{error}: {why}"),
            None => error.to_string(),
        };
        match error {
            ClientError::Refused(problem) | ClientError::Unauthorized { problem, .. } => problem,
            ClientError::Older { .. } => {
                Self::new(Code::Version, message).hint("Bring the hub to this program's version.")
            }
            ClientError::Address { .. } => Self::new(Code::Invalid, message)
                .hint("Give it as `https://host:port`, or `http://127.0.0.1:port` on its machine."),
            ClientError::LocalHub { .. } => Self::new(Code::Forbidden, message)
                .hint("Run the command as the user whose hub it is, or name a hub with `--hub`."),
            ClientError::Unreachable { .. } => Self::new(Code::Precondition, message)
                .hint("Start it with `pilot hub`, or name another with `--hub`."),
            ClientError::Certificate { .. } => Self::new(Code::Unauthorized, message).hint(
                "If the hub got a new certificate, pin that one; if it did not, somebody stands \
                 between you and the hub.",
            ),
            ClientError::NotAHub { .. } => Self::new(Code::Version, message)
                .hint("Check the address, and that console and hub are of the same version."),
            ClientError::Request { .. } => Self::new(Code::Invalid, message),
            ClientError::Write { .. } => Self::new(Code::DiskFull, message)
                .hint("Check the free space and the rights at the destination, then ask again."),
        }
    }
}

/// The deepest reason, which is the one a person can do something about.
fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}
