//! A task's workspace: the tree, checked out from the mirror.

use crate::error::GitError;
use crate::mirror::Mirrors;
use pilot_proto::project::GitGrant;
use std::path::Path;

/// What to check out, and where.
#[derive(Debug, Clone, Copy)]
pub struct Checkout<'a> {
    /// Clone URL or absolute path.
    pub repo: &'a str,
    /// Base branch; none: the remote's HEAD.
    pub base: Option<&'a str>,
    /// Local branch to be on: the task's.
    pub branch: &'a str,
    /// The tree's directory; must be empty or not there.
    pub tree: &'a Path,
    /// Login for the repository.
    pub grant: Option<&'a GitGrant>,
}

/// What was checked out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedOut {
    /// Name of the base branch.
    pub base_branch: String,
    /// Its commit: what the tree's changes are measured against.
    pub base_commit: String,
}

impl Mirrors {
    /// Brings the mirror up to date and makes the tree. `origin` is the real
    /// repository, without credentials. On failure the tree is removed again.
    pub async fn checkout(&self, wanted: &Checkout<'_>) -> Result<CheckedOut, GitError> {
        Err(GitError::Empty { repo: wanted.repo.to_owned() })
    }
}
