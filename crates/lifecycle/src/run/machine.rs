//! The machine itself: its state, and which part of it hears which event.

use super::agent::Agent;
use super::gates::Gates;
use super::past::Past;
use super::words::{RunEffect, RunEvent, Step};
use crate::takeover::{Takeover, TakeoverEvent};
use pilot_proto::event::Event;
use pilot_proto::run::{Outcome, Phase, RunSpec};
use pilot_proto::{Code, OrderId, Problem, Timestamp};
use std::collections::BTreeSet;
use std::time::Duration;

/// What the run waits for.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Doing {
    /// `Start`.
    Nothing,
    /// The shim, to do a step. After `until` it is aborted, and after a second
    /// `until` given up.
    Step { step: Step, until: Timestamp, aborted: bool },
    /// The agent, or a person.
    Agent,
    /// The second agent, to look at the work.
    Review { round: u32, until: Timestamp, stopping: bool },
    /// The hub's permit to push this commit. Its deadline is the lease.
    AwaitingPermit { commit: String },
    /// A while, to do once more what did not work out.
    Again { step: Retried, at: Timestamp },
    /// Nothing any more.
    Over,
}

/// Steps that are tried more than once: on them hangs what becomes of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Retried {
    ReadBack,
    Rescue,
}

/// The run.
#[derive(Debug, Clone)]
pub struct RunMachine {
    pub(super) spec: RunSpec,
    pub(super) phase: Phase,
    pub(super) doing: Doing,
    pub(super) lease_until: Timestamp,
    /// There is a checked-out tree, with work that may be worth something.
    pub(super) tree: bool,
    /// The commit that is in the remote.
    pub(super) landed: Option<String>,
    /// How the run will end unless the work lands. The first reason stays.
    pub(super) ending: Option<Outcome>,
    pub(super) agent: Agent,
    pub(super) gates: Gates,
    /// Who drives the screen.
    pub(super) takeover: Takeover,
    /// Orders heard, so that each is carried out at most once.
    pub(super) orders: BTreeSet<OrderId>,
    pub(super) past: Option<Past>,
    /// What the branch was put on top of its base as.
    pub(super) rebased: Option<String>,
    /// The commit whose push was begun.
    pub(super) pushing: Option<String>,
    pub(super) setup_until: Timestamp,
    /// How often the work was reviewed, this time included.
    pub(super) reviews: u32,
    /// How often the present step was tried.
    pub(super) tries: u32,
    pub(super) out: Vec<RunEffect>,
}

impl RunMachine {
    /// A run that begins. `now` is when the assignment was *received*: its
    /// lease counts from then. Feed [`RunEvent::Start`] next. The grants in
    /// `spec` are not kept.
    pub fn new(now: Timestamp, spec: &RunSpec) -> Self {
        Self {
            spec: spec.without_grants(),
            phase: Phase::Preparing,
            doing: Doing::Nothing,
            lease_until: now.after(Duration::from_secs(spec.lease_secs)),
            tree: false,
            landed: None,
            ending: None,
            agent: Agent::default(),
            gates: Gates::default(),
            takeover: Takeover::default(),
            orders: BTreeSet::new(),
            past: None,
            rebased: None,
            pushing: None,
            setup_until: now,
            reviews: 0,
            tries: 0,
            out: Vec::new(),
        }
    }

    /// The same run, of an agent that ends its turn when it is refused something.
    #[must_use]
    pub fn stopped_by_refusals(mut self, yes: bool) -> Self {
        self.agent.stops_refused = yes;
        self
    }

    /// A run whose shim died: it will be killed, rescued, cleaned and finished
    /// as lost (or as what the journal shows it had come to). Feed
    /// [`RunEvent::Start`] next.
    pub fn recover(now: Timestamp, spec: &RunSpec, past: Past) -> Self {
        let problem = Problem::new(
            Code::RunLost,
            "The run's process was killed; what it had changed was rescued.",
        )
        .hint("`pilot task resume` goes on from the rescued work, `pilot task again` begins anew.");
        Self {
            phase: Phase::Cleaning,
            landed: past.landed.clone(),
            ending: Some(Outcome::Failed { problem }),
            orders: past.orders.clone(),
            past: Some(past),
            ..Self::new(now, spec)
        }
    }

    /// Takes in what happened and says what has to be done.
    pub fn handle(&mut self, now: Timestamp, event: RunEvent) -> Vec<RunEffect> {
        if let RunEvent::LeaseRenewed { until } = event {
            // Before the deadlines are looked at: the hub has just confirmed
            // that the run is still ours.
            self.lease_until = self.lease_until.max(until);
        }
        if let RunEvent::ScreenTouched { at } = event {
            // Before them as well: the silence that they would find was broken.
            self.screen(now, TakeoverEvent::Moved { at });
        }
        match self.doing {
            Doing::Nothing => {
                if event == RunEvent::Start {
                    self.start(now);
                }
            }
            Doing::Over => {}
            Doing::Step { .. }
            | Doing::Agent
            | Doing::Review { .. }
            | Doing::AwaitingPermit { .. }
            | Doing::Again { .. } => {
                self.pass_deadlines(now);
                self.take_in(now, event);
            }
        }
        std::mem::take(&mut self.out)
    }

