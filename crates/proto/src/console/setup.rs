//! Who is asking, and what a hub is set up with.

use super::Role;
use crate::code::Problem;
use crate::project::{OauthLogin, ProviderKind, ProviderLogin};
use crate::secret::{self, Secret};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use ts_rs::TS;

/// Nothing to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
pub struct Nothing {}

/// Which hub this is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct HubInfo {
    /// Version of its `pilot`.
    pub build: String,
    /// Version of the runner wire it speaks.
    pub runner_version: u32,
    /// Who the caller is to it.
    pub you: String,
    /// What the caller may do.
    pub role: Role,
    /// Where it keeps tokens and keys.
    #[serde(default)]
    pub credentials: CredentialKeep,
}

/// Something with a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Named {
    /// Its name.
    pub name: String,
}

/// How much a piece of advice weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum AdviceWeight {
    /// It is as it should be.
    Fine,
    /// It could be better.
    Advised,
    /// An agent could do harm.
    Needed,
    /// A weight this build does not know yet.
    #[default]
    #[serde(other)]
    Unknown,
}

/// What a setting of a repository at its forge should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(optional_fields = nullable)]
pub struct SettingAdvice {
    /// One word for programs: `branch_protection`.
    pub name: String,
    /// How much it weighs.
    pub weight: AdviceWeight,
    /// What is so, in a sentence.
    pub found: String,
    /// What to change; empty where nothing is.
    pub mend: String,
    /// Page where it is changed.
    #[serde(default)]
    pub page: Option<String>,
}

/// A model provider to add.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(optional_fields = nullable)]
pub struct NewProvider {
    /// Our name for it.
    pub name: String,
    /// Which API it speaks.
    pub kind: ProviderKind,
    /// Somewhere else than the vendor's own endpoint.
    #[serde(default)]
    pub base_url: Option<String>,
    /// Key; empty for a local server that wants none.
    #[serde(with = "secret::in_clear")]
    #[ts(as = "String")]
    pub key: Secret,
    /// How it is shown the key.
    #[serde(default)]
    #[ts(optional, as = "Option<ProviderLogin>")]
    pub login: ProviderLogin,
    /// How the key, which is an OAuth access token then, is renewed.
    #[serde(default)]
    pub oauth: Option<OauthLogin>,
}

/// A full login of Claude Code, to be kept with a provider of kind
/// `anthropic`. If there is no such provider, one without a key is made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct NewFullLogin {
    /// Name of the provider.
    pub name: String,
    /// The text of `~/.claude/.credentials.json`.
    #[serde(with = "secret::in_clear")]
    #[ts(as = "String")]
    pub credentials: Secret,
    /// The text of `~/.claude.json`, or its `oauthAccount` alone.
    #[serde(with = "secret::in_clear")]
    #[ts(as = "String")]
    pub account: Secret,
}

/// With which login would a run call its model? What is not said is as it
/// would be for a new task.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(default)]
#[ts(optional_fields = nullable)]
pub struct LoginQuery {
    /// Of which project.
    pub project: Option<String>,
    /// With which profile; none: the project's.
    pub profile: Option<String>,
    /// By which agent.
    pub agent: Option<String>,
    /// With which provider.
    pub provider: Option<String>,
    /// With Claude Remote Control; none: as profile and project say.
    pub remote_control: Option<bool>,
}

/// The login that a run would have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(optional_fields = nullable)]
pub struct EffectiveLogin {
    /// Which agent.
    pub agent: String,
    /// Which profile, if one was taken.
    #[serde(default)]
    pub profile: Option<String>,
    /// Name of the provider; none: the agent calls no model through the hub.
    #[serde(default)]
    pub provider: Option<String>,
    /// Providers that are asked when that one fails.
    #[serde(default)]
    pub fallbacks: Vec<String>,
    /// One sentence: `provider X, API key, from the keychain`.
    pub words: String,
    /// What would keep a task from being filed, or its run from beginning.
    #[serde(default)]
    pub problem: Option<Problem>,
}

/// Where a hub keeps tokens and keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum CredentialKeep {
    /// In the keychain of the machine's system.
    Keychain,
    /// In a file sealed under a passphrase.
    Sealed,
    /// In a file that only its user may read, as it is.
    File,
    /// Somewhere this build does not know, or the hub is older than this word.
    #[default]
    #[serde(other)]
    Unknown,
}

/// Posted to [`super::SESSION_PATH`]; one of both.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(default)]
#[ts(optional_fields = nullable)]
pub struct SignIn {
    /// A token of the hub.
    #[serde(with = "secret::option_in_clear")]
    #[ts(as = "Option<String>")]
    pub token: Option<Secret>,
    /// A single-use code.
    #[serde(with = "secret::option_in_clear")]
    #[ts(as = "Option<String>")]
    pub code: Option<Secret>,
}

/// How long a sign-in code lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(default)]
#[ts(optional_fields = nullable)]
pub struct NewSignInCode {
    /// Seconds, 1 to 3600; none: 300.
    pub valid_secs: Option<u64>,
}

/// A sign-in code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct NewSignInCodeMade {
    /// The hub's page with the code behind `#`: to open, or to show as a QR code.
    #[serde(with = "secret::in_clear")]
    #[ts(as = "String")]
    pub link: Secret,
    /// Until when.
    pub expires_at: Timestamp,
}

/// Which preference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct PreferenceKey {
    /// Chosen by the console: `[a-z0-9/_-]{1,100}`.
    pub key: String,
}

/// Something that a person's consoles share: saved views, marks of a review.
/// The hub keeps it per person and does not look inside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Preference {
    /// Its key.
    pub key: String,
    /// Null where there is none, and to remove it.
    #[serde(default)]
    pub value: Value,
}

impl Preference {
    /// Bytes of a value as JSON: the marks of a change of 10,000 files.
    pub const MAX_VALUE: usize = 1024 * 1024;
}
