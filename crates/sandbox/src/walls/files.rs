//! The `/etc` of the inside, and other files that are made up for it: written
//! outside and bound read-only.
//!
//! One directory is put together instead of a mount for each file: bubblewrap
//! takes almost a millisecond for each mount, and there are dozens of files.

use super::view::SETTINGS;
use super::{Plan, WallsError};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Who the commands are.
#[derive(Debug, Clone, Copy)]
pub(super) struct User {
    pub(super) uid: u32,
    pub(super) gid: u32,
}

/// For a runner that is root. Agents refuse to work as root without asking,
/// and to the file system it is still the runner's user.
const ORDINARY: u32 = 1000;

impl User {
    /// The runner's own numbers, but never root's.
    pub(super) fn inside() -> Self {
        let ordinary = |number: u32| if number == 0 { ORDINARY } else { number };
        Self {
            uid: ordinary(rustix::process::geteuid().as_raw()),
            gid: ordinary(rustix::process::getegid().as_raw()),
        }
    }
}

fn defaults(plan: &Plan, user: User) -> BTreeMap<PathBuf, Vec<u8>> {
    let User { uid, gid } = user;
    let home = plan.home.display();
    [
        (
            "/etc/passwd",
            format!(
                "root:x:0:0:root:/nonexistent:/bin/sh\n\
                 agent:x:{uid}:{gid}:agent:{home}:/bin/sh\n\
                 nobody:x:65534:65534:nobody:/nonexistent:/bin/false\n"
            ),
        ),
        ("/etc/group", format!("root:x:0:\nagent:x:{gid}:\nnogroup:x:65534:\n")),
        ("/etc/hostname", "workspace\n".to_owned()),
        (
            "/etc/hosts",
            "127.0.0.1 localhost workspace\n::1 localhost ip6-localhost ip6-loopback\n".to_owned(),
        ),
        (
            "/etc/nsswitch.conf",
            "passwd: files\ngroup: files\nhosts: files dns\nservices: files\nprotocols: files\n"
                .to_owned(),
        ),
        // The gate's, if there is one; one try, because there is no other.
        ("/etc/resolv.conf", "nameserver 127.0.0.1\noptions attempts:1\n".to_owned()),
    ]
    .into_iter()
    .map(|(path, text)| (PathBuf::from(path), text.into_bytes()))
    .collect()
}

/// What to mount, and where.
#[derive(Debug)]
pub(super) struct Made {
    /// The directory that becomes `/etc`.
    pub(super) etc: PathBuf,
    /// Directories of the machine's `/etc` that are seen as they are.
    pub(super) directories: Vec<PathBuf>,
    /// Made-up files elsewhere: outside and inside.
    pub(super) files: Vec<(PathBuf, PathBuf)>,
}

/// Writes everything into the plan's private directory.
pub(super) fn write(plan: &Plan, user: User) -> Result<Made, WallsError> {
    let etc = plan.state.join("etc");
    let mut made = Made { etc: etc.clone(), directories: Vec::new(), files: Vec::new() };
    create_directory(&etc)?;
    for name in SETTINGS {
        let (machine, ours) = (Path::new("/etc").join(name), etc.join(name));
        if let Some(parent) = ours.parent() {
            create_directory(parent)?;
        }
        match fs::metadata(&machine) {
            Ok(metadata) if metadata.is_dir() => {
                create_directory(&ours)?;
                made.directories.push(machine);
            }
            // What is not for everybody is not for the run, also where the
            // runner could read it.
            Ok(metadata) if metadata.is_file() && metadata.mode() & 0o004 != 0 => {
                let bytes = fs::read(&machine).unwrap_or_default();
                write_file(&ours, &bytes)?;
            }
            // Not for everybody, or not on this distribution.
            Ok(_) | Err(_) => {}
        }
    }
    let mut files = defaults(plan, user);
    files.extend(plan.files.iter().map(|(path, bytes)| (path.clone(), bytes.clone())));
    for (number, (inside, bytes)) in files.into_iter().enumerate() {
        let covered = made.directories.iter().any(|directory| inside.starts_with(directory));
        let below_etc = inside.strip_prefix("/etc").ok().filter(|_| !covered);
        let outside = match below_etc {
            Some(name) => etc.join(name),
            None => plan.state.join(format!("file-{number}")),
        };
        if let Some(parent) = outside.parent() {
            create_directory(parent)?;
        }
        write_file(&outside, &bytes)?;
        if below_etc.is_none() {
            made.files.push((outside, inside));
        }
    }
    Ok(made)
}

fn create_directory(path: &Path) -> Result<(), WallsError> {
    fs::create_dir_all(path).map_err(|source| WallsError::File { path: path.to_owned(), source })
}

fn write_file(path: &Path, bytes: &[u8]) -> Result<(), WallsError> {
    fs::write(path, bytes).map_err(|source| WallsError::File { path: path.to_owned(), source })
}
