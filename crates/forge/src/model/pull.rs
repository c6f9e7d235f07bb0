//! Pull requests (GitLab calls them merge requests).

use crate::repository::Repository;

/// A pull request we want to exist.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// Where.
    pub repository: Repository,
    /// Branch with the work, already pushed to the same repository.
    pub head_branch: String,
    /// The fork that the branch is in; none: the same repository.
    pub head_repository: Option<Repository>,
    /// It was pushed for review (AGit): the push made the pull request, which
    /// has no branch and is known by its commit.
    pub by_review: bool,
    /// The commit it was pushed as.
    pub head_commit: String,
    /// Branch it is to be merged into.
    pub base_branch: String,
    /// One line. Used when the pull request is made; later it is people's.
    pub title: String,
    /// Markdown, e.g. of [`crate::Body`]. Kept between marks, so that it can be
    /// renewed without touching what people wrote around it.
    pub body: String,
    /// Made as a draft. Whether it still is one later is people's.
    pub draft: bool,
    /// Labels, by name, given when it is made. They have to be there.
    pub labels: Vec<String>,
    /// Logins of whom it is assigned to when it is made.
    pub assignees: Vec<String>,
    /// Logins of who is asked for a review when it is made.
    pub reviewers: Vec<String>,
}

impl Wanted {
    /// The same without the labels and people that `pull` has already.
    pub(crate) fn without_what_is_said(&self, pull: &PullRequestSeen) -> Self {
        let missing = |wanted: &[String], there: &[String]| {
            let known = |one: &&String| !there.iter().any(|other| other.eq_ignore_ascii_case(one));
            wanted.iter().filter(known).cloned().collect()
        };
        Self {
            labels: missing(&self.labels, &pull.labels),
            assignees: missing(&self.assignees, &pull.assignees),
            reviewers: missing(&self.reviewers, &pull.reviewers),
            ..self.clone()
        }
    }
}

/// What a pull request is known by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Head<'a> {
    /// A branch of the same repository.
    Branch(&'a str),
    /// A branch of a fork.
    Fork {
        /// Whose.
        owner: &'a str,
        /// Which.
        branch: &'a str,
    },
    /// A push for review has no branch: the commit that it shows.
    Commit(&'a str),
}

impl Wanted {
    /// What it is known by.
    pub(crate) fn head(&self) -> Head<'_> {
        match &self.head_repository {
            _ if self.by_review => Head::Commit(&self.head_commit),
            Some(fork) => Head::Fork { owner: &fork.owner, branch: &self.head_branch },
            None => Head::Branch(&self.head_branch),
        }
    }
}

/// A pull request to create.
#[derive(Debug, Clone, Default)]
pub struct NewPull {
    /// One line.
    pub title: String,
    /// Markdown.
    pub body: String,
    /// Branch it comes from.
    pub head: String,
    /// Where that branch is, if not in the same repository.
    pub head_repository: Option<Repository>,
    /// Branch it goes to.
    pub base: String,
    /// As a draft.
    pub draft: bool,
}

/// What is to change about a pull request; what is none stays.
#[derive(Debug, Clone, Default)]
pub struct PullChange {
    /// Its title, without a mark of a draft.
    pub title: Option<String>,
    /// Its text.
    pub body: Option<String>,
    /// Open it again, or close it.
    pub open: Option<bool>,
    /// Labels to add, by name.
    pub labels: Vec<String>,
    /// Logins to assign it to, besides those it has.
    pub assignees: Vec<String>,
    /// Logins to ask for a review, besides those who were asked.
    pub reviewers: Vec<String>,
}

impl PullChange {
    /// True if nothing is to change.
    pub fn is_empty(&self) -> bool {
        self.title.is_none()
            && self.body.is_none()
            && self.open.is_none()
            && self.labels.is_empty()
            && self.assignees.is_empty()
            && self.reviewers.is_empty()
    }
}

/// Where a pull request stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Standing {
    /// Open.
    #[default]
    Open,
    /// Merged.
    Merged,
    /// Closed without a merge.
    Closed,
}

