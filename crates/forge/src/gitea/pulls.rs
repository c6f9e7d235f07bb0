//! Pull requests.

use super::Gitea;
use crate::error::ForgeError;
use crate::forge::{Issues, PullRequests};
use crate::http::Call;
use crate::model::{
    Head, Merge, NewPull, PullChange, PullRequestSeen, Subject, draft_title, plain_title,
};
use crate::repos_api::{self, PullAnswer, Side, path};
use crate::repository::Repository;
use async_trait::async_trait;
use reqwest::Method;
use serde_json::{Map, json};

/// What makes a draft: the versions this was written against have no field.
const DRAFT: &str = "WIP:";

#[async_trait]
impl PullRequests for Gitea {
    /// Not asked for by branch: that request is missing in the versions this
    /// was written against.
    async fn pulls_of(
        &self,
        repository: &Repository,
        head: Head<'_>,
        base: &str,
        open: bool,
    ) -> Result<Vec<PullRequestSeen>, ForgeError> {
        let path = path(repository, &["pulls"]);
        let state = if open { "open" } else { "closed" };
        let query = [("state", state), ("sort", "recentupdate")];
        let call = Call { query: &query, ..Call::get("listing pull requests", &path) };
        let mut found = Vec::new();
        self.http
            .pages(&call, |page: Vec<PullAnswer>| {
                let page = page.into_iter().map(|pull| seen(pull, repository));
                found.extend(page.filter(|pull| pull.is_of(head, base)));
                // One that was closed changed last of all: the first page will do.
                !open || !found.is_empty()
            })
            .await?;
        Ok(found)
    }

    async fn pull(
        &self,
        repository: &Repository,
        number: u64,
    ) -> Result<PullRequestSeen, ForgeError> {
        Ok(seen(repos_api::pull(&self.http, repository, number).await?, repository))
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
            "title": draft_title(DRAFT, &new.title, new.draft),
            "body": new.body,
            "head": head,
            "base": new.base,
        });
        Ok(seen(repos_api::create_pull(&self.http, repository, &body).await?, repository))
    }

    async fn update_pull(
        &self,
        repository: &Repository,
        number: u64,
        change: &PullChange,
    ) -> Result<(), ForgeError> {
        let text = number.to_string();
        let mut body = Map::new();
        let before = if change.title.is_some() || !change.assignees.is_empty() {
            Some(self.pull(repository, number).await?)
        } else {
            None
        };
        if let (Some(title), Some(before)) = (&change.title, &before) {
            body.insert("title".into(), draft_title(DRAFT, title, before.draft).into());
        }
        if let Some(text) = &change.body {
            body.insert("body".into(), text.as_str().into());
        }
        if let Some(open) = change.open {
            body.insert("state".into(), if open { "open" } else { "closed" }.into());
        }
        if let (false, Some(before)) = (change.assignees.is_empty(), &before) {
            // The list is taken as the whole.
            let all = before.assignees.iter().chain(&change.assignees).cloned();
            body.insert("assignees".into(), all.collect::<Vec<_>>().into());
        }
        if !body.is_empty() {
            let path = path(repository, &["pulls", &text]);
            let body = json!(body);
            let call = Call::send("updating the pull request", Method::PATCH, &path, &body);
            self.http.done(&call).await?;
        }
        if !change.labels.is_empty() {
            self.label(repository, Subject::Pull(number), &change.labels, &[]).await?;
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
        let body = json!({ "Do": how, "head_commit_id": head });
        self.http.done(&Call::post("merging", &path, &body)).await
    }
}

fn seen(pull: PullAnswer, repository: &Repository) -> PullRequestSeen {
    let of = |side: &Side| side.repository().map(str::to_ascii_lowercase);
    // Compared with the pull request's own repository: after a rename,
    // both have the new name.
    let here = of(&pull.base).unwrap_or_else(|| repository.to_string().to_ascii_lowercase());
    let (merged, from_fork) = (pull.merged, of(&pull.head) != Some(here));
    let head_label = pull.head.label.clone();
    let seen = pull.seen(merged, from_fork, head_label);
    let (title, marked) = plain_title(&seen.title);
    PullRequestSeen { title: title.to_owned(), draft: seen.draft || marked, ..seen }
}
