//! Discussions of a merge request.
//!
//! Everything that is said stands in discussions, what GitLab itself notes as
//! well; an approval is such a note.

use super::GitLab;
use crate::error::ForgeError;
use crate::forge::Reviews;
use crate::http::Call;
use crate::lenient::{Person, or_default};
use crate::model::{Done, Feedback, Verdict};
use crate::repository::Repository;
use async_trait::async_trait;
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};

/// Discussions of one merge request.
const MOST: usize = 1000;

#[async_trait]
impl Reviews for GitLab {
    async fn feedback(
        &self,
        repository: &Repository,
        pull: u64,
        since: Option<&str>,
    ) -> Result<Vec<Feedback>, ForgeError> {
        let (id, number) = (repository.to_string(), pull.to_string());
        let path = ["projects", &id, "merge_requests", &number, "discussions"];
        let call = Call::get("reading the discussions", &path);
        let all: Vec<Discussion> = self.http.list(&call, MOST).await?;
        let said = all.into_iter().flat_map(Discussion::said).collect();
        Ok(Feedback::in_order(said, since))
    }

    async fn reply(
        &self,
        repository: &Repository,
        pull: u64,
        to: &Feedback,
        body: &str,
    ) -> Result<(), ForgeError> {
        let (id, number) = (repository.to_string(), pull.to_string());
        let whole = ["projects", id.as_str(), "merge_requests", number.as_str(), "notes"];
        let path = match &to.thread {
            None => whole.to_vec(),
            Some(thread) => [&whole[..4], &["discussions", thread.as_str(), "notes"]].concat(),
        };
        let body = json!({ "body": body });
        self.http.done(&Call::post("replying", &path, &body)).await
    }

    async fn resolve(
        &self,
        repository: &Repository,
        pull: u64,
        of: &Feedback,
    ) -> Result<Done, ForgeError> {
        let Some(thread) = &of.thread else {
            let page = format!("{}/{repository}/-/merge_requests/{pull}", self.http.name());
            return Ok(Done::ByHand(page));
        };
        let (id, number) = (repository.to_string(), pull.to_string());
        let path = ["projects", &id, "merge_requests", &number, "discussions", thread];
        let body = json!({ "resolved": true });
        let call = Call::send("resolving the conversation", Method::PUT, &path, &body);
        self.http.done(&call).await?;
        Ok(Done::Yes)
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Discussion {
    #[serde(deserialize_with = "or_default")]
    id: String,
    /// One remark that nobody can answer in place.
    #[serde(deserialize_with = "or_default")]
    individual_note: bool,
    #[serde(deserialize_with = "or_default")]
    notes: Vec<Note>,
}

impl Discussion {
    fn said(self) -> Vec<Feedback> {
        let thread = (!self.individual_note).then_some(self.id);
        self.notes.into_iter().filter_map(|note| note.said(thread.clone())).collect()
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
    #[serde(deserialize_with = "or_default")]
    system: bool,
    #[serde(deserialize_with = "or_default")]
    resolved: bool,
    #[serde(deserialize_with = "or_default")]
    position: Value,
}

impl Note {
    fn said(self, thread: Option<String>) -> Option<Feedback> {
        let verdict = match self.system {
            false => Verdict::Comment,
            true if self.body.starts_with("approved this merge request") => Verdict::Approved,
            true if self.body.starts_with("requested changes") => Verdict::ChangesRequested,
            true => return None,
        };
        let path = self.position["new_path"].as_str().map(str::to_owned);
        let kind = match (self.system, &path) {
            (true, _) => "review",
            (false, Some(_)) => "line",
            (false, None) => "comment",
        };
        Some(Feedback {
            id: format!("{kind}-{}", self.id),
            author: self.author.login,
            body: if self.system { String::new() } else { self.body },
            verdict,
            line: self.position["new_line"].as_u64(),
            path,
            thread: thread.filter(|_| !self.system),
            resolved: self.resolved,
            written: self.created_at,
            url: String::new(),
        })
    }
}
