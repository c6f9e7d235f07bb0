//! The shim's one task: everything that changes its state happens here.

use super::agent::{self, AgentProcess, Heard, Source};
use super::checkpoint::{Checkpointed, Kept};
use super::desk::Desk;
use super::diff::{Findings, Schedule};
use super::doorway;
use super::gates::{self, Ears, Voices};
use super::log::{Log, RETRY};
use super::orphans::Orphans;
use super::output::OutputFold;
use super::pump::Piece;
use super::renewals::Renewals;
use super::reviewing::{Before, Reviewing};
use super::steps::Report;
use super::visits::Visits;
use super::walls::SharedWalls;
use super::workspace::SharedWorkspace;
use crate::clock::SteadyClock;
use crate::ledger::Ledger;
use crate::shim_socket::ToShim;
use pilot_lifecycle::{RunEvent, RunMachine};
use pilot_proto::event::Stream;
use pilot_proto::{Event, Problem, Timestamp};
use pilot_sandbox::Exit;
use std::collections::VecDeque;
use std::fs::File;
use std::time::Duration;
use tokio::net::UnixListener;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// The longest sleep: a machine that slept, and small chores.
const CHORES: Duration = Duration::from_secs(10);
/// Output on its way: one piece in the hand, and one behind it.
const PIECES: usize = 2;
/// Words about visitors that wait while the shim is busy.
const VISITORS: usize = 8;
/// A shim's own words. More is a fault that repeats itself.
const LOG_LIMIT: u64 = 1024 * 1024;
/// After the agent's processes are gone, their pipes end at once; a pipe that
/// does not is held by somebody who could not be killed.
const LAST_WORDS: Duration = Duration::from_secs(10);

/// What a shim begins with.
pub(super) struct Begin {
    pub(super) workspace: SharedWorkspace,
    pub(super) machine: RunMachine,
    pub(super) log: Log<File>,
    pub(super) ledger: Ledger,
    pub(super) clock: SteadyClock,
}

/// What the shim's own tasks report.
pub(super) enum Done {
    Step(Report),
    /// The workspace is wiped, or not.
    Cleaned {
        left: Vec<String>,
        gone: bool,
    },
    Looked(Findings),
    AgentStarted(Box<agent::Started>),
    AgentGone(Exit),
    /// The end of a turn was kept, or not.
    Checkpointed(Box<Checkpointed>),
    /// What a reviewer is to look at.
    ReviewBegins(Result<Option<Before>, Problem>),
    ReviewerStarted(Box<agent::Started>),
    ReviewerGone(Exit),
    /// The tree is as it was before the review; true if it was not.
    TreePutBack(Result<bool, Problem>),
}

/// The shim.
pub(super) struct Shim {
    pub(super) workspace: SharedWorkspace,
    pub(super) log: Log<File>,
    pub(super) ledger: Ledger,
    pub(super) clock: SteadyClock,
    pub(super) session: Option<String>,
    pub(super) agent: Option<AgentProcess>,
    pub(super) reviewing: Option<Reviewing>,
    /// None while the end of a turn is being kept.
    pub(super) kept: Option<Kept>,
    /// From the end of the clone to the wipe.
    pub(super) walls: Option<SharedWalls>,
    /// For the gates, to be heard by `ears`.
    pub(super) voices: Voices,
    ears: Ears,
    /// For the run's own processes.
    pub(super) desk: Desk,
    /// For the hub's other runs.
    pub(super) renewals: Renewals,
    pub(super) diff: Schedule,
    /// Steps and waits; each reports once.
    pub(super) work: JoinSet<Done>,
    /// Pipes; they report through `heard`.
    pub(super) pipes: JoinSet<()>,
    pub(super) heard: mpsc::Sender<Heard>,
    /// What the machine is to be told next.
    pub(super) events: VecDeque<RunEvent>,
    /// Ends the step under way.
    pub(super) abort: CancellationToken,
    /// The machine wants the work collected as soon as nobody looks at it.
    pub(super) collect: Option<bool>,
    pub(super) looking: bool,
    pub(super) done: bool,
    performing: bool,
    machine: RunMachine,
    pieces: mpsc::Receiver<Heard>,
    setup_out: OutputFold,
    setup_err: OutputFold,
    last_words: Option<Timestamp>,
    orphans: Orphans,
    chores: Timestamp,
    /// Who came through a tunnel.
    pub(super) visits: Visits,
    visitors_words: mpsc::Receiver<Event>,
}

