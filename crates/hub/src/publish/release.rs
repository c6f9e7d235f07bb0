//! Letting the runs of a pull request's CI go, by a person's word.

use super::watch::Watched;
use super::{Failure, Publisher};
use crate::core::PullRequestNews;
use pilot_forge::Release;

impl Publisher {
    /// Lets them go if the pull request still shows the commit that the person
    /// saw. Gives news where a person is needed once more.
    pub(super) async fn let_go(&self, watched: &Watched, head: &str) -> Option<PullRequestNews> {
        match self.try_let_go(watched, head).await {
            Ok(Release::Released(_) | Release::NothingHeld) => None,
            Ok(Release::ByHand(_)) => Some(PullRequestNews::StillHeld),
            Err(Failure { problem, .. }) => {
                tracing::warn!(task = %watched.task, %problem, "the CI could not be let run");
                Some(PullRequestNews::StillHeld)
            }
        }
    }

    async fn try_let_go(&self, watched: &Watched, head: &str) -> Result<Release, Failure> {
        let forge = self.forges.open(&watched.forge)?;
        let repository = forge.repository(&watched.repo)?;
        let pull = forge.pull(&repository, watched.known.number).await?;
        if pull.head_commit != head {
            // What was approved is not what would run.
            return Ok(Release::ByHand(Vec::new()));
        }
        Ok(forge.release(&repository, &pull).await?)
    }
}
