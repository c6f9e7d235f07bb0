//! Pull requests.

use super::{GitHub, path};
use crate::error::ForgeError;
use crate::forge::{Issues, PullRequests};
use crate::http::Call;
use crate::lenient::{Named, Person, logins, names, or_default};
use crate::model::{Merge, NewPull, PullChange, PullRequestSeen, Standing, Subject};
use crate::repository::Repository;
use async_trait::async_trait;
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Map, Value, json};

#[async_trait]
impl PullRequests for GitHub {
    async fn pulls_of(
        &self,
        repository: &Repository,
        head: &str,
        base: &str,
        open: bool,
    ) -> Result<Vec<PullRequestSeen>, ForgeError> {
        let path = path(repository, &["pulls"]);
        let owned = format!("{}:{head}", repository.owner);
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
        let all = all.into_iter().map(PullAnswer::seen);
        // Without an owner in `head` the filter is silently left out.
        Ok(all.filter(|pull| pull.is_of(head, base)).collect())
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
        Ok(pull.seen())
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
        let path = path(repository, &["pulls"]);
        let call = Call::post("creating the pull request", &path, &body);
        let pull: PullAnswer = self.http.json(&call).await?;
        if pull.number == 0 {
            return Err(self.http.strange(call.doing, "its answer has no number".to_owned()));
        }
        Ok(pull.seen())
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
        let body = json!({ "merge_method": how, "sha": head });
        self.http.done(&Call::send("merging", Method::PUT, &path, &body)).await
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
    /// A list has no `merged`, but this.
    merged_at: Option<String>,
    #[serde(deserialize_with = "or_default")]
    draft: bool,
    /// Null while it is found out.
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
    #[serde(rename = "ref", deserialize_with = "or_default")]
    name: String,
    #[serde(deserialize_with = "or_default")]
    sha: String,
    /// Null when the fork is gone.
    #[serde(deserialize_with = "or_default")]
    repo: Value,
}

impl PullAnswer {
    fn seen(self) -> PullRequestSeen {
        let merged = self.merged_at.is_some();
        let standing = match (merged, self.state.as_str()) {
            (true, _) => Standing::Merged,
            (false, "closed") => Standing::Closed,
            (false, _) => Standing::Open,
        };
        PullRequestSeen {
            number: self.number,
            title: self.title,
            body: self.body,
            url: self.html_url,
            standing,
            draft: self.draft,
            author: self.user.login,
            from_fork: self.head.repo["full_name"] != self.base.repo["full_name"],
            head_label: self.head.name.clone(),
            head: self.head.name,
            head_commit: self.head.sha,
            base: self.base.name,
            base_commit: Some(self.base.sha).filter(|sha| !sha.is_empty()),
            // Before a merge it is the commit of a merge that was tried.
            merge_commit: self.merge_commit_sha.filter(|_| merged),
            mergeable: self.mergeable,
            labels: names(&self.labels),
            assignees: logins(&self.assignees),
            reviewers: logins(&self.requested_reviewers),
        }
    }
}
