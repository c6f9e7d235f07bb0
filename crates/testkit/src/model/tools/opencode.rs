//! opencode's tools.

use super::{Filling, todo_list};
use crate::model::script::{Action, AskPerson, CallTool, Edit, Write};
use serde_json::{Value, json};

pub(super) fn call(action: &Action, filling: &Filling) -> (String, Value) {
    let (name, input) = match action {
        Action::Write(Write { path, content }) => {
            ("write", json!({"filePath": filling.path(path), "content": filling.fill(content)}))
        }
        Action::Edit(Edit { path, old, new }) => (
            "edit",
            json!({
                "filePath": filling.path(path),
                "oldString": filling.fill(old),
                "newString": filling.fill(new),
            }),
        ),
        Action::Read(path) => ("read", json!({"filePath": filling.path(path)})),
        Action::Shell(command) => {
            let command = filling.fill(command);
            ("bash", json!({"command": command, "description": "Scripted command"}))
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
                "multiple": false,
            });
            ("question", json!({"questions": [question]}))
        }
        // It has no tool for a plan: the plan is what it says.
        Action::Plan(plan) => ("plan_exit", json!({"plan": filling.fill(plan)})),
        Action::Todo(todos) => {
            let mut items = todo_list(todos);
            for item in items.as_array_mut().into_iter().flatten() {
                item["priority"] = "medium".into();
            }
            ("todowrite", json!({"todos": items}))
        }
        Action::Tool(CallTool { name, input }) => (name.as_str(), input.clone()),
    };
    (name.to_owned(), input)
}
