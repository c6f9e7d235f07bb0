//! What the agent asks of us: its requests, and what a person answers them.

use super::ask::{self, Plan};
use super::converse::Acp;
use super::tools::Tool;
use super::{text, write};
use crate::driver::Step;
use pilot_proto::event::Activity;
use pilot_proto::inbox::{Answer, Ask};
use pilot_proto::{Event, Mode};
use serde_json::{Value, json};

/// JSON-RPC 2.0: the method is not offered.
const METHOD_NOT_FOUND: i32 = -32601;

/// An ask that waits for a person.
#[derive(Debug)]
pub(super) enum Waiting {
    Permission {
        id: Value,
        tool: String,
        input: Value,
        options: Value,
    },
    Plan {
        id: Value,
        tool: String,
        options: Value,
    },
    Form {
        id: Value,
        form: Value,
    },
    /// For the plan that the agent said.
    Said,
}

impl Acp {
    /// The agent wants something from us.
    pub(super) fn asked(
        &mut self,
        id: &Value,
        method: &str,
        params: &Value,
        steps: &mut Vec<Step>,
    ) {
        let interrupted = self.turn.as_ref().is_some_and(|turn| turn.interrupted);
        match method {
            // It has not read yet that it is to stop.
            "session/request_permission" if interrupted => steps.push(Self::choose(id, None)),
            "elicitation/create" if interrupted => {
                steps.push(answer(id, &json!({"action": "cancel"})));
            }
            "session/request_permission" => self.permission_asked(id, params, steps),
            "elicitation/create" => match ask::questions(params) {
                Some(questions) => {
                    let waiting = Waiting::Form { id: id.clone(), form: params.clone() };
                    self.ask(id.to_string(), waiting, Ask::Question { questions }, steps);
                }
                None => steps.push(answer(id, &json!({"action": "decline"}))),
            },
            // Nothing else was offered; an answer keeps it from waiting.
            _ => steps.push(write(&json!({
                "jsonrpc": "2.0", "id": id,
                "error": {"code": METHOD_NOT_FOUND, "message": format!("`{method}` is not offered")},
            }))),
        }
    }

    fn ask(&mut self, key: String, waiting: Waiting, ask: Ask, steps: &mut Vec<Step>) {
        self.speech_over(steps);
        self.asks.insert(key.clone(), waiting);
        self.is_now(Activity::Waiting, steps);
        steps.push(Step::Ask { key, ask });
    }

    fn permission_asked(&mut self, id: &Value, params: &Value, steps: &mut Vec<Step>) {
        let (call, options) = (&params["toolCall"], params["options"].clone());
        let tool = text(call, "toolCallId").to_owned();
        self.speech_over(steps);
        self.tool_told(&tool, call, steps);
        self.begin_tools(None, steps);
        if let Some(plan) = ask::plan(call) {
            let plan = self.plan(&plan);
            let waiting = Waiting::Plan { id: id.clone(), tool, options };
            return self.ask(id.to_string(), waiting, Ask::Plan { plan }, steps);
        }
        let known = self.tools.get(&tool);
        let input = known.map(Tool::input).unwrap_or_default();
        let ask = Ask::Permission {
            tool: known.map(|tool| tool.name().to_owned()).unwrap_or_default(),
            summary: known.map(|tool| tool.summary(&self.start.tree)).unwrap_or_default(),
            input: input.clone(),
            commands: known.map(Tool::commands).unwrap_or_default(),
            paths: known.map(|tool| tool.files(&self.start.tree)).unwrap_or_default(),
        };
        let waiting = Waiting::Permission { id: id.clone(), tool, input, options };
        if self.free {
            let key = id.to_string();
            self.asks.insert(key.clone(), waiting);
            return steps.push(Step::Check { key, ask });
        }
        self.ask(id.to_string(), waiting, ask, steps);
    }

