//! What becomes of a task when its run is over, and of its pull request.

use super::machine::TaskMachine;
use super::wishes::From;
use super::words::TaskEffect;
use pilot_proto::run::Outcome;
use pilot_proto::task::{PullRequest, TaskState};
use pilot_proto::{Code, Problem, Timestamp};

impl TaskMachine {
    /// The current run's journal has ended.
    pub(super) fn conclude(&mut self, now: Timestamp, outcome: &Outcome) {
        self.close_items();
        if let (true, Outcome::Pushed { branch, .. }) = (self.memory.stop, outcome) {
            self.reserve(format!(
                "The task was stopped when its work had already been pushed to `{branch}`."
            ));
        }
        if std::mem::take(&mut self.memory.stop) {
            return self.become_state(now, TaskState::Cancelled, "stopped by a person");
        }
        if let Some(then) = self.memory.then.take()
            && !matches!(outcome, Outcome::Pushed { .. })
        {
            // Whatever ended it: its journal is whole, and the next may begin.
            return self.carry_on(now, then);
        }
        match outcome {
            Outcome::Pushed { branch, commit } => self.publish(now, branch, commit),
            Outcome::NoChange => self.no_change(now),
            // The work was done and is rescued: nobody has to do it again.
            Outcome::Failed { problem } if problem.code == Code::LeaseLost && self.is_held() => {
                self.start_over(now, From::LastRun, None);
            }
            // The hub still counts on the run, so nobody else has the task.
            Outcome::Failed { problem } if problem.code == Code::LeaseLost => {
                self.back_to_the_queue(now, "the runner could not reach the hub in time");
            }
            Outcome::Fenced => self.back_to_the_queue(now, "the run gave way to another"),
            Outcome::Failed { problem } => self.fail(now, problem.clone()),
            Outcome::Cancelled => self.become_state(now, TaskState::Cancelled, ""),
        }
    }

    fn publish(&mut self, now: Timestamp, branch: &str, commit: &str) {
        match self.memory.denials {
            0 => {}
            1 => self.reserve("1 tool call of the agent was refused.".into()),
            denials => self.reserve(format!("{denials} tool calls of the agent were refused.")),
        }
        let push = self.memory.push.get_or_insert_with(|| super::memory::Push {
            branch: branch.to_owned(),
            commit: commit.to_owned(),
            summary: String::new(),
        });
        commit.clone_into(&mut push.commit);
        if self.memory.rebase.is_some() {
            // Nobody said anything; what was said of the same work still holds.
            self.memory.said.clone_into(&mut push.summary);
        }
        if self.memory.forge {
            self.become_state(now, TaskState::Publishing, "");
            self.open_pull_request();
        } else {
            let (branch, commit) = (branch.to_owned(), commit.to_owned());
            self.become_state(now, TaskState::Published { branch, commit }, "");
            self.go_on_with_unsaid(now);
        }
    }

    pub(super) fn open_pull_request(&mut self) {
        if let Some(push) = self.memory.push.clone() {
            self.out.push(TaskEffect::OpenPullRequest {
                branch: push.branch,
                commit: push.commit,
                summary: push.summary,
                answers: self.memory.feedback.answering.clone(),
            });
        }
    }

    fn no_change(&mut self, now: Timestamp) {
        match self.task.pull_request.clone() {
            // A follow-up that changed nothing does not undo the work in review.
            Some(pull_request)
                if self.memory.in_review && !self.memory.feedback.answering.is_empty() =>
            {
                self.publish_words(now, pull_request);
            }
            Some(pull_request) if self.memory.in_review => {
                let state = TaskState::InReview { pull_request };
                let conflicts = "its branch conflicts with the base, which has moved";
                let reason =
                    if self.rebases() { conflicts } else { "the last run changed nothing" };
                self.become_state(now, state, reason);
            }
            Some(_) | None => self.become_state(now, TaskState::NoChange, ""),
        }
        self.go_on_with_unsaid(now);
    }

    /// There is nothing to push, and still somebody waits for an answer. It is
    /// given as any publication is, so that it outlives a hub.
    fn publish_words(&mut self, now: Timestamp, pull_request: PullRequest) {
        self.memory.push = Some(super::memory::Push {
            branch: self.task.branch.clone(),
            commit: pull_request.head,
            summary: self.memory.said.clone(),
        });
        self.become_state(now, TaskState::Publishing, "the last run changed nothing");
        self.open_pull_request();
    }

    /// A person wants a publication that failed tried once more; the branch is
    /// pushed. False if there is nothing to publish.
    pub(super) fn publish_once_more(&mut self, now: Timestamp) -> bool {
        let pushed =
            matches!(self.run().and_then(|run| run.outcome.as_ref()), Some(Outcome::Pushed { .. }));
        let failed = matches!(self.task.state, TaskState::Failed { .. });
        if !failed || !pushed || !self.memory.forge || self.memory.push.is_none() {
            return false;
        }
        self.task.dismissed = false;
        self.become_state(now, TaskState::Publishing, "");
        self.open_pull_request();
        true
    }

    pub(super) fn review(&mut self, now: Timestamp, pull_request: PullRequest) {
        self.task.pull_request = Some(pull_request.clone());
        self.memory.in_review = true;
        // They were answered before it was told.
        self.memory.feedback.answering.clear();
        if self.task.state == TaskState::Publishing {
            self.become_state(now, TaskState::InReview { pull_request }, "");
            self.go_on_with_unsaid(now);
        }
    }

    /// It is still open, and this is how it looks now.
    pub(super) fn seen(&mut self, seen: PullRequest) {
        let is_it = self.task.pull_request.as_ref().is_some_and(|one| one.number == seen.number);
        if !is_it {
            return;
        }
        if let TaskState::InReview { pull_request } = &mut self.task.state {
            pull_request.clone_from(&seen);
        }
        self.task.pull_request = Some(seen);
    }

    pub(super) fn publish_failed(&mut self, now: Timestamp, problem: Problem) {
        if self.task.state == TaskState::Publishing {
            self.fail(now, problem);
        }
    }

    /// The pull request was merged or closed. While a run is at work the hub
    /// learns it again later.
    pub(super) fn reviewed(&mut self, now: Timestamp, merged: bool) {
        let Some(pull_request) = self.watched().cloned() else { return };
        self.memory.in_review = false;
        self.end_feedback();
        let state = if merged {
            TaskState::Merged { pull_request }
        } else {
            TaskState::Closed { pull_request }
        };
        self.become_state(now, state, "");
    }

    pub(super) fn back_to_the_queue(&mut self, now: Timestamp, reason: &str) {
        if std::mem::take(&mut self.memory.stop) {
            self.become_state(now, TaskState::Cancelled, "stopped by a person");
        } else if !self.begin_anew_if_wanted(now) {
            self.enqueue(now, reason);
        }
    }

    pub(super) fn fail_or_cancel(&mut self, now: Timestamp, problem: Problem) {
        if std::mem::take(&mut self.memory.stop) {
            self.become_state(now, TaskState::Cancelled, "stopped by a person");
        } else if !self.begin_anew_if_wanted(now) {
            self.fail(now, problem);
        }
    }

    /// What is in review stays there: the failure is the follow-up's.
    fn fail(&mut self, now: Timestamp, problem: Problem) {
        self.become_state(now, TaskState::Failed { problem }, "");
        if self.watched().is_some() {
            self.because("the pull request of an earlier run is still open");
        }
    }
}
