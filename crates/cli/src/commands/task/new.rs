//! `pilot task new`.

use super::{many, wait};
use crate::args::{Globals, Prompt, TaskNew};
use crate::commands::{Done, runner};
use crate::output;
use anyhow::Context;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use pilot_client::Client;
use pilot_proto::console::{
    AttachmentNew, NewAttachment, NewTask, NewTasks, Nothing, ProfileList, TaskNew as Command,
    TaskNewMany,
};
use pilot_proto::task::{Attachment, Limits, ReviewPass};
use pilot_proto::{GroupId, TaskId};
use std::io::Read;
use std::path::Path;
use uuid::Uuid;

pub(crate) async fn run(
    globals: &Globals,
    hub: &Client,
    arguments: TaskNew,
) -> anyhow::Result<Done> {
    if let Some(from) = arguments.from.clone() {
        return many::run(globals, hub, arguments, &from).await;
    }
    if !arguments.tries.is_empty() {
        return best_of(globals, hub, arguments).await;
    }
    let (prompt, wait) = (prompt(&arguments.prompt)?, arguments.wait);
    let new = NewTask { id: Some(id()), ..wanted(hub, arguments, prompt).await? };
    let task = hub.call::<Command>(new).await?;
    if wait {
        return wait::run(globals, hub, task.id).await;
    }
    output::show(globals, &task, || {
        let id = task.id.short();
        format!("{id} is queued; watch it with `pilot task log -f {id}`")
    })?;
    Ok(Done::Well)
}

/// One try by each agent, of which one is kept.
async fn best_of(globals: &Globals, hub: &Client, mut arguments: TaskNew) -> anyhow::Result<Done> {
    let tries = std::mem::take(&mut arguments.tries);
    let prompt = prompt(&arguments.prompt)?;
    let one = wanted(hub, arguments, prompt).await?;
    let group = GroupId(id().0);
    let tasks = tries.into_iter().map(|by| NewTask {
        id: Some(id()),
        group: Some(group),
        agent: Some(by.agent),
        model: by.model,
        ..one.clone()
    });
    let new = NewTasks { tasks: tasks.collect(), batch: None };
    let tasks = hub.call::<TaskNewMany>(new).await?;
    output::show(globals, &tasks, || {
        let names: Vec<_> =
            tasks.iter().map(|task| format!("{} by {}", task.id.short(), task.agent)).collect();
        let names = names.join(", ");
        format!("{names}; look at them side by side with `pilot task compare {group}`")
    })?;
    Ok(Done::Well)
}

/// A task as the words describe it.
pub(crate) async fn wanted(
    hub: &Client,
    arguments: TaskNew,
    prompt: String,
) -> anyhow::Result<NewTask> {
    let said = [arguments.answer_secs, arguments.agent_secs, arguments.quota_secs];
    let limits = if said.iter().chain([&arguments.budget]).any(Option::is_some) {
        let mut limits = profile_limits(hub, &arguments).await?;
        let [answer, agent, quota] = said;
        limits.answer_secs = answer.unwrap_or(limits.answer_secs);
        limits.agent_secs = agent.unwrap_or(limits.agent_secs);
        limits.quota_secs = quota.unwrap_or(limits.quota_secs);
        limits.budget_micros = arguments.budget.or(limits.budget_micros);
        Some(limits)
    } else {
        None
    };
    let runner = match &arguments.runner {
        Some(name) => Some(runner::find(hub, name).await?),
        None => None,
    };
    let mut attachments = Vec::new();
    for path in &arguments.attach {
        attachments.push(attach(hub, path).await?);
    }
    Ok(NewTask {
        id: None,
        project: arguments.project,
        prompt,
        title: arguments.title,
        base: arguments.base,
        agent: arguments.agent,
        model: arguments.model,
        mode: arguments.mode.map(Into::into),
        on_timeout: arguments.on_timeout.into(),
        limits,
        issue: arguments.issue,
        attachments,
        hold: arguments.hold,
        runner,
        group: None,
        profile: arguments.profile,
        provider: arguments.provider,
        review: arguments.review.map(|review| ReviewPass {
            agent: review.agent,
            model: review.model,
            rounds: arguments.review_rounds,
        }),
        remote_control: arguments.remote_control,
    })
}

/// The limits that those said here are changes of: the profile's, where one is
/// named; what a project's own profile says is for tasks that say nothing.
async fn profile_limits(hub: &Client, arguments: &TaskNew) -> anyhow::Result<Limits> {
    let Some(name) = &arguments.profile else { return Ok(Limits::default()) };
    let profiles = hub.call::<ProfileList>(Nothing {}).await?;
    let profile = profiles.into_iter().find(|profile| profile.name == *name);
    Ok(profile.and_then(|profile| profile.limits).unwrap_or_default())
}

/// The console names the task, so that a repeated request files one.
pub(crate) fn id() -> TaskId {
    #[expect(clippy::disallowed_methods, reason = "the one place where a console names a task")]
    TaskId(Uuid::now_v7())
}

/// Has the hub keep a file.
async fn attach(hub: &Client, path: &Path) -> anyhow::Result<Attachment> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read `{}`", path.display()))?;
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
    let new = NewAttachment {
        name: name.unwrap_or_default(),
        media_type: media_type(path).to_owned(),
        base64: BASE64.encode(bytes),
    };
    Ok(hub.call::<AttachmentNew>(new).await?)
}

/// By the name, as whoever gave it meant it; the hub looks at the bytes.
fn media_type(path: &Path) -> &'static str {
    let ending = path.extension().map(|ending| ending.to_string_lossy().to_lowercase());
    match ending.as_deref() {
        Some("png") => "image/png",
        Some("jpg" | "jpeg") => "image/jpeg",
        Some("gif") => "image/gif",
        Some("webp") => "image/webp",
        Some(_) | None => "text/plain",
    }
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
