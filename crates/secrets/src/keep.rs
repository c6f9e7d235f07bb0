//! Where a hub's credentials are kept, and how they move from one place to
//! another.
//!
//! **Invariant:** nothing is taken out of its old place before it was read back
//! from the new one.

use crate::credential_file::CredentialFile;
use crate::kept_in_keychain::KeptInKeychain;
use crate::sealed_file::SealedFile;
use crate::{SecretsError, same_secret};
use pilot_proto::Secret;
use pilot_proto::console::CredentialKeep;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Secrets by namespace and name.
pub type Entries = BTreeMap<(String, String), Secret>;

/// Which place is wanted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum CredentialStore {
    /// A private file, as they are.
    #[default]
    File,
    /// The keychain of the machine's system.
    Keychain {
        /// Under which a person sees the entries.
        service: String,
    },
    /// A file sealed under a passphrase.
    Sealed {
        /// Which; none: `credentials.sealed` beside the others.
        path: Option<PathBuf>,
        /// What it is sealed under.
        passphrase: Secret,
    },
}

impl CredentialStore {
    /// Where the credentials of a hub's directory are, as far as its files tell.
    pub fn used_in(directory: &Path) -> CredentialKeep {
        let places = Places::of(directory, &Self::File);
        if places.index.exists() {
            CredentialKeep::Keychain
        } else if SealedFile::exists(&places.sealed) {
            CredentialKeep::Sealed
        } else {
            CredentialKeep::File
        }
    }
}

/// A place that is open.
#[derive(Debug)]
pub enum Keep {
    /// A private file.
    File(CredentialFile),
    /// The keychain.
    Keychain(KeptInKeychain),
    /// A sealed file.
    Sealed(SealedFile),
}

/// What came of opening.
#[derive(Debug)]
pub struct Opened {
    /// The place.
    pub keep: Keep,
    /// All that is in it.
    pub entries: Entries,
    /// How many came from where they were kept before.
    pub moved: usize,
    /// Others are still where they were kept before, which cannot be opened:
    /// where that is.
    pub left_behind: Option<&'static str>,
    /// The private file was open to others; it no longer is.
    pub tightened: bool,
}

/// Names of the three places in a hub's directory.
struct Places {
    file: PathBuf,
    index: PathBuf,
    sealed: PathBuf,
}

impl Places {
    fn of(directory: &Path, wanted: &CredentialStore) -> Self {
        let sealed = match wanted {
            CredentialStore::Sealed { path: Some(path), .. } => path.clone(),
            CredentialStore::Sealed { path: None, .. }
            | CredentialStore::File
            | CredentialStore::Keychain { .. } => directory.join("credentials.sealed"),
        };
        let (file, index) = (directory.join("credentials"), directory.join("credentials.keychain"));
        Self { file, index, sealed }
    }
}

impl Keep {
    /// Opens the wanted place in a hub's directory. What is kept elsewhere is
    /// moved into it, as far as that can be opened.
    pub fn open(directory: &Path, wanted: &CredentialStore) -> Result<Opened, SecretsError> {
        let places = Places::of(directory, wanted);
        let mut tightened = false;
        let mut keep = match wanted {
            CredentialStore::File => {
                let file = CredentialFile::open(&places.file)?;
                tightened = file.tightened();
                Self::File(file)
            }
            CredentialStore::Keychain { service } => {
                Self::Keychain(KeptInKeychain::open(&places.index, service)?)
            }
            CredentialStore::Sealed { passphrase, .. } => {
                Self::Sealed(SealedFile::open(&places.sealed, passphrase)?)
            }
        };
        let (mut moved, mut left_behind) = (0, None);
        if !matches!(keep, Self::File(_)) && places.file.exists() {
            moved += keep.adopt_file(&places.file)?;
        }
        if !matches!(keep, Self::Keychain(_)) && places.index.exists() {
            match keep.adopt_keychain(&places.index) {
                Ok(count) => moved += count,
                Err(SecretsError::Keychain { .. }) => left_behind = Some("the keychain"),
                Err(error) => return Err(error),
            }
        }
        if !matches!(keep, Self::Sealed(_)) && SealedFile::exists(&places.sealed) {
            left_behind = Some("the sealed file");
        }
        let entries = keep.entries()?;
        Ok(Opened { keep, entries, moved, left_behind, tightened })
    }

    /// All that is in it.
    pub fn entries(&self) -> Result<Entries, SecretsError> {
        match self {
            Self::File(file) => Ok(file.entries()),
            Self::Keychain(keychain) => keychain.entries(),
            Self::Sealed(sealed) => Ok(sealed.entries()),
        }
    }

    /// Keeps a secret.
    pub fn set(
        &mut self,
        namespace: &str,
        name: &str,
        secret: &Secret,
    ) -> Result<(), SecretsError> {
        match self {
            Self::File(file) => file.set(namespace, name, secret),
            Self::Keychain(keychain) => keychain.set(namespace, name, secret),
            Self::Sealed(sealed) => sealed.set(namespace, name, secret),
        }
    }

    /// Forgets a secret; false if there was none.
    pub fn remove(&mut self, namespace: &str, name: &str) -> Result<bool, SecretsError> {
        match self {
            Self::File(file) => file.remove(namespace, name),
            Self::Keychain(keychain) => keychain.remove(namespace, name),
            Self::Sealed(sealed) => sealed.remove(namespace, name),
        }
    }

    /// Which it is.
    pub fn kind(&self) -> CredentialKeep {
        match self {
            Self::File(_) => CredentialKeep::File,
            Self::Keychain(_) => CredentialKeep::Keychain,
            Self::Sealed(_) => CredentialKeep::Sealed,
        }
    }

    fn adopt_file(&mut self, path: &Path) -> Result<usize, SecretsError> {
        let entries = CredentialFile::open(path)?.entries();
        self.adopt(&entries)?;
        remove_file(path)?;
        Ok(entries.len())
    }

    fn adopt_keychain(&mut self, index: &Path) -> Result<usize, SecretsError> {
        // Its service stands in the index.
        let mut old = KeptInKeychain::open(index, "pilothouse")?;
        let entries = old.entries()?;
        self.adopt(&entries)?;
        for (namespace, name) in entries.keys() {
            old.remove(namespace, name)?;
        }
        remove_file(index)?;
        Ok(entries.len())
    }

    /// Takes in what it does not have, and reads it back. What it has is newer:
    /// it was moved before, and the old place was left half emptied.
    fn adopt(&mut self, entries: &Entries) -> Result<(), SecretsError> {
        let here = self.entries()?;
        for ((namespace, name), secret) in entries {
            if !here.contains_key(&(namespace.clone(), name.clone())) {
                self.set(namespace, name, secret)?;
            }
        }
        let kept = self.entries()?;
        let all = entries.iter().all(|(key, secret)| {
            let expected = here.get(key).unwrap_or(secret);
            kept.get(key).is_some_and(|found| same_secret(found.expose(), expected))
        });
        if all { Ok(()) } else { Err(SecretsError::NotKept) }
    }
}

fn remove_file(path: &Path) -> Result<(), SecretsError> {
    std::fs::remove_file(path)
        .map_err(|source| SecretsError::Write { path: path.to_owned(), source })
}
