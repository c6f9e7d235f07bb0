//! Issues, notes and labels.

use super::GitLab;
use crate::error::ForgeError;
use crate::forge::Issues;
use crate::http::{Call, READING_FILE as READING};
use crate::lenient::{Named, Person, logins, or_default};
use crate::model::{Comment, Issue, IssueFilter, MAX_COMMENTS, Subject};
use crate::repository::Repository;
use async_trait::async_trait;
use reqwest::Method;
use serde::Deserialize;
use serde_json::json;
use url::Url;

/// Labels of a project; past these a name is not found.
const MAX_LABELS: usize = 1000;

#[async_trait]
impl Issues for GitLab {
    async fn issue(&self, repository: &Repository, number: u64) -> Result<Issue, ForgeError> {
        let (id, asked) = (repository.to_string(), number.to_string());
        let path = ["projects", &id, "issues", &asked];
        let doing = "reading the issue";
        let issue: IssueAnswer = self.http.json(&Call::get(doing, &path)).await?;
        if issue.iid != number {
            return Err(self.http.strange(doing, format!("it has the number {}", issue.iid)));
        }
        Ok(issue.into())
    }

    async fn issues(
        &self,
        repository: &Repository,
        filter: &IssueFilter,
    ) -> Result<Vec<Issue>, ForgeError> {
        let id = repository.to_string();
        let path = ["projects", id.as_str(), "issues"];
        let labels = filter.labels.join(",");
        let mut query = vec![("state", if filter.closed_too { "all" } else { "opened" })];
        let words = [
            ("labels", (!labels.is_empty()).then_some(&labels)),
            ("milestone", filter.milestone.as_ref()),
            ("assignee_username", filter.assignee.as_ref()),
            ("search", filter.text.as_ref()),
            ("updated_after", filter.since.as_ref()),
        ];
        query.extend(words.into_iter().filter_map(|(name, text)| Some((name, text?.as_str()))));
        let call = Call { query: &query, ..Call::get("listing issues", &path) };
        let wanted = |one: IssueAnswer| Some(Issue::from(one)).filter(|issue| filter.admits(issue));
        self.http.gather(&call, filter.most, wanted).await
    }

    /// What was uploaded to a project is behind the login of its pages, and in
    /// the API since 17.4.
    async fn shown_file(
        &self,
        repository: &Repository,
        link: &Url,
    ) -> Result<Option<Vec<u8>>, ForgeError> {
        let own = link.origin() == self.http.forge().origin();
        let upload =
            link.path().rsplit_once("/uploads/").and_then(|(_, rest)| rest.split_once('/'));
        let Some((secret, name)) = upload.filter(|_| own) else {
            return self.http.own_file(link).await;
        };
        let id = repository.to_string();
        let path = ["projects", id.as_str(), "uploads", secret, name];
        let reply = self.http.send(&Call::get(READING, &path)).await?;
        if reply.is_good() { Ok(Some(reply.body)) } else { Err(self.http.refusal(READING, &reply)) }
    }

    async fn comments(
        &self,
        repository: &Repository,
        on: Subject,
    ) -> Result<Vec<Comment>, ForgeError> {
        let id = repository.to_string();
        let (kind, number) = place(on);
        let path = ["projects", &id, kind, &number, "notes"];
        let query = [("sort", "asc"), ("order_by", "created_at")];
        let call = Call { query: &query, ..Call::get("reading the comments", &path) };
        let all: Vec<Note> = self.http.list(&call, MAX_COMMENTS).await?;
        Ok(all.into_iter().filter(|note| !note.system).map(Comment::from).collect())
    }

    async fn comment(
        &self,
        repository: &Repository,
        on: Subject,
        body: &str,
    ) -> Result<Comment, ForgeError> {
        let id = repository.to_string();
        let (kind, number) = place(on);
        let path = ["projects", &id, kind, &number, "notes"];
        let body = json!({ "body": body });
        let made: Note = self.http.json(&Call::post("commenting", &path, &body)).await?;
        Ok(made.into())
    }

