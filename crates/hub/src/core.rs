//! The core: the one task that changes state.
//!
//! Whatever happened (a console's wish, a runner's news, time) is taken in
//! turns. A turn drains what waits, up to a bound, plays it through the pure
//! machines, commits journal and state in one transaction, and only then
//! replies, acknowledges, sends and tells. So one sync of the disk carries the
//! wishes and records of everybody who came meanwhile.
//!
//! **Invariant:** what was not committed has had no effect outside. If a
//! commit fails, the machines are thrown away and read again from the store,
//! wishes are refused with the reason, and news wait here, and behind them in
//! the runners' own journals, until the store takes them.

mod access;
mod answers;
mod board;
mod children;
mod effects;
mod filing;
mod groups;
mod handle;
mod intake;
mod journal;
mod messages;
mod orders;
mod outputs;
mod profiles;
mod projects;
mod quiet;
mod reviews;
mod runners;
mod schedules;
mod turn;
mod waits;
mod wishes;

pub(crate) use access::{MAX_RULES, check_policy};
pub(crate) use board::memory_key;
pub(crate) use filing::{dressed, new_task};
pub(crate) use handle::CoreHandle;
pub(crate) use intake::IntakeWish;
pub(crate) use messages::{
    Connected, IssueNews, JournalNews, News, PullRequestNews, Review, Steer,
};
pub(crate) use orders::Permit;
pub(crate) use schedules::{ScheduleWish, schedule_of, scheduled_task};
pub(crate) use wishes::said;

use crate::assignment::Granter;
use crate::clock;
use crate::error::with_causes;
use crate::intake::Intake;
use crate::links::{Connections, Directory};
use crate::live::Fanout;
use crate::options::HubOptions;
use crate::permits::Permits;
use crate::publish::Publisher;
use crate::vaults::Vaults;
use board::Board;
use messages::{LinkEnd, Message, Wish};
use pilot_proto::{Problem, RunnerId, Timestamp};
use pilot_store::{Store, StoreError};
use quiet::Quiet;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use turn::Turn;

/// Journal bytes in one commit: four full batches. More would make those who
/// came first wait for those who came last.
const TURN_BYTES: usize = 4 * 1024 * 1024;
/// Messages in one commit.
const TURN_MESSAGES: usize = 1024;
/// How long nobody is listened to but people, where runners had nothing to say
/// that could not wait. What can waits so much at most; the queue to us holds
/// far more than comes in that time, and presses back if it does not.
const NAP: Duration = Duration::from_millis(5);
/// First wait after a failed commit, doubled up to the last.
const RETRY: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// What the core reaches of the hub's other rooms.
pub(crate) struct Reach {
    /// The one place where things are kept.
    pub(crate) store: Store,
    /// Whoever watches.
    pub(crate) fanout: Arc<Fanout>,
    /// What everybody may read about runners.
    pub(crate) directory: Arc<Directory>,
    /// Every connection of a runner, for hanging up.
    pub(crate) connections: Arc<Connections>,
    /// Makes pull requests.
    pub(crate) publisher: Arc<Publisher>,
    /// Puts credentials into assignments.
    pub(crate) granter: Granter,
    /// Looks at logins before they are pushed with.
    pub(crate) permits: Permits,
    /// Reads secrets from Vaults.
    pub(crate) vaults: Arc<Vaults>,
    /// Reads issues that are to become tasks.
    pub(crate) intake: Arc<Intake>,
    /// How patient we are.
    pub(crate) options: HubOptions,
}

/// The core's own state.
pub(crate) struct Core {
    reach: Reach,
    board: Board,
    links: HashMap<RunnerId, LinkEnd>,
    /// Runners that cannot be reached but are not called offline yet: since
    /// when, by the steady clock.
    away: HashMap<RunnerId, Timestamp>,
    next_review: Timestamp,
    wishes: mpsc::Receiver<Wish>,
    news: mpsc::Receiver<News>,
    quiet: Quiet,
    stop: CancellationToken,
    trouble: Option<Trouble>,
    began: Instant,
}

/// The store does not take what we have.
struct Trouble {
    problem: Problem,
    /// What was taken in and is not stored.
    waiting: VecDeque<News>,
    wait: Duration,
}

