//! Rescue: everything of a tree that is nowhere else, in one file.

use crate::command::Git;
use crate::error::GitError;
use std::path::Path;

/// A rescue bundle on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundle {
    /// The ref inside it.
    pub reference: String,
    /// Bytes.
    pub size: u64,
    /// The commit that the ref names: the tree's contents as they were.
    pub commit: String,
}

/// What a bundle was laid over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// The commit the tree is on now: the agent's last.
    pub head: String,
    /// What the tree's changes are measured against from now on: the youngest
    /// commit that the fresh clone and the bundle share.
    pub base_commit: String,
}

impl Git {
    /// Writes the tree's commits since `base` and its uncommitted and
    /// untracked files to `out`; none if there is nothing that `base` does not
    /// have. Changes neither the agent's index nor its branches. `reference`
    /// is the name in the bundle: `refs/pilothouse/rescue/<run>`.
    pub async fn bundle(
        &self,
        tree: &Path,
        base: &str,
        reference: &str,
        out: &Path,
    ) -> Result<Option<Bundle>, GitError> {
        Err(GitError::Failed {
            doing: format!("{tree:?}{base}{reference}{out:?}"),
            said: String::new(),
        })
    }

    /// Lays a bundle over a fresh checkout of the same repository: the agent's
    /// commits are commits again, what was uncommitted is uncommitted again.
    pub async fn unbundle(
        &self,
        tree: &Path,
        bundle: &Path,
        reference: &str,
    ) -> Result<Restored, GitError> {
        Err(GitError::Failed {
            doing: format!("{tree:?}{bundle:?}{reference}"),
            said: String::new(),
        })
    }
}
