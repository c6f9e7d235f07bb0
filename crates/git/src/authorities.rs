//! Certificates that one command trusts besides the system's: a forge whose
//! certificate an authority of the owner's own has signed. git takes one file
//! in the place of the system's, so both are written into it.

use crate::error::GitError;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use tokio::process::Command;

/// Where systems have all that they trust in one file: Debian and Arch, Fedora,
/// openSUSE, Alpine.
const OF_THE_SYSTEM: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// The file, for as long as this lives.
pub(crate) struct Authorities {
    file: PathBuf,
    _directory: TempDir,
}

impl Authorities {
    /// Writes it into `directory`, which is private (0700).
    pub(crate) fn new(directory: TempDir, pem: &str) -> Result<Self, GitError> {
        let file = directory.path().join("authorities.pem");
        let system = OF_THE_SYSTEM.iter().find_map(|path| std::fs::read(Path::new(path)).ok());
        let all = [system.as_deref().unwrap_or_default(), b"\n", pem.as_bytes(), b"\n"].concat();
        std::fs::write(&file, all)
            .map_err(GitError::file("writing the certificates to trust", &file))?;
        Ok(Self { file, _directory: directory })
    }

    /// Has the command trust them.
    pub(crate) fn give_to(&self, command: &mut Command) {
        command.env("GIT_SSL_CAINFO", &self.file);
    }
}
