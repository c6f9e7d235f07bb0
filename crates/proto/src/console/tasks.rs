//! Filing, steering, grouping and reviewing tasks.

use crate::code::Problem;
use crate::ids::{GroupId, RunId, RunnerId, TaskId};
use crate::inbox::InboxItem;
use crate::run::Run;
use crate::task::{Attachment, ChildSeen, Limits, Mode, OnTimeout, ReviewPass, Task};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// A task to file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(optional_fields = nullable)]
pub struct NewTask {
    /// Chosen by the console, so that a repeated request files one task.
    #[serde(default)]
    pub id: Option<TaskId>,
    /// Project.
    pub project: String,
    /// What to do (Markdown, at most [`NewTask::MAX_PROMPT`] bytes).
    pub prompt: String,
    /// For lists; none: the prompt's first line.
    #[serde(default)]
    pub title: Option<String>,
    /// None: the project's.
    #[serde(default)]
    pub base: Option<String>,
    /// None: the project's.
    #[serde(default)]
    pub agent: Option<String>,
    /// None: the agent's default.
    #[serde(default)]
    pub model: Option<String>,
    /// How much the agent may do by itself; none: as the profile says.
    #[serde(default)]
    pub mode: Option<Mode>,
    /// What happens when nobody answers.
    #[serde(default)]
    pub on_timeout: OnTimeout,
    /// Bounds of each run; none: as the profile says.
    #[serde(default)]
    pub limits: Option<Limits>,
    /// Issue that the pull request closes.
    #[serde(default)]
    pub issue: Option<u64>,
    /// Files for the agent, kept before with `attachment_new`; at most 20.
    #[serde(default)]
    pub attachments: Vec<Attachment>,
    /// The work is shown to a person before it is published.
    #[serde(default)]
    pub hold: bool,
    /// Only on this runner; none: any that has the agent.
    #[serde(default)]
    pub runner: Option<RunnerId>,
    /// Best of N: tasks of one group do the same, and one of them is kept.
    /// They are held until then.
    #[serde(default)]
    pub group: Option<GroupId>,
    /// Name of a profile; what it says counts where nothing else is said here.
    /// None: the project's.
    #[serde(default)]
    pub profile: Option<String>,
    /// Name of the model provider; none: the profile's, or the first that fits.
    #[serde(default)]
    pub provider: Option<String>,
    /// A second agent looks at the work; none: as the project says.
    #[serde(default)]
    pub review: Option<ReviewPass>,
    /// Claude Remote Control; none: as the project says.
    #[serde(default)]
    pub remote_control: Option<bool>,
}

impl NewTask {
    /// As long as an issue of 5 MB is refused and any real ticket fits.
    pub const MAX_PROMPT: usize = 1024 * 1024;
}

/// Tasks to file, all or none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(optional_fields = nullable)]
pub struct NewTasks {
    /// At most 1000.
    pub tasks: Vec<NewTask>,
    /// They belong together.
    #[serde(default)]
    pub batch: Option<NewBatch>,
}

/// Which tasks to list.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(default)]
#[ts(optional_fields = nullable)]
pub struct TaskQuery {
    /// Only of this project.
    pub project: Option<String>,
    /// Only in this state (`queued`, `needs_you`, …).
    pub state: Option<String>,
    /// At most this many; none: 1000.
    pub limit: Option<u32>,
    /// Only those filed before this one, for the next page.
    pub before: Option<TaskId>,
    /// Only those that this task's agent filed.
    pub parent: Option<TaskId>,
}

/// A task by id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct OneTask {
    /// Which.
    pub task: TaskId,
}

/// A task with its runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct TaskDetail {
    /// The task.
    #[serde(flatten)]
    pub task: Task,
    /// Its runs, oldest first.
    pub runs: Vec<Run>,
    /// What it waits for.
    pub inbox: Vec<InboxItem>,
    /// The tasks below it, each after its parent, oldest first.
    #[serde(default)]
    pub children: Vec<ChildSeen>,
    /// What was said to its agent and not told it yet, oldest first.
    #[serde(default)]
    pub said: Vec<Said>,
}

/// What was said to an agent that it has not heard yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(optional_fields = nullable)]
pub struct Said {
    /// Names it to [`Unsay`].
    pub word: String,
    /// What.
    pub text: String,
    /// Since when it waits, where that is known.
    #[serde(default)]
    pub at: Option<Timestamp>,
    /// It was to be told in the middle of the turn.
    #[serde(default)]
    pub now: bool,
    /// What it waits for.
    pub waits: SaidWaits,
}

