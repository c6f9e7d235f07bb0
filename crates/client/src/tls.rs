//! Knowing the hub: by its pinned certificate, or by the system's authorities.
//!
//! The configuration is built from its own crypto provider and does not depend
//! on what the process has installed.

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};
use rustls_platform_verifier::BuilderVerifierExt;
use sha2::{Digest, Sha256};
use std::sync::{Arc, Mutex, PoisonError};

/// How the peer is known.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Trust<'a> {
    /// Plain HTTP to this machine: there is no certificate, and a machine
    /// without any authorities still works.
    Nobody,
    /// The system's authorities.
    System,
    /// This certificate, whatever it says about names and dates.
    Pinned(&'a str),
    /// Whoever is there, to look at it. Never with a token.
    Anybody,
}

/// What a pinned connection was shown instead, or anybody's was shown.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stranger(Arc<Mutex<Option<String>>>);

impl Stranger {
    /// The fingerprint of the last such certificate.
    pub(crate) fn take(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn put(&self, fingerprint: String) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(fingerprint);
    }
}

pub(crate) fn config(trust: Trust<'_>, stranger: &Stranger) -> Result<ClientConfig, Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()?;
    Ok(match trust {
        Trust::Nobody => {
            config.with_root_certificates(RootCertStore::empty()).with_no_client_auth()
        }
        Trust::System => config.with_platform_verifier()?.with_no_client_auth(),
        Trust::Pinned(_) | Trust::Anybody => {
            let expected = match trust {
                Trust::Pinned(fingerprint) => Some(bare(fingerprint)),
                Trust::Anybody | Trust::Nobody | Trust::System => None,
            };
            let verifier = Pinned { expected, stranger: stranger.clone(), provider };
            config
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(verifier))
                .with_no_client_auth()
        }
    })
}

/// `AB:CD…` and `abcd…` are the same fingerprint.
pub(crate) fn bare(fingerprint: &str) -> String {
    fingerprint.chars().filter(char::is_ascii_hexdigit).collect::<String>().to_ascii_lowercase()
}

#[derive(Debug)]
struct Pinned {
    /// None: whichever comes.
    expected: Option<String>,
    stranger: Stranger,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let seen = hex::encode(Sha256::digest(end_entity));
        match &self.expected {
            Some(expected) if *expected == seen => return Ok(ServerCertVerified::assertion()),
            Some(_) => self.stranger.put(seen),
            None => {
                self.stranger.put(seen);
                return Ok(ServerCertVerified::assertion());
            }
        }
        Err(Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
