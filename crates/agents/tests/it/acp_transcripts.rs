//! Recorded conversations over the Agent Client Protocol: Gemini CLI, opencode,
//! and the wrappers for Claude and Codex as agents that somebody declared.

use crate::driver;
use crate::replay::{self, Heard, Replay, shown};
use pilot_agents::{Catalog, Driver, Ruling, Start, Step};
use pilot_proto::event::TurnEnd;
use pilot_proto::inbox::Answer;
use pilot_proto::project::{ProviderGrant, ProviderLogin};
use pilot_proto::{Event, Mode, ProviderKind, Secret};
use serde_json::{Value, json};
use std::collections::BTreeMap;

struct Acp {
    heard: Heard,
    /// The recorder's requests: id → method.
    recorded: BTreeMap<u64, String>,
    /// The driver's requests that have no answer yet, in order: method, id.
    open: Vec<(String, u64)>,
    /// The recorder tells its agent a mode.
    tells_mode: bool,
    begun: bool,
    prompted: bool,
}

fn start(mode: Mode, tree: &str, resume: Option<String>) -> Start {
    Start { tree: tree.into(), resume, ..replay::start("agent", mode) }
}

/// With a login, as the recorder had.
fn provided(mut start: Start) -> Start {
    start.provider = Some(ProviderGrant {
        name: "test".to_owned(),
        kind: ProviderKind::Ollama,
        base_url: None,
        key: Secret::new("k"),
        login: ProviderLogin::Key,
        oauth: None,
    });
    start
}

/// The driver of an agent that somebody declared.
fn declared(start: Start) -> Box<dyn Driver> {
    let text = "[agents.any]\nprotocol = \"acp\"\nprogram = \"any\"\n";
    let catalog = Catalog::built_in().declare(text).expect("it is right");
    catalog.get("any").expect("declared").driver(start)
}

impl Acp {
    fn new(agent: &str, transcript: &str) -> Self {
        let sent = |method: &str, field: &str| {
            let lines = transcript.lines().filter_map(|line| line.strip_prefix("> "));
            let mut messages = lines.filter_map(|line| serde_json::from_str::<Value>(line).ok());
            let message = messages.find(|message| message["method"] == method)?;
            message["params"][field].as_str().map(str::to_owned)
        };
        let mode = match sent("session/set_mode", "modeId").as_deref() {
            Some("yolo") => Mode::Auto,
            Some("plan") => Mode::Plan,
            _ => Mode::Ask,
        };
        let (load, new) = (sent("session/load", "cwd"), sent("session/new", "cwd"));
        let tree = load.or(new).expect("every transcript has a session");
        let start = start(mode, &tree, sent("session/load", "sessionId"));
        let driver = match agent {
            "gemini" | "opencode" => driver(agent, provided(start)),
            _ => declared(start),
        };
        Self {
            heard: Heard::new(driver),
            recorded: BTreeMap::new(),
            open: Vec::new(),
            tells_mode: sent("session/set_mode", "modeId").is_some(),
            begun: false,
            prompted: false,
        }
    }
}

impl Replay for Acp {
    fn heard(&mut self) -> &mut Heard {
        &mut self.heard
    }

    fn wrote(&mut self, text: &str) {
        let message: Value = serde_json::from_str(text).expect("the driver writes JSON");
        let (Some(method), Some(id)) = (message["method"].as_str(), message["id"].as_u64()) else {
            return;
        };
        // The driver tells a mode in any case, the recorder told only some.
        let of_mode = ["session/set_mode", "session/set_config_option"].contains(&method);
        if of_mode && !self.tells_mode {
            let answer = json!({"jsonrpc": "2.0", "id": id, "result": {}});
            let steps = self.heard.driver.line(&answer.to_string());
            self.note(steps);
        } else {
            self.open.push((method.to_owned(), id));
        }
    }

    fn received(&mut self, line: &str) {
        let mut message: Value = serde_json::from_str(line).expect("the agent wrote JSON");
        if message.get("method").is_none() {
            let id = message["id"].as_u64().expect("an answer has an id");
            let method = self.recorded.get(&id).expect("to a request");
            let Some(at) = self.open.iter().position(|(open, _)| open == method) else {
                return;
            };
            message["id"] = self.open.remove(at).1.into();
        }
        let steps = self.heard.driver.line(&message.to_string());
        self.note(steps);
    }

    fn sent(&mut self, message: &Value) {
        let method = message["method"].as_str().unwrap_or_default().to_owned();
        if let (Some(id), false) = (message["id"].as_u64(), method.is_empty()) {
            self.recorded.insert(id, method.clone());
        }
        let steps = match method.as_str() {
            "session/cancel" => self.heard.driver.interrupt(),
            "session/prompt" if self.prompted => {
                let text = message["params"]["prompt"][0]["text"].as_str().expect("a prompt");
                self.heard.driver.say(text)
            }
            "session/prompt" => {
                self.prompted = true;
                return;
            }
            "" => {
                let key = message["id"].to_string();
                // What the mode allows was not asked.
                let Some(ask) = self.heard.asks.get(&key).cloned() else { return };
                self.heard.driver.answer(&key, &ask, &answer(&message["result"]))
            }
            _ if self.begun => return,
            _ => {
                self.begun = true;
                self.heard.driver.begin()
            }
        };
        self.note(steps);
    }
}

