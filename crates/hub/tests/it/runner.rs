//! A runner that does what a test says.

use crate::house::{House, PATIENCE, soon};
use pilot_link::{Deadlines, DialError, Endpoint, Greeting, Incoming, RunnerKey, RunnerLive, dial};
use pilot_link::{join_code, post_join};
use pilot_proto::event::Event;
use pilot_proto::run::{Outcome, Phase};
use pilot_proto::runner::{
    About, Act, AgentFound, BulkHead, Held, Join, Known, Role, ToHub, ToRunner, Verdict,
};
use pilot_proto::{
    BlobId, Cursor, OrderId, Problem, Record, RunId, RunSpec, RunnerId, Secret, Stream, TaskId,
    Timestamp,
};
use std::collections::{BTreeMap, VecDeque};

pub(crate) struct FakeRunner {
    pub(crate) id: RunnerId,
    pub(crate) key: RunnerKey,
    pub(crate) endpoint: Endpoint,
    pub(crate) about: About,
    /// What its disk holds, journals included.
    pub(crate) journals: BTreeMap<RunId, Disk>,
    live: Option<RunnerLive>,
    /// What came and was not waited for yet.
    came: VecDeque<ToRunner>,
}

/// A run on the runner's disk.
#[derive(Debug, Clone, Default)]
pub(crate) struct Disk {
    pub(crate) fence: u64,
    pub(crate) records: Vec<Record>,
}

impl Disk {
    pub(crate) fn end(&self) -> Cursor {
        self.records.last().map(Record::cursor).unwrap_or_default()
    }

    fn finished(&self) -> bool {
        self.records.last().is_some_and(|last| matches!(last.event, Event::Finished(_)))
    }
}

/// Enrols; gives the refusal if there is one.
pub(crate) async fn join(code: &Secret, key: &RunnerKey) -> Result<(RunnerId, Endpoint), Problem> {
    let code = join_code::parse(code.expose()).expect("the hub made it");
    let endpoint = Endpoint::of(&code).expect("the hub's own address");
    let join = Join { code: code.code, name: "fake".to_owned(), public_key: key.public_hex() };
    let joined = post_join(&endpoint, &join, Deadlines::default()).await;
    joined.map(|joined| (joined.runner, endpoint)).map_err(|error| error.problem())
}

impl FakeRunner {
    /// Joins a hub and stays disconnected.
    pub(crate) async fn enrolled(house: &House, workers: u32) -> Self {
        let key = RunnerKey::generate().expect("randomness");
        let (id, endpoint) = join(&house.join_code().await, &key).await.expect("it is let in");
        let agent = AgentFound {
            name: "scripted".to_owned(),
            version: None,
            problem: None,
            abilities: None,
            origin: Default::default(),
            program: None,
            own_login: None,
            live: None,
        };
        let about = About {
            name: "fake".to_owned(),
            build: "test".to_owned(),
            platform: "test".to_owned(),
            workers,
            draining: false,
            seal_key: None,
            agents: vec![agent],
            checks: Vec::new(),
        };
        let (journals, came) = (BTreeMap::new(), VecDeque::new());
        Self { id, key, endpoint, about, journals, live: None, came }
    }

    /// Joins a hub and connects.
    pub(crate) async fn connected(house: &House, workers: u32) -> Self {
        let mut runner = Self::enrolled(house, workers).await;
        runner.connect().await;
        runner
    }

    /// Connects, or connects again; gives the hub's word on every run held.
    pub(crate) async fn connect(&mut self) -> Vec<Known> {
        self.hang_up();
        self.try_connect().await.expect("the hub takes the connection")
    }

