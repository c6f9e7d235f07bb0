//! Ways to a server that are not simply dialling it: TLS by an authority that
//! no machine knows, and an HTTP proxy.

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer;

/// A certificate authority of a company's own, made for one test.
pub struct PrivateAuthority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl PrivateAuthority {
    /// A new one, which nobody trusts yet.
    #[expect(clippy::new_without_default, reason = "each is another one")]
    pub fn new() -> Self {
        let mut parameters = CertificateParams::default();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().expect("ring makes keys");
        let certificate = parameters.self_signed(&key).expect("it signs itself");
        Self { pem: certificate.pem(), issuer: Issuer::new(parameters, key) }
    }

    /// Its certificate, as it is handed to those who are to trust it.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// Shakes hands as 127.0.0.1.
    fn acceptor(&self) -> TlsAcceptor {
        let parameters = CertificateParams::new(vec!["127.0.0.1".to_owned()]);
        let parameters = parameters.expect("an address is a name");
        let key = KeyPair::generate().expect("ring makes keys");
        let signed = parameters.signed_by(&key, &self.issuer).expect("the authority signs");
        let key = PrivatePkcs8KeyDer::from(key.serialize_der());
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("ring knows them")
            .with_no_client_auth()
            .with_single_cert(vec![signed.der().clone()], key.into())
            .expect("the key is the certificate's");
        TlsAcceptor::from(Arc::new(config))
    }

    /// Takes TLS off what comes to `listener`, and carries it to `target`.
    pub(crate) fn stand_before(
        &self,
        listener: TcpListener,
        target: SocketAddr,
    ) -> impl Future<Output = ()> + Send + use<> {
        let acceptor = self.acceptor();
        async move {
            let mut carried = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                carried.spawn(async move {
                    // Who does not trust us hangs up in the middle.
                    let Ok(mut inside) = acceptor.accept(stream).await else { return };
                    let Ok(mut target) = TcpStream::connect(target).await else { return };
                    // Either side may hang up.
                    copy_bidirectional(&mut inside, &mut target).await.unwrap_or_default();
                });
            }
        }
    }
}

/// A proxy as a company's network has one: it carries plain requests, and
/// tunnels for the others (`CONNECT`). It ends with its owner.
#[derive(Debug)]
pub struct HttpProxy {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<String>>>,
    _carrying: JoinSet<()>,
}

impl HttpProxy {
    /// On a free port of loopback.
    pub async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("loopback has a free port");
        let address = listener.local_addr().expect("it is bound");
        let seen = Arc::new(Mutex::new(Vec::new()));
        let writing = Arc::clone(&seen);
        let mut carrying = JoinSet::new();
        carrying.spawn(async move {
            let mut carried = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                carried.spawn(carry(stream, Arc::clone(&writing)));
            }
        });
        Self { address, seen, _carrying: carrying }
    }

    /// As a client is told it.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// First lines of what it was asked, one of each connection.
    pub fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn carry(mut stream: TcpStream, seen: Arc<Mutex<Vec<String>>>) {
    let (mut head, mut part) = (Vec::new(), [0; 4096]);
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        match stream.read(&mut part).await {
            Ok(size @ 1..) => head.extend_from_slice(&part[..size]),
            Ok(_) | Err(_) => return,
        }
    }
    let text = String::from_utf8_lossy(&head).into_owned();
    let line = text.lines().next().unwrap_or_default().to_owned();
    let mut words = line.split(' ');
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let is_tunnel = method == "CONNECT";
    let host = target.strip_prefix("http://").unwrap_or(target).split('/').next();
    let Ok(mut server) = TcpStream::connect(host.unwrap_or_default()).await else { return };
    seen.lock().unwrap_or_else(PoisonError::into_inner).push(line.clone());
    let begun = if is_tunnel {
        stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await
    } else {
        // A server takes a whole address where a path would do.
        server.write_all(&head).await
    };
    if begun.is_ok() {
        copy_bidirectional(&mut stream, &mut server).await.unwrap_or_default();
    }
}