/// What a person must have said for the recorder to answer like this.
fn answer(result: &Value) -> Answer {
    if let Some(content) = result["content"].as_object() {
        let first = content.values().next().and_then(Value::as_str).unwrap_or_default();
        return Answer::Say { text: first.to_owned() };
    }
    match result["outcome"]["optionId"].as_str() {
        Some("cancel" | "reject") | None => Answer::Deny { reason: "Not like this.".to_owned() },
        Some(_) => Answer::ALLOW,
    }
}

#[test]
fn recorded_conversations_give_the_steps_written_beside_them() {
    replay::all("acp", 25, |name, transcript| {
        Acp::new(name.split('-').next().expect("a name"), transcript)
    });
}

fn begun(mode: Mode) -> Box<dyn Driver> {
    let mut driver = declared(start(mode, "/srv/demo/run/r", None));
    driver.begin();
    driver
}

/// Feeds a conversation up to its first prompt.
fn prompted(driver: &mut dyn Driver) {
    driver.line(r#"{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":1}}"#);
    let steps = driver.line(r#"{"jsonrpc":"2.0","id":2,"result":{"sessionId":"s"}}"#);
    let prompt = steps.iter().any(|step| shown(step).contains("session/prompt"));
    assert!(prompt, "a session takes prompts: {steps:?}");
}

#[test]
fn a_line_that_makes_no_sense_gives_no_steps() {
    let mut driver = begun(Mode::Ask);
    prompted(&mut *driver);
    let lines = [
        "",
        "garbage",
        "{",
        "[]",
        "null",
        "7",
        r#"{"id":99,"result":{}}"#,
        r#"{"id":null,"result":{}}"#,
        r#"{"id":"x","error":{}}"#,
        r#"{"method":"session/teleported","params":{}}"#,
        r#"{"method":"session/update"}"#,
        r#"{"method":"session/update","params":{"update":null}}"#,
        r#"{"method":"session/update","params":{"update":{"sessionUpdate":"from_the_future"}}}"#,
        r#"{"method":"session/update","params":{"update":{"sessionUpdate":"tool_call"}}}"#,
        r#"{"method":"session/update","params":{"update":{"sessionUpdate":"agent_message_chunk"}}}"#,
        r#"{"method":"session/update","params":{"update":{"sessionUpdate":"usage_update","cost":7}}}"#,
    ];
    for line in lines {
        assert_eq!(driver.line(line), [], "{line}");
    }
}

#[test]
fn requests_that_were_never_offered_are_refused_and_not_left_waiting() {
    let mut driver = begun(Mode::Ask);
    prompted(&mut *driver);
    for method in ["fs/write_text_file", "terminal/create", "dance"] {
        let line = json!({"jsonrpc": "2.0", "id": "r1", "method": method, "params": {}});
        let steps = driver.line(&line.to_string());
        let [Step::Write(answer)] = steps.as_slice() else { panic!("one answer: {steps:?}") };
        assert!(answer.contains(r#""id":"r1""#) && answer.contains("-32601"), "{answer}");
    }
}

const PERMISSION: &str = r#"{"jsonrpc":"2.0","id":0,"method":"session/request_permission","params":
    {"toolCall":{"toolCallId":"t","title":"make","kind":"execute"},"options":
    [{"optionId":"always","kind":"allow_always"},{"optionId":"once","kind":"allow_once"},
     {"optionId":"no","kind":"reject_once"}]}}"#;

#[test]
fn auto_allows_once_by_itself_and_never_for_ever() {
    let mut driver = begun(Mode::Auto);
    prompted(&mut *driver);
    let mut steps = driver.line(PERMISSION);
    let Some(Step::Check { key, ask }) = steps.pop() else { panic!("the rules: {steps:?}") };
    steps.extend(driver.ruled(&key, &ask, &Ruling::Go));
    let asked = steps.iter().any(|step| matches!(step, Step::Ask { .. }));
    let allowed = steps.iter().any(|step| shown(step).contains(r#""optionId":"once""#));
    assert!(!asked && allowed, "{steps:?}");
}

#[test]
fn an_agent_that_goes_on_after_a_refusal_is_not_told_once_more() {
    let check = |update: &str, told: bool| {
        let mut driver = begun(Mode::Ask);
        prompted(&mut *driver);
        let steps = driver.line(PERMISSION);
        let Some(Step::Ask { key, ask }) = steps.last() else { panic!("an ask: {steps:?}") };
        driver.answer(key, ask, &Answer::Deny { reason: "Too slow.".to_owned() });
        let update = format!(
            r#"{{"method":"session/update","params":{{"update":{{"sessionUpdate":{update}}}}}}}"#
        );
        driver.line(&update);
        let steps = driver.line(r#"{"jsonrpc":"2.0","id":3,"result":{"stopReason":"end_turn"}}"#);
        let prompt = steps.iter().any(|step| shown(step).contains("Too slow."));
        let over = steps.iter().any(|step| matches!(step, Step::TurnEnded { .. }));
        assert_eq!((prompt, over), (told, !told), "{update}: {steps:?}");
    };
    check(r#""agent_message_chunk","content":{"text":"Then not."}"#, false);
    check(r#""tool_call","toolCallId":"other","status":"in_progress""#, false);
    // The end of the refused call is no sign of life.
    check(r#""tool_call_update","toolCallId":"t","status":"failed""#, true);
}

#[test]
fn an_agent_without_a_mode_for_planning_does_not_work_unplanned() {
    let mut driver = begun(Mode::Plan);
    driver.line(r#"{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":1}}"#);
    let steps = driver.line(r#"{"jsonrpc":"2.0","id":2,"result":{"sessionId":"s"}}"#);
    let prompt = steps.iter().any(|step| matches!(step, Step::Write(_)));
    let over = steps.iter().any(|step| {
        matches!(step, Step::TurnEnded { problem: Some(problem), .. }
            if problem.message.contains("planning"))
    });
    assert!(!prompt && over, "{steps:?}");
}

#[test]
fn an_interrupt_before_the_session_is_open_ends_the_turn_without_a_prompt() {
    let mut driver = begun(Mode::Ask);
    driver.line(r#"{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":1}}"#);
    assert_eq!(driver.interrupt(), []);
    let steps = driver.line(r#"{"jsonrpc":"2.0","id":2,"result":{"sessionId":"s"}}"#);
    let prompt = steps.iter().any(|step| matches!(step, Step::Write(_)));
    let over = steps.iter().any(|step| matches!(step, Step::TurnEnded { .. }));
    assert!(!prompt && over, "{steps:?}");
    let steps = driver.say("now");
    let prompt = steps.iter().any(|step| shown(step).contains("session/prompt"));
    assert!(prompt, "the session is there: {steps:?}");
}

#[test]
fn what_is_asked_after_an_interrupt_is_cancelled_and_reaches_nobody() {
    let mut driver = begun(Mode::Ask);
    prompted(&mut *driver);
    let steps = driver.interrupt();
    assert!(steps.iter().any(|step| shown(step).contains("session/cancel")), "{steps:?}");
    let steps = driver.line(PERMISSION);
    let [Step::Write(answer)] = steps.as_slice() else { panic!("one answer: {steps:?}") };
    assert!(answer.contains(r#""outcome":"cancelled""#), "{answer}");
    let steps =
        driver.line(r#"{"jsonrpc":"2.0","id":3,"error":{"code":-32603,"message":"aborted"}}"#);
    let over = steps.iter().any(|step| {
        matches!(step, Step::TurnEnded { end: TurnEnd::Interrupted, problem: None, .. })
    });
    assert!(over, "an error is how some agents stop: {steps:?}");
}

#[test]
fn a_declared_agent_is_started_as_it_is_declared() {
    let text = r#"
[agents.kiwi]
protocol = "acp"
program = "kiwi-cli"
args = ["--acp", ["--model", "{model}"]]
env = { KEY = "{key}", DIR = "{home}/x" }
"#;
    let catalog = Catalog::built_in().declare(text).expect("it is right");
    let agent = catalog.get("kiwi").expect("declared");
    let launch = agent.driver(start(Mode::Ask, "/srv/demo/run/r", None)).launch();
    assert_eq!(launch.args, ["--acp"], "there is no model");
    assert_eq!(launch.env, [("DIR".to_owned(), "/srv/demo/run/home/x".to_owned())], "nor a key");
    assert_eq!((agent.name(), agent.probe().program.as_deref()), ("kiwi", Some("kiwi-cli")));
}

#[test]
fn an_agent_that_cannot_resume_begins_anew_and_is_told_so() {
    let resume = Some("an earlier session".to_owned());
    let mut driver = declared(start(Mode::Ask, "/srv/demo/run/r", resume));
    driver.begin();
    driver.line(r#"{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":1}}"#);
    let steps = driver.line(r#"{"jsonrpc":"2.0","id":2,"result":{"sessionId":"s"}}"#);
    let told = steps.iter().any(|step| {
        let step = shown(step);
        step.contains("in the working tree.") && step.contains("the first prompt")
    });
    assert!(told, "{steps:?}");
}

#[test]
fn what_an_agent_says_after_its_turn_is_not_lost() {
    let mut driver = begun(Mode::Ask);
    prompted(&mut *driver);
    driver.line(r#"{"jsonrpc":"2.0","id":3,"result":{"stopReason":"end_turn"}}"#);
    driver.line(
        r#"{"method":"session/update","params":{"update":
        {"sessionUpdate":"agent_message_chunk","content":{"type":"text","text":"Late."}}}}"#,
    );
    let steps = driver.exited(Some(0), "");
    let late = Event::Text { text: "Late.".into(), parent: None, open: false };
    assert_eq!(steps, [Step::Event(late)]);
}
