//! What of a journal is still to be sent: a window over the shim's file.
//!
//! It holds positions, never records: the file is the buffer. The daemon reads
//! on after [`Outbox::position`], up to [`Outbox::room`] bytes, and tells what
//! it sent. **Invariant:** on one connection each record is sent at most once,
//! in order, and never more than the window is unacknowledged.

use pilot_proto::Cursor;
use std::collections::VecDeque;

/// The resend window of one run's journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outbox {
    acked: Cursor,
    sent: Cursor,
    flights: VecDeque<Flight>,
    in_flight: usize,
    window: usize,
}

/// A batch that the hub has not acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Flight {
    last: Cursor,
    bytes: usize,
}

impl Outbox {
    /// Bytes in flight: 4 MiB keep a 100 Mbit/s line with 300 ms of round
    /// trip busy, and are what a cut connection costs at most.
    pub const WINDOW: usize = 4 * 1024 * 1024;

    /// A journal of which the hub has everything up to `acked`.
    pub fn new(acked: Cursor) -> Self {
        Self::with_window(acked, Self::WINDOW)
    }

    /// With a window of one's own.
    pub fn with_window(acked: Cursor, window: usize) -> Self {
        Self { acked, sent: acked, flights: VecDeque::new(), in_flight: 0, window }
    }

    /// The last record that went out, or that the hub has: read on after it.
    pub fn position(&self) -> Cursor {
        self.sent
    }

    /// The last record that is durable at the hub.
    pub fn acked(&self) -> Cursor {
        self.acked
    }

    /// How many bytes may still go out. A batch larger than this waits,
    /// except that into an empty window anything may go.
    pub fn room(&self) -> usize {
        self.window.saturating_sub(self.in_flight)
    }

    /// Bytes sent and not acknowledged.
    pub fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// True if a batch of this size may go out now.
    pub fn admits(&self, bytes: usize) -> bool {
        self.flights.is_empty() || bytes <= self.room()
    }

    /// A batch went out, ending with the record at `last`.
    pub fn sent(&mut self, last: Cursor, bytes: usize) {
        debug_assert!(last > self.sent, "a journal is sent in order, each record once");
        self.sent = last;
        self.in_flight += bytes;
        self.flights.push_back(Flight { last, bytes });
    }

    /// The hub has everything up to `cursor`. An old acknowledgement changes
    /// nothing; one beyond what was sent (the hub had more than it knew when
    /// it welcomed us) moves the position on, so that it is not sent again.
    pub fn ack(&mut self, cursor: Cursor) {
        if cursor <= self.acked {
            return;
        }
        self.acked = cursor;
        self.sent = self.sent.max(cursor);
        while let Some(flight) = self.flights.front().copied() {
            if flight.last > cursor {
                break;
            }
            self.in_flight -= flight.bytes;
            self.flights.pop_front();
        }
    }

    /// A new connection: the hub has everything up to `acked`, and nothing is
    /// in flight. The hub's word counts even where it has less than it once
    /// acknowledged (it was restored from a backup).
    pub fn resume(&mut self, acked: Cursor) {
        self.acked = acked;
        self.sent = acked;
        self.flights.clear();
        self.in_flight = 0;
    }
}
