//! Secrets that a project's runs may use: what a project names, what travels
//! to a runner, and what a console sees.
//!
//! **Invariant:** the one type here that carries a value in clear is
//! [`SecretSource::Value`], on its way from a person to the place that keeps
//! it; a run gets [`SealedGrant`]s, which only its runner can open.

use crate::secret::{self, Secret};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// How a secret reaches the processes of a run.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, TS)]
#[serde(tag = "how", rename_all = "snake_case")]
#[ts(optional_fields = nullable)]
pub enum SecretDelivery {
    /// As an environment variable.
    Environment {
        /// Its name: `[A-Za-z_][A-Za-z0-9_]*`.
        variable: String,
    },
    /// As a file that lives in memory.
    File {
        /// Where, relative to the run's directory of secrets: no `..`, no
        /// leading `/`.
        path: String,
        /// Unix permissions (`0o400` and the like); none: readable by the
        /// run's user alone.
        #[serde(default)]
        mode: Option<u32>,
    },
    /// As an open file descriptor, whose number stands in the environment
    /// under the secret's name with `_FD` behind it.
    FileDescriptor,
}

/// A secret that a project uses, by name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, TS)]
pub struct SecretUse {
    /// The secret's name.
    pub name: String,
    /// How a run gets it.
    pub delivery: SecretDelivery,
}

/// A secret on its way to one run: text that only the run's runner can open,
/// and only for that run, that fence and that name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedGrant {
    /// The secret's name; bound into `sealed`.
    pub name: String,
    /// HPKE (RFC 9180) to the runner's X25519 key, in base64.
    pub sealed: String,
    /// How the run gets it.
    pub delivery: SecretDelivery,
}

/// Where a secret's value comes from, without the value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(tag = "from", rename_all = "snake_case")]
pub enum SecretOrigin {
    /// Kept by the hub, or by the person's own machine.
    Own,
    /// Read from a Vault when a run starts.
    Vault {
        /// Our name for the Vault.
        vault: String,
        /// The secrets engine's mount path: `secret`.
        mount: String,
        /// The secret's path in it: `team/app`.
        path: String,
        /// The key within the secret's data.
        field: String,
    },
}

/// A secret as a console sees it: everything but its value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct SecretSeen {
    /// Its name.
    pub name: String,
    /// Where its value comes from.
    pub origin: SecretOrigin,
    /// When the value, or where it comes from, was set last.
    pub rotated_at: Timestamp,
    /// Names of the projects that use it, sorted.
    pub used_by: Vec<String>,
}

/// A value for a secret, or where to find it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(tag = "from", rename_all = "snake_case")]
pub enum SecretSource {
    /// The value itself; never empty.
    Value {
        /// What nobody is to see.
        #[serde(with = "secret::in_clear")]
        #[ts(as = "String")]
        value: Secret,
    },
    /// A field of a secret in a Vault (KV version 2).
    Vault {
        /// Our name for the Vault.
        vault: String,
        /// The secrets engine's mount path: `secret`.
        mount: String,
        /// The secret's path in it: `team/app`.
        path: String,
        /// The key within the secret's data.
        field: String,
    },
}

/// A secret to keep, or a new value for one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct NewSecret {
    /// Its name: `[A-Za-z0-9][A-Za-z0-9._-]{0,63}`.
    pub name: String,
    /// Its value, or where to find it.
    pub source: SecretSource,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_travels_keeps_its_shape() {
        for (delivery, json) in [
            (
                SecretDelivery::Environment { variable: "NPM_TOKEN".into() },
                r#"{"how":"environment","variable":"NPM_TOKEN"}"#,
            ),
            (
                SecretDelivery::File { path: "netrc".into(), mode: Some(0o400) },
                r#"{"how":"file","path":"netrc","mode":256}"#,
            ),
            (SecretDelivery::FileDescriptor, r#"{"how":"file_descriptor"}"#),
        ] {
            assert_eq!(serde_json::to_string(&delivery).expect("it serialises"), json);
            let read: SecretDelivery = serde_json::from_str(json).expect("it reads back");
            assert_eq!(read, delivery);
        }
        let short: SecretDelivery =
            serde_json::from_str(r#"{"how":"file","path":"netrc"}"#).expect("a mode is optional");
        assert_eq!(short, SecretDelivery::File { path: "netrc".into(), mode: None });
    }

    #[test]
    fn a_new_secret_travels_in_clear_and_is_never_printed() {
        let value = Secret::new("hunter2hunter2");
        let new = NewSecret { name: "NPM".into(), source: SecretSource::Value { value } };
        assert!(!format!("{new:?}").contains("hunter2"), "not into a log");
        let json = serde_json::to_string(&new).expect("it serialises");
        assert_eq!(json, r#"{"name":"NPM","source":{"from":"value","value":"hunter2hunter2"}}"#);
        assert_eq!(serde_json::from_str::<NewSecret>(&json).expect("it reads back"), new);
    }
}
