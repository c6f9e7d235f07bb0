//! Committing a turn, and letting out what stood on it.

use super::Core;
use super::board::memory_key;
use super::messages::Message;
use super::turn::{Output, Turn};
use crate::live::Changed;
use pilot_proto::runner::ToRunner;
use pilot_proto::{RunId, RunSpec, RunnerId, SealedGrant};
use pilot_store::{Change, Commit, StoreError};
use std::sync::Arc;

impl Core {
    /// Makes the turn durable, or nothing of it.
    pub(crate) async fn commit(&mut self, turn: &mut Turn) -> Result<(), StoreError> {
        self.turn_away_unfit(turn);
        self.tell_parents(turn).await?;
        self.tell_why_they_wait(turn);
        self.settle_schedules(turn);
        self.write_notes(turn);
        self.write_down_tasks(turn)?;
        let commit = Commit {
            journal: std::mem::take(&mut turn.journal),
            changes: std::mem::take(&mut turn.changes),
        };
        if !commit.journal.is_empty() || !commit.changes.is_empty() {
            self.reach.store.commit(&commit).await?;
        }
        for task in &turn.touched {
            if let Some(slot) = self.board.tasks.get_mut(task) {
                slot.saved();
            }
        }
        Ok(())
    }

    fn write_down_tasks(&mut self, turn: &mut Turn) -> Result<(), StoreError> {
        for id in turn.touched.clone() {
            let Some(slot) = self.board.tasks.get(&id) else { continue };
            let unsaved = slot.unsaved();
            if let Some(task) = unsaved.task {
                turn.changes.push(Change::PutTask(task.clone()));
                turn.outputs.push(Output::Tell(Changed::Task(Arc::new(task))));
            }
            turn.changes.extend(unsaved.runs.into_iter().map(Change::PutRun));
            if let Some(memory) = unsaved.memory {
                let value = serde_json::to_string(&memory)
                    .map_err(|source| StoreError::Spell { what: "the memory of a task", source })?;
                turn.changes.push(Change::PutSetting { key: memory_key(id), value });
            }
        }
        Ok(())
    }

    /// The turn is durable: out with everything.
    pub(crate) fn let_go(&mut self, turn: Turn, batch: Vec<Message>) {
        // A runner that hears that it joined dials at once, and is to be known.
        for runner in turn.runners {
            self.show_runner(runner);
        }
        for output in turn.outputs {
            self.let_out(output);
        }
        for task in turn.touched {
            for (run, runner) in self.board.dismiss(task) {
                // Only now that its end is durable: the same runner stays
                // connected for months, and a run of it that is not known to be
                // held is one that it lost.
                if let Some(link) = self.links.get_mut(&runner) {
                    link.held.remove(&run);
                }
            }
        }
        // Wishes without an answer of their own have none left to wait for.
        drop(batch);
    }

    fn let_out(&mut self, output: Output) {
        match output {
            Output::Answer(reply, answer) => reply.answer(answer),
            Output::Send(runner, message) => self.send(runner, message),
            Output::Assign { runner, run, secrets } => self.assign(runner, run, secrets),
            Output::Grant(run) => self.grant_git(run),
            Output::Permit(permit) => self.freshen(permit),
            Output::Permitted(permit) => self.permit(permit),
            Output::Ack(runner, run, cursor) => {
                if let Some(link) = self.links.get(&runner) {
                    link.outlet.ack(run, cursor);
                }
            }
            Output::Tell(changed) => self.reach.fanout.tell(changed),
            Output::Journal(run, fresh) => self.reach.fanout.tell_journal(run, fresh),
            Output::Fetch(fetch) => self.reach.vaults.fetch(fetch),
            Output::Publish(publication) => self.reach.publisher.publish(*publication),
            Output::Release(watched, head) => self.reach.publisher.release(*watched, head),
            Output::Look(watched) => self.reach.publisher.look_soon(*watched),
            Output::Unpublish(task) => self.reach.publisher.forget(task),
            Output::Intake => self.reach.intake.wake(),
            Output::HangUp(runner) => self.reach.connections.hang_up(runner),
        }
    }

    /// A runner that is away is told when it comes back.
    pub(crate) fn send(&self, runner: RunnerId, message: ToRunner) {
        if let Some(link) = self.links.get(&runner) {
            link.outlet.push(message);
        }
    }

    fn assign(&mut self, runner: RunnerId, run: RunId, secrets: Vec<SealedGrant>) {
        let Some(journal) = self.board.runs.get(&run) else { return };
        let Some(slot) = self.board.tasks.get(&journal.task) else { return };
        let (Some(spec), Some(project)) = (self.spec(slot), self.project_of(journal.task)) else {
            return;
        };
        let forge = self.forge_of(journal.task);
        let signing_key = project.pull_requests.signing_key.as_deref();
        let providers = self.board.providers.values();
        let task = slot.machine.task();
        let spec = self.reach.granter.complete(spec, task, forge, signing_key, providers);
        let spec = Box::new(RunSpec { secrets, ..spec });
        self.send(runner, ToRunner::Assign { spec });
    }
}
