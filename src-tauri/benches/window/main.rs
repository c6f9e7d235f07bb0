//! The budgets of the window, measured on a display, a bus and a desktop of
//! its own: `scripts/bench [window-start] [window-runs] [window-screen]
//! [--json]`. What is on the screen is read from the display's own pixels;
//! nothing in the window knows that it is measured. Nothing here decides a
//! test.

#[path = "../../tests/desktop/desk.rs"]
#[expect(dead_code, reason = "the tests use the rest of it")]
mod desk;
#[path = "../../../crates/cli/benches/budgets/figure.rs"]
#[expect(dead_code, reason = "other figures use the rest of it")]
mod figure;
#[path = "../../tests/desktop/owner.rs"]
#[expect(dead_code, reason = "the tests use the rest of it")]
mod owner;
mod processes;
mod runs;
mod screen;
#[path = "../../tests/desktop/session.rs"]
#[expect(dead_code, reason = "the tests use the rest of it")]
mod session;
mod start;
mod viewers;

use figure::Figure;
use session::{Session, window};
use std::path::{Path, PathBuf};

/// A group of figures that are measured together.
type Group = (&'static str, fn() -> Vec<Figure>);

const GROUPS: &[Group] = &[
    ("window-start", start::measure),
    ("window-runs", runs::measure),
    ("window-screen", viewers::measure),
];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let json = arguments.iter().any(|argument| argument == "--json");
    let wanted: Vec<_> = arguments.iter().filter(|one| !one.starts_with("--")).collect();
    for name in &wanted {
        let names: Vec<_> = GROUPS.iter().map(|(name, _)| *name).collect();
        assert!(names.contains(&name.as_str()), "no such figure `{name}`: there are {names:?}");
    }
    for (name, measure) in GROUPS {
        if wanted.is_empty() || wanted.iter().any(|wanted| wanted == name) {
            for figure in measure() {
                figure.print(json);
            }
        }
    }
}

/// The window that ours is compared with, and how it has to draw: as ours does.
fn empty(session: &mut Session) -> u32 {
    let program = window().with_file_name("examples").join("empty");
    assert!(program.exists(), "`{}` is missing: scripts/bench builds it", program.display());
    let mut program = session.command(program);
    program.args((!has_card()).then_some("--software"));
    session.keep(program)
}

fn has_card() -> bool {
    let Ok(devices) = Path::new("/dev/dri").read_dir() else { return false };
    devices.flatten().any(|device| device.file_name().to_string_lossy().starts_with("renderD"))
}

/// Ends a program as a session does when a person logs out.
fn end(session: &mut Session, pid: u32) {
    session.run("kill", &["-TERM", &pid.to_string()]);
    session.ended(pid);
}

fn settings(session: &Session) -> PathBuf {
    session.data().join("pilothouse/desktop/settings.json")
}