impl Core {
    /// Reads everything from the store and brings what was under way back
    /// under way.
    pub(crate) async fn open(
        reach: Reach,
        wishes: mpsc::Receiver<Wish>,
        news: mpsc::Receiver<News>,
        stop: CancellationToken,
    ) -> Result<Self, StoreError> {
        let board = Board::load(&reach.store, &reach.options).await?;
        let mut core = Self {
            board,
            links: HashMap::new(),
            away: HashMap::new(),
            next_review: Timestamp::default(),
            wishes,
            news,
            quiet: Quiet::default(),
            stop,
            trouble: None,
            began: Instant::now(),
            reach,
        };
        core.resume().await?;
        core.publish_directory();
        Ok(core)
    }

    /// Works until the hub stops; what was taken in by then is committed.
    pub(crate) async fn run(mut self) {
        loop {
            let batch =
                if self.trouble.is_some() { self.in_trouble().await } else { self.wait().await };
            match batch {
                Some(batch) => self.take(batch).await,
                None => break,
            }
        }
        // The links have ended before us; what they left is the last turn.
        self.wishes.close();
        self.news.close();
        loop {
            let held = self.quiet.release_all().collect();
            let rest = self.drain(held);
            if rest.is_empty() || self.trouble.is_some() {
                break;
            }
            self.take(rest).await;
        }
    }

    /// Waits for the first thing that happens, and takes along what else waits
    /// and what is due. Lines that nobody is in a hurry for only gather.
    async fn wait(&mut self) -> Option<Vec<Message>> {
        let deadline = self.next_deadline().since(self.steady());
        let timer = Instant::now() + self.schedule_wait().map_or(deadline, |due| due.min(deadline));
        let mut nap = None;
        loop {
            let due = [Some(timer), self.quiet.due(), nap].into_iter().flatten().min();
            let first = tokio::select! {
                biased;
                () = self.stop.cancelled() => return None,
                wish = self.wishes.recv() => vec![Message::Wish(wish?)],
                news = self.news.recv(), if nap.is_none() => vec![Message::News(news?)],
                () = tokio::time::sleep_until(due.unwrap_or(timer)) => Vec::new(),
            };
            let batch = self.drain(first);
            let fanout = &self.reach.fanout;
            let now = Instant::now();
            let batch = self.quiet.sift(now, batch, |run| fanout.is_watched(run));
            if !batch.is_empty() || now >= timer {
                return Some(batch);
            }
            // Being woken by each of two thousand lines costs more than what
            // is done with them.
            nap = self.quiet.due().map(|due| due.min(now + NAP));
        }
    }

    fn drain(&mut self, mut batch: Vec<Message>) -> Vec<Message> {
        let mut bytes: usize = batch.iter().map(Message::bytes).sum();
        while bytes < TURN_BYTES && batch.len() < TURN_MESSAGES {
            let next = (self.wishes.try_recv().map(Message::Wish))
                .or_else(|_| self.news.try_recv().map(Message::News));
            let Ok(message) = next else { break };
            bytes += message.bytes();
            batch.push(message);
        }
        batch
    }

    /// Time for leases and deadlines: it neither leaps nor stands still when
    /// somebody sets the wall clock. Nothing of it is stored, because a lease
    /// from before a restart counts as renewed by it.
    fn steady(&self) -> Timestamp {
        Timestamp::default().after(self.began.elapsed())
    }

    async fn take(&mut self, batch: Vec<Message>) {
        let mut batch = VecDeque::from(batch);
        // Enrolling uses a code up, and a used code fails the whole commit: it
        // goes alone.
        loop {
            let alone = batch.iter().position(|message| message.goes_alone());
            let some: Vec<Message> = match alone {
                Some(0) => batch.pop_front().into_iter().collect(),
                Some(at) => batch.drain(..at).collect(),
                None => batch.drain(..).collect(),
            };
            self.turn(some).await;
            if batch.is_empty() {
                break;
            }
        }
    }

