//! The CI: check runs, commit statuses, and workflow runs that wait.
//!
//! What a commit's checks are stands in three lists: apps write check runs,
//! older programs commit statuses, and a workflow run that waits for an
//! approval has neither, because none of its jobs was made yet.

use super::GitHub;
use crate::error::ForgeError;
use crate::forge::Ci;
use crate::http::Call;
use crate::lenient::{or_default, page, tail};
use crate::model::{Check, Held, Job, PullRequestSeen, Release};
use crate::repos_api::path;
use crate::repository::Repository;
use async_trait::async_trait;
use pilot_proto::task::ChecksState;
use serde::Deserialize;
use serde_json::json;

/// 1,000 checks; a commit with more is counted as far as they were read.
const MAX_PAGES: u32 = 10;

#[async_trait]
impl Ci for GitHub {
    async fn checks_of(
        &self,
        repository: &Repository,
        commit: &str,
    ) -> Result<Vec<Check>, ForgeError> {
        let runs = path(repository, &["commits", commit, "check-runs"]);
        let filter = [("filter", "latest")];
        let call = Call { query: &filter, ..Call::get("reading the checks", &runs) };
        let mut all: Vec<Check> = Vec::new();
        for run in self.counted(&call, |list: Lists| list.check_runs).await? {
            all.push(self.check(run));
        }
        let statuses = path(repository, &["commits", commit, "status"]);
        let call = Call::get("reading the checks", &statuses);
        for status in self.counted(&call, |list: Lists| list.statuses).await? {
            all.push(self.check(status));
        }
        for run in self.waiting(repository, commit).await? {
            all.push(self.check(run));
        }
        Ok(all)
    }

    async fn jobs(
        &self,
        repository: &Repository,
        pull: &PullRequestSeen,
    ) -> Result<Vec<Job>, ForgeError> {
        let mut jobs = Vec::new();
        for run in self.runs(repository, &pull.head_commit).await? {
            let id = run.id.to_string();
            let path = path(repository, &["actions", "runs", &id, "jobs"]);
            let latest = [("filter", "latest")];
            let call = Call { query: &latest, ..Call::get("listing the jobs of the CI", &path) };
            for job in self.counted(&call, |list: Lists| list.jobs).await? {
                let (state, url) = (job.says(), page(self.http.forge(), job.page()));
                jobs.push(Job { id: job.id, run: run.id, name: job.name, state, url });
            }
        }
        Ok(jobs)
    }

    async fn log(&self, repository: &Repository, job: &Job) -> Result<Option<String>, ForgeError> {
        let id = job.id.to_string();
        let path = path(repository, &["actions", "jobs", &id, "logs"]);
        let call = Call::get("reading a job's log", &path);
        let reply = self.http.send(&call).await?;
        let log = match reply.status {
            200..=299 => reply.body,
            // To a store of its own, with an address that is the permission.
            302 | 307 => match reply.location(self.http.forge()) {
                Some(store) => self.http.fetch_without_token(call.doing, store).await?,
                None => return Ok(None),
            },
            404 | 410 => return Ok(None),
            _ => return Err(self.http.refusal(call.doing, &reply)),
        };
        Ok(Some(self.http.redacted(&tail(&String::from_utf8_lossy(&log)))))
    }

    async fn held(
        &self,
        repository: &Repository,
        pull: &PullRequestSeen,
    ) -> Result<Vec<Held>, ForgeError> {
        let held = |run: Said| Held {
            id: run.id,
            page: page(self.http.forge(), run.page()),
            name: run.name,
        };
        let waiting = self.waiting(repository, &pull.head_commit).await?;
        Ok(waiting.into_iter().map(held).collect())
    }

    async fn release(
        &self,
        repository: &Repository,
        pull: &PullRequestSeen,
    ) -> Result<Release, ForgeError> {
        let held = self.held(repository, pull).await?;
        if held.is_empty() {
            return Ok(Release::NothingHeld);
        }
        for run in &held {
            self.let_go(repository, run.id).await?;
        }
        let left = self.held(repository, pull).await?;
        Ok(match left.is_empty() {
            true => Release::Released(held.len()),
            false => Release::ByHand(left),
        })
    }
}

