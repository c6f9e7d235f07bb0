//! Claude Code over its bidirectional stream-json protocol.
//!
//! What is said here about the program was measured on 2.1.197 and 2.1.329.
//! Vendors change such things often, so every line is read leniently: what is
//! not known is not an error, and the raw lines stay in the journal anyway.
//!
//! When a turn is over is not guessed. `CLAUDE_CODE_EMIT_SESSION_STATE_EVENTS`
//! makes the program say `session_state_changed: idle` once every result of a
//! turn is out (there may be several); a program that never says it is taken
//! by its first `result`.

mod ask;
mod launch;
pub mod remote;
mod session;
mod tools;
mod turn;
mod work;

use crate::attached::{self, Attached};
use crate::catalog::SessionPlace;
use crate::driver::{Driver, Launch, Remote, Ruling, Start, Step, died};
use crate::probe::Probe;
use crate::trouble;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use pilot_proto::event::{Activity, TurnEnd};
use pilot_proto::inbox::{Answer, Ask};
use pilot_proto::runner::Abilities;
use pilot_proto::{Event, Mode, Stream, Timestamp};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use turn::Turn;

/// Its name in tasks and projects.
pub const NAME: &str = "claude";

/// The program tries a refused key ten times over more than a minute. The
/// first refusal may be a key that is being rotated; the second is an answer.
const REFUSALS_BELIEVED: u64 = 2;

/// Our name for the hook that asks the rules.
const RULES_HOOK: &str = "pilothouse-rules";

/// Claude Code in the catalog.
#[derive(Debug, Clone, Copy)]
pub struct Agent;

impl crate::catalog::Agent for Agent {
    fn name(&self) -> &str {
        NAME
    }

    fn probe(&self) -> Probe {
        Probe::new(NAME, "claude", &["--version"], "npm install -g @anthropic-ai/claude-code")
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
        Box::new(Claude::new(start))
    }

    fn session(&self, tree: &Path, session: &str) -> Option<SessionPlace> {
        Some(session::place(tree, session))
    }

    fn remote(&self, start: Start, remote: Remote) -> Option<Box<dyn Driver>> {
        Some(Box::new(remote::RemoteControl::new(start, remote)))
    }
}

/// The driver.
pub struct Claude {
    start: Start,
    requests: u32,
    session: Option<String>,
    /// The program tells its state, so a `result` is not yet the turn's end.
    tells_state: bool,
    activity: Option<Activity>,
    turn: Option<Turn>,
    /// Total cost that earlier turns of this process reported.
    cost: turn::CostSeen,
    open_tools: BTreeSet<String>,
    /// Open asks, with the input that the tool would be given.
    open_asks: BTreeMap<String, Value>,
    /// Hooks that wait for the rules, with the tool call that each is about.
    open_checks: BTreeMap<String, String>,
    /// Tool calls that the rules want asked, in whatever mode.
    to_be_asked: BTreeSet<String>,
}

impl Claude {
    /// A driver that has not begun yet.
    pub fn new(start: Start) -> Self {
        let cost = turn::CostSeen::new(start.resume.is_some());
        Self {
            start,
            requests: 0,
            session: None,
            tells_state: false,
            activity: None,
            turn: None,
            cost,
            open_tools: BTreeSet::new(),
            open_asks: BTreeMap::new(),
            open_checks: BTreeMap::new(),
            to_be_asked: BTreeSet::new(),
        }
    }

    fn request(&mut self, request: &Value) -> Step {
        self.requests += 1;
        let id = format!("pilot-{}", self.requests);
        write(&json!({"type": "control_request", "request_id": id, "request": request}))
    }

    fn prompt(&mut self, text: &str, images: Vec<Value>, steps: &mut Vec<Step>) {
        self.turn = Some(Turn::default());
        steps.push(said(text, images));
        self.is_now(Activity::Running, "", steps);
    }

