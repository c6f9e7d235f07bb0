//! Issues, comments and labels.

use super::{ABSENT, GitHub};
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

#[async_trait]
impl Issues for GitHub {
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
        let mut query = vec![("state", if filter.closed_too { "all" } else { "open" })];
        let words = [
            ("labels", (!labels.is_empty()).then_some(&labels)),
            ("assignee", filter.assignee.as_ref()),
            ("since", filter.since.as_ref()),
        ];
        query.extend(words.into_iter().filter_map(|(name, text)| Some((name, text?.as_str()))));
        let call = Call { query: &query, ..Call::get("listing issues", &path) };
        // Pull requests stand in the same list, a milestone is asked for by
        // number there, and a text not at all.
        let wanted = |one: IssueAnswer| {
            let issue = Issue::from(one);
            (filter.admits(&issue) && filter.admits_text(&issue)).then_some(issue)
        };
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
            self.know_labels(repository, add).await?;
            let path = path(repository, &["issues", &number, "labels"]);
            let body = json!({ "labels": add });
            self.http.done(&Call::post("adding labels", &path, &body)).await?;
        }
        for name in remove {
            let path = path(repository, &["issues", &number, "labels", name]);
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

impl GitHub {
    /// A label that is not there would be made by adding it.
    async fn know_labels(
        &self,
        repository: &Repository,
        wanted: &[String],
    ) -> Result<(), ForgeError> {
        for name in wanted {
            let path = path(repository, &["labels", name]);
            self.http.json::<Named>(&Call::get("looking for a label", &path)).await?;
        }
        Ok(())
    }
}
