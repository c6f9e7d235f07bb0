//! The real pi, from npm, through hub, runner and walls, against a scripted
//! model server.

use crate::world::World;
use pilot_proto::{InboxItem, Task, TaskState};
use pilot_testkit::model::Model;
use serde_json::json;

#[test]
fn pi_asks_before_it_writes_and_its_branch_is_pushed() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime for the model");
    let model = runtime.block_on(Model::start());
    let mut world = World::with_hub();
    let pi = pilot_testkit::agents::program("pi");
    world.add_path(pi.parent().expect("it is in a directory").to_owned());
    let add = ["provider", "add", "pi", "--kind", "anthropic", "--key-stdin", "--base-url"];
    world
        .pilot_with_input(&[&add[..], &[&model.url()]].concat(), "placeholder-key-0123456789\n")
        .ok();
    world.start_runner();
    let steps = json!([
        {"write": {"path": "hello.txt", "content": "hello from pi\n"}},
        {"text": "All done."},
    ]);
    let task: Task = world.json(&[
        "task",
        "new",
        "--project",
        "demo",
        "--agent",
        "pi",
        "--mode",
        "ask",
        "--prompt",
        &format!("Do as scripted. [[steps:{steps}]]"),
    ]);
    world.until_state(task.id, "needs_you");
    let items: Vec<InboxItem> = world.json(&["inbox"]);
    assert!(format!("{:?}", items[0].ask).contains("hello.txt"), "{items:#?}");
    world.pilot(&["task", "answer", &task.id.to_string(), "--allow"]).ok();
    let task = world.until_state(task.id, "published");
    let TaskState::Published { branch, .. } = &task.state else { panic!("{task:#?}") };
    let hello = world.file_in(&world.demo_repository(), branch, "hello.txt");
    assert_eq!(hello.as_deref(), Some("hello from pi\n"));
    let keys: Vec<_> = model.requests().into_iter().filter_map(|seen| seen.key).collect();
    assert!(keys.iter().all(|key| key == "placeholder-key-0123456789"), "the gateway's: {keys:?}");
    let network = world.pilot(&["task", "network", &task.id.to_string()]).ok();
    assert!(!network.contains("refused"), "it looks for nothing besides its model:\n{network}");
}
