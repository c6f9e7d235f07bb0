//! The hub's credentials, shared by whoever needs one.
//!
//! All of them are in memory while the hub runs: it grants them to runs many
//! times a minute, and a keychain that is locked meanwhile must not hold up
//! the core. What changes is kept first and known after.

use crate::forge_logins::KeptLogin;
use pilot_proto::console::CredentialKeep;
use pilot_proto::project::{OauthLogin, RenewedLogin};
use pilot_proto::run::RemoteControl;
use pilot_proto::{Code, Problem, Provider, ProviderKind, RunId, Secret};
use pilot_secrets::{
    CredentialStore, Entries, GrantContext, Keep, NamedSecret, Opened, Redactor, RunnerKey,
    SecretsError, same_secret,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

const FORGE: &str = "forge";
/// How a forge's token is renewed, as JSON.
const FORGE_LOGIN: &str = "forge-login";
const PROVIDER: &str = "provider";
/// How a provider's key is renewed, as JSON.
const OAUTH: &str = "provider-oauth";
/// A full login of the vendor's own program, as JSON.
const FULL_LOGIN: &str = "provider-login";
const SECRET: &str = "secret";
/// What webhooks are signed with, by project.
const HOOK: &str = "hook";
/// What is the hub's own.
const HUB: &str = "hub";
/// Vaults and how they are logged in to, as JSON.
const VAULT: &str = "vault";
/// The private half of the key that renewed logins are sealed to.
const SEAL_KEY: &str = "seal-key";

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
        let Opened { mut keep, mut entries, moved, left_behind, tightened } =
            Keep::open(directory, wanted)?;
        // An older hub kept logins and had no key.
        let has = |namespace: &str| entries.keys().any(|(kept, _)| kept == namespace);
        if has(OAUTH) && !has(HUB) {
            let key = RunnerKey::generate()?.to_secret();
            keep.set(HUB, SEAL_KEY, &key)?;
            entries.insert((HUB.to_owned(), SEAL_KEY.to_owned()), key);
        }
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
        self.read(OAUTH, provider)
    }

    /// Whether a run can be granted a key of the provider.
    pub(crate) fn has_login(&self, provider: &Provider) -> bool {
        match provider.kind {
            ProviderKind::Ollama => true,
            ProviderKind::Anthropic | ProviderKind::OpenAi | ProviderKind::Gemini => {
                self.provider_key(&provider.name).is_some()
            }
        }
    }

    /// The full login that is kept with a provider.
    pub(crate) fn full_login(&self, provider: &str) -> Option<RemoteControl> {
        self.read(FULL_LOGIN, provider)
    }

    /// None: it is forgotten.
    pub(crate) async fn keep_full_login(
        &self,
        provider: &str,
        login: Option<&RemoteControl>,
    ) -> Result<(), Problem> {
        self.write(FULL_LOGIN, provider, login).await
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
        if login.is_some() && self.get(HUB, SEAL_KEY).is_none() {
            let key = RunnerKey::generate().map_err(|error| error.problem())?;
            self.change(HUB, SEAL_KEY, Some(key.to_secret())).await?;
        }
        self.write(OAUTH, provider, login).await
    }

    fn seal_key(&self) -> Option<RunnerKey> {
        RunnerKey::from_secret(&self.get(HUB, SEAL_KEY)?)
    }

    /// What runs seal renewed logins to; none where no login is renewed.
    pub(crate) fn public_key(&self) -> Option<String> {
        self.seal_key().map(|key| key.public())
    }

    /// Takes in what a run's provider gave in exchange for a refresh token.
    /// False if that was not the one we hold: another login was set meanwhile,
    /// or the record came once more.
    pub(crate) async fn take_renewed(
        &self,
        run: RunId,
        provider: &str,
        sealed: &str,
    ) -> Result<bool, Problem> {
        let unreadable = || {
            let message =
                format!("A renewed login to `{provider}` came in a form nobody can read.");
            Problem::new(Code::Invalid, message)
        };
        let (Some(key), Some(login)) = (self.seal_key(), self.provider_oauth(provider)) else {
            return Ok(false);
        };
        let context = GrantContext { run, fence: 0, name: provider };
        let opened = key.open(sealed, context).map_err(|_| unreadable())?;
        let renewed: RenewedLogin =
            serde_json::from_str(opened.expose()).map_err(|_| unreadable())?;
        if !same_secret(renewed.before.expose(), &login.refresh_token) {
            return Ok(false);
        }
        let RenewedLogin { key, refresh_token, expires_at, .. } = renewed;
        // First what cannot be had again.
        let login = OauthLogin { refresh_token, expires_at, ..login };
        self.keep_provider_oauth(provider, Some(&login)).await?;
        self.keep_provider_key(provider, &key).await?;
        Ok(true)
    }

    /// What must not stand in anything that leaves this hub for everybody to
    /// read, such as a pull request.
    pub(crate) fn redactor(&self) -> Redactor {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let alone = |namespace: &str| [SECRET, FORGE, PROVIDER].contains(&namespace);
        let secrets = known.iter().filter(|((namespace, _), _)| alone(namespace));
        let named = |((_, name), value): (&(String, String), &Secret)| NamedSecret {
            name: name.clone(),
            value: value.clone(),
        };
        Redactor::exact(secrets.map(named).collect())
    }

    /// How the token of a forge is renewed; none where somebody pasted it.
    pub(crate) fn forge_login(&self, forge: &str) -> Option<KeptLogin> {
        self.read(FORGE_LOGIN, forge)
    }

    /// All of them, by the forge's name.
    pub(crate) fn forge_logins(&self) -> BTreeMap<String, KeptLogin> {
        let login = |name: String| self.forge_login(&name).map(|login| (name, login));
        self.names(FORGE_LOGIN).into_iter().filter_map(login).collect()
    }

    /// None: its token is renewed no more.
    pub(crate) async fn keep_forge_login(
        &self,
        forge: &str,
        login: Option<&KeptLogin>,
    ) -> Result<(), Problem> {
        self.write(FORGE_LOGIN, forge, login).await
    }

    /// What the webhook of a project is signed with.
    pub(crate) fn hook_secret(&self, project: &str) -> Option<Secret> {
        self.get(HOOK, project)
    }

    pub(crate) async fn keep_hook(&self, project: &str, secret: &Secret) -> Result<(), Problem> {
        self.change(HOOK, project, Some(secret.clone())).await
    }

    pub(crate) async fn forget_hook(&self, project: &str) -> Result<(), Problem> {
        self.change(HOOK, project, None).await
    }

    pub(crate) fn vault(&self, name: &str) -> Option<Secret> {
        self.get(VAULT, name)
    }

    /// Names of all of them, sorted.
    pub(crate) fn vaults(&self) -> Vec<String> {
        self.names(VAULT)
    }

    pub(crate) async fn keep_vault(&self, name: &str, kept: &Secret) -> Result<(), Problem> {
        self.change(VAULT, name, Some(kept.clone())).await
    }

    pub(crate) async fn forget_vault(&self, name: &str) -> Result<(), Problem> {
        self.change(VAULT, name, None).await
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

    fn names(&self, namespace: &str) -> Vec<String> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let names = known.keys().filter(|(kept, _)| kept == namespace);
        names.map(|(_, name)| name.clone()).collect()
    }

    /// What is kept as JSON.
    fn read<T: DeserializeOwned>(&self, namespace: &str, name: &str) -> Option<T> {
        let read = serde_json::from_str(self.get(namespace, name)?.expose());
        if read.is_err() {
            // Not the error: it may quote what is kept.
            tracing::error!(namespace, name, "it is kept in a damaged form");
        }
        read.ok()
    }

    /// Keeps it as JSON, or forgets it.
    async fn write<T: Serialize>(
        &self,
        namespace: &'static str,
        name: &str,
        value: Option<&T>,
    ) -> Result<(), Problem> {
        let spelt = value.map(serde_json::to_string).transpose();
        let spelt = spelt.map_err(|error| Problem::new(Code::Internal, error.to_string()))?;
        if spelt.is_none() && self.get(namespace, name).is_none() {
            return Ok(());
        }
        self.change(namespace, name, spelt.map(Secret::new)).await
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
