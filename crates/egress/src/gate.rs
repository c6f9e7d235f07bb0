//! The run's side of the network that is outside the walls: it decides,
//! resolves and connects for what is inside.
//!
//! One gate serves one run, in the run's shim. The forwarder inside
//! ([`crate::inside`]) hands it connections; what they ask for is decided by
//! the policy of that moment, and every decision is told.

mod http;
mod journal;
mod names;
mod reach;
mod refusal;
mod tunnel;

pub use journal::{Denied, News};

use crate::hello::Alert;
use crate::names::Names;
use crate::outside::{Outside, UpstreamProxy};
use crate::policy::{Pass, Policy, PolicyError, Refusal, Way};
use crate::relay;
use crate::stream::{Counts, Stream};
use crate::uplink::{Entrance, Message, Uplink};
use journal::{Journal, Subject};
use pilot_proto::network::NetworkEnd;
use pilot_proto::{Code, Problem};
use rustix::net::{AddressFamily, SocketType};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Connections at a time; more wait in the kernel's queue. With two
/// descriptors each and [`PIPES`] it stays below the usual limit of 1024.
const CONNECTIONS: usize = 384;
/// Pipes of fast transfers, of two descriptors.
const PIPES: usize = 48;
const _: () = assert!(2 * CONNECTIONS + 2 * PIPES < 900, "the shim needs the rest of 1024");
/// A connection that moves nothing for so long is forgotten. Long polls and
/// idle sessions of databases are shorter.
const IDLE: Duration = Duration::from_secs(60 * 60);
/// How often gathered refusals are told.
const TICK: Duration = Duration::from_secs(1);

/// A connection to the model gateway or the git broker.
#[derive(Debug)]
pub struct Arrival {
    /// What came.
    pub stream: Stream,
    /// The command that connected, where it is known.
    pub process: Option<String>,
}

/// Who takes the connections that are not the network's. A door without
/// anybody behind it is closed; one whose queue is full makes its clients wait.
#[derive(Debug, Default)]
pub struct Doors {
    /// The model gateway.
    pub model: Option<mpsc::Sender<Arrival>>,
    /// The git broker.
    pub git: Option<mpsc::Sender<Arrival>>,
}

/// What a gate is made of.
pub struct Options {
    /// What may pass at first.
    pub policy: Policy,
    /// Where look-ups and connections go: [`crate::outside::System`].
    pub outside: Arc<dyn Outside>,
    /// The proxy that the machine must use.
    pub upstream: Option<UpstreamProxy>,
    /// Who takes the other connections.
    pub doors: Doors,
    /// Where decisions go. Its bound is the caller's; see [`News::Lost`].
    pub news: mpsc::Sender<News>,
}

/// What a gate did so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Figures {
    /// Connections that are open now.
    pub open: u64,
    /// Decisions to let through.
    pub allowed: u64,
    /// Decisions to refuse, each one counted.
    pub denied: u64,
    /// Bytes of ended connections from the run to the outside.
    pub sent: u64,
    /// Bytes of ended connections from the outside to the run.
    pub received: u64,
    /// News that nobody took.
    pub lost: u64,
}

/// A run's gate. Clones are the same gate.
#[derive(Clone)]
pub struct Gate(Arc<Shared>);

struct Shared {
    policy: RwLock<Arc<Policy>>,
    names: Mutex<Names>,
    outside: Arc<dyn Outside>,
    upstream: Option<UpstreamProxy>,
    doors: Doors,
    journal: Arc<Journal>,
    wander: reach::Wander,
    pipes: Arc<Semaphore>,
    slots: Arc<Semaphore>,
    ports: watch::Sender<Vec<u16>>,
}

impl Gate {
    /// Makes a gate; [`Gate::serve`] opens it.
    #[must_use]
    pub fn new(options: Options) -> Self {
        let ports = options.policy.ports().into_iter().collect();
        Self(Arc::new(Shared {
            policy: RwLock::new(Arc::new(options.policy)),
            names: Mutex::default(),
            outside: options.outside,
            upstream: options.upstream,
            doors: options.doors,
            journal: Arc::new(Journal::new(options.news)),
            wander: reach::Wander::default(),
            pipes: relay::pipes(PIPES),
            slots: Arc::new(Semaphore::new(CONNECTIONS)),
            ports: watch::Sender::new(ports),
        }))
    }

