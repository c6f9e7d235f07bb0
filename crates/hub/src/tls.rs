//! The hub's own certificate, for listening beyond loopback. Nobody signs it:
//! a join code carries its fingerprint, and whoever joined pins it.

use crate::data_dir::replace_file;
use crate::error::HubError;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use sha2::{Digest, Sha256};
use std::fmt::Display;
use std::path::Path;
use std::sync::Arc;
use tokio_rustls::TlsAcceptor;

/// What the listener needs, and what join codes say.
pub(crate) struct Certificate {
    /// Shakes hands.
    pub(crate) acceptor: TlsAcceptor,
    /// SHA-256 of the certificate, in hex.
    pub(crate) fingerprint: String,
}

/// Reads the certificate of a data directory, or makes it at the first start.
pub(crate) fn certificate(directory: &Path) -> Result<Certificate, HubError> {
    let failed = |reason: &dyn Display| HubError::Certificate {
        path: directory.to_owned(),
        reason: reason.to_string(),
    };
    let (certificate_path, key_path) =
        (directory.join("certificate.pem"), directory.join("certificate-key.pem"));
    if !certificate_path.exists() {
        // The key first: a certificate on disk always has its key.
        let (certificate, key) = make().map_err(|error| failed(&error))?;
        replace_file(&key_path, key.as_bytes()).map_err(|error| failed(&error))?;
        replace_file(&certificate_path, certificate.as_bytes()).map_err(|error| failed(&error))?;
    }
    let certificate =
        CertificateDer::from_pem_file(&certificate_path).map_err(|error| failed(&error))?;
    let key = PrivateKeyDer::from_pem_file(&key_path).map_err(|error| failed(&error))?;
    let fingerprint = hex::encode(Sha256::digest(&certificate));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| failed(&error))?
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .map_err(|error| failed(&error))?;
    Ok(Certificate { acceptor: TlsAcceptor::from(Arc::new(config)), fingerprint })
}

fn make() -> Result<(String, String), rcgen::Error> {
    let made = rcgen::generate_simple_self_signed(["pilothouse".to_owned()])?;
    Ok((made.cert.pem(), made.signing_key.serialize_pem()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn the_certificate_stays_the_same_and_its_key_private() {
        let home = tempfile::tempdir().expect("a directory");
        let first = certificate(home.path()).expect("makes one");
        let second = certificate(home.path()).expect("reads it again");
        assert_eq!(first.fingerprint, second.fingerprint, "runners have pinned it");
        assert_eq!(first.fingerprint.len(), 64);
        let key = std::fs::metadata(home.path().join("certificate-key.pem")).expect("is there");
        assert_eq!(key.permissions().mode() & 0o777, 0o600);
    }
}
