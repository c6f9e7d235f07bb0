//! What of the machine's file system is seen inside: an allow-list. What is
//! not named here or in the plan does not exist there: homes, `/root`,
//! `/var/lib`, `/run`, `/srv`, sockets of daemons, the hub's and the runner's
//! directories.

use super::Plan;
use crate::wire::Rules;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Directories of programs. Where a distribution merged them into `/usr`, all
/// but that are symbolic links, and stay such.
pub(super) const PROGRAMS: &[&str] = &[
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/opt",
    "/nix/store",
    "/gnu/store",
];

/// What programs read of `/etc`: how to load libraries, whom to trust in TLS,
/// how to write time and text. Never `/etc` itself: `shadow`, `sudoers`, host
/// keys, `ssl/private` and a dozen daemons' passwords are there.
pub(super) const SETTINGS: &[&str] = &[
    "alternatives",
    "bash.bashrc",
    "bash_completion.d",
    "ca-certificates",
    "ca-certificates.conf",
    // Debian's start of the browser reads these, and ends where they are not.
    "chromium",
    "chromium.d",
    "debian_version",
    "fonts",
    "gai.conf",
    "host.conf",
    "inputrc",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "locale.alias",
    "locale.conf",
    "locale.gen",
    "localtime",
    "lsb-release",
    "magic",
    "magic.mime",
    "mime.types",
    "os-release",
    "pki/ca-trust/extracted",
    "pki/tls/certs",
    "profile",
    "protocols",
    "rpc",
    "services",
    "shells",
    "ssl/cert.pem",
    "ssl/certs",
    "ssl/openssl.cnf",
    "terminfo",
    "timezone",
    "vulkan",
    "X11/app-defaults",
    "xdg",
    "java-11-openjdk",
    "java-17-openjdk",
    "java-21-openjdk",
    "java-25-openjdk",
    "maven",
    "perl",
    "python3",
    "python3.11",
    "python3.12",
    "python3.13",
    "python3.14",
];

/// What tools ask of `/sys`: how many processors there are.
pub(super) const DEVICES: &str = "/sys/devices/system/cpu";

/// Subdirectories that are seen as they are, because the kernel shows a
/// process only what belongs to its own namespaces in them.
const PLAIN_PROC: &[&str] = &["sys", "sysvipc"];

/// How to hide one file or directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Mask {
    /// Lay something empty over this file.
    File(PathBuf),
    /// Lay an empty directory over this one.
    Directory(PathBuf),
}

/// Entries of `/proc` that show or change the machine. They are protected by
/// their owner alone, who is us when the runner is root: a user namespace does
/// not help, since to the kernel we still are that user. So is `/proc/sys`,
/// which is bound read-only. And files among programs that only root may read.
pub(super) fn masks() -> Vec<Mask> {
    if !rustix::process::geteuid().is_root() {
        // The kernel keeps others out by itself.
        return Vec::new();
    }
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let mut masks: Vec<Mask> = entries
        .filter_map(|entry| {
            let name = entry.file_name();
            let name = name.to_str()?;
            let kind = entry.file_type().ok()?;
            let number = name.bytes().all(|byte| byte.is_ascii_digit());
            if number || kind.is_symlink() || PLAIN_PROC.contains(&name) {
                return None;
            }
            if kind.is_dir() {
                return Some(Mask::Directory(entry.path()));
            }
            let open_to_all = entry.metadata().ok()?.mode() & 0o777 == 0o444;
            (!open_to_all).then(|| Mask::File(entry.path()))
        })
        .collect();
    masks.sort_by(|one, other| one.path().cmp(other.path()));
    for directory in ["/opt", "/usr/local"] {
        masks.extend(private(Path::new(directory), DEPTH));
    }
    masks
}

/// How deep programs are searched for what only their owner may read: deep
/// enough for `/opt/program/secrets`, shallow enough to take no time.
const DEPTH: u32 = 3;

/// What is not for everybody below a directory of programs.
fn private(directory: &Path, depth: u32) -> Vec<Mask> {
    let mut masks = Vec::new();
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        // Of the entry itself: a link leads to what is seen anyway, or nowhere.
        let Ok(metadata) = entry.metadata() else { continue };
        let (mode, path) = (metadata.mode(), entry.path());
        if metadata.is_dir() && mode & 0o005 != 0o005 {
            masks.push(Mask::Directory(path));
        } else if metadata.is_dir() && depth > 1 {
            masks.extend(private(&path, depth - 1));
        } else if metadata.is_file() && mode & 0o004 == 0 {
            masks.push(Mask::File(path));
        }
    }
    masks
}

impl Mask {
    fn path(&self) -> &Path {
        match self {
            Self::File(path) | Self::Directory(path) => path,
        }
    }
}

