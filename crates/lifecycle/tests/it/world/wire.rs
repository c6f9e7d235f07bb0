//! The in-memory link: in order within a connection, lossy at its end, and
//! with no order at all between an old connection and the one that replaced it.

use super::{Happening, World};
use pilot_proto::event::{Cursor, Record};
use pilot_proto::run::RunSpec;
use pilot_proto::runner::{Act, Held, Known, OFFLINE_SECS, Verdict};
use pilot_proto::{OrderId, RunId};

/// From a runner.
#[derive(Debug, Clone)]
pub(crate) enum Up {
    Hello { held: Vec<Held> },
    Beat { runs: Vec<RunId> },
    Taken { run: RunId },
    Declined { run: RunId },
    Journal { run: RunId, records: Vec<Record> },
}

/// From the hub.
#[derive(Debug, Clone)]
pub(crate) enum Down {
    Welcome { runs: Vec<Known> },
    BeatHeard,
    Assign { spec: Box<RunSpec> },
    Order { order: OrderId, run: RunId, act: Act },
    Acked { run: RunId, cursor: Cursor },
    Verdict { run: RunId, verdict: Verdict },
}

/// One connection, for ever: a new one has a new number.
#[derive(Debug, Clone)]
pub(crate) struct Connection {
    pub(crate) machine: usize,
    /// The wire is cut. Whoever sends does not know yet.
    cut: bool,
    /// Something was lost in this direction, so everything after it is, too.
    lost_up: bool,
    lost_down: bool,
    last_up: u64,
    last_down: u64,
}

impl World {
    pub(crate) fn connect(&mut self, machine: usize) -> usize {
        let now = self.now;
        self.connections.push(Connection {
            machine,
            cut: false,
            lost_up: false,
            lost_down: false,
            last_up: now,
            last_down: now,
        });
        self.connections.len() - 1
    }

    pub(crate) fn send_up(&mut self, connection: usize, message: &Up) {
        if self.connections[connection].cut {
            return;
        }
        let copies = self.copies(matches!(message, Up::Journal { .. } | Up::Taken { .. }));
        for _ in 0..copies {
            let at = self.arrival(self.connections[connection].last_up);
            self.connections[connection].last_up = at;
            self.schedule_at(at, Happening::ToHub { connection, message: message.clone() });
        }
    }

    pub(crate) fn send_down(&mut self, connection: usize, message: &Down) {
        if self.connections[connection].cut {
            return;
        }
        let copies = self.copies(!matches!(message, Down::BeatHeard | Down::Welcome { .. }));
        for _ in 0..copies {
            let at = self.arrival(self.connections[connection].last_down);
            self.connections[connection].last_down = at;
            self.schedule_at(at, Happening::ToRunner { connection, message: message.clone() });
        }
    }

    fn copies(&mut self, may_repeat: bool) -> usize {
        if may_repeat && self.faulty() && self.dice.chance(30) { 2 } else { 1 }
    }

    fn arrival(&mut self, after: u64) -> u64 {
        let delay = if self.faulty() && self.dice.chance(50) {
            self.dice.between(0, 20_000)
        } else {
            self.dice.between(1, 60)
        };
        after.max(self.now + delay)
    }

    /// Whether a message that was under way at the cut still arrives.
    pub(crate) fn arrives(&mut self, connection: usize, up: bool) -> bool {
        let lose = self.dice.chance(500);
        let connection = &mut self.connections[connection];
        let lost = if up { &mut connection.lost_up } else { &mut connection.lost_down };
        *lost |= connection.cut && lose;
        !*lost
    }

    /// Cuts the wire; each side notices in its own time.
    pub(crate) fn cut(&mut self, connection: usize) {
        if std::mem::replace(&mut self.connections[connection].cut, true) {
            return;
        }
        let silence = OFFLINE_SECS * 1000;
        let (hub, runner) = (self.dice.below(silence), self.dice.below(silence));
        self.schedule(hub, Happening::CutSeenByHub { connection });
        self.schedule(runner, Happening::CutSeenByRunner { connection });
    }
}
