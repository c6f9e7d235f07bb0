//! Orphans that the shim inherited, being a subreaper, and that have ended:
//! somebody must wait for them, or a chatty agent fills the process table.

use rustix::process::{Pid, WaitOptions};
use std::collections::BTreeSet;

/// The ended orphans of one look ago.
#[derive(Debug, Default)]
pub(super) struct Orphans {
    ended: BTreeSet<i32>,
}

impl Orphans {
    /// Waits for whoever was ended at the look before already. A child of our
    /// own has been waited for by then, so it is never taken from whoever
    /// waits for it.
    pub(super) fn reap(&mut self) {
        let ended: BTreeSet<i32> = children().into_iter().filter(|pid| is_zombie(*pid)).collect();
        for pid in ended.intersection(&self.ended).filter_map(|pid| Pid::from_raw(*pid)) {
            if let Err(error) = rustix::process::waitpid(Some(pid), WaitOptions::NOHANG) {
                tracing::debug!(%error, "an orphan was gone already");
            }
        }
        self.ended = ended;
    }
}

fn children() -> Vec<i32> {
    let Ok(threads) = std::fs::read_dir("/proc/self/task") else { return Vec::new() };
    threads
        .flatten()
        .filter_map(|thread| std::fs::read_to_string(thread.path().join("children")).ok())
        .flat_map(|pids| {
            pids.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<i32>>()
        })
        .collect()
}

fn is_zombie(pid: i32) -> bool {
    let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else { return false };
    // `pid (name) state …`; the name may hold anything, brackets too.
    stat.rsplit_once(')').is_some_and(|(_, rest)| rest.trim_start().starts_with('Z'))
}
