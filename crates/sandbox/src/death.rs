//! The death of a run's whole process tree, whatever its members did to get
//! away: forked twice, made a session, ignored a signal.

use crate::process::Process;
use pilot_proto::RunId;
use std::io;
use std::time::Duration;

/// What has to die.
#[derive(Debug, Clone)]
pub struct Doomed {
    /// Every process whose environment has this run's marker, with its descendants.
    pub run: RunId,
    /// Processes that were started for the run, from the ledger: each with its
    /// process group and descendants, marker or not.
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

/// Makes this process the parent of its descendants' orphans, so that none
/// gets out of sight.
pub fn become_subreaper() -> io::Result<()> {
    todo!()
}

/// Ends them all: `TERM`, and after `grace`, or at once where nobody is left
/// to wait for, `KILL` until none is left. Never ourselves.
pub async fn kill_run(doomed: &Doomed, grace: Duration) -> Report {
    todo!()
}

/// Processes that carry the run's marker.
pub fn survivors(run: RunId) -> Vec<Survivor> {
    todo!()
}
