//! Where this program's own keys are: the system's keychain, or a file sealed
//! under a passphrase where a person chose that. Never a plain file.
//!
//! What the embedded hub keeps for forges and model providers goes to the same
//! place, by the hub's own hand.
//!
//! **Invariant:** without a keychain that works and without a passphrase,
//! nothing is written, and nothing is started that would have to be.

use crate::folder::Folder;
use pilot_proto::{Code, Problem, Secret};
use pilot_secrets::{CredentialStore, KeychainState, SealedFile, SecretsError};
use serde::Serialize;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

/// What a person sees beside the entries in a keychain.
const SERVICE: &str = "pilothouse";
/// In a sealed file, entries have a namespace.
const NAMESPACE: &str = "window";
const OWNER: &str = "owner-token";
/// A passphrase shorter than this is guessed.
const SHORTEST: usize = 8;

/// How the keychain is, as the pages see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub(crate) enum Keychain {
    /// It keeps what it is given.
    Works {
        /// Its name.
        name: String,
    },
    /// It is locked.
    Locked,
    /// There is none that works.
    NoService,
    /// There is no session bus to ask on.
    NoBus,
    /// A sealed file stands in for it.
    SealedFile {
        /// The passphrase was given.
        unlocked: bool,
    },
}

/// Why a key cannot be had.
#[derive(Debug)]
pub(crate) enum NoKey {
    /// A person has to unlock something.
    Locked(Keychain),
    /// Anything else.
    Failed(Problem),
}

impl From<SecretsError> for NoKey {
    fn from(error: SecretsError) -> Self {
        match &error {
            SecretsError::Keychain { state, .. } => Self::Locked(shown(state)),
            _ => Self::Failed(error.problem()),
        }
    }
}

impl From<NoKey> for Problem {
    fn from(no: NoKey) -> Self {
        match no {
            NoKey::Failed(problem) => problem,
            NoKey::Locked(_) => {
                Self::new(Code::Precondition, "The keychain cannot be used at the moment.")
                    .hint("Unlock it, or keep tokens in a file that a passphrase seals.")
            }
        }
    }
}

/// What an embedded hub is started with.
#[derive(Debug)]
pub(crate) struct ForHub {
    /// Who its owner is.
    pub(crate) owner_token: Secret,
    /// Where it keeps the rest.
    pub(crate) credentials: CredentialStore,
}

/// The keys. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Keys(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    keychain: pilot_secrets::Keychain,
    service: String,
    sealed: PathBuf,
    open: Mutex<Option<Open>>,
}

/// The sealed file, open. The passphrase is kept for the hub's own.
#[derive(Debug)]
struct Open {
    file: SealedFile,
    passphrase: Secret,
}

impl Keys {
    /// Of the program that keeps its things in `folder`. A folder that is not
    /// the person's own has entries of its own in the one keychain.
    pub(crate) fn new(folder: &Folder, is_own: bool) -> Self {
        let service = if is_own {
            SERVICE.to_owned()
        } else {
            format!("{SERVICE} {}", folder.path().display())
        };
        Self(Arc::new(Inner {
            keychain: pilot_secrets::Keychain::new(service.clone()),
            service,
            sealed: folder.sealed(),
            open: Mutex::default(),
        }))
    }

    /// How it is. Gives a keychain a canary to keep.
    pub(crate) async fn look(&self) -> Keychain {
        self.off(Inner::look).await.unwrap_or(Keychain::NoService)
    }

    /// Makes or opens the sealed file.
    pub(crate) async fn unlock(&self, passphrase: Secret) -> Result<(), Problem> {
        self.off(move |inner| inner.unlock(passphrase)).await?
    }

    /// What the embedded hub is started with.
    pub(crate) async fn for_hub(&self) -> Result<ForHub, NoKey> {
        self.off(Inner::for_hub).await.map_err(NoKey::Failed)?
    }

    /// The token of a hub elsewhere.
    pub(crate) async fn token(&self, hub: &str) -> Result<Secret, Problem> {
        let name = token_name(hub);
        let token = self.off(move |inner| inner.get(&name)).await??;
        token.ok_or_else(|| {
            Problem::new(Code::Unauthorized, "The token of this hub is not in the keychain.")
                .hint("Remove the hub and add it again.")
        })
    }

    /// Keeps it.
    pub(crate) async fn keep_token(&self, hub: &str, token: Secret) -> Result<(), Problem> {
        let name = token_name(hub);
        Ok(self.off(move |inner| inner.set(&name, &token)).await??)
    }

    /// Forgets it.
    pub(crate) async fn forget_token(&self, hub: &str) -> Result<(), Problem> {
        let name = token_name(hub);
        Ok(self.off(move |inner| inner.remove(&name)).await??)
    }

    /// A keychain may stand behind a window until a person closes it, and a
    /// passphrase takes a moment on purpose.
    async fn off<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> T + Send + 'static,
    ) -> Result<T, Problem> {
        let inner = Arc::clone(&self.0);
        let done = tokio::task::spawn_blocking(move || work(&inner)).await;
        done.map_err(|error| Problem::new(Code::Internal, error.to_string()))
    }
}

fn token_name(hub: &str) -> String {
    format!("token/{hub}")
}

impl Inner {
    fn look(&self) -> Keychain {
        if self.is_sealed() {
            let unlocked = self.lock().is_some();
            return Keychain::SealedFile { unlocked };
        }
        shown(&self.keychain.probe())
    }

    /// A person chose the sealed file, and it stays chosen.
    fn is_sealed(&self) -> bool {
        SealedFile::exists(&self.sealed)
    }

