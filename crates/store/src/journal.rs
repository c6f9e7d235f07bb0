//! Journals: compressed chunks, never a row per line.

pub(crate) mod end;
