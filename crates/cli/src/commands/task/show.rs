//! Lists of tasks, and one task with its runs.

use crate::args::Globals;
use crate::commands::Done;
use crate::commands::inbox::what;
use crate::output;
use pilot_client::Client;
use pilot_proto::console::{OneTask, SaidWaits, TaskDetail, TaskList, TaskQuery, TaskShow};
use pilot_proto::inbox::Ask;
use pilot_proto::run::Usage;
use pilot_proto::task::{Checks, ChildSeen, PullRequest};
use pilot_proto::{Outcome, Task, TaskId, TaskState};

pub(crate) async fn list(
    globals: &Globals,
    hub: &Client,
    query: TaskQuery,
) -> anyhow::Result<Done> {
    let narrow = query.project.is_some() || query.state.is_some() || query.parent.is_some();
    let empty = if narrow {
        "no such tasks"
    } else {
        "no tasks: `pilot task new --project demo` files a first one"
    };
    let tasks = hub.call::<TaskList>(query).await?;
    output::table(
        globals,
        &tasks,
        &["TASK", "STATE", "FOR", "PROJECT", "AGENT", "DIFF", "TITLE"],
        empty,
        |task| {
            vec![
                task.id.short(),
                state(task),
                output::ago(task.since).trim_end_matches(" ago").to_owned(),
                task.project.clone(),
                task.agent.clone(),
                size(task),
                // Filed by an agent; driven from afar.
                format!(
                    "{}{}{}",
                    if task.parent.is_some() { "↳ " } else { "" },
                    task.title,
                    task.remote_link.as_ref().map(|url| format!(" ↗ {url}")).unwrap_or_default()
                ),
            ]
        },
    )?;
    Ok(Done::Well)
}

pub(crate) async fn one(globals: &Globals, hub: &Client, task: TaskId) -> anyhow::Result<Done> {
    let detail = hub.call::<TaskShow>(OneTask { task }).await?;
    if globals.json {
        output::json(&detail)?;
    } else {
        output::write(|out| {
            for (name, value) in lines(&detail) {
                for (number, line) in value.lines().enumerate() {
                    let name = if number == 0 { name.as_str() } else { "" };
                    writeln!(out, "{name:<12} {}", output::tame(line))?;
                }
            }
            Ok(())
        })?;
    }
    Ok(Done::Well)
}

fn lines(detail: &TaskDetail) -> Vec<(String, String)> {
    let task = &detail.task;
    let mut lines: Vec<(String, String)> = Vec::new();
    let mut add = |name: &str, value: String| {
        if !value.is_empty() {
            lines.push((name.to_owned(), value));
        }
    };
    add("task", task.id.to_string());
    add("title", task.title.clone());
    add("state", format!("{} ({})", state(task), output::ago(task.since)));
    if let TaskState::Failed { problem } = &task.state {
        add("why", problem.message.clone());
        add("hint", problem.hint.clone());
    }
    add("reason", task.reason.clone());
    add("project", task.project.clone());
    let model = task.model.as_deref().map(|model| format!(" ({model})")).unwrap_or_default();
    add("agent", format!("{}{model}, mode {}", task.agent, output::word(&task.mode)));
    add("profile", task.profile.clone().unwrap_or_default());
    add("provider", task.provider.clone().unwrap_or_default());
    if let Some(url) = &task.remote_link {
        add("drive", format!("{url} (remotely ↗)"));
    }
    add("branch", task.branch.clone());
    if let Some(pull_request) = &task.pull_request {
        add("pull request", pull_request.url.clone());
        for (name, value) in checks(pull_request) {
            add(name, value);
        }
    }
    add("diff", size(task));
    add("usage", usage(&task.usage));
    if let Some(budget) = task.limits.budget_micros {
        let spent = output::dollars(task.usage.cost_micros.unwrap_or(0));
        add("budget", format!("{spent} of {} spent on models", output::dollars(budget)));
    }
    if let Some(parent) = task.parent {
        add("filed by", format!("an agent, for {parent}"));
    }
    if let Some(schedule) = &task.schedule {
        add("filed by", format!("the schedule `{schedule}`"));
    }
    for child in &detail.children {
        let depth = depth(detail, child);
        let (indent, state) = ("  ".repeat(depth), child.state.replace('_', " "));
        let why = child.problem.as_deref().map(|why| format!(": {why}")).unwrap_or_default();
        add("child", format!("{indent}{} {state}{why} · {}", child.task.short(), child.title));
    }
    for reservation in &task.reservations {
        add("mind", reservation.clone());
    }
    for said in &detail.said {
        let waits = match (said.waits, said.now) {
            (SaidWaits::Turn, true) => "on its way to the agent",
            (SaidWaits::Turn, false) => "waits for the end of the turn",
            (SaidWaits::Run | SaidWaits::Unknown, _) => "waits for the next run",
        };
        add(
            "said",
            format!("{}\n{waits}; pilot task unsay {} {}", said.text, task.id.short(), said.word),
        );
    }
    for item in &detail.inbox {
        if item.answered.is_none() {
            let how = match &item.ask {
                Ask::HandsOn { tree, .. } => format!(
                    "in {tree} on the runner's machine, or: pilot run-in-walls --task {0} -- sh\npilot task done {0}",
                    task.id.short()
                ),
                _ => format!("pilot task answer {} …", item.id.short()),
            };
            add("needs you", format!("{}\n{how}", what(item)));
        }
    }
    for run in &detail.runs {
        let outcome = match &run.outcome {
            None => output::word(&run.phase),
            Some(Outcome::Pushed { commit, .. }) => {
                format!("pushed {}", &commit[..12.min(commit.len())])
            }
            Some(Outcome::Failed { problem }) => format!("failed: {}", problem.message),
            Some(Outcome::NoChange) => "changed nothing".to_owned(),
            Some(Outcome::Cancelled) => "cancelled".to_owned(),
            Some(Outcome::Fenced) => "gave way to another run".to_owned(),
        };
        let queued = run.started_at.map_or_else(String::new, |started| {
            let ran = run.ended_at.map_or_else(
                || "running".to_owned(),
                |ended| format!("ran {:.1} s", ended.since(started).as_secs_f64()),
            );
            let waited = run.leased_at.since(task.created_at).as_secs_f64();
            format!(", {ran}, leased {waited:.1} s after the task was filed")
        });
        let rescue = if run.rescue.is_some() { ", work rescued" } else { "" };
        add(&format!("run {}", run.attempt), format!("{outcome}{queued}{rescue}"));
    }
    add("prompt", task.prompt.clone());
    lines
}

