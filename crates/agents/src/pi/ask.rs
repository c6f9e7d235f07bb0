//! The program's dialogs: those of our own extension, which carry JSON, and
//! those of anybody's, which are questions.

use super::{text, tools};
use crate::driver::Ruling;
use pilot_proto::inbox::{Answer, Ask, Choice, Question};
use serde_json::{Value, json};
use std::path::Path;

/// What the title of our extension's dialogs begins with (`extension.ts`).
const MARK: &str = "pilothouse:";

/// The kind of the dialog in which the extension asks the rules and nobody else.
const CHECK: &str = "check";

const YES: &str = "Yes";
const NO: &str = "No";

/// What the request asks a person; none if it asks nothing.
pub(super) fn ask(request: &Value, tree: &Path) -> Option<Ask> {
    let title = text(request, "title");
    match (text(request, "method"), title.strip_prefix(MARK)) {
        ("input", Some(kind)) => ours(kind, text(request, "placeholder"), tree),
        ("select", _) => {
            let options = request["options"].as_array().into_iter().flatten();
            Some(question(title, "", options.filter_map(Value::as_str)))
        }
        ("confirm", _) => Some(question(title, text(request, "message"), [YES, NO].into_iter())),
        ("input", None) => Some(question(title, text(request, "placeholder"), std::iter::empty())),
        ("editor", _) => Some(question(title, text(request, "prefill"), std::iter::empty())),
        _ => None,
    }
}

/// The request is for the rules.
pub(super) fn is_check(request: &Value) -> bool {
    text(request, "title").strip_prefix(MARK) == Some(CHECK)
}

/// What the rules say, for the extension.
pub(super) fn ruled(key: &str, ruling: &Ruling) -> Value {
    let value = match ruling {
        Ruling::Go => json!({"go": true}),
        Ruling::Ask => json!({"ask": true}),
        Ruling::Deny(reason) => json!({"reason": reason}),
    };
    json!({"type": "extension_ui_response", "id": key, "value": value.to_string()})
}

fn ours(kind: &str, what: &str, tree: &Path) -> Option<Ask> {
    let what: Value = serde_json::from_str(what).ok()?;
    match kind {
        "permission" | CHECK => {
            let (tool, input) = (text(&what, "tool"), what["input"].clone());
            Some(Ask::Permission {
                tool: tool.to_owned(),
                summary: tools::summary(tool, &input, tree),
                commands: input["command"].as_str().map(str::to_owned).into_iter().collect(),
                paths: tools::locations(&input, tree).into_iter().map(|at| at.path).collect(),
                input,
            })
        }
        "question" => {
            let options = what["options"].as_array().into_iter().flatten();
            Some(question(text(&what, "question"), "", options.filter_map(Value::as_str)))
        }
        "plan" => Some(Ask::Plan { plan: text(&what, "plan").to_owned() }),
        _ => None,
    }
}

fn question<'a>(title: &str, more: &str, options: impl Iterator<Item = &'a str>) -> Ask {
    let question = if more.is_empty() { title.to_owned() } else { format!("{title}\n{more}") };
    let choice = |label: &str| Choice { label: label.to_owned(), description: String::new() };
    let options = options.map(choice).collect();
    let question = Question { question, header: String::new(), options, multiple: false };
    Ask::Question { questions: vec![question] }
}

/// What to write back. Which dialog it was is seen from the ask: only a
/// confirmation offers exactly yes and no.
pub(super) fn response(key: &str, ask: &Ask, answer: &Answer) -> Value {
    let value = |value: Value| json!({"type": "extension_ui_response", "id": key, "value": value.to_string()});
    match (ask, answer) {
        (Ask::Permission { .. }, Answer::Allow { input: Some(input), .. }) => {
            value(json!({"allow": true, "input": input}))
        }
        (Ask::Permission { .. } | Ask::Plan { .. }, Answer::Allow { .. }) => {
            value(json!({"allow": true}))
        }
        (Ask::Permission { .. } | Ask::Plan { .. }, answer) => {
            value(json!({"reason": reason(answer)}))
        }
        (Ask::Question { questions }, answer) => match said(questions, answer) {
            Some(said) if is_confirmation(questions) => {
                json!({"type": "extension_ui_response", "id": key, "confirmed": said == YES})
            }
            Some(said) => json!({"type": "extension_ui_response", "id": key, "value": said}),
            None => cancelled(key),
        },
        _ => cancelled(key),
    }
}

fn reason(answer: &Answer) -> &str {
    match answer {
        Answer::Deny { reason } | Answer::Never { reason, .. } => reason,
        Answer::Say { text } => text,
        Answer::Allow { .. } | Answer::Choose { .. } | Answer::End => "",
    }
}

fn said(questions: &[Question], answer: &Answer) -> Option<String> {
    match answer {
        Answer::Choose { answers } => answers.get(&questions.first()?.question).cloned(),
        Answer::Say { text } => Some(text.clone()),
        Answer::Allow { .. } | Answer::Deny { .. } | Answer::Never { .. } | Answer::End => None,
    }
}

fn is_confirmation(questions: &[Question]) -> bool {
    questions.first().is_some_and(|question| {
        question.options.iter().map(|option| option.label.as_str()).eq([YES, NO])
    })
}

/// Nobody answers.
pub(super) fn cancelled(key: &str) -> Value {
    json!({"type": "extension_ui_response", "id": key, "cancelled": true})
}

/// The answer refuses a tool. A question without an answer and a plan sent back
/// refuse nothing.
pub(super) fn refuses(ask: &Ask, answer: &Answer) -> bool {
    matches!(ask, Ask::Permission { .. }) && !matches!(answer, Answer::Allow { .. })
}
