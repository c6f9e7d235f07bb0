//! Commits put on top of others: of a base that has moved, or of what somebody
//! pushed. What is picked keeps its author, its time and its message; what was
//! signed is signed again, or is not picked at all.
//!
//! **Invariant:** the tree is touched last, and only where it is clean and on
//! the commit that was put elsewhere: an agent's work is never overwritten.

use crate::command::Git;
use crate::error::GitError;
use crate::overlay::Overlay;
use crate::remote::Remote;
use git2::{Commit, Oid, Repository, Signature};
use pilot_proto::Secret;
use pilot_proto::project::GitGrant;
use std::path::Path;

/// More of our own commits than this are not put anywhere: a change of that
/// length is a person's to merge.
const MOST: usize = 500;

/// A tree whose branch is to be put on top of its base.
#[derive(Debug, Clone, Copy)]
pub struct Rebase<'a> {
    /// On the commit that was pushed, and clean.
    pub tree: &'a Path,
    /// Clone URL or absolute path.
    pub repo: &'a str,
    /// Base branch; none: the remote's HEAD.
    pub base: Option<&'a str>,
    /// Login for the repository.
    pub grant: Option<&'a GitGrant>,
    /// What signed commits are signed with again.
    pub signing_key: Option<&'a Secret>,
}

/// The tree's branch is on top of its base.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rebased {
    /// Name of the base branch.
    pub base: String,
    /// Its commit.
    pub onto: String,
    /// The branch's commit; the tree is on it.
    pub commit: String,
}

/// What came of putting commits on top of others.
pub(crate) enum OnTop {
    /// The last of them.
    Done(String),
    /// This one conflicts with what is there, or is a merge.
    Conflict(String),
    /// This one is signed, and not by whom we could sign for.
    Signed(String),
    TooMany,
}

impl Git {
    /// Puts a tree's branch on top of its base, and moves the tree there. None
    /// if that is not clean, or there is nothing to do; then the tree is as it
    /// was.
    pub async fn rebase(&self, wanted: &Rebase<'_>) -> Result<Option<Rebased>, GitError> {
        let remote = Remote::new(wanted.repo, wanted.grant);
        let base = match wanted.base {
            Some(base) => base.to_owned(),
            None => match self.default_branch(&remote).await? {
                Some(base) => base,
                None => return Ok(None),
            },
        };
        let overlay = Overlay::new(self, wanted.tree)?;
        let tip = self.head(wanted.tree).await?;
        let onto = overlay.fetch_branch(&remote, &base, &tip).await?;
        let Some(fork) = overlay.shared(&tip, &onto)?.filter(|fork| *fork != onto) else {
            return Ok(None);
        };
        match overlay.put_on_top(&fork, &tip, &onto, wanted.signing_key).await? {
            // Nothing of ours may be left, if somebody has done the same.
            OnTop::Done(commit) if commit != onto && overlay.follow(&tip, &commit).await? => {
                Ok(Some(Rebased { base, onto, commit }))
            }
            OnTop::Done(_) | OnTop::Conflict(_) | OnTop::Signed(_) | OnTop::TooMany => Ok(None),
        }
    }
}

impl Overlay {
    /// Fetches a branch into the tree's objects, and gives its commit. The
    /// overlay has no refs, so we name what we have, lest the whole history
    /// comes again.
    pub(crate) async fn fetch_branch(
        &self,
        remote: &Remote,
        branch: &str,
        have: &str,
    ) -> Result<String, GitError> {
        let named = self.command("naming what we have");
        let named = named.args(["update-ref", "refs/pilothouse/ours", have]).done().await?;
        if !named.status.success() {
            tracing::debug!("the tree does not have what was pushed last");
        }
        let from = format!("+refs/heads/{branch}:refs/pilothouse/theirs");
        self.command("fetching the branch")
            .args(["fetch", "--quiet", "--no-tags", "--no-write-fetch-head"])
            .args(["--no-auto-maintenance", "--", remote.url(), &from])
            .remote(remote)
            .run()
            .await?;
        let theirs = self.command("reading the branch");
        theirs.args(["rev-parse", "--verify", "--quiet", "refs/pilothouse/theirs"]).word().await
    }

    /// The youngest commit that two share.
    fn shared(&self, one: &str, other: &str) -> Result<Option<String>, GitError> {
        let repository = self.repository()?;
        let found = || repository.merge_base(one.parse()?, other.parse()?);
        match found() {
            Ok(id) => Ok(Some(id.to_string())),
            Err(error) if error.code() == git2::ErrorCode::NotFound => Ok(None),
            Err(error) => Err(GitError::objects("looking where the branch began")(error)),
        }
    }

