//! Reading a journal that may still grow.

use super::frame;
use pilot_proto::{BlobId, Cursor, Event, Record};
use serde::Deserialize;
use std::borrow::Cow;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::Path;

/// The end of a journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tail {
    /// Position of the last whole record.
    pub end: Cursor,
    /// Bytes up to and including it; what follows is torn.
    pub length: u64,
    /// It is `Finished`.
    pub finished: bool,
}

/// What a reader needs to know of every record without decoding all of it.
#[derive(Deserialize)]
struct Head<'a> {
    epoch: u32,
    seq: u64,
    #[serde(borrow)]
    event: Kind<'a>,
}

#[derive(Deserialize)]
struct Kind<'a> {
    #[serde(borrow, rename = "type", default)]
    name: Cow<'a, str>,
}

impl Head<'_> {
    fn cursor(&self) -> Cursor {
        Cursor { epoch: self.epoch, seq: self.seq }
    }

    fn finished(&self) -> bool {
        self.event.name == "finished"
    }

    /// The kinds of event that name blobs.
    fn names_blobs(&self) -> bool {
        matches!(
            &*self.event.name,
            "snapshot" | "rescued" | "session_saved" | "checkpoint" | "artifact"
        )
    }
}

/// Reads the whole file, telling `visit` each record's position and JSON. A
/// file that is not there is an empty journal.
pub fn scan(path: &Path, visit: impl FnMut(Cursor, &[u8])) -> io::Result<Tail> {
    scan_from(path, Tail::default(), visit)
}

/// [`scan`] from an end that was found earlier.
pub fn scan_from(
    path: &Path,
    start: Tail,
    mut visit: impl FnMut(Cursor, &[u8]),
) -> io::Result<Tail> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Tail::default()),
        Err(error) => return Err(error),
    };
    file.seek(SeekFrom::Start(start.length))?;
    let mut tail = start;
    let mut buffer = Vec::new();
    let mut piece = vec![0; 256 * 1024];
    loop {
        let read = match file.read(&mut piece) {
            Ok(0) => return Ok(tail),
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        buffer.extend_from_slice(&piece[..read]);
        let (used, whole) = scan_into(&mut tail, &buffer, &mut visit);
        if !whole {
            return Ok(tail);
        }
        buffer.drain(..used);
    }
}

/// [`scan`] over bytes in memory.
pub fn scan_bytes(bytes: &[u8], mut visit: impl FnMut(Cursor, &[u8])) -> Tail {
    let mut tail = Tail::default();
    scan_into(&mut tail, bytes, &mut visit);
    tail
}

/// Takes whole lines off `bytes`. Returns how many bytes they were, and false
/// if a damaged one ended it.
fn scan_into(
    tail: &mut Tail,
    bytes: &[u8],
    visit: &mut impl FnMut(Cursor, &[u8]),
) -> (usize, bool) {
    let mut used = 0;
    while let Some(length) = memchr::memchr(b'\n', &bytes[used..]) {
        let Some((json, head)) = read_record(&bytes[used..used + length]) else {
            return (used, false);
        };
        visit(head.cursor(), json);
        tail.end = head.cursor();
        tail.finished = head.finished();
        used += length + 1;
        tail.length += length as u64 + 1;
    }
    (used, true)
}

fn read_record(line: &[u8]) -> Option<(&[u8], Head<'_>)> {
    let json = frame::read_line(line)?;
    let head = serde_json::from_slice(json).ok()?;
    Some((json, head))
}

/// Records that stand together, as they travel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// Position of the first.
    pub first: Cursor,
    /// Position of the last.
    pub last: Cursor,
    /// One line of JSON each.
    pub lines: Vec<u8>,
    /// Bytes of the file up to and including the last.
    pub offset: u64,
    /// What must be at the hub before it: only the first record of a batch
    /// names blobs.
    pub blobs: Vec<BlobId>,
    /// Its last record is `Finished`.
    pub finished: bool,
}

/// Reads a journal from somewhere on, batch by batch, while a shim may be
/// appending to it.
#[derive(Debug)]
pub struct JournalReader {
    file: File,
    offset: u64,
}

impl JournalReader {
    /// From the byte `offset` on, which is the border of two records.
    pub fn open(path: &Path, offset: u64) -> io::Result<Self> {
        Ok(Self { file: File::open(path)?, offset })
    }

    /// Where the next batch begins.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Goes back (or forth) to `offset`, the border of two records.
    pub fn seek(&mut self, offset: u64) {
        self.offset = offset;
    }

    /// The next whole records behind `after`, at most `limit` bytes but at
    /// least one; none if there are none yet. Takes them.
    pub fn next(&mut self, after: Cursor, limit: usize) -> io::Result<Option<Batch>> {
        loop {
            let bytes = self.peek(limit)?;
            let Some((batch, used)) = cut(&bytes, self.offset, after, limit) else {
                return Ok(None);
            };
            self.offset += used as u64;
            // Nothing but records that the hub has already: look on.
            if let Some(batch) = batch {
                return Ok(Some(batch));
            }
        }
    }

