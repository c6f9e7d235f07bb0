//! Vaults that projects' secrets are read from.

use crate::secret::{self, Secret};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// A Vault (or OpenBao) to read secrets from, or another login to one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(optional_fields = nullable)]
pub struct NewVault {
    /// Our name for it.
    pub name: String,
    /// `https://vault.example:8200`; `http` only on the hub's own machine.
    pub url: String,
    /// Its namespace, where it has some.
    #[serde(default)]
    pub namespace: Option<String>,
    /// Certificates in PEM that alone are trusted; none: what the hub's
    /// system trusts.
    #[serde(default)]
    pub authority: Option<String>,
    /// How the hub logs in.
    pub login: NewVaultLogin,
}

/// How a hub logs in to a Vault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum NewVaultLogin {
    /// With a person's token, which the hub has in memory and nowhere else.
    Token {
        /// The token.
        #[serde(with = "secret::in_clear")]
        #[ts(as = "String")]
        token: Secret,
    },
    /// As a machine, by the AppRole method.
    AppRole {
        /// Where the method is mounted: `approle`.
        mount: String,
        /// The role's id.
        role_id: String,
        /// The secret id, which is kept with the hub's credentials.
        #[serde(with = "secret::in_clear")]
        #[ts(as = "String")]
        secret_id: Secret,
    },
    /// As a pod, with the service account that the hub runs under.
    Kubernetes {
        /// Where the method is mounted: `kubernetes`.
        mount: String,
        /// The role's name.
        role: String,
    },
}

/// How a hub logs in, without what it shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum VaultLoginSeen {
    /// With a person's token.
    Token,
    /// As a machine.
    AppRole {
        /// Where the method is mounted.
        mount: String,
        /// The role's id.
        role_id: String,
    },
    /// As a pod.
    Kubernetes {
        /// Where the method is mounted.
        mount: String,
        /// The role's name.
        role: String,
    },
}

/// A Vault as a console sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(optional_fields = nullable)]
pub struct VaultSeen {
    /// Our name for it.
    pub name: String,
    /// Its address.
    pub url: String,
    /// Its namespace.
    #[serde(default)]
    pub namespace: Option<String>,
    /// How the hub logs in.
    pub login: VaultLoginSeen,
    /// It is logged in now. By AppRole and Kubernetes it does so when it must;
    /// with a person's token only that person can.
    pub logged_in: bool,
    /// Names of the secrets that are read from it, sorted.
    pub used_by: Vec<String>,
}
