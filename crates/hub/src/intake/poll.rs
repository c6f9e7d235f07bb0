//! Looking for issues that were labelled or commented on, for a forge that does
//! not tell us.

use super::{Failure, Intake, Look, tell};
use crate::clock;
use crate::core::{CoreHandle, IntakeWish, IssueNews};
use pilot_forge::{Forge as ForgeApi, Issue, IssueFilter, Repository};
use pilot_proto::intake::{IntakeMemory, IntakePolicy};
use pilot_proto::{Problem, Project};
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::time::Instant;

/// Issues that have the label at once; more are work for a person to choose from.
const MOST_LABELLED: usize = 500;
/// Issues that changed between two looks.
const MOST_CHANGED: usize = 200;

impl Intake {
    /// Looks at every project that is due; says when the next one is. Err: the
    /// forge is to be left alone, for so long if it said.
    pub(super) async fn poll_all(
        &self,
        core: &CoreHandle,
        api: &dyn ForgeApi,
        polls: Vec<(Project, IntakePolicy)>,
    ) -> Result<Instant, Option<Duration>> {
        let mut next = Instant::now() + super::IDLE;
        for (project, policy) in polls {
            let due = self.look_of(&policy.project).map(|look| look.due);
            if let Some(due) = due.filter(|due| *due > Instant::now()) {
                next = next.min(due);
                continue;
            }
            let looked = self.poll(core, api, &project, &policy).await;
            let due = Instant::now() + Duration::from_secs(policy.poll_secs.into());
            next = next.min(due);
            let (problem, wait) = match looked {
                Ok(()) => (None, None),
                Err(Failure::Passing(problem, wait)) => (Some(problem), Some(wait)),
                Err(Failure::Login(problem) | Failure::Final(problem)) => (Some(problem), None),
            };
            if let Some(problem) = &problem {
                tracing::warn!(project = project.name, %problem, "its issues cannot be looked at");
            }
            self.looks().insert(project.name, Look { due, at: clock::now(), problem });
            if let Some(wait) = wait {
                return Err(wait);
            }
        }
        Ok(next)
    }

    async fn poll(
        &self,
        core: &CoreHandle,
        api: &dyn ForgeApi,
        project: &Project,
        policy: &IntakePolicy,
    ) -> Result<(), Failure> {
        let repository = api.repository(&project.repo)?;
        let memory = self.memory(&project.name).await?;
        let labelled = match &policy.label {
            Some(label) => Some(with_label(api, &repository, label).await?),
            None => None,
        };
        let mut changed = Vec::new();
        if policy.comments {
            let since = memory.cursor.clone().or_else(|| memory.since.clone());
            let filter = IssueFilter { since, most: MOST_CHANGED, ..IssueFilter::open() };
            let all = api.issues(&repository, &filter).await?.into_iter();
            changed = all.filter(|issue| issue.comments > 0).map(when).collect();
        }
        let news = IssueNews { labelled, changed, ..IssueNews::default() };
        let project = project.name.clone();
        tell(core, IntakeWish::Hear { project, delivery: None, news }).await;
        Ok(())
    }

    /// What was seen of a project's issues so far.
    pub(super) async fn memory(&self, project: &str) -> Result<IntakeMemory, Failure> {
        let all = self.store.intake_memories().await;
        let all = all.map_err(|error| Failure::Passing(error.problem(), None))?;
        let own = all.into_iter().find(|(name, _)| name == project);
        Ok(own.map(|(_, memory)| memory).unwrap_or_default())
    }
}

/// What is seen when somebody begins to look: what has the label already, and
/// what was said already, starts nothing.
pub(crate) async fn first_look(
    api: &dyn ForgeApi,
    repository: &Repository,
    policy: &IntakePolicy,
) -> Result<IntakeMemory, Problem> {
    let labelled = match &policy.label {
        Some(label) => with_label(api, repository, label).await?.0,
        None => BTreeSet::new(),
    };
    let filter = IssueFilter { closed_too: true, most: MOST_CHANGED, ..IssueFilter::open() };
    let all = api.issues(repository, &filter).await?;
    let instant = |issue: &Issue| pilot_lifecycle::intake::instant(&issue.updated);
    let latest = all.iter().max_by_key(|issue| instant(issue));
    let since = latest.map(|issue| issue.updated.clone());
    let cursor = since.clone();
    let at_cursor = latest
        .map(|last| all.iter().filter(|one| instant(one) == instant(last)).map(|one| one.number))
        .into_iter()
        .flatten()
        .collect();
    Ok(IntakeMemory { labelled, since, cursor, at_cursor, ..IntakeMemory::default() })
}

/// Open issues that have a label, and whether these are all.
async fn with_label(
    api: &dyn ForgeApi,
    repository: &Repository,
    label: &str,
) -> Result<(BTreeSet<u64>, bool), pilot_forge::ForgeError> {
    let labels = vec![label.to_owned()];
    let filter = IssueFilter { labels, most: MOST_LABELLED, ..IssueFilter::open() };
    let all = api.issues(repository, &filter).await?;
    Ok((all.iter().map(|issue| issue.number).collect(), all.len() < MOST_LABELLED))
}

fn when(issue: Issue) -> (u64, String) {
    (issue.number, issue.updated)
}
