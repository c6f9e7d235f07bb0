//! The hub's directory: private, and open in one hub at a time.

use crate::error::HubError;
use std::fs::{DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Longer than a busy machine lets a process lie between its fork and its exec.
const INSTANT: Duration = Duration::from_secs(1);
const POLL: Duration = Duration::from_millis(5);

/// An open data directory. The lock goes with it.
#[derive(Debug)]
pub(crate) struct DataDirectory {
    path: PathBuf,
    /// Held for the hub's whole life; the kernel gives it back at a crash.
    lock: File,
}

impl Drop for DataDirectory {
    fn drop(&mut self) {
        // By name: closing the file would leave it with a child that is between
        // its fork and its exec, and a hub that is started again at once would
        // find itself there. It goes with the process in any case.
        drop(self.lock.unlock());
    }
}

impl DataDirectory {
    /// Makes the directory if it is missing, and locks it.
    pub(crate) fn open(path: &Path) -> Result<Self, HubError> {
        let failed = |source| HubError::DataDirectory { path: path.to_owned(), source };
        make_private(path).map_err(failed)?;
        let path = path.canonicalize().map_err(failed)?;
        let lock = lock(&path)?;
        Ok(Self { path, lock })
    }

    /// The directory.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// SQLite's file.
    pub(crate) fn database(&self) -> PathBuf {
        self.path.join("hub.db")
    }

    /// What the owner shows to come in.
    pub(crate) fn owner_token(&self) -> PathBuf {
        self.path.join("owner-token")
    }

    /// There is to be no such file.
    pub(crate) fn remove_owner_token(&self) -> Result<(), HubError> {
        let path = self.owner_token();
        remove_if_there(&path).map_err(|source| HubError::DataDirectory { path, source })
    }

    /// File contents, bundles and session files.
    pub(crate) fn blobs(&self) -> PathBuf {
        self.path.join("blobs")
    }

    /// Films of recordings, which can be made again.
    pub(crate) fn films(&self) -> PathBuf {
        self.path.join("films")
    }

    /// Sockets of the ways to forges through runners.
    pub(crate) fn ways(&self) -> PathBuf {
        self.path.join("ways")
    }

    /// Says where the hub listens and how to know it, for consoles on this
    /// machine.
    pub(crate) fn write_address(
        &self,
        url: &str,
        fingerprint: Option<&str>,
    ) -> Result<(), HubError> {
        let failed =
            |path: &Path, source| HubError::DataDirectory { path: path.to_owned(), source };
        let path = self.fingerprint();
        // First: whoever finds the address finds the right fingerprint.
        match fingerprint {
            Some(fingerprint) => replace_file(&path, fingerprint.as_bytes()),
            None => remove_if_there(&path),
        }
        .map_err(|source| failed(&path, source))?;
        let path = self.address();
        replace_file(&path, url.as_bytes()).map_err(|source| failed(&path, source))
    }

    /// The hub does not listen any more.
    pub(crate) fn remove_address(&self) {
        for path in [self.address(), self.fingerprint()] {
            if let Err(error) = remove_if_there(&path) {
                tracing::warn!(path = %path.display(), %error, "a file could not be removed");
            }
        }
    }

    fn fingerprint(&self) -> PathBuf {
        self.path.join("fingerprint")
    }

    fn address(&self) -> PathBuf {
        self.path.join("address")
    }
}

/// Makes a directory that only its owner can look into, parents included.
pub(crate) fn make_private(path: &Path) -> std::io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    std::fs::set_permissions(path, Permissions::from_mode(0o700))
}

/// Writes a private file so that a reader sees the old or the new contents,
/// never a part.
pub(crate) fn replace_file(path: &Path, contents: &[u8]) -> std::io::Result<()> {
    let draft = path.with_extension("new");
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
    file.set_permissions(Permissions::from_mode(0o600))?;
    file.write_all(contents)?;
    file.sync_all()?;
    std::fs::rename(&draft, path)
}

fn remove_if_there(path: &Path) -> std::io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// What a killed hub was starting has its lock for an instant.
fn try_patiently(file: &File) -> Result<(), TryLockError> {
    let begun = Instant::now();
    loop {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) if begun.elapsed() < INSTANT => std::thread::sleep(POLL),
            taken => return taken,
        }
    }
}

fn lock(directory: &Path) -> Result<File, HubError> {
    let path = directory.join("lock");
    let failed = |source| HubError::DataDirectory { path: path.clone(), source };
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(failed)?;
    match try_patiently(&file) {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut pid = String::new();
            file.read_to_string(&mut pid).map_err(failed)?;
            return Err(HubError::InUse { path: directory.to_owned(), pid: pid.trim().to_owned() });
        }
        Err(TryLockError::Error(source)) => return Err(failed(source)),
    }
    file.set_len(0).map_err(failed)?;
    file.rewind().map_err(failed)?;
    writeln!(file, "{}", std::process::id()).map_err(failed)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_hubs_never_open_one_directory() {
        let home = tempfile::tempdir().expect("a directory");
        let path = home.path().join("hub");
        let first = DataDirectory::open(&path).expect("the first hub opens it");
        let refused = DataDirectory::open(&path).expect_err("the second must not");
        let said = refused.problem().message;
        assert!(said.contains(&std::process::id().to_string()), "the other is named: {said}");
        drop(first);
        DataDirectory::open(&path).expect("a stopped hub gives it back");
    }

    #[test]
    fn the_directory_and_its_files_are_private() {
        let home = tempfile::tempdir().expect("a directory");
        let path = home.path().join("hub");
        let open = DataDirectory::open(&path).expect("opens");
        open.write_address("http://127.0.0.1:1", None).expect("writes");
        let mode = |path: &Path| {
            std::fs::metadata(path).expect("it is there").permissions().mode() & 0o777
        };
        assert_eq!(mode(&path), 0o700);
        assert_eq!(mode(&path.join("address")), 0o600);
        assert_eq!(mode(&path.join("lock")), 0o600);
    }
}
