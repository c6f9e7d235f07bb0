//! What a person sees of large logs and changes, in headless Chromium: measured
//! by `frontend/bench/reading.js` inside of the page, against a hub of ours.

use crate::figure::Figure;
use crate::world::World;
use serde_json::Value;
use std::path::Path;
use std::process::Command;

/// As many as `frontend/bench/hub.js` has running at once.
const RUNS: u32 = 40;

pub(crate) fn measure() -> Vec<Figure> {
    let mut world = World::with_hub();
    world.set_workers(RUNS);
    world.start_runner();
    let measured = read(&world);
    let number = |pointer: &str| {
        let value = measured.pointer(pointer).and_then(Value::as_f64);
        value.unwrap_or_else(|| panic!("no {pointer} in {measured:#}"))
    };
    let at_most = |name, pointer, most: f64, budget| {
        let value = number(pointer);
        Figure::new(name, value, "ms").budget(budget, value <= most)
    };
    let scrolled = number("/log/scrolling/per_second");
    let live = number("/live_runs");
    assert!((live - f64::from(RUNS)).abs() < 0.5, "{live} of {RUNS} runs were at work");
    vec![
        Figure::new("pages.log_line_median", number("/log/painted_after_asking_ms/median"), "ms"),
        at_most("pages.log_line_worst", "/log/painted_after_asking_ms/worst", 100.0, "<= 100 ms"),
        Figure::new("pages.log_scroll", scrolled, "fps").budget(">= 60, less 2 %", scrolled > 58.8),
        Figure::new("pages.log_heap", number("/log/heap_mib/after_scrolling"), "MiB")
            .against("before", number("/log/heap_mib/before")),
        at_most(
            "pages.file_list_10k_files",
            "/file_list/painted_after_asking_ms/median",
            200.0,
            "<= 200 ms",
        ),
        at_most(
            "pages.first_hunk_400k_lines",
            "/huge_file/painted_after_click_ms/median",
            300.0,
            "<= 300 ms",
        ),
        Figure::new("pages.huge_file_scroll", number("/huge_file/scrolling/per_second"), "fps"),
        Figure::new("pages.key_to_paint_40_logs_p95", number("/typing_ms/p95"), "ms")
            .against("with none", number("/typing_idle_ms/p95")),
    ]
}

fn read(world: &World) -> Value {
    let frontend = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../frontend");
    let token = std::fs::read_to_string(world.data().join("hub/owner-token")).expect("a token");
    #[expect(clippy::disallowed_methods, reason = "what measures is a program of node")]
    let output = Command::new("node")
        .current_dir(frontend)
        .args(["bench/reading.js", "--hub", &format!("http://127.0.0.1:{}", world.port())])
        .args(["--token", token.trim()])
        .output()
        .expect("scripts/bench brings node");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "reading.js failed:\n{said}\n{}", world.logs());
    serde_json::from_slice(&output.stdout).expect("it prints JSON")
}
