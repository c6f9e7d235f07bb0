//! Work that is done and held: a person looks at it before it is published.
//!
//! **Invariant:** a held task's push is permitted by a person's word for that
//! very run and by nothing else; the next run's work is held again.

use super::machine::TaskMachine;
use super::memory::Push;
use super::reassign::Then;
use super::words::TaskEffect;
use pilot_proto::run::Phase;
use pilot_proto::runner::Act;
use pilot_proto::task::TaskState;
use pilot_proto::{RunId, Timestamp};

/// Why a task that is ready stands still.
pub(super) const HELD: &str = "waits for a look before it is published";
const PUBLISHING: &str = "is being published";

impl TaskMachine {
    /// The gate of the whole product: nothing reaches a remote but through
    /// here, and for a held task through [`TaskMachine::publish_wanted`].
    pub(super) fn push_wanted(&mut self, now: Timestamp, run: RunId, fence: u64, push: Push) {
        if fence != self.task.fence {
            return self.out.push(TaskEffect::Fence { run });
        }
        // Where an end is wanted its order is on the way; the run ends without a push.
        if self.is_being_ended() {
            return;
        }
        self.memory.push = Some(push);
        if self.task.hold {
            self.become_state(now, TaskState::Ready, "");
            self.because_run("");
        } else {
            self.order(Act::PermitPush { fence });
        }
    }

    /// A person has looked and lets it go. Said twice, it is done once.
    pub(super) fn publish_wanted(&mut self, now: Timestamp) {
        match self.task.state {
            TaskState::Ready => {
                self.memory.permitted = true;
                self.leave_ready(now);
                self.because_run(PUBLISHING);
                self.order(Act::PermitPush { fence: self.task.fence });
            }
            TaskState::Working { .. } if self.memory.permitted => {}
            TaskState::Publishing
            | TaskState::InReview { .. }
            | TaskState::Merged { .. }
            | TaskState::Published { .. } => {}
            TaskState::Queued
            | TaskState::Leased { .. }
            | TaskState::Working { .. }
            | TaskState::NeedsYou { .. }
            | TaskState::Closed { .. }
            | TaskState::NoChange
            | TaskState::Failed { .. }
            | TaskState::Cancelled => {
                if self.publish_once_more(now) {
                    return;
                }
                let message = format!("The task is not ready: {}.", standing(&self.task.state));
                self.refuse(&message);
            }
        }
    }

    /// The agent of held work has ended, so a new run goes on with its session
    /// and its work, once this one has put both in a safe place.
    pub(super) fn follow_up_held(&mut self, now: Timestamp, text: String) {
        self.memory.unsaid.push(text);
        self.end_run_then(now, Then::GoOn);
    }

    /// The run's work waits, or has waited when it began to wind down.
    pub(super) fn is_held(&self) -> bool {
        self.task.hold && self.memory.push.is_some() && !self.memory.permitted
    }

    /// Ready means that it can be published now; from here on it cannot.
    pub(super) fn leave_ready(&mut self, now: Timestamp) {
        if self.task.state == TaskState::Ready {
            self.become_state(now, TaskState::Working { phase: Phase::Pushing }, "");
        }
    }
}

/// Where a task stands, as the end of a sentence.
pub(super) fn standing(state: &TaskState) -> &'static str {
    match state {
        TaskState::Queued => "it waits for a runner",
        TaskState::Leased { .. } => "its run is about to begin",
        TaskState::Working { .. } => "its run is at work",
        TaskState::NeedsYou { .. } => "it waits for an answer",
        TaskState::Ready => "its work waits for a look",
        TaskState::Publishing => "it is being published",
        TaskState::InReview { .. } => "its pull request is open",
        TaskState::Merged { .. } => "its pull request was merged",
        TaskState::Closed { .. } => "its pull request was closed",
        TaskState::Published { .. } => "it was published",
        TaskState::NoChange => "it changed nothing",
        TaskState::Failed { .. } => "it has failed",
        TaskState::Cancelled => "it was stopped",
    }
}
