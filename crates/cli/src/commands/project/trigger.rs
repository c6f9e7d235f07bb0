//! `pilot project trigger`.

use crate::args::{Globals, IssueHow, ProjectTrigger};
use crate::commands::Done;
use crate::output;
use pilot_client::Client;
use pilot_proto::console::{IntakeList, IntakeRemove, IntakeSet, Named, Nothing};
use pilot_proto::intake::{IntakePolicy, IntakeSeen, IssueTask, TriggerWay};

pub(crate) async fn run(
    globals: &Globals,
    hub: &Client,
    words: ProjectTrigger,
) -> anyhow::Result<Done> {
    let all = hub.call::<IntakeList>(Nothing {}).await?;
    let known = all.into_iter().find(|one| one.policy.project == words.name);
    if words.off {
        let gone = hub.call::<IntakeRemove>(Named { name: words.name.clone() }).await?;
        output::show(globals, &gone, || format!("nothing of `{}` starts by itself", words.name))?;
        return Ok(Done::Well);
    }
    let before = known.as_ref().map(|one| one.policy.clone());
    let name = words.name.clone();
    let wanted = changed(before.clone(), words);
    let seen = if before.as_ref() == Some(&wanted)
        || (before.is_none() && wanted == IntakePolicy::of(&name))
    {
        known
    } else {
        Some(hub.call::<IntakeSet>(wanted).await?)
    };
    output::show(globals, &seen, || match &seen {
        None => format!("no issue of `{name}` becomes a task by itself"),
        Some(seen) => sentence(seen),
    })?;
    Ok(Done::Well)
}

fn changed(before: Option<IntakePolicy>, words: ProjectTrigger) -> IntakePolicy {
    let mut policy = before.unwrap_or_else(|| IntakePolicy::of(words.name));
    let named = |word: String| (word != "none").then_some(word);
    if let Some(label) = words.label {
        policy.label = named(label);
    }
    if let Some(label) = words.status_label {
        policy.status.label = named(label);
    }
    policy.comments = words.comments.unwrap_or(policy.comments);
    policy.status.comment = words.status_comment.unwrap_or(policy.status.comment);
    policy.poll_secs = words.every.unwrap_or(policy.poll_secs);
    if words.webhook {
        policy.way = TriggerWay::Webhook;
    } else if words.poll || words.every.is_some() {
        policy.way = TriggerWay::Poll;
    }
    policy.how = how(policy.how, words.how);
    policy
}

fn how(before: IssueTask, words: IssueHow) -> IssueTask {
    let said = IssueTask::from(words);
    IssueTask {
        agent: said.agent.or(before.agent),
        model: said.model.or(before.model),
        mode: said.mode.or(before.mode),
        profile: said.profile.or(before.profile),
        hold: said.hold || before.hold,
        text: said.text.or(before.text),
    }
}

fn sentence(seen: &IntakeSeen) -> String {
    let IntakePolicy { project, label, comments, way, poll_secs, status, .. } = &seen.policy;
    let mut starts = Vec::new();
    starts.extend(label.as_ref().map(|label| format!("the label `{label}`")));
    starts.extend(comments.then(|| "`/pilot fix` of somebody who may write".to_owned()));
    let starts = if starts.is_empty() { "nothing".to_owned() } else { starts.join(" and ") };
    let way = match way {
        TriggerWay::Webhook => "by webhook".to_owned(),
        TriggerWay::Poll => format!("looked for every {poll_secs} s"),
    };
    let mut lines = vec![format!("`{project}`: {starts} makes an issue a task ({way})")];
    lines.extend(seen.webhook.then(|| {
        "its pull requests are looked at when the forge says that something happened".to_owned()
    }));
    lines
        .extend(status.label.as_ref().map(|label| format!("under way it has the label `{label}`")));
    lines.extend(status.comment.then(|| "a comment on it says where its task stands".to_owned()));
    lines.extend(seen.problem.as_ref().map(|problem| format!("the last look failed: {problem}")));
    lines.join("\n")
}