impl Shim {
    pub(super) fn new(begin: Begin) -> Self {
        let Begin { workspace, machine, log, ledger, clock } = begin;
        let (heard, pieces) = mpsc::channel(PIECES);
        let (voices, ears) = gates::line(log.talk());
        let (words, visitors_words) = mpsc::channel(VISITORS);
        Self {
            visits: Visits::new(workspace.clone(), clock, words),
            visitors_words,
            setup_out: OutputFold::new(&workspace.redactor),
            setup_err: OutputFold::new(&workspace.redactor),
            workspace,
            log,
            ledger,
            clock,
            session: None,
            agent: None,
            reviewing: None,
            kept: Some(Kept::default()),
            walls: None,
            voices,
            ears,
            desk: Desk::default(),
            renewals: Renewals::default(),
            diff: Schedule::new(clock),
            work: JoinSet::new(),
            pipes: JoinSet::new(),
            heard,
            events: VecDeque::new(),
            abort: CancellationToken::new(),
            collect: None,
            looking: false,
            done: false,
            performing: false,
            machine,
            pieces,
            last_words: None,
            orphans: Orphans::default(),
            chores: clock.now(),
        }
    }

    /// Runs until the journal is complete.
    pub(super) async fn run(mut self, listener: UnixListener) {
        let (said, mut from_daemon) = mpsc::channel(16);
        self.pipes.spawn(doorway::serve(listener, self.log.watch(), said));
        self.tell(RunEvent::Start);
        while !self.done {
            let wait = self.wakes_at().since(self.clock.now());
            tokio::select! {
                Some(said) = from_daemon.recv() => match said {
                    doorway::Said::Daemon(message) => self.daemon_says(message),
                    doorway::Said::Guest(guest) => self.let_in(guest),
                    doorway::Said::Visitor(visitor) => {
                        self.visits.receive(visitor, self.walls.clone());
                    }
                },
                Some(words) = self.visitors_words.recv(), if !self.log.is_blocked() => {
                    self.log.append(&words);
                }
                Some(done) = self.work.join_next() => match done {
                    Ok(done) => self.work_done(done),
                    Err(error) => tracing::error!(%error, "a task of the shim failed"),
                },
                // While the disk is full nobody's output is taken: it waits.
                Some((source, piece)) = self.pieces.recv(), if !self.log.is_blocked() => {
                    self.hear(source, piece);
                }
                // What a full disk does not take waits at the gate, which counts.
                said = self.ears.next(), if !self.log.is_blocked() => self.gate_says(said),
                Some(_) = self.pipes.join_next() => {}
                () = self.diff.changed() => self.diff.noticed(),
                () = tokio::time::sleep(wait) => {}
            }
            self.tick();
        }
        self.log.settle().await;
    }

    /// Tells the machine, and does what it says.
    pub(super) fn tell(&mut self, event: RunEvent) {
        self.events.push_back(event);
        self.work_off();
    }

    /// Tells the machine what waits. From within an effect this does nothing:
    /// the loop that performs it goes on by itself.
    pub(super) fn work_off(&mut self) {
        if std::mem::replace(&mut self.performing, true) {
            return;
        }
        while let Some(event) = self.events.pop_front() {
            for effect in self.machine.handle(self.clock.now(), event) {
                self.perform(effect);
            }
        }
        self.performing = false;
    }

    fn wakes_at(&self) -> Timestamp {
        let now = self.clock.now();
        let retry = self.log.is_blocked().then(|| now.after(RETRY));
        let look = self.diff.wants_look_at().filter(|_| !self.log.is_blocked());
        [self.machine.next_deadline(), self.log.wants_tick_at(), retry, look, self.last_words]
            .into_iter()
            .flatten()
            .fold(now.after(CHORES), Timestamp::min)
    }

