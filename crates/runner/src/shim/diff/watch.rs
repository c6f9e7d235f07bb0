//! Hears when something in the tree changes.
//!
//! One watch per directory, set by us and not by notify's recursive mode: the
//! directories that a build or a package manager fills are left out, and so
//! are git's own. What changes there is not in the diff, or is found by the
//! slow poll.

use notify::event::{CreateKind, ModifyKind, RenameMode};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Notify;

/// Watches per run. A machine has some tens of thousands for all its runs and
/// everything else; a tree with more directories than this is polled as well.
const MOST: usize = 4096;

/// Directories that nobody's diff is in.
const LEFT_OUT: &[&str] =
    &[".git", "node_modules", "target", ".venv", "venv", "__pycache__", ".gradle", ".mypy_cache"];

/// A watched tree.
pub(in crate::shim) struct TreeWatch {
    watcher: RecommendedWatcher,
    heard: Arc<Heard>,
    watches: usize,
}

#[derive(Default)]
struct Heard {
    something: Notify,
    /// Directories that are new.
    made: Mutex<Vec<PathBuf>>,
}

impl TreeWatch {
    /// Watches the tree; none if the machine lets us watch nothing more.
    pub(super) fn new(tree: &Path) -> Option<Self> {
        let heard = Arc::new(Heard::default());
        let ear = heard.clone();
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            // An overflow of the queue, for instance: something did change.
            let made = event.map_or_else(|_| Some(Vec::new()), made_by);
            if let Some(made) = made {
                ear.made.lock().unwrap_or_else(PoisonError::into_inner).extend(made);
                ear.something.notify_one();
            }
        });
        let watcher = watcher
            .inspect_err(|error| tracing::info!(%error, "the tree is polled, not watched"))
            .ok()?;
        let mut watch = Self { watcher, heard, watches: 0 };
        watch.add(tree.to_path_buf());
        Some(watch)
    }

    /// Waits until something changes.
    pub(super) async fn changed(&self) {
        self.heard.something.notified().await;
    }

    /// Watches the directories that are new.
    pub(super) fn follow(&mut self) {
        let made =
            std::mem::take(&mut *self.heard.made.lock().unwrap_or_else(PoisonError::into_inner));
        made.into_iter().for_each(|directory| self.add(directory));
    }

    /// Every directory is watched that there may be a diff in.
    pub(super) fn is_whole(&self) -> bool {
        self.watches < MOST
    }

    /// Watches a directory and those below it.
    pub(super) fn add(&mut self, directory: PathBuf) {
        let mut waiting = vec![directory];
        while let Some(directory) = waiting.pop() {
            let left_out = directory
                .file_name()
                .is_some_and(|name| LEFT_OUT.iter().any(|left_out| name == *left_out));
            if left_out || self.watches >= MOST || !is_directory(&directory) {
                continue;
            }
            match self.watcher.watch(&directory, RecursiveMode::NonRecursive) {
                Ok(()) => self.watches += 1,
                Err(error) if matches!(error.kind, notify::ErrorKind::MaxFilesWatch) => {
                    tracing::info!(%error, "the tree is polled besides being watched");
                    self.watches = MOST;
                    return;
                }
                // Gone again.
                Err(error) => tracing::debug!(%error, "a directory cannot be watched"),
            }
            let Ok(entries) = std::fs::read_dir(&directory) else { continue };
            waiting.extend(entries.flatten().filter_map(|entry| {
                entry.file_type().is_ok_and(|kind| kind.is_dir()).then(|| entry.path())
            }));
        }
    }
}

fn is_directory(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|metadata| metadata.is_dir())
}

/// The directories that an event made; none if it changed nothing.
fn made_by(event: notify::Event) -> Option<Vec<PathBuf>> {
    match event.kind {
        EventKind::Access(_) => None,
        EventKind::Create(CreateKind::Folder)
        | EventKind::Modify(ModifyKind::Name(RenameMode::To | RenameMode::Both)) => {
            Some(event.paths)
        }
        EventKind::Any
        | EventKind::Create(_)
        | EventKind::Modify(_)
        | EventKind::Remove(_)
        | EventKind::Other => Some(Vec::new()),
    }
}