/// What the checks of a pull request say, and then each of them.
fn checks(pull_request: &PullRequest) -> Vec<(&'static str, String)> {
    let Some(checks) = &pull_request.checks else { return Vec::new() };
    let each = checks.each.iter().map(|one| {
        let said = if one.description.is_empty() { "" } else { ": " };
        let page = one.url.as_deref().unwrap_or_default();
        let state = output::word(&one.state);
        ("check", format!("{state:<8} {}{said}{} {page}", one.name, one.description))
    });
    std::iter::once(("checks", said_of(checks))).chain(each).collect()
}

/// All checks in one line.
fn said_of(checks: &Checks) -> String {
    let (state, total) = (output::word(&checks.state), checks.total);
    match checks.failed {
        0 => format!("{state} ({total})"),
        failed => format!("{state} ({failed} of {total})"),
    }
}

/// How far below the children of the task that is shown.
fn depth(detail: &TaskDetail, child: &ChildSeen) -> usize {
    let parent = |one: &ChildSeen| detail.children.iter().find(|other| other.task == one.parent);
    // The list ends somewhere, so does the way up.
    std::iter::successors(parent(child), |one| parent(one)).take(detail.children.len()).count()
}

/// State with what distinguishes it.
pub(crate) fn state(task: &Task) -> String {
    let name = task.state.name().replace('_', " ");
    match &task.state {
        TaskState::Working { phase } => {
            format!("{name}: {}", output::word(phase).replace('_', " "))
        }
        TaskState::NeedsYou { need, .. } => format!("{name}: {}", output::word(need)),
        TaskState::Failed { problem } => format!("{name}: {}", output::word(&problem.code)),
        TaskState::InReview { pull_request } => {
            let checks = pull_request.checks.as_ref().map(|one| output::word(&one.state));
            let checks = checks.map(|word| format!(", checks {word}")).unwrap_or_default();
            format!("{name}: #{}{checks}", pull_request.number)
        }
        TaskState::Queued
        | TaskState::Leased { .. }
        | TaskState::Ready
        | TaskState::Publishing
        | TaskState::Merged { .. }
        | TaskState::Closed { .. }
        | TaskState::Published { .. }
        | TaskState::NoChange
        | TaskState::Cancelled => name,
    }
}

fn size(task: &Task) -> String {
    let diff = task.diff;
    if diff.files == 0 {
        return String::new();
    }
    let files = if diff.files == 1 { "file" } else { "files" };
    format!("{} {files} +{} -{}", diff.files, diff.added, diff.removed)
}

fn usage(usage: &Usage) -> String {
    if *usage == Usage::default() {
        return String::new();
    }
    let cost = usage
        .cost_micros
        .map_or_else(String::new, |micros| format!(", {}", output::dollars(micros)));
    format!(
        "{} tokens in, {} out, {} from cache{cost}",
        usage.input_tokens, usage.output_tokens, usage.cache_read_tokens
    )
}
