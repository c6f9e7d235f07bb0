//! What the core hands out to whoever watches. Bounded rings: the core never
//! waits for a watcher, and a watcher that is overtaken is told so.

use pilot_proto::console::RunnerSeen;
use pilot_proto::{InboxItem, Record, RunId, Task};
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{broadcast, watch};

/// Changes kept for a watcher of everything: a burst of a thousand tasks filed
/// at once, each leased and begun, passes a console that is a moment away.
const CHANGES: usize = 4096;
/// Commits kept for a watcher of a journal.
const COMMITS: usize = 64;
/// Records of a commit larger than this are not handed around but read from
/// the store by whoever watches: it bounds a ring at `COMMITS` times this.
const MAX_HANDED: usize = 64 * 1024;

/// Something that consoles show is different now.
#[derive(Debug, Clone)]
pub(crate) enum Changed {
    /// A task.
    Task(Arc<Task>),
    /// A runner.
    Runner(Arc<RunnerSeen>),
    /// An inbox item.
    Inbox(Arc<InboxItem>),
}

/// A journal is longer now, durably.
#[derive(Debug, Clone)]
pub(crate) struct Fresh {
    /// The new records; none if they are too many to hand around.
    pub(crate) records: Option<Vec<Record>>,
    /// Sequence number of the last.
    pub(crate) end: u64,
}

impl Fresh {
    /// There are records up to `end`; they are in the store.
    pub(crate) fn unread(end: u64) -> Self {
        Self { records: None, end }
    }

    /// `bytes`: how long the records are as JSON.
    pub(crate) fn new(records: Vec<Record>, end: u64, bytes: usize) -> Self {
        Self { records: (bytes <= MAX_HANDED).then_some(records), end }
    }
}

/// The rings.
#[derive(Debug)]
pub(crate) struct Fanout {
    changes: broadcast::Sender<Changed>,
    journals: Mutex<Rings>,
    watched: watch::Sender<Watched>,
}

type Rings = HashMap<RunId, broadcast::Sender<Arc<Fresh>>>;

/// Runs whose journals somebody reads as they grow.
pub(crate) type Watched = Arc<BTreeSet<RunId>>;

impl Fanout {
    /// No watcher yet.
    pub(crate) fn new() -> Self {
        Self {
            changes: broadcast::Sender::new(CHANGES),
            journals: Mutex::default(),
            watched: watch::Sender::default(),
        }
    }

    /// Watches everything from now on.
    pub(crate) fn changes(&self) -> broadcast::Receiver<Changed> {
        self.changes.subscribe()
    }

    /// Watches a journal from now on.
    pub(crate) fn journal(&self, run: RunId) -> broadcast::Receiver<Arc<Fresh>> {
        let mut journals = self.journals.lock().unwrap_or_else(PoisonError::into_inner);
        // Watchers come and go on runs that write nothing any more.
        journals.retain(|_, ring| ring.receiver_count() > 0);
        let ring = journals.entry(run).or_insert_with(|| broadcast::Sender::new(COMMITS));
        let ring = ring.subscribe();
        self.count(&journals);
        ring
    }

    /// Which journals are read. One that nobody reads any more is left out with
    /// its next record.
    pub(crate) fn watched(&self) -> watch::Receiver<Watched> {
        self.watched.subscribe()
    }

    fn count(&self, journals: &Rings) {
        self.watched.send_if_modified(|known| {
            let changed = known.len() != journals.len()
                || !known.iter().all(|run| journals.contains_key(run));
            if changed {
                *known = Arc::new(journals.keys().copied().collect());
            }
            changed
        });
    }

    /// Tells of a change that is durable. Nobody watching is fine.
    pub(crate) fn tell(&self, changed: Changed) {
        if self.changes.send(changed).is_err() {
            tracing::trace!("nobody watches");
        }
    }

    /// True if somebody reads this journal as it grows.
    pub(crate) fn is_watched(&self, run: RunId) -> bool {
        self.journals.lock().unwrap_or_else(PoisonError::into_inner).contains_key(&run)
    }

    /// Tells of records that are durable.
    pub(crate) fn tell_journal(&self, run: RunId, fresh: Fresh) {
        let mut journals = self.journals.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(ring) = journals.get(&run)
            && ring.send(Arc::new(fresh)).is_err()
        {
            journals.remove(&run);
            self.count(&journals);
        }
    }
}
