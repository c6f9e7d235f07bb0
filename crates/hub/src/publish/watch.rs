//! Looking at a pull request: where it stands, what its checks say, what people
//! say, and what waits for a person.

use super::{Failure, Publisher};
use crate::core::PullRequestNews;
use pilot_forge::{
    FailedLog, Forge as ForgeApi, PullRequestSeen, Repository, Standing, conflict, failed_checks,
};
use pilot_proto::pull_request::{
    CiHold, FeedbackMode, FollowUp, HeldRun, PullRequestPolicy, PushWay,
};
use pilot_proto::task::{Checks, ChecksState, PullRequest};
use pilot_proto::{Forge, Project, Task, TaskId, TaskState};
use std::collections::BTreeSet;
use tokio::time::Instant;

/// Logs that are fetched of one commit: an agent that reads more mends nothing
/// better.
const LOGS: usize = 3;

/// A pull request that is looked at.
#[derive(Debug, Clone)]
pub(crate) struct Watched {
    pub(super) task: TaskId,
    pub(super) repo: String,
    pub(super) forge: Forge,
    pub(super) policy: PullRequestPolicy,
    pub(super) branch: String,
    pub(super) issue: Option<u64>,
    /// As it was when we last looked.
    pub(super) known: PullRequest,
    /// An agent could be told what is said.
    listens: bool,
    /// Names of what was heard.
    heard: BTreeSet<String>,
}

/// What was seen of a pull request that is open.
#[derive(Debug, Clone)]
pub(crate) struct Sight {
    /// It, as it looks now.
    pub(crate) pull_request: PullRequest,
    /// What is said about it, without what was heard before.
    pub(crate) said: Vec<FollowUp>,
    /// Runs of its CI that wait for a person; none where nobody asked.
    pub(crate) held: Option<Vec<HeldRun>>,
    /// The forge has no call to let them go.
    pub(crate) by_hand: bool,
}

impl Watched {
    pub(crate) fn new(
        task: &Task,
        project: &Project,
        forge: &Forge,
        known: &PullRequest,
        heard: &BTreeSet<String>,
    ) -> Self {
        let policy = project.pull_requests.clone();
        let in_review = matches!(task.state, TaskState::InReview { .. });
        Self {
            task: task.id,
            repo: project.repo.clone(),
            forge: forge.clone(),
            branch: task.branch.clone(),
            issue: task.issue,
            known: known.clone(),
            listens: in_review && policy.feedback.mode != FeedbackMode::Off,
            heard: heard.clone(),
            policy,
        }
    }

    /// Where its branch is; none where it has none (a push for review).
    pub(super) fn branch_at(
        &self,
        forge: &dyn ForgeApi,
    ) -> Result<Option<Repository>, pilot_forge::ForgeError> {
        match &self.policy.push {
            PushWay::Branch => forge.repository(&self.repo).map(Some),
            PushWay::Fork { repo } => forge.repository(repo).map(Some),
            PushWay::Agit => Ok(None),
        }
    }
}

impl Publisher {
    /// Where a pull request stands; none while it is open and nothing is new.
    pub(super) async fn state(
        &self,
        watched: &Watched,
    ) -> Result<Option<PullRequestNews>, Failure> {
        let forge = self.forges.open(&watched.forge)?;
        let repository = forge.repository(&watched.repo)?;
        let pull = forge.pull(&repository, watched.known.number).await?;
        match pull.standing {
            Standing::Open => {}
            Standing::Merged | Standing::Closed => {
                self.settle(&*forge, &repository, watched, &pull).await?;
                let merged = pull.standing == Standing::Merged;
                let news = if merged { PullRequestNews::Merged } else { PullRequestNews::Closed };
                return Ok(Some(news));
            }
        }
        let pull_request = with_checks(&*forge, &repository, &watched.known, &pull).await;
        let said = if watched.listens {
            self.said(&*forge, &repository, watched, &pull, pull_request.checks.as_ref()).await?
        } else {
            Vec::new()
        };
        let (held, by_hand) = held(&*forge, &repository, watched, &pull).await?;
        let is_news = pull_request != watched.known || !said.is_empty() || held.is_some();
        Ok(is_news
            .then(|| PullRequestNews::Seen(Box::new(Sight { pull_request, said, held, by_hand }))))
    }