    /// What nobody announces.
    fn tick(&mut self) {
        let now = self.clock.now();
        self.log.retry();
        self.log.tick();
        if self.machine.next_deadline().is_some_and(|deadline| deadline <= now) {
            if let Some(at) = self.visits.touched() {
                self.tell(RunEvent::ScreenTouched { at });
            }
            self.tell(RunEvent::Tick);
        }
        if self.last_words.is_some_and(|at| at <= now) {
            self.last_words = None;
            if self.reviewing.is_some() { self.reviewer_over() } else { self.agent_over() }
        }
        if !self.log.is_blocked()
            && let Some(looker) = self.diff.take()
        {
            self.looking = true;
            self.work.spawn(async move { Done::Looked(looker.look().await) });
        }
        if now.since(self.chores) >= CHORES {
            self.chores = now;
            self.do_chores();
        }
    }

    fn do_chores(&mut self) {
        // Only then is nobody else of ours waiting for a child.
        let any = self.agent.is_some() || self.reviewing.is_some();
        if any && self.walls.as_ref().is_some_and(|walls| walls.leaves_orphans()) {
            self.orphans.reap();
        }
        if !self.workspace.dir.path().exists() {
            // Somebody removed the run: there is nothing left to work for.
            tracing::error!("the run's directory is gone; the run is given up");
            self.tell(RunEvent::Fenced);
        }
        let path = self.workspace.dir.log_file();
        if path.metadata().is_ok_and(|metadata| metadata.len() > LOG_LIMIT)
            && let Err(error) = File::options().write(true).truncate(true).open(&path)
        {
            tracing::warn!(%error, "the shim's log cannot be cut");
        }
    }

    fn daemon_says(&mut self, message: ToShim) {
        match message {
            ToShim::Order { order, act } => self.tell(RunEvent::Order { order, act }),
            ToShim::Grant { git } => self.granted(git),
            ToShim::Fenced => self.tell(RunEvent::Fenced),
            // The doorway's.
            ToShim::Watched { .. }
            | ToShim::Guest { .. }
            | ToShim::Input { .. }
            | ToShim::InputEnds
            | ToShim::Tunnel { .. } => {}
            ToShim::Contact { age_ms } => {
                let lease = Duration::from_secs(self.workspace.spec.lease_secs);
                let left = lease.saturating_sub(Duration::from_millis(age_ms));
                let until = self.clock.now().after(left);
                self.tell(RunEvent::LeaseRenewed { until });
            }
        }
    }

    fn hear(&mut self, source: Source, piece: Piece) {
        let ended = matches!(piece, Piece::End);
        let mut events = Vec::new();
        let mut emit = |event| events.push(event);
        let mut lines = Vec::new();
        let speaker = match source {
            Source::ReviewerOut | Source::ReviewerErr => {
                self.reviewing.as_mut().and_then(|reviewing| reviewing.process.as_mut())
            }
            Source::AgentOut | Source::AgentErr | Source::SetupOut | Source::SetupErr => {
                self.agent.as_mut()
            }
        };
        match (source, speaker) {
            (Source::AgentOut | Source::ReviewerOut, Some(agent)) => {
                lines = agent.heard_out(piece, &mut emit);
            }
            (Source::AgentErr | Source::ReviewerErr, Some(agent)) => {
                agent.heard_err(piece, &mut emit);
            }
            (
                Source::AgentOut | Source::AgentErr | Source::ReviewerOut | Source::ReviewerErr,
                None,
            ) => {}
            (Source::SetupOut, _) => heard_setup(&mut self.setup_out, piece, &mut emit),
            (Source::SetupErr, _) => heard_setup(&mut self.setup_err, piece, &mut emit),
        }
        let said_something = !events.is_empty();
        events.iter().for_each(|event| self.log.append(event));
        match source {
            Source::AgentOut | Source::AgentErr => {
                if said_something {
                    self.tell(RunEvent::AgentAlive);
                }
                lines.iter().for_each(|line| self.read_line(line));
                if ended && self.agent.as_ref().is_some_and(AgentProcess::is_over) {
                    self.agent_over();
                }
            }
            Source::ReviewerOut | Source::ReviewerErr => {
                lines.iter().for_each(|line| self.reviewer_says(line));
                if ended && self.reviewing.as_ref().is_some_and(Reviewing::is_over) {
                    self.reviewer_over();
                }
            }
            Source::SetupOut | Source::SetupErr => {}
        }
    }

    fn read_line(&mut self, line: &str) {
        if let Some(agent) = &mut self.agent {
            let steps = agent.driver.line(line);
            self.take_steps(steps);
        }
    }

