//! Recorded conversations with the real Codex.

use crate::driver;
use crate::replay::{self, Heard, Replay, shown};
use pilot_agents::{Driver, Start, Step};
use pilot_proto::inbox::{Answer, Ask};
use pilot_proto::project::{ProviderGrant, ProviderLogin};
use pilot_proto::{Mode, ProviderKind, Secret};
use serde_json::{Value, json};

struct Codex {
    heard: Heard,
    turns: u32,
}

impl Replay for Codex {
    fn heard(&mut self) -> &mut Heard {
        &mut self.heard
    }

    fn sent(&mut self, message: &Value) {
        let steps = match message["method"].as_str() {
            Some("initialize") => self.heard.driver.begin(),
            Some("turn/start") => {
                self.turns += 1;
                let text = message["params"]["input"][0]["text"].as_str().expect("a prompt");
                // The driver begins the first one by itself.
                if self.turns == 1 { Vec::new() } else { self.heard.driver.say(text) }
            }
            Some("turn/interrupt") => self.heard.driver.interrupt(),
            Some(_) => Vec::new(),
            None => self.answered(message),
        };
        self.note(steps);
    }
}

impl Codex {
    /// Nothing happens where the driver answered by itself.
    fn answered(&mut self, message: &Value) -> Vec<Step> {
        let key = message["id"].to_string();
        let Some(ask) = self.heard.asks.get(&key) else { return Vec::new() };
        let result = &message["result"];
        let answer = match (ask, result["decision"].as_str()) {
            (Ask::Question { questions }, _) => Answer::Choose {
                answers: questions
                    .iter()
                    .map(|one| {
                        let said = &result["answers"]["q1"]["answers"][0];
                        (one.question.clone(), said.as_str().expect("an answer").to_owned())
                    })
                    .collect(),
            },
            (_, Some("accept")) => Answer::ALLOW,
            _ => Answer::Deny { reason: String::new() },
        };
        self.heard.driver.answer(&key, ask, &answer)
    }
}

fn start(mode: Mode, resume: Option<&str>) -> Start {
    let resume = resume.map(str::to_owned);
    let tree = "/srv/demo/run/rc1".into();
    Start { tree, resume, provider: Some(grant()), ..replay::start("codex", mode) }
}

fn grant() -> ProviderGrant {
    ProviderGrant {
        kind: ProviderKind::OpenAi,
        base_url: Some("http://127.0.0.1:9/v1".to_owned()),
        key: Secret::new("sk-hidden"),
        name: "test".to_owned(),
        login: ProviderLogin::Bearer,
        oauth: None,
    }
}

/// As the recorder began it.
fn opened(transcript: &str) -> Codex {
    let (mut mode, mut resume) = (Mode::Ask, None);
    for line in transcript.lines().filter_map(|line| line.strip_prefix("> ")) {
        let message: Value = serde_json::from_str(line).expect("the recorder wrote JSON");
        let params = &message["params"];
        if params["approvalPolicy"] == "never" {
            mode = Mode::Auto;
        }
        if params["collaborationMode"]["mode"] == "plan" {
            mode = Mode::Plan;
        }
        if message["method"] == "thread/resume" {
            resume = params["threadId"].as_str().map(str::to_owned);
        }
    }
    Codex { heard: Heard::new(driver("codex", start(mode, resume.as_deref()))), turns: 0 }
}

#[test]
fn recorded_conversations_give_the_steps_written_beside_them() {
    replay::all("codex", 13, |_, transcript| opened(transcript));
}

