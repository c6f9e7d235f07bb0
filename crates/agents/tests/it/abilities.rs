//! The table of what each agent can do, in docs/agents.md: made of what the
//! agents say, which their tests with the real programs hold them to.
//! `PILOTHOUSE_WRITE=1` writes it anew.

use pilot_agents::Catalog;
use pilot_proto::runner::Abilities;
use std::fmt::Write as _;
use std::path::Path;

const BEGIN: &str = "<!-- made by crates/agents/tests/it/abilities.rs -->\n";
const END: &str = "<!-- end -->\n";

type Row = (&'static str, fn(&Abilities) -> bool);

const ROWS: &[Row] = &[
    ("goes on with a session in another workspace", |can| can.resume),
    ("asks before it uses a tool", |can| can.approvals),
    ("goes on with its turn after a refusal", |can| can.goes_on_refused),
    ("asks questions", |can| can.questions),
    ("has a plan approved first", |can| can.plan),
    ("hears a word in the middle of a turn", |can| can.steer),
    ("can be interrupted and keeps its session", |can| can.interrupt),
    ("looks at images", |can| can.images),
    ("tells the tokens it used", |can| can.usage),
    ("tells what they cost", |can| can.cost),
];

fn table() -> String {
    let catalog = Catalog::built_in();
    // Of a person nobody keeps a table.
    let agents = catalog.agents().filter(|agent| agent.has_process());
    let agents: Vec<_> = agents.map(|agent| (agent.name().to_owned(), agent.abilities())).collect();
    let mut table = String::from("| |");
    for (name, _) in &agents {
        write!(table, " {name} |").expect("a string takes it");
    }
    table.push_str("\n|---|");
    table.push_str(&"---|".repeat(agents.len()));
    table.push('\n');
    for (what, can) in ROWS {
        write!(table, "| {what} |").expect("a string takes it");
        for (_, abilities) in &agents {
            table.push_str(if can(abilities) { " yes |" } else { " **no** |" });
        }
        table.push('\n');
    }
    table
}

#[test]
fn the_table_in_the_documentation_is_what_the_agents_say() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/agents.md");
    let text = std::fs::read_to_string(&path).expect("docs/agents.md is there");
    let (before, rest) = text.split_once(BEGIN).expect("the table's begin is marked");
    let (_, after) = rest.split_once(END).expect("the table's end is marked");
    let expected = format!("{before}{BEGIN}{}{END}{after}", table());
    if std::env::var_os("PILOTHOUSE_WRITE").is_some() {
        return std::fs::write(&path, expected).expect("it is writable");
    }
    assert_eq!(text, expected, "run this test with PILOTHOUSE_WRITE=1");
}
