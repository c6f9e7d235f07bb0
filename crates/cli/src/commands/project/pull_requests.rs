//! `pilot project pull-requests`.

use super::{by_name, keep};
use crate::args::{Globals, ProjectPullRequests};
use crate::commands::Done;
use crate::output;
use anyhow::Context;
use pilot_client::Client;
use pilot_proto::pull_request::{PullRequestPolicy, PushWay};

pub(crate) async fn run(
    globals: &Globals,
    hub: &Client,
    words: ProjectPullRequests,
) -> anyhow::Result<Done> {
    let mut project = by_name(hub, &words.name).await?;
    let before = project.pull_requests.clone();
    change(&mut project.pull_requests, words)?;
    let policy = if project.pull_requests == before {
        before
    } else {
        keep(hub, project).await?.pull_requests
    };
    output::show(globals, &policy, || shown(&policy))?;
    Ok(Done::Well)
}

fn change(policy: &mut PullRequestPolicy, words: ProjectPullRequests) -> anyhow::Result<()> {
    if let Some(path) = words.template {
        policy.template = if path.as_os_str() == "none" {
            None
        } else {
            let read = std::fs::read_to_string(&path);
            Some(read.with_context(|| format!("reading `{}`", path.display()))?)
        };
    }
    set(&mut policy.draft, words.draft);
    set_list(&mut policy.reviewers, words.reviewer);
    set_list(&mut policy.labels, words.label);
    set_list(&mut policy.assignees, words.assignee);
    set_list(&mut policy.trailers, words.trailer);
    set_list(&mut policy.feedback.from, words.feedback_from);
    set(&mut policy.branch, words.branch.map(unless_none));
    set(&mut policy.identity, words.identity.map(|one| one.0));
    set(&mut policy.commits, words.commits.map(Into::into));
    set(&mut policy.push, words.push.map(way));
    set(&mut policy.signing_key, words.signing_key.map(unless_none));
    set(&mut policy.hold, words.hold.map(Into::into));
    set(&mut policy.feedback.mode, words.feedback.map(Into::into));
    set(&mut policy.feedback.turns, words.turns);
    set(&mut policy.after.delete_branch, words.delete_branch.map(Into::into));
    set(&mut policy.after.close_issue, words.close_issue);
    Ok(())
}

fn set<T>(place: &mut T, wanted: Option<T>) {
    if let Some(wanted) = wanted {
        *place = wanted;
    }
}

/// What is named takes the place of what was; `none` of all.
fn set_list(place: &mut Vec<String>, wanted: Vec<String>) {
    if !wanted.is_empty() {
        *place = wanted.into_iter().filter(|word| word != "none").collect();
    }
}

fn unless_none(word: String) -> Option<String> {
    (word != "none").then_some(word)
}

fn way(word: String) -> PushWay {
    match word.as_str() {
        "branch" => PushWay::Branch,
        "agit" => PushWay::Agit,
        _ => PushWay::Fork { repo: word },
    }
}

fn shown(policy: &PullRequestPolicy) -> String {
    let list = |words: &[String]| {
        if words.is_empty() { "nobody".to_owned() } else { words.join(", ") }
    };
    let push = match &policy.push {
        PushWay::Branch => "a branch".to_owned(),
        PushWay::Agit => "for review (AGit)".to_owned(),
        PushWay::Fork { repo } => format!("the fork {repo}"),
    };
    let identity = policy.identity.as_ref().map_or_else(
        || "the product".to_owned(),
        |identity| format!("{} <{}>", identity.name, identity.email),
    );
    let feedback = &policy.feedback;
    [
        format!("draft         {}", if policy.draft { "yes" } else { "no" }),
        format!("reviewers     {}", list(&policy.reviewers)),
        format!("assignees     {}", list(&policy.assignees)),
        format!("labels        {}", policy.labels.join(", ")),
        format!("branch        {}", policy.branch.as_deref().unwrap_or("pilot/{slug}-{id}")),
        format!("push          {push}"),
        format!("commits       {}, by {identity}", output::word(&policy.commits)),
        format!("trailers      {}", policy.trailers.join("; ")),
        format!("signing key   {}", policy.signing_key.as_deref().unwrap_or("none")),
        format!("template      {}", if policy.template.is_some() { "its own" } else { "ours" }),
        format!("hold          {}", output::word(&policy.hold).replace('_', " ")),
        format!("feedback      {}, {} turns", output::word(&feedback.mode), feedback.turns),
        format!("after         delete the branch: {}", output::word(&policy.after.delete_branch)),
        format!("close issue   {}", if policy.after.close_issue { "yes" } else { "as the forge" }),
    ]
    .join("\n")
}
