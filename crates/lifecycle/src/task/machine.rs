//! The machine itself: its state, and which part of it hears which event.

use super::held::HELD;
use super::memory::Memory;
use super::words::{TaskEffect, TaskEvent};
use crate::queue::Lease;
use pilot_proto::run::{Outcome, Phase, Resume, Run};
use pilot_proto::runner::{Act, Verdict};
use pilot_proto::snapshot::{DiffSize, Snapshot};
use pilot_proto::task::{Batch, PullRequest, Task, TaskState};
use pilot_proto::{BatchId, Code, Problem, RunId, RunnerId, Timestamp};
use std::collections::BTreeMap;

/// Lines added and removed, by file.
pub(super) type Sizes = BTreeMap<String, (u64, u64)>;

/// A task and all its runs, as far as the hub knows them.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskMachine {
    pub(super) task: Task,
    pub(super) runs: Vec<Run>,
    pub(super) memory: Memory,
    /// None where a restart forgot them and nobody has told them again.
    pub(super) sizes: Option<Sizes>,
    pub(super) offline: bool,
    pub(super) out: Vec<TaskEffect>,
}

impl TaskMachine {
    /// A task that was just filed (state `Queued`, no runs). `forge`: its
    /// project has one, so that a push ends in a pull request. Feed
    /// [`TaskEvent::Begin`] next.
    pub fn new(task: Task, forge: bool) -> Self {
        let memory = Memory { forge, ..Memory::default() };
        Self { sizes: Some(Sizes::new()), ..Self::restore(task, Vec::new(), memory) }
    }

    /// A task from the store with its runs, oldest first. Feed
    /// [`TaskEvent::Begin`] next.
    pub fn restore(task: Task, runs: Vec<Run>, memory: Memory) -> Self {
        Self { task, runs, memory, sizes: None, offline: false, out: Vec::new() }
    }

    /// Tells a restored machine the latest run's snapshot, so that `Task::diff`
    /// goes on from it. Without this it stands still until the next run.
    #[must_use]
    pub fn with_snapshot(mut self, snapshot: &Snapshot) -> Self {
        let size = |file: &pilot_proto::ChangedFile| {
            (file.path.clone(), (file.added.unwrap_or(0), file.removed.unwrap_or(0)))
        };
        self.sizes = Some(snapshot.files.values().map(size).collect());
        self
    }

    /// The task as everybody sees it: store it after every `handle`.
    pub fn task(&self) -> &Task {
        &self.task
    }

    /// The latest run: store it after every `handle`.
    pub fn run(&self) -> Option<&Run> {
        self.runs.last()
    }

    /// All runs, oldest first. A journal record of an older run changes that
    /// run, so store it too.
    pub fn runs(&self) -> &[Run] {
        &self.runs
    }

    /// What else to store.
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// What the next (or present) run's agent is told: `RunSpec::prompt`.
    pub fn prompt(&self) -> String {
        if let Some(text) = &self.memory.rebase {
            return text.clone();
        }
        let base = self.memory.prompt.as_ref().unwrap_or(&self.task.prompt);
        let included =
            if self.is_at_work() { self.memory.included } else { self.memory.unsaid.len() };
        let unsaid = self.memory.unsaid.iter().take(included);
        let parts: Vec<&str> = std::iter::once(base)
            .chain(unsaid)
            .map(String::as_str)
            .filter(|part| !part.is_empty())
            .collect();
        let resumed = self.memory.resume.is_some();
        if parts.is_empty() && resumed { GO_ON.to_owned() } else { parts.join("\n\n") }
    }

    /// The next (or present) run puts the branch on top of its base, and does
    /// nothing else: `Outgoing::rebase`.
    pub fn rebases(&self) -> bool {
        self.memory.rebase.is_some()
    }

    /// What waits for the next run, oldest first.
    pub fn unsaid(&self) -> &[String] {
        &self.memory.unsaid[self.included()..]
    }

    /// How much of what was said the run at work began with.
    pub(super) fn included(&self) -> usize {
        if self.is_at_work() { self.memory.included.min(self.memory.unsaid.len()) } else { 0 }
    }

    /// Where the next (or present) run begins: `RunSpec::resume`.
    pub fn resume(&self) -> Option<&Resume> {
        self.memory.resume.as_ref()
    }

