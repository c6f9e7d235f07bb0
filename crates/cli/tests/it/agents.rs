//! The real agents, from npm, through hub and runner, against a scripted model
//! server.

use crate::world::World;
use pilot_proto::console::{NetworkAudit, TaskDetail};
use pilot_proto::walls::WallsKind;
use pilot_proto::{InboxItem, Task, TaskId, TaskState};
use pilot_testkit::model::Model as Server;
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::runtime::Runtime;

pub(crate) struct Model {
    pub(crate) server: Arc<Server>,
    _runtime: Runtime,
}

/// The key that the provider wants, which no run may see.
const KEY: &str = "placeholder-key-0123456789";

/// A world with a runner that finds the real agent, and a provider of this
/// kind that is the scripted model, `path` below its address.
fn with_agent(agent: &str, kind: &str, path: &str) -> (World, Model) {
    let model = model();
    let mut world = World::with_hub();
    add_agent(&mut world, agent);
    let add = ["provider", "add", "scripted-model", "--kind", kind, "--key-stdin", "--base-url"];
    let url = format!("{}{path}", model.server.url());
    world.pilot_with_input(&[&add[..], &[&url]].concat(), &format!("{KEY}\n")).ok();
    world.start_runner();
    (world, model)
}

fn with_claude() -> (World, Model) {
    with_agent("claude", "anthropic", "")
}

fn with_codex() -> (World, Model) {
    with_agent("codex", "openai", "/v1")
}

/// The runner finds the real claude.
pub(crate) fn add_claude(world: &mut World) {
    add_agent(world, "claude");
}

pub(crate) fn add_agent(world: &mut World, agent: &str) {
    let program = pilot_testkit::agents::program(agent);
    world.add_path(program.parent().expect("it is in a directory").to_owned());
}

/// The scripted model.
pub(crate) fn model() -> Model {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime for the model");
    let server = runtime.block_on(Server::start());
    Model { server: Arc::new(server), _runtime: runtime }
}

pub(crate) fn steps(steps: &Value) -> String {
    format!("Do as scripted. [[steps:{steps}]]")
}

pub(crate) fn file(world: &World, mode: &str, prompt: &str) -> TaskId {
    file_for(world, "claude", mode, prompt)
}

fn file_for(world: &World, agent: &str, mode: &str, prompt: &str) -> TaskId {
    let task: Task = world.json(&[
        "task",
        "new",
        "--project",
        "demo",
        "--agent",
        agent,
        "--mode",
        mode,
        "--prompt",
        prompt,
    ]);
    task.id
}

pub(crate) fn needs_you(world: &World, id: TaskId) -> InboxItem {
    world.until_state(id, "needs_you");
    let items: Vec<InboxItem> = world.json(&["inbox"]);
    items.into_iter().find(|item| item.task == id).expect("it is in the inbox")
}

pub(crate) fn published(world: &World, id: TaskId, path: &str) -> Option<String> {
    let task = world.until_state(id, "published");
    let TaskState::Published { branch, .. } = &task.state else { panic!("{task:#?}") };
    world.file_in(&world.demo_repository(), branch, path)
}

#[test]
fn claude_edits_files_by_itself_in_auto_mode() {
    let (world, model) = with_claude();
    let prompt = steps(&json!([
        {"write": {"path": "hello.txt", "content": "hello from claude\n"}},
        {"shell": "git status --short"},
        {"text": "All done."}
    ]));
    let id = file(&world, "auto", &prompt);
    let hello = published(&world, id, "hello.txt");
    assert_eq!(hello.as_deref(), Some("hello from claude\n"));
    let task = world.task(id);
    assert!(task.usage.input_tokens > 0 && task.usage.cost_micros.is_some(), "{:?}", task.usage);
    let log = world.pilot(&["task", "log", &id.to_string()]).ok();
    assert!(log.contains("All done.") && log.contains("git status"), "{log}");
    assert!(!model.server.requests().is_empty(), "the model was really asked");
    world.until("nothing is left", || world.stray_processes().is_empty().then_some(()));
}

#[test]
fn a_permission_is_answered_from_the_inbox() {
    let (world, _model) = with_claude();
    let prompt = steps(&json!([
        {"shell": "echo one > one.txt"},
        {"shell": "echo two > two.txt"},
        {"text": "Both tried."}
    ]));
    let id = file(&world, "ask", &prompt);
    let first = needs_you(&world, id);
    assert!(world.pilot(&["inbox"]).ok().contains("one.txt"), "the command is shown");
    world.pilot(&["task", "answer", &first.id.to_string(), "--allow"]).ok();
    let second = world.until("the second one is asked", || {
        let items: Vec<InboxItem> = world.json(&["inbox"]);
        items.into_iter().find(|item| item.task == id && item.id != first.id)
    });
    world.pilot(&["task", "answer", &second.id.to_string(), "--deny", "not the second"]).ok();
    assert_eq!(published(&world, id, "one.txt").as_deref(), Some("one\n"));
    assert_eq!(published(&world, id, "two.txt"), None, "what was denied did not happen");
    assert!(!world.task(id).reservations.is_empty(), "a denial is never called success");
}