    fn unlock(&self, passphrase: Secret) -> Result<(), Problem> {
        if !self.is_sealed() && passphrase.expose().chars().count() < SHORTEST {
            let message = format!("A passphrase has {SHORTEST} characters at least.");
            return Err(Problem::new(Code::Invalid, message).hint("A few words are easy to keep."));
        }
        let file = SealedFile::open(&self.sealed, &passphrase).map_err(|error| error.problem())?;
        *self.lock() = Some(Open { file, passphrase });
        Ok(())
    }

    fn for_hub(&self) -> Result<ForHub, NoKey> {
        let credentials = if self.is_sealed() {
            let passphrase = self.lock().as_ref().map(|open| open.passphrase.clone());
            let locked = NoKey::Locked(Keychain::SealedFile { unlocked: false });
            CredentialStore::Sealed { path: None, passphrase: passphrase.ok_or(locked)? }
        } else {
            // "There is no such entry" is believed only of one that works.
            match self.keychain.probe() {
                KeychainState::Works => CredentialStore::Keychain { service: self.service.clone() },
                other => return Err(NoKey::Locked(shown(&other))),
            }
        };
        let owner_token = match self.get(OWNER)? {
            Some(token) => token,
            None => {
                let token = fresh_token();
                self.set(OWNER, &token)?;
                token
            }
        };
        Ok(ForHub { owner_token, credentials })
    }

    fn get(&self, name: &str) -> Result<Option<Secret>, NoKey> {
        match &*self.lock() {
            Some(open) => Ok(open.file.get(NAMESPACE, name)),
            None => Ok(self.unsealed()?.get(name)?),
        }
    }

    fn set(&self, name: &str, secret: &Secret) -> Result<(), NoKey> {
        match &mut *self.lock() {
            Some(open) => Ok(open.file.set(NAMESPACE, name, secret)?),
            None => Ok(self.unsealed()?.set(name, secret)?),
        }
    }

    fn remove(&self, name: &str) -> Result<(), NoKey> {
        match &mut *self.lock() {
            Some(open) => Ok(open.file.remove(NAMESPACE, name).map(drop)?),
            None => Ok(self.unsealed()?.remove(name).map(drop)?),
        }
    }

    /// The keychain, unless a person chose the file.
    fn unsealed(&self) -> Result<&pilot_secrets::Keychain, NoKey> {
        if self.is_sealed() {
            return Err(NoKey::Locked(Keychain::SealedFile { unlocked: false }));
        }
        Ok(&self.keychain)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Open>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// 64 hex digits: two ids' worth of the system's randomness, and a little.
fn fresh_token() -> Secret {
    #[expect(clippy::disallowed_methods, reason = "the file that mints the owner's token")]
    let halves = [uuid::Uuid::new_v4(), uuid::Uuid::new_v4()];
    Secret::new(halves.map(|half| half.simple().to_string()).concat())
}

fn shown(state: &KeychainState) -> Keychain {
    match state {
        KeychainState::Works => Keychain::Works { name: name_of_keychain().to_owned() },
        KeychainState::Locked => Keychain::Locked,
        KeychainState::NoBus => Keychain::NoBus,
        KeychainState::NoService => Keychain::NoService,
        KeychainState::Broken { why } => {
            tracing::warn!(why, "the keychain does not work");
            Keychain::NoService
        }
    }
}

fn name_of_keychain() -> &'static str {
    match std::env::consts::OS {
        "macos" => "Keychain",
        "windows" => "Credential Manager",
        _ => "Secret Service",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(home: &std::path::Path) -> Keys {
        Keys::new(&Folder::new(home.to_owned()), false)
    }

    #[tokio::test]
    async fn a_sealed_file_keeps_tokens_and_says_whether_it_is_open() {
        let home = tempfile::tempdir().expect("a directory");
        let first = keys(home.path());
        let short = first.unlock(Secret::new("short")).await.expect_err("it is guessed");
        assert_eq!(short.code, Code::Invalid);
        first.unlock(Secret::new("four words and more")).await.expect("it is made");
        first.keep_token("lab", Secret::new("t0ken")).await.expect("kept");
        let owner = first.for_hub().await.expect("a hub can start").owner_token;
        assert_eq!(first.look().await, Keychain::SealedFile { unlocked: true });

        let later = keys(home.path());
        assert_eq!(later.look().await, Keychain::SealedFile { unlocked: false });
        let locked = later.for_hub().await.expect_err("nobody gave the passphrase");
        assert!(matches!(locked, NoKey::Locked(Keychain::SealedFile { unlocked: false })));
        assert!(later.token("lab").await.is_err());
        let wrong = later.unlock(Secret::new("four other words")).await.expect_err("another");
        assert_eq!(wrong.code, Code::Unauthorized, "{wrong:?}");
        later.unlock(Secret::new("four words and more")).await.expect("it opens");
        assert_eq!(later.token("lab").await.expect("kept").expose(), "t0ken");
        let again = later.for_hub().await.expect("a hub can start").owner_token;
        assert_eq!(again.expose(), owner.expose(), "the owner is the same");
        later.forget_token("lab").await.expect("forgotten");
        assert!(later.token("lab").await.is_err());
    }

    #[tokio::test]
    async fn no_token_stands_in_any_file_in_the_clear() {
        let home = tempfile::tempdir().expect("a directory");
        let keys = keys(home.path());
        keys.unlock(Secret::new("four words and more")).await.expect("it is made");
        keys.keep_token("lab", Secret::new("very-secret-token")).await.expect("kept");
        let text = std::fs::read_to_string(Folder::new(home.path().to_owned()).sealed());
        let text = text.expect("the file is there");
        assert!(!text.contains("very-secret-token"), "{text}");
    }
}
