//! What needs a person, and what a person can say to it.

use crate::ids::{InboxId, RunId, TaskId};
use crate::permission::PermissionRule;
use crate::pull_request::{FollowUp, HeldRun};
use crate::task::OnTimeout;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use ts_rs::TS;

/// Why a person is needed, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Need {
    /// The agent asks a question.
    Question,
    /// The agent asks whether it may use a tool.
    Permission,
    /// The agent wants its plan approved.
    Plan,
    /// The agent was interrupted and waits to be told how to go on.
    Interrupted,
    /// The provider's quota, or the task's budget, is used up.
    Quota,
    /// Something that the run wants to reach is not allowed. The agent goes on.
    Network,
    /// A person does the work, and says when it is done.
    HandsOn,
    /// Something was said about a pull request: is the agent to be told?
    Feedback,
    /// The CI of a pull request waits for a person to let it run.
    Ci,
    /// A person drives.
    Takeover,
    /// A need this build does not know yet.
    #[serde(other)]
    Unknown,
}

/// One question with its options.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Question {
    /// The question, which is also its key in [`Answer::Choose`].
    pub question: String,
    /// A short label.
    #[serde(default)]
    pub header: String,
    /// Choices offered; free text is always allowed as well.
    #[serde(default)]
    pub options: Vec<Choice>,
    /// More than one choice may be given.
    #[serde(default)]
    pub multiple: bool,
}

/// One choice of a question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Choice {
    /// What to answer.
    pub label: String,
    /// What it means.
    #[serde(default)]
    pub description: String,
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Ask {
    /// Questions, one or several at once.
    Question {
        /// The questions.
        questions: Vec<Question>,
    },
    /// May the agent use this tool on this input?
    Permission {
        /// The agent's name for the tool.
        tool: String,
        /// What it would be given.
        input: Value,
        /// One line a person can decide on: the command, the path.
        #[serde(default)]
        summary: String,
        /// The command lines that it would run, whole; for a project's rules.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        #[ts(optional, as = "Option<Vec<String>>")]
        commands: Vec<String>,
        /// The files that it would touch, relative to the tree where they are
        /// in it; for a project's rules.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        #[ts(optional, as = "Option<Vec<String>>")]
        paths: Vec<String>,
    },
    /// Is this plan good?
    Plan {
        /// The plan (Markdown).
        plan: String,
    },
    /// The agent was interrupted; say something, or let it end.
    Interrupted,
    /// The gate refused this. May the run's processes reach it from now on? The
    /// agent was told no and goes on meanwhile.
    Network {
        /// The name, or the address where there is none.
        host: String,
        /// The port.
        port: u16,
        /// The command that tried, where it is known.
        #[serde(default)]
        process: Option<String>,
        /// Why it was refused, in words.
        because: String,
    },
    /// The task's budget for models is used up: allow as much again, or end.
    Budget {
        /// What was spent, in millionths of a US dollar.
        spent_micros: u64,
        /// What may be.
        budget_micros: u64,
    },
    /// There is no agent: a person does the work in the run's workspace, and
    /// says when it is done.
    HandsOn {
        /// What is to be done, as the task says it.
        what: String,
        /// The working tree, on the runner's machine.
        tree: String,
    },
    /// Is the agent to be told what was said about its pull request? Asked by
    /// the hub; no run waits.
    Feedback {
        /// What was said, oldest first.
        follow_ups: Vec<FollowUp>,
        /// Why a person is asked.
        because: String,
    },
    /// May the CI run what the agent made? Asked by the hub; no run waits.
    Ci {
        /// The commit it would run.
        head: String,
        /// What waits.
        held: Vec<HeldRun>,
        /// The forge has no call for it: a person has to open the pages.
        by_hand: bool,
    },
    /// An ask this build does not know yet, kept as it came.
    #[serde(untagged)]
    #[ts(skip)]
    Unknown(Value),
}

