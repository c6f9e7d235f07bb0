//! What the machine keeps between two events.

use super::feedback::FeedbackMemory;
use super::reassign::Then;
use pilot_proto::inbox::InboxItem;
use pilot_proto::run::Resume;
use pilot_proto::task::ChildSeen;
use pilot_proto::{Problem, RunId, TaskId};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What the machine must remember that neither [`pilot_proto::Task`] nor
/// [`pilot_proto::Run`] shows.
/// The hub stores it (as JSON) with the task after every `handle`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Memory {
    /// The project has a forge.
    pub(super) forge: bool,
    /// Its pull request is open.
    pub(super) in_review: bool,
    /// A person wants the run at work to end.
    pub(super) stop: bool,
    /// A person wants it to end for what comes next. Not together with `stop`.
    pub(super) then: Option<Then>,
    /// A person has let the run at work publish what it held.
    pub(super) permitted: bool,
    /// Only runs after this attempt are the present agent's.
    pub(super) agent_since: u32,
    /// What the next or present run is told instead of the task's prompt;
    /// empty where its session knows the task.
    pub(super) prompt: Option<String>,
    /// Where the next or present run begins.
    pub(super) resume: Option<Resume>,
    /// The commit of the base branch that it begins from.
    pub(super) at: Option<String>,
    /// What a person said that no agent has heard yet.
    pub(super) unsaid: Vec<String>,
    /// How many of `unsaid` the run at work begins with. The others came when
    /// its end was wanted already, and are the next one's.
    pub(super) included: usize,
    /// Open inbox items of the run at work.
    pub(super) items: Vec<InboxItem>,
    /// Runs whose calls to models the gateway counted.
    pub(super) metered: BTreeSet<RunId>,
    /// Tool calls refused in the run at work.
    pub(super) denials: u32,
    /// What is being published.
    pub(super) push: Option<Push>,
    /// What became of the wishes of its runs for tasks, by run and token.
    pub(super) wishes: BTreeMap<String, Result<TaskId, Problem>>,
    /// The tasks below it that its own agents filed, as they stand.
    pub(super) children: BTreeMap<TaskId, ChildSeen>,
    /// Its agent's last words on its work.
    pub(super) said: String,
    /// The next or present run only puts the branch on top of its base, for this
    /// reason; no agent is told it.
    pub(super) rebase: Option<String>,
    /// What was said about its pull request.
    pub(super) feedback: FeedbackMemory,
}

/// A push that a run wants or has made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Push {
    pub(super) branch: String,
    pub(super) commit: String,
    pub(super) summary: String,
}
