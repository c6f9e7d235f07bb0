//! Tasks: what a person asked for, and where it stands.

mod checks;
mod child;

pub use checks::{CheckSeen, Checks, ChecksState};
pub use child::{ChildSeen, NewChild};

use crate::code::Problem;
use crate::ids::{BatchId, BlobId, GroupId, InboxId, RunId, RunnerId, TaskId};
use crate::inbox::Need;
use crate::run::{Phase, Usage};
use crate::screen::ScreenDriver;
use crate::snapshot::DiffSize;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// How much an agent may do by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Never asks for a permission.
    #[default]
    Auto,
    /// Questions and permissions go to the inbox.
    Ask,
    /// The plan is approved by a person before anything is changed.
    Plan,
}

/// What happens when nobody answers in time. The decision is journalled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum OnTimeout {
    /// The agent is told that nobody answered and goes on by itself.
    #[default]
    Proceed,
    /// It keeps waiting, without a deadline.
    Pause,
    /// The run is stopped and the task fails as unanswered.
    Cancel,
}

/// Bounds of one run. Every wait of a run has one of these as its deadline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(default)]
pub struct Limits {
    /// Seconds from the start of the agent to its end, waits for people left out.
    pub agent_secs: u64,
    /// Seconds that all setup steps together may take.
    pub setup_secs: u64,
    /// Seconds a person has to answer before `on_timeout` decides.
    pub answer_secs: u64,
    /// Seconds without a sign of the agent after which a run is called stalled.
    pub stall_secs: u64,
    /// Seconds that a run may wait in all for its provider's usage limits to
    /// end. A limit that ends later ends the run.
    pub quota_secs: u64,
    /// What the task's calls to models may cost, in millionths of a US dollar;
    /// none: as much as it takes.
    pub budget_micros: Option<u64>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            // A working day: an agent that needs longer has lost its way.
            agent_secs: 8 * 3600,
            // A cold build of a large workspace.
            setup_secs: 3600,
            // Lunch. Over it the agent goes on by itself.
            answer_secs: 3600,
            // Longer than a model thinks, shorter than patience.
            stall_secs: 180,
            // The longest of the usual windows is five hours; one that ends in
            // days should not hold a place on a runner.
            quota_secs: 6 * 3600,
            budget_micros: None,
        }
    }
}

/// A pull request on a forge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct PullRequest {
    /// Its number in the repository.
    pub number: u64,
    /// Its page.
    pub url: String,
    /// The commit it showed when we last looked.
    pub head: String,
    /// What the forge's checks of that commit said when we last looked; none
    /// where there are none, or nobody has looked yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checks: Option<Checks>,
}

/// A file that an agent is given with a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Attachment {
    /// Its name, without a path.
    pub name: String,
    /// Its media type.
    pub media_type: String,
    /// Where its bytes are kept.
    pub blob: BlobId,
    /// How many there are.
    pub size: u64,
}

/// What tasks that were filed together share.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Batch {
    /// Its id.
    pub id: BatchId,
    /// For lists.
    #[serde(default)]
    pub name: String,
    /// At most this many of them at work at once.
    #[serde(default)]
    pub at_most: Option<u32>,
}

/// A second agent that looks at the work of the first before it is published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(optional_fields = nullable)]
pub struct ReviewPass {
    /// Which agent.
    pub agent: String,
    /// Which model; none: that agent's default.
    #[serde(default)]
    pub model: Option<String>,
    /// How often its findings go back to the first agent at most: 1 to
    /// [`ReviewPass::MAX_ROUNDS`].
    pub rounds: u32,
}

impl ReviewPass {
    /// Two agents that have not agreed by then will not.
    pub const MAX_ROUNDS: u32 = 5;
}

/// What a task's agent may file by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(default)]
pub struct ChildBounds {
    /// How many tasks one task may file, its children's tasks counted in;
    /// 0: none.
    pub tasks: u32,
    /// How deep the tree may grow below a task that a person filed; 0: not.
    pub depth: u32,
    /// What all children together may spend on models, in millionths of a US
    /// dollar; none: each has its own limits only.
    pub budget_micros: Option<u64>,
}

impl ChildBounds {
    /// More than anybody reads the results of.
    pub const MAX_TASKS: u32 = 100;
    /// A tree that is deeper is a loop.
    pub const MAX_DEPTH: u32 = 5;
}

