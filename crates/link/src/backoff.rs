//! How long to wait before dialling again: full jitter, and it never gives up.

use std::time::Duration;

/// Exponential backoff with full jitter: the wait is drawn evenly from
/// nothing to `base * 2^failures`, capped. Full jitter, because a hub that
/// comes back must not meet all its runners in the same second.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backoff {
    base: Duration,
    cap: Duration,
    failures: u32,
}

impl Default for Backoff {
    fn default() -> Self {
        Self::new(Self::BASE, Self::CAP)
    }
}

impl Backoff {
    /// First bound: about what a hub needs to restart.
    pub const BASE: Duration = Duration::from_millis(250);
    /// Last bound: as long as a person waits for a runner to come back.
    pub const CAP: Duration = Duration::from_secs(30);

    /// With bounds of one's own.
    pub fn new(base: Duration, cap: Duration) -> Self {
        Self { base, cap, failures: 0 }
    }

    /// The wait after one more failure. `random` is any 64 random bits.
    pub fn next(&mut self, random: u64) -> Duration {
        let bound = self.bound();
        self.failures = self.failures.saturating_add(1);
        let nanos = u64::try_from(bound.as_nanos()).unwrap_or(u64::MAX);
        // The high half of the product is even over 0..=nanos.
        let wait = (u128::from(random) * (u128::from(nanos) + 1)) >> 64;
        Duration::from_nanos(u64::try_from(wait).unwrap_or(u64::MAX))
    }

    /// The longest that the next wait can be.
    pub fn bound(&self) -> Duration {
        let factor = 1_u32.checked_shl(self.failures).unwrap_or(u32::MAX);
        self.base.checked_mul(factor).map_or(self.cap, |bound| bound.min(self.cap))
    }

    /// How often it failed in a row.
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// It worked: the next wait is short again.
    pub fn reset(&mut self) {
        self.failures = 0;
    }
}
