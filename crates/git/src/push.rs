//! Publishing a branch without ever losing somebody's commit.
//!
//! A push names what it expects to replace (`--force-with-lease`): what we
//! pushed last, or nothing. If the branch has moved since, and on top of our
//! last push, our new commits are put on top of that; in every other case the
//! push is rejected and a person decides.
//!
//! The command runs over an `Overlay`, because a push has the credential and
//! the tree's configuration could send it elsewhere.

use crate::command::{Done, Git};
use crate::error::GitError;
use crate::on_top::OnTop;
use crate::overlay::Overlay;
use crate::remote::Remote;
use git2::{Oid, Repository};
use pilot_proto::Secret;
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
    /// What signed commits are signed with again, should they be put on top of
    /// somebody's.
    pub signing_key: Option<&'a Secret>,
}

/// The branch is in the remote, read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pushed {
    /// Its commit. Another than was wanted if `rebased`; then the tree's HEAD
    /// is there too, unless the tree was not clean.
    pub commit: String,
    /// Somebody had pushed on top of our last push; our commits were put on theirs.
    pub rebased: bool,
}

impl Git {
    /// Pushes a commit to a branch. The remote takes it only if the branch is
    /// still where we left it. A remote that has the commit already is success.
    pub async fn push(&self, wanted: &Push<'_>) -> Result<Pushed, GitError> {
        let remote = Remote::new(wanted.repo, wanted.grant);
        let overlay = Overlay::new(self, wanted.tree)?;
        let publication = Publication { git: self, remote: &remote, overlay: &overlay, wanted };
        publication.publish().await
    }
}

/// A push under way.
struct Publication<'a> {
    git: &'a Git,
    remote: &'a Remote,
    overlay: &'a Overlay,
    wanted: &'a Push<'a>,
}

