//! A process that cannot be mistaken for another: its number and the time it
//! started, because numbers are given again. Read from Linux's `/proc`.

use serde::{Deserialize, Serialize};
use std::fs;

/// A process of this machine since its last boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Process {
    /// Its number.
    pub pid: u32,
    /// Clock ticks from boot to its start.
    pub started: u64,
}

impl Process {
    /// The process that has this number now; a zombie has it until it is reaped.
    pub fn of(pid: u32) -> Option<Self> {
        Seen::of(pid).map(|seen| seen.process)
    }

    /// Ourselves.
    pub fn current() -> Option<Self> {
        Self::of(std::process::id())
    }

    /// Asks it and its process group to end (`TERM`). Does nothing once it is gone.
    pub fn ask_to_end(self) {
        let pid = i32::try_from(self.pid).ok().and_then(rustix::process::Pid::from_raw);
        if let Some(pid) = pid.filter(|_| self.is_alive()) {
            // It may end in this very moment.
            rustix::process::kill_process_group(pid, rustix::process::Signal::TERM).ok();
        }
    }

    /// True while it lives; a zombie does not.
    pub fn is_alive(self) -> bool {
        Seen::of(self.pid).is_some_and(|seen| seen.process == self && !seen.is_zombie())
    }
}

/// A process as `/proc` showed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) process: Process,
    pub(crate) parent: u32,
    pub(crate) group: u32,
    state: char,
}

impl Seen {
    fn of(pid: u32) -> Option<Self> {
        // Bytes: a process may call itself anything.
        let stat = fs::read(format!("/proc/{pid}/stat")).ok()?;
        Self::parse(pid, &stat)
    }

    /// Reads `pid (name) state parent group …`; the name may hold spaces and
    /// parentheses, so what counts is the last one.
    fn parse(pid: u32, stat: &[u8]) -> Option<Self> {
        let name_end = stat.iter().rposition(|byte| *byte == b')')?;
        let rest = std::str::from_utf8(&stat[name_end + 1..]).ok()?;
        let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
        // By proc(5) the state is the 3rd field and the start time the 22nd.
        Some(Self {
            process: Process { pid, started: fields.get(19)?.parse().ok()? },
            parent: fields.get(1)?.parse().ok()?,
            group: fields.get(2)?.parse().ok()?,
            state: fields.first()?.chars().next()?,
        })
    }

    pub(crate) fn is_zombie(self) -> bool {
        matches!(self.state, 'Z' | 'X')
    }
}

/// Every process that we can see.
pub(crate) fn all() -> Vec<Seen> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter_map(Seen::of)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_may_call_itself_anything() {
        let stat = b"7 (a) Z 1 (\xff) S 3 4 5 0 -1 4 0 0 0 0 1 2 3 4 20 0 1 0 99 0 0";
        let seen = Seen::parse(7, stat).expect("parses");
        assert_eq!(
            seen,
            Seen { process: Process { pid: 7, started: 99 }, parent: 3, group: 4, state: 'S' },
        );
    }

    #[test]
    fn a_number_given_again_is_another_process() {
        let this = Process::current().expect("we are here");
        assert!(this.is_alive());
        let predecessor = Process { started: this.started - 1, ..this };
        assert!(!predecessor.is_alive(), "the number alone does not make it the same process");
    }
}
