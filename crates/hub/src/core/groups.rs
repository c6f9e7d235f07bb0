//! Best of N: several tasks that do the same, and the one that is kept.

use super::Core;
use super::messages::Granted;
use super::turn::Turn;
use super::wishes::{Played, no_task};
use pilot_lifecycle::TaskEvent;
use pilot_proto::{Code, GroupId, Problem, Task, TaskId};
use pilot_store::StoreError;
use std::collections::{BTreeMap, BTreeSet};

/// More than anybody compares; each is a whole run of an agent.
const MOST: usize = 8;

impl Core {
    /// Tasks of one group do the same, and are few.
    pub(crate) async fn check_groups(
        &self,
        filed: &[(Task, bool)],
    ) -> Result<Result<(), Problem>, StoreError> {
        let groups: BTreeSet<GroupId> = filed.iter().filter_map(|(task, _)| task.group).collect();
        for group in groups {
            let new = filed.iter().map(|(task, _)| task).filter(|task| task.group == Some(group));
            let mut members = self.members(group).await?;
            members.extend(new.map(|task| (task.id, task.clone())));
            if let Err(problem) = self.check_group(&members) {
                return Ok(Err(problem));
            }
        }
        Ok(Ok(()))
    }

    fn check_group(&self, members: &BTreeMap<TaskId, Task>) -> Result<(), Problem> {
        if members.len() > MOST {
            let message =
                format!("`group`: {MOST} tasks at most; these would be {}.", members.len());
            return Err(Problem::new(Code::Invalid, message));
        }
        let base = |task: &Task| {
            let project = self.board.projects.get(&task.project);
            task.base.clone().or_else(|| project?.base.clone())
        };
        let mut all = members.values();
        let Some(first) = all.next() else { return Ok(()) };
        for task in all {
            let differs = if task.project != first.project {
                "project"
            } else if task.prompt != first.prompt {
                "prompt"
            } else if base(task) != base(first) {
                "base"
            } else {
                continue;
            };
            let message = format!("`group`: its tasks do the same, but their `{differs}` differs.");
            return Err(Problem::new(Code::Invalid, message)
                .hint("Tasks of a group differ in agent, model and runner only."));
        }
        Ok(())
    }

    /// Also those that were filed in this very turn.
    async fn members(&self, group: GroupId) -> Result<BTreeMap<TaskId, Task>, StoreError> {
        let stored = self.reach.store.tasks_of_group(group).await?;
        let mut members: BTreeMap<TaskId, Task> =
            stored.into_iter().map(|task| (task.id, task)).collect();
        let here = self.board.tasks.values().map(|slot| slot.machine.task());
        let here = here.filter(|task| task.group == Some(group));
        members.extend(here.map(|task| (task.id, task.clone())));
        Ok(members)
    }

    /// Publishes this one and stops the others. Said twice, it is done once.
    pub(crate) async fn keep_one(&mut self, turn: &mut Turn, task: TaskId) -> Played {
        if !self.board.summon(&self.reach.store, task).await? {
            return Ok(Err(no_task(task)));
        }
        let Some(kept) = self.shown(task) else { return Ok(Err(no_task(task))) };
        let Some(group) = kept.group else {
            let problem = Problem::new(Code::Precondition, "The task belongs to no group.")
                .hint("`pilot task publish` publishes a task that is held by itself.");
            return Ok(Err(problem));
        };
        if let Err(problem) = self.feed(turn, task, TaskEvent::PublishWanted) {
            return Ok(Err(problem));
        }
        let others: Vec<TaskId> = (self.board.tasks.values())
            .map(|slot| slot.machine.task())
            .filter(|other| other.group == Some(group) && other.id != task)
            .filter(|other| !other.state.is_end())
            .map(|other| other.id)
            .collect();
        for other in others {
            self.feed_news(turn, other, TaskEvent::StopWanted);
            self.stop_children(turn, other).await?;
        }
        Ok(self.shown(task).map(|task| Granted::Tasks(vec![task])).ok_or_else(|| no_task(task)))
    }
}