impl GitHub {
    /// Approves a run; of a pull request from the same repository, which is
    /// 403, it is run again instead, which counts as an approval.
    async fn let_go(&self, repository: &Repository, run: u64) -> Result<(), ForgeError> {
        let (run, nothing) = (run.to_string(), json!({}));
        for verb in ["approve", "rerun"] {
            let path = path(repository, &["actions", "runs", &run, verb]);
            let call = Call::post("letting the CI run", &path, &nothing);
            let reply = self.http.send(&call).await?;
            match reply.status {
                200..=299 => return Ok(()),
                // Not held any more, or not ours to approve: looked at again.
                403 | 404 | 409 => {}
                _ => return Err(self.http.refusal(call.doing, &reply)),
            }
        }
        Ok(())
    }

    async fn runs(&self, repository: &Repository, commit: &str) -> Result<Vec<Said>, ForgeError> {
        let path = path(repository, &["actions", "runs"]);
        let query = [("head_sha", commit), ("event", "pull_request")];
        let call = Call { query: &query, ..Call::get("listing the runs of the CI", &path) };
        match self.counted(&call, |list: Lists| list.workflow_runs).await {
            // Where workflows are switched off, there are none.
            Err(ForgeError::Refused { status: 403 | 404, .. }) => Ok(Vec::new()),
            answer => answer,
        }
    }

    async fn waiting(
        &self,
        repository: &Repository,
        commit: &str,
    ) -> Result<Vec<Said>, ForgeError> {
        let all = self.runs(repository, commit).await?;
        Ok(all.into_iter().filter(|run| run.says() == ChecksState::Held).collect())
    }

    /// All of a list that says how many there are.
    async fn counted(
        &self,
        call: &Call<'_>,
        take: fn(Lists) -> Vec<Said>,
    ) -> Result<Vec<Said>, ForgeError> {
        let mut all = Vec::new();
        for page in 1..=MAX_PAGES {
            let page = page.to_string();
            let query = [call.query, &[("per_page", "100"), ("page", page.as_str())]].concat();
            let list: Lists = self.http.json(&Call { query: &query, ..call.clone() }).await?;
            let total = list.total_count;
            let more = take(list);
            let read = more.len();
            all.extend(more);
            if read == 0 || all.len() as u64 >= total {
                break;
            }
        }
        Ok(all)
    }

    fn check(&self, said: Said) -> Check {
        Check {
            state: said.says(),
            url: page(self.http.forge(), said.page()),
            name: said.name,
            description: said.description,
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Lists {
    #[serde(deserialize_with = "or_default")]
    total_count: u64,
    #[serde(deserialize_with = "or_default")]
    check_runs: Vec<Said>,
    #[serde(deserialize_with = "or_default")]
    statuses: Vec<Said>,
    #[serde(deserialize_with = "or_default")]
    workflow_runs: Vec<Said>,
    #[serde(deserialize_with = "or_default")]
    jobs: Vec<Said>,
}

/// A check run, a commit status, a workflow run or a job.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Said {
    #[serde(deserialize_with = "or_default")]
    id: u64,
    #[serde(alias = "context", deserialize_with = "or_default")]
    name: String,
    #[serde(deserialize_with = "or_default")]
    description: String,
    /// Of a commit status.
    #[serde(deserialize_with = "or_default")]
    state: String,
    #[serde(deserialize_with = "or_default")]
    status: String,
    #[serde(deserialize_with = "or_default")]
    conclusion: String,
    #[serde(deserialize_with = "or_default")]
    html_url: String,
    #[serde(deserialize_with = "or_default")]
    target_url: String,
}

impl Said {
    fn page(&self) -> &str {
        if self.html_url.is_empty() { &self.target_url } else { &self.html_url }
    }

    fn says(&self) -> ChecksState {
        match (self.state.as_str(), self.status.as_str(), self.conclusion.as_str()) {
            (_, "action_required", _) | (_, _, "action_required") => ChecksState::Held,
            (_, _, "success" | "neutral" | "skipped") | ("success", ..) => ChecksState::Passed,
            (_, _, "failure" | "cancelled" | "timed_out" | "stale" | "startup_failure")
            | ("failure" | "error", ..) => ChecksState::Failed,
            ("pending", ..) => ChecksState::Pending,
            // Of an environment that waits for its reviewers.
            (_, "waiting", _) => ChecksState::Held,
            (_, "queued" | "in_progress" | "requested" | "pending", _) => ChecksState::Pending,
            _ => ChecksState::Unknown,
        }
    }
}
