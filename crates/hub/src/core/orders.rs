//! Orders to runs: kept until the journal shows that they were carried out.

use super::Core;
use super::turn::{Output, Turn};
use crate::clock;
use pilot_proto::runner::{Act, ToRunner};
use pilot_proto::{Forge, OrderId, Project, RunId, RunnerId, TaskId};
use pilot_store::{Change, PendingOrder};

/// A permit to push, on its way to a runner.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Permit {
    runner: RunnerId,
    run: RunId,
    order: OrderId,
}

impl Core {
    /// Keeps a new order and sends it.
    pub(crate) fn order(&mut self, turn: &mut Turn, run: RunId, act: Act) {
        let order = PendingOrder { order: OrderId(clock::mint()), run, act, created_at: turn.now };
        turn.changes.push(Change::PutOrder(order.clone()));
        if let Some(journal) = self.board.runs.get(&run) {
            give(turn, journal.runner, &order);
        }
        self.board.orders.entry(run).or_default().push(order);
    }

    /// The journal shows that it is done. Gives it, if it was still kept.
    pub(crate) fn order_done(
        &mut self,
        turn: &mut Turn,
        run: RunId,
        id: OrderId,
    ) -> Option<PendingOrder> {
        let orders = self.board.orders.get_mut(&run)?;
        let at = orders.iter().position(|order| order.order == id)?;
        let done = orders.remove(at);
        if orders.is_empty() {
            self.board.orders.remove(&run);
        }
        turn.changes.push(Change::DropOrder(id));
        Some(done)
    }

    /// Nobody wants them any more. Gives what was left.
    pub(crate) fn drop_orders(&mut self, turn: &mut Turn, run: RunId) -> Vec<PendingOrder> {
        let left = self.board.orders.remove(&run).unwrap_or_default();
        if !left.is_empty() {
            turn.changes.push(Change::DropOrders(run));
        }
        left
    }

    /// Sends again what a runner that has just connected may have missed.
    pub(crate) fn send_orders_again(&mut self, turn: &mut Turn, runner: RunnerId) {
        for run in self.board.runs_of(runner) {
            self.send_orders_of(turn, runner, run);
        }
    }

    /// Sends what a run was told: also what was said before its runner had it,
    /// which the runner could only drop. A run does an order once, whatever
    /// comes twice.
    pub(crate) fn send_orders_of(&mut self, turn: &mut Turn, runner: RunnerId, run: RunId) {
        for order in self.board.orders.get(&run).into_iter().flatten() {
            give(turn, runner, order);
        }
    }

    /// The runs that are at work in repositories of this forge learn how their
    /// git logs in there now.
    pub(crate) fn grant_again(&self, turn: &mut Turn, forge: &str) {
        let projects = self.board.projects.values();
        let there = projects.filter(|project| project.forge.as_deref() == Some(forge));
        let runs = there.flat_map(|project| self.at_work(project, None));
        turn.outputs.extend(runs.map(Output::Grant));
    }

    /// Sees to it that the run's login is good before it is told to push: many
    /// an hour may have passed since it began.
    pub(crate) fn freshen(&self, permit: Permit) {
        let forge = self.board.runs.get(&permit.run).and_then(|run| self.forge_of(run.task));
        match forge.filter(|forge| self.reach.permits.concern(forge)) {
            Some(forge) => self.reach.permits.freshen(forge.clone(), permit),
            None => self.permit(permit),
        }
    }

    /// Lets a run push, if nobody has thought better of it meanwhile.
    pub(crate) fn permit(&self, permit: Permit) {
        let Permit { runner, run, order } = permit;
        let mut orders = self.board.orders.get(&run).into_iter().flatten();
        let Some(kept) = orders.find(|kept| kept.order == order) else { return };
        self.grant_git(run);
        let act = kept.act.clone();
        self.send(runner, ToRunner::Order { order, run, act });
    }

    /// Tells a run how its git logs in now.
    pub(crate) fn grant_git(&self, run: RunId) {
        let Some(journal) = self.board.runs.get(&run) else { return };
        let project = self.project_of(journal.task);
        let forge = self.forge_of(journal.task);
        let git = forge
            .zip(project)
            .and_then(|(forge, project)| self.reach.granter.git(forge, &project.repo));
        if let Some(git) = git {
            self.send(journal.runner, ToRunner::Grant { run, git });
        }
    }

    pub(crate) fn project_of(&self, task: TaskId) -> Option<&Project> {
        let slot = self.board.tasks.get(&task)?;
        self.board.projects.get(&slot.machine.task().project)
    }

    /// The forge that a task's project is on.
    pub(crate) fn forge_of(&self, task: TaskId) -> Option<&Forge> {
        self.board.forges.get(self.project_of(task)?.forge.as_ref()?)
    }
}

/// Sends an order; a permit to push takes its login along.
fn give(turn: &mut Turn, runner: RunnerId, kept: &PendingOrder) {
    let (order, run, act) = (kept.order, kept.run, kept.act.clone());
    if matches!(act, Act::PermitPush { .. }) {
        turn.outputs.push(Output::Permit(Permit { runner, run, order }));
    } else {
        turn.send(runner, ToRunner::Order { order, run, act });
    }
}
