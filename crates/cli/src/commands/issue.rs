//! `pilot issue`.

use super::{Done, connect};
use crate::args::{Globals, Issue, IssueFile, IssueFilter};
use crate::output;
use anyhow::Context;
use pilot_client::Client;
use pilot_proto::console::{
    FileIssues, IssueFiled, IssueList, IssueQuery, IssueSeen, IssueStanding, NewBatch, Nothing,
    OneTicket, TicketDrop, TicketList,
};
use pilot_proto::intake::Ticket;
use pilot_proto::{Code, Problem, TaskId};
use serde::Serialize;
use std::time::Duration;

/// How often the hub is asked whether issues were filed.
const LOOK: Duration = Duration::from_millis(200);

pub(crate) fn run(globals: &Globals, command: Issue) -> anyhow::Result<Done> {
    connect::with_hub(globals, async |hub| match command {
        Issue::List { project, filter } => list(globals, hub, project, filter).await,
        Issue::File(words) => file(globals, hub, words).await,
        Issue::Waiting => waiting(globals, hub).await,
        Issue::Forget { key } => {
            let gone = hub.call::<TicketDrop>(OneTicket { key: key.clone() }).await?;
            output::show(globals, &gone, || format!("`{key}` is forgotten"))?;
            Ok(Done::Well)
        }
    })
}

fn query(name: String, filter: IssueFilter) -> IssueQuery {
    let IssueFilter { label, milestone, assignee, search, all, limit } = filter;
    let labels = (!label.is_empty()).then(|| label.join(","));
    IssueQuery { name, labels, milestone, assignee, search, all: Some(all), limit }
}

async fn list(
    globals: &Globals,
    hub: &Client,
    project: String,
    filter: IssueFilter,
) -> anyhow::Result<Done> {
    let issues = hub.call::<IssueList>(query(project, filter)).await?;
    let head = ["ISSUE", "TASK", "LABELS", "ASSIGNED", "TITLE"];
    output::table(globals, &issues, &head, "no such issues", |issue| {
        let number = format!("#{}", issue.number);
        let (labels, assigned) = (issue.labels.join(", "), issue.assignees.join(", "));
        vec![number, task_of(issue), labels, assigned, issue.title.clone()]
    })?;
    Ok(Done::Well)
}

fn task_of(issue: &IssueSeen) -> String {
    match (&issue.task, &issue.task_state) {
        (Some(task), Some(state)) => format!("{} {state}", task.short()),
        (Some(task), None) => task.short(),
        (None, _) if issue.waits => "waits".to_owned(),
        (None, _) => "-".to_owned(),
    }
}

/// What became of one issue.
#[derive(Debug, Serialize)]
struct Outcome {
    number: u64,
    task: TaskId,
    standing: IssueStanding,
    /// Why it became no task.
    problem: Option<Problem>,
    /// It is filed.
    filed: bool,
}

async fn file(globals: &Globals, hub: &Client, words: IssueFile) -> anyhow::Result<Done> {
    let IssueFile { project, mut numbers, filter, again, at_most, how, no_wait } = words;
    if numbers.is_empty() {
        if filter.is_empty() {
            let problem = Problem::new(Code::Invalid, "no issue is named");
            return Err(problem.hint("give numbers, or a filter such as `--label bug`").into());
        }
        let found = hub.call::<IssueList>(query(project.clone(), filter)).await?;
        numbers = found.into_iter().map(|issue| issue.number).collect();
        if numbers.is_empty() {
            return Err(Problem::new(Code::NotFound, "no issue is like that").into());
        }
    }
    let batch = (at_most.is_some() || numbers.len() > 1)
        .then(|| NewBatch { name: format!("issues of {project}"), at_most });
    let wanted = FileIssues { name: project, numbers, again, how: how.into(), batch };
    let noted = hub.call::<pilot_proto::console::IssueFile>(wanted).await?;
    let outcomes = if no_wait { outcomes(&noted, &[]) } else { settled(hub, &noted).await? };
    let head = ["ISSUE", "TASK", "WHAT"];
    output::table(globals, &outcomes, &head, "nothing was filed", |one| {
        vec![format!("#{}", one.number), one.task.short(), said(one)]
    })?;
    let failed = outcomes.iter().filter(|one| one.problem.is_some()).count();
    if failed > 0 {
        let message = format!("{failed} issues became no task");
        return Err(Problem::new(Code::Precondition, message)
            .hint("`pilot issue waiting` says why; file them again when that is mended")
            .into());
    }
    Ok(Done::Well)
}

/// Waits until none of them waits any more.
async fn settled(hub: &Client, noted: &[IssueFiled]) -> anyhow::Result<Vec<Outcome>> {
    loop {
        let tickets = hub.call::<TicketList>(Nothing {}).await.context("cannot see what waits")?;
        let ours = |ticket: &&Ticket| noted.iter().any(|one| one.task == ticket.task);
        let ours: Vec<Ticket> = tickets.iter().filter(ours).cloned().collect();
        if ours.iter().all(|ticket| ticket.problem.is_some()) {
            return Ok(outcomes(noted, &ours));
        }
        tokio::time::sleep(LOOK).await;
    }
}

fn outcomes(noted: &[IssueFiled], failed: &[Ticket]) -> Vec<Outcome> {
    let outcome = |one: &IssueFiled| {
        let ticket = failed.iter().find(|ticket| ticket.task == one.task);
        let problem = ticket.and_then(|ticket| ticket.problem.clone());
        let filed = problem.is_none() && one.standing != IssueStanding::HasTask;
        Outcome { number: one.number, task: one.task, standing: one.standing, problem, filed }
    };
    noted.iter().map(outcome).collect()
}

fn said(one: &Outcome) -> String {
    match (&one.problem, one.standing) {
        (Some(problem), _) => problem.message.clone(),
        (None, IssueStanding::HasTask) => "has this task already".to_owned(),
        (None, IssueStanding::WaitedAlready) => "was asked for already".to_owned(),
        (None, IssueStanding::Waits | IssueStanding::Unknown) => "filed".to_owned(),
    }
}

async fn waiting(globals: &Globals, hub: &Client) -> anyhow::Result<Done> {
    let tickets = hub.call::<TicketList>(Nothing {}).await?;
    let head = ["KEY", "FOR", "WHY", "PROBLEM"];
    output::table(globals, &tickets, &head, "no issue waits", |ticket| {
        let since = output::ago(ticket.at).trim_end_matches(" ago").to_owned();
        let problem = ticket.problem.as_ref().map(|one| one.message.clone()).unwrap_or_default();
        vec![ticket.key.clone(), since, ticket.cause.to_string(), problem]
    })?;
    Ok(Done::Well)
}
