//! From an abstract action to a call of a tool that the agent offers.

use super::script::{Action, AskPerson, CallTool, Edit, Write};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What `${…}` stands for in a step's strings.
pub(super) struct Filling {
    pub(super) prompt: String,
    pub(super) cwd: String,
    pub(super) plan_file: String,
    pub(super) last_result: String,
}

impl Filling {
    pub(super) fn fill(&self, text: &str) -> String {
        text.replace("${prompt}", &self.prompt)
            .replace("${cwd}", &self.cwd)
            .replace("${plan_file}", &self.plan_file)
            .replace("${last_result}", &self.last_result)
    }

    fn path(&self, path: &str) -> String {
        let path = self.fill(path);
        if path.starts_with('/') || self.cwd.is_empty() {
            path
        } else {
            format!("{}/{path}", self.cwd)
        }
    }
}

/// The tool's name and what it is given. The names are Claude Code's; an agent
/// with others gets a second arm here, chosen by what is in `offered`.
pub(super) fn call(
    action: &Action,
    filling: &Filling,
    offered: &BTreeMap<String, Value>,
) -> (String, Value) {
    if offered.contains_key("edit") && offered["edit"]["properties"]["edits"].is_object() {
        return pi(action, filling);
    }
    let (name, input) = match action {
        Action::Write(Write { path, content }) => {
            ("Write", json!({"file_path": filling.path(path), "content": filling.fill(content)}))
        }
        Action::Edit(Edit { path, old, new }) => (
            "Edit",
            json!({
                "file_path": filling.path(path),
                "old_string": filling.fill(old),
                "new_string": filling.fill(new),
            }),
        ),
        Action::Read(path) => ("Read", json!({"file_path": filling.path(path)})),
        Action::Shell(command) => {
            let mut input = json!({"command": filling.fill(command)});
            if offered.get("Bash").is_some_and(|bash| bash["properties"]["description"].is_object())
            {
                input["description"] = "Scripted command".into();
            }
            ("Bash", input)
        }
        Action::Ask(AskPerson { question, options }) => {
            let options: Vec<Value> = options
                .iter()
                .map(|option| json!({"label": option, "description": option}))
                .collect();
            let question = json!({
                "question": filling.fill(question),
                "header": "Question",
                "options": options,
                "multiSelect": false,
            });
            ("AskUserQuestion", json!({"questions": [question]}))
        }
        Action::Plan(plan) => ("ExitPlanMode", json!({"plan": filling.fill(plan)})),
        Action::Tool(CallTool { name, input }) => (name.as_str(), input.clone()),
    };
    (name.to_owned(), input)
}

/// The tools of pi, and those that our extension of it adds.
fn pi(action: &Action, filling: &Filling) -> (String, Value) {
    let (name, input) = match action {
        Action::Write(Write { path, content }) => {
            ("write", json!({"path": filling.path(path), "content": filling.fill(content)}))
        }
        Action::Edit(Edit { path, old, new }) => {
            let edit = json!({"oldText": filling.fill(old), "newText": filling.fill(new)});
            ("edit", json!({"path": filling.path(path), "edits": [edit]}))
        }
        Action::Read(path) => ("read", json!({"path": filling.path(path)})),
        Action::Shell(command) => ("bash", json!({"command": filling.fill(command)})),
        Action::Ask(AskPerson { question, options }) => {
            ("ask_user", json!({"question": filling.fill(question), "options": options}))
        }
        Action::Plan(plan) => ("submit_plan", json!({"plan": filling.fill(plan)})),
        Action::Tool(CallTool { name, input }) => (name.as_str(), input.clone()),
    };
    (name.to_owned(), input)
}
