//! `pilot task reassign|publish|keep|dismiss`, and the other one-word wishes.

use super::{find, told};
use crate::args::{Globals, TaskName, TaskReassign, TaskRetry, Whom};
use crate::commands::{Done, runner};
use pilot_client::Client;
use pilot_proto::console::{
    Command, OneTask, Reassign, RetryFrom, TaskReassign as Reassigned, TaskRetry as Retried,
    TaskShow, TaskUnsay, Unsay,
};
use pilot_proto::{Code, Problem, RunId, Task, TaskId};

/// A command that needs to know the task and nothing else.
pub(crate) async fn one<C>(globals: &Globals, hub: &Client, task: &TaskName) -> anyhow::Result<Done>
where
    C: Command<Request = OneTask, Response = Task>,
{
    let one = OneTask { task: find(hub, task).await? };
    told(globals, &hub.call::<C>(one).await?)
}

pub(crate) async fn retry(
    globals: &Globals,
    hub: &Client,
    arguments: TaskRetry,
) -> anyhow::Result<Done> {
    let task = find(hub, &arguments.task).await?;
    let run = match arguments.run {
        Some(name) => Some(run_of(hub, task, &name).await?),
        None => None,
    };
    let TaskRetry { turn, prompt, .. } = arguments;
    told(globals, &hub.call::<Retried>(RetryFrom { task, turn, run, prompt }).await?)
}

/// A run of the task by its number or its id.
async fn run_of(hub: &Client, task: TaskId, name: &str) -> anyhow::Result<RunId> {
    let runs = hub.call::<TaskShow>(OneTask { task }).await?.runs;
    let number = name.parse::<u32>().ok();
    let found = runs.iter().find(|run| Some(run.attempt) == number || run.id.to_string() == name);
    found.map(|run| run.id).ok_or_else(|| {
        let message = format!("the task has no run `{name}`");
        Problem::new(Code::NotFound, message).hint("`pilot task show` lists them").into()
    })
}

pub(crate) async fn reassign(
    globals: &Globals,
    hub: &Client,
    arguments: TaskReassign,
) -> anyhow::Result<Done> {
    let task = find(hub, &arguments.task).await?;
    let Whom { runner: name, agent, model } = arguments.to;
    let runner = match name {
        Some(name) => Some(runner::find(hub, &name).await?),
        None => None,
    };
    told(globals, &hub.call::<Reassigned>(Reassign { task, runner, agent, model }).await?)
}

/// Takes back what was said last, or what is named.
pub(crate) async fn unsay(
    globals: &Globals,
    hub: &Client,
    name: &TaskName,
    word: Option<String>,
) -> anyhow::Result<Done> {
    let task = find(hub, name).await?;
    let word = match word {
        Some(word) => word,
        None => {
            let said = hub.call::<TaskShow>(OneTask { task }).await?.said;
            let last = said.into_iter().next_back().ok_or_else(|| {
                Problem::new(Code::Precondition, "nothing waits to be told to the agent")
                    .hint(format!("`pilot task show {}` lists what does", task.short()))
            })?;
            last.word
        }
    };
    told(globals, &hub.call::<TaskUnsay>(Unsay { task, word }).await?)
}
