//! Files in directories that somebody else may rearrange meanwhile: what runs
//! inside the walls writes to the run's tree and home, and a link it leaves
//! there must lead none of us outside.
//!
//! **Invariant:** no symbolic link is followed, neither at the end of a path
//! nor on the way.

use rustix::fs::{AtFlags, Mode, OFlags};
use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path};

const DIRECTORY: OFlags =
    OFlags::DIRECTORY.union(OFlags::NOFOLLOW).union(OFlags::RDONLY).union(OFlags::CLOEXEC);
const READ: OFlags = OFlags::NOFOLLOW.union(OFlags::RDONLY).union(OFlags::CLOEXEC);
/// What we make is the run's user's alone.
const PRIVATE: Mode = Mode::RWXU;

/// Opens the file `name` below `root` for reading.
pub(crate) fn open(root: &Path, name: &Path) -> io::Result<File> {
    let (mut at, parents, last) = start(root, name)?;
    for parent in parents {
        at = rustix::fs::openat(&at, parent, DIRECTORY, Mode::empty())?;
    }
    // A pipe must not hold us up.
    let flags = READ.union(OFlags::NONBLOCK);
    Ok(rustix::fs::openat(&at, last, flags, Mode::empty())?.into())
}

/// The most entries of a directory tree that are looked at, and how deep: more
/// than any agent keeps for one run, and no more than a moment's work.
const LOOKED_AT: usize = 20_000;
const DEEPEST: usize = 8;

/// Opens for reading the file that was changed last of those below `directory`
/// of `root`, at whatever depth, whose name contains `named`.
pub(crate) fn newest(root: &Path, directory: &Path, named: &str) -> io::Result<File> {
    let mut at = rustix::fs::open(root, DIRECTORY, Mode::empty())?;
    for part in parts(directory)? {
        at = rustix::fs::openat(&at, part, DIRECTORY, Mode::empty())?;
    }
    let mut found: Option<(i64, i64, File)> = None;
    let (mut open, mut looked_at) = (vec![(at, 0)], 0);
    while let Some((directory, depth)) = open.pop() {
        for entry in rustix::fs::Dir::read_from(&directory)? {
            let entry = entry?;
            looked_at += 1;
            if looked_at > LOOKED_AT {
                return found.map(|(.., file)| file).ok_or(io::ErrorKind::NotFound.into());
            }
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            if name.to_string_lossy().contains(named) {
                let flags = READ.union(OFlags::NONBLOCK);
                let Ok(file) = rustix::fs::openat(&directory, name, flags, Mode::empty()) else {
                    continue;
                };
                let file = File::from(file);
                let about = file.metadata()?;
                let changed = (about.mtime(), about.mtime_nsec());
                let newer = found.as_ref().is_none_or(|(at, ns, _)| changed >= (*at, *ns));
                if about.is_file() && newer {
                    found = Some((changed.0, changed.1, file));
                }
            }
            if depth < DEEPEST
                && let Ok(inner) = rustix::fs::openat(&directory, name, DIRECTORY, Mode::empty())
            {
                open.push((inner, depth + 1));
            }
        }
    }
    found.map(|(.., file)| file).ok_or(io::ErrorKind::NotFound.into())
}

/// Makes the file `name` below `root` anew, with its directories. Whatever was
/// there under its name, a link for one, is removed.
pub(crate) fn create(root: &Path, name: &Path, mode: u32) -> io::Result<File> {
    let (mut at, parents, last) = start(root, name)?;
    for parent in parents {
        at = descend(&at, parent)?;
    }
    match rustix::fs::unlinkat(&at, last, AtFlags::empty()) {
        Ok(()) | Err(rustix::io::Errno::NOENT) => {}
        Err(error) => return Err(error.into()),
    }
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = rustix::fs::openat(&at, last, flags, PRIVATE)?;
    rustix::fs::fchmod(&file, Mode::from_raw_mode(mode))?;
    Ok(file.into())
}

fn descend(at: impl AsFd, name: &OsStr) -> io::Result<OwnedFd> {
    match rustix::fs::mkdirat(&at, name, PRIVATE) {
        Ok(()) | Err(rustix::io::Errno::EXIST) => {}
        Err(error) => return Err(error.into()),
    }
    Ok(rustix::fs::openat(&at, name, DIRECTORY, Mode::empty())?)
}

/// The open root, the directories on the way, and the file's own name.
fn start<'a>(root: &Path, name: &'a Path) -> io::Result<(OwnedFd, Vec<&'a OsStr>, &'a OsStr)> {
    let mut parts = parts(name)?;
    let last = parts.pop().ok_or(io::ErrorKind::InvalidInput)?;
    Ok((rustix::fs::open(root, DIRECTORY, Mode::empty())?, parts, last))
}

fn parts(path: &Path) -> io::Result<Vec<&OsStr>> {
    let part = |part| match part {
        Component::Normal(part) => Ok(part),
        Component::Prefix(_) | Component::RootDir | Component::CurDir | Component::ParentDir => {
            let message = "a path that leads out of its directory";
            Err(io::Error::new(io::ErrorKind::InvalidInput, message))
        }
    };
    path.components().map(part).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::os::unix::fs::{PermissionsExt, symlink};

    #[test]
    fn no_link_leads_out_and_a_file_takes_the_place_of_one() {
        let home = tempfile::tempdir().expect("a temporary directory");
        let (root, outside) = (home.path().join("root"), home.path().join("outside"));
        for directory in [&root, &outside] {
            std::fs::create_dir(directory).expect("writable");
        }
        std::fs::write(outside.join("secret"), "theirs").expect("writable");
        symlink(outside.join("secret"), root.join("file")).expect("writable");
        symlink(&outside, root.join("directory")).expect("writable");
        assert!(open(&root, Path::new("file")).is_err());
        assert!(open(&root, Path::new("directory/secret")).is_err());
        assert!(open(&root, Path::new("../outside/secret")).is_err());
        assert!(create(&root, Path::new("directory/secret"), 0o600).is_err());
        assert!(create(&root, Path::new("../outside/new"), 0o600).is_err());

        let mut file = create(&root, Path::new("file"), 0o640).expect("it takes the link's place");
        file.write_all(b"ours").expect("writable");
        create(&root, Path::new("a/b/c"), 0o600).expect("with its directories");
        let read = |path| std::fs::read_to_string(path).expect("readable");
        assert_eq!(read(outside.join("secret")), "theirs", "nothing went through the link");
        assert_eq!(read(root.join("file")), "ours");
        assert!(newest(&root, Path::new(""), "secret").is_err(), "it stands behind the link only");
        assert!(newest(&root, Path::new("directory"), "secret").is_err());
        let named = "rollout-5-".to_owned() + &"c".repeat(3);
        for (day, age) in [("01", 2), ("02", 1)] {
            let name = Path::new("sessions").join(day).join(format!("{named}.jsonl"));
            let mut file = create(&root, &name, 0o600).expect("writable");
            file.write_all(day.as_bytes()).expect("writable");
            let then = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1000 - age);
            file.set_modified(then).expect("settable");
        }
        let mut text = String::new();
        let mut file = newest(&root, Path::new("sessions"), &named).expect("there are two");
        file.read_to_string(&mut text).expect("readable");
        assert_eq!(text, "02", "the one changed last");

        let mode = root.join("file").metadata().expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o640);
    }
}
