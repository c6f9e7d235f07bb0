//! What runs reach and may do, and what that costs.

use crate::ids::{RunId, TaskId};
use crate::model::{ModelCall, ModelPrice};
use crate::network::{NetworkDecision, NetworkEnd, NetworkPolicy};
use crate::permission::PermissionRule;
use crate::time::Timestamp;
use crate::walls::WallsReport;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// Which run's network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(optional_fields = nullable)]
pub struct NetworkQuery {
    /// The task.
    pub task: TaskId,
    /// One of its runs; none: the latest.
    #[serde(default)]
    pub run: Option<RunId>,
}

/// What a run tried to reach.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct NetworkAudit {
    /// Which run; none where there was none yet.
    #[serde(default)]
    pub run: Option<RunId>,
    /// Its walls; none where it has none yet.
    #[serde(default)]
    pub walls: Option<WallsReport>,
    /// What it tried, oldest first: the last [`NetworkAudit::MAX_TRIES`].
    pub tries: Vec<NetworkTry>,
    /// Decisions before those, and those that were not written down.
    pub lost: u64,
    /// The policy it began with.
    pub policy: NetworkPolicy,
    /// A policy that would let through what was tried, as narrow as it can be
    /// told; none where nothing was tried.
    #[serde(default)]
    pub proposal: Option<NetworkPolicy>,
    /// Its calls to models, oldest first: the last [`NetworkAudit::MAX_TRIES`].
    pub calls: Vec<ModelCall>,
}

impl NetworkAudit {
    /// What a page shows; all of them are in the journal.
    pub const MAX_TRIES: usize = 2_000;
}

/// One try, and its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct NetworkTry {
    /// When.
    pub at: Timestamp,
    /// What was decided.
    pub decision: NetworkDecision,
    /// How it ended; none while it is open, and where nothing was opened.
    #[serde(default)]
    pub end: Option<NetworkEnd>,
}

/// Hosts to add to a project's policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct AllowHosts {
    /// The project.
    pub name: String,
    /// Rules, as in [`NetworkPolicy::allow`].
    pub rules: Vec<String>,
}

/// Rules to add to what a project's agents may do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct AddRules {
    /// The project.
    pub name: String,
    /// Them.
    pub rules: Vec<PermissionRule>,
}

/// Prices of models.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
pub struct Prices {
    /// At most [`Prices::MAX`].
    pub prices: Vec<ModelPrice>,
}

impl Prices {
    /// More models than anybody has.
    pub const MAX: usize = 500;
}
