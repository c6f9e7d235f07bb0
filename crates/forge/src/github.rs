//! GitHub, and GitHub Enterprise Server.
//!
//! Written against the REST description of version 2022-11-28. What only the
//! GraphQL side can do (resolving a conversation, ending a draft) is asked of
//! that.

mod ci;
mod issues;
mod pulls;
mod repositories;
mod reviews;

use crate::connect::Credential;
use crate::error::ForgeError;
use crate::forge::Identity;
use crate::http::{Budget, Call, Dialect, Http, Pace, Reach, below};
use crate::lenient::{Person, or_default};
use crate::model::{Account, Capabilities};
use crate::repos_api::path;
use crate::repository::Repository;
use async_trait::async_trait;
use pilot_proto::ForgeKind;
use pilot_proto::project::GitGrant;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use url::Url;

/// What the answer to a `DELETE` says of what is not there; 422 is a ref.
const ABSENT: &[u16] = &[404, 422];
/// Of a classic token; it holds everything else we need. A fine-grained token
/// and a GitHub App name no scopes, and are told at the first refusal.
pub(crate) const SCOPES: &[&str] = &["repo"];
/// What a GitHub App has to be allowed: to push, to write pull requests and
/// issues, and to see and let go what its CI runs.
pub const PERMISSIONS: &[&str] =
    &["contents:write", "pull_requests:write", "issues:write", "checks:read", "actions:write"];

/// A GitHub, and our token for it.
#[derive(Debug)]
pub(crate) struct GitHub {
    http: Arc<Http>,
    /// Its GraphQL side, at another address: of an Enterprise Server beside
    /// `/api/v3`.
    graph: Arc<Http>,
}

impl GitHub {
    pub(crate) fn new(
        forge: &Url,
        credential: &Credential,
        reach: &Reach,
    ) -> Result<Self, ForgeError> {
        let public = matches!(forge.host_str(), Some("github.com" | "www.github.com"));
        let (api, graph) = if public {
            let api = Url::parse("https://api.github.com").ok();
            let api = api.unwrap_or_else(|| forge.clone());
            (api.clone(), api)
        } else {
            (below(forge, &["api", "v3"]), below(forge, &["api"]))
        };
        let dialect = |api| Dialect {
            kind: ForgeKind::GitHub,
            api,
            login: ("authorization", "Bearer "),
            headers: &[
                ("accept", "application/vnd.github+json"),
                ("x-github-api-version", "2022-11-28"),
            ],
            page_size: ("per_page", "100"),
            needs: SCOPES,
        };
        let http = |api| Http::new(forge, credential.source(), dialect(api), reach);
        Ok(Self { http: http(api)?, graph: http(graph)? })
    }

    /// Asks the GraphQL side, which answers 200 with `errors` where REST would
    /// refuse.
    async fn query(
        &self,
        doing: &'static str,
        query: &str,
        variables: Value,
    ) -> Result<Value, ForgeError> {
        let body = json!({ "query": query, "variables": variables });
        let mut answer: Value = self.graph.json(&Call::post(doing, &["graphql"], &body)).await?;
        match answer["errors"].as_array().and_then(|errors| errors.first()) {
            None => Ok(answer["data"].take()),
            Some(error) => Err(ForgeError::Refused {
                forge: self.http.name(),
                doing,
                status: 200,
                said: self.http.redacted(error["message"].as_str().unwrap_or_default()),
            }),
        }
    }
}

#[async_trait]
impl Identity for GitHub {
    fn kind(&self) -> ForgeKind {
        self.http.kind()
    }

    fn address(&self) -> &Url {
        self.http.forge()
    }

