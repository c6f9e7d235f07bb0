//! Codex over its own `app-server` protocol: JSON-RPC in lines, without the
//! `jsonrpc` field.
//!
//! What is said here about the program was measured on 0.169.0; the protocol's
//! types come from `codex app-server generate-json-schema`. Every line is read
//! leniently: what is not known is not an error, and the raw lines stay in the
//! journal anyway.
//!
//! A turn of the run may be several of Codex' own. A proposed plan ends Codex'
//! turn; the run's goes on with the answer to the plan, which begins another.
//! Subagents are threads of their own: their items carry the call that began
//! them as their parent.

mod ask;
mod command;
mod items;
mod launch;
mod notice;
mod request;
mod session;
mod turn;

use crate::attached::{self, Attached};
use crate::catalog::SessionPlace;
use crate::driver::{Driver, Launch, Start, Step, died};
use crate::probe::Probe;
use crate::trouble;
use ask::{Kind, Open};
use items::Tool;
use pilot_proto::event::{Activity, TurnEnd};
use pilot_proto::inbox::{Answer, Ask};
use pilot_proto::runner::Abilities;
use pilot_proto::{Event, Mode, Stream, Timestamp};
use request::Sent;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use turn::{TokensSeen, Turn};

/// Its name in tasks and projects.
pub const NAME: &str = "codex";

/// The key of the ask for a plan, which is no request of the program.
const PLAN_KEY: &str = "plan";

/// What the model is told when its plan is good.
const PLAN_APPROVED: &str = "The plan is approved. Carry it out now.";

/// Codex in the catalog.
#[derive(Debug, Clone, Copy)]
pub struct Agent;

impl crate::catalog::Agent for Agent {
    fn name(&self) -> &str {
        NAME
    }

    fn probe(&self) -> Probe {
        Probe::new(NAME, "codex", &["--version"], "npm install -g @openai/codex")
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
            cost: false,
        }
    }

    fn driver(&self, start: Start) -> Box<dyn Driver> {
        Box::new(Codex::new(start))
    }

    fn session(&self, _tree: &Path, session: &str) -> Option<SessionPlace> {
        Some(session::place(session))
    }
}

/// Who decides on what Codex asks.
enum Decides {
    Person,
    Rules,
    /// Nobody: it is a safety stop of its own.
    Safety,
}

/// The driver.
pub struct Codex {
    start: Start,
    requests: u64,
    sent: BTreeMap<u64, Sent>,
    thread: Option<String>,
    model: String,
    /// What the first turn says, until the thread is there.
    first: Option<Vec<Value>>,
    /// Turns are for planning until a plan is approved.
    planning: bool,
    activity: Option<Activity>,
    turn: Option<Turn>,
    tokens: TokensSeen,
    /// When the account's limits that are used up are over.
    limit_ends: Option<Timestamp>,
    open_tools: BTreeMap<String, Tool>,
    open_asks: BTreeMap<String, Open>,
    /// Why a tool call was refused, by the call.
    refusals: BTreeMap<String, String>,
    /// The calls that began subagents, by their threads.
    subagents: BTreeMap<String, String>,
}

impl Codex {
    /// A driver that has not begun yet.
    pub fn new(start: Start) -> Self {
        Self {
            planning: start.mode == Mode::Plan,
            start,
            requests: 0,
            sent: BTreeMap::new(),
            thread: None,
            model: String::new(),
            first: None,
            activity: None,
            turn: None,
            tokens: TokensSeen::default(),
            limit_ends: None,
            open_tools: BTreeMap::new(),
            open_asks: BTreeMap::new(),
            refusals: BTreeMap::new(),
            subagents: BTreeMap::new(),
        }
    }

    fn is_now(&mut self, activity: Activity, reason: &str, steps: &mut Vec<Step>) {
        if self.activity != Some(activity) {
            self.activity = Some(activity);
            steps.push(Step::Event(Event::Activity { activity, reason: reason.to_owned() }));
        }
    }

    /// No person is asked for permissions.
    fn is_free(&self) -> bool {
        match self.start.mode {
            Mode::Ask => false,
            Mode::Plan => !self.planning,
            Mode::Auto => true,
        }
    }

