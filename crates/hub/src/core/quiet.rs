//! Journal news that nobody is in a hurry for, held for a moment so that one
//! commit carries what many runs have said.
//!
//! Forty runs at fifty lines a second are two thousand batches of one line. A
//! commit for each costs a third of a core, nearly all of it the same work
//! over and over; a commit for all of them five times a second costs a
//! fraction of that. What changes where a task stands is never held, and pulls
//! what its run said before along.
//!
//! **Invariant:** the news of a run leave in the order in which they came, and
//! what is held is not acknowledged.

use super::messages::{JournalNews, Message, News};
use pilot_proto::{Event, RunId};
use std::time::Duration;
use tokio::time::Instant;

/// Lines that somebody reads as they come leave at once, but not more often
/// than this: a fifth of the 50 ms within which they have to be on the screen.
const WATCHED: Duration = Duration::from_millis(10);
/// How long those wait that nobody reads. A console that begins to read asks
/// the store first, and misses this much for that long.
const UNWATCHED: Duration = Duration::from_millis(200);
/// With so much the commit is worth its while. Also the bound of what is held.
const BYTES: usize = 256 * 1024;

/// What is held.
#[derive(Debug, Default)]
pub(crate) struct Quiet {
    watched: Group,
    /// When watched ones may leave next.
    watched_next: Option<Instant>,
    unwatched: Group,
}

/// News that leave together, in the order in which they came.
#[derive(Debug, Default)]
struct Group {
    news: Vec<JournalNews>,
    bytes: usize,
    due: Option<Instant>,
}

impl Quiet {
    /// Takes the quiet news out of `batch` and gives what is to be done now.
    pub(crate) fn sift(
        &mut self,
        now: Instant,
        batch: Vec<Message>,
        is_watched: impl Fn(RunId) -> bool,
    ) -> Vec<Message> {
        let mut urgent = Vec::with_capacity(batch.len());
        for message in batch {
            match message {
                Message::News(News::Journal(news)) if is_quiet(&news) => {
                    self.hold(now, news, &is_watched);
                }
                Message::News(News::Journal(news)) => {
                    urgent.extend(self.release_run(news.run));
                    urgent.push(Message::News(News::Journal(news)));
                }
                // Who comes is told how far we have its journals.
                Message::News(news @ (News::Connected(_) | News::Disconnected { .. })) => {
                    urgent.extend(self.release_all());
                    urgent.push(Message::News(news));
                }
                Message::News(_) | Message::Wish(_) => urgent.push(message),
            }
        }
        urgent.extend(self.release_due(now));
        urgent
    }

    /// When something is due at the latest.
    pub(crate) fn due(&self) -> Option<Instant> {
        [self.watched.due, self.unwatched.due].into_iter().flatten().min()
    }

    /// Everything, for the last turn.
    pub(crate) fn release_all(&mut self) -> impl Iterator<Item = Message> + use<> {
        let (watched, unwatched) = (self.watched.empty(), self.unwatched.empty());
        watched.into_iter().chain(unwatched).map(message)
    }

    fn hold(&mut self, now: Instant, news: JournalNews, is_watched: impl Fn(RunId) -> bool) {
        if !is_watched(news.run) {
            return self.unwatched.hold(now + UNWATCHED, news);
        }
        let due = self.watched_next.map_or(now, |next| next.max(now));
        // Since somebody began to watch, what came before must leave before.
        for before in self.unwatched.take_run(news.run) {
            self.watched.hold(due, before);
        }
        self.watched.hold(due, news);
    }

    fn release_due(&mut self, now: Instant) -> impl Iterator<Item = Message> + use<> {
        let watched = self.watched.empty_if_due(now);
        if !watched.is_empty() {
            self.watched_next = Some(now + WATCHED);
        }
        let unwatched = self.unwatched.empty_if_due(now);
        watched.into_iter().chain(unwatched).map(message)
    }

    /// What of a run is watched came before what is not: it is watched no more.
    fn release_run(&mut self, run: RunId) -> impl Iterator<Item = Message> + use<> {
        let (watched, unwatched) = (self.watched.take_run(run), self.unwatched.take_run(run));
        watched.into_iter().chain(unwatched).map(message)
    }
}

impl Group {
    fn hold(&mut self, due: Instant, news: JournalNews) {
        self.bytes += news.bytes;
        self.due.get_or_insert(due);
        self.news.push(news);
    }

    fn empty(&mut self) -> Vec<JournalNews> {
        std::mem::take(self).news
    }

    fn empty_if_due(&mut self, now: Instant) -> Vec<JournalNews> {
        if self.bytes >= BYTES || self.due.is_some_and(|due| due <= now) {
            self.empty()
        } else {
            Vec::new()
        }
    }

    fn take_run(&mut self, run: RunId) -> Vec<JournalNews> {
        if self.news.iter().all(|news| news.run != run) {
            return Vec::new();
        }
        let (taken, left) =
            std::mem::take(&mut self.news).into_iter().partition(|one| one.run == run);
        self.news = left;
        self.bytes = self.news.iter().map(|news| news.bytes).sum();
        if self.news.is_empty() {
            self.due = None;
        }
        taken
    }
}

fn message(news: JournalNews) -> Message {
    Message::News(News::Journal(news))
}

