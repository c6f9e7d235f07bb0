//! What a person wants of a task, and what of it is possible where it stands.

use super::held::standing;
use super::machine::TaskMachine;
use super::reassign::{RetryAt, Then};
use super::words::TaskEffect;
use pilot_proto::inbox::Answer;
use pilot_proto::run::{Resume, Run, Session};
use pilot_proto::runner::Act;
use pilot_proto::task::TaskState;
use pilot_proto::{BlobId, Code, InboxId, Problem, RunId, Timestamp};

/// Where a new run begins.
pub(super) enum From {
    Base,
    LastRun,
    /// The end of a turn.
    Turn(Box<RetryAt>),
}

/// Why a task in review has a run that nobody asked for.
const REBASES: &str = "its branch is put on top of the base, which has moved";

impl TaskMachine {
    pub(super) fn stop(&mut self, now: Timestamp) {
        match self.task.state {
            TaskState::Queued => {
                self.out.push(TaskEffect::Dequeue);
                self.become_state(now, TaskState::Cancelled, "stopped by a person");
            }
            // It has most likely not begun, and its runner may never come back.
            // The lease stays out, so a retry cannot run beside it.
            TaskState::Leased { .. } if self.offline => {
                self.become_state(now, TaskState::Cancelled, "stopped by a person");
                if let Some(run) = self.task.run {
                    self.out.push(TaskEffect::Fence { run });
                }
            }
            TaskState::Leased { .. }
            | TaskState::Working { .. }
            | TaskState::NeedsYou { .. }
            | TaskState::Ready => {
                let ordered = self.is_being_ended();
                self.memory.then = None;
                self.memory.stop = true;
                if !ordered {
                    self.order(Act::Stop);
                }
                self.leave_ready(now);
                self.because_run("");
            }
            TaskState::Publishing => {
                let reason = "stopped by a person; the branch stays pushed";
                self.become_state(now, TaskState::Cancelled, reason);
            }
            TaskState::InReview { .. } => {
                let reason = "stopped by a person; the pull request stays open";
                self.become_state(now, TaskState::Cancelled, reason);
            }
            TaskState::Merged { .. }
            | TaskState::Closed { .. }
            | TaskState::Published { .. }
            | TaskState::NoChange
            | TaskState::Failed { .. }
            | TaskState::Cancelled => self.refuse("The task has already ended."),
        }
    }

    /// As `stop`, where it stands; what is at work is ended without being asked.
    pub(super) fn kill(&mut self, now: Timestamp) {
        let killable = match self.task.state {
            TaskState::Leased { .. } => !self.offline,
            TaskState::Working { .. } | TaskState::NeedsYou { .. } => true,
            // Nothing of the agent is left, or not yet there.
            TaskState::Queued
            | TaskState::Ready
            | TaskState::Publishing
            | TaskState::InReview { .. }
            | TaskState::Merged { .. }
            | TaskState::Closed { .. }
            | TaskState::Published { .. }
            | TaskState::NoChange
            | TaskState::Failed { .. }
            | TaskState::Cancelled => false,
        };
        if !killable {
            return self.stop(now);
        }
        self.memory.then = None;
        self.memory.stop = true;
        // Also after a stop that takes its time.
        self.order(Act::Kill);
        self.because_run("");
    }

    /// Begins again where a turn ended. What an earlier run published stays until
    /// the new one's push replaces it, and that replaces our own commit only.
    pub(super) fn retry(&mut self, now: Timestamp, from: RetryAt) {
        match self.task.state {
            TaskState::Queued | TaskState::Leased { .. } => {
                self.refuse("The task waits for a runner: stop it first.");
            }
            TaskState::Publishing => {
                self.refuse("The task is being published: wait until its pull request is open.");
            }
            TaskState::Working { .. } | TaskState::NeedsYou { .. } | TaskState::Ready
                if self.memory.stop =>
            {
                self.refuse("The task is being stopped: begin again when it has ended.");
            }
            TaskState::Working { .. } | TaskState::NeedsYou { .. }
                if self.memory.push.is_some() && self.memory.then.is_none() =>
            {
                self.refuse("The task's work is being published already.");
            }
            TaskState::Working { .. } | TaskState::NeedsYou { .. } | TaskState::Ready => {
                self.end_run_then(now, Then::Retry(Box::new(from)));
            }
            TaskState::Merged { .. } => {
                self.refuse("The task's pull request was merged: run it again instead.");
            }
            TaskState::InReview { .. }
            | TaskState::Closed { .. }
            | TaskState::Published { .. }
            | TaskState::NoChange
            | TaskState::Failed { .. }
            | TaskState::Cancelled => {
                self.task.reservations.clear();
                self.start_over(now, From::Turn(Box::new(from)), None);
            }
        }
    }

