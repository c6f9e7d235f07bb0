//! Gemini CLI's tools.

use super::Filling;
use crate::model::script::{Action, AskPerson, CallTool, Edit, ToDo, Write};
use serde_json::{Value, json};

pub(super) fn call(action: &Action, filling: &Filling) -> (String, Value) {
    let (name, input) = match action {
        Action::Write(Write { path, content }) => (
            "write_file",
            json!({"file_path": filling.path(path), "content": filling.fill(content)}),
        ),
        Action::Edit(Edit { path, old, new }) => (
            "replace",
            json!({
                "file_path": filling.path(path),
                "instruction": "Scripted edit",
                "old_string": filling.fill(old),
                "new_string": filling.fill(new),
            }),
        ),
        Action::Read(path) => ("read_file", json!({"file_path": filling.path(path)})),
        Action::Shell(command) => {
            let command = filling.fill(command);
            ("run_shell_command", json!({"command": command, "description": "Scripted command"}))
        }
        Action::Ask(AskPerson { question, options }) => {
            let options: Vec<Value> = options
                .iter()
                .map(|option| json!({"label": option, "description": option}))
                .collect();
            let question = json!({
                "question": filling.fill(question),
                "header": "Question",
                "type": "choice",
                "options": options,
            });
            ("ask_user", json!({"questions": [question]}))
        }
        // The plan itself stands in the file that was written before.
        Action::Plan(_) => ("exit_plan_mode", json!({"plan_filename": "plan.md"})),
        Action::Todo(todos) => {
            let item = |todo: &ToDo| json!({"description": todo.text, "status": todo.status});
            ("write_todos", json!({"todos": todos.iter().map(item).collect::<Value>()}))
        }
        Action::Tool(CallTool { name, input }) => (name.as_str(), input.clone()),
    };
    (name.to_owned(), input)
}
