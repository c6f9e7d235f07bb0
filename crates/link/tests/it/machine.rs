use pilot_link::LinkEvent::{Heard, Lost, Opened, Refused, Tick, Welcomed};
use pilot_link::{Backoff, LinkEffect, LinkEvent, LinkMachine, LinkState};
use pilot_proto::Timestamp;
use pilot_proto::runner::{OFFLINE_SECS, Refusal};
use pilot_testkit::clock::ManualClock;
use proptest::prelude::*;
use std::time::Duration;

/// The longest possible wait, each time.
const LATE: u64 = u64::MAX;

fn lost() -> LinkEvent {
    Lost { reason: "the line was cut".into(), retry_after: None }
}

fn live(clock: &ManualClock) -> LinkMachine {
    let (mut machine, effects) = LinkMachine::start(Backoff::default());
    assert_eq!(effects, [LinkEffect::Dial]);
    assert_eq!(machine.handle(clock.now(), LATE, Opened), []);
    assert_eq!(machine.state(), &LinkState::Greeting);
    let wake = LinkEffect::WakeAt(clock.now().after(Duration::from_secs(10)));
    assert_eq!(machine.handle(clock.now(), LATE, Welcomed), [wake]);
    assert_eq!(machine.state(), &LinkState::Live);
    machine
}

fn wake(effects: &[LinkEffect]) -> Timestamp {
    match effects.last() {
        Some(LinkEffect::WakeAt(at)) => *at,
        other => panic!("it must want to be woken, not {other:?}"),
    }
}

#[test]
fn it_never_gives_up() {
    let clock = ManualClock::default();
    let (mut machine, _dial) = LinkMachine::start(Backoff::default());
    for _ in 0..1000 {
        let at = wake(&machine.handle(clock.now(), LATE, lost()));
        assert!(at.since(clock.now()) <= Backoff::CAP);
        clock.set(at);
        assert_eq!(machine.handle(at, LATE, Tick), [LinkEffect::Dial]);
        assert_eq!(machine.state(), &LinkState::Dialing);
    }
}

#[test]
fn a_welcome_makes_the_next_wait_short_again() {
    let clock = ManualClock::default();
    let (mut machine, _dial) = LinkMachine::start(Backoff::default());
    for _ in 0..20 {
        clock.set(wake(&machine.handle(clock.now(), LATE, lost())));
        machine.handle(clock.now(), LATE, Tick);
    }
    machine.handle(clock.now(), LATE, Welcomed);
    let at = wake(&machine.handle(clock.now(), LATE, lost()));
    assert_eq!(at, clock.now().after(Backoff::BASE));
}

#[test]
fn missed_heartbeats_are_counted_and_then_it_is_offline() {
    let clock = ManualClock::default();
    let mut machine = live(&clock);
    for missed in 1..=2 {
        clock.advance(Duration::from_secs(10));
        let at = wake(&machine.handle(clock.now(), LATE, Tick));
        assert_eq!(machine.state(), &LinkState::Missing(missed));
        assert_eq!(at, clock.now().after(Duration::from_secs(10)));
    }
    assert_eq!(machine.handle(clock.now(), LATE, Heard), []);
    assert_eq!(machine.state(), &LinkState::Live, "one sign is enough");
    clock.advance(Duration::from_secs(OFFLINE_SECS));
    let effects = machine.handle(clock.now(), LATE, Tick);
    assert_eq!(effects[0], LinkEffect::Hangup);
    assert!(
        matches!(machine.state(), LinkState::Backoff { reason, .. } if reason.contains("30 s"))
    );
}

#[test]
fn a_refusal_is_final() {
    let clock = ManualClock::default();
    for before in [vec![], vec![Opened], vec![Opened, Welcomed]] {
        let (mut machine, _dial) = LinkMachine::start(Backoff::default());
        for event in before {
            machine.handle(clock.now(), LATE, event);
        }
        let effects = machine.handle(clock.now(), LATE, Refused(Refusal::Revoked));
        assert_eq!(effects, [LinkEffect::Hangup]);
        for event in [lost(), Tick, Welcomed, Opened, Heard] {
            clock.advance(Duration::from_secs(3600));
            assert_eq!(machine.handle(clock.now(), LATE, event), []);
            assert_eq!(machine.state(), &LinkState::Refused(Refusal::Revoked));
        }
    }
}

