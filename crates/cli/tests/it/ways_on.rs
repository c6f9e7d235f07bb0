//! The three ways on from a run, with the real claude: continue, retry from a
//! turn, run again; a second agent that reviews the work of the first; and
//! tries at the same side by side.

use crate::agents::{KEY, add_agent, file, model, needs_you, published};
use crate::world::World;
use pilot_proto::console::{GroupComparison, ReviewNoteSent};
use pilot_proto::{Event, Task, TaskId, TaskState};
use pilot_testkit::model::{Model, Script};
use serde_json::{Value, json};

/// A world in which claude and codex are the scripted model.
fn with_both() -> (World, crate::agents::Model) {
    let model = model();
    let mut world = World::with_hub();
    for agent in ["claude", "codex"] {
        add_agent(&mut world, agent);
    }
    for (name, kind, path) in [("anthropic", "anthropic", ""), ("openai", "openai", "/v1")] {
        world.add_provider(name, kind, &format!("{}{path}", model.server.url()), KEY);
    }
    world.start_runner();
    (world, model)
}

fn script(model: &Model, name: &str, steps: Value) {
    model.script(name, Script::new(steps));
}

/// The sessions of the task's runs, oldest first.
fn sessions(world: &World, id: TaskId) -> Vec<String> {
    let runs = world.detail(id).runs;
    runs.into_iter().map(|run| run.session.map(|one| one.id).unwrap_or_default()).collect()
}

/// Files of the published branch, of these.
fn files(world: &World, id: TaskId, attempts: u32, names: &[&str]) -> Vec<String> {
    world.until("the run is under way", || (world.task(id).attempts == attempts).then_some(()));
    let there = |name: &&&str| published(world, id, name).is_some();
    names.iter().filter(there).map(|name| (*name).to_owned()).collect()
}

/// A task of two turns, of which the second was said while the first went on.
fn two_turns(world: &World, model: &Model) -> TaskId {
    script(
        model,
        "one",
        json!([
            {"ask": {"question": "Ready?", "options": ["Yes", "No"]}},
            {"write": {"path": "one.txt", "content": "1\n"}},
            {"text": "One done."}
        ]),
    );
    script(
        model,
        "two",
        json!([
            {"write": {"path": "two.txt", "content": "2\n"}},
            {"text": "Two done."}
        ]),
    );
    // Says what it still knows of what was said before.
    script(
        model,
        "three",
        json!([
            {"when": {"said": "script:one"}, "write": {"path": "knows-one.txt", "content": "1\n"}},
            {"when": {"said": "script:two"}, "write": {"path": "knows-two.txt", "content": "2\n"}},
            {"write": {"path": "three.txt", "content": "3\n"}},
            {"text": "Three done."}
        ]),
    );
    let id = file(world, "auto", "[[script:one]]");
    needs_you(world, id);
    world.pilot(&["task", "say", &id.to_string(), "[[script:two]]"]).ok();
    world.pilot(&["task", "answer", &id.to_string(), "--choose", "Yes"]).ok();
    id
}

const NAMES: [&str; 5] = ["one.txt", "two.txt", "three.txt", "knows-one.txt", "knows-two.txt"];

