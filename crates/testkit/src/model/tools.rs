//! From an abstract action to a call of a tool that the agent offers.

mod gemini;
mod opencode;

use super::codex;
use super::script::{Action, AskPerson, CallTool, Edit, ToDo, Write};
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

/// The tool's name and what it is given. What is in `offered` tells whose tools
/// they are.
pub(super) fn call(
    action: &Action,
    filling: &Filling,
    offered: &BTreeMap<String, Value>,
) -> (String, Value) {
    if let Action::Tool(CallTool { name, input }) = action {
        return (name.clone(), input.clone());
    }
    let takes = |tool: &str, field: &str| {
        offered.get(tool).is_some_and(|schema| schema["properties"][field].is_object())
    };
    if offered.contains_key("run_shell_command") || offered.contains_key("exit_plan_mode") {
        return gemini::call(action, filling);
    }
    if takes("read", "filePath") {
        return opencode::call(action, filling);
    }
    if takes("edit", "edits") {
        return pi(action, filling);
    }
    if let Some(call) = codex::call(action, filling, offered) {
        return call;
    }
    claude(action, filling, offered)
}

fn claude(
    action: &Action,
    filling: &Filling,
    offered: &BTreeMap<String, Value>,
) -> (String, Value) {
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
        Action::Todo(todos) => ("TodoWrite", json!({"todos": todo_list(todos)})),
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
        // It has no tool for a to-do list.
        Action::Todo(todos) => ("todo", json!({"todos": todo_list(todos)})),
        Action::Tool(CallTool { name, input }) => (name.as_str(), input.clone()),
    };
    (name.to_owned(), input)
}

/// The items of a to-do list, with all that any agent wants to know of them.
fn todo_list(todos: &[ToDo]) -> Value {
    let item =
        |todo: &ToDo| json!({"content": todo.text, "status": todo.status, "activeForm": todo.text});
    todos.iter().map(item).collect()
}
