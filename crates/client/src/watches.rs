//! What a console watches, and how far it got: pure, so that every order of
//! records, losses and reconnects can be tried without a socket.
//!
//! **Invariant:** of each watched journal, every record after the first
//! position asked for is let through once, in order. A repeated record is
//! dropped; a hole is never let through: the connection that made it is given
//! up, and the next one begins where this one was whole.

use pilot_proto::RunId;
use pilot_proto::console::{FromConsole, JournalPart, ToConsole};
use pilot_proto::event::{Cursor, Record};
use std::collections::BTreeMap;

/// Where one watch stands.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Watch {
    All,
    Journal { run: RunId, reached: Cursor, part: JournalPart },
    Log { run: RunId },
}

/// The watches that stand, by the number the console chose.
#[derive(Debug, Clone, Default)]
pub(crate) struct Watches {
    standing: BTreeMap<u32, Watch>,
}

/// What becomes of a message of the hub.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Taken {
    /// What is new in it.
    pub(crate) pass: Option<ToConsole>,
    /// Something is missing before the rest of it: the connection is of no
    /// more use.
    pub(crate) hole: bool,
}

impl Taken {
    const NOTHING: Self = Self { pass: None, hole: false };
    const HOLE: Self = Self { pass: None, hole: true };

    fn pass(message: ToConsole) -> Self {
        Self { pass: Some(message), hole: false }
    }
}

impl Watches {
    /// Notes what the console is about to say.
    pub(crate) fn say(&mut self, message: &FromConsole) {
        match message {
            FromConsole::WatchAll { watch } => {
                self.standing.insert(*watch, Watch::All);
            }
            FromConsole::WatchJournal { watch, run, after, part } => {
                // A journal begins in epoch 1; of which epoch a later position
                // is, the first record tells.
                let reached = Cursor { epoch: u32::from(*after == 0), seq: *after };
                self.standing.insert(*watch, Watch::Journal { run: *run, reached, part: *part });
            }
            FromConsole::WatchLog { watch, run } => {
                self.standing.insert(*watch, Watch::Log { run: *run });
            }
            FromConsole::Unwatch { watch } => {
                self.standing.remove(watch);
            }
        }
    }

    /// What to say on a new connection, so that everything goes on where it was.
    pub(crate) fn resume(&self) -> Vec<FromConsole> {
        self.standing
            .iter()
            .map(|(watch, standing)| match standing {
                Watch::All => FromConsole::WatchAll { watch: *watch },
                Watch::Journal { run, reached, part } => FromConsole::WatchJournal {
                    watch: *watch,
                    run: *run,
                    after: reached.seq,
                    part: *part,
                },
                Watch::Log { run } => FromConsole::WatchLog { watch: *watch, run: *run },
            })
            .collect()
    }

    /// Takes in what the hub says.
    pub(crate) fn take(&mut self, message: ToConsole) -> Taken {
        let watch = watch_of(&message);
        let Some(standing) = self.standing.get_mut(&watch) else {
            // A message on its way while its watch was given up.
            return Taken::NOTHING;
        };
        match (message, standing) {
            (ToConsole::Records { records, end, .. }, Watch::Journal { reached, part, .. }) => {
                let taken = take_records(reached, *part, watch, records, end);
                if matches!(taken.pass, Some(ToConsole::Records { end: true, .. })) {
                    self.standing.remove(&watch);
                }
                taken
            }
            // What was sent before this was read before this, so the hub must
            // go on no later than where we are.
            (
                ToConsole::Behind { after: Some(after), .. },
                Watch::Journal { reached, part: JournalPart::All, .. },
            ) if after > reached.seq => Taken::HOLE,
            (message @ ToConsole::Ended { .. }, _) => {
                self.standing.remove(&watch);
                Taken::pass(message)
            }
            (message, _) => Taken::pass(message),
        }
    }
}

fn watch_of(message: &ToConsole) -> u32 {
    match message {
        ToConsole::Watching { watch }
        | ToConsole::Task { watch, .. }
        | ToConsole::Runner { watch, .. }
        | ToConsole::Inbox { watch, .. }
        | ToConsole::Present { watch, .. }
        | ToConsole::Records { watch, .. }
        | ToConsole::Log { watch, .. }
        | ToConsole::Behind { watch, .. }
        | ToConsole::Ended { watch, .. } => *watch,
    }
}

/// Keeps what is new, up to the first hole.
fn take_records(
    reached: &mut Cursor,
    part: JournalPart,
    watch: u32,
    mut records: Vec<Record>,
    end: bool,
) -> Taken {
    let mut hole = false;
    records.retain(|record| {
        // A part of a journal has holes by its nature.
        hole |= part == JournalPart::All && is_hole(*reached, record);
        let new = !hole && record.seq > reached.seq;
        if new {
            *reached = record.cursor();
        }
        new
    });
    let end = end && !hole;
    let message = ToConsole::Records { watch, records, end };
    let something =
        !matches!(&message, ToConsole::Records { records, end: false, .. } if records.is_empty());
    Taken { pass: something.then_some(message), hole }
}