/// Where a task stands. The ends are the variants of [`TaskState::is_end`].
///
/// It stands among [`Task`]'s own fields on the wire, so no field of a variant
/// may be spelt there like one of the task's: a reader would find it twice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum TaskState {
    /// Waits for a runner.
    Queued,
    /// Given to a runner that has not begun yet.
    Leased {
        /// Which runner.
        runner: RunnerId,
    },
    /// A run is under way.
    Working {
        /// What it is doing.
        phase: Phase,
    },
    /// A run waits for a person.
    NeedsYou {
        /// For what.
        need: Need,
        /// Where to answer.
        item: InboxId,
    },
    /// The work is done and held: a person looks before it is published. Its
    /// run waits with it.
    Ready,
    /// The branch is pushed; the pull request is being made and read back.
    Publishing,
    /// The pull request is open.
    InReview {
        /// The pull request.
        #[serde(rename = "state_pull_request")]
        pull_request: PullRequest,
    },
    /// The pull request was merged.
    Merged {
        /// The pull request.
        #[serde(rename = "state_pull_request")]
        pull_request: PullRequest,
    },
    /// The pull request was closed without a merge.
    Closed {
        /// The pull request.
        #[serde(rename = "state_pull_request")]
        pull_request: PullRequest,
    },
    /// The branch was pushed to a remote without a forge.
    Published {
        /// Branch in the remote.
        #[serde(rename = "published_branch")]
        branch: String,
        /// Its commit.
        commit: String,
    },
    /// The agent ended and changed nothing. An end of its own, never success.
    NoChange,
    /// It did not work out.
    Failed {
        /// Why, and what to do.
        problem: Problem,
    },
    /// A person stopped it.
    Cancelled,
}

impl TaskState {
    /// Every name that [`TaskState::name`] gives, in the order of a task's way.
    pub const NAMES: &[&str] = &[
        "queued",
        "leased",
        "working",
        "needs_you",
        "ready",
        "publishing",
        "in_review",
        "merged",
        "closed",
        "published",
        "no_change",
        "failed",
        "cancelled",
    ];

    /// True where nothing more happens by itself. `InReview` is not an end.
    pub fn is_end(&self) -> bool {
        match self {
            Self::Merged { .. }
            | Self::Closed { .. }
            | Self::Published { .. }
            | Self::NoChange
            | Self::Failed { .. }
            | Self::Cancelled => true,
            Self::Queued
            | Self::Leased { .. }
            | Self::Working { .. }
            | Self::NeedsYou { .. }
            | Self::Ready
            | Self::Publishing
            | Self::InReview { .. } => false,
        }
    }

    /// The state's name as the wire and the `--json` output spell it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Leased { .. } => "leased",
            Self::Working { .. } => "working",
            Self::NeedsYou { .. } => "needs_you",
            Self::Ready => "ready",
            Self::Publishing => "publishing",
            Self::InReview { .. } => "in_review",
            Self::Merged { .. } => "merged",
            Self::Closed { .. } => "closed",
            Self::Published { .. } => "published",
            Self::NoChange => "no_change",
            Self::Failed { .. } => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// A task as everybody sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Task {
    /// Its id.
    pub id: TaskId,
    /// First line of the prompt, or what the person said; for lists and pull requests.
    pub title: String,
    /// What the agent is asked to do (Markdown).
    pub prompt: String,
    /// Project it belongs to.
    pub project: String,
    /// Branch it starts from; none: the project's.
    #[serde(default)]
    pub base: Option<String>,
    /// Which agent does it.
    pub agent: String,
    /// Which model; none: the agent's default.
    #[serde(default)]
    pub model: Option<String>,
    /// How much the agent may do by itself.
    pub mode: Mode,
    /// What happens when nobody answers.
    pub on_timeout: OnTimeout,
    /// Bounds of each run.
    #[serde(default)]
    pub limits: Limits,
    /// Issue of the project's forge that this task closes.
    #[serde(default)]
    pub issue: Option<u64>,
    /// Branch that its work is pushed to.
    pub branch: String,
    /// Commit of the base branch that its latest run began from. Tasks of one
    /// group all begin from the same.
    #[serde(default)]
    pub base_commit: Option<String>,
    /// Where it stands.
    #[serde(flatten)]
    pub state: TaskState,
    /// Since when it stands there.
    pub since: Timestamp,
    /// In a person's words, why: `runner offline`, `agent is thinking`, ….
    #[serde(default)]
    pub reason: String,
    /// When it was filed.
    pub created_at: Timestamp,
    /// Latest run, if there was one.
    #[serde(default)]
    pub run: Option<RunId>,
    /// How many runs there were.
    #[serde(default)]
    pub attempts: u32,
    /// The fencing token of the latest lease; grows with every lease.
    #[serde(default)]
    pub fence: u64,
    /// Size of its change so far.
    #[serde(default)]
    pub diff: DiffSize,
    /// What it used so far, over all runs.
    #[serde(default)]
    pub usage: Usage,
    /// The pull request, once there is one.
    #[serde(default)]
    pub pull_request: Option<PullRequest>,
    /// The last commit that we pushed to `branch`.
    #[serde(default)]
    pub pushed: Option<String>,
    /// What a reviewer must know although work was published: denied
    /// permissions, automatic decisions.
    #[serde(default)]
    pub reservations: Vec<String>,
    /// Files for the agent.
    #[serde(default)]
    pub attachments: Vec<Attachment>,
    /// The work is shown to a person before it is published.
    #[serde(default)]
    pub hold: bool,
    /// Only on this runner.
    #[serde(default)]
    pub only_runner: Option<RunnerId>,
    /// Best of N: tasks of one group do the same, and one of them is kept.
    #[serde(default)]
    pub group: Option<GroupId>,
    /// It was filed together with others.
    #[serde(default)]
    pub batch: Option<Batch>,
    /// It has ended, and a person has seen that.
    #[serde(default)]
    pub dismissed: bool,
    /// Name of the profile it was filed with; what that said stands in the
    /// other fields.
    #[serde(default)]
    pub profile: Option<String>,
    /// Name of the model provider its agent uses; none: the first that fits.
    #[serde(default)]
    pub provider: Option<String>,
    /// The task whose agent filed it.
    #[serde(default)]
    pub parent: Option<TaskId>,
    /// Name that the schedule had which filed it.
    #[serde(default)]
    pub schedule: Option<String>,
    /// A second agent looks at the work before it is published.
    #[serde(default)]
    pub review: Option<ReviewPass>,
    /// The agent's vendor may show and steer its session from afar (Claude
    /// Remote Control).
    #[serde(default)]
    pub remote_control: bool,
    /// Where the session at work is driven from afar.
    #[serde(default)]
    pub remote_link: Option<String>,
    /// Who drives the screen of the run at work; none: nobody.
    #[serde(default)]
    pub driver: Option<ScreenDriver>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::code::Code;
    use uuid::Uuid;

