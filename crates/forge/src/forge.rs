//! The one trait of all forges.
//!
//! It is the sum of its parts, one for each thing there is at a forge, so that
//! an adapter's files are about one thing each. Callers hold a `dyn Forge`,
//! which has all of them.

use crate::error::ForgeError;
use crate::http::{Budget, Pace};
use crate::model::{
    Account, Advice, Branch, Capabilities, Check, Comment, Done, Feedback, Head, Held, Hook, Issue,
    IssueFilter, Job, Merge, NewPull, PullChange, PullRequestSeen, Release, RepositorySeen,
    Subject,
};
use crate::repository::Repository;
use async_trait::async_trait;
use pilot_proto::ForgeKind;
use pilot_proto::project::GitGrant;
use std::fmt::Debug;
use url::Url;

/// Who we are, and what the forge can do.
#[async_trait]
pub trait Identity: Debug + Send + Sync {
    /// Which forge it is.
    fn kind(&self) -> ForgeKind;

    /// The address of its web interface, with its base path.
    fn address(&self) -> &Url;

    /// The scopes a token needs for everything we do.
    fn needs(&self) -> &'static [&'static str];

    /// What its last answer said about how much more may be asked; none where
    /// it says nothing.
    fn budget(&self) -> Option<Budget>;

    /// How patient we are with it.
    fn pace(&self) -> &Pace;

    /// How git logs in to repositories of this forge. Only for a URL that
    /// `Forge::repository` takes.
    fn grant(&self) -> GitGrant;

    /// Is this such a forge, is the token good, and may it do all we need?
    async fn check(&self) -> Result<Account, ForgeError>;

    /// What it can do by its API.
    async fn capabilities(&self) -> Result<Capabilities, ForgeError>;
}

/// Repositories and branches.
#[async_trait]
pub trait Repositories: Debug + Send + Sync {
    /// Looks at a repository: does it exist for us, and may we push?
    async fn look(&self, repository: &Repository) -> Result<RepositorySeen, ForgeError>;

    /// A branch; none if there is none.
    async fn branch(
        &self,
        repository: &Repository,
        name: &str,
    ) -> Result<Option<Branch>, ForgeError>;

    /// Its branches, at most `most`.
    async fn branches(
        &self,
        repository: &Repository,
        most: usize,
    ) -> Result<Vec<Branch>, ForgeError>;

    /// May this person push to the repository? A forge that does not tell us
    /// refuses the question.
    async fn may_write(&self, repository: &Repository, login: &str) -> Result<bool, ForgeError>;

    /// Deletes a branch; false if there was none.
    async fn delete_branch(&self, repository: &Repository, name: &str) -> Result<bool, ForgeError>;

    /// What the settings of a repository should be so that an agent can do no
    /// harm, and what they are.
    async fn advice(&self, repository: &Repository) -> Result<Vec<Advice>, ForgeError>;
}

/// Issues, and comments on them and on pull requests.
#[async_trait]
pub trait Issues: Debug + Send + Sync {
    /// Reads an issue.
    async fn issue(&self, repository: &Repository, number: u64) -> Result<Issue, ForgeError>;

    /// Issues that the filter admits, the latest first.
    async fn issues(
        &self,
        repository: &Repository,
        filter: &IssueFilter,
    ) -> Result<Vec<Issue>, ForgeError>;

    /// A file that an issue or comment shows, at most 16 MiB. Only from the
    /// forge's own address, which alone is shown the token; none where the link
    /// leads anywhere else: nobody makes us fetch what they like.
    async fn shown_file(
        &self,
        repository: &Repository,
        link: &Url,
    ) -> Result<Option<Vec<u8>>, ForgeError>;

    /// Comments, oldest first, at most 1,000.
    async fn comments(
        &self,
        repository: &Repository,
        on: Subject,
    ) -> Result<Vec<Comment>, ForgeError>;

    /// Comments. To comment once whatever happens, see
    /// `Forge::comment_once`.
    async fn comment(
        &self,
        repository: &Repository,
        on: Subject,
        body: &str,
    ) -> Result<Comment, ForgeError>;

    /// Writes another text into a comment of ours.
    async fn edit_comment(
        &self,
        repository: &Repository,
        on: Subject,
        id: u64,
        body: &str,
    ) -> Result<(), ForgeError>;

