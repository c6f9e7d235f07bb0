//! Browsing a project's issues, and making tasks of them.

use super::tasks::NewBatch;
use crate::ids::TaskId;
use crate::intake::IssueTask;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// Which issues to list.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[ts(optional_fields = nullable)]
pub struct IssueQuery {
    /// Of which project.
    pub name: String,
    /// Names of labels, with commas between them; an issue has all of them.
    #[serde(default)]
    pub labels: Option<String>,
    /// Title of its milestone.
    #[serde(default)]
    pub milestone: Option<String>,
    /// Login of whom it is assigned to.
    #[serde(default)]
    pub assignee: Option<String>,
    /// Text in its title or body.
    #[serde(default)]
    pub search: Option<String>,
    /// Closed ones as well.
    #[serde(default)]
    pub all: Option<bool>,
    /// At most this many; none: 200.
    #[serde(default)]
    pub limit: Option<u32>,
}

impl IssueQuery {
    /// More than anybody picks from, and 20 requests at a Gitea.
    pub const MAX_LIMIT: u32 = 1000;
}

/// An issue in a list. What it says is of whoever may write one there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(optional_fields = nullable)]
pub struct IssueSeen {
    /// Its number in the repository.
    pub number: u64,
    /// Its title.
    pub title: String,
    /// Its page.
    pub url: String,
    /// It is open.
    pub open: bool,
    /// Who wrote it.
    pub author: String,
    /// Labels, by name.
    pub labels: Vec<String>,
    /// Who is to see to it.
    pub assignees: Vec<String>,
    /// Title of its milestone.
    #[serde(default)]
    pub milestone: Option<String>,
    /// How many comments there are.
    pub comments: u64,
    /// When it changed last, in the forge's words (RFC 3339).
    pub updated: String,
    /// The newest task that was made of it.
    #[serde(default)]
    pub task: Option<TaskId>,
    /// That task's state (`working`, `in_review`, …).
    #[serde(default)]
    pub task_state: Option<String>,
    /// It is on its way to becoming a task.
    #[serde(default)]
    #[ts(optional, as = "Option<bool>")]
    pub waits: bool,
}

/// Issues to make tasks of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(optional_fields = nullable)]
pub struct FileIssues {
    /// Of which project.
    pub name: String,
    /// Their numbers; at most 1000.
    pub numbers: Vec<u64>,
    /// Also those that have a task under way.
    #[serde(default)]
    #[ts(optional, as = "Option<bool>")]
    pub again: bool,
    /// How they are done.
    #[serde(default)]
    #[ts(optional, as = "Option<IssueTask>")]
    pub how: IssueTask,
    /// They belong together.
    #[serde(default)]
    pub batch: Option<NewBatch>,
}

impl FileIssues {
    /// As many as tasks are filed at once.
    pub const MAX: usize = 1000;
}

/// What became of the wish to make a task of an issue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct IssueFiled {
    /// Number of the issue.
    pub number: u64,
    /// The task that it is, or will be.
    pub task: TaskId,
    /// Where it stands.
    pub standing: IssueStanding,
}

/// Where an issue that was asked for stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum IssueStanding {
    /// It is read next and filed then.
    Waits,
    /// It was asked for before, and waits.
    WaitedAlready,
    /// A task of it is under way: none was made.
    HasTask,
    /// Something this build does not know yet.
    #[serde(other)]
    Unknown,
}

/// A ticket by its key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct OneTicket {
    /// Which.
    pub key: String,
}
