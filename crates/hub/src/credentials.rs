//! The hub's credentials, shared by whoever needs one.
//!
//! All of them are in memory while the hub runs: it grants them to runs many
//! times a minute, and a keychain that is locked meanwhile must not hold up
//! the core. What changes is kept first and known after.

use pilot_proto::console::CredentialKeep;
use pilot_proto::project::OauthLogin;
use pilot_proto::{Code, Problem, Secret};
use pilot_secrets::{CredentialStore, Entries, Keep, Opened, SecretsError};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

const FORGE: &str = "forge";
const PROVIDER: &str = "provider";
/// How a provider's key is renewed, as JSON.
const OAUTH: &str = "provider-oauth";
const SECRET: &str = "secret";

/// What is kept, and where.
#[derive(Debug)]
pub(crate) struct Credentials {
    known: RwLock<Entries>,
    keep: Arc<Mutex<Keep>>,
    kind: CredentialKeep,
    /// One change at a time, so that memory and place agree.
    changing: tokio::sync::Mutex<()>,
}

impl Credentials {
    /// Opens the place. Blocks: a keychain may take seconds, a passphrase
    /// takes a moment on purpose.
    pub(crate) fn open(directory: &Path, wanted: &CredentialStore) -> Result<Self, SecretsError> {
        let Opened { keep, entries, moved, left_behind, tightened } =
            Keep::open(directory, wanted)?;
        if tightened {
            tracing::warn!("the credential file was open to others; it no longer is");
        }
        if moved > 0 {
            tracing::info!(moved, to = ?keep.kind(), "credentials were moved");
        }
        if let Some(place) = left_behind {
            tracing::warn!(place, "credentials are still where this hub cannot open them");
        }
        let kind = keep.kind();
        match kind {
            CredentialKeep::File => {
                tracing::info!(
                    "credentials are in a file that only this user may read, as they are"
                );
            }
            CredentialKeep::Keychain | CredentialKeep::Sealed | CredentialKeep::Unknown => {
                tracing::info!(place = ?kind, count = entries.len(), "credentials are open");
            }
        }
        let (known, keep) = (RwLock::new(entries), Arc::new(Mutex::new(keep)));
        Ok(Self { known, keep, kind, changing: tokio::sync::Mutex::default() })
    }

    /// Where they are.
    pub(crate) fn kind(&self) -> CredentialKeep {
        self.kind
    }

    pub(crate) fn forge_token(&self, forge: &str) -> Option<Secret> {
        self.get(FORGE, forge)
    }

    pub(crate) fn provider_key(&self, provider: &str) -> Option<Secret> {
        self.get(PROVIDER, provider)
    }

    /// How the provider's key is renewed; none where it is not.
    pub(crate) fn provider_oauth(&self, provider: &str) -> Option<OauthLogin> {
        let kept = self.get(OAUTH, provider)?;
        match serde_json::from_str(kept.expose()) {
            Ok(login) => Some(login),
            Err(_) => {
                // Not the error: it may quote what is kept.
                tracing::error!(provider, "how its key is renewed is kept in a damaged form");
                None
            }
        }
    }

    pub(crate) fn secret(&self, name: &str) -> Option<Secret> {
        self.get(SECRET, name)
    }

    pub(crate) async fn keep_secret(&self, name: &str, value: &Secret) -> Result<(), Problem> {
        self.change(SECRET, name, Some(value.clone())).await
    }

    pub(crate) async fn forget_secret(&self, name: &str) -> Result<(), Problem> {
        self.change(SECRET, name, None).await
    }

    /// None: its key is renewed no more.
    pub(crate) async fn keep_provider_oauth(
        &self,
        provider: &str,
        login: Option<&OauthLogin>,
    ) -> Result<(), Problem> {
        let spelt = login.map(serde_json::to_string).transpose();
        let spelt = spelt.map_err(|error| Problem::new(Code::Internal, error.to_string()))?;
        if spelt.is_none() && self.get(OAUTH, provider).is_none() {
            return Ok(());
        }
        self.change(OAUTH, provider, spelt.map(Secret::new)).await
    }

    pub(crate) async fn keep_forge_token(
        &self,
        forge: &str,
        token: &Secret,
    ) -> Result<(), Problem> {
        self.change(FORGE, forge, Some(token.clone())).await
    }

    pub(crate) async fn keep_provider_key(
        &self,
        provider: &str,
        key: &Secret,
    ) -> Result<(), Problem> {
        self.change(PROVIDER, provider, Some(key.clone())).await
    }

    pub(crate) async fn forget_forge_token(&self, forge: &str) -> Result<(), Problem> {
        self.change(FORGE, forge, None).await
    }

    pub(crate) async fn forget_provider_key(&self, provider: &str) -> Result<(), Problem> {
        self.change(PROVIDER, provider, None).await
    }

    fn get(&self, namespace: &str, name: &str) -> Option<Secret> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.get(&(namespace.to_owned(), name.to_owned())).cloned()
    }

    async fn change(
        &self,
        namespace: &'static str,
        name: &str,
        value: Option<Secret>,
    ) -> Result<(), Problem> {
        let _changing = self.changing.lock().await;
        let (keep, kept_name, kept) = (Arc::clone(&self.keep), name.to_owned(), value.clone());
        let done = tokio::task::spawn_blocking(move || {
            let mut keep = keep.lock().unwrap_or_else(PoisonError::into_inner);
            match &kept {
                Some(value) => keep.set(namespace, &kept_name, value),
                None => keep.remove(namespace, &kept_name).map(drop),
            }
        });
        let done = done.await.map_err(|error| Problem::new(Code::Internal, error.to_string()))?;
        done.map_err(|error| error.problem())?;
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let key = (namespace.to_owned(), name.to_owned());
        match value {
            Some(value) => known.insert(key, value),
            None => known.remove(&key),
        };
        Ok(())
    }
}
