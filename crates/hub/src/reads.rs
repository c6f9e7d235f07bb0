//! The commands that only read: answered from the store, past the core, so
//! that a long log holds nobody up.

mod checkpoints;
mod compare;
mod journals;
mod lists;
mod moments;
mod network;
mod rescue;

pub(crate) use compare::tests_of;
pub(crate) use rescue::{pieces, rescue};

use crate::hub::Parts;
use pilot_proto::{Code, Problem, RunId, Task, TaskId};

/// Runs, and which of them is meant.
enum Which {
    /// This one.
    Run(RunId),
    /// The task has none yet.
    NoneYet,
}

impl Parts {
    pub(crate) async fn task_or_problem(&self, id: TaskId) -> Result<Task, Problem> {
        let task = self.store.task(id).await.map_err(|error| error.problem())?;
        task.ok_or_else(|| {
            Problem::new(Code::NotFound, format!("There is no task `{id}`."))
                .hint("`pilot task list` shows those there are.")
        })
    }

    /// The run asked for, or the latest; of this task in any case.
    async fn which_run(&self, task: TaskId, run: Option<RunId>) -> Result<Which, Problem> {
        let task = self.task_or_problem(task).await?;
        let Some(wanted) = run else {
            return Ok(task.run.map_or(Which::NoneYet, Which::Run));
        };
        let known = self.store.run(wanted).await.map_err(|error| error.problem())?;
        match known {
            Some(run) if run.task == task.id => Ok(Which::Run(run.id)),
            Some(_) | None => {
                let message = format!("The task `{}` has no run `{wanted}`.", task.id);
                Err(Problem::new(Code::NotFound, message))
            }
        }
    }
}
