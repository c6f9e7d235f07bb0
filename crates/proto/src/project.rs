//! Projects, and the outside things they name: forges and model providers.

use crate::action::ProjectAction;
use crate::grant::SecretUse;
use crate::network::NetworkPolicy;
use crate::permission::PermissionPolicy;
use crate::pull_request::PullRequestPolicy;
use crate::secret::{self, Secret};
use crate::task::{ChildBounds, Limits, Mode, ReviewPass};
use crate::time::Timestamp;
use crate::walls::WallsWish;
use serde::{Deserialize, Serialize};
use std::fmt;
use ts_rs::TS;

/// A repository plus its settings. Named by a person; the name is its id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(optional_fields = nullable)]
pub struct Project {
    /// `[a-z0-9][a-z0-9._-]{0,63}`.
    pub name: String,
    /// Clone URL (`https://…`, `http://…`, `file:///…`, `ssh://…`) or absolute path.
    pub repo: String,
    /// Name of the forge the pull requests go to; none for a plain git remote.
    #[serde(default)]
    pub forge: Option<String>,
    /// Branch that tasks start from and pull requests go to; none: the remote's HEAD.
    #[serde(default)]
    pub base: Option<String>,
    /// Agent for tasks that name none.
    pub agent: String,
    /// Shell command lines run in the fresh clone before the agent, in order.
    #[serde(default)]
    pub setup: Vec<String>,
    /// What its runs may reach.
    #[serde(default)]
    pub network: NetworkPolicy,
    /// How its runs are kept apart from the machine.
    #[serde(default)]
    pub walls: WallsWish,
    /// Secrets that its runs may use.
    #[serde(default)]
    pub secrets: Vec<SecretUse>,
    /// What its agents may do unasked, and what never.
    #[serde(default)]
    pub permissions: PermissionPolicy,
    /// Name of the profile of tasks that name none.
    #[serde(default)]
    pub profile: Option<String>,
    /// A second agent looks at the work of every task that says nothing else.
    #[serde(default)]
    pub review: Option<ReviewPass>,
    /// What its agents may file by themselves.
    #[serde(default)]
    #[ts(optional, as = "Option<ChildBounds>")]
    pub children: ChildBounds,
    /// Claude Remote Control for every task that says nothing else.
    #[serde(default)]
    pub remote_control: bool,
    /// Buttons of its runs' terminals and screens, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[ts(optional, as = "Option<Vec<ProjectAction>>")]
    pub actions: Vec<ProjectAction>,
    /// How its pull requests are made, and what becomes of what is said about
    /// them.
    #[serde(default)]
    #[ts(optional, as = "Option<PullRequestPolicy>")]
    pub pull_requests: PullRequestPolicy,
}

/// A named way of working: which agent, with whose login, how far. Its name is
/// its id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(optional_fields = nullable)]
pub struct Profile {
    /// `[a-z0-9][a-z0-9._-]{0,63}`.
    pub name: String,
    /// Which agent.
    pub agent: String,
    /// Name of the model provider, which holds the account; none: the first
    /// that fits the agent.
    #[serde(default)]
    pub provider: Option<String>,
    /// Which model; none: the agent's default.
    #[serde(default)]
    pub model: Option<String>,
    /// How much the agent may do by itself; none: the product's default.
    #[serde(default)]
    pub mode: Option<Mode>,
    /// Bounds of each run; none: the product's.
    #[serde(default)]
    pub limits: Option<Limits>,
    /// Claude Remote Control.
    #[serde(default)]
    pub remote_control: bool,
}

/// The kinds of forge there is an adapter for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum ForgeKind {
    /// Gitea.
    Gitea,
    /// Forgejo, which speaks Gitea's API but for its CI.
    Forgejo,
    /// GitHub, and GitHub Enterprise Server.
    #[serde(rename = "github")]
    GitHub,
    /// GitLab, of its makers or one's own.
    #[serde(rename = "gitlab")]
    GitLab,
}

impl fmt::Display for ForgeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gitea => "Gitea",
            Self::Forgejo => "Forgejo",
            Self::GitHub => "GitHub",
            Self::GitLab => "GitLab",
        })
    }
}

/// A forge as a console sees it; the token stays in the hub.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(optional_fields = nullable)]
pub struct Forge {
    /// Its name for us; projects refer to it.
    pub name: String,
    /// Which API it speaks.
    pub kind: ForgeKind,
    /// Base URL of the web interface, with any base path.
    pub url: String,
    /// Certificates (PEM) that the hub trusts there besides the system's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorities: Option<String>,
    /// What the hub goes through to it; none: what its environment says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy: Option<String>,
    /// Name of the runner that dials it for the hub; none: the hub does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub through: Option<String>,
    /// Who we are there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<ForgeAccount>,
}

