//! The real Gemini CLI and opencode, from npm, through hub and runner and
//! within the walls, against a scripted model server.

use crate::world::World;
use pilot_proto::console::{NetworkAudit, TaskDetail};
use pilot_proto::{InboxItem, Task, TaskId, TaskState};
use pilot_testkit::model::Model as Server;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

struct Model {
    server: Server,
    _runtime: Runtime,
}

/// A world with a runner that finds the real agent, and a provider that is the
/// scripted model.
fn with(agent: &str, provider: &str) -> (World, Model) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime for the model");
    let server = runtime.block_on(Server::start());
    let mut world = World::with_hub();
    let program = pilot_testkit::agents::program(agent);
    world.add_path(program.parent().expect("it is in a directory").to_owned());
    // An agent that speaks many tongues uses the provider that is called like it.
    let add = ["provider", "add", agent, "--kind", provider, "--key-stdin", "--base-url"];
    world
        .pilot_with_input(&[&add[..], &[&server.url()]].concat(), "placeholder-key-0123456789\n")
        .ok();
    world.start_runner();
    (world, Model { server, _runtime: runtime })
}

fn steps(steps: &Value) -> String {
    format!("Do as scripted. [[steps:{steps}]]")
}

fn file(world: &World, agent: &str, model: &str, mode: &str, prompt: &str) -> TaskId {
    let what = ["--agent", agent, "--model", model, "--mode", mode, "--prompt", prompt];
    let task: Task = world.json(&[&["task", "new", "--project", "demo"], &what[..]].concat());
    task.id
}

fn needs_you(world: &World, id: TaskId) -> InboxItem {
    world.until_state(id, "needs_you");
    let items: Vec<InboxItem> = world.json(&["inbox"]);
    items.into_iter().find(|item| item.task == id).expect("it is in the inbox")
}

fn published(world: &World, id: TaskId, path: &str) -> Option<String> {
    let task = world.until_state(id, "published");
    let TaskState::Published { branch, .. } = &task.state else { panic!("{task:#?}") };
    world.file_in(&world.demo_repository(), branch, path)
}

/// The run reached for nothing but its model.
fn reached_nothing_else(world: &World, id: TaskId) {
    let audit: NetworkAudit = world.json(&["task", "network", &id.to_string()]);
    let refused: Vec<_> = audit.tries.iter().filter(|one| !one.decision.allowed).collect();
    assert!(refused.is_empty(), "its vendor is not to be called: {refused:#?}");
}

#[test]
fn gemini_works_behind_the_walls_and_is_resumed_in_a_new_workspace() {
    let (world, model) = with("gemini", "gemini");
    let prompt = steps(&json!([
        {"write": {"path": "draft.txt", "content": "draft\n"}},
        {"shell": "git status --short"},
        {"text": "All done."}
    ]));
    let id = file(&world, "gemini", "gemini-3-flash-preview", "auto", &prompt);
    assert_eq!(published(&world, id, "draft.txt").as_deref(), Some("draft\n"));
    let task = world.task(id);
    assert!(task.usage.input_tokens > 0, "{:?}", task.usage);
    let log = world.pilot(&["task", "log", &id.to_string()]).ok();
    assert!(log.contains("All done.") && log.contains("git status"), "{log}");
    reached_nothing_else(&world, id);

    let next = steps(
        &json!([{"write": {"path": "final.txt", "content": "final\n"}}, {"text": "Finished."}]),
    );
    world.pilot(&["task", "resume", &id.to_string(), &next]).ok();
    world.until("the second run is under way", || (world.task(id).attempts == 2).then_some(()));
    assert_eq!(published(&world, id, "final.txt").as_deref(), Some("final\n"));
    let detail: TaskDetail = world.json(&["task", "show", &id.to_string()]);
    let sessions: Vec<_> =
        detail.runs.iter().map(|run| run.session.as_ref().map(|session| &session.id)).collect();
    assert!(sessions[0].is_some(), "{:#?}", detail.runs);
    assert_eq!(sessions[0], sessions[1], "it is the same session");
    assert!(!model.server.requests().is_empty(), "the model was really asked");
    world.until("nothing is left", || world.stray_processes().is_empty().then_some(()));
}

#[test]
fn gemini_asks_and_goes_on_when_it_is_refused() {
    let (world, _model) = with("gemini", "gemini");
    let prompt = steps(&json!([
        {"shell": "echo one > one.txt"},
        {"shell": "echo two > two.txt"},
        {"text": "Both tried."}
    ]));
    let id = file(&world, "gemini", "gemini-3-flash-preview", "ask", &prompt);
    let first = needs_you(&world, id);
    world.pilot(&["task", "answer", &first.id.to_string(), "--deny", "not the first"]).ok();
    let second = world.until("the second one is asked", || {
        let items: Vec<InboxItem> = world.json(&["inbox"]);
        items.into_iter().find(|item| item.task == id && item.id != first.id)
    });
    world.pilot(&["task", "answer", &second.id.to_string(), "--allow"]).ok();
    assert_eq!(published(&world, id, "two.txt").as_deref(), Some("two\n"));
    assert_eq!(published(&world, id, "one.txt"), None, "what was denied did not happen");
}

#[test]
fn opencode_has_its_plan_approved_behind_the_walls() {
    let (world, _model) = with("opencode", "ollama");
    let prompt = steps(&json!([{"text": "1. Write planned.txt"}]));
    let id = file(&world, "opencode", "scripted", "plan", &prompt);
    let item = needs_you(&world, id);
    assert!(serde_json::to_string(&item).expect("JSON").contains("planned.txt"), "{item:?}");
    let carry_out = steps(&json!([
        {"write": {"path": "planned.txt", "content": "as planned\n"}},
        {"shell": "git status --short"},
        {"text": "Done as planned."}
    ]));
    // The model is told what is wrong with it, and plans anew.
    let again = ["task", "answer", &item.id.to_string(), "--deny", "Say more."];
    world.pilot(&again).ok();
    let second = world.until("the plan is asked for again", || {
        let items: Vec<InboxItem> = world.json(&["inbox"]);
        items.into_iter().find(|one| one.task == id && one.id != item.id)
    });
    world.pilot(&["task", "say", &id.to_string(), &carry_out]).ok();
    world.pilot(&["task", "answer", &second.id.to_string(), "--allow"]).ok();
    assert_eq!(published(&world, id, "planned.txt").as_deref(), Some("as planned\n"));
    reached_nothing_else(&world, id);
    world.until("nothing is left", || world.stray_processes().is_empty().then_some(()));
}
