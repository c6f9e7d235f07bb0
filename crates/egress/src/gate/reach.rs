//! From a host that passed to a connection, by an address that was checked.
//!
//! **Invariant:** the address that is connected to is the one that was checked;
//! no name is resolved twice.

use super::Shared;
use crate::outside::UpstreamProxy;
use crate::policy::{Host, Pass, Policy};
use crate::stream::Stream;
use std::collections::HashSet;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::AsyncReadExt;
use tokio::task::JoinSet;

/// A resolver that has not answered by then will not.
const RESOLVE: Duration = Duration::from_secs(10);
/// For all addresses together; tools give up after 30 s and more.
const CONNECT: Duration = Duration::from_secs(20);
/// The next address is tried too after this (RFC 8305 §5).
const STAGGER: Duration = Duration::from_millis(250);
/// Names have a few addresses; a reply with more is a trick.
const MOST_ADDRESSES: usize = 16;
/// A proxy's answer to `CONNECT`.
const ANSWER_BYTES: usize = 8 * 1024;

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// By policy; completes "refused: …".
    #[error("{0}")]
    Refused(String),
    /// By the network.
    #[error("`{host}` cannot be reached: {source}")]
    Unreachable { host: String, source: io::Error },
}

/// A connection, and whether it is one to the machine's proxy, which wants
/// requests in absolute form.
pub(super) struct Reached {
    pub(super) stream: Stream,
    pub(super) proxy: Option<UpstreamProxy>,
}

/// Connects for a stream of bytes.
pub(super) async fn stream(
    shared: &Shared,
    policy: &Policy,
    pass: &Pass,
    host: &Host,
    port: u16,
) -> Result<Stream, Failure> {
    let reached = http(shared, policy, pass, host, port).await?;
    let Some(proxy) = &reached.proxy else { return Ok(reached.stream) };
    let through = through(proxy, reached.stream, host, port);
    let timed = tokio::time::timeout(CONNECT, through).await;
    timed.unwrap_or_else(|_| Err(timed_out())).map_err(|source| unreachable(host, source))
}

/// Connects for plain HTTP.
pub(super) async fn http(
    shared: &Shared,
    policy: &Policy,
    pass: &Pass,
    host: &Host,
    port: u16,
) -> Result<Reached, Failure> {
    shared.wander.admit(host, pass, Instant::now()).map_err(Failure::Refused)?;
    let proxy = shared.upstream.as_ref().filter(|proxy| proxy.is_for(&host.to_string())).cloned();
    let found = resolve(shared, host).await;
    let addresses = match (found, &proxy) {
        (Ok(found), _) => checked(policy, pass, &found, port)?,
        // Behind such a proxy nothing may be resolvable: then it resolves.
        (Err(_), Some(_)) => Vec::new(),
        (Err(source), None) => return Err(unreachable(host, source)),
    };
    let addresses = match &proxy {
        None => addresses,
        Some(proxy) => {
            let own = Host::parse(&proxy.host).ok_or_else(|| unreachable(host, no_proxy()))?;
            let found = resolve(shared, &own).await.map_err(|source| unreachable(&own, source))?;
            found.into_iter().map(|ip| SocketAddr::new(ip, proxy.port)).collect()
        }
    };
    let connected = tokio::time::timeout(CONNECT, first(shared, addresses)).await;
    let stream = connected
        .unwrap_or_else(|_| Err(timed_out()))
        .and_then(|stream| Stream::new(stream.into_std()?))
        .map_err(|source| unreachable(host, source))?;
    Ok(Reached { stream, proxy })
}

async fn resolve(shared: &Shared, host: &Host) -> io::Result<Vec<IpAddr>> {
    let name = match host {
        Host::Address(address) => return Ok(vec![*address]),
        Host::Name(name) => name,
    };
    let timed = tokio::time::timeout(RESOLVE, shared.outside.resolve(name)).await;
    let mut found = timed.unwrap_or_else(|_| Err(timed_out()))?;
    found.truncate(MOST_ADDRESSES);
    if found.is_empty() {
        return Err(io::Error::new(io::ErrorKind::NotFound, "the name has no address"));
    }
    Ok(found)
}

/// The addresses that may be used; if there is none, why.
fn checked(
    policy: &Policy,
    pass: &Pass,
    found: &[IpAddr],
    port: u16,
) -> Result<Vec<SocketAddr>, Failure> {
    let mut fit = Vec::new();
    let mut why = String::new();
    for address in found {
        match policy.address(pass, *address, port) {
            Ok(()) => fit.push(SocketAddr::new(*address, port)),
            Err(refusal) => why = refusal.0,
        }
    }
    if fit.is_empty() { Err(Failure::Refused(why)) } else { Ok(fit) }
}

