//! Credentials in one private file, as they are: for a hub without a keychain
//! and without anybody to type a passphrase.
//!
//! One process owns the file at a time (the hub, by the lock on its data
//! directory); a change is on disk when the call returns. What a newer version
//! wrote into the file is kept.

use crate::SecretsError;
use crate::document::Document;
use crate::keep::Entries;
use crate::private_file::{Place, open_private, write_private};
use pilot_proto::Secret;
use std::fmt;
use std::path::{Path, PathBuf};

/// Secrets by namespace (`forge`, `provider`, …) and name.
#[derive(Clone)]
pub struct CredentialFile {
    path: PathBuf,
    document: Document,
    tightened: bool,
}

impl CredentialFile {
    /// Reads the file; one that is not there is an empty one. Makes the
    /// directory, and takes others' rights from the file.
    pub fn open(path: &Path) -> Result<Self, SecretsError> {
        let (document, tightened) = match open_private(path)? {
            None => (Document::empty(), false),
            Some(found) => (Document::parse(&found.text).map_err(damaged(path))?, found.tightened),
        };
        Ok(Self { path: path.to_owned(), document, tightened })
    }

    /// True if the file was open to others when it was opened. The caller says so.
    pub fn tightened(&self) -> bool {
        self.tightened
    }

    /// A secret.
    pub fn get(&self, namespace: &str, name: &str) -> Option<Secret> {
        self.document.get(namespace, name)
    }

    /// Names in a namespace, sorted.
    pub fn names(&self, namespace: &str) -> Vec<String> {
        self.document.names(namespace)
    }

    /// All of it.
    pub fn entries(&self) -> Entries {
        self.document.entries()
    }

    /// Keeps a secret.
    pub fn set(
        &mut self,
        namespace: &str,
        name: &str,
        secret: &Secret,
    ) -> Result<(), SecretsError> {
        let document = self.document.with(namespace, name, secret).map_err(damaged(&self.path))?;
        self.save(document)
    }

    /// Forgets a secret; false if there was none.
    pub fn remove(&mut self, namespace: &str, name: &str) -> Result<bool, SecretsError> {
        match self.document.without(namespace, name) {
            None => Ok(false),
            Some(document) => self.save(document).map(|()| true),
        }
    }

    /// Memory follows the disk: a change that cannot be kept did not happen.
    fn save(&mut self, document: Document) -> Result<(), SecretsError> {
        write_private(&self.path, &document.to_text(), Place::Replace)?;
        self.document = document;
        Ok(())
    }
}

fn damaged(path: &Path) -> impl FnOnce(String) -> SecretsError + '_ {
    |why| SecretsError::Damaged { path: path.to_owned(), why }
}

impl fmt::Debug for CredentialFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let entries = self.entries();
        let names = entries.keys().map(|(namespace, name)| format!("{namespace}/{name}"));
        f.debug_struct("CredentialFile")
            .field("path", &self.path)
            .field("names", &names.collect::<Vec<_>>())
            .finish()
    }
}
