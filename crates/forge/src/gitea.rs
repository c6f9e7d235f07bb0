//! Gitea, and Forgejo, which speaks the same API but for its CI.
//!
//! Written against Gitea 1.22 and Forgejo 1.21 as they answered, and the
//! source of later ones for what they can do besides. Lenient about everything
//! that is not needed: fields may be missing or null.

mod ci;
mod issues;
mod pulls;
mod repositories;
mod reviews;

use crate::connect::Credential;
use crate::error::ForgeError;
use crate::forge::Identity;
use crate::http::{Budget, Call, Dialect, Http, Pace, Reach, below};
use crate::lenient::{Person, or_default, version};
use crate::model::{Account, Capabilities};
use async_trait::async_trait;
use pilot_proto::ForgeKind;
use pilot_proto::project::GitGrant;
use reqwest::Method;
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;
use tokio::sync::OnceCell;
use url::Url;

/// What the answer to a `DELETE` says of what is not there.
const ABSENT: &[u16] = &[404];
/// Comments on pull requests go through issues.
pub(crate) const SCOPES: &[&str] = &["write:repository", "write:issue", "read:user"];

/// A Gitea or Forgejo, and our token for it.
#[derive(Debug)]
pub(crate) struct Gitea {
    http: Arc<Http>,
    /// Read off its version, once: an upgrade restarts the hub's hold on it
    /// with the next token or the next start.
    can: OnceCell<Capabilities>,
}

impl Gitea {
    pub(crate) fn new(
        kind: ForgeKind,
        forge: &Url,
        credential: &Credential,
        reach: &Reach,
    ) -> Result<Self, ForgeError> {
        let scheme = if credential.is_made_by_hand() { "token " } else { "Bearer " };
        let dialect = Dialect {
            kind,
            api: below(forge, &["api", "v1"]),
            login: ("authorization", scheme),
            headers: &[],
            // The most that one gives at once by default; it gives fewer if it
            // was set up so, which is why pages are followed and not counted.
            page_size: ("limit", "50"),
            needs: SCOPES,
        };
        let http = Http::new(forge, credential.source(), dialect, reach)?;
        Ok(Self { http, can: OnceCell::new() })
    }

    async fn version(&self) -> Result<String, ForgeError> {
        let call = Call::get("asking for the version", &["version"]);
        match self.http.json::<Version>(&call).await {
            Ok(Version { version }) if !version.is_empty() => Ok(version),
            Ok(_) => Err(self.http.strange(call.doing, "it has none".to_owned())),
            // Every Gitea answers this; whoever says 404 is somebody else.
            Err(ForgeError::Refused { status, .. }) => {
                Err(self.http.strange(call.doing, format!("it answers {status}")))
            }
            Err(error) => Err(error),
        }
    }

    async fn can(&self) -> Result<&Capabilities, ForgeError> {
        self.can.get_or_try_init(|| self.capabilities()).await
    }

    /// Scopes are looked at before anything else, so a request that cannot
    /// succeed tells whether one is missing: `-` is nobody's name on a Gitea,
    /// and nothing can be made there.
    async fn missing(&self, path: &[&str]) -> Result<Vec<String>, ForgeError> {
        let body = json!({});
        let call = Call::send("asking what the token may do", Method::POST, path, &body);
        let reply = self.http.send(&call).await?;
        // 404, 422: not the token's fault.
        match self.http.refusal(call.doing, &reply) {
            ForgeError::Scopes { missing, .. } => Ok(missing),
            refusal @ ForgeError::Unauthorized { .. } => Err(refusal),
            _ => Ok(Vec::new()),
        }
    }
}

#[async_trait]
impl Identity for Gitea {
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
        // Any user name goes with a token.
        GitGrant::new("pilothouse", self.http.token())
    }

    async fn check(&self) -> Result<Account, ForgeError> {
        let version = self.version().await?;
        let mut missing = Vec::new();
        let user: Person = match self.http.json(&Call::get("asking who we are", &["user"])).await {
            Err(ForgeError::Scopes { missing: scopes, .. }) => {
                missing.extend(scopes);
                Person::default()
            }
            answer => answer?,
        };
        for path in [["repos", "-", "-", "pulls"], ["repos", "-", "-", "issues"]] {
            missing.extend(self.missing(&path).await?);
        }
        if !missing.is_empty() {
            missing.sort_by_key(|scope| SCOPES.iter().position(|known| known == scope));
            missing.dedup();
            return Err(ForgeError::Scopes { forge: self.http.name(), missing, needed: SCOPES });
        }
        // It names none of its own accord, and refused for none of these.
        let scopes = SCOPES.iter().map(|scope| (*scope).to_owned()).collect();
        Ok(Account { login: user.login, version, scopes: Some(scopes) })
    }

    async fn capabilities(&self) -> Result<Capabilities, ForgeError> {
        Ok(capabilities(self.kind(), &self.version().await?))
    }
}

/// What the version tells. A Forgejo calls itself `12.0.1+gitea-1.22.0`.
fn capabilities(kind: ForgeKind, text: &str) -> Capabilities {
    let lists_runs = match kind {
        ForgeKind::Forgejo => version(text) >= (12, 0),
        ForgeKind::Gitea | ForgeKind::GitHub | ForgeKind::GitLab => version(text) >= (1, 25),
    };
    Capabilities {
        lists_runs,
        // Neither has a call for it.
        releases_runs: false,
        reads_logs: lists_runs && kind == ForgeKind::Gitea,
        resolves: false,
        pushes_for_review: true,
        tells_limits: false,
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Version {
    #[serde(deserialize_with = "or_default")]
    version: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_it_can_do_is_read_off_its_version() {
        for (kind, text, expected) in [
            (ForgeKind::Gitea, "1.22.0+dev-1-gabc", (false, false)),
            (ForgeKind::Gitea, "1.25.3", (true, true)),
            (ForgeKind::Forgejo, "1.21.11-1", (false, false)),
            (ForgeKind::Forgejo, "12.0.1+gitea-1.22.0", (true, false)),
        ] {
            let seen = capabilities(kind, text);
            assert_eq!((seen.lists_runs, seen.reads_logs), expected, "{text}");
        }
    }
}
