//! What else a test makes happen at a forge.

use super::rows::Review;
use super::{ForgeDouble, merge};
use pilot_proto::ForgeKind;

impl ForgeDouble {
    /// Which forge it is.
    pub fn kind(&self) -> ForgeKind {
        self.core.kind
    }

    /// The scopes that a token of ours has there.
    pub fn scopes(&self) -> &'static [&'static str] {
        match self.core.kind {
            ForgeKind::Gitea | ForgeKind::Forgejo => &super::SCOPES,
            ForgeKind::GitHub => &["repo"],
            ForgeKind::GitLab => &["api"],
        }
    }

    /// What it says when it is asked for its version.
    pub fn version(&self, version: &str) {
        version.clone_into(&mut self.core.world().version);
    }

    /// Requests that are left (GitHub and GitLab count them).
    pub fn remaining(&self) -> u64 {
        self.core.world().remaining
    }

    /// Somebody deletes an issue.
    pub fn delete_issue(&self, repository: &str, number: u64) {
        self.core.world().touch_kind(repository, number, false).deleted = true;
    }

    /// From now on nothing in it changes.
    pub fn archive(&self, repository: &str) {
        self.core.world().row(repository).archived = true;
    }

    /// A GitLab takes only what is on top of its base from now on.
    pub fn fast_forward_only(&self, repository: &str) {
        self.core.world().row(repository).fast_forward_only = true;
    }

    /// `main` is protected, and the CI of strangers waits each time.
    pub fn protect(&self, repository: &str) {
        self.core.world().row(repository).protected = true;
    }

    /// It was called `old` before; git and the API lead there.
    pub fn renamed(&self, old: &str, now: &str) {
        self.core.world().renamed.insert(old.to_ascii_lowercase(), now.to_owned());
    }

    /// A pull request comes from its author's fork.
    pub fn from_fork(&self, repository: &str, number: u64) {
        if let Some(pull) = &mut self.core.world().touch_kind(repository, number, true).pull {
            pull.from_fork = true;
        }
    }

    /// Comments on a pull request, oldest first, where those on issues are
    /// numbered apart.
    pub fn remarks(&self, repository: &str, number: u64) -> Vec<String> {
        let mut world = self.core.world();
        world.row(repository).pull(number).comments.iter().map(|one| one.body.clone()).collect()
    }

    /// Bodies of all comments on lines of a pull request, oldest first.
    pub fn line_comments(&self, repository: &str, number: u64) -> Vec<String> {
        let mut world = self.core.world();
        let reviews =
            world.row(repository).pull(number).pull.as_ref().map(|pull| pull.reviews.clone());
        let lines = reviews.into_iter().flatten().flat_map(|review: Review| review.lines);
        lines.map(|line| line.said.body).collect()
    }

    /// A person merges it by hand and says how; the commit, or why not.
    pub fn try_merge(&self, repository: &str, number: u64) -> Result<String, String> {
        let bare = self.bare(repository);
        merge::merge(&mut self.core.world(), &bare, repository, number, "alice")
    }
}