    /// Asks before it changes something, a person or the rules; else never: our
    /// walls stand around it.
    fn approval_policy(&self) -> &'static str {
        if self.is_free() && !self.start.ruled { "never" } else { "untrusted" }
    }

    fn prompt(&mut self, input: Vec<Value>, steps: &mut Vec<Step>) {
        self.turn = Some(Turn::default());
        self.is_now(Activity::Running, "", steps);
        if self.thread.is_some() {
            steps.push(self.start_turn(&input));
        } else {
            self.first = Some(input);
        }
    }

    /// A request of the program.
    fn asked(&mut self, message: &Value, steps: &mut Vec<Step>) {
        let (method, params) = (text(message, "method"), &message["params"]);
        let item = text(params, "itemId").to_owned();
        let Some((ask, kind)) = ask::ask(method, params, self.open_tools.get(&item)) else {
            // Nothing else was offered to the program; an answer keeps it from waiting.
            let error = json!({"code": -32601, "message": "not supported"});
            steps.push(write(&json!({"id": message["id"], "error": error})));
            return;
        };
        let key = message["id"].to_string();
        self.open_asks.insert(key.clone(), Open { id: message["id"].clone(), item, kind });
        match self.who_decides(method, &ask) {
            // What still asks is a safety stop; nobody would say yes unseen.
            Decides::Safety => {
                let reason =
                    "Stopped by a safety check; nobody is there to permit it. Find another way.";
                let deny = Answer::Deny { reason: reason.to_owned() };
                steps.extend(self.answer(&key, &ask, &deny));
            }
            Decides::Rules => steps.push(Step::Check { key, ask }),
            Decides::Person => {
                self.is_now(Activity::Waiting, "", steps);
                steps.push(Step::Ask { key, ask });
            }
        }
    }

    fn who_decides(&self, method: &str, ask: &Ask) -> Decides {
        let Ask::Permission { input, .. } = ask else {
            return Decides::Person;
        };
        // Its policy asks for the smallest look at a file.
        let reads = method == "item/commandExecution/requestApproval"
            && input["command"].as_str().is_some_and(command::only_reads);
        match self.is_free() {
            true if self.start.ruled => Decides::Rules,
            true => Decides::Safety,
            false if reads => Decides::Rules,
            false => Decides::Person,
        }
    }

    /// Codex' turn is over. The run's is not while a plan waits for a person
    /// or a word for it is still on its way.
    fn turn_over(&mut self, ended: &Value, steps: &mut Vec<Step>) {
        let Some(turn) = self.turn.as_mut() else {
            return;
        };
        turn.id = None;
        turn.interrupt_sent = false;
        turn.over = Some(ended.clone());
        self.turn_over_if_heard(steps);
    }

    fn turn_over_if_heard(&mut self, steps: &mut Vec<Step>) {
        if self.sent.values().any(|sent| matches!(sent, Sent::Steer { kept: true, .. })) {
            return;
        }
        let Some(turn) = self.turn.as_mut() else {
            return;
        };
        let Some(ended) = turn.over.take() else {
            return;
        };
        let unheard = std::mem::take(&mut turn.unheard);
        let plan = turn.plan.take();
        let completed = text(&ended, "status") == "completed" && turn.gave_up.is_none();
        self.close_open("the turn ended", steps);
        match plan {
            _ if completed && !unheard.is_empty() => {
                let input: Vec<Value> = unheard.iter().map(|text| said(text)).collect();
                steps.push(self.start_turn(&input));
            }
            Some(plan) if completed => {
                let open = Open { id: Value::Null, item: String::new(), kind: Kind::Decision };
                self.open_asks.insert(PLAN_KEY.to_owned(), open);
                self.is_now(Activity::Waiting, "", steps);
                steps.push(Step::Ask { key: PLAN_KEY.to_owned(), ask: Ask::Plan { plan } });
            }
            _ => {
                self.is_now(Activity::Idle, "", steps);
                steps.extend(self.turn.take().map(|turn| turn.ended(&ended)));
            }
        }
    }

    /// A person's word on the plan begins Codex' next turn.
    fn plan_answered(&mut self, answer: &Answer) -> Vec<Step> {
        let words = match answer {
            Answer::Allow { .. } => {
                self.planning = false;
                PLAN_APPROVED.to_owned()
            }
            Answer::Deny { reason } if !reason.is_empty() => reason.clone(),
            Answer::Say { text } => text.clone(),
            _ => "The plan was not approved. Revise it.".to_owned(),
        };
        let mut steps = vec![self.start_turn(&[said(&words)])];
        self.is_now(Activity::Running, "", &mut steps);
        steps
    }

    fn close_open(&mut self, why: &str, steps: &mut Vec<Step>) {
        for key in std::mem::take(&mut self.open_asks).into_keys() {
            steps.push(Step::Withdraw { key });
        }
        for id in std::mem::take(&mut self.open_tools).into_keys() {
            let output = format!("({why})");
            steps.push(Step::Event(Event::ToolEnded { id, ok: false, output }));
        }
        self.refusals.clear();
    }
}