impl Forge {
    /// One that is simply dialled.
    pub fn at(name: impl Into<String>, kind: ForgeKind, url: impl Into<String>) -> Self {
        let (name, url) = (name.into(), url.into());
        Self { name, kind, url, authorities: None, proxy: None, through: None, account: None }
    }
}

/// Who we are to a forge, as it said when we logged in.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(default)]
#[ts(optional_fields = nullable)]
pub struct ForgeAccount {
    /// The account's name.
    pub login: String,
    /// What we may do there, in its words; none where it does not tell.
    pub scopes: Option<Vec<String>>,
}

/// The model APIs an agent can be pointed at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum ProviderKind {
    /// Anthropic Messages.
    Anthropic,
    /// OpenAI Responses and Chat Completions.
    #[serde(rename = "openai")]
    OpenAi,
    /// Gemini.
    Gemini,
    /// Ollama, or any server that speaks Chat Completions and may need no key.
    Ollama,
}

/// How a provider wants to be shown the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum ProviderLogin {
    /// An API key, in the header that the vendor made for it.
    #[default]
    Key,
    /// `Authorization: Bearer`: a subscription's long-lived token, or another
    /// gateway's.
    Bearer,
}

/// An OAuth login that has to be renewed (RFC 6749 §6). Its access token is
/// the grant's `key`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(optional_fields = nullable)]
pub struct OauthLogin {
    /// Where it is renewed.
    pub token_url: String,
    /// Who we are to it.
    pub client_id: String,
    /// What it is renewed with.
    #[serde(with = "secret::in_clear")]
    #[ts(as = "String")]
    pub refresh_token: Secret,
    /// When the access token ends; none: it is renewed when it is refused.
    #[serde(default)]
    pub expires_at: Option<Timestamp>,
}

/// A model provider as a console sees it; the key stays in the hub.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Provider {
    /// Its name for us.
    pub name: String,
    /// Which API it speaks.
    pub kind: ProviderKind,
    /// Somewhere else than the vendor's own endpoint.
    #[serde(default)]
    pub base_url: Option<String>,
    /// How it is shown the key.
    #[serde(default)]
    pub login: ProviderLogin,
    /// A full login of the vendor's own program is kept with it: what Claude
    /// Remote Control needs.
    #[serde(default)]
    pub full_login: bool,
}

/// What one run is granted of a provider. Travels to the runner inside the
/// assignment and is never written to its disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProviderGrant {
    /// Our name for it.
    #[serde(default)]
    pub name: String,
    /// Which API it speaks.
    pub kind: ProviderKind,
    /// Somewhere else than the vendor's own endpoint.
    #[serde(default)]
    pub base_url: Option<String>,
    /// The key; empty for a local server that wants none.
    #[serde(with = "secret::in_clear")]
    pub key: Secret,
    /// How it is shown.
    #[serde(default)]
    pub login: ProviderLogin,
    /// How it is renewed; none: it is not.
    #[serde(default)]
    pub oauth: Option<OauthLogin>,
}

/// A login that a run renewed, on its way back to the hub: JSON, sealed to the
/// hub's key ([`RunSpec::hub_key`](crate::run::RunSpec::hub_key)), with the run,
/// the fence 0 and the provider's name bound in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RenewedLogin {
    /// What it was renewed with. Whoever knows it was granted the login, and the
    /// hub takes nothing from anybody else.
    #[serde(with = "secret::in_clear")]
    pub before: Secret,
    /// The access token.
    #[serde(with = "secret::in_clear")]
    pub key: Secret,
    /// What it is renewed with next.
    #[serde(with = "secret::in_clear")]
    pub refresh_token: Secret,
    /// When the access token ends; none: it is renewed when it is refused.
    #[serde(default)]
    pub expires_at: Option<Timestamp>,
}

/// How git logs in to the project's repository over HTTP. Used by the shim,
/// outside the agent's environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GitGrant {
    /// User name; forges that take tokens accept any.
    pub username: String,
    /// Token or password.
    #[serde(with = "secret::in_clear")]
    pub password: Secret,
    /// Certificates (PEM) that are trusted there besides the system's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorities: Option<String>,
    /// The proxy on the way there; none: what the runner's environment says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy: Option<String>,
}

impl GitGrant {
    /// To a server that is simply dialled.
    pub fn new(username: impl Into<String>, password: Secret) -> Self {
        Self { username: username.into(), password, authorities: None, proxy: None }
    }
}
