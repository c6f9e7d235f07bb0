//! Projects, and the outside things they name: forges and model providers.

use crate::secret::{self, Secret};
use serde::{Deserialize, Serialize};
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
}

/// The kinds of forge there is an adapter for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum ForgeKind {
    /// Gitea, and Forgejo, which speaks the same API for what we use.
    Gitea,
}

/// A forge as a console sees it; the token stays in the hub.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Forge {
    /// Its name for us; projects refer to it.
    pub name: String,
    /// Which API it speaks.
    pub kind: ForgeKind,
    /// Base URL of the web interface, with any base path.
    pub url: String,
}

/// The model APIs an agent can be pointed at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum ProviderKind {
    /// Anthropic Messages, by API key.
    Anthropic,
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
}

/// What one run is granted of a provider. Travels to the runner inside the
/// assignment and is never written to its disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProviderGrant {
    /// Which API it speaks.
    pub kind: ProviderKind,
    /// Somewhere else than the vendor's own endpoint.
    #[serde(default)]
    pub base_url: Option<String>,
    /// The key.
    #[serde(with = "secret::in_clear")]
    pub key: Secret,
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
}
