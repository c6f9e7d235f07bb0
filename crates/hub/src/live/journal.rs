//! A watch of one journal: history first, then live, in order, each once.

use super::fanout::{Fanout, Fresh};
use super::{Gone, tell};
use pilot_proto::console::{JournalPart, ToConsole};
use pilot_proto::{Code, Event, Problem, Record, RunId};
use pilot_store::{Store, StoreError, Want};
use std::sync::Arc;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::sync::{broadcast, mpsc};

/// JSON in one frame of history: large enough that a long journal is few
/// round trips, small enough that the first lines are there at once.
pub(crate) const PAGE_BYTES: usize = 256 * 1024;
/// Records in one frame.
const PAGE_RECORDS: usize = 10_000;

/// Runs until the journal ends, the console goes or the hub stops.
pub(crate) async fn watch(
    store: &Store,
    fanout: &Fanout,
    out: &mpsc::Sender<ToConsole>,
    watch: u32,
    run: RunId,
    (after, part): (u64, JournalPart),
) {
    let mut reader = Reader { store, out, watch, run, part, position: after };
    // Subscribe first: whatever is committed from here on is in the ring, and
    // whatever was before is in the store.
    let ring = fanout.journal(run);
    let problem = match reader.follow(ring).await {
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

struct Reader<'a> {
    store: &'a Store,
    out: &'a mpsc::Sender<ToConsole>,
    watch: u32,
    run: RunId,
    part: JournalPart,
    /// Up to here everything that belongs to the part was queued.
    position: u64,
}

impl Reader<'_> {
    async fn follow(&mut self, mut ring: broadcast::Receiver<Arc<Fresh>>) -> Result<(), Stop> {
        let unknown = || Problem::new(Code::NotFound, format!("There is no run `{}`.", self.run));
        let known = self.store.run(self.run).await?;
        let over = known.ok_or_else(|| Stop::Problem(unknown()))?.outcome.is_some();
        tell(self.out, ToConsole::Watching { watch: self.watch }).await?;
        if self.history(&mut ring).await? {
            return Ok(());
        }
        if over {
            // It ended before the position asked for.
            return Ok(self.send(Vec::new(), true).await?);
        }
        loop {
            match ring.recv().await {
                Ok(fresh) if fresh.end <= self.position => {}
                Ok(fresh) => {
                    let ended = match &fresh.records {
                        Some(records) => {
                            let next = records.partition_point(|one| one.seq <= self.position);
                            let records = records[next..].iter();
                            let wanted = records.filter(|one| self.part.has(&one.event));
                            self.pass(wanted.cloned().collect()).await?
                        }
                        None => self.history(&mut ring).await?,
                    };
                    self.position = self.position.max(fresh.end);
                    if ended {
                        return Ok(());
                    }
                }
                Err(RecvError::Lagged(by)) => {
                    self.behind(by).await?;
                    if self.history(&mut ring).await? {
                        return Ok(());
                    }
                }
                // The hub is stopping; the console reconnects and says where it was.
                Err(RecvError::Closed) => return Err(Stop::Gone),
            }
        }
    }

    /// Sends what the store has after the position, page by page. True at the
    /// journal's end.
    async fn history(&mut self, ring: &mut Ring) -> Result<bool, Stop> {
        loop {
            // What is in the ring by now is in the store as well. A console
            // that takes pages more slowly than the run writes is told so.
            loop {
                match ring.try_recv() {
                    Ok(_) => {}
                    Err(TryRecvError::Lagged(by)) => self.behind(by).await?,
                    Err(TryRecvError::Empty | TryRecvError::Closed) => break,
                }
            }
            let want = Want { part: self.part.into(), limit: PAGE_RECORDS, max_bytes: PAGE_BYTES };
            let mut page = self.store.records_after(self.run, self.position, &want).await?;
            page.records.retain(|record| self.part.has(&record.event));
            if self.pass(page.records).await? {
                return Ok(true);
            }
            self.position = page.reached;
            if page.end {
                return Ok(false);
            }
        }
    }

    async fn behind(&self, by: u64) -> Result<(), Gone> {
        let after = Some(self.position);
        tell(self.out, ToConsole::Behind { watch: self.watch, by, after }).await
    }

    /// Queues records, if there are any. True at the journal's end.
    async fn pass(&mut self, records: Vec<Record>) -> Result<bool, Stop> {
        let Some(last) = records.last() else { return Ok(false) };
        let end = matches!(last.event, Event::Finished(_));
        self.position = last.seq;
        self.send(records, end).await?;
        Ok(end)
    }

    async fn send(&self, records: Vec<Record>, end: bool) -> Result<(), Gone> {
        tell(self.out, ToConsole::Records { watch: self.watch, records, end }).await
    }
}
