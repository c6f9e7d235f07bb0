//! `can_use_tool`: one request of Claude Code for three needs (a permission, a
//! question, a plan to approve), and what is written back.

use super::{text, tools};
use crate::driver::Ruling;
use pilot_proto::Mode;
use pilot_proto::inbox::{Answer, Ask, Choice, Question};
use serde_json::{Map, Value, json};
use std::path::Path;

/// What the request asks a person.
pub(super) fn ask(request: &Value, tree: &Path) -> Ask {
    let (tool, input) = (text(request, "tool_name"), &request["input"]);
    match tool {
        "AskUserQuestion" => match questions(input) {
            Some(questions) => Ask::Question { questions },
            None => permission(tool, input, tree),
        },
        "ExitPlanMode" => {
            let plan = match text(input, "plan") {
                "" => "(The agent wrote no plan.)",
                plan => plan,
            };
            Ask::Plan { plan: plan.to_owned() }
        }
        _ => permission(tool, input, tree),
    }
}

fn permission(tool: &str, input: &Value, tree: &Path) -> Ask {
    Ask::Permission {
        tool: tool.to_owned(),
        input: input.clone(),
        summary: tools::summary(tool, input, tree),
        commands: tools::commands(input),
        paths: tools::paths(input, tree),
    }
}

/// What a hook before a tool is told: the tool and its input; none for what is
/// an ask itself.
pub(super) fn hooked(request: &Value, tree: &Path) -> Option<Ask> {
    let input = &request["input"];
    let tool = text(input, "tool_name");
    let asks = tool.is_empty() || matches!(tool, "AskUserQuestion" | "ExitPlanMode");
    (!asks).then(|| permission(tool, &input["tool_input"], tree))
}

/// What the hook says then.
pub(super) fn hook_says(ruling: &Ruling) -> Value {
    let says = |decision: &str, reason: &str| {
        json!({"hookSpecificOutput": {
            "hookEventName": "PreToolUse",
            "permissionDecision": decision,
            "permissionDecisionReason": reason,
        }})
    };
    match ruling {
        Ruling::Go => json!({}),
        Ruling::Ask => says("ask", "The project's rules want this asked."),
        Ruling::Deny(reason) => says("deny", reason),
    }
}

fn questions(input: &Value) -> Option<Vec<Question>> {
    let questions = input["questions"].as_array().filter(|questions| !questions.is_empty())?;
    Some(questions.iter().map(question).collect())
}

fn question(question: &Value) -> Question {
    let options = question["options"].as_array().into_iter().flatten();
    Question {
        question: text(question, "question").to_owned(),
        header: text(question, "header").to_owned(),
        options: options
            .map(|option| Choice {
                label: text(option, "label").to_owned(),
                description: text(option, "description").to_owned(),
            })
            .collect(),
        multiple: question["multiSelect"] == Value::Bool(true),
    }
}

/// What to write back: `input` is what the tool would be given.
pub(super) fn response(ask: &Ask, answer: &Answer, input: &Value, mode: Mode) -> Value {
    match (ask, answer) {
        (Ask::Permission { .. }, Answer::Allow { input: changed, .. }) => {
            json!({"behavior": "allow", "updatedInput": changed.as_ref().unwrap_or(input)})
        }
        (Ask::Plan { .. }, Answer::Allow { .. }) => json!({
            "behavior": "allow",
            "updatedInput": input,
            "updatedPermissions":
                [{"type": "setMode", "mode": after_plan(mode), "destination": "session"}],
        }),
        (Ask::Question { questions }, Answer::Choose { answers }) => {
            let answers = questions.iter().filter_map(|question| {
                Some((question.question.clone(), answers.get(&question.question)?.clone()))
            });
            answered(input, answers.collect())
        }
        (Ask::Question { questions }, Answer::Say { text }) => {
            let answers = questions.iter().map(|one| (one.question.clone(), text.clone()));
            answered(input, answers.collect())
        }
        (_, Answer::Deny { reason } | Answer::Never { reason, .. }) if !reason.is_empty() => {
            deny(reason)
        }
        (_, Answer::Say { text }) => deny(text),
        (Ask::Question { .. }, _) => deny("Nobody chose. Decide yourself and go on."),
        (Ask::Plan { .. }, _) => deny("The plan was not approved. Revise it."),
        (_, _) => deny("This was not permitted. Go on without it."),
    }
}

/// How an approved plan is carried out: without asking again, except in the
/// mode whose point is to be asked about commands.
fn after_plan(mode: Mode) -> &'static str {
    match mode {
        Mode::Auto | Mode::Plan => "bypassPermissions",
        Mode::Ask => "acceptEdits",
    }
}

fn answered(input: &Value, answers: Vec<(String, String)>) -> Value {
    let answers: Map<String, Value> =
        answers.into_iter().map(|(question, answer)| (question, answer.into())).collect();
    let mut input = input.clone();
    if let Some(fields) = input.as_object_mut() {
        fields.insert("answers".to_owned(), answers.into());
    }
    json!({"behavior": "allow", "updatedInput": input})
}

fn deny(message: &str) -> Value {
    json!({"behavior": "deny", "message": message})
}

/// The response refuses a tool. A question without an answer and a plan sent
/// back refuse nothing.
pub(super) fn refuses(ask: &Ask, response: &Value) -> bool {
    matches!(ask, Ask::Permission { .. }) && text(response, "behavior") == "deny"
}
