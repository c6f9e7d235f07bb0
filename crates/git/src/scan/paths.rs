//! Which paths of a tree may differ from the base commit.

use crate::clock;
use crate::error::GitError;
use crate::overlay::Overlay;
use crate::scan::read::Signature;
use git2::{DiffOptions, Index, Oid, Repository};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::ffi::OsStr;
use std::fs::{File, FileTimes};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Finds them, with an index of ours that holds the base commit.
pub(super) struct Paths {
    /// Files of the base that we may not read. libgit2 would give up at the
    /// first of them; taken out of the index it reports them as new.
    unreadable: HashMap<Vec<u8>, (Oid, u32)>,
    /// What the agent's index has and the base has not, as of then.
    forced: Vec<Vec<u8>>,
    forced_as_of: Option<Signature>,
}

/// A file that changes while libgit2 reads it makes the comparison fail.
const TRIES: u32 = 5;

/// How much older than a scan our index is made to look. A file whose time is
/// not older than the index is read again: it may have changed after it was
/// read and within the same tick of the file system's clock (4 ms on most
/// kernels, 10 ms on some).
const TICK: Duration = Duration::from_millis(20);

impl Paths {
    /// Begins with the tree's own index: of a fresh checkout it knows every
    /// file to be unchanged.
    pub(super) fn new(
        overlay: &Overlay,
        repository: &Repository,
        base: &str,
    ) -> Result<Self, GitError> {
        overlay.take_index()?;
        let path = overlay.index();
        let modified = std::fs::metadata(&path).and_then(|about| about.modified()).ok();
        if modified.is_some() && Index::open(&path).is_err() {
            // Half written, or of a kind libgit2 does not know: begin with nothing.
            std::fs::remove_file(&path).map_err(GitError::file("removing the index", &path))?;
        }
        let fill = || -> Result<Index, git2::Error> {
            let contents = repository.find_commit(base.parse()?)?.tree()?;
            let mut index = repository.index()?;
            index.read_tree(&contents)?;
            index.write()?;
            Ok(index)
        };
        let mut index = fill().map_err(GitError::objects("reading the base commit"))?;
        set_modified(&path, modified.unwrap_or(UNIX_EPOCH))?;
        index.read(true).map_err(GitError::objects("reading the base commit"))?;
        Ok(Self { unreadable: HashMap::new(), forced: Vec::new(), forced_as_of: None })
    }

    /// What the base has at a path: the object and its mode.
    pub(super) fn base(
        &self,
        repository: &Repository,
        path: &[u8],
    ) -> Result<Option<(Oid, u32)>, GitError> {
        if let Some(found) = self.unreadable.get(path) {
            return Ok(Some(*found));
        }
        let index = repository.index().map_err(GitError::objects("reading the base commit"))?;
        let entry = index.get_path(Path::new(OsStr::from_bytes(path)), 0);
        Ok(entry.map(|entry| (entry.id, entry.mode)))
    }

    /// Paths whose file may differ from the base, each once.
    pub(super) fn differing(
        &mut self,
        overlay: &Overlay,
        repository: &Repository,
    ) -> Result<BTreeSet<Vec<u8>>, GitError> {
        overlay.take_excludes()?;
        let started = clock::now();
        let mut paths = self.compare(overlay, repository)?;
        self.look_older(overlay, repository, started)?;
        self.find_forced(overlay, repository)?;
        paths.extend(self.forced.iter().cloned());
        Ok(paths)
    }

    fn compare(
        &mut self,
        overlay: &Overlay,
        repository: &Repository,
    ) -> Result<BTreeSet<Vec<u8>>, GitError> {
        let mut last = None;
        for _ in 0..TRIES {
            match compare(repository) {
                Ok(paths) => return Ok(paths),
                Err(error) => last = Some(error),
            }
            self.take_unreadable_out(overlay, repository)
                .map_err(GitError::objects("looking for changes"))?;
        }
        let error = last.unwrap_or_else(|| git2::Error::from_str("the tree does not hold still"));
        Err(GitError::objects("looking for changes")(error))
    }

    fn take_unreadable_out(
        &mut self,
        overlay: &Overlay,
        repository: &Repository,
    ) -> Result<(), git2::Error> {
        let mut index = repository.index()?;
        let refused: Vec<_> = index
            .iter()
            .filter(|entry| {
                let path = overlay.tree().join(OsStr::from_bytes(&entry.path));
                path.symlink_metadata().is_ok_and(|about| about.is_file())
                    && File::open(path)
                        .is_err_and(|error| error.kind() == std::io::ErrorKind::PermissionDenied)
            })
            .collect();
        for entry in refused {
            index.remove(Path::new(OsStr::from_bytes(&entry.path)), 0)?;
            self.unreadable.insert(entry.path, (entry.id, entry.mode));
        }
        Ok(())
    }

    /// If the comparison wrote the index, dates it back to before it began.
    fn look_older(
        &self,
        overlay: &Overlay,
        repository: &Repository,
        started: Duration,
    ) -> Result<(), GitError> {
        let path = overlay.index();
        let older = UNIX_EPOCH + started.saturating_sub(TICK);
        let written = std::fs::metadata(&path).and_then(|about| about.modified());
        if written.is_ok_and(|modified| modified > older) && self.unreadable.is_empty() {
            set_modified(&path, older)?;
            repository
                .index()
                .and_then(|mut index| index.read(true))
                .map_err(GitError::objects("reading the base commit"))?;
        }
        Ok(())
    }

    /// What is in the tree's index and not in the base. Where it is ignored
    /// (`git add --force`) libgit2 does not report it, but it will be committed.
    fn find_forced(&mut self, overlay: &Overlay, repository: &Repository) -> Result<(), GitError> {
        let theirs = overlay.tree().join(".git/index");
        let about = theirs.symlink_metadata().ok().filter(std::fs::Metadata::is_file);
        let as_of = about.as_ref().map(Signature::of);
        if as_of == self.forced_as_of {
            return Ok(());
        }
        let base = repository.index().map_err(GitError::objects("reading the base commit"))?;
        // An index that cannot be read is being written or is nonsense.
        let Ok(index) = Index::open(&theirs) else { return Ok(()) };
        let known: HashSet<Vec<u8>> = base.iter().map(|entry| entry.path).collect();
        self.forced = index
            .iter()
            .map(|entry| entry.path)
            .filter(|path| !known.contains(path) && !self.unreadable.contains_key(path))
            .collect();
        self.forced_as_of = as_of;
        Ok(())
    }
}

fn compare(repository: &Repository) -> Result<BTreeSet<Vec<u8>>, git2::Error> {
    let mut options = DiffOptions::new();
    options
        .include_untracked(true)
        .recurse_untracked_dirs(true)
        .include_typechange(true)
        .include_unreadable(true)
        .include_unreadable_as_untracked(true)
        .skip_binary_check(true)
        .update_index(true);
    let diff = repository.diff_index_to_workdir(None, Some(&mut options))?;
    let mut paths = BTreeSet::new();
    for delta in diff.deltas() {
        for file in [delta.old_file(), delta.new_file()] {
            if let Some(path) = file.path_bytes() {
                // A repository of its own is reported as a directory.
                paths.insert(path.strip_suffix(b"/").unwrap_or(path).to_vec());
            }
        }
    }
    Ok(paths)
}

fn set_modified(path: &Path, modified: SystemTime) -> Result<(), GitError> {
    File::options()
        .append(true)
        .open(path)
        .and_then(|file| file.set_times(FileTimes::new().set_modified(modified)))
        .map_err(GitError::file("dating our index", path))
}
