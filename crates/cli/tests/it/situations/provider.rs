//! A provider that has its moods.

use super::stage::{KEY, Stage};
use super::{Seen, Situation, instead, said};
use pilot_proto::{Code, Event, TaskState};
use pilot_testkit::model::Reply;
use serde_json::json;

pub(super) fn busy_and_broken(stage: &Stage<'_>) -> Seen {
    let whole = json!({"path": "whole.txt", "content": "whole\n"});
    let script = json!({"steps": [
        {
            "fail": [{"status": 429, "retry_after": 1, "times": 2}],
            "write": {"path": "patient.txt", "content": "patient\n"}
        },
        {
            "fail": [{"drop_after": 3}],
            // A piece is on its way before the break.
            "delay_ms": 100,
            "text": "I write a file now, and this text is cut off in the middle of it.",
            "write": whole
        },
        {"text": "At last."}
    ],
    // For an agent that has to be told to go on.
    "followups": [{"steps": [{"write": whole}, {"text": "At last."}]}]});
    let id = stage.begin("auto", "moody", script);
    let files = stage.files(id, ["patient.txt", "whole.txt"]);
    let files = files.each_ref().map(|file| file.as_deref());
    assert_eq!(files, [Some("patient\n"), Some("whole\n")]);
    let events = stage.world.events(id);
    let calls: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            Event::ModelCalled(call) => Some(call),
            _ => None,
        })
        .collect();
    let patient = calls.iter().any(|call| (call.attempts, call.status) == (3, 200));
    assert!(patient, "the gateway asked three times for one answer: {calls:#?}");
    let broken = calls.iter().any(|call| call.status == 200 && call.problem.is_some());
    assert!(broken, "one answer was cut off: {calls:#?}");
    vec![said(Situation::Busy), said(Situation::Dropped)]
}

pub(super) fn key_refused(stage: &Stage<'_>) -> Seen {
    let script = json!([{"fail": [{"status": 401, "times": 0}], "text": "Never said."}]);
    let id = stage.begin("auto", "locked", script);
    let task = stage.world.until_state(id, "failed");
    let TaskState::Failed { problem } = &task.state else { panic!("{task:#?}") };
    assert_eq!(problem.code, Code::AgentAuth, "{problem:#?}");
    assert!(!problem.hint.is_empty(), "it says what to do: {problem:#?}");
    assert!(!format!("{problem:?}").contains(KEY), "no key in a message: {problem:#?}");
    let refused =
        stage.model.requests().iter().filter(|seen| seen.reply == Reply::Failed(401)).count();
    assert!(refused <= 3, "no storm of retries: {refused}");
    vec![instead(Situation::KeyRefused, "`agent_auth`, at once")]
}
