//! When schedules are due, across changes of the clocks, nights without a hub,
//! and tasks that take too long.

use pilot_lifecycle::schedule::{self, BadTimes, MOST_OPEN, Times, Verdict};
use pilot_proto::schedule::{
    Missed, Overlap, Schedule, SchedulePlan, ScheduleState, ScheduleTurn, TurnOutcome,
};
use pilot_proto::task::PullRequest;
use pilot_proto::{Code, ScheduleId, TaskId, TaskState, Timestamp};
use proptest::prelude::*;
use uuid::Uuid;

const MINUTE: i64 = 60_000_000;
const DAY: i64 = 24 * 60 * MINUTE;

fn at(text: &str) -> Timestamp {
    let at = chrono::DateTime::parse_from_rfc3339(text).expect("a time");
    Timestamp(at.timestamp_micros())
}

fn nightly() -> Schedule {
    Schedule {
        id: ScheduleId(Uuid::from_u128(7)),
        project: "site".to_owned(),
        name: "nightly".to_owned(),
        plan: SchedulePlan {
            cron: "0 3 * * *".to_owned(),
            zone: "UTC".to_owned(),
            title: None,
            prompt: "tidy up".to_owned(),
            how: Default::default(),
            overlap: Overlap::default(),
            missed: Missed::default(),
            stop: Default::default(),
        },
        paused: false,
    }
}

fn with(change: impl FnOnce(&mut SchedulePlan)) -> Schedule {
    let mut schedule = nightly();
    change(&mut schedule.plan);
    schedule
}

fn since(text: &str) -> ScheduleState {
    ScheduleState { seen: at(text), ..ScheduleState::default() }
}

fn check_times(cron: &str, zone: &str, after: &str, expected: &[&str]) {
    let times = Times::of(cron, zone).expect("an expression");
    let found = times.some_after(at(after), expected.len());
    let found: Vec<String> = found.into_iter().map(|one| times.local(one)).collect();
    assert_eq!(found, expected, "{cron} in {zone} after {after}");
}

#[test]
fn expressions_mean_the_times_of_their_zone() {
    check_times(
        "30 3 * * 1-5",
        "Europe/Berlin",
        "2026-11-20T12:00:00Z",
        &["2026-11-23 03:30 +01:00", "2026-11-24 03:30 +01:00"],
    );
    check_times("@daily", "Asia/Kolkata", "2026-01-01T00:00:00Z", &["2026-01-02 00:00 +05:30"]);
    check_times("0 0 29 2 *", "UTC", "2026-01-01T00:00:00Z", &["2028-02-29 00:00 +00:00"]);
    check_times(
        "*/20 * 29 2 *",
        "America/New_York",
        "2026-01-01T00:00:00Z",
        &["2028-02-29 00:00 -05:00", "2028-02-29 00:20 -05:00"],
    );
    // The very instant is not after itself, to the microsecond.
    check_times("0 3 * * *", "UTC", "2026-01-01T03:00:00Z", &["2026-01-02 03:00 +00:00"]);
    check_times("0 3 * * *", "UTC", "2026-01-01T02:59:59.999999Z", &["2026-01-01 03:00 +00:00"]);
}

#[test]
fn in_spring_a_time_that_is_left_out_comes_when_the_clocks_have_changed() {
    let night = "2026-03-28T12:00:00Z";
    check_times(
        "30 2 * * *",
        "Europe/Berlin",
        night,
        &["2026-03-29 03:00 +02:00", "2026-03-30 02:30 +02:00"],
    );
    check_times(
        "0,30 2 * * *",
        "Europe/Berlin",
        night,
        &["2026-03-29 03:00 +02:00", "2026-03-30 02:00 +02:00"],
    );
    check_times(
        "*/30 * * * *",
        "Europe/Berlin",
        "2026-03-29T00:10:00Z",
        &["2026-03-29 01:30 +01:00", "2026-03-29 03:00 +02:00", "2026-03-29 03:30 +02:00"],
    );
    // Half an hour, and at another time of the day.
    check_times(
        "15 2 * * *",
        "Australia/Lord_Howe",
        "2026-10-03T12:00:00Z",
        &["2026-10-04 02:30 +11:00", "2026-10-05 02:15 +11:00"],
    );
}

