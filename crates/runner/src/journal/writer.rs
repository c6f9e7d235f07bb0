//! The end of a journal that grows.

use super::frame::{self, Bound, MAX_RECORD};
use pilot_proto::{Cursor, Event, Timestamp};
use std::io::{self, Write};

/// Numbers records and appends them. Generic over where the bytes go, so that
/// a full disk can be played.
///
/// **Invariant:** bytes reach the file in the order they were appended, each
/// once, however often a write fails in the middle: what is not written yet
/// stays in `waiting`.
#[derive(Debug)]
pub struct JournalWriter<W> {
    file: W,
    last: Cursor,
    /// Length of the file: whole records, and maybe a part of the next.
    written: u64,
    waiting: Vec<u8>,
}

impl<W: Write> JournalWriter<W> {
    /// Goes on behind `last`, at the file's `length`, where `file` stands.
    /// `last` has the epoch of this writer already.
    pub fn new(file: W, last: Cursor, length: u64) -> Self {
        Self { file, last, written: length, waiting: Vec::new() }
    }

    /// Numbers `event` and puts it behind what waits to be written. `scrub`
    /// sees the record's JSON before anything is kept of it.
    pub fn append(
        &mut self,
        at: Timestamp,
        event: &Event,
        scrub: &mut dyn FnMut(Vec<u8>) -> Vec<u8>,
    ) -> Result<Cursor, serde_json::Error> {
        let cursor = Cursor { epoch: self.last.epoch, seq: self.last.seq + 1 };
        let event = Bound::fit(event, MAX_RECORD - 128)?.into_json();
        let mut json = Vec::with_capacity(event.len() + 96);
        // The head by hand: `frame` relies on no field order, but readers are
        // quicker when the position stands first.
        json.extend_from_slice(
            format!(r#"{{"epoch":{},"seq":{},"at":{},"event":"#, cursor.epoch, cursor.seq, at.0)
                .as_bytes(),
        );
        json.extend_from_slice(&event);
        json.push(b'}');
        frame::write_line(&scrub(json), &mut self.waiting);
        self.last = cursor;
        Ok(cursor)
    }

    /// Writes what waits, as far as the disk takes it. After an error nothing
    /// is lost: the next call goes on where this one stopped.
    pub fn flush(&mut self) -> io::Result<()> {
        let mut done = 0;
        let result = loop {
            if done == self.waiting.len() {
                break Ok(());
            }
            match self.file.write(&self.waiting[done..]) {
                Ok(0) => break Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => done += written,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => break Err(error),
            }
        };
        self.written += done as u64;
        self.waiting.drain(..done);
        // One long batch must not keep its memory for the rest of the run.
        if self.waiting.is_empty() && self.waiting.capacity() > 256 * 1024 {
            self.waiting = Vec::new();
        }
        result
    }

    /// Position of the last record appended.
    pub fn last(&self) -> Cursor {
        self.last
    }

    /// Length of the file.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Bytes appended and not in the file yet.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Where the bytes go.
    pub fn file(&self) -> &W {
        &self.file
    }
}

#[cfg(test)]
mod tests {
    use super::super::reader::scan_bytes;
    use super::*;
    use pilot_proto::Stream;

    /// A disk that takes a few bytes and then is full, again and again.
    struct FullDisk {
        bytes: Vec<u8>,
        room: usize,
    }

    impl Write for FullDisk {
        fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
            if self.room == 0 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            let taken = buffer.len().min(self.room);
            self.bytes.extend_from_slice(&buffer[..taken]);
            self.room -= taken;
            Ok(taken)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn output(line: usize) -> Event {
        Event::Output { stream: Stream::Stdout, text: format!("line {line}"), open: false }
    }

    #[test]
    fn a_disk_that_was_full_has_every_record_once_when_it_has_room_again() {
        let disk = FullDisk { bytes: Vec::new(), room: 0 };
        let mut writer = JournalWriter::new(disk, Cursor { epoch: 1, seq: 0 }, 0);
        for line in 0..200 {
            writer
                .append(Timestamp(1), &output(line), &mut |json| json)
                .expect("an event serialises");
            // A different cut each time, mostly inside a record.
            writer.file.room = line % 7 * 13;
            if writer.flush().is_ok() {
                assert_eq!(writer.waiting(), 0, "a flush that worked leaves nothing");
            }
        }
        writer.file.room = usize::MAX;
        writer.flush().expect("there is room now");

        let mut seen = Vec::new();
        let tail = scan_bytes(&writer.file.bytes, |cursor, _| seen.push(cursor.seq));
        assert_eq!(seen, (1..=200).collect::<Vec<_>>(), "each once and in order");
        assert_eq!(tail.length, writer.written(), "and nothing else is in the file");
    }
}
