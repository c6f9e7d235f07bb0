//! Consoles that watch: one WebSocket each, any number of watches on it.
//!
//! ```text
//! core ──> fan-out (bounded rings) ──> a task per watch ──> bounded queue ──> writer ──> socket
//!                                        └─ reads the store where the ring has moved on
//! ```
//!
//! **Invariant:** a console that reads slowly holds up itself alone. Its watch
//! waits, its ring moves on, it is told that it is behind, and the rest comes
//! from the store at the console's own pace: nothing is lost, nothing grows.

mod everything;
mod fanout;
mod journal;
mod log;

pub(crate) use fanout::{Changed, Fanout, Fresh, Watched};

use crate::gate::Principal;
use crate::http::{Peer, refusal};
use crate::hub::Parts;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Extension, State};
use axum::response::Response;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use pilot_proto::console::{FromConsole, Role, ToConsole};
use pilot_proto::{Code, Problem};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};

/// Largest frame from a console: it only ever says which watch it wants.
const MAX_FROM_CONSOLE: usize = 64 * 1024;
/// Frames that wait for a console's socket. Each is at most a page of
/// [`journal::PAGE_BYTES`], so a console holds a few MiB of the hub.
const QUEUE: usize = 8;
/// Watches on one connection; a window shows a handful.
const MAX_WATCHES: usize = 256;
/// How often a quiet console is asked whether it is there.
const PING_EVERY: Duration = Duration::from_secs(20);
/// A console that says nothing for so long, three pings unanswered, is gone;
/// so is one whose socket takes no frame for so long.
const PATIENCE: Duration = Duration::from_secs(70);
const _: () = assert!(PATIENCE.as_secs() > 3 * PING_EVERY.as_secs(), "a lost ping is no absence");

/// Route of [`pilot_proto::console::LIVE_PATH`].
pub(crate) async fn upgrade(
    State(parts): State<Arc<Parts>>,
    Extension(who): Extension<Principal>,
    Extension(Peer(peer)): Extension<Peer>,
    upgrade: WebSocketUpgrade,
) -> Response {
    if let Err(problem) = who.require(Role::Viewer) {
        return refusal(&problem);
    }
    let tracker = parts.sockets.clone();
    upgrade.max_message_size(MAX_FROM_CONSOLE).max_frame_size(MAX_FROM_CONSOLE).on_upgrade(
        move |socket| {
            tracker.track_future(async move {
                tracing::debug!(%peer, who = who.name, "a console watches");
                // A browser that signs out hears no more, here and everywhere.
                tokio::select! {
                    () = serve(&parts, socket, peer) => {}
                    () = parts.sessions.left(&who) => {}
                }
                tracing::debug!(%peer, who = who.name, "a console went");
            })
        },
    )
}

async fn serve(parts: &Arc<Parts>, socket: WebSocket, peer: SocketAddr) {
    let (sink, stream) = socket.split();
    let (out, queue) = mpsc::channel(QUEUE);
    // Whichever ends first ends the connection; the watches end with `listen`.
    tokio::select! {
        () = listen(parts, stream, out, peer) => {}
        () = write(sink, queue, peer) => {}
        () = parts.stop.cancelled() => {}
    }
}

/// Takes what the console says and keeps its watches.
async fn listen(
    parts: &Arc<Parts>,
    mut stream: SplitStream<WebSocket>,
    out: mpsc::Sender<ToConsole>,
    peer: SocketAddr,
) {
    let mut watches = Watches { tasks: JoinSet::new(), by_number: HashMap::new() };
    loop {
        let message = match tokio::time::timeout(PATIENCE, stream.next()).await {
            Ok(Some(Ok(message))) => message,
            Ok(Some(Err(error))) => {
                tracing::debug!(%peer, %error, "a console's connection broke");
                return;
            }
            Ok(None) => return,
            Err(_) => {
                tracing::debug!(%peer, "a console has been silent for too long");
                return;
            }
        };
        match message {
            Message::Text(text) => match serde_json::from_str::<FromConsole>(&text) {
                Ok(said) => watches.obey(parts, &out, said).await,
                // A newer console, or nonsense; either way no reason to hang up.
                Err(error) => tracing::warn!(%peer, %error, "a console said what we do not know"),
            },
            Message::Binary(_) => tracing::warn!(%peer, "a console sent bytes"),
            Message::Ping(_) | Message::Pong(_) => {}
            Message::Close(_) => return,
        }
    }
}

async fn write(
    mut sink: SplitSink<WebSocket, Message>,
    mut queue: mpsc::Receiver<ToConsole>,
    peer: SocketAddr,
) {
    let mut ping = tokio::time::interval(PING_EVERY);
    ping.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        let message = tokio::select! {
            said = queue.recv() => match said.map(|said| serde_json::to_string(&said)) {
                Some(Ok(text)) => Message::text(text),
                Some(Err(error)) => {
                    tracing::error!(%error, "a message to a console cannot be written");
                    continue;
                }
                None => return,
            },
            _ = ping.tick() => Message::Ping(bytes::Bytes::new()),
        };
        match tokio::time::timeout(PATIENCE, sink.send(message)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::debug!(%peer, %error, "a console's connection broke");
                return;
            }
            Err(_) => {
                tracing::debug!(%peer, "a console takes nothing");
                return;
            }
        }
    }
}

/// The watches of one connection; they end with it.
struct Watches {
    tasks: JoinSet<()>,
    by_number: HashMap<u32, AbortHandle>,
}

impl Watches {
    async fn obey(&mut self, parts: &Arc<Parts>, out: &mpsc::Sender<ToConsole>, said: FromConsole) {
        while self.tasks.try_join_next().is_some() {}
        self.by_number.retain(|_, task| !task.is_finished());
        let (FromConsole::WatchAll { watch }
        | FromConsole::WatchJournal { watch, .. }
        | FromConsole::WatchLog { watch, .. }
        | FromConsole::Unwatch { watch }) = said;
        // A number used again means the new watch.
        if let Some(old) = self.by_number.remove(&watch) {
            old.abort();
        }
        if matches!(said, FromConsole::Unwatch { .. }) {
            return;
        }
        if self.by_number.len() >= MAX_WATCHES {
            let message = format!("A connection may have {MAX_WATCHES} watches at most.");
            let problem = Some(Problem::new(Code::TooLarge, message));
            // Whoever does not read gets no answer either.
            out.send(ToConsole::Ended { watch, problem }).await.ok();
            return;
        }
        let (parts, out) = (Arc::clone(parts), out.clone());
        let task = self.tasks.spawn(async move {
            match said {
                FromConsole::WatchAll { watch } => everything::watch(&parts, &out, watch).await,
                FromConsole::WatchJournal { watch, run, after, part } => {
                    let which = (after, part);
                    journal::watch(&parts.store, &parts.fanout, &out, watch, run, which).await;
                }
                FromConsole::WatchLog { watch, run } => {
                    log::watch(&parts.store, &parts.fanout, &out, watch, run).await;
                }
                FromConsole::Unwatch { .. } => {}
            }
        });
        self.by_number.insert(watch, task);
    }
}

/// The console has gone; there is nobody to tell.
#[derive(Debug)]
struct Gone;

/// Queues a message for the console; waits while its queue is full.
async fn tell(out: &mpsc::Sender<ToConsole>, message: ToConsole) -> Result<(), Gone> {
    out.send(message).await.map_err(|_| Gone)
}
