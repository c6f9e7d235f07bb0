//! The words of `pilot project pull-requests`.

use clap::{Args, ValueEnum};
use pilot_proto::pull_request::{CiHold, CommitIdentity, Commits, DeleteBranch, FeedbackMode};
use std::path::PathBuf;

#[derive(Debug, Args)]
#[command(after_help = PLACES)]
pub(crate) struct ProjectPullRequests {
    /// The project's name
    pub(crate) name: String,
    /// The text's template, from a file; `none`: the product's own
    #[arg(long, value_name = "FILE")]
    pub(crate) template: Option<PathBuf>,
    /// Make them as drafts
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    pub(crate) draft: Option<bool>,
    /// Who is asked for a review; repeatable, `none`: nobody
    #[arg(long, value_name = "LOGIN")]
    pub(crate) reviewer: Vec<String>,
    /// A label they get, which has to be there; repeatable, `none`: none
    #[arg(long, value_name = "LABEL")]
    pub(crate) label: Vec<String>,
    /// Whom they are assigned to; repeatable, `none`: nobody
    #[arg(long, value_name = "LOGIN")]
    pub(crate) assignee: Vec<String>,
    /// Name of a task's branch, or `none`: pilot/{slug}-{id}
    #[arg(long, value_name = "TEMPLATE")]
    pub(crate) branch: Option<String>,
    /// Whom our commits are by, or `none`: the product
    #[arg(long, value_name = "NAME <EMAIL>")]
    pub(crate) identity: Option<Identity>,
    /// A trailer of our commits besides Pilothouse-Task; repeatable, `none`: none
    #[arg(long, value_name = "NAME: VALUE")]
    pub(crate) trailer: Vec<String>,
    /// What becomes of a run's commits
    #[arg(long, value_enum)]
    pub(crate) commits: Option<CommitsName>,
    /// Where the work is pushed: `branch`, `agit`, or the clone URL of a fork
    #[arg(long, value_name = "WAY")]
    pub(crate) push: Option<String>,
    /// Secret with the SSH key that our commits are signed with, or `none`
    #[arg(long, value_name = "SECRET")]
    pub(crate) signing_key: Option<String>,
    /// What keeps the CI from running an agent's work unseen
    #[arg(long, value_enum)]
    pub(crate) hold: Option<HoldName>,
    /// Who decides whether the agent is told what is said
    #[arg(long, value_enum)]
    pub(crate) feedback: Option<FeedbackName>,
    /// How many turns in a row begin by themselves
    #[arg(long, value_name = "N")]
    pub(crate) turns: Option<u32>,
    /// Whose words may begin a turn by themselves; repeatable, `none`: everybody's
    #[arg(long, value_name = "LOGIN")]
    pub(crate) feedback_from: Vec<String>,
    /// When the branch is deleted
    #[arg(long, value_enum)]
    pub(crate) delete_branch: Option<DeleteName>,
    /// Close the issue after a merge, also where the forge does not
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    pub(crate) close_issue: Option<bool>,
}

const PLACES: &str = "A template has places, filled in when a pull request is made:
  {summary}  what the agent says it did    {tests}  tests it ran, with their outcome
  {risks}    what a reviewer must know     {ran}    agent, model and setup steps
  {task}     link to the task              {issue}  the line that closes the issue
  {title}    the task's title
A branch has {slug}, {issue} and {id}; it needs {id}.";

/// Whom commits are by, or that it is to be the product.
#[derive(Debug, Clone)]
pub(crate) struct Identity(pub(crate) Option<CommitIdentity>);

impl std::str::FromStr for Identity {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "none" {
            return Ok(Self(None));
        }
        let (name, rest) = text.split_once('<').ok_or("it is `Name <name@example.org>`")?;
        let email = rest.trim_end().strip_suffix('>').ok_or("its address has no `>`")?;
        let (name, email) = (name.trim().to_owned(), email.trim().to_owned());
        Ok(Self(Some(CommitIdentity { name, email })))
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum CommitsName {
    /// Published as the agent made them
    Keep,
    /// One, for each run
    Squash,
}

impl From<CommitsName> for Commits {
    fn from(name: CommitsName) -> Self {
        match name {
            CommitsName::Keep => Self::Keep,
            CommitsName::Squash => Self::Squash,
        }
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum HoldName {
    /// Nothing does
    None,
    /// Nothing is pushed before a person approves the change here
    BeforePush,
    /// The forge holds its runs, and a person lets them go from here
    ByForge,
}

impl From<HoldName> for CiHold {
    fn from(name: HoldName) -> Self {
        match name {
            HoldName::None => Self::None,
            HoldName::BeforePush => Self::BeforePush,
            HoldName::ByForge => Self::ByForge,
        }
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum FeedbackName {
    /// It is not told
    Off,
    /// A person is asked in the inbox
    Ask,
    /// It is told, a bounded number of times
    Automatic,
}

impl From<FeedbackName> for FeedbackMode {
    fn from(name: FeedbackName) -> Self {
        match name {
            FeedbackName::Off => Self::Off,
            FeedbackName::Ask => Self::Ask,
            FeedbackName::Automatic => Self::Automatic,
        }
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum DeleteName {
    /// Never
    Never,
    /// When its work was merged
    Merged,
    /// When its pull request was merged or closed
    Ended,
}

impl From<DeleteName> for DeleteBranch {
    fn from(name: DeleteName) -> Self {
        match name {
            DeleteName::Never => Self::Never,
            DeleteName::Merged => Self::Merged,
            DeleteName::Ended => Self::Ended,
        }
    }
}
