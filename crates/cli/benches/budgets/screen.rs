//! A run's screen: what the tunnel and the relay cost, beside a connection to
//! the desktop's own socket.

use crate::figure::{Figure, milliseconds, quantile};
use crate::world::World;
use pilot_client::{Client, Endpoint, as_stream};
use pilot_proto::tunnel::TunnelQuery;
use pilot_proto::{Secret, TaskId};
use pilot_screen::desktop::SIZE;
use pilot_screen::hands::Hands;
use pilot_screen::rfb::greeting::{FOR_PICTURES, greet, preferences};
use pilot_screen::rfb::server::{Class, ServerStream, Sink};
use pilot_screen::rfb::viewer::{key_event, update_request};
use pilot_screen::rfb::{PixelFormat, Rect, SharedFormat, Size};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{
    AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, copy_bidirectional,
};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::task::JoinSet;
use tokio::time::timeout;

const PICTURES: usize = 30;
const KEYS: usize = 150;
/// Longer than a drawn letter needs, so that each key is measured by itself.
const BETWEEN: Duration = Duration::from_millis(40);
/// A key that shows nothing for so long was lost.
const PATIENCE: Duration = Duration::from_secs(30);

struct Tunnel {
    stream: DuplexStream,
    _carrier: JoinSet<()>,
}

async fn tunnel(client: &Client, task: TaskId) -> Tunnel {
    let query = TunnelQuery { task, port: None, screen: Some(true), view: None };
    let (sender, receiver) = client.tunnel(&query).await.expect("the hub lets us in");
    let (stream, carried) = as_stream(sender, receiver, drop);
    let mut carrier = JoinSet::new();
    carrier.spawn(async move { carried.await.expect("the hub stays") });
    Tunnel { stream, _carrier: carrier }
}

async fn direct(world: &World) -> UnixStream {
    let socket = world.run_directories()[0].join("work/screen/screen.sock");
    UnixStream::connect(socket).await.expect("the desktop stands")
}

/// The desktop's socket as other products have it: a port on loopback.
async fn plain_tcp(world: &World, carriers: &mut JoinSet<()>) -> TcpStream {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it listens");
    let mut desktop = direct(world).await;
    carriers.spawn(async move {
        let (mut viewer, _) = listener.accept().await.expect("somebody comes");
        viewer.set_nodelay(true).expect("a socket");
        // The viewer hangs up when it has seen enough.
        copy_bidirectional(&mut viewer, &mut desktop).await.ok();
    });
    let stream = TcpStream::connect(address).await.expect("it listens");
    stream.set_nodelay(true).expect("a socket");
    stream
}

/// Milliseconds for each picture of the whole screen, sorted.
async fn pictures<S: AsyncRead + AsyncWrite + Unpin>(stream: S, png: bool) -> Vec<f64> {
    let mut hands = Hands::greet(stream).await.expect("it greets");
    let mut times = Vec::new();
    for _ in 0..PICTURES {
        let begun = Instant::now();
        let picture = hands.look().await.expect("it shows itself");
        if png {
            picture.within(SIZE).png().expect("it can be written");
        }
        times.push(milliseconds(begun.elapsed()));
    }
    times.sort_by(f64::total_cmp);
    times
}

#[derive(Default)]
struct Updates {
    ended: usize,
    pixels: usize,
}

impl Sink for Updates {
    fn bytes(&mut self, _class: Class, _bytes: &[u8]) {}

    fn pixels(&mut self, _rect: Rect, _at: usize, bytes: &[u8]) {
        self.pixels += bytes.len();
    }

    fn resized(&mut self, _size: Size) {}

    fn updated(&mut self) {
        self.ended += 1;
    }
}

/// Once an update is over, for the next: it may have ended in the same read that
/// it began in.
async fn ask_again(stream: &mut (impl AsyncWrite + Unpin), seen: &mut Updates, size: Size) {
    if std::mem::take(&mut seen.ended) > 0 {
        stream.write_all(&update_request(true, size)).await.expect("it is taken");
    }
}

