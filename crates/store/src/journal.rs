//! Journals: compressed chunks, never a row per line.
//!
//! A chunk holds consecutive records of one epoch as their writers spelled
//! them, and knows which records and which lines of the log those are, so any
//! record or line is one indexed row away. What was appended last, the *tail*,
//! is a short run of smaller chunks that grow together: see [`tail`].

pub(crate) mod append;
pub(crate) mod chunk;
pub(crate) mod end;
pub(crate) mod part;
pub(crate) mod read;
pub(crate) mod tail;

/// A count or position as SQL has it. Positions past 2^63 are refused on the
/// way in, so nothing is lost.
pub(crate) fn number(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// A count or position as it came from SQL.
pub(crate) fn count(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}
