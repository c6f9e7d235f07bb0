//! One shim per run, and whether it lives: a file lock.
//!
//! The kernel lets go of it when its holder dies in whatever way, and no other
//! process can be mistaken for it, which a pid in a file can.
//!
//! A lock is of an open file, and a child between its fork and its exec has a
//! copy of every one of ours: to close a file is not to let go of its lock.
//! So it is let go of by name, which counts for all copies.

use super::RunDir;
use std::fs::{File, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A lock that is held for an instant only is waited for: by somebody who looks
/// whether it is held, or by what a killed holder was starting. Longer than a
/// busy machine lets a process lie between two system calls.
const INSTANT: Duration = Duration::from_secs(1);

const POLL: Duration = Duration::from_millis(5);

/// Held by a living shim for as long as it lives.
#[derive(Debug)]
pub struct ShimLock {
    file: File,
}

impl ShimLock {
    /// Takes the lock of `run_dir`; none if a shim lives. Blocks for a second
    /// until it says so.
    pub fn take(run_dir: &RunDir) -> io::Result<Option<Self>> {
        Self::take_patiently(&lock_file(run_dir), INSTANT)
    }

    /// The lock in the file at `path`, in the same way.
    pub async fn take_of(path: PathBuf) -> io::Result<Option<Self>> {
        let take = move || Self::take_patiently(&path, INSTANT);
        tokio::task::spawn_blocking(take).await.map_err(io::Error::other)?
    }

    fn take_patiently(path: &Path, patience: Duration) -> io::Result<Option<Self>> {
        let begun = Instant::now();
        loop {
            let taken = Self::take_file(path)?;
            if taken.is_some() || begun.elapsed() > patience {
                return Ok(taken);
            }
            std::thread::sleep(POLL);
        }
    }

    /// Takes the lock in the file at `path`; none if somebody has it.
    pub fn take_file(path: &Path) -> io::Result<Option<Self>> {
        let mut options = File::options();
        let file = options.create(true).truncate(false).write(true).mode(0o600).open(path)?;
        Ok(got(file.try_lock())?.then_some(Self { file }))
    }

    /// Writes who holds it, for a person who looks.
    pub fn sign(&mut self) -> io::Result<()> {
        use std::io::Write;
        self.file.set_len(0)?;
        writeln!(self.file, "{}", std::process::id())
    }
}

impl Drop for ShimLock {
    fn drop(&mut self) {
        // It goes with the process in any case.
        drop(self.file.unlock());
    }
}

/// True if a shim of `run_dir` lives.
pub fn is_held(run_dir: &RunDir) -> io::Result<bool> {
    let file = match File::open(lock_file(run_dir)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        opened => opened?,
    };
    let free = got(file.try_lock_shared())?;
    if free {
        file.unlock()?;
    }
    Ok(!free)
}

fn got(tried: Result<(), TryLockError>) -> io::Result<bool> {
    match tried {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

fn lock_file(run_dir: &RunDir) -> PathBuf {
    run_dir.path().join("shim.lock")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> (tempfile::TempDir, RunDir) {
        let place = tempfile::tempdir().expect("a temporary directory");
        let dir = RunDir::at(place.path().to_path_buf());
        (place, dir)
    }

    #[test]
    fn a_copy_of_the_file_in_a_child_does_not_hold_the_lock() {
        let (_place, dir) = place();
        let lock = ShimLock::take(&dir).expect("writable").expect("nobody has it");
        assert!(is_held(&dir).expect("readable"));
        // What a fork makes, in another thread or not.
        let copy = lock.file.try_clone().expect("a copy");
        drop(lock);
        assert!(!is_held(&dir).expect("readable"), "it was given back");
        assert!(ShimLock::take_file(&lock_file(&dir)).expect("writable").is_some());
        drop(copy);
    }

    #[test]
    fn who_only_looks_does_not_keep_a_shim_from_beginning() {
        let (_place, dir) = place();
        drop(ShimLock::take(&dir).expect("writable"));
        let look = File::open(lock_file(&dir)).expect("readable");
        look.lock_shared().expect("nobody has it");
        std::thread::scope(|scope| {
            let path = lock_file(&dir);
            let patience = Duration::from_secs(60);
            let shim = scope.spawn(move || ShimLock::take_patiently(&path, patience));
            std::thread::sleep(POLL * 4);
            look.unlock().expect("ours");
            let taken = shim.join().expect("it does not panic").expect("writable");
            assert!(taken.is_some(), "there is no other shim");
        });
    }

    #[test]
    fn a_second_shim_is_refused() {
        let (_place, dir) = place();
        let _first = ShimLock::take(&dir).expect("writable").expect("nobody has it");
        assert!(ShimLock::take(&dir).expect("writable").is_none());
    }
}
