//! Publishing a branch without ever losing somebody's commit.

use crate::command::Git;
use crate::error::GitError;
use pilot_proto::project::GitGrant;
use std::path::Path;

/// What to push, and where.
#[derive(Debug, Clone, Copy)]
pub struct Push<'a> {
    /// The tree that has the commit.
    pub tree: &'a Path,
    /// Clone URL or absolute path.
    pub repo: &'a str,
    /// Branch in the remote.
    pub branch: &'a str,
    /// Commit to push.
    pub commit: &'a str,
    /// What we pushed there last; none: the branch must not exist yet.
    pub expected: Option<&'a str>,
    /// Login for the repository.
    pub grant: Option<&'a GitGrant>,
}

/// The branch is in the remote, read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pushed {
    /// Its commit. Another than was wanted if `rebased`; then the tree is on it too.
    pub commit: String,
    /// Somebody had pushed on top of our last push; our commits were put on theirs.
    pub rebased: bool,
}

impl Git {
    /// Pushes a commit to a branch. The remote takes it only if the branch is
    /// still where we left it. A remote that has the commit already is success.
    pub async fn push(&self, wanted: &Push<'_>) -> Result<Pushed, GitError> {
        Err(GitError::Failed { doing: format!("{wanted:?}"), said: String::new() })
    }
}
