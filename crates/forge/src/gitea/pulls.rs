//! Pull requests.

use super::repositories::RepositoryAnswer;
use super::{Gitea, path};
use crate::error::ForgeError;
use crate::forge::{Issues, PullRequests};
use crate::http::Call;
use crate::lenient::{Named, Person, logins, names, or_default};
use crate::model::{
    Merge, NewPull, PullChange, PullRequestSeen, Standing, Subject, draft_title, plain_title,
};
use crate::repository::Repository;
use async_trait::async_trait;
use reqwest::Method;
use serde::Deserialize;
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
        head: &str,
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
                let page = page.into_iter().map(|pull| pull.seen(repository));
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
        let number = number.to_string();
        let path = path(repository, &["pulls", &number]);
        let pull: PullAnswer =
            self.http.json(&Call::get("reading the pull request", &path)).await?;
        Ok(pull.seen(repository))
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
        let path = path(repository, &["pulls"]);
        let call = Call::post("creating the pull request", &path, &body);
        let pull: PullAnswer = self.http.json(&call).await?;
        if pull.number == 0 {
            return Err(self.http.strange(call.doing, "its answer has no number".to_owned()));
        }
        Ok(pull.seen(repository))
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
            let path = path(repository, &["pulls", &text, "requested_reviewers"]);
            let body = json!({ "reviewers": change.reviewers });
            self.http.done(&Call::post("asking for a review", &path, &body)).await?;
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

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct PullAnswer {
    #[serde(deserialize_with = "or_default")]
    number: u64,
    #[serde(deserialize_with = "or_default")]
    title: String,
    #[serde(deserialize_with = "or_default")]
    body: String,
    #[serde(deserialize_with = "or_default")]
    html_url: String,
    #[serde(deserialize_with = "or_default")]
    state: String,
    #[serde(deserialize_with = "or_default")]
    merged: bool,
    #[serde(deserialize_with = "or_default")]
    draft: bool,
    mergeable: Option<bool>,
    merge_commit_sha: Option<String>,
    #[serde(deserialize_with = "or_default")]
    user: Person,
    #[serde(deserialize_with = "or_default")]
    labels: Vec<Named>,
    #[serde(deserialize_with = "or_default")]
    assignees: Vec<Person>,
    #[serde(deserialize_with = "or_default")]
    requested_reviewers: Vec<Person>,
    #[serde(deserialize_with = "or_default")]
    head: Side,
    #[serde(deserialize_with = "or_default")]
    base: Side,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Side {
    /// `refs/pull/N/head` once the branch is gone, and for a push for review.
    #[serde(rename = "ref", deserialize_with = "or_default")]
    name: String,
    /// The branch as it was called when the pull request was made.
    #[serde(deserialize_with = "or_default")]
    label: String,
    #[serde(deserialize_with = "or_default")]
    sha: String,
    repo: Option<RepositoryAnswer>,
}

impl PullAnswer {
    fn seen(self, repository: &Repository) -> PullRequestSeen {
        let of = |side: &Side| side.repo.as_ref().map(|repo| repo.full_name.to_ascii_lowercase());
        // Compared with the pull request's own repository: after a rename,
        // both have the new name.
        let here = of(&self.base).unwrap_or_else(|| repository.to_string().to_ascii_lowercase());
        let standing = match (self.merged, self.state.as_str()) {
            (true, _) => Standing::Merged,
            (false, "closed") => Standing::Closed,
            (false, _) => Standing::Open,
        };
        let (title, marked) = plain_title(&self.title);
        PullRequestSeen {
            number: self.number,
            title: title.to_owned(),
            body: self.body,
            url: self.html_url,
            standing,
            draft: self.draft || marked,
            author: self.user.login,
            from_fork: of(&self.head) != Some(here),
            head: self.head.name,
            head_label: self.head.label,
            head_commit: self.head.sha,
            base: self.base.name,
            base_commit: Some(self.base.sha).filter(|sha| !sha.is_empty()),
            merge_commit: self.merge_commit_sha.filter(|_| self.merged),
            mergeable: self.mergeable,
            labels: names(&self.labels),
            assignees: logins(&self.assignees),
            reviewers: logins(&self.requested_reviewers),
        }
    }
}
