//! Issues: read for whoever makes a task of one.

use super::{Gitea, or_default};
use crate::error::ForgeError;
use crate::http::Call;
use crate::repository::Repository;
use serde::Deserialize;

/// An issue. What it says is of whoever may write one there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issue {
    /// Its number in the repository.
    pub number: u64,
    /// Its title.
    pub title: String,
    /// Its text (Markdown).
    pub body: String,
    /// It is a pull request, which a forge counts among the issues.
    pub is_pull_request: bool,
}

impl Gitea {
    /// Reads an issue.
    pub async fn issue(&self, repository: &Repository, number: u64) -> Result<Issue, ForgeError> {
        let asked = number.to_string();
        let path = ["repos", &repository.owner, &repository.name, "issues", &asked];
        let doing = "reading the issue";
        let issue: IssueAnswer = self.http.json(&Call::get(doing, &path)).await?;
        if issue.number != number {
            return Err(self.http.strange(doing, format!("it has the number {}", issue.number)));
        }
        Ok(Issue {
            number,
            title: issue.title,
            body: issue.body,
            is_pull_request: issue.pull_request.is_some(),
        })
    }

    /// The repository and number that the page of an issue is of, if it is a
    /// page of this forge.
    pub fn issue_of_page(&self, page: &str) -> Option<(Repository, u64)> {
        // Over SSH a forge has no pages.
        if !page.starts_with("http://") && !page.starts_with("https://") {
            return None;
        }
        let bare = page.split(['?', '#']).next()?.trim_end_matches('/');
        let (repository, number) = bare.rsplit_once("/issues/")?;
        Some((self.repository(repository).ok()?, number.parse().ok()?))
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct IssueAnswer {
    #[serde(deserialize_with = "or_default")]
    number: u64,
    #[serde(deserialize_with = "or_default")]
    title: String,
    #[serde(deserialize_with = "or_default")]
    body: String,
    pull_request: Option<IsPull>,
}

/// That it is there is all it says.
#[derive(Debug, Deserialize)]
struct IsPull {}