#[test]
fn in_autumn_a_time_that_comes_twice_counts_once() {
    check_times(
        "30 2 * * *",
        "Europe/Berlin",
        "2026-10-24T12:00:00Z",
        &["2026-10-25 02:30 +02:00", "2026-10-26 02:30 +01:00"],
    );
    // Asked in the second of the two hours.
    check_times(
        "0,30 2,3 * * *",
        "Europe/Berlin",
        "2026-10-25T01:10:00Z",
        &["2026-10-25 03:00 +01:00", "2026-10-25 03:30 +01:00"],
    );
    // What repeats goes on through both.
    check_times(
        "*/30 * * * *",
        "Europe/Berlin",
        "2026-10-24T23:50:00Z",
        &[
            "2026-10-25 02:00 +02:00",
            "2026-10-25 02:30 +02:00",
            "2026-10-25 02:00 +01:00",
            "2026-10-25 02:30 +01:00",
            "2026-10-25 03:00 +01:00",
        ],
    );
    check_times(
        "@hourly",
        "America/New_York",
        "2026-11-01T04:30:00Z",
        &["2026-11-01 01:00 -04:00", "2026-11-01 01:00 -05:00", "2026-11-01 02:00 -05:00"],
    );
}

#[test]
fn nonsense_is_said_in_a_sentence() {
    for (cron, zone, part) in [
        ("", "UTC", "five fields"),
        ("* * * *", "UTC", "there are 4"),
        ("0 0 3 * * *", "UTC", "there are 6"),
        ("61 3 * * *", "UTC", "`61 3 * * *` cannot be read"),
        ("0 3 * * funday", "UTC", "cannot be read"),
        ("@often", "UTC", "cannot be read"),
        ("0 0 30 2 *", "UTC", "never comes"),
        ("0 3 * * *", "Europe/Berlin2", "no time zone `Europe/Berlin2`"),
        ("0 3 * * *", "", "no time zone"),
    ] {
        let said = match Times::of(cron, zone).expect_err(cron) {
            BadTimes::Cron(said) | BadTimes::Zone(said) | BadTimes::Day(said) => said,
        };
        assert!(said.contains(part) && said.ends_with('.'), "{cron:?} {zone:?}: {said}");
    }
}

#[test]
fn a_time_is_seen_to_once() {
    let (nightly, mut state) = (nightly(), since("2026-01-01T12:00:00Z"));
    let due = at("2026-01-02T03:00:00Z");
    assert_eq!(schedule::next(&nightly, &state), Some(due));
    let early = Timestamp(due.0 - 1);
    assert_eq!(schedule::decide(&nightly, &mut state, early, &[]), Verdict::Rest);
    let filed = Verdict::File { due, missed: 0 };
    assert_eq!(schedule::decide(&nightly, &mut state, due, &[]), filed);
    assert_eq!(schedule::decide(&nightly, &mut state, due, &[]), Verdict::Rest);
    assert_eq!(schedule::next(&nightly, &state), Some(at("2026-01-03T03:00:00Z")));
}

#[test]
fn nights_without_a_hub_make_one_task_or_none() {
    let back = at("2026-01-09T10:00:00Z");
    let latest = at("2026-01-09T03:00:00Z");
    let mut state = since("2026-01-01T12:00:00Z");
    let verdict = schedule::decide(&nightly(), &mut state, back, &[]);
    assert_eq!(verdict, Verdict::File { due: latest, missed: 7 });
    assert_eq!(schedule::decide(&nightly(), &mut state, back, &[]), Verdict::Rest);

    let strict = with(|plan| plan.missed = Missed::Skip);
    let mut state = since("2026-01-01T12:00:00Z");
    let verdict = schedule::decide(&strict, &mut state, back, &[]);
    assert!(matches!(verdict, Verdict::Skip { missed: 7, .. }), "{verdict:?}");

    // Back in time for the last of them: that one is not missed.
    let mut state = since("2026-01-01T12:00:00Z");
    let soon = Timestamp(latest.0 + MINUTE);
    let verdict = schedule::decide(&strict, &mut state, soon, &[]);
    assert_eq!(verdict, Verdict::File { due: latest, missed: 7 });

    // A year of minutes is one task as well, and takes no time to count.
    let often = with(|plan| plan.cron = "* * * * *".to_owned());
    let mut state = since("2025-01-01T00:00:00Z");
    let verdict = schedule::decide(&often, &mut state, back, &[]);
    assert!(matches!(verdict, Verdict::File { due, .. } if due == back), "{verdict:?}");
}

