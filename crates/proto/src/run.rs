//! Runs: one attempt at a task on one runner, and what a runner is told to do.

use crate::code::Problem;
use crate::grant::SealedGrant;
use crate::ids::{BlobId, RunId, RunnerId, TaskId};
use crate::model::ModelPrice;
use crate::network::NetworkPolicy;
use crate::permission::PermissionPolicy;
use crate::project::{GitGrant, ProviderGrant};
use crate::pull_request::Outgoing;
use crate::secret::{self, Secret};
use crate::task::{Attachment, ChildBounds, Limits, Mode, OnTimeout, ReviewPass};
use crate::time::Timestamp;
use crate::walls::WallsWish;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// What a run is doing. Every path ends `… → Collecting → [Pushing] → Cleaning
/// → Finished`; failures, cancels and crashes found later go through Cleaning too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// The workspace's directories are being made.
    Preparing,
    /// The mirror is brought up to date and the tree checked out.
    Cloning,
    /// The project's setup steps run.
    SettingUp,
    /// The agent works.
    AgentRunning,
    /// The agent waits for a person.
    AwaitingAnswer,
    /// A person drives; the agent's input is refused.
    TakenOver,
    /// A second agent looks at the work.
    Reviewing,
    /// The last snapshot, the commit, the agent's session file.
    Collecting,
    /// The branch is pushed, once the hub has permitted it.
    Pushing,
    /// Work is rescued, then everything the ledger names is removed.
    Cleaning,
    /// Nothing is left.
    Finished,
    /// A phase this build does not know yet.
    #[serde(other)]
    Unknown,
}

/// How a run ended. Recorded once, in the journal's last event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// The branch is in the remote.
    Pushed {
        /// Branch in the remote.
        branch: String,
        /// Its commit.
        commit: String,
    },
    /// The agent ended and the tree is as it was.
    NoChange,
    /// It did not work out.
    Failed {
        /// Why.
        problem: Problem,
    },
    /// A person stopped it.
    Cancelled,
    /// Another run holds the lease now; this one gave way.
    Fenced,
}

/// Tokens and money, added up. Cost is what the agent or a price table said,
/// in micro-dollars (an integer, so that sums are exact).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(default)]
pub struct Usage {
    /// Tokens read, without those from the cache.
    pub input_tokens: u64,
    /// Tokens written by the model.
    pub output_tokens: u64,
    /// Tokens read from the provider's cache.
    pub cache_read_tokens: u64,
    /// Tokens written to the provider's cache.
    pub cache_write_tokens: u64,
    /// Cost in millionths of a US dollar; none where nobody knows.
    pub cost_micros: Option<u64>,
}

impl Usage {
    /// The sum of both.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        let cost_micros = match (self.cost_micros, other.cost_micros) {
            (None, None) => None,
            (left, right) => {
                Some(left.unwrap_or_default().saturating_add(right.unwrap_or_default()))
            }
        };
        Self {
            input_tokens: self.input_tokens.saturating_add(other.input_tokens),
            output_tokens: self.output_tokens.saturating_add(other.output_tokens),
            cache_read_tokens: self.cache_read_tokens.saturating_add(other.cache_read_tokens),
            cache_write_tokens: self.cache_write_tokens.saturating_add(other.cache_write_tokens),
            cost_micros,
        }
    }
}

/// A run as a console sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Run {
    /// Its id.
    pub id: RunId,
    /// Task it is an attempt at.
    pub task: TaskId,
    /// 1 for the first.
    pub attempt: u32,
    /// Runner that has, or had, the lease.
    pub runner: RunnerId,
    /// Its fencing token: of two runs of a task, the higher one may push.
    pub fence: u64,
    /// What it is doing.
    pub phase: Phase,
    /// When the lease was given. The time before is queue time, not run time.
    pub leased_at: Timestamp,
    /// When the runner began.
    #[serde(default)]
    pub started_at: Option<Timestamp>,
    /// When it finished.
    #[serde(default)]
    pub ended_at: Option<Timestamp>,
    /// How it ended.
    #[serde(default)]
    pub outcome: Option<Outcome>,
    /// The agent's own session, for a resume.
    #[serde(default)]
    pub session: Option<Session>,
    /// Bundle with its unpublished work, if there was any.
    #[serde(default)]
    pub rescue: Option<BlobId>,
}

/// An agent's session, and where its file is kept so that another workspace,
/// on another machine, can go on with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Session {
    /// The agent's name for it.
    pub id: String,
    /// Its file; none until the first turn ended.
    #[serde(default)]
    pub file: Option<BlobId>,
}

/// What the end of a turn left, so that another run, on any runner, can begin
/// there: the tree and the agent's session as they were.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Checkpoint {
    /// Of which turn of the run; 0 is its beginning.
    pub turn: u32,
    /// Commit of the base branch that the tree's work is measured against.
    pub base: String,
    /// Bundle with everything that `base` does not have; none: the tree is that
    /// commit, unless `left_out` says otherwise.
    #[serde(default)]
    pub bundle: Option<BlobId>,
    /// Its size in bytes.
    #[serde(default)]
    pub size: u64,
    /// The agent's session; none where it has none yet, or keeps none.
    #[serde(default)]
    pub session: Option<Session>,
    /// Why the tree was not kept, in words; empty: it was. Then no run can begin
    /// here.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub left_out: String,
}