    pub(super) fn again(&mut self, now: Timestamp) {
        if self.task.state.is_end() {
            self.task.reservations.clear();
            self.start_over(now, From::Base, None);
        } else if matches!(self.task.state, TaskState::InReview { .. }) {
            self.refuse("The task is in review: say what to change, or stop it first.");
        } else {
            self.refuse("The task has not ended yet: stop it first.");
        }
    }

    pub(super) fn resume_wanted(&mut self, now: Timestamp, text: Option<String>) {
        if self.can_start_over() {
            self.start_over(now, From::LastRun, text);
        } else {
            self.refuse("The task has not ended yet: `say` reaches the agent at work.");
        }
    }

    pub(super) fn say(&mut self, now: Timestamp, text: String) {
        match self.task.state {
            TaskState::Ready => self.follow_up_held(now, text),
            // Part of what the next run begins with.
            TaskState::Queued => self.memory.unsaid.push(text),
            TaskState::Leased { .. } | TaskState::Working { .. } | TaskState::NeedsYou { .. }
                if self.memory.then.is_some() =>
            {
                self.memory.unsaid.push(text);
            }
            TaskState::Leased { .. } | TaskState::Working { .. } | TaskState::NeedsYou { .. } => {
                self.order(Act::Say { text });
            }
            TaskState::Publishing => self.memory.unsaid.push(text),
            TaskState::InReview { .. }
            | TaskState::Merged { .. }
            | TaskState::Closed { .. }
            | TaskState::Published { .. }
            | TaskState::NoChange
            | TaskState::Failed { .. }
            | TaskState::Cancelled => self.start_over(now, From::LastRun, Some(text)),
        }
    }

    /// At once, where an agent is at work; else as what is said.
    pub(super) fn steer(&mut self, now: Timestamp, text: String) {
        match self.task.state {
            TaskState::Leased { .. } | TaskState::Working { .. } | TaskState::NeedsYou { .. }
                if self.memory.then.is_none() =>
            {
                self.order(Act::Steer { text });
            }
            TaskState::Leased { .. }
            | TaskState::Working { .. }
            | TaskState::NeedsYou { .. }
            | TaskState::Queued
            | TaskState::Ready
            | TaskState::Publishing
            | TaskState::InReview { .. }
            | TaskState::Merged { .. }
            | TaskState::Closed { .. }
            | TaskState::Published { .. }
            | TaskState::NoChange
            | TaskState::Failed { .. }
            | TaskState::Cancelled => self.say(now, text),
        }
    }

    pub(super) fn unsay_next(&mut self, at: usize) {
        let at = self.included() + at;
        if at < self.memory.unsaid.len() {
            self.memory.unsaid.remove(at);
        } else {
            self.refuse("It cannot be taken back: the agent was told already.");
        }
    }

    pub(super) fn interrupt(&mut self) {
        if self.task.state == TaskState::Ready {
            self.refuse("The agent has done its work; say something, and it goes on.");
        } else if self.is_at_work() {
            self.order(Act::Interrupt);
        } else {
            self.refuse("No agent is at work.");
        }
    }

    /// What is there is taken as it is.
    pub(super) fn done(&mut self) {
        match self.task.state {
            TaskState::Working { .. } | TaskState::NeedsYou { .. } => self.order(Act::Done),
            TaskState::Ready => self.refuse("The work is done and held: publish it."),
            TaskState::Queued
            | TaskState::Leased { .. }
            | TaskState::Publishing
            | TaskState::InReview { .. }
            | TaskState::Merged { .. }
            | TaskState::Closed { .. }
            | TaskState::Published { .. }
            | TaskState::NoChange
            | TaskState::Failed { .. }
            | TaskState::Cancelled => self.refuse("Nobody is at work on the task."),
        }
    }

    pub(super) fn answer(&mut self, now: Timestamp, item: InboxId, answer: Answer, who: String) {
        if self.answer_feedback(now, item, &answer, &who) {
            return;
        }
        if self.memory.items.iter().any(|open| open.id == item) {
            self.order(Act::Answer { item, answer, who });
        } else {
            self.refuse("This is no longer asked.");
        }
    }

