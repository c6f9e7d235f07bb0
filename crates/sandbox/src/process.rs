//! A process that cannot be mistaken for another: its number and the time it
//! started, because numbers are given again.

use serde::{Deserialize, Serialize};

/// A process of this machine since its last boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Process {
    /// Its number.
    pub pid: u32,
    /// Clock ticks from boot to its start.
    pub started: u64,
}

impl Process {
    /// The process that has this number now.
    pub fn of(pid: u32) -> Option<Self> {
        todo!()
    }

    /// True while it lives; a zombie does not.
    pub fn is_alive(self) -> bool {
        todo!()
    }
}
