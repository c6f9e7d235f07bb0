//! What is known of one path that differs from the base.

use crate::align::{Alignment, count_lines};
use crate::blob::blob_id;
use crate::clock;
use crate::error::GitError;
use crate::scan::kind::{SUBMODULE, has_lines, is_binary, kind, other_type};
use crate::scan::read::{Found, Signature, read, signature, too_large};
use crate::scan::rename::{Candidate, LineSet};
use crate::scan::{Keeping, Limits};
use git2::{AttrCheckFlags, AttrValue, Oid, Repository};
use pilot_proto::ids::BlobId;
use pilot_proto::snapshot::{Change, ChangedFile, Side, SideKind};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;

/// One path, both sides.
#[derive(Debug)]
pub(super) struct Entry {
    base: Option<(Oid, u32)>,
    signature: Option<Signature>,
    /// The file had been left alone for a while when it was read: the same
    /// metadata means the same contents.
    settled: bool,
    old: Option<Half>,
    new: Option<Half>,
    /// Lines added and removed.
    size: Option<(u64, u64)>,
}

/// One side, with what is needed to compare it with others.
#[derive(Debug)]
struct Half {
    side: Side,
    /// Blob or commit; none if the contents were left out unread.
    id: Option<String>,
    lines: Option<LineSet>,
}

/// Two writes closer than this may leave the same metadata: the file system's
/// clock ticks in steps of up to 10 ms.
const SETTLED: Duration = Duration::from_millis(100);

/// For the line counts of one file. Most take microseconds; one that takes
/// longer is counted approximately.
const COUNTING: Duration = Duration::from_millis(250);

/// A look at one path.
pub(super) struct Look<'a> {
    pub(super) tree: &'a Path,
    pub(super) repository: &'a Repository,
    pub(super) limits: Limits,
    pub(super) base: Option<(Oid, u32)>,
    pub(super) path: &'a [u8],
}

impl Look<'_> {
    /// What is there now; none if it does not differ from the base.
    pub(super) fn entry(
        &self,
        before: Option<Entry>,
        keeping: &mut Keeping<'_>,
    ) -> Result<Option<Entry>, GitError> {
        let path = self.path();
        let now = signature(self.tree, path);
        let is_same = |e: &Entry| e.settled && e.base == self.base && e.signature == now;
        if let Some(same) = before.filter(is_same) {
            return Ok(Some(same));
        }
        let begun = clock::now();
        let (found, signature) = read(self.tree, path, self.limits.file_bytes)
            .map_err(GitError::file("reading a changed file", self.tree.join(path)))?;
        let is_directory = matches!(found, Found::Repository { .. });
        // A submodule that was not checked out is as it was.
        if self.is_submodule() && matches!(found, Found::Nothing) && self.tree.join(path).is_dir() {
            return Ok(None);
        }
        let settled = !is_directory
            && signature.is_none_or(|s| begun.saturating_sub(s.changed_at()) > SETTLED);
        let (new, new_bytes) = self.new_half(found, keeping)?;
        if self.is_unchanged(new.as_ref()) {
            return Ok(None);
        }
        let (old, old_bytes) = self.old_half(keeping)?;
        let mut entry = Entry { base: self.base, signature, settled, old, new, size: None };
        entry.measure(old_bytes.as_deref(), new_bytes.as_deref());
        Ok(Some(entry))
    }

    fn path(&self) -> &Path {
        Path::new(OsStr::from_bytes(self.path))
    }

    fn is_submodule(&self) -> bool {
        self.base.is_some_and(|(_, mode)| mode == SUBMODULE)
    }

    fn is_unchanged(&self, new: Option<&Half>) -> bool {
        match (self.base, new) {
            (None, None) => true,
            (Some((id, mode)), Some(new)) => {
                mode == new.side.mode && new.id.as_deref() == Some(id.to_string().as_str())
            }
            _ => false,
        }
    }

    fn new_half(
        &self,
        found: Found,
        keeping: &mut Keeping<'_>,
    ) -> Result<(Option<Half>, Option<Vec<u8>>), GitError> {
        match found {
            Found::Nothing => Ok((None, None)),
            Found::Contents { mode, bytes } => {
                let bytes = self.as_committed(bytes);
                Ok((Some(Half::kept(mode, &bytes, keeping)?), Some(bytes)))
            }
            Found::Repository { commit } => Ok((Some(Half::submodule(commit)), None)),
            Found::LeftOut { mode, size, why } => Ok((Some(Half::left_out(mode, size, why)), None)),
        }
    }

    fn old_half(
        &self,
        keeping: &mut Keeping<'_>,
    ) -> Result<(Option<Half>, Option<Vec<u8>>), GitError> {
        let Some((id, mode)) = self.base else { return Ok((None, None)) };
        if mode == SUBMODULE {
            return Ok((Some(Half::submodule(Some(id.to_string()))), None));
        }
        let failed = || GitError::objects("reading a file of the base commit");
        let objects = self.repository.odb().map_err(failed())?;
        let (size, _) = objects.read_header(id).map_err(failed())?;
        if size as u64 > self.limits.file_bytes {
            let mut half = Half::left_out(mode, size as u64, too_large(self.limits.file_bytes));
            half.id = Some(id.to_string());
            return Ok((Some(half), None));
        }
        let bytes = objects.read(id).map_err(failed())?.data().to_vec();
        Ok((Some(Half::kept(mode, &bytes, keeping)?), Some(bytes)))
    }

    /// What git would commit of these bytes: where the attributes say that a
    /// file is text, its line ends are LF in the repository. Any other filter
    /// would be a program of the tree's choice.
    fn as_committed(&self, bytes: Vec<u8>) -> Vec<u8> {
        if memchr::memmem::find(&bytes, b"\r\n").is_none() || !self.is_normalised(&bytes) {
            return bytes;
        }
        let mut normal = Vec::with_capacity(bytes.len());
        let mut lines = bytes.split_inclusive(|byte| *byte == b'\n');
        lines.by_ref().for_each(|line| match line.strip_suffix(b"\r\n") {
            Some(line) => {
                normal.extend_from_slice(line);
                normal.push(b'\n');
            }
            None => normal.extend_from_slice(line),
        });
        normal
    }

    fn is_normalised(&self, bytes: &[u8]) -> bool {
        let attribute = |name: &str| {
            let flags = AttrCheckFlags::FILE_THEN_INDEX;
            let value = self.repository.get_attr_bytes(self.path(), name, flags);
            value.ok().flatten().map(<[u8]>::to_vec)
        };
        let text = attribute("text");
        match AttrValue::from_bytes(text.as_deref()) {
            AttrValue::True => true,
            AttrValue::False => false,
            AttrValue::String("auto") | AttrValue::Bytes(b"auto") => !is_binary(bytes),
            AttrValue::String(_) | AttrValue::Bytes(_) | AttrValue::Unspecified => {
                let eol = attribute("eol");
                matches!(eol.as_deref(), Some(b"lf" | b"crlf"))
            }
        }
    }
}

