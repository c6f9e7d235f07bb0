//! Projects, branches, webhooks, and how a project is set up.

use super::{ABSENT, GitLab};
use crate::error::ForgeError;
use crate::forge::{Hooks, Repositories};
use crate::http::Call;
use crate::lenient::or_default;
use crate::model::{Advice, Branch, Hook, RepositorySeen, Weight};
use crate::repository::Repository;
use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Value, json};

/// A Developer: the least who may push.
const DEVELOPER: u64 = 30;

#[async_trait]
impl Repositories for GitLab {
    async fn look(&self, repository: &Repository) -> Result<RepositorySeen, ForgeError> {
        let seen = self.project(repository).await?;
        let level = |of: &str| seen.permissions[of]["access_level"].as_u64().unwrap_or(0);
        let may_push = level("project_access").max(level("group_access")) >= DEVELOPER;
        Ok(RepositorySeen {
            may_push: may_push && !seen.archived,
            full_name: seen.path_with_namespace,
            default_branch: seen.default_branch,
            archived: seen.archived,
            private: seen.visibility != "public",
        })
    }

    async fn branch(
        &self,
        repository: &Repository,
        name: &str,
    ) -> Result<Option<Branch>, ForgeError> {
        let id = repository.to_string();
        let path = ["projects", &id, "repository", "branches", name];
        let call = Call::get("looking at the branch", &path);
        let seen: Option<BranchAnswer> = self.http.if_there(&call, &[404]).await?;
        Ok(seen.map(Branch::from))
    }

    async fn branches(
        &self,
        repository: &Repository,
        most: usize,
    ) -> Result<Vec<Branch>, ForgeError> {
        let id = repository.to_string();
        let path = ["projects", &id, "repository", "branches"];
        let all: Vec<BranchAnswer> =
            self.http.list(&Call::get("listing branches", &path), most).await?;
        Ok(all.into_iter().map(Branch::from).collect())
    }

    async fn may_write(&self, repository: &Repository, login: &str) -> Result<bool, ForgeError> {
        let id = repository.to_string();
        let path = ["projects", id.as_str(), "members", "all"];
        let query = [("query", login)];
        let call = Call { query: &query, ..Call::get("asking who may write", &path) };
        let members: Vec<Member> = self.http.list(&call, MAX_MEMBERS).await?;
        let of = |member: &Member| member.username.eq_ignore_ascii_case(login);
        Ok(members.iter().any(|member| of(member) && member.access_level >= DEVELOPER))
    }

    async fn delete_branch(&self, repository: &Repository, name: &str) -> Result<bool, ForgeError> {
        let id = repository.to_string();
        let path = ["projects", &id, "repository", "branches", name];
        self.http.delete("deleting the branch", &path, ABSENT).await
    }

    async fn advice(&self, repository: &Repository) -> Result<Vec<Advice>, ForgeError> {
        let seen = self.project(repository).await?;
        let settings = format!("{}/{repository}/-/settings", self.http.name());
        Ok(vec![
            self.protection(repository, &seen.default_branch, &settings).await?,
            fork_pipelines(&seen, &settings),
            job_token(&seen, &settings),
        ])
    }
}

impl GitLab {
    async fn project(&self, repository: &Repository) -> Result<Project, ForgeError> {
        let id = repository.to_string();
        self.http.json(&Call::get("looking at the repository", &["projects", &id])).await
    }

    async fn protection(
        &self,
        repository: &Repository,
        base: &str,
        settings: &str,
    ) -> Result<Advice, ForgeError> {
        let id = repository.to_string();
        let path = ["projects", &id, "protected_branches"];
        let all: Vec<Protected> =
            self.http.list(&Call::get("reading the branch protections", &path), 500).await?;
        let rule = all.iter().find(|rule| rule.name == base);
        let pushed_by_developers = rule.is_none_or(|rule| {
            let levels = rule.push_access_levels.as_array().into_iter().flatten();
            levels
                .filter_map(|level| level["access_level"].as_u64())
                .any(|level| level == DEVELOPER)
        });
        Ok(Advice {
            name: "branch_protection",
            weight: if pushed_by_developers { Weight::Needed } else { Weight::Fine },
            found: if pushed_by_developers {
                format!("A Developer can push to `{base}` directly.")
            } else {
                format!("`{base}` is protected.")
            },
            mend: if pushed_by_developers {
                format!("Protect `{base}`, and let Maintainers or nobody push to it.")
            } else {
                String::new()
            },
            page: Some(format!("{settings}/repository")),
        })
    }
}

