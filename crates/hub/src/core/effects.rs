//! What the machines want done: the core's half of every effect.

use super::Core;
use super::board::{Journal, Slot};
use super::children::ChildWish;
use super::turn::{Output, Turn};
use crate::assignment::run_spec;
use crate::clock;
use crate::live::Changed;
use crate::publish::Publication;
use pilot_lifecycle::{QueueEffect, QueueEvent, TaskEffect, TaskEvent};
use pilot_proto::inbox::{Answered, Decider};
use pilot_proto::runner::{ToRunner, Verdict};
use pilot_proto::{Answer, GroupId, InboxId, InboxItem, Problem, RunId, RunnerId, TaskId};
use pilot_store::{Change, JournalEnd};
use std::sync::Arc;

impl Core {
    /// Feeds a task's machine and carries out what it says. Gives the refusal,
    /// if it refused.
    pub(crate) fn feed(
        &mut self,
        turn: &mut Turn,
        task: TaskId,
        event: TaskEvent<'_>,
    ) -> Result<(), Problem> {
        let Some(slot) = self.board.tasks.get_mut(&task) else {
            tracing::error!(%task, "an event of a task that is not here");
            return Ok(());
        };
        let was_pinned = slot.machine.pinned().is_some();
        let effects = slot.machine.handle(turn.now, event);
        turn.touched.insert(task);
        let pinned = slot.machine.pinned().map(str::to_owned);
        let fresh = pinned.filter(|_| !was_pinned).zip(slot.machine.task().group);
        let mut refused = Ok(());
        for effect in effects {
            if let TaskEffect::Refused(problem) = effect {
                refused = Err(problem);
            } else {
                self.carry_out(turn, task, effect);
            }
        }
        if let Some((commit, group)) = fresh {
            self.tell_group(turn, group, &commit);
        }
        refused
    }

    /// The first of a group has begun: the others begin from the same commit.
    fn tell_group(&mut self, turn: &mut Turn, group: GroupId, commit: &str) {
        let others = self.board.tasks.values().map(|slot| &slot.machine);
        let others: Vec<TaskId> = others
            .filter(|machine| machine.task().group == Some(group) && machine.pinned().is_none())
            .map(|machine| machine.task().id)
            .collect();
        for other in others {
            self.feed_news(turn, other, TaskEvent::BaseKnown { commit: commit.to_owned() });
        }
    }

    /// As [`Core::feed`], for events that nobody waits for an answer to.
    pub(crate) fn feed_news(&mut self, turn: &mut Turn, task: TaskId, event: TaskEvent<'_>) {
        if let Err(problem) = self.feed(turn, task, event) {
            tracing::warn!(%task, %problem, "a task refused what happened to it");
        }
    }

    fn carry_out(&mut self, turn: &mut Turn, task: TaskId, effect: TaskEffect) {
        match effect {
            TaskEffect::Enqueue => self.enqueue(turn, task),
            TaskEffect::Dequeue => self.ask_queue(turn, QueueEvent::Withdrawn { task }),
            TaskEffect::Order { run, act } => self.order(turn, run, act),
            TaskEffect::Fence { run } => {
                self.undo_orders(turn, task, run);
                self.tell_verdict(turn, run, Verdict::Fenced);
            }
            TaskEffect::RunOver { run } => self.run_over(turn, task, run),
            TaskEffect::InboxPut(item) => self.put_inbox(turn, item),
            TaskEffect::InboxGone { item } => self.close_inbox(turn, item),
            TaskEffect::OpenPullRequest { branch, commit, summary, answers } => {
                let wanting =
                    |one: Publication| one.wanting(branch, commit, summary).answering(answers);
                self.publish(turn, task, wanting);
            }
            TaskEffect::ReleaseCi { head } => self.release_ci(turn, task, head),
            TaskEffect::FileChild { run, token, child } => {
                turn.wishes.push_back(ChildWish { parent: task, run, token, child });
            }
            // `feed` has taken it out.
            TaskEffect::Refused(_) => {}
        }
    }

    /// Feeds the queue and carries out what it says.
    pub(crate) fn ask_queue(&mut self, turn: &mut Turn, event: QueueEvent<'_>) {
        for effect in self.board.queue.handle(turn.steady, event) {
            match effect {
                QueueEffect::Grant { task, run, runner, fence } => {
                    self.lease(turn, task, run, runner, fence);
                }
                QueueEffect::Expire { task, run } => {
                    self.changed_runner_of(turn, run);
                    self.feed_news(turn, task, TaskEvent::LeaseExpired { run });
                }
                QueueEffect::Lost { task, run } => {
                    self.changed_runner_of(turn, run);
                    self.feed_news(turn, task, TaskEvent::RunLost { run });
                }
            }
        }
    }

