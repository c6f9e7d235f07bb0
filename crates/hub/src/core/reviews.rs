//! Pull requests that are open: when they are looked at, and what becomes of
//! what was seen.

use super::Core;
use super::board::Slot;
use super::messages::{IssueNews, PullRequestNews};
use super::turn::{Output, Turn};
use crate::clock;
use crate::publish::{Sight, Watched};
use pilot_lifecycle::TaskEvent;
use pilot_proto::task::PullRequest;
use pilot_proto::{InboxId, TaskId};
use pilot_store::StoreError;
use std::time::Duration;

/// After a push, the first look at what its checks say: a forge starts them
/// within seconds.
const FIRST_LOOK: Duration = Duration::from_secs(5);

impl Core {
    pub(crate) async fn pull_request(
        &mut self,
        turn: &mut Turn,
        task: TaskId,
        news: &PullRequestNews,
    ) -> Result<(), StoreError> {
        if !self.board.summon(&self.reach.store, task).await? {
            return Ok(());
        }
        let event = match news {
            PullRequestNews::Open(pull_request) => {
                // By then its checks have begun, if it has any.
                self.next_review = self.next_review.min(turn.steady.after(FIRST_LOOK));
                TaskEvent::PullRequestOpen { pull_request: pull_request.clone() }
            }
            PullRequestNews::Seen(sight) => {
                self.seen_in_review(turn, task, sight);
                return Ok(());
            }
            PullRequestNews::StillHeld => TaskEvent::CiStillHeld,
            PullRequestNews::Failed(problem) => {
                TaskEvent::PublishFailed { problem: problem.clone() }
            }
            PullRequestNews::Merged => TaskEvent::PullRequestMerged,
            PullRequestNews::Closed => TaskEvent::PullRequestClosed,
            PullRequestNews::Delayed(problem) => {
                if let Some(slot) = self.board.tasks.get_mut(&task) {
                    slot.late = Some(format!("the pull request is late: {problem}"));
                    turn.touched.insert(task);
                }
                return Ok(());
            }
        };
        if let Some(slot) = self.board.tasks.get_mut(&task) {
            slot.late = None;
        }
        self.feed_news(turn, task, event);
        Ok(())
    }

    fn seen_in_review(&mut self, turn: &mut Turn, task: TaskId, sight: &Sight) {
        let Sight { pull_request, said, held, by_hand } = sight;
        self.feed_news(
            turn,
            task,
            TaskEvent::PullRequestSeen { pull_request: pull_request.clone() },
        );
        if let Some(held) = held {
            let event = TaskEvent::CiHeld {
                item: InboxId(clock::mint()),
                head: pull_request.head.clone(),
                held: held.clone(),
                by_hand: *by_hand,
            };
            self.feed_news(turn, task, event);
        }
        let slot = self.board.tasks.get(&task);
        let project = slot.and_then(|slot| self.board.projects.get(&slot.machine.task().project));
        if let (false, Some(project)) = (said.is_empty(), project) {
            let event = TaskEvent::FeedbackCame {
                item: InboxId(clock::mint()),
                policy: project.pull_requests.feedback.clone(),
                said: said.clone(),
            };
            self.feed_news(turn, task, event);
        }
    }

    /// Has every open pull request looked at.
    pub(crate) fn review(&mut self) {
        let watched: Vec<Watched> =
            self.board.tasks.values().filter_map(|slot| self.watched(slot)).collect();
        for one in watched {
            self.reach.publisher.look(one);
        }
    }

    /// What there is to look at of a task's pull request.
    fn watched(&self, slot: &Slot) -> Option<Watched> {
        let task = slot.machine.task();
        let pull_request = slot.machine.watched()?;
        let project = self.board.projects.get(&task.project)?;
        let forge = self.board.forges.get(project.forge.as_ref()?)?;
        Some(Watched::new(task, project, forge, pull_request, slot.machine.heard()))
    }

    /// The looks that news of a project's forge bring: at the pull requests of
    /// ours that they are about.
    pub(super) fn looks_at(&self, project: &str, news: &IssueNews) -> Vec<Output> {
        let is_meant = |known: &PullRequest| {
            news.pull == Some(known.number) || news.checked.as_ref() == Some(&known.head)
        };
        let of_project = |slot: &&Slot| slot.machine.task().project == project;
        let slots = self.board.tasks.values().filter(of_project);
        let meant = slots.filter(|slot| slot.machine.watched().is_some_and(is_meant));
        let watched = meant.filter_map(|slot| self.watched(slot));
        watched.map(|watched| Output::Look(Box::new(watched))).collect()
    }

    /// A person lets its CI run.
    pub(crate) fn release_ci(&self, turn: &mut Turn, task: TaskId, head: String) {
        let slot = self.board.tasks.get(&task);
        if let Some(watched) = slot.and_then(|slot| self.watched(slot)) {
            turn.outputs.push(Output::Release(Box::new(watched), head));
        }
    }
}
