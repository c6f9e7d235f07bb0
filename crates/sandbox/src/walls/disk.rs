//! How much a run wrote, measured now and then.
//!
//! Coarse on purpose: a look at a large tree costs seconds of the disk's time,
//! so looks come at least [`PAUSE`] apart and take at most a twentieth of the
//! time. What a run writes between two looks is over the limit by that much.
//! What stops a single runaway file at once is its size limit.

use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// A disk that takes 500 MB/s gets at most 1 GB further between two looks.
const PAUSE: Duration = Duration::from_secs(2);
/// One look in this many times its own length.
const SHARE: u32 = 20;

/// Bytes that files below these directories occupy. Links are not followed, a
/// file with several names counts once, and what is not to be read (or gone by
/// then) counts nothing.
pub(super) fn usage(directories: &[PathBuf]) -> u64 {
    let mut linked = HashSet::new();
    let mut total = 0_u64;
    let mut open: Vec<PathBuf> = directories.to_vec();
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            let Ok(metadata) = entry.metadata() else { continue };
            if metadata.is_dir() {
                open.push(entry.path());
            } else if metadata.nlink() > 1 && !linked.insert((metadata.dev(), metadata.ino())) {
                continue;
            }
            // By stat(2), a block is 512 bytes whatever the file system.
            total = total.saturating_add(metadata.blocks().saturating_mul(512));
        }
    }
    total
}

/// Waits until the directories hold more than `most` bytes; returns how many.
pub(super) async fn overrun(directories: Vec<PathBuf>, most: u64) -> u64 {
    loop {
        let begun = Instant::now();
        let looked_at = directories.clone();
        let used = tokio::task::spawn_blocking(move || usage(&looked_at)).await.unwrap_or(0);
        if used > most {
            return used;
        }
        tokio::time::sleep(PAUSE.max(begun.elapsed() * SHARE)).await;
    }
}
