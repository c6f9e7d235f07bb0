//! A watch of one log: how many lines it has, and the newest of them, as it
//! grows. Latest wins: a log that grows faster than anybody can read is shown
//! by its last lines, and whoever wants the others reads them.
//!
//! The lines come from the records that the ring hands around anyway. Only
//! where it hands none (a commit too large, a ring that has moved on) the
//! store is asked, and then for the last lines alone.

use super::fanout::{Fanout, Fresh};
use super::{Gone, tell};
use pilot_proto::console::{LogText, ToConsole};
use pilot_proto::{Code, Event, Problem, Record, RunId};
use pilot_store::{JournalEnd, Store, StoreError};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::sync::{broadcast, mpsc};

/// Lines in one message: some ten screens.
const MOST_LINES: usize = 500;
/// Text in one message, unless its last line alone is longer.
const MOST_BYTES: usize = 256 * 1024;
/// Thirty messages a second: no eye sees more.
const PAUSE: Duration = Duration::from_millis(33);

/// Runs until the log is over, the console goes or the hub stops.
pub(crate) async fn watch(
    store: &Store,
    fanout: &Fanout,
    out: &mpsc::Sender<ToConsole>,
    watch: u32,
    run: RunId,
) {
    // Subscribe first: whatever is committed from here on is in the ring.
    let mut ring = fanout.journal(run);
    let mut follower = Follower { store, out, watch, run, log: Log::default() };
    let problem = match follower.follow(&mut ring).await {
        Ok(()) => None,
        Err(Stop::Gone) => return,
        Err(Stop::Problem(problem)) => Some(problem),
    };
    // A console that went meanwhile needs no good-bye.
    tell(out, ToConsole::Ended { watch, problem }).await.ok();
}

type Ring = broadcast::Receiver<Arc<Fresh>>;

enum Stop {
    Gone,
    Problem(Problem),
}

impl From<Gone> for Stop {
    fn from(_: Gone) -> Self {
        Self::Gone
    }
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Self::Problem(error.problem())
    }
}

struct Follower<'a> {
    store: &'a Store,
    out: &'a mpsc::Sender<ToConsole>,
    watch: u32,
    run: RunId,
    log: Log,
}

impl Follower<'_> {
    async fn follow(&mut self, ring: &mut Ring) -> Result<(), Stop> {
        let (end, over) = self.end().await?;
        let (position, total) = (end.cursor.seq, end.lines);
        self.log = Log { position, total, end: over, ..Log::default() };
        tell(self.out, ToConsole::Watching { watch: self.watch }).await?;
        self.send().await?;
        while !self.log.end {
            // The first word of a quiet log is told at once; what follows it
            // closely is told together.
            let Ok(()) = self.hear(ring.recv().await) else { return Err(Stop::Gone) };
            while let Some(heard) = next(ring) {
                let Ok(()) = self.hear(heard) else { return Err(Stop::Gone) };
            }
            if self.log.missed {
                self.read().await?;
            }
            if self.log.is_news() {
                self.send().await?;
                tokio::time::sleep(PAUSE).await;
            }
        }
        Ok(())
    }

    /// Err if the hub is stopping.
    fn hear(&mut self, heard: Result<Arc<Fresh>, RecvError>) -> Result<(), RecvError> {
        match heard {
            Ok(fresh) => self.log.take(&fresh),
            Err(RecvError::Lagged(_)) => self.log.missed = true,
            Err(error @ RecvError::Closed) => return Err(error),
        }
        Ok(())
    }

    /// Takes from the store what the ring did not hand around.
    async fn read(&mut self) -> Result<(), Stop> {
        let (end, over) = self.end().await?;
        let first = self.log.sent.max(end.lines.saturating_sub(MOST_LINES as u64));
        let mut lines = self.store.log(self.run, first, end.lines - first).await?;
        if lines.last().is_some_and(|last| last.line + 1 < end.lines) {
            // More text than a page holds; the newest line is the one to show.
            lines = self.store.log(self.run, end.lines - 1, 1).await?;
        }
        self.log.missed = false;
        self.log.position = end.cursor.seq;
        self.log.total = end.lines;
        self.log.bytes = lines.iter().map(|line| line.text.len()).sum();
        self.log.lines = lines.into();
        self.log.trim();
        self.log.end = over;
        Ok(())
    }

    /// Where the journal ends, and whether it will go no further. Whoever is
    /// told that it goes on hears of its end in the ring.
    async fn end(&self) -> Result<(JournalEnd, bool), Stop> {
        let end = self.store.journal_end(self.run).await?;
        let Some(run) = self.store.run(self.run).await? else {
            let message = format!("There is no run `{}`.", self.run);
            return Err(Stop::Problem(Problem::new(Code::NotFound, message)));
        };
        if run.outcome.is_none() {
            return Ok((end, false));
        }
        // It may have ended just after the end was read.
        Ok((self.store.journal_end(self.run).await?, true))
    }

    async fn send(&mut self) -> Result<(), Gone> {
        let (watch, total, end) = (self.watch, self.log.total, self.log.end);
        let lines = std::mem::take(&mut self.log.lines).into();
        (self.log.sent, self.log.bytes, self.log.told_end) = (total, 0, end);
        tell(self.out, ToConsole::Log { watch, total, lines, end }).await
    }
}

