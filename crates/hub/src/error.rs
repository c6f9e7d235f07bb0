//! What keeps a hub from starting, or makes it stop badly.

use pilot_proto::{Code, Problem};
use std::net::SocketAddr;
use std::path::PathBuf;

/// One variant per thing that a start does.
#[derive(Debug, thiserror::Error)]
pub enum HubError {
    /// The data directory cannot be made or read.
    #[error("the data directory `{path}` cannot be used")]
    DataDirectory {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Another hub has the data directory open.
    #[error("the data directory `{path}` is in use by another hub (process {pid})")]
    InUse {
        /// Which.
        path: PathBuf,
        /// The other hub, as it wrote itself down.
        pid: String,
    },
    /// The store cannot be opened, or what it holds cannot be read.
    #[error("the store cannot be opened")]
    Store(#[source] pilot_store::StoreError),
    /// The address cannot be listened on.
    #[error("`{address}` cannot be listened on")]
    Listen {
        /// Which.
        address: SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The certificate cannot be made or read.
    #[error("the certificate in `{path}` cannot be made or read: {reason}")]
    Certificate {
        /// Where.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The place of the credentials cannot be opened.
    #[error("the hub's credentials cannot be opened")]
    Credentials(#[source] pilot_secrets::SecretsError),
    /// The owner token cannot be made or read.
    #[error("the hub's secrets cannot be made or read")]
    Secrets(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The demo project cannot be made.
    #[error("the demo project cannot be made: {reason}")]
    Demo {
        /// Why.
        reason: String,
    },
    /// A setting makes no sense.
    #[error("{reason}")]
    Options {
        /// Which, and why.
        reason: String,
    },
}

impl HubError {
    /// The error as a person sees it, with its causes.
    pub fn problem(&self) -> Problem {
        let message = with_causes(self);
        match self {
            Self::InUse { .. } => Problem::new(Code::Precondition, message)
                .hint("Use the hub that runs already, stop it, or give another `--data`."),
            Self::Listen { .. } => Problem::new(Code::Precondition, message)
                .hint("Give a free address with `--listen ADDRESS:PORT`."),
            Self::Options { .. } => Problem::new(Code::Invalid, message),
            // A locked keychain and a wrong passphrase are a person's to mend.
            Self::Credentials(error) => error.problem(),
            Self::DataDirectory { .. } => Problem::new(Code::Internal, message)
                .hint("Check that the directory exists, is yours, and that the disk has room."),
            Self::Store(_) | Self::Certificate { .. } | Self::Secrets(_) | Self::Demo { .. } => {
                Problem::new(Code::Internal, message)
            }
        }
    }
}

/// An error with the whole chain of its causes in one line.
pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        let said = next.to_string();
        // Transparent wrappers repeat their source.
        if !text.ends_with(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        cause = next.source();
    }
    text
}
