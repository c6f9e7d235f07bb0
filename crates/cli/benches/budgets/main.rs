//! The budgets of the design that exist so far, measured: `scripts/bench
//! [NAME…] [--json]`. One line (or JSON object) a figure, each compared with
//! something measured in the same run, because absolute times are of one
//! machine at one moment. Nothing here decides a test.

mod diff;
mod driver;
mod figure;
mod journal;
mod live;
mod pages;
mod reading;
mod redactor;
mod screen;
mod workspace;
#[path = "../../tests/it/world.rs"]
#[expect(dead_code, reason = "the tests use the rest of it")]
mod world;

use figure::Figure;

/// A group of figures that are measured together.
type Group = (&'static str, fn() -> Vec<Figure>);

const GROUPS: &[Group] = &[
    ("journal", journal::throughput),
    ("latency", live::latency),
    ("late-join", live::late_join),
    ("workspace", workspace::ready),
    ("memory", live::memory),
    ("diff", diff::huge_file),
    ("file-list", reading::file_list),
    ("conversation", reading::conversation),
    ("pages", pages::measure),
    ("screen", screen::measure),
    ("redactor", redactor::throughput),
    ("driver", driver::throughput),
];

fn main() {
    let mut json = false;
    let mut wanted = Vec::new();
    for argument in std::env::args().skip(1) {
        match argument.as_str() {
            "--json" => json = true,
            // cargo bench passes it.
            "--bench" => {}
            name => wanted.push(name.to_owned()),
        }
    }
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