    fn enqueue(&mut self, turn: &mut Turn, task: TaskId) {
        let Some(slot) = self.board.tasks.get(&task) else { return };
        let wanted = slot.machine.task();
        let batch = slot.machine.bound_by();
        let event = QueueEvent::Wanted {
            task,
            run: RunId(clock::mint()),
            fence: wanted.fence + 1,
            agent: wanted.agent.clone(),
            only_runner: wanted.only_runner,
            batch: batch.as_ref(),
            created_at: wanted.created_at,
        };
        turn.outputs.push(Output::Unpublish(task));
        self.ask_queue(turn, event);
    }

    fn lease(&mut self, turn: &mut Turn, task: TaskId, run: RunId, runner: RunnerId, fence: u64) {
        let journal = Journal { task, runner, fence, end: JournalEnd::default() };
        self.board.runs.insert(run, journal);
        self.feed_news(turn, task, TaskEvent::Leased { run, runner, fence });
        turn.runners.insert(runner);
        let Some(slot) = self.board.tasks.get(&task) else { return };
        if !slot.machine.is_current(run) {
            return;
        }
        match self.spec(slot) {
            Some(spec) => {
                self.assign_sealed(turn, task, runner, &spec);
                turn.changes.push(Change::PutSpec(spec));
            }
            None => tracing::error!(%task, "a task was leased whose project is gone"),
        }
    }

    /// What the present run of a task is told to do, without grants.
    pub(crate) fn spec(&self, slot: &Slot) -> Option<pilot_proto::RunSpec> {
        let project = self.board.projects.get(&slot.machine.task().project)?;
        run_spec(&slot.machine, project, &self.board.prices, self.reach.options.lease)
    }

    /// What a run was told and will never do goes back to its task: what a
    /// person said to the agent is said to the next one.
    pub(crate) fn undo_orders(&mut self, turn: &mut Turn, task: TaskId, run: RunId) {
        for order in self.drop_orders(turn, run) {
            self.feed_news(turn, task, TaskEvent::Undone { run, act: order.act });
        }
    }

    fn run_over(&mut self, turn: &mut Turn, task: TaskId, run: RunId) {
        self.changed_runner_of(turn, run);
        self.undo_orders(turn, task, run);
        if let Some(journal) = self.board.runs.get(&run)
            && let Some(end) = self.links.get_mut(&journal.runner)
            && let Some(held) = end.held.get_mut(&run)
        {
            held.finished = true;
        }
        self.ask_queue(turn, QueueEvent::Released { run });
        self.tell_verdict(turn, run, Verdict::Forget);
    }

    pub(crate) fn tell_verdict(&mut self, turn: &mut Turn, run: RunId, verdict: Verdict) {
        if let Some(journal) = self.board.runs.get(&run) {
            turn.send(journal.runner, ToRunner::Verdict { run, verdict });
        }
    }

    pub(crate) fn changed_runner_of(&mut self, turn: &mut Turn, run: RunId) {
        if let Some(journal) = self.board.runs.get(&run) {
            turn.runners.insert(journal.runner);
        }
    }

    fn put_inbox(&mut self, turn: &mut Turn, item: InboxItem) {
        if item.answered.is_some() {
            self.board.inbox.remove(&item.id);
        } else {
            self.board.inbox.insert(item.id, item.clone());
        }
        turn.outputs.push(Output::Tell(Changed::Inbox(Arc::new(item.clone()))));
        turn.changes.push(Change::PutInbox(item));
    }

    /// Closed without anybody's word: kept as refused, with the reason.
    fn close_inbox(&mut self, turn: &mut Turn, id: InboxId) {
        let Some(mut item) = self.board.inbox.remove(&id) else { return };
        let reason = "The run no longer waits for an answer.".to_owned();
        item.answered = Some(Answered {
            answer: Answer::Deny { reason },
            decider: Decider::Policy,
            at: turn.now,
        });
        self.put_inbox(turn, item);
    }

    fn publish(
        &mut self,
        turn: &mut Turn,
        task: TaskId,
        wanting: impl FnOnce(Publication) -> Publication,
    ) {
        let Some(slot) = self.board.tasks.get(&task) else { return };
        let project = self.board.projects.get(&slot.machine.task().project);
        let forge = project.and_then(|project| self.board.forges.get(project.forge.as_ref()?));
        match (project, forge) {
            (Some(project), Some(forge)) => {
                let noted = self.board.intake.keeps_comments(&project.name);
                let wanted = Publication::new(slot.machine.task(), project, forge).noted(noted);
                let wanted = wanting(wanted);
                turn.outputs.push(Output::Publish(Box::new(wanted)));
            }
            _ => {
                let problem = Problem::new(
                    pilot_proto::Code::Precondition,
                    "The branch is pushed, but the project has no forge any more.",
                )
                .hint("Add the forge again and retry the task.");
                self.feed_news(turn, task, TaskEvent::PublishFailed { problem });
            }
        }
    }
}
