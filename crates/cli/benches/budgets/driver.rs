//! How fast one core reads what an agent says: a recorded conversation over
//! and over, through the driver, against only checking that it is JSON.

use crate::figure::{Figure, median};
use crate::redactor::core_time;
use pilot_agents::{Catalog, Start};
use pilot_proto::{Mode, RunId};
use serde::de::IgnoredAny;
use std::hint::black_box;

/// Bytes that are read: a long day's conversation.
const TEXT: usize = 100 * 1024 * 1024;
const TRIES: usize = 5;

pub(crate) fn throughput() -> Vec<Figure> {
    let lines = conversation();
    let bytes: usize = lines.iter().map(String::len).sum();
    let rounds = TEXT / bytes;
    let floor = rate(bytes * rounds, || {
        for line in std::iter::repeat_n(&lines, rounds).flatten() {
            black_box(serde_json::from_str::<IgnoredAny>(line).is_ok());
        }
    });
    let catalog = Catalog::built_in();
    let claude = catalog.get("claude").expect("claude is a known agent");
    let read = rate(bytes * rounds, || {
        let mut driver = claude.driver(start());
        driver.begin();
        for line in std::iter::repeat_n(&lines, rounds).flatten() {
            black_box(driver.line(line));
        }
    });
    let figure = Figure::new("driver.claude", read, "MB/s").against("only parsed", floor);
    vec![figure.budget(">= 200 MB/s", read >= 200.0)]
}

/// What the program said in recorded conversations, and files that it read.
fn conversation() -> Vec<String> {
    let recorded = [
        include_str!("../../../agents/tests/transcripts/claude/followup.txt"),
        include_str!("../../../agents/tests/transcripts/claude/subagent.txt"),
        include_str!("../../../agents/tests/transcripts/claude/todo.txt"),
        include_str!("../../../agents/tests/transcripts/claude/err429.txt"),
    ];
    let said = recorded.iter().flat_map(|text| text.lines());
    let mut lines: Vec<String> =
        said.filter_map(|line| line.strip_prefix("< ")).map(str::to_owned).collect();
    let files = [
        include_str!("../../../agents/src/claude.rs"),
        include_str!("../../../proto/src/event.rs"),
    ];
    for (number, file) in files.iter().enumerate() {
        let id = format!("toolu_{number}");
        let call = serde_json::json!({"type": "tool_use", "id": id, "name": "Read",
            "input": {"file_path": "/srv/demo/run/tree/src/lib.rs"}});
        let result = serde_json::json!({"type": "tool_result", "tool_use_id": id, "content": file});
        let message = |role: &str, block| {
            serde_json::json!({"type": role, "message": {"content": [block]},
                "parent_tool_use_id": null, "session_id": "a"})
            .to_string()
        };
        lines.extend([message("assistant", call), message("user", result)]);
    }
    lines
}

fn rate(bytes: usize, mut work: impl FnMut()) -> f64 {
    let time = median(TRIES, || {
        let begun = core_time();
        work();
        core_time().saturating_sub(begun)
    });
    #[expect(clippy::cast_precision_loss, reason = "megabytes for showing")]
    let megabytes = bytes as f64 / 1e6;
    megabytes / time.as_secs_f64()
}

fn start() -> Start {
    Start {
        run: RunId(uuid::Uuid::nil()),
        prompt: "go".to_owned(),
        model: None,
        mode: Mode::Ask,
        resume: None,
        home: "/srv/demo/run/home".into(),
        tree: "/srv/demo/run/tree".into(),
        tmp: "/srv/demo/run/tmp".into(),
        program: "claude".into(),
        provider: None,
        attachments: Vec::new(),
        tools: None,
        ruled: false,
    }
}
