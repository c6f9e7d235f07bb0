//! `pilot task answer`.

use super::find;
use crate::args::{AnswerWords, Globals, RuleWords, TaskAnswer, TaskName};
use crate::commands::Done;
use crate::commands::inbox::what;
use crate::output;
use pilot_client::Client;
use pilot_proto::console::{AnswerItem, InboxAnswer, InboxList, InboxQuery};
use pilot_proto::inbox::Ask;
use pilot_proto::permission::PermissionDecision;
use pilot_proto::{Answer, Code, InboxItem, Problem};
use std::collections::BTreeMap;

pub(crate) async fn run(
    globals: &Globals,
    hub: &Client,
    arguments: TaskAnswer,
) -> anyhow::Result<Done> {
    let item = item(hub, &arguments.task).await?;
    let answer = answer(arguments.answer, arguments.rule, &item)?;
    let item = hub.call::<InboxAnswer>(AnswerItem { item: item.id, answer }).await?;
    output::show(globals, &item, || format!("answered: {}", what(&item)))?;
    Ok(Done::Well)
}

/// The item meant: by its own id or last digits, or the only one its task waits for.
async fn item(hub: &Client, name: &str) -> anyhow::Result<InboxItem> {
    let open = hub.call::<InboxList>(InboxQuery::default()).await?;
    let digits = name.to_lowercase();
    let named = |id: uuid::Uuid| {
        id.hyphenated().to_string() == digits
            || (digits.len() >= 4 && id.simple().to_string().ends_with(&digits))
    };
    if let Some(item) = open.iter().find(|item| named(item.id.0)) {
        return Ok(item.clone());
    }
    // Also one that is answered: the hub says by whom, and when.
    let all = InboxQuery { task: None, all: Some(true) };
    let mut all = hub.call::<InboxList>(all).await?;
    if let Some(item) = all.iter().find(|item| named(item.id.0)) {
        return Ok(item.clone());
    }
    let task = find(hub, &TaskName { task: name.to_owned() }).await?;
    let mut of_task: Vec<_> = open.into_iter().filter(|item| item.task == task).collect();
    // What the agent waits for goes before what it only was refused.
    if of_task.iter().any(|item| item.ask.holds_up()) {
        of_task.retain(|item| item.ask.holds_up());
    }
    let mut of_task = of_task.into_iter();
    all.retain(|item| item.task == task);
    match (of_task.next().or_else(|| all.pop()), of_task.next()) {
        (Some(item), None) => Ok(item),
        (Some(_), Some(_)) => {
            let message = "the task waits for several answers".to_owned();
            let hint = "`pilot inbox` lists them; answer one by its item";
            Err(Problem::new(Code::Invalid, message).hint(hint).into())
        }
        (None, _) => {
            let message = "the task waits for nothing".to_owned();
            let hint = "`pilot inbox` lists what needs you";
            Err(Problem::new(Code::Precondition, message).hint(hint).into())
        }
    }
}

fn answer(words: AnswerWords, rule: RuleWords, item: &InboxItem) -> anyhow::Result<Answer> {
    let for_more = words.allow_for_run || words.allow_for_project || words.never.is_some();
    let decision = match words.never {
        Some(_) => PermissionDecision::Never,
        None => PermissionDecision::Allow,
    };
    let rule = rule.rule(decision);
    if rule.is_some() && !for_more {
        let message = "`--tool`, `--command` and `--path` say what an answer covers besides";
        let hint = "they go with --allow-for-run, --allow-for-project or --never";
        return Err(Problem::new(Code::Invalid, message).hint(hint).into());
    }
    if let Some(reason) = words.never {
        return Ok(Answer::Never { reason, rule });
    }
    if words.allow || words.allow_for_run || words.allow_for_project {
        return Ok(Answer::Allow {
            input: None,
            for_run: words.allow_for_run,
            for_project: words.allow_for_project,
            rule,
        });
    }
    if let Some(reason) = words.deny {
        return Ok(Answer::Deny { reason });
    }
    if let Some(text) = words.say {
        return Ok(Answer::Say { text });
    }
    if words.end {
        return Ok(Answer::End);
    }
    let Ask::Question { questions } = &item.ask else {
        let message = "`--choose` answers a question, and this is none".to_owned();
        return Err(Problem::new(Code::Invalid, message).hint(what(item)).into());
    };
    let mut answers: BTreeMap<String, String> = BTreeMap::new();
    for words in words.choose {
        let named = questions.iter().find_map(|question| {
            let rest = words.strip_prefix(question.question.as_str())?;
            Some((question.question.clone(), rest.strip_prefix('=')?.to_owned()))
        });
        let (question, answer) = match (named, questions.as_slice()) {
            (Some(named), _) => named,
            (None, [only]) => (only.question.clone(), words),
            (None, _) => {
                let message = format!("`{words}` does not say which question it answers");
                let hint = "with several questions, say --choose 'QUESTION=ANSWER'";
                return Err(Problem::new(Code::Invalid, message).hint(hint).into());
            }
        };
        let joined = answers.entry(question).or_default();
        if !joined.is_empty() {
            joined.push_str(", ");
        }
        joined.push_str(&answer);
    }
    Ok(Answer::Choose { answers })
}
