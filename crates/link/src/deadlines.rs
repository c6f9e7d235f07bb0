//! How long each step of a connection may take.

use pilot_proto::runner::{HEARTBEAT_SECS, OFFLINE_SECS};
use std::time::Duration;

/// The deadlines of one connection. Tests make them short; the product uses
/// the default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadlines {
    /// Name resolution, TCP, TLS and the WebSocket's upgrade together.
    pub dial: Duration,
    /// From the open socket to the hub's welcome, and on the hub from the open
    /// socket to a valid hello.
    pub greet: Duration,
    /// One frame's way into the network, and the wait for room in the queue
    /// before it.
    pub write: Duration,
    /// Nothing written for so long: a ping is sent, so that an idle
    /// connection is not taken for a dead one.
    pub ping: Duration,
    /// Nothing heard for so long: the peer is offline.
    pub silence: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            // Two retransmissions of a SYN (1 s, 2 s, 4 s) and a slow TLS.
            dial: Duration::from_secs(15),
            greet: Duration::from_secs(15),
            // A full frame of 4 MiB at 1.5 Mbit/s takes 22 s: slower than that
            // is not a connection that can carry a journal.
            write: Duration::from_secs(OFFLINE_SECS),
            ping: Duration::from_secs(HEARTBEAT_SECS),
            silence: Duration::from_secs(OFFLINE_SECS),
        }
    }
}
