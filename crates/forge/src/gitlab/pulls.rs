//! Merge requests.

use super::GitLab;
use crate::error::ForgeError;
use crate::forge::PullRequests;
use crate::http::Call;
use crate::lenient::{Person, logins, or_default};
use crate::model::{
    Head, Merge, NewPull, PullChange, PullRequestSeen, Standing, draft_title, plain_title,
};
use crate::repository::Repository;
use async_trait::async_trait;
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Map, Value, json};

const DRAFT: &str = "Draft:";

#[async_trait]
impl PullRequests for GitLab {
    async fn pulls_of(
        &self,
        repository: &Repository,
        head: Head<'_>,
        base: &str,
        open: bool,
    ) -> Result<Vec<PullRequestSeen>, ForgeError> {
        let (Head::Branch(branch) | Head::Fork { branch, .. }) = head else {
            return Ok(Vec::new());
        };
        let id = repository.to_string();
        let path = ["projects", &id, "merge_requests"];
        let query = [
            ("state", if open { "opened" } else { "all" }),
            ("source_branch", branch),
            ("target_branch", base),
            ("order_by", "updated_at"),
            ("per_page", "50"),
        ];
        let call = Call { query: &query, ..Call::get("listing pull requests", &path) };
        let all: Vec<MergeRequest> = self.http.json(&call).await?;
        let wanted = |pull: &PullRequestSeen| {
            pull.is_of(head, base) && (pull.standing == Standing::Open) == open
        };
        Ok(all.into_iter().map(MergeRequest::seen).filter(wanted).collect())
    }

    async fn pull(
        &self,
        repository: &Repository,
        number: u64,
    ) -> Result<PullRequestSeen, ForgeError> {
        Ok(self.merge_request(repository, number).await?.seen())
    }

    async fn create_pull(
        &self,
        repository: &Repository,
        new: &NewPull,
    ) -> Result<PullRequestSeen, ForgeError> {
        let mut body = json!({
            "source_branch": new.head,
            "target_branch": new.base,
            "title": draft_title(DRAFT, &new.title, new.draft),
            "description": new.body,
        });
        // From a fork it is asked of the fork, and names the target by its id.
        let mut id = repository.to_string();
        if let Some(fork) = &new.head_repository {
            let target: Id =
                self.http.json(&Call::get("looking at the repository", &["projects", &id])).await?;
            body["target_project_id"] = target.id.into();
            body["allow_collaboration"] = true.into();
            id = fork.to_string();
        }
        let path = ["projects", &id, "merge_requests"];
        let call = Call::post("creating the pull request", &path, &body);
        let made: MergeRequest = self.http.json(&call).await?;
        if made.iid == 0 {
            return Err(self.http.strange(call.doing, "its answer has no number".to_owned()));
        }
        Ok(made.seen())
    }

    async fn update_pull(
        &self,
        repository: &Repository,
        number: u64,
        change: &PullChange,
    ) -> Result<(), ForgeError> {
        let before = self.merge_request(repository, number).await?;
        let mut body = Map::new();
        if let Some(title) = &change.title {
            let draft = plain_title(&before.title).1;
            body.insert("title".into(), draft_title(DRAFT, title, draft).into());
        }
        if let Some(text) = &change.body {
            body.insert("description".into(), text.as_str().into());
        }
        if let Some(open) = change.open {
            body.insert("state_event".into(), if open { "reopen" } else { "close" }.into());
        }
        if !change.labels.is_empty() {
            self.know_labels(repository, &change.labels).await?;
            body.insert("add_labels".into(), change.labels.join(",").into());
        }
        // People are ids on the way in, and each list is taken as the whole.
        if !change.assignees.is_empty() {
            let ids = self.ids(&before.assignees, &change.assignees).await?;
            body.insert("assignee_ids".into(), ids.into());
        }
        if !change.reviewers.is_empty() {
            let ids = self.ids(&before.reviewers, &change.reviewers).await?;
            body.insert("reviewer_ids".into(), ids.into());
        }
        if body.is_empty() {
            return Ok(());
        }
        let (id, number, body) = (repository.to_string(), number.to_string(), Value::Object(body));
        let path = ["projects", &id, "merge_requests", &number];
        self.http.done(&Call::send("updating the pull request", Method::PUT, &path, &body)).await
    }

