//! Starting and stopping a hub.

use crate::error::HubError;
use crate::options::HubOptions;
use std::net::SocketAddr;
use std::path::PathBuf;

/// The hub. [`Hub::start`] is the way in; there is nothing else to hold.
#[derive(Debug)]
pub struct Hub;

impl Hub {
    /// Opens the data directory, binds the address, resumes what was under
    /// way, and serves until [`Running::stop`].
    pub async fn start(options: HubOptions) -> Result<Running, HubError> {
        Err(HubError::Options { reason: format!("not yet: {options:?}") })
    }
}

/// A hub that serves.
#[derive(Debug)]
pub struct Running {
    /// Where it listens.
    pub address: SocketAddr,
    /// Its base URL, as consoles on this machine use it.
    pub url: String,
    /// File with the owner's token.
    pub token_path: PathBuf,
    /// SHA-256 of its certificate in hex; none for plain HTTP on loopback.
    pub fingerprint: Option<String>,
}

impl Running {
    /// Stops accepting, commits what was taken in, and closes; within ten
    /// seconds, whatever the peers do.
    pub async fn stop(self) {}
}
