//! A run's journal as a file.
//!
//! One record is one line: eight lower-case hex digits of the CRC-32 of the
//! JSON, a space, the JSON of a [`pilot_proto::Record`], a newline. Lines, so
//! that a person with `grep` and a failing machine can still read it; the
//! checksum, so that the torn tail of a crash is told from a record.
//!
//! **Invariant:** only a shim writes, and only at the end. A reader takes whole
//! lines with a right checksum and treats anything after the last such line as
//! not yet written. Whoever opens the file for writing first cuts it there.
//!
//! # What is safe when
//! A record is in the page cache once `write(2)` returned: it survives the
//! death of every process. Against a power loss the file is synced at most once
//! a second, and at every change of phase. So a power loss may take up to about
//! a second of records *that the hub may already hold*, since the daemon ships
//! from the page cache. They are not lost (the hub has them), and their numbers
//! are never given again: the boot id kept next to the journal shows that the
//! machine went down, and the next epoch then leaves
//! [`pilot_proto::Cursor::POWER_LOSS_GAP`] numbers free.

pub mod frame;
pub mod reader;
pub mod writer;

pub use frame::{Bound, MAX_RECORD};
pub use reader::{Batch, JournalReader, Tail, scan};
pub use writer::JournalWriter;
