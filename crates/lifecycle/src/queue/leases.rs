//! The leases that are out, by task and by the time they end.

use super::words::Lease;
use pilot_proto::{BatchId, RunId, RunnerId, TaskId, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// All leases. At most one per task.
#[derive(Debug, Clone, Default)]
pub(super) struct Leases {
    by_task: BTreeMap<TaskId, (Lease, Timestamp)>,
    by_run: BTreeMap<RunId, TaskId>,
    by_end: BTreeSet<(Timestamp, TaskId)>,
    by_batch: BTreeMap<BatchId, u32>,
}

impl Leases {
    pub(super) fn of(&self, task: TaskId) -> Option<&Lease> {
        self.by_task.get(&task).map(|(lease, _)| lease)
    }

    pub(super) fn of_run(&self, run: RunId) -> Option<&Lease> {
        self.by_run.get(&run).and_then(|task| self.of(*task))
    }

    pub(super) fn of_runner(&self, runner: RunnerId) -> impl Iterator<Item = &Lease> {
        self.by_task.values().map(|(lease, _)| lease).filter(move |lease| lease.runner == runner)
    }

    pub(super) fn give(&mut self, lease: Lease, until: Timestamp) {
        self.end(lease.task);
        self.by_run.insert(lease.run, lease.task);
        self.by_end.insert((until, lease.task));
        if let Some(batch) = lease.batch {
            *self.by_batch.entry(batch).or_default() += 1;
        }
        self.by_task.insert(lease.task, (lease, until));
    }

    pub(super) fn renew(&mut self, run: RunId, runner: RunnerId, until: Timestamp) {
        let Some(lease) = self.of_run(run).copied() else { return };
        if lease.runner == runner {
            self.give(lease, until);
        }
    }

    pub(super) fn take(&mut self, run: RunId, runner: RunnerId) {
        let lease = self.by_run.get(&run).and_then(|task| self.by_task.get_mut(task));
        if let Some((lease, _)) = lease.filter(|(lease, _)| lease.runner == runner) {
            lease.taken = true;
        }
    }

    pub(super) fn end(&mut self, task: TaskId) -> Option<Lease> {
        let (lease, until) = self.by_task.remove(&task)?;
        self.by_run.remove(&lease.run);
        self.by_end.remove(&(until, task));
        if let Some(batch) = lease.batch
            && let Some(count) = self.by_batch.get_mut(&batch)
        {
            *count -= 1;
            if *count == 0 {
                self.by_batch.remove(&batch);
            }
        }
        Some(lease)
    }

    /// How many of a batch are out.
    pub(super) fn of_batch(&self, batch: BatchId) -> u32 {
        self.by_batch.get(&batch).copied().unwrap_or(0)
    }

    pub(super) fn first_end(&self) -> Option<(Timestamp, TaskId)> {
        self.by_end.first().copied()
    }
}
