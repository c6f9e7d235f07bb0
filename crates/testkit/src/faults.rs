//! A network that fails on demand: a TCP proxy on loopback that a test can
//! cut, stall and heal, and that counts bytes.
//!
//! Every connection is carried by one task of two pumps. What the test wants
//! is one value in a `watch`; the pumps look at it before each piece.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// What went over one connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Carried {
    /// Bytes from who dialled to the target.
    pub up: u64,
    /// Bytes from the target to who dialled.
    pub down: u64,
    /// It is still open.
    pub open: bool,
}

/// The proxy. Dropping it ends it and cuts its connections.
#[derive(Debug)]
pub struct FaultProxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    _accepting: JoinSet<()>,
}

#[derive(Debug)]
struct Shared {
    weather: watch::Sender<Weather>,
    ledger: Mutex<Ledger>,
}

/// What the test wants of the network.
#[derive(Debug, Clone, Copy)]
struct Weather {
    target: SocketAddr,
    /// A connection of an older generation is cut.
    generation: u64,
    down: bool,
    stalled: bool,
}

#[derive(Debug, Default)]
struct Ledger {
    connections: Vec<Carried>,
    /// Bytes that may still go through before the cut.
    budget: Option<u64>,
}

#[derive(Debug, Clone, Copy)]
enum Way {
    Up,
    Down,
}

impl FaultProxy {
    /// Listens on a free port of 127.0.0.1 and forwards to `target`.
    pub async fn start(target: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let weather = Weather { target, generation: 0, down: false, stalled: false };
        let shared = Arc::new(Shared {
            weather: watch::Sender::new(weather),
            ledger: Mutex::new(Ledger::default()),
        });
        let mut accepting = JoinSet::new();
        accepting.spawn(accept(listener, Arc::clone(&shared)));
        Ok(Self { address, shared, _accepting: accepting })
    }

    /// Where to dial.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Forwards new connections to another target (a hub that restarted).
    pub fn retarget(&self, target: SocketAddr) {
        self.shared.weather.send_modify(|weather| weather.target = target);
    }

    /// Cuts every open connection, hard. New ones are let through.
    pub fn cut(&self) {
        self.shared.weather.send_modify(|weather| weather.generation += 1);
    }

    /// Cuts every open connection and hangs up on new ones until [`FaultProxy::heal`].
    pub fn down(&self) {
        self.shared.weather.send_modify(|weather| {
            weather.generation += 1;
            weather.down = true;
        });
    }

    /// Cuts all open connections when so many more bytes, counted over all of
    /// them and both directions, have gone through: in the middle of a frame
    /// as likely as not. New ones are let through, and are not counted.
    pub fn cut_after(&self, bytes: u64) {
        self.shared.ledger().budget = Some(bytes);
    }

    /// Carries nothing any more, in both directions, and closes nothing: a
    /// network that went away silently.
    pub fn stall(&self) {
        self.shared.weather.send_modify(|weather| weather.stalled = true);
    }

    /// Ends [`FaultProxy::down`] and [`FaultProxy::stall`]; stalled bytes arrive.
    pub fn heal(&self) {
        self.shared.weather.send_modify(|weather| {
            weather.down = false;
            weather.stalled = false;
        });
    }

    /// Every connection so far, oldest first.
    pub fn connections(&self) -> Vec<Carried> {
        self.shared.ledger().connections.clone()
    }

    /// The sum over all connections; open if any is.
    pub fn carried(&self) -> Carried {
        self.shared.ledger().connections.iter().fold(Carried::default(), |sum, one| Carried {
            up: sum.up + one.up,
            down: sum.down + one.down,
            open: sum.open || one.open,
        })
    }
}

impl Shared {
    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().expect("nobody panics while counting")
    }

    /// How many of these bytes may go through; fewer than all is the cut.
    fn pass(&self, connection: usize, way: Way, bytes: usize) -> usize {
        let mut ledger = self.ledger();
        let allowed = ledger.budget.map_or(bytes as u64, |budget| budget.min(bytes as u64));
        if let Some(budget) = &mut ledger.budget {
            *budget -= allowed;
        }
        if allowed < bytes as u64 {
            ledger.budget = None;
        }
        let carried = &mut ledger.connections[connection];
        match way {
            Way::Up => carried.up += allowed,
            Way::Down => carried.down += allowed,
        }
        usize::try_from(allowed).expect("at most `bytes`")
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut carrying = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((caller, _address)) = accepted else { return };
                let number = {
                    let mut ledger = shared.ledger();
                    ledger.connections.push(Carried { open: true, ..Carried::default() });
                    ledger.connections.len() - 1
                };
                carrying.spawn(carry(caller, number, Arc::clone(&shared)));
            }
            Some(_ended) = carrying.join_next() => {}
        }
    }
}

async fn carry(caller: TcpStream, number: usize, shared: Arc<Shared>) {
    let mut weather = shared.weather.subscribe();
    let now = *weather.borrow_and_update();
    if !now.down
        && let Ok(target) = TcpStream::connect(now.target).await
    {
        let cut = weather.wait_for(|weather| weather.generation != now.generation);
        tokio::select! {
            // Both streams are dropped: with bytes unread that is a reset.
            _changed = cut => {}
            () = pump_both(caller, target, number, &shared) => {}
        }
    }
    shared.ledger().connections[number].open = false;
}

