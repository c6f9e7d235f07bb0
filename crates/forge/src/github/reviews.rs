//! What people say about a pull request.

use super::GitHub;
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
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Reviews, and comments on lines.
const MOST: usize = 1000;
/// Conversations of one pull request; those past a page are taken for open.
const THREADS: &str = "query($owner:String!,$name:String!,$number:Int!){repository(owner:$owner,name:$name){pullRequest(number:$number){reviewThreads(first:100){nodes{id isResolved comments(first:1){nodes{databaseId}}}}}}}";
const RESOLVE: &str =
    "mutation($thread:ID!){resolveReviewThread(input:{threadId:$thread}){thread{isResolved}}}";

#[async_trait]
impl Reviews for GitHub {
    async fn feedback(
        &self,
        repository: &Repository,
        pull: u64,
        since: Option<&str>,
    ) -> Result<Vec<Feedback>, ForgeError> {
        let number = pull.to_string();
        let reviews = path(repository, &["pulls", &number, "reviews"]);
        let reviews: Vec<ReviewAnswer> =
            self.http.list(&Call::get("listing reviews", &reviews), MOST).await?;
        let mut all: Vec<Feedback> = reviews.into_iter().filter_map(ReviewAnswer::said).collect();
        let lines = path(repository, &["pulls", &number, "comments"]);
        let lines: Vec<LineAnswer> =
            self.http.list(&Call::get("reading the comments on lines", &lines), MOST).await?;
        if !lines.is_empty() {
            let threads = self.threads(repository, pull).await?;
            let resolved = |line: &LineAnswer| threads.get(&line.root()).is_some_and(|one| one.1);
            all.extend(lines.into_iter().map(|line| {
                let resolved = resolved(&line);
                Feedback { resolved, ..line.said() }
            }));
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
        let Some(thread) = &to.thread else {
            self.comment(repository, Subject::Pull(pull), body).await?;
            return Ok(());
        };
        let number = pull.to_string();
        let path = path(repository, &["pulls", &number, "comments", thread, "replies"]);
        let body = json!({ "body": body });
        self.http.done(&Call::post("replying", &path, &body)).await
    }

    async fn resolve(
        &self,
        repository: &Repository,
        pull: u64,
        of: &Feedback,
    ) -> Result<Done, ForgeError> {
        let root = of.thread.as_ref().and_then(|thread| thread.parse::<u64>().ok());
        let threads = self.threads(repository, pull).await?;
        let Some((thread, resolved)) = root.and_then(|root| threads.get(&root)) else {
            return Ok(Done::ByHand(of.url.clone()));
        };
        if !resolved {
            self.query("resolving the conversation", RESOLVE, json!({ "thread": thread })).await?;
        }
        Ok(Done::Yes)
    }
}

impl GitHub {
    /// Conversations by the id of their first comment: their own id, and
    /// whether they are resolved. Only the GraphQL side knows.
    async fn threads(
        &self,
        repository: &Repository,
        pull: u64,
    ) -> Result<BTreeMap<u64, (String, bool)>, ForgeError> {
        let variables =
            json!({ "owner": repository.owner, "name": repository.name, "number": pull });
        let data = self.query("reading the conversations", THREADS, variables).await?;
        let nodes = &data["repository"]["pullRequest"]["reviewThreads"]["nodes"];
        let nodes = nodes.as_array().into_iter().flatten();
        let thread = |node: &Value| {
            let first = node["comments"]["nodes"][0]["databaseId"].as_u64()?;
            Some((first, (node["id"].as_str()?.to_owned(), node["isResolved"] == true)))
        };
        Ok(nodes.filter_map(thread).collect())
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct LineAnswer {
    #[serde(flatten)]
    comment: CommentAnswer,
    #[serde(deserialize_with = "or_default")]
    path: String,
    line: Option<u64>,
    original_line: Option<u64>,
    /// The first comment of the conversation, in a reply.
    in_reply_to_id: Option<u64>,
}

impl LineAnswer {
    fn root(&self) -> u64 {
        self.in_reply_to_id.unwrap_or(self.comment.id)
    }

    fn said(self) -> Feedback {
        let root = self.root();
        let comment = Comment::from(self.comment);
        Feedback {
            id: format!("line-{}", comment.id),
            thread: Some(root.to_string()),
            path: Some(self.path),
            line: self.line.or(self.original_line),
            ..remark(comment)
        }
    }
}
