//! The keychain of the machine's system: Secret Service on Linux, Keychain on
//! macOS, Credential Manager on Windows.
//!
//! Everything here blocks, up to the keychain's patience; call it off the
//! runtime's threads. Each question is asked on a thread of its own, because
//! the answer may be a window that waits for a person: whoever asks goes on
//! after a while and is told that it is locked, and the window stays for the
//! person. What was asked is then done when they unlock.
//!
//! **Invariant:** no call here takes longer than the patience it was given, and
//! "there is none" is believed only of a keychain that has kept a canary.

use crate::SecretsError;
use keyring_core::Error;
use keyring_core::api::CredentialStoreApi;
use pilot_proto::Secret;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::sync_channel;
use std::time::Duration;

/// How long a keychain may take: a healthy one takes a twentieth of a second.
const PATIENCE: Duration = Duration::from_secs(5);
/// Questions that may wait for a person at once. Beyond, it is known to be
/// locked without asking again.
const WAITING: usize = 8;
static ASKED: AtomicUsize = AtomicUsize::new(0);

/// How a keychain is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeychainState {
    /// It keeps what it is given.
    Works,
    /// It is locked, or waits for somebody to type a password.
    Locked,
    /// No keychain runs here, and none can be started.
    NoService,
    /// There is no session bus on which to ask for one.
    NoBus,
    /// Something else is wrong with it.
    Broken {
        /// In its words.
        why: String,
    },
}

impl fmt::Display for KeychainState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Works => f.write_str("the keychain works"),
            Self::Locked => f.write_str("the keychain is locked"),
            Self::NoService => f.write_str("no keychain runs on this machine"),
            Self::NoBus => f.write_str("there is no session bus to reach a keychain on"),
            Self::Broken { why } => write!(f, "the keychain does not work: {why}"),
        }
    }
}

/// One service's entries in the keychain.
#[derive(Debug, Clone)]
pub struct Keychain {
    service: String,
    patience: Duration,
}

impl Keychain {
    /// The entries that a person sees under `service`.
    pub fn new(service: impl Into<String>) -> Self {
        Self { service: service.into(), patience: PATIENCE }
    }

    /// The same with another patience.
    #[must_use]
    pub fn patient(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Its service.
    pub fn service(&self) -> &str {
        &self.service
    }

    /// Gives it a canary to keep, reads it back and takes it away again: the
    /// only way to tell a keychain that works from one that only answers.
    pub fn probe(&self) -> KeychainState {
        let canary = match canary() {
            Ok(canary) => canary,
            Err(error) => return KeychainState::Broken { why: error.to_string() },
        };
        let (service, name) = (self.service.clone(), format!("canary-{}", &canary[..8]));
        let asked = self.ask(move |store| {
            let entry = store.build(&service, &name, None)?;
            entry.set_password(&canary)?;
            let read = entry.get_password();
            entry.delete_credential()?;
            Ok(read? == canary)
        });
        match asked {
            Ok(true) => KeychainState::Works,
            Ok(false) => KeychainState::Broken { why: "it gave back something else".to_owned() },
            Err(state) => state,
        }
    }

    /// A secret; none if there is none under that name.
    pub fn get(&self, name: &str) -> Result<Option<Secret>, SecretsError> {
        let (service, name) = (self.service.clone(), name.to_owned());
        let asked =
            self.ask(move |store| match store.build(&service, &name, None)?.get_password() {
                Ok(text) => Ok(Some(Secret::new(text))),
                Err(Error::NoEntry) => Ok(None),
                Err(error) => Err(error),
            });
        asked.map_err(|state| SecretsError::Keychain { doing: "read", state })
    }

    /// Keeps a secret.
    pub fn set(&self, name: &str, secret: &Secret) -> Result<(), SecretsError> {
        let (service, name, secret) = (self.service.clone(), name.to_owned(), secret.clone());
        let asked = self
            .ask(move |store| store.build(&service, &name, None)?.set_password(secret.expose()));
        asked.map_err(|state| SecretsError::Keychain { doing: "written", state })
    }

    /// Forgets a secret; false if there was none.
    pub fn remove(&self, name: &str) -> Result<bool, SecretsError> {
        let (service, name) = (self.service.clone(), name.to_owned());
        let asked =
            self.ask(move |store| match store.build(&service, &name, None)?.delete_credential() {
                Ok(()) => Ok(true),
                Err(Error::NoEntry) => Ok(false),
                Err(error) => Err(error),
            });
        asked.map_err(|state| SecretsError::Keychain { doing: "changed", state })
    }

    /// Asks on a thread of its own. Nobody waits for that thread beyond our
    /// patience: it may stand behind a window until a person closes it.
    fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Store) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, KeychainState> {
        let Some(place) = Place::take() else { return Err(KeychainState::Locked) };
        let (answer, answered) = sync_channel(1);
        let thread = std::thread::Builder::new().name("keychain".to_owned()).spawn(move || {
            let said = store().and_then(|store| question(&store));
            drop(place);
            if answer.send(said).is_err() {
                tracing::debug!("the keychain answered after nobody waited any more");
            }
        });
        if let Err(error) = thread {
            return Err(KeychainState::Broken { why: error.to_string() });
        }
        match answered.recv_timeout(self.patience) {
            Ok(said) => said.map_err(|error| state_of(&error)),
            Err(_) => Err(KeychainState::Locked),
        }
    }
}

/// One of the questions that may be open.
struct Place;

impl Place {
    fn take() -> Option<Self> {
        let asked = ASKED.fetch_add(1, Ordering::AcqRel);
        let place = Self;
        (asked < WAITING).then_some(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        ASKED.fetch_sub(1, Ordering::AcqRel);
    }
}

type Store = Arc<dyn CredentialStoreApi + Send + Sync>;

#[cfg(target_os = "linux")]
fn store() -> Result<Store, Error> {
    // A connection of its own each time: a session bus may have come or gone.
    Ok(zbus_secret_service_keyring_store::Store::new()?)
}

#[cfg(target_os = "macos")]
fn store() -> Result<Store, Error> {
    Ok(apple_native_keyring_store::keychain::Store::new()?)
}

#[cfg(windows)]
fn store() -> Result<Store, Error> {
    Ok(windows_native_keyring_store::Store::new()?)
}

#[cfg(not(any(target_os = "linux", target_os = "macos", windows)))]
fn store() -> Result<Store, Error> {
    Err(Error::NotSupportedByStore("this system has no keychain that we know".to_owned()))
}

/// What an error says about the keychain. The reasons of the Secret Service
/// are types of crates below the store's; their words are what is stable.
fn state_of(error: &Error) -> KeychainState {
    let words = format!("{error:?}");
    match error {
        Error::NoStorageAccess(_) => KeychainState::Locked,
        Error::PlatformFailure(_) if words.contains("ServiceUnknown") => KeychainState::NoService,
        Error::PlatformFailure(_) if words.contains("NameHasNoOwner") => KeychainState::NoService,
        Error::PlatformFailure(_) if words.contains("Spawn.") => KeychainState::NoService,
        Error::PlatformFailure(_) if words.contains("Connection(") => KeychainState::NoBus,
        Error::PlatformFailure(_) if words.contains("Address(") => KeychainState::NoBus,
        Error::PlatformFailure(_) if words.contains("InputOutput(") => KeychainState::NoBus,
        _ => KeychainState::Broken { why: error.to_string() },
    }
}

fn canary() -> Result<String, getrandom::Error> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)?;
    Ok(hex::encode(bytes))
}