#[test]
fn claude_is_retried_from_a_turn_continued_and_run_again() {
    let (world, model) = with_both();
    let id = two_turns(&world, &model.server);
    assert_eq!(files(&world, id, 1, &NAMES), ["one.txt", "two.txt"]);
    let name = id.to_string();

    // Edit and re-run: the second turn is another, the first as it was.
    let edited = ["task", "retry", &name, "--turn", "1", "--prompt", "[[script:three]]"];
    world.pilot(&edited).ok();
    let expected = ["one.txt", "three.txt", "knows-one.txt"];
    assert_eq!(files(&world, id, 2, &NAMES), expected, "tree and session of the end of turn 1");
    let known = sessions(&world, id);
    assert!(!known[0].is_empty() && known[0] == known[1], "the same session: {known:?}");

    // Of the first run, whose second turn is said once more as it was.
    world.pilot(&["task", "retry", &name, "--turn", "1", "--run", "1"]).ok();
    assert_eq!(files(&world, id, 3, &NAMES), ["one.txt", "two.txt"]);

    world.pilot(&["task", "resume", &name, "[[script:three]]"]).ok();
    assert_eq!(files(&world, id, 4, &NAMES), NAMES, "it goes on with everything");

    let again =
        ["task", "retry", &name, "--turn", "0", "--run", "1", "--prompt", "[[script:three]]"];
    world.pilot(&again).ok();
    assert_eq!(files(&world, id, 5, &NAMES), ["three.txt"], "from the beginning");

    world.pilot(&["task", "again", &name]).ok();
    needs_you(&world, id);
    world.pilot(&["task", "answer", &name, "--choose", "Yes"]).ok();
    assert_eq!(files(&world, id, 6, &NAMES), ["one.txt"], "the task's own prompt");
    let known = sessions(&world, id);
    assert!(known[5] != known[0], "a fresh session: {known:?}");

    let said = world.pilot(&["task", "retry", &name, "--turn", "7"]);
    assert!(said.code() == 1 && said.err.contains("no checkpoint of turn 7"), "{}", said.err);
}

#[test]
fn claude_begins_at_a_turn_of_a_run_that_was_killed_in_the_next() {
    let (world, model) = with_both();
    script(
        &model.server,
        "one",
        json!([
            {"ask": {"question": "Ready?", "options": ["Yes", "No"]}},
            {"write": {"path": "one.txt", "content": "1\n"}},
            {"text": "One done."}
        ]),
    );
    script(
        &model.server,
        "hang",
        json!([
            {"write": {"path": "two.txt", "content": "2\n"}},
            {"shell": "while [ ! -e /nonexistent/never ]; do sleep 0.2; done"},
            {"text": "Never said."}
        ]),
    );
    script(
        &model.server,
        "three",
        json!([
            {"when": {"said": "script:one"}, "write": {"path": "knows-one.txt", "content": "1\n"}},
            {"write": {"path": "three.txt", "content": "3\n"}},
            {"text": "Three done."}
        ]),
    );
    let id = file(&world, "auto", "[[script:one]]");
    let name = id.to_string();
    needs_you(&world, id);
    world.pilot(&["task", "say", &name, "[[script:hang]]"]).ok();
    world.pilot(&["task", "answer", &name, "--choose", "Yes"]).ok();
    world.until("the second turn's tool runs", || {
        world.pilot(&["task", "log", &name]).out.contains("nonexistent").then_some(())
    });
    crate::chaos::kill_the_shim(&world);
    world.until_state(id, "failed");
    world.pilot(&["task", "retry", &name, "--turn", "1", "--prompt", "[[script:three]]"]).ok();
    let expected = ["one.txt", "three.txt", "knows-one.txt"];
    assert_eq!(files(&world, id, 2, &NAMES), expected, "what the killed turn did is not there");
}

