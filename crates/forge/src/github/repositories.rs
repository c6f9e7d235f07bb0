//! Repositories, branches, webhooks, and how a repository is set up.

use super::{ABSENT, GitHub};
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
const EVENTS: [&str; 9] = [
    "issues",
    "issue_comment",
    "pull_request",
    "pull_request_review",
    "pull_request_review_comment",
    "status",
    "check_run",
    "workflow_run",
    "workflow_job",
];

#[async_trait]
impl Repositories for GitHub {
    async fn look(&self, repository: &Repository) -> Result<RepositorySeen, ForgeError> {
        let path = path(repository, &[]);
        let seen: RepositoryAnswer =
            self.http.json(&Call::get("looking at the repository", &path)).await?;
        Ok(RepositorySeen {
            full_name: seen.full_name,
            default_branch: seen.default_branch,
            may_push: seen.permissions["push"] == true && !seen.archived,
            archived: seen.archived,
            private: seen.private,
        })
    }

    async fn branch(
        &self,
        repository: &Repository,
        name: &str,
    ) -> Result<Option<Branch>, ForgeError> {
        // A prefix matches too, with a list for its answer.
        let segments: Vec<&str> =
            ["git", "ref", "heads"].into_iter().chain(name.split('/')).collect();
        let path = path(repository, &segments);
        let call = Call::get("looking at the branch", &path);
        let seen: Option<Reference> = self.http.if_there(&call, &[404]).await?;
        Ok(seen.map(|seen| Branch { name: name.to_owned(), commit: seen.sha() }))
    }

    async fn branches(
        &self,
        repository: &Repository,
        most: usize,
    ) -> Result<Vec<Branch>, ForgeError> {
        let path = path(repository, &["branches"]);
        let all: Vec<BranchAnswer> =
            self.http.list(&Call::get("listing branches", &path), most).await?;
        let branch = |seen: BranchAnswer| Branch {
            name: seen.name,
            commit: seen.commit["sha"].as_str().unwrap_or_default().to_owned(),
        };
        Ok(all.into_iter().map(branch).collect())
    }

    async fn may_write(&self, repository: &Repository, login: &str) -> Result<bool, ForgeError> {
        repos_api::may_write(&self.http, repository, login).await
    }

    async fn delete_branch(&self, repository: &Repository, name: &str) -> Result<bool, ForgeError> {
        let segments: Vec<&str> =
            ["git", "refs", "heads"].into_iter().chain(name.split('/')).collect();
        let path = path(repository, &segments);
        self.http.delete("deleting the branch", &path, ABSENT).await
    }

    async fn advice(&self, repository: &Repository) -> Result<Vec<Advice>, ForgeError> {
        let seen = self.look(repository).await?;
        let settings = format!("{}/{repository}/settings", self.http.name());
        Ok(vec![
            self.protection(repository, &seen.default_branch, &settings).await?,
            self.approval(repository, seen.private, &settings).await?,
            self.workflow_token(repository, &settings).await?,
        ])
    }
}

impl GitHub {
    async fn protection(
        &self,
        repository: &Repository,
        base: &str,
        settings: &str,
    ) -> Result<Advice, ForgeError> {
        let path = path(repository, &["branches", base]);
        let seen: BranchAnswer = self.http.json(&Call::get("looking at the branch", &path)).await?;
        let safe = seen.protected;
        Ok(Advice {
            name: "branch_protection",
            weight: if safe { Weight::Fine } else { Weight::Needed },
            found: if safe {
                format!("`{base}` is protected.")
            } else {
                format!("Whoever may write can push to `{base}` directly.")
            },
            mend: if safe {
                String::new()
            } else {
                format!("Add a rule for `{base}` that requires a pull request.")
            },
            page: Some(format!("{settings}/branches")),
        })
    }

    /// Who needs an approval before the CI of their pull request runs. Only
    /// pull requests of forks are ever held.
    async fn approval(
        &self,
        repository: &Repository,
        private: bool,
        settings: &str,
    ) -> Result<Advice, ForgeError> {
        let rest: [&str; 3] = if private {
            ["actions", "permissions", "fork-pr-workflows-private-repos"]
        } else {
            ["actions", "permissions", "fork-pr-contributor-approval"]
        };
        let policy = self.setting(repository, &rest).await?;
        let (weight, found) = match &policy {
            None => {
                (Weight::Advised, "The approval policy cannot be read with this token.".to_owned())
            }
            Some(policy) if policy["require_approval_for_fork_pr_workflows"] == true => {
                (Weight::Fine, "Workflows of forks wait for an approval.".to_owned())
            }
            Some(policy) if policy["approval_policy"] == "all_external_contributors" => (
                Weight::Fine,
                "Workflows of every contributor from outside wait for an approval.".to_owned(),
            ),
            Some(policy) => {
                let policy = policy["approval_policy"].as_str().unwrap_or("none");
                (
                    Weight::Needed,
                    format!(
                        "The approval policy is `{policy}`: after the first time, nothing waits."
                    ),
                )
            }
        };
        let mend = match weight {
            Weight::Fine => "",
            Weight::Advised | Weight::Needed => {
                "Require approval for all external contributors, and let tasks push to a fork; \
                 or hold the push until the change is approved here."
            }
        };
        Ok(Advice {
            name: "ci_approval",
            weight,
            found,
            mend: mend.to_owned(),
            page: Some(format!("{settings}/actions")),
        })
    }

    async fn workflow_token(
        &self,
        repository: &Repository,
        settings: &str,
    ) -> Result<Advice, ForgeError> {
        let policy = self.setting(repository, &["actions", "permissions", "workflow"]).await?;
        let writes =
            policy.as_ref().map(|policy| policy["default_workflow_permissions"] == "write");
        let (weight, found, mend) = match writes {
            Some(false) => (Weight::Fine, "Workflows get a token that only reads.", ""),
            Some(true) => (
                Weight::Needed,
                "Workflows get a token that may write.",
                "Set the default permissions of workflows to reading.",
            ),
            None => (
                Weight::Advised,
                "The permissions of workflows cannot be read with this token.",
                "Look whether the default permissions of workflows are reading only.",
            ),
        };
        Ok(Advice {
            name: "ci_token",
            weight,
            found: found.to_owned(),
            mend: mend.to_owned(),
            page: Some(format!("{settings}/actions")),
        })
    }

    /// A setting that only administrators read.
    async fn setting(
        &self,
        repository: &Repository,
        rest: &[&str],
    ) -> Result<Option<Value>, ForgeError> {
        let path = path(repository, rest);
        self.http.if_there(&Call::get("reading the settings", &path), &[403, 404, 409]).await
    }
}

#[async_trait]
impl Hooks for GitHub {
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
            "name": "web",
            "active": true,
            "events": EVENTS,
            "config": { "url": url, "content_type": "json", "secret": secret, "insecure_ssl": "0" },
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
    permissions: Value,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Reference {
    #[serde(deserialize_with = "or_default")]
    object: Value,
}

impl Reference {
    fn sha(&self) -> String {
        self.object["sha"].as_str().unwrap_or_default().to_owned()
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct BranchAnswer {
    #[serde(deserialize_with = "or_default")]
    name: String,
    #[serde(deserialize_with = "or_default")]
    commit: Value,
    #[serde(deserialize_with = "or_default")]
    protected: bool,
}
