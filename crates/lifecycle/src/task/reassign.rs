//! Ending the run at work for the sake of the next one: because somebody else
//! is to do the task, because held work needs another turn, or because it is to
//! begin again at an earlier turn.

use super::machine::TaskMachine;
use super::wishes::From;
use super::words::TaskEffect;
use pilot_proto::run::Checkpoint;
use pilot_proto::runner::Act;
use pilot_proto::task::TaskState;
use pilot_proto::{RunnerId, Timestamp};
use serde::{Deserialize, Serialize};

/// Who is to do a task. What is not named stays, but a model is one of its
/// agent: with another agent comes that agent's default.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Assignment {
    /// Only this runner.
    pub only_runner: Option<RunnerId>,
    /// This agent.
    pub agent: Option<String>,
    /// This model.
    pub model: Option<String>,
}

/// Where a run is to begin again: at the end of a turn of an earlier one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetryAt {
    /// What that turn left. It has a tree.
    pub kept: Checkpoint,
    /// Which attempt that turn was of.
    pub attempt: u32,
    /// What the agent is told.
    pub prompt: String,
}

/// What follows on the end of a run that is being ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Then {
    /// A run that goes on with its session and work.
    GoOn,
    /// A run from the base, by somebody else.
    Anew(Assignment),
    /// A run that begins at the end of an earlier turn.
    Retry(Box<RetryAt>),
}

impl Then {
    pub(super) fn reason(&self) -> &'static str {
        match self {
            Self::GoOn => "its run ends; the next goes on with what was said",
            Self::Anew(_) => "its run ends; then it is given to somebody else",
            Self::Retry(_) => "its run ends; the next begins where an earlier turn ended",
        }
    }
}

impl TaskMachine {
    pub(super) fn reassign(&mut self, now: Timestamp, to: Assignment) {
        match self.task.state {
            TaskState::Queued => {
                self.assign(to);
                self.enqueue(now, "");
            }
            // As with a stop: it has most likely not begun, and the lease stays
            // out, so that nobody else runs beside it.
            TaskState::Leased { .. } if self.offline => {
                self.assign(to);
                let run = self.task.run;
                self.start_over(now, From::Base, None);
                if let Some(run) = run {
                    self.out.push(TaskEffect::Fence { run });
                }
            }
            TaskState::Leased { .. }
            | TaskState::Working { .. }
            | TaskState::NeedsYou { .. }
            | TaskState::Ready => self.reassign_at_work(now, to),
            TaskState::Publishing => {
                self.refuse("The task is being published: wait until its pull request is open.");
            }
            TaskState::InReview { .. } => {
                self.refuse("The task is in review: say what to change, or stop it first.");
            }
            TaskState::Merged { .. }
            | TaskState::Closed { .. }
            | TaskState::Published { .. }
            | TaskState::NoChange
            | TaskState::Failed { .. }
            | TaskState::Cancelled => {
                self.task.reservations.clear();
                self.assign(to);
                self.start_over(now, From::Base, None);
            }
        }
    }

    fn reassign_at_work(&mut self, now: Timestamp, to: Assignment) {
        let going_on = self.memory.then.is_some();
        if self.memory.stop {
            self.refuse("The task is being stopped: give it to somebody else when it has ended.");
        } else if self.memory.push.is_some() && self.task.state != TaskState::Ready && !going_on {
            self.refuse("The task's work is being published already.");
        } else if !going_on && self.is_assigned(&to) {
            self.refuse("The task is given so already.");
        } else {
            let to = match self.memory.then.clone() {
                Some(Then::Anew(before)) => before.and_then(to),
                Some(Then::GoOn | Then::Retry(_)) | None => to,
            };
            self.end_run_then(now, Then::Anew(to));
        }
    }

    fn is_assigned(&self, to: &Assignment) -> bool {
        let task = &self.task;
        let same_agent = to.agent.as_ref().is_none_or(|agent| *agent == task.agent);
        let same_model = to.model.is_none() || to.model == task.model;
        let same_runner = to.only_runner.is_none() || to.only_runner == task.only_runner;
        same_agent && same_model && same_runner
    }

    fn assign(&mut self, to: Assignment) {
        if let Some(agent) = to.agent.filter(|agent| *agent != self.task.agent) {
            self.task.agent = agent;
            self.task.model = None;
            // They were chosen for the agent.
            self.task.profile = None;
            self.task.provider = None;
            self.task.remote_control = false;
            // No agent goes on with another one's session.
            self.memory.agent_since = self.task.attempts;
            self.memory.resume = None;
            self.memory.prompt = None;
        }
        if to.model.is_some() {
            self.task.model = to.model;
        }
        if to.only_runner.is_some() {
            self.task.only_runner = to.only_runner;
        }
    }

    /// Stops the run at work; when it is over, `then` happens.
    pub(super) fn end_run_then(&mut self, now: Timestamp, then: Then) {
        let ordered = self.is_being_ended();
        self.memory.then = Some(then);
        if !ordered {
            self.order(Act::Stop);
        }
        self.leave_ready(now);
        self.because_run("");
    }

    /// An end of the run at work is ordered.
    pub(super) fn is_being_ended(&self) -> bool {
        self.memory.stop || self.memory.then.is_some()
    }

    /// The run that was ended is over, and its work safe.
    pub(super) fn carry_on(&mut self, now: Timestamp, then: Then) {
        match then {
            Then::GoOn => self.start_over(now, From::LastRun, None),
            Then::Anew(to) => {
                self.task.reservations.clear();
                self.assign(to);
                self.start_over(now, From::Base, None);
            }
            Then::Retry(from) => self.start_over(now, From::Turn(from), None),
        }
    }

    /// The run that was ended is gone without having said where its work is:
    /// somebody else may begin anew all the same. True if so.
    pub(super) fn begin_anew_if_wanted(&mut self, now: Timestamp) -> bool {
        match self.memory.then.take() {
            Some(then @ (Then::Anew(_) | Then::Retry(_))) => {
                self.carry_on(now, then);
                true
            }
            // There is nothing to go on with. What was said is kept.
            Some(Then::GoOn) | None => false,
        }
    }
}

impl Assignment {
    /// This one, and then `later` over it.
    fn and_then(self, later: Self) -> Self {
        let other_agent = later.agent.is_some() && later.agent != self.agent;
        let kept_model = if other_agent { None } else { self.model };
        Self {
            only_runner: later.only_runner.or(self.only_runner),
            agent: later.agent.or(self.agent),
            model: later.model.or(kept_model),
        }
    }
}
