//! The tree's work as commits.

use crate::command::Git;
use crate::error::GitError;
use std::path::Path;

/// Who a commit is by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Author {
    /// Name.
    pub name: String,
    /// Address.
    pub email: String,
}

impl Git {
    /// Commits everything that is not ignored (staged, unstaged, untracked) on
    /// top of the agent's own commits and returns the tip, or none if the tree
    /// is as `base` was. An agent that committed everything itself gets its
    /// own tip back.
    pub async fn commit_all(
        &self,
        tree: &Path,
        author: &Author,
        message: &str,
        base: &str,
    ) -> Result<Option<String>, GitError> {
        Err(GitError::Failed {
            doing: format!("{tree:?}{author:?}{message}{base}"),
            said: String::new(),
        })
    }

    /// Commit that the tree is on.
    pub async fn head(&self, tree: &Path) -> Result<String, GitError> {
        Err(GitError::Failed { doing: format!("{tree:?}"), said: String::new() })
    }

    /// True if the tree's contents (committed or not, ignored files left out)
    /// differ from `base`.
    pub async fn changed(&self, tree: &Path, base: &str) -> Result<bool, GitError> {
        Err(GitError::Failed { doing: format!("{tree:?}{base}"), said: String::new() })
    }
}
