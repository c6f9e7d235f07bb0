//! A hub played by the test: it accepts one runner, keeps what comes in, and
//! holds every promise of the wire against it.

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt, future::ready};
use pilot_link::{
    Deadlines, Frame, HubLive, Incoming, Sender, Socket, Standing, WireError, accept, new_nonce,
};
use pilot_proto::project::GitGrant;
use pilot_proto::runner::{
    About, Act, BulkHead, Held, Join, JoinCode, Joined, Known, Load, MAX_FRAME, Role, ToHub,
    ToRunner, VERSION, Verdict,
};
use pilot_proto::{
    BlobId, Cursor, Event, OrderId, Record, RunId, RunSpec, RunnerId, Secret, Timestamp,
};
use pilot_testkit::ports::free_port;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{WebSocketStream, accept_async_with_config};
use tokio_util::sync::CancellationToken;

/// Longer than anything here takes on a machine that does ten other things.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// What the hub has of a run.
#[derive(Debug, Default)]
pub(crate) struct HubRun {
    pub(crate) records: Vec<Record>,
    /// Bytes of journal that came a second time.
    pub(crate) repeated: usize,
}

impl HubRun {
    fn end(&self) -> Cursor {
        self.records.last().map(Record::cursor).unwrap_or_default()
    }

    fn is_finished(&self) -> bool {
        matches!(self.records.last().map(|record| &record.event), Some(Event::Finished(_)))
    }
}

#[derive(Default)]
pub(crate) struct State {
    pub(crate) runs: BTreeMap<RunId, HubRun>,
    pub(crate) blobs: BTreeMap<BlobId, Vec<u8>>,
    pub(crate) taken: Vec<RunId>,
    pub(crate) declined: Vec<(RunId, String)>,
    pub(crate) hellos: Vec<(About, Vec<Held>)>,
    pub(crate) loads: Vec<Option<Load>>,
    /// What it said after it was asked to look again.
    pub(crate) abouts: Vec<About>,
    pub(crate) revoked: bool,
    /// Pushes are permitted as soon as they are wanted.
    pub(crate) permits: bool,
    /// What is granted anew before a permit.
    pub(crate) grants: BTreeMap<RunId, GitGrant>,
    /// Finished runs are forgotten at once.
    pub(crate) forgets: bool,
    /// Journals are taken and not acknowledged.
    pub(crate) holds_acks: bool,
    public_key: Option<String>,
    assigned: Vec<RunSpec>,
    orders: Vec<(OrderId, RunId, Act)>,
    half: BTreeMap<BlobId, Vec<u8>>,
    primary: Option<Sender<ToRunner>>,
    faults: Vec<String>,
}

/// The hub.
pub(crate) struct FakeHub {
    address: SocketAddr,
    inner: Inner,
    server: JoinSet<()>,
}

#[derive(Clone)]
struct Inner {
    state: Arc<Mutex<State>>,
    changed: Arc<watch::Sender<u64>>,
    cut: Arc<Mutex<CancellationToken>>,
}

fn runner_id() -> RunnerId {
    RunnerId("00000000-0000-7000-8000-00000000beef".parse().expect("a UUID"))
}

pub(crate) fn random_uuid() -> uuid::Uuid {
    let word = || u128::from(getrandom::u64().expect("the system has randomness"));
    uuid::Builder::from_random_bytes(((word() << 64) | word()).to_be_bytes()).into_uuid()
}

impl FakeHub {
    pub(crate) async fn start() -> Self {
        let state = State { permits: true, forgets: true, ..State::default() };
        let inner = Inner {
            state: Arc::new(Mutex::new(state)),
            changed: Arc::new(watch::channel(0).0),
            cut: Arc::new(Mutex::new(CancellationToken::new())),
        };
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let mut hub = Self { address, inner, server: JoinSet::new() };
        hub.listen().await;
        hub
    }

