//! The CI: what it says about a commit, and what of it waits for a person.
//!
//! Older versions tell both in the combined status of a commit only; newer
//! ones list runs, a Gitea and a Forgejo each in its own words. No version has
//! a call that lets a run go, so a person is sent to the run's own page.

use super::Gitea;
use crate::error::ForgeError;
use crate::forge::Ci;
use crate::http::Call;
use crate::lenient::{or_default, page, tail};
use crate::model::{Check, Held, Job, PullRequestSeen, Release};
use crate::repos_api::path;
use crate::repository::Repository;
use async_trait::async_trait;
use pilot_proto::ForgeKind;
use pilot_proto::task::ChecksState;
use serde::Deserialize;

/// A commit with more checks than this is counted as far as they were read.
const MAX_PAGES: u32 = 10;
/// How these versions say that a run waits for somebody's consent.
const BLOCKED: &str = "Blocked by required conditions";
/// Runs of one commit: one for each workflow and event, sometimes two.
const MAX_RUNS: &str = "50";

#[async_trait]
impl Ci for Gitea {
    async fn checks_of(
        &self,
        repository: &Repository,
        commit: &str,
    ) -> Result<Vec<Check>, ForgeError> {
        let all = self.statuses(repository, commit).await?;
        Ok(all.into_iter().map(|status| status.check(self)).collect())
    }

    async fn jobs(
        &self,
        repository: &Repository,
        pull: &PullRequestSeen,
    ) -> Result<Vec<Job>, ForgeError> {
        if self.can().await?.lists_runs {
            let mut jobs = Vec::new();
            for run in self.runs(repository, &pull.head_commit, &[]).await? {
                jobs.extend(self.jobs_of(repository, run).await?);
            }
            return Ok(jobs);
        }
        let all = self.statuses(repository, &pull.head_commit).await?;
        let job = |status: Status| {
            let (run, id) = status.run_and_job()?;
            let check = status.check(self);
            Some(Job { id, run, name: check.name, state: check.state, url: check.url })
        };
        Ok(all.into_iter().filter_map(job).collect())
    }

    async fn log(&self, repository: &Repository, job: &Job) -> Result<Option<String>, ForgeError> {
        if !self.can().await?.reads_logs {
            return Ok(None);
        }
        let id = job.id.to_string();
        let path = path(repository, &["actions", "jobs", &id, "logs"]);
        let call = Call::get("reading a job's log", &path);
        let reply = self.http.send(&call).await?;
        match reply.status {
            200..=299 => Ok(Some(self.http.redacted(&tail(&String::from_utf8_lossy(&reply.body))))),
            404 | 410 => Ok(None),
            _ => Err(self.http.refusal(call.doing, &reply)),
        }
    }

    async fn held(
        &self,
        repository: &Repository,
        pull: &PullRequestSeen,
    ) -> Result<Vec<Held>, ForgeError> {
        let commit = &pull.head_commit;
        if !self.can().await?.lists_runs {
            let all = self.statuses(repository, commit).await?;
            let mut held: Vec<Held> = Vec::new();
            for status in all.into_iter().filter(|status| status.says() == ChecksState::Held) {
                let page = page(self.http.forge(), &status.target_url);
                let id = status.run_and_job().map_or(0, |(run, _)| run);
                // One run has a status for each of its jobs.
                if held.iter().all(|known| known.id != id || known.page != page) {
                    held.push(Held { id, name: status.context, page });
                }
            }
            return Ok(held);
        }
        let filter: &[(&str, &str)] = match self.http.kind() {
            ForgeKind::Gitea => &[("status", "action_required")],
            ForgeKind::Forgejo | ForgeKind::GitHub | ForgeKind::GitLab => &[],
        };
        let runs = self.runs(repository, commit, filter).await?;
        let waits = |run: &Run| match self.http.kind() {
            ForgeKind::Forgejo => run.need_approval,
            // In this version one that waits for a runner is `queued`.
            ForgeKind::Gitea | ForgeKind::GitHub | ForgeKind::GitLab => {
                !matches!(run.status.as_str(), "completed" | "in_progress" | "queued")
            }
        };
        let held = |run: Run| Held {
            id: run.id,
            page: page(self.http.forge(), &run.html_url),
            name: run.called(),
        };
        Ok(runs.into_iter().filter(waits).map(held).collect())
    }

    async fn release(
        &self,
        repository: &Repository,
        pull: &PullRequestSeen,
    ) -> Result<Release, ForgeError> {
        let held = self.held(repository, pull).await?;
        Ok(if held.is_empty() { Release::NothingHeld } else { Release::ByHand(held) })
    }
}

impl Gitea {
    async fn statuses(
        &self,
        repository: &Repository,
        commit: &str,
    ) -> Result<Vec<Status>, ForgeError> {
        let path = path(repository, &["commits", commit, "status"]);
        let mut all: Vec<Status> = Vec::new();
        for page in 1..=MAX_PAGES {
            let page = page.to_string();
            let query = [("limit", "50"), ("page", page.as_str())];
            let call = Call { query: &query, ..Call::get("reading the checks", &path) };
            let combined: Combined = self.http.json(&call).await?;
            let before = all.len();
            for status in combined.statuses {
                // One that knows no pages gives everything each time.
                if all.iter().all(|known| known.id != status.id) {
                    all.push(status);
                }
            }
            if all.len() == before || all.len() as u64 >= combined.total_count {
                break;
            }
        }
        Ok(all)
    }

