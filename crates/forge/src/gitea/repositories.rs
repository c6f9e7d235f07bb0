//! Repositories, branches, webhooks, and how a repository is set up.

use super::{ABSENT, Gitea};
use crate::error::ForgeError;
use crate::forge::{Hooks, Repositories};
use crate::http::Call;
use crate::lenient::or_default;
use crate::model::{Advice, Branch, Hook, RepositorySeen, Weight};
use crate::repos_api::{self, path};
use crate::repository::Repository;
use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Value, json};

/// What a webhook tells us of.
const EVENTS: [&str; 10] = [
    "issues",
    "issue_label",
    "issue_comment",
    "pull_request",
    "pull_request_label",
    "pull_request_comment",
    "pull_request_sync",
    "pull_request_review_approved",
    "pull_request_review_rejected",
    "pull_request_review_comment",
];

#[async_trait]
impl Repositories for Gitea {
    async fn look(&self, repository: &Repository) -> Result<RepositorySeen, ForgeError> {
        let path = path(repository, &[]);
        let seen: RepositoryAnswer =
            self.http.json(&Call::get("looking at the repository", &path)).await?;
        Ok(RepositorySeen {
            full_name: seen.full_name,
            default_branch: seen.default_branch,
            may_push: seen.permissions.push && !seen.archived,
            archived: seen.archived,
            private: seen.private,
        })
    }

    async fn branch(
        &self,
        repository: &Repository,
        name: &str,
    ) -> Result<Option<Branch>, ForgeError> {
        // A branch with a slash is one segment to a router that decodes late,
        // and several to one that decodes early; both find it in several.
        let segments: Vec<&str> = ["branches"].into_iter().chain(name.split('/')).collect();
        let path = path(repository, &segments);
        let call = Call::get("looking at the branch", &path);
        let seen: Option<BranchAnswer> = self.http.if_there(&call, &[404]).await?;
        Ok(seen.map(Branch::from))
    }

    async fn branches(
        &self,
        repository: &Repository,
        most: usize,
    ) -> Result<Vec<Branch>, ForgeError> {
        let path = path(repository, &["branches"]);
        let all =
            self.http.list::<BranchAnswer>(&Call::get("listing branches", &path), most).await?;
        Ok(all.into_iter().map(Branch::from).collect())
    }

    async fn may_write(&self, repository: &Repository, login: &str) -> Result<bool, ForgeError> {
        repos_api::may_write(&self.http, repository, login).await
    }

    async fn delete_branch(&self, repository: &Repository, name: &str) -> Result<bool, ForgeError> {
        let segments: Vec<&str> = ["branches"].into_iter().chain(name.split('/')).collect();
        let path = path(repository, &segments);
        self.http.delete("deleting the branch", &path, ABSENT).await
    }

    async fn advice(&self, repository: &Repository) -> Result<Vec<Advice>, ForgeError> {
        let base = self.look(repository).await?.default_branch;
        let settings = format!("{}/{repository}/settings", self.http.name());
        Ok(vec![
            self.protection(repository, &base, &settings).await?,
            self.own_rights(repository, &settings).await?,
            fork_secrets(&settings),
        ])
    }
}

impl Gitea {
    async fn protection(
        &self,
        repository: &Repository,
        base: &str,
        settings: &str,
    ) -> Result<Advice, ForgeError> {
        let path = path(repository, &["branch_protections"]);
        let call = Call::get("reading the branch protections", &path);
        let reply = self.http.send(&call).await?;
        let page = Some(format!("{settings}/branches"));
        let name = "branch_protection";
        if matches!(reply.status, 403 | 404) {
            return Ok(Advice {
                name,
                weight: Weight::Advised,
                found: "The branch protections cannot be read with this token.".to_owned(),
                mend: format!("Let an administrator of the repository protect `{base}`."),
                page,
            });
        }
        let rules: Vec<Protection> = self.http.read(call.doing, &reply)?;
        let rule = rules.iter().find(|rule| rule.branch_name == base || rule.rule_name == base);
        Ok(match rule {
            Some(rule) if !rule.enable_push || rule.enable_push_whitelist => Advice {
                name,
                weight: Weight::Fine,
                found: format!("`{base}` is protected."),
                mend: String::new(),
                page,
            },
            Some(_) | None => Advice {
                name,
                weight: Weight::Needed,
                found: format!("Whoever may write can push to `{base}` directly."),
                mend: format!(
                    "Protect `{base}`, and let nobody push to it without a pull request."
                ),
                page,
            },
        })
    }

