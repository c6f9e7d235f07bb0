//! The daemon's one task: everything that changes its state happens here.

use super::about::Looked;
use super::assign::{Started, Starting};
use super::attend::{Ears, Notice, Readers};
use super::bulk::{self, Carried, Job};
use super::enrolment::Enrolment;
use super::held::{HeldRun, Next, Shim};
use super::outgoing::Outgoing;
use super::uplink::{Uplink, UplinkEvent};
use super::{RunnerOptions, reaper, tunnel};
use crate::agents::{Doctor, Programs};
use crate::blobs::Blobs;
use crate::clock::SteadyClock;
use crate::ledger::{Ledger, Resource};
use crate::load::LoadMeter;
use crate::run_dir::seal_key_file;
use crate::run_dir::wipe::wipe;
use pilot_link::{Greeting, Outbox};
use pilot_proto::runner::{BulkHead, HEARTBEAT_SECS, LiveCheck, MAX_BATCH, Role, ToHub};
use pilot_proto::{Problem, RunId, Secret, Timestamp};
use pilot_secrets::RunnerKey;
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// How often everything that nobody announces is looked at.
const TICK: Duration = Duration::from_secs(1);
/// Ticks between two looks at every journal, in case a wake-up was lost.
const POLL: u32 = 3;

/// The daemon.
pub(super) struct Daemon {
    pub(super) options: RunnerOptions,
    pub(super) clock: SteadyClock,
    pub(super) programs: Programs,
    /// What secrets are sealed to; none if our key cannot be had.
    pub(super) seal_key: Option<String>,
    pub(super) ledger: Ledger,
    pub(super) runs: BTreeMap<RunId, HeldRun>,
    /// Assigned, and without a shim yet.
    pub(super) starting: BTreeMap<RunId, Starting>,
    /// `--once` has had its run.
    pub(super) took_one: bool,
    pub(super) tasks: JoinSet<()>,
    notices: mpsc::Sender<Notice>,
    pub(super) started: mpsc::Sender<Started>,
    pub(super) jobs: mpsc::Sender<Job>,
    pub(super) outgoing: Option<Outgoing>,
    /// When the heartbeats were sent that the hub has not answered.
    pub(super) beats: VecDeque<Timestamp>,
    pub(super) doctor: Doctor,
    /// Somebody looks again at what the machine has.
    pub(super) looking: bool,
    /// An agent is being tried; its result comes here.
    pub(super) trying: bool,
    pub(super) tried: mpsc::Sender<(String, LiveCheck)>,
    /// What came of it, by agent; until we end.
    pub(super) live: BTreeMap<String, LiveCheck>,
    pub(super) looked: mpsc::Sender<Looked>,
    /// Places for tunnels.
    pub(super) tunnels: Arc<Semaphore>,
    refusals: mpsc::Sender<(Secret, Problem)>,
    enrolment: Enrolment,
    load: LoadMeter,
    /// There is a connection to the hub.
    readers: watch::Sender<Readers>,
    heard: Inboxes,
    /// The run that shipped last: the next one is next.
    shipped: Option<RunId>,
    next_beat: Timestamp,
    ticks: u32,
}

/// Where the daemon's own tasks report.
struct Inboxes {
    notices: mpsc::Receiver<Notice>,
    started: mpsc::Receiver<Started>,
    carried: mpsc::Receiver<Carried>,
    looked: mpsc::Receiver<Looked>,
    tried: mpsc::Receiver<(String, LiveCheck)>,
    refusals: mpsc::Receiver<(Secret, Problem)>,
}

/// Without it a run whose project has secrets is refused, and others go on.
fn seal_key(data: &Path) -> Option<String> {
    match RunnerKey::load(&seal_key_file(data)) {
        Ok(key) => Some(key.public()),
        Err(error) => {
            tracing::error!(%error, "the runner's key for secrets cannot be read");
            None
        }
    }
}

impl Daemon {
    /// With the runs that are on the disk.
    pub(super) async fn new(options: RunnerOptions, enrolment: Enrolment) -> io::Result<Self> {
        let ledger = Ledger::open(&options.data.join("ledger.jsonl"))?;
        let mut tasks = JoinSet::new();
        let (notices, from_notices) = mpsc::channel(256);
        let (started, from_started) = mpsc::channel(16);
        let (jobs, from_jobs) = mpsc::channel(256);
        let (carried, from_carried) = mpsc::channel(16);
        let (looked, from_looked) = mpsc::channel(1);
        let (tried, from_tried) = mpsc::channel(1);
        let (refusals, from_refusals) = mpsc::channel(16);
        tasks.spawn(bulk::carry(enrolment.clone(), from_jobs, carried));
        let mut daemon = Self {
            clock: SteadyClock::start(),
            programs: Programs::new(&options.data, &options.environment),
            seal_key: seal_key(&options.data),
            ledger,
            runs: BTreeMap::new(),
            starting: BTreeMap::new(),
            took_one: false,
            tasks,
            notices,
            started,
            jobs,
            outgoing: None,
            beats: VecDeque::new(),
            tunnels: Arc::new(Semaphore::new(tunnel::MOST)),
            refusals,
            enrolment,
            doctor: Doctor::default(),
            looking: false,
            looked,
            trying: false,
            tried,
            live: BTreeMap::new(),
            load: LoadMeter::new(&options.data),
            readers: watch::channel(Readers::Nobody).0,
            heard: Inboxes {
                notices: from_notices,
                started: from_started,
                carried: from_carried,
                looked: from_looked,
                tried: from_tried,
                refusals: from_refusals,
            },
            shipped: None,
            next_beat: Timestamp::default(),
            ticks: 0,
            options,
        };
        reaper::reap(&mut daemon).await?;
        // A runner that was to take one run and was killed has it still.
        daemon.took_one = !daemon.runs.is_empty();
        Ok(daemon)
    }

