//! Who drives a run's screen.

use pilot_lifecycle::takeover::{SILENCE, Takeover, TakeoverEffect, TakeoverEvent};
use pilot_proto::Timestamp;
use pilot_proto::screen::{HandBackCause, ScreenEvent};
use proptest::prelude::*;
use std::time::Duration;

fn take(who: &str) -> TakeoverEvent {
    TakeoverEvent::Take { who: who.into() }
}

fn at(secs: u64) -> Timestamp {
    Timestamp(0).after(Duration::from_secs(secs))
}

fn journal(effects: &[TakeoverEffect]) -> Vec<&ScreenEvent> {
    let journalled = effects.iter().filter_map(|effect| match effect {
        TakeoverEffect::Journal(event) => Some(event),
        _ => None,
    });
    journalled.collect()
}

fn refusal(effects: &[TakeoverEffect]) -> Option<&str> {
    effects.iter().find_map(|effect| match effect {
        TakeoverEffect::Refuse(problem) => Some(problem.message.as_str()),
        _ => None,
    })
}

#[test]
fn one_person_drives_and_a_second_is_refused_by_name() {
    let mut wheel = Takeover::default();
    let taken = wheel.handle(at(0), take("ann"));
    assert_eq!(journal(&taken), [&ScreenEvent::TakenOver { who: "ann".into() }]);
    assert!(taken.contains(&TakeoverEffect::Drives(Some("ann".into()))));
    assert_eq!(wheel.handle(at(1), take("ann")), [], "another window of hers changes nothing");
    let refused = wheel.handle(at(2), take("bob"));
    assert_eq!(refusal(&refused), Some("`ann` drives the screen."));
    assert_eq!(wheel.driver(), Some("ann"));
    wheel.handle(at(3), TakeoverEvent::HandBack { note: None });
    assert_eq!(refusal(&wheel.handle(at(4), take("bob"))), None, "it is free");
}

#[test]
fn what_is_said_on_handing_back_is_told_to_the_agent() {
    let mut wheel = Takeover::default();
    wheel.handle(at(0), take("ann"));
    let back = wheel.handle(at(9), TakeoverEvent::HandBack { note: Some(" logged in ".into()) });
    let event = ScreenEvent::HandedBack {
        who: "ann".into(),
        cause: HandBackCause::Asked,
        note: Some("logged in".into()),
    };
    assert_eq!(journal(&back), [&event]);
    let told = back.iter().any(|effect| {
        matches!(effect, TakeoverEffect::Tell(text) if text.contains("ann") && text.ends_with("logged in"))
    });
    assert!(told, "{back:?}");
    let again = wheel.handle(at(10), TakeoverEvent::HandBack { note: None });
    assert_eq!(refusal(&again), Some("Nobody has taken the screen."));
}

#[test]
fn whoever_falls_silent_drives_no_more_and_each_touch_counts() {
    let mut wheel = Takeover::default();
    assert_eq!(wheel.deadline(), None);
    wheel.handle(at(0), take("ann"));
    wheel.handle(at(100), TakeoverEvent::Moved { at: at(90) });
    let deadline = wheel.deadline().expect("she drives");
    assert_eq!(deadline, at(90).after(SILENCE));
    assert_eq!(wheel.handle(Timestamp(deadline.0 - 1), TakeoverEvent::Tick), []);
    wheel.handle(Timestamp(deadline.0 - 1), TakeoverEvent::Moved { at: at(1) });
    let silent = wheel.handle(deadline, TakeoverEvent::Tick);
    assert!(
        matches!(
            journal(&silent)[..],
            [ScreenEvent::HandedBack { cause: HandBackCause::Silence, .. }]
        ),
        "an older touch counts for nothing: {silent:?}"
    );
    assert_eq!((wheel.driver(), wheel.deadline()), (None, None));
}

#[test]
fn the_end_of_the_work_takes_it_back_and_tells_nobody() {
    let mut wheel = Takeover::default();
    assert_eq!(wheel.handle(at(0), TakeoverEvent::RunOver), []);
    wheel.handle(at(0), take("ann"));
    let over = wheel.handle(at(1), TakeoverEvent::RunOver);
    assert!(matches!(
        &over[..],
        [
            TakeoverEffect::Journal(ScreenEvent::HandedBack { cause: HandBackCause::RunOver, .. }),
            TakeoverEffect::Drives(None)
        ]
    ));
}

fn event() -> impl Strategy<Value = TakeoverEvent> {
    prop_oneof![
        "[ab]".prop_map(|who| TakeoverEvent::Take { who }),
        proptest::option::of("[x ]{0,2}").prop_map(|note| TakeoverEvent::HandBack { note }),
        (0_u64..5000).prop_map(|secs| TakeoverEvent::Moved { at: at(secs) }),
        Just(TakeoverEvent::RunOver),
        Just(TakeoverEvent::Tick),
    ]
}

proptest! {
    #[test]
    fn the_journal_and_the_effects_tell_the_same_and_in_turns(
        events in proptest::collection::vec((0_u64..700, event()), 0..60)
    ) {
        let (mut wheel, mut now, mut journalled, mut drives) =
            (Takeover::default(), Timestamp(0), None, None);
        for (secs, event) in events {
            now = now.after(Duration::from_secs(secs));
            for effect in wheel.handle(now, event) {
                match effect {
                    TakeoverEffect::Journal(ScreenEvent::TakenOver { who }) => {
                        prop_assert_eq!(&journalled, &None, "nobody is displaced");
                        journalled = Some(who);
                    }
                    TakeoverEffect::Journal(ScreenEvent::HandedBack { who, .. }) => {
                        prop_assert_eq!(journalled.take(), Some(who));
                    }
                    TakeoverEffect::Drives(who) => drives = who,
                    _ => {}
                }
            }
            prop_assert_eq!(journalled.as_deref(), wheel.driver());
            prop_assert_eq!(drives.as_deref(), wheel.driver());
            prop_assert_eq!(wheel.deadline().is_some(), wheel.driver().is_some());
        }
    }
}
