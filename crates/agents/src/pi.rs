//! pi over its RPC mode.
//!
//! What is said here about the program was measured on 0.73.1. It asks nobody
//! for anything: permissions, questions and plans are an extension of ours,
//! put into its HOME, which speaks through the program's own dialogs
//! (`ask::MARK`).
//!
//! When a turn is over is not told either: `agent_end` comes before every
//! retry, too, and before what was said meanwhile is read. So the program is
//! asked for its state behind each `agent_end` (`Check`), and the turn is over
//! once it is idle and nothing was begun in between.

mod ask;
mod launch;
mod tools;
mod turn;

use crate::attached::{self, Attached};
use crate::catalog::SessionPlace;
use crate::driver::{Driver, Launch, Ruling, Start, Step, died};
use crate::probe::Probe;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use pilot_proto::event::{Activity, TurnEnd};
use pilot_proto::inbox::{Answer, Ask};
use pilot_proto::runner::Abilities;
use pilot_proto::{Event, Stream};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use turn::Turn;

/// Its name in tasks and projects.
pub const NAME: &str = "pi";

/// How a message begins that repeats all that was written so far, once for
/// every word: what counts comes whole at its end.
const REPEATED: &str = r#"{"type":"message_update""#;

/// pi in the catalog.
#[derive(Debug, Clone, Copy)]
pub struct Agent;

impl crate::catalog::Agent for Agent {
    fn name(&self) -> &str {
        NAME
    }

    fn probe(&self) -> Probe {
        Probe::new(NAME, "pi", &["--version"], "npm install -g @mariozechner/pi-coding-agent")
    }

    fn abilities(&self) -> Abilities {
        Abilities {
            resume: true,
            approvals: true,
            goes_on_refused: true,
            questions: true,
            plan: true,
            steer: true,
            interrupt: true,
            images: true,
            usage: true,
            cost: true,
        }
    }

    fn driver(&self, start: Start) -> Box<dyn Driver> {
        Box::new(Pi::new(start))
    }

    fn session(&self, _tree: &Path, session: &str) -> Option<SessionPlace> {
        Some(launch::place(session))
    }
}

/// The driver.
pub struct Pi {
    start: Start,
    requests: u32,
    session: Option<String>,
    activity: Option<Activity>,
    turn: Option<Turn>,
    check: Check,
    /// Open tools, with the output that was told of each.
    open_tools: BTreeMap<String, String>,
    open_asks: BTreeSet<String>,
}

/// Whether the program has come to rest.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Check {
    /// It works, or something is due by itself.
    None,
    /// It has ended its work and was asked, under this id, whether it rests.
    Asked(String),
}

impl Pi {
    /// A driver that has not begun yet.
    pub fn new(start: Start) -> Self {
        Self {
            start,
            requests: 0,
            session: None,
            activity: None,
            turn: None,
            check: Check::None,
            open_tools: BTreeMap::new(),
            open_asks: BTreeSet::new(),
        }
    }

    fn request(&mut self, mut request: Value) -> (String, Step) {
        self.requests += 1;
        let id = format!("pilot-{}", self.requests);
        request["id"] = id.clone().into();
        (id, write(&request))
    }

    fn prompt(&mut self, text: &str, images: &[Value], steps: &mut Vec<Step>) {
        let mut prompt = json!({"type": "prompt", "message": text});
        if !images.is_empty() {
            prompt["images"] = images.into();
        }
        let (id, step) = self.request(prompt);
        self.turn = Some(Turn::begun_by(id));
        self.check = Check::None;
        steps.push(step);
        self.is_now(Activity::Running, "", steps);
    }

    fn is_now(&mut self, activity: Activity, reason: &str, steps: &mut Vec<Step>) {
        if self.activity != Some(activity) {
            self.activity = Some(activity);
            steps.push(Step::Event(Event::Activity { activity, reason: reason.to_owned() }));
        }
    }

    /// Asks whether it rests.
    fn ask_state(&mut self, steps: &mut Vec<Step>) {
        if self.turn.is_some() {
            let (id, step) = self.request(json!({"type": "get_state"}));
            self.check = Check::Asked(id);
            steps.push(step);
        }
    }

    fn response(&mut self, message: &Value, steps: &mut Vec<Step>) {
        let id = text(message, "id");
        if text(message, "command") == "get_state" {
            self.session_started(&message["data"], steps);
            if self.check == Check::Asked(id.to_owned()) {
                self.state(&message["data"], steps);
            }
        }
        let begun = self.turn.as_ref().is_some_and(|turn| turn.prompt == id);
        if begun && message["success"] == Value::Bool(false) {
            if let Some(turn) = &mut self.turn {
                turn.refused_prompt(text(message, "error"));
            }
            self.turn_over(steps);
        }
    }

