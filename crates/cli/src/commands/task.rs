//! `pilot task`.

mod answer;
mod compare;
mod diff;
mod log;
mod many;
mod network;
mod new;
mod recording;
mod review;
mod screen;
mod show;
mod steer;
mod terminal;
mod wait;

use super::{Done, connect};
use crate::args::{Globals, Task, TaskName};
use crate::output;
use anyhow::Context;
use pilot_client::{Client, ClientError};
use pilot_proto::console::{
    Resume, Say, Stop, TaskAgain, TaskDismiss, TaskDone, TaskInterrupt, TaskKeep, TaskKill,
    TaskList, TaskPublish, TaskQuery, TaskResume, TaskSay, TaskStop,
};
use pilot_proto::{Code, Problem, TaskId};
use std::path::{Path, PathBuf};
use tokio::fs::File;

pub(crate) fn run(globals: &Globals, command: Task) -> anyhow::Result<Done> {
    connect::with_hub(globals, async |hub| match command {
        Task::New(new) => new::run(globals, hub, *new).await,
        Task::List { project, state, limit, parent } => {
            let parent = match parent {
                Some(task) => Some(find(hub, &TaskName { task }).await?),
                None => None,
            };
            let query = TaskQuery { project, state, limit: Some(limit), before: None, parent };
            show::list(globals, hub, query).await
        }
        Task::Show(task) => show::one(globals, hub, find(hub, &task).await?).await,
        Task::Log(arguments) => log::run(globals, hub, &arguments).await,
        Task::Diff(arguments) => diff::run(globals, hub, &arguments).await,
        Task::Network(words) => network::run(globals, hub, words).await,
        Task::Answer(arguments) => answer::run(globals, hub, arguments).await,
        Task::Wait(task) => wait::run(globals, hub, find(hub, &task).await?).await,
        Task::Rescue { task, output } => rescue(globals, hub, &task, output).await,
        Task::Say { task, text, now } => {
            let task = find(hub, &task).await?;
            told(globals, &hub.call::<TaskSay>(Say { task, text, now }).await?)
        }
        Task::Unsay { task, word } => steer::unsay(globals, hub, &task, word).await,
        Task::Resume { task, text } => {
            let task = find(hub, &task).await?;
            told(globals, &hub.call::<TaskResume>(Resume { task, text }).await?)
        }
        Task::Interrupt(task) => steer::one::<TaskInterrupt>(globals, hub, &task).await,
        Task::Done(task) => steer::one::<TaskDone>(globals, hub, &task).await,
        Task::Stop { task, kill: true, .. } => steer::one::<TaskKill>(globals, hub, &task).await,
        Task::Stop { task, keep_children, kill: false } => {
            let task = find(hub, &task).await?;
            let stop = Stop { task, keep_children: Some(keep_children) };
            told(globals, &hub.call::<TaskStop>(stop).await?)
        }
        Task::Retry(arguments) => steer::retry(globals, hub, arguments).await,
        Task::Again(task) => steer::one::<TaskAgain>(globals, hub, &task).await,
        Task::Compare { group } => compare::run(globals, hub, &group).await,
        Task::Publish(task) => steer::one::<TaskPublish>(globals, hub, &task).await,
        Task::Keep(task) => steer::one::<TaskKeep>(globals, hub, &task).await,
        Task::Dismiss(task) => steer::one::<TaskDismiss>(globals, hub, &task).await,
        Task::Reassign(arguments) => steer::reassign(globals, hub, arguments).await,
        Task::Review(arguments) => review::run(globals, hub, arguments).await,
        Task::Terminal(words) => terminal::run(globals, hub, words).await,
        Task::Forward(words) => terminal::forward(globals, hub, words).await,
        Task::Screen(words) => screen::run(globals, hub, words).await,
        Task::Takeover(task) => screen::takeover(globals, hub, &task).await,
        Task::Recording(words) => recording::run(globals, hub, words).await,
        Task::Handback(words) => screen::handback(globals, hub, words).await,
    })
}

/// What every steering command says: where the task stands now.
fn told(globals: &Globals, task: &pilot_proto::Task) -> anyhow::Result<Done> {
    output::show(globals, task, || format!("{} is {}", task.id.short(), show::state(task)))?;
    Ok(Done::Well)
}

/// A task by its whole id, or by the last digits of it among the newest 10,000.
pub(crate) async fn find(hub: &Client, name: &TaskName) -> anyhow::Result<TaskId> {
    if let Ok(id) = name.task.parse() {
        return Ok(id);
    }
    let digits = name.task.to_lowercase();
    let usable = digits.len() >= 4 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !usable {
        let message = format!("`{}` is not a task", name.task);
        let hint = "name a task by its id, or by at least its last 4 hex digits";
        return Err(Problem::new(Code::Invalid, message).hint(hint).into());
    }
    let query = TaskQuery { limit: Some(10_000), ..TaskQuery::default() };
    let tasks = hub.call::<TaskList>(query).await?;
    let mut found =
        tasks.iter().map(|task| task.id).filter(|id| id.0.simple().to_string().ends_with(&digits));
    match (found.next(), found.next()) {
        (Some(id), None) => Ok(id),
        (Some(_), Some(_)) => {
            let message = format!("more than one task ends in `{digits}`");
            Err(Problem::new(Code::Invalid, message).hint("give more digits").into())
        }
        (None, _) => {
            let message = format!("no task ends in `{digits}`");
            Err(Problem::new(Code::NotFound, message).hint("`pilot task list` shows them").into())
        }
    }
}

async fn rescue(
    globals: &Globals,
    hub: &Client,
    name: &TaskName,
    output: Option<PathBuf>,
) -> anyhow::Result<Done> {
    let task = find(hub, name).await?;
    let path = output.unwrap_or_else(|| PathBuf::from(format!("{}.bundle", task.short())));
    download(&path, async |file| hub.rescue(task, file).await.map(drop)).await?;
    let shown = path.display().to_string();
    output::show(globals, &serde_json::json!({ "task": task, "bundle": shown }), || {
        format!(
            "{shown}: look with `git bundle list-heads {shown}`, fetch with `git fetch {shown} '+refs/*:refs/rescued/*'`"
        )
    })?;
    Ok(Done::Well)
}

/// Fetches into a file that stands in its place when it is whole, and not at
/// all otherwise.
async fn download(
    path: &Path,
    fetch: impl AsyncFnOnce(&mut File) -> Result<(), ClientError>,
) -> anyhow::Result<()> {
    // It is put in place by renaming, which must not replace a device or the
    // terminal (`-o /dev/null`), nor fail late for a directory.
    if path.exists() && !path.is_file() {
        let message = format!("`{}` is there and is no file", path.display());
        let hint = "name a file with `-o FILE`";
        return Err(Problem::new(Code::Invalid, message).hint(hint).into());
    }
    let mut partial = path.as_os_str().to_owned();
    partial.push(".part");
    let partial = PathBuf::from(partial);
    let cannot = || format!("cannot write `{}`", partial.display());
    let mut file = File::create(&partial).await.with_context(cannot)?;
    if let Err(error) = fetch(&mut file).await {
        tokio::fs::remove_file(&partial).await.context("removing what was fetched so far")?;
        return Err(error.into());
    }
    file.sync_all().await?;
    tokio::fs::rename(&partial, path).await?;
    Ok(())
}
