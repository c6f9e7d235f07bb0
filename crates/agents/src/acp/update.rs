//! `session/update`: what an agent says and does.

use super::converse::{Acp, Stage};
use super::tools::{self, Tool};
use super::{some_text, text};
use crate::driver::Step;
use pilot_proto::Event;
use pilot_proto::event::Activity;
use serde_json::Value;

/// Something that is being said. It is journaled whole.
#[derive(Debug)]
pub(super) struct Speech {
    thought: bool,
    message: Option<String>,
    text: String,
}

impl Acp {
    pub(super) fn updated(&mut self, update: &Value, steps: &mut Vec<Step>) {
        let kind = text(update, "sessionUpdate");
        if kind == "usage_update" {
            self.cost.told(&update["cost"]);
            return;
        }
        if self.stage == Stage::Past && kind == "available_commands_update" {
            return self.enter_mode(steps);
        }
        if self.stage != Stage::Open {
            // It tells its past.
            return;
        }
        match kind {
            "agent_message_chunk" => self.said(update, false, steps),
            "agent_thought_chunk" => self.said(update, true, steps),
            // A session's past that comes late: no part of the answer.
            "user_message_chunk" if self.start.resume.is_some() => self.speech = None,
            "tool_call" | "tool_call_update" => self.tool(update, steps),
            "plan" => {
                self.speech_over(steps);
                let items = update["entries"].as_array().map(Vec::as_slice).unwrap_or_default();
                let items = tools::todos(items);
                steps.push(Step::Event(Event::Todos { items }));
            }
            _ => {}
        }
    }

    fn said(&mut self, update: &Value, thought: bool, steps: &mut Vec<Step>) {
        let said = text(&update["content"], "text");
        if said.is_empty() || self.habits.noise.is_some_and(|noise| said.starts_with(noise)) {
            return;
        }
        self.begin_tools(None, steps);
        let message = some_text(update, "messageId");
        let goes_on = |speech: &Speech| speech.thought == thought && speech.message == message;
        if !self.speech.as_ref().is_some_and(goes_on) {
            self.speech_over(steps);
        }
        if let Some(turn) = self.turn.as_mut() {
            turn.goes_on();
        }
        self.speech
            .get_or_insert_with(|| Speech { thought, message, text: String::new() })
            .text
            .push_str(said);
    }

    /// What was being said is said.
    pub(super) fn speech_over(&mut self, steps: &mut Vec<Step>) {
        let Some(Speech { thought, text, .. }) = self.speech.take() else {
            return;
        };
        if let Some(turn) = self.turn.as_mut().filter(|_| !thought) {
            turn.said.clone_from(&text);
        }
        steps.push(Step::Event(match thought {
            true => Event::Thinking { text, parent: None, open: false },
            false => Event::Text { text, parent: None, open: false },
        }));
    }

    fn tool(&mut self, update: &Value, steps: &mut Vec<Step>) {
        let id = text(update, "toolCallId").to_owned();
        if id.is_empty() || self.closed.contains(&id) {
            return;
        }
        self.speech_over(steps);
        self.begin_tools(Some(&id), steps);
        self.tool_told(&id, update, steps);
        if let Some(text) = some_text(&update["_meta"]["terminal_output_delta"], "data") {
            steps.push(Step::Event(Event::ToolOutput { id: id.clone(), text }));
        }
        let ok = match text(update, "status") {
            "completed" => true,
            "failed" => false,
            _ => return,
        };
        self.tools.remove(&id);
        self.closed.insert(id.clone());
        steps.push(Step::Event(Event::ToolEnded { id, ok, output: tools::output(update) }));
    }

    /// A message told something of a call. It is in the journal as soon as a
    /// reader can make something of it.
    pub(super) fn tool_told(&mut self, id: &str, call: &Value, steps: &mut Vec<Step>) {
        if !self.tools.contains_key(id) {
            self.is_now(Activity::Running, steps);
            self.acted = true;
            if let Some(turn) = self.turn.as_mut() {
                turn.goes_on();
            }
        }
        // Plans are written as Markdown.
        if let Some(diff) = tools::diff(call).filter(|diff| text(diff, "path").ends_with(".md")) {
            let (path, written) = (text(diff, "path"), text(diff, "newText"));
            self.written = Some((path.to_owned(), written.to_owned()));
        }
        let tool = self.tools.entry(id.to_owned()).or_default();
        tool.told(call, id, self.habits.tool_name, &self.start.tree);
        let under_way = matches!(text(call, "status"), "in_progress" | "completed" | "failed");
        if !tool.started && (under_way || tool.says_enough()) {
            let events = tool.begin(id, &self.start.tree);
            steps.extend(events.into_iter().map(Step::Event));
        }
    }

    /// Something else happens: more will not be told of the calls that came
    /// before, except perhaps of this one.
    pub(super) fn begin_tools(&mut self, except: Option<&str>, steps: &mut Vec<Step>) {
        let waiting = |(id, tool): &(&String, &mut Tool)| !tool.started && except != Some(id);
        for (id, tool) in self.tools.iter_mut().filter(waiting) {
            steps.extend(tool.begin(id, &self.start.tree).into_iter().map(Step::Event));
        }
    }
}