    /// Puts what `tip` has since `from` on top of `onto`. No branch moves.
    pub(crate) async fn put_on_top(
        &self,
        from: &str,
        tip: &str,
        onto: &str,
        key: Option<&Secret>,
    ) -> Result<OnTop, GitError> {
        let commits = since(&self.repository()?, from, tip).map_err(GitError::objects(DOING))?;
        if commits.len() > MOST {
            return Ok(OnTop::TooMany);
        }
        let mut top = onto.to_owned();
        for id in commits {
            let picked = pick(&self.repository()?, id, &top).map_err(GitError::objects(DOING))?;
            top = match (picked, key) {
                (Picked::Is(commit), _) => commit,
                (Picked::ToSign(unsigned), Some(key)) => self.sign(&unsigned, &top, key).await?,
                (Picked::ToSign(_), None) => return Ok(OnTop::Signed(id.to_string())),
                (Picked::Conflict, _) => return Ok(OnTop::Conflict(id.to_string())),
            };
        }
        Ok(OnTop::Done(top))
    }

    async fn sign(&self, commit: &Unsigned, top: &str, key: &Secret) -> Result<String, GitError> {
        let Unsigned { contents, message, who } = commit;
        let who: Vec<(&str, &str)> = who.iter().map(|(name, value)| (*name, &**value)).collect();
        self.commit_as(contents, top, &who, Some(key), message).await
    }

    /// Moves the tree from one commit to another, so that what follows goes on
    /// from there. False if it is not clean, or not on that commit.
    pub(crate) async fn follow(&self, was: &str, commit: &str) -> Result<bool, GitError> {
        let contents = self.write_tree().await?;
        let clean = contents == self.contents_of(was).await?;
        if !clean || self.head()?.as_deref() != Some(was) {
            tracing::warn!("the workspace was not moved to the rebased branch: it is not clean");
            return Ok(false);
        }
        self.command("moving the tree").args(["read-tree", "-m", "-u", was, commit]).run().await?;
        self.set_head(commit)?;
        self.give_index()?;
        Ok(true)
    }
}

const DOING: &str = "putting our commits on top of the branch";

/// One commit on top of another.
enum Picked {
    Is(String),
    ToSign(Unsigned),
    Conflict,
}

/// What a commit that has to be signed is made of.
struct Unsigned {
    contents: String,
    message: String,
    /// As git's own variables.
    who: Vec<(&'static str, String)>,
}

fn since(repository: &Repository, from: &str, tip: &str) -> Result<Vec<Oid>, git2::Error> {
    let mut walk = repository.revwalk()?;
    walk.set_sorting(git2::Sort::TOPOLOGICAL | git2::Sort::REVERSE)?;
    walk.push(tip.parse()?)?;
    walk.hide(from.parse()?)?;
    walk.take(MOST + 1).collect()
}

fn pick(repository: &Repository, id: Oid, top: &str) -> Result<Picked, git2::Error> {
    let (commit, top) = (repository.find_commit(id)?, repository.find_commit(top.parse()?)?);
    if commit.parent_count() != 1 {
        return Ok(Picked::Conflict);
    }
    let mut merged = repository.cherrypick_commit(&commit, &top, 0, None)?;
    if merged.has_conflicts() {
        return Ok(Picked::Conflict);
    }
    let contents = repository.find_tree(merged.write_tree_to(repository)?)?;
    if contents.id() == top.tree_id() {
        return Ok(Picked::Is(top.id().to_string()));
    }
    if commit.header_field_bytes("gpgsig").is_ok() {
        return Ok(Picked::ToSign(unsigned(&commit, contents.id())));
    }
    let message = String::from_utf8_lossy(commit.message_bytes());
    let (author, committer) = (commit.author(), commit.committer());
    let made = repository.commit(None, &author, &committer, &message, &contents, &[&top])?;
    Ok(Picked::Is(made.to_string()))
}

fn unsigned(commit: &Commit<'_>, contents: Oid) -> Unsigned {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let of = |names: [&'static str; 3], signature: Signature<'_>| {
        let (name, email) = (text(signature.name_bytes()), text(signature.email_bytes()));
        let values = [name, email, moment(&signature)];
        names.into_iter().zip(values)
    };
    let author = ["GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_AUTHOR_DATE"];
    let committer = ["GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL", "GIT_COMMITTER_DATE"];
    let who = of(author, commit.author()).chain(of(committer, commit.committer())).collect();
    Unsigned { contents: contents.to_string(), message: text(commit.message_bytes()), who }
}

/// As git's raw format has it: `@1700000000 +0100`.
fn moment(signature: &Signature<'_>) -> String {
    let when = signature.when();
    let minutes = when.offset_minutes().abs();
    format!("@{} {}{:02}{:02}", when.seconds(), when.sign(), minutes / 60, minutes % 60)
}
