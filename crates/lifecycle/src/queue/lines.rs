//! Who waits in which line. A line holds tasks that are alike to the queue, so
//! that the head of each is all that has to be looked at.

use pilot_proto::{BatchId, RunId, RunnerId, TaskId, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// What tasks of one line have in common: together they can be served or not.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Needs {
    /// Their agent.
    pub(super) agent: String,
    /// The only runner that may have them.
    pub(super) only_runner: Option<RunnerId>,
    /// Their batch, and how many of it may be out at once.
    pub(super) bound: Option<(BatchId, u32)>,
}

/// A task that waits.
#[derive(Debug, Clone)]
pub(super) struct Waiting {
    pub(super) run: RunId,
    pub(super) fence: u64,
    pub(super) needs: Needs,
    pub(super) batch: Option<BatchId>,
    pub(super) created_at: Timestamp,
}

/// All lines.
#[derive(Debug, Clone, Default)]
pub(super) struct Lines {
    by_needs: BTreeMap<Needs, BTreeSet<(Timestamp, TaskId)>>,
}

impl Lines {
    pub(super) fn join(&mut self, task: TaskId, waiting: &Waiting) {
        let line = self.by_needs.entry(waiting.needs.clone()).or_default();
        line.insert((waiting.created_at, task));
    }

    pub(super) fn leave(&mut self, task: TaskId, waiting: &Waiting) {
        if let Some(line) = self.by_needs.get_mut(&waiting.needs) {
            line.remove(&(waiting.created_at, task));
            if line.is_empty() {
                self.by_needs.remove(&waiting.needs);
            }
        }
    }

    /// The first of each line.
    pub(super) fn heads(&self) -> impl Iterator<Item = (&Needs, &(Timestamp, TaskId))> {
        self.by_needs.iter().filter_map(|(needs, line)| Some((needs, line.first()?)))
    }
}
