//! The blobs of one record on their way to the hub.

use crate::blobs::Blobs;
use pilot_proto::runner::{BulkHead, MAX_BATCH};
use pilot_proto::{BlobId, RunId};
use std::collections::{BTreeSet, VecDeque};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// The wire's limit of one question.
const QUESTION: usize = 1000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    UnderWay,
    Done,
}

/// A piece of a blob.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) head: BulkHead,
    pub(super) bytes: Vec<u8>,
    last: bool,
}

#[derive(Debug)]
struct Open {
    blob: BlobId,
    file: File,
    offset: u64,
    total: u64,
}

#[derive(Debug)]
pub(super) struct Upload {
    run: RunId,
    blobs: Vec<BlobId>,
    from: Blobs,
    /// Questions not asked yet, asked and not answered.
    unasked: bool,
    unanswered: usize,
    to_send: VecDeque<BlobId>,
    open: Option<Open>,
    /// Sent, or soon to be, and not stored yet.
    unstored: BTreeSet<BlobId>,
}

impl Upload {
    pub(super) fn new(run: RunId, blobs: Vec<BlobId>, from: Blobs) -> Self {
        Self {
            run,
            blobs,
            from,
            unasked: true,
            unanswered: 0,
            to_send: VecDeque::new(),
            open: None,
            unstored: BTreeSet::new(),
        }
    }

    pub(super) fn run(&self) -> RunId {
        self.run
    }

    pub(super) fn blobs(&self) -> &[BlobId] {
        &self.blobs
    }

    /// The connection is gone; what the hub has by now it will say.
    pub(super) fn begin_again(&mut self) {
        *self = Self::new(self.run, std::mem::take(&mut self.blobs), self.from.clone());
    }

    pub(super) fn questions(&mut self) -> Vec<Vec<BlobId>> {
        if !std::mem::take(&mut self.unasked) {
            return Vec::new();
        }
        let questions: Vec<Vec<BlobId>> =
            self.blobs.chunks(QUESTION).map(<[BlobId]>::to_vec).collect();
        self.unanswered = questions.len();
        questions
    }

    pub(super) fn awaits_answer(&self) -> bool {
        self.unanswered > 0
    }

    /// The hub lacks these.
    pub(super) fn answered(&mut self, missing: &[BlobId]) {
        self.unanswered -= 1;
        for blob in missing {
            if self.unstored.insert(blob.clone()) {
                self.to_send.push_back(blob.clone());
            }
        }
    }

    pub(super) fn stored(&mut self, blob: &BlobId) {
        self.unstored.remove(blob);
        // Another run sent the same contents.
        self.to_send.retain(|other| other != blob);
        if self.open.as_ref().is_some_and(|open| open.blob == *blob) {
            self.open = None;
        }
    }

    pub(super) fn has_pieces(&self) -> bool {
        self.open.is_some() || !self.to_send.is_empty()
    }

    pub(super) fn progress(&self) -> Progress {
        if self.unasked || self.unanswered > 0 || self.has_pieces() || !self.unstored.is_empty() {
            Progress::UnderWay
        } else {
            Progress::Done
        }
    }

    /// The next piece; none if the next blob is not on the disk.
    pub(super) fn piece(&mut self) -> io::Result<Option<Piece>> {
        if self.open.is_none() {
            let Some(blob) = self.to_send.pop_front() else { return Ok(None) };
            match File::open(self.from.path(&blob)) {
                Ok(file) => {
                    let total = file.metadata()?.len();
                    self.open = Some(Open { blob, file, offset: 0, total });
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    // The record goes without it: a diff with one file's text
                    // missing is better than a run that never ends.
                    tracing::error!(run = %self.run, %blob, "a blob is not on the disk");
                    self.unstored.remove(&blob);
                    return Ok(None);
                }
                Err(error) => return Err(error),
            }
        }
        let Some(open) = &self.open else { return Ok(None) };
        let length = (open.total - open.offset).min(MAX_BATCH as u64);
        let mut bytes = vec![0; usize::try_from(length).unwrap_or(MAX_BATCH)];
        open.file.read_exact_at(&mut bytes, open.offset)?;
        let last = open.offset + length == open.total;
        let head =
            BulkHead::Blob { blob: open.blob.clone(), offset: open.offset, total: open.total };
        Ok(Some(Piece { head, bytes, last }))
    }

    pub(super) fn sent(&mut self, piece: &Piece) {
        if piece.last {
            self.open = None;
        } else if let Some(open) = &mut self.open {
            open.offset += piece.bytes.len() as u64;
        }
    }
}
