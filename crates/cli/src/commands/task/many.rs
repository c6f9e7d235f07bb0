//! `pilot task new --from`: a task for each line.

use super::new;
use crate::args::{Globals, TaskNew};
use crate::commands::Done;
use crate::output;
use anyhow::Context;
use pilot_client::Client;
use pilot_proto::console::{
    IssueFound, IssueLinks, IssueLookUp, NewBatch, NewTask, NewTasks, TaskNewMany,
};
use pilot_proto::{Code, Problem};
use std::collections::HashMap;
use std::io::Read;
use std::path::Path;

/// Links that a hub looks up at once.
const LINKS: usize = 100;

pub(crate) async fn run(
    globals: &Globals,
    hub: &Client,
    arguments: TaskNew,
    from: &Path,
) -> anyhow::Result<Done> {
    let text = read(from)?;
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    if lines.is_empty() {
        let message = format!("`{}` holds no line", from.display());
        return Err(Problem::new(Code::Invalid, message).hint("put one task on each line").into());
    }
    let mut issues = look_up(hub, &lines).await?;
    let at_most = arguments.at_most;
    let like = new::wanted(hub, arguments, String::new()).await?;
    let tasks = lines.iter().map(|line| NewTask {
        id: Some(new::id()),
        ..match issues.remove(*line) {
            Some(issue) => of_issue(&like, issue),
            None => NewTask { prompt: (*line).to_owned(), ..like.clone() },
        }
    });
    let batch = NewBatch { name: from.display().to_string(), at_most };
    let new = NewTasks { tasks: tasks.collect(), batch: Some(batch) };
    let filed = hub.call::<TaskNewMany>(new).await?;
    output::table(globals, &filed, &["TASK", "TITLE"], "nothing was filed", |task| {
        vec![task.id.short(), task.title.clone()]
    })?;
    Ok(Done::Well)
}

fn read(from: &Path) -> anyhow::Result<String> {
    if from == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).context("cannot read standard input")?;
        return Ok(text);
    }
    std::fs::read_to_string(from).with_context(|| format!("cannot read `{}`", from.display()))
}

/// The issues among the lines. One that cannot be read stops it all: a link is
/// no prompt.
async fn look_up(hub: &Client, lines: &[&str]) -> anyhow::Result<HashMap<String, IssueFound>> {
    let is_link = |line: &&&str| line.starts_with("http://") || line.starts_with("https://");
    let links = lines.iter().filter(is_link).filter(|line| !line.contains(char::is_whitespace));
    let links: Vec<String> = links.map(|line| (*line).to_owned()).collect();
    let mut found = HashMap::new();
    for part in links.chunks(LINKS) {
        for issue in hub.call::<IssueLookUp>(IssueLinks { links: part.to_vec() }).await? {
            if let Some(problem) = issue.problem {
                return Err(problem.into());
            }
            found.insert(issue.link.clone(), issue);
        }
    }
    Ok(found)
}

fn of_issue(like: &NewTask, issue: IssueFound) -> NewTask {
    let prompt = format!("{}\n\n{}", issue.title, issue.body);
    NewTask {
        project: issue.project.unwrap_or_else(|| like.project.clone()),
        prompt: prompt.trim_end().to_owned(),
        title: Some(issue.title),
        issue: issue.number,
        ..like.clone()
    }
}
