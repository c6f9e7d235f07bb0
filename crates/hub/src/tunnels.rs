//! Tunnels: a console's WebSocket and a runner's connection, spliced.
//!
//! ```text
//! console ──WebSocket──> upgrade ──ticket──> runner's primary connection
//!                          │ waits, seconds
//!                        splice <──hand over── arrive <──dials, says the ticket── runner
//! ```
//!
//! **Invariants:** a ticket is good once, for seconds, and for the runner it
//! was sent to; without a token or session nobody gets one. A tunnel holds a
//! bounded number of frames, and whoever reads slowly holds up their own
//! tunnel alone. Nothing here looks into what goes through.

use crate::gate::Principal;
use crate::http::{Peer, refusal};
use crate::hub::Parts;
use crate::links::{Outlet, good_bye};
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Extension, RawQuery, State};
use axum::response::Response;
use bytes::Bytes;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use pilot_link::{Accepted, HubLive, Incoming, SendError, Sender, new_nonce};
use pilot_proto::console::Role;
use pilot_proto::runner::{BulkHead, ToHub, ToRunner};
use pilot_proto::screen::ScreenServer;
use pilot_proto::tunnel::{FromTerminal, MAX_TUNNEL_FRAME, TunnelEnd, TunnelQuery, TunnelWish};
use pilot_proto::{Code, Problem, Run, RunnerId, Secret, TaskId};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until, timeout};

/// For a runner to dial back: what a desktop takes that starts from a cold disk,
/// which the runner's own patience with its shim (50 s) holds, and a slow
/// network's three handshakes.
const PATIENCE: Duration = Duration::from_secs(60);
/// For a runner that is not connected to come back: one that was just started
/// again.
const AWAY: Duration = Duration::from_secs(5);
/// A tunnel through which nothing goes for so long was forgotten by somebody.
const IDLE: Duration = Duration::from_secs(3600);
/// Bytes in one direction: a week of a desktop in use, and not somebody's backup.
const MOST_BYTES: u64 = 64 * 1024 * 1024 * 1024;
/// Tunnels of one hub: each holds two connections and some hundred kilobytes.
const MOST: usize = 512;
/// How often a quiet console is asked whether it is there.
const PING_EVERY: Duration = Duration::from_secs(20);
/// For a frame to be taken by whoever is to take it.
const WRITE: Duration = Duration::from_secs(70);

/// A runner's connection for a tunnel. Dropping it lets the connection's task
/// go on to its end.
pub(crate) struct Dialled {
    pub(crate) live: HubLive,
    /// Dropped, never used.
    pub(crate) _over: oneshot::Sender<()>,
}

struct Waiting {
    runner: RunnerId,
    /// What the runner is told; again when it comes back.
    word: ToRunner,
    answer: oneshot::Sender<Result<Dialled, Problem>>,
}

/// The tunnels of a hub.
#[derive(Default)]
pub(crate) struct Tunnels {
    /// Those not dialled yet, by the ticket's hash.
    waiting: Mutex<HashMap<[u8; 32], Waiting>>,
    /// The way to each runner, and the number of its connection.
    outlets: Mutex<HashMap<RunnerId, (u64, Arc<Outlet>)>>,
    open: Arc<std::sync::atomic::AtomicUsize>,
}

/// A ticket that waits, and takes itself back when nobody waits any more.
struct Ticket<'a> {
    tunnels: &'a Tunnels,
    runner: RunnerId,
    hash: [u8; 32],
    patience: Duration,
    answer: oneshot::Receiver<Result<Dialled, Problem>>,
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        self.tunnels.waiting().remove(&self.hash);
    }
}

fn hash(ticket: &Secret) -> [u8; 32] {
    Sha256::digest(ticket.expose().as_bytes()).into()
}

