//! What happens to a session: words in the middle of a turn, an interrupt, a
//! violent death.

use super::stage::Stage;
use super::{Seen, Situation, instead, said};
use crate::chaos::kill_the_shim_of;
use pilot_proto::inbox::Ask;
use pilot_proto::{Code, Event, TaskId, TaskState};
use pilot_testkit::model::Script;
use serde_json::json;

/// A command that ends only with its run.
const FOR_EVER: &str = "while [ ! -e /nonexistent/never ]; do sleep 0.2; done";

pub(super) fn steered(stage: &Stage<'_>) -> Seen {
    let go = stage.world.shared("go");
    let wait = format!("until [ -e {} ]; do sleep 0.1; done; sleep 5", go.display());
    let script = json!({
        "steps": [
            {"shell": wait},
            {"when": {"said": "left, not right"}, "text": "I heard it."},
            {"text": "I heard nothing."}
        ],
        "followups": [{"steps": [{"text": "I heard: ${prompt}"}]}]
    });
    let id = stage.begin("auto", "steered", script);
    stage.tool_runs(id, "until [ -e");
    stage.world.pilot(&["task", "say", "--now", &id.to_string(), "left, not right"]).ok();
    if stage.agent.hears {
        let steered = |event: &Event| matches!(event, Event::Steered { .. });
        stage.journalled(id, "it is told", steered);
    }
    std::fs::write(&go, "").expect("writable");
    stage.world.until_state(id, "no_change");
    let heard = stage.said(id);
    if stage.agent.hears {
        assert!(heard.contains("I heard it.") || heard.contains("I heard: left"), "{heard}");
        assert_eq!(stage.turns(id), 1, "in the same turn: {heard}");
        return vec![said(Situation::Steered)];
    }
    assert!(heard.contains("I heard: left, not right"), "{heard}");
    assert_eq!(stage.turns(id), 2, "when its turn was over: {heard}");
    vec![instead(Situation::Steered, "heard when its turn is over")]
}

pub(super) fn interrupted(stage: &Stage<'_>) -> Seen {
    let script = json!({
        "steps": [
            {"write": {"path": "before.txt", "content": "before\n"}},
            {"shell": FOR_EVER},
            {"text": "Never said."}
        ],
        "followups": [{"steps": [
            {"write": {"path": "after.txt", "content": "after\n"}},
            {"text": "Heard: ${prompt}"}
        ]}]
    });
    let id = stage.begin("auto", "interrupted", script);
    stage.tool_runs(id, "/nonexistent/never");
    stage.world.pilot(&["task", "interrupt", &id.to_string()]).ok();
    let item = stage.asked(id);
    assert_eq!(item.ask, Ask::Interrupted);
    stage.answer(&item, &["--say", "go on like this"]);
    let files = stage.files(id, ["before.txt", "after.txt"]);
    let files = files.each_ref().map(|file| file.as_deref());
    assert_eq!(files, [Some("before\n"), Some("after\n")]);
    let heard = stage.said(id);
    assert!(heard.contains("Heard: go on like this"), "it knows its session: {heard}");
    assert_eq!((stage.turns(id), stage.world.task(id).attempts), (2, 1), "one run, two turns");
    let events = stage.world.events(id);
    let begun = events.iter().filter(|event| matches!(event, Event::ToolStarted { .. })).count();
    let ended = events.iter().filter(|event| matches!(event, Event::ToolEnded { .. })).count();
    assert_eq!(begun, ended, "every tool ends: {events:#?}");
    vec![said(Situation::Interrupted)]
}

/// Killed in its second turn.
pub(super) fn killed_and_resumed(stage: &Stage<'_>) -> Seen {
    let script = json!({
        "steps": [
            {"hold": "killed", "write": {"path": "one.txt", "content": "one\n"}},
            {"text": "One done."}
        ],
        "followups": [{"steps": [
            {"write": {"path": "two.txt", "content": "two\n"}},
            {"shell": FOR_EVER}
        ]}]
    });
    let resumed = json!([
        {"when": {"said": "script:killed"}, "write": {"path": "knows.txt", "content": "knows\n"}},
        {"write": {"path": "three.txt", "content": "three\n"}},
        {"text": "Three done."}
    ]);
    stage.model.script("resumed", Script::new(resumed));
    let id = stage.begin("auto", "killed", script);
    let name = id.to_string();
    stage.world.pilot(&["task", "say", &name, "now the second"]).ok();
    stage.model.release("killed");
    stage.tool_runs(id, "/nonexistent/never");
    kill(stage, id);
    stage.world.pilot(&["task", "resume", &name, "[[script:resumed]]"]).ok();
    stage.world.until("another run", || (stage.world.task(id).attempts == 2).then_some(()));
    let files = stage.files(id, ["one.txt", "two.txt", "knows.txt", "three.txt"]);
    let files = files.each_ref().map(|file| file.as_deref());
    let expected = [Some("one\n"), Some("two\n"), Some("knows\n"), Some("three\n")];
    assert_eq!(files, expected, "on its earlier work, and with its memory");
    let runs = stage.world.detail(id).runs;
    let sessions: Vec<_> =
        runs.iter().map(|run| run.session.as_ref().map(|session| &session.id)).collect();
    assert!(sessions[0].is_some() && sessions[1].is_some(), "{sessions:?}");
    assert_eq!(sessions[0] != sessions[1], stage.agent.forks, "{sessions:?}");
    if stage.agent.forks {
        return vec![instead(Situation::Killed, "yes, in a fork of its session")];
    }
    vec![said(Situation::Killed)]
}

/// Killed before its session was kept for the first time.
pub(super) fn killed_at_once(stage: &Stage<'_>) -> Seen {
    let anew = json!({"said": "cannot be gone on with"});
    let script = json!([
        {"when": anew, "write": {"path": "anew.txt", "content": "anew\n"}},
        {"when": anew, "text": "Begun anew."},
        {"write": {"path": "early.txt", "content": "early\n"}},
        {"shell": FOR_EVER}
    ]);
    let id = stage.begin("auto", "early", script);
    stage.tool_runs(id, "/nonexistent/never");
    kill(stage, id);
    // Which script it plays stands in the task alone.
    stage.world.pilot(&["task", "resume", &id.to_string(), "Finish it."]).ok();
    stage.world.until("another run", || (stage.world.task(id).attempts == 2).then_some(()));
    let files = stage.files(id, ["early.txt", "anew.txt"]);
    let files = files.each_ref().map(|file| file.as_deref());
    assert_eq!(files, [Some("early\n"), Some("anew\n")], "it knows the task and has its work");
    vec![instead(Situation::KilledEarly, "begins anew on its work")]
}

/// Everything of the run: the shim, and with it the agent and what it started.
fn kill(stage: &Stage<'_>, id: TaskId) {
    let run = stage.world.detail(id).runs.pop().expect("it runs");
    kill_the_shim_of(stage.world, &run.id.to_string());
    let task = stage.world.until_state(id, "failed");
    let TaskState::Failed { problem } = &task.state else { panic!("{task:#?}") };
    assert_eq!(problem.code, Code::RunLost, "{problem:#?}");
}