    fn state(&mut self, state: &Value, steps: &mut Vec<Step>) {
        let holds = |name: &str| state[name] == Value::Bool(true);
        self.check = Check::None;
        if holds("isCompacting") {
            // Its end is told.
        } else if holds("isStreaming") {
            // It ended its work and winds up.
            self.ask_state(steps);
        } else if state["pendingMessageCount"].as_u64() > Some(0)
            && self.turn.as_ref().is_some_and(|turn| !turn.interrupted)
        {
            // Said too late for this round: it is read at the next one's begin.
            let (_, step) = self.request(json!({
                "type": "prompt",
                "message": "Go on.",
                "streamingBehavior": "followUp",
            }));
            steps.push(step);
        } else {
            self.turn_over(steps);
        }
    }

    fn session_started(&mut self, state: &Value, steps: &mut Vec<Step>) {
        let session = text(state, "sessionId");
        if session.is_empty() || self.session.as_deref() == Some(session) {
            return;
        }
        self.session = Some(session.to_owned());
        steps.push(Step::Event(Event::SessionStarted {
            session: session.to_owned(),
            model: some_text(&state["model"], "id").filter(|model| model != "unknown"),
            version: None,
        }));
    }

    fn message_ended(&mut self, message: &Value, steps: &mut Vec<Step>) {
        if text(message, "role") != "assistant" {
            return;
        }
        for block in message["content"].as_array().into_iter().flatten() {
            match text(block, "type") {
                "text" => steps.push(Step::Event(Event::Text {
                    text: text(block, "text").to_owned(),
                    parent: None,
                    open: false,
                })),
                "thinking" => steps.push(Step::Event(Event::Thinking {
                    text: text(block, "thinking").to_owned(),
                    parent: None,
                    open: false,
                })),
                _ => {}
            }
        }
        if let Some(turn) = &mut self.turn {
            turn.fold(message);
        }
    }

    fn tool_started(&mut self, message: &Value, steps: &mut Vec<Step>) {
        let (id, tool) = (text(message, "toolCallId"), text(message, "toolName"));
        let input = &message["args"];
        self.open_tools.insert(id.to_owned(), String::new());
        steps.push(Step::Event(Event::ToolStarted {
            id: id.to_owned(),
            tool: tool.to_owned(),
            input: input.clone(),
            summary: tools::summary(tool, input, &self.start.tree),
            parent: None,
            locations: tools::locations(input, &self.start.tree),
        }));
    }

    /// It tells all its output so far each time, or the end of it.
    fn tool_updated(&mut self, message: &Value, steps: &mut Vec<Step>) {
        let id = text(message, "toolCallId");
        let Some(told) = self.open_tools.get_mut(id) else { return };
        let output = tools::output(&message["partialResult"]);
        if let Some(new) = output.strip_prefix(told.as_str()).filter(|new| !new.is_empty()) {
            let text = new.to_owned();
            steps.push(Step::Event(Event::ToolOutput { id: id.to_owned(), text }));
            *told = output;
        }
    }

    fn tool_ended(&mut self, message: &Value, steps: &mut Vec<Step>) {
        let id = text(message, "toolCallId");
        if self.open_tools.remove(id).is_some() {
            steps.push(Step::Event(Event::ToolEnded {
                id: id.to_owned(),
                ok: message["isError"] != Value::Bool(true),
                output: tools::output(&message["result"]),
            }));
        }
    }

    fn retrying(&mut self, message: &Value, steps: &mut Vec<Step>) {
        self.check = Check::None;
        let reason = turn::in_words(text(message, "errorMessage"));
        self.is_now(Activity::Retrying, &reason, steps);
        let attempt = message["attempt"].as_u64().and_then(|attempt| u32::try_from(attempt).ok());
        steps.push(Step::Event(Event::Retrying {
            attempt: attempt.unwrap_or(u32::MAX),
            wait_ms: message["delayMs"].as_u64().unwrap_or_default(),
            reason,
        }));
    }

    fn asked(&mut self, message: &Value, steps: &mut Vec<Step>) {
        let Some(ask) = ask::ask(message, &self.start.tree) else { return };
        let key = text(message, "id").to_owned();
        self.open_asks.insert(key.clone());
        if ask::is_check(message) {
            return steps.push(Step::Check { key, ask });
        }
        self.is_now(Activity::Waiting, "", steps);
        steps.push(Step::Ask { key, ask });
    }

    fn turn_over(&mut self, steps: &mut Vec<Step>) {
        if let Some(turn) = self.turn.take() {
            self.check = Check::None;
            self.close_open("the turn ended", steps);
            self.is_now(Activity::Idle, "", steps);
            if let Some(reason) = turn.limit() {
                steps.push(Step::Event(Event::LimitHit { resets_at: None, reason }));
            }
            steps.push(turn.ended());
        }
    }

    fn close_open(&mut self, why: &str, steps: &mut Vec<Step>) {
        for key in std::mem::take(&mut self.open_asks) {
            steps.push(Step::Withdraw { key });
        }
        for id in std::mem::take(&mut self.open_tools).into_keys() {
            let output = format!("({why})");
            steps.push(Step::Event(Event::ToolEnded { id, ok: false, output }));
        }
    }
}

fn write(message: &Value) -> Step {
    Step::Write(format!("{message}\n"))
}

