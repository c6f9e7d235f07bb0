//! Tasks that are filed by the clock: set, due, missed, and never filed twice.

use crate::house::{House, eventually};
use pilot_proto::console::{
    CronQuery, Named, NewSchedule, Nothing, OneSchedule, OneTask, PauseSchedule, ProjectRemove,
    ScheduleList, SchedulePause, SchedulePreview, ScheduleRemove, ScheduleRun, ScheduleSeen,
    ScheduleSet, Stop, TaskList, TaskQuery, TaskShow, TaskStop,
};
use pilot_proto::schedule::{KeptSchedule, SchedulePlan, TurnOutcome};
use pilot_proto::{Code, Task, Timestamp};
use pilot_store::{Change, Commit, Store};
use std::path::Path;

/// Once a year, so that a test never comes upon the time itself.
const YEARLY: &str = "0 0 1 1 *";
const YEAR: i64 = 366 * 24 * 3600 * 1_000_000;

fn wanted(cron: &str) -> NewSchedule {
    NewSchedule {
        name: "p".to_owned(),
        schedule: "nightly".to_owned(),
        plan: SchedulePlan {
            cron: cron.to_owned(),
            zone: "Europe/Berlin".to_owned(),
            title: Some("Tidy up".to_owned()),
            prompt: "say tidy".to_owned(),
            how: Default::default(),
            overlap: Default::default(),
            missed: Default::default(),
            stop: Default::default(),
        },
    }
}

fn nightly() -> OneSchedule {
    OneSchedule { name: "p".to_owned(), schedule: "nightly".to_owned() }
}

async fn seen(house: &House) -> ScheduleSeen {
    let mut all = house.call::<ScheduleList>(Nothing {}).await;
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0)
}

async fn tasks(house: &House) -> Vec<Task> {
    house.call::<TaskList>(TaskQuery::default()).await
}

/// As if the hub had not run for more than a year, and had forgotten what the
/// change forgets.
async fn away(home: &Path, change: impl Fn(&mut KeptSchedule)) {
    let url = format!("sqlite://{}", home.join("hub/hub.db").display());
    let store = Store::open(&url).await.expect("the hub's store");
    for mut kept in store.schedules().await.expect("schedules") {
        kept.state.seen = Timestamp(kept.state.seen.0 - YEAR);
        change(&mut kept);
        let changes = vec![Change::PutSchedule(Box::new(kept))];
        let commit = Commit { journal: Vec::new(), changes };
        store.commit(&commit).await.expect("written");
    }
    store.close().await;
}

async fn restarted(house: House, change: impl Fn(&mut KeptSchedule)) -> House {
    let home = house.home.path().to_owned();
    house.restart_after(async || away(&home, &change).await).await
}

/// Until the time that was due has been seen to.
async fn settled(house: &House) -> ScheduleSeen {
    eventually("the schedule was seen to", || async {
        let seen = seen(house).await;
        seen.state.last.clone().map(|_| seen).ok_or("not yet")
    })
    .await
}

#[tokio::test]
async fn a_time_that_was_missed_files_one_task_and_no_hub_files_it_again() {
    let house = House::new().await;
    house.project().await;
    house.call::<ScheduleSet>(wanted(YEARLY)).await;
    assert!(tasks(&house).await.is_empty(), "nothing is due when it is set");

    let house = Box::pin(restarted(house, |_| ())).await;
    let seen = settled(&house).await;
    let filed = tasks(&house).await;
    assert_eq!(filed.len(), 1);
    assert_eq!((filed[0].title.as_str(), filed[0].prompt.as_str()), ("Tidy up", "say tidy"));
    assert_eq!(seen.state.open, [filed[0].id]);
    assert_eq!(seen.next.len(), 5, "and it goes on: {seen:?}");

    // A hub that has forgotten all of it finds the task by its id.
    let house = Box::pin(restarted(house, |kept| kept.state = Default::default())).await;
    let house = Box::pin(restarted(house, |kept| kept.state.open.clear())).await;
    let again = settled(&house).await;
    let known = TurnOutcome::Filed { task: filed[0].id };
    assert_eq!(again.state.last.map(|turn| turn.outcome), Some(known));
    assert_eq!(tasks(&house).await.len(), 1, "it was not filed twice");
}

