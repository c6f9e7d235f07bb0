//! What a forge's checks (CI) say of a commit.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// The checks (CI) of a commit, taken together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Checks {
    /// All of them in one word.
    pub state: ChecksState,
    /// How many there are.
    pub total: u32,
    /// How many have failed.
    pub failed: u32,
    /// Page of the first that failed, or of any.
    #[serde(default)]
    pub url: Option<String>,
    /// Each of them, those that need somebody first; at most [`Checks::MOST`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[ts(optional, as = "Option<Vec<CheckSeen>>")]
    pub each: Vec<CheckSeen>,
}

impl Checks {
    /// More are counted and not listed.
    pub const MOST: usize = 100;
}

/// One check of a commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct CheckSeen {
    /// Its name (`build`, `CI / test (pull_request)`).
    pub name: String,
    /// What it says.
    pub state: ChecksState,
    /// In its own words; may be empty.
    #[serde(default)]
    pub description: String,
    /// Its page.
    #[serde(default)]
    pub url: Option<String>,
}

/// Checks in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum ChecksState {
    /// Some are not over, and none has failed.
    Pending,
    /// All are good.
    Passed,
    /// One has failed.
    Failed,
    /// They wait for a person to let them run.
    Held,
    /// A state this build does not know yet.
    #[serde(other)]
    Unknown,
}