    fn is_now(&mut self, activity: Activity, reason: &str, steps: &mut Vec<Step>) {
        if self.activity != Some(activity) {
            self.activity = Some(activity);
            steps.push(Step::Event(Event::Activity { activity, reason: reason.to_owned() }));
        }
    }

    fn system(&mut self, message: &Value, steps: &mut Vec<Step>) {
        match text(message, "subtype") {
            "init" => self.session_started(message, steps),
            "session_state_changed" => {
                self.tells_state = true;
                match text(message, "state") {
                    "running" => self.is_now(Activity::Running, "", steps),
                    "requires_action" => self.is_now(Activity::Waiting, "", steps),
                    "idle" => self.turn_over(steps),
                    _ => {}
                }
            }
            "api_retry" => self.retrying(message, steps),
            _ => {}
        }
    }

    /// `init` comes with every turn; the session begins once.
    fn session_started(&mut self, message: &Value, steps: &mut Vec<Step>) {
        let session = text(message, "session_id");
        if session.is_empty() || self.session.as_deref() == Some(session) {
            return;
        }
        self.session = Some(session.to_owned());
        steps.push(Step::Event(Event::SessionStarted {
            session: session.to_owned(),
            model: some_text(message, "model"),
            version: some_text(message, "claude_code_version"),
        }));
    }

    fn retrying(&mut self, message: &Value, steps: &mut Vec<Step>) {
        let attempt = message["attempt"].as_u64().unwrap_or(0);
        let status = message["error_status"].as_u64();
        let reason = match (status, text(message, "error")) {
            (Some(status), "" | "unknown") => format!("status {status}"),
            (Some(status), error) => format!("status {status} ({error})"),
            (None, "" | "unknown") => "the connection broke".to_owned(),
            (None, error) => error.to_owned(),
        };
        self.is_now(Activity::Retrying, &reason, steps);
        steps.push(Step::Event(Event::Retrying {
            attempt: u32::try_from(attempt).unwrap_or(u32::MAX),
            wait_ms: whole(&message["retry_delay_ms"]),
            reason,
        }));
        let refused = matches!(status, Some(401 | 403)) && attempt >= REFUSALS_BELIEVED;
        if let Some(turn) = self.turn.as_mut().filter(|turn| refused && turn.gave_up.is_none()) {
            turn.gave_up = Some(trouble::refused(text(message, "error")));
            steps.push(self.request(&json!({"subtype": "interrupt"})));
        }
    }

    fn control_request(&mut self, message: &Value, steps: &mut Vec<Step>) {
        let (id, request) = (text(message, "request_id"), &message["request"]);
        if text(request, "subtype") == "hook_callback" {
            return self.hook(id, request, steps);
        }
        if text(request, "subtype") != "can_use_tool" {
            // Nothing else was offered to the program; an answer keeps it from waiting.
            steps.push(write(&json!({
                "type": "control_response",
                "response": {"subtype": "error", "request_id": id, "error": "not supported"},
            })));
            return;
        }
        let ask = ask::ask(request, &self.start.tree);
        self.open_asks.insert(id.to_owned(), request["input"].clone());
        let ruled = self.to_be_asked.remove(text(request, "tool_use_id"));
        if self.start.mode == Mode::Auto && !ruled && matches!(ask, Ask::Permission { .. }) {
            // With all permissions given, what still asks is the program's own
            // safety stop (`rm -rf /`) or a rule of the repository. Nobody is
            // to be asked in this mode, and nobody would say yes unseen.
            let reason =
                "Stopped by a safety check; nobody is there to permit it. Find another way.";
            let deny = Answer::Deny { reason: reason.to_owned() };
            steps.extend(self.answer(id, &ask, &deny));
            return;
        }
        self.is_now(Activity::Waiting, "", steps);
        steps.push(Step::Ask { key: id.to_owned(), ask });
    }

