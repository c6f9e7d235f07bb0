//! What the gate decided, told to whoever writes it down.
//!
//! **Invariant:** nothing waits for the reader. What does not fit is counted,
//! and the count is the first thing told when there is room again.

use crate::policy::Host;
use pilot_proto::network::{Door, NetworkDecision, NetworkEnd};
use std::collections::{HashMap, HashSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// Equal refusals within this time are one line.
const GATHER: Duration = Duration::from_secs(1);
/// Different refusals that are gathered at a time, and different hosts a
/// person is asked about: more is noise that nobody reads.
const MOST: usize = 256;

/// What the gate has to say.
#[derive(Debug, Clone, PartialEq)]
pub enum News {
    /// Something was decided.
    Decided(NetworkDecision),
    /// What was let through has ended.
    Ended(NetworkEnd),
    /// Something was refused for the first time under this policy: a person
    /// may want to allow it.
    Denied(Denied),
    /// So many of the above were lost before this, as nobody took them.
    Lost(u64),
}

/// A refusal that a person can do something about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denied {
    /// Name or address, as a rule writes it.
    pub host: String,
    /// 0 where only the name was asked for.
    pub port: u16,
    /// The command that asked, where it is known.
    pub process: Option<String>,
    /// Why, in words that complete "refused: …".
    pub because: String,
}

/// What a decision is about.
#[derive(Debug, Clone)]
pub(super) struct Subject {
    pub(super) host: Host,
    pub(super) port: u16,
    pub(super) door: Door,
    pub(super) method: Option<String>,
    pub(super) path: Option<String>,
    pub(super) process: Option<String>,
}

impl Subject {
    /// `host:port`, or the host alone for a look-up.
    pub(super) fn place(&self) -> String {
        if self.port == 0 { self.host.to_string() } else { format!("{}:{}", self.host, self.port) }
    }
}

#[derive(Debug, PartialEq, Eq, Hash, Clone)]
struct Key(Host, u16, Door);

#[derive(Debug)]
struct Gathered {
    since: Instant,
    /// Not told yet.
    count: u32,
    last: NetworkDecision,
}

#[derive(Debug, Default)]
struct State {
    refused: HashMap<Key, Gathered>,
    asked: HashSet<(Host, u16)>,
    lost: u64,
}

/// Numbers for a person and for tests.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) open: AtomicU64,
    pub(super) allowed: AtomicU64,
    pub(super) denied: AtomicU64,
    pub(super) sent: AtomicU64,
    pub(super) received: AtomicU64,
    pub(super) lost: AtomicU64,
}

#[derive(Debug)]
pub(super) struct Journal {
    news: mpsc::Sender<News>,
    last: AtomicU64,
    state: Mutex<State>,
    pub(super) tally: Tally,
}

impl Journal {
    pub(super) fn new(news: mpsc::Sender<News>) -> Self {
        Self { news, last: AtomicU64::new(0), state: Mutex::default(), tally: Tally::default() }
    }

    /// Writes down that it passes; the number is for its end.
    pub(super) fn allowed(&self, subject: &Subject, because: &str) -> u64 {
        self.tally.allowed.fetch_add(1, Ordering::Relaxed);
        let decision = self.decision(subject, true, because);
        let id = decision.id;
        self.tell(&mut self.state(), News::Decided(decision));
        id
    }

    pub(super) fn refused(&self, subject: &Subject, because: &str, now: Instant) {
        self.tally.denied.fetch_add(1, Ordering::Relaxed);
        let mut state = self.state();
        let asked = (subject.host.clone(), subject.port);
        if state.asked.len() < MOST && !state.asked.contains(&asked) {
            let denied = Denied {
                host: subject.host.to_string(),
                port: subject.port,
                process: subject.process.clone(),
                because: because.to_owned(),
            };
            if self.tell(&mut state, News::Denied(denied)) {
                state.asked.insert(asked);
            }
        }
        let key = Key(subject.host.clone(), subject.port, subject.door);
        if let Some(gathered) = state.refused.get_mut(&key) {
            gathered.count += 1;
            return;
        }
        let decision = self.decision(subject, false, because);
        if state.refused.len() < MOST {
            let gathered = Gathered { since: now, count: 0, last: decision.clone() };
            state.refused.insert(key, gathered);
        }
        self.tell(&mut state, News::Decided(decision));
    }

    pub(super) fn ended(&self, end: NetworkEnd) {
        self.tally.sent.fetch_add(end.sent, Ordering::Relaxed);
        self.tally.received.fetch_add(end.received, Ordering::Relaxed);
        self.tell(&mut self.state(), News::Ended(end));
    }

    /// Tells what was gathered long enough; all of it at the end.
    pub(super) fn flush(&self, now: Instant, all: bool) {
        let mut state = self.state();
        let due: Vec<Key> = state
            .refused
            .iter()
            .filter(|(_, gathered)| all || now.duration_since(gathered.since) >= GATHER)
            .map(|(key, _)| key.clone())
            .collect();
        for key in due {
            let Some(mut gathered) = state.refused.remove(&key) else { continue };
            if gathered.count > 0 {
                gathered.last.id = self.next();
                gathered.last.count = gathered.count;
                self.tell(&mut state, News::Decided(gathered.last.clone()));
                if !all {
                    let again = Gathered { since: now, count: 0, last: gathered.last };
                    state.refused.insert(key, again);
                }
            }
        }
        self.tell_lost(&mut state);
    }

    /// Under another policy a person is asked again.
    pub(super) fn forget_asked(&self) {
        self.state().asked.clear();
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn next(&self) -> u64 {
        self.last.fetch_add(1, Ordering::Relaxed) + 1
    }

    fn decision(&self, subject: &Subject, allowed: bool, because: &str) -> NetworkDecision {
        NetworkDecision {
            id: self.next(),
            host: subject.host.to_string(),
            port: subject.port,
            door: subject.door,
            method: subject.method.clone(),
            path: subject.path.clone(),
            process: subject.process.clone(),
            allowed,
            because: because.to_owned(),
            count: 1,
        }
    }

    fn tell(&self, state: &mut State, news: News) -> bool {
        self.tell_lost(state);
        let told = state.lost == 0 && self.news.try_send(news).is_ok();
        if !told {
            state.lost += 1;
            self.tally.lost.fetch_add(1, Ordering::Relaxed);
        }
        told
    }

    fn tell_lost(&self, state: &mut State) {
        if state.lost > 0 && self.news.try_send(News::Lost(state.lost)).is_ok() {
            state.lost = 0;
        }
    }
}