impl Answer {
    /// Yes, this once.
    pub const ALLOW: Self =
        Self::Allow { input: None, for_run: false, for_project: false, rule: None };
}

impl Ask {
    /// The need in one word.
    pub fn need(&self) -> Need {
        match self {
            Self::Question { .. } => Need::Question,
            Self::Permission { .. } => Need::Permission,
            Self::Plan { .. } => Need::Plan,
            Self::Interrupted => Need::Interrupted,
            Self::Network { .. } => Need::Network,
            Self::Budget { .. } => Need::Quota,
            Self::HandsOn { .. } => Need::HandsOn,
            Self::Feedback { .. } => Need::Feedback,
            Self::Ci { .. } => Need::Ci,
            Self::Unknown(_) => Need::Unknown,
        }
    }

    /// Whether the agent waits for the answer.
    pub fn holds_up(&self) -> bool {
        match self {
            Self::Network { .. } | Self::Feedback { .. } | Self::Ci { .. } => false,
            Self::Question { .. }
            | Self::Permission { .. }
            | Self::Plan { .. }
            | Self::Interrupted
            | Self::Budget { .. }
            | Self::HandsOn { .. }
            | Self::Unknown(_) => true,
        }
    }
}

/// What a person (or the default on timeout) says to an [`Ask`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum Answer {
    /// Permission, network, CI: yes. Plan: approved. Budget: as much again.
    /// Feedback: the agent is told.
    Allow {
        /// Permission: the input to use instead of the asked one.
        #[serde(default)]
        input: Option<Value>,
        /// Permission: also every later ask of this run that `rule` fits; without
        /// one, for the same tool. Network: always so.
        #[serde(default)]
        for_run: bool,
        /// Also every run of the project, now and later. Permission: by `rule`;
        /// without one, for exactly this.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        for_project: bool,
        /// Permission: what else is allowed with it. It must fit what is asked.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[ts(optional)]
        rule: Option<PermissionRule>,
    },
    /// Permission, network: no. Plan: not like this. The agent is told the reason
    /// and goes on. Budget: end. Feedback: the agent is not told. CI: it waits on.
    Deny {
        /// Told to the agent.
        #[serde(default)]
        reason: String,
    },
    /// Permission: no, and never in any run of the project. The agent is told the
    /// reason and goes on.
    Never {
        /// Told to the agent.
        #[serde(default)]
        reason: String,
        /// What is refused from now on, which must fit what is asked; none:
        /// exactly this.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[ts(optional)]
        rule: Option<PermissionRule>,
    },
    /// Question: the answers by question. Several choices are joined by `, `.
    Choose {
        /// Question → answer.
        answers: BTreeMap<String, String>,
    },
    /// Interrupted: go on with this. Question: free text to the only question.
    /// Feedback: the agent is told, and this with it.
    Say {
        /// What to tell the agent.
        text: String,
    },
    /// Interrupted: nothing more; collect what is there.
    End,
}

/// Who decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum Decider {
    /// A person.
    Person {
        /// Their name.
        name: String,
    },
    /// Nobody answered in time.
    Timeout,
    /// The project's rules, the task's mode or an earlier `for_run` said so.
    Policy,
}

/// Something that needs a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct InboxItem {
    /// Its id.
    pub id: InboxId,
    /// The task.
    pub task: TaskId,
    /// The run that waits.
    pub run: RunId,
    /// What is asked.
    pub ask: Ask,
    /// Since when.
    pub asked_at: Timestamp,
    /// When `on_timeout` decides; none: it waits for ever.
    #[serde(default)]
    pub deadline: Option<Timestamp>,
    /// What it will decide.
    pub on_timeout: OnTimeout,
    /// The answer, once there is one.
    #[serde(default)]
    pub answered: Option<Answered>,
}

/// An answer that was given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Answered {
    /// What was said.
    pub answer: Answer,
    /// By whom.
    pub decider: Decider,
    /// When.
    pub at: Timestamp,
}
