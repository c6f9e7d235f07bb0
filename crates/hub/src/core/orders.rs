//! Orders to runs: kept until the journal shows that they were carried out.

use super::Core;
use super::turn::Turn;
use crate::clock;
use pilot_proto::runner::{Act, ToRunner};
use pilot_proto::{OrderId, RunId, RunnerId};
use pilot_store::{Change, PendingOrder};

impl Core {
    /// Keeps a new order and sends it.
    pub(crate) fn order(&mut self, turn: &mut Turn, run: RunId, act: Act) {
        let order = PendingOrder {
            order: OrderId(clock::mint()),
            run,
            act: act.clone(),
            created_at: turn.now,
        };
        turn.changes.push(Change::PutOrder(order.clone()));
        if let Some(journal) = self.board.runs.get(&run) {
            turn.send(journal.runner, ToRunner::Order { order: order.order, run, act });
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
            let (order, act) = (order.order, order.act.clone());
            turn.send(runner, ToRunner::Order { order, run, act });
        }
    }
}