impl Half {
    fn kept(mode: u32, bytes: &[u8], keeping: &mut Keeping<'_>) -> Result<Self, GitError> {
        let id = blob_id(bytes);
        keeping.keep(&id, bytes)?;
        let side = Side {
            kind: kind(mode, bytes),
            mode,
            size: bytes.len() as u64,
            blob: Some(id.clone()),
            left_out: None,
        };
        Ok(Self { side, id: Some(id.into()), lines: None })
    }

    fn submodule(commit: Option<String>) -> Self {
        let said = match &commit {
            Some(commit) => format!("commit {commit}"),
            None => "a repository without a commit; it cannot be published".into(),
        };
        let side = Side {
            kind: SideKind::Submodule,
            mode: SUBMODULE,
            size: 0,
            blob: None,
            left_out: Some(said),
        };
        Self { side, id: commit, lines: None }
    }

    fn left_out(mode: u32, size: u64, why: String) -> Self {
        let side = Side { kind: SideKind::Binary, mode, size, blob: None, left_out: Some(why) };
        Self { side, id: None, lines: None }
    }

    fn has_lines(&self) -> bool {
        self.side.blob.is_some() && has_lines(self.side.kind)
    }
}

impl Entry {
    fn measure(&mut self, old_bytes: Option<&[u8]>, new_bytes: Option<&[u8]>) {
        let lines = |bytes: Option<&[u8]>| count_lines(bytes.unwrap_or_default()) as u64;
        match (&mut self.old, &mut self.new) {
            (Some(old), Some(new)) if old.has_lines() && new.has_lines() => {
                let (old, new) = (old_bytes.unwrap_or_default(), new_bytes.unwrap_or_default());
                self.size = Some(if old == new {
                    (0, 0)
                } else {
                    Alignment::new(old, new, COUNTING).size()
                });
            }
            (Some(old), None) if old.has_lines() => {
                self.size = Some((0, lines(old_bytes)));
                old.lines = LineSet::of(old_bytes.unwrap_or_default());
            }
            (None, Some(new)) if new.has_lines() => {
                self.size = Some((lines(new_bytes), 0));
                new.lines = LineSet::of(new_bytes.unwrap_or_default());
            }
            _ => {}
        }
    }

    pub(super) fn forget_lines(&mut self) {
        for half in [&mut self.old, &mut self.new].into_iter().flatten() {
            half.lines = None;
        }
    }

    pub(super) fn change(&self) -> Change {
        match (&self.old, &self.new) {
            (None, _) => Change::Added,
            (Some(_), None) => Change::Deleted,
            (Some(old), Some(new)) if other_type(old.side.mode, new.side.mode) => {
                Change::TypeChanged
            }
            (Some(old), Some(new)) if old.id.is_some() && old.id == new.id => Change::ModeChanged,
            (Some(_), Some(_)) => Change::Modified,
        }
    }

    /// As a person is told of it, renames left out.
    pub(super) fn file(&self, path: &[u8]) -> ChangedFile {
        ChangedFile {
            path: String::from_utf8_lossy(path).into_owned(),
            old_path: None,
            change: self.change(),
            old: self.old.as_ref().map(|half| half.side.clone()),
            new: self.new.as_ref().map(|half| half.side.clone()),
            added: self.size.map(|(added, _)| added),
            removed: self.size.map(|(_, removed)| removed),
        }
    }

    /// As one half of a rename; only files can be.
    pub(super) fn candidate<'a>(&'a self, path: &'a [u8]) -> Option<Candidate<'a>> {
        let half = self.old.as_ref().or(self.new.as_ref())?;
        let blob = half.side.blob.as_ref().map(BlobId::as_str)?;
        Some(Candidate { path, blob, lines: half.lines.as_ref() })
    }

    /// Lines added and removed since `before`, another path that went.
    pub(super) fn size_from(&self, before: &Self) -> Option<(u64, u64)> {
        let (old, new) = (before.old.as_ref()?, self.new.as_ref()?);
        if !old.has_lines() || !new.has_lines() {
            return None;
        }
        if old.id == new.id {
            return Some((0, 0));
        }
        Some(new.lines.as_ref()?.size_from(old.lines.as_ref()?))
    }
}
