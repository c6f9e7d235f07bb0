//! How a project's pull requests are made, and what becomes of what is said
//! about them.

use crate::secret::{self, Secret};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// How a project's pull requests are made.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(default)]
#[ts(optional_fields = nullable)]
pub struct PullRequestPolicy {
    /// Markdown with places: `{summary}`, `{tests}`, `{risks}`, `{ran}`,
    /// `{task}`, `{issue}`, `{title}`; none: the product's own.
    pub template: Option<String>,
    /// Made as a draft.
    pub draft: bool,
    /// Logins of who is asked for a review.
    pub reviewers: Vec<String>,
    /// Labels, by name. They have to be there.
    pub labels: Vec<String>,
    /// Logins of whom it is assigned to.
    pub assignees: Vec<String>,
    /// Name of a task's branch with places: `{slug}`, `{id}`, `{issue}`; it has
    /// `{id}`, so that it is nobody else's. None: `pilot/{slug}-{id}`.
    pub branch: Option<String>,
    /// Whom our own commits are by; none: the product.
    pub identity: Option<CommitIdentity>,
    /// Trailers of our own commits besides `Pilothouse-Task`, each
    /// `Name: value`.
    pub trailers: Vec<String>,
    /// What becomes of a run's commits.
    pub commits: Commits,
    /// Where its work is pushed.
    pub push: PushWay,
    /// Name of the secret that holds the SSH key (OpenSSH format, without a
    /// passphrase) which our commits are signed with; none: they are not.
    pub signing_key: Option<String>,
    /// What keeps the CI from running an agent's work unseen.
    pub hold: CiHold,
    /// What becomes of what is said about them.
    pub feedback: FeedbackPolicy,
    /// What happens when they have ended.
    pub after: AfterPolicy,
}

/// Whom a commit is by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct CommitIdentity {
    /// Name.
    pub name: String,
    /// Address.
    pub email: String,
}

/// What becomes of a run's commits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Commits {
    /// They are published as the agent made them.
    #[default]
    Keep,
    /// They become one, for each run.
    Squash,
}

/// Where a run's work is pushed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(tag = "way", rename_all = "snake_case")]
pub enum PushWay {
    /// To a branch of the project's repository.
    #[default]
    Branch,
    /// For review (AGit; Gitea and Forgejo): whoever may only read makes a pull
    /// request, and all its runs wait for a person.
    Agit,
    /// To a branch of a fork.
    Fork {
        /// Its clone URL, on the same forge.
        repo: String,
    },
}

/// What keeps the CI from running an agent's work unseen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum CiHold {
    /// Nothing.
    #[default]
    None,
    /// Nothing is pushed before a person approves the change here.
    BeforePush,
    /// The forge holds its runs, and a person lets them go from here.
    ByForge,
}

/// What becomes of what is said about a pull request: comments, reviews,
/// failed checks, conflicts with the base.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(default)]
pub struct FeedbackPolicy {
    /// Who decides whether the agent is told.
    pub mode: FeedbackMode,
    /// How many turns in a row begin by themselves; then a person is asked.
    pub turns: u32,
    /// Logins whose words may begin a turn by themselves; those of others are
    /// asked about. None: everybody's who may comment there.
    pub from: Vec<String>,
}

impl FeedbackPolicy {
    /// More rounds than this without a person are a loop.
    pub const MAX_TURNS: u32 = 20;
}

impl Default for FeedbackPolicy {
    fn default() -> Self {
        // Three rounds mend what an agent can mend.
        Self { mode: FeedbackMode::default(), turns: 3, from: Vec::new() }
    }
}

/// Who decides whether an agent is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum FeedbackMode {
    /// It is not.
    Off,
    /// A person, in the inbox.
    #[default]
    Ask,
    /// It is, a bounded number of times.
    Automatic,
}

/// What happens when a pull request was merged or closed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(default)]
pub struct AfterPolicy {
    /// Whether its branch is deleted.
    pub delete_branch: DeleteBranch,
    /// Its issue is closed when it was merged, also where the forge does not do
    /// it (a merge into another than the default branch).
    pub close_issue: bool,
}

/// When a branch of ours is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum DeleteBranch {
    /// Never.
    Never,
    /// When its work was merged.
    #[default]
    Merged,
    /// When its pull request was merged or closed.
    Ended,
}

/// What a run has to know to make its commits and push them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Outgoing {
    /// Whom its commits are by; none: the product.
    pub identity: Option<CommitIdentity>,
    /// Trailers besides `Pilothouse-Task`.
    pub trailers: Vec<String>,
    /// What becomes of its commits.
    pub commits: Commits,
    /// Where they are pushed.
    pub push: PushWay,
    /// Number of the pull request that shows what an earlier run pushed.
    pub pull_request: Option<u64>,
    /// The run only puts what was pushed on top of the base branch, if that is
    /// clean, and pushes it; no agent is started.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub rebase: bool,
    /// What they are signed with. Travels to the runner inside the assignment
    /// and is never written to its disk but for the time of a signature.
    pub signing_key: Option<SigningKey>,
}

/// An SSH key that commits are signed with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SigningKey {
    /// Name of its secret.
    pub name: String,
    /// In OpenSSH's own format, without a passphrase.
    #[serde(with = "secret::in_clear")]
    pub key: Secret,
}

/// Something said about a pull request that an agent may be told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct FollowUp {
    /// The same for the same thing, however often it is seen.
    pub id: String,
    /// What it is.
    pub kind: FollowUpKind,
    /// Who says so: a login, or the CI.
    pub from: String,
    /// One line, for lists.
    pub summary: String,
    /// What the agent is told; what people wrote is fenced in it.
    pub text: String,
    /// Its page; empty where there is none.
    #[serde(default)]
    pub url: String,
}

/// What a [`FollowUp`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum FollowUpKind {
    /// Somebody commented.
    Comment,
    /// Changes are requested.
    ChangesRequested,
    /// Checks have failed.
    ChecksFailed,
    /// It cannot be merged any more.
    Conflict,
    /// A kind this build does not know yet.
    #[serde(other)]
    Unknown,
}

/// A run of the CI that waits for a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct HeldRun {
    /// What waits.
    pub name: String,
    /// The page where a person can let it run.
    #[serde(default)]
    pub page: Option<String>,
}