    async fn turn(&mut self, batch: Vec<Message>) {
        if let Some(trouble) = &mut self.trouble {
            // An earlier part of the same batch failed.
            let problem = trouble.problem.clone();
            trouble.waiting.extend(batch.into_iter().filter_map(|one| one.keep(&problem)));
            return;
        }
        let mut turn = Turn::new(clock::now(), self.steady());
        match self.play(&mut turn, &batch).await {
            Ok(()) => self.let_go(turn, batch),
            Err(error) if matches!(error, StoreError::JoinCodeGone) => {
                for message in batch {
                    self.forget_enrolled(&message);
                    message.keep(&error.problem());
                }
            }
            Err(error) => self.fail(error, batch).await,
        }
    }

    /// Plays messages through the machines and commits.
    async fn play(&mut self, turn: &mut Turn, batch: &[Message]) -> Result<(), StoreError> {
        // What goes alone may fail alone, and must take nothing with it.
        if !batch.iter().any(Message::goes_alone) {
            self.pass_time(turn);
            self.pass_schedules(turn).await?;
        }
        for message in batch {
            match message {
                Message::Wish(wish) => self.grant(turn, wish).await?,
                Message::News(news) => self.hear(turn, news).await?,
            }
        }
        self.commit(turn).await
    }

    async fn fail(&mut self, error: StoreError, batch: Vec<Message>) {
        let problem = error.problem();
        tracing::error!(error = with_causes(&error), "nothing is stored; the hub tries again");
        let waiting = batch.into_iter().filter_map(|message| message.keep(&problem)).collect();
        self.trouble = Some(Trouble { problem, waiting, wait: RETRY.0 });
    }

    /// While the store takes nothing: refuses wishes, leaves news where they
    /// are, and tries again with what it holds.
    async fn in_trouble(&mut self) -> Option<Vec<Message>> {
        let trouble = self.trouble.as_mut()?;
        let retry = tokio::time::sleep(trouble.wait);
        tokio::pin!(retry);
        loop {
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return None,
                wish = self.wishes.recv() => {
                    wish?.refuse(trouble.problem.clone());
                }
                () = &mut retry => break,
            }
        }
        self.recover().await;
        Some(Vec::new())
    }

    async fn recover(&mut self) {
        let Some(mut trouble) = self.trouble.take() else { return };
        let failed = match self.reload().await {
            Ok(()) => self.replay(&mut trouble.waiting).await.err(),
            Err(error) => Some(error),
        };
        match failed {
            None => tracing::info!("the store takes what we have again"),
            Some(error) => {
                trouble.problem = error.problem();
                trouble.wait = (trouble.wait * 2).min(RETRY.1);
                tracing::debug!(error = with_causes(&error), "still nothing is stored");
                self.trouble = Some(trouble);
            }
        }
    }

    async fn reload(&mut self) -> Result<(), StoreError> {
        self.board = Board::load(&self.reach.store, &self.reach.options).await?;
        self.resume().await
    }

    /// One at a time, so that news which the store will never take cannot hold
    /// up the others.
    async fn replay(&mut self, waiting: &mut VecDeque<News>) -> Result<(), StoreError> {
        while let Some(news) = waiting.front() {
            let mut turn = Turn::new(clock::now(), self.steady());
            let played = match self.hear(&mut turn, news).await {
                Ok(()) => self.commit(&mut turn).await,
                Err(error) => Err(error),
            };
            match played {
                Ok(()) => {
                    waiting.pop_front();
                    self.let_go(turn, Vec::new());
                }
                Err(error) if is_passing(&error) => return Err(error),
                Err(error) => {
                    let reason = with_causes(&error);
                    tracing::error!(reason, ?news, "the store will never take this; dropped");
                    waiting.pop_front();
                    self.reload().await?;
                }
            }
        }
        Ok(())
    }
}

/// True where the same commit may work later.
fn is_passing(error: &StoreError) -> bool {
    match error {
        StoreError::Open { .. }
        | StoreError::Read { .. }
        | StoreError::Write { .. }
        | StoreError::Contended { .. }
        | StoreError::Stopping => true,
        StoreError::Url { .. }
        | StoreError::Newer { .. }
        | StoreError::Migrate { .. }
        | StoreError::Document { .. }
        | StoreError::Value { .. }
        | StoreError::Spell { .. }
        | StoreError::Packing { .. }
        | StoreError::Damaged { .. }
        | StoreError::Hole { .. }
        | StoreError::NotOneLine { .. }
        | StoreError::JoinCodeGone
        | StoreError::Pattern { .. } => false,
    }
}
