//! What everybody may read about runners, and every connection they have.

use pilot_link::{Sender, Standing};
use pilot_proto::console::RunnerSeen;
use pilot_proto::runner::ToRunner;
use pilot_proto::{RunnerId, Timestamp};
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};

/// Runners as the last commit left them. Written by the core alone.
#[derive(Debug, Default)]
pub(crate) struct Directory {
    runners: RwLock<BTreeMap<RunnerId, Listed>>,
}

#[derive(Debug, Clone)]
struct Listed {
    seen: RunnerSeen,
    public_key: String,
}

impl Directory {
    /// A runner looks like this now.
    pub(crate) fn put(&self, seen: RunnerSeen, public_key: String) {
        let mut runners = self.runners.write().unwrap_or_else(PoisonError::into_inner);
        runners.insert(seen.id, Listed { seen, public_key });
    }

    /// A runner gave a sign.
    pub(crate) fn saw(&self, runner: RunnerId, now: Timestamp) {
        let mut runners = self.runners.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(listed) = runners.get_mut(&runner) {
            listed.seen.seen_at = Some(now);
        }
    }

    /// All of them, in the order they joined.
    pub(crate) fn all(&self) -> Vec<RunnerSeen> {
        let runners = self.runners.read().unwrap_or_else(PoisonError::into_inner);
        runners.values().map(|listed| listed.seen.clone()).collect()
    }

    /// What a hello is held against.
    pub(crate) fn standing(&self, runner: RunnerId) -> Standing {
        let runners = self.runners.read().unwrap_or_else(PoisonError::into_inner);
        match runners.get(&runner) {
            None => Standing::Unknown,
            Some(listed) if listed.seen.revoked => Standing::Revoked,
            Some(listed) => Standing::Enrolled {
                public_key: listed.public_key.clone(),
                name: listed.seen.about.name.clone(),
            },
        }
    }

    /// Enrolled, and not revoked.
    pub(crate) fn is_welcome(&self, runner: RunnerId) -> bool {
        matches!(self.standing(runner), Standing::Enrolled { .. })
    }
}

/// Every connection of every runner, so that a revoked one can be hung up on.
#[derive(Debug, Default)]
pub(crate) struct Connections {
    counter: AtomicU64,
    open: Mutex<HashMap<u64, (RunnerId, Sender<ToRunner>)>>,
}

impl Connections {
    /// Enters a connection and numbers it.
    pub(crate) fn add(&self, runner: RunnerId, sender: Sender<ToRunner>) -> u64 {
        let number = self.counter.fetch_add(1, Ordering::Relaxed) + 1;
        self.open().insert(number, (runner, sender));
        number
    }

    /// It is over.
    pub(crate) fn remove(&self, runner: RunnerId, number: u64) {
        if self.open().remove(&number).is_some() {
            tracing::debug!(%runner, number, "a connection is over");
        }
    }

    /// Ends every connection of a runner.
    pub(crate) fn hang_up(&self, runner: RunnerId) {
        for (_, sender) in self.open().values().filter(|(whose, _)| *whose == runner) {
            sender.hang_up();
        }
    }

    fn open(&self) -> MutexGuard<'_, HashMap<u64, (RunnerId, Sender<ToRunner>)>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