    /// The commit of the base branch that the next (or present) run begins
    /// from, if that is settled: `RunSpec::at`.
    pub fn at(&self) -> Option<&str> {
        // What was published is where a later run goes on.
        let goes_on = self.memory.resume.is_some() && self.task.pushed.is_some();
        let of_group = || self.pinned().filter(|_| !goes_on);
        self.memory.at.as_deref().or_else(of_group)
    }

    /// The commit that every task of its group begins from, once it is known.
    pub fn pinned(&self) -> Option<&str> {
        self.task.base_commit.as_deref().filter(|_| self.task.group.is_some())
    }

    /// What bounds how many tasks run at once beside this one: its batch; or,
    /// while nobody knows from which commit its group begins, one of the group,
    /// which then tells.
    pub fn bound_by(&self) -> Option<Batch> {
        let group = self.task.group.filter(|_| self.pinned().is_none());
        let first = group.map(|group| Batch {
            id: BatchId(group.0),
            name: String::new(),
            at_most: Some(1),
        });
        self.task.batch.clone().or(first)
    }

    /// A run has begun from this commit.
    pub(super) fn begins_at(&mut self, now: Timestamp, base: &str) {
        if self.pinned().is_none() {
            self.task.base_commit = Some(base.to_owned());
            if self.task.group.is_some() && self.task.state == TaskState::Queued {
                self.enqueue(now, "");
            }
        }
    }

    /// The lease that is out, for [`crate::QueueEvent::Restored`] after a
    /// restart: of the latest run, also of one that was fenced, until it is over.
    pub fn lease(&self) -> Option<Lease> {
        self.runs.last().filter(|run| run.outcome.is_none()).map(|run| Lease {
            task: self.task.id,
            run: run.id,
            runner: run.runner,
            fence: run.fence,
            batch: self.bound_by().map(|batch| batch.id),
            taken: run.started_at.is_some(),
        })
    }

    /// True for the run that may push and take orders.
    pub fn is_current(&self, run: RunId) -> bool {
        self.is_at_work()
            && self.runs.last().is_some_and(|last| last.id == run && last.outcome.is_none())
    }

    /// The pull request whose end the task waits to hear of, while no run is at
    /// work: also of a task whose follow-up failed or was stopped.
    pub fn watched(&self) -> Option<&PullRequest> {
        let idle =
            self.task.state.is_end() || matches!(self.task.state, TaskState::InReview { .. });
        self.task.pull_request.as_ref().filter(|_| idle && self.memory.in_review)
    }

    /// What to answer a runner that holds `run`.
    pub fn verdict(&self, run: RunId) -> Verdict {
        match self.runs.iter().find(|held| held.id == run) {
            Some(held) if held.phase == Phase::Finished => Verdict::Forget,
            Some(_) if self.is_current(run) => Verdict::Keep,
            Some(_) | None => Verdict::Fenced,
        }
    }

