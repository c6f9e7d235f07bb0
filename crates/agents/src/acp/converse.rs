//! The conversation with one agent: prompts, and how they end. The way to the
//! first is in `opening`, what it asks in `asking`, what it tells in `update`.

use super::ask;
use super::asking::{Waiting, answer};
use super::habits::{Habits, Planning};
use super::opening::{Modes, no_plan};
use super::tools::Tool;
use super::turn::{self, CostSeen, Turn};
use super::{text, write};
use crate::attached::{self, Attached};
use crate::driver::{Driver, Launch, Start, Step, died};
use crate::trouble;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use pilot_proto::event::{Activity, TurnEnd};
use pilot_proto::inbox::{Answer, Ask};
use pilot_proto::{Code, Event, Mode, Problem, Stream};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Under which key our own question for a plan is asked.
const OWN_ASK: &str = "plan";

/// A request of ours that is not answered yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Request {
    Greet,
    LogIn,
    Open,
    SetMode,
    Prompt,
}

/// How far the conversation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// There is no session yet.
    Closed,
    /// There is one, which still tells its past.
    Past,
    /// Prompts can be given.
    Open,
}

/// The driver.
pub(super) struct Acp {
    pub(super) start: Start,
    launch: Launch,
    pub(super) habits: Habits,
    requests: u64,
    awaited: BTreeMap<u64, Request>,
    pub(super) stage: Stage,
    /// What it said of itself when it was greeted.
    pub(super) about: Value,
    pub(super) session: Option<String>,
    pub(super) modes: Modes,
    /// What it is told as soon as it can be.
    pub(super) next: Option<String>,
    activity: Option<Activity>,
    pub(super) turn: Option<Turn>,
    pub(super) cost: CostSeen,
    pub(super) speech: Option<super::update::Speech>,
    pub(super) tools: BTreeMap<String, Tool>,
    /// Calls of this turn that are over in the journal.
    pub(super) closed: BTreeSet<String>,
    pub(super) asks: BTreeMap<String, Waiting>,
    /// The last prompt as it was sent, and whether a tool was used since.
    prompted: Value,
    pub(super) acted: bool,
    /// Nobody is asked for permissions: the mode says so, or an approved plan.
    pub(super) free: bool,
    /// The last text that it wrote to a file, and where: a plan, perhaps.
    pub(super) written: Option<(String, String)>,
}

impl Acp {
    /// A driver that has not begun yet.
    pub(super) fn new(start: Start, launch: Launch, habits: Habits) -> Self {
        Self {
            free: start.mode == Mode::Auto,
            cost: CostSeen::new(start.resume.is_some()),
            launch,
            habits,
            requests: 0,
            awaited: BTreeMap::new(),
            stage: Stage::Closed,
            about: Value::Null,
            session: None,
            modes: Modes::default(),
            next: None,
            activity: None,
            turn: None,
            speech: None,
            tools: BTreeMap::new(),
            closed: BTreeSet::new(),
            asks: BTreeMap::new(),
            prompted: Value::Null,
            acted: false,
            written: None,
            start,
        }
    }

    pub(super) fn request(
        &mut self,
        request: Request,
        method: &str,
        params: &Value,
        steps: &mut Vec<Step>,
    ) {
        self.requests += 1;
        self.awaited.insert(self.requests, request);
        steps.push(write(&json!({
            "jsonrpc": "2.0", "id": self.requests, "method": method, "params": params,
        })));
    }

    pub(super) fn is_now(&mut self, activity: Activity, steps: &mut Vec<Step>) {
        if self.activity != Some(activity) {
            self.activity = Some(activity);
            steps.push(Step::Event(Event::Activity { activity, reason: String::new() }));
        }
    }

    pub(super) fn prompt(&mut self, text: &str, steps: &mut Vec<Step>) {
        let images = self.about["agentCapabilities"]["promptCapabilities"]["image"] == true;
        let (images, files): (Vec<Attached>, Vec<Attached>) =
            std::mem::take(&mut self.start.attachments)
                .into_iter()
                .partition(|file| images && file.image.is_some());
        let text = format!("{text}{}", attached::told(files.iter(), ""));
        // Models look at an image better when they have it before the question.
        let mut prompt: Vec<Value> = images.iter().filter_map(image).collect();
        prompt.push(json!({"type": "text", "text": text}));
        let params = json!({"sessionId": self.session, "prompt": prompt});
        self.request(Request::Prompt, "session/prompt", &params, steps);
        (self.prompted, self.acted) = (params, false);
    }

