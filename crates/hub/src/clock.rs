//! The hub's only source of time, ids and randomness.

use pilot_proto::Timestamp;
use std::time::{SystemTime, UNIX_EPOCH};
use uuid::Uuid;

/// Now, by the machine's clock.
pub(crate) fn now() -> Timestamp {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

/// A fresh id; ids made later sort later.
pub(crate) fn mint() -> Uuid {
    #[expect(clippy::disallowed_methods, reason = "the one place that mints ids")]
    Uuid::now_v7()
}

/// 32 random bytes in hex: a nonce, or a code that nobody guesses.
pub(crate) fn random_hex() -> Result<String, getrandom::Error> {
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes)?;
    Ok(hex::encode(bytes))
}