    async fn runs(
        &self,
        repository: &Repository,
        commit: &str,
        filter: &[(&str, &str)],
    ) -> Result<Vec<Run>, ForgeError> {
        let path = path(repository, &["actions", "runs"]);
        let query = [&[("head_sha", commit), ("limit", MAX_RUNS)], filter].concat();
        let call = Call { query: &query, ..Call::get("listing the runs of the CI", &path) };
        let all: Runs = self.http.json(&call).await?;
        // A version that does not know a filter leaves it out of the question.
        let same = |run: &Run| run.commit() == commit;
        Ok(all.workflow_runs.into_iter().filter(same).collect())
    }

    async fn jobs_of(&self, repository: &Repository, run: Run) -> Result<Vec<Job>, ForgeError> {
        let forge = self.http.forge();
        if self.http.kind() == ForgeKind::Forgejo {
            let (id, state, url) = (run.id, run.says(), page(forge, &run.html_url));
            return Ok(vec![Job { id, run: id, name: run.called(), state, url }]);
        }
        let id = run.id.to_string();
        let path = path(repository, &["actions", "runs", &id, "jobs"]);
        let all: Jobs = self.http.json(&Call::get("listing the jobs of the CI", &path)).await?;
        let job = |one: Run| Job {
            id: one.id,
            run: run.id,
            state: one.says(),
            url: page(forge, &one.html_url),
            name: one.called(),
        };
        Ok(all.jobs.into_iter().map(job).collect())
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Combined {
    #[serde(deserialize_with = "or_default")]
    statuses: Vec<Status>,
    #[serde(deserialize_with = "or_default")]
    total_count: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Status {
    #[serde(deserialize_with = "or_default")]
    id: u64,
    /// Called `state` on its way in.
    #[serde(deserialize_with = "or_default")]
    status: String,
    #[serde(deserialize_with = "or_default")]
    context: String,
    #[serde(deserialize_with = "or_default")]
    description: String,
    #[serde(deserialize_with = "or_default")]
    target_url: String,
}

impl Status {
    fn says(&self) -> ChecksState {
        match self.status.as_str() {
            "pending" if self.description.trim() == BLOCKED => ChecksState::Held,
            "pending" => ChecksState::Pending,
            "success" | "warning" | "skipped" => ChecksState::Passed,
            "failure" | "error" => ChecksState::Failed,
            _ => ChecksState::Unknown,
        }
    }

    fn check(&self, gitea: &Gitea) -> Check {
        Check {
            name: self.context.clone(),
            state: self.says(),
            description: self.description.clone(),
            url: page(gitea.http.forge(), &self.target_url),
        }
    }

    /// `/owner/name/actions/runs/7/jobs/0`: of the forge's own CI.
    fn run_and_job(&self) -> Option<(u64, u64)> {
        let (_, rest) = self.target_url.rsplit_once("/actions/runs/")?;
        let mut parts = rest.split('/');
        let run = parts.next()?.parse().ok()?;
        let job = parts.nth(1).and_then(|job| job.parse().ok()).unwrap_or(0);
        Some((run, job))
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Runs {
    #[serde(deserialize_with = "or_default")]
    workflow_runs: Vec<Run>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Jobs {
    #[serde(deserialize_with = "or_default")]
    jobs: Vec<Run>,
}

/// A run, or a job, which has the same words.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Run {
    #[serde(deserialize_with = "or_default")]
    id: u64,
    #[serde(deserialize_with = "or_default")]
    name: String,
    /// A Gitea's word.
    #[serde(deserialize_with = "or_default")]
    display_title: String,
    /// A Forgejo's.
    #[serde(deserialize_with = "or_default")]
    title: String,
    #[serde(deserialize_with = "or_default")]
    status: String,
    #[serde(deserialize_with = "or_default")]
    conclusion: String,
    #[serde(deserialize_with = "or_default")]
    html_url: String,
    #[serde(deserialize_with = "or_default")]
    head_sha: String,
    #[serde(deserialize_with = "or_default")]
    commit_sha: String,
    /// Forgejo's.
    #[serde(deserialize_with = "or_default")]
    need_approval: bool,
}

impl Run {
    fn commit(&self) -> &str {
        if self.head_sha.is_empty() { &self.commit_sha } else { &self.head_sha }
    }

    fn called(&self) -> String {
        let named = [&self.name, &self.display_title, &self.title]
            .into_iter()
            .find(|name| !name.is_empty());
        named.cloned().unwrap_or_else(|| format!("run {}", self.id))
    }

    fn says(&self) -> ChecksState {
        match (self.status.as_str(), self.conclusion.as_str()) {
            _ if self.need_approval => ChecksState::Held,
            (_, "success" | "skipped" | "neutral") | ("success" | "skipped", _) => {
                ChecksState::Passed
            }
            (_, "failure" | "cancelled" | "timed_out") | ("failure" | "cancelled", _) => {
                ChecksState::Failed
            }
            ("blocked" | "action_required", _) => ChecksState::Held,
            ("waiting" | "running" | "queued" | "in_progress" | "pending" | "requested", _) => {
                ChecksState::Pending
            }
            _ => ChecksState::Unknown,
        }
    }
}
