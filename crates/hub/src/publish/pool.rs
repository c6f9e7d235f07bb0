//! The pool that works through what is wanted of forges.

use super::watch::Watched;
use super::{Publication, Publisher};
use crate::core::{CoreHandle, News, PullRequestNews};
use pilot_proto::TaskId;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Requests to forges at once: enough that forty tasks are not a queue, few
/// enough that a small forge does not notice.
const POOL: usize = 4;
/// How often a pull request that reads back differently is read again before
/// that is called final. Each read has waited for the forge's own queue.
const MISMATCHES: u32 = 3;

/// What is wanted, by task.
#[derive(Debug, Default)]
pub(super) struct Wishes {
    pub(super) publish: BTreeMap<TaskId, Due>,
    pub(super) look: BTreeMap<TaskId, Watched>,
    /// With the commit that a person saw.
    pub(super) release: BTreeMap<TaskId, (Watched, String)>,
    /// Conflicts that were seen at the last look.
    pub(super) conflicts: BTreeMap<TaskId, String>,
    /// Being worked on: one request per task at a time.
    busy: BTreeSet<TaskId>,
}

/// A publication and when it is to be tried.
#[derive(Debug, Clone)]
pub(super) struct Due {
    publication: Publication,
    at: Instant,
    tries: u32,
}

impl Due {
    pub(super) fn now(publication: Publication) -> Self {
        Self { publication, at: Instant::now(), tries: 0 }
    }
}

enum Job {
    Publish(Due),
    Release(Watched, String),
    Look(Watched),
}

impl Publisher {
    /// Works until the hub stops. What is under way then is given up: the next
    /// start finds it wanted again, and making it twice makes it once.
    pub(crate) async fn run(self: Arc<Self>, core: CoreHandle, stop: CancellationToken) {
        let mut jobs = JoinSet::new();
        loop {
            while jobs.len() < POOL
                && let Some((task, job)) = self.next()
            {
                let (publisher, core) = (Arc::clone(&self), core.clone());
                jobs.spawn(async move { publisher.work(task, job, &core).await });
            }
            let nap = self.until_due();
            tokio::select! {
                () = stop.cancelled() => break,
                () = self.changed.notified() => {}
                () = tokio::time::sleep(nap) => {}
                Some(_) = jobs.join_next() => {}
            }
        }
        jobs.shutdown().await;
    }

    fn next(&self) -> Option<(TaskId, Job)> {
        let mut wishes = self.wishes();
        let now = Instant::now();
        let free = |task: &TaskId| !wishes.busy.contains(task);
        let due = wishes.publish.iter().find(|(task, due)| due.at <= now && free(task));
        let (task, job) = match due.map(|(task, _)| *task) {
            Some(task) => (task, wishes.publish.remove(&task).map(Job::Publish)),
            None => match wishes.release.keys().find(|task| free(task)).copied() {
                Some(task) => {
                    let wanted = wishes.release.remove(&task);
                    (task, wanted.map(|(watched, head)| Job::Release(watched, head)))
                }
                None => {
                    let task = *wishes.look.keys().find(|task| free(task))?;
                    (task, wishes.look.remove(&task).map(Job::Look))
                }
            },
        };
        wishes.busy.insert(task);
        Some((task, job?))
    }

    fn until_due(&self) -> Duration {
        let wishes = self.wishes();
        let due = wishes.publish.iter().filter(|(task, _)| !wishes.busy.contains(task));
        let next = due.map(|(_, due)| due.at).min();
        next.map_or(Duration::from_secs(3600), |at| at.saturating_duration_since(Instant::now()))
    }

    async fn work(&self, task: TaskId, job: Job, core: &CoreHandle) {
        let news = match job {
            Job::Publish(due) => Some(self.publish_once(due).await),
            Job::Release(watched, head) => self.let_go(&watched, &head).await,
            Job::Look(look) => self.look_once(&look).await,
        };
        if let Some(news) = news {
            core.tell(News::PullRequest { task, news }).await;
        }
        self.wishes().busy.remove(&task);
        self.changed.notify_one();
    }

    async fn publish_once(&self, due: Due) -> PullRequestNews {
        let news = self.make(&due.publication).await;
        let PullRequestNews::Delayed(problem) = &news else { return news };
        let tries = due.tries + 1;
        if problem.code == pilot_proto::Code::ForgeMismatch && tries >= MISMATCHES {
            return PullRequestNews::Failed(problem.clone());
        }
        let (first, longest) = self.retry;
        let wait = first.saturating_mul(1 << due.tries.min(16)).min(longest);
        let task = due.publication.task;
        tracing::info!(%task, %problem, ?wait, "a pull request is late");
        let again = Due { at: Instant::now() + wait, tries, ..due };
        // What was wanted meanwhile is newer.
        self.wishes().publish.entry(task).or_insert(again);
        news
    }

    async fn look_once(&self, look: &Watched) -> Option<PullRequestNews> {
        match self.state(look).await {
            Ok(news) => news,
            Err(failure) => {
                // The next poll asks again; nothing about the task has changed.
                tracing::debug!(task = %look.task, problem = %failure.problem, "no word of a pull request");
                None
            }
        }
    }
}