#[test]
fn a_question_and_a_plan_reach_a_person() {
    let (world, _model) = with_claude();
    let prompt = steps(&json!([
        {"ask": {"question": "Which colour?", "options": ["Red", "Blue"]}},
        {"write": {"path": "colour.txt", "content": "${last_result}"}},
        {"text": "Painted."}
    ]));
    let id = file(&world, "auto", &prompt);
    needs_you(&world, id);
    world.pilot(&["task", "answer", &id.to_string(), "--choose", "Blue"]).ok();
    let colour = published(&world, id, "colour.txt").unwrap_or_default();
    assert!(colour.contains("Blue"), "the answer reached the model: {colour:?}");

    let prompt = steps(&json!([
        {"when": {"plan_file": true}, "write": {"path": "${plan_file}", "content": "# Plan\n1. write planned.txt\n"}},
        {"plan": "# Plan\n1. write planned.txt"},
        {"write": {"path": "planned.txt", "content": "as planned\n"}},
        {"text": "Done as planned."}
    ]));
    let id = file(&world, "plan", &prompt);
    let item = needs_you(&world, id);
    assert!(serde_json::to_string(&item).expect("JSON").contains("planned.txt"), "{item:?}");
    world.pilot(&["task", "answer", &id.to_string(), "--allow"]).ok();
    assert_eq!(published(&world, id, "planned.txt").as_deref(), Some("as planned\n"));
}

#[test]
fn a_follow_up_goes_on_in_the_same_session() {
    let (world, _model) = with_claude();
    let prompt = steps(&json!([
        {"ask": {"question": "Ready?", "options": ["Yes", "No"]}},
        {"write": {"path": "first.txt", "content": "first\n"}},
        {"text": "First done."}
    ]));
    let id = file(&world, "auto", &prompt);
    needs_you(&world, id);
    let second = steps(
        &json!([{"write": {"path": "second.txt", "content": "second\n"}}, {"text": "Second done."}]),
    );
    world.pilot(&["task", "say", &id.to_string(), &second]).ok();
    world.pilot(&["task", "answer", &id.to_string(), "--choose", "Yes"]).ok();
    assert_eq!(published(&world, id, "first.txt").as_deref(), Some("first\n"));
    assert_eq!(published(&world, id, "second.txt").as_deref(), Some("second\n"));
    assert_eq!(world.task(id).attempts, 1, "one run, two turns");
}

#[test]
fn an_interrupted_turn_can_be_told_how_to_go_on() {
    let (world, _model) = with_claude();
    let prompt = steps(&json!([
        {"write": {"path": "before.txt", "content": "before\n"}},
        {"shell": "while [ ! -e /nonexistent/never ]; do sleep 0.2; done"},
        {"text": "Never said."}
    ]));
    let id = file(&world, "auto", &prompt);
    world.until("the tool runs", || {
        world.pilot(&["task", "log", &id.to_string()]).out.contains("* Bash").then_some(())
    });
    world.pilot(&["task", "interrupt", &id.to_string()]).ok();
    needs_you(&world, id);
    let next = steps(
        &json!([{"write": {"path": "after.txt", "content": "after\n"}}, {"text": "Went on."}]),
    );
    world.pilot(&["task", "answer", &id.to_string(), "--say", &next]).ok();
    assert_eq!(published(&world, id, "before.txt").as_deref(), Some("before\n"));
    assert_eq!(published(&world, id, "after.txt").as_deref(), Some("after\n"));
}

#[test]
fn a_stopped_session_is_resumed_in_a_new_workspace() {
    let (world, model) = with_claude();
    let prompt = steps(&json!([
        {"write": {"path": "draft.txt", "content": "draft\n"}},
        {"text": "Drafted."}
    ]));
    let id = file(&world, "auto", &prompt);
    assert_eq!(published(&world, id, "draft.txt").as_deref(), Some("draft\n"));
    let next = steps(
        &json!([{"write": {"path": "final.txt", "content": "final\n"}}, {"text": "Finished."}]),
    );
    world.pilot(&["task", "resume", &id.to_string(), &next]).ok();
    world.until("the second run is under way", || (world.task(id).attempts == 2).then_some(()));
    assert_eq!(published(&world, id, "final.txt").as_deref(), Some("final\n"));
    assert_eq!(
        published(&world, id, "draft.txt").as_deref(),
        Some("draft\n"),
        "on its earlier work"
    );
    let detail: TaskDetail = world.json(&["task", "show", &id.to_string()]);
    let sessions: Vec<_> =
        detail.runs.iter().map(|run| run.session.as_ref().map(|session| &session.id)).collect();
    assert!(sessions[0].is_some(), "{:#?}", detail.runs);
    assert_eq!(sessions[0], sessions[1], "it is the same session");
    assert!(!model.server.requests().is_empty());
}