    /// It is about to use a tool, whether or not it will ask.
    fn hook(&mut self, id: &str, request: &Value, steps: &mut Vec<Step>) {
        match ask::hooked(request, &self.start.tree) {
            Some(ask) => {
                let call = text(request, "tool_use_id").to_owned();
                self.open_checks.insert(id.to_owned(), call);
                steps.push(Step::Check { key: id.to_owned(), ask });
            }
            None => steps.push(answered(id, &ask::hook_says(&Ruling::Go))),
        }
    }

    fn rate_limit(&mut self, message: &Value, steps: &mut Vec<Step>) {
        let info = &message["rate_limit_info"];
        if text(info, "status") == "rejected" {
            let resets_at = info["resetsAt"].as_i64().map(|secs| Timestamp(secs * 1_000_000));
            let reason = text(info, "rateLimitType").replace('_', "-");
            if let Some(turn) = self.turn.as_mut() {
                turn.limit_told = true;
            }
            steps.push(Step::Event(Event::LimitHit { resets_at, reason }));
        }
    }

    fn result(&mut self, message: &Value, steps: &mut Vec<Step>) {
        let used = self.cost.usage(message);
        // A result without a prompt of ours: a background task reported back.
        let turn = self.turn.get_or_insert_default();
        turn.fold(message, used);
        if let Some(reason) = turn.limit_to_tell() {
            steps.push(Step::Event(Event::LimitHit { resets_at: None, reason }));
        }
        if !self.tells_state {
            self.turn_over(steps);
        }
    }

    /// The program is idle. Before the first result that means nothing.
    fn turn_over(&mut self, steps: &mut Vec<Step>) {
        if let Some(turn) = self.turn.take_if(|turn| turn.has_result()) {
            self.close_open("the turn ended", steps);
            self.is_now(Activity::Idle, "", steps);
            steps.push(turn.ended());
        }
    }

    fn close_open(&mut self, why: &str, steps: &mut Vec<Step>) {
        self.open_checks.clear();
        self.to_be_asked.clear();
        for key in std::mem::take(&mut self.open_asks).into_keys() {
            steps.push(Step::Withdraw { key });
        }
        for id in std::mem::take(&mut self.open_tools) {
            let output = format!("({why})");
            steps.push(Step::Event(Event::ToolEnded { id, ok: false, output }));
        }
    }
}

/// What a person says. Models look at an image better when they have it before
/// the question.
fn said(text: &str, images: Vec<Value>) -> Step {
    let mut content = images;
    content.push(json!({"type": "text", "text": text}));
    write(&json!({
        "type": "user",
        "message": {"role": "user", "content": content},
        "parent_tool_use_id": null,
        "session_id": "",
    }))
}

/// An image as a part of a message.
fn image(file: &Attached) -> Option<Value> {
    let data = BASE64.encode(file.image.as_ref()?);
    let source = json!({"type": "base64", "media_type": file.media_type, "data": data});
    Some(json!({"type": "image", "source": source}))
}

impl Driver for Claude {
    fn launch(&self) -> Launch {
        launch::launch(&self.start)
    }

    fn begin(&mut self) -> Vec<Step> {
        let (images, files): (Vec<Attached>, Vec<Attached>) =
            std::mem::take(&mut self.start.attachments)
                .into_iter()
                .partition(|file| file.image.is_some());
        let prompt = format!("{}{}", self.start.prompt, attached::told(files.iter(), ""));
        // Before every tool, also those that it would not ask for: the rules see all.
        let hooks = json!({"PreToolUse": [{"matcher": null, "hookCallbackIds": [RULES_HOOK]}]});
        let mut steps = vec![self.request(&json!({"subtype": "initialize", "hooks": hooks}))];
        self.prompt(&prompt, images.iter().filter_map(image).collect(), &mut steps);
        steps
    }

    fn stream(&self, line: &[u8]) -> Stream {
        // Anything else is a complaint from below the protocol, for people.
        if line.first() == Some(&b'{') { Stream::Protocol } else { Stream::Stdout }
    }