    fn needs(&self) -> &'static [&'static str] {
        self.http.needs()
    }

    fn budget(&self) -> Option<Budget> {
        self.http.budget()
    }

    fn pace(&self) -> &Pace {
        &self.http.pace
    }

    fn grant(&self) -> GitGrant {
        GitGrant::new("x-access-token", self.http.token())
    }

    async fn check(&self) -> Result<Account, ForgeError> {
        let call = Call::get("asking who we are", &["user"]);
        let reply = self.http.send(&call).await?;
        let login = match reply.status {
            404 => return Err(self.http.strange(call.doing, "it answers 404".to_owned())),
            // An installation of a GitHub App is nobody.
            403 if self.is_installation().await => "x-access-token".to_owned(),
            _ => self.http.read::<Person>(call.doing, &reply)?.login,
        };
        if login.is_empty() {
            return Err(self.http.strange(call.doing, "it names nobody".to_owned()));
        }
        let told = reply.text("x-oauth-scopes").filter(|_| reply.is_good());
        let scopes: Option<Vec<String>> =
            told.map(|told| told.split(',').map(|scope| scope.trim().to_owned()).collect());
        if let Some(held) = &scopes {
            let missing = SCOPES.iter().filter(|scope| !held.iter().any(|held| held == *scope));
            let missing: Vec<String> = missing.map(|scope| (*scope).to_owned()).collect();
            if !missing.is_empty() {
                return Err(ForgeError::Scopes {
                    forge: self.http.name(),
                    missing,
                    needed: SCOPES,
                });
            }
        }
        let meta = self.http.json::<Meta>(&Call::get("asking for the version", &["meta"])).await;
        let version = meta.map(|meta| meta.installed_version).unwrap_or_default();
        Ok(Account { login, version, scopes })
    }

    async fn capabilities(&self) -> Result<Capabilities, ForgeError> {
        Ok(Capabilities {
            lists_runs: true,
            releases_runs: true,
            reads_logs: true,
            resolves: true,
            pushes_for_review: false,
            tells_limits: true,
        })
    }
}

impl GitHub {
    /// As a GitHub App: the installation that has a repository.
    pub(crate) async fn installation_on(&self, repository: &Repository) -> Result<u64, ForgeError> {
        let place = path(repository, &["installation"]);
        let call = Call::get("looking for the App's installation", &place);
        Ok(self.http.json::<Installation>(&call).await?.id)
    }

    /// As a GitHub App: a token of an installation, for one of its repositories
    /// alone or for all. One that may too little is an error.
    pub(crate) async fn installation_token(
        &self,
        installation: u64,
        repository: Option<&Repository>,
    ) -> Result<String, ForgeError> {
        let id = installation.to_string();
        let body = match repository {
            Some(repository) => json!({ "repositories": [repository.name] }),
            None => json!({}),
        };
        let place = ["app", "installations", &id, "access_tokens"];
        let made: InstallationToken =
            self.http.json(&Call::post("asking for the App's token", &place, &body)).await?;
        let missing = missing_permissions(&made.permissions);
        if missing.is_empty() {
            return Ok(made.token);
        }
        let forge = self.http.name();
        Err(ForgeError::Scopes { forge, missing, needed: PERMISSIONS })
    }

    async fn is_installation(&self) -> bool {
        let call = Call::get("asking what is installed", &["installation", "repositories"]);
        self.http.send(&call).await.is_ok_and(|reply| reply.is_good())
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Meta {
    #[serde(deserialize_with = "or_default")]
    installed_version: String,
}

#[derive(Debug, Deserialize)]
struct Installation {
    id: u64,
}

#[derive(Deserialize)]
struct InstallationToken {
    token: String,
    #[serde(default)]
    permissions: BTreeMap<String, String>,
}

/// Of [`PERMISSIONS`], those that are not there; none where it tells none.
fn missing_permissions(held: &BTreeMap<String, String>) -> Vec<String> {
    let has = |needed: &&&str| {
        let (name, level) = needed.split_once(':').unwrap_or((needed, "read"));
        held.get(name)
            .is_some_and(|held| held == level || matches!(held.as_str(), "write" | "admin"))
    };
    let missing = PERMISSIONS.iter().filter(|needed| !held.is_empty() && !has(needed));
    missing.map(|needed| (*needed).to_owned()).collect()
}
