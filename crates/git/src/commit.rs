//! The tree's work as commits.

use crate::command::Git;
use crate::error::GitError;
use crate::overlay::{Overlay, head_of};
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
    /// has nothing that `base` does not have. An agent that committed
    /// everything itself gets its own tip back.
    pub async fn commit_all(
        &self,
        tree: &Path,
        author: &Author,
        message: &str,
        base: &str,
    ) -> Result<Option<String>, GitError> {
        let overlay = Overlay::new(self, tree)?;
        let contents = overlay.write_tree().await?;
        let head = overlay.head()?;
        let (base_contents, head_contents) = (
            overlay.contents_of(base).await?,
            overlay.contents_of(head.as_deref().unwrap_or(base)).await?,
        );
        if contents == base_contents {
            return Ok(None);
        }
        if contents == head_contents {
            return Ok(head);
        }
        let commit =
            overlay.commit(&contents, head.as_deref().unwrap_or(base), author, message).await?;
        overlay.set_head(&commit)?;
        overlay.give_index()?;
        Ok(Some(commit))
    }

    /// Commit that the tree is on.
    pub async fn head(&self, tree: &Path) -> Result<String, GitError> {
        head_of(tree)?.ok_or_else(|| GitError::Failed {
            doing: "reading HEAD".into(),
            said: "the workspace's branch has no commit".into(),
        })
    }

    /// True if the tree's contents (committed or not, ignored files left out)
    /// differ from `base`.
    pub async fn changed(&self, tree: &Path, base: &str) -> Result<bool, GitError> {
        let overlay = Overlay::new(self, tree)?;
        let contents = overlay.write_tree().await?;
        Ok(contents != overlay.contents_of(base).await?)
    }
}

impl Overlay {
    /// The git tree of a commit.
    pub(crate) async fn contents_of(&self, commit: &str) -> Result<String, GitError> {
        self.command("reading a commit")
            .args(["rev-parse", "--verify", "--quiet", "--end-of-options"])
            .arg(format!("{commit}^{{tree}}"))
            .word()
            .await
    }

    /// A commit of these contents on top of `parent`; no branch moves.
    pub(crate) async fn commit(
        &self,
        contents: &str,
        parent: &str,
        author: &Author,
        message: &str,
    ) -> Result<String, GitError> {
        self.command("committing")
            .env("GIT_AUTHOR_NAME", &author.name)
            .env("GIT_AUTHOR_EMAIL", &author.email)
            .env("GIT_COMMITTER_NAME", &author.name)
            .env("GIT_COMMITTER_EMAIL", &author.email)
            .args(["commit-tree", "-F", "-", "-p", parent, contents])
            .input(message)
            .word()
            .await
    }
}