    #[test]
    fn a_task_in_any_state_survives_the_wire() {
        let id = Uuid::from_u128(1);
        let pull_request =
            PullRequest { number: 1, url: "u".into(), head: "h".into(), checks: None };
        let states = [
            TaskState::Queued,
            TaskState::Leased { runner: RunnerId(id) },
            TaskState::Working { phase: Phase::Cloning },
            TaskState::NeedsYou { need: Need::Plan, item: InboxId(id) },
            TaskState::Ready,
            TaskState::Publishing,
            TaskState::InReview { pull_request: pull_request.clone() },
            TaskState::Merged { pull_request: pull_request.clone() },
            TaskState::Closed { pull_request: pull_request.clone() },
            TaskState::Published { branch: "b".into(), commit: "c".into() },
            TaskState::NoChange,
            TaskState::Failed { problem: Problem::new(Code::Internal, "m") },
            TaskState::Cancelled,
        ];
        let names: Vec<_> = states.iter().map(TaskState::name).collect();
        assert_eq!(names, TaskState::NAMES, "the list of names is that of the states");
        for state in states {
            let task = Task {
                id: TaskId(id),
                title: "t".into(),
                prompt: "p".into(),
                project: "demo".into(),
                base: None,
                agent: "a".into(),
                model: None,
                mode: Mode::Auto,
                on_timeout: OnTimeout::Proceed,
                limits: Limits::default(),
                issue: Some(1),
                branch: "its own".into(),
                base_commit: None,
                state,
                since: Timestamp(1),
                reason: "r".into(),
                created_at: Timestamp(1),
                run: Some(RunId(id)),
                attempts: 1,
                fence: 1,
                diff: DiffSize::default(),
                usage: Usage::default(),
                pull_request: Some(pull_request.clone()),
                pushed: Some("c".into()),
                reservations: vec![],
                attachments: vec![],
                hold: true,
                only_runner: Some(RunnerId(id)),
                group: Some(GroupId(id)),
                batch: Some(Batch { id: BatchId(id), name: String::new(), at_most: Some(2) }),
                dismissed: true,
                profile: Some("p".into()),
                provider: Some("anthropic".into()),
                parent: Some(TaskId(id)),
                schedule: None,
                review: Some(ReviewPass { agent: "codex".into(), model: None, rounds: 2 }),
                remote_control: true,
                remote_link: Some("https://claude.ai/code/session_1".into()),
                driver: Some(ScreenDriver { who: Some("ada".into()), since: Timestamp(4) }),
            };
            let text = serde_json::to_string(&task).expect("serialises");
            let back: Task = serde_json::from_str(&text).expect("nothing is spelt twice");
            assert_eq!(back, task, "{text}");
        }
    }
}
