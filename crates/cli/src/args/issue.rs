//! The words of `pilot issue`, and what makes issues tasks by itself.

use super::task::ModeName;
use clap::{Args, Subcommand};
use pilot_proto::intake::{IntakePolicy, IssueTask};

#[derive(Debug, Subcommand)]
pub(crate) enum Issue {
    /// List a project's issues and the tasks made of them
    List {
        /// The project
        project: String,
        #[command(flatten)]
        filter: IssueFilter,
    },
    /// Make tasks of issues
    ///
    /// They are noted at once and read one after the other; an issue that has a
    /// task under way gets no second one. Killing the hub meanwhile loses none.
    File(IssueFile),
    /// List issues that are on their way to becoming tasks, and those that came
    /// to nothing
    Waiting,
    /// Take an issue off that way
    Forget {
        /// Its key, as `pilot issue waiting` shows it
        key: String,
    },
}

#[derive(Debug, Clone, Default, Args)]
pub(crate) struct IssueFilter {
    /// With this label; repeatable, an issue has all of them
    #[arg(long, value_name = "LABEL")]
    pub(crate) label: Vec<String>,
    /// Of this milestone
    #[arg(long, value_name = "TITLE")]
    pub(crate) milestone: Option<String>,
    /// Assigned to this person
    #[arg(long, value_name = "LOGIN")]
    pub(crate) assignee: Option<String>,
    /// With this text
    #[arg(long, value_name = "TEXT")]
    pub(crate) search: Option<String>,
    /// Closed ones, too
    #[arg(long)]
    pub(crate) all: bool,
    /// At most this many
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) limit: Option<u32>,
}

impl IssueFilter {
    pub(crate) fn is_empty(&self) -> bool {
        let words = [&self.milestone, &self.assignee, &self.search];
        self.label.is_empty() && words.iter().all(|word| word.is_none()) && !self.all
    }
}

#[derive(Debug, Args)]
pub(crate) struct IssueFile {
    /// The project
    pub(crate) project: String,
    /// Numbers of issues; without them, those that the filter finds
    pub(crate) numbers: Vec<u64>,
    #[command(flatten)]
    pub(crate) filter: IssueFilter,
    /// Also those that have a task under way
    #[arg(long)]
    pub(crate) again: bool,
    /// At most this many of them at work at once
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) at_most: Option<u32>,
    #[command(flatten)]
    pub(crate) how: IssueHow,
    /// Do not wait until they are read and filed
    #[arg(long)]
    pub(crate) no_wait: bool,
}

/// How a task that is made of an issue is done.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct IssueHow {
    #[command(flatten)]
    pub(crate) how: TaskHow,
    /// What the agent is told besides the issue
    #[arg(long, value_name = "TEXT")]
    pub(crate) text: Option<String>,
}

/// How a task is done that nobody files by hand.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct TaskHow {
    /// Agent; without it, the project's
    #[arg(long, value_name = "AGENT")]
    pub(crate) agent: Option<String>,
    /// Model; without it, the agent's default
    #[arg(long, value_name = "MODEL")]
    pub(crate) model: Option<String>,
    /// How much the agent may do by itself
    #[arg(long, value_enum)]
    pub(crate) mode: Option<ModeName>,
    /// Profile; without it, the project's
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: Option<String>,
    /// Show the work to a person before it is published
    #[arg(long)]
    pub(crate) hold: bool,
}

impl From<IssueHow> for IssueTask {
    fn from(words: IssueHow) -> Self {
        let IssueHow { how, text } = words;
        let TaskHow { agent, model, mode, profile, hold } = how;
        Self { agent, model, mode: mode.map(Into::into), profile, hold, text }
    }
}

#[derive(Debug, Args)]
pub(crate) struct ProjectTrigger {
    /// The project's name; alone, it shows what is set
    pub(crate) name: String,
    /// An issue that is given this label becomes a task, or `none`
    #[arg(long, value_name = "LABEL")]
    pub(crate) label: Option<String>,
    /// So does one where somebody who may write comments `/pilot fix …`: yes, or no
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    pub(crate) comments: Option<bool>,
    /// The forge tells the hub, by a webhook that is registered there; of pull
    /// requests as well
    #[arg(long, conflicts_with_all = ["poll", "every"])]
    pub(crate) webhook: bool,
    /// The hub asks the forge
    #[arg(long)]
    pub(crate) poll: bool,
    /// Seconds between two looks
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(i64::from(IntakePolicy::MIN_POLL_SECS)..))]
    pub(crate) every: Option<u32>,
    /// Label that an issue has while its task is under way, or `none`
    #[arg(long, value_name = "LABEL")]
    pub(crate) status_label: Option<String>,
    /// One comment on the issue says where its task stands: yes, or no
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    pub(crate) status_comment: Option<bool>,
    #[command(flatten)]
    pub(crate) how: IssueHow,
    /// Nothing starts by itself any more; the webhook is removed
    #[arg(long, conflicts_with_all = ["label", "comments", "webhook", "poll", "every"])]
    pub(crate) off: bool,
}