#[tokio::test]
async fn a_time_is_left_out_while_the_task_before_it_is_under_way() {
    let house = House::new().await;
    house.project().await;
    house.call::<ScheduleSet>(wanted(YEARLY)).await;
    // Nobody takes it: it waits in the queue.
    let task = house.call::<ScheduleRun>(nightly()).await;
    let house = Box::pin(restarted(house, |kept| kept.state.last = None)).await;
    let turn = settled(&house).await.state.last.expect("seen to");
    assert!(matches!(turn.outcome, TurnOutcome::Skipped { .. }), "{turn:?}");
    assert_eq!(tasks(&house).await.len(), 1);

    house.call::<TaskStop>(Stop { task: task.id, keep_children: None }).await;
    house.until(task.id, "cancelled").await;
    assert!(seen(&house).await.state.open.is_empty(), "its end is known");
    let house = Box::pin(restarted(house, |kept| kept.state.last = None)).await;
    let turn = settled(&house).await.state.last.expect("seen to");
    assert!(matches!(turn.outcome, TurnOutcome::Filed { .. }), "{turn:?}");
    assert_eq!(tasks(&house).await.len(), 2);
}

#[tokio::test]
async fn a_schedule_is_changed_paused_and_removed() {
    let house = House::new().await;
    house.project().await;
    let first = house.call::<ScheduleSet>(wanted("30 4 * * *")).await;
    assert_eq!(first.next.len(), 5);
    assert!(first.next[0].local.contains(" 04:30 +0"), "{:?}", first.next);
    let changed = house.call::<ScheduleSet>(wanted("@yearly")).await;
    assert_eq!(changed.schedule.id, first.schedule.id, "it is the same one");

    let pause = |paused| PauseSchedule { name: "p".into(), schedule: "nightly".into(), paused };
    let paused = house.call::<SchedulePause>(pause(true)).await;
    assert!(paused.schedule.paused && paused.next.is_empty());
    let task = house.call::<ScheduleRun>(nightly()).await;
    assert_eq!(task.title, "Tidy up", "a person's word goes before the pause");
    let house = Box::pin(restarted(house, |_| ())).await;
    assert_eq!(tasks(&house).await.len(), 1, "while it is paused nothing is due");
    let resumed = house.call::<SchedulePause>(pause(false)).await;
    assert_eq!(resumed.next.len(), 5);
    assert_eq!(tasks(&house).await.len(), 1, "what was missed is not caught up with");

    house.call::<ScheduleRemove>(nightly()).await;
    assert!(house.call::<ScheduleList>(Nothing {}).await.is_empty());
    let gone = house.refused::<ScheduleRun>(nightly()).await;
    assert_eq!(gone.code, Code::NotFound);
    assert_eq!(house.call::<TaskShow>(OneTask { task: task.id }).await.task.id, task.id);

    house.call::<ScheduleSet>(wanted("@daily")).await;
    house.call::<TaskStop>(Stop { task: task.id, keep_children: None }).await;
    house.call::<ProjectRemove>(Named { name: "p".to_owned() }).await;
    assert!(house.call::<ScheduleList>(Nothing {}).await.is_empty(), "it goes with its project");
}

#[tokio::test]
async fn nonsense_is_refused_in_a_sentence() {
    let house = House::new().await;
    house.project().await;
    let with = |change: fn(&mut NewSchedule)| {
        let mut new = wanted("@daily");
        change(&mut new);
        new
    };
    for (new, part) in [
        (wanted("0 3 * *"), "five fields"),
        (wanted("0 25 * * *"), "cannot be read"),
        (wanted("0 0 31 2 *"), "never comes"),
        (with(|new| new.plan.zone = "Berlin".into()), "no time zone `Berlin`"),
        (with(|new| new.schedule = "Every night".into()), "`schedule`"),
        (with(|new| new.plan.prompt = "  ".into()), "`prompt` is empty"),
        (with(|new| new.plan.how.agent = Some("nobody".into())), "nobody"),
        (with(|new| new.plan.stop.tasks = Some(0)), "ends at nothing"),
        (with(|new| new.name = "nowhere".into()), "no project `nowhere`"),
    ] {
        let problem = house.refused::<ScheduleSet>(new).await;
        assert!(problem.message.contains(part), "{part}: {problem:?}");
        assert!(!problem.hint.is_empty(), "{problem:?}");
    }
    let query = |cron: &str| CronQuery { cron: cron.into(), zone: "UTC".into() };
    let meaning = house.call::<SchedulePreview>(query("0 3 * * 1-5")).await;
    assert!(meaning.says.contains("3:00") || meaning.says.contains("03:00"), "{meaning:?}");
    assert_eq!(meaning.next.len(), 5);
    let refused = house.refused::<SchedulePreview>(query("x")).await;
    assert_eq!(refused.code, Code::Invalid);
}
