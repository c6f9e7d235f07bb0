//! The runner's side of a connection as a pure machine: when to dial, when to
//! wait, when to stop.
//!
//! ```text
//! Dialing → Greeting → Live ⇄ Missing(n) → Backoff(until) → Dialing
//!                 └──→ Refused: final
//! ```
//!
//! Times come from one clock of the caller's, best a monotonic one; a clock
//! that jumps back ends a backoff instead of stretching it.

use crate::backoff::Backoff;
use pilot_proto::Timestamp;
use pilot_proto::runner::{HEARTBEAT_SECS, OFFLINE_SECS, Refusal};
use std::time::Duration;

/// Where the connection stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkState {
    /// A connection is being opened.
    Dialing,
    /// The hub's welcome is awaited.
    Greeting,
    /// Up; the hub was heard lately.
    Live,
    /// Up, but the hub missed so many heartbeats.
    Missing(u32),
    /// Down; the next try is at this time.
    Backoff {
        /// When.
        until: Timestamp,
        /// Why it is down, for a person.
        reason: String,
    },
    /// A person has to do something; there is no next try.
    Refused(Refusal),
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkEvent {
    /// The socket is open.
    Opened,
    /// The hub said welcome.
    Welcomed,
    /// The hub refused.
    Refused(Refusal),
    /// A frame of the hub came in.
    Heard,
    /// The dial failed, or the connection is gone.
    Lost {
        /// In a person's words.
        reason: String,
        /// The hub asked to be left alone for so long.
        retry_after: Option<Duration>,
    },
    /// Time went by.
    Tick,
}

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkEffect {
    /// Open a connection.
    Dial,
    /// Drop the connection.
    Hangup,
    /// Send a [`LinkEvent::Tick`] at this time, in place of any earlier wish.
    WakeAt(Timestamp),
}

/// The machine.
#[derive(Debug, Clone)]
pub struct LinkMachine {
    state: LinkState,
    backoff: Backoff,
    heard: Timestamp,
}

impl LinkMachine {
    /// A machine about to dial, and its first effects.
    pub fn start(backoff: Backoff) -> (Self, Vec<LinkEffect>) {
        let machine = Self { state: LinkState::Dialing, backoff, heard: Timestamp::default() };
        (machine, vec![LinkEffect::Dial])
    }

    /// Where it stands.
    pub fn state(&self) -> &LinkState {
        &self.state
    }

    /// Takes an event in. `random` is any 64 random bits.
    pub fn handle(&mut self, now: Timestamp, random: u64, event: LinkEvent) -> Vec<LinkEffect> {
        todo!()
    }
}