    /// What is said about it that was not heard before.
    async fn said(
        &self,
        forge: &dyn ForgeApi,
        repository: &Repository,
        watched: &Watched,
        pull: &PullRequestSeen,
        checks: Option<&Checks>,
    ) -> Result<Vec<FollowUp>, Failure> {
        let feedback = forge.feedback(repository, pull.number, None).await?;
        let mut said: Vec<FollowUp> =
            feedback.iter().filter_map(pilot_forge::Feedback::follow_up).collect();
        let failed = |checks: &&Checks| checks.state == ChecksState::Failed;
        if let Some(checks) = checks.filter(failed)
            && let Some(without_logs) = failed_checks(&pull.head_commit, &checks.each, &[])
            && !watched.heard.contains(&without_logs.id)
        {
            let logs = self.logs(forge, repository, pull).await;
            said.extend(failed_checks(&pull.head_commit, &checks.each, &logs));
        }
        said.extend(conflict(pull).filter(|one| self.is_lasting(watched.task, &one.id)));
        said.retain(|one| !watched.heard.contains(&one.id));
        let redactor = self.credentials.redactor();
        for one in &mut said {
            one.text = redactor.redact_str(&one.text).into_owned();
            one.summary = redactor.redact_str(&one.summary).into_owned();
        }
        Ok(said)
    }

    /// Ends of the logs of failed jobs. A forge that has none takes nothing
    /// from the rest.
    async fn logs(
        &self,
        forge: &dyn ForgeApi,
        repository: &Repository,
        pull: &PullRequestSeen,
    ) -> Vec<FailedLog> {
        let jobs = forge.jobs(repository, pull).await.unwrap_or_else(|error| {
            tracing::debug!(%error, pull_request = pull.number, "its jobs cannot be listed");
            Vec::new()
        });
        let failed = jobs.into_iter().filter(|job| job.state == ChecksState::Failed);
        let mut logs = Vec::new();
        for job in failed.take(LOGS) {
            match forge.log(repository, &job).await {
                Ok(Some(log)) => logs.push(FailedLog { job: job.name, log }),
                Ok(None) => {}
                Err(error) => tracing::debug!(%error, job = job.name, "its log cannot be read"),
            }
        }
        logs
    }

    /// Seen at an earlier look as well, and not a moment ago: right after a push
    /// a forge has not found out yet what merges, and some say "no" meanwhile.
    fn is_lasting(&self, task: TaskId, conflict: &str) -> bool {
        let now = Instant::now();
        let mut wishes = self.wishes();
        let (known, since) =
            wishes.conflicts.entry(task).or_insert_with(|| (conflict.to_owned(), now));
        if known != conflict {
            (*known, *since) = (conflict.to_owned(), now);
        }
        // Two looks in turn are as far apart as this, twice.
        now.duration_since(*since) >= self.retry.1 / 2
    }
}

/// Runs that wait for a person, where the project wants them held by the forge,
/// and whether it has no call to let them go.
async fn held(
    forge: &dyn ForgeApi,
    repository: &Repository,
    watched: &Watched,
    pull: &PullRequestSeen,
) -> Result<(Option<Vec<HeldRun>>, bool), Failure> {
    if watched.policy.hold != CiHold::ByForge {
        return Ok((None, false));
    }
    let held = forge.held(repository, pull).await?;
    let by_hand = !held.is_empty() && !forge.capabilities().await?.releases_runs;
    let held = held.into_iter().map(|one| HeldRun { name: one.name, page: one.page });
    Ok((Some(held.collect()), by_hand))
}

/// The pull request as it is now. Checks that cannot be read are left as they
/// were, as long as they are of the same commit.
async fn with_checks(
    forge: &dyn ForgeApi,
    repository: &Repository,
    known: &PullRequest,
    pull: &PullRequestSeen,
) -> PullRequest {
    let head = pull.head_commit.clone();
    let checks = match forge.checks(repository, &head).await {
        Ok(checks) => checks,
        Err(error) => {
            tracing::debug!(%error, pull_request = known.number, "its checks cannot be read");
            known.checks.clone().filter(|_| known.head == head)
        }
    };
    PullRequest { head, checks, ..known.clone() }
}