    fn work_done(&mut self, done: Done) {
        match done {
            Done::Step(report) => self.step_done(report),
            Done::Cleaned { left, gone } => {
                // The gates are closed; this is the last of them.
                while let Some(said) = self.ears.try_next() {
                    self.gate_says(said);
                }
                self.cleaned(left, gone);
            }
            Done::Looked(findings) => self.looked(findings),
            Done::AgentStarted(started) => self.agent_started(*started),
            Done::AgentGone(exit) => {
                if let Some(agent) = &mut self.agent {
                    agent.exit = Some(exit);
                    if agent.is_over() {
                        self.agent_over();
                    } else {
                        self.last_words = Some(self.clock.now().after(LAST_WORDS));
                    }
                }
            }
            Done::Checkpointed(done) => self.checkpointed(*done),
            Done::ReviewBegins(before) => self.review_begins(before),
            Done::ReviewerStarted(started) => self.reviewer_started(*started),
            Done::ReviewerGone(exit) => {
                if self.reviewer_gone(exit) {
                    self.reviewer_over();
                } else {
                    self.last_words = Some(self.clock.now().after(LAST_WORDS));
                }
            }
            Done::TreePutBack(put_back) => self.tree_put_back(put_back),
        }
    }

    fn step_done(&mut self, report: Report) {
        // A step's output stands before what follows on it.
        while !self.log.is_blocked()
            && let Ok((source, piece)) = self.pieces.try_recv()
        {
            self.hear(source, piece);
        }
        let Report { journal, event, looker, walls } = report;
        if walls.is_some() {
            self.walls = walls;
        }
        if let RunEvent::Failed { step, problem } = &event {
            tracing::warn!(?step, %problem, "a step did not work out");
        }
        journal.iter().for_each(|event| self.log.append(event));
        if let Some(looker) = looker {
            self.diff.begin(looker, &self.workspace.dir.tree());
        }
        self.tell(event);
    }

    fn checkpointed(&mut self, done: Checkpointed) {
        let Checkpointed { turn, kept, checkpoint, words } = done;
        self.kept = Some(kept);
        words.iter().for_each(|event| self.log.append(event));
        self.tell(RunEvent::Checkpointed { turn, kept: checkpoint });
    }

    fn looked(&mut self, findings: Findings) {
        self.looking = false;
        let Findings { looker, events, again, error } = findings;
        events.iter().for_each(|event| self.log.append(event));
        if let Some(error) = error {
            // The next look finds it, or the last one says why not.
            tracing::warn!(%error, "the tree could not be looked at");
        }
        if let Some(looker) = looker {
            self.diff.give_back(looker);
        }
        if again {
            self.diff.want();
        }
        if let Some(commit) = self.collect.take() {
            self.begin_collecting(commit);
        }
    }

    /// The agent's process is gone, and all that can be heard of it was.
    fn agent_over(&mut self) {
        self.last_words = None;
        let Some(mut agent) = self.agent.take() else { return };
        let (code, signal) = match agent.exit {
            Some(Exit::Code(code)) => (Some(code), None),
            Some(Exit::Signal(signal)) => (None, Some(signal)),
            None => (None, None),
        };
        let mut events = Vec::new();
        let lines = agent.heard_out(Piece::End, &mut |event| events.push(event));
        agent.heard_err(Piece::End, &mut |event| events.push(event));
        events.iter().for_each(|event| self.log.append(event));
        let stderr = agent.stderr(&self.workspace.redactor);
        self.agent = Some(agent);
        lines.iter().for_each(|line| self.read_line(line));
        if let Some(agent) = &mut self.agent {
            let steps = agent.driver.exited(code, &stderr);
            self.take_steps(steps);
        }
        self.agent = None;
        self.tell(RunEvent::AgentExited { code, signal });
    }
}

fn heard_setup(fold: &mut OutputFold, piece: Piece, emit: &mut dyn FnMut(Event)) {
    let stream_of = |_: &[u8]| Stream::Setup;
    match piece {
        Piece::Bytes(bytes) => fold.push(&bytes, &stream_of, emit),
        Piece::Quiet => fold.quiet(&stream_of, emit),
        Piece::End => fold.end(&stream_of, emit),
    }
}