fn in_review() -> TaskState {
    let pull_request =
        PullRequest { number: 1, url: String::new(), head: String::new(), checks: None };
    TaskState::InReview { pull_request }
}

#[test]
fn an_earlier_task_is_in_the_way_as_the_policy_says() {
    let due = at("2026-01-02T03:00:00Z");
    let many = vec![TaskState::Queued; MOST_OPEN];
    for (overlap, open, filed) in [
        (Overlap::SkipRunning, vec![], true),
        (Overlap::SkipRunning, vec![TaskState::Queued], false),
        (Overlap::SkipRunning, vec![in_review()], true),
        (Overlap::SkipOpen, vec![in_review()], false),
        (Overlap::Start, vec![TaskState::Queued, in_review()], true),
        (Overlap::Start, many, false),
    ] {
        let schedule = with(|plan| plan.overlap = overlap);
        let mut state = since("2026-01-01T12:00:00Z");
        let verdict = schedule::decide(&schedule, &mut state, due, &open);
        let is_filed = matches!(verdict, Verdict::File { .. });
        assert_eq!(is_filed, filed, "{overlap:?} {open:?}: {verdict:?}");
        assert_eq!(schedule::decide(&schedule, &mut state, due, &[]), Verdict::Rest, "seen to");
    }
}

fn filed(task: u128) -> ScheduleTurn {
    let task = TaskId(Uuid::from_u128(task));
    ScheduleTurn { due: Timestamp(0), missed: 0, outcome: TurnOutcome::Filed { task } }
}

fn failure() -> TaskState {
    TaskState::Failed { problem: pilot_proto::Problem::new(Code::Internal, "It broke.") }
}

#[test]
fn it_ends_by_its_rule_and_goes_on_by_a_persons_word() {
    let now = at("2026-01-01T12:00:00Z");
    let run = |schedule: &Schedule, ends: &[(TaskState, u64)]| {
        let mut state = since("2026-01-01T12:00:00Z");
        for (number, (end, cost)) in ends.iter().enumerate() {
            let number = number as u128 + 1;
            schedule::seen(schedule, &mut state, filed(number));
            let task = TaskId(Uuid::from_u128(number));
            schedule::ended(schedule, &mut state, task, end, *cost);
        }
        state
    };
    let twice = with(|plan| plan.stop.tasks = Some(2));
    let frugal = with(|plan| plan.stop.budget_micros = Some(100));
    let done = (TaskState::NoChange, 60);
    let broken = (failure(), 0);
    for (schedule, ends, word) in [
        (&twice, vec![done.clone()], None),
        (&twice, vec![done.clone(), done.clone()], Some("filed 2")),
        (&frugal, vec![done.clone(), done.clone()], Some("cost")),
        (&nightly(), vec![broken.clone(), broken.clone(), done.clone(), broken.clone()], None),
        (&nightly(), vec![broken.clone(), broken.clone(), broken.clone()], Some("3 of its tasks")),
    ] {
        let state = run(schedule, &ends);
        let reason = state.stopped.clone().unwrap_or_default();
        assert_eq!(state.stopped.is_some(), word.is_some(), "{reason}");
        assert!(reason.contains(word.unwrap_or_default()), "{reason}");
        assert_eq!(schedule::next(schedule, &state).is_none(), word.is_some());
    }
    let mut state = run(&nightly(), &[broken.clone(), broken.clone(), broken]);
    let later = Timestamp(now.0 + 10 * DAY);
    schedule::resumed(&nightly(), &mut state, later);
    assert_eq!(schedule::decide(&nightly(), &mut state, later, &[]), Verdict::Rest, "not at once");
    assert!(schedule::next(&nightly(), &state).is_some_and(|next| next > later));
}

