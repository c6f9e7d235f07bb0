//! A hub is known by its certificate.

use crate::hub::{HubDouble, Line, Says, TOKEN, run};
use pilot_client::{Client, ClientError, Endpoint, probe};
use pilot_proto::console::{HubStatus, Nothing};
use pilot_proto::{Code, Problem, Secret};
use sha2::{Digest, Sha256};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::server::TlsStream;

struct TlsListener {
    plain: TcpListener,
    tls: TlsAcceptor,
}

impl axum::serve::Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, SocketAddr) {
        loop {
            let Ok((stream, addr)) = self.plain.accept().await else { continue };
            // A client that does not like our certificate ends here.
            if let Ok(stream) = self.tls.accept(stream).await {
                return (stream, addr);
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.plain.local_addr()
    }
}

/// A hub with a certificate of its own making, and the fingerprint of that.
async fn hub() -> (HubDouble, String) {
    let made = rcgen::generate_simple_self_signed(vec!["pilothouse".to_owned()]);
    let made = made.expect("a certificate can be made");
    let certificate = made.cert.der().clone();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).expect("a key");
    let fingerprint = hex::encode(Sha256::digest(&certificate));
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring has them")
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .expect("the key fits");
    let plain = TcpListener::bind(("127.0.0.1", 0)).await.expect("loopback has a free port");
    let addr = plain.local_addr().expect("it is bound");
    let tls = TlsAcceptor::from(Arc::new(config));
    (HubDouble::on(TlsListener { plain, tls }, addr), fingerprint)
}

fn client(hub: &HubDouble, fingerprint: Option<&str>) -> Result<Client, ClientError> {
    Client::new(&Endpoint {
        url: format!("https://{}", hub.addr),
        token: Secret::new(TOKEN),
        fingerprint: fingerprint.map(str::to_owned),
    })
}

const STATUS: &str = r#"{"build":"1","runner_version":1,"you":"owner","role":"admin"}"#;

#[tokio::test]
async fn the_pinned_certificate_is_enough() {
    let (hub, fingerprint) = hub().await;
    let colons: Vec<_> =
        fingerprint.to_uppercase().as_bytes().chunks(2).map(<[u8]>::to_vec).collect();
    let colons = String::from_utf8(colons.join(&b':')).expect("hex digits");
    for pinned in [&fingerprint, &colons] {
        let client = client(&hub, Some(pinned)).expect("a good endpoint");
        hub.will_say(Says::new(200, STATUS));
        client.call::<HubStatus>(Nothing {}).await.expect("it is the one");
        hub.will_play([Line::Play { seqs: vec![1], end: true, stay: true }]);
        let mut records = client.follow_journal(run(), 0).await.expect("it is the one");
        assert!(records.next().await.expect("it plays").is_some());
    }
}

#[tokio::test]
async fn another_certificate_is_turned_away_before_the_token_is_sent() {
    let (hub, fingerprint) = hub().await;
    let other = "ab".repeat(32);
    let client = client(&hub, Some(&other)).expect("a good endpoint");
    let calls =
        [client.call::<HubStatus>(Nothing {}).await.map(|_| ()), client.live().await.map(|_| ())];
    for outcome in calls {
        let error = outcome.expect_err("it is another");
        let ClientError::Certificate { expected, seen, .. } = &error else { panic!("{error:?}") };
        assert_eq!((expected, seen), (&other, &fingerprint));
        assert_eq!(Problem::from(error).code, Code::Unauthorized);
    }
    assert_eq!(hub.asked(), []);
}

#[tokio::test]
async fn without_a_pin_a_certificate_of_its_own_making_is_not_trusted() {
    let (hub, _) = hub().await;
    // On a machine without any authorities there is nothing to trust at all,
    // which is said when the client is made.
    let Ok(client) = client(&hub, None) else { return };
    let error = client.call::<HubStatus>(Nothing {}).await.expect_err("nobody vouches for it");
    assert!(matches!(error, ClientError::Unreachable { .. }), "{error:?}");
    assert_eq!(hub.asked(), []);
}

#[tokio::test]
async fn a_look_before_trusting_tells_the_certificate_and_gives_nothing_away() {
    let (hub, fingerprint) = hub().await;
    hub.will_say(Says::new(200, "ok"));
    let probed = probe(&format!("{}/#sign-in=x", hub.addr)).await.expect("a hub is there");
    assert_eq!(probed.url, format!("https://{}", hub.addr), "as it can be used");
    assert_eq!(probed.fingerprint.as_deref(), Some(fingerprint.as_str()));
    assert!(!probed.vouched, "nobody signed it");
    let asked = hub.asked();
    assert_eq!(asked.len(), 1, "the second look ended at the certificate: {asked:?}");
    assert_eq!((asked[0].uri.as_str(), asked[0].authorization.as_str()), ("/healthz", ""));
    client(&hub, probed.fingerprint.as_deref()).expect("what was seen can be pinned");

    hub.will_say(Says::new(200, "<html>welcome"));
    let error = probe(&probed.url).await.expect_err("something else");
    assert!(matches!(error, ClientError::NotAHub { .. }), "{error:?}");
    let plain = HubDouble::start().await;
    plain.will_say(Says::new(200, "ok"));
    let probed = probe(&plain.url()).await.expect("plain, on this machine");
    assert_eq!(probed.fingerprint, None);
    let addr = plain.kill().await;
    let error = probe(&format!("http://{addr}")).await.expect_err("it is gone");
    assert!(matches!(error, ClientError::Unreachable { .. }), "{error:?}");
    let error = probe("http://hub.example").await.expect_err("in clear to elsewhere");
    assert!(matches!(error, ClientError::Address { .. }), "{error:?}");
}