/// Within an epoch a journal counts by one; between two it may jump.
fn is_hole(reached: Cursor, record: &Record) -> bool {
    reached.epoch == record.epoch && record.seq > reached.seq + 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use pilot_proto::{Event, Stream, Timestamp};

    const RUN: &str = "0190b1de-0000-7000-8000-00000000002a";

    fn run() -> RunId {
        RUN.parse().expect("an id")
    }

    fn record(epoch: u32, seq: u64) -> Record {
        let event = Event::Output { stream: Stream::Stdout, text: seq.to_string(), open: false };
        Record { epoch, seq, at: Timestamp(0), event }
    }

    fn records(seqs: impl IntoIterator<Item = u64>) -> ToConsole {
        let records = seqs.into_iter().map(|seq| record(1, seq)).collect();
        ToConsole::Records { watch: 1, records, end: false }
    }

    fn watch(after: u64) -> FromConsole {
        FromConsole::WatchJournal { watch: 1, run: run(), after, part: JournalPart::All }
    }

    fn watching(after: u64) -> Watches {
        let mut watches = Watches::default();
        watches.say(&watch(after));
        watches
    }

    #[track_caller]
    fn passed(taken: Taken) -> Vec<u64> {
        match taken.pass {
            Some(ToConsole::Records { records, .. }) => {
                records.iter().map(|record| record.seq).collect()
            }
            None => vec![],
            other => panic!("records were expected: {other:?}"),
        }
    }

    #[test]
    fn what_comes_again_after_a_reconnect_is_let_through_once() {
        let mut watches = watching(0);
        assert_eq!(passed(watches.take(records(1..=3))), [1, 2, 3]);
        assert_eq!(watches.resume(), [watch(3)], "it goes on where it was");
        assert_eq!(passed(watches.take(records(2..=5))), [4, 5]);
        assert_eq!(passed(watches.take(records(1..=5))), [0_u64; 0]);
    }

    #[test]
    fn a_hole_gives_the_connection_up_and_is_filled_by_the_next() {
        let mut watches = watching(0);
        let taken = watches.take(records([1, 2, 4, 5]));
        assert!(taken.hole, "record 3 is missing");
        assert_eq!(passed(taken), [1, 2], "what was whole is let through");
        assert_eq!(watches.resume(), [watch(2)]);
        assert_eq!(passed(watches.take(records(3..=5))), [3, 4, 5]);
    }

    #[test]
    fn a_hub_that_would_go_on_too_late_is_a_hole() {
        let mut watches = watching(0);
        assert!(watches.take(records([2])).hole, "a journal begins with its first record");
        assert_eq!(passed(watches.take(records(1..=3))), [1, 2, 3]);
        let behind = |after| ToConsole::Behind { watch: 1, by: 9, after: Some(after) };
        assert!(watches.take(behind(7)).hole, "4 to 7 would be missing");
        assert_eq!(watches.take(behind(3)), Taken::pass(behind(3)));
    }

    #[test]
    fn a_new_epoch_may_jump() {
        let mut watches = watching(0);
        assert_eq!(passed(watches.take(records(1..=2))), [1, 2]);
        let jumped = Cursor::POWER_LOSS_GAP + 3;
        let message = ToConsole::Records { watch: 1, records: vec![record(2, jumped)], end: false };
        assert_eq!(passed(watches.take(message)), [jumped]);
    }

    #[test]
    fn the_end_is_told_only_when_everything_before_it_was() {
        let mut watches = watching(0);
        let end = |seqs: &[u64]| ToConsole::Records {
            watch: 1,
            records: seqs.iter().map(|seq| record(1, *seq)).collect(),
            end: true,
        };
        let told = |taken: Taken| matches!(taken.pass, Some(ToConsole::Records { end: true, .. }));
        assert!(!told(watches.take(end(&[1, 3]))), "record 2 is still to come");
        assert!(told(watches.take(end(&[2, 3]))));
        assert_eq!(watches.resume(), [], "an ended journal is not watched again");
    }

    #[test]
    fn nothing_is_told_of_a_watch_that_was_given_up() {
        let mut watches = watching(0);
        watches.say(&FromConsole::Unwatch { watch: 1 });
        assert_eq!(watches.take(records([1])), Taken::NOTHING);
        assert_eq!(watches.take(ToConsole::Watching { watch: 1 }), Taken::NOTHING);
    }
}
