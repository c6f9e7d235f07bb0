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

/// A hub may ask for patience, but not for more than this.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(300);

/// The machine.
#[derive(Debug, Clone)]
pub struct LinkMachine {
    state: LinkState,
    backoff: Backoff,
    /// In `Live` and `Missing`: when the hub was last heard. In `Backoff`:
    /// when it began.
    since: Timestamp,
}

impl LinkMachine {
    /// A machine about to dial, and its first effects.
    pub fn start(backoff: Backoff) -> (Self, Vec<LinkEffect>) {
        let machine = Self { state: LinkState::Dialing, backoff, since: Timestamp::default() };
        (machine, vec![LinkEffect::Dial])
    }

    /// Where it stands.
    pub fn state(&self) -> &LinkState {
        &self.state
    }

    /// Takes an event in. `random` is any 64 random bits. An event that makes
    /// no sense in the present state (a late frame, a second refusal) changes
    /// nothing.
    pub fn handle(&mut self, now: Timestamp, random: u64, event: LinkEvent) -> Vec<LinkEffect> {
        match (&self.state, event) {
            (LinkState::Refused(_), _) => Vec::new(),
            (LinkState::Backoff { until, .. }, LinkEvent::Tick) => self.wait(now, *until),
            (LinkState::Backoff { .. }, _) => Vec::new(),
            (LinkState::Dialing, LinkEvent::Opened) => {
                self.state = LinkState::Greeting;
                Vec::new()
            }
            (LinkState::Dialing | LinkState::Greeting, LinkEvent::Welcomed) => {
                self.backoff.reset();
                self.heard(now);
                vec![LinkEffect::WakeAt(now.after(BEAT))]
            }
            (LinkState::Live | LinkState::Missing(_), LinkEvent::Heard) => {
                self.heard(now);
                Vec::new()
            }
            (LinkState::Live | LinkState::Missing(_), LinkEvent::Tick) => self.listen(now, random),
            (_, LinkEvent::Refused(refusal)) => {
                self.state = LinkState::Refused(refusal);
                vec![LinkEffect::Hangup]
            }
            (_, LinkEvent::Lost { reason, retry_after }) => {
                self.back_off(now, random, reason, retry_after)
            }
            (_, LinkEvent::Opened | LinkEvent::Welcomed | LinkEvent::Heard | LinkEvent::Tick) => {
                Vec::new()
            }
        }
    }

    fn heard(&mut self, now: Timestamp) {
        self.since = now;
        self.state = LinkState::Live;
    }

    /// Time went by on a connection that is up.
    fn listen(&mut self, now: Timestamp, random: u64) -> Vec<LinkEffect> {
        // A clock that jumped back must not make silence look long ahead.
        self.since = self.since.min(now);
        let silence = now.since(self.since);
        if silence >= OFFLINE {
            let reason = format!("the hub was silent for {} s", silence.as_secs());
            let mut effects = vec![LinkEffect::Hangup];
            effects.extend(self.back_off(now, random, reason, None));
            return effects;
        }
        let missed = u32::try_from(silence.as_micros() / BEAT.as_micros()).unwrap_or(u32::MAX);
        self.state = if missed == 0 { LinkState::Live } else { LinkState::Missing(missed) };
        vec![LinkEffect::WakeAt(self.since.after(BEAT * (missed + 1)))]
    }

    fn back_off(
        &mut self,
        now: Timestamp,
        random: u64,
        reason: String,
        retry_after: Option<Duration>,
    ) -> Vec<LinkEffect> {
        // Jitter also after the hub's own wish: it told all its runners the same.
        let asked = retry_after.unwrap_or_default().min(LONGEST_RETRY_AFTER);
        let until = now.after(asked + self.backoff.next(random));
        self.since = now;
        self.state = LinkState::Backoff { until, reason };
        vec![LinkEffect::WakeAt(until)]
    }

    fn wait(&mut self, now: Timestamp, until: Timestamp) -> Vec<LinkEffect> {
        let jumped_back = now < self.since;
        if now < until && !jumped_back {
            return vec![LinkEffect::WakeAt(until)];
        }
        self.state = LinkState::Dialing;
        vec![LinkEffect::Dial]
    }
}

const BEAT: Duration = Duration::from_secs(HEARTBEAT_SECS);
const OFFLINE: Duration = Duration::from_secs(OFFLINE_SECS);
