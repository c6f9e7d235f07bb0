//! Pull requests.

use super::GitHub;
use crate::error::ForgeError;
use crate::forge::{Issues, PullRequests};
use crate::http::Call;
use crate::model::{Head, Merge, NewPull, PullChange, PullRequestSeen, Subject};
use crate::repos_api::{self, PullAnswer, path};
use crate::repository::Repository;
use async_trait::async_trait;
use reqwest::Method;
use serde_json::{Map, Value, json};

#[async_trait]
impl PullRequests for GitHub {
    async fn pulls_of(
        &self,
        repository: &Repository,
        head: Head<'_>,
        base: &str,
        open: bool,
    ) -> Result<Vec<PullRequestSeen>, ForgeError> {
        let path = path(repository, &["pulls"]);
        // It takes no pushes for review, so every head is a branch here.
        let owned = match head {
            Head::Branch(branch) => format!("{}:{branch}", repository.owner),
            Head::Fork { owner, branch } => format!("{owner}:{branch}"),
            Head::Commit(_) => return Ok(Vec::new()),
        };
        let state = if open { "open" } else { "closed" };
        let query = [
            ("state", state),
            ("head", owned.as_str()),
            ("base", base),
            ("sort", "updated"),
            ("direction", "desc"),
            ("per_page", "30"),
        ];
        let call = Call { query: &query, ..Call::get("listing pull requests", &path) };
        let all: Vec<PullAnswer> = self.http.json(&call).await?;
        let all = all.into_iter().map(seen);
        // Without an owner in `head` the filter is silently left out.
        Ok(all.filter(|pull| pull.is_of(head, base)).collect())
    }

    async fn pull(
        &self,
        repository: &Repository,
        number: u64,
    ) -> Result<PullRequestSeen, ForgeError> {
        Ok(seen(repos_api::pull(&self.http, repository, number).await?))
    }

    async fn create_pull(
        &self,
        repository: &Repository,
        new: &NewPull,
    ) -> Result<PullRequestSeen, ForgeError> {
        let head = match &new.head_repository {
            Some(fork) => format!("{}:{}", fork.owner, new.head),
            None => new.head.clone(),
        };
        let body = json!({
            "title": new.title,
            "body": new.body,
            "head": head,
            "base": new.base,
            "draft": new.draft,
        });
        Ok(seen(repos_api::create_pull(&self.http, repository, &body).await?))
    }

    async fn update_pull(
        &self,
        repository: &Repository,
        number: u64,
        change: &PullChange,
    ) -> Result<(), ForgeError> {
        let text = number.to_string();
        let mut body = Map::new();
        if let Some(title) = &change.title {
            body.insert("title".into(), title.as_str().into());
        }
        if let Some(text) = &change.body {
            body.insert("body".into(), text.as_str().into());
        }
        if let Some(open) = change.open {
            body.insert("state".into(), if open { "open" } else { "closed" }.into());
        }
        if !body.is_empty() {
            let (path, body) = (path(repository, &["pulls", &text]), Value::Object(body));
            let call = Call::send("updating the pull request", Method::PATCH, &path, &body);
            self.http.done(&call).await?;
        }
        if !change.labels.is_empty() {
            self.label(repository, Subject::Pull(number), &change.labels, &[]).await?;
        }
        if !change.assignees.is_empty() {
            let path = path(repository, &["issues", &text, "assignees"]);
            let body = json!({ "assignees": change.assignees });
            self.http.done(&Call::post("assigning", &path, &body)).await?;
        }
        if !change.reviewers.is_empty() {
            repos_api::ask_for_review(&self.http, repository, &text, &change.reviewers).await?;
        }
        Ok(())
    }

    async fn merge(
        &self,
        repository: &Repository,
        number: u64,
        head: &str,
        how: Merge,
    ) -> Result<(), ForgeError> {
        let number = number.to_string();
        let path = path(repository, &["pulls", &number, "merge"]);
        let how = match how {
            Merge::Keep => "merge",
            Merge::Squash => "squash",
        };
        let body = json!({ "merge_method": how, "sha": head });
        self.http.done(&Call::send("merging", Method::PUT, &path, &body)).await
    }
}

fn seen(pull: PullAnswer) -> PullRequestSeen {
    let from_fork = pull.head.repository() != pull.base.repository();
    let (merged, head_label) = (pull.merged_at.is_some(), pull.head.name.clone());
    pull.seen(merged, from_fork, head_label)
}
