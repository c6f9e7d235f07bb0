//! Recorded conversations with the real pi, replayed through the driver. What
//! it makes of each stands beside it in `*.steps.txt`;
//! `PILOTHOUSE_UPDATE_SNAPSHOTS=1` writes those anew, to be read afterwards.

use crate::driver;
use crate::transcripts::shown;
use pilot_agents::{Driver, Ruling, Start, Step};
use pilot_proto::inbox::{Answer, Ask};
use pilot_proto::{Mode, RunId};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

struct Replay {
    driver: Box<dyn Driver>,
    asks: BTreeMap<String, Ask>,
    begun: bool,
    steps: String,
}

impl Replay {
    fn new() -> Self {
        let start = Start {
            run: RunId(uuid::Uuid::nil()),
            prompt: "the first prompt".to_owned(),
            model: None,
            mode: Mode::Ask,
            ruled: false,
            resume: None,
            home: "/srv/demo/home".into(),
            tree: "/srv/demo/tree".into(),
            tmp: "/srv/demo/tmp".into(),
            program: "pi".into(),
            provider: None,
            attachments: Vec::new(),
            tools: None,
        };
        let driver = driver("pi", start);
        Self { driver, asks: BTreeMap::new(), begun: false, steps: String::new() }
    }

    fn note(&mut self, steps: Vec<Step>) {
        for step in steps {
            if let Step::Ask { key, ask } = &step {
                self.asks.insert(key.clone(), ask.clone());
            }
            self.steps.push_str(&shown(&step));
            self.steps.push('\n');
            if let Step::Check { key, ask } = &step {
                let steps = self.driver.ruled(key, ask, &Ruling::Go);
                self.note(steps);
            }
        }
    }

    fn sent(&mut self, message: &Value) {
        let text = message["message"].as_str().unwrap_or_default();
        let steps = match message["type"].as_str() {
            Some("prompt") if !std::mem::replace(&mut self.begun, true) => self.driver.begin(),
            Some("prompt") => self.driver.say(text),
            Some("steer") => self.driver.steer(text).expect("in the middle of a turn"),
            Some("abort") => self.driver.interrupt(),
            Some("extension_ui_response") if message["cancelled"] != Value::Bool(true) => {
                let key = message["id"].as_str().expect("an answer has a key");
                let ask = self.asks[key].clone();
                self.driver.answer(key, &ask, &answer(&ask, message))
            }
            _ => Vec::new(),
        };
        self.note(steps);
    }
}

/// What a person must have said for this response.
fn answer(ask: &Ask, response: &Value) -> Answer {
    let said = response["value"].as_str().unwrap_or_default();
    if let Ask::Question { .. } = ask {
        return Answer::Say { text: said.to_owned() };
    }
    let said: Value = serde_json::from_str(said).expect("our extension is answered in JSON");
    if said["allow"] == Value::Bool(true) {
        return Answer::ALLOW;
    }
    Answer::Deny { reason: said["reason"].as_str().unwrap_or_default().to_owned() }
}

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts/pi")
}

