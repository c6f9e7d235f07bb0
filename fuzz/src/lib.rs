//! What has to hold whatever comes in. `fuzz_targets` look for an input that
//! breaks it; the tests of each room hold it for every input that was ever
//! worth keeping, `corpus`.

pub mod screen;

/// Its clock stands still unless everything waits: a wait without an end costs
/// no time here.
fn runtime() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_time().start_paused(true).build().expect("a timer and no more")
}
