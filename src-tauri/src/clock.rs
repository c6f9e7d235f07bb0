//! The window's only source of time.

use crate::notices::Moment;
use std::time::{SystemTime, UNIX_EPOCH};

/// Now.
pub(crate) fn now() -> Moment {
    Moment { at: millis(), minute: minute_of_day() }
}

/// Milliseconds since 1970.
pub(crate) fn millis() -> i64 {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// Local time, as quiet hours are meant.
fn minute_of_day() -> u16 {
    let Ok(local) = glib::DateTime::now_local() else { return 0 };
    u16::try_from(local.hour() * 60 + local.minute()).unwrap_or(0)
}

/// For the name of a file: `2026-11-21T07-15-02`, local.
pub(crate) fn stamp() -> String {
    let local = glib::DateTime::now_local().and_then(|now| now.format("%Y-%m-%dT%H-%M-%S"));
    local.map_or_else(|_| millis().to_string(), |text| text.to_string())
}
