//! The journal as the shim keeps it: redacted, numbered, written, synced.

use super::desk::Talk;
use super::spoken::Spoken;
use crate::clock::SteadyClock;
use crate::journal::JournalWriter;
use pilot_proto::event::Stream;
use pilot_proto::{Cursor, Event, Timestamp};
use pilot_secrets::{NamedSecret, Redactor};
use serde_json::Value;
use std::fs::File;
use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// A power loss takes at most about this much, beside what the disk itself
/// loses. Half of it would double the writes of forty runs to one disk.
const SYNC: Duration = Duration::from_secs(1);
/// Between two tries to write to a disk that is full.
pub(super) const RETRY: Duration = Duration::from_millis(500);

/// How far the journal is in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct End {
    pub(super) cursor: Cursor,
    pub(super) finished: bool,
    /// The last record that is more than output.
    pub(super) pressing: u64,
}

/// What can be synced to the disk.
pub(super) trait Durable: Write {
    /// A second handle on the same file, for the thread that waits.
    fn second(&self) -> io::Result<File>;
}

impl Durable for File {
    fn second(&self) -> io::Result<File> {
        self.try_clone()
    }
}

/// The growing journal.
pub(super) struct Log<W> {
    writer: JournalWriter<W>,
    redactor: Redactor,
    spoken: Spoken,
    clock: SteadyClock,
    end: watch::Sender<End>,
    finished: bool,
    pressing: u64,
    full: Option<Timestamp>,
    unsynced: bool,
    syncing: Option<JoinHandle<io::Result<()>>>,
    synced: Timestamp,
    talk: Arc<Talk>,
}

impl<W: Durable> Log<W> {
    pub(super) fn new(writer: JournalWriter<W>, redactor: Redactor, clock: SteadyClock) -> Self {
        let (end, _) = watch::channel(End {
            cursor: writer.last(),
            finished: false,
            pressing: writer.last().seq,
        });
        Self {
            writer,
            spoken: Spoken::new(redactor.clone()),
            redactor,
            clock,
            end,
            finished: false,
            pressing: 0,
            full: None,
            unsynced: false,
            syncing: None,
            synced: clock.now(),
            talk: Arc::default(),
        }
    }

    /// This must not be seen either, from now on.
    pub(super) fn learn(&mut self, secret: &NamedSecret) {
        self.redactor = self.redactor.knowing(secret);
        self.spoken.know(&self.redactor);
    }

    /// The conversation as far as it is journalled.
    pub(super) fn talk(&self) -> Arc<Talk> {
        Arc::clone(&self.talk)
    }

    /// Tells how far the file is.
    pub(super) fn watch(&self) -> watch::Receiver<End> {
        self.end.subscribe()
    }

    /// Appends an event. If the disk is full it waits in memory: look at
    /// [`Log::is_blocked`] before taking in more.
    pub(super) fn append(&mut self, event: &Event) {
        match self.spoken.pass(event) {
            Some(events) => events.iter().for_each(|event| self.mint(event)),
            None => self.mint(event),
        }
        self.flush();
        if matches!(event, Event::Phase { .. } | Event::Finished(_) | Event::PushWanted { .. }) {
            self.begin_sync();
        }
    }

    fn mint(&mut self, event: &Event) {
        let redactor = &self.redactor;
        let mut scrub = |json: Vec<u8>| scrubbed(redactor, json);
        match self.writer.append(self.clock.now(), event, &mut scrub) {
            Ok(_) => {
                self.talk.take_in(self.clock.now(), event, &self.redactor);
                self.finished |= matches!(event, Event::Finished(_));
                if !matches!(event, Event::Output { .. } | Event::ToolOutput { .. }) {
                    self.pressing = self.writer.last().seq;
                }
            }
            // Strings and numbers always serialise; a fault of ours.
            Err(error) => tracing::error!(%error, ?event, "an event could not be journalled"),
        }
    }

    fn flush(&mut self) {
        match self.writer.flush() {
            Ok(()) => {
                self.unsynced = true;
                self.end.send_replace(End {
                    cursor: self.writer.last(),
                    finished: self.finished,
                    pressing: self.pressing,
                });
            }
            Err(error) => {
                if self.full.is_none() {
                    tracing::error!(%error, "the journal cannot be written; the agent waits");
                    self.full = Some(self.clock.now());
                }
            }
        }
    }

    /// The disk takes nothing: no more output may be taken from anybody.
    pub(super) fn is_blocked(&self) -> bool {
        self.full.is_some()
    }

    /// Tries again to write what waits.
    pub(super) fn retry(&mut self) {
        let Some(since) = self.full.take() else { return };
        self.flush();
        if self.full.is_some() {
            self.full = Some(since);
            return;
        }
        if self.finished {
            return;
        }
        let secs = self.clock.now().since(since).as_secs();
        self.append(&Event::Output {
            stream: Stream::Pilot,
            text: format!(
                "The runner's disk was full for {secs} s; the agent waited, and nothing was lost."
            ),
            open: false,
        });
    }

    /// Syncs, if a second has gone by since the last time.
    pub(super) fn tick(&mut self) {
        if self.clock.now().since(self.synced) >= SYNC {
            self.begin_sync();
        }
    }

    /// When [`Log::tick`] should be called; none if there is nothing to sync.
    pub(super) fn wants_tick_at(&self) -> Option<Timestamp> {
        // Behind a slow disk's sync there is no hurry for the next.
        let last = if self.is_syncing() { self.clock.now() } else { self.synced };
        self.unsynced.then(|| last.after(SYNC))
    }

    fn is_syncing(&self) -> bool {
        self.syncing.as_ref().is_some_and(|syncing| !syncing.is_finished())
    }

