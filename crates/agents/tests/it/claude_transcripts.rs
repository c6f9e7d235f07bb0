//! Recorded conversations with the real Claude Code.

use crate::driver;
use crate::replay::{self, Heard, Replay};
use pilot_agents::{Attached, Driver, Start, Step, is_image};
use pilot_proto::Mode;
use pilot_proto::inbox::{Answer, Ask};
use serde_json::Value;
use std::path::Path;

struct Claude {
    heard: Heard,
    begun: bool,
}

fn start(mode: Mode) -> Start {
    Start { tree: "/srv/demo/run/r2".into(), ..replay::start("claude", mode) }
}

/// A driver that has begun.
fn begun(mode: Mode) -> Box<dyn Driver> {
    let mut claude = driver("claude", start(mode));
    claude.begin();
    claude
}

impl Replay for Claude {
    fn heard(&mut self) -> &mut Heard {
        &mut self.heard
    }

    fn sent(&mut self, message: &Value) {
        let steps = match message["type"].as_str() {
            Some("user") if self.begun => {
                let text = message["message"]["content"][0]["text"].as_str().expect("a prompt");
                self.heard.driver.say(text)
            }
            Some("user") => {
                self.begun = true;
                self.heard.driver.begin()
            }
            Some("control_request") if message["request"]["subtype"] == "interrupt" => {
                self.heard.driver.interrupt()
            }
            Some("control_response") => {
                let key = message["response"]["request_id"].as_str().expect("an answer has a key");
                let ask = self.heard.asks[key].clone();
                let answer = answer(&ask, &message["response"]["response"]);
                self.heard.driver.answer(key, &ask, &answer)
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

#[test]
fn recorded_conversations_give_the_steps_written_beside_them() {
    replay::all("claude", 15, |name, _| {
        let resumed = ["resume", "unknown-session"].contains(&name);
        let resume = resumed.then(|| "an earlier session".to_owned());
        let start = Start { resume, ..start(Mode::Ask) };
        Claude { heard: Heard::new(driver("claude", start)), begun: false }
    });
}

#[test]
fn a_line_that_makes_no_sense_gives_no_steps() {
    let mut claude = begun(Mode::Ask);
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
        assert_eq!(claude.line(line), [], "{line}");
    }
}

#[test]
fn a_safety_stop_in_auto_is_refused_without_asking() {
    let mut claude = begun(Mode::Auto);
    let line = r#"{"type":"control_request","request_id":"r1","request":{"subtype":"can_use_tool",
        "tool_name":"Bash","input":{"command":"rm -rf /"},"tool_use_id":"t1"}}"#;
    let steps = claude.line(line);
    let [Step::Write(answer)] = steps.as_slice() else { panic!("no ask, one answer: {steps:?}") };
    assert!(answer.contains(r#""behavior":"deny""#), "{answer}");
}

#[test]
fn requests_that_were_never_offered_are_refused_and_not_left_waiting() {
    let mut claude = begun(Mode::Ask);
    let line = r#"{"type":"control_request","request_id":"r1","request":{"subtype":"dance"}}"#;
    let steps = claude.line(line);
    let [Step::Write(answer)] = steps.as_slice() else { panic!("one answer: {steps:?}") };
    assert!(answer.contains(r#""request_id":"r1""#) && answer.contains("error"), "{answer}");
}

#[test]
fn an_image_is_part_of_the_first_prompt_and_any_other_file_is_named_in_it() {
    let mut start = start(Mode::Auto);
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