    /// Listens (again).
    pub(crate) async fn listen(&mut self) {
        // A child that another test forked has the old listener until it is its
        // own program.
        let free = async {
            loop {
                match TcpListener::bind(self.address).await {
                    Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                        tokio::time::sleep(Duration::from_millis(20)).await;
                    }
                    bound => return bound.expect("the port can be bound"),
                }
            }
        };
        let listener = tokio::time::timeout(PATIENCE, free).await.expect("the port is free");
        self.server.spawn(serve(listener, self.inner.clone()));
    }

    /// Gone, with all its connections; what is durable stays.
    pub(crate) async fn go_away(&mut self) {
        self.server.shutdown().await;
        self.cut();
    }

    /// Cuts every connection.
    pub(crate) fn cut(&self) {
        let mut cut = self.inner.cut.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *cut).cancel();
    }

    pub(crate) fn join_code(&self) -> JoinCode {
        JoinCode {
            hub: format!("http://{}", self.address),
            fingerprint: None,
            code: Secret::new("welcome"),
        }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.inner.state()
    }

    /// Wants this run done.
    pub(crate) fn assign(&self, spec: &RunSpec) {
        let mut state = self.state();
        state.assigned.push(spec.clone());
        state.say(&ToRunner::Assign { spec: Box::new(spec.clone()) });
    }

    /// Orders this in a run, until its journal shows that it was done.
    pub(crate) fn order(&self, run: RunId, act: Act) -> OrderId {
        self.state().order(run, act)
    }

    /// Asks the runner to look again what it has.
    pub(crate) fn look(&self) {
        self.state().say(&ToRunner::Look);
    }

    /// Says what becomes of a run.
    pub(crate) fn verdict(&self, run: RunId, verdict: Verdict) {
        self.state().say(&ToRunner::Verdict { run, verdict });
    }

    /// Waits until `look` finds something in the hub's state.
    pub(crate) async fn until<T>(
        &self,
        what: &str,
        mut look: impl FnMut(&State) -> Option<T>,
    ) -> T {
        let mut changed = self.inner.changed.subscribe();
        let wait = async {
            loop {
                if let Some(found) = look(&self.state()) {
                    return found;
                }
                changed.changed().await.expect("the hub lives");
            }
        };
        match tokio::time::timeout(PATIENCE, wait).await {
            Ok(found) => found,
            Err(_) => {
                let state = self.state();
                let tails: Vec<_> = state
                    .runs
                    .values()
                    .map(|run| {
                        run.records
                            .iter()
                            .rev()
                            .take(30)
                            .rev()
                            .map(|r| &r.event)
                            .collect::<Vec<_>>()
                    })
                    .collect();
                panic!(
                    "waited in vain for {what}; declined: {:?}; journals end: {tails:#?}",
                    state.declined
                )
            }
        }
    }

    /// Waits until an event of the run satisfies `look`.
    pub(crate) async fn event<T>(
        &self,
        run: RunId,
        what: &str,
        mut look: impl FnMut(&Event) -> Option<T>,
    ) -> T {
        self.until(what, |state| {
            state.runs.get(&run)?.records.iter().find_map(|record| look(&record.event))
        })
        .await
    }

    /// Waits for the run's end and gives its events. Nothing may have gone
    /// against the wire's rules.
    pub(crate) async fn finished(&self, run: RunId) -> Vec<Event> {
        self.until("the end of the run", |state| {
            state.runs.get(&run).filter(|run| run.is_finished()).map(|_| ())
        })
        .await;
        self.assert_no_faults();
        let events = self.events(run);
        let second_try = "could not be rescued yet";
        assert!(
            !serde_json::to_string(&events).expect("serialises").contains(second_try),
            "a rescue works the first time: {events:#?}"
        );
        events
    }

    pub(crate) fn events(&self, run: RunId) -> Vec<Event> {
        let state = self.state();
        let run = state.runs.get(&run).expect("the hub knows the run");
        run.records.iter().map(|record| record.event.clone()).collect()
    }

    pub(crate) fn assert_no_faults(&self) {
        let faults = self.state().faults.clone();
        assert!(faults.is_empty(), "the runner broke the wire's rules: {faults:#?}");
    }
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn changed(&self) {
        self.changed.send_modify(|count| *count += 1);
    }

    fn token(&self) -> CancellationToken {
        self.cut.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn serve(listener: TcpListener, inner: Inner) {
    let mut guests = JoinSet::new();
    loop {
        let (stream, address) = listener.accept().await.expect("the listener works");
        let (inner, cut) = (inner.clone(), inner.token());
        guests.spawn(async move {
            tokio::select! {
                () = host(stream, address, inner) => {}
                () = cut.cancelled() => {}
            }
        });
    }
}

async fn host(stream: TcpStream, address: SocketAddr, inner: Inner) {
    let mut head = [0; 4];
    while stream.peek(&mut head).await.is_ok_and(|read| read > 0 && read < 4) {}
    if &head == b"POST" {
        return enrol(stream, &inner).await;
    }
    let limits = WebSocketConfig::default()
        .max_message_size(Some(MAX_FRAME))
        .max_frame_size(Some(MAX_FRAME));
    let Ok(socket) = accept_async_with_config(stream, Some(limits)).await else { return };
    let nonce = new_nonce().expect("the system has randomness");
    let lookup = |runner| ready(inner.standing(runner));
    let peer = address.to_string();
    let accepted = accept(carrier(socket), &peer, nonce, lookup, Deadlines::default()).await;
    let Ok(accepted) = accepted else { return };
    let greeted = accepted.greeted;
    match greeted.role {
        Role::Primary => primary(accepted.live, greeted.about, greeted.runs, &inner).await,
        Role::Bulk => bulk(accepted.live, &inner).await,
        Role::Tunnel => panic!("nobody asked for a tunnel"),
        Role::Unknown => panic!("the runner says what it wants"),
    }
}

/// `POST /runner/join`, just enough of HTTP for it.
async fn enrol(mut stream: TcpStream, inner: &Inner) {
    let mut request = Vec::new();
    let join: Join = loop {
        let mut piece = [0; 4096];
        let read = stream.read(&mut piece).await.expect("the request comes");
        assert!(read > 0, "the request is whole");
        request.extend_from_slice(&piece[..read]);
        let body = request.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4);
        if let Some(join) = body.and_then(|at| serde_json::from_slice(&request[at..]).ok()) {
            break join;
        }
    };
    assert_eq!(join.code.expose(), "welcome");
    inner.state().public_key = Some(join.public_key);
    let joined = Joined { runner: runner_id(), hub: "fake".to_owned() };
    let body = serde_json::to_string(&joined).expect("serialises");
    let answer = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(answer.as_bytes()).await.expect("the runner listens");
}

