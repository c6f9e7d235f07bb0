//! Best of N: what tells the tasks of a group apart.

use crate::ids::{GroupId, TaskId};
use crate::run::Usage;
use crate::snapshot::{Change, DiffSize};
use crate::task::Task;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// A group by id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct OneGroup {
    /// Which.
    pub group: GroupId,
}

/// The tasks of a group side by side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct GroupComparison {
    /// Which group.
    pub group: GroupId,
    /// The commit that all of them begin from; none until the first has looked.
    #[serde(default)]
    pub base_commit: Option<String>,
    /// Its tasks, in the order in which they were filed.
    pub tasks: Vec<ComparedTask>,
    /// Every file that one of them touched: those that most touched come first.
    pub files: Vec<ComparedFile>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ComparedTask {
    /// The task: agent, model, state, size of its change, reservations.
    pub task: Task,
    /// The tests that its latest run ran, in order; of many, the last
    /// [`ComparedTask::MOST_TESTS`].
    pub tests: Vec<TestRun>,
    /// Turns of its latest run.
    pub turns: u32,
    /// Seconds that all its runs were at it.
    pub secs: u64,
    /// What all its runs used.
    pub usage: Usage,
    /// Files that only it touched.
    pub alone: u32,
}

impl ComparedTask {
    /// What somebody still reads; the last ones are what counts.
    pub const MOST_TESTS: usize = 20;
}

/// A command that is known to run tests, as the agent ran it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct TestRun {
    /// The command.
    pub command: String,
    /// It ended well; none: it has not ended.
    #[serde(default)]
    pub ok: Option<bool>,
    /// The last line of what it said.
    #[serde(default)]
    pub said: String,
}

/// A file, and what each of the tasks did to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ComparedFile {
    /// Its path.
    pub path: String,
    /// Who touched it.
    pub by: Vec<TouchedBy>,
}

/// What one task did to a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct TouchedBy {
    /// Which task.
    pub task: TaskId,
    /// What it did.
    pub change: Change,
    /// How much.
    pub size: DiffSize,
}