impl Driver for Codex {
    fn launch(&self) -> Launch {
        launch::launch(&self.start)
    }

    fn begin(&mut self) -> Vec<Step> {
        if self.start.provider.is_none() {
            // It would try its vendor, which nothing of a run may reach.
            let problem =
                trouble::no_provider("Add one of the kind `openai` with `pilot provider add`.");
            return vec![Turn::default().step(TurnEnd::Error, Some(problem))];
        }
        let (images, files): (Vec<Attached>, Vec<Attached>) =
            std::mem::take(&mut self.start.attachments)
                .into_iter()
                .partition(|file| file.image.is_some());
        let mut input: Vec<Value> = images
            .iter()
            .map(|file| json!({"type": "localImage", "path": file.path.to_string_lossy()}))
            .collect();
        input.push(said(&format!("{}{}", self.start.prompt, attached::told(files.iter(), ""))));
        let version = env!("CARGO_PKG_VERSION");
        let hello = json!({
            "clientInfo": {"name": "pilothouse", "title": "Pilothouse", "version": version},
            // Questions and plan mode are called experimental.
            "capabilities": {"experimentalApi": true},
        });
        let mut steps = vec![self.request(Sent::Initialize, "initialize", &hello)];
        self.prompt(input, &mut steps);
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
        match (message["method"].as_str(), message.get("id")) {
            (Some(_), Some(_)) => self.asked(&message, &mut steps),
            (Some(method), None) => self.notice(method, &message["params"], &mut steps),
            (None, _) => self.response(&message, &mut steps),
        }
        steps
    }

    fn say(&mut self, text: &str) -> Vec<Step> {
        let mut steps = Vec::new();
        self.prompt(vec![said(text)], &mut steps);
        if self.thread.is_none() {
            // The first try to open it failed.
            steps.push(self.open_thread());
        }
        steps
    }

    fn steer(&mut self, text: &str) -> Option<Vec<Step>> {
        self.send_steer(text, true).map(|step| vec![step])
    }

    fn interrupt(&mut self) -> Vec<Step> {
        let mut steps = Vec::new();
        let Some(turn) = self.turn.as_mut() else {
            return steps;
        };
        turn.interrupted = true;
        if self.open_asks.contains_key(PLAN_KEY) {
            // Codex is idle; only the plan waits.
            self.turn_over(&json!({"status": "interrupted"}), &mut steps);
        } else {
            steps.extend(self.send_interrupt());
        }
        steps
    }

    fn answer(&mut self, key: &str, ask: &Ask, answer: &Answer) -> Vec<Step> {
        let Some(open) = self.open_asks.remove(key) else {
            return Vec::new();
        };
        if key == PLAN_KEY {
            return self.plan_answered(answer);
        }
        let response = ask::response(&open.kind, ask, answer);
        let mut steps = vec![write(&json!({"id": open.id, "result": response.result}))];
        if let Some(turn) = self.turn.as_mut().filter(|_| response.refused) {
            turn.denied += 1;
        }
        if let Answer::Deny { reason } | Answer::Never { reason, .. } = answer
            && !reason.is_empty()
        {
            self.refusals.insert(open.item, reason.clone());
        }
        if let Some(words) = response.say {
            steps.extend(self.send_steer(&words, false));
        }
        if self.open_asks.is_empty() {
            self.is_now(Activity::Running, "", &mut steps);
        }
        steps
    }

    fn end(&mut self) -> Vec<Step> {
        vec![Step::CloseInput]
    }

    fn exited(&mut self, code: Option<i32>, stderr: &str) -> Vec<Step> {
        let mut steps = Vec::new();
        self.close_open("the agent's process ended", &mut steps);
        if let Some(mut turn) = self.turn.take() {
            let problem = turn.gave_up.take().unwrap_or_else(|| died(code, stderr));
            steps.push(turn.step(TurnEnd::Exited, Some(problem)));
        }
        steps
    }
}

/// A part of a prompt.
fn said(text: &str) -> Value {
    json!({"type": "text", "text": text, "text_elements": []})
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
