//! A chunk: consecutive records as bytes.
//!
//! Each record is `<lines> <json>\n`. The number of lines stands there, and is
//! not counted anew from the JSON, so that a later build which folds an event
//! to more or fewer lines does not shift the numbers of all lines after it.

use super::part::Part;
use crate::commit::StoredRecord;
use crate::error::StoreError;
use pilot_proto::{Cursor, RunId};
use std::io::Write as _;

/// Zstandard's own default: about 400 MB/s a core; the higher levels gain a
/// few per cent on text and cost several times as much.
const LEVEL: i32 = 3;

/// Packs many: its tables are made once. Making them costs more than packing
/// the few lines that a commit brings.
#[derive(Default)]
pub(crate) struct Packer {
    compressor: Option<zstd::bulk::Compressor<'static>>,
}

impl Packer {
    pub(crate) fn pack(&mut self, raw: &[u8]) -> std::io::Result<Vec<u8>> {
        let compressor = match &mut self.compressor {
            Some(compressor) => compressor,
            none => none.insert(zstd::bulk::Compressor::new(LEVEL)?),
        };
        compressor.compress(raw)
    }
}

impl std::fmt::Debug for Packer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Packer").finish_non_exhaustive()
    }
}

pub(crate) fn pack(raw: &[u8]) -> std::io::Result<Vec<u8>> {
    zstd::bulk::compress(raw, LEVEL)
}

pub(crate) fn unpack(body: &[u8], raw_bytes: i64) -> std::io::Result<Vec<u8>> {
    let capacity = usize::try_from(raw_bytes).map_err(std::io::Error::other)?;
    zstd::bulk::decompress(body, capacity)
}

/// Consecutive records of one epoch, unpacked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Chunk {
    pub(crate) epoch: u32,
    pub(crate) first_seq: u64,
    /// One past the last record.
    pub(crate) end_seq: u64,
    pub(crate) first_line: u64,
    /// One past the last line.
    pub(crate) end_line: u64,
    /// It may hold more than output and snapshots.
    pub(crate) talk: bool,
    pub(crate) raw: Vec<u8>,
}

impl Chunk {
    pub(crate) fn empty(at: Cursor, first_line: u64) -> Self {
        Self {
            epoch: at.epoch,
            first_seq: at.seq,
            end_seq: at.seq,
            first_line,
            end_line: first_line,
            talk: false,
            raw: Vec::new(),
        }
    }

    /// True if a record at `next` may stand in this chunk.
    pub(crate) fn takes(&self, next: Cursor) -> bool {
        next.epoch == self.epoch && next.seq == self.end_seq
    }

    pub(crate) fn push(&mut self, record: &StoredRecord) {
        debug_assert!(self.takes(record.cursor), "a chunk holds consecutive records");
        write!(self.raw, "{} ", record.lines).expect("writing to memory does not fail");
        self.raw.extend_from_slice(record.json.as_bytes());
        self.raw.push(b'\n');
        self.end_seq += 1;
        self.end_line += record.lines;
        self.talk |= Part::Conversation.may_have(&record.json);
    }

    /// Takes in the chunk that follows this one.
    pub(crate) fn join(&mut self, next: &Self) {
        debug_assert!(self.takes(Cursor { epoch: next.epoch, seq: next.first_seq }));
        self.raw.extend_from_slice(&next.raw);
        self.end_seq = next.end_seq;
        self.end_line = next.end_line;
        self.talk |= next.talk;
    }

    /// The records, in order, and the line each begins with.
    pub(crate) fn records(&self, run: RunId) -> Records<'_> {
        Records {
            run,
            cursor: Cursor { epoch: self.epoch, seq: self.first_seq },
            line: self.first_line,
            rest: &self.raw,
            failed: false,
        }
    }
}

/// A record that still lies in its chunk.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PackedRecord<'a> {
    pub(crate) cursor: Cursor,
    pub(crate) first_line: u64,
    pub(crate) lines: u64,
    pub(crate) json: &'a str,
}

/// See [`Chunk::records`]. Ends after the first record that cannot be read.
pub(crate) struct Records<'a> {
    run: RunId,
    cursor: Cursor,
    line: u64,
    rest: &'a [u8],
    failed: bool,
}

impl<'a> Records<'a> {
    fn split(&mut self) -> Option<PackedRecord<'a>> {
        let end = memchr::memchr(b'\n', self.rest)?;
        let (head, rest) = self.rest.split_at(end);
        let space = memchr::memchr(b' ', head)?;
        let lines: u64 = std::str::from_utf8(&head[..space]).ok()?.parse().ok()?;
        let json = std::str::from_utf8(&head[space + 1..]).ok()?;
        let record = PackedRecord { cursor: self.cursor, first_line: self.line, lines, json };
        self.rest = &rest[1..];
        self.cursor.seq += 1;
        self.line = self.line.checked_add(lines)?;
        Some(record)
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<PackedRecord<'a>, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() || self.failed {
            return None;
        }
        let seq = self.cursor.seq;
        let record = self.split();
        self.failed = record.is_none();
        Some(record.ok_or(StoreError::Damaged { run: self.run, seq }))
    }
}
