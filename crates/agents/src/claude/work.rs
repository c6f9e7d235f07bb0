//! What the agent says and does in a turn: texts, thoughts, tools and what came
//! of them.

use super::{Claude, some_text, text, tools};
use crate::driver::Step;
use pilot_proto::Event;
use pilot_proto::event::{Activity, Todo};
use serde_json::Value;

impl Claude {
    pub(super) fn assistant(&mut self, message: &Value, steps: &mut Vec<Step>) {
        self.is_now(Activity::Running, "", steps);
        let parent = some_text(message, "parent_tool_use_id");
        for block in message["message"]["content"].as_array().into_iter().flatten() {
            match text(block, "type") {
                "text" => steps.push(Step::Event(Event::Text {
                    text: text(block, "text").to_owned(),
                    parent: parent.clone(),
                    open: false,
                })),
                "thinking" => steps.push(Step::Event(Event::Thinking {
                    text: text(block, "thinking").to_owned(),
                    parent: parent.clone(),
                    open: false,
                })),
                "tool_use" => self.tool_started(block, parent.clone(), steps),
                _ => {}
            }
        }
    }

    fn tool_started(&mut self, block: &Value, parent: Option<String>, steps: &mut Vec<Step>) {
        let (id, tool, input) = (text(block, "id"), text(block, "name"), &block["input"]);
        self.open_tools.insert(id.to_owned());
        steps.push(Step::Event(Event::ToolStarted {
            id: id.to_owned(),
            tool: tool.to_owned(),
            input: input.clone(),
            summary: tools::summary(tool, input, &self.start.tree),
            parent,
            locations: tools::locations(input, &self.start.tree),
        }));
        if let Some(items) = input["todos"].as_array().filter(|_| tool == "TodoWrite") {
            let items = items
                .iter()
                .map(|item| Todo {
                    text: text(item, "content").to_owned(),
                    status: text(item, "status").to_owned(),
                })
                .collect();
            steps.push(Step::Event(Event::Todos { items }));
        }
    }

    pub(super) fn user(&mut self, message: &Value, steps: &mut Vec<Step>) {
        for block in message["message"]["content"].as_array().into_iter().flatten() {
            let id = text(block, "tool_use_id");
            if text(block, "type") == "tool_result" && self.open_tools.remove(id) {
                steps.push(Step::Event(Event::ToolEnded {
                    id: id.to_owned(),
                    ok: block["is_error"] != Value::Bool(true),
                    output: tools::output(&block["content"]),
                }));
            }
        }
    }
}
