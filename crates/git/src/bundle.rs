//! Rescue: everything of a tree that is nowhere else, in one file.
//!
//! A bundle has two refs. The one it is named by is the tree's contents as
//! they were; `<name>-head` is the agent's last commit. Where something was
//! uncommitted the first is one commit further than the second, and laying the
//! bundle over a fresh checkout takes that one commit apart again.

use crate::command::Git;
use crate::commit::Author;
use crate::error::GitError;
use crate::overlay::Overlay;
use crate::remote::Remote;
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

/// What a tree holds at a moment: where HEAD is, and its files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeState {
    /// The commit that it is on.
    pub head: String,
    /// The git tree of its files, ignored ones left out.
    pub contents: String,
}

/// What a look at a tree that may have to be bundled came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Looked {
    /// It is as it was.
    Same,
    /// It has nothing that the base does not have.
    Nothing,
    /// It was bundled.
    Bundled(Bundle),
}

/// What a bundle was laid over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// The commit the tree is on now: the agent's last.
    pub head: String,
    /// What the tree's changes are measured against from now on: the youngest
    /// commit that the fresh checkout and the bundle share.
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
        match self.bundle_unless(tree, base, reference, out, None).await? {
            (_, Looked::Bundled(bundle)) => Ok(Some(bundle)),
            (_, Looked::Same | Looked::Nothing) => Ok(None),
        }
    }

    /// As [`Git::bundle`], but nothing is written while the tree is `known`.
    pub async fn bundle_unless(
        &self,
        tree: &Path,
        base: &str,
        reference: &str,
        out: &Path,
        known: Option<&TreeState>,
    ) -> Result<(TreeState, Looked), GitError> {
        let overlay = Overlay::new(self, tree)?;
        let contents = overlay.write_tree().await?;
        let head = overlay.head()?.unwrap_or_else(|| base.to_owned());
        let state = TreeState { head: head.clone(), contents: contents.clone() };
        if known == Some(&state) {
            return Ok((state, Looked::Same));
        }
        let base_contents = overlay.contents_of(base).await?;
        // HEAD on the base or behind it: there is no commit to take along.
        let commits = overlay.commits_since(base, &head).await?;
        if commits == 0 && contents == base_contents {
            return Ok((state, Looked::Nothing));
        }
        let head = if commits == 0 { base.to_owned() } else { head };
        let commit = if contents == overlay.contents_of(&head).await? {
            head.clone()
        } else {
            let pilot = Author {
                name: "Pilothouse".into(),
                email: "pilothouse@localhost".into(),
                signing_key: None,
            };
            overlay.commit(&contents, &head, &pilot, "Work that was not committed\n").await?
        };
        overlay.bundle(base, reference, &head, &commit, out).await?;
        let about = std::fs::metadata(out).map_err(GitError::file("writing the bundle", out))?;
        let bundle = Bundle { reference: reference.to_owned(), size: about.len(), commit };
        Ok((state, Looked::Bundled(bundle)))
    }

    /// What the tree holds now.
    pub async fn state(&self, tree: &Path) -> Result<TreeState, GitError> {
        let overlay = Overlay::new(self, tree)?;
        let contents = overlay.write_tree().await?;
        let head = overlay.head()?.ok_or_else(|| GitError::Failed {
            doing: "reading HEAD".into(),
            said: "the workspace's branch has no commit".into(),
        })?;
        Ok(TreeState { head, contents })
    }

    /// Makes the tree hold again what it held: files, HEAD, and nothing staged.
    /// Ignored files are left alone. True if something had to be changed.
    pub async fn put_back(&self, tree: &Path, state: &TreeState) -> Result<bool, GitError> {
        let overlay = Overlay::new(self, tree)?;
        let now = overlay.write_tree().await?;
        if now == state.contents && overlay.head()?.as_ref() == Some(&state.head) {
            return Ok(false);
        }
        overlay
            .command("restoring the files")
            .args(["read-tree", "-m", "-u", &now, &state.contents])
            .run()
            .await?;
        overlay.command("restoring the index").args(["read-tree", "-m", &state.head]).run().await?;
        overlay.set_head(&state.head)?;
        overlay.give_index()?;
        Ok(true)
    }

    /// Lays a bundle over a fresh checkout of the same repository: the agent's
    /// commits are commits again, what was uncommitted is uncommitted again.
    pub async fn unbundle(
        &self,
        tree: &Path,
        bundle: &Path,
        reference: &str,
    ) -> Result<Restored, GitError> {
        let overlay = Overlay::new(self, tree)?;
        let fresh = self.head(tree).await?;
        let bundle = Remote::new(&bundle.to_string_lossy(), None);
        let listing = overlay
            .command("reading the bundle")
            .args(["bundle", "list-heads", bundle.url()])
            .run()
            .await?;
        let listing = String::from_utf8_lossy(&listing).into_owned();
        let find = |name: &str| {
            let mut lines = listing.lines().filter_map(|line| line.split_once(' '));
            lines.find(|(_, found)| *found == name).map(|(id, _)| id.to_owned())
        };
        let contents = find(reference).ok_or_else(|| GitError::Failed {
            doing: "reading the bundle".into(),
            said: format!("it has no `{reference}`"),
        })?;
        overlay
            .command("unpacking the bundle")
            .args(["bundle", "unbundle", bundle.url()])
            .run()
            .await?;
        let head = match find(&head_name(reference)) {
            Some(head) => head,
            // The agent had made no commit: there is the one of ours only.
            None => {
                let parent = format!("{contents}^");
                overlay.command("reading the bundle").args(["rev-parse", &parent]).word().await?
            }
        };
        overlay.lay(&fresh, &head, &contents).await?;
        let base_commit = overlay
            .command("finding the common commit")
            .args(["merge-base", &fresh, &head])
            .word()
            .await?;
        Ok(Restored { head, base_commit })
    }
}

fn head_name(reference: &str) -> String {
    format!("{reference}-head")
}

impl Overlay {
    async fn commits_since(&self, base: &str, head: &str) -> Result<u64, GitError> {
        let count = self
            .command("counting commits")
            .args(["rev-list", "--count", head, &format!("^{base}"), "--"])
            .word()
            .await?;
        count.parse().map_err(|_| GitError::Failed {
            doing: "counting commits".into(),
            said: format!("`{count}` is not a number"),
        })
    }

    /// The refs are the overlay's, not the tree's.
    pub(crate) async fn bundle(
        &self,
        base: &str,
        reference: &str,
        head: &str,
        commit: &str,
        out: &Path,
    ) -> Result<(), GitError> {
        let head_name = head_name(reference);
        let has_commits = head != base;
        let mut names = vec![(reference, commit)];
        if has_commits {
            names.push((&head_name, head));
        }
        for (name, id) in &names {
            self.command("naming the rescue").args(["update-ref", name, id]).run().await?;
        }
        let command = self
            .command("writing the bundle")
            .args(["bundle", "create", "--quiet"])
            .arg(out)
            .args(names.iter().map(|(name, _)| name));
        command.arg(format!("^{base}")).run().await.map(drop)
    }

    /// Files as in `contents`, HEAD and index at `head`.
    async fn lay(&self, fresh: &str, head: &str, contents: &str) -> Result<(), GitError> {
        self.take_index()?;
        self.command("restoring the files")
            .args(["read-tree", "-m", "-u", fresh, contents])
            .run()
            .await?;
        self.command("restoring the index").args(["read-tree", "-m", head]).run().await?;
        self.set_head(head)?;
        self.give_index()
    }
}