    /// CI is held for a pull request of somebody without write access only.
    async fn own_rights(
        &self,
        repository: &Repository,
        settings: &str,
    ) -> Result<Advice, ForgeError> {
        let may_push = self.look(repository).await?.may_push;
        Ok(Advice {
            name: "restricted_bot",
            weight: if may_push { Weight::Advised } else { Weight::Fine },
            found: if may_push {
                "The token's owner may write, so the forge runs the CI of its pull requests at once."
            } else {
                "The token's owner may only read, so the CI of its pull requests waits."
            }
            .to_owned(),
            mend: if may_push {
                "Make the bot a restricted user, let it in as a reader, and let tasks push for \
                 review (AGit); or hold the push until the change is approved here."
            } else {
                ""
            }
            .to_owned(),
            page: Some(format!("{settings}/collaboration")),
        })
    }
}

/// No call tells; a pull request of a fork or of a reader gets no secrets
/// in all versions, but one of a writer does.
fn fork_secrets(settings: &str) -> Advice {
    Advice {
        name: "ci_secrets",
        weight: Weight::Advised,
        found: "Workflows of branches of this repository read its CI secrets.".to_owned(),
        mend: "Keep deployment secrets out of the repository's CI, or let only protected \
               branches use them."
            .to_owned(),
        page: Some(format!("{settings}/actions/secrets")),
    }
}

#[async_trait]
impl Hooks for Gitea {
    async fn hooks(&self, repository: &Repository) -> Result<Vec<Hook>, ForgeError> {
        repos_api::hooks(&self.http, repository).await
    }

    async fn add_hook(
        &self,
        repository: &Repository,
        url: &str,
        secret: &str,
    ) -> Result<Hook, ForgeError> {
        let body = json!({
            "type": "gitea",
            "active": true,
            "events": EVENTS,
            "config": { "url": url, "content_type": "json", "secret": secret },
        });
        repos_api::add_hook(&self.http, repository, &body).await
    }

    async fn remove_hook(&self, repository: &Repository, id: u64) -> Result<bool, ForgeError> {
        let id = id.to_string();
        let path = path(repository, &["hooks", &id]);
        self.http.delete("removing the webhook", &path, ABSENT).await
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct RepositoryAnswer {
    #[serde(deserialize_with = "or_default")]
    full_name: String,
    #[serde(deserialize_with = "or_default")]
    default_branch: String,
    #[serde(deserialize_with = "or_default")]
    archived: bool,
    #[serde(deserialize_with = "or_default")]
    private: bool,
    #[serde(deserialize_with = "or_default")]
    permissions: Permissions,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Permissions {
    #[serde(deserialize_with = "or_default")]
    push: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct BranchAnswer {
    #[serde(deserialize_with = "or_default")]
    name: String,
    #[serde(deserialize_with = "or_default")]
    commit: Value,
}

impl From<BranchAnswer> for Branch {
    fn from(seen: BranchAnswer) -> Self {
        let commit = seen.commit["id"].as_str().unwrap_or_default().to_owned();
        Self { name: seen.name, commit }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Protection {
    #[serde(deserialize_with = "or_default")]
    branch_name: String,
    #[serde(deserialize_with = "or_default")]
    rule_name: String,
    #[serde(deserialize_with = "or_default")]
    enable_push: bool,
    #[serde(deserialize_with = "or_default")]
    enable_push_whitelist: bool,
}