    /// Allows one thing more, at once and for this run.
    ///
    /// # Errors
    /// Says what is wrong with the rule.
    pub fn allow(&self, rule: &str) -> Result<(), PolicyError> {
        let policy = self.0.policy().with(rule)?;
        self.replace(policy);
        Ok(())
    }

    /// Decides by another policy from now on. What is open stays open.
    pub fn replace(&self, policy: Policy) {
        let ports: Vec<u16> = policy.ports().into_iter().collect();
        *self.0.policy.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(policy);
        self.0.journal.forget_asked();
        self.0.ports.send_if_modified(|before| {
            let changed = *before != ports;
            *before = ports;
            changed
        });
    }

    /// What it did so far.
    #[must_use]
    pub fn figures(&self) -> Figures {
        let tally = &self.0.journal.tally;
        let read = |number: &std::sync::atomic::AtomicU64| number.load(Ordering::Relaxed);
        Figures {
            open: read(&tally.open),
            allowed: read(&tally.allowed),
            denied: read(&tally.denied),
            sent: read(&tally.sent),
            received: read(&tally.received),
            lost: read(&tally.lost),
        }
    }

    /// Serves one forwarder until it is gone or `stop` says so; then everything
    /// that was open is closed and what was gathered is told.
    ///
    /// # Errors
    /// The uplink failed.
    pub async fn serve(&self, uplink: Uplink, stop: CancellationToken) -> io::Result<()> {
        let shared = &self.0;
        let mut connections = JoinSet::new();
        let mut ports = shared.ports.subscribe();
        ports.mark_changed();
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let served = loop {
            let next = async {
                let slot = Arc::clone(&shared.slots).acquire_owned().await;
                (slot, uplink.recv().await)
            };
            tokio::select! {
                () = stop.cancelled() => break Ok(()),
                Some(_) = connections.join_next(), if !connections.is_empty() => {}
                _ = tick.tick() => shared.journal.flush(Instant::now(), false),
                Ok(()) = ports.changed() => {
                    let message = Message::Listen { ports: ports.borrow_and_update().clone() };
                    if let Err(error) = uplink.send(&message, None).await {
                        break Err(error);
                    }
                }
                (slot, received) = next => match received {
                    Ok(Some((message, socket))) => {
                        let connection = Arc::clone(shared).connection(message, socket);
                        connections.spawn(async move {
                            let _slot = slot;
                            connection.await;
                        });
                    }
                    Ok(None) => break Ok(()),
                    Err(error) => break Err(error),
                },
            }
        };
        connections.shutdown().await;
        shared.journal.flush(Instant::now(), true);
        served
    }
}

impl Shared {
    async fn connection(self: Arc<Self>, message: Message, socket: Option<OwnedFd>) {
        let Message::Arrived { entrance, process } = message else { return };
        let Some(socket) = socket else { return };
        let _open = Open::new(&self.journal);
        if let Err(error) = Arc::clone(&self).enter(entrance, socket, process).await {
            // Tools hang up whenever they like.
            tracing::debug!(?entrance, %error, "a connection to the gate broke");
        }
    }

    async fn enter(
        self: Arc<Self>,
        entrance: Entrance,
        socket: OwnedFd,
        process: Option<String>,
    ) -> io::Result<()> {
        if rustix::net::sockopt::socket_type(&socket)? != SocketType::STREAM {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no stream"));
        }
        let to = destination(&socket)?;
        let stream = Stream::new(socket)?;
        match (entrance, to) {
            (Entrance::Proxy, _) => http::serve(self, stream, None, process).await,
            (Entrance::Straight, Some(SocketAddr::V4(to))) => {
                tunnel::straight(self, stream, (*to.ip(), to.port()), process).await
            }
            // The forwarder listens on IPv4 alone.
            (Entrance::Straight, Some(SocketAddr::V6(_)) | None) => Ok(()),
            (Entrance::Dns, _) => names::serve(&self, stream, process).await,
            (Entrance::Model, _) => hand_over(self.doors.model.as_ref(), stream, process).await,
            (Entrance::Git, _) => hand_over(self.doors.git.as_ref(), stream, process).await,
        }
    }