    fn peek(&self, limit: usize) -> io::Result<Vec<u8>> {
        // One more record than the limit, so that a whole one is always in it.
        let most = (limit + frame::MAX_RECORD + frame::OVERHEAD) as u64;
        let length = self.file.metadata()?.len().saturating_sub(self.offset).min(most);
        let mut bytes = vec![0; usize::try_from(length).unwrap_or(0)];
        let mut read = 0;
        while read < bytes.len() {
            match self.file.read_at(&mut bytes[read..], self.offset + read as u64) {
                Ok(0) => break,
                Ok(more) => read += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        bytes.truncate(read);
        Ok(bytes)
    }
}

/// Cuts one batch off `bytes`, skipping records up to `after`. None if no whole
/// record is there.
fn cut(bytes: &[u8], offset: u64, after: Cursor, limit: usize) -> Option<(Option<Batch>, usize)> {
    let mut batch: Option<Batch> = None;
    let mut used = 0;
    while let Some(length) = memchr::memchr(b'\n', &bytes[used..]) {
        let Some((json, head)) = read_record(&bytes[used..used + length]) else { break };
        let end = used + length + 1;
        if head.seq <= after.seq {
            used = end;
            continue;
        }
        if let Some(batch) = &batch {
            let full = batch.lines.len() + json.len() + 1 > limit;
            if full || head.names_blobs() || head.epoch != batch.last.epoch {
                break;
            }
        }
        let batch = batch.get_or_insert_with(|| Batch {
            first: head.cursor(),
            last: head.cursor(),
            lines: Vec::new(),
            offset,
            blobs: if head.names_blobs() { blobs_of(json) } else { Vec::new() },
            finished: false,
        });
        batch.lines.extend_from_slice(json);
        batch.lines.push(b'\n');
        batch.last = head.cursor();
        batch.finished = head.finished();
        used = end;
        batch.offset = offset + used as u64;
    }
    (used > 0).then_some((batch, used))
}

/// The blobs that a record names, each once.
fn blobs_of(json: &[u8]) -> Vec<BlobId> {
    let Ok(record) = serde_json::from_slice::<Record>(json) else { return Vec::new() };
    let mut blobs: Vec<BlobId> = match record.event {
        Event::Snapshot(delta) => delta
            .changed
            .into_iter()
            .flat_map(|file| [file.old, file.new])
            .flatten()
            .filter_map(|side| side.blob)
            .collect(),
        Event::Rescued { bundle, .. } => vec![bundle],
        Event::Artifact { blob, .. } => vec![blob],
        Event::SessionSaved { session } => session.file.into_iter().collect(),
        Event::Checkpoint(kept) => {
            let file = kept.session.and_then(|session| session.file);
            kept.bundle.into_iter().chain(file).collect()
        }
        Event::Phase { .. }
        | Event::Output { .. }
        | Event::SessionStarted { .. }
        | Event::TurnStarted { .. }
        | Event::Steered { .. }
        | Event::Text { .. }
        | Event::Thinking { .. }
        | Event::ToolStarted { .. }
        | Event::ToolOutput { .. }
        | Event::ToolEnded { .. }
        | Event::Todos { .. }
        | Event::Asked { .. }
        | Event::Decided { .. }
        | Event::Withdrawn { .. }
        | Event::Reported { .. }
        | Event::Rebased { .. }
        | Event::ChildWanted { .. }
        | Event::ChildDecided { .. }
        | Event::Activity { .. }
        | Event::Retrying { .. }
        | Event::LimitHit { .. }
        | Event::Resumes { .. }
        | Event::TurnEnded { .. }
        | Event::AgentExited { .. }
        | Event::ReviewStarted { .. }
        | Event::Reviewed { .. }
        | Event::Walls(_)
        | Event::Network(_)
        | Event::NetworkEnded(_)
        | Event::NetworkLost { .. }
        | Event::ModelCalled(_)
        | Event::RemoteControl { .. }
        | Event::Screen(_)
        | Event::LoginRenewed { .. }
        | Event::OrderDone { .. }
        | Event::PushWanted { .. }
        | Event::Pushed { .. }
        | Event::Cleaned { .. }
        | Event::Finished(_)
        | Event::Unknown(_) => Vec::new(),
    };
    blobs.sort();
    blobs.dedup();
    blobs
}

#[cfg(test)]
mod tests {
    use super::super::JournalWriter;
    use super::*;
    use pilot_proto::run::{Checkpoint, Outcome, Session};
    use pilot_proto::{Phase, Stream, Timestamp};
    use std::io::Write;

    struct Fixture {
        directory: tempfile::TempDir,
        writer: JournalWriter<File>,
    }

    impl Fixture {
        fn new() -> Self {
            let directory = tempfile::tempdir().expect("a temporary directory");
            let file = File::create(directory.path().join("journal")).expect("writable");
            Self { directory, writer: JournalWriter::new(file, Cursor { epoch: 1, seq: 0 }, 0) }
        }

        fn append(&mut self, event: &Event) -> Cursor {
            let cursor = self
                .writer
                .append(Timestamp(1), event, &mut |json| json)
                .expect("an event serialises");
            self.writer.flush().expect("the disk has room");
            cursor
        }

        fn path(&self) -> std::path::PathBuf {
            self.directory.path().join("journal")
        }

        fn reader(&self) -> JournalReader {
            JournalReader::open(&self.path(), 0).expect("the journal is there")
        }
    }

    fn output(text: &str) -> Event {
        Event::Output { stream: Stream::Stdout, text: text.to_owned(), open: false }
    }

    #[test]
    fn a_torn_tail_is_not_read_until_it_is_whole() {
        let mut fixture = Fixture::new();
        let whole = fixture.append(&output("one"));
        let length = fixture.writer.written();
        let mut line = Vec::new();
        frame::write_line(br#"{"epoch":1,"seq":2,"at":1,"event":{"type":"withdrawn"}}"#, &mut line);
        let mut file = File::options().append(true).open(fixture.path()).expect("writable");
        for end in 1..line.len() {
            file.write_all(&line[end - 1..end]).expect("writable");
            let tail = scan(&fixture.path(), |_, _| {}).expect("readable");
            assert_eq!((tail.end, tail.length), (whole, length), "cut at {end}");
            let mut reader = fixture.reader();
            reader.seek(length);
            assert_eq!(reader.next(whole, 100).expect("readable"), None, "cut at {end}");
        }
        file.write_all(b"\n").expect("writable");
        let tail = scan(&fixture.path(), |_, _| {}).expect("readable");
        assert_eq!(tail.end.seq, 2, "now it is there");
    }

    #[test]
    fn batches_go_on_behind_what_the_hub_has_and_keep_to_the_limit() {
        let mut fixture = Fixture::new();
        for line in 0..100 {
            fixture.append(&output(&format!("line {line}")));
        }
        let mut reader = fixture.reader();
        let (mut after, mut seen) = (Cursor { epoch: 1, seq: 40 }, Vec::new());
        while let Some(batch) = reader.next(after, 1000).expect("readable") {
            assert!(batch.lines.len() <= 1000, "{} bytes", batch.lines.len());
            assert_eq!(batch.first.seq, after.seq + 1, "no hole");
            for line in batch.lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
                let record: Record = serde_json::from_slice(line).expect("a record");
                seen.push(record.seq);
            }
            after = batch.last;
        }
        assert_eq!(seen, (41..=100).collect::<Vec<_>>());
    }

    #[test]
    fn a_record_that_is_larger_than_the_limit_travels_alone() {
        let mut fixture = Fixture::new();
        fixture.append(&output("small"));
        fixture.append(&output(&"x".repeat(5000)));
        fixture.append(&output("small"));
        let mut reader = fixture.reader();
        let mut sizes = Vec::new();
        let mut after = Cursor::default();
        while let Some(batch) = reader.next(after, 1000).expect("readable") {
            sizes.push(batch.last.seq - batch.first.seq + 1);
            after = batch.last;
        }
        assert_eq!(sizes, [1, 1, 1], "it must not be stuck");
    }

    #[test]
    fn a_record_that_names_blobs_begins_a_batch() {
        let mut fixture = Fixture::new();
        let blob: BlobId = "0123456789012345678901234567890123456789".parse().expect("40 digits");
        let session = Session { id: "s".into(), file: Some(blob.clone()) };
        fixture.append(&output("before"));
        fixture.append(&Event::SessionSaved { session });
        fixture.append(&Event::Phase { phase: Phase::Cleaning });
        fixture.append(&Event::Finished(Outcome::NoChange));
        let mut reader = fixture.reader();
        let first = reader.next(Cursor::default(), 10_000).expect("readable").expect("records");
        assert_eq!((first.last.seq, first.blobs.len()), (1, 0), "what is before must not wait");
        let second = reader.next(first.last, 10_000).expect("readable").expect("records");
        assert_eq!((second.first.seq, second.last.seq), (2, 4));
        assert_eq!(second.blobs, std::slice::from_ref(&blob));
        assert!(second.finished);

        let mut fixture = Fixture::new();
        let session = Session { id: "s".into(), file: Some(blob.clone()) };
        let bundle: BlobId = "1123456789012345678901234567890123456789".parse().expect("40 digits");
        fixture.append(&output("before"));
        fixture.append(&Event::Checkpoint(Checkpoint {
            turn: 1,
            base: "b".into(),
            bundle: Some(bundle.clone()),
            size: 1,
            session: Some(session),
            left_out: String::new(),
        }));
        let mut reader = fixture.reader();
        let first = reader.next(Cursor::default(), 10_000).expect("readable").expect("records");
        let second = reader.next(first.last, 10_000).expect("readable").expect("records");
        assert_eq!(second.blobs, [blob, bundle], "what a later run begins with goes along");
    }
}
