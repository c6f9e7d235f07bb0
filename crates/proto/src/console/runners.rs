//! Enrolling, seeing and revoking runners.

use crate::ids::{RunId, RunnerId};
use crate::runner::{About, Load};
use crate::secret::{self, Secret};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// How long a join code lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(default)]
#[ts(optional_fields = nullable)]
pub struct NewJoinCode {
    /// Seconds; none: 900.
    pub valid_secs: Option<u64>,
}

/// A join code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct NewJoinCodeMade {
    /// To paste: `pilot runner --join CODE`.
    #[serde(with = "secret::in_clear")]
    #[ts(as = "String")]
    pub code: Secret,
    /// Until when.
    pub expires_at: Timestamp,
}

/// A runner by id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct OneRunner {
    /// Which.
    pub runner: RunnerId,
}

/// Whether an agent of a runner answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(optional_fields = nullable)]
pub struct TryAgent {
    /// Which runner.
    pub runner: RunnerId,
    /// Which agent.
    pub agent: String,
    /// With which provider; none: the first that fits.
    #[serde(default)]
    pub provider: Option<String>,
    /// With which model; none: the agent's default.
    #[serde(default)]
    pub model: Option<String>,
}

/// A runner as a console sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct RunnerSeen {
    /// Its id.
    pub id: RunnerId,
    /// How it is set up, as it last said.
    pub about: About,
    /// It is connected.
    pub online: bool,
    /// When it last said something.
    #[serde(default)]
    pub seen_at: Option<Timestamp>,
    /// A person revoked it.
    #[serde(default)]
    pub revoked: bool,
    /// Runs it holds.
    pub runs: Vec<RunId>,
    /// What it said of its machine last.
    #[serde(default)]
    pub load: Option<Load>,
}
