//! Where things are kept.

use std::path::{Path, PathBuf};

/// The data directory: shared with `pilot`, so that its hub and ours are one.
#[derive(Debug, Clone)]
pub(crate) struct Folder(PathBuf);

impl Folder {
    /// In `data`.
    pub(crate) fn new(data: PathBuf) -> Self {
        Self(data)
    }

    /// All of it.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// The embedded hub's.
    pub(crate) fn hub(&self) -> PathBuf {
        self.0.join("hub")
    }

    /// The local runner's.
    pub(crate) fn runner(&self) -> PathBuf {
        self.0.join("runner")
    }

    /// Our keys, where no keychain keeps them.
    pub(crate) fn sealed(&self) -> PathBuf {
        self.0.join("desktop/keys.sealed")
    }

    /// Settings of the window.
    pub(crate) fn settings(&self) -> PathBuf {
        self.0.join("desktop/settings.json")
    }

    /// Hubs elsewhere.
    pub(crate) fn hubs(&self) -> PathBuf {
        self.0.join("desktop/hubs.json")
    }

    /// Logs.
    pub(crate) fn logs(&self) -> PathBuf {
        self.0.join("desktop/logs")
    }

    /// Reports of crashes.
    pub(crate) fn crashes(&self) -> PathBuf {
        self.0.join("desktop/crashes")
    }
}