    /// Runs until it is stopped, refused, or has had its one run.
    pub(super) async fn run(mut self, stop: CancellationToken) -> Result<(), Problem> {
        let mut uplink = Uplink::new(self.clock);
        let ended = loop {
            if self.options.once && self.took_one && self.is_empty() {
                break Ok(());
            }
            let event = tokio::select! {
                () = stop.cancelled() => break Ok(()),
                event = self.next(&mut uplink) => event,
            };
            match event {
                Some(UplinkEvent::DialWanted) => {
                    let greeting = self.greeting().await;
                    let Enrolment { endpoint, key, .. } = self.enrolment.clone();
                    uplink.dial(endpoint, key, greeting);
                }
                Some(UplinkEvent::Up(known)) => {
                    let sender = uplink.live().map(pilot_link::RunnerLive::sender);
                    self.outgoing = sender.map(|sender| Outgoing::new(sender, &mut self.tasks));
                    self.readers.send_replace(Readers::Perhaps);
                    self.welcomed(&known);
                }
                Some(UplinkEvent::Heard(message)) => self.hub_says(message).await,
                Some(UplinkEvent::Down) => {
                    self.outgoing = None;
                    self.readers.send_replace(Readers::Nobody);
                }
                Some(UplinkEvent::Refused(problem)) => break Err(problem),
                None => {}
            }
        };
        self.save_places();
        uplink.close().await;
        ended
    }

    fn is_empty(&self) -> bool {
        self.runs.is_empty() && self.starting.is_empty()
    }

    /// Does the next thing, or returns what came over the primary connection.
    async fn next(&mut self, uplink: &mut Uplink) -> Option<UplinkEvent> {
        let room = self.outgoing.as_ref().filter(|_| self.wants_to_ship()).map(Outgoing::room);
        tokio::select! {
            event = uplink.next() => return Some(event),
            Some(notice) = self.heard.notices.recv() => self.noticed(notice),
            Some(started) = self.heard.started.recv() => self.started(started),
            Some(carried) = self.heard.carried.recv() => self.carried(carried),
            Some(looked) = self.heard.looked.recv() => self.has_looked(looked),
            Some((agent, live)) = self.heard.tried.recv() => self.has_tried(agent, live),
            Some((ticket, problem)) = self.heard.refusals.recv() => {
                self.refuse_tunnel(ticket, problem);
            }
            Some(permit) = reserve(room) => {
                if let Some(batch) = self.next_batch() {
                    permit.send(batch);
                }
            }
            Some(ended) = self.tasks.join_next() => {
                if let Err(error) = ended && !error.is_cancelled() {
                    tracing::error!(%error, "a task of the daemon failed");
                }
            }
            () = tokio::time::sleep(TICK) => {}
        }
        self.tick();
        None
    }

    async fn greeting(&mut self) -> Greeting {
        let about = self.about().await;
        Greeting {
            runner: self.enrolment.runner,
            role: Role::Primary,
            about: Some(about),
            runs: self.runs.values().map(HeldRun::held).collect(),
        }
    }

    /// Tells the hub that we are here.
    pub(super) fn beat(&mut self) {
        let Some(outgoing) = &self.outgoing else { return };
        let runs = self.runs.values().filter(|run| !run.finished).map(|run| run.run).collect();
        outgoing.say(ToHub::Beat { runs, load: self.load.look() });
        let now = self.clock.now();
        self.beats.push_back(now);
        self.next_beat = now.after(Duration::from_secs(HEARTBEAT_SECS));
    }

    /// The hub says whose journals are read as they grow.
    pub(super) fn watched(&self, runs: Vec<RunId>) {
        self.readers.send_replace(Readers::Of(runs.into_iter().collect()));
    }

    /// Who we are to the hub.
    pub(super) fn enrolment(&self) -> &Enrolment {
        &self.enrolment
    }

    /// Where a tunnel's task says that there is none.
    pub(super) fn refusals(&self) -> mpsc::Sender<(Secret, Problem)> {
        self.refusals.clone()
    }