impl Inner {
    fn standing(&self, runner: RunnerId) -> Standing {
        let state = self.state();
        match &state.public_key {
            _ if state.revoked => Standing::Revoked,
            Some(key) if runner == runner_id() => {
                Standing::Enrolled { public_key: key.clone(), name: "workshop".to_owned() }
            }
            _ => Standing::Unknown,
        }
    }
}

async fn primary(mut live: HubLive, about: Option<About>, held: Vec<Held>, inner: &Inner) {
    inner.state().welcome(live.sender(), about, held);
    inner.changed();
    loop {
        match live.recv().await {
            Ok(Incoming::Message(message)) => inner.state().hear(message),
            Ok(Incoming::Bulk(BulkHead::Journal { run, first }, bytes)) => {
                inner.state().journal(run, first, &bytes);
            }
            Ok(Incoming::Bulk(BulkHead::Blob { .. } | BulkHead::Tunnel, _)) => {
                inner
                    .state()
                    .fault("bulk that does not belong on the primary connection".to_owned());
            }
            Ok(Incoming::Malformed { why }) => inner.state().fault(why),
            Err(_) => return,
        }
        inner.changed();
    }
}

async fn bulk(mut live: HubLive, inner: &Inner) {
    let sender = live.sender();
    let welcome = ToRunner::Welcome { version: VERSION, runs: Vec::new() };
    sender.send(&welcome).await.expect("the runner listens");
    loop {
        let answer = match live.recv().await {
            Ok(Incoming::Message(ToHub::BlobsMissing { blobs })) => {
                let state = inner.state();
                let missing = blobs.into_iter().filter(|blob| !state.blobs.contains_key(blob));
                Some(ToRunner::Missing { blobs: missing.collect() })
            }
            Ok(Incoming::Message(ToHub::BlobGet { blob })) => {
                let contents = inner.state().blobs.get(&blob).cloned();
                match contents {
                    Some(contents) => {
                        send_blob(&sender, blob, &contents).await;
                        None
                    }
                    None => Some(ToRunner::BlobUnknown { blob }),
                }
            }
            Ok(Incoming::Bulk(BulkHead::Blob { blob, offset, total }, bytes)) => {
                inner.state().piece(blob, offset, total, &bytes)
            }
            Ok(other) => {
                inner.state().fault(format!("{other:?} on the bulk connection"));
                None
            }
            Err(_) => return,
        };
        if let Some(answer) = answer
            && sender.send(&answer).await.is_err()
        {
            return;
        }
        inner.changed();
    }
}

