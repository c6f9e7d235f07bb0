//! What is left of a pull request that was merged or closed: its branch, and
//! perhaps its issue.

use super::watch::Watched;
use super::{Failure, Publisher, unless_refused};
use pilot_forge::{Forge as ForgeApi, ForgeError, PullRequestSeen, Repository, Standing};
use pilot_proto::pull_request::DeleteBranch;

impl Publisher {
    /// Done before the task is told, so that a hub that dies in between does it
    /// again: there is nothing to do the second time.
    pub(super) async fn settle(
        &self,
        forge: &dyn ForgeApi,
        repository: &Repository,
        watched: &Watched,
        pull: &PullRequestSeen,
    ) -> Result<(), Failure> {
        let merged = pull.standing == Standing::Merged;
        let goes = match watched.policy.after.delete_branch {
            DeleteBranch::Never => false,
            DeleteBranch::Merged => merged,
            DeleteBranch::Ended => true,
        };
        if goes {
            unless_refused("deleting the branch", delete_branch(forge, watched, pull).await)?;
        }
        if merged && watched.policy.after.close_issue {
            unless_refused("closing the issue", close_issue(forge, repository, watched).await)?;
        }
        self.wishes().conflicts.remove(&watched.task);
        Ok(())
    }
}

/// Only while it is still what was merged or closed: what somebody put on top
/// of it since is nobody's to throw away.
async fn delete_branch(
    forge: &dyn ForgeApi,
    watched: &Watched,
    pull: &PullRequestSeen,
) -> Result<(), ForgeError> {
    let Some(at) = watched.branch_at(forge)? else { return Ok(()) };
    let Some(branch) = forge.branch(&at, &watched.branch).await? else { return Ok(()) };
    if branch.commit == pull.head_commit || branch.commit == watched.known.head {
        forge.delete_branch(&at, &watched.branch).await?;
    } else {
        tracing::info!(branch = watched.branch, "the branch has more than was reviewed, and stays");
    }
    Ok(())
}

/// A forge closes it by itself only where the merge was into the default
/// branch.
async fn close_issue(
    forge: &dyn ForgeApi,
    repository: &Repository,
    watched: &Watched,
) -> Result<(), ForgeError> {
    let Some(number) = watched.issue else { return Ok(()) };
    if forge.issue(repository, number).await?.open {
        forge.set_open(repository, number, false).await?;
    }
    Ok(())
}
