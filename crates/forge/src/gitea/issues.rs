//! Issues, comments and labels.

use super::{ABSENT, Gitea};
use crate::error::ForgeError;
use crate::forge::Issues;
use crate::http::Call;
use crate::issue_answers::IssueAnswer;
use crate::lenient::Named;
use crate::model::{Comment, Issue, IssueFilter, Subject};
use crate::repos_api::{self, number_of, path};
use crate::repository::Repository;
use async_trait::async_trait;
use serde_json::json;
use url::Url;

/// Labels of a repository; past these a name is not found.
const MAX_LABELS: usize = 1000;

#[async_trait]
impl Issues for Gitea {
    async fn issue(&self, repository: &Repository, number: u64) -> Result<Issue, ForgeError> {
        repos_api::issue(&self.http, repository, number).await
    }

    async fn issues(
        &self,
        repository: &Repository,
        filter: &IssueFilter,
    ) -> Result<Vec<Issue>, ForgeError> {
        let path = path(repository, &["issues"]);
        let labels = filter.labels.join(",");
        // Pull requests are issues too unless `type` says not.
        let mut query =
            vec![("type", "issues"), ("state", if filter.closed_too { "all" } else { "open" })];
        let words = [
            ("labels", (!labels.is_empty()).then_some(&labels)),
            ("milestones", filter.milestone.as_ref()),
            ("assigned_by", filter.assignee.as_ref()),
            ("q", filter.text.as_ref()),
            ("since", filter.since.as_ref()),
        ];
        query.extend(words.into_iter().filter_map(|(name, text)| Some((name, text?.as_str()))));
        let call = Call { query: &query, ..Call::get("listing issues", &path) };
        let wanted = |one: IssueAnswer| Some(Issue::from(one)).filter(|issue| filter.admits(issue));
        self.http.gather(&call, filter.most, wanted).await
    }

    async fn shown_file(
        &self,
        _repository: &Repository,
        link: &Url,
    ) -> Result<Option<Vec<u8>>, ForgeError> {
        self.http.own_file(link).await
    }

    async fn comments(
        &self,
        repository: &Repository,
        on: Subject,
    ) -> Result<Vec<Comment>, ForgeError> {
        repos_api::comments(&self.http, repository, on).await
    }

    async fn comment(
        &self,
        repository: &Repository,
        on: Subject,
        body: &str,
    ) -> Result<Comment, ForgeError> {
        repos_api::comment(&self.http, repository, on, body).await
    }

    async fn edit_comment(
        &self,
        repository: &Repository,
        _on: Subject,
        id: u64,
        body: &str,
    ) -> Result<(), ForgeError> {
        repos_api::edit_comment(&self.http, repository, id, body).await
    }

    async fn label(
        &self,
        repository: &Repository,
        on: Subject,
        add: &[String],
        remove: &[String],
    ) -> Result<(), ForgeError> {
        let number = number_of(on);
        if !add.is_empty() {
            let ids = self.label_ids(repository, add).await?;
            let path = path(repository, &["issues", &number, "labels"]);
            let body = json!({ "labels": ids });
            self.http.done(&Call::post("adding labels", &path, &body)).await?;
        }
        if remove.is_empty() {
            return Ok(());
        }
        for id in self.known_labels(repository, remove).await? {
            let id = id.to_string();
            let path = path(repository, &["issues", &number, "labels", &id]);
            self.http.delete("removing a label", &path, ABSENT).await?;
        }
        Ok(())
    }

    async fn set_open(
        &self,
        repository: &Repository,
        number: u64,
        open: bool,
    ) -> Result<(), ForgeError> {
        repos_api::set_open(&self.http, repository, number, open).await
    }
}

impl Gitea {
    /// Labels are ids on the way in.
    async fn label_ids(
        &self,
        repository: &Repository,
        wanted: &[String],
    ) -> Result<Vec<u64>, ForgeError> {
        let known = self.known_labels(repository, wanted).await?;
        if known.len() < wanted.len() {
            return Err(ForgeError::Refused {
                forge: self.http.name(),
                doing: "adding labels",
                status: 404,
                said: format!("not all of the labels {} are there", wanted.join(", ")),
            });
        }
        Ok(known)
    }

    async fn known_labels(
        &self,
        repository: &Repository,
        wanted: &[String],
    ) -> Result<Vec<u64>, ForgeError> {
        let path = path(repository, &["labels"]);
        let all: Vec<Named> =
            self.http.list(&Call::get("listing labels", &path), MAX_LABELS).await?;
        let is_wanted =
            |one: &&Named| wanted.iter().any(|name| name.eq_ignore_ascii_case(&one.name));
        Ok(all.iter().filter(is_wanted).map(|one| one.id).collect())
    }
}