    fn answered(&mut self, request: Request, result: &Value, steps: &mut Vec<Step>) {
        match request {
            Request::Greet => {
                self.about = result.clone();
                let methods = result["authMethods"].as_array().into_iter().flatten();
                let mut methods = methods.map(|method| text(method, "id"));
                match self.habits.login.filter(|wanted| methods.any(|id| id == *wanted)) {
                    Some(login) => {
                        let params = json!({"methodId": login});
                        self.request(Request::LogIn, "authenticate", &params, steps);
                    }
                    None => self.open(steps),
                }
            }
            Request::LogIn => self.open(steps),
            Request::Open => self.opened(result, steps),
            Request::SetMode => self.opened_at_last(steps),
            Request::Prompt => self.prompt_over(result, steps),
        }
    }

    fn refused(&mut self, request: Request, error: &Value, steps: &mut Vec<Step>) {
        match request {
            Request::Prompt if self.goes_on_broken(error, steps) => {}
            Request::SetMode if self.free || self.start.mode != Mode::Plan => {
                // It asks more than it need, or we allow more than we are asked.
                self.opened_at_last(steps);
            }
            Request::SetMode => self.fail(no_plan(), steps),
            Request::Greet | Request::LogIn | Request::Open | Request::Prompt => {
                let problem = match self.habits.provider {
                    Some(hint) if self.start.provider.is_none() => trouble::no_provider(hint),
                    _ => turn::problem(error),
                };
                if problem.code == Code::AgentLimit {
                    let reason = problem.message.clone();
                    steps.push(Step::Event(Event::LimitHit { resets_at: None, reason }));
                }
                self.fail(problem, steps);
            }
        }
    }

    /// The connection to the model broke, and the agent gave up. True if it is
    /// to go on.
    fn goes_on_broken(&mut self, error: &Value, steps: &mut Vec<Step>) -> bool {
        let broken = self.habits.broken.is_some_and(|words| text(error, "message") == words);
        let Some(turn) = self.turn.as_mut().filter(|turn| broken && !turn.interrupted) else {
            return false;
        };
        let Some(attempt) = turn.breaks_again() else {
            return false;
        };
        let reason = "the connection to the model broke".to_owned();
        self.speech_over(steps);
        steps.push(Step::Event(Event::Retrying { attempt, wait_ms: 0, reason }));
        if self.acted {
            self.prompt("The connection broke while you spoke. Go on where you stopped.", steps);
        } else {
            // It has forgotten what it was asked.
            self.request(Request::Prompt, "session/prompt", &self.prompted.clone(), steps);
        }
        true
    }

    fn prompt_over(&mut self, result: &Value, steps: &mut Vec<Step>) {
        self.speech_over(steps);
        let cost = self.cost.added();
        let Some(turn) = self.turn.as_mut() else {
            return;
        };
        turn.used(result, self.habits.tokens, cost);
        if turn.interrupted {
            return self.turn_over(steps);
        }
        let reason = text(result, "stopReason");
        if let Some(told) = turn.take_untold() {
            return self.prompt(&told, steps);
        }
        if let Some(problem) = turn::stopped(reason) {
            return self.fail(problem, steps);
        }
        let planned = self.start.mode == Mode::Plan && !self.free;
        let said = turn.said.clone();
        if planned && self.habits.plan == Planning::Said && !said.is_empty() {
            self.asks.insert(OWN_ASK.to_owned(), Waiting::Said);
            self.is_now(Activity::Waiting, steps);
            steps.push(Step::Ask { key: OWN_ASK.to_owned(), ask: Ask::Plan { plan: said } });
            return;
        }
        self.turn_over(steps);
    }

    pub(super) fn turn_over(&mut self, steps: &mut Vec<Step>) {
        self.close_open("the turn ended", steps);
        if let Some(turn) = self.turn.take() {
            self.is_now(Activity::Idle, steps);
            steps.push(turn.over());
        }
    }

    pub(super) fn fail(&mut self, problem: Problem, steps: &mut Vec<Step>) {
        self.close_open("the turn ended", steps);
        if let Some(turn) = self.turn.take() {
            self.next = None;
            self.is_now(Activity::Idle, steps);
            let over =
                if turn.interrupted { turn.over() } else { turn.cut_off(TurnEnd::Error, problem) };
            steps.push(over);
        }
    }