impl Publication<'_> {
    async fn publish(&self) -> Result<Pushed, GitError> {
        let Push { commit, expected, .. } = *self.wanted;
        let refused = self.send(commit, expected).await?;
        // Read back: the only answer that counts is what the remote has now.
        let there = self.git.head_at(self.remote, self.wanted.branch).await?;
        if there.as_deref() == Some(commit) {
            return Ok(Pushed { commit: commit.to_owned(), rebased: false });
        }
        match (refused, there, expected) {
            (Some(_), Some(theirs), Some(ours)) if theirs != ours => {
                self.put_on_top(ours, &theirs).await
            }
            (Some(_), Some(theirs), None) => Err(self.moved(&format!(
                "the branch is in the repository already, at `{}`, and we did not make it",
                short(&theirs)
            ))),
            // Somebody removed the branch, after a merge for instance: there is
            // nothing to overwrite.
            (Some(_), None, Some(_)) => match self.send(commit, None).await? {
                None => self.confirm(commit, false).await,
                Some(done) => Err(self.rejected(&done)),
            },
            (Some(done), _, _) => Err(self.rejected(&done)),
            (None, theirs, _) => Err(self.moved(&format!(
                "the push succeeded, but the branch is at `{}` now",
                theirs.as_deref().map_or("nothing", short)
            ))),
        }
    }

    /// Sends a commit; gives the reason if the remote, or git for it, said no.
    async fn send(&self, commit: &str, expected: Option<&str>) -> Result<Option<Done>, GitError> {
        let name = format!("refs/heads/{}", self.wanted.branch);
        let lease = format!("--force-with-lease={name}:{}", expected.unwrap_or_default());
        let done = self
            .overlay
            .command("pushing")
            .args(["push", "--porcelain", "--no-verify", "--no-follow-tags", "--no-signed"])
            .arg(lease)
            .args(["--", self.remote.url(), &format!("{commit}:{name}")])
            .remote(self.remote)
            .done()
            .await?;
        if done.status.success() {
            return Ok(None);
        }
        let report = String::from_utf8_lossy(&done.stdout);
        if report.lines().any(|line| line.starts_with('!')) {
            Ok(Some(done))
        } else {
            Err(done.into_error("pushing", Some(self.remote)))
        }
    }

    /// The branch has moved on from our last push.
    async fn put_on_top(&self, ours: &str, theirs: &str) -> Result<Pushed, GitError> {
        self.overlay.fetch_branch(self.remote, self.wanted.branch, ours).await?;
        let rebased = match self.rebase(ours, theirs).await? {
            Rebase::Done(commit) => commit,
            Rebase::Impossible(why) => return Err(self.moved(&why)),
        };
        if let Some(done) = self.send(&rebased, Some(theirs)).await? {
            return Err(self.rejected(&done));
        }
        let pushed = self.confirm(&rebased, true).await?;
        self.overlay.follow(self.wanted.commit, &rebased).await?;
        Ok(pushed)
    }

    async fn confirm(&self, commit: &str, rebased: bool) -> Result<Pushed, GitError> {
        let there = self.git.head_at(self.remote, self.wanted.branch).await?;
        if there.as_deref() == Some(commit) {
            Ok(Pushed { commit: commit.to_owned(), rebased })
        } else {
            Err(self.moved("somebody else pushed at the same moment"))
        }
    }

    /// Our commits since `ours` on top of `theirs`.
    async fn rebase(&self, ours: &str, theirs: &str) -> Result<Rebase, GitError> {
        let Push { commit, signing_key, .. } = *self.wanted;
        let builds = builds_on(&self.overlay.repository()?, ours, theirs, commit)
            .map_err(GitError::objects("looking what the branch contains"))?;
        if let Err(why) = builds {
            return Ok(Rebase::Impossible(why));
        }
        let has = "the branch has new commits, and our";
        Ok(match self.overlay.put_on_top(ours, commit, theirs, signing_key).await? {
            OnTop::Done(commit) => Rebase::Done(commit),
            OnTop::Conflict(id) => {
                Rebase::Impossible(format!("{has} `{}` conflicts with them", short(&id)))
            }
            OnTop::Signed(id) => {
                Rebase::Impossible(format!("{has} `{}` would lose its signature", short(&id)))
            }
            OnTop::TooMany => Rebase::Impossible("there are too many commits to rebase".into()),
        })
    }

    fn moved(&self, why: &str) -> GitError {
        GitError::PushRejected {
            branch: self.wanted.branch.to_owned(),
            said: why.to_owned(),
            hint: "Nothing was overwritten; our commits are in the rescue bundle. Merge or rename \
                   the branch in the repository, then retry the task."
                .into(),
        }
    }

    fn rejected(&self, done: &Done) -> GitError {
        let report = String::from_utf8_lossy(&done.stdout).into_owned();
        let reason = report
            .lines()
            .find(|line| line.starts_with('!'))
            .and_then(|line| line.rsplit('\t').next())
            .unwrap_or_default();
        let remote: Vec<&str> = done
            .stderr
            .lines()
            .filter_map(|line| line.strip_prefix("remote:"))
            .map(str::trim)
            .filter(|line| !line.is_empty())
            .take(10)
            .collect();
        let mut said = self.remote.redact(reason);
        if !remote.is_empty() {
            said.push_str(": ");
            said.push_str(&remote.join("; "));
        }
        GitError::PushRejected {
            branch: self.wanted.branch.to_owned(),
            said,
            hint: "The repository's own rules refused it: look at branch protection, hooks and \
                   the rights of the token."
                .into(),
        }
    }
}

enum Rebase {
    Done(String),
    Impossible(String),
}

/// Whether theirs contains what we pushed, and ours builds on it; why not.
fn builds_on(
    repository: &Repository,
    ours: &str,
    theirs: &str,
    tip: &str,
) -> Result<Result<(), String>, git2::Error> {
    let (ours, theirs, tip): (Oid, Oid, Oid) = (ours.parse()?, theirs.parse()?, tip.parse()?);
    // A base that the tree does not know (a fresh clone after a retry) has no
    // descendants here.
    let descends =
        |from: Oid| from == ours || repository.graph_descendant_of(from, ours).unwrap_or(false);
    if !descends(theirs) {
        return Ok(Err(format!(
            "the branch was replaced: it is at `{}` and does not contain what we pushed",
            short(&theirs.to_string())
        )));
    }
    if !descends(tip) {
        return Ok(Err(format!(
            "the branch has new commits (it is at `{}`), and ours does not build on what was \
             pushed before",
            short(&theirs.to_string())
        )));
    }
    Ok(Ok(()))
}

fn short(id: &str) -> &str {
    &id[..id.len().min(10)]
}