    fn begin_sync(&mut self) {
        if !self.unsynced || self.is_syncing() {
            return;
        }
        self.synced = self.clock.now();
        self.unsynced = false;
        match self.writer.file().second() {
            Ok(file) => {
                self.syncing = Some(tokio::task::spawn_blocking(move || file.sync_data()));
            }
            Err(error) => tracing::warn!(%error, "the journal cannot be synced"),
        }
    }

    /// Everything is on the disk when this returns, however long it takes.
    pub(super) async fn settle(&mut self) {
        while self.is_blocked() {
            tokio::time::sleep(RETRY).await;
            self.retry();
        }
        if let Some(syncing) = self.syncing.take()
            && let Err(error) = syncing.await
        {
            tracing::warn!(%error, "a sync of the journal failed");
        }
        self.begin_sync();
        let Some(syncing) = self.syncing.take() else { return };
        match syncing.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the journal could not be synced"),
            Err(error) => tracing::warn!(%error, "a sync of the journal failed"),
        }
    }
}

/// The record without secrets. Output is redacted as a stream before it comes
/// here; this catches everything else, and what a border between two pieces of
/// output hid.
fn scrubbed(redactor: &Redactor, json: Vec<u8>) -> Vec<u8> {
    let Ok(text) = std::str::from_utf8(&json) else { return json };
    if let std::borrow::Cow::Borrowed(_) = redactor.redact_str(text) {
        return json;
    }
    // String by string, so that what is JSON stays JSON: a secret made of
    // quotes and commas could match across two strings.
    match serde_json::from_slice::<Value>(&json) {
        Ok(mut value) => {
            if let Some(event) = value.get_mut("event") {
                redactor.redact_json(event);
            }
            value.to_string().into_bytes()
        }
        Err(_) => json,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::reader::scan_bytes;
    use pilot_proto::{Record, Secret};
    use std::sync::{Arc, Mutex, PoisonError};

    /// A disk with so much room, whose file can be looked at.
    #[derive(Clone, Default)]
    struct Disk(Arc<Mutex<(Vec<u8>, usize)>>);

    impl Disk {
        fn with<T>(&self, look: impl FnOnce(&mut (Vec<u8>, usize)) -> T) -> T {
            look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
        }

        fn records(&self) -> Vec<Record> {
            self.with(|(bytes, _)| {
                let mut records = Vec::new();
                scan_bytes(bytes, |_, json| {
                    records.push(serde_json::from_slice(json).expect("a record"));
                });
                records
            })
        }
    }

    impl Write for Disk {
        fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
            self.with(|(bytes, room)| {
                let taken = buffer.len().min(*room);
                if taken == 0 {
                    return Err(io::ErrorKind::StorageFull.into());
                }
                bytes.extend_from_slice(&buffer[..taken]);
                *room -= taken;
                Ok(taken)
            })
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Durable for Disk {
        fn second(&self) -> io::Result<File> {
            tempfile::tempfile()
        }
    }

    fn log(disk: &Disk, secrets: Vec<NamedSecret>) -> Log<Disk> {
        let writer = JournalWriter::new(disk.clone(), Cursor { epoch: 1, seq: 0 }, 0);
        Log::new(writer, Redactor::new(secrets), SteadyClock::start())
    }

    fn output(text: &str) -> Event {
        Event::Output { stream: Stream::Stdout, text: text.to_owned(), open: false }
    }

    #[tokio::test]
    async fn a_full_disk_blocks_and_afterwards_everything_is_there_once() {
        let disk = Disk::default();
        disk.with(|(_, room)| *room = 150);
        let mut log = log(&disk, Vec::new());
        let end = log.watch();
        for line in 0..10 {
            log.append(&output(&format!("line {line}")));
        }
        assert!(log.is_blocked());
        let told = end.borrow().cursor.seq;
        assert!(
            told as usize <= disk.records().len(),
            "nobody may be told of a record that is not in the file"
        );
        log.retry();
        assert!(log.is_blocked(), "there still is no room");
        disk.with(|(_, room)| *room = usize::MAX);
        log.retry();
        assert!(!log.is_blocked());
        let records = disk.records();
        let seqs: Vec<u64> = records.iter().map(|record| record.seq).collect();
        assert_eq!(seqs, (1..=11).collect::<Vec<_>>(), "ten lines and a word about the disk");
        assert_eq!(end.borrow().cursor.seq, 11);
    }

    #[tokio::test]
    async fn a_secret_in_any_string_of_an_event_is_not_written() {
        let disk = Disk::default();
        disk.with(|(_, room)| *room = usize::MAX);
        let secret = |name: &str, value: &str| NamedSecret {
            name: name.to_owned(),
            value: Secret::new(value),
        };
        let mut log =
            log(&disk, vec![secret("key", "hunter2hunter2"), secret("odd", "one\",\"two")]);
        log.append(&Event::ToolStarted {
            id: "1".into(),
            tool: "Bash".into(),
            input: serde_json::json!({ "command": "echo hunter2hunter2" }),
            summary: "echo hunter2hunter2".into(),
            parent: None,
            locations: Vec::new(),
        });
        log.append(&Event::Cleaned { left: vec!["one".into(), "two".into()] });
        let text = disk.with(|(bytes, _)| String::from_utf8_lossy(bytes).into_owned());
        assert!(!text.contains("hunter2"), "{text}");
        let records = disk.records();
        assert_eq!(records.len(), 2, "what is written can be read");
        assert_eq!(
            records[1].event,
            Event::Cleaned { left: vec!["one".into(), "two".into()] },
            "two strings are not one secret"
        );
    }
}
