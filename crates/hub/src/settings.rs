//! What the hub keeps as one document each: what it knows of secrets, beside
//! their values, and the prices of models.

use pilot_proto::console::Prices;
use pilot_proto::{Project, SecretOrigin, SecretSeen, Timestamp};
use pilot_store::{Change, Store, StoreError};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

const SECRETS: &str = "secrets";
const PRICES: &str = "prices";

/// What is known of each secret, by name.
pub(crate) type Secrets = BTreeMap<String, SecretKept>;

/// A secret without its value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SecretKept {
    /// Where its value comes from.
    pub(crate) origin: SecretOrigin,
    /// When that was set last.
    pub(crate) rotated_at: Timestamp,
}

impl SecretKept {
    /// As a console sees it.
    pub(crate) fn seen<'a>(
        &self,
        name: &str,
        projects: impl Iterator<Item = &'a Project>,
    ) -> SecretSeen {
        let signs = |project: &Project| project.pull_requests.signing_key.as_deref() == Some(name);
        let uses = projects
            .filter(|project| signs(project) || project.secrets.iter().any(|one| one.name == name));
        let mut used_by: Vec<String> = uses.map(|project| project.name.clone()).collect();
        used_by.sort();
        SecretSeen {
            name: name.to_owned(),
            origin: self.origin.clone(),
            rotated_at: self.rotated_at,
            used_by,
        }
    }
}

pub(crate) async fn secrets(store: &Store) -> Result<Secrets, StoreError> {
    read(store, SECRETS).await
}

pub(crate) async fn prices(store: &Store) -> Result<Prices, StoreError> {
    read(store, PRICES).await
}

pub(crate) fn put_secrets(secrets: &Secrets) -> Result<Change, serde_json::Error> {
    put(SECRETS, secrets)
}

pub(crate) fn put_prices(prices: &Prices) -> Result<Change, serde_json::Error> {
    put(PRICES, prices)
}

async fn read<T: DeserializeOwned + Default>(
    store: &Store,
    key: &'static str,
) -> Result<T, StoreError> {
    match store.setting(key).await? {
        None => Ok(T::default()),
        Some(text) => serde_json::from_str(&text).map_err(|source| StoreError::Document {
            what: "the setting",
            id: key.to_owned(),
            source,
        }),
    }
}

fn put(key: &str, value: &impl Serialize) -> Result<Change, serde_json::Error> {
    Ok(Change::PutSetting { key: key.to_owned(), value: serde_json::to_string(value)? })
}