#[test]
fn an_early_tick_waits_on_and_a_clock_that_jumped_back_does_not() {
    let clock = ManualClock::default();
    let (mut machine, _dial) = LinkMachine::start(Backoff::default());
    let begun = clock.now();
    let at = wake(&machine.handle(begun, LATE, lost()));
    assert_eq!(machine.handle(begun, LATE, Tick), [LinkEffect::WakeAt(at)], "not yet");
    clock.set(Timestamp(begun.0 - 3_600_000_000));
    assert_eq!(
        machine.handle(clock.now(), LATE, Tick),
        [LinkEffect::Dial],
        "an hour of waiting because somebody set the clock helps nobody"
    );
}

#[test]
fn a_clock_that_jumps_back_on_a_live_connection_does_not_hide_silence() {
    let clock = ManualClock::default();
    let mut machine = live(&clock);
    clock.set(Timestamp(clock.now().0 - 3_600_000_000));
    machine.handle(clock.now(), LATE, Tick);
    assert_eq!(machine.state(), &LinkState::Live);
    clock.advance(Duration::from_secs(OFFLINE_SECS));
    assert_eq!(machine.handle(clock.now(), LATE, Tick)[0], LinkEffect::Hangup);
}

#[test]
fn a_hub_that_asks_for_patience_gets_it_within_bounds() {
    let clock = ManualClock::default();
    for (asked, least, most) in [(7, 7, 8), (1_000_000, 300, 301)] {
        let (mut machine, _dial) = LinkMachine::start(Backoff::default());
        let retry_after = Some(Duration::from_secs(asked));
        let event = Lost { reason: "HTTP status 503".into(), retry_after };
        let wait = wake(&machine.handle(clock.now(), LATE, event)).since(clock.now());
        assert!(wait >= Duration::from_secs(least) && wait < Duration::from_secs(most), "{wait:?}");
    }
}

#[test]
fn a_late_event_changes_nothing() {
    let clock = ManualClock::default();
    let mut machine = live(&clock);
    machine.handle(clock.now(), LATE, lost());
    let before = machine.state().clone();
    for event in [Heard, Welcomed, Opened, lost()] {
        assert_eq!(machine.handle(clock.now(), LATE, event), [], "of a connection that is gone");
        assert_eq!(machine.state(), &before);
    }
}

proptest! {
    #[test]
    fn waits_are_jittered_within_bounds_that_double(randoms in prop::collection::vec(any::<u64>(), 1..40)) {
        let mut backoff = Backoff::default();
        let mut bound = Backoff::BASE;
        for random in randoms {
            prop_assert_eq!(backoff.bound(), bound);
            let wait = backoff.next(random);
            prop_assert!(wait <= bound, "{wait:?} over {bound:?}");
            // Even over the whole range: the random number's place in its
            // range is the wait's place in its own.
            let place = u128::from(random) * bound.as_nanos() / u128::from(u64::MAX);
            prop_assert!(wait.as_nanos().abs_diff(place) <= 1);
            bound = (bound * 2).min(Backoff::CAP);
        }
        backoff.reset();
        prop_assert_eq!(backoff.bound(), Backoff::BASE);
    }

    #[test]
    fn whatever_happens_it_is_woken_or_dials_or_was_refused(
        events in prop::collection::vec((0_u8..6, 0_u64..40, any::<u64>()), 1..60)
    ) {
        let clock = ManualClock::default();
        let (mut machine, _dial) = LinkMachine::start(Backoff::default());
        let (mut dialling, mut alarm) = (true, None);
        for (event, seconds, random) in events {
            let now = clock.advance(Duration::from_secs(seconds));
            let event = match event {
                0 => Opened,
                1 => Welcomed,
                2 => Heard,
                3 => lost(),
                4 => Refused(Refusal::NotEnrolled),
                _ => Tick,
            };
            if event == Tick {
                alarm = None;
            }
            if matches!(event, Lost { .. } | Welcomed | Refused(_)) {
                dialling = false;
            }
            for effect in machine.handle(now, random, event) {
                match effect {
                    LinkEffect::Dial => dialling = true,
                    LinkEffect::Hangup => dialling = false,
                    LinkEffect::WakeAt(at) => alarm = Some(at),
                }
            }
            match machine.state() {
                LinkState::Dialing | LinkState::Greeting => prop_assert!(dialling),
                LinkState::Live | LinkState::Missing(_) | LinkState::Backoff { .. } => {
                    prop_assert!(alarm.is_some(), "{:?} without an alarm lasts for ever", machine.state());
                }
                LinkState::Refused(_) => {}
            }
        }
    }
}
