//! A task that nobody files: by the clock, through the hub's own death.

use crate::world::World;
use pilot_proto::Task;
use pilot_proto::console::{CronMeaning, ScheduleSeen};
use pilot_proto::schedule::TurnOutcome;

fn schedules(world: &World) -> Vec<ScheduleSeen> {
    world.json(&["project", "schedule", "demo", "list"])
}

fn tasks(world: &World) -> Vec<Task> {
    world.json(&["task", "list", "--project", "demo"])
}

#[test]
fn a_schedule_files_its_task_at_the_minute_and_a_killed_hub_files_it_once() {
    let mut world = World::with_runner(1);
    let meaning: CronMeaning =
        world.json(&["project", "schedule", "demo", "preview", "--cron", "* * * * *"]);
    assert_eq!(meaning.next.len(), 5);
    let add = ["project", "schedule", "demo", "add", "often", "--cron", "* * * * *"];
    let how = ["--zone", "Europe/Berlin", "--title", "By the clock", "--text", "write x.txt y"];
    let said = world.pilot(&[&add[..], &how, &["--stop-after", "1"]].concat()).ok();
    assert!(said.contains("files a task next at"), "{said}");
    let again = [&add[..], &["--text", "x", "--zone", "Nowhere"]].concat();
    let refused = world.pilot(&again);
    assert!(refused.err.contains("no time zone `Nowhere`"), "{}", refused.err);
    for (day, why) in [("31.12.2099", "is no day"), ("2020-01-01", "is left until 2020-01-01")] {
        let over = world.pilot(&[&add[..], &["--text", "x", "--stop-after-day", day]].concat());
        assert!(over.err.contains(why), "{day}: {}", over.err);
    }

    // Killed and started while it waits for its minute, and after it.
    world.kill_hub();
    world.start_hub();
    let task = world.until("its minute has come", || tasks(&world).pop());
    world.kill_hub();
    world.start_hub();
    assert_eq!((task.title.as_str(), task.schedule.as_deref()), ("By the clock", Some("often")));
    world.until("it is done", || tasks(&world).pop().filter(|task| task.state.is_end()));

    let seen = schedules(&world).pop().expect("a schedule");
    let turn = seen.state.last.expect("it was due");
    assert_eq!(turn.outcome, TurnOutcome::Filed { task: task.id });
    assert_eq!(turn.due.0 % 60_000_000, 0, "due at the minute: {turn:?}");
    assert!(seen.state.stopped.is_some() && seen.next.is_empty(), "one was all it may file");
    assert_eq!(tasks(&world).len(), 1);
    let listed = world.pilot(&["project", "schedule", "demo"]).ok();
    assert!(listed.contains("ended: it has filed 1 tasks"), "{listed}");

    world.pilot(&["project", "schedule", "demo", "pause", "often"]).ok();
    let task: Task = world.json(&["project", "schedule", "demo", "run", "often"]);
    assert_eq!(task.title, "By the clock");
    let shown = world.pilot(&["task", "show", &task.id.to_string()]).ok();
    assert!(shown.contains("the schedule `often`"), "{shown}");
    world.pilot(&["project", "schedule", "demo", "remove", "often"]).ok();
    assert!(schedules(&world).is_empty());
}
