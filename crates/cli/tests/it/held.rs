//! Work that is held for a look, with everything that may end meanwhile ending.

use crate::world::World;
use pilot_proto::console::ReviewNoteSent;
use pilot_proto::{Task, TaskState};

/// A held task whose work waits.
fn ready(world: &World, script: &str) -> Task {
    let task: Task = world.json(&[
        "task", "new", "-p", "demo", "--agent", "scripted", "--hold", "--prompt", script, "--wait",
    ]);
    assert_eq!(task.state, TaskState::Ready, "whoever waits is told to look: {task:#?}");
    task
}

#[test]
fn held_work_outlives_hub_and_runner_is_sent_back_with_comments_and_published() {
    let mut world = World::with_runner(1);
    let task = ready(&world, "write x.txt one");
    let id = task.id.to_string();
    let repository = world.demo_repository();
    assert_eq!(world.file_in(&repository, &task.branch, "x.txt"), None, "nothing is published");

    world.kill_hub();
    world.kill_runner();
    world.start_hub();
    world.start_runner();
    let held = world.until_state(task.id, "ready");
    assert_eq!((held.run, held.fence), (task.run, task.fence), "it is the same run");

    world.pilot(&["task", "review", &id, "--note", "x.txt:1=append x.txt two"]).ok();
    world.until("the next run waits for a look", || {
        let next = world.task(task.id);
        (next.state == TaskState::Ready && next.attempts == 2).then_some(())
    });
    let notes: Vec<ReviewNoteSent> = world.json(&["task", "review", &id, "--list"]);
    assert_eq!(notes.len(), 1);
    assert_eq!((notes[0].note.first_line, notes[0].run), (Some(1), task.run));

    world.pilot(&["task", "publish", &id]).ok();
    let published = world.until_state(task.id, "published");
    let file = world.file_in(&repository, &published.branch, "x.txt").expect("it is there");
    assert!(file.starts_with("one") && file.contains("two"), "both runs' work: {file:?}");
    world.pilot(&["task", "dismiss", &id]).ok();
    assert!(world.task(task.id).dismissed);
}

#[test]
fn held_work_that_is_stopped_publishes_nothing_and_can_be_rescued() {
    let world = World::with_runner(1);
    let task = ready(&world, "write x.txt precious");
    let id = task.id.to_string();
    world.pilot(&["task", "stop", &id]).ok();
    world.until_state(task.id, "cancelled");
    assert_eq!(world.file_in(&world.demo_repository(), &task.branch, "x.txt"), None);
    let bundle = world.path("rescued.bundle");
    world.pilot(&["task", "rescue", &id, "-o", &bundle.to_string_lossy()]).ok();
    let heads = world.git(&world.path(""), &["bundle", "list-heads", "rescued.bundle"]).ok();
    assert!(!heads.trim().is_empty(), "the work is in it");
}

#[test]
fn a_list_becomes_a_batch_that_keeps_its_bound() {
    let world = World::with_runner(2);
    let list = world.path("list.txt");
    std::fs::write(&list, "write a.txt a\n\n  write b.txt b\nwrite c.txt c\n").expect("written");
    let from = list.to_string_lossy();
    let new = ["task", "new", "-p", "demo", "--agent", "scripted", "--from", &from];
    let filed: Vec<Task> = world.json(&[&new[..], &["--at-most", "1"]].concat());
    let prompts: Vec<_> = filed.iter().map(|task| task.prompt.as_str()).collect();
    assert_eq!(prompts, ["write a.txt a", "write b.txt b", "write c.txt c"]);
    let batch = filed[0].batch.clone().expect("they belong together");
    assert_eq!(batch.at_most, Some(1));
    for task in filed {
        assert_eq!(task.batch, Some(batch.clone()));
        world.until_state(task.id, "published");
    }
    let none = world.pilot(&["task", "new", "-p", "demo", "--from", "/dev/null"]);
    assert_eq!(none.code(), 1, "{}", none.err);
}

#[test]
fn a_task_is_given_to_a_runner_by_its_name() {
    let world = World::with_runner(1);
    let id = world.file(&format!("wait-file {}\nwrite x.txt x", world.shared("go").display()));
    world.until_state(id, "working");
    let id = id.to_string();
    let said = world.pilot(&["task", "reassign", &id]);
    assert_eq!(said.code(), 2, "somebody must be named: {}", said.err);
    let said = world.pilot(&["task", "reassign", &id, "--runner", "nobody"]);
    assert_eq!(said.code(), 1, "{}", said.err);
    assert!(said.err.contains("runner list"), "{}", said.err);
    world.pilot(&["task", "reassign", &id, "--runner", "test"]).ok();
    world.until("another run is at work", || {
        let task: Task = world.json(&["task", "show", &id]);
        (task.attempts == 2 && task.state.name() == "working").then_some(())
    });
    std::fs::write(world.shared("go"), "").expect("it may end");
    let task = world.until_state(id.parse().expect("an id"), "published");
    assert!(task.only_runner.is_some());
    let said = world.pilot(&["task", "publish", &id]);
    assert_eq!(said.code(), 0, "it is published already: {}", said.err);
    let said = world.pilot(&["task", "keep", &id]);
    assert!(said.code() == 1 && said.err.contains("no group"), "{}", said.err);
}
