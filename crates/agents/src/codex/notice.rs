//! What Codex tells without wanting an answer.

use super::turn::{self, Turn};
use super::{Codex, items, some_text, text};
use crate::driver::Step;
use crate::trouble;
use pilot_proto::event::{Activity, Todo};
use pilot_proto::{Code, Event};
use serde_json::Value;

/// The program tries a refused key five times. The first refusal may be a key
/// that is being rotated; the second is an answer.
const REFUSALS_BELIEVED: u32 = 2;

impl Codex {
    /// A notification.
    pub(super) fn notice(&mut self, method: &str, params: &Value, steps: &mut Vec<Step>) {
        let thread = text(params, "threadId");
        let ours = self.thread.as_deref() == Some(thread);
        match method {
            "turn/started" if ours => self.turn_began(text(&params["turn"], "id"), steps),
            "turn/completed" if ours => self.turn_over(&params["turn"], steps),
            "turn/completed" => self.subagent_over(thread, &params["turn"], steps),
            "turn/plan/updated" if ours => todos(params, steps),
            "item/started" => self.item_started(params, steps),
            "item/completed" => self.item_completed(params, ours, steps),
            "item/commandExecution/outputDelta" => {
                let (id, text) = (text(params, "itemId"), text(params, "delta"));
                if self.open_tools.contains_key(id) && !text.is_empty() {
                    let (id, text) = (id.to_owned(), text.to_owned());
                    steps.push(Step::Event(Event::ToolOutput { id, text }));
                }
            }
            "thread/tokenUsage/updated" => {
                let used = self.tokens.added(thread, &params["tokenUsage"]);
                // A resumed thread first tells what it used before.
                let now =
                    |turn: &&mut Turn| !ours || turn.id.as_deref() == Some(text(params, "turnId"));
                if let Some(turn) = self.turn.as_mut().filter(now) {
                    turn.usage = turn.usage.plus(used);
                }
            }
            "account/rateLimits/updated" => {
                self.limit_ends = turn::resets_at(&params["rateLimits"]).or(self.limit_ends);
            }
            "serverRequest/resolved" => {
                let key = params["requestId"].to_string();
                if self.open_asks.remove(&key).is_some() {
                    steps.push(Step::Withdraw { key });
                }
            }
            "error" if ours => self.error(params, steps),
            _ => {}
        }
    }

    /// The call that began the subagent whose thread this is.
    fn parent(&self, params: &Value) -> Option<String> {
        self.subagents.get(text(params, "threadId")).cloned()
    }

    fn item_started(&mut self, params: &Value, steps: &mut Vec<Step>) {
        let item = &params["item"];
        let id = text(item, "id");
        let Some(tool) = items::tool(item, &self.start.tree) else {
            return;
        };
        if self.turn.is_none() || self.open_tools.contains_key(id) {
            return;
        }
        self.is_now(Activity::Running, "", steps);
        if text(item, "type") == "subAgentActivity" {
            self.subagents.insert(text(item, "agentThreadId").to_owned(), id.to_owned());
        }
        self.open_tools.insert(id.to_owned(), tool.clone());
        steps.push(Step::Event(Event::ToolStarted {
            id: id.to_owned(),
            tool: tool.name,
            input: tool.input,
            summary: tool.summary,
            parent: self.parent(params),
            locations: tool.locations,
        }));
    }

    fn item_completed(&mut self, params: &Value, ours: bool, steps: &mut Vec<Step>) {
        let item = &params["item"];
        match text(item, "type") {
            "agentMessage" => self.spoke(params, ours, steps),
            "reasoning" => {
                let (text, parent) = (items::thought(item), self.parent(params));
                if self.turn.is_some() && !text.is_empty() {
                    steps.push(Step::Event(Event::Thinking { text, parent, open: false }));
                }
            }
            "plan" if ours => {
                let turn = self.turn.as_mut();
                if let Some(turn) = turn.filter(|_| !text(item, "text").trim().is_empty()) {
                    turn.plan = some_text(item, "text");
                }
            }
            // It is there; it ends with its own thread's turn.
            "subAgentActivity" if text(item, "kind") == "started" => {
                self.item_started(params, steps);
            }
            _ => {
                self.item_started(params, steps);
                let id = text(item, "id");
                if self.open_tools.remove(id).is_some() {
                    let (ok, output) = items::outcome(item, &self.start.tree);
                    let output = self.refusals.remove(id).filter(|_| !ok).unwrap_or(output);
                    let id = id.to_owned();
                    steps.push(Step::Event(Event::ToolEnded { id, ok, output }));
                }
            }
        }
    }

    fn spoke(&mut self, params: &Value, ours: bool, steps: &mut Vec<Step>) {
        let (text, parent) = (items::said(&params["item"]), self.parent(params));
        if text.trim().is_empty() || self.turn.is_none() {
            return;
        }
        self.is_now(Activity::Running, "", steps);
        if let Some(turn) = self.turn.as_mut().filter(|_| ours) {
            turn.summary.clone_from(&text);
        }
        steps.push(Step::Event(Event::Text { text, parent, open: false }));
    }

    fn subagent_over(&mut self, thread: &str, turn: &Value, steps: &mut Vec<Step>) {
        let Some(id) = self.subagents.get(thread).cloned() else {
            return;
        };
        if self.open_tools.remove(&id).is_some() {
            let words = turn["items"].as_array().into_iter().flatten();
            let mut words = words.filter(|item| text(item, "type") == "agentMessage");
            let output = words.next_back().map(|item| text(item, "text").to_owned());
            let ok = text(turn, "status") == "completed";
            let output = output.unwrap_or_default();
            steps.push(Step::Event(Event::ToolEnded { id, ok, output }));
        }
    }

    fn error(&mut self, params: &Value, steps: &mut Vec<Step>) {
        let error = &params["error"];
        if params["willRetry"] == Value::Bool(true) {
            self.retrying(error, steps);
            return;
        }
        let problem = turn::problem(error);
        let told = self.turn.as_mut().filter(|turn| !turn.limit_told);
        if let Some(turn) = told.filter(|_| problem.code == Code::AgentLimit) {
            turn.limit_told = true;
            steps.push(Step::Event(Event::LimitHit {
                resets_at: self.limit_ends,
                reason: text(error, "message").to_owned(),
            }));
        }
    }

    fn retrying(&mut self, error: &Value, steps: &mut Vec<Step>) {
        let attempt = turn::attempt(text(error, "message")).unwrap_or(1);
        let reason = turn::reason(error);
        self.is_now(Activity::Retrying, &reason, steps);
        // It does not say how long it waits.
        steps.push(Step::Event(Event::Retrying { attempt, wait_ms: 0, reason: reason.clone() }));
        let refused =
            matches!(turn::status(error), Some(401 | 403)) && attempt >= REFUSALS_BELIEVED;
        if let Some(turn) = self.turn.as_mut().filter(|turn| refused && turn.gave_up.is_none()) {
            turn.gave_up = Some(trouble::refused(&reason));
            steps.extend(self.send_interrupt());
        }
    }
}

fn todos(params: &Value, steps: &mut Vec<Step>) {
    let items = params["plan"].as_array().into_iter().flatten();
    let status = |item: &Value| match text(item, "status") {
        "inProgress" => "in_progress".to_owned(),
        other => other.to_owned(),
    };
    let items =
        items.map(|item| Todo { text: text(item, "step").to_owned(), status: status(item) });
    steps.push(Step::Event(Event::Todos { items: items.collect() }));
}
