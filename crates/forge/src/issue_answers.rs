//! Issues, comments and reviews as Gitea, Forgejo and GitHub send them: the first two
//! took the shape over from the third, and it never moved since.

use crate::lenient::{Named, Person, logins, names, or_default};
use crate::model::{Comment, Feedback, Issue, Verdict};
use serde::Deserialize;
use serde::de::IgnoredAny;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct CommentAnswer {
    pub(crate) id: u64,
    #[serde(deserialize_with = "or_default")]
    user: Person,
    #[serde(deserialize_with = "or_default")]
    body: String,
    #[serde(deserialize_with = "or_default")]
    html_url: String,
    #[serde(deserialize_with = "or_default")]
    created_at: String,
}

impl From<CommentAnswer> for Comment {
    fn from(seen: CommentAnswer) -> Self {
        Self {
            id: seen.id,
            author: seen.user.login,
            body: seen.body,
            url: seen.html_url,
            written: seen.created_at,
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct IssueAnswer {
    #[serde(deserialize_with = "or_default")]
    pub(crate) number: u64,
    #[serde(deserialize_with = "or_default")]
    title: String,
    #[serde(deserialize_with = "or_default")]
    body: String,
    #[serde(deserialize_with = "or_default")]
    html_url: String,
    #[serde(deserialize_with = "or_default")]
    state: String,
    #[serde(deserialize_with = "or_default")]
    user: Person,
    #[serde(deserialize_with = "or_default")]
    labels: Vec<Named>,
    #[serde(deserialize_with = "or_default")]
    assignees: Vec<Person>,
    milestone: Option<Named>,
    #[serde(deserialize_with = "or_default")]
    comments: u64,
    #[serde(deserialize_with = "or_default")]
    updated_at: String,
    /// That it is there is all it says.
    pull_request: Option<IgnoredAny>,
}

impl From<IssueAnswer> for Issue {
    fn from(seen: IssueAnswer) -> Self {
        Self {
            number: seen.number,
            title: seen.title,
            body: seen.body,
            url: seen.html_url,
            open: seen.state != "closed",
            author: seen.user.login,
            labels: names(&seen.labels),
            assignees: logins(&seen.assignees),
            milestone: seen.milestone.map(|milestone| milestone.name),
            comments: seen.comments,
            updated: seen.updated_at,
            is_pull_request: seen.pull_request.is_some(),
        }
    }
}

/// A comment on the pull request as a whole.
pub(crate) fn remark(comment: Comment) -> Feedback {
    Feedback {
        id: format!("comment-{}", comment.id),
        author: comment.author,
        body: comment.body,
        verdict: Verdict::Comment,
        path: None,
        line: None,
        thread: None,
        resolved: false,
        written: comment.written,
        url: comment.url,
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ReviewAnswer {
    pub(crate) id: u64,
    #[serde(deserialize_with = "or_default")]
    user: Person,
    /// `APPROVED`, `REQUEST_CHANGES` or `CHANGES_REQUESTED`, `COMMENT` or
    /// `COMMENTED`, `PENDING`, `REQUEST_REVIEW`, `DISMISSED`.
    #[serde(deserialize_with = "or_default")]
    state: String,
    #[serde(deserialize_with = "or_default")]
    body: String,
    #[serde(deserialize_with = "or_default")]
    submitted_at: String,
    #[serde(deserialize_with = "or_default")]
    html_url: String,
    /// Gitea's; the others list the comments on lines apart.
    #[serde(deserialize_with = "or_default")]
    pub(crate) comments_count: u64,
}

impl ReviewAnswer {
    /// What is being written and what was only asked for says nothing.
    pub(crate) fn is_said(&self) -> bool {
        !matches!(self.state.as_str(), "PENDING" | "REQUEST_REVIEW")
    }

    /// A review that is only its lines' comments says nothing itself.
    pub(crate) fn said(self) -> Option<Feedback> {
        let verdict = match self.state.as_str() {
            "APPROVED" => Verdict::Approved,
            "REQUEST_CHANGES" | "CHANGES_REQUESTED" => Verdict::ChangesRequested,
            _ if self.body.trim().is_empty() || !self.is_said() => return None,
            _ => Verdict::Comment,
        };
        Some(Feedback {
            id: format!("review-{}", self.id),
            author: self.user.login,
            body: self.body,
            verdict,
            path: None,
            line: None,
            thread: None,
            resolved: false,
            written: self.submitted_at,
            url: self.html_url,
        })
    }
}