    fn plan(&self, plan: &Plan<'_>) -> String {
        match plan {
            Plan::Text(text) => (*text).to_owned(),
            Plan::File(path) => match &self.written {
                Some((written, text)) if written == path => text.clone(),
                _ => format!("(The plan stands in `{path}`.)"),
            },
        }
    }

    /// One of the options of a permission, or none of them.
    pub(super) fn choose(id: &Value, option: Option<String>) -> Step {
        let outcome = match option {
            Some(option) => json!({"outcome": "selected", "optionId": option}),
            None => json!({"outcome": "cancelled"}),
        };
        answer(id, &json!({"outcome": outcome}))
    }

    fn refuse_tool(&mut self, tool: &str, reason: &str, steps: &mut Vec<Step>) {
        if self.tools.remove(tool).is_some() {
            self.closed.insert(tool.to_owned());
            let (id, output) = (tool.to_owned(), reason.to_owned());
            steps.push(Step::Event(Event::ToolEnded { id, ok: false, output }));
        }
    }

    pub(super) fn permitted(&mut self, waiting: Waiting, given: &Answer, steps: &mut Vec<Step>) {
        let Waiting::Permission { id, tool, input, options } = waiting else {
            return;
        };
        let other = match given {
            Answer::Allow { input: Some(other), .. } if *other != input => Some(other),
            _ => None,
        };
        if matches!(given, Answer::Allow { .. }) && other.is_none() {
            steps.push(Self::choose(&id, ask::option(&options, "allow_once")));
            return;
        }
        let summary = self.tools.get(&tool).map(|tool| tool.summary(&self.start.tree));
        let what = summary.unwrap_or_default();
        let why = match (given, other) {
            (_, Some(other)) => Some(format!("Not like this. Do it with this instead: {other}")),
            (Answer::Deny { reason } | Answer::Say { text: reason }, _) => Some(reason.clone()),
            _ => None,
        };
        let why = why.filter(|why| !why.is_empty());
        let in_any_case = other.is_some() || self.habits.goes_on_unaware && why.is_some();
        let reason = why.unwrap_or_else(|| "This was not permitted.".to_owned());
        steps.push(Self::choose(&id, ask::option(&options, "reject_once")));
        self.refuse_tool(&tool, &reason, steps);
        if let Some(turn) = self.turn.as_mut() {
            turn.denials += 1;
            let told = format!("`{what}` was refused: {reason}\nGo on without it.");
            turn.tell(told, in_any_case);
        }
    }

    pub(super) fn plan_judged(&mut self, waiting: Waiting, given: &Answer, steps: &mut Vec<Step>) {
        let approved = matches!(given, Answer::Allow { .. });
        let reason = match given {
            Answer::Deny { reason } | Answer::Say { text: reason } if !reason.is_empty() => reason,
            _ => "It is not good yet.",
        };
        let sent_back = format!("The plan was not approved: {reason}\nRevise it.");
        if approved {
            // Carried out without asking, except where the point is to be asked.
            self.free = self.start.mode != Mode::Ask;
        }
        match waiting {
            Waiting::Plan { id, options, .. } if approved => {
                steps.push(Self::choose(&id, ask::option(&options, "allow_once")));
            }
            Waiting::Plan { id, tool, options } => {
                steps.push(Self::choose(&id, ask::option(&options, "reject_once")));
                self.refuse_tool(&tool, reason, steps);
                if let Some(turn) = self.turn.as_mut() {
                    turn.tell(sent_back, true);
                }
            }
            Waiting::Said if approved => {
                self.next = Some("The plan is approved. Carry it out.".to_owned());
                self.enter_mode(steps);
            }
            Waiting::Said => self.prompt(&sent_back, steps),
            Waiting::Permission { .. } | Waiting::Form { .. } => {}
        }
    }
}

pub(super) fn answer(id: &Value, result: &Value) -> Step {
    write(&json!({"jsonrpc": "2.0", "id": id, "result": result}))
}