    /// Takes in what happened and says what has to be done.
    pub fn handle(&mut self, now: Timestamp, event: TaskEvent<'_>) -> Vec<TaskEffect> {
        match event {
            TaskEvent::Begin => self.begin(),
            TaskEvent::Leased { run, runner, fence } => self.leased(now, run, runner, fence),
            TaskEvent::Declined { run, reason } => self.declined(now, run, &reason),
            TaskEvent::Unfit { run, problem } => self.unfit(now, run, problem),
            TaskEvent::LeaseExpired { run } => self.lease_expired(now, run),
            TaskEvent::RunLost { run } => self.run_lost(now, run),
            TaskEvent::RunnerOffline => self.runner_offline(true),
            TaskEvent::RunnerOnline => self.runner_offline(false),
            TaskEvent::Journal { run, event } => self.journal(now, run, event),
            TaskEvent::ChildDecided { run, token, decided } => {
                self.child_decided(run, &token, decided);
            }
            TaskEvent::ChildIs { child } => self.child_is(child),
            TaskEvent::Undone { run, act } => self.undone(now, run, act),
            TaskEvent::StopWanted => self.stop(now),
            TaskEvent::KillWanted => self.kill(now),
            TaskEvent::AgainWanted => self.again(now),
            TaskEvent::RetryWanted { from } => self.retry(now, from),
            TaskEvent::BaseKnown { commit } => self.begins_at(now, &commit),
            TaskEvent::ReassignWanted { to } => self.reassign(now, to),
            TaskEvent::PublishWanted => self.publish_wanted(now),
            TaskEvent::DismissWanted => self.dismiss(),
            TaskEvent::ResumeWanted { text } => self.resume_wanted(now, text),
            TaskEvent::Say { text } => self.say(now, text),
            TaskEvent::Steer { text } => self.steer(now, text),
            TaskEvent::UnsayOrder { order } => self.order(Act::Unsay { order }),
            TaskEvent::UnsayNext { at } => self.unsay_next(at),
            TaskEvent::InterruptWanted => self.interrupt(),
            TaskEvent::TakeoverWanted { who } => self.take_over(who),
            TaskEvent::HandBackWanted { who, note } => self.hand_back(who, note),
            TaskEvent::DoneWanted => self.done(),
            TaskEvent::Answer { item, answer, who } => self.answer(now, item, answer, who),
            TaskEvent::PullRequestOpen { pull_request } => self.review(now, pull_request),
            TaskEvent::PullRequestSeen { pull_request } => self.seen(pull_request),
            TaskEvent::FeedbackCame { item, policy, said } => {
                self.feedback(now, item, &policy, said);
            }
            TaskEvent::CiHeld { item, head, held, by_hand } => {
                self.ci_held(now, item, &head, held, by_hand);
            }
            TaskEvent::CiStillHeld => self.ci_still_held(),
            TaskEvent::PublishFailed { problem } => self.publish_failed(now, problem),
            TaskEvent::PullRequestMerged => self.reviewed(now, true),
            TaskEvent::PullRequestClosed => self.reviewed(now, false),
        }
        std::mem::take(&mut self.out)
    }

    /// A run has the task.
    pub(super) fn is_at_work(&self) -> bool {
        match self.task.state {
            TaskState::Leased { .. }
            | TaskState::Working { .. }
            | TaskState::NeedsYou { .. }
            | TaskState::Ready => true,
            TaskState::Queued
            | TaskState::Publishing
            | TaskState::InReview { .. }
            | TaskState::Merged { .. }
            | TaskState::Closed { .. }
            | TaskState::Published { .. }
            | TaskState::NoChange
            | TaskState::Failed { .. }
            | TaskState::Cancelled => false,
        }
    }

    pub(super) fn become_state(&mut self, now: Timestamp, state: TaskState, reason: &str) {
        let at_work = matches!(state, TaskState::Working { .. } | TaskState::NeedsYou { .. });
        if !at_work && self.task.remote_link.is_some() {
            self.task.remote_link = None;
        }
        if !at_work {
            self.task.driver = None;
        }
        if self.task.state != state {
            self.task.state = state;
            self.task.since = now;
        }
        self.because(reason);
    }

    pub(super) fn because(&mut self, reason: &str) {
        if self.task.reason != reason {
            reason.clone_into(&mut self.task.reason);
        }
    }

    /// Of the run at work: `reason`, unless there is a stronger one.
    pub(super) fn because_run(&mut self, reason: &str) {
        let reason = match &self.memory.then {
            _ if self.offline => OFFLINE,
            _ if self.memory.stop => "is being stopped",
            Some(then) => then.reason(),
            None if self.task.state == TaskState::Ready => HELD,
            None => reason,
        };
        self.because(reason);
    }

    pub(super) fn enqueue(&mut self, now: Timestamp, reason: &str) {
        self.task.dismissed = false;
        self.become_state(now, TaskState::Queued, reason);
        self.out.push(TaskEffect::Enqueue);
    }

    fn begin(&mut self) {
        self.forget_release();
        match self.task.state {
            TaskState::Queued => self.out.push(TaskEffect::Enqueue),
            TaskState::Publishing => self.open_pull_request(),
            // Until its runner has said hello to this hub.
            TaskState::Leased { .. }
            | TaskState::Working { .. }
            | TaskState::NeedsYou { .. }
            | TaskState::Ready => {
                self.runner_offline(true);
            }
            TaskState::InReview { .. }
            | TaskState::Merged { .. }
            | TaskState::Closed { .. }
            | TaskState::Published { .. }
            | TaskState::NoChange
            | TaskState::Failed { .. }
            | TaskState::Cancelled => {}
        }
    }