/// Milliseconds from a key to the first pixel that changes, sorted.
async fn keys<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S) -> Vec<f64> {
    let size = greet(&mut stream).await.expect("it greets").size;
    let format = Arc::new(SharedFormat::new(PixelFormat::TRUE));
    let (mut server, mut buffer) = (ServerStream::new(size, format), vec![0; 1 << 16]);
    let hello = [preferences(FOR_PICTURES), update_request(false, size).to_vec()].concat();
    stream.write_all(&hello).await.expect("it is taken");
    let mut times = Vec::new();
    let mut seen = Updates::default();
    while times.len() < KEYS {
        // What is under way, until nothing changes any more.
        loop {
            ask_again(&mut stream, &mut seen, size).await;
            let Ok(read) = timeout(BETWEEN, stream.read(&mut buffer)).await else { break };
            server.push(&buffer[..read.expect("it stays")], &mut seen).expect("sound");
        }
        let letter = 0x61 + u32::try_from(times.len() % 26).expect("a letter");
        let pressed = [key_event(letter, true), key_event(letter, false)].concat();
        let begun = Instant::now();
        seen.pixels = 0;
        stream.write_all(&pressed).await.expect("it is taken");
        while seen.pixels == 0 {
            ask_again(&mut stream, &mut seen, size).await;
            let read = timeout(PATIENCE, stream.read(&mut buffer)).await.expect("a key shows");
            server.push(&buffer[..read.expect("it stays")], &mut seen).expect("sound");
        }
        times.push(milliseconds(begun.elapsed()));
    }
    times.sort_by(f64::total_cmp);
    times
}

pub(crate) fn measure() -> Vec<Figure> {
    let world = World::with_runner(1);
    let gate = world.path("shared").join("gate");
    let task = world.file(&format!(
        "say here\nwait-file {}\nrun xterm -bg white -fa monospace -geometry 100x40+100+100 -e cat",
        gate.display()
    ));
    world.until("it works", || world.has_said(task, "here").then_some(()));
    let token = std::fs::read_to_string(world.data().join("hub/owner-token")).expect("a token");
    let url = format!("http://127.0.0.1:{}", world.port());
    let client =
        Client::new(&Endpoint { url, token: Secret::new(token.trim()), fingerprint: None })
            .expect("a client");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let first = tunnel(&client, task).await;
        let mut hands = Hands::greet(first.stream).await.expect("the relay greets");
        std::fs::write(&gate, "").expect("writable");
        loop {
            let picture = hands.look().await.expect("it shows itself");
            if picture.colour(300, 300) == Some([255; 3]) {
                break;
            }
            tokio::time::sleep(BETWEEN).await;
        }
        // The window manager gives a window the focus as it comes.
        let near = pictures(direct(&world).await, false).await;
        let mut carriers = JoinSet::new();
        let plain = pictures(plain_tcp(&world, &mut carriers).await, false).await;
        let second = tunnel(&client, task).await;
        let far = pictures(second.stream, false).await;
        let shots = pictures(direct(&world).await, true).await;
        let quiet = keys(direct(&world).await).await;
        let taken =
            tokio::task::block_in_place(|| world.pilot(&["task", "takeover", &task.to_string()]));
        taken.ok();
        let filmed = keys(direct(&world).await).await;
        let driver = tunnel(&client, task).await;
        let through = keys(driver.stream).await;
        figures(&Times { near, plain, far, shots, quiet, filmed, through })
    })
}

/// Milliseconds, sorted, of what was measured.
struct Times {
    /// Whole pictures, from the desktop's own socket.
    near: Vec<f64>,
    /// Over TCP.
    plain: Vec<f64>,
    /// Through the tunnel.
    far: Vec<f64>,
    /// As PNG.
    shots: Vec<f64>,
    /// Keys, with nothing recorded.
    quiet: Vec<f64>,
    /// Recorded.
    filmed: Vec<f64>,
    /// Through the tunnel, recorded.
    through: Vec<f64>,
}

fn figures(times: &Times) -> Vec<Figure> {
    let Times { near, plain, far, shots, quiet, filmed, through } = times;
    #[expect(clippy::cast_precision_loss, reason = "megabytes for showing")]
    let bytes = (SIZE.pixels() * 4) as f64 / 1e6;
    let rate = |times: &[f64]| bytes / quantile(times, 0.5) * 1000.0;
    let (direct, tunnelled) = (quantile(filmed, 0.5), quantile(through, 0.5));
    vec![
        Figure::new("screen.tunnel", rate(far), "MB/s")
            .against("plain TCP on loopback", rate(plain)),
        Figure::new("screen.socket", rate(near), "MB/s")
            .against("plain TCP on loopback", rate(plain)),
        Figure::new("screen.screenshot_p50", quantile(shots, 0.5), "ms"),
        Figure::new("screen.screenshot_p95", quantile(shots, 0.95), "ms"),
        Figure::new("screen.key_to_pixel_p50", tunnelled, "ms")
            .against("the desktop's own socket", direct)
            .budget("<= 1.2 x direct", tunnelled <= 1.2 * direct),
        Figure::new("screen.key_to_pixel_p95", quantile(through, 0.95), "ms")
            .against("the desktop's own socket", quantile(filmed, 0.95)),
        Figure::new("screen.recorded_key_to_pixel_p50", direct, "ms")
            .against("without a recording", quantile(quiet, 0.5)),
    ]
}