/// A pull request as the forge shows it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PullRequestSeen {
    /// Its number in the repository.
    pub number: u64,
    /// Its title, without a mark of a draft.
    pub title: String,
    /// Its text.
    pub body: String,
    /// Its page.
    pub url: String,
    /// Where it stands.
    pub standing: Standing,
    /// It is a draft.
    pub draft: bool,
    /// Who opened it.
    pub author: String,
    /// The branch it comes from; `refs/pull/N/head` where there is none (a
    /// push for review, a deleted branch).
    pub head: String,
    /// The branch as it was called when the pull request was made.
    pub head_label: String,
    /// The commit it shows.
    pub head_commit: String,
    /// It comes from another repository.
    pub from_fork: bool,
    /// The branch it goes to.
    pub base: String,
    /// The tip of that branch, if the forge says: it changed if this did.
    pub base_commit: Option<String>,
    /// The commit that merged it.
    pub merge_commit: Option<String>,
    /// It merges without a conflict; none while the forge is finding out.
    pub mergeable: Option<bool>,
    /// Labels, by name.
    pub labels: Vec<String>,
    /// Logins of whom it is assigned to.
    pub assignees: Vec<String>,
    /// Logins of who was asked for a review.
    pub reviewers: Vec<String>,
}

/// Where a pull request stands. `head` is the commit it shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PullState {
    /// Open.
    Open {
        /// The commit it shows.
        head: String,
    },
    /// Merged.
    Merged {
        /// The commit it shows.
        head: String,
        /// The commit that merged it, if the forge says.
        commit: Option<String>,
    },
    /// Closed without a merge.
    Closed {
        /// The commit it shows.
        head: String,
    },
}

impl PullRequestSeen {
    /// Where it stands.
    pub fn state(&self) -> PullState {
        let head = self.head_commit.clone();
        match self.standing {
            Standing::Open => PullState::Open { head },
            Standing::Merged => PullState::Merged { head, commit: self.merge_commit.clone() },
            Standing::Closed => PullState::Closed { head },
        }
    }

    /// Of what `head` names, and into our base.
    pub(crate) fn is_of(&self, head: Head<'_>, base: &str) -> bool {
        let of_branch = |branch| self.head == branch || self.head_label == branch;
        self.base == base
            && match head {
                // A fork may have a branch of the same name.
                Head::Branch(branch) => of_branch(branch) && !self.from_fork,
                Head::Fork { branch, .. } => of_branch(branch) && self.from_fork,
                Head::Commit(commit) => self.head_commit == commit,
            }
    }
}

/// How a pull request is merged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Merge {
    /// With a merge commit, every commit kept.
    Keep,
    /// As one commit.
    Squash,
}

/// Prefixes that make a draft of a pull request on Gitea (`WIP:`) and GitLab
/// (`Draft:`), each in all the forms that were ever accepted there.
const DRAFT_MARKS: [&str; 6] = ["WIP:", "[WIP]", "Draft:", "[Draft]", "(Draft)", "WIP "];

/// `title` with `mark` before it, once.
pub(crate) fn draft_title(mark: &str, title: &str, draft: bool) -> String {
    let plain = plain_title(title).0;
    if draft { format!("{mark} {plain}") } else { plain.to_owned() }
}

/// `title` without the marks of a draft, and whether there were any.
pub(crate) fn plain_title(title: &str) -> (&str, bool) {
    let mut plain = title.trim_start();
    let mut draft = false;
    while let Some(rest) = DRAFT_MARKS.iter().find_map(|mark| {
        let head = plain.get(..mark.len())?;
        head.eq_ignore_ascii_case(mark).then(|| plain[mark.len()..].trim_start())
    }) {
        plain = rest;
        draft = true;
    }
    (plain, draft)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draft_is_marked_once_and_unmarked_wholly() {
        for (title, plain, draft) in [
            ("Add a test", "Add a test", false),
            ("WIP: Add a test", "Add a test", true),
            ("draft: [WIP] Add", "Add", true),
            ("Wiper: add", "Wiper: add", false),
            ("é", "é", false),
            ("Drafting the text", "Drafting the text", false),
        ] {
            assert_eq!(plain_title(title), (plain, draft), "{title}");
        }
        assert_eq!(draft_title("WIP:", "Draft: x", true), "WIP: x");
        assert_eq!(draft_title("Draft:", "Draft: x", false), "x");
    }
}