    fn leased(&mut self, now: Timestamp, run: RunId, runner: RunnerId, fence: u64) {
        if self.task.state != TaskState::Queued || fence <= self.task.fence {
            self.out.push(TaskEffect::RunOver { run });
            return;
        }
        self.task.attempts += 1;
        self.task.fence = fence;
        self.task.run = Some(run);
        self.task.diff = DiffSize::default();
        self.sizes = Some(Sizes::new());
        self.memory.denials = 0;
        // Whatever was wanted of an earlier run is not wanted of this one.
        self.memory.stop = false;
        self.memory.then = None;
        self.memory.permitted = false;
        self.memory.included = self.memory.unsaid.len();
        self.memory.push = None;
        self.offline = false;
        self.runs.push(Run {
            id: run,
            task: self.task.id,
            attempt: self.task.attempts,
            runner,
            fence,
            phase: Phase::Preparing,
            leased_at: now,
            started_at: None,
            ended_at: None,
            outcome: None,
            session: None,
            rescue: None,
        });
        self.become_state(now, TaskState::Leased { runner }, "");
        self.tell_of_children();
    }

    fn declined(&mut self, now: Timestamp, run: RunId, reason: &str) {
        // A run that has journalled was taken after all.
        if self.runs.iter().any(|held| held.id == run && held.started_at.is_some()) {
            return;
        }
        if !self.is_current(run) {
            // Fenced before it began: now it is known that it never did.
            if let Some(run) = self.runs.iter_mut().find(|held| held.id == run) {
                run.outcome.get_or_insert(Outcome::Fenced);
                run.phase = Phase::Finished;
                run.ended_at.get_or_insert(now);
            }
            return;
        }
        let problem = Problem::new(Code::Precondition, format!("The runner declined: {reason}."));
        self.close_run(now, Outcome::Failed { problem });
        if let Some(run) = self.runs.last_mut() {
            run.phase = Phase::Finished;
        }
        // For its orders: there is nobody to carry them out.
        self.out.push(TaskEffect::Fence { run });
        self.back_to_the_queue(now, &format!("the runner declined: {reason}"));
    }

    fn unfit(&mut self, now: Timestamp, run: RunId, problem: Problem) {
        let begun = self.runs.iter().any(|held| held.id == run && held.started_at.is_some());
        if begun || !self.is_current(run) {
            return;
        }
        self.close_run(now, Outcome::Failed { problem: problem.clone() });
        if let Some(run) = self.runs.last_mut() {
            run.phase = Phase::Finished;
        }
        // For its orders: there is nobody to carry them out.
        self.out.push(TaskEffect::Fence { run });
        self.fail_or_cancel(now, problem);
    }

    fn lease_expired(&mut self, now: Timestamp, run: RunId) {
        if self.lease().is_none_or(|lease| lease.run != run) {
            return;
        }
        let at_work = self.is_at_work();
        self.close_run(now, Outcome::Fenced);
        self.out.push(TaskEffect::Fence { run });
        if at_work {
            self.back_to_the_queue(now, "the runner was not heard of for longer than its lease");
        }
    }

    fn run_lost(&mut self, now: Timestamp, run: RunId) {
        if self.lease().is_none_or(|lease| lease.run != run) {
            return;
        }
        let problem = Problem::new(
            Code::RunLost,
            "The runner came back without the run; what the journal shows was kept.",
        )
        .hint("`pilot task again` runs the task again.");
        let at_work = self.is_at_work();
        self.close_run(now, Outcome::Failed { problem: problem.clone() });
        self.out.push(TaskEffect::Fence { run });
        if at_work {
            self.fail_or_cancel(now, problem);
        }
    }

    /// The latest run is given up without having said so itself.
    fn close_run(&mut self, now: Timestamp, outcome: Outcome) {
        self.close_items();
        if let Some(run) = self.runs.last_mut() {
            run.outcome = Some(outcome);
            run.ended_at = Some(now);
        }
    }

    pub(super) fn close_items(&mut self) {
        for item in std::mem::take(&mut self.memory.items) {
            self.out.push(TaskEffect::InboxGone { item: item.id });
        }
    }

    fn runner_offline(&mut self, offline: bool) {
        self.offline = offline;
        if self.is_at_work() {
            self.because_run("");
        }
    }
}

/// What a resumed agent is told when the person said nothing.
const GO_ON: &str = "Go on where you were.";

const OFFLINE: &str = "runner offline";