#[test]
fn codex_reviews_what_claude_did_and_claude_mends_it() {
    let (world, model) = with_both();
    script(
        &model.server,
        "work",
        json!([
            {"when": {"said": "You are the reviewer"}, "shell": "echo mine > reviewer.txt; git diff --stat"},
            {"when": {"said": "You are the reviewer"}, "text": concat!(
                "I looked.\n```json\n{\"findings\": [{\"path\": \"work.txt\", \"first_line\": 1, ",
                "\"severity\": \"high\", \"text\": \"It is wrong. [[script:mend]]\"}]}\n```"
            )},
            {"write": {"path": "work.txt", "content": "wrong\n"}},
            {"text": "Worked."}
        ]),
    );
    script(
        &model.server,
        "mend",
        json!([
            {"when": {"said": "script:work"}, "write": {"path": "work.txt", "content": "mended\n"}},
            {"text": "Mended."}
        ]),
    );
    let task = world.new_task("claude", "[[script:work]]", &["--review", "codex"]);
    let id = task.id;
    assert_eq!(published(&world, id, "work.txt").as_deref(), Some("mended\n"));
    assert_eq!(published(&world, id, "reviewer.txt"), None, "what the reviewer did is undone");
    let events = world.events(id);
    let found = events.iter().find_map(|event| match event {
        Event::Reviewed { agent, findings, problem: None, .. } => Some((agent, findings)),
        _ => None,
    });
    let (agent, findings) = found.expect("the review is in the journal");
    assert_eq!((agent.as_str(), findings.len()), ("codex", 1));
    let turns = events.iter().filter(|event| matches!(event, Event::TurnStarted { .. })).count();
    assert_eq!(turns, 2, "its findings were one more turn, in the same session");
    let notes: Vec<ReviewNoteSent> = world.json(&["task", "review", &id.to_string(), "--list"]);
    assert!(notes.iter().any(|note| note.by.contains("codex") && note.note.path == "work.txt"));
    let task = world.task(id);
    assert!(task.reservations.iter().any(|one| one.contains("nobody has looked")), "{task:#?}");
    assert_eq!(task.attempts, 1);
}

#[test]
fn work_whose_review_fails_is_published_with_a_reservation() {
    let (world, model) = with_both();
    script(
        &model.server,
        "work",
        json!([
            {"when": {"said": "You are the reviewer"}, "text": "All is well."},
            {"write": {"path": "work.txt", "content": "done\n"}},
            {"text": "Worked."}
        ]),
    );
    for reviewer in ["codex", "pi"] {
        let task = world.new_task("claude", "[[script:work]]", &["--review", reviewer]);
        assert_eq!(published(&world, task.id, "work.txt").as_deref(), Some("done\n"));
        let task = world.task(task.id);
        let said = task.reservations.iter().any(|one| one.contains("came to nothing"));
        assert!(said, "{reviewer}: {:?}", task.reservations);
    }
}

#[test]
fn tries_begin_from_one_commit_and_are_compared_side_by_side() {
    let (world, model) = with_both();
    script(
        &model.server,
        "try",
        json!([
            {"shell": "echo cargo test; true"},
            {"shell": "cd . && make test"},
            {"write": {"path": "both.txt", "content": "1\n"}},
            {"text": "Tried."}
        ]),
    );
    let tries = ["task", "new", "--project", "demo", "--try", "claude", "--try", "codex"];
    let tasks: Vec<Task> = world.json(&[&tries[..], &["--prompt", "[[script:try]]"]].concat());
    assert_eq!(tasks.len(), 2);
    let group = tasks[0].group.expect("they are a group");
    for task in &tasks {
        world.until_state(task.id, "ready");
    }
    let comparison: GroupComparison = world.json(&["task", "compare", &group.to_string()]);
    let base = comparison.base_commit.expect("it is pinned");
    for one in &comparison.tasks {
        assert_eq!(one.task.base_commit.as_ref(), Some(&base), "from the same commit");
        assert_eq!((one.turns, one.alone), (1, 0), "{one:#?}");
        let tests: Vec<_> = one.tests.iter().map(|test| (&*test.command, test.ok)).collect();
        assert_eq!(tests, [("make test", Some(false))], "there is no Makefile: {one:#?}");
    }
    let both = &comparison.files[0];
    assert_eq!((both.path.as_str(), both.by.len()), ("both.txt", 2));
    let shown = world.pilot(&["task", "compare", &tasks[0].id.to_string()]).ok();
    assert!(shown.contains("FAILED: make test") && shown.contains(&base), "{shown}");
    world.pilot(&["task", "keep", &tasks[1].id.to_string()]).ok();
    world.until_state(tasks[1].id, "published");
    world.until_state(tasks[0].id, "cancelled");
    assert!(matches!(world.task(tasks[0].id).state, TaskState::Cancelled));
}
