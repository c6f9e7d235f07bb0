//! Best of N: the tasks of a group side by side. A fold over what their
//! journals say of turns and tools, their snapshots, and their runs.

mod known;

use crate::dispatch::Answers;
use crate::gate::Principal;
use crate::hub::Parts;
use known::test_in;
use pilot_proto::console::{
    ComparedFile, ComparedTask, GroupCompare, GroupComparison, OneGroup, TestRun, TouchedBy,
};
use pilot_proto::snapshot::DiffSize;
use pilot_proto::{Code, Event, Problem, Record, Run, RunId, Snapshot, Task, TaskId, Timestamp};
use pilot_store::{Part, Store, Want};
use std::collections::BTreeMap;
use std::time::Duration;

const EVENTS: Part = Part::Only(&["turn_started", "tool_started", "tool_ended"]);
/// Records read at once.
const PAGE: Want = Want { part: EVENTS, limit: 1000, max_bytes: 4 * 1024 * 1024 };
/// Characters of a command, and of what it said last.
const LINE: usize = 200;

impl Answers<GroupCompare> for Parts {
    async fn answer(&self, _who: &Principal, one: OneGroup) -> Result<GroupComparison, Problem> {
        let group = one.group;
        let tasks = self.store.tasks_of_group(group).await.map_err(|error| error.problem())?;
        if tasks.is_empty() {
            let message = format!("There is no group `{group}`.");
            return Err(Problem::new(Code::NotFound, message)
                .hint("`pilot task show` names the group of a task."));
        }
        let base_commit = tasks.iter().find_map(|task| task.base_commit.clone());
        let now = crate::clock::now();
        let (mut compared, mut snapshots) = (Vec::new(), Vec::new());
        for task in tasks {
            let snapshot = match task.run {
                Some(run) => {
                    let read = self.store.snapshot(run, None).await;
                    (*read.map_err(|error| error.problem())?).clone()
                }
                None => Snapshot::default(),
            };
            snapshots.push((task.id, snapshot));
            compared.push(self.compared(task, now).await?);
        }
        let files = overlap(&snapshots);
        for one in &mut compared {
            let alone = |file: &&ComparedFile| file.by.len() == 1 && file.by[0].task == one.task.id;
            one.alone = u32::try_from(files.iter().filter(alone).count()).unwrap_or(u32::MAX);
        }
        Ok(GroupComparison { group, base_commit, tasks: compared, files })
    }
}

impl Parts {
    async fn compared(&self, task: Task, now: Timestamp) -> Result<ComparedTask, Problem> {
        let runs = self.store.runs(task.id).await.map_err(|error| error.problem())?;
        let secs = runs.iter().map(|run| taken(run, now).as_secs()).sum();
        let seen = match task.run {
            Some(run) => seen(&self.store, run).await?,
            None => Seen::default(),
        };
        let usage = task.usage;
        let (tests, turns) = seen.told();
        Ok(ComparedTask { task, tests, turns, secs, usage, alone: 0 })
    }
}

/// The tests that a run's agent ran, as its journal tells them.
pub(crate) async fn tests_of(store: &Store, run: RunId) -> Result<Vec<TestRun>, Problem> {
    Ok(seen(store, run).await?.told().0)
}

async fn seen(store: &Store, run: RunId) -> Result<Seen, Problem> {
    let mut seen = Seen::default();
    let mut reached = 0;
    loop {
        let page = store.records_after(run, reached, &PAGE).await;
        let page = page.map_err(|error| error.problem())?;
        page.records.into_iter().for_each(|record| seen.take(record));
        if page.end || page.reached <= reached {
            return Ok(seen);
        }
        reached = page.reached;
    }
}

fn taken(run: &Run, now: Timestamp) -> Duration {
    run.ended_at.unwrap_or(now).since(run.started_at.unwrap_or(run.leased_at))
}

/// What a run's journal says.
#[derive(Default)]
struct Seen {
    turns: u32,
    /// With the id of the tool call.
    tests: Vec<(String, TestRun)>,
}