impl Tunnels {
    fn waiting(&self) -> MutexGuard<'_, HashMap<[u8; 32], Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn outlets(&self) -> MutexGuard<'_, HashMap<RunnerId, (u64, Arc<Outlet>)>> {
        self.outlets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A runner is connected: this is the way to it. What it was told on a
    /// connection that was lost, it is told again.
    pub(crate) fn attach(&self, runner: RunnerId, link: u64, outlet: &Arc<Outlet>) {
        let before = self.outlets().insert(runner, (link, Arc::clone(outlet)));
        if before.is_none_or(|(number, _)| number != link) {
            for waiting in self.waiting().values().filter(|waiting| waiting.runner == runner) {
                outlet.push(waiting.word.clone());
            }
        }
    }

    /// That connection is over.
    pub(crate) fn detach(&self, runner: RunnerId, link: u64) {
        let mut outlets = self.outlets();
        if outlets.get(&runner).is_some_and(|(number, _)| *number == link) {
            outlets.remove(&runner);
        }
    }

    /// A runner cannot make the tunnel.
    pub(crate) fn refused(&self, runner: RunnerId, ticket: &Secret, problem: Problem) {
        if let Some(waiting) = self.take(runner, ticket) {
            // Nobody waits any more: then nobody needs to know.
            waiting.answer.send(Err(problem)).ok();
        }
    }

    fn take(&self, runner: RunnerId, ticket: &Secret) -> Option<Waiting> {
        let mut waiting = self.waiting();
        let hash = hash(ticket);
        // A ticket that another runner shows was stolen, or guessed; it stays
        // for whom it was made.
        if waiting.get(&hash)?.runner != runner {
            tracing::warn!(%runner, "a tunnel's ticket of another runner");
            return None;
        }
        waiting.remove(&hash)
    }

    /// It is connected.
    pub(crate) fn reaches(&self, runner: RunnerId) -> bool {
        self.outlets().contains_key(&runner)
    }

    /// Has the runner dial an address for us.
    pub(crate) async fn way(&self, runner: RunnerId, address: String) -> Result<Dialled, Problem> {
        let ticket = self.ask(runner, |ticket| ToRunner::OpenWay { ticket, address })?;
        ticket.dialled().await.map_err(|refused| refused.problem)
    }

    /// Asks the runner for a tunnel, with a word that tells it the ticket.
    fn ask(
        &self,
        runner: RunnerId,
        word: impl FnOnce(Secret) -> ToRunner,
    ) -> Result<Ticket<'_>, Problem> {
        let outlet = self.outlets().get(&runner).map(|(_, outlet)| Arc::clone(outlet));
        let ticket = new_nonce().map_err(|error| {
            Problem::new(Code::Internal, format!("No ticket can be made: {error}."))
        })?;
        let ticket = Secret::new(ticket);
        let (answer, answered) = oneshot::channel();
        let hash = hash(&ticket);
        let word = word(ticket);
        self.waiting().insert(hash, Waiting { runner, word: word.clone(), answer });
        // Without a connection it is told as soon as it has one.
        let patience = if outlet.is_some() { PATIENCE } else { AWAY };
        outlet.iter().for_each(|outlet| outlet.push(word.clone()));
        Ok(Ticket { tunnels: self, runner, hash, patience, answer: answered })
    }

    /// A place among the open ones.
    pub(crate) fn place(&self) -> Result<Place, Problem> {
        use std::sync::atomic::Ordering;
        let place = Place(Arc::clone(&self.open));
        if self.open.fetch_add(1, Ordering::Relaxed) < MOST {
            return Ok(place);
        }
        let message = format!("The hub has {MOST} tunnels already.");
        Err(Problem::new(Code::Precondition, message).hint("Close one, then try again."))
    }
}

/// One of the places there are.
pub(crate) struct Place(Arc<std::sync::atomic::AtomicUsize>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, std::sync::atomic::Ordering::Relaxed);
    }
}

impl Ticket<'_> {
    async fn dialled(mut self) -> Result<Dialled, Refused> {
        if let Ok(Ok(answer)) = timeout(self.patience, &mut self.answer).await {
            // What it stands against passes: a workspace that is being made, a
            // program that is being installed.
            return answer.map_err(|problem| {
                let again = problem.code == Code::Precondition;
                Refused { problem, again }
            });
        }
        let connected = self.tunnels.outlets().contains_key(&self.runner);
        let (message, hint) = if connected {
            ("The runner did not open the tunnel in time.", "Try again.")
        } else {
            ("The runner is not connected.", "`pilot runner list` shows since when.")
        };
        let problem = Problem::new(Code::Precondition, message).hint(hint);
        Err(Refused { problem, again: true })
    }
}

/// Why there is no tunnel.
struct Refused {
    problem: Problem,
    /// The runner may be back soon, or answer then.
    again: bool,
}

