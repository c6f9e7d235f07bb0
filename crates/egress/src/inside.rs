//! The part of the gate that runs inside the walls: it listens where programs
//! connect to, and hands every connection to the gate outside.
//!
//! It decides nothing and reads nothing. The walls' first process binds with
//! [`Listeners::bind`] while it still may use ports below 1024, drops its
//! rights, and runs [`forward`] beside what it started.

mod loopback;
mod process;

use crate::stream::Stream;
use crate::uplink::{Entrance, Message, Uplink};
use std::collections::BTreeSet;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// The HTTP proxy, on 127.0.0.1.
pub const PROXY_PORT: u16 = 3128;
/// The model gateway, on 127.0.0.1.
pub const MODEL_PORT: u16 = 3129;
/// The git broker, on 127.0.0.1.
pub const GIT_PORT: u16 = 3130;
/// Names, UDP and TCP, on 127.0.0.1.
pub const DNS_PORT: u16 = 53;

/// What `/etc/resolv.conf` must say inside. One try, and the longest patience
/// that there is (resolv.conf(5)): the gate answers at once and always the same,
/// unless the machine is busy.
pub const RESOLV_CONF: &str = "nameserver 127.0.0.1\noptions timeout:30 attempts:1\n";

/// Where programs without a proxy go: HTTP and TLS, and what is refused with a
/// reason, SSH and git.
const STRAIGHT_PORTS: [u16; 4] = [80, 443, 22, 9418];
/// Questions for names at a time; a resolver asks two.
const QUESTIONS: usize = 32;
/// The gate answers without asking anybody; as long as whoever asks waits.
const ANSWER: Duration = Duration::from_secs(30);
/// Queries are smaller: a name and a little (RFC 6891 §6.2.3).
const QUERY_BYTES: usize = 4096;
/// The system is out of descriptors, say; trying at once would only spin.
const AGAIN: Duration = Duration::from_millis(100);

/// The variables that lead programs to the proxy. They speed things up and make
/// refusals readable; what ignores them works too.
#[must_use]
pub fn environment() -> Vec<(&'static str, String)> {
    let proxy = format!("http://127.0.0.1:{PROXY_PORT}");
    let own = "localhost,127.0.0.1,127.0.0.0/8,::1".to_owned();
    let mut variables = Vec::new();
    for name in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"]
    {
        variables.push((name, proxy.clone()));
    }
    variables.push(("NO_PROXY", own.clone()));
    variables.push(("no_proxy", own));
    // Node has looked at the others since 24.5 and 22.21, if this is set.
    variables.push(("NODE_USE_ENV_PROXY", "1".to_owned()));
    variables
}

/// Gives loopback a second address, without which the C library refuses to look
/// names up for IPv4 alone. Needs `CAP_NET_ADMIN`; once per namespace.
///
/// # Errors
/// The kernel refused; nearly everything works without it.
pub fn prepare_loopback() -> io::Result<()> {
    loopback::add_address()
}

/// What the forwarder listens on.
#[derive(Debug)]
pub struct Listeners {
    tcp: Vec<(Entrance, TcpListener)>,
    names: UdpSocket,
}

/// A port that could not be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on port {port} inside the walls")]
pub struct BindError {
    /// Which one.
    pub port: u16,
    /// Why.
    #[source]
    pub source: io::Error,
}

impl Listeners {
    /// Binds all ports; those below 1024 need `CAP_NET_BIND_SERVICE` in the
    /// walls. `ports` are what [`crate::policy::Policy::ports`] says.
    ///
    /// # Errors
    /// Names the first port that could not be had.
    pub fn bind(ports: &BTreeSet<u16>) -> Result<Self, BindError> {
        let own = Ipv4Addr::LOCALHOST;
        let mut tcp = Vec::new();
        for (entrance, port) in [
            (Entrance::Proxy, PROXY_PORT),
            (Entrance::Model, MODEL_PORT),
            (Entrance::Git, GIT_PORT),
            (Entrance::Dns, DNS_PORT),
        ] {
            tcp.push((entrance, listen(own, port)?));
        }
        let mut straight = BTreeSet::from(STRAIGHT_PORTS);
        straight.extend(ports.iter().filter(|port| !is_own(**port)));
        for port in straight {
            tcp.push((Entrance::Straight, listen(Ipv4Addr::UNSPECIFIED, port)?));
        }
        let names = UdpSocket::bind((own, DNS_PORT))
            .and_then(|socket| socket.set_nonblocking(true).map(|()| socket))
            .map_err(|source| BindError { port: DNS_PORT, source })?;
        Ok(Self { tcp, names })
    }
}

fn is_own(port: u16) -> bool {
    [PROXY_PORT, MODEL_PORT, GIT_PORT, DNS_PORT].contains(&port)
}