/// What the ring has by now, without waiting for more.
fn next(ring: &mut Ring) -> Option<Result<Arc<Fresh>, RecvError>> {
    match ring.try_recv() {
        Ok(fresh) => Some(Ok(fresh)),
        Err(TryRecvError::Lagged(by)) => Some(Err(RecvError::Lagged(by))),
        // If it is closed, the next wait says so.
        Err(TryRecvError::Empty | TryRecvError::Closed) => None,
    }
}

/// The log as far as it was heard, with the newest lines not yet sent.
#[derive(Debug, Default)]
struct Log {
    /// Up to this record it is counted.
    position: u64,
    total: u64,
    sent: u64,
    lines: VecDeque<LogText>,
    /// Text in `lines`.
    bytes: usize,
    /// There are records that were not heard.
    missed: bool,
    end: bool,
    told_end: bool,
}

impl Log {
    fn is_news(&self) -> bool {
        self.total > self.sent || self.end != self.told_end
    }

    fn take(&mut self, fresh: &Fresh) {
        if fresh.end <= self.position || self.missed {
            return;
        }
        let Some(records) = &fresh.records else {
            self.missed = true;
            return;
        };
        let next = records.partition_point(|one| one.seq <= self.position);
        for record in &records[next..] {
            self.add(record);
        }
        self.position = fresh.end;
    }

    fn add(&mut self, record: &Record) {
        for line in pilot_proto::log::lines(&record.event) {
            let (stream, text) = (line.stream, line.text.into_owned());
            self.bytes += text.len();
            self.lines.push_back(LogText { line: self.total, at: record.at, stream, text });
            self.total += 1;
        }
        self.trim();
        self.end |= matches!(record.event, Event::Finished(_));
    }

    /// Forgets the oldest lines of too many.
    fn trim(&mut self) {
        while self.lines.len() > MOST_LINES || (self.bytes > MOST_BYTES && self.lines.len() > 1) {
            let Some(oldest) = self.lines.pop_front() else { break };
            self.bytes -= oldest.text.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pilot_proto::{Stream, Timestamp};

    fn output(seq: u64, text: &str) -> Record {
        let event = Event::Output { stream: Stream::Stdout, text: text.to_owned(), open: false };
        Record { epoch: 1, seq, at: Timestamp(0), event }
    }

    fn fresh(records: Vec<Record>) -> Fresh {
        let end = records.last().map_or(0, |last| last.seq);
        Fresh { records: Some(records), end }
    }

    #[test]
    fn only_the_last_lines_are_kept_and_all_are_counted() {
        let mut log = Log::default();
        log.take(&fresh((1..=700).map(|seq| output(seq, &format!("a{seq}\nb{seq}"))).collect()));
        assert_eq!((log.total, log.lines.len()), (1400, MOST_LINES));
        assert_eq!(log.lines[0].line, 900, "the last ones");
        assert_eq!(log.lines[MOST_LINES - 1].text, "b700");
        let bytes: usize = log.lines.iter().map(|line| line.text.len()).sum();
        assert_eq!(log.bytes, bytes, "the sum is kept");
        let long = "x".repeat(MOST_BYTES / 2);
        log.take(&fresh((701..=703).map(|seq| output(seq, &long)).collect()));
        assert_eq!(log.lines.len(), 2, "no more text than fits");
        log.take(&fresh(vec![output(704, &"y".repeat(2 * MOST_BYTES))]));
        assert_eq!(log.lines.len(), 1, "the last line always");
        assert_eq!(log.total, 1404);
    }

    #[test]
    fn what_was_counted_already_is_not_counted_again() {
        let mut log = Log { position: 10, total: 3, sent: 3, ..Log::default() };
        log.take(&fresh(vec![output(9, "old"), output(10, "old")]));
        assert!(!log.is_news());
        log.take(&fresh(vec![output(10, "old"), output(11, "new")]));
        assert_eq!((log.total, log.lines[0].line, log.lines.len()), (4, 3, 1));
        log.take(&Fresh::unread(20));
        assert!(log.missed, "the store has to be asked");
    }
}