    pub(crate) async fn try_connect(&mut self) -> Result<Vec<Known>, DialError> {
        let runs = self.journals.iter().map(|(run, disk)| Held {
            run: *run,
            fence: disk.fence,
            end: disk.end(),
            finished: disk.finished(),
        });
        let greeting = Greeting {
            runner: self.id,
            role: Role::Primary,
            about: Some(self.about.clone()),
            runs: runs.collect(),
        };
        let dialled = dial(&self.endpoint, &self.key, greeting, Deadlines::default()).await?;
        self.live = Some(dialled.live);
        Ok(dialled.runs)
    }

    /// The line is cut, without a word.
    pub(crate) fn hang_up(&mut self) {
        self.live = None;
        self.came.clear();
    }

    pub(crate) fn live(&mut self) -> &mut RunnerLive {
        self.live.as_mut().expect("it is connected")
    }

    pub(crate) async fn say(&mut self, message: ToHub) {
        self.live().sender().send(&message).await.expect("the hub takes it");
    }

    /// The next message that a test wants; others are kept for later.
    pub(crate) async fn until<T>(
        &mut self,
        what: &str,
        mut wanted: impl FnMut(&ToRunner) -> Option<T>,
    ) -> T {
        if let Some(at) = self.came.iter().position(|message| wanted(message).is_some()) {
            let message = self.came.remove(at).expect("it is there");
            return wanted(&message).expect("it was wanted");
        }
        loop {
            match soon(what, self.live().recv()).await.expect("the connection stands") {
                Incoming::Message(message) => match wanted(&message) {
                    Some(found) => return found,
                    None => self.came.push_back(message),
                },
                other => panic!("waiting for {what}, there came {other:?}"),
            }
        }
    }

    /// Waits for the end of the connection.
    pub(crate) async fn until_closed(&mut self) {
        let closed = async { while self.live().recv().await.is_ok() {} };
        tokio::time::timeout(PATIENCE, closed).await.expect("the hub hangs up");
        self.hang_up();
    }

    pub(crate) async fn assigned(&mut self) -> RunSpec {
        self.until("an assignment", |message| match message {
            ToRunner::Assign { spec } => Some((**spec).clone()),
            _ => None,
        })
        .await
    }

    /// Waits for an assignment and takes it.
    pub(crate) async fn take(&mut self) -> RunSpec {
        let spec = self.assigned().await;
        self.journals.insert(spec.run, Disk { fence: spec.fence, records: Vec::new() });
        self.say(ToHub::Taken { run: spec.run, fence: spec.fence }).await;
        spec
    }

    pub(crate) async fn order(&mut self, run: RunId) -> (OrderId, Act) {
        self.until("an order", |message| match message {
            ToRunner::Order { order, run: its, act } if *its == run => Some((*order, act.clone())),
            _ => None,
        })
        .await
    }

    /// Waits until the hub says that it has everything up to `cursor`.
    pub(crate) async fn acked(&mut self, run: RunId, cursor: Cursor) {
        self.until("an acknowledgement", |message| match message {
            ToRunner::Acked { run: its, cursor: at } if *its == run && *at == cursor => Some(()),
            _ => None,
        })
        .await;
    }

    pub(crate) async fn verdict(&mut self, run: RunId) -> Verdict {
        self.until("a verdict", |message| match message {
            ToRunner::Verdict { run: its, verdict } if *its == run => Some(*verdict),
            _ => None,
        })
        .await
    }

    /// Writes events to the journal on its disk and sends them.
    pub(crate) async fn write(&mut self, run: RunId, events: Vec<Event>) -> Cursor {
        let first = self.jot(run, events);
        let records: Vec<Record> = self.journals[&run].records[first..].to_vec();
        self.send(run, &records).await;
        self.journals[&run].end()
    }

    /// Writes without sending; gives the index of the first.
    pub(crate) fn jot(&mut self, run: RunId, events: Vec<Event>) -> usize {
        let disk = self.journals.get_mut(&run).expect("it holds the run");
        let first = disk.records.len();
        for event in events {
            let seq = disk.records.len() as u64 + 1;
            disk.records.push(Record { epoch: 1, seq, at: Timestamp(1_000_000), event });
        }
        first
    }