/// Where a run begins that continues an earlier one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resume {
    /// The agent's session; none to begin a new conversation on the old tree.
    #[serde(default)]
    pub session: Option<Session>,
    /// Bundle with the earlier run's unpublished work, laid over the branch.
    #[serde(default)]
    pub bundle: Option<BlobId>,
    /// The task as it was filed, for an agent whose session cannot be gone on
    /// with.
    #[serde(default)]
    pub wanted: String,
}

/// Everything a runner needs for one run. Holds secrets: it goes over the link
/// and into the shim's memory, and only [`RunSpec::without_grants`] may touch a disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunSpec {
    /// The run.
    pub run: RunId,
    /// Task it is an attempt at.
    pub task: TaskId,
    /// Which attempt.
    pub attempt: u32,
    /// Its fencing token.
    pub fence: u64,
    /// Seconds without contact to the hub after which the runner must give the run up.
    pub lease_secs: u64,
    /// For the commit and the pull request.
    pub title: String,
    /// What the agent is asked to do.
    pub prompt: String,
    /// Name of the project; also names the mirror cache's log lines.
    pub project: String,
    /// Clone URL or absolute path.
    pub repo: String,
    /// Base branch; none: the remote's HEAD.
    #[serde(default)]
    pub base: Option<String>,
    /// Branch to push to.
    pub branch: String,
    /// The last commit that an earlier run pushed to `branch`; the push may
    /// replace nothing else.
    #[serde(default)]
    pub pushed: Option<String>,
    /// Setup command lines.
    #[serde(default)]
    pub setup: Vec<String>,
    /// Which agent.
    pub agent: String,
    /// Which model.
    #[serde(default)]
    pub model: Option<String>,
    /// How much it may do by itself.
    pub mode: Mode,
    /// What happens when nobody answers.
    pub on_timeout: OnTimeout,
    /// Bounds.
    #[serde(default)]
    pub limits: Limits,
    /// Continue an earlier run.
    #[serde(default)]
    pub resume: Option<Resume>,
    /// Start from this commit of the base branch, and not from where the branch
    /// is now, or from what was pushed before.
    #[serde(default)]
    pub at: Option<Box<str>>,
    /// Files for the agent; the runner gets the blobs from the hub.
    #[serde(default)]
    pub attachments: Vec<Attachment>,
    /// Login for the repository.
    #[serde(default)]
    pub git: Option<GitGrant>,
    /// Login for the model.
    #[serde(default)]
    pub provider: Option<ProviderGrant>,
    /// Providers to fall back to when that one fails, in this order.
    #[serde(default)]
    pub fallbacks: Vec<ProviderGrant>,
    /// What it may reach.
    #[serde(default)]
    pub network: NetworkPolicy,
    /// How it is kept apart from the machine.
    #[serde(default)]
    pub walls: WallsWish,
    /// The project's secrets, for this runner and this run only.
    #[serde(default)]
    pub secrets: Vec<SealedGrant>,
    /// Prices that go before the built-in ones.
    #[serde(default)]
    pub prices: Vec<ModelPrice>,
    /// What the task's earlier runs spent on models, in millionths of a US
    /// dollar: it counts against the limit.
    #[serde(default)]
    pub spent_micros: u64,
    /// The hub's public key (X25519, 64 hex digits), which renewed logins are
    /// sealed to; none where there is no login that can be renewed.
    #[serde(default)]
    pub hub_key: Option<Box<str>>,
    /// What the agent may do unasked, and what never.
    #[serde(default)]
    pub permissions: PermissionPolicy,
    /// The agent that looks at the work before it is published.
    #[serde(default)]
    pub review: Option<Box<Reviewer>>,
    /// What the agent may file by itself; all 0 where it may not.
    #[serde(default)]
    pub children: ChildBounds,
    /// Remote control, with the account it needs.
    #[serde(default)]
    pub remote_control: Option<Box<RemoteControl>>,
    /// How its commits are made and pushed; none: as they always were.
    #[serde(default)]
    pub outgoing: Option<Box<Outgoing>>,
}

/// A second agent, with its login.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reviewer {
    /// Who, and how often.
    pub pass: ReviewPass,
    /// Login for its model.
    #[serde(default)]
    pub provider: Option<ProviderGrant>,
}

/// What Claude Remote Control needs: a full login of the vendor's own program,
/// which goes into the run's private HOME and no other file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemoteControl {
    /// The text of `~/.claude/.credentials.json`.
    #[serde(with = "secret::in_clear")]
    pub credentials: Secret,
    /// The `oauthAccount` of `~/.claude.json`, as JSON.
    pub account: String,
}

impl RunSpec {
    /// The same without any secret: what may be written to a disk.
    #[must_use]
    pub fn without_grants(&self) -> Self {
        Self {
            git: None,
            provider: None,
            fallbacks: Vec::new(),
            secrets: Vec::new(),
            review: self
                .review
                .as_deref()
                .map(|reviewer| Box::new(Reviewer { pass: reviewer.pass.clone(), provider: None })),
            remote_control: None,
            outgoing: self
                .outgoing
                .as_deref()
                .map(|one| Box::new(Outgoing { signing_key: None, ..one.clone() })),
            ..self.clone()
        }
    }
}