    fn policy(&self) -> Arc<Policy> {
        Arc::clone(&self.policy.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn names(&self) -> MutexGuard<'_, Names> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The policy of this moment, and what it says.
    fn decide(&self, subject: &Subject, way: Way<'_>) -> Result<(Arc<Policy>, Pass), String> {
        let policy = self.policy();
        match policy.decide(&subject.host, subject.port, way) {
            Ok(pass) => Ok((policy, pass)),
            Err(Refusal(because)) => Err(because),
        }
    }

    /// Writes down that it passes, and its end when that comes.
    fn passes(&self, subject: &Subject, pass: &Pass, counts: &Arc<Counts>) -> Ending {
        Ending {
            id: self.journal.allowed(subject, &pass.because),
            journal: Arc::clone(&self.journal),
            counts: Arc::clone(counts),
            before: (counts.sent(), counts.received()),
            since: Instant::now(),
            problem: None,
        }
    }

    /// It may pass, and there is nothing there.
    fn failed(&self, subject: &Subject, pass: &Pass, failure: &reach::Failure) {
        let ending = self.passes(subject, pass, &Arc::default());
        ending.end(Some(io::Error::other(failure.to_string())));
    }

    async fn refuse_tls(
        &self,
        client: Stream,
        subject: &Subject,
        because: &str,
        alert: Alert,
    ) -> io::Result<()> {
        self.journal.refused(subject, because, Instant::now());
        refusal::alert(client, alert).await
    }

    async fn relay(&self, client: &mut Stream, outside: &mut Stream) -> io::Result<()> {
        relay::relay(client, outside, &self.pipes, IDLE).await
    }
}

/// Where its client wanted to go, if it is TCP.
fn destination(socket: &OwnedFd) -> io::Result<Option<SocketAddr>> {
    let domain = rustix::net::sockopt::socket_domain(socket)?;
    if ![AddressFamily::INET, AddressFamily::INET6].contains(&domain) {
        return Ok(None);
    }
    let address = SocketAddr::try_from(rustix::net::getsockname(socket)?).ok();
    Ok(address.map(|address| match address.ip().to_canonical() {
        IpAddr::V4(ip) => SocketAddr::new(ip.into(), address.port()),
        IpAddr::V6(_) => address,
    }))
}

async fn hand_over(
    door: Option<&mpsc::Sender<Arrival>>,
    stream: Stream,
    process: Option<String>,
) -> io::Result<()> {
    let Some(door) = door else { return Ok(()) };
    let closed = |_| io::Error::new(io::ErrorKind::BrokenPipe, "nobody is behind that door");
    door.send(Arrival { stream, process }).await.map_err(closed)
}

/// Counts a connection for as long as it lives.
struct Open(Arc<Journal>);

impl Open {
    fn new(journal: &Arc<Journal>) -> Self {
        journal.tally.open.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(journal))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.tally.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Tells the end of what was let through, whichever way it ends.
struct Ending {
    id: u64,
    journal: Arc<Journal>,
    counts: Arc<Counts>,
    /// What had gone over the connection before.
    before: (u64, u64),
    since: Instant,
    problem: Option<Problem>,
}

impl Ending {
    fn end(mut self, error: Option<io::Error>) {
        self.problem = error.map(|error| Problem::new(Code::Precondition, error.to_string()));
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        self.journal.ended(NetworkEnd {
            id: self.id,
            sent: self.counts.sent() - self.before.0,
            received: self.counts.received() - self.before.1,
            ms: u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX),
            problem: self.problem.take(),
        });
    }
}
