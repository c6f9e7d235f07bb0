//! A double of the hub: answers what it was told to, and plays a journal the
//! way a bad day would.

use axum::body::{Body, Bytes};
use axum::extract::ws::{Message, WebSocket};
use axum::extract::{FromRequestParts, Request, State, WebSocketUpgrade};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use pilot_client::{Client, Endpoint};
use pilot_proto::console::{FromConsole, LIVE_PATH, ToConsole};
use pilot_proto::event::Record;
use pilot_proto::{Event, RunId, Secret, Stream, Timestamp};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

pub(crate) const TOKEN: &str = "0123456789abcdef";
pub(crate) const RUN: &str = "0190b1de-0000-7000-8000-00000000002a";

pub(crate) fn run() -> RunId {
    RUN.parse().expect("an id")
}

/// What a client sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) method: String,
    /// Path and query.
    pub(crate) uri: String,
    pub(crate) authorization: String,
    pub(crate) body: String,
}

/// What the hub says to the next plain requests.
#[derive(Debug, Clone)]
pub(crate) struct Says {
    pub(crate) status: u16,
    pub(crate) body: String,
    /// Promised, whatever is sent.
    pub(crate) length: Option<usize>,
}

impl Says {
    pub(crate) fn new(status: u16, body: &str) -> Self {
        Self { status, body: body.to_owned(), length: None }
    }
}

/// What becomes of one WebSocket.
#[derive(Debug, Clone)]
pub(crate) enum Line {
    /// The upgrade is answered with this.
    Refuse(Says),
    /// Sends these records (by sequence number), in messages of three, with
    /// `end` after the last, and hangs up at the end or stays.
    Play { seqs: Vec<u64>, end: bool, stay: bool },
    /// Sends records 1 to 3, says that the console is behind, goes on later
    /// than it should, and hangs up when the console does.
    SkipBehind,
    /// Says these and stays.
    Say(Vec<String>),
}

#[derive(Debug, Default)]
pub(crate) struct Script {
    says: VecDeque<Says>,
    lines: VecDeque<Line>,
    asked: Vec<Asked>,
    watched: Vec<FromConsole>,
    /// Held by everybody who is to end with the hub.
    life: Option<watch::Receiver<()>>,
}

/// The hub; it ends with its owner.
pub(crate) struct HubDouble {
    pub(crate) addr: SocketAddr,
    script: Arc<Mutex<Script>>,
    server: JoinSet<()>,
    life: watch::Sender<()>,
}

fn lock(script: &Mutex<Script>) -> MutexGuard<'_, Script> {
    script.lock().unwrap_or_else(PoisonError::into_inner)
}

impl HubDouble {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("loopback has a free port");
        let addr = listener.local_addr().expect("it is bound");
        Self::on(listener, addr)
    }

    pub(crate) fn on<L>(listener: L, addr: SocketAddr) -> Self
    where
        L: axum::serve::Listener<Addr = SocketAddr>,
    {
        let (life, alive) = watch::channel(());
        let script = Script { life: Some(alive), ..Script::default() };
        let script = Arc::new(Mutex::new(script));
        let app = axum::Router::new().fallback(answer).with_state(Arc::clone(&script));
        let mut server = JoinSet::new();
        server.spawn(async move {
            axum::serve(listener, app).await.expect("a bound listener serves");
        });
        Self { addr, script, server, life }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    pub(crate) fn client(&self) -> Client {
        Client::new(&Endpoint { url: self.url(), token: Secret::new(TOKEN), fingerprint: None })
            .expect("a good endpoint")
    }

    /// The next plain request is answered with this.
    pub(crate) fn will_say(&self, says: Says) {
        lock(&self.script).says.push_back(says);
    }

    /// The next WebSockets go like this.
    pub(crate) fn will_play(&self, lines: impl IntoIterator<Item = Line>) {
        lock(&self.script).lines.extend(lines);
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        lock(&self.script).asked.clone()
    }

    /// What consoles wanted to watch, over all connections.
    pub(crate) fn watched(&self) -> Vec<FromConsole> {
        lock(&self.script).watched.clone()
    }

    /// Kills the hub: listener and connections.
    pub(crate) async fn kill(mut self) -> SocketAddr {
        self.server.shutdown().await;
        // axum's connections outlive its listener.
        lock(&self.script).life = None;
        let Self { addr, life, .. } = self;
        drop(life);
        addr
    }
}