    /// Adds and takes away labels, by name. A label that is to be added has to
    /// be there; one that is to go may be missing.
    async fn label(
        &self,
        repository: &Repository,
        on: Subject,
        add: &[String],
        remove: &[String],
    ) -> Result<(), ForgeError>;

    /// Closes an issue or opens it again.
    async fn set_open(
        &self,
        repository: &Repository,
        number: u64,
        open: bool,
    ) -> Result<(), ForgeError>;
}

/// Pull requests.
#[async_trait]
pub trait PullRequests: Debug + Send + Sync {
    /// Open pull requests of this head into this base, or closed and merged
    /// ones (the latest first, one page).
    async fn pulls_of(
        &self,
        repository: &Repository,
        head: Head<'_>,
        base: &str,
        open: bool,
    ) -> Result<Vec<PullRequestSeen>, ForgeError>;

    /// A pull request.
    async fn pull(
        &self,
        repository: &Repository,
        number: u64,
    ) -> Result<PullRequestSeen, ForgeError>;

    /// Creates one. Never asked twice by itself: its answer may be lost.
    async fn create_pull(
        &self,
        repository: &Repository,
        new: &NewPull,
    ) -> Result<PullRequestSeen, ForgeError>;

    /// Changes one.
    async fn update_pull(
        &self,
        repository: &Repository,
        number: u64,
        change: &PullChange,
    ) -> Result<(), ForgeError>;

    /// Merges one, if it still shows `head`.
    async fn merge(
        &self,
        repository: &Repository,
        number: u64,
        head: &str,
        how: Merge,
    ) -> Result<(), ForgeError>;
}

/// The forge's CI.
#[async_trait]
pub trait Ci: Debug + Send + Sync {
    /// The checks of a commit, the latest word of each.
    async fn checks_of(
        &self,
        repository: &Repository,
        commit: &str,
    ) -> Result<Vec<Check>, ForgeError>;

    /// The jobs of the forge's own CI for what a pull request shows. Empty
    /// where the API does not tell.
    async fn jobs(
        &self,
        repository: &Repository,
        pull: &PullRequestSeen,
    ) -> Result<Vec<Job>, ForgeError>;

    /// The end of a job's log, at most 64 KiB; none where the API has it not.
    async fn log(&self, repository: &Repository, job: &Job) -> Result<Option<String>, ForgeError>;

    /// Runs for a pull request that wait for a person.
    async fn held(
        &self,
        repository: &Repository,
        pull: &PullRequestSeen,
    ) -> Result<Vec<Held>, ForgeError>;

    /// Lets the runs of a pull request go, where the forge has a call for it,
    /// and looks again: a status code alone proves nothing.
    async fn release(
        &self,
        repository: &Repository,
        pull: &PullRequestSeen,
    ) -> Result<Release, ForgeError>;
}

/// What people say about a pull request.
#[async_trait]
pub trait Reviews: Debug + Send + Sync {
    /// Comments and reviews written after `since`, oldest first.
    async fn feedback(
        &self,
        repository: &Repository,
        pull: u64,
        since: Option<&str>,
    ) -> Result<Vec<Feedback>, ForgeError>;

    /// Answers, in the same conversation where the forge has one.
    async fn reply(
        &self,
        repository: &Repository,
        pull: u64,
        to: &Feedback,
        body: &str,
    ) -> Result<(), ForgeError>;

    /// Resolves the conversation that something was said in.
    async fn resolve(
        &self,
        repository: &Repository,
        pull: u64,
        of: &Feedback,
    ) -> Result<Done, ForgeError>;
}

/// Webhooks of a repository. What they send is told by [`crate::webhook`].
#[async_trait]
pub trait Hooks: Debug + Send + Sync {
    /// All of them.
    async fn hooks(&self, repository: &Repository) -> Result<Vec<Hook>, ForgeError>;

    /// Adds one for issues, comments, pull requests, reviews and CI.
    async fn add_hook(
        &self,
        repository: &Repository,
        url: &str,
        secret: &str,
    ) -> Result<Hook, ForgeError>;

    /// Takes one away; false if there was none.
    async fn remove_hook(&self, repository: &Repository, id: u64) -> Result<bool, ForgeError>;
}

/// A forge, and our token for it.
pub trait Forge: Identity + Repositories + Issues + PullRequests + Ci + Reviews + Hooks {}

impl<F: Identity + Repositories + Issues + PullRequests + Ci + Reviews + Hooks> Forge for F {}