    /// Sends records of a journal, whatever they are.
    pub(crate) async fn send(&mut self, run: RunId, records: &[Record]) {
        let Some(first) = records.first() else { return };
        let head = BulkHead::Journal { run, first: first.cursor() };
        let mut bytes = Vec::new();
        for record in records {
            bytes.extend(serde_json::to_vec(record).expect("it serialises"));
            bytes.push(b'\n');
        }
        self.live().sender().send_bulk(&head, &bytes).await.expect("the hub takes it");
    }

    /// Begins the agent.
    pub(crate) async fn begin(&mut self, run: RunId) -> Cursor {
        self.write(run, vec![phase(Phase::Preparing), phase(Phase::AgentRunning)]).await
    }

    /// Asks for the permit, pushes and ends.
    pub(crate) async fn push(&mut self, spec: &RunSpec, commit: &str) -> Cursor {
        let (fence, branch, commit) = (spec.fence, spec.branch.clone(), commit.to_owned());
        let summary = "did it".to_owned();
        let wanted =
            Event::PushWanted { fence, branch: branch.clone(), commit: commit.clone(), summary };
        self.write(spec.run, vec![phase(Phase::Pushing), wanted]).await;
        let (order, act) = self.order(spec.run).await;
        assert_eq!(act, Act::PermitPush { fence }, "the permit is for this lease");
        let rest = vec![
            Event::OrderDone { order, problem: None },
            Event::Pushed { branch: branch.clone(), commit: commit.clone() },
            phase(Phase::Cleaning),
            Event::Cleaned { left: Vec::new() },
            Event::Finished(Outcome::Pushed { branch, commit }),
        ];
        let end = self.write(spec.run, rest).await;
        self.acked(spec.run, end).await;
        end
    }

    /// Opens a bulk connection.
    pub(crate) async fn bulk(&self) -> RunnerLive {
        let greeting =
            Greeting { runner: self.id, role: Role::Bulk, about: None, runs: Vec::new() };
        let dialled = dial(&self.endpoint, &self.key, greeting, Deadlines::default()).await;
        dialled.expect("the hub takes the connection").live
    }

    /// Stores a blob.
    pub(crate) async fn store(&self, bytes: &[u8]) -> BlobId {
        let id = pilot_git::blob_id(bytes);
        let packed = zstd::encode_all(bytes, 3).expect("packs");
        let mut bulk = self.bulk().await;
        let total = packed.len() as u64;
        for (at, piece) in packed.chunks(1000).enumerate() {
            let head = BulkHead::Blob { blob: id.clone(), offset: at as u64 * 1000, total };
            bulk.sender().send_bulk(&head, piece).await.expect("the hub takes it");
        }
        let stored = soon("the blob is stored", bulk.recv()).await.expect("the connection stands");
        match stored {
            Incoming::Message(ToRunner::BlobStored { blob }) => assert_eq!(blob, id),
            other => panic!("the blob must be stored: {other:?}"),
        }
        id
    }
}

pub(crate) fn phase(phase: Phase) -> Event {
    Event::Phase { phase }
}

pub(crate) fn output(text: &str) -> Event {
    Event::Output { stream: Stream::Stdout, text: text.to_owned(), open: false }
}

/// The end of a run that changed nothing.
pub(crate) fn nothing_done() -> Vec<Event> {
    vec![
        phase(Phase::Cleaning),
        Event::Cleaned { left: Vec::new() },
        Event::Finished(Outcome::NoChange),
    ]
}

/// A run under way.
pub(crate) async fn under_way(house: &House) -> (FakeRunner, TaskId, RunId) {
    house.project().await;
    let mut runner = FakeRunner::connected(house, 1).await;
    let task = house.file("print").await.id;
    let run = runner.take().await.run;
    let end = runner.begin(run).await;
    runner.acked(run, end).await;
    (runner, task, run)
}