    async fn merge(
        &self,
        repository: &Repository,
        number: u64,
        head: &str,
        how: Merge,
    ) -> Result<(), ForgeError> {
        let (id, number) = (repository.to_string(), number.to_string());
        let path = ["projects", &id, "merge_requests", &number, "merge"];
        let body = json!({ "sha": head, "squash": how == Merge::Squash });
        self.http.done(&Call::send("merging", Method::PUT, &path, &body)).await
    }
}

impl GitLab {
    pub(super) async fn merge_request(
        &self,
        repository: &Repository,
        number: u64,
    ) -> Result<MergeRequest, ForgeError> {
        let (id, number) = (repository.to_string(), number.to_string());
        let path = ["projects", &id, "merge_requests", &number];
        self.http.json(&Call::get("reading the pull request", &path)).await
    }

    async fn ids(&self, present: &[Person], more: &[String]) -> Result<Vec<u64>, ForgeError> {
        let mut ids: Vec<u64> = present.iter().map(|person| person.id).collect();
        for login in more {
            let query = [("username", login.as_str())];
            let call = Call { query: &query, ..Call::get("looking for a user", &["users"]) };
            let found: Vec<Person> = self.http.json(&call).await?;
            let person = found.iter().find(|person| person.login.eq_ignore_ascii_case(login));
            let person = person.ok_or_else(|| ForgeError::Refused {
                forge: self.http.name(),
                doing: call.doing,
                status: 404,
                said: format!("there is no user {login}"),
            })?;
            if !ids.contains(&person.id) {
                ids.push(person.id);
            }
        }
        Ok(ids)
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Id {
    id: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct MergeRequest {
    #[serde(deserialize_with = "or_default")]
    iid: u64,
    #[serde(deserialize_with = "or_default")]
    title: String,
    #[serde(deserialize_with = "or_default")]
    description: String,
    #[serde(deserialize_with = "or_default")]
    web_url: String,
    /// `opened`, `closed`, `merged`, `locked` (while it is being merged).
    #[serde(deserialize_with = "or_default")]
    state: String,
    #[serde(deserialize_with = "or_default")]
    draft: bool,
    #[serde(deserialize_with = "or_default")]
    author: Person,
    #[serde(deserialize_with = "or_default")]
    source_branch: String,
    #[serde(deserialize_with = "or_default")]
    target_branch: String,
    #[serde(deserialize_with = "or_default")]
    source_project_id: u64,
    #[serde(deserialize_with = "or_default")]
    pub(super) target_project_id: u64,
    #[serde(deserialize_with = "or_default")]
    sha: String,
    merge_commit_sha: Option<String>,
    squash_commit_sha: Option<String>,
    #[serde(deserialize_with = "or_default")]
    detailed_merge_status: String,
    #[serde(deserialize_with = "or_default")]
    merge_status: String,
    #[serde(deserialize_with = "or_default")]
    has_conflicts: bool,
    #[serde(deserialize_with = "or_default")]
    labels: Vec<String>,
    #[serde(deserialize_with = "or_default")]
    assignees: Vec<Person>,
    #[serde(deserialize_with = "or_default")]
    reviewers: Vec<Person>,
}

impl MergeRequest {
    /// None while it is being found out.
    fn mergeable(&self) -> Option<bool> {
        match (self.detailed_merge_status.as_str(), self.merge_status.as_str()) {
            ("checking" | "unchecked" | "preparing" | "approvals_syncing", _) => None,
            _ if self.has_conflicts => Some(false),
            ("conflict" | "need_rebase" | "broken_status", _) => Some(false),
            ("", "can_be_merged") => Some(true),
            ("", "cannot_be_merged") => Some(false),
            ("", _) => None,
            // What else keeps it (a draft, missing approvals, CI) is no conflict.
            _ => Some(true),
        }
    }

    pub(super) fn seen(self) -> PullRequestSeen {
        let standing = match self.state.as_str() {
            "merged" => Standing::Merged,
            "closed" => Standing::Closed,
            _ => Standing::Open,
        };
        let (title, marked) = plain_title(&self.title);
        PullRequestSeen {
            number: self.iid,
            title: title.to_owned(),
            mergeable: self.mergeable(),
            body: self.description,
            url: self.web_url,
            standing,
            draft: self.draft || marked,
            author: self.author.login,
            from_fork: self.source_project_id != self.target_project_id,
            head_label: self.source_branch.clone(),
            head: self.source_branch,
            head_commit: self.sha,
            base: self.target_branch,
            base_commit: None,
            merge_commit: self.merge_commit_sha.or(self.squash_commit_sha),
            labels: self.labels,
            assignees: logins(&self.assignees),
            reviewers: logins(&self.reviewers),
        }
    }
}
