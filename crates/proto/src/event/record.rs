//! A line of the journal, and where it stands.

use super::Event;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// A position in a journal. The epoch is the incarnation of the shim that wrote
/// the record (1 for the first); `seq` starts at 1, rises by one within an
/// epoch, and is unique within a run. At the border of two epochs it may jump:
/// a shim that starts after a power loss leaves [`Cursor::POWER_LOSS_GAP`] free,
/// because the hub may already hold records that the disk lost.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, TS,
)]
pub struct Cursor {
    /// Incarnation of the writer.
    pub epoch: u32,
    /// Position. 0 is before the first record.
    pub seq: u64,
}

impl Cursor {
    /// More records than a shim can mint between two syncs of its file, so
    /// that a sequence number is never given twice.
    pub const POWER_LOSS_GAP: u64 = 1 << 32;
}

/// One record, as it stands in the shim's file, on the wire and in the hub:
/// one line of JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(rename = "JournalRecord")]
pub struct Record {
    /// Incarnation of the writer.
    pub epoch: u32,
    /// Position.
    pub seq: u64,
    /// When the shim minted it, by its machine's clock. For showing, not for ordering.
    pub at: Timestamp,
    /// What happened.
    pub event: Event,
}

impl Record {
    /// Where it stands.
    pub fn cursor(&self) -> Cursor {
        Cursor { epoch: self.epoch, seq: self.seq }
    }
}