/// A fork's pipelines run in the fork, until a Developer runs one in the
/// parent with the parent's variables.
fn fork_pipelines(project: &Project, settings: &str) -> Advice {
    let open = project.ci_allow_fork_pipelines_to_run_in_parent_project != Some(false);
    Advice {
        name: "ci_approval",
        weight: if open { Weight::Advised } else { Weight::Fine },
        found: if open {
            "Pipelines of merge requests from forks can be run in this project by its Developers."
        } else {
            "Pipelines of forks never run in this project."
        }
        .to_owned(),
        mend: if open {
            "Let tasks push to a fork and read a change before its pipeline is run here; or hold \
             the push until it is approved."
        } else {
            ""
        }
        .to_owned(),
        page: Some(format!("{settings}/ci_cd")),
    }
}

fn job_token(project: &Project, settings: &str) -> Advice {
    let open = project.ci_job_token_scope_enabled == Some(false);
    Advice {
        name: "ci_token",
        weight: if open { Weight::Needed } else { Weight::Fine },
        found: if open {
            "Job tokens of any project reach this one."
        } else {
            "Only chosen projects' job tokens reach this one."
        }
        .to_owned(),
        mend: if open { "Limit the access of job tokens to chosen projects." } else { "" }
            .to_owned(),
        page: Some(format!("{settings}/ci_cd")),
    }
}

#[async_trait]
impl Hooks for GitLab {
    async fn hooks(&self, repository: &Repository) -> Result<Vec<Hook>, ForgeError> {
        let id = repository.to_string();
        let path = ["projects", &id, "hooks"];
        let all: Vec<HookAnswer> =
            self.http.list(&Call::get("listing webhooks", &path), 200).await?;
        Ok(all.into_iter().map(Hook::from).collect())
    }

    async fn add_hook(
        &self,
        repository: &Repository,
        url: &str,
        secret: &str,
    ) -> Result<Hook, ForgeError> {
        let id = repository.to_string();
        let path = ["projects", &id, "hooks"];
        let body = json!({
            "url": url,
            "token": secret,
            "push_events": false,
            "issues_events": true,
            "note_events": true,
            "merge_requests_events": true,
            "pipeline_events": true,
            "enable_ssl_verification": true,
        });
        let hook: HookAnswer =
            self.http.json(&Call::post("adding a webhook", &path, &body)).await?;
        Ok(hook.into())
    }

    async fn remove_hook(&self, repository: &Repository, id: u64) -> Result<bool, ForgeError> {
        let (project, id) = (repository.to_string(), id.to_string());
        let path = ["projects", &project, "hooks", &id];
        self.http.delete("removing the webhook", &path, ABSENT).await
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Project {
    #[serde(deserialize_with = "or_default")]
    path_with_namespace: String,
    #[serde(deserialize_with = "or_default")]
    default_branch: String,
    #[serde(deserialize_with = "or_default")]
    archived: bool,
    #[serde(deserialize_with = "or_default")]
    visibility: String,
    #[serde(deserialize_with = "or_default")]
    permissions: Value,
    ci_allow_fork_pipelines_to_run_in_parent_project: Option<bool>,
    ci_job_token_scope_enabled: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Protected {
    #[serde(deserialize_with = "or_default")]
    name: String,
    #[serde(deserialize_with = "or_default")]
    push_access_levels: Value,
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
struct HookAnswer {
    #[serde(deserialize_with = "or_default")]
    id: u64,
    #[serde(deserialize_with = "or_default")]
    url: String,
    disabled_until: Option<String>,
}

impl From<HookAnswer> for Hook {
    fn from(seen: HookAnswer) -> Self {
        Self { id: seen.id, url: seen.url, active: seen.disabled_until.is_none() }
    }
}

/// Members whose name or login holds what was asked for.
const MAX_MEMBERS: usize = 500;
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Member {
    #[serde(deserialize_with = "or_default")]
    username: String,
    #[serde(deserialize_with = "or_default")]
    access_level: u64,
}
