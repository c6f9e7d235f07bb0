//! What Gitea, Forgejo and GitHub have in common below `repos/owner/name`:
//! the first two took it over from the third.

use crate::error::ForgeError;
use crate::http::{Call, Http};
use crate::issue_answers::{CommentAnswer, IssueAnswer};
use crate::lenient::{Named, Person, logins, names, or_default};
use crate::model::{Comment, Hook, Issue, MAX_COMMENTS, PullRequestSeen, Standing, Subject};
use crate::repository::Repository;
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};

/// `repos/owner/name` with more behind it.
pub(crate) fn path<'a>(repository: &'a Repository, rest: &[&'a str]) -> Vec<&'a str> {
    [&["repos", repository.owner.as_str(), repository.name.as_str()], rest].concat()
}

/// One row of numbers for issues and pull requests.
pub(crate) fn number_of(on: Subject) -> String {
    match on {
        Subject::Issue(number) | Subject::Pull(number) => number.to_string(),
    }
}

pub(crate) async fn issue(
    http: &Http,
    repository: &Repository,
    number: u64,
) -> Result<Issue, ForgeError> {
    let asked = number.to_string();
    let path = path(repository, &["issues", &asked]);
    let doing = "reading the issue";
    let issue: IssueAnswer = http.json(&Call::get(doing, &path)).await?;
    // A transferred issue redirects to where it is now.
    if issue.number != number {
        return Err(http.strange(doing, format!("it has the number {}", issue.number)));
    }
    Ok(issue.into())
}

/// Gitea and Forgejo tell it to administrators of the repository only, GitHub
/// to everybody who may push.
pub(crate) async fn may_write(
    http: &Http,
    repository: &Repository,
    login: &str,
) -> Result<bool, ForgeError> {
    if repository.owner.eq_ignore_ascii_case(login) {
        return Ok(true);
    }
    let path = path(repository, &["collaborators", login, "permission"]);
    let call = Call::get("asking who may write", &path);
    // Nobody that is known there is 404.
    let seen: Option<Permission> = http.if_there(&call, &[404]).await?;
    let word = seen.map(|seen| seen.permission).unwrap_or_default();
    Ok(matches!(word.as_str(), "write" | "admin" | "owner" | "maintain"))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Permission {
    #[serde(deserialize_with = "or_default")]
    permission: String,
}

pub(crate) async fn comments(
    http: &Http,
    repository: &Repository,
    on: Subject,
) -> Result<Vec<Comment>, ForgeError> {
    let number = number_of(on);
    let path = path(repository, &["issues", &number, "comments"]);
    let call = Call::get("reading the comments", &path);
    let all: Vec<CommentAnswer> = http.list(&call, MAX_COMMENTS).await?;
    Ok(all.into_iter().map(Comment::from).collect())
}

pub(crate) async fn comment(
    http: &Http,
    repository: &Repository,
    on: Subject,
    body: &str,
) -> Result<Comment, ForgeError> {
    let number = number_of(on);
    let path = path(repository, &["issues", &number, "comments"]);
    let body = json!({ "body": body });
    let made: CommentAnswer = http.json(&Call::post("commenting", &path, &body)).await?;
    Ok(made.into())
}

pub(crate) async fn edit_comment(
    http: &Http,
    repository: &Repository,
    id: u64,
    body: &str,
) -> Result<(), ForgeError> {
    let id = id.to_string();
    let path = path(repository, &["issues", "comments", &id]);
    let body = json!({ "body": body });
    http.done(&Call::send("changing a comment", Method::PATCH, &path, &body)).await
}

pub(crate) async fn set_open(
    http: &Http,
    repository: &Repository,
    number: u64,
    open: bool,
) -> Result<(), ForgeError> {
    let number = number.to_string();
    let path = path(repository, &["issues", &number]);
    let body = json!({ "state": if open { "open" } else { "closed" } });
    http.done(&Call::send("changing the issue", Method::PATCH, &path, &body)).await
}

pub(crate) async fn pull(
    http: &Http,
    repository: &Repository,
    number: u64,
) -> Result<PullAnswer, ForgeError> {
    let number = number.to_string();
    let path = path(repository, &["pulls", &number]);
    http.json(&Call::get("reading the pull request", &path)).await
}

/// Makes a pull request of this body.
pub(crate) async fn create_pull(
    http: &Http,
    repository: &Repository,
    body: &Value,
) -> Result<PullAnswer, ForgeError> {
    let path = path(repository, &["pulls"]);
    let call = Call::post("creating the pull request", &path, body);
    let pull: PullAnswer = http.json(&call).await?;
    if pull.number == 0 {
        return Err(http.strange(call.doing, "its answer has no number".to_owned()));
    }
    Ok(pull)
}

pub(crate) async fn ask_for_review(
    http: &Http,
    repository: &Repository,
    number: &str,
    reviewers: &[String],
) -> Result<(), ForgeError> {
    let path = path(repository, &["pulls", number, "requested_reviewers"]);
    let body = json!({ "reviewers": reviewers });
    http.done(&Call::post("asking for a review", &path, &body)).await
}

pub(crate) async fn hooks(http: &Http, repository: &Repository) -> Result<Vec<Hook>, ForgeError> {
    let path = path(repository, &["hooks"]);
    let all: Vec<HookAnswer> = http.list(&Call::get("listing webhooks", &path), 200).await?;
    Ok(all.into_iter().map(Hook::from).collect())
}

/// Adds the webhook that `body` describes.
pub(crate) async fn add_hook(
    http: &Http,
    repository: &Repository,
    body: &Value,
) -> Result<Hook, ForgeError> {
    let path = path(repository, &["hooks"]);
    let hook: HookAnswer = http.json(&Call::post("adding a webhook", &path, body)).await?;
    Ok(hook.into())
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct HookAnswer {
    #[serde(deserialize_with = "or_default")]
    id: u64,
    #[serde(deserialize_with = "or_default")]
    active: bool,
    #[serde(deserialize_with = "or_default")]
    config: Value,
}

impl From<HookAnswer> for Hook {
    fn from(seen: HookAnswer) -> Self {
        let url = seen.config["url"].as_str().unwrap_or_default().to_owned();
        Self { id: seen.id, url, active: seen.active }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct PullAnswer {
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
    #[serde(deserialize_with = "or_default")]
    pub(crate) merged: bool,
    /// A list of GitHub's has no `merged`, but this.
    pub(crate) merged_at: Option<String>,
    #[serde(deserialize_with = "or_default")]
    draft: bool,
    /// Null while it is found out.
    mergeable: Option<bool>,
    /// Before a merge it is the commit of a merge that was tried.
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
    pub(crate) head: Side,
    #[serde(deserialize_with = "or_default")]
    pub(crate) base: Side,
}

/// One end of a pull request.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Side {
    /// On a Gitea `refs/pull/N/head` once the branch is gone, and for a push
    /// for review.
    #[serde(rename = "ref", deserialize_with = "or_default")]
    pub(crate) name: String,
    /// The branch as it was called when the pull request was made.
    #[serde(deserialize_with = "or_default")]
    pub(crate) label: String,
    #[serde(deserialize_with = "or_default")]
    sha: String,
    /// Null when the fork is gone.
    repo: Option<Whose>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Whose {
    #[serde(deserialize_with = "or_default")]
    full_name: String,
}

impl Side {
    /// Its repository, as the forge calls it.
    pub(crate) fn repository(&self) -> Option<&str> {
        self.repo.as_ref().map(|repo| repo.full_name.as_str())
    }
}

impl PullAnswer {
    pub(crate) fn seen(self, merged: bool, from_fork: bool, head_label: String) -> PullRequestSeen {
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
            from_fork,
            head: self.head.name,
            head_label,
            head_commit: self.head.sha,
            base: self.base.name,
            base_commit: Some(self.base.sha).filter(|sha| !sha.is_empty()),
            merge_commit: self.merge_commit_sha.filter(|_| merged),
            mergeable: self.mergeable,
            labels: names(&self.labels),
            assignees: logins(&self.assignees),
            reviewers: logins(&self.requested_reviewers),
        }
    }
}