/// A runner's connection for a tunnel.
pub(crate) async fn arrive(parts: &Parts, accepted: Accepted) {
    let Accepted { greeted, mut live } = accepted;
    let runner = greeted.runner;
    let welcome = ToRunner::Welcome { version: greeted.version, runs: Vec::new() };
    let ticket = async {
        live.sender().send(&welcome).await.ok()?;
        match live.recv().await {
            Ok(Incoming::Message(ToHub::Tunnel { ticket })) => Some(ticket),
            Ok(_) | Err(_) => None,
        }
    };
    let ticket = tokio::select! {
        ticket = timeout(PATIENCE, ticket) => ticket.ok().flatten(),
        () = parts.stop.cancelled() => None,
    };
    let waiting = ticket.and_then(|ticket| parts.tunnels.take(runner, &ticket));
    let Some(waiting) = waiting else {
        tracing::debug!(%runner, "a tunnel that nobody waits for");
        return good_bye(live).await;
    };
    let (over, is_over) = oneshot::channel();
    if waiting.answer.send(Ok(Dialled { live, _over: over })).is_ok() {
        // The sender is dropped, never used.
        is_over.await.ok();
    }
}

/// Route of [`pilot_proto::tunnel::TUNNEL_PATH`].
pub(crate) async fn upgrade(
    State(parts): State<Arc<Parts>>,
    Extension(who): Extension<Principal>,
    Extension(Peer(peer)): Extension<Peer>,
    RawQuery(query): RawQuery,
    upgrade: WebSocketUpgrade,
) -> Response {
    let wanted = wanted(&parts, &who, query.as_deref().unwrap_or_default()).await;
    let (runner, wish, place) = match wanted {
        Ok(wanted) => wanted,
        Err(problem) => return refusal(&problem),
    };
    let tracker = parts.sockets.clone();
    upgrade.max_message_size(MAX_TUNNEL_FRAME).max_frame_size(MAX_TUNNEL_FRAME).on_upgrade(
        move |socket| {
            tracker.track_future(async move {
                tracing::debug!(%peer, who = who.name, run = %wish.run, "a tunnel is asked for");
                tokio::select! {
                    () = serve(&parts, socket, runner, wish) => {}
                    () = parts.sessions.left(&who) => {}
                    () = parts.stop.cancelled() => {}
                }
                drop(place);
            })
        },
    )
}

/// Who may have which tunnel: whoever may steer tasks may type, and reach
/// ports; whoever may look may look.
async fn wanted(
    parts: &Parts,
    who: &Principal,
    query: &str,
) -> Result<(RunnerId, TunnelWish, Place), Problem> {
    let query: TunnelQuery = crate::request::from_query(&[], query)?;
    let drive = !query.view.unwrap_or(false);
    let to = match query.port {
        Some(_) if query.screen == Some(true) => {
            return Err(Problem::new(Code::Invalid, "`port` and `screen` are two ends."));
        }
        None if query.screen == Some(true) => TunnelEnd::Screen,
        None => TunnelEnd::Terminal,
        Some(0) => return Err(Problem::new(Code::Invalid, "`port` is to be 1 to 65535.")),
        Some(port) => TunnelEnd::Port { port },
    };
    let looks = matches!(to, TunnelEnd::Terminal | TunnelEnd::Screen) && !drive;
    who.require(if looks { Role::Viewer } else { Role::Operator })?;
    let run = at_work(parts, query.task).await?;
    let place = parts.tunnels.place()?;
    let wish = TunnelWish { run: run.id, to, who: who.name.clone(), drive };
    Ok((run.runner, wish, place))
}

/// The run of a task that is under way.
async fn at_work(parts: &Parts, task: TaskId) -> Result<Run, Problem> {
    let task = parts.task_or_problem(task).await?;
    let run = match task.run {
        Some(run) => parts.store.run(run).await.map_err(|error| error.problem())?,
        None => None,
    };
    run.filter(|run| run.ended_at.is_none()).ok_or_else(|| {
        Problem::new(Code::Precondition, "The task has no run under way.")
            .hint("A terminal opens while a run sets up or works.")
    })
}

/// Has this server attached as the screen of a task's run; none: its own again.
pub(crate) async fn attach(
    parts: &Parts,
    who: &Principal,
    task: TaskId,
    server: Option<ScreenServer>,
) -> Result<(), Problem> {
    let run = at_work(parts, task).await?;
    let to = TunnelEnd::Attach { server };
    let wish = TunnelWish { run: run.id, to, who: who.name.clone(), drive: true };
    let dialled = parts
        .tunnels
        .ask(run.runner, |ticket| ToRunner::OpenTunnel { ticket, wish })?
        .dialled()
        .await;
    let Dialled { live, _over } = dialled.map_err(|refused| refused.problem)?;
    good_bye(live).await;
    Ok(())
}

