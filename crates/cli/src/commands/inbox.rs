//! `pilot inbox`.

use super::{Done, connect, forge};
use crate::args::Globals;
use crate::output;
use pilot_proto::console::{InboxList, InboxQuery};
use pilot_proto::inbox::Ask;
use pilot_proto::pull_request::HeldRun;
use pilot_proto::{Answer, InboxItem};

pub(crate) fn list(globals: &Globals, all: bool) -> anyhow::Result<Done> {
    connect::with_hub(globals, async |hub| {
        let query = InboxQuery { task: None, all: all.then_some(true) };
        let items = hub.call::<InboxList>(query).await?;
        output::table(
            globals,
            &items,
            &["ITEM", "TASK", "WHAT", "DEFAULT", "ASKED"],
            "nothing needs you",
            |item| {
                vec![
                    item.id.short(),
                    item.task.short(),
                    what(item),
                    default(item),
                    output::ago(item.asked_at),
                ]
            },
        )?;
        // What waits for a forge is no ask, and says nothing by itself.
        forge::note_ended(hub).await?;
        Ok(Done::Well)
    })
}

/// One line that a person can decide on.
pub(crate) fn what(item: &InboxItem) -> String {
    let asked = match &item.ask {
        Ask::Question { questions } => {
            let texts: Vec<_> = questions
                .iter()
                .map(|question| {
                    let options: Vec<_> =
                        question.options.iter().map(|option| option.label.as_str()).collect();
                    format!("{} [{}]", question.question, options.join(" | "))
                })
                .collect();
            texts.join("; ")
        }
        Ask::Permission { tool, summary, .. } => format!("may it use {tool}: {summary}"),
        Ask::Plan { plan } => {
            format!("is this plan good: {}", plan.lines().next().unwrap_or_default())
        }
        Ask::Interrupted => "interrupted: how does it go on?".to_owned(),
        Ask::Network { host, port, process, because } => {
            let process = process.as_ref().map(|one| format!(" ({one})")).unwrap_or_default();
            format!("may it reach {host}:{port}{process}: {because}")
        }
        Ask::HandsOn { what, .. } => {
            format!(
                "do it by hand, then `pilot task done`: {}",
                what.lines().next().unwrap_or_default()
            )
        }
        Ask::Budget { spent_micros, budget_micros } => format!(
            "{} of {} are spent: as much again?",
            output::dollars(*spent_micros),
            output::dollars(*budget_micros)
        ),
        Ask::Feedback { follow_ups, because } => {
            let said: Vec<_> = follow_ups.iter().map(|one| one.summary.as_str()).collect();
            format!("is the agent to be told ({because}): {}", said.join("; "))
        }
        Ask::Ci { held, by_hand, .. } => ci(held, *by_hand),
        Ask::Unknown(_) => "asked by a newer version".to_owned(),
    };
    match &item.answered {
        None => asked,
        Some(answered) => {
            let answer = match &answered.answer {
                Answer::Allow { .. } => "allowed",
                Answer::Deny { .. } => "denied",
                Answer::Never { .. } => "never allowed",
                Answer::Choose { .. } => "chosen",
                Answer::Say { .. } => "told",
                Answer::End => "ended",
            };
            format!("{asked} ({answer})")
        }
    }
}

/// What of a CI waits; where a person has to open its pages, which.
fn ci(held: &[HeldRun], by_hand: bool) -> String {
    let names: Vec<_> = held
        .iter()
        .map(|run| match &run.page {
            Some(page) if by_hand => format!("{} at {page}", run.name),
            Some(_) | None => run.name.clone(),
        })
        .collect();
    let how = if by_hand { "let it run on its page, then allow" } else { "may its CI run" };
    format!("{how}: {}", names.join(", "))
}

fn default(item: &InboxItem) -> String {
    match item.deadline {
        None => "waits".to_owned(),
        Some(deadline) => format!("{} {}", output::word(&item.on_timeout), output::until(deadline)),
    }
}
