use pilot_link::Outbox;
use pilot_proto::Cursor;
use proptest::prelude::*;
use std::collections::VecDeque;

fn at(seq: u64) -> Cursor {
    // A new epoch every hundred records, as after restarts of a shim.
    Cursor { epoch: u32::try_from(seq / 100).expect("small") + 1, seq }
}

#[derive(Debug, Clone)]
enum Step {
    /// Send up to so many records.
    Send(usize),
    /// The hub commits and acknowledges so many batches.
    Commit(usize),
    /// The hub commits so many batches, and the acknowledgements stay on the way.
    CommitSilently(usize),
    /// The line is cut; what is on the way is lost.
    Cut,
    /// An old acknowledgement arrives once more.
    Repeat(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (1_usize..30).prop_map(Step::Send),
        3 => (1_usize..6).prop_map(Step::Commit),
        1 => (1_usize..6).prop_map(Step::CommitSilently),
        1 => Just(Step::Cut),
        1 => (0_u64..400).prop_map(Step::Repeat),
    ];
    prop::collection::vec(step, 1..120)
}

/// A daemon's pump on one side, a hub that drops nothing it committed on the other.
struct World {
    outbox: Outbox,
    /// Bytes of record `n + 1`.
    sizes: Vec<usize>,
    wire: VecDeque<(u64, u64)>,
    committed: u64,
    sent: u64,
    lost: u64,
}

impl World {
    fn send(&mut self, records: usize) {
        let first = self.outbox.position().seq + 1;
        let end = (first + records as u64 - 1).min(self.sizes.len() as u64);
        if first > end {
            return;
        }
        let mut last = first;
        let mut bytes = self.size(first);
        // As much as fits, at least one record.
        while last < end && self.outbox.admits(bytes + self.size(last + 1)) {
            last += 1;
            bytes += self.size(last);
        }
        if !self.outbox.admits(bytes) {
            return;
        }
        self.outbox.sent(at(last), bytes);
        self.wire.push_back((first, last));
        self.sent += last - first + 1;
    }

    fn commit(&mut self, batches: usize) {
        for (first, last) in self.wire.drain(..batches.min(self.wire.len())) {
            assert_eq!(first, self.committed + 1, "no hole, nothing twice, in order");
            self.committed = last;
        }
    }

    fn cut(&mut self) {
        self.lost += self.wire.drain(..).map(|(first, last)| last - first + 1).sum::<u64>();
        self.outbox.resume(at_or_start(self.committed));
    }

    fn size(&self, seq: u64) -> usize {
        self.sizes[usize::try_from(seq - 1).expect("small")]
    }
}

fn at_or_start(seq: u64) -> Cursor {
    if seq == 0 { Cursor::default() } else { at(seq) }
}

proptest! {
    #[test]
    fn each_record_is_sent_once_and_again_only_if_it_was_lost(
        steps in steps(),
        sizes in prop::collection::vec(1_usize..400, 1..300),
        window in 100_usize..2000,
    ) {
        let mut world = World {
            outbox: Outbox::with_window(Cursor::default(), window),
            sizes, wire: VecDeque::new(), committed: 0, sent: 0, lost: 0,
        };
        for step in steps {
            match step {
                Step::Send(records) => world.send(records),
                Step::Commit(batches) => {
                    world.commit(batches);
                    world.outbox.ack(at_or_start(world.committed));
                }
                Step::CommitSilently(batches) => world.commit(batches),
                Step::Cut => world.cut(),
                Step::Repeat(seq) => {
                    world.outbox.ack(at_or_start(seq.min(world.outbox.acked().seq)));
                }
            }
            let outbox = &world.outbox;
            prop_assert!(
                outbox.in_flight() <= window || world.wire.len() <= 1 || outbox.in_flight() <= 400,
                "{} bytes in flight", outbox.in_flight()
            );
            prop_assert!(outbox.acked() <= outbox.position());
            let on_the_way: u64 = world.wire.iter().map(|(first, last)| last - first + 1).sum();
            prop_assert_eq!(world.sent, world.committed + on_the_way + world.lost, "sent again is what was lost");
        }
        // With no more cuts the rest arrives.
        while world.committed < world.sizes.len() as u64 {
            world.send(1000);
            world.commit(usize::MAX);
            world.outbox.ack(at_or_start(world.committed));
        }
        world.outbox.ack(at_or_start(world.committed));
        prop_assert_eq!(world.outbox.in_flight(), 0);
        prop_assert_eq!(world.outbox.room(), window);
    }
}

#[test]
fn an_acknowledgement_beyond_what_was_sent_moves_on() {
    let mut outbox = Outbox::new(at(10));
    outbox.sent(at(20), 1000);
    // The hub committed the end of the old connection after it had welcomed us.
    outbox.ack(at(35));
    assert_eq!((outbox.position(), outbox.in_flight()), (at(35), 0), "not sent again");
}

#[test]
fn a_hub_that_lost_its_disk_gets_everything_again() {
    let mut outbox = Outbox::new(at(10));
    outbox.sent(at(20), 1000);
    outbox.ack(at(20));
    outbox.resume(at(5));
    assert_eq!((outbox.position(), outbox.acked(), outbox.room()), (at(5), at(5), Outbox::WINDOW));
}

#[test]
fn a_batch_larger_than_the_window_goes_alone() {
    let mut outbox = Outbox::with_window(Cursor::default(), 100);
    assert!(outbox.admits(500), "or it would never go");
    outbox.sent(at(1), 500);
    assert_eq!(outbox.room(), 0);
    assert!(!outbox.admits(1), "nothing beside it");
    outbox.ack(at(1));
    assert!(outbox.admits(500));
}
