//! What this machine can really do for this user: found out by doing it.
//! Versions and settings say little; a container, a security module or a
//! `sysctl` may forbid what the kernel could do.

use super::bubblewrap;
use super::cgroup::Grouping;
use crate::inside::Landlock;
use std::ffi::{OsStr, OsString};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use std::{fs, io};
use tokio::process::Command;
use tokio::time::timeout;

/// It takes milliseconds; a machine that is busy with other things gets its time.
const TRIAL: Duration = Duration::from_secs(20);

/// What the machine can do. Made once per start of the runner; a change of the
/// machine is seen at the next.
#[derive(Debug, Clone)]
pub struct Survey {
    pub(super) bubblewrap: Result<PathBuf, String>,
    pub(super) landlock: Option<Landlock>,
    pub(super) grouping: Grouping,
    /// Where programs are looked for.
    pub(super) path: OsString,
    pub(super) root: bool,
}

/// Finds it out; `path` is where programs are looked for.
pub async fn survey(path: &OsStr) -> Survey {
    Survey {
        bubblewrap: try_bubblewrap(path).await,
        landlock: Landlock::survey(),
        grouping: Grouping::survey(),
        path: path.to_owned(),
        root: rustix::process::geteuid().is_root(),
    }
}

impl Survey {
    /// Why bubblewrap cannot be used here, for a person; none if it can.
    pub fn without_bubblewrap(&self) -> Option<&str> {
        self.bubblewrap.as_ref().err().map(String::as_str)
    }

    /// True if the second tier can be used.
    pub fn has_landlock(&self) -> bool {
        self.landlock.is_some()
    }

    /// The same machine as if it had no bubblewrap, to see what remains.
    #[must_use]
    pub fn ignoring_bubblewrap(mut self) -> Self {
        self.bubblewrap = Err("bubblewrap was left out on purpose".to_owned());
        self
    }
}

async fn try_bubblewrap(path: &OsStr) -> Result<PathBuf, String> {
    let Some(program) = find("bwrap", path) else {
        return Err("`bwrap` is not installed: install the package `bubblewrap`".to_owned());
    };
    let trial = Command::new(&program)
        .args(bubblewrap::trial())
        .env_clear()
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    match timeout(TRIAL, trial).await {
        Ok(Ok(output)) if output.status.success() => Ok(program),
        Ok(Ok(output)) => {
            let said = String::from_utf8_lossy(&output.stderr);
            Err(format!("`bwrap` cannot make namespaces here: {}", said.trim()))
        }
        Ok(Err(error)) => Err(format!("`bwrap` does not start: {error}")),
        Err(_elapsed) => Err(format!("`bwrap` did not end within {} s", TRIAL.as_secs())),
    }
}

/// A program in a `PATH`.
pub(super) fn find(name: &str, path: &OsStr) -> Option<PathBuf> {
    std::env::split_paths(path).map(|directory| directory.join(name)).find(|path| is_program(path))
}

fn is_program(path: &Path) -> bool {
    let executable = |metadata: io::Result<fs::Metadata>| {
        metadata.is_ok_and(|it| it.is_file() && it.permissions().mode() & 0o111 != 0)
    };
    executable(fs::metadata(path))
}