    /// For whoever attends to a shim.
    pub(super) fn ears(&self) -> Ears {
        Ears { notices: self.notices.clone(), readers: self.readers.subscribe() }
    }

    /// What nobody announces. Called often, does something once a second.
    fn tick(&mut self) {
        let now = self.clock.now();
        if now >= self.next_beat {
            self.next_beat = now.after(TICK);
            self.beat();
        }
        let ticks = u32::try_from(now.since(Timestamp::default()).as_secs()).unwrap_or(0);
        if ticks == self.ticks {
            return;
        }
        self.ticks = ticks;
        if ticks.is_multiple_of(POLL) {
            self.runs.values_mut().for_each(|run| run.more = true);
        }
        self.save_places();
        self.recover_lost(now);
        let may_go: Vec<RunId> =
            self.runs.values().filter(|run| run.may_go()).map(|run| run.run).collect();
        may_go.into_iter().for_each(|run| self.forget(run));
    }

    fn save_places(&mut self) {
        for run in self.runs.values_mut() {
            if let Err(error) = run.save() {
                tracing::warn!(run = %run.run, %error, "what the hub has could not be noted");
            }
        }
    }

    fn noticed(&mut self, notice: Notice) {
        match notice {
            Notice::At { run, end, finished } => {
                if let Some(held) = self.runs.get_mut(&run) {
                    held.grown(end, finished);
                }
            }
            Notice::Gone { run } => self.shim_gone(run),
        }
    }

    /// Nobody looks after the run any more: because it is over, or because its
    /// shim died.
    fn shim_gone(&mut self, run: RunId) {
        let now = self.clock.now();
        let Some(held) = self.runs.get_mut(&run) else { return };
        if let Err(error) = held.look() {
            tracing::error!(%run, %error, "the journal cannot be read");
        }
        held.shim = if held.finished {
            held.spec = None;
            Shim::Ended
        } else {
            tracing::warn!(%run, "the run's shim died; its work is being rescued");
            Shim::Lost { again: now.after(reaper::patience(held.recoveries)) }
        };
        self.recover_lost(now);
        if self.runs.get(&run).is_some_and(HeldRun::may_go) {
            self.forget(run);
        }
    }

    fn carried(&mut self, carried: Carried) {
        match carried {
            Carried::Uploaded { run, blobs } => {
                if let Some(held) = self.runs.get_mut(&run) {
                    held.uploaded(blobs);
                }
            }
            Carried::Fetched { run } => self.launch(run),
        }
    }

    /// The run's files go.
    pub(super) fn forget(&mut self, run: RunId) {
        let Some(held) = self.runs.get(&run) else { return };
        let path = held.dir.path().to_path_buf();
        if let Err(error) = wipe(&path) {
            // Tried again with the next tick.
            tracing::error!(%run, %error, "the run's directory cannot be removed");
            return;
        }
        self.runs.remove(&run);
        if let Err(error) = self.ledger.gone(&Resource::Directory { path }) {
            tracing::warn!(%run, %error, "the ledger cannot be written");
        }
    }

    fn in_flight(&self) -> usize {
        self.runs.values().map(HeldRun::in_flight).sum()
    }

    fn wants_to_ship(&self) -> bool {
        // A batch is never larger than this, so the window is kept to; the
        // first batch of all always fits.
        self.in_flight() + MAX_BATCH <= Outbox::WINDOW
            && self.runs.values().any(HeldRun::wants_to_ship)
    }

    /// The next batch, of the run whose turn it is.
    fn next_batch(&mut self) -> Option<(BulkHead, Vec<u8>)> {
        let after = self.shipped;
        let mut order: Vec<RunId> =
            self.runs.values().filter(|run| run.wants_to_ship()).map(|run| run.run).collect();
        let turn = order.partition_point(|run| after.is_some_and(|after| *run <= after));
        order.rotate_left(turn);
        for run in order {
            let Some(held) = self.runs.get_mut(&run) else { continue };
            match held.next() {
                Ok(Next::Ship(batch)) => {
                    held.sent(&batch);
                    self.shipped = Some(run);
                    return Some((BulkHead::Journal { run, first: batch.first }, batch.lines));
                }
                Ok(Next::Upload(blobs)) => {
                    let job = Job::Upload { run, blobs, from: Blobs::new(held.dir.blobs()) };
                    if let Err(error) = self.jobs.try_send(job) {
                        // The poll comes back to it.
                        tracing::debug!(%run, %error, "blobs wait for their turn");
                        held.uploaded([]);
                        held.more = false;
                    }
                }
                Ok(Next::Rest) => {}
                Err(error) => {
                    tracing::error!(%run, %error, "the journal cannot be read");
                    held.more = false;
                }
            }
        }
        None
    }
}

async fn reserve<T>(room: Option<mpsc::Sender<T>>) -> Option<mpsc::OwnedPermit<T>> {
    match room {
        Some(room) => room.reserve_owned().await.ok(),
        None => None,
    }
}