/// A driver whose thread and first turn are there.
fn under_way(mode: Mode) -> Box<dyn Driver> {
    let mut codex = driver("codex", start(mode, None));
    codex.begin();
    codex.line(r#"{"id":1,"result":{}}"#);
    codex.line(r#"{"id":2,"result":{"thread":{"id":"t"},"model":"m"}}"#);
    codex.line(r#"{"id":3,"result":{"turn":{"id":"u"}}}"#);
    codex
}

fn written(steps: &[Step]) -> Vec<Value> {
    let written = steps.iter().filter_map(|step| match step {
        Step::Write(line) => Some(serde_json::from_str(line).expect("we write JSON")),
        _ => None,
    });
    written.collect()
}

#[test]
fn a_line_that_makes_no_sense_gives_no_steps() {
    let mut codex = under_way(Mode::Ask);
    let lines = [
        "",
        "garbage",
        "{",
        "[]",
        "null",
        "7",
        r#"{"id":99,"result":{}}"#,
        r#"{"id":"x","error":{}}"#,
        r#"{"method":7}"#,
        r#"{"method":"from/the/future","params":{"threadId":"t"}}"#,
        r#"{"method":"item/started"}"#,
        r#"{"method":"item/started","params":{"item":{"type":"teleport","id":"x"}}}"#,
        r#"{"method":"item/completed","params":{"item":null,"threadId":"t"}}"#,
        r#"{"method":"item/commandExecution/outputDelta","params":{"itemId":"x","delta":"y"}}"#,
        r#"{"method":"turn/completed","params":{"threadId":"another"}}"#,
        r#"{"method":"serverRequest/resolved","params":{}}"#,
        r#"{"method":"account/rateLimits/updated","params":null}"#,
        r#"{"method":"thread/tokenUsage/updated","params":{"threadId":"t"}}"#,
    ];
    for line in lines {
        assert_eq!(codex.line(line), [], "{line}");
    }
}

#[test]
fn requests_that_were_never_offered_are_refused_and_not_left_waiting() {
    let mut codex = under_way(Mode::Ask);
    let steps = codex.line(r#"{"method":"currentTime/read","id":7,"params":{}}"#);
    assert_eq!(
        written(&steps),
        [json!({"id": 7, "error": {"code": -32601, "message": "not supported"}})]
    );
    assert_eq!(steps.len(), 1);
}

#[test]
fn a_safety_stop_in_auto_is_refused_without_asking() {
    let mut codex = under_way(Mode::Auto);
    let line = r#"{"method":"item/commandExecution/requestApproval","id":0,
        "params":{"threadId":"t","itemId":"i","command":"/bin/bash -lc 'rm -rf /'"}}"#;
    let answers = written(&codex.line(line));
    assert_eq!(answers[0], json!({"id": 0, "result": {"decision": "decline"}}));
    assert_eq!(answers[1]["method"], "turn/steer", "the model is told why: {answers:?}");
}

#[test]
fn a_subagent_is_a_tool_call_with_what_it_does_below_it() {
    let mut codex = under_way(Mode::Auto);
    let mut all = Vec::new();
    for line in [
        r#"{"method":"item/started","params":{"threadId":"t","item":{"type":"subAgentActivity",
            "id":"call","kind":"started","agentThreadId":"kid","agentPath":"/root/kid"}}}"#,
        r#"{"method":"item/completed","params":{"threadId":"t","item":{"type":"subAgentActivity",
            "id":"call","kind":"started","agentThreadId":"kid","agentPath":"/root/kid"}}}"#,
        r#"{"method":"item/completed","params":{"threadId":"kid","item":{"type":"agentMessage",
            "id":"m","text":"I am the kid."}}}"#,
        r#"{"method":"thread/tokenUsage/updated","params":{"threadId":"kid","turnId":"k",
            "tokenUsage":{"total":{"inputTokens":9},"last":{"inputTokens":5}}}}"#,
        r#"{"method":"turn/completed","params":{"threadId":"kid","turn":{"status":"completed",
            "items":[{"type":"agentMessage","text":"The kid is done."}]}}}"#,
        r#"{"method":"turn/completed","params":{"threadId":"t","turn":{"status":"completed"}}}"#,
    ] {
        all.extend(codex.line(line));
    }
    let lines: Vec<String> = all.iter().map(shown).collect();
    assert_parts(
        &lines,
        &[
            r#""type":"tool_started","id":"call","tool":"spawn_agent""#,
            r#""text":"I am the kid.","parent":"call""#,
            r#""type":"tool_ended","id":"call","ok":true,"output":"The kid is done.""#,
            r#""activity":"idle""#,
            r#"turn     Completed denials=0 {"input_tokens":5"#,
        ],
    );
}

/// Each line holds its part.
fn assert_parts(lines: &[String], parts: &[&str]) {
    assert_eq!(lines.len(), parts.len(), "{lines:#?}");
    for (line, part) in lines.iter().zip(parts) {
        assert!(line.contains(part), "{part} is not in {line}");
    }
}

#[test]
fn words_that_come_too_late_for_a_turn_are_said_in_another() {
    let mut codex = under_way(Mode::Auto);
    let steps = codex.steer("and this").expect("a turn runs");
    let id = written(&steps)[0]["id"].clone();
    let over =
        r#"{"method":"turn/completed","params":{"threadId":"t","turn":{"status":"completed"}}}"#;
    assert_eq!(codex.line(over), [], "the words are still on their way");
    let late = json!({"id": id, "error": {"code": -32600, "message": "no active turn"}});
    let steps = codex.line(&late.to_string());
    let next = &written(&steps)[0];
    assert_eq!(
        (&next["method"], &next["params"]["input"][0]["text"]),
        (&json!("turn/start"), &json!("and this"))
    );
    assert!(codex.line(r#"{"id":5,"result":{"turn":{"id":"v"}}}"#).is_empty());
    let ends = codex.line(over);
    assert!(ends.iter().any(|step| matches!(step, Step::TurnEnded { .. })), "{ends:?}");
}

#[test]
fn without_a_turn_nobody_hears() {
    let mut codex = driver("codex", start(Mode::Auto, None));
    codex.begin();
    assert_eq!(codex.steer("too early"), None, "whoever says it keeps it");
    assert_eq!(codex.interrupt(), [], "remembered until there is a turn");
}

#[test]
fn a_key_is_in_the_environment_alone() {
    let launch = driver("codex", start(Mode::Auto, None)).launch();
    let elsewhere = format!("{:?} {:?}", launch.args, launch.files);
    assert!(!elsewhere.contains("sk-hidden"), "{elsewhere}");
    let with_key: Vec<&str> = launch
        .env
        .iter()
        .filter(|(_, value)| value == "sk-hidden")
        .map(|(name, _)| name.as_str())
        .collect();
    assert_eq!(with_key, ["PILOTHOUSE_MODEL_KEY"]);
}