/// The first address that answers; each gets a head start (RFC 8305).
async fn first(shared: &Shared, addresses: Vec<SocketAddr>) -> io::Result<tokio::net::TcpStream> {
    let mut attempts = JoinSet::new();
    let mut waiting = addresses.into_iter();
    let mut problem = timed_out();
    loop {
        if let Some(address) = waiting.next() {
            let outside = Arc::clone(&shared.outside);
            attempts.spawn(async move { outside.connect(address).await });
        } else if attempts.is_empty() {
            return Err(problem);
        }
        let stagger = if waiting.len() == 0 { CONNECT } else { STAGGER };
        match tokio::time::timeout(stagger, attempts.join_next()).await {
            Ok(Some(Ok(Ok(stream)))) => return Ok(stream),
            Ok(Some(Ok(Err(error)))) => problem = error,
            Ok(Some(Err(error))) => problem = io::Error::other(error),
            Ok(None) | Err(_) => {}
        }
    }
}

/// Asks the machine's proxy for a tunnel.
async fn through(
    proxy: &UpstreamProxy,
    mut stream: Stream,
    host: &Host,
    port: u16,
) -> io::Result<Stream> {
    let mut request = format!("CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n");
    if let Some(authorization) = &proxy.authorization {
        request += &format!("Proxy-Authorization: {}\r\n", authorization.expose());
    }
    stream.send_all((request + "\r\n").as_bytes()).await?;
    let mut answer = Vec::new();
    let end = loop {
        if let Some(end) = answer.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
        if answer.len() > ANSWER_BYTES || stream.read_buf(&mut answer).await? == 0 {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the proxy gave no answer"));
        }
    };
    let status = answer.split(|byte| *byte == b' ').nth(1).unwrap_or_default();
    if !(answer.starts_with(b"HTTP/1.") && status.starts_with(b"2")) {
        let line = answer.split(|byte| *byte == b'\r').next().unwrap_or_default();
        let line = String::from_utf8_lossy(line).into_owned();
        return Err(io::Error::new(
            io::ErrorKind::ConnectionRefused,
            format!("the proxy says `{line}`"),
        ));
    }
    stream.put_back(&answer[end..]);
    Ok(stream)
}

fn unreachable(host: &Host, source: io::Error) -> Failure {
    Failure::Unreachable { host: host.to_string(), source }
}

fn timed_out() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "no answer in time")
}

fn no_proxy() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "the upstream proxy is no host")
}

/// Bounds how many names that no rule writes out are looked up: each look-up
/// tells a name server something.
#[derive(Debug, Default)]
pub(super) struct Wander(std::sync::Mutex<Wandered>);

#[derive(Debug, Default)]
struct Wandered {
    known: HashSet<String>,
    since: Option<Instant>,
    new: usize,
    long: usize,
}

impl Wander {
    /// New names a minute; a page with all its hosts has a few dozen.
    const NEW: usize = 120;
    /// Of those, names with a label longer than people give.
    const LONG: usize = 10;
    const LONG_LABEL: usize = 32;
    /// Then the known ones count as new again.
    const KNOWN: usize = 4096;

    fn admit(&self, host: &Host, pass: &Pass, now: Instant) -> Result<(), String> {
        let name = match host {
            Host::Name(name) if pass.wide => name,
            Host::Name(_) | Host::Address(_) => return Ok(()),
        };
        let mut wandered = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if wandered.known.contains(name) {
            return Ok(());
        }
        let minute = Duration::from_secs(60);
        if wandered.since.is_none_or(|since| now.duration_since(since) >= minute) {
            *wandered = Wandered {
                since: Some(now),
                known: std::mem::take(&mut wandered.known),
                ..Wandered::default()
            };
        }
        let long = name.split('.').any(|label| label.len() > Self::LONG_LABEL);
        if wandered.new >= Self::NEW || (long && wandered.long >= Self::LONG) {
            return Err("too many different names were asked for within a minute".to_owned());
        }
        if wandered.known.len() >= Self::KNOWN {
            wandered.known.clear();
        }
        wandered.new += 1;
        wandered.long += usize::from(long);
        wandered.known.insert(name.clone());
        Ok(())
    }
}
