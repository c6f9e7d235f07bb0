//! What each command does, one module a noun.

pub(crate) mod agent;
mod browser;
pub(crate) mod connect;
pub(crate) mod daemons;
pub(crate) mod forge;
pub(crate) mod hub;
pub(crate) mod inbox;
pub(crate) mod inside;
pub(crate) mod issue;
pub(crate) mod price;
pub(crate) mod profile;
pub(crate) mod project;
pub(crate) mod provider;
pub(crate) mod runner;
pub(crate) mod secret;
pub(crate) mod task;
pub(crate) mod vault;
pub(crate) mod walls;

use pilot_proto::{Secret, TaskState};
use std::process::ExitCode;

/// How a command ended that did not fail. The exit codes are documented in
/// `pilot --help`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Done {
    /// As asked.
    Well,
    /// The awaited task failed.
    TaskFailed,
    /// The awaited task changed nothing.
    NoChange,
    /// The awaited task was cancelled, or its pull request closed.
    Cancelled,
    /// A command of the person's own ended so.
    Ended(u8),
}

impl Done {
    pub(crate) fn exit_code(self) -> ExitCode {
        ExitCode::from(match self {
            Self::Well => 0,
            Self::TaskFailed => 4,
            Self::NoChange => 5,
            Self::Cancelled => 6,
            Self::Ended(code) => code,
        })
    }

    /// What the end of an awaited task means for the exit code.
    pub(crate) fn of(state: &TaskState) -> Self {
        match state {
            TaskState::Failed { .. } => Self::TaskFailed,
            TaskState::NoChange => Self::NoChange,
            TaskState::Cancelled | TaskState::Closed { .. } => Self::Cancelled,
            TaskState::Published { .. }
            | TaskState::InReview { .. }
            | TaskState::Merged { .. }
            | TaskState::Queued
            | TaskState::Leased { .. }
            | TaskState::Working { .. }
            | TaskState::NeedsYou { .. }
            | TaskState::Ready
            | TaskState::Publishing => Self::Well,
        }
    }
}

/// Reads a secret from standard input: its first line, so that a file's last
/// newline does not become part of a token.
pub(crate) fn secret_from_stdin(what: &str) -> anyhow::Result<Secret> {
    let mut text = String::new();
    std::io::stdin().read_line(&mut text)?;
    let text = text.trim();
    anyhow::ensure!(!text.is_empty(), "standard input holds no {what}");
    Ok(Secret::new(text))
}
