//! Waiting until a task is done, with what it does meanwhile on a terminal.

use super::show::state;
use crate::args::Globals;
use crate::commands::Done;
use crate::output;
use indicatif::{ProgressBar, ProgressStyle};
use pilot_client::{Client, Told};
use pilot_proto::console::{FromConsole, OneTask, TaskShow, ToConsole};
use pilot_proto::{Task, TaskId, TaskState};
use std::time::Duration;

/// The only watch of the connection.
const WATCH: u32 = 1;

pub(crate) async fn run(globals: &Globals, hub: &Client, task: TaskId) -> anyhow::Result<Done> {
    let bar = spinner(globals);
    let mut live = hub.live().await?;
    live.say(FromConsole::WatchAll { watch: WATCH });
    let mut task = hub.call::<TaskShow>(OneTask { task }).await?.task;
    while !is_done(&task.state) {
        bar.set_message(format!("{} {} {}", task.id.short(), state(&task), task.reason));
        match live.next().await? {
            Told::Hub(message) => {
                if let Some(now) = news_of(message, task.id) {
                    task = now;
                }
            }
            Told::Lost { problem } => bar.println(format!("{} (waiting for it)", problem.message)),
            Told::Back => {}
        }
    }
    bar.finish_and_clear();
    // Of a watched task only the beginning of its prompt is told.
    task = hub.call::<TaskShow>(OneTask { task: task.id }).await?.task;
    let done = Done::of(&task.state);
    output::show(globals, &task, || sentence(&task))?;
    Ok(done)
}

/// What a message of a watch of everything says of one task.
pub(super) fn news_of(message: ToConsole, id: TaskId) -> Option<Task> {
    match message {
        ToConsole::Task { task, .. } => (task.id == id).then_some(*task),
        ToConsole::Present { tasks, .. } => tasks.into_iter().find(|task| task.id == id),
        ToConsole::Watching { .. }
        | ToConsole::Runner { .. }
        | ToConsole::Inbox { .. }
        | ToConsole::Records { .. }
        | ToConsole::Log { .. }
        | ToConsole::Behind { .. }
        | ToConsole::Ended { .. } => None,
    }
}

/// For whoever waits, an open pull request is the end, and work that is held:
/// the next move is theirs.
fn is_done(state: &TaskState) -> bool {
    state.is_end() || matches!(state, TaskState::InReview { .. } | TaskState::Ready)
}

fn sentence(task: &Task) -> String {
    let id = task.id.short();
    match &task.state {
        TaskState::Published { branch, commit } => {
            format!("{id} is published: branch `{branch}` at {}", &commit[..12.min(commit.len())])
        }
        TaskState::InReview { pull_request } => format!("{id} is in review: {}", pull_request.url),
        TaskState::Failed { problem } => {
            let hint = if problem.hint.is_empty() {
                String::new()
            } else {
                format!("\nhint: {}", problem.hint)
            };
            format!("{id} failed: {}{hint}", problem.message)
        }
        TaskState::NoChange => format!("{id} ended: the agent changed nothing"),
        TaskState::Ready => {
            format!(
                "{id} is ready: look with `pilot task diff {id}`, then `pilot task publish {id}`"
            )
        }
        TaskState::Queued
        | TaskState::Leased { .. }
        | TaskState::Working { .. }
        | TaskState::NeedsYou { .. }
        | TaskState::Publishing
        | TaskState::Merged { .. }
        | TaskState::Closed { .. }
        | TaskState::Cancelled => format!("{id} is {}", state(task)),
    }
}

fn spinner(globals: &Globals) -> ProgressBar {
    if globals.json {
        return ProgressBar::hidden();
    }
    // Drawn to standard error, and only where that is a terminal.
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed} {msg}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(120));
    bar
}