async fn send_blob(sender: &Sender<ToRunner>, blob: BlobId, contents: &[u8]) {
    let bytes = zstd::encode_all(contents, 1).expect("it compresses");
    let total = bytes.len() as u64;
    // Small pieces, so that more than one is seen.
    for (number, piece) in bytes.chunks(500).enumerate() {
        let head = BulkHead::Blob { blob: blob.clone(), offset: number as u64 * 500, total };
        sender.send_bulk(&head, piece).await.expect("the runner listens");
    }
}

impl State {
    fn fault(&mut self, what: String) {
        self.faults.push(what);
    }

    fn say(&self, message: &ToRunner) {
        if let Some(primary) = &self.primary {
            // A connection that is gone hears it on the next.
            primary.try_send(message).ok();
        }
    }

    fn order(&mut self, run: RunId, act: Act) -> OrderId {
        let order = OrderId(random_uuid());
        self.orders.push((order, run, act.clone()));
        self.say(&ToRunner::Order { order, run, act });
        order
    }

    fn welcome(&mut self, sender: Sender<ToRunner>, about: Option<About>, held: Vec<Held>) {
        let known = |held: &Held| {
            let run = self.runs.get(&held.run);
            let over = run.is_some_and(HubRun::is_finished) && self.forgets;
            Known {
                run: held.run,
                acked: run.map(HubRun::end).unwrap_or_default(),
                verdict: if over { Verdict::Forget } else { Verdict::Keep },
            }
        };
        let runs = held.iter().map(known).collect();
        self.primary = Some(sender);
        self.say(&ToRunner::Welcome { version: VERSION, runs });
        for spec in &self.assigned {
            self.say(&ToRunner::Assign { spec: Box::new(spec.clone()) });
        }
        for (order, run, act) in &self.orders {
            self.say(&ToRunner::Order { order: *order, run: *run, act: act.clone() });
        }
        self.hellos.push((about.expect("the primary connection says it"), held));
    }

    fn hear(&mut self, message: ToHub) {
        match message {
            ToHub::Beat { load, .. } => {
                self.loads.push(load);
                self.say(&ToRunner::BeatHeard { at: Timestamp(1) });
            }
            ToHub::About { about } => self.abouts.push(about),
            ToHub::Taken { run, .. } => {
                self.assigned.retain(|spec| spec.run != run);
                self.taken.push(run);
            }
            ToHub::Declined { run, reason, .. } => {
                self.assigned.retain(|spec| spec.run != run);
                self.declined.push((run, reason));
            }
            other => self.fault(format!("{other:?} on the primary connection")),
        }
    }

