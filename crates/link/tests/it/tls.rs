use crate::peers::{carrier, enrolled, greeting, key, listen, patient, welcome};
use futures_util::future::ready;
use pilot_link::tls::fingerprint_of;
use pilot_link::{DialError, Dialled, Endpoint, LinkEvent, RunnerKey, accept, dial, new_nonce};
use pilot_proto::Code;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::PrivateKeyDer;
use std::sync::Arc;
use tokio_rustls::TlsAcceptor;
use tokio_tungstenite::accept_async;

/// A hub's certificate for a name that is not ours, and its fingerprint.
fn certificate() -> (ServerConfig, String) {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(vec!["hub.example.org".into()]).expect("a certificate");
    let fingerprint = hex::encode(fingerprint_of(cert.der()));
    let private = PrivateKeyDer::try_from(signing_key.serialize_der()).expect("a key");
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], private)
        .expect("the key fits");
    (config, fingerprint)
}

async fn dial_over_tls(
    config: ServerConfig,
    fingerprint: Option<&str>,
    key: &RunnerKey,
) -> Result<Dialled, DialError> {
    let (listener, address) = listen().await;
    let hub = async {
        let (tcp, _address) = listener.accept().await.expect("somebody dials");
        let tls = TlsAcceptor::from(Arc::new(config)).accept(tcp).await.ok()?;
        let socket = carrier(accept_async(tls).await.ok()?);
        let nonce = new_nonce().expect("the system has randomness");
        let standing = enrolled(key);
        let accepted =
            accept(socket, "somebody", nonce, |_| ready(standing), patient()).await.ok()?;
        accepted.live.sender().send(&welcome()).await.ok()?;
        Some(accepted)
    };
    let endpoint = Endpoint::new(&format!("https://{address}"), fingerprint).expect("an address");
    let (dialled, _hub) = tokio::join!(dial(&endpoint, key, greeting(), patient()), hub);
    dialled
}

#[tokio::test]
async fn the_pinned_certificate_is_trusted_whatever_its_name() {
    let (config, fingerprint) = certificate();
    dial_over_tls(config, Some(&fingerprint), &key()).await.expect("welcomed");
}

#[tokio::test]
async fn any_other_certificate_is_not() {
    let ((config, _), (_, other)) = (certificate(), certificate());
    let error = dial_over_tls(config, Some(&other), &key()).await.expect_err("not the one");
    assert!(matches!(error, DialError::Untrusted { .. }), "{error:?}");
    assert_eq!(error.problem().code, Code::Forbidden);
    assert!(error.problem().hint.contains("join code"), "{:?}", error.problem());
    assert!(matches!(error.event(), LinkEvent::Lost { .. }), "it may be a captive portal");
}

#[tokio::test]
async fn without_a_pin_a_certificate_that_nobody_signed_is_not_trusted() {
    let (config, _) = certificate();
    let error = dial_over_tls(config, None, &key()).await.expect_err("nobody vouches for it");
    assert!(matches!(error, DialError::Untrusted { .. }), "{error:?}");
}

#[tokio::test]
async fn a_server_without_tls_is_not_taken_for_a_hub() {
    let (listener, address) = listen().await;
    let server = async {
        let (tcp, _address) = listener.accept().await.expect("somebody dials");
        accept_async(tcp).await.expect_err("a TLS greeting is no HTTP");
    };
    let endpoint = Endpoint::new(&format!("https://{address}"), None).expect("an address");
    let key = key();
    let (error, ()) = tokio::join!(dial(&endpoint, &key, greeting(), patient()), server);
    error.expect_err("no TLS there");
}
