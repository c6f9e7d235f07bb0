//! The git remote, and the record of every push that landed.

use super::World;
use pilot_lifecycle::TaskEvent;
use pilot_proto::{RunId, TaskId};
use std::collections::{BTreeMap, BTreeSet};

/// One branch per task.
#[derive(Debug, Default)]
pub(crate) struct Remote {
    heads: BTreeMap<TaskId, String>,
    landed: BTreeMap<(TaskId, u64), RunId>,
    permitted: BTreeSet<(TaskId, u64)>,
    /// What a person let go, of tasks that are held.
    let_go: BTreeSet<(TaskId, u64)>,
}

impl Remote {
    pub(crate) fn head(&self, task: TaskId) -> Option<&String> {
        self.heads.get(&task)
    }

    /// The runs whose push has landed.
    pub(crate) fn landed_by(&self) -> impl Iterator<Item = RunId> {
        self.landed.values().copied()
    }
}

impl World {
    /// A person looks at held work and lets it be published.
    pub(crate) fn let_go(&mut self, task: TaskId) {
        let fence = self.hub.tasks[&task].task().fence;
        self.remote.let_go.insert((task, fence));
        self.sights.see("held and let go");
        self.tell_task(task, TaskEvent::PublishWanted);
    }

    /// The hub permits a push.
    pub(crate) fn permit(&mut self, task: TaskId, fence: u64) {
        let current = self.hub.tasks[&task].task().fence;
        if current != fence || self.fences.get(&task) != Some(&fence) {
            self.broken(format!("a push was permitted for fence {fence}; current is {current}"));
        }
        let held = self.hub.tasks[&task].task().hold;
        if held && !self.remote.let_go.contains(&(task, fence)) {
            self.broken(format!("held work of task {} was let go by nobody", task.short()));
        }
        self.remote.permitted.insert((task, fence));
    }

    /// A push reaches the remote. False if the branch holds something else.
    pub(crate) fn land(
        &mut self,
        task: TaskId,
        run: RunId,
        fence: u64,
        commit: &str,
        expected: Option<&String>,
    ) -> bool {
        if self.remote.head(task) != expected {
            return false;
        }
        if !self.remote.permitted.contains(&(task, fence)) {
            self.broken(format!("run {} pushed without a permit", run.short()));
        }
        if self.fences.get(&task) != Some(&fence) {
            self.broken(format!("run {} pushed after its task was leased again", run.short()));
        }
        if self.remote.landed.insert((task, fence), run).is_some() {
            self.broken(format!("run {} pushed twice", run.short()));
        }
        self.remote.heads.insert(task, commit.to_owned());
        true
    }
}
