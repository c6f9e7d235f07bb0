//! `pilot task new`.

use super::wait;
use crate::args::{Globals, Prompt, TaskNew};
use crate::commands::Done;
use crate::output;
use anyhow::Context;
use pilot_client::Client;
use pilot_proto::TaskId;
use pilot_proto::console::{NewTask, TaskNew as Command};
use pilot_proto::task::Limits;
use std::io::Read;
use uuid::Uuid;

pub(crate) async fn run(
    globals: &Globals,
    hub: &Client,
    arguments: TaskNew,
) -> anyhow::Result<Done> {
    let prompt = prompt(&arguments.prompt)?;
    let mut limits = Limits::default();
    if let Some(secs) = arguments.answer_secs {
        limits.answer_secs = secs;
    }
    if let Some(secs) = arguments.agent_secs {
        limits.agent_secs = secs;
    }
    #[expect(
        clippy::disallowed_methods,
        reason = "the console names the task, so that a repeated request files one"
    )]
    let id = TaskId(Uuid::now_v7());
    let new = NewTask {
        id: Some(id),
        project: arguments.project,
        prompt,
        title: arguments.title,
        base: arguments.base,
        agent: arguments.agent,
        model: arguments.model,
        mode: arguments.mode.into(),
        on_timeout: arguments.on_timeout.into(),
        limits,
        issue: arguments.issue,
        attachments: Vec::new(),
        hold: false,
        runner: None,
        group: None,
    };
    let task = hub.call::<Command>(new).await?;
    if arguments.wait {
        return wait::run(globals, hub, task.id).await;
    }
    output::show(globals, &task, || {
        let id = task.id.short();
        format!("{id} is queued; watch it with `pilot task log -f {id}`")
    })?;
    Ok(Done::Well)
}

fn prompt(prompt: &Prompt) -> anyhow::Result<String> {
    if let Some(text) = &prompt.prompt {
        return Ok(text.clone());
    }
    if let Some(path) = &prompt.prompt_file {
        return std::fs::read_to_string(path)
            .with_context(|| format!("cannot read the prompt in `{}`", path.display()));
    }
    let mut text = String::new();
    if prompt.prompt_stdin {
        std::io::stdin().read_to_string(&mut text).context("cannot read standard input")?;
    }
    Ok(text)
}
