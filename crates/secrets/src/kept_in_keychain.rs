//! Credentials in the keychain, one entry each, and beside them a private file
//! of their names: no system can list what one program of many has put there.
//!
//! ```json
//! {"version": 1, "service": "pilothouse", "hub": "1a2b3c4d", "names": [["forge", "home"]]}
//! ```

use crate::SecretsError;
use crate::keep::Entries;
use crate::keychain::{Keychain, KeychainState};
use crate::private_file::{Place, open_private, write_private};
use pilot_proto::Secret;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Index {
    version: u32,
    service: String,
    /// Tells this hub's entries from another hub's on the same machine.
    hub: String,
    names: BTreeSet<(String, String)>,
}

/// The entries of one hub.
#[derive(Debug)]
pub struct KeptInKeychain {
    path: PathBuf,
    keychain: Keychain,
    index: Index,
}

impl KeptInKeychain {
    /// Opens what is there; the keychain has to work.
    pub(crate) fn open(path: &Path, service: &str) -> Result<Self, SecretsError> {
        match Keychain::new(service).probe() {
            KeychainState::Works => {}
            state => return Err(SecretsError::Keychain { doing: "used", state }),
        }
        let index = match open_private(path)? {
            Some(found) => serde_json::from_str(&found.text).map_err(|error| {
                SecretsError::Damaged { path: path.to_owned(), why: error.to_string() }
            })?,
            None => {
                let mut bytes = [0; 4];
                getrandom::fill(&mut bytes).map_err(SecretsError::Randomness)?;
                let service = service.to_owned();
                Index { version: 1, service, hub: hex::encode(bytes), names: BTreeSet::new() }
            }
        };
        let keychain = Keychain::new(index.service.clone());
        Ok(Self { path: path.to_owned(), keychain, index })
    }

    /// All of it. One that a person took out of the keychain is no longer there.
    pub(crate) fn entries(&self) -> Result<Entries, SecretsError> {
        let mut entries = Entries::new();
        for (namespace, name) in &self.index.names {
            match self.keychain.get(&self.entry(namespace, name))? {
                Some(secret) => {
                    entries.insert((namespace.clone(), name.clone()), secret);
                }
                None => tracing::warn!(namespace, name, "the keychain has it no longer"),
            }
        }
        Ok(entries)
    }

    pub(crate) fn set(
        &mut self,
        namespace: &str,
        name: &str,
        secret: &Secret,
    ) -> Result<(), SecretsError> {
        // The name first: what is in the keychain can always be found again.
        let mut names = self.index.names.clone();
        if names.insert((namespace.to_owned(), name.to_owned())) {
            self.save(names)?;
        }
        self.keychain.set(&self.entry(namespace, name), secret)
    }

    pub(crate) fn remove(&mut self, namespace: &str, name: &str) -> Result<bool, SecretsError> {
        let mut names = self.index.names.clone();
        if !names.remove(&(namespace.to_owned(), name.to_owned())) {
            return Ok(false);
        }
        self.keychain.remove(&self.entry(namespace, name))?;
        self.save(names).map(|()| true)
    }

    fn entry(&self, namespace: &str, name: &str) -> String {
        format!("{}/{namespace}/{name}", self.index.hub)
    }

    fn save(&mut self, names: BTreeSet<(String, String)>) -> Result<(), SecretsError> {
        let index = Index { names, ..self.index.clone() };
        let text = serde_json::to_string_pretty(&index).expect("names serialise");
        write_private(&self.path, &(text + "\n"), Place::Replace)?;
        self.index = index;
        Ok(())
    }
}