#[test]
fn a_refused_key_is_said_to_be_one() {
    let (world, model) = with_claude();
    model.server.require_auth("another-key");
    let prompt = steps(&json!([{"text": "unreachable"}]));
    let id = file(&world, "auto", &prompt);
    let task = world.until("it ends", || {
        let task = world.task(id);
        task.state.is_end().then_some(task)
    });
    let text = serde_json::to_string(&task).expect("JSON");
    assert!(text.contains("agent_auth"), "{text}");
    assert!(!text.contains("placeholder-key"), "no key in a message: {text}");
}

#[test]
fn codex_works_behind_walls_with_a_key_that_is_not_the_real_one() {
    let (world, model) = with_codex();
    model.server.require_auth(KEY);
    let prompt = steps(&json!([
        {"write": {"path": "hello.txt", "content": "hello from codex\n"}},
        {"shell": "env > seen.txt; cat ~/.codex/*.toml ~/.codex/*.json /proc/*/environ >> seen.txt 2>/dev/null; git status --short"},
        {"text": "All done."}
    ]));
    let id = file_for(&world, "codex", "auto", &prompt);
    let hello = published(&world, id, "hello.txt");
    assert_eq!(hello.as_deref(), Some("hello from codex\n"));
    let seen = published(&world, id, "seen.txt").unwrap_or_default();
    assert!(seen.contains("CODEX_HOME") && !seen.contains(KEY), "no run sees the key: {seen}");
    let task = world.task(id);
    assert!(task.usage.input_tokens > 0, "{:?}", task.usage);
    let log = world.pilot(&["task", "log", &id.to_string()]).ok();
    assert!(log.contains("All done.") && log.contains("git status"), "{log}");
    assert!(!log.contains(KEY), "{log}");
    let asked = model.server.requests();
    assert!(!asked.is_empty(), "the model was really asked");
    assert!(asked.iter().all(|seen| seen.key.as_deref() == Some(KEY)), "{asked:#?}");
    let audit: NetworkAudit = world.json(&["task", "network", &id.to_string()]);
    assert_eq!(audit.walls.map(|walls| walls.kind), Some(WallsKind::Bubblewrap));
    let refused: Vec<_> = audit.tries.iter().filter(|one| !one.decision.allowed).collect();
    assert!(refused.is_empty(), "it calls nobody but the model: {refused:#?}");
    world.until("nothing is left", || world.stray_processes().is_empty().then_some(()));
}

#[test]
fn codex_asks_and_plans_through_the_inbox() {
    let (world, _model) = with_codex();
    let prompt = steps(&json!([
        {"read": "README.md"},
        {"shell": "echo one > one.txt"},
        {"write": {"path": "two.txt", "content": "two\n"}},
        {"text": "Both tried."}
    ]));
    let id = file_for(&world, "codex", "ask", &prompt);
    let first = needs_you(&world, id);
    assert!(world.pilot(&["inbox"]).ok().contains("one.txt"), "the command is shown");
    world.pilot(&["task", "answer", &first.id.to_string(), "--allow"]).ok();
    let second = world.until("the second one is asked", || {
        let items: Vec<InboxItem> = world.json(&["inbox"]);
        items.into_iter().find(|item| item.task == id && item.id != first.id)
    });
    world.pilot(&["task", "answer", &second.id.to_string(), "--deny", "not the second"]).ok();
    assert_eq!(published(&world, id, "one.txt").as_deref(), Some("one\n"));
    assert_eq!(published(&world, id, "two.txt"), None, "what was denied did not happen");
    assert!(!world.task(id).reservations.is_empty(), "a denial is never called success");

    let prompt = steps(&json!([{"plan": "# Plan\n1. write planned.txt"}]));
    let id = file_for(&world, "codex", "plan", &prompt);
    let item = needs_you(&world, id);
    assert!(serde_json::to_string(&item).expect("JSON").contains("planned.txt"), "{item:?}");
    let better = steps(&json!([{"plan": "# Plan\n1. write better.txt"}]));
    world.pilot(&["task", "answer", &item.id.to_string(), "--deny", &better]).ok();
    let item = world.until("a better plan comes", || {
        let items: Vec<InboxItem> = world.json(&["inbox"]);
        items.into_iter().find(|next| next.task == id && next.id != item.id)
    });
    assert!(serde_json::to_string(&item).expect("JSON").contains("better.txt"), "{item:?}");
    world.pilot(&["task", "answer", &item.id.to_string(), "--allow"]).ok();
    let task = world.until("it ends", || {
        let task = world.task(id);
        task.state.is_end().then_some(task)
    });
    assert!(task.usage.output_tokens > 0, "{task:#?}");
}

#[test]
fn a_stopped_codex_session_is_resumed_in_a_new_workspace() {
    let (world, _model) = with_codex();
    let prompt = steps(&json!([
        {"write": {"path": "draft.txt", "content": "draft\n"}},
        {"text": "Drafted."}
    ]));
    let id = file_for(&world, "codex", "auto", &prompt);
    assert_eq!(published(&world, id, "draft.txt").as_deref(), Some("draft\n"));
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
}
