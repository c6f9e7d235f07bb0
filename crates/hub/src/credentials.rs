//! The hub's credentials, shared by whoever needs one.

use pilot_proto::{Problem, Secret};
use pilot_secrets::{CredentialFile, SecretsError};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

const FORGE: &str = "forge";
const PROVIDER: &str = "provider";

/// The open credential file. Small, so it is read and written in place.
#[derive(Debug)]
pub(crate) struct Credentials {
    file: Mutex<CredentialFile>,
}

impl Credentials {
    pub(crate) fn open(path: &Path) -> Result<Self, SecretsError> {
        let file = CredentialFile::open(path)?;
        if file.tightened() {
            tracing::warn!("the credential file was open to others; it no longer is");
        }
        Ok(Self { file: Mutex::new(file) })
    }

    pub(crate) fn forge_token(&self, forge: &str) -> Option<Secret> {
        self.get(FORGE, forge)
    }

    pub(crate) fn provider_key(&self, provider: &str) -> Option<Secret> {
        self.get(PROVIDER, provider)
    }

    pub(crate) fn keep_forge_token(&self, forge: &str, token: &Secret) -> Result<(), Problem> {
        self.set(FORGE, forge, token)
    }

    pub(crate) fn keep_provider_key(&self, provider: &str, key: &Secret) -> Result<(), Problem> {
        self.set(PROVIDER, provider, key)
    }

    fn get(&self, namespace: &str, name: &str) -> Option<Secret> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner).get(namespace, name)
    }

    fn set(&self, namespace: &str, name: &str, value: &Secret) -> Result<(), Problem> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.set(namespace, name, value).map_err(|error| error.problem())
    }
}
