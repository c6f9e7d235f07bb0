//! Files that only their owner may read, replaced as a whole or not at all.

use crate::keychain::KeychainState;
use pilot_proto::{Code, Problem};
use rustix::fs::OFlags;
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// A secret could not be kept or read.
#[derive(Debug, thiserror::Error)]
pub enum SecretsError {
    /// The directory could not be made private.
    #[error("the directory `{}` cannot be made private", path.display())]
    Directory {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file could not be read.
    #[error("`{}` cannot be read", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file could not be written; what was there before is still there.
    #[error("`{}` cannot be written", path.display())]
    Write {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file holds something else.
    #[error("`{}` does not hold what it should: {why}", path.display())]
    Damaged {
        /// Which.
        path: PathBuf,
        /// What is wrong, without its contents.
        why: String,
    },
    /// The passphrase does not open a sealed file.
    #[error("the passphrase of `{}` {why}", path.display())]
    Passphrase {
        /// Which.
        path: PathBuf,
        /// `is another` or `is empty`.
        why: &'static str,
    },
    /// The keychain does not do it.
    #[error("the keychain could not be {doing}: {state}")]
    Keychain {
        /// What we wanted.
        doing: &'static str,
        /// How it is.
        state: KeychainState,
    },
    /// What was given to a new place was not there when it was read back; the
    /// old place has it still.
    #[error("the credentials could not be read back from their new place")]
    NotKept,
    /// The system gave no random bytes.
    #[error("no random bytes from the system: {0}")]
    Randomness(getrandom::Error),
}

impl SecretsError {
    /// For a person.
    pub fn problem(&self) -> Problem {
        let message = match std::error::Error::source(self) {
            Some(source) => format!("{self}: {source}."),
            None => format!("{self}."),
        };
        match self {
            Self::Write { source, .. } if source.kind() == io::ErrorKind::StorageFull => {
                Problem::new(Code::DiskFull, message).hint("Make room on that disk.")
            }
            Self::Directory { path, .. } | Self::Read { path, .. } | Self::Write { path, .. } => {
                Problem::new(Code::Internal, message)
                    .hint(format!("Check who owns `{}` and its rights.", path.display()))
            }
            Self::Damaged { path, .. } => Problem::new(Code::Internal, message)
                .hint(format!("Move `{}` away; a new one is made then.", path.display())),
            Self::Passphrase { .. } => Problem::new(Code::Unauthorized, message)
                .hint("Try again; without its passphrase nobody opens that file."),
            Self::Keychain { state, .. } => keychain_problem(message, state),
            Self::NotKept => Problem::new(Code::Internal, message)
                .hint("They are where they were; check the new place and try again."),
            Self::Randomness(_) => Problem::new(Code::Internal, message),
        }
    }
}

fn keychain_problem(message: String, state: &KeychainState) -> Problem {
    let hint = match state {
        KeychainState::Locked => {
            "Unlock the keychain and try again, or keep credentials in a sealed file."
        }
        KeychainState::NoService | KeychainState::NoBus => {
            "Start a keychain (gnome-keyring, KWallet), or keep credentials in a sealed file."
        }
        KeychainState::Works | KeychainState::Broken { .. } => {
            "Try again, or keep credentials in a sealed file."
        }
    };
    Problem::new(Code::Precondition, message).hint(hint)
}

/// Rights of a file that only its owner may read and write.
const FILE_MODE: u32 = 0o600;
/// Rights of a directory that only its owner may enter.
const DIRECTORY_MODE: u32 = 0o700;
/// Everything that group and others could have.
const OTHERS: u32 = 0o077;

/// Makes the directory, or takes group's and others' rights from it. True if
/// it had to be tightened.
pub(crate) fn private_directory(path: &Path) -> Result<bool, SecretsError> {
    let made = DirBuilder::new().recursive(true).mode(DIRECTORY_MODE).create(path);
    made.and_then(|()| tighten(&File::open(path)?, DIRECTORY_MODE))
        .map_err(|source| SecretsError::Directory { path: path.to_owned(), source })
}

/// What a private file holds.
pub(crate) struct PrivateText {
    pub(crate) text: String,
    /// It was open to others; it no longer is.
    pub(crate) tightened: bool,
}

/// Reads a file that should be private, in a directory that is made private (or
/// made at all) first. None if there is no such file.
pub(crate) fn open_private(path: &Path) -> Result<Option<PrivateText>, SecretsError> {
    if let Some(directory) = path.parent() {
        private_directory(directory)?;
    }
    Ok(read_private(path)?.map(|(text, tightened)| PrivateText { text, tightened }))
}

/// Reads a file that should be private, and takes group's and others' rights
/// from it. None if there is none; true if it had to be tightened.
pub(crate) fn read_private(path: &Path) -> Result<Option<(String, bool)>, SecretsError> {
    let read = || {
        // A symbolic link could lead a privileged hub to somebody else's file.
        let flags = OFlags::NOFOLLOW.bits().cast_signed();
        let mut file = match OpenOptions::new().read(true).custom_flags(flags).open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let tightened = tighten(&file, FILE_MODE)?;
        let mut text = String::new();
        file.read_to_string(&mut text)?;
        Ok(Some((text, tightened)))
    };
    read().map_err(|source| SecretsError::Read { path: path.to_owned(), source })
}

fn tighten(file: &File, mode: u32) -> io::Result<bool> {
    if file.metadata()?.permissions().mode() & OTHERS == 0 {
        return Ok(false);
    }
    file.set_permissions(Permissions::from_mode(mode))?;
    Ok(true)
}

/// How a finished file takes its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// In place of whatever is there.
    Replace,
    /// Only if nothing is there.
    IfAbsent,
}

/// Writes a private file beside its place, syncs it, and then gives it its
/// name. False if `IfAbsent` found something there.
pub(crate) fn write_private(path: &Path, text: &str, place: Place) -> Result<bool, SecretsError> {
    let mut suffix = [0; 8];
    getrandom::fill(&mut suffix).map_err(SecretsError::Randomness)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let beside = path.with_file_name(format!(".{name}.{}", hex::encode(suffix)));
    let placed = write_beside(&beside, text).and_then(|()| settle(&beside, path, place));
    if !matches!(placed, Ok(true)) {
        // Best effort: what matters is the error, or the file that was there.
        fs::remove_file(&beside).ok();
    }
    placed.map_err(|source| SecretsError::Write { path: path.to_owned(), source })
}

fn write_beside(beside: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(FILE_MODE).open(beside)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

fn settle(beside: &Path, path: &Path, place: Place) -> io::Result<bool> {
    match place {
        Place::Replace => fs::rename(beside, path)?,
        // A link, unlike a rename, fails if the name is taken: of two
        // processes that race, one wins and the other reads its file.
        Place::IfAbsent => match fs::hard_link(beside, path) {
            Ok(()) => fs::remove_file(beside)?,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(false),
            Err(error) => return Err(error),
        },
    }
    // The name is durable only when the directory is.
    path.parent().map_or(Ok(()), |parent| File::open(parent)?.sync_all())?;
    Ok(true)
}