/// Directories that the programs of a `PATH` need beyond the system's, to be
/// put into `Plan::readable`: the directories themselves, toolchains that are
/// known to keep their parts elsewhere, and the packages that links in them
/// lead to. Never a home, and never a parent that holds more than programs.
pub fn reachable(path: &OsStr) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = Vec::new();
    for directory in std::env::split_paths(path) {
        if !directory.is_absolute() || is_system(&directory) || !directory.is_dir() {
            continue;
        }
        found.extend(toolchain(&directory));
        let entries = fs::read_dir(&directory).into_iter().flatten().flatten();
        let links = entries.filter_map(|entry| fs::canonicalize(entry.path()).ok());
        found.extend(links.filter_map(|target| package(&target)));
        found.push(directory);
    }
    found.retain(|path| !is_system(path));
    found.sort();
    found.dedup();
    let all = found.clone();
    // What lies in another one comes with it.
    found.retain(|path| !all.iter().any(|other| path != other && path.starts_with(other)));
    found
}

/// A link among the system's programs, Debian's `/usr/lib/ssl/cert.pem` for one:
/// it is seen with them, and nothing can be bound where a link stands.
pub(super) fn is_link_of_system(path: &Path) -> bool {
    is_system(path) && path.is_symlink()
}

fn is_system(path: &Path) -> bool {
    PROGRAMS.iter().any(|system| path.starts_with(system))
}

/// Where the programs of this directory keep their parts.
fn toolchain(directory: &Path) -> Vec<PathBuf> {
    let Some(parent) = directory.parent() else { return Vec::new() };
    let named = |name: &str| parent.file_name() == Some(OsStr::new(name));
    if named(".cargo") {
        let homes = parent.parent().map(|home| home.join(".rustup"));
        return homes.into_iter().collect();
    }
    // A whole installation under a prefix of its own: nvm, fnm, pyenv, Go.
    let whole = parent.join("include/node").is_dir()
        || parent.join("pkg/tool").is_dir()
        || (named(".pyenv") && parent.join("versions").is_dir());
    if whole { vec![parent.to_owned()] } else { Vec::new() }
}

/// The npm package, with its dependencies, that a file belongs to; else the
/// file itself.
fn package(target: &Path) -> Option<PathBuf> {
    let modules = |path: &&Path| path.file_name() == Some(OsStr::new("node_modules"));
    // The outermost: packages are hoisted into it.
    match target.ancestors().filter(modules).last() {
        Some(modules) => Some(modules.to_owned()),
        None => target.is_file().then(|| target.to_owned()),
    }
}

/// What Landlock allows: the same files as the namespaces show, and those that
/// they would have made anew.
pub(super) fn rules(plan: &Plan) -> Rules {
    let settings = SETTINGS.iter().map(|name| Path::new("/etc").join(name));
    let more =
        ["/etc/passwd", "/etc/group", "/etc/hosts", "/etc/nsswitch.conf", "/etc/resolv.conf"];
    let readable = PROGRAMS
        .iter()
        .chain(&more)
        .chain(&["/proc", DEVICES])
        .map(PathBuf::from)
        .chain(settings)
        .chain(plan.readable.iter().cloned());
    let devices = ["null", "zero", "full", "random", "urandom", "tty", "ptmx", "pts"]
        .map(|name| Path::new("/dev").join(name));
    let writable = plan.writable.iter().cloned().chain(devices);
    Rules { readable: readable.collect(), writable: writable.collect(), ports: plan.ports.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn what_is_not_for_everybody_is_hidden() {
        let place = tempfile::tempdir().expect("a directory");
        let make = |name: &str, mode: Option<u32>| {
            let path = place.path().join(name);
            match mode {
                Some(mode) => {
                    fs::write(&path, "x").expect("a file");
                    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("ours");
                }
                None => fs::create_dir(&path).expect("a directory"),
            }
            path
        };
        make("program", None);
        make("program/run", Some(0o755));
        let secret = make("program/secret", Some(0o640));
        let closed = make("closed", None);
        fs::set_permissions(&closed, fs::Permissions::from_mode(0o700)).expect("ours");
        make("closed/inner", Some(0o600));
        let mut masks = private(place.path(), DEPTH);
        masks.sort_by(|one, other| one.path().cmp(other.path()));
        assert_eq!(masks, [Mask::Directory(closed), Mask::File(secret)]);
    }

    #[test]
    fn programs_bring_their_parts_and_no_home() {
        let place = tempfile::tempdir().expect("a directory");
        let home = fs::canonicalize(place.path()).expect("it is there");
        let package = home.join("prefix/lib/node_modules/@scope/agent/cli.js");
        fs::create_dir_all(package.parent().expect("it has one")).expect("a directory");
        fs::write(&package, "").expect("a file");
        for directory in ["prefix/bin", ".cargo/bin", ".rustup", ".ssh", "plain/bin"] {
            fs::create_dir_all(home.join(directory)).expect("a directory");
        }
        std::os::unix::fs::symlink(&package, home.join("prefix/bin/agent")).expect("a link");
        let path = ["prefix/bin", ".cargo/bin", "plain/bin", "gone/bin"].map(|it| home.join(it));
        let system = PathBuf::from("/usr/bin");
        let path = std::env::join_paths(path.iter().chain([&system])).expect("a path");
        let expected =
            [".cargo/bin", ".rustup", "plain/bin", "prefix/bin", "prefix/lib/node_modules"];
        assert_eq!(reachable(&path), expected.map(|it| home.join(it)));
    }
}
