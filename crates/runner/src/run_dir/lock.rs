//! One shim per run, and whether it lives: a file lock.
//!
//! The kernel lets go of it when its holder dies in whatever way, and no other
//! process can be mistaken for it, which a pid in a file can.

use super::RunDir;
use rustix::fs::FlockOperation;
use rustix::io::Errno;
use std::fs::File;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Held by a living shim for as long as it lives.
#[derive(Debug)]
pub struct ShimLock {
    file: File,
}

impl ShimLock {
    /// Takes the lock of `run_dir`; none if a shim lives.
    pub fn take(run_dir: &RunDir) -> io::Result<Option<Self>> {
        Self::take_file(&lock_file(run_dir))
    }

    /// Takes the lock in the file at `path`; none if somebody has it.
    pub fn take_file(path: &Path) -> io::Result<Option<Self>> {
        let mut options = File::options();
        let file = options.create(true).truncate(false).write(true).mode(0o600).open(path)?;
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(Self { file })),
            Err(Errno::WOULDBLOCK) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Writes who holds it, for a person who looks.
    pub fn sign(&mut self) -> io::Result<()> {
        use std::io::Write;
        self.file.set_len(0)?;
        writeln!(self.file, "{}", std::process::id())
    }
}

/// True if a shim of `run_dir` lives.
pub fn is_held(run_dir: &RunDir) -> io::Result<bool> {
    match File::open(lock_file(run_dir)) {
        Ok(file) => match rustix::fs::flock(&file, FlockOperation::NonBlockingLockShared) {
            Ok(()) => Ok(false),
            Err(Errno::WOULDBLOCK) => Ok(true),
            Err(error) => Err(error.into()),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

fn lock_file(run_dir: &RunDir) -> PathBuf {
    run_dir.path().join("shim.lock")
}
