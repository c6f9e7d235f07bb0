//! What crosses as bytes: each binary frame is a line that says what it is, and
//! what follows it.

use crate::event::{Cursor, Record};
use crate::ids::{BlobId, RunId};
use serde::{Deserialize, Serialize};

/// The first line of a binary frame; the bytes follow after its `\n`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "bulk", rename_all = "snake_case")]
pub enum BulkHead {
    /// Whole records of a journal, one JSON line each, in order, from `first` on.
    Journal {
        /// Whose.
        run: RunId,
        /// Position of the first record.
        first: Cursor,
    },
    /// Bytes of a tunnel, whose connection this is.
    Tunnel,
    /// A piece of a blob, zstd-compressed as a whole before it was cut.
    Blob {
        /// Which.
        blob: BlobId,
        /// Offset of the piece in the compressed bytes.
        offset: u64,
        /// Compressed size of the whole.
        total: u64,
    },
}

/// A journal batch, decoded.
#[derive(Debug, Clone)]
pub struct Batch {
    /// Whose.
    pub run: RunId,
    /// The records.
    pub records: Vec<Record>,
}