/// It says nothing of where its task stands.
fn is_quiet(news: &JournalNews) -> bool {
    news.records.iter().all(|(record, _)| match record.event {
        Event::Output { .. }
        | Event::Text { .. }
        | Event::Thinking { .. }
        | Event::ToolStarted { .. }
        | Event::ToolOutput { .. }
        | Event::ToolEnded { .. }
        | Event::Todos { .. }
        | Event::Snapshot(_)
        // What is refused and needs a person comes as `Asked` behind it.
        | Event::Network(_)
        | Event::NetworkEnded(_)
        | Event::NetworkLost { .. }
        // Money is counted when it comes; the budget itself is the gateway's.
        | Event::ModelCalled(_)
        // It was kept before the core heard of it.
        | Event::LoginRenewed { .. } => true,
        Event::Phase { .. }
        | Event::SessionStarted { .. }
        | Event::SessionSaved { .. }
        | Event::TurnStarted { .. }
        | Event::Steered { .. }
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
        | Event::Checkpoint(_)
        | Event::ReviewStarted { .. }
        | Event::Reviewed { .. }
        | Event::OrderDone { .. }
        | Event::PushWanted { .. }
        | Event::Pushed { .. }
        | Event::Artifact { .. }
        | Event::Rescued { .. }
        | Event::Cleaned { .. }
        | Event::Walls(_)
        | Event::RemoteControl { .. }
        | Event::Screen(_)
        | Event::Finished(_)
        | Event::Unknown(_) => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use pilot_proto::run::Phase;
    use pilot_proto::{Record, RunnerId, Stream, Timestamp};
    use pilot_store::StoredRecord;
    use uuid::Uuid;

    fn run(number: u128) -> RunId {
        RunId(Uuid::from_u128(number))
    }

    fn said(of: u128, seq: u64, event: Event) -> Message {
        let record = Record { epoch: 1, seq, at: Timestamp(0), event };
        let stored = StoredRecord::spell(&record).expect("it serialises");
        let bytes = stored.json.len();
        let runner = RunnerId(Uuid::from_u128(9));
        message(JournalNews { runner, run: run(of), records: vec![(record, stored)], bytes })
    }

    fn line(of: u128, seq: u64) -> Message {
        said(of, seq, Event::Output { stream: Stream::Stdout, text: "a line".into(), open: false })
    }

    fn phase(of: u128, seq: u64) -> Message {
        said(of, seq, Event::Phase { phase: Phase::Collecting })
    }

    /// Which records leave, by run and number.
    fn left(messages: Vec<Message>) -> Vec<(u128, u64)> {
        let one = |message| match message {
            Message::News(News::Journal(news)) => (news.run.0.as_u128(), news.records[0].0.seq),
            Message::News(_) | Message::Wish(_) => panic!("only journals were put in"),
        };
        messages.into_iter().map(one).collect()
    }

    const NOBODY: fn(RunId) -> bool = |_| false;

    #[test]
    fn lines_of_many_runs_leave_together() {
        let (mut quiet, now) = (Quiet::default(), Instant::now());
        assert_eq!(left(quiet.sift(now, vec![line(1, 1), line(2, 1)], NOBODY)), []);
        let later = now + UNWATCHED / 2;
        assert_eq!(left(quiet.sift(later, vec![line(1, 2)], NOBODY)), []);
        assert_eq!(quiet.due(), Some(now + UNWATCHED), "the first decides");
        let all = left(quiet.sift(now + UNWATCHED, Vec::new(), NOBODY));
        assert_eq!(all, [(1, 1), (2, 1), (1, 2)]);
        assert_eq!(quiet.due(), None);
    }

    #[test]
    fn what_changes_a_task_leaves_at_once_and_after_what_its_run_said_before() {
        let (mut quiet, now) = (Quiet::default(), Instant::now());
        quiet.sift(now, vec![line(1, 1), line(2, 1), line(1, 2)], NOBODY);
        let urgent = left(quiet.sift(now, vec![phase(1, 3)], NOBODY));
        assert_eq!(urgent, [(1, 1), (1, 2), (1, 3)]);
        let others = quiet.release_all().collect();
        assert_eq!(left(others), [(2, 1)], "the other was in no hurry");
    }

    #[test]
    fn a_run_that_somebody_reads_leaves_at_once_but_not_all_the_time_and_in_order() {
        let (mut quiet, now) = (Quiet::default(), Instant::now());
        quiet.sift(now, vec![line(1, 1), line(2, 1)], NOBODY);
        let watched = |one: RunId| one == run(1);
        let at_once = left(quiet.sift(now, vec![line(1, 2)], watched));
        assert_eq!(at_once, [(1, 1), (1, 2)], "and what it said before");
        assert_eq!(left(quiet.sift(now, vec![line(1, 3)], watched)), []);
        assert_eq!(quiet.due(), Some(now + WATCHED));
        // Nobody reads any more: what comes now is later than what is held.
        quiet.sift(now, vec![line(1, 4)], NOBODY);
        assert_eq!(left(quiet.sift(now + WATCHED, Vec::new(), NOBODY)), [(1, 3)]);
        assert_eq!(left(quiet.sift(now, vec![phase(1, 5)], NOBODY)), [(1, 4), (1, 5)]);
    }

    #[test]
    fn much_is_not_held() {
        let (mut quiet, now) = (Quiet::default(), Instant::now());
        let text = "x".repeat(BYTES);
        let much = Event::Output { stream: Stream::Stdout, text, open: false };
        let all = left(quiet.sift(now, vec![line(1, 1), said(2, 1, much)], NOBODY));
        assert_eq!(all, [(1, 1), (2, 1)]);
    }
}
