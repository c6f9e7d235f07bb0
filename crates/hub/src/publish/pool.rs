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

/// A forge tells each line of a review by itself: what comes within this is
/// looked at together.
pub(super) const TOGETHER: Duration = Duration::from_secs(1);
/// Between two looks that webhooks bring: a run of a CI tells of each of its
/// jobs, several times.
pub(super) const SPACING: Duration = Duration::from_secs(5);

/// What is wanted, by task.
#[derive(Debug, Default)]
pub(super) struct Wishes {
    pub(super) publish: BTreeMap<TaskId, Due>,
    pub(super) look: BTreeMap<TaskId, Look>,
    /// When each was last looked at, of those that were lately.
    pub(super) looked: BTreeMap<TaskId, Instant>,
    /// With the commit that a person saw.
    pub(super) release: BTreeMap<TaskId, (Watched, String)>,
    /// Conflicts, and when they were first seen.
    pub(super) conflicts: BTreeMap<TaskId, (String, Instant)>,
    /// Being worked on: one request per task at a time.
    busy: BTreeSet<TaskId>,
}

/// A pull request and from when on it is to be looked at.
#[derive(Debug, Clone)]
pub(super) struct Look {
    watched: Watched,
    at: Instant,
}

impl Wishes {
    /// What is known of it now counts; the earlier of two wishes is kept.
    pub(super) fn want_look(&mut self, watched: Watched, at: Instant) {
        let task = watched.task;
        let at = self.look.get(&task).map_or(at, |known| known.at.min(at));
        self.look.insert(task, Look { watched, at });
    }

    /// The next pull request to look at, and that it is looked at now.
    fn take_look(&mut self, now: Instant) -> Option<(TaskId, Watched)> {
        let due = |(task, look): &(&TaskId, &Look)| look.at <= now && !self.busy.contains(task);
        let task = *self.look.iter().find(due)?.0;
        let look = self.look.remove(&task)?;
        self.looked.retain(|_, last| *last + SPACING > now);
        self.looked.insert(task, now);
        Some((task, look.watched))
    }
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
                    let (task, watched) = wishes.take_look(now)?;
                    (task, Some(Job::Look(watched)))
                }
            },
        };
        wishes.busy.insert(task);
        Some((task, job?))
    }

    fn until_due(&self) -> Duration {
        let wishes = self.wishes();
        let free = |task: &TaskId| !wishes.busy.contains(task);
        let due = wishes.publish.iter().filter(|(task, _)| free(task)).map(|(_, due)| due.at);
        let looks = wishes.look.iter().filter(|(task, _)| free(task)).map(|(_, look)| look.at);
        let next = due.chain(looks).min();
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

#[cfg(test)]
mod tests {
    use super::*;
    use pilot_proto::{Forge, ForgeKind, Project, Task};
    use serde_json::json;

    fn watched(task: u128) -> Watched {
        let project = json!({"name": "p", "repo": "https://x.example/a/b", "agent": "scripted"});
        let project: Project = serde_json::from_value(project).expect("a project");
        let pull = json!({"number": 1, "url": "", "head": "c0ffee"});
        let task = json!({
            "id": uuid::Uuid::from_u128(task), "title": "t", "prompt": "p", "project": "p",
            "agent": "scripted", "mode": "auto", "on_timeout": "proceed", "branch": "b",
            "state": "in_review", "state_pull_request": pull.clone(), "since": 0, "created_at": 0,
        });
        let task: Task = serde_json::from_value(task).expect("a task");

        let forge = Forge::at("home", ForgeKind::Gitea, "https://x.example");
        let pull = serde_json::from_value(pull).expect("a pull request");
        Watched::new(&task, &project, &forge, &pull, &BTreeSet::new())
    }

    #[test]
    fn what_a_forge_tells_is_looked_at_together_and_the_last_of_it_is_not_lost() {
        let mut wishes = Wishes::default();
        let now = Instant::now();
        let (one, other) = (watched(1), watched(2));
        wishes.want_look(one.clone(), now + TOGETHER);
        wishes.want_look(one.clone(), now + SPACING);
        assert!(wishes.take_look(now).is_none(), "the rest of it is on its way");
        let later = now + TOGETHER;
        assert_eq!(wishes.take_look(later).map(|(task, _)| task), Some(one.task));
        assert!(wishes.take_look(now + SPACING).is_none(), "once for both");

        // What comes while it is looked at is looked at afterwards.
        wishes.busy.insert(one.task);
        wishes.want_look(one.clone(), later);
        wishes.want_look(other.clone(), later);
        assert_eq!(wishes.take_look(later).map(|(task, _)| task), Some(other.task));
        assert!(wishes.take_look(later).is_none());
        wishes.busy.clear();
        assert_eq!(wishes.take_look(later).map(|(task, _)| task), Some(one.task));
        assert!(wishes.looked.contains_key(&one.task));
    }
}
