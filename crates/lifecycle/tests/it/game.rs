//! The spine: many games of [`World`], each with its own faults.
//!
//! The default run is the same every time. `PILOTHOUSE_PROPTEST_CASES=100000`
//! plays more; `PILOTHOUSE_PROPTEST_SEED=7` plays others. A game that is lost is
//! made as small as it gets, and its setting and last moves are printed.

use crate::world::sights::Sights;
use crate::world::{Setting, World};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};
use std::cell::RefCell;

const CASES: u32 = 2_000;

#[expect(clippy::disallowed_methods, reason = "a test's own knobs; nothing else can set them")]
fn knob(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect("a number"))
}

fn settings() -> impl Strategy<Value = Setting> {
    (any::<u64>(), 1..=4_u64, 1..=3_usize, 1..=2_u32, 0..=24_u64, 0..=24_u64).prop_map(
        |(seed, tasks, runners, workers, faults, wishes)| Setting {
            seed,
            tasks,
            runners,
            workers,
            faults,
            wishes,
        },
    )
}

/// What a round of games must have shown, each at least this often: else the
/// games are not worth playing, and what they prove is nothing.
const SIGHTS: &[(&str, u64)] = &[
    ("answered", 100),
    ("ask withdrawn", 100),
    ("cancelled", 50),
    ("declined", 100),
    ("failed: denied", 50),
    ("failed: lease_lost", 50),
    ("failed: limit_reached", 10),
    ("failed: run_lost", 100),
    ("failed: unanswered", 50),
    ("fenced", 5),
    ("follow-up", 50),
    ("held and let go", 200),
    ("held and sent back", 20),
    ("lease expired", 50),
    ("merged", 20),
    ("no change", 100),
    ("nobody answered", 100),
    ("order undone", 100),
    ("policy answered", 100),
    ("push found after a crash", 1),
    ("pushed", 500),
    ("reassigned", 200),
    ("rescued", 100),
    ("something left", 20),
    ("stalled", 50),
];

#[test]
fn nothing_is_lost_and_nothing_happens_twice_whatever_breaks() {
    let cases = knob("PILOTHOUSE_PROPTEST_CASES")
        .map_or(CASES, |cases| u32::try_from(cases).expect("fewer than four thousand million"));
    let mut seed = [0_u8; 32];
    seed[..8].copy_from_slice(&knob("PILOTHOUSE_PROPTEST_SEED").unwrap_or(1).to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let sights = RefCell::new(Sights::default());
    let result = TestRunner::new_with_rng(config, rng).run(&settings(), |setting| {
        let mut world = World::new(setting);
        let outcome = world.play();
        sights.borrow_mut().add(&world.sights);
        outcome.map_err(TestCaseError::fail)
    });
    match result {
        Ok(()) if cases >= CASES => check(&sights.into_inner()),
        Ok(()) => {}
        Err(TestError::Fail(reason, setting)) => {
            panic!("{reason}\nlost with {setting:?}\n{}", story(setting))
        }
        Err(TestError::Abort(reason)) => panic!("{reason}"),
    }
}

fn check(sights: &Sights) {
    for (what, times) in SIGHTS {
        let seen = sights.0.get(*what).copied().unwrap_or(0);
        assert!(seen >= *times, "`{what}` was seen {seen} times only: {sights:#?}");
    }
}

/// The last moves of a game that is lost.
fn story(setting: Setting) -> String {
    let moves = knob("PILOTHOUSE_PROPTEST_STORY").unwrap_or(40);
    let mut world = World::new(setting);
    world.story = Some(Vec::new());
    let outcome = world.play();
    let story = world.story.unwrap_or_default();
    let first = story.len().saturating_sub(usize::try_from(moves).expect("as many as fit"));
    format!("{}\n{outcome:?}", story[first..].join("\n"))
}
