//! The hub's credentials in one private file: forge tokens and provider keys.
//! It is where they live until the operating system's keychain comes.
//!
//! ```json
//! {"version": 1, "secrets": {"forge": {"home": "…"}, "provider": {"work": "…"}}}
//! ```
//!
//! One process owns the file at a time (the hub, by the lock on its data
//! directory); a change is on disk when the call returns. What a newer version
//! wrote into the file is kept.

use crate::SecretsError;
use crate::private_file::{Place, private_directory, read_private, write_private};
use pilot_proto::Secret;
use serde_json::{Map, Value, json};
use std::fmt;
use std::path::{Path, PathBuf};

/// Secrets by namespace (`forge`, `provider`, …) and name.
#[derive(Clone)]
pub struct CredentialFile {
    path: PathBuf,
    document: Map<String, Value>,
    tightened: bool,
}

const SECRETS: &str = "secrets";

impl CredentialFile {
    /// Reads the file; one that is not there is an empty one. Makes the
    /// directory, and takes others' rights from the file.
    pub fn open(path: &Path) -> Result<Self, SecretsError> {
        if let Some(directory) = path.parent() {
            private_directory(directory)?;
        }
        let (text, tightened) =
            read_private(path)?.unwrap_or_else(|| (r#"{"version":1}"#.into(), false));
        let damaged = |why: String| SecretsError::Damaged { path: path.to_owned(), why };
        let document: Map<String, Value> = serde_json::from_str(&text)
            // The error's own words could quote a value.
            .map_err(|error| {
                damaged(format!(
                    "no JSON object (line {}, column {})",
                    error.line(),
                    error.column()
                ))
            })?;
        if document.get(SECRETS).is_some_and(|secrets| !secrets.is_object()) {
            return Err(damaged(format!("`{SECRETS}` is not an object")));
        }
        Ok(Self { path: path.to_owned(), document, tightened })
    }

    /// True if the file was open to others when it was opened. The caller says so.
    pub fn tightened(&self) -> bool {
        self.tightened
    }

    /// A secret.
    pub fn get(&self, namespace: &str, name: &str) -> Option<Secret> {
        self.document.get(SECRETS)?.get(namespace)?.get(name)?.as_str().map(Secret::new)
    }

    /// Names in a namespace, sorted.
    pub fn names(&self, namespace: &str) -> Vec<String> {
        self.namespace(namespace).map(|names| names.keys().cloned().collect()).unwrap_or_default()
    }

    /// Keeps a secret.
    pub fn set(
        &mut self,
        namespace: &str,
        name: &str,
        secret: &Secret,
    ) -> Result<(), SecretsError> {
        let mut document = self.document.clone();
        let slot = document.entry(SECRETS).or_insert_with(|| json!({}));
        let names = slot
            .as_object_mut()
            .map(|secrets| secrets.entry(namespace).or_insert_with(|| json!({})));
        let Some(names) = names.and_then(Value::as_object_mut) else {
            let why = format!("`{namespace}` is not an object");
            return Err(SecretsError::Damaged { path: self.path.clone(), why });
        };
        names.insert(name.to_owned(), Value::String(secret.expose().to_owned()));
        self.save(document)
    }

    /// Forgets a secret; false if there was none.
    pub fn remove(&mut self, namespace: &str, name: &str) -> Result<bool, SecretsError> {
        let mut document = self.document.clone();
        let removed = document
            .get_mut(SECRETS)
            .and_then(|secrets| secrets.get_mut(namespace))
            .and_then(Value::as_object_mut)
            .and_then(|names| names.remove(name))
            .is_some();
        if removed {
            self.save(document)?;
        }
        Ok(removed)
    }

    fn namespace(&self, namespace: &str) -> Option<&Map<String, Value>> {
        self.document.get(SECRETS)?.get(namespace)?.as_object()
    }

    /// Memory follows the disk: a change that cannot be kept did not happen.
    fn save(&mut self, document: Map<String, Value>) -> Result<(), SecretsError> {
        let text = serde_json::to_string_pretty(&document).expect("JSON made of JSON serialises");
        write_private(&self.path, &(text + "\n"), Place::Replace)?;
        self.document = document;
        Ok(())
    }
}

impl fmt::Debug for CredentialFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let secrets = self.document.get(SECRETS).and_then(Value::as_object);
        let names = secrets.into_iter().flatten().flat_map(|(namespace, names)| {
            let names = names.as_object().into_iter().flatten();
            names.map(move |(name, _)| format!("{namespace}/{name}"))
        });
        f.debug_struct("CredentialFile")
            .field("path", &self.path)
            .field("names", &names.collect::<Vec<_>>())
            .finish()
    }
}
