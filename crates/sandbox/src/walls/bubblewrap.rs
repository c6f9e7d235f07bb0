//! The first tier: how bubblewrap is called. Arguments only; nothing is
//! started or looked up here but what of the system is there.

use super::Plan;
use super::files::Made;
use super::view::{DEVICES, Mask, PROGRAMS, is_link_of_system};
use crate::inside::LOW_PORTS;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::Path;

/// Where the init lies inside; commands may execute it, and gain nothing.
const INIT: &str = "/run/pilothouse/init";

/// All namespaces, no capability but those with which the init starts: it
/// opens the low ports of its own network, and then gives up everything.
/// Uid 0 stands for ourselves in the first user namespace; the init leaves it
/// for a second one, in which it is an ordinary user.
const NAMESPACES: &[&str] = &[
    "--unshare-user",
    "--unshare-pid",
    "--unshare-ipc",
    "--unshare-uts",
    "--unshare-net",
    "--unshare-cgroup",
    "--die-with-parent",
    "--new-session",
    "--as-pid-1",
    "--uid",
    "0",
    "--gid",
    "0",
    "--cap-drop",
    "ALL",
    "--cap-add",
    "CAP_NET_ADMIN",
    // Without it, uid 0 may not be mapped into the second user namespace.
    "--cap-add",
    "CAP_SETFCAP",
    "--hostname",
    "workspace",
];

#[derive(Debug, Default)]
struct Arguments(Vec<OsString>);

impl Arguments {
    fn flag(&mut self, arguments: &[&str]) {
        self.0.extend(arguments.iter().map(OsString::from));
    }

    fn bind(&mut self, how: &str, from: impl AsRef<OsStr>, to: impl AsRef<OsStr>) {
        self.0.extend([how.into(), from.as_ref().into(), to.as_ref().into()]);
    }

    fn same(&mut self, how: &str, path: impl AsRef<OsStr>) {
        self.bind(how, path.as_ref(), path.as_ref());
    }

    fn empty(&mut self, path: &str, mode: &str, mebibytes: Option<u64>) {
        self.flag(&["--perms", mode]);
        if let Some(mebibytes) = mebibytes {
            self.flag(&["--size", &mebibytes.saturating_mul(1024 * 1024).to_string()]);
        }
        self.flag(&["--tmpfs", path]);
    }
}

pub(super) fn arguments(plan: &Plan, masks: &[Mask], made: &Made) -> Vec<OsString> {
    let mut arguments = Arguments::default();
    arguments.flag(NAMESPACES);
    system(&mut arguments);
    arguments.bind("--ro-bind", &made.etc, "/etc");
    for directory in &made.directories {
        arguments.same("--ro-bind", directory);
    }
    proc(&mut arguments, masks);
    let tmp = plan.wish.limits.tmp_mb;
    arguments.flag(&["--dev", "/dev"]);
    arguments.empty("/dev/shm", "1777", tmp);
    arguments.empty("/tmp", "1777", tmp);
    arguments.flag(&["--dir", "/var"]);
    arguments.empty("/var/tmp", "1777", tmp);
    for path in plan.readable.iter().filter(|path| !is_link_of_system(path)) {
        arguments.same("--ro-bind-try", path);
    }
    for path in &plan.writable {
        arguments.same("--bind", path);
    }
    for (outside, inside) in &plan.sockets {
        arguments.bind("--ro-bind", outside, inside);
    }
    for (outside, inside) in &made.files {
        arguments.bind("--ro-bind", outside, inside);
    }
    let program = plan.inside.first().map_or(OsStr::new("/bin/false"), OsString::as_os_str);
    arguments.bind("--ro-bind", program, INIT);
    // Whatever is not a mount of its own is not written to either.
    arguments.flag(&["--remount-ro", "/dev", "--remount-ro", "/", "--chdir", "/", "--", INIT]);
    arguments.0.extend(plan.inside.iter().skip(1).cloned());
    arguments.0
}

fn system(arguments: &mut Arguments) {
    for path in PROGRAMS {
        match fs::read_link(path) {
            Ok(target) => arguments.bind("--symlink", target, path),
            Err(_not_a_link) if Path::new(path).is_dir() => arguments.same("--ro-bind", path),
            Err(_not_there) => {}
        }
    }
    arguments.same("--ro-bind-try", DEVICES);
}

fn proc(arguments: &mut Arguments, masks: &[Mask]) {
    arguments.flag(&["--proc", "/proc"]);
    arguments.same("--ro-bind", "/proc/sys");
    // The one setting that the init changes, of the network namespace.
    arguments.same("--bind-try", LOW_PORTS);
    for mask in masks {
        match mask {
            Mask::File(path) => arguments.bind("--ro-bind", "/dev/null", path),
            Mask::Directory(path) => {
                arguments.0.extend(["--tmpfs".into(), path.into()]);
                arguments.0.extend(["--remount-ro".into(), path.into()]);
            }
        }
    }
}

/// Enough to see whether this machine makes such namespaces for this user.
pub(super) fn trial() -> Vec<OsString> {
    let mut arguments = Arguments::default();
    arguments.flag(NAMESPACES);
    system(&mut arguments);
    arguments.flag(&["--proc", "/proc", "--dev", "/dev", "--", "/bin/true"]);
    arguments.0
}
