//! Reading and answering what needs a person.

use crate::ids::{InboxId, TaskId};
use crate::inbox::Answer;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// Which inbox items.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(default)]
#[ts(optional_fields = nullable)]
pub struct InboxQuery {
    /// Of this task.
    pub task: Option<TaskId>,
    /// Those already answered, too.
    pub all: Option<bool>,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct AnswerItem {
    /// To which item.
    pub item: InboxId,
    /// What.
    #[serde(flatten)]
    pub answer: Answer,
}