#[test]
fn a_last_day_is_over_when_the_clocks_of_the_zone_say_so() {
    let until = |zone: &str, day: &str| {
        let (zone, day) = (zone.to_owned(), day.to_owned());
        with(|plan| (plan.zone, plan.stop.last_day) = (zone, Some(day)))
    };
    let utc = until("UTC", "2026-01-02");
    assert!(schedule::next(&utc, &since("2026-01-01T12:00:00Z")).is_some());
    assert_eq!(schedule::next(&utc, &since("2026-01-02T12:00:00Z")), None);
    let mut state = since("2026-01-02T02:00:00Z");
    let due = at("2026-01-02T03:00:00Z");
    let skipped = || TurnOutcome::Skipped { reason: "no hub ran when it was due".to_owned() };
    assert_eq!(schedule::decide(&utc, &mut state, due, &[]), Verdict::File { due, missed: 0 });
    schedule::seen(&utc, &mut state, ScheduleTurn { due, missed: 0, outcome: skipped() });
    assert_eq!(state.stopped.as_deref(), Some("its last day was 2026-01-02"));
    schedule::resumed(&utc, &mut state, due);
    assert!(state.stopped.is_some(), "there is nothing to go on with");
    schedule::resumed(&until("UTC", "2026-01-03"), &mut state, due);
    assert_eq!(state.stopped, None, "a later day was named");
    let bad = Times::of_plan(&until("UTC", "2026-02-29").plan).expect_err("no such day");
    assert_eq!(bad, BadTimes::Day("`last_day`: `2026-02-29` is no day.".to_owned()));

    for (zone, day, end) in [
        ("UTC", "2024-02-29", "2024-03-01T00:00:00Z"),
        ("Europe/Berlin", "2026-12-31", "2026-12-31T23:00:00Z"),
        ("America/New_York", "2026-07-04", "2026-07-05T04:00:00Z"),
        // Its clocks leave midnight out in spring.
        ("Africa/Cairo", "2026-04-23", "2026-04-23T22:00:00Z"),
    ] {
        let times = Times::of("0 3 * * *", zone).expect("a zone");
        assert_eq!(times.end_of(day), Some(at(end)), "{day} in {zone}");
    }
    let times = Times::of("0 3 * * *", "UTC").expect("a zone");
    for day in
        ["", "2026-02-29", "2026-1-2", "+2026-01-02", "tomorrow", "2026-01-02T03:00", " 2026-01-02"]
    {
        assert_eq!(times.end_of(day), None, "{day}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// However the clock leaps and whenever somebody looks: what is filed was
    /// due, is filed in order, and no time has two tasks unless the clock was
    /// set back over it.
    #[test]
    fn no_time_has_two_tasks(
        steps in prop::collection::vec((0_i64..3 * DAY, prop::bool::weighted(0.1)), 1..30),
        zone in prop::sample::select(vec!["UTC", "Europe/Berlin", "America/New_York"]),
        cron in prop::sample::select(vec!["0 3 * * *", "*/17 * * * *", "30 2 * * 0", "@hourly"]),
    ) {
        let schedule = with(|plan| (plan.cron, plan.zone) = (cron.to_owned(), zone.to_owned()));
        let mut state = since("2026-03-27T00:00:00Z");
        let mut now = state.seen;
        let mut last = None;
        for (step, back) in steps {
            now = Timestamp(if back { now.0 - step } else { now.0 + step });
            if back { last = None; }
            if let Verdict::File { due, .. } = schedule::decide(&schedule, &mut state, now, &[]) {
                prop_assert!(due <= now);
                prop_assert!(last.is_none_or(|last| due > last), "{due:?} after {last:?}");
                last = Some(due);
            }
        }
    }
}
