//! Tasks that agents file: what they wish for, and what they are told of it.

use super::{Task, TaskState};
use crate::ids::TaskId;
use crate::snapshot::DiffSize;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// A task that an agent wants filed below its own. What is not said here it has
/// of its parent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(optional_fields = nullable)]
pub struct NewChild {
    /// What to do (Markdown, at most [`NewChild::MAX_PROMPT`] bytes).
    pub prompt: String,
    /// For lists; none: the prompt's first line.
    #[serde(default)]
    pub title: Option<String>,
    /// Which agent; none: the parent's.
    #[serde(default)]
    pub agent: Option<String>,
    /// Which model; none: the parent's, if the agent is.
    #[serde(default)]
    pub model: Option<String>,
    /// What it may spend on models, in millionths of a US dollar; none: its
    /// share of what the project lets all children spend.
    #[serde(default)]
    pub budget_micros: Option<u64>,
}

impl NewChild {
    /// What an agent writes in one go; material belongs into the repository.
    pub const MAX_PROMPT: usize = 64 * 1024;
    /// A word: an agent's or a model's name, a wish's token.
    pub const MAX_WORD: usize = 128;
    /// One line.
    pub const MAX_TITLE: usize = 500;
}

/// A task as those see it that its parent's agent is told of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(optional_fields = nullable)]
pub struct ChildSeen {
    /// Which.
    pub task: TaskId,
    /// The task whose agent filed it.
    pub parent: TaskId,
    /// For lists.
    pub title: String,
    /// Which agent does it.
    pub agent: String,
    /// Name of its state, as [`TaskState::name`] gives it.
    pub state: String,
    /// In a person's words, why.
    #[serde(default)]
    pub reason: String,
    /// No run of it is at work or will be by itself.
    pub over: bool,
    /// Where its work is, or will be.
    pub branch: String,
    /// How large its change is.
    #[serde(default)]
    pub diff: DiffSize,
    /// Page of its pull request.
    #[serde(default)]
    pub pull_request: Option<String>,
    /// Why it failed.
    #[serde(default)]
    pub problem: Option<String>,
    /// Its agent's last words on it: hearsay.
    #[serde(default)]
    pub summary: String,
}

impl ChildSeen {
    /// How a task stands, with its agent's last words; none of a task without a
    /// parent.
    pub fn of(task: &Task, summary: String) -> Option<Self> {
        let problem = if let TaskState::Failed { problem } = &task.state {
            Some(problem.message.clone())
        } else {
            None
        };
        Some(Self {
            task: task.id,
            parent: task.parent?,
            title: task.title.clone(),
            agent: task.agent.clone(),
            state: task.state.name().to_owned(),
            reason: if task.state.is_end() { task.reason.clone() } else { String::new() },
            over: task.state.is_end() || matches!(task.state, TaskState::InReview { .. }),
            branch: task.branch.clone(),
            diff: task.diff,
            pull_request: task.pull_request.as_ref().map(|request| request.url.clone()),
            problem,
            summary,
        })
    }
}
