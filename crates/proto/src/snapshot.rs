//! Snapshots: the state of a workspace's changes against the task's base
//! commit, at a journal position; and the side-by-side model of one file.

use crate::ids::BlobId;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use ts_rs::TS;

/// Files and lines of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(default)]
pub struct DiffSize {
    /// Files touched.
    pub files: u64,
    /// Lines added, where they can be counted.
    pub added: u64,
    /// Lines removed, where they can be counted.
    pub removed: u64,
}

/// What happened to a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// It was not in the base.
    Added,
    /// Its contents differ.
    Modified,
    /// It is gone.
    Deleted,
    /// It was at `old_path` in the base.
    Renamed,
    /// Only its mode differs.
    ModeChanged,
    /// It became another kind of thing (a file a symlink, …).
    TypeChanged,
    /// A change this build does not know yet.
    #[serde(other)]
    Unknown,
}

/// What kind of thing one side is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum SideKind {
    /// UTF-8 text.
    Text,
    /// Text by git's reckoning, but not UTF-8; shown with replacement characters.
    NotUtf8,
    /// Binary by git's reckoning (a NUL in the first 8000 bytes).
    Binary,
    /// A symbolic link; the contents are its target.
    Symlink,
    /// A submodule; the contents are its commit.
    Submodule,
    /// A pointer of git-lfs; the contents are the pointer.
    LfsPointer,
    /// A kind this build does not know yet.
    #[serde(other)]
    Unknown,
}

/// One side (base or workspace) of a changed file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Side {
    /// What it is.
    pub kind: SideKind,
    /// Git's file mode (`0o100644`, …).
    pub mode: u32,
    /// Bytes.
    pub size: u64,
    /// Where its contents are kept; none for a submodule, and where `left_out` says why.
    #[serde(default)]
    pub blob: Option<BlobId>,
    /// Why the contents are not kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_out: Option<String>,
}

/// A file that differs from the base commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ChangedFile {
    /// Path in the workspace, `/`-separated; bytes that are not UTF-8 are replaced.
    pub path: String,
    /// Path in the base, if it was renamed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old_path: Option<String>,
    /// What happened.
    pub change: Change,
    /// In the base.
    #[serde(default)]
    pub old: Option<Side>,
    /// In the workspace.
    #[serde(default)]
    pub new: Option<Side>,
    /// Lines added, where they can be counted.
    #[serde(default)]
    pub added: Option<u64>,
    /// Lines removed, where they can be counted.
    #[serde(default)]
    pub removed: Option<u64>,
}

/// What changed since the snapshot before: what travels, and what is journalled.
/// A big one comes in several parts, each at most [`SnapshotDelta::MAX_FILES`] files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct SnapshotDelta {
    /// Counts from 1 within a run; the parts of one snapshot share it.
    pub number: u64,
    /// The task's base commit.
    pub base: String,
    /// The workspace's HEAD.
    pub head: String,
    /// Forget everything before: the first of a run, or of a new base.
    #[serde(default)]
    pub reset: bool,
    /// Files that are new in, or differ from, the snapshot before.
    pub changed: Vec<ChangedFile>,
    /// Paths that no longer differ from the base.
    #[serde(default)]
    pub dropped: Vec<String>,
    /// More parts of this snapshot follow.
    #[serde(default)]
    pub more: bool,
}

impl SnapshotDelta {
    /// A part of this many files is about 400 KiB of JSON: well below the
    /// link's frame limit, even with long paths.
    pub const MAX_FILES: usize = 1000;
}

/// The state of a workspace's changes: the fold of all deltas up to a point.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
pub struct Snapshot {
    /// Number of the last whole delta; 0 before the first.
    pub number: u64,
    /// The task's base commit.
    pub base: String,
    /// The workspace's HEAD.
    pub head: String,
    /// Changed files by path.
    pub files: BTreeMap<String, ChangedFile>,
}

impl Snapshot {
    /// Takes in the next delta.
    pub fn apply(&mut self, delta: &SnapshotDelta) {
        if delta.reset {
            self.files.clear();
        }
        for path in &delta.dropped {
            self.files.remove(path);
        }
        for file in &delta.changed {
            self.files.insert(file.path.clone(), file.clone());
        }
        self.number = delta.number;
        self.base.clone_from(&delta.base);
        self.head.clone_from(&delta.head);
    }

    /// Its size.
    pub fn size(&self) -> DiffSize {
        self.files.values().fold(DiffSize::default(), |size, file| DiffSize {
            files: size.files + 1,
            added: size.added + file.added.unwrap_or(0),
            removed: size.removed + file.removed.unwrap_or(0),
        })
    }
}

/// One file, side by side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct FileDiff {
    /// The file it is of.
    pub file: ChangedFile,
    /// Rows of the whole alignment, unfolded; `rows` is a window of them.
    pub total_rows: u64,
    /// First row of the window.
    pub first_row: u64,
    /// The window.
    pub rows: Vec<DiffRow>,
    /// Ranges of rows that differ, `[start, end)`, in order: for jumping.
    pub changes: Vec<(u64, u64)>,
    /// The deadline ran out before Myers ended: the alignment is right, but
    /// not the smallest.
    #[serde(default)]
    pub approximate: bool,
    /// Why there are no rows (binary, submodule, left out, …).
    #[serde(default)]
    pub note: Option<String>,
}

/// One row of a side-by-side view.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(tag = "row", rename_all = "snake_case")]
pub enum DiffRow {
    /// The same on both sides.
    Same {
        /// Line number on the old side, from 1.
        old: u64,
        /// Line number on the new side, from 1.
        new: u64,
        /// The line, without its end.
        text: String,
    },
    /// Different, or on one side only.
    Differs {
        /// The old side.
        #[serde(default)]
        old: Option<DiffCell>,
        /// The new side.
        #[serde(default)]
        new: Option<DiffCell>,
    },
    /// Equal rows that were folded away.
    Folded {
        /// First of them, as a row number of the unfolded alignment.
        first_row: u64,
        /// How many.
        rows: u64,
    },
}

/// One side of a row that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct DiffCell {
    /// Line number, from 1.
    pub line: u64,
    /// The line, without its end.
    pub text: String,
    /// Byte ranges of `text` to emphasise, `[start, end)`, on character borders.
    #[serde(default)]
    pub emphasis: Vec<(u32, u32)>,
    /// The file ends here without a newline.
    #[serde(default)]
    pub no_newline: bool,
}
