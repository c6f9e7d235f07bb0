//! From an abstract action to a call of one of codex' tools.
//!
//! Codex offers three sets, as its catalog of models says: one tool `exec` that
//! takes a JavaScript program which calls the others ("code mode"),
//! `apply_patch` and `exec_command`, or, for a model that it does not know,
//! `exec_command` alone.

use super::script::{Action, AskPerson, CallTool, Edit, ToDo, Write};
use super::tools::Filling;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The tool's name and what it is given; none if these are not codex' tools.
pub(super) fn call(
    action: &Action,
    filling: &Filling,
    offered: &BTreeMap<String, Value>,
) -> Option<(String, Value)> {
    let by_program = offered.get("exec").is_some_and(Value::is_null);
    if !by_program && !offered.contains_key("exec_command") {
        return None;
    }
    let patches = by_program || offered.contains_key("apply_patch");
    let (name, input) = match action {
        Action::Write(Write { path, content }) if !patches => {
            let content = filling.fill(content);
            ("exec_command", json!({"cmd": format!("printf %s {} > {path}", quoted(&content))}))
        }
        Action::Write(Write { path, content }) => {
            ("apply_patch", added(path, &filling.fill(content)))
        }
        Action::Edit(Edit { path, old, new }) => {
            ("apply_patch", updated(path, &filling.fill(old), &filling.fill(new)))
        }
        Action::Read(path) => ("exec_command", json!({"cmd": format!("cat {path}")})),
        Action::Shell(command) => ("exec_command", json!({"cmd": filling.fill(command)})),
        Action::Ask(AskPerson { question, options }) => {
            let options: Vec<Value> = options
                .iter()
                .map(|option| json!({"label": option, "description": option}))
                .collect();
            let question = json!({
                "id": "q1",
                "header": "Question",
                "question": filling.fill(question),
                "options": options,
            });
            return Some(("request_user_input".to_owned(), json!({"questions": [question]})));
        }
        Action::Todo(items) => {
            let plan: Vec<Value> = items
                .iter()
                .map(|ToDo { text, status }| json!({"step": text, "status": status}))
                .collect();
            ("update_plan", json!({"plan": plan}))
        }
        // A plan is no tool but a block in the text.
        Action::Plan(_) => return None,
        Action::Tool(CallTool { name, input }) => {
            return Some((name.clone(), input.clone()));
        }
    };
    if by_program {
        let program = format!("text(await tools.{name}({input}));\n");
        return Some(("exec".to_owned(), program.into()));
    }
    Some((name.to_owned(), input))
}

/// As one word of a shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// The text that proposes a plan, where that is not done with a tool.
pub(super) fn proposed(plan: &str, offered: &BTreeMap<String, Value>) -> Option<String> {
    let codex = offered.contains_key("request_user_input");
    codex.then(|| format!("<proposed_plan>\n{plan}\n</proposed_plan>\n"))
}

fn patch(body: &str) -> Value {
    format!("*** Begin Patch\n{body}*** End Patch\n").into()
}

fn added(path: &str, content: &str) -> Value {
    let lines: String = content.lines().map(|line| format!("+{line}\n")).collect();
    patch(&format!("*** Add File: {path}\n{lines}"))
}

fn updated(path: &str, old: &str, new: &str) -> Value {
    let lines = |mark: char, text: &str| -> String {
        text.split('\n').map(|line| format!("{mark}{line}\n")).collect()
    };
    let (old, new) = (lines('-', old), lines('+', new));
    patch(&format!("*** Update File: {path}\n@@\n{old}{new}"))
}
