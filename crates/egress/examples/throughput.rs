//! What the gate costs: bytes a second and time to first byte against a direct
//! connection over loopback. Run with `--release`; prints one line per way.
//!
//! Server, gate and client are threads with a runtime each, as they are
//! processes in a run. The forwarder is the real one but for its ports.

use pilot_egress::gate::{Doors, Gate, Options};
use pilot_egress::outside::{Doing, Outside};
use pilot_egress::policy;
use pilot_egress::uplink::{Entrance, Uplink};
use pilot_proto::network::NetworkPolicy;
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

const BYTES: u64 = 1 << 30;
const ROUNDS: usize = 5;
const CONNECTIONS: usize = 2000;

/// Every name is the server.
struct One(SocketAddr);

impl Outside for One {
    fn resolve<'a>(&'a self, _: &'a str) -> Doing<'a, Vec<IpAddr>> {
        Box::pin(async { Ok(vec![Ipv4Addr::new(93, 184, 215, 14).into()]) })
    }

    fn connect(&self, _: SocketAddr) -> Doing<'_, tokio::net::TcpStream> {
        Box::pin(async {
            let stream = tokio::net::TcpStream::connect(self.0).await?;
            stream.set_nodelay(true)?;
            Ok(stream)
        })
    }
}

fn main() -> io::Result<()> {
    let server = serve()?;
    let proxy = gate(server)?;
    let mut out = io::stdout();
    let direct = || TcpStream::connect(server);
    let through = || tunnel(proxy);
    for (what, upload) in [("down", false), ("up", true)] {
        let mut ratios = Vec::new();
        for _ in 0..ROUNDS {
            let before = work()?;
            let straight = speed(direct()?, upload)?;
            let between = work()?;
            let gated = speed(through()?, upload)?;
            let (own, gates) = (between - before, work()? - between);
            writeln!(
                out,
                "{what}: direct {straight:.2} GB/s ({own:?} of work), gate {gated:.2} GB/s ({gates:?})"
            )?;
            ratios.push(gated / straight);
        }
        ratios.sort_by(f64::total_cmp);
        writeln!(out, "{what}: median ratio {:.2}", ratios[ROUNDS / 2])?;
    }
    let (straight, exchange) = latency(direct)?;
    let (gated, relayed) = latency(through)?;
    writeln!(out, "connect and first byte: direct {straight:?}, gate {gated:?} (median)")?;
    writeln!(out, "one byte there and back: direct {exchange:?}, gate {relayed:?} (median)")
}

/// What all threads have worked so far: unlike time, the same on a busy machine.
fn work() -> io::Result<Duration> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    // Fields 14 and 15, after the name in brackets; hundredths (proc_pid_stat(5)).
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace().skip(11).take(2);
    Ok(Duration::from_millis(
        10 * fields.filter_map(|field| field.parse::<u64>().ok()).sum::<u64>(),
    ))
}

/// `d` sends [`BYTES`], `u` takes them and answers, anything else is echoed.
fn serve() -> io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // Clients hang up whenever they have enough.
            thread::spawn(move || drop(answer(stream)));
        }
    });
    Ok(address)
}

fn answer(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut first = [0];
    let mut piece = vec![0; 256 * 1024];
    stream.read_exact(&mut first)?;
    match first[0] {
        b'd' => send(&mut stream, &piece),
        b'u' => {
            take(&mut stream, &mut piece)?;
            stream.write_all(b"!")
        }
        _ => loop {
            stream.write_all(&first)?;
            stream.read_exact(&mut first)?;
        },
    }
}

fn send(stream: &mut TcpStream, piece: &[u8]) -> io::Result<()> {
    for _ in 0..BYTES / piece.len() as u64 {
        stream.write_all(piece)?;
    }
    Ok(())
}

fn take(stream: &mut TcpStream, piece: &mut [u8]) -> io::Result<()> {
    let mut left = BYTES;
    while left > 0 {
        match stream.read(piece)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => left -= count as u64,
        }
    }
    Ok(())
}

/// A gate and a forwarder, each in its thread; the address of the proxy.
fn gate(server: SocketAddr) -> io::Result<SocketAddr> {
    let allow = vec!["far.test".to_owned()];
    let policy = NetworkPolicy { presets: Vec::new(), allow, ..NetworkPolicy::default() };
    let policy = policy::compile(&policy, &[]).map_err(io::Error::other)?;
    let (ours, theirs) = Uplink::pair()?;
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build();
    let gate_runtime = runtime()?;
    thread::spawn(move || {
        gate_runtime.block_on(async {
            let (news, mut told) = tokio::sync::mpsc::channel(1024);
            let outside = Arc::new(One(server));
            let doors = Doors::default();
            let gate = Gate::new(Options { policy, outside, upstream: None, doors, news });
            let uplink = Uplink::new(ours)?;
            tokio::select! {
                served = gate.serve(uplink, CancellationToken::new()) => served,
                () = async { while told.recv().await.is_some() {} } => Ok(()),
            }
        })
    });
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    listener.set_nonblocking(true)?;
    let runtime = runtime()?;
    thread::spawn(move || {
        runtime.block_on(async {
            let uplink = Uplink::new(theirs)?;
            let listener = tokio::net::TcpListener::from_std(listener)?;
            loop {
                let (stream, _) = listener.accept().await?;
                uplink.hand_over(Entrance::Proxy, None, stream.as_fd()).await?;
            }
            #[expect(unreachable_code, reason = "says what `?` returns")]
            Ok::<(), io::Error>(())
        })
    });
    Ok(address)
}

fn tunnel(proxy: SocketAddr) -> io::Result<TcpStream> {
    let mut stream = TcpStream::connect(proxy)?;
    stream.write_all(b"CONNECT far.test:443 HTTP/1.1\r\nHost: far.test:443\r\n\r\n")?;
    let mut head = Vec::new();
    let mut piece = [0; 512];
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut piece)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => head.extend_from_slice(&piece[..count]),
        }
    }
    Ok(stream)
}

/// Gigabytes a second.
fn speed(mut stream: TcpStream, upload: bool) -> io::Result<f64> {
    let mut piece = vec![0; 256 * 1024];
    let since = Instant::now();
    if upload {
        stream.write_all(b"u")?;
        send(&mut stream, &piece)?;
        stream.read_exact(&mut [0])?;
    } else {
        stream.write_all(b"d")?;
        take(&mut stream, &mut piece)?;
    }
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    Ok(BYTES as f64 / 1e9 / since.elapsed().as_secs_f64())
}

/// Medians: from nothing to the first byte back, and one more exchange.
fn latency(connect: impl Fn() -> io::Result<TcpStream>) -> io::Result<(Duration, Duration)> {
    let mut first = Vec::new();
    let mut exchange = Vec::new();
    for _ in 0..CONNECTIONS {
        let since = Instant::now();
        let mut stream = connect()?;
        stream.set_nodelay(true)?;
        stream.write_all(b"e")?;
        stream.read_exact(&mut [0])?;
        first.push(since.elapsed());
        let since = Instant::now();
        stream.write_all(b"e")?;
        stream.read_exact(&mut [0])?;
        exchange.push(since.elapsed());
    }
    first.sort();
    exchange.sort();
    Ok((first[CONNECTIONS / 2], exchange[CONNECTIONS / 2]))
}