async fn serve(parts: &Parts, socket: WebSocket, runner: RunnerId, wish: TunnelWish) {
    let (mut sink, stream) = socket.split();
    let dialled = match parts.tunnels.ask(runner, |ticket| ToRunner::OpenTunnel { ticket, wish }) {
        Ok(ticket) => tokio::select! {
            dialled = ticket.dialled() => dialled,
            () = keep_waiting(&mut sink) => return,
        },
        Err(problem) => Err(Refused { problem, again: false }),
    };
    match dialled {
        Ok(dialled) => splice(sink, stream, dialled).await,
        Err(Refused { problem, again }) => {
            let why = [problem.message, problem.hint].join(" ");
            let ended = FromTerminal::Ended { why: why.trim().to_owned(), again };
            let text = serde_json::to_string(&ended).unwrap_or_default();
            // Whoever has gone needs no reason.
            sink.send(Message::text(text)).await.ok();
            sink.send(Message::Close(None)).await.ok();
        }
    }
}

/// A desktop may take longer to stand than a console waits in silence. Returns
/// when it has gone.
async fn keep_waiting(sink: &mut SplitSink<WebSocket, Message>) {
    let mut ping = tokio::time::interval(PING_EVERY);
    loop {
        ping.tick().await;
        if !matches!(timeout(WRITE, sink.send(Message::Ping(Bytes::new()))).await, Ok(Ok(()))) {
            return;
        }
    }
}

/// Hands frames on until one end hangs up, or nothing goes through for long.
async fn splice(sink: SplitSink<WebSocket, Message>, stream: SplitStream<WebSocket>, to: Dialled) {
    let Dialled { mut live, _over } = to;
    let sender = live.sender();
    let last = Mutex::new(Instant::now());
    let ended = tokio::select! {
        ended = there(stream, &sender, &last) => ended,
        ended = back(&mut live, sink, &last) => ended,
        () = idle(&last) => "nothing went through it",
    };
    tracing::debug!(peer = sender.peer(), ended, "a tunnel is over");
    good_bye(live).await;
}

fn mark(last: &Mutex<Instant>) {
    *last.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
}

async fn idle(last: &Mutex<Instant>) {
    loop {
        let until = *last.lock().unwrap_or_else(PoisonError::into_inner) + IDLE;
        if Instant::now() >= until {
            return;
        }
        sleep_until(until).await;
    }
}

/// From the console to the run.
async fn there(
    mut stream: SplitStream<WebSocket>,
    sender: &Sender<ToRunner>,
    last: &Mutex<Instant>,
) -> &'static str {
    let mut carried = 0_u64;
    while let Some(Ok(message)) = stream.next().await {
        let sent: Result<(), SendError> = match message {
            Message::Binary(bytes) => {
                carried += bytes.len() as u64;
                mark(last);
                sender.send_bulk(&BulkHead::Tunnel, &bytes).await
            }
            Message::Text(text) => {
                mark(last);
                sender.send(&ToRunner::TunnelText { text: text.as_str().to_owned() }).await
            }
            Message::Ping(_) | Message::Pong(_) => Ok(()),
            Message::Close(_) => return "the console hung up",
        };
        if sent.is_err() {
            return "the runner takes nothing";
        }
        if carried > MOST_BYTES {
            return "too much went through it";
        }
    }
    "the console is gone"
}

/// From the run to the console.
async fn back(
    live: &mut HubLive,
    mut sink: SplitSink<WebSocket, Message>,
    last: &Mutex<Instant>,
) -> &'static str {
    let mut carried = 0_u64;
    let mut ping = tokio::time::interval(PING_EVERY);
    ping.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        let message = tokio::select! {
            incoming = live.recv() => match incoming {
                Ok(Incoming::Bulk(BulkHead::Tunnel, bytes)) => {
                    carried += bytes.len() as u64;
                    mark(last);
                    Message::Binary(bytes)
                }
                Ok(Incoming::Message(ToHub::TunnelText { text })) => {
                    mark(last);
                    Message::text(text)
                }
                Ok(Incoming::Message(_) | Incoming::Bulk(..) | Incoming::Malformed { .. }) => {
                    return "the runner said something that does not belong there";
                }
                Err(_) => {
                    timeout(WRITE, sink.send(Message::Close(None))).await.ok();
                    return "the runner hung up";
                }
            },
            _ = ping.tick() => Message::Ping(Bytes::new()),
        };
        match timeout(WRITE, sink.send(message)).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return "the console is gone",
            Err(_) => return "the console takes nothing",
        }
        if carried > MOST_BYTES {
            return "too much went through it";
        }
    }
}
