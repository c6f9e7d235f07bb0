//! The way from an endpoint to an open stream: TCP, and TLS where it is asked
//! for. The caller puts a deadline around it.

use crate::dial::DialError;
use crate::endpoint::Endpoint;
use crate::tls::client_config;
use rustls::pki_types::ServerName;
use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

/// A plain or an encrypted stream.
pub(crate) trait ByteStream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> ByteStream for S {}

/// One of several addresses that swallows packets must leave time for the next.
const PER_ADDRESS: Duration = Duration::from_secs(5);

pub(crate) async fn connect(endpoint: &Endpoint) -> Result<Box<dyn ByteStream>, DialError> {
    let unreachable =
        |error: io::Error| DialError::Unreachable { hub: endpoint.to_string(), why: chain(&error) };
    let tcp = connect_tcp(endpoint).await.map_err(unreachable)?;
    // Acknowledgements and answers are small and somebody waits for them.
    tcp.set_nodelay(true).map_err(unreachable)?;
    if !endpoint.is_tls() {
        return Ok(Box::new(tcp));
    }
    let untrusted = |why: String| DialError::Untrusted { hub: endpoint.to_string(), why };
    let config = client_config(endpoint.fingerprint()).map_err(|error| untrusted(chain(&error)))?;
    let name = ServerName::try_from(endpoint.host()).map_err(|error| untrusted(chain(&error)))?;
    match TlsConnector::from(config).connect(name, tcp).await {
        Ok(tls) => Ok(Box::new(tls)),
        // rustls wraps its own errors as `InvalidData`; anything else is TCP's.
        Err(error) if error.kind() == io::ErrorKind::InvalidData => Err(untrusted(chain(&error))),
        Err(error) => Err(unreachable(error)),
    }
}

async fn connect_tcp(endpoint: &Endpoint) -> io::Result<TcpStream> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "its name has no address");
    for address in lookup_host((endpoint.host(), endpoint.port())).await? {
        if !may_dial(endpoint, address) {
            last = io::Error::other(format!("`localhost` is {address}, which is another machine"));
            continue;
        }
        match timeout(PER_ADDRESS, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => last = error,
            Err(_elapsed) => last = io::ErrorKind::TimedOut.into(),
        }
    }
    Err(last)
}

/// Plain HTTP stays on this machine, whatever a resolver says.
fn may_dial(endpoint: &Endpoint, address: SocketAddr) -> bool {
    endpoint.is_tls() || address.ip().is_loopback()
}

/// An error with its causes, without saying the same thing twice.
pub(crate) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(this) = cause {
        let words = this.to_string();
        if !text.contains(&words) {
            text = format!("{text}: {words}");
        }
        cause = this.source();
    }
    text
}
