//! What people say about a pull request.
//!
//! Comments on lines come review by review. A reply to one is a review of its
//! own with a comment on the same line, which the page shows in the same
//! conversation; no version has a call that resolves one.

use super::Gitea;
use crate::error::ForgeError;
use crate::forge::{Issues, Reviews};
use crate::http::Call;
use crate::issue_answers::{CommentAnswer, ReviewAnswer, remark};
use crate::lenient::or_default;
use crate::model::{Comment, Done, Feedback, Subject};
use crate::repos_api::path;
use crate::repository::Repository;
use async_trait::async_trait;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::json;

/// Reviews, and comments of one review.
const MOST: usize = 500;

#[async_trait]
impl Reviews for Gitea {
    async fn feedback(
        &self,
        repository: &Repository,
        pull: u64,
        since: Option<&str>,
    ) -> Result<Vec<Feedback>, ForgeError> {
        let number = pull.to_string();
        let reviews_path = path(repository, &["pulls", &number, "reviews"]);
        let call = Call::get("listing reviews", &reviews_path);
        let reviews: Vec<ReviewAnswer> = self.http.list(&call, MOST).await?;
        let mut all = Vec::new();
        for review in reviews {
            if !review.is_said() {
                continue;
            }
            if review.comments_count > 0 {
                all.extend(self.lines(repository, &number, review.id).await?);
            }
            all.extend(review.said());
        }
        let comments = self.comments(repository, Subject::Pull(pull)).await?;
        all.extend(comments.into_iter().map(remark));
        Ok(Feedback::in_order(all, since))
    }

    async fn reply(
        &self,
        repository: &Repository,
        pull: u64,
        to: &Feedback,
        body: &str,
    ) -> Result<(), ForgeError> {
        let (Some(path_of), Some(line)) = (&to.path, to.line) else {
            self.comment(repository, Subject::Pull(pull), body).await?;
            return Ok(());
        };
        let number = pull.to_string();
        let path = path(repository, &["pulls", &number, "reviews"]);
        let comment = json!({ "path": path_of, "body": body, "new_position": line });
        let body = json!({ "event": "COMMENT", "body": "", "comments": [comment] });
        self.http.done(&Call::post("replying", &path, &body)).await
    }

    async fn resolve(
        &self,
        repository: &Repository,
        pull: u64,
        of: &Feedback,
    ) -> Result<Done, ForgeError> {
        let page = format!("{}/{repository}/pulls/{pull}", self.http.name());
        Ok(Done::ByHand(if of.url.is_empty() { page } else { of.url.clone() }))
    }
}

impl Gitea {
    async fn lines(
        &self,
        repository: &Repository,
        number: &str,
        review: u64,
    ) -> Result<Vec<Feedback>, ForgeError> {
        let review = review.to_string();
        let path = path(repository, &["pulls", number, "reviews", &review, "comments"]);
        let call = Call::get("reading the comments of a review", &path);
        let all: Vec<LineAnswer> = self.http.list(&call, MOST).await?;
        Ok(all.into_iter().map(LineAnswer::said).collect())
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct LineAnswer {
    #[serde(flatten)]
    comment: CommentAnswer,
    #[serde(deserialize_with = "or_default")]
    path: String,
    /// Line of the new side; 0 for one on the old side.
    #[serde(deserialize_with = "or_default")]
    position: u64,
    /// Who resolved the conversation.
    resolver: Option<IgnoredAny>,
}

impl LineAnswer {
    fn said(self) -> Feedback {
        let comment = Comment::from(self.comment);
        Feedback {
            id: format!("line-{}", comment.id),
            thread: Some(format!("{}:{}", self.path, self.position)),
            path: Some(self.path),
            line: Some(self.position).filter(|line| *line > 0),
            resolved: self.resolver.is_some(),
            ..remark(comment)
        }
    }
}