    /// What the run is doing.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// How it ended, once it has.
    pub fn outcome(&self) -> Option<Outcome> {
        (self.doing == Doing::Over).then(|| self.verdict())
    }

    fn take_in(&mut self, now: Timestamp, event: RunEvent) {
        match event {
            RunEvent::Start
            | RunEvent::Tick
            | RunEvent::LeaseRenewed { .. }
            | RunEvent::ScreenTouched { .. } => {}
            RunEvent::WorkspaceMade => self.workspace_made(now),
            RunEvent::Cloned => self.cloned(now),
            RunEvent::Rebased { commit } => self.rebased(now, commit),
            RunEvent::SetupDone { step } => self.setup_done(now, step),
            RunEvent::Failed { step, problem } => self.step_failed(now, step, problem),
            RunEvent::AgentSaid(event) => self.agent_said(now, event),
            RunEvent::AgentAlive => self.agent_alive(now),
            RunEvent::AgentAsked { key, ask } => self.agent_asked(now, key, ask),
            RunEvent::AgentChecks { key, ask } => self.agent_checks(now, key, ask),
            RunEvent::AgentSteered { order } => self.agent_steered(now, order),
            RunEvent::AgentDeaf { order } => self.agent_deaf(now, order),
            RunEvent::AgentWithdrew { key } => self.agent_withdrew(now, &key),
            RunEvent::Reported { text } => self.reported(now, text),
            RunEvent::ChildWanted { token, child } => self.child_wanted(now, token, child),
            RunEvent::Refused { host, port, process, because } => {
                self.refused(host, port, process, &because);
            }
            RunEvent::BudgetReached { spent_micros, budget_micros } => {
                self.budget_reached(spent_micros, budget_micros);
            }
            RunEvent::AgentExited { code, signal } => self.agent_exited(now, code, signal),
            RunEvent::Checkpointed { turn, kept } => self.checkpointed(now, turn, kept),
            RunEvent::Reviewed { round, said, usage } => self.reviewed(now, round, said, usage),
            RunEvent::Collected { commit } => self.collected(now, commit),
            RunEvent::Pushed { commit } => self.pushed(now, commit),
            RunEvent::ReadBack { landed } => self.read_back(now, landed),
            RunEvent::Rescued { bundle } => self.rescued(now, bundle),
            RunEvent::Wiped { left } => self.wiped(left),
            RunEvent::Killed { tree } => self.killed(now, tree),
            RunEvent::Order { order, act } => self.order(now, order, act),
            RunEvent::Fenced => self.end_as(now, Outcome::Fenced),
        }
    }

    /// The run will not publish; it winds down from wherever it is.
    pub(super) fn end_as(&mut self, now: Timestamp, outcome: Outcome) {
        if self.ending.is_some() {
            return;
        }
        self.ending = Some(outcome);
        match self.doing {
            Doing::Agent => self.stop_agent(now),
            Doing::Review { round, .. } => self.stop_review(now, round),
            Doing::AwaitingPermit { .. } => self.clean(now),
            // These may take long; the rest end soon and look at `ending` then.
            // A push is aborted too: whoever ends it has lost the right to it.
            Doing::Step {
                step: Step::Clone | Step::Rebase | Step::Setup | Step::Push,
                aborted: false,
                ..
            } => {
                self.abort(now);
            }
            Doing::Step { .. } | Doing::Nothing | Doing::Again { .. } | Doing::Over => {}
        }
    }

    pub(super) fn fail(&mut self, now: Timestamp, code: Code, message: impl Into<String>) {
        self.end_as(now, Outcome::Failed { problem: Problem::new(code, message) });
    }

    /// How it ends: where the work is decides, then the first reason to stop.
    pub(super) fn verdict(&self) -> Outcome {
        match (&self.landed, &self.ending) {
            (Some(commit), _) => {
                Outcome::Pushed { branch: self.spec.branch.clone(), commit: commit.clone() }
            }
            (None, Some(ending)) => ending.clone(),
            (None, None) => Outcome::NoChange,
        }
    }

    pub(super) fn enter(&mut self, phase: Phase) {
        if self.phase != phase {
            if matches!(phase, Phase::Collecting | Phase::Pushing | Phase::Cleaning) {
                self.withdraw_gate_asks();
            }
            self.phase = phase;
            self.journal(Event::Phase { phase });
        }
    }

    pub(super) fn journal(&mut self, event: Event) {
        self.out.push(RunEffect::Journal(event));
    }
}
