//! The one place of the runner that reads the clock.

use pilot_proto::Timestamp;
use std::time::{Duration, UNIX_EPOCH};

/// The time now, by the machine's clock. Before 1970 it reads as 1970.
#[expect(clippy::disallowed_methods, reason = "the file that owns the clock")]
pub fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

/// A clock that starts with the machine's and then only runs: somebody who
/// sets the machine's clock neither ends a run's deadlines nor stretches them.
/// The time that the machine sleeps counts.
#[derive(Debug, Clone, Copy)]
pub struct SteadyClock {
    start: Timestamp,
    boot: Duration,
}

impl SteadyClock {
    /// Starts now.
    pub fn start() -> Self {
        Self { start: now(), boot: since_boot() }
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        self.start.after(since_boot().saturating_sub(self.boot))
    }
}

fn since_boot() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or(0))
}
