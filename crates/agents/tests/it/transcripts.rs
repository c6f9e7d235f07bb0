//! Recorded conversations with the real Claude Code, replayed through the
//! driver. What the driver makes of each stands beside it in `*.steps.txt`;
//! `PILOTHOUSE_UPDATE_SNAPSHOTS=1` writes those anew, to be read afterwards.

use crate::driver;
use pilot_agents::{Attached, Driver, Start, Step, is_image};
use pilot_proto::inbox::{Answer, Ask};
use pilot_proto::{Event, Mode, RunId};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Replays one transcript: lines of the program (`<`) are fed to the driver,
/// lines of the recorder (`>`) say what a person did.
struct Replay {
    driver: Box<dyn Driver>,
    asks: BTreeMap<String, Ask>,
    begun: bool,
    steps: String,
}

impl Replay {
    fn new(resumed: bool) -> Self {
        Self::in_mode(Mode::Ask, resumed)
    }

    fn in_mode(mode: Mode, resumed: bool) -> Self {
        let start = Self::start(mode, resumed);
        let driver = driver("claude", start);
        Self { driver, asks: BTreeMap::new(), begun: false, steps: String::new() }
    }

    fn start(mode: Mode, resumed: bool) -> Start {
        Start {
            run: RunId(uuid::Uuid::nil()),
            prompt: "the first prompt".to_owned(),
            model: None,
            mode,
            ruled: false,
            resume: resumed.then(|| "an earlier session".to_owned()),
            home: "/srv/demo/run/home2".into(),
            tree: "/srv/demo/run/r2".into(),
            tmp: "/srv/demo/run/tmp".into(),
            program: "claude".into(),
            provider: None,
            attachments: Vec::new(),
            tools: None,
        }
    }

    fn note(&mut self, steps: Vec<Step>) {
        for step in steps {
            if let Step::Ask { key, ask } = &step {
                self.asks.insert(key.clone(), ask.clone());
            }
            self.steps.push_str(&shown(&step));
            self.steps.push('\n');
        }
    }

    fn sent(&mut self, message: &Value) {
        let steps = match message["type"].as_str() {
            Some("user") if self.begun => {
                let text = message["message"]["content"][0]["text"].as_str().expect("a prompt");
                self.driver.say(text)
            }
            Some("user") => {
                self.begun = true;
                self.driver.begin()
            }
            Some("control_request") if message["request"]["subtype"] == "interrupt" => {
                self.driver.interrupt()
            }
            Some("control_response") => {
                let key = message["response"]["request_id"].as_str().expect("an answer has a key");
                let ask = self.asks[key].clone();
                let answer = answer(&ask, &message["response"]["response"]);
                self.driver.answer(key, &ask, &answer)
            }
            _ => Vec::new(),
        };
        self.note(steps);
    }
}

/// What a person must have said for the recorder to answer like this.
fn answer(ask: &Ask, response: &Value) -> Answer {
    if response["behavior"] == "deny" {
        let reason = response["message"].as_str().unwrap_or_default().to_owned();
        return Answer::Deny { reason };
    }
    let answers = response["updatedInput"]["answers"].as_object();
    match (ask, answers) {
        (Ask::Question { .. }, Some(answers)) => Answer::Choose {
            answers: answers
                .iter()
                .map(|(question, answer)| {
                    (question.clone(), answer.as_str().unwrap_or_default().to_owned())
                })
                .collect(),
        },
        _ => Answer::ALLOW,
    }
}

/// One step on one line.
pub(crate) fn shown(step: &Step) -> String {
    match step {
        Step::Write(text) => format!("write    {}", text.trim_end()),
        Step::Event(Event::Unknown(_)) => "event    unknown".to_owned(),
        Step::Event(event) => format!("event    {}", json(event)),
        Step::Ask { key, ask } => format!("ask      {key} {}", json(ask)),
        Step::Check { key, ask } => format!("check    {key} {}", json(ask)),
        Step::Withdraw { key } => format!("withdraw {key}"),
        Step::TurnEnded { end, usage, denials, summary, problem } => {
            let mut line = format!("turn     {end:?} denials={denials} {}", json(usage));
            write!(line, " {summary:?} {}", json(problem)).expect("a string takes anything");
            line
        }
        Step::CloseInput => "close input".to_owned(),
    }
}

fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("plain data serialises")
}

fn transcripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts")
}

