//! What went wrong, in words a consumer can branch on and a person can act on.

use serde::{Deserialize, Serialize};
use std::fmt;
use ts_rs::TS;

/// The closed list of reasons. It grows only when some consumer branches on
/// the new one. A code from a newer peer reads as [`Code::Unknown`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// The repository's host cannot be reached.
    RepositoryUnreachable,
    /// The repository refused our credentials, or does not exist for us.
    RepositoryRefused,
    /// The base branch does not exist in the repository.
    BranchUnknown,
    /// A setup step of the project failed.
    SetupFailed,
    /// The workspace could not be made (directory, rights, tools).
    WorkspaceFailed,
    /// The disk is full.
    DiskFull,
    /// The agent's program is not installed on the runner.
    AgentMissing,
    /// The agent is not logged in, or its key was refused.
    AgentAuth,
    /// The agent hit a usage limit of its provider.
    AgentLimit,
    /// The agent reported an error or ended abnormally.
    AgentFailed,
    /// The agent's process was ended by a signal that we did not send.
    AgentCrashed,
    /// Everything the agent wanted was denied, and nothing was changed.
    Denied,
    /// A limit of the task (time, turns, money) was reached.
    LimitReached,
    /// Nobody answered in time and the task says `cancel`.
    Unanswered,
    /// The push was rejected: the branch holds somebody else's commits.
    PushRejected,
    /// The forge refused (rights, scope, validation).
    ForgeRefused,
    /// The forge cannot be reached.
    ForgeUnreachable,
    /// The pull request read back is not the one we made.
    ForgeMismatch,
    /// The lease ran out or was given to another runner.
    LeaseLost,
    /// The runner lost the run (killed shim, wiped disk, reboot).
    RunLost,
    /// No such thing.
    NotFound,
    /// The request makes no sense; the message names the field.
    Invalid,
    /// Not now: the thing is in a state that does not allow it. Not broken.
    Precondition,
    /// No or wrong credentials.
    Unauthorized,
    /// Right credentials, not enough rights.
    Forbidden,
    /// Too large; the message names the bound.
    TooLarge,
    /// The peer speaks a version we do not.
    Version,
    /// A fault of ours.
    Internal,
    /// A code this build does not know yet.
    #[serde(other)]
    Unknown,
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

/// A failure as a person sees it: what happened, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, thiserror::Error)]
#[error("{message}")]
pub struct Problem {
    /// For programs.
    pub code: Code,
    /// What happened, and what was kept. Whole sentence, literals in backticks.
    pub message: String,
    /// What to do about it; empty if there is nothing to say.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub hint: String,
}

impl Problem {
    /// A problem without a hint.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), hint: String::new() }
    }

    /// The same, with what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }
}
