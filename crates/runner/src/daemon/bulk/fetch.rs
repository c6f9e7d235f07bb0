//! Blobs of an earlier run on their way from the hub.

use crate::blobs::Blobs;
use pilot_proto::{BlobId, RunId};
use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Write};

#[derive(Debug)]
pub(super) struct Fetch {
    run: RunId,
    wanted: VecDeque<BlobId>,
    into: Blobs,
    asked: bool,
    /// Where the first of `wanted` is being put, and how much of it is there.
    open: Option<(File, u64)>,
}

impl Fetch {
    pub(super) fn new(run: RunId, blobs: Vec<BlobId>, into: Blobs) -> Self {
        let wanted = blobs.into_iter().filter(|blob| !into.has(blob)).collect();
        Self { run, wanted, into, asked: false, open: None }
    }

    pub(super) fn run(&self) -> RunId {
        self.run
    }

    pub(super) fn is_done(&self) -> bool {
        self.wanted.is_empty()
    }

    pub(super) fn begin_again(&mut self) {
        self.asked = false;
        self.open = None;
    }

    /// What to ask for now: one at a time.
    pub(super) fn question(&mut self) -> Option<BlobId> {
        if std::mem::replace(&mut self.asked, true) {
            return None;
        }
        self.wanted.front().cloned()
    }

    /// The hub does not have it. The shim will say what that means.
    pub(super) fn unknown(&mut self, blob: &BlobId) {
        if self.wanted.front() == Some(blob) {
            tracing::warn!(run = %self.run, %blob, "the hub does not have this blob");
            self.next();
        }
    }

    pub(super) fn piece(
        &mut self,
        blob: &BlobId,
        offset: u64,
        total: u64,
        piece: &[u8],
    ) -> io::Result<()> {
        if self.wanted.front() != Some(blob) {
            return Ok(());
        }
        let (file, length) = match &mut self.open {
            Some(open) => open,
            None => self.open.insert((self.into.begin(blob)?, 0)),
        };
        // A piece of an answer to an earlier question.
        if offset != *length {
            return Ok(());
        }
        file.write_all(piece)?;
        *length += piece.len() as u64;
        if *length >= total {
            self.into.settle(blob)?;
            self.next();
        }
        Ok(())
    }

    fn next(&mut self) {
        self.wanted.pop_front();
        self.open = None;
        self.asked = false;
    }
}
