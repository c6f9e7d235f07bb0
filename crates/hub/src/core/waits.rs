//! Why a task still waits, where that is more than a busy moment.

use super::Core;
use super::turn::Turn;
use pilot_proto::{Code, Problem, RunnerId, Task, TaskId, TaskState};

impl Core {
    /// Looks again at why each of the turn's tasks waits.
    pub(crate) fn tell_why_they_wait(&mut self, turn: &Turn) {
        for id in &turn.touched {
            let Some(slot) = self.board.tasks.get(id) else { continue };
            let task = slot.machine.task();
            let waits = if task.state == TaskState::Queued { self.why(task) } else { None };
            if let Some(slot) = self.board.tasks.get_mut(id) {
                slot.waits = waits;
            }
        }
    }

    /// Tasks that wait for this runner alone have to be told about it.
    pub(crate) fn touch_bound(&self, turn: &mut Turn, runner: RunnerId) {
        let bound = (self.board.tasks.values())
            .map(|slot| slot.machine.task())
            .filter(|task| task.only_runner == Some(runner) && task.state == TaskState::Queued);
        turn.touched.extend(bound.map(|task| task.id).collect::<Vec<TaskId>>());
    }

    fn why(&self, task: &Task) -> Option<String> {
        if let Some(runner) = task.only_runner {
            return Some(self.why_for(runner, &task.agent));
        }
        let at_most = task.batch.as_ref()?.at_most?;
        Some(format!("at most {at_most} of its batch are at work at once"))
    }

    fn why_for(&self, runner: RunnerId, agent: &str) -> String {
        let name = self.runner_name(runner);
        let Some(enrolled) = self.board.runners.get(&runner) else {
            return format!("waits for the runner `{name}`, which is unknown");
        };
        let found = self.links.get(&runner).map(|link| &link.about);
        let its = found.and_then(|about| about.agents.iter().find(|one| one.name == agent));
        match (found, its.map(|one| &one.problem)) {
            _ if enrolled.revoked => format!("waits for the runner `{name}`, which was revoked"),
            (None, _) => format!("waits for the runner `{name}`, which is offline"),
            (Some(_), None) => {
                format!("waits for the runner `{name}`, which has no agent `{agent}`")
            }
            (Some(_), Some(Some(problem))) => {
                format!("waits for the runner `{name}`, whose `{agent}` cannot start: {problem}")
            }
            (Some(about), _) if about.draining => {
                format!("waits for the runner `{name}`, which takes no new work")
            }
            (Some(_), Some(None)) => format!("waits for a free worker of the runner `{name}`"),
        }
    }

    fn runner_name(&self, runner: RunnerId) -> String {
        let enrolled = self.board.runners.get(&runner);
        enrolled.map_or_else(
            || runner.short(),
            |one| one.about.as_ref().map_or(&one.name, |about| &about.name).clone(),
        )
    }

    /// A runner that a task may be bound to.
    pub(crate) fn check_runner(&self, runner: RunnerId) -> Result<(), Problem> {
        let there: Vec<String> = (self.board.runners.values())
            .filter(|one| !one.revoked)
            .map(|one| format!("`{}` ({})", self.runner_name(one.id), one.id.short()))
            .collect();
        let message = match self.board.runners.get(&runner) {
            Some(one) if !one.revoked => return Ok(()),
            Some(_) => format!("`runner`: `{}` was revoked.", self.runner_name(runner)),
            None => format!("`runner`: there is no runner `{runner}`."),
        };
        let hint = if there.is_empty() {
            "There is none yet; `pilot runner join-code` lets one in.".to_owned()
        } else {
            format!("There are: {}.", there.join(", "))
        };
        Err(Problem::new(Code::NotFound, message).hint(hint))
    }
}