fn replayed(name: &str, transcript: &str) -> String {
    let mut replay = Replay::new(name == "resume" || name == "unknown-session");
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
    let mut names: Vec<String> = std::fs::read_dir(transcripts())
        .expect("the transcripts are in the repository")
        .map(|entry| entry.expect("readable").file_name().into_string().expect("plain names"))
        .filter_map(|name| {
            let name = name.strip_suffix(".txt")?;
            (!name.ends_with(".steps")).then(|| name.to_owned())
        })
        .collect();
    names.sort();
    assert!(names.len() >= 15, "all transcripts must be replayed, not only {names:?}");
    for name in names {
        let path = transcripts().join(format!("{name}.txt"));
        let transcript = std::fs::read_to_string(path).expect("readable");
        let steps = replayed(&name, &transcript);
        let beside = transcripts().join(format!("{name}.steps.txt"));
        if update {
            std::fs::write(&beside, &steps).expect("writable");
        }
        let expected = std::fs::read_to_string(&beside).expect("steps stand beside a transcript");
        assert_eq!(steps, expected, "the driver reads `{name}` differently now");
    }
}

#[test]
fn a_line_that_makes_no_sense_gives_no_steps() {
    let mut replay = Replay::new(false);
    replay.driver.begin();
    let lines = [
        "",
        "garbage",
        "{",
        "[]",
        "null",
        "7",
        r#"{"type":7}"#,
        r#"{"type":"from_the_future"}"#,
        r#"{"type":"system"}"#,
        r#"{"type":"system","subtype":"teleported"}"#,
        r#"{"type":"user","message":null}"#,
        r#"{"type":"user","message":{"content":"text"}}"#,
        r#"{"type":"rate_limit_event"}"#,
        r#"{"type":"control_cancel_request"}"#,
        r#"{"type":"system","subtype":"session_state_changed","state":"idle"}"#,
    ];
    for line in lines {
        assert_eq!(replay.driver.line(line), [], "{line}");
    }
}

#[test]
fn a_safety_stop_in_auto_is_refused_without_asking() {
    let mut replay = Replay::in_mode(Mode::Auto, false);
    replay.driver.begin();
    let line = r#"{"type":"control_request","request_id":"r1","request":{"subtype":"can_use_tool",
        "tool_name":"Bash","input":{"command":"rm -rf /"},"tool_use_id":"t1"}}"#;
    let steps = replay.driver.line(line);
    let [Step::Write(answer)] = steps.as_slice() else { panic!("no ask, one answer: {steps:?}") };
    assert!(answer.contains(r#""behavior":"deny""#), "{answer}");
}

#[test]
fn requests_that_were_never_offered_are_refused_and_not_left_waiting() {
    let mut replay = Replay::new(false);
    replay.driver.begin();
    let line = r#"{"type":"control_request","request_id":"r1","request":{"subtype":"dance"}}"#;
    let steps = replay.driver.line(line);
    let [Step::Write(answer)] = steps.as_slice() else { panic!("one answer: {steps:?}") };
    assert!(answer.contains(r#""request_id":"r1""#) && answer.contains("error"), "{answer}");
}

#[test]
fn an_image_is_part_of_the_first_prompt_and_any_other_file_is_named_in_it() {
    let mut start = Replay::start(Mode::Auto, false);
    let file = |name: &str, media_type: &str, image: Option<&[u8]>| Attached {
        name: name.to_owned(),
        media_type: media_type.to_owned(),
        path: Path::new("/srv/demo/run/attachments").join(name),
        image: image.map(<[u8]>::to_vec),
    };
    start.attachments = vec![
        file("shot.png", "image/png", Some(b"PNG")),
        file("huge.png", "image/png", None),
        file("trace.log", "text/plain", None),
    ];
    let mut claude = driver("claude", start.clone());
    let content = |steps: Vec<Step>| {
        let messages = steps.into_iter().filter_map(|step| match step {
            Step::Write(line) => serde_json::from_str::<Value>(&line).ok(),
            _ => None,
        });
        let mut messages = messages.filter(|message| message["type"] == "user");
        messages.next().expect("a prompt")["message"]["content"].clone()
    };
    let source = serde_json::json!({"type": "base64", "media_type": "image/png", "data": "UE5H"});
    let text = "the first prompt\n\nAttached files:\n\
                - huge.png (image/png): /srv/demo/run/attachments/huge.png\n\
                - trace.log (text/plain): /srv/demo/run/attachments/trace.log\n";
    let expected =
        serde_json::json!([{"type": "image", "source": source}, {"type": "text", "text": text}]);
    assert_eq!(content(claude.begin()), expected);
    let next = serde_json::json!([{"type": "text", "text": "go on"}]);
    assert_eq!(content(claude.say("go on")), next, "once");

    let mut scripted = driver("scripted", start);
    let said = scripted.begin().into_iter().find_map(|step| match step {
        Step::Write(line) => serde_json::from_str::<Value>(&line).ok(),
        _ => None,
    });
    let said = said.expect("a turn")["text"].as_str().expect("a prompt").to_owned();
    assert!(said.contains("\n# - shot.png (image/png): /srv/demo/run/attachments/shot.png\n"));

    assert!(is_image("image/png", 3 << 20) && !is_image("image/png", 4 << 20), "as base64 it fits");
    assert!(!is_image("image/svg+xml", 10), "models do not read it");
}
