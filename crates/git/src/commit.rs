//! The tree's work as commits.

use crate::command::Git;
use crate::error::GitError;
use crate::overlay::{Overlay, head_of};
use pilot_proto::Secret;
use std::io::{self, Write};
use std::path::Path;
use tempfile::NamedTempFile;

/// Who a commit is by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Author {
    /// Name.
    pub name: String,
    /// Address.
    pub email: String,
    /// The SSH key (OpenSSH format, no passphrase) that it is signed with; none:
    /// it is not.
    pub signing_key: Option<Secret>,
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

    /// Makes one commit of all since `base`, and gives it. A line with a merge
    /// in it stays as it is: one commit could not say what was merged.
    pub async fn squash(
        &self,
        tree: &Path,
        author: &Author,
        message: &str,
        base: &str,
    ) -> Result<String, GitError> {
        let overlay = Overlay::new(self, tree)?;
        let tip = self.head(tree).await?;
        let range = format!("{base}..{tip}");
        let count = async |more: &[&str]| {
            let count = overlay.command("counting the commits");
            count.args(["rev-list", "--count"]).args(more).arg(&range).word().await
        };
        if count(&["--merges"]).await? != "0" || count(&[]).await? == "1" {
            return Ok(tip);
        }
        let contents = overlay.contents_of(&tip).await?;
        let commit = overlay.commit(&contents, base, author, message).await?;
        overlay.set_head(&commit)?;
        Ok(commit)
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
        let Author { name, email, signing_key } = author;
        let who = [
            ("GIT_AUTHOR_NAME", name.as_str()),
            ("GIT_AUTHOR_EMAIL", email),
            ("GIT_COMMITTER_NAME", name),
            ("GIT_COMMITTER_EMAIL", email),
        ];
        self.commit_as(contents, parent, &who, signing_key.as_ref(), message).await
    }

    /// The same; `who` are git's own variables.
    pub(crate) async fn commit_as(
        &self,
        contents: &str,
        parent: &str,
        who: &[(&str, &str)],
        key: Option<&Secret>,
        message: &str,
    ) -> Result<String, GitError> {
        // It goes away with its owner, right after the signature.
        let key = key.map(key_file).transpose();
        let key = key.map_err(GitError::file("writing the signing key", self.path()))?;
        let mut command = self.command("committing");
        if let Some(key) = &key {
            let path = key.path().to_string_lossy();
            command = command
                .args(["-c", "gpg.format=ssh", "-c", &format!("user.signingKey={path}")])
                .args(["commit-tree", "--gpg-sign"]);
        } else {
            command = command.arg("commit-tree");
        }
        for (name, value) in who {
            command = command.env(name, value);
        }
        command.args(["-F", "-", "-p", parent, contents]).input(message).word().await
    }
}

/// The key in a file of our own (mode 0600), as `ssh-keygen` wants it.
fn key_file(key: &Secret) -> io::Result<NamedTempFile> {
    let mut file = NamedTempFile::new()?;
    writeln!(file, "{}", key.expose().trim())?;
    file.flush()?;
    Ok(file)
}
