//! The table of docs/agents.md: a row for each situation, a column for each
//! agent. Each agent's test knows its own column alone.

use super::Situation;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

const BEGIN: &str = "<!-- made by crates/cli/tests/it/situations -->\n";
const END: &str = "<!-- end -->\n";
/// Of a cell that no test has filled in.
const UNKNOWN: &str = "?";

/// The cells by agent and situation's words, in the document's order.
struct Table {
    agents: Vec<String>,
    rows: Vec<(String, Vec<String>)>,
}

/// Holds an agent's column to what was seen, or writes it.
pub(super) fn hold(agent: &str, seen: &BTreeMap<Situation, String>) {
    // The tests of the agents write into one file.
    static WRITING: Mutex<()> = Mutex::new(());
    let _alone = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
    let path = document();
    let text = std::fs::read_to_string(&path).expect("docs/agents.md is there");
    let (before, rest) = text.split_once(BEGIN).expect("the table's begin is marked");
    let (table, after) = rest.split_once(END).expect("the table's end is marked");
    let table = Table::read(table).with(agent, seen);
    let expected = format!("{before}{BEGIN}{}{END}{after}", table.written());
    if std::env::var_os("PILOTHOUSE_WRITE").is_some() {
        return std::fs::write(&path, expected).expect("it is writable");
    }
    assert_eq!(text, expected, "{agent}: run this test with PILOTHOUSE_WRITE=1");
}

fn document() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/agents.md")
}

impl Table {
    fn read(text: &str) -> Self {
        let mut lines = text.lines().map(cells);
        let agents = lines.next().map(|head| head[1..].to_vec()).unwrap_or_default();
        // The line below the head only marks it as one.
        let rows = lines.skip(1).map(|row| (row[0].clone(), row[1..].to_vec())).collect();
        Self { agents, rows }
    }

    /// With this column, and exactly the rows that were seen.
    fn with(self, agent: &str, seen: &BTreeMap<Situation, String>) -> Self {
        let mut agents = self.agents.clone();
        if !agents.iter().any(|name| name == agent) {
            agents.push(agent.to_owned());
            agents.sort();
        }
        let cell = |words: &str, name: &String| {
            let column = self.agents.iter().position(|one| one == name);
            let row = self.rows.iter().find(|(row, _)| row == words);
            let cell = row.zip(column).and_then(|((_, cells), column)| cells.get(column));
            cell.cloned().unwrap_or_else(|| UNKNOWN.to_owned())
        };
        let row = |(situation, mine): (&Situation, &String)| {
            let words = situation.words();
            let cells = agents
                .iter()
                .map(|name| if name == agent { mine.clone() } else { cell(words, name) });
            (words.to_owned(), cells.collect())
        };
        let rows = seen.iter().map(row).collect();
        Self { agents, rows }
    }

    fn written(&self) -> String {
        let mut text = line("", &self.agents);
        text.push_str(&format!("|{}\n", "---|".repeat(self.agents.len() + 1)));
        for (words, cells) in &self.rows {
            text.push_str(&line(words, cells));
        }
        text
    }
}

fn line(first: &str, cells: &[String]) -> String {
    format!("| {first} | {} |\n", cells.join(" | "))
}

fn cells(line: &str) -> Vec<String> {
    let line = line.trim().trim_start_matches('|').trim_end_matches('|');
    line.split('|').map(|cell| cell.trim().to_owned()).collect()
}

#[test]
fn a_column_is_written_beside_the_others() {
    let seen = |words: &str| {
        let cells = [(Situation::Edits, "yes"), (Situation::Shell, words)];
        cells.into_iter().map(|(situation, words)| (situation, words.to_owned())).collect()
    };
    let one = Table::read("").with("one", &seen("yes"));
    let two = Table::read(&one.written()).with("two", &seen("in part"));
    let expected = "|  | one | two |\n|---|---|---|\n\
        | writes and edits files | yes | yes |\n\
        | runs commands in a shell | yes | in part |\n";
    assert_eq!(two.written(), expected);
    assert_eq!(Table::read(expected).with("one", &seen("yes")).written(), expected);
}
