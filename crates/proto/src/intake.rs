//! Issues on their way to becoming tasks: what starts one by itself, what is
//! asked for and not filed yet, and what was seen of a forge so far.

use crate::code::Problem;
use crate::ids::TaskId;
use crate::task::{Batch, Mode};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use ts_rs::TS;

/// Which issues of a project become tasks by themselves, and what their pages
/// are told of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(optional_fields = nullable)]
pub struct IntakePolicy {
    /// Of which project.
    pub project: String,
    /// An issue that is given this label becomes a task; none: no label does
    /// that.
    #[serde(default)]
    pub label: Option<String>,
    /// A comment `/pilot fix …` of somebody who may write to the repository
    /// makes its issue a task.
    #[serde(default)]
    pub comments: bool,
    /// How the hub hears of that.
    #[serde(default)]
    pub way: TriggerWay,
    /// With [`TriggerWay::Poll`]: seconds between two looks.
    #[serde(default = "IntakePolicy::poll_secs")]
    pub poll_secs: u32,
    /// How such a task is done.
    #[serde(default)]
    pub how: IssueTask,
    /// What the issue's page is told.
    #[serde(default)]
    pub status: IssueStatus,
}

impl IntakePolicy {
    /// Fastest that anybody is polled: GitHub gives 5,000 requests an hour, and
    /// a look costs about three.
    pub const MIN_POLL_SECS: u32 = 5;

    /// Nothing starts by itself, and nobody is told.
    pub fn of(project: impl Into<String>) -> Self {
        Self {
            project: project.into(),
            label: None,
            comments: false,
            way: TriggerWay::default(),
            poll_secs: Self::poll_secs(),
            how: IssueTask::default(),
            status: IssueStatus::default(),
        }
    }

    fn poll_secs() -> u32 {
        60
    }
}

/// What makes a project's issues tasks, and how that goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(optional_fields = nullable)]
pub struct IntakeSeen {
    /// What.
    #[serde(flatten)]
    pub policy: IntakePolicy,
    /// A webhook of ours is registered.
    pub webhook: bool,
    /// When its issues were last looked at; none: not since the hub started.
    #[serde(default)]
    pub looked_at: Option<Timestamp>,
    /// Why that did not work.
    #[serde(default)]
    pub problem: Option<Problem>,
}

/// How the hub hears what happens to issues.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum TriggerWay {
    /// It asks the forge now and then: for a forge that cannot reach the hub.
    #[default]
    Poll,
    /// The forge tells it.
    Webhook,
}

/// What the page of an issue is told of its task.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(default)]
#[ts(optional_fields = nullable)]
pub struct IssueStatus {
    /// Label that it has while its task is under way.
    pub label: Option<String>,
    /// One comment says where the task stands, and is kept up to date.
    pub comment: bool,
}

/// What stands on the page of an issue about its task.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct IssueNote {
    /// The label that says that a task is under way.
    pub label: Option<String>,
    /// The issue has it.
    pub has_label: bool,
    /// The comment.
    pub comment: Option<String>,
}

/// The page of an issue: what is to stand there, and what was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoteKept {
    /// Of which project.
    pub project: String,
    /// Number of the issue.
    pub number: u64,
    /// The task it is about: the newest of the issue.
    pub task: TaskId,
    /// What is to stand there.
    pub wanted: IssueNote,
    /// What was written last.
    #[serde(default)]
    pub written: Option<IssueNote>,
}

/// How a task that is made of an issue is done; what is not named is as the
/// project says.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(default)]
#[ts(optional_fields = nullable)]
pub struct IssueTask {
    /// Which agent.
    pub agent: Option<String>,
    /// Which model.
    pub model: Option<String>,
    /// How much the agent may do by itself.
    pub mode: Option<Mode>,
    /// Name of a profile.
    pub profile: Option<String>,
    /// The work is shown to a person before it is published.
    pub hold: bool,
    /// What the agent is told besides, by whoever set this up.
    pub text: Option<String>,
}

/// An issue that is to become a task. It is kept until that is filed, so that
/// no crash loses it and none files it twice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(optional_fields = nullable)]
pub struct Ticket {
    /// Names it: the same wish has the same key, so it waits once.
    pub key: String,
    /// Of which project.
    pub project: String,
    /// Number of the issue.
    pub number: u64,
    /// Why.
    pub cause: TicketCause,
    /// What the task will be called by.
    pub task: TaskId,
    /// How it is to be done.
    #[serde(default)]
    pub how: IssueTask,
    /// Also if a task of the issue is under way.
    #[serde(default)]
    pub again: bool,
    /// What it was asked for together with.
    #[serde(default)]
    pub batch: Option<Batch>,
    /// Since when.
    pub at: Timestamp,
    /// Why it came to nothing; it stays to be read, and is tried again only
    /// when it is asked for again.
    #[serde(default)]
    pub problem: Option<Problem>,
}

impl Ticket {
    /// The key of an issue that is wanted for a cause.
    pub fn key_of(project: &str, number: u64, cause: &TicketCause) -> String {
        match cause {
            TicketCause::Person { .. } => format!("{project}#{number}"),
            TicketCause::Label { .. } => format!("{project}#{number}/label"),
            TicketCause::Comment { id, .. } => format!("{project}#{number}/comment-{id}"),
            TicketCause::Comments => format!("{project}#{number}/comments"),
            TicketCause::Unknown => format!("{project}#{number}/unknown"),
        }
    }
}

/// Why an issue is to become a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(tag = "cause", rename_all = "snake_case")]
pub enum TicketCause {
    /// Somebody chose it here.
    Person {
        /// Who.
        who: String,
    },
    /// It was given the label.
    Label {
        /// Which.
        label: String,
    },
    /// Somebody who may write to the repository asked for it in a comment.
    Comment {
        /// The comment's id at the forge.
        id: u64,
        /// Who.
        author: String,
        /// What they said behind the command.
        text: String,
    },
    /// Perhaps somebody asked for it: its comments are to be read.
    Comments,
    /// A cause this build does not know yet.
    #[serde(other)]
    Unknown,
}

impl fmt::Display for TicketCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Person { who } => write!(f, "chosen by `{who}`"),
            Self::Label { label } => write!(f, "label `{label}`"),
            Self::Comment { author, .. } => write!(f, "comment of `{author}`"),
            Self::Comments => f.write_str("its comments are read"),
            Self::Unknown => f.write_str("unknown"),
        }
    }
}

/// What was seen of a project's issues, so that each label and each comment
/// counts once, whoever tells of it and however often.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct IntakeMemory {
    /// Open issues that had the label when they were last seen.
    pub labelled: BTreeSet<u64>,
    /// The last command that was heard, by issue: the id of its comment.
    pub commands: BTreeMap<u64, u64>,
    /// Comments up to then are nobody's command (RFC 3339, the forge's clock);
    /// none: there was nothing yet.
    pub since: Option<String>,
    /// Up to when changed issues were looked at (RFC 3339, the forge's clock).
    pub cursor: Option<String>,
    /// Which issues were looked at that changed exactly then.
    pub at_cursor: BTreeSet<u64>,
}
