//! The death of a run's whole process tree, whatever its members did to get
//! away: forked twice, made a session, ignored a signal.
//!
//! The tree is looked up again and again until nobody is left, because it may
//! grow while it is being killed. What escapes is a process that shed the
//! marker, left its group and lost its parent, where no subreaper lives; a pid
//! namespace is the remedy, and comes with the walls.

use crate::environment::RUN_VARIABLE;
use crate::process::{self, Process, Seen};
use pilot_proto::RunId;
use rustix::process::{Pid, PidfdFlags, Signal, WaitOptions};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use std::{fs, io};
use tokio::time::{Instant, sleep};

mod tree;

use tree::{Tree, carries};

/// What has to die.
#[derive(Debug, Clone)]
pub struct Doomed {
    /// Every process whose environment has this run's marker, with its descendants.
    pub run: RunId,
    /// Processes that were started for the run, from the ledger: each with its
    /// process group and descendants, marker or not. They are killed, but not
    /// reaped: whoever started one still waits for it. Other children of ours
    /// that die here are reaped.
    pub roots: Vec<Process>,
    /// All our own descendants too. Only for a shim, which is a subreaper and
    /// has nothing else running: this is how a process is found that shed
    /// marker, group and parents.
    pub adopted: bool,
}

/// A process that is still there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Survivor {
    /// Its number.
    pub pid: u32,
    /// Its command line, cut to 200 characters.
    pub command: String,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// How many processes there were, and are no more.
    pub killed: usize,
    /// Those that outlived the deadline.
    pub left: Vec<Survivor>,
    /// How many processes of the machine did not let us look for the marker
    /// (another user's).
    pub unreadable: usize,
}

/// A process that `KILL` does not end within this is stuck in the kernel; it
/// is reported instead of waited for.
const KILL_DEADLINE: Duration = Duration::from_secs(10);
/// A process that takes longer to become another program has always shown
/// neither environment nor arguments.
const EXECUTING: Duration = Duration::from_secs(1);
/// Between two looks: short against a person's patience, long against a look.
const PAUSE: Duration = Duration::from_millis(10);

/// Makes this process the parent of its descendants' orphans, so that none
/// gets out of sight.
pub fn become_subreaper() -> io::Result<()> {
    rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?;
    Ok(())
}

/// Ends them all: `TERM`, and after `grace` `KILL`, until none is left. Never
/// ourselves. Returns as soon as all are gone.
pub async fn kill_run(doomed: &Doomed, grace: Duration) -> Report {
    let begun = Instant::now();
    let mut seen = BTreeSet::new();
    let mut gone_since: Option<Instant> = None;
    loop {
        let tree = Tree::look(doomed);
        reap(&tree, doomed, &seen);
        let (gone, elapsed) = (tree.living.is_empty(), begun.elapsed());
        // Twice, because a process shows no environment while it executes
        // another program; and longer where one does just that.
        let sure = |since: Instant| !tree.executing || since.elapsed() >= EXECUTING;
        if (gone && gone_since.is_some_and(sure)) || elapsed >= grace + KILL_DEADLINE {
            return report(&tree, &seen);
        }
        gone_since = gone.then(|| gone_since.unwrap_or_else(Instant::now));
        if elapsed < grace {
            // Once each: many programs take a second one for impatience and
            // leave their own cleaning undone.
            tree.signal(Signal::TERM, &seen);
        } else {
            tree.signal(Signal::KILL, &BTreeSet::new());
        }
        seen.extend(tree.living.iter().map(|member| member.process));
        sleep(PAUSE).await;
    }
}

fn report(tree: &Tree, seen: &BTreeSet<Process>) -> Report {
    let left: BTreeSet<Process> = tree.living.iter().map(|member| member.process).collect();
    Report {
        killed: seen.difference(&left).count(),
        left: left.into_iter().map(survivor).collect(),
        unreadable: tree.unreadable,
    }
}

/// Processes that carry the run's marker, ourselves left out.
pub fn survivors(run: RunId) -> Vec<Survivor> {
    let marker = marker(run);
    process::all()
        .into_iter()
        .filter(|seen| !seen.is_zombie() && seen.process.pid != std::process::id())
        .filter(|seen| carries(seen.process.pid, &marker).unwrap_or(false))
        .map(|seen| survivor(seen.process))
        .collect()
}

/// Whether a process is one of a run's: it carries the run's marker, or one of
/// those that started it does. Only as good as that nobody else sets the marker:
/// whoever can is the same user.
pub fn belongs(run: RunId, pid: u32) -> bool {
    /// Deeper than shells and build tools nest.
    const DEEPEST: usize = 64;
    let marker = marker(run);
    let parents: BTreeMap<u32, u32> =
        process::all().into_iter().map(|seen| (seen.process.pid, seen.parent)).collect();
    std::iter::successors(Some(pid), |pid| parents.get(pid).copied())
        .take(DEEPEST)
        .take_while(|pid| *pid > 1)
        .any(|pid| carries(pid, &marker).unwrap_or(false))
}

fn marker(run: RunId) -> Vec<u8> {
    format!("{RUN_VARIABLE}={run}").into_bytes()
}

fn survivor(process: Process) -> Survivor {
    let pid = process.pid;
    let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let line = String::from_utf8_lossy(&line).replace('\0', " ");
    let command = match line.trim() {
        // A kernel thread, or a process that wiped its arguments.
        "" => fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default().trim().to_owned(),
        line => line.chars().take(200).collect(),
    };
    Survivor { pid, command }
}

/// Takes the zombies that are ours to take out of the process table.
fn reap(tree: &Tree, doomed: &Doomed, seen: &BTreeSet<Process>) {
    let ours = |zombie: &&Seen| {
        let process = zombie.process;
        zombie.parent == std::process::id()
            && !doomed.roots.contains(&process)
            && (doomed.adopted || seen.contains(&process))
    };
    for zombie in tree.zombies.iter().filter(ours) {
        if let Some(pid) = pid_of(zombie.process.pid) {
            // Somebody else may have reaped it by now.
            rustix::process::waitpid(Some(pid), WaitOptions::NOHANG).ok();
        }
    }
}

fn pid_of(pid: u32) -> Option<Pid> {
    Pid::from_raw(i32::try_from(pid).ok()?)
}

/// Signals exactly this process: the descriptor is opened first and pins the
/// number, then the start time shows whose it is.
fn signal_process(process: Process, signal: Signal) {
    let Some(pid) = pid_of(process.pid) else { return };
    let descriptor = rustix::process::pidfd_open(pid, PidfdFlags::empty());
    if Process::of(process.pid) != Some(process) {
        return;
    }
    // It may be gone by now, or not ours to signal; the next look tells.
    match descriptor {
        Ok(descriptor) => rustix::process::pidfd_send_signal(descriptor, signal).ok(),
        // A kernel or a container without pidfds.
        Err(_unsupported) => rustix::process::kill_process(pid, signal).ok(),
    };
}