fn listen(address: Ipv4Addr, port: u16) -> Result<TcpListener, BindError> {
    let listener = TcpListener::bind((address, port));
    listener
        .and_then(|listener| listener.set_nonblocking(true).map(|()| listener))
        .map_err(|source| BindError { port, source })
}

/// Hands connections over until the gate is gone or `stop` says so.
///
/// # Errors
/// The uplink failed, or the runtime cannot watch the listeners.
pub async fn forward(
    listeners: Listeners,
    uplink: Uplink,
    stop: CancellationToken,
) -> io::Result<()> {
    let forwarder = Arc::new(Forwarder { uplink, seen: Mutex::default() });
    let mut listening = BTreeSet::new();
    let mut work = JoinSet::new();
    for (entrance, listener) in listeners.tcp {
        listening.insert(listener.local_addr()?.port());
        let listener = tokio::net::TcpListener::from_std(listener)?;
        work.spawn(Arc::clone(&forwarder).accept(entrance, listener));
    }
    let names = tokio::net::UdpSocket::from_std(listeners.names)?;
    work.spawn(Arc::clone(&forwarder).questions(Arc::new(names)));
    loop {
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            ended = work.join_next() => match ended {
                Some(Ok(Ok(()))) => {}
                Some(Ok(Err(error))) => return Err(error),
                Some(Err(error)) => return Err(io::Error::other(error)),
                None => return Ok(()),
            },
            message = forwarder.uplink.recv() => match message? {
                None => return Ok(()),
                Some((Message::Listen { ports }, _)) => {
                    for port in ports {
                        if listening.contains(&port) {
                            continue;
                        }
                        // A program of the run may have it, or it is below 1024
                        // and the right to it is gone; the proxy leads there still.
                        let Ok(listener) = listen(Ipv4Addr::UNSPECIFIED, port) else { continue };
                        let listener = tokio::net::TcpListener::from_std(listener)?;
                        listening.insert(port);
                        work.spawn(Arc::clone(&forwarder).accept(Entrance::Straight, listener));
                    }
                }
                // Only the forwarder says such things.
                Some((Message::Arrived { .. }, _)) => {}
            },
        }
    }
}

struct Forwarder {
    uplink: Uplink,
    seen: Mutex<process::Seen>,
}

impl Forwarder {
    async fn accept(
        self: Arc<Self>,
        entrance: Entrance,
        listener: tokio::net::TcpListener,
    ) -> io::Result<()> {
        loop {
            match listener.accept().await {
                Ok((stream, peer)) => {
                    let process = self.process(peer, process::Table::Tcp);
                    self.uplink.hand_over(entrance, process, stream.as_fd()).await?;
                }
                Err(_) => tokio::time::sleep(AGAIN).await,
            }
        }
    }

    fn process(&self, peer: SocketAddr, table: process::Table) -> Option<String> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).find(peer, table)
    }

    /// Questions over UDP, each as a connection of its own to the gate.
    async fn questions(self: Arc<Self>, socket: Arc<tokio::net::UdpSocket>) -> io::Result<()> {
        let places = Arc::new(Semaphore::new(QUESTIONS));
        let mut work = JoinSet::new();
        let mut query = vec![0; QUERY_BYTES];
        loop {
            while work.try_join_next().is_some() {}
            let place = Arc::clone(&places).acquire_owned().await;
            let Ok((length, peer)) = socket.recv_from(&mut query).await else {
                tokio::time::sleep(AGAIN).await;
                continue;
            };
            let query = query[..length].to_vec();
            let (forwarder, socket) = (Arc::clone(&self), Arc::clone(&socket));
            let process = self.process(peer, process::Table::Udp);
            work.spawn(async move {
                let _place = place;
                let asked = tokio::time::timeout(ANSWER, forwarder.ask(&query, process)).await;
                if let Ok(Ok(answer)) = asked {
                    // Whoever asked may be gone.
                    drop(socket.send_to(&answer, peer).await);
                }
            });
        }
    }

    async fn ask(&self, query: &[u8], process: Option<String>) -> io::Result<Vec<u8>> {
        let (ours, theirs) = tokio::net::UnixStream::pair()?;
        self.uplink.hand_over(Entrance::Dns, process, theirs.as_fd()).await?;
        drop(theirs);
        let mut gate = Stream::new(ours.into_std()?)?;
        let length = u16::try_from(query.len()).map_err(io::Error::other)?.to_be_bytes();
        gate.send_all(&[&length, query].concat()).await?;
        let mut length = [0; 2];
        gate.read_exact(&mut length).await?;
        let mut answer = vec![0; usize::from(u16::from_be_bytes(length))];
        gate.read_exact(&mut answer).await?;
        Ok(answer)
    }
}