    pub(super) fn dismiss(&mut self) {
        if self.task.state.is_end() {
            self.task.dismissed = true;
        } else {
            let message = format!("The task has not ended: {}.", standing(&self.task.state));
            self.refuse(&message);
        }
    }

    /// What was said too late for an agent begins a new run, unless the task
    /// came to a bad end: then it waits for the person to say what next.
    pub(super) fn go_on_with_unsaid(&mut self, now: Timestamp) {
        let well = match self.task.state {
            TaskState::InReview { .. } | TaskState::Published { .. } | TaskState::NoChange => true,
            TaskState::Queued
            | TaskState::Leased { .. }
            | TaskState::Working { .. }
            | TaskState::NeedsYou { .. }
            | TaskState::Ready
            | TaskState::Publishing
            | TaskState::Merged { .. }
            | TaskState::Closed { .. }
            | TaskState::Failed { .. }
            | TaskState::Cancelled => false,
        };
        if well && !self.memory.unsaid.is_empty() {
            self.start_over(now, From::LastRun, None);
        }
    }

    /// What no agent heard is said once more, where the task stands now.
    pub(super) fn say_again(&mut self, now: Timestamp, text: String) {
        if self.is_at_work() || self.task.state == TaskState::Queued {
            self.say(now, text);
        } else {
            self.memory.unsaid.push(text);
            self.go_on_with_unsaid(now);
        }
    }

    fn can_start_over(&self) -> bool {
        self.task.state.is_end() || matches!(self.task.state, TaskState::InReview { .. })
    }

    pub(super) fn start_over(&mut self, now: Timestamp, from: From, text: Option<String>) {
        self.memory.unsaid.extend(text);
        (self.memory.at, self.memory.rebase) = (None, None);
        let resume = match from {
            From::Base => None,
            From::LastRun => self.where_it_was(),
            From::Turn(from) => return self.start_at(now, *from),
        };
        let knows_the_task = resume.as_ref().is_some_and(|resume| resume.session.is_some());
        self.memory.prompt = knows_the_task.then(String::new);
        self.memory.resume = resume;
        self.enqueue(now, "");
    }

    fn start_at(&mut self, now: Timestamp, from: RetryAt) {
        let RetryAt { kept, attempt, prompt } = from;
        // No agent goes on with another one's session.
        let session = kept.session.filter(|_| attempt > self.memory.agent_since);
        let begins = kept.turn == 0 && session.is_none();
        self.memory.prompt = Some(if session.is_some() || begins {
            prompt
        } else {
            format!("{}\n\n{prompt}", self.task.prompt)
        });
        self.memory.resume = self.beginning(session, kept.bundle);
        self.memory.at = Some(kept.base);
        self.enqueue(now, "");
    }

    /// A run that puts what was pushed on top of the base, which does nothing else
    /// and says why. False if there is other work as well.
    pub(super) fn start_rebase(&mut self, now: Timestamp, why: String) -> bool {
        let was = self.where_it_was();
        let has_more = was.as_ref().is_some_and(|resume| resume.bundle.is_some());
        if has_more || self.task.pushed.is_none() {
            return false;
        }
        self.start_over(now, From::LastRun, None);
        // It begins at what was pushed, session or not.
        let wanted = self.task.prompt.clone();
        self.memory.resume.get_or_insert(Resume { session: None, bundle: None, wanted });
        self.memory.rebase = Some(why);
        self.because(REBASES);
        true
    }

    /// The last session, and the last run's unpublished work.
    fn where_it_was(&self) -> Option<Resume> {
        let its_own =
            |run: &&Run| run.started_at.is_some() && run.attempt > self.memory.agent_since;
        let begun = || self.runs.iter().rev().filter(its_own);
        let session = begun().find_map(|run| run.session.clone());
        let bundle = begun().next().and_then(|run| run.rescue.clone());
        self.beginning(session, bundle)
    }

    fn beginning(&self, session: Option<Session>, bundle: Option<BlobId>) -> Option<Resume> {
        let wanted = self.task.prompt.clone();
        (session.is_some() || bundle.is_some()).then_some(Resume { session, bundle, wanted })
    }

    pub(super) fn order(&mut self, act: Act) {
        if let Some(run) = self.current() {
            self.out.push(TaskEffect::Order { run, act });
        }
    }

    fn current(&self) -> Option<RunId> {
        self.task.run.filter(|run| self.is_current(*run))
    }

    pub(super) fn refuse(&mut self, message: &str) {
        self.out.push(TaskEffect::Refused(Problem::new(Code::Precondition, message)));
    }
}
