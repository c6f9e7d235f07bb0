//! Pipelines and their jobs.
//!
//! Two things wait for a person: a manual job that the pipeline cannot do
//! without, and the pipeline of a merge request from a fork, which runs in the
//! fork until a Developer of the parent runs it here.

use super::GitLab;
use crate::error::ForgeError;
use crate::forge::Ci;
use crate::http::Call;
use crate::lenient::{or_default, page, tail};
use crate::model::{Check, Held, Job, PullRequestSeen, Release};
use crate::repository::Repository;
use async_trait::async_trait;
use pilot_proto::task::ChecksState;
use serde::Deserialize;
use serde_json::json;

/// Jobs of a pipeline, statuses of a commit.
const MOST: usize = 1000;
/// Pipelines of a merge request that are looked through, the latest first.
const MOST_PIPELINES: usize = 100;

#[async_trait]
impl Ci for GitLab {
    async fn checks_of(
        &self,
        repository: &Repository,
        commit: &str,
    ) -> Result<Vec<Check>, ForgeError> {
        let id = repository.to_string();
        let path = ["projects", &id, "repository", "commits", commit, "statuses"];
        let all: Vec<Said> = self.http.list(&Call::get("reading the checks", &path), MOST).await?;
        let check = |said: Said| Check {
            state: said.says(),
            url: page(self.http.forge(), said.page()),
            name: said.name,
            description: said.description,
        };
        Ok(all.into_iter().map(check).collect())
    }

    async fn jobs(
        &self,
        repository: &Repository,
        pull: &PullRequestSeen,
    ) -> Result<Vec<Job>, ForgeError> {
        let Some(pipeline) = self.latest(repository, pull).await? else { return Ok(Vec::new()) };
        let jobs = self.jobs_of(repository, pipeline.id).await?;
        let job = |said: Said| Job {
            id: said.id,
            run: pipeline.id,
            state: said.says(),
            url: page(self.http.forge(), said.page()),
            name: said.name,
        };
        Ok(jobs.into_iter().map(job).collect())
    }

    async fn log(&self, repository: &Repository, job: &Job) -> Result<Option<String>, ForgeError> {
        let (id, job) = (repository.to_string(), job.id.to_string());
        let path = ["projects", &id, "jobs", &job, "trace"];
        let call = Call::get("reading a job's log", &path);
        let reply = self.http.send(&call).await?;
        match reply.status {
            200..=299 => Ok(Some(self.http.redacted(&tail(&String::from_utf8_lossy(&reply.body))))),
            404 => Ok(None),
            _ => Err(self.http.refusal(call.doing, &reply)),
        }
    }

    async fn held(
        &self,
        repository: &Repository,
        pull: &PullRequestSeen,
    ) -> Result<Vec<Held>, ForgeError> {
        let Some(pipeline) = self.latest(repository, pull).await? else {
            let page = Some(format!("{}/pipelines", pull.url)).filter(|_| !pull.url.is_empty());
            let held = Held { id: 0, name: "the merge request's pipeline".to_owned(), page };
            // Without a fork, no pipeline is simply none.
            return Ok(if pull.from_fork { vec![held] } else { Vec::new() });
        };
        let jobs = self.jobs_of(repository, pipeline.id).await?;
        let held = |said: Said| Held {
            id: said.id,
            page: page(self.http.forge(), said.page()),
            name: said.name,
        };
        Ok(jobs.into_iter().filter(|said| said.says() == ChecksState::Held).map(held).collect())
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
        let (id, number, nothing) = (repository.to_string(), pull.number.to_string(), json!({}));
        for one in &held {
            let job = one.id.to_string();
            let play = ["projects", id.as_str(), "jobs", job.as_str(), "play"];
            let start = ["projects", id.as_str(), "merge_requests", number.as_str(), "pipelines"];
            let path: &[&str] = if one.id == 0 { &start } else { &play };
            let call = Call::post("letting the CI run", path, &nothing);
            let reply = self.http.send(&call).await?;
            match reply.status {
                // What is not ours to start, or started already: looked at again.
                200..=299 | 400 | 403 | 404 => {}
                _ => return Err(self.http.refusal(call.doing, &reply)),
            }
        }
        let left = self.held(repository, pull).await?;
        Ok(match left.is_empty() {
            true => Release::Released(held.len()),
            false => Release::ByHand(left),
        })
    }
}

impl GitLab {
    /// The latest pipeline for what the merge request shows that ran here, and
    /// not in a fork.
    async fn latest(
        &self,
        repository: &Repository,
        pull: &PullRequestSeen,
    ) -> Result<Option<Pipeline>, ForgeError> {
        let here = if pull.from_fork {
            Some(self.merge_request(repository, pull.number).await?.target_project_id)
        } else {
            None
        };
        let (id, number) = (repository.to_string(), pull.number.to_string());
        let path = ["projects", &id, "merge_requests", &number, "pipelines"];
        let call = Call::get("listing the pipelines", &path);
        let all: Vec<Pipeline> = self.http.list(&call, MOST_PIPELINES).await?;
        let ours = |pipeline: &Pipeline| {
            pipeline.sha == pull.head_commit && here.is_none_or(|here| pipeline.project_id == here)
        };
        Ok(all.into_iter().filter(ours).max_by_key(|pipeline| pipeline.id))
    }

    async fn jobs_of(
        &self,
        repository: &Repository,
        pipeline: u64,
    ) -> Result<Vec<Said>, ForgeError> {
        let (id, pipeline) = (repository.to_string(), pipeline.to_string());
        let path = ["projects", &id, "pipelines", &pipeline, "jobs"];
        self.http.list(&Call::get("listing the jobs of the CI", &path), MOST).await
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Pipeline {
    #[serde(deserialize_with = "or_default")]
    id: u64,
    #[serde(deserialize_with = "or_default")]
    sha: String,
    #[serde(deserialize_with = "or_default")]
    project_id: u64,
}

/// A job, or a commit status, which every job has.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Said {
    #[serde(deserialize_with = "or_default")]
    id: u64,
    #[serde(deserialize_with = "or_default")]
    name: String,
    #[serde(deserialize_with = "or_default")]
    status: String,
    #[serde(deserialize_with = "or_default")]
    description: String,
    #[serde(deserialize_with = "or_default")]
    target_url: String,
    #[serde(deserialize_with = "or_default")]
    web_url: String,
    #[serde(deserialize_with = "or_default")]
    allow_failure: bool,
}

impl Said {
    fn page(&self) -> &str {
        if self.web_url.is_empty() { &self.target_url } else { &self.web_url }
    }

    fn says(&self) -> ChecksState {
        match self.status.as_str() {
            // Offered, and not waited for.
            "manual" if self.allow_failure => ChecksState::Passed,
            "manual" => ChecksState::Held,
            "success" | "skipped" => ChecksState::Passed,
            "failed" if self.allow_failure => ChecksState::Passed,
            "failed" | "canceled" | "canceling" => ChecksState::Failed,
            "created"
            | "pending"
            | "running"
            | "preparing"
            | "scheduled"
            | "waiting_for_resource" => ChecksState::Pending,
            _ => ChecksState::Unknown,
        }
    }
}