async fn answer(State(script): State<Arc<Mutex<Script>>>, request: Request) -> Response {
    let (mut parts, body) = request.into_parts();
    let authorization =
        parts.headers.get("authorization").and_then(|value| value.to_str().ok()).unwrap_or("");
    let mut asked = Asked {
        method: parts.method.to_string(),
        uri: parts.uri.to_string(),
        authorization: authorization.to_owned(),
        body: String::new(),
    };
    if parts.uri.path() == LIVE_PATH {
        let line = lock(&script).lines.pop_front();
        lock(&script).asked.push(asked);
        let line = match line {
            Some(Line::Refuse(says)) => return said(&says),
            Some(line) => line,
            None => return StatusCode::BAD_GATEWAY.into_response(),
        };
        let upgrade = WebSocketUpgrade::from_request_parts(&mut parts, &()).await;
        return match upgrade {
            Ok(upgrade) => upgrade.on_upgrade(move |socket| async move {
                let life = lock(&script).life.clone();
                let Some(mut life) = life else { return };
                tokio::select! {
                    () = play(socket, line, script) => {}
                    _ = life.changed() => {}
                }
            }),
            Err(refusal) => refusal.into_response(),
        };
    }
    let body = axum::body::to_bytes(body, 1 << 20).await.expect("a small body");
    asked.body = String::from_utf8_lossy(&body).into_owned();
    lock(&script).asked.push(asked);
    let says = lock(&script).says.pop_front().unwrap_or_else(|| Says::new(200, "{}"));
    said(&says)
}

fn said(says: &Says) -> Response {
    let status = StatusCode::from_u16(says.status).expect("a real status");
    let body = Bytes::from(says.body.clone());
    match says.length {
        None => (status, body).into_response(),
        Some(length) => {
            // A stream, so that hyper does not know better than the header.
            let pieces = futures_util::stream::iter([
                Ok(body),
                Err(std::io::Error::other("the hub was killed")),
            ]);
            let response = Response::builder().status(status).header("content-length", length);
            response.body(Body::from_stream(pieces)).expect("a good response")
        }
    }
}

async fn play(mut socket: WebSocket, line: Line, script: Arc<Mutex<Script>>) {
    let Some(watch) = hear(&mut socket, &script).await else { return };
    let spoken = match line {
        Line::Refuse(_) => unreachable!("refused before the upgrade"),
        Line::Play { seqs, end, stay } => {
            let spoken = speak(&mut socket, watch, &seqs, end).await;
            if !stay {
                return;
            }
            spoken
        }
        Line::SkipBehind => {
            let behind = ToConsole::Behind { watch, by: 3, after: Some(6) };
            match speak(&mut socket, watch, &[1, 2, 3], false).await {
                Ok(()) => tell(&mut socket, &behind).await,
                lost => lost,
            }
        }
        Line::Say(texts) => {
            for text in texts {
                if socket.send(Message::text(text)).await.is_err() {
                    return;
                }
            }
            Ok(())
        }
    };
    // Stays until the console goes.
    while spoken.is_ok() && hear(&mut socket, &script).await.is_some() {}
}

async fn speak(
    socket: &mut WebSocket,
    watch: u32,
    seqs: &[u64],
    end: bool,
) -> Result<(), axum::Error> {
    tell(socket, &ToConsole::Watching { watch }).await?;
    let pieces: Vec<&[u64]> = seqs.chunks(3).collect();
    for (number, piece) in pieces.iter().enumerate() {
        let records = piece.iter().map(|seq| record(*seq)).collect();
        let end = end && number + 1 == pieces.len();
        tell(socket, &ToConsole::Records { watch, records, end }).await?;
    }
    Ok(())
}

async fn tell(socket: &mut WebSocket, message: &ToConsole) -> Result<(), axum::Error> {
    let text = serde_json::to_string(message).expect("a message is JSON");
    socket.send(Message::text(text)).await
}

/// The next watch that the console names.
async fn hear(socket: &mut WebSocket, script: &Mutex<Script>) -> Option<u32> {
    loop {
        let Message::Text(text) = socket.recv().await?.ok()? else { continue };
        let message: FromConsole = serde_json::from_str(&text).expect("a console's message");
        lock(script).watched.push(message.clone());
        match message {
            FromConsole::WatchAll { watch }
            | FromConsole::WatchLog { watch, .. }
            | FromConsole::WatchJournal { watch, .. } => {
                return Some(watch);
            }
            FromConsole::Unwatch { .. } => {}
        }
    }
}

pub(crate) fn record(seq: u64) -> Record {
    let event = Event::Output { stream: Stream::Stdout, text: seq.to_string(), open: false };
    Record { epoch: 1, seq, at: Timestamp(0), event }
}