/// An image as a part of a prompt.
fn image(file: &Attached) -> Option<Value> {
    let data = BASE64.encode(file.image.as_ref()?);
    Some(json!({"type": "image", "data": data, "mimeType": file.media_type}))
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_default()
}

fn some_text(value: &Value, field: &str) -> Option<String> {
    value[field].as_str().map(str::to_owned)
}

impl Driver for Pi {
    fn launch(&self) -> Launch {
        launch::launch(&self.start)
    }

    fn begin(&mut self) -> Vec<Step> {
        let (images, files): (Vec<Attached>, Vec<Attached>) =
            std::mem::take(&mut self.start.attachments)
                .into_iter()
                .partition(|file| file.image.is_some());
        let prompt = format!("{}{}", self.start.prompt, attached::told(files.iter(), ""));
        let images: Vec<Value> = images.iter().filter_map(image).collect();
        let mut steps = vec![self.request(json!({"type": "get_state"})).1];
        self.prompt(&prompt, &images, &mut steps);
        steps
    }

    fn stream(&self, line: &[u8]) -> Stream {
        // Anything else is a complaint from below the protocol, for people.
        if line.first() == Some(&b'{') { Stream::Protocol } else { Stream::Stdout }
    }

    fn line(&mut self, line: &str) -> Vec<Step> {
        let mut steps = Vec::new();
        if line.starts_with(REPEATED) {
            return steps;
        }
        let Ok(message) = serde_json::from_str::<Value>(line) else {
            return steps;
        };
        match text(&message, "type") {
            "response" => self.response(&message, &mut steps),
            "agent_start" => {
                self.check = Check::None;
                self.is_now(Activity::Running, "", &mut steps);
            }
            "message_end" => self.message_ended(&message["message"], &mut steps),
            "tool_execution_start" => self.tool_started(&message, &mut steps),
            "tool_execution_update" => self.tool_updated(&message, &mut steps),
            "tool_execution_end" => self.tool_ended(&message, &mut steps),
            "auto_retry_start" => self.retrying(&message, &mut steps),
            "auto_retry_end" if message["success"] == Value::Bool(false) => {
                self.ask_state(&mut steps);
            }
            "agent_end" => self.ask_state(&mut steps),
            // Begun behind an `agent_end`, it is not the end; begun before a
            // prompt is taken, it is not one either.
            "compaction_start" if self.check != Check::None => {
                self.check = Check::None;
                if let Some(turn) = &mut self.turn {
                    turn.compacts = true;
                }
            }
            "compaction_end" => {
                let held_up = self.turn.as_mut().is_some_and(|turn| {
                    std::mem::take(&mut turn.compacts) && message["willRetry"] != Value::Bool(true)
                });
                if held_up {
                    self.ask_state(&mut steps);
                }
            }
            "extension_ui_request" => self.asked(&message, &mut steps),
            _ => {}
        }
        steps
    }

    fn say(&mut self, text: &str) -> Vec<Step> {
        let mut steps = Vec::new();
        self.prompt(text, &[], &mut steps);
        steps
    }

    fn steer(&mut self, text: &str) -> Option<Vec<Step>> {
        self.turn.as_ref()?;
        Some(vec![self.request(json!({"type": "steer", "message": text})).1])
    }

    fn interrupt(&mut self) -> Vec<Step> {
        let Some(turn) = self.turn.as_mut() else {
            return Vec::new();
        };
        turn.interrupted = true;
        let mut steps = vec![self.request(json!({"type": "abort"})).1];
        // An answer that nobody gives any more would be waited for.
        for key in std::mem::take(&mut self.open_asks) {
            steps.push(write(&ask::cancelled(&key)));
            steps.push(Step::Withdraw { key });
        }
        steps
    }

    fn answer(&mut self, key: &str, ask: &Ask, answer: &Answer) -> Vec<Step> {
        if !self.open_asks.remove(key) {
            return Vec::new();
        }
        let response = ask::response(key, ask, answer);
        if let Some(turn) = self.turn.as_mut().filter(|_| ask::refuses(ask, answer)) {
            turn.denied += 1;
        }
        let mut steps = vec![write(&response)];
        if self.open_asks.is_empty() {
            self.is_now(Activity::Running, "", &mut steps);
        }
        steps
    }

    fn ruled(&mut self, key: &str, _ask: &Ask, ruling: &Ruling) -> Vec<Step> {
        if !self.open_asks.remove(key) {
            return Vec::new();
        }
        if let (Ruling::Deny(_), Some(turn)) = (ruling, self.turn.as_mut()) {
            turn.denied += 1;
        }
        // Where a person is to be asked, the extension does it next.
        vec![write(&ask::ruled(key, ruling))]
    }

    fn end(&mut self) -> Vec<Step> {
        vec![Step::CloseInput]
    }

    fn exited(&mut self, code: Option<i32>, stderr: &str) -> Vec<Step> {
        let mut steps = Vec::new();
        self.close_open("the agent ended", &mut steps);
        if let Some(turn) = self.turn.take() {
            steps.push(turn.cut_off(TurnEnd::Exited, died(code, stderr)));
        }
        steps
    }
}