/// What something that was said waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum SaidWaits {
    /// The end of the turn; the run has it, or is being sent it.
    Turn,
    /// The next run: the agent of the last did not hear it any more, or there
    /// is none at work.
    Run,
    /// Something this build does not know yet.
    #[serde(other)]
    Unknown,
}

/// What to take back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Unsay {
    /// Of which task.
    pub task: TaskId,
    /// Which, as [`Said::word`] names it.
    pub word: String,
}

/// A task to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(optional_fields = nullable)]
pub struct Stop {
    /// Which.
    pub task: TaskId,
    /// The tasks below it go on; without this they are stopped as well.
    #[serde(default)]
    pub keep_children: Option<bool>,
}

/// What to tell an agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Say {
    /// Of which task.
    pub task: TaskId,
    /// What.
    pub text: String,
    /// In the middle of its turn; an agent that cannot hear then is told when
    /// the turn is over.
    #[serde(default)]
    #[ts(optional, as = "Option<bool>")]
    pub now: bool,
}

/// How to go on with a task whose run has ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(optional_fields = nullable)]
pub struct Resume {
    /// Which.
    pub task: TaskId,
    /// What to tell the agent; none: to go on where it was.
    #[serde(default)]
    pub text: Option<String>,
}

/// Where to begin again: at the end of a turn of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(optional_fields = nullable)]
pub struct RetryFrom {
    /// Which task.
    pub task: TaskId,
    /// After which turn; 0: where the run began.
    pub turn: u32,
    /// Of which run; none: the latest that has a checkpoint.
    #[serde(default)]
    pub run: Option<RunId>,
    /// What the agent is told instead of what the next turn said; none: the
    /// same once more.
    #[serde(default)]
    pub prompt: Option<String>,
}

/// What tasks that are filed together share.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(optional_fields = nullable)]
pub struct NewBatch {
    /// For lists.
    #[serde(default)]
    pub name: String,
    /// At most this many of them at work at once; none: as many as there are workers.
    #[serde(default)]
    pub at_most: Option<u32>,
}

/// Who is to do a task from now on; what is not named stays, but another agent
/// comes with its own default model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(optional_fields = nullable)]
pub struct Reassign {
    /// Which.
    pub task: TaskId,
    /// Only on this runner.
    #[serde(default)]
    pub runner: Option<RunnerId>,
    /// By this agent.
    #[serde(default)]
    pub agent: Option<String>,
    /// With this model.
    #[serde(default)]
    pub model: Option<String>,
}

/// Comments on a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(optional_fields = nullable)]
pub struct SendReview {
    /// Of which task.
    pub task: TaskId,
    /// At most 200.
    pub notes: Vec<ReviewNote>,
    /// About the whole.
    #[serde(default)]
    pub text: Option<String>,
}

/// A comment on lines of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(optional_fields = nullable)]
pub struct ReviewNote {
    /// Which file, as its path is now.
    pub path: String,
    /// The lines are those of the base, not of the workspace.
    #[serde(default)]
    pub old_side: bool,
    /// First line, from 1; none: about the whole file.
    #[serde(default)]
    pub first_line: Option<u64>,
    /// Last line; none: the first.
    #[serde(default)]
    pub last_line: Option<u64>,
    /// The lines themselves, so that the agent finds them when they have moved.
    #[serde(default)]
    pub quote: String,
    /// The comment (Markdown).
    pub text: String,
}

/// A comment that was sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ReviewNoteSent {
    /// The comment.
    #[serde(flatten)]
    pub note: ReviewNote,
    /// On the change of which run.
    #[serde(default)]
    pub run: Option<RunId>,
    /// Who said it.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

/// A file to keep.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct NewAttachment {
    /// Its name, without a path.
    pub name: String,
    /// `image/png`, `image/jpeg`, `image/gif`, `image/webp` or `text/plain`.
    pub media_type: String,
    /// Its bytes, at most [`NewAttachment::MAX_BYTES`], in base64 (RFC 4648, section 4).
    pub base64: String,
}

impl NewAttachment {
    /// What model vendors take of an image, with a margin.
    pub const MAX_BYTES: usize = 10 * 1024 * 1024;
}

/// Links of issues.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct IssueLinks {
    /// At most 100.
    pub links: Vec<String>,
}

/// An issue, or why there is none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct IssueFound {
    /// As it was asked for.
    pub link: String,
    /// Project whose repository it belongs to.
    #[serde(default)]
    pub project: Option<String>,
    /// Its number.
    #[serde(default)]
    pub number: Option<u64>,
    /// Its title.
    #[serde(default)]
    pub title: String,
    /// Its text (Markdown): of whoever may write issues there, so not to be trusted.
    #[serde(default)]
    pub body: String,
    /// Why it could not be read.
    #[serde(default)]
    pub problem: Option<Problem>,
}
