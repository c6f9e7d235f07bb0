//! Reading a file of a tree that somebody else is writing, and who may want us
//! to read another file than the one we ask for.

use crate::overlay::head_of;
use crate::scan::kind::{EXECUTABLE, FILE, SYMLINK};
use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

/// Enough of a file's metadata to see that it was touched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Signature {
    inode: u64,
    mode: u32,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Signature {
    pub(super) fn of(about: &Metadata) -> Self {
        Self {
            inode: about.ino(),
            mode: about.mode(),
            size: about.size(),
            modified: (about.mtime(), about.mtime_nsec()),
            changed: (about.ctime(), about.ctime_nsec()),
        }
    }

    /// When the file last changed, by the file system's clock. Unlike the time
    /// of modification nobody can set it.
    pub(super) fn changed_at(&self) -> Duration {
        let secs = u64::try_from(self.changed.0).unwrap_or_default();
        Duration::new(secs, u32::try_from(self.changed.1).unwrap_or_default())
    }
}

/// What is at a path.
#[derive(Debug)]
pub(super) enum Found {
    /// Nothing, or something git does not know: a directory, a pipe, a socket.
    Nothing,
    /// Contents.
    Contents { mode: u32, bytes: Vec<u8> },
    /// A repository of its own, at this commit, if it has one.
    Repository { commit: Option<String> },
    /// Something whose contents we do not have.
    LeftOut { mode: u32, size: u64, why: String },
}

/// A file that changes while it is read is read again this often; after that
/// its next scan will see it.
const TRIES: u32 = 3;

/// What is at `path` in the tree, and its signature from before it was read.
pub(super) fn read(tree: &Path, path: &Path, most: u64) -> io::Result<(Found, Option<Signature>)> {
    let mut found = Found::Nothing;
    let mut signature = None;
    for _ in 0..TRIES {
        let about = match tree.join(path).symlink_metadata() {
            Err(error) if is_gone(&error) => return Ok((Found::Nothing, None)),
            about => about?,
        };
        let before = Signature::of(&about);
        (found, signature) = (look(tree, path, &about, most)?, Some(before));
        let after = tree.join(path).symlink_metadata().ok().map(|about| Signature::of(&about));
        if after == signature {
            break;
        }
    }
    Ok((found, signature))
}

/// The signature alone.
pub(super) fn signature(tree: &Path, path: &Path) -> Option<Signature> {
    tree.join(path).symlink_metadata().ok().map(|about| Signature::of(&about))
}

fn look(tree: &Path, path: &Path, about: &Metadata, most: u64) -> io::Result<Found> {
    let kind = about.file_type();
    if kind.is_symlink() {
        return match std::fs::read_link(tree.join(path)) {
            Ok(target) => {
                Ok(Found::Contents { mode: SYMLINK, bytes: target.into_os_string().into_vec() })
            }
            Err(error) if is_gone(&error) => Ok(Found::Nothing),
            Err(error) => Err(error),
        };
    }
    if kind.is_dir() {
        return Ok(repository(&tree.join(path)));
    }
    if !kind.is_file() {
        return Ok(Found::Nothing);
    }
    let mode = if about.mode() & 0o100 == 0 { FILE } else { EXECUTABLE };
    let left_out = |size, why: String| Found::LeftOut { mode, size, why };
    if about.len() > most {
        return Ok(left_out(about.len(), too_large(most)));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(about.len()).unwrap_or_default());
    let read = open(tree, path).and_then(|file| file.take(most + 1).read_to_end(&mut bytes));
    match read {
        Ok(_) if bytes.len() as u64 > most => Ok(left_out(bytes.len() as u64, too_large(most))),
        Ok(_) => Ok(Found::Contents { mode, bytes }),
        Err(error) if is_gone(&error) => Ok(Found::Nothing),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            Ok(left_out(about.len(), "the file may not be read".into()))
        }
        Err(error) => Err(error),
    }
}

/// Says why contents are left out.
pub(super) fn too_large(most: u64) -> String {
    format!("larger than {most} bytes")
}

/// A directory: a repository of its own if it has a `.git`, else nothing.
fn repository(directory: &Path) -> Found {
    if directory.join(".git").symlink_metadata().is_err() {
        return Found::Nothing;
    }
    Found::Repository { commit: head_of(directory).ok().flatten() }
}

/// Opens an ordinary file below the tree, through no symbolic link: between
/// our look and our opening any part of the path may have become one.
fn open(tree: &Path, path: &Path) -> io::Result<File> {
    use rustix::fs::{Mode, OFlags};
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
    #[cfg(target_os = "linux")]
    let opened = {
        use rustix::fs::{ResolveFlags, openat2};
        let inside = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
        match openat2(File::open(tree)?, path, flags, Mode::empty(), inside) {
            // A kernel before 5.6, or a sandbox that does not know the call.
            Err(rustix::io::Errno::NOSYS | rustix::io::Errno::PERM) => {
                rustix::fs::open(tree.join(path), flags, Mode::empty())
            }
            opened => opened,
        }
    };
    #[cfg(not(target_os = "linux"))]
    let opened = rustix::fs::open(tree.join(path), flags, Mode::empty());
    let file = File::from(opened?);
    if file.metadata()?.is_file() {
        Ok(file)
    } else {
        Err(io::Error::from(io::ErrorKind::NotFound))
    }
}

/// It went away, or a part of its path is no directory (any more), or became
/// a link.
fn is_gone(error: &io::Error) -> bool {
    let by_number = error.raw_os_error().map(rustix::io::Errno::from_raw_os_error);
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
        || by_number == Some(rustix::io::Errno::LOOP)
        || by_number == Some(rustix::io::Errno::XDEV)
}