    fn line(&mut self, line: &str) -> Vec<Step> {
        let mut steps = Vec::new();
        let Ok(message) = serde_json::from_str::<Value>(line) else {
            return steps;
        };
        match text(&message, "type") {
            "system" => self.system(&message, &mut steps),
            "assistant" => self.assistant(&message, &mut steps),
            "user" => self.user(&message, &mut steps),
            "result" => self.result(&message, &mut steps),
            "control_request" => self.control_request(&message, &mut steps),
            "control_cancel_request" => {
                let key = text(&message, "request_id").to_owned();
                if self.open_asks.remove(&key).is_some() {
                    steps.push(Step::Withdraw { key });
                }
            }
            "rate_limit_event" => self.rate_limit(&message, &mut steps),
            _ => {}
        }
        steps
    }

    fn say(&mut self, text: &str) -> Vec<Step> {
        let mut steps = Vec::new();
        // A turn whose result is out but which is not called over yet is over now.
        self.turn_over(&mut steps);
        self.prompt(text, Vec::new(), &mut steps);
        steps
    }

    /// The program takes it in before its next request; if there is none, it
    /// goes on with it before it is idle.
    fn steer(&mut self, text: &str) -> Option<Vec<Step>> {
        self.turn.as_ref().map(|_| vec![said(text, Vec::new())])
    }

    fn interrupt(&mut self) -> Vec<Step> {
        let Some(turn) = self.turn.as_mut() else {
            return Vec::new();
        };
        turn.interrupted = true;
        vec![self.request(&json!({"subtype": "interrupt"}))]
    }

    fn answer(&mut self, key: &str, ask: &Ask, answer: &Answer) -> Vec<Step> {
        let Some(input) = self.open_asks.remove(key) else {
            return Vec::new();
        };
        let response = ask::response(ask, answer, &input, self.start.mode);
        if let Some(turn) = self.turn.as_mut().filter(|_| ask::refuses(ask, &response)) {
            turn.denied += 1;
        }
        let mut steps = vec![answered(key, &response)];
        if self.open_asks.is_empty() {
            self.is_now(Activity::Running, "", &mut steps);
        }
        steps
    }

    fn ruled(&mut self, key: &str, _ask: &Ask, ruling: &Ruling) -> Vec<Step> {
        let Some(call) = self.open_checks.remove(key) else {
            return Vec::new();
        };
        match ruling {
            Ruling::Go => {}
            Ruling::Ask => drop(self.to_be_asked.insert(call)),
            Ruling::Deny(_) => {
                if let Some(turn) = self.turn.as_mut() {
                    turn.denied += 1;
                }
            }
        }
        vec![answered(key, &ask::hook_says(ruling))]
    }

    fn end(&mut self) -> Vec<Step> {
        vec![Step::CloseInput]
    }

    fn exited(&mut self, code: Option<i32>, stderr: &str) -> Vec<Step> {
        let mut steps = Vec::new();
        self.turn_over(&mut steps);
        self.close_open("the agent's process ended", &mut steps);
        if let Some(mut turn) = self.turn.take() {
            let problem = turn.gave_up.take().unwrap_or_else(|| died(code, stderr));
            steps.push(turn.cut_off(TurnEnd::Exited, problem));
        }
        steps
    }
}

/// The response to one of its requests.
fn answered(id: &str, response: &Value) -> Step {
    write(&json!({
        "type": "control_response",
        "response": {"subtype": "success", "request_id": id, "response": response},
    }))
}

fn write(message: &Value) -> Step {
    Step::Write(format!("{message}\n"))
}

/// A field's text; empty if there is none.
fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_default()
}

fn some_text(value: &Value, field: &str) -> Option<String> {
    value[field].as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

/// A count that the program may also write with a fraction.
fn whole(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| value.as_f64().map_or(0, |number| number as u64))
}
