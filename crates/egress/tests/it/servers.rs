//! What stands on the internet of the tests.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::{ServerConfig, crypto::ring, pki_types::PrivateKeyDer};

/// Everything a server was sent.
pub(crate) type Heard = Arc<Mutex<Vec<u8>>>;

/// Accepts for ever, and does the same with each connection.
async fn serve<F, D>(work: &mut JoinSet<()>, serve: F) -> SocketAddr
where
    F: Fn(TcpStream) -> D + Send + 'static,
    D: Future<Output = io::Result<()>> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    work.spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            while connections.try_join_next().is_some() {}
            connections.spawn(serve(stream));
        }
    });
    address
}

/// Answers every request with its head as it came, and hears everything.
pub(crate) async fn web(work: &mut JoinSet<()>) -> (SocketAddr, Heard) {
    let heard = Heard::default();
    let ears = Arc::clone(&heard);
    (serve(work, move |stream| mirror(stream, Arc::clone(&ears))).await, heard)
}

/// The same behind TLS; writes its certificate to `folder`.
pub(crate) async fn tls(
    work: &mut JoinSet<()>,
    folder: &Path,
    names: &[&str],
) -> (SocketAddr, PathBuf) {
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    let made = rcgen::generate_simple_self_signed(names).expect("a certificate");
    let path = folder.join("ca.pem");
    std::fs::write(&path, made.cert.pem()).expect("a file");
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).expect("a key");
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .expect("a certificate with its key");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let address = serve(work, move |stream| {
        let acceptor = acceptor.clone();
        async move { mirror(acceptor.accept(stream).await?, Heard::default()).await }
    })
    .await;
    (address, path)
}

/// Reads to the end, then says it all back: only works with a half-close.
pub(crate) async fn echo(work: &mut JoinSet<()>) -> SocketAddr {
    serve(work, |mut stream| async move {
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await?;
        stream.write_all(&bytes).await
    })
    .await
}

/// Speaks first, as SSH and databases do, then mirrors lines.
pub(crate) async fn greeter(work: &mut JoinSet<()>) -> SocketAddr {
    serve(work, |mut stream| async move {
        stream.write_all(b"hello from the server\n").await?;
        let mut bytes = [0; 64];
        let count = stream.read(&mut bytes).await?;
        stream.write_all(&bytes[..count]).await
    })
    .await
}

/// A body of so many bytes for whoever asks.
pub(crate) async fn source(work: &mut JoinSet<()>, length: u64) -> SocketAddr {
    serve(work, move |mut stream| async move {
        head(&mut stream, &Heard::default()).await?;
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n");
        stream.write_all(answer.as_bytes()).await?;
        let piece = vec![7; 256 * 1024];
        let mut left = length;
        while left > 0 {
            let count = usize::try_from(left).unwrap_or(usize::MAX).min(piece.len());
            stream.write_all(&piece[..count]).await?;
            left -= count as u64;
        }
        Ok(())
    })
    .await
}

/// Files below `folder`, as the dumb git protocol needs them.
pub(crate) async fn files(work: &mut JoinSet<()>, folder: PathBuf) -> SocketAddr {
    serve(work, move |mut stream| {
        let folder = folder.clone();
        async move {
            while let Some(head) = head(&mut stream, &Heard::default()).await? {
                let path = head.split(' ').nth(1).and_then(|path| path.split('?').next());
                let path = path.unwrap_or("/").trim_start_matches('/').to_owned();
                let (status, body) = match std::fs::read(folder.join(path)) {
                    Ok(body) => ("200 OK", body),
                    Err(_) => ("404 Not Found", Vec::new()),
                };
                let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n", body.len());
                stream.write_all(head.as_bytes()).await?;
                stream.write_all(&body).await?;
            }
            Ok(())
        }
    })
    .await
}

/// An HTTP proxy that lets `CONNECT` through to one address, wants a password,
/// and answers plain requests itself.
pub(crate) async fn proxy(work: &mut JoinSet<()>, to: SocketAddr) -> (SocketAddr, Heard) {
    let heard = Heard::default();
    let ears = Arc::clone(&heard);
    let address = serve(work, move |mut stream| {
        let ears = Arc::clone(&ears);
        async move {
            let Some(head) = head(&mut stream, &ears).await? else { return Ok(()) };
            if !head.to_lowercase().contains("proxy-authorization: basic bwu6cebzcw==") {
                return stream.write_all(b"HTTP/1.1 407 Who are you\r\n\r\n").await;
            }
            if head.starts_with("CONNECT ") {
                stream.write_all(b"HTTP/1.1 200 Fine\r\nX-More: 1\r\n\r\n").await?;
                let mut there = TcpStream::connect(to).await?;
                return tokio::io::copy_bidirectional(&mut stream, &mut there).await.map(drop);
            }
            answer(&mut stream, &head).await
        }
    })
    .await;
    (address, heard)
}

async fn mirror(mut stream: impl AsyncRead + AsyncWrite + Unpin, heard: Heard) -> io::Result<()> {
    while let Some(head) = head(&mut stream, &heard).await? {
        answer(&mut stream, &head).await?;
    }
    Ok(())
}

async fn answer(stream: &mut (impl AsyncWrite + Unpin), head: &str) -> io::Result<()> {
    let length = head.len();
    let answer = format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: x-hop\r\nX-Hop: 1\r\n\r\n{head}"
    );
    stream.write_all(answer.as_bytes()).await?;
    stream.flush().await
}

/// The next head; a body is heard as if it were the next one.
async fn head(stream: &mut (impl AsyncRead + Unpin), heard: &Heard) -> io::Result<Option<String>> {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        let Ok(byte) = stream.read_u8().await else { return Ok(None) };
        bytes.push(byte);
        heard.lock().expect("nobody panicked").push(byte);
    }
    Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
}