impl Seen {
    fn take(&mut self, record: Record) {
        match record.event {
            Event::TurnStarted { turn, .. } => self.turns = self.turns.max(turn),
            Event::ToolStarted { id, input, summary, .. } => {
                let given = command(&input);
                if let Some(test) = test_in(given.as_deref().unwrap_or(&summary)) {
                    let command = short(test);
                    self.tests.push((id, TestRun { command, ok: None, said: String::new() }));
                }
            }
            Event::ToolEnded { id, ok, output } => {
                let open = self
                    .tests
                    .iter_mut()
                    .rev()
                    .find(|(call, test)| *call == id && test.ok.is_none());
                if let Some((_, test)) = open {
                    test.ok = Some(ok);
                    let last = output.lines().rev().find(|line| !line.trim().is_empty());
                    test.said = short(last.unwrap_or_default().trim());
                }
            }
            _ => {}
        }
    }

    fn told(self) -> (Vec<TestRun>, u32) {
        let superfluous = self.tests.len().saturating_sub(ComparedTask::MOST_TESTS);
        let tests = self.tests.into_iter().skip(superfluous).map(|(_, test)| test);
        (tests.collect(), self.turns)
    }
}

/// The command line that a tool was given: one text, or words.
fn command(input: &serde_json::Value) -> Option<String> {
    let given = input.get("command").or_else(|| input.get("cmd"))?;
    match given.as_array() {
        Some(words) => {
            let words: Vec<_> = words.iter().filter_map(|word| word.as_str()).collect();
            Some(words.join(" "))
        }
        None => given.as_str().map(str::to_owned),
    }
}

fn short(text: &str) -> String {
    match text.char_indices().nth(LINE) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Files by who touched them: those that most did come first.
fn overlap(snapshots: &[(TaskId, Snapshot)]) -> Vec<ComparedFile> {
    let mut by_path: BTreeMap<&str, Vec<TouchedBy>> = BTreeMap::new();
    for (task, snapshot) in snapshots {
        for file in snapshot.files.values() {
            let (added, removed) = (file.added.unwrap_or(0), file.removed.unwrap_or(0));
            by_path.entry(&file.path).or_default().push(TouchedBy {
                task: *task,
                change: file.change,
                size: DiffSize { files: 1, added, removed },
            });
        }
    }
    let named = |(path, by): (&str, _)| ComparedFile { path: path.to_owned(), by };
    let mut files: Vec<ComparedFile> = by_path.into_iter().map(named).collect();
    files.sort_by_key(|file| std::cmp::Reverse(file.by.len()));
    files
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn tests_are_found_among_the_tools_with_what_came_of_them() {
        let started = |id: &str, input| Event::ToolStarted {
            id: id.to_owned(),
            tool: "Bash".to_owned(),
            input,
            summary: "pytest -q".to_owned(),
            parent: None,
            locations: Vec::new(),
        };
        let ended = |id: &str, ok, output: &str| Event::ToolEnded {
            id: id.to_owned(),
            ok,
            output: output.to_owned(),
        };
        let mut seen = Seen::default();
        for event in [
            Event::TurnStarted { turn: 1, prompt: "go".into() },
            started("1", json!({"command": "ls"})),
            started("2", json!({"command": "cd a && cargo test --all"})),
            ended("2", false, "running\n\ntest result: FAILED\n\n"),
            Event::TurnStarted { turn: 2, prompt: "mend".into() },
            started("2", json!({"command": ["bash", "-lc", "cargo test"]})),
            ended("2", true, "ok"),
            started("3", json!({})),
        ] {
            seen.take(Record { epoch: 1, seq: 1, at: Timestamp(1), event });
        }
        let (tests, turns) = seen.told();
        let told: Vec<_> =
            tests.iter().map(|test| (test.command.as_str(), test.ok, test.said.as_str())).collect();
        let expected = [
            ("cargo test --all", Some(false), "test result: FAILED"),
            ("cargo test", Some(true), "ok"),
            ("pytest -q", None, ""),
        ];
        assert_eq!((told.as_slice(), turns), (&expected[..], 2));
    }
}
