//! What an agent does by itself: files, commands, images; and what that costs.

use super::stage::{KEY, Stage};
use super::{Seen, Situation, instead, said};
use pilot_proto::Event;
use pilot_proto::console::NetworkAudit;
use pilot_proto::run::Usage;
use pilot_proto::walls::WallsKind;
use serde_json::json;

/// A PNG of one grey point.
const IMAGE: &[u8] = &[
    0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0x00, 0x00, 0x00, 0x0d, 0x49, 0x48, 0x44, 0x52,
    0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x01, 0x08, 0x00, 0x00, 0x00, 0x00, 0x3a, 0x7e, 0x9b,
    0x55, 0x00, 0x00, 0x00, 0x0a, 0x49, 0x44, 0x41, 0x54, 0x78, 0x9c, 0x63, 0x68, 0x00, 0x00, 0x00,
    0x82, 0x00, 0x81, 0x77, 0xcd, 0x72, 0xb6, 0x00, 0x00, 0x00, 0x00, 0x49, 0x45, 0x4e, 0x44, 0xae,
    0x42, 0x60, 0x82,
];

/// All that a process inside can look at: its own environment and that of
/// every other, and what is in its HOME.
const LOOK: &str = "env > seen.txt; cat /proc/[0-9]*/environ >> seen.txt 2>/dev/null; \
    find ~ -type f -size -200k -exec cat {} + >> seen.txt 2>/dev/null; git status --short > status.txt";

pub(super) fn work(stage: &Stage<'_>) -> Seen {
    let image = stage.world.path("point.png");
    std::fs::write(&image, IMAGE).expect("writable");
    let script = json!({"usage": {"input": 1000, "output": 10}, "steps": [
        {"text": "I begin.", "write": {"path": "hello.txt", "content": "hello\n"}},
        {"read": "README.md"},
        {"edit": {"path": "hello.txt", "old": "hello", "new": "goodbye"}},
        {"shell": LOOK},
        {"text": "All done."}
    ]});
    let id = stage.begin_with("auto", "work", script, &["--attach", &image.to_string_lossy()]);
    let [hello, seen, status] = stage.files(id, ["hello.txt", "seen.txt", "status.txt"]);
    assert_eq!(hello.as_deref(), Some("goodbye\n"), "written, then edited");
    assert!(status.is_some_and(|status| status.contains("hello.txt")), "the shell is in the tree");
    assert!(stage.said(id).contains("All done."), "{}", stage.said(id));
    let seen = seen.expect("the shell has looked");
    assert!(seen.contains("PATH=") && !seen.contains(KEY), "no run sees the key: {seen}");

    let audit: NetworkAudit = stage.world.json(&["task", "network", &id.to_string()]);
    assert_eq!(audit.walls.map(|walls| walls.kind), Some(WallsKind::Bubblewrap));
    let refused: Vec<_> = audit.tries.iter().filter(|one| !one.decision.allowed).collect();
    assert!(refused.is_empty(), "it calls nobody but its model: {refused:#?}");
    let requests = stage.requests("work");
    assert!(requests.iter().all(|seen| seen.key.as_deref() == Some(KEY)), "{requests:#?}");

    let mut rows = vec![
        said(Situation::Edits),
        said(Situation::Shell),
        said(Situation::Confined),
        counted(stage, id),
    ];
    let shown = requests.iter().any(|seen| seen.images > 0);
    rows.push((
        Situation::Image,
        if shown { "yes" } else { "no: it is given the file's path" }.to_owned(),
    ));
    rows.extend(told(stage, id));
    rows
}

/// The gateway's count is the task's.
fn counted(stage: &Stage<'_>, id: pilot_proto::TaskId) -> (Situation, String) {
    let usage = stage.world.task(id).usage;
    assert!(usage.input_tokens >= 5000 && usage.output_tokens >= 50, "five answers: {usage:?}");
    let events = stage.world.events(id);
    let calls = events.iter().filter_map(|event| match event {
        Event::ModelCalled(call) => Some(call.usage),
        _ => None,
    });
    let gateway = calls.fold(Usage::default(), Usage::plus);
    assert_eq!(usage.input_tokens, gateway.input_tokens, "{usage:?} {gateway:?}");
    if gateway.cost_micros.is_none() {
        return instead(Situation::Counted, "tokens; the model that it chooses has no price yet");
    }
    assert_eq!(usage.cost_micros, gateway.cost_micros, "{usage:?} {gateway:?}");
    said(Situation::Counted)
}

/// What the agent says itself, at the end of its turn.
fn told(stage: &Stage<'_>, id: pilot_proto::TaskId) -> Seen {
    let events = stage.world.events(id);
    let turns = events.iter().filter_map(|event| match event {
        Event::TurnEnded { usage, .. } => Some(*usage),
        _ => None,
    });
    let told = turns.fold(Usage::default(), Usage::plus);
    let agent = stage.agent;
    assert_eq!(told.input_tokens > 0, agent.tells_tokens, "{told:?}");
    assert_eq!(told.cost_micros.is_some(), agent.tells_cost, "{told:?}");
    let row = |tells: bool, row| if tells { said(row) } else { instead(row, "no") };
    vec![row(agent.tells_tokens, Situation::OwnTokens), row(agent.tells_cost, Situation::OwnCost)]
}
