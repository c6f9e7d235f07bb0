//! What notices say.

use super::{HubKey, Notice, Subject, Why};
use crate::links::Link;
use pilot_proto::console::RunnerSeen;
use pilot_proto::inbox::{Ask, InboxItem};
use pilot_proto::{Task, TaskState};

/// A notification shows about so much of a line.
const TITLE: usize = 80;
/// And a few lines of text.
const BODY: usize = 240;

pub(super) fn of_task(hub: &HubKey, task: &Task) -> Notice {
    let (why, body) = match &task.state {
        TaskState::InReview { pull_request } => {
            (Why::Ready, format!("Pull request #{} is open.", pull_request.number))
        }
        TaskState::Published { branch, .. } => (Why::Ready, format!("Pushed to `{branch}`.")),
        TaskState::Ready => {
            (Why::Ready, "The work is done and waits for your look before it is published.".into())
        }
        TaskState::Failed { problem } => (Why::Failed, problem.message.clone()),
        other => (Why::Ready, other.name().replace('_', " ")),
    };
    let begin = if why == Why::Failed { "Failed" } else { "Ready" };
    Notice {
        subject: Subject::Task { hub: hub.clone(), task: task.id },
        why,
        title: one_line(&format!("{begin}: {}", task.title), TITLE),
        body: cut(&body, BODY),
        approve: None,
        open: route(hub, format!("/tasks/{}", task.id)),
    }
}

pub(super) fn of_item(hub: &HubKey, item: &InboxItem, task: &str) -> Notice {
    let task = if task.is_empty() { "a task" } else { task };
    let (asks, body, may_approve) = match &item.ask {
        Ask::Permission { tool, summary, .. } => {
            let what = if summary.is_empty() { tool.clone() } else { format!("{tool}: {summary}") };
            ("Permission wanted", what, true)
        }
        Ask::Plan { plan } => ("A plan to approve", plan.clone(), true),
        Ask::Question { questions } => {
            let question = questions.first().map(|one| one.question.clone());
            ("A question", question.unwrap_or_default(), false)
        }
        Ask::Interrupted => ("Interrupted", "It waits to be told how to go on.".to_owned(), false),
        Ask::Network { host, port, .. } => {
            ("Something was refused", format!("It wants to reach {host}:{port}."), false)
        }
        Ask::Budget { .. } => (
            "The budget is used up",
            "Allow as much again, or the task ends. Its work is kept.".to_owned(),
            false,
        ),
        Ask::HandsOn { what, .. } => ("Work for you", what.clone(), false),
        Ask::Feedback { follow_ups, .. } => {
            let said: Vec<_> = follow_ups.iter().map(|one| one.summary.as_str()).collect();
            ("Said about its pull request", said.join("; "), false)
        }
        Ask::Ci { held, .. } => {
            let names: Vec<_> = held.iter().map(|one| one.name.as_str()).collect();
            ("Let its CI run?", names.join(", "), false)
        }
        Ask::Unknown(_) => ("Needs you", "Open it to see what is asked.".to_owned(), false),
    };
    Notice {
        subject: Subject::Item { hub: hub.clone(), item: item.id },
        why: Why::NeedsYou,
        title: one_line(&format!("{asks}: {task}"), TITLE),
        body: cut(&body, BODY),
        approve: may_approve.then_some(item.id),
        open: route(hub, format!("/tasks/{}", item.task)),
    }
}

pub(super) fn of_runner(hub: &HubKey, runner: &RunnerSeen) -> Notice {
    let runs = match runner.runs.len() {
        0 => "It held no run.".to_owned(),
        1 => "The run it holds goes on by itself and is seen again when it is back.".to_owned(),
        many => format!(
            "The {many} runs it holds go on by themselves and are seen again when it is back."
        ),
    };
    Notice {
        subject: Subject::Runner { hub: hub.clone(), runner: runner.id },
        why: Why::RunnerOffline,
        title: one_line(&format!("Runner offline: {}", runner.about.name), TITLE),
        body: runs,
        approve: None,
        open: route(hub, "/runners".to_owned()),
    }
}

pub(super) fn summary(held: &[Notice]) -> Notice {
    let count = |why| held.iter().filter(|one| one.why == why).count();
    let parts = [
        (count(Why::NeedsYou), "need you", "needs you"),
        (count(Why::Ready), "are ready", "is ready"),
        (count(Why::Failed), "failed", "failed"),
        (count(Why::RunnerOffline), "runners are offline", "runner is offline"),
    ];
    let parts: Vec<String> = parts
        .into_iter()
        .filter(|(count, ..)| *count > 0)
        .map(|(count, many, one)| format!("{count} {}", if count == 1 { one } else { many }))
        .collect();
    let hub = held.first().and_then(|one| one.subject.hub().map(str::to_owned));
    let same_hub = held.iter().all(|one| one.subject.hub() == hub.as_deref());
    // The most pressing of them says how loud it is.
    let why = held.iter().map(|one| one.why).min().unwrap_or(Why::Ready);
    let path = if why == Why::NeedsYou { "/" } else { "/tasks" };
    Notice {
        subject: Subject::Summary,
        why,
        title: format!("{} things happened", held.len()),
        body: format!("{}.", parts.join(", ")),
        approve: None,
        open: Link::Route { path: path.to_owned(), hub: hub.filter(|_| same_hub) },
    }
}

fn route(hub: &HubKey, path: String) -> Link {
    Link::Route { path, hub: Some(hub.clone()) }
}

fn one_line(text: &str, most: usize) -> String {
    let line: Vec<&str> = text.split_whitespace().collect();
    cut(&line.join(" "), most)
}

fn cut(text: &str, most: usize) -> String {
    let text = text.trim();
    match text.char_indices().nth(most) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", text[..end].trim_end()),
    }
}