    async fn edit_comment(
        &self,
        repository: &Repository,
        on: Subject,
        id: u64,
        body: &str,
    ) -> Result<(), ForgeError> {
        let (project, note) = (repository.to_string(), id.to_string());
        let (kind, number) = place(on);
        let path = ["projects", &project, kind, &number, "notes", &note];
        let body = json!({ "body": body });
        self.http.done(&Call::send("changing a comment", Method::PUT, &path, &body)).await
    }

    async fn label(
        &self,
        repository: &Repository,
        on: Subject,
        add: &[String],
        remove: &[String],
    ) -> Result<(), ForgeError> {
        let id = repository.to_string();
        self.know_labels(repository, add).await?;
        let (kind, number) = place(on);
        let path = ["projects", &id, kind, &number];
        let body = json!({ "add_labels": add.join(","), "remove_labels": remove.join(",") });
        self.http.done(&Call::send("changing labels", Method::PUT, &path, &body)).await
    }

    async fn set_open(
        &self,
        repository: &Repository,
        number: u64,
        open: bool,
    ) -> Result<(), ForgeError> {
        let (id, number) = (repository.to_string(), number.to_string());
        let path = ["projects", &id, "issues", &number];
        let body = json!({ "state_event": if open { "reopen" } else { "close" } });
        self.http.done(&Call::send("changing the issue", Method::PUT, &path, &body)).await
    }
}

impl GitLab {
    /// A label that is not there would be made by adding it.
    pub(super) async fn know_labels(
        &self,
        repository: &Repository,
        wanted: &[String],
    ) -> Result<(), ForgeError> {
        if wanted.is_empty() {
            return Ok(());
        }
        let id = repository.to_string();
        let path = ["projects", id.as_str(), "labels"];
        let all: Vec<Named> =
            self.http.list(&Call::get("listing labels", &path), MAX_LABELS).await?;
        let unknown =
            wanted.iter().find(|name| all.iter().all(|one| !one.name.eq_ignore_ascii_case(name)));
        match unknown {
            None => Ok(()),
            Some(name) => Err(ForgeError::Refused {
                forge: self.http.name(),
                doing: "adding labels",
                status: 404,
                said: format!("there is no label {name}"),
            }),
        }
    }
}

fn place(on: Subject) -> (&'static str, String) {
    match on {
        Subject::Issue(number) => ("issues", number.to_string()),
        Subject::Pull(number) => ("merge_requests", number.to_string()),
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Note {
    id: u64,
    #[serde(deserialize_with = "or_default")]
    body: String,
    #[serde(deserialize_with = "or_default")]
    author: Person,
    #[serde(deserialize_with = "or_default")]
    created_at: String,
    /// Written by GitLab itself: `changed the description`.
    #[serde(deserialize_with = "or_default")]
    system: bool,
}

impl From<Note> for Comment {
    fn from(seen: Note) -> Self {
        Self {
            id: seen.id,
            author: seen.author.login,
            body: seen.body,
            url: String::new(),
            written: seen.created_at,
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct IssueAnswer {
    #[serde(deserialize_with = "or_default")]
    iid: u64,
    #[serde(deserialize_with = "or_default")]
    title: String,
    #[serde(deserialize_with = "or_default")]
    description: String,
    #[serde(deserialize_with = "or_default")]
    web_url: String,
    #[serde(deserialize_with = "or_default")]
    state: String,
    #[serde(deserialize_with = "or_default")]
    author: Person,
    #[serde(deserialize_with = "or_default")]
    labels: Vec<String>,
    #[serde(deserialize_with = "or_default")]
    assignees: Vec<Person>,
    milestone: Option<Named>,
    #[serde(deserialize_with = "or_default")]
    user_notes_count: u64,
    #[serde(deserialize_with = "or_default")]
    updated_at: String,
}

impl From<IssueAnswer> for Issue {
    fn from(seen: IssueAnswer) -> Self {
        Self {
            number: seen.iid,
            title: seen.title,
            body: seen.description,
            url: seen.web_url,
            open: seen.state != "closed",
            author: seen.author.login,
            labels: seen.labels,
            assignees: logins(&seen.assignees),
            milestone: seen.milestone.map(|milestone| milestone.name),
            comments: seen.user_notes_count,
            updated: seen.updated_at,
            is_pull_request: false,
        }
    }
}