fn replayed(transcript: &str) -> String {
    let mut replay = Replay::new();
    for line in transcript.lines() {
        let (direction, line) = line.split_at(2);
        if direction == "< " {
            let steps = replay.driver.line(line);
            replay.note(steps);
        } else {
            replay.sent(&serde_json::from_str(line).expect("the recorder wrote JSON"));
        }
    }
    let steps = replay.driver.exited(Some(0), "");
    replay.note(steps);
    replay.steps
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a test's settings are its environment")]
fn recorded_conversations_give_the_steps_written_beside_them() {
    let update = std::env::var("PILOTHOUSE_UPDATE_SNAPSHOTS").is_ok();
    let mut names: Vec<String> = std::fs::read_dir(directory())
        .expect("the transcripts are in the repository")
        .map(|entry| entry.expect("readable").file_name().into_string().expect("plain names"))
        .filter_map(|name| {
            let name = name.strip_suffix(".txt")?;
            (!name.ends_with(".steps")).then(|| name.to_owned())
        })
        .collect();
    names.sort();
    assert!(names.len() >= 8, "all transcripts must be replayed, not only {names:?}");
    for name in names {
        let path = directory().join(format!("{name}.txt"));
        let steps = replayed(&std::fs::read_to_string(path).expect("readable"));
        let beside = directory().join(format!("{name}.steps.txt"));
        if update {
            std::fs::write(&beside, &steps).expect("writable");
        }
        let expected = std::fs::read_to_string(&beside).expect("steps stand beside a transcript");
        assert_eq!(steps, expected, "the driver reads `{name}` differently now");
    }
}

#[test]
fn a_line_that_makes_no_sense_gives_no_steps() {
    let mut replay = Replay::new();
    replay.driver.begin();
    let lines = [
        "",
        "garbage",
        "{",
        "[]",
        "null",
        r#"{"type":7}"#,
        r#"{"type":"from_the_future"}"#,
        r#"{"type":"message_end"}"#,
        r#"{"type":"message_end","message":{"role":"assistant","content":"text"}}"#,
        r#"{"type":"tool_execution_end","toolCallId":"unknown"}"#,
        r#"{"type":"extension_ui_request","id":"1","method":"setStatus","title":"t"}"#,
        r#"{"type":"extension_ui_request","id":"1","method":"input","title":"pilothouse:dance"}"#,
        r#"{"type":"compaction_start","reason":"threshold"}"#,
        r#"{"type":"compaction_end","reason":"threshold"}"#,
        r#"{"type":"response","command":"get_state","success":true,"data":{}}"#,
    ];
    for line in lines {
        assert_eq!(replay.driver.line(line), [], "{line}");
    }
}

/// Sends lines and returns how many turns have ended.
fn turns_ended(lines: &[&str]) -> usize {
    let mut replay = Replay::new();
    replay.driver.begin();
    let steps = lines.iter().flat_map(|line| replay.driver.line(line));
    steps.filter(|step| matches!(step, Step::TurnEnded { .. })).count()
}

#[test]
fn a_turn_ends_when_the_program_rests_and_not_before() {
    let state = |id: u32, holds: &str| {
        format!(
            r#"{{"type":"response","command":"get_state","id":"pilot-{id}","success":true,"data":{{{holds}}}}}"#
        )
    };
    let end = r#"{"type":"agent_end","messages":[]}"#;
    let compacts = r#"{"type":"compaction_start","reason":"threshold"}"#;
    let compacted = r#"{"type":"compaction_end","reason":"threshold","willRetry":false}"#;
    let again = r#"{"type":"compaction_end","reason":"overflow","willRetry":true}"#;
    let retry = r#"{"type":"auto_retry_start","attempt":1,"delayMs":5,"errorMessage":"x"}"#;
    let (rests, works) = (r#""isStreaming":false"#, r#""isStreaming":true"#);
    // The greeting asks for the state, too: requests 1 and 2 are begin's.
    assert_eq!(turns_ended(&[&state(1, rests)]), 0, "nothing was begun yet");
    assert_eq!(turns_ended(&[end, &state(3, rests)]), 1);
    assert_eq!(turns_ended(&[end, &state(3, works), &state(4, rests)]), 1, "it winds up");
    assert_eq!(turns_ended(&[end, retry, &state(3, rests)]), 0, "a retry is due");
    assert_eq!(turns_ended(&[end, compacts, &state(3, rests)]), 0);
    assert_eq!(turns_ended(&[end, compacts, compacted, &state(4, rests)]), 1);
    assert_eq!(turns_ended(&[end, compacts, again, &state(3, rests)]), 0, "it goes on");
    let late = format!("{rests},\"pendingMessageCount\":1");
    assert_eq!(turns_ended(&[end, &state(3, &late)]), 0, "what was said is still to be read");
}

#[test]
fn dialogs_of_other_extensions_are_questions() {
    let check = |request: &str, answer: &Answer, expected: &str| {
        let mut replay = Replay::new();
        replay.driver.begin();
        let steps = replay.driver.line(request);
        let asked = steps.into_iter().find_map(|step| match step {
            Step::Ask { key, ask } => Some((key, ask)),
            _ => None,
        });
        let (key, ask) = asked.expect("it asks");
        let steps = replay.driver.answer(&key, &ask, answer);
        let Some(Step::Write(written)) = steps.first() else { panic!("{steps:?}") };
        assert!(written.contains(expected), "{request} {written}");
        assert!(replay.driver.answer(&key, &ask, answer).is_empty(), "once");
    };
    let say = |text: &str| Answer::Say { text: text.to_owned() };
    let confirm = r#"{"type":"extension_ui_request","id":"1","method":"confirm","title":"Sure?","message":"All is lost."}"#;
    check(confirm, &say("Yes"), r#""confirmed":true"#);
    check(confirm, &say("No"), r#""confirmed":false"#);
    check(confirm, &Answer::Deny { reason: String::new() }, r#""cancelled":true"#);
    let select = r#"{"type":"extension_ui_request","id":"1","method":"select","title":"Which?","options":["A","B"]}"#;
    let answers = BTreeMap::from([("Which?".to_owned(), "B".to_owned())]);
    check(select, &Answer::Choose { answers }, r#""value":"B""#);
    let input = r#"{"type":"extension_ui_request","id":"1","method":"input","title":"Name","placeholder":""}"#;
    check(input, &say("Ada"), r#""value":"Ada""#);
}
