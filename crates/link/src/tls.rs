//! Whom to trust: the one certificate that was pinned, or the system's roots.

use rustls::ClientConfig;
use std::sync::Arc;

/// No TLS configuration could be made.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// rustls refused it.
    #[error("TLS cannot be set up: {0}")]
    Setup(#[from] rustls::Error),
    /// The system trusts nobody.
    #[error("no certificate authorities found on this machine: {0}")]
    NoRoots(String),
}

/// A client's configuration that trusts exactly the certificate with this
/// SHA-256, whatever name or date is in it, or, without one, the system's
/// certificate authorities.
pub fn client_config(fingerprint: Option<[u8; 32]>) -> Result<Arc<ClientConfig>, TlsError> {
    todo!()
}
