//! The live diff: what a tree's files are against its base commit, committed,
//! staged, unstaged and untracked alike.
//!
//! How a scan goes:
//! 1. libgit2 compares the files with an index *of ours* that holds the base
//!    commit, and says which paths differ. That index also remembers which
//!    files were found unchanged, so that they are not read again.
//! 2. Each such path whose metadata moved since the last scan is read, once,
//!    and its contents and the base's are handed to [`KeepBlob`].
//! 3. What is said differs from what was said in the last scan is the delta.
//!
//! **Invariant:** the tree is only read, with libgit2 and our own code, never
//! by git's: no filter, hook, textconv or fsmonitor of the tree can run. The
//! configuration is ours (see `overlay.rs`).

mod entry;
mod kind;
mod paths;
mod read;
mod rename;

use self::entry::{Entry, Look};
use self::paths::Paths;
use self::rename::{Candidate, renames};
use crate::command::Git;
use crate::error::GitError;
use crate::overlay::Overlay;
use pilot_proto::ids::BlobId;
use pilot_proto::snapshot::{Change, ChangedFile, SnapshotDelta};
use std::collections::{BTreeMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};

/// Bounds of a scan.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// A file larger than this is listed, but its contents are left out.
    pub file_bytes: u64,
    /// Deleted times added files that are compared for renames with edits.
    /// Renames without an edit are always found.
    pub rename_pairs: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { file_bytes: 64 * 1024 * 1024, rename_pairs: 2500 }
    }
}

/// Where a scan puts the contents it found: called once per blob, before the
/// delta that names it is returned.
pub trait KeepBlob {
    /// Keeps `bytes` under `id`.
    fn keep(&mut self, id: &BlobId, bytes: &[u8]) -> io::Result<()>;
}

/// Keeps blobs as files named by their ids, each appearing whole or not at all.
#[derive(Debug, Clone)]
pub struct BlobDirectory(pub PathBuf);

impl KeepBlob for BlobDirectory {
    fn keep(&mut self, id: &BlobId, bytes: &[u8]) -> io::Result<()> {
        let path = self.0.join(id.as_str());
        if path.exists() {
            return Ok(());
        }
        std::fs::create_dir_all(&self.0)?;
        let mut file = tempfile::NamedTempFile::new_in(&self.0)?;
        io::Write::write_all(&mut file, bytes)?;
        file.persist(&path)?;
        Ok(())
    }
}

/// What a scan found to have changed since the one before.
#[derive(Debug, Clone)]
pub struct Scan {
    /// Parts of one snapshot, each of at most [`SnapshotDelta::MAX_FILES`] files.
    pub deltas: Vec<SnapshotDelta>,
    /// Blobs that were kept for it, in no order.
    pub blobs: Vec<BlobId>,
}

/// Looks at a tree again and again and tells what changed. Blocking: run it in
/// a blocking thread.
pub struct Scanner {
    overlay: Overlay,
    repository: git2::Repository,
    paths: Paths,
    base: String,
    limits: Limits,
    /// What is known of each path that differs, by the bytes of its name.
    entries: BTreeMap<Vec<u8>, Entry>,
    /// What the last scan said, by path.
    said: BTreeMap<String, ChangedFile>,
    said_head: String,
    kept: HashSet<BlobId>,
    /// Kept, but not told yet.
    untold: Vec<BlobId>,
    number: u64,
    reset: bool,
}

/// It moves to a blocking thread and back.
const _: fn() = || {
    fn sendable<T: Send>() {}
    sendable::<Scanner>();
};

impl std::fmt::Debug for Scanner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scanner").field("tree", &self.overlay.tree()).finish_non_exhaustive()
    }
}

impl Scanner {
    /// For a tree that was checked out at `base`.
    pub fn new(git: &Git, tree: &Path, base: &str, limits: Limits) -> Result<Self, GitError> {
        let overlay = Overlay::new(git, tree)?;
        let repository = overlay.repository()?;
        let paths = Paths::new(&overlay, &repository, base)?;
        Ok(Self {
            overlay,
            repository,
            paths,
            base: base.to_owned(),
            limits,
            entries: BTreeMap::new(),
            said: BTreeMap::new(),
            said_head: base.to_owned(),
            kept: HashSet::new(),
            untold: Vec::new(),
            number: 0,
            reset: true,
        })
    }

    /// For a scanner that takes over from another one of the same run: the
    /// number of the last delta in the journal. Its first scan always says
    /// everything anew.
    #[must_use]
    pub fn numbered_after(mut self, last: u64) -> Self {
        self.number = last;
        self
    }

