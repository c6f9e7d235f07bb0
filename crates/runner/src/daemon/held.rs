//! A run that this runner has on its disk: how far its journal is, how far the
//! hub has it, and who looks after it.

use crate::journal::reader::{Batch, JournalReader, Tail, scan_from};
use crate::run_dir::{Place, RunDir};
use crate::shim_socket::ToShim;
use pilot_link::Outbox;
use pilot_proto::runner::{Held, MAX_BATCH};
use pilot_proto::{BlobId, Cursor, RunId, RunSpec, Timestamp};
use std::collections::{BTreeSet, VecDeque};
use std::io;
use tokio::sync::mpsc;

/// Who looks after the run.
#[derive(Debug)]
pub(super) enum Shim {
    /// A living shim; orders go there.
    Alive(mpsc::Sender<ToShim>),
    /// Nobody, and nothing is left to do but ship.
    Ended,
    /// Nobody, although something is left to do: a recovering shim is started
    /// at this time.
    Lost { again: Timestamp },
}

/// What to do next for the journal's way to the hub.
#[derive(Debug)]
pub(super) enum Next {
    /// Ship this.
    Ship(Batch),
    /// Upload these first.
    Upload(Vec<BlobId>),
    /// Nothing, until something happens.
    Rest,
}

/// A run on the disk.
#[derive(Debug)]
pub(super) struct HeldRun {
    pub(super) run: RunId,
    pub(super) dir: RunDir,
    pub(super) fence: u64,
    pub(super) shim: Shim,
    /// What the run was told to do, grants and all, for a shim that recovers
    /// it; none if another daemon took it, and none any more once it is over.
    pub(super) spec: Option<Box<RunSpec>>,
    /// How often a recovering shim was started.
    pub(super) recoveries: u32,
    /// The journal's end, as far as we heard or read.
    pub(super) end: Cursor,
    /// The journal is complete.
    pub(super) finished: bool,
    /// The hub said that its files may go.
    pub(super) forget: bool,
    /// There may be more to ship than was read.
    pub(super) more: bool,
    outbox: Outbox,
    reader: Option<JournalReader>,
    /// Ends of the batches sent and not acked, and before them the last acked.
    places: VecDeque<Place>,
    saved: Place,
    /// Being uploaded for the next batch.
    uploading: bool,
    /// At the hub since we connected.
    uploaded: BTreeSet<BlobId>,
    scanned: Tail,
}

impl HeldRun {
    /// From what is on the disk.
    pub(super) fn open(run: RunId, dir: RunDir, fence: u64, shim: Shim) -> io::Result<Self> {
        // After a power loss the file may be another than the place is of.
        let saved = if dir.is_of_this_boot() { dir.read_acked() } else { Place::default() };
        let start = Tail { end: saved.cursor, length: saved.offset, finished: false };
        let tail = scan_from(&dir.journal_file(), start, |_, _| {})?;
        Ok(Self {
            run,
            dir,
            fence,
            shim,
            spec: None,
            recoveries: 0,
            end: tail.end,
            finished: tail.finished,
            forget: false,
            more: false,
            outbox: Outbox::new(saved.cursor),
            reader: None,
            places: VecDeque::from([saved]),
            saved,
            uploading: false,
            uploaded: BTreeSet::new(),
            scanned: tail,
        })
    }

    /// As the hello tells it.
    pub(super) fn held(&self) -> Held {
        Held { run: self.run, fence: self.fence, end: self.end, finished: self.finished }
    }

    /// The journal reaches to `end`.
    pub(super) fn grown(&mut self, end: Cursor, finished: bool) {
        self.end = self.end.max(end);
        self.finished |= finished;
        self.more = true;
    }

    /// Reads the journal's end again, where no living shim tells it.
    pub(super) fn look(&mut self) -> io::Result<()> {
        self.scanned = scan_from(&self.dir.journal_file(), self.scanned, |_, _| {})?;
        self.grown(self.scanned.end, self.scanned.finished);
        Ok(())
    }

    /// A new connection: the hub has the journal up to `acked`.
    pub(super) fn resume(&mut self, acked: Cursor) {
        self.outbox.resume(acked);
        let base = self.places.front().copied().unwrap_or_default();
        // A hub restored from a backup may have less than it once said.
        let base = if base.cursor <= acked { base } else { Place::default() };
        self.places = VecDeque::from([base]);
        if let Some(reader) = &mut self.reader {
            reader.seek(base.offset);
        }
        self.uploading = false;
        self.uploaded.clear();
        self.more = true;
    }

    /// Bytes sent and not acknowledged.
    pub(super) fn in_flight(&self) -> usize {
        self.outbox.in_flight()
    }

    /// Could ship something.
    pub(super) fn wants_to_ship(&self) -> bool {
        self.more && !self.uploading
    }

    /// What comes next on the way to the hub.
    pub(super) fn next(&mut self) -> io::Result<Next> {
        if self.reader.is_none() {
            let offset = self.places.front().map_or(0, |place| place.offset);
            match JournalReader::open(&self.dir.journal_file(), offset) {
                Ok(reader) => self.reader = Some(reader),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    self.more = false;
                    return Ok(Next::Rest);
                }
                Err(error) => return Err(error),
            }
        }
        let Some(reader) = &mut self.reader else { return Ok(Next::Rest) };
        let begin = reader.offset();
        let Some(batch) = reader.next(self.outbox.position(), MAX_BATCH)? else {
            self.more = false;
            return Ok(Next::Rest);
        };
        let missing: Vec<BlobId> =
            batch.blobs.iter().filter(|blob| !self.uploaded.contains(*blob)).cloned().collect();
        if missing.is_empty() {
            // They are named again only by a record that says so again.
            batch.blobs.iter().for_each(|blob| {
                self.uploaded.remove(blob);
            });
            return Ok(Next::Ship(batch));
        }
        reader.seek(begin);
        self.uploading = true;
        Ok(Next::Upload(missing))
    }

    /// The batch is on its way.
    pub(super) fn sent(&mut self, batch: &Batch) {
        self.outbox.sent(batch.last, batch.lines.len());
        self.places.push_back(Place { cursor: batch.last, offset: batch.offset });
        self.scanned = Tail { end: batch.last, length: batch.offset, finished: batch.finished };
        self.finished |= batch.finished;
        self.end = self.end.max(batch.last);
    }

    /// These blobs are at the hub, or will never be.
    pub(super) fn uploaded(&mut self, blobs: impl IntoIterator<Item = BlobId>) {
        self.uploaded.extend(blobs);
        self.uploading = false;
        self.more = true;
    }

    /// The hub has the journal up to `cursor`.
    pub(super) fn acked(&mut self, cursor: Cursor) {
        self.outbox.ack(cursor);
        while self.places.get(1).is_some_and(|place| place.cursor <= cursor) {
            self.places.pop_front();
        }
        self.more = true;
    }

    /// Writes down how far the hub has the journal, if that changed.
    pub(super) fn save(&mut self) -> io::Result<()> {
        let place = self.places.front().copied().unwrap_or_default();
        // The place of the last record is not kept: whoever opens the journal
        // from here must meet `Finished`.
        let last = self.finished && place.cursor == self.end;
        if place == self.saved || place.cursor > self.outbox.acked() || last {
            return Ok(());
        }
        self.dir.write_acked(place)?;
        self.saved = place;
        Ok(())
    }

    /// Everything is at the hub, and the hub said that the files may go.
    pub(super) fn may_go(&self) -> bool {
        self.forget
            && self.finished
            && self.outbox.acked() >= self.end
            && matches!(self.shim, Shim::Ended)
    }
}
