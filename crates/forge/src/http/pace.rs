//! How patient we are with a forge.

use std::time::Duration;

/// How patient we are.
#[derive(Debug, Clone)]
pub struct Pace {
    /// How long one request may take, from dialling to the last byte.
    pub timeout: Duration,
    /// How often something is tried before it has failed.
    pub tries: u32,
    /// The first wait between two tries, on average; it doubles each time.
    pub wait: Duration,
    /// Longer than this we never wait, whatever the forge asks for: a caller
    /// with a deadline of its own decides about long waits.
    pub longest_wait: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(20),
            // About 250, 500, 1000, 2000 ms: over a restart of a proxy, not
            // over an outage, which the hub's own schedule has to bridge.
            tries: 5,
            wait: Duration::from_millis(250),
            longest_wait: Duration::from_secs(10),
        }
    }
}

impl Pace {
    /// The wait before try `attempt + 1`: between half and the whole of an
    /// exponential step, so that forty tasks do not come back in step.
    pub(crate) async fn pause(&self, attempt: u32) {
        let step = self.wait.saturating_mul(1 << attempt.clamp(1, 16).saturating_sub(1));
        let step = step.min(self.longest_wait);
        tokio::time::sleep(step.mul_f64(0.5 + jitter() / 2.0)).await;
    }
}

/// In `[0, 1)`. Without randomness from the system it is simply not random:
/// jitter is a courtesy, not a safeguard.
fn jitter() -> f64 {
    getrandom::u32().map_or(0.5, |bits| f64::from(bits) / (f64::from(u32::MAX) + 1.0))
}
