//! GitLab, of its makers or one's own, under any path.
//!
//! A pull request is a merge request there, numbered apart from the issues
//! (`iid`), and a repository is a project, named by its whole path.

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
use async_trait::async_trait;
use pilot_proto::ForgeKind;
use pilot_proto::project::GitGrant;
use serde::Deserialize;
use std::sync::Arc;
use url::Url;

/// What the answer to a `DELETE` says of what is not there.
const ABSENT: &[u16] = &[404];
pub(crate) const SCOPES: &[&str] = &["api"];

/// A GitLab, and our token for it.
#[derive(Debug)]
pub(crate) struct GitLab {
    http: Arc<Http>,
}

impl GitLab {
    pub(crate) fn new(
        forge: &Url,
        credential: &Credential,
        reach: &Reach,
    ) -> Result<Self, ForgeError> {
        let login = if credential.is_made_by_hand() {
            ("private-token", "")
        } else {
            ("authorization", "Bearer ")
        };
        let dialect = Dialect {
            kind: ForgeKind::GitLab,
            api: below(forge, &["api", "v4"]),
            login,
            headers: &[],
            page_size: ("per_page", "100"),
            needs: SCOPES,
        };
        Ok(Self { http: Http::new(forge, credential.source(), dialect, reach)? })
    }

    /// Scopes of the token, where it tells: an OAuth token does at another
    /// address, and a job's token not at all.
    async fn scopes(&self) -> Result<Option<Vec<String>>, ForgeError> {
        let path = ["personal_access_tokens", "self"];
        let call = Call::get("asking what the token may do", &path);
        match self.http.json::<TokenAnswer>(&call).await {
            Ok(token) => Ok(Some(token.scopes)),
            // A token without `api` may not even ask, on some versions.
            Err(
                ForgeError::Refused { status: 400 | 403 | 404, .. }
                | ForgeError::Unauthorized { .. },
            ) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

#[async_trait]
impl Identity for GitLab {
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
        GitGrant::new("oauth2", self.http.token())
    }

    async fn check(&self) -> Result<Account, ForgeError> {
        let doing = "asking who we are";
        let reply = self.http.send(&Call::get(doing, &["user"])).await?;
        let insufficient =
            reply.status == 403 && self.http.said(&reply).contains("insufficient_scope");
        let scopes = self.scopes().await?;
        let held = scopes.as_deref().unwrap_or_default();
        let unheld = SCOPES.iter().filter(|scope| !held.iter().any(|held| held == *scope));
        let missing: Vec<String> = unheld
            .filter(|_| scopes.is_some() || insufficient)
            .map(|scope| (*scope).to_owned())
            .collect();
        if !missing.is_empty() {
            return Err(ForgeError::Scopes { forge: self.http.name(), missing, needed: SCOPES });
        }
        if reply.status == 404 {
            return Err(self.http.strange(doing, "it answers 404".to_owned()));
        }
        let user: Person = self.http.read(doing, &reply)?;
        if user.login.is_empty() {
            return Err(self.http.strange(doing, "it names nobody".to_owned()));
        }
        let call = Call::get("asking for the version", &["version"]);
        let version = self.http.json::<Version>(&call).await.map(|seen| seen.version);
        Ok(Account { login: user.login, version: version.unwrap_or_default(), scopes })
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

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Version {
    #[serde(deserialize_with = "or_default")]
    version: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct TokenAnswer {
    #[serde(deserialize_with = "or_default")]
    scopes: Vec<String>,
}
