//! The whole product on a PostgreSQL instead of the hub's own database.

use crate::world::World;
use pilot_proto::{Snapshot, TaskId, TaskState};
use pilot_testkit::postgres::Postgres;

#[test]
fn a_hub_on_postgres_that_is_killed_goes_on_where_it_was() {
    let postgres = Postgres::start();
    let mut world = World::bare();
    world.set_store(postgres.url());
    world.start_hub();
    world.start_runner();
    let gate = world.shared("go");
    let id = world.file(&format!(
        "write before.txt b\nprint 2000 number\nwait-file {}\nwrite after.txt a\nsay done",
        gate.display()
    ));
    world.until("the first half is at the hub", || {
        let printed = log(&world, id).matches("number ").count() >= 2000;
        (printed && diff(&world, id) == ["before.txt"]).then_some(())
    });

    world.kill_hub();
    std::fs::write(&gate, "").expect("the gate can be opened");
    world.start_hub();
    let task = world.until_state(id, "published");
    let TaskState::Published { branch, commit } = &task.state else { panic!("{task:#?}") };
    let repository = world.demo_repository();
    let head = world.git(&repository, &["rev-parse", branch]).ok();
    assert_eq!(head.trim(), commit, "the branch in the remote is what the task says");

    let whole = log(&world, id);

    // And once more, when there is nothing but the database to answer from.
    world.kill_hub();
    world.kill_runner();
    world.start_hub();
    assert_eq!(world.task(id).state, task.state);
    assert_eq!(log(&world, id), whole, "the log still answers");
    assert_eq!(diff(&world, id), ["after.txt", "before.txt"], "so does the diff");
    assert!(!world.data().join("hub/hub.db").exists(), "nothing is kept beside the database");
}

fn log(world: &World, id: TaskId) -> String {
    world.pilot(&["task", "log", &id.to_string()]).ok()
}

fn diff(world: &World, id: TaskId) -> Vec<String> {
    let snapshot: Snapshot = world.json(&["task", "diff", &id.to_string()]);
    snapshot.files.into_keys().collect()
}