/// Ends when either way is cut or failed, or both are at their end.
async fn pump_both(caller: TcpStream, target: TcpStream, number: usize, shared: &Shared) {
    for stream in [&caller, &target] {
        stream.set_nodelay(true).expect("an open TCP socket takes the option");
    }
    let ((from_caller, to_caller), (from_target, to_target)) =
        (caller.into_split(), target.into_split());
    let up = pump(from_caller, to_target, number, Way::Up, shared);
    let down = pump(from_target, to_caller, number, Way::Down, shared);
    // An error of one way drops the other; an orderly end lets it go on.
    tokio::try_join!(up, down).ok();
}

async fn pump(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    number: usize,
    way: Way,
    shared: &Shared,
) -> io::Result<()> {
    let mut weather = shared.weather.subscribe();
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let length = from.read(&mut buffer).await?;
        // Before the end too: a silent network does not tell that a peer left.
        weather.wait_for(|weather| !weather.stalled).await.map_err(io::Error::other)?;
        if length == 0 {
            return to.shutdown().await;
        }
        let allowed = shared.pass(number, way, length);
        to.write_all(&buffer[..allowed]).await?;
        if allowed < length {
            shared.weather.send_modify(|weather| weather.generation += 1);
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A target that sends back what it gets, and a proxy before it.
    async fn echo() -> (FaultProxy, JoinSet<()>) {
        let (address, tasks) = echo_server().await;
        (FaultProxy::start(address).await.expect("a proxy"), tasks)
    }

    async fn echo_server() -> (SocketAddr, JoinSet<()>) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let address = listener.local_addr().expect("its address");
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _address)) = listener.accept().await {
                connections.spawn(async move {
                    let (mut from, mut to) = stream.into_split();
                    // It ends with its connection, however that ends.
                    tokio::io::copy(&mut from, &mut to).await.ok();
                });
            }
        });
        (address, tasks)
    }

    async fn dial(proxy: &FaultProxy) -> TcpStream {
        TcpStream::connect(proxy.address()).await.expect("it listens")
    }

    async fn ask(stream: &mut TcpStream, word: &[u8]) -> io::Result<Vec<u8>> {
        stream.write_all(word).await?;
        let mut answer = vec![0; word.len()];
        stream.read_exact(&mut answer).await?;
        Ok(answer)
    }

    #[tokio::test]
    async fn bytes_are_carried_and_counted_per_connection() {
        let (proxy, _echo) = echo().await;
        let (mut one, mut two) = (dial(&proxy).await, dial(&proxy).await);
        assert_eq!(ask(&mut one, b"hello").await.expect("an answer"), b"hello");
        assert_eq!(ask(&mut two, b"hi").await.expect("an answer"), b"hi");
        let mut counts: Vec<_> = proxy.connections().iter().map(|one| (one.up, one.down)).collect();
        counts.sort_unstable();
        assert_eq!(counts, [(2, 2), (5, 5)]);
        assert_eq!(proxy.carried(), Carried { up: 7, down: 7, open: true });
    }

    #[tokio::test]
    async fn a_cut_ends_open_connections_only() {
        let (proxy, _echo) = echo().await;
        let mut old = dial(&proxy).await;
        ask(&mut old, b"before").await.expect("an answer");
        proxy.cut();
        ask(&mut old, b"after").await.expect_err("it is cut");
        ask(&mut dial(&proxy).await, b"new").await.expect("a new one gets through");
    }

    #[tokio::test]
    async fn a_cut_comes_at_the_very_byte() {
        let (proxy, _echo) = echo().await;
        let mut stream = dial(&proxy).await;
        proxy.cut_after(7);
        stream.write_all(b"0123456789").await.expect("it is taken");
        let mut rest = Vec::new();
        // Ends with an error or in order; either way nothing comes back.
        stream.read_to_end(&mut rest).await.ok();
        assert_eq!((rest.len(), proxy.carried().up), (0, 7));
    }

    #[tokio::test]
    async fn nobody_gets_through_while_it_is_down() {
        let (proxy, _echo) = echo().await;
        proxy.down();
        ask(&mut dial(&proxy).await, b"hello").await.expect_err("it is down");
        proxy.heal();
        ask(&mut dial(&proxy).await, b"hello").await.expect("it is up again");
    }

    #[tokio::test]
    async fn stalled_bytes_arrive_after_all() {
        let (proxy, _echo) = echo().await;
        let mut stream = dial(&proxy).await;
        ask(&mut stream, b"before").await.expect("an answer");
        proxy.stall();
        stream.write_all(b"stalled").await.expect("it is taken");
        assert_eq!(proxy.carried().up, 6, "nothing more was let through");
        proxy.heal();
        let mut answer = [0; 7];
        stream.read_exact(&mut answer).await.expect("an answer");
        assert_eq!(&answer, b"stalled");
    }

    #[tokio::test]
    async fn new_connections_go_where_it_is_told() {
        let (proxy, echo) = echo().await;
        drop(echo);
        let (address, _echo) = echo_server().await;
        proxy.retarget(address);
        ask(&mut dial(&proxy).await, b"hello").await.expect("the other one answers");
    }
}