    fn journal(&mut self, run: RunId, first: Cursor, bytes: &[u8]) {
        let mut fresh = Vec::new();
        let mut faults = Vec::new();
        let kept = self.runs.entry(run).or_default();
        let mut end = kept.end();
        for (number, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
            if line.is_empty() {
                continue;
            }
            let record: Record = serde_json::from_slice(line).expect("a record is JSON");
            if number == 0 && record.cursor() != first {
                faults.push(format!("a batch that begins at {first:?} begins with {record:?}"));
            }
            if record.seq <= end.seq {
                kept.repeated += line.len();
                continue;
            }
            if record.epoch == end.epoch && record.seq != end.seq + 1 {
                faults.push(format!("a hole between {end:?} and {:?}", record.cursor()));
            }
            end = record.cursor();
            fresh.push(record);
        }
        for record in &fresh {
            for blob in blobs_of(&record.event) {
                if !self.blobs.contains_key(&blob) {
                    faults.push(format!("{:?} names {blob}, which is not here", record.cursor()));
                }
            }
        }
        kept.records.extend(fresh.iter().cloned());
        self.faults.extend(faults);
        if !self.holds_acks {
            self.say(&ToRunner::Acked { run, cursor: end });
        }
        fresh.iter().for_each(|record| self.follow(run, &record.event));
    }

    fn follow(&mut self, run: RunId, event: &Event) {
        match event {
            Event::OrderDone { order, .. } => self.orders.retain(|(other, _, _)| other != order),
            Event::PushWanted { fence, .. } if self.permits => {
                if let Some(git) = self.grants.get(&run).cloned() {
                    self.say(&ToRunner::Grant { run, git });
                }
                self.order(run, Act::PermitPush { fence: *fence });
            }
            Event::Finished(_) if self.forgets => {
                self.say(&ToRunner::Verdict { run, verdict: Verdict::Forget });
            }
            _ => {}
        }
    }

    fn piece(&mut self, blob: BlobId, offset: u64, total: u64, bytes: &[u8]) -> Option<ToRunner> {
        let half = self.half.entry(blob.clone()).or_default();
        if offset == 0 {
            half.clear();
        }
        if half.len() as u64 != offset {
            self.faults.push(format!("a piece of {blob} at {offset} does not fit"));
            return None;
        }
        half.extend_from_slice(bytes);
        if half.len() as u64 != total {
            return None;
        }
        let whole = self.half.remove(&blob).unwrap_or_default();
        let contents = zstd::decode_all(&whole[..]).expect("a blob is zstd");
        if pilot_git::blob_id(&contents) != blob {
            self.faults.push(format!("{blob} holds something else"));
        }
        self.blobs.insert(blob.clone(), contents);
        Some(ToRunner::BlobStored { blob })
    }
}

pub(crate) fn blobs_of(event: &Event) -> BTreeSet<BlobId> {
    match event {
        Event::Snapshot(delta) => delta
            .changed
            .iter()
            .flat_map(|file| [&file.old, &file.new])
            .flatten()
            .filter_map(|side| side.blob.clone())
            .collect(),
        Event::Rescued { bundle, .. } => BTreeSet::from([bundle.clone()]),
        Event::Artifact { blob, .. } => BTreeSet::from([blob.clone()]),
        Event::SessionSaved { session } => session.file.iter().cloned().collect(),
        _ => BTreeSet::new(),
    }
}

fn carrier(socket: WebSocketStream<TcpStream>) -> impl Socket {
    socket
        .sink_map_err(WireError::of)
        .with(|frame: Frame| ready(Ok::<_, WireError>(message(frame))))
        .map(|message| message.map(frame).map_err(WireError::of))
}

fn message(frame: Frame) -> Message {
    match frame {
        Frame::Text(text) => Message::text(text),
        Frame::Binary(bytes) => Message::Binary(bytes),
        Frame::Ping => Message::Ping(Bytes::new()),
        Frame::Pong => Message::Pong(Bytes::new()),
        Frame::Close => Message::Close(None),
    }
}

fn frame(message: Message) -> Frame {
    match message {
        Message::Text(text) => Frame::Text(text.as_str().to_owned()),
        Message::Binary(bytes) => Frame::Binary(bytes),
        Message::Ping(_) => Frame::Ping,
        Message::Pong(_) | Message::Frame(_) => Frame::Pong,
        Message::Close(_) => Frame::Close,
    }
}
