//! Pushes for review (AGit): how somebody who may only read makes a pull
//! request on Gitea and Forgejo, without a fork, so that every run of its CI
//! waits for a person.
//!
//! There is no branch: the pull request is known by its topic, and what it
//! shows stands in a ref of its own, `refs/pull/N/head`. So what was pushed is
//! found again by its commit.

use crate::command::{Done, Git};
use crate::error::GitError;
use crate::mirror::Mirrors;
use crate::overlay::Overlay;
use crate::push::Pushed;
use crate::remote::Remote;
use pilot_proto::project::GitGrant;
use std::path::Path;

/// What to push for review, and where.
#[derive(Debug, Clone, Copy)]
pub struct ReviewPush<'a> {
    /// The tree that has the commit.
    pub tree: &'a Path,
    /// Clone URL.
    pub repo: &'a str,
    /// Branch that it is to be merged into.
    pub base: &'a str,
    /// The key of the pull request: the same topic by the same user updates it.
    pub topic: &'a str,
    /// Its title when it is made.
    pub title: &'a str,
    /// Commit to push.
    pub commit: &'a str,
    /// It takes the place of an earlier one.
    pub again: bool,
    /// Login for the repository.
    pub grant: Option<&'a GitGrant>,
}

/// A push option ends with its line, and a server takes no more than a few
/// kilobytes of them: the body is written when the pull request is there.
const MOST: usize = 200;
/// Refs that a forge keeps what pull requests show in.
const SHOWN: &str = "refs/pull/*/head";

impl Git {
    /// Pushes a commit for review. A remote that shows it already is success:
    /// the forge refuses the same commit a second time.
    pub async fn push_for_review(&self, wanted: &ReviewPush<'_>) -> Result<Pushed, GitError> {
        let remote = Remote::new(wanted.repo, wanted.grant);
        let done = Pushed { commit: wanted.commit.to_owned(), rebased: false };
        if self.is_shown_at(&remote, wanted.commit).await? {
            return Ok(done);
        }
        let overlay = Overlay::new(self, wanted.tree)?;
        let mut push = overlay.command("pushing for review").args([
            "push",
            "--porcelain",
            "--no-verify",
            "--no-follow-tags",
            "--no-signed",
        ]);
        for option in options(wanted) {
            push = push.args(["-o", &option]);
        }
        let refspec = format!("{}:refs/for/{}", wanted.commit, wanted.base);
        let pushed = push.args(["--", remote.url(), &refspec]).remote(&remote).done().await?;
        // Read back: the only answer that counts is what the remote has now.
        if self.is_shown_at(&remote, wanted.commit).await? {
            return Ok(done);
        }
        Err(refused(wanted, &remote, pushed))
    }

    /// Whether a pull request of the remote shows this commit.
    pub async fn is_in_review(
        &self,
        repo: &str,
        commit: &str,
        grant: Option<&GitGrant>,
    ) -> Result<bool, GitError> {
        self.is_shown_at(&Remote::new(repo, grant), commit).await
    }

    async fn is_shown_at(&self, remote: &Remote, commit: &str) -> Result<bool, GitError> {
        let output = self
            .command("asking the repository for its pull requests", Path::new("/"))
            .env("GIT_CEILING_DIRECTORIES", "/")
            .args(["ls-remote", "--", remote.url(), SHOWN])
            .remote(remote)
            .run()
            .await?;
        let listing = String::from_utf8_lossy(&output);
        Ok(listing.lines().any(|line| line.split('\t').next() == Some(commit)))
    }
}

impl Mirrors {
    /// Brings into the mirror of `repo` what a pull request of it shows, or a
    /// branch of a fork, so that a checkout can begin at its commit. They are
    /// on no branch of the repository.
    pub async fn bring(
        &self,
        repo: &str,
        (from, what): (&str, &str),
        grant: Option<&GitGrant>,
    ) -> Result<(), GitError> {
        let remote = Remote::new(repo, grant);
        self.refresh(&remote).await?;
        let directory = self.of(&remote).directory;
        let from = Remote::new(from, grant);
        self.git()
            .command("fetching what was published", &directory)
            .env("GIT_DIR", &directory)
            .args(["fetch", "--quiet", "--no-tags", "--no-write-fetch-head"])
            .args(["--no-auto-maintenance", "--no-recurse-submodules", "--"])
            .args([from.url(), &format!("+{what}:refs/pilothouse/{}", place(what))])
            .remote(&from)
            .run()
            .await
            .map(drop)
    }
}

/// A ref of ours for each of theirs, outside of what a fetch prunes.
fn place(what: &str) -> String {
    what.trim_start_matches("refs/").to_owned()
}

fn options(wanted: &ReviewPush<'_>) -> Vec<String> {
    // Some versions take what follows a slash for something else.
    let mut options = vec![format!("topic={}", one_line(wanted.topic).replace('/', "-"))];
    let title = one_line(wanted.title);
    if !title.is_empty() {
        options.push(format!("title={title}"));
    }
    if wanted.again {
        // A turn that was done again takes the place of our own commit only.
        options.push("force-push=true".to_owned());
    }
    options
}

fn one_line(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().filter(|c| !c.is_control()).take(MOST).collect()
}

fn refused(wanted: &ReviewPush<'_>, remote: &Remote, pushed: Done) -> GitError {
    let said: Vec<&str> = pushed
        .stderr
        .lines()
        .filter_map(|line| line.strip_prefix("remote:"))
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .take(10)
        .collect();
    if said.is_empty() && !pushed.status.success() {
        return pushed.into_error("pushing for review", Some(remote));
    }
    let said =
        if said.is_empty() { "no pull request shows it".to_owned() } else { said.join("; ") };
    GitError::PushRejected {
        branch: format!("refs/for/{}", wanted.base),
        said: remote.redact(&said),
        hint: "The forge took no push for review: look whether it is a Gitea or Forgejo, and at \
               the rights of the token."
            .into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_push_for_review_carries_topic_and_title_each_on_one_line() {
        let wanted = ReviewPush {
            tree: Path::new("/"),
            repo: "",
            base: "main",
            topic: "pilot/it-1",
            title: "Add\n a test",
            commit: "",
            again: false,
            grant: None,
        };
        assert_eq!(options(&wanted), ["topic=pilot-it-1", "title=Add a test"]);
        let again = ReviewPush { again: true, title: "", ..wanted };
        assert_eq!(options(&again), ["topic=pilot-it-1", "force-push=true"]);
    }
}