    /// What changed since the last scan; none if nothing did.
    pub fn scan(&mut self, keep: &mut dyn KeepBlob) -> Result<Option<Scan>, GitError> {
        self.look(keep)?;
        let now = self.files();
        let head = self.overlay.head()?.unwrap_or_else(|| self.base.clone());
        let changed: Vec<_> =
            now.values().filter(|file| self.said.get(&file.path) != Some(file)).cloned().collect();
        let dropped: Vec<_> =
            self.said.keys().filter(|path| !now.contains_key(*path)).cloned().collect();
        let first_of_many = self.reset && self.number > 0;
        if changed.is_empty() && dropped.is_empty() && head == self.said_head && !first_of_many {
            return Ok(None);
        }
        self.said = now;
        self.said_head.clone_from(&head);
        self.number += 1;
        let deltas = self.parts(&head, changed, dropped);
        self.reset = false;
        Ok(Some(Scan { deltas, blobs: std::mem::take(&mut self.untold) }))
    }

    /// Brings the entries up to date.
    fn look(&mut self, keep: &mut dyn KeepBlob) -> Result<(), GitError> {
        let mut keeping = Keeping { keep, kept: &mut self.kept, new: &mut self.untold };
        let paths = self.paths.differing(&self.overlay, &self.repository)?;
        let mut before = std::mem::take(&mut self.entries);
        for path in paths {
            let look = Look {
                tree: self.overlay.tree(),
                repository: &self.repository,
                limits: self.limits,
                base: self.paths.base(&self.repository, &path)?,
                path: &path,
            };
            let entry = look.entry(before.remove(&path), &mut keeping)?;
            if let Some(entry) = entry {
                self.entries.insert(path, entry);
            }
        }
        if self.entries.len() > self.limits.rename_pairs {
            // Too many to be compared: what was kept for it can go.
            self.entries.values_mut().for_each(Entry::forget_lines);
        }
        Ok(())
    }

    /// The entries as a person is told of them.
    fn files(&self) -> BTreeMap<String, ChangedFile> {
        let pairs = self.renames();
        let moved: HashSet<&[u8]> = pairs.values().map(Vec::as_slice).collect();
        let mut files = BTreeMap::new();
        for (path, entry) in &self.entries {
            let file = match pairs.get(path) {
                Some(old_path) => renamed(path, entry, old_path, &self.entries[old_path]),
                None if moved.contains(path.as_slice()) => continue,
                None => entry.file(path),
            };
            files.insert(file.path.clone(), file);
        }
        files
    }

    /// New path to old path.
    fn renames(&self) -> BTreeMap<Vec<u8>, Vec<u8>> {
        let candidates = |wanted: Change| -> Vec<Candidate<'_>> {
            let entries = self.entries.iter().filter(|(_, entry)| entry.change() == wanted);
            entries.filter_map(|(path, entry)| entry.candidate(path)).collect()
        };
        let (gone, came) = (candidates(Change::Deleted), candidates(Change::Added));
        renames(&gone, &came, self.limits.rename_pairs)
            .into_iter()
            .map(|(old, new)| (came[new].path.to_vec(), gone[old].path.to_vec()))
            .collect()
    }

    /// Cuts a snapshot into parts that fit the link's frames.
    fn parts(
        &self,
        head: &str,
        changed: Vec<ChangedFile>,
        dropped: Vec<String>,
    ) -> Vec<SnapshotDelta> {
        let empty = || SnapshotDelta {
            number: self.number,
            base: self.base.clone(),
            head: head.to_owned(),
            reset: false,
            changed: Vec::new(),
            dropped: Vec::new(),
            more: true,
        };
        let mut parts = vec![SnapshotDelta { reset: self.reset, ..empty() }];
        let mut room = SnapshotDelta::MAX_FILES;
        let mut part = |parts: &mut Vec<SnapshotDelta>| {
            if room == 0 {
                parts.push(empty());
                room = SnapshotDelta::MAX_FILES;
            }
            room -= 1;
            parts.len() - 1
        };
        // What goes goes first: a path may be dropped as one file and come
        // back under the same name.
        for path in dropped {
            let at = part(&mut parts);
            parts[at].dropped.push(path);
        }
        for file in changed {
            let at = part(&mut parts);
            parts[at].changed.push(file);
        }
        if let Some(last) = parts.last_mut() {
            last.more = false;
        }
        parts
    }
}

/// Blobs on their way to the keeper, each once.
pub(crate) struct Keeping<'a> {
    keep: &'a mut dyn KeepBlob,
    kept: &'a mut HashSet<BlobId>,
    new: &'a mut Vec<BlobId>,
}

impl Keeping<'_> {
    pub(crate) fn keep(&mut self, id: &BlobId, bytes: &[u8]) -> Result<(), GitError> {
        if self.kept.contains(id) {
            return Ok(());
        }
        self.keep
            .keep(id, bytes)
            .map_err(GitError::file("keeping a file's contents", id.as_str()))?;
        self.kept.insert(id.clone());
        self.new.push(id.clone());
        Ok(())
    }
}

fn renamed(path: &[u8], new: &Entry, old_path: &[u8], old: &Entry) -> ChangedFile {
    let size = new.size_from(old);
    ChangedFile {
        old_path: Some(String::from_utf8_lossy(old_path).into_owned()),
        change: Change::Renamed,
        old: old.file(old_path).old,
        added: size.map(|(added, _)| added),
        removed: size.map(|(_, removed)| removed),
        ..new.file(path)
    }
}
