//! How long to wait before dialling again.

use std::time::Duration;

/// The first wait, on average half of it: a hub that restarts is back soon.
const BASE: Duration = Duration::from_millis(250);
/// A person sits before a console: longer than this it must not sleep after
/// the hub is back.
const CAP: Duration = Duration::from_secs(10);

/// Full jitter, never gives up.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// The wait after one more failure.
    pub(crate) fn wait(&mut self) -> Duration {
        let step = BASE.saturating_mul(1 << self.failures.min(16)).min(CAP);
        self.failures = self.failures.saturating_add(1);
        step.mul_f64(jitter())
    }

    /// It worked.
    pub(crate) fn reset(&mut self) {
        self.failures = 0;
    }
}

/// In `[0, 1)`. Jitter is a courtesy: without randomness it is the middle.
fn jitter() -> f64 {
    getrandom::u32().map_or(0.5, |bits| f64::from(bits) / (f64::from(u32::MAX) + 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_stay_below_a_doubling_step_and_the_cap() {
        let mut backoff = Backoff::default();
        for failures in 0..40 {
            let wait = backoff.wait();
            assert!(wait <= CAP && wait <= BASE * (1 << failures.min(16)), "{failures}: {wait:?}");
        }
        backoff.reset();
        assert!(backoff.wait() <= BASE, "success is forgotten by nobody");
    }
}