    fn close_open(&mut self, why: &str, steps: &mut Vec<Step>) {
        self.speech_over(steps);
        self.begin_tools(None, steps);
        for key in std::mem::take(&mut self.asks).into_keys() {
            steps.push(Step::Withdraw { key });
        }
        for id in std::mem::take(&mut self.tools).into_keys() {
            let output = format!("({why})");
            steps.push(Step::Event(Event::ToolEnded { id, ok: false, output }));
        }
        self.closed.clear();
    }
}

/// An image as a part of a prompt.
fn image(file: &Attached) -> Option<Value> {
    let data = BASE64.encode(file.image.as_ref()?);
    Some(json!({"type": "image", "mimeType": file.media_type, "data": data}))
}

impl Driver for Acp {
    fn launch(&self) -> Launch {
        self.launch.clone()
    }

    fn begin(&mut self) -> Vec<Step> {
        let prompt = std::mem::take(&mut self.start.prompt);
        self.say(&prompt)
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
        let (id, params) = (&message["id"], &message["params"]);
        match (message["method"].as_str(), id) {
            (Some("session/update"), _) => self.updated(&params["update"], &mut steps),
            (Some(_), Value::Null) => {}
            (Some(method), id) => self.asked(id, method, params, &mut steps),
            (None, id) => {
                let request = id.as_u64().and_then(|id| self.awaited.remove(&id));
                match (request, message.get("error")) {
                    (Some(request), Some(error)) => self.refused(request, error, &mut steps),
                    (Some(request), None) => {
                        self.answered(request, &message["result"], &mut steps);
                    }
                    (None, _) => {}
                }
            }
        }
        steps
    }

    fn say(&mut self, text: &str) -> Vec<Step> {
        let mut steps = Vec::new();
        self.turn = Some(Turn::default());
        self.is_now(Activity::Running, &mut steps);
        if self.stage == Stage::Open {
            self.prompt(text, &mut steps);
        } else {
            self.next = Some(text.to_owned());
            self.greet(&mut steps);
        }
        steps
    }

    fn interrupt(&mut self) -> Vec<Step> {
        let mut steps = Vec::new();
        let Some(turn) = self.turn.as_mut() else {
            return steps;
        };
        turn.interrupted = true;
        let prompting = self.awaited.values().any(|request| *request == Request::Prompt);
        if prompting {
            let params = json!({"sessionId": self.session});
            let cancel = json!({"jsonrpc": "2.0", "method": "session/cancel", "params": params});
            steps.push(write(&cancel));
        }
        for (key, waiting) in std::mem::take(&mut self.asks) {
            match waiting {
                Waiting::Permission { id, .. } | Waiting::Plan { id, .. } => {
                    steps.push(Self::choose(&id, None));
                }
                Waiting::Form { id, .. } => {
                    steps.push(answer(&id, &json!({"action": "cancel"})));
                }
                Waiting::Said => {}
            }
            steps.push(Step::Withdraw { key });
        }
        if !prompting && self.stage == Stage::Open && self.awaited.is_empty() {
            self.turn_over(&mut steps);
        }
        steps
    }

    fn answer(&mut self, key: &str, ask: &Ask, given: &Answer) -> Vec<Step> {
        let mut steps = Vec::new();
        let Some(waiting) = self.asks.remove(key) else {
            return steps;
        };
        match waiting {
            Waiting::Form { id, form } => steps.push(answer(&id, &ask::filled(&form, ask, given))),
            Waiting::Permission { .. } => self.permitted(waiting, given, &mut steps),
            Waiting::Plan { .. } | Waiting::Said => self.plan_judged(waiting, given, &mut steps),
        }
        if self.asks.is_empty() && self.turn.is_some() {
            self.is_now(Activity::Running, &mut steps);
        }
        steps
    }

    fn end(&mut self) -> Vec<Step> {
        if self.habits.stays {
            vec![Step::CloseInput, Step::Terminate]
        } else {
            vec![Step::CloseInput]
        }
    }

    fn exited(&mut self, code: Option<i32>, stderr: &str) -> Vec<Step> {
        let mut steps = Vec::new();
        self.close_open("the agent's process ended", &mut steps);
        if let Some(turn) = self.turn.take() {
            steps.push(turn.cut_off(TurnEnd::Exited, died(code, stderr)));
        }
        steps
    }
}
