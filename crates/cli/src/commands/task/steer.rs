//! `pilot task reassign|publish|keep|dismiss`, and the other one-word wishes.

use super::{find, told};
use crate::args::{Globals, TaskName, TaskReassign, Whom};
use crate::commands::{Done, runner};
use pilot_client::Client;
use pilot_proto::Task;
use pilot_proto::console::{Command, OneTask, Reassign, TaskReassign as Reassigned};

/// A command that needs to know the task and nothing else.
pub(crate) async fn one<C>(globals: &Globals, hub: &Client, task: &TaskName) -> anyhow::Result<Done>
where
    C: Command<Request = OneTask, Response = Task>,
{
    let one = OneTask { task: find(hub, task).await? };
    told(globals, &hub.call::<C>(one).await?)
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
