//! Who we are to a forge, what it can do, and how it is set up.

/// Who we are to a forge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The token's owner.
    pub login: String,
    /// The forge's version, as it says it; empty for GitHub's own.
    pub version: String,
    /// What the token may do, in the forge's words; none where it does not tell.
    pub scopes: Option<Vec<String>>,
}

/// What a forge can do by its API, read off its version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Capabilities {
    /// Runs of its CI can be listed, with those that wait for a person.
    pub lists_runs: bool,
    /// A run that waits can be let go.
    pub releases_runs: bool,
    /// The log of a job can be read.
    pub reads_logs: bool,
    /// A conversation can be resolved.
    pub resolves: bool,
    /// Pull requests can be made by a push for review.
    pub pushes_for_review: bool,
    /// It says when it is asked too much.
    pub tells_limits: bool,
}

/// A repository as the token's owner sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepositorySeen {
    /// `owner/name` as it is now: another than was asked for, if it was renamed.
    pub full_name: String,
    /// Its default branch.
    pub default_branch: String,
    /// We may push to it.
    pub may_push: bool,
    /// It is archived: nothing in it can change.
    pub archived: bool,
    /// Only those who were let in see it.
    pub private: bool,
}

/// A branch and its tip.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Branch {
    /// Its name.
    pub name: String,
    /// The commit.
    pub commit: String,
}

/// Whether something was done, or a person has to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Done {
    /// It is done.
    Yes,
    /// The forge has no call for it: on this page a person can.
    ByHand(String),
}

/// A webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hook {
    /// Its id at the forge.
    pub id: u64,
    /// Where it posts to.
    pub url: String,
    /// It is in use.
    pub active: bool,
}

/// How much a piece of advice weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// It is as it should be.
    Fine,
    /// It could be better.
    Advised,
    /// An agent could do harm.
    Needed,
}

/// What a setting of a repository should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advice {
    /// One word for programs: `branch_protection`.
    pub name: &'static str,
    /// How much it weighs.
    pub weight: Weight,
    /// What is so, in a sentence.
    pub found: String,
    /// What to change; empty where nothing is.
    pub mend: String,
    /// Page where it is changed.
    pub page: Option<String>,
}
