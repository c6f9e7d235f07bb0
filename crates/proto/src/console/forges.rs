//! Forges: adding one, logging in to it, and how that stands.

use crate::code::Problem;
use crate::project::{Forge, ForgeKind};
use crate::secret::{self, Secret};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// A forge to add, with a token or as a GitHub App.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(optional_fields = nullable)]
pub struct NewForge {
    /// Our name for it.
    pub name: String,
    /// Which API it speaks.
    pub kind: ForgeKind,
    /// Base URL of its web interface.
    pub url: String,
    /// Access token; empty for a GitHub App.
    #[serde(default = "empty", with = "secret::in_clear")]
    #[ts(as = "Option<String>")]
    pub token: Secret,
    /// As which GitHub App, instead of with a token.
    #[serde(default)]
    pub app: Option<NewForgeApp>,
    /// Certificates (PEM) that the hub trusts there besides the system's.
    #[serde(default)]
    pub authorities: Option<String>,
    /// What the hub goes through to it: `http://proxy.example.org:3128`.
    #[serde(default)]
    pub proxy: Option<String>,
    /// Name of the runner that dials it for the hub; none: the hub does.
    #[serde(default)]
    pub through: Option<String>,
}

impl NewForge {
    /// With a token, and simply dialled.
    pub fn with_token(
        name: impl Into<String>,
        kind: ForgeKind,
        url: impl Into<String>,
        token: Secret,
    ) -> Self {
        let (name, url) = (name.into(), url.into());
        Self { name, kind, url, token, app: None, authorities: None, proxy: None, through: None }
    }
}

/// A GitHub App that is installed somewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct NewForgeApp {
    /// Id of the App.
    #[ts(type = "number")]
    pub app: u64,
    /// Id of its installation.
    #[ts(type = "number")]
    pub installation: u64,
    /// Its private key (PEM).
    #[serde(with = "secret::in_clear")]
    #[ts(as = "String")]
    pub key: Secret,
}

/// A forge, and how we are logged in there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ForgeSeen {
    /// The forge.
    #[serde(flatten)]
    #[ts(flatten)]
    pub forge: Forge,
    /// How we are logged in.
    #[serde(default)]
    pub access: ForgeAccess,
}

/// How we are logged in to a forge.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(default)]
#[ts(optional_fields = nullable)]
pub struct ForgeAccess {
    /// With what.
    pub by: AccessBy,
    /// Scopes or permissions that everything we do needs.
    #[ts(as = "Vec<String>")]
    pub needs: Vec<String>,
    /// When it ends; none: never, or the forge did not say.
    pub ends_at: Option<Timestamp>,
    /// The hub renews it before.
    pub renewed: bool,
    /// It has ended, or could not be renewed when it was last tried.
    pub problem: Option<Problem>,
}

/// With what we are logged in to a forge.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum AccessBy {
    /// With nothing any more.
    Nothing,
    /// With a token that somebody made there.
    Token,
    /// By a login (OAuth).
    Login {
        /// Id of the application that is registered there.
        client_id: String,
    },
    /// As a GitHub App.
    App {
        /// Id of the App.
        #[ts(type = "number")]
        app: u64,
        /// Id of its installation.
        #[ts(type = "number")]
        installation: u64,
    },
    /// In a way this build does not know yet.
    #[default]
    #[serde(other)]
    Unknown,
}

/// A login to begin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(optional_fields = nullable)]
pub struct NewForgeLogin {
    /// Our name for the forge.
    pub name: String,
    /// Which API it speaks; for one that was not added yet.
    #[serde(default)]
    pub kind: Option<ForgeKind>,
    /// Base URL of its web interface; for one that was not added yet.
    #[serde(default)]
    pub url: Option<String>,
    /// Public id of the application that somebody registered there; none: as at
    /// the last login.
    #[serde(default)]
    pub client_id: Option<String>,
    /// Its secret; empty for a public application.
    #[serde(default = "empty", with = "secret::in_clear")]
    #[ts(as = "Option<String>")]
    pub client_secret: Secret,
    /// By a code that is typed in on any machine; none: on a GitHub alone, which
    /// has no other way.
    #[serde(default)]
    pub device: Option<bool>,
    /// The port that was registered for the way back; none: any.
    #[serde(default)]
    pub port: Option<u16>,
    /// Certificates (PEM) to trust there; none: those it was added with.
    #[serde(default)]
    pub authorities: Option<String>,
    /// Proxy to go through; none: the one it was added with.
    #[serde(default)]
    pub proxy: Option<String>,
    /// Name of the runner that dials it for the hub; none: as before.
    #[serde(default)]
    pub through: Option<String>,
}

fn empty() -> Secret {
    Secret::new("")
}

/// A login that was begun.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(optional_fields = nullable)]
pub struct ForgeLoginSeen {
    /// Our name for the forge.
    pub name: String,
    /// The page to open.
    pub page: String,
    /// The code to type in there; none: the page does it all.
    #[serde(default)]
    pub code: Option<String>,
    /// Until when it waits.
    pub until: Timestamp,
    /// How it stands.
    pub standing: LoginStanding,
    /// Why it came to nothing.
    #[serde(default)]
    pub problem: Option<Problem>,
}

/// How a login stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum LoginStanding {
    /// For a person at the forge.
    Waits,
    /// The forge can be used.
    Done,
    /// It came to nothing.
    Failed,
    /// Something this build does not know yet.
    #[serde(other)]
    Unknown,
}

/// Where a browser ended up that could not come back by itself, because it runs
/// on another machine than the hub.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct LoginAddress {
    /// Our name for the forge.
    pub name: String,
    /// `http://127.0.0.1:…/callback?code=…`, as the browser's address bar has it.
    #[serde(with = "secret::in_clear")]
    #[ts(as = "String")]
    pub address: Secret,
}
