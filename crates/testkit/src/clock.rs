//! A clock that stands still until a test moves it.

use pilot_proto::Timestamp;
use std::time::Duration;
use tokio::sync::watch;

/// A manual clock; clones show the same time.
#[derive(Debug, Clone)]
pub struct ManualClock {
    now: watch::Sender<Timestamp>,
}

impl ManualClock {
    /// A clock that shows this time.
    pub fn at(start: Timestamp) -> Self {
        Self { now: watch::Sender::new(start) }
    }

    /// What it shows.
    pub fn now(&self) -> Timestamp {
        *self.now.borrow()
    }

    /// Moves it on and wakes whoever waits; tells the new time.
    pub fn advance(&self, by: Duration) -> Timestamp {
        self.now.send_modify(|now| *now = now.after(by));
        self.now()
    }

    /// Puts it anywhere, backwards too: clocks jump.
    pub fn set(&self, to: Timestamp) {
        self.now.send_replace(to);
    }

    /// Waits until it shows `at` or later.
    pub async fn until(&self, at: Timestamp) {
        let mut now = self.now.subscribe();
        now.wait_for(|now| *now >= at).await.expect("`self` holds a sender for as long as we wait");
    }
}

/// Noon of a day in 2026, far from any border.
impl Default for ManualClock {
    fn default() -> Self {
        Self::at(Timestamp(1_795_003_200_000_000))
    }
}
