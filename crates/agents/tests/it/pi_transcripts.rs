//! Recorded conversations with the real pi.

use crate::driver;
use crate::replay::{self, Heard, Replay};
use pilot_agents::{Driver, Step};
use pilot_proto::Mode;
use pilot_proto::inbox::{Answer, Ask};
use serde_json::Value;
use std::collections::BTreeMap;

struct Pi {
    heard: Heard,
    begun: bool,
}

fn new() -> Box<dyn Driver> {
    driver("pi", replay::start("pi", Mode::Ask))
}

impl Replay for Pi {
    fn heard(&mut self) -> &mut Heard {
        &mut self.heard
    }

    fn sent(&mut self, message: &Value) {
        let text = message["message"].as_str().unwrap_or_default();
        let steps = match message["type"].as_str() {
            Some("prompt") if !std::mem::replace(&mut self.begun, true) => {
                self.heard.driver.begin()
            }
            Some("prompt") => self.heard.driver.say(text),
            Some("steer") => self.heard.driver.steer(text).expect("in the middle of a turn"),
            Some("abort") => self.heard.driver.interrupt(),
            Some("extension_ui_response") if message["cancelled"] != Value::Bool(true) => {
                let key = message["id"].as_str().expect("an answer has a key");
                let ask = self.heard.asks[key].clone();
                self.heard.driver.answer(key, &ask, &answer(&ask, message))
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

#[test]
fn recorded_conversations_give_the_steps_written_beside_them() {
    replay::all("pi", 8, |_, _| Pi { heard: Heard::new(new()), begun: false });
}

#[test]
fn a_line_that_makes_no_sense_gives_no_steps() {
    let mut pi = new();
    pi.begin();
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
        assert_eq!(pi.line(line), [], "{line}");
    }
}

/// Sends lines and returns how many turns have ended.
fn turns_ended(lines: &[&str]) -> usize {
    let mut pi = new();
    pi.begin();
    let steps = lines.iter().flat_map(|line| pi.line(line));
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
        let mut pi = new();
        pi.begin();
        let steps = pi.line(request);
        let asked = steps.into_iter().find_map(|step| match step {
            Step::Ask { key, ask } => Some((key, ask)),
            _ => None,
        });
        let (key, ask) = asked.expect("it asks");
        let steps = pi.answer(&key, &ask, answer);
        let Some(Step::Write(written)) = steps.first() else { panic!("{steps:?}") };
        assert!(written.contains(expected), "{request} {written}");
        assert!(pi.answer(&key, &ask, answer).is_empty(), "once");
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
