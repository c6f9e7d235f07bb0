//! What runs inside a run's walls says at its socket: reports, questions,
//! artifacts, and tasks of its own; and runs as AgentAPI.

use crate::agents::{KEY, file, model, needs_you, published, steps, with_claude};
use crate::world::World;
use pilot_proto::{InboxItem, Task, TaskId, TaskState};
use serde_json::{Value, json};

/// Our own program, as what runs inside knows it.
const PILOT: &str = "\"$PILOTHOUSE_PROGRAM\" inside";

fn lets_file(world: &World, tasks: &str, depth: &str) {
    let said = ["project", "children", "demo", "--tasks", tasks, "--depth", depth];
    world.pilot(&said).ok();
}

fn below(world: &World, id: TaskId) -> Vec<Task> {
    world.json(&["task", "list", "--parent", &id.to_string()])
}

/// As they are on the wire.
fn events(world: &World, id: TaskId) -> Vec<Value> {
    let events = world.events(id).into_iter();
    events.map(|event| serde_json::to_value(event).expect("JSON")).collect()
}

#[test]
fn a_run_files_tasks_below_its_own_within_bounds_and_sees_what_becomes_of_them() {
    let world = World::with_runner(2);
    let wish =
        format!("run {PILOT} new-task --token first --prompt 'write child.txt grown' > wish.json");
    let script = format!(
        "{wish}\n\
         {wish}\n\
         run {PILOT} new-task --token second --prompt 'say no' 2> refused.txt; true\n\
         run {PILOT} result --wait 100 $(sed 's/.*task\":\"//; s/\".*//' wish.json) > result.json\n\
         run {PILOT} tasks > all.json"
    );
    lets_file(&world, "1", "1");
    let id = world.file(&script);
    let children = world.until("the child is filed", || {
        let children = below(&world, id);
        (!children.is_empty()).then_some(children)
    });
    let child = world.until_state(children[0].id, "published");
    assert_eq!(child.parent, Some(id), "{child:#?}");
    let task = world.until_state(id, "published");
    assert_eq!(below(&world, id).len(), 1, "the same token is the same wish");
    let TaskState::Published { branch, .. } = &task.state else { panic!("{task:#?}") };
    let read =
        |name: &str| world.file_in(&world.demo_repository(), branch, name).unwrap_or_default();
    assert!(read("refused.txt").contains("1 tasks be filed below one"), "{}", read("refused.txt"));
    let result: Value = serde_json::from_str(&read("result.json")).expect("JSON");
    assert_eq!((&result["state"], &result["over"]), (&json!("published"), &json!(true)));
    assert_eq!((&result["branch"], &result["diff"]["files"]), (&json!(child.branch), &json!(1)));
    let all: Value = serde_json::from_str(&read("all.json")).expect("JSON");
    assert_eq!(all["tasks"].as_array().map(Vec::len), Some(1), "{all}");

    let detail = world.detail(id);
    assert_eq!(detail.children.len(), 1);
    assert_eq!(
        (detail.children[0].task, detail.children[0].state.as_str()),
        (child.id, "published")
    );
    let shown = world.pilot(&["task", "show", &id.to_string()]).ok();
    assert!(shown.contains(&format!("child        {} published", child.id.short())), "{shown}");
    let shown = world.pilot(&["task", "show", &child.id.to_string()]).ok();
    assert!(shown.contains("filed by"), "{shown}");
    let wanted = events(&world, id).iter().filter(|one| one["type"] == "child_wanted").count();
    assert_eq!(wanted, 2, "each wish is journalled once");
}

#[test]
fn agents_file_nothing_unless_the_project_lets_them() {
    let world = World::with_runner(1);
    let script = format!(
        "run {PILOT} tools > tools.json\n\
         run {PILOT} new-task --prompt 'say no' 2> refused.txt; true"
    );
    let id = world.file(&script);
    let task = world.until_state(id, "published");
    let TaskState::Published { branch, .. } = &task.state else { panic!("{task:#?}") };
    let read =
        |name: &str| world.file_in(&world.demo_repository(), branch, name).unwrap_or_default();
    assert!(read("tools.json").contains("ask_person"), "{}", read("tools.json"));
    assert!(!read("tools.json").contains("new_task"), "what is not allowed is not offered");
    assert!(read("refused.txt").contains("no such tool"), "{}", read("refused.txt"));
    assert!(below(&world, id).is_empty());
}

#[test]
fn a_tree_stands_through_a_hubs_death_and_is_stopped_with_its_root() {
    let mut world = World::with_runner(2);
    lets_file(&world, "5", "2");
    let gate = world.shared("gate");
    let wait = format!("wait-file {}", gate.display());
    let id = world
        .file(&format!("run {PILOT} new-task --prompt '{wait}'\nsay filed\n{wait}\nwrite a.txt a"));
    let child = world.until("the child works", || {
        below(&world, id).into_iter().find(|one| one.state.name() == "working")
    });
    world.kill_hub();
    world.start_hub();
    assert_eq!(below(&world, id).len(), 1, "neither lost nor filed again");
    world.until("the runner is back", || {
        let runners: Vec<Value> = world.json(&["runner", "list"]);
        runners.iter().any(|runner| runner["online"] == true).then_some(())
    });
    world.pilot(&["task", "stop", &id.to_string()]).ok();
    world.until_state(id, "cancelled");
    world.until_state(child.id, "cancelled");
    world.until("nothing is left", || world.stray_processes().is_empty().then_some(()));
}

#[test]
fn who_stops_a_task_may_let_its_children_go_on() {
    let world = World::with_runner(2);
    lets_file(&world, "5", "1");
    let gate = world.shared("gate");
    let wait = format!("wait-file {}", gate.display());
    let child = format!("{wait}\\nwrite kept.txt kept");
    let id = world.file(&format!(
        "run {PILOT} new-task --prompt \"$(printf '{child}')\"\n{wait}\nwrite a.txt a"
    ));
    let child = world.until("the child works", || {
        below(&world, id).into_iter().find(|one| one.state.name() == "working")
    });
    world.pilot(&["task", "stop", "--keep-children", &id.to_string()]).ok();
    world.until_state(id, "cancelled");
    std::fs::write(&gate, "").expect("writable");
    world.until_state(child.id, "published");
}

#[test]
fn a_report_is_seen_a_question_reaches_a_person_and_a_file_is_kept() {
    let world = World::with_runner(1);
    let id = world.file(&format!(
        "run echo a report > $TMPDIR/report.txt\n\
         run {PILOT} status 'reading the tests'\n\
         run {PILOT} attach $TMPDIR/report.txt --name findings.txt\n\
         run {PILOT} attach /etc/hostname 2> refused.txt; true\n\
         run ln -s /etc/hostname link; {PILOT} attach link 2>> refused.txt; true\n\
         run {PILOT} ask 'Which colour?' --option Red --option Blue > answer.json"
    ));
    let item = needs_you(&world, id);
    assert!(world.pilot(&["inbox"]).ok().contains("Which colour?"), "{item:?}");
    world.pilot(&["task", "answer", &id.to_string(), "--choose", "Blue"]).ok();
    let task = world.until_state(id, "published");
    let TaskState::Published { branch, .. } = &task.state else { panic!("{task:#?}") };
    let read =
        |name: &str| world.file_in(&world.demo_repository(), branch, name).unwrap_or_default();
    assert!(read("answer.json").contains("Blue"), "{}", read("answer.json"));
    let refused = read("refused.txt");
    assert!(refused.contains("Only files of the tree"), "{refused}");
    assert!(refused.contains("cannot be attached"), "a link leads nowhere: {refused}");
    let events = events(&world, id);
    let has = |wanted: &dyn Fn(&Value) -> bool| events.iter().any(wanted);
    assert!(has(&|one| one["type"] == "reported" && one["text"] == "reading the tests"));
    assert!(has(&|one| one["type"] == "artifact" && one["name"] == "findings.txt"));
    let log = world.pilot(&["task", "log", &id.to_string()]).ok();
    assert!(log.contains("* says it is: reading the tests"), "{log}");
}

/// The real agent, in the mode that asks for everything: for our own tools it
/// asks nobody.
#[test]
fn claude_files_a_task_and_asks_a_person_by_its_own_tools() {
    let (world, model) = with_claude();
    lets_file(&world, "2", "1");
    let child = json!({"prompt": "write grown.txt grown", "agent": "scripted", "token": "c1"});
    let prompt = steps(&json!([
        {"tool": {"name": "mcp__pilothouse__report_status", "input": {"text": "planning"}}},
        {"tool": {"name": "mcp__pilothouse__new_task", "input": child}},
        {"tool": {"name": "mcp__pilothouse__ask_person", "input": {"question": "Which colour?", "options": ["Red", "Blue"]}}},
        {"text": "The person said: ${last_result}"}
    ]));
    let id = file(&world, "ask", &prompt);
    let item = needs_you(&world, id);
    assert_eq!(serde_json::to_value(&item.ask).expect("JSON")["kind"], "question", "{item:?}");
    let child = world.until("the child is filed", || below(&world, id).into_iter().next());
    assert_eq!(published(&world, child.id, "grown.txt").as_deref(), Some("grown\n"));
    world.pilot(&["task", "answer", &id.to_string(), "--choose", "Blue"]).ok();
    world.until("it ends", || world.task(id).state.is_end().then_some(()));
    let asked = model.server.requests();
    let tools = &asked.iter().find(|one| !one.tools.is_empty()).expect("it offers tools").tools;
    assert!(tools.iter().any(|tool| tool == "mcp__pilothouse__new_task"), "{tools:?}");
    let results: Vec<_> = asked.iter().flat_map(|one| &one.results).collect();
    assert!(results.iter().all(|one| !one.error), "{results:#?}");
    assert!(results.iter().any(|one| one.text.contains(&child.id.to_string())), "{results:#?}");
    assert!(results.iter().any(|one| one.text.contains("Blue")), "{results:#?}");
    let items: Vec<InboxItem> = world.json(&["inbox", "--all"]);
    let items: Vec<_> = items.iter().filter(|one| one.task == id).collect();
    assert_eq!(items.len(), 1, "no permission was asked for: {items:#?}");
}

/// Reads what the socket says to a request; nothing if it hangs up.
fn knock(path: &std::path::Path) -> std::io::Result<String> {
    use std::io::{Read, Write};
    let mut stream = std::os::unix::net::UnixStream::connect(path)?;
    stream.write_all(b"GET /status HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").ok();
    let mut said = String::new();
    stream.read_to_string(&mut said).ok();
    Ok(said)
}

fn socket_of(world: &World) -> std::path::PathBuf {
    let runs = world.run_directories();
    assert_eq!(runs.len(), 1, "one run at a time: {runs:?}");
    runs[0].join("work/workspace.sock")
}

#[test]
fn the_socket_gives_nothing_to_a_process_outside_the_run_and_ends_with_it() {
    let world = World::with_runner(1);
    let gate = world.shared("gate");
    let script = format!(
        "run ls $PILOTHOUSE_SOCKET && {PILOT} status here && touch seen.txt\n\
         say inside\nwait-file {}\nwrite a.txt a",
        gate.display()
    );
    let id = world.file(&script);
    world.until("it works", || world.has_said(id, "inside").then_some(()));
    let outside = socket_of(&world);
    assert!(!outside.exists(), "outside it has no name");
    assert!(knock(&outside).is_err());
    std::fs::write(&gate, "").expect("writable");
    world.until_state(id, "published");

    // Without walls everybody of this user comes by the path, and is turned away.
    std::fs::remove_file(&gate).expect("it is there");
    world.pilot(&["project", "walls", "demo", "--kind", "off", "--yes"]).ok();
    world.until("the first run is gone", || world.run_directories().is_empty().then_some(()));
    let id = world.file(&script);
    world.until("it works", || world.has_said(id, "inside").then_some(()));
    let outside = socket_of(&world);
    assert_eq!(knock(&outside).expect("it listens"), "", "we are no process of the run");
    std::fs::write(&gate, "").expect("writable");
    let task = world.until_state(id, "published");
    let TaskState::Published { branch, .. } = &task.state else { panic!("{task:#?}") };
    let seen = world.file_in(&world.demo_repository(), branch, "seen.txt");
    assert!(seen.is_some(), "its own processes are let in");
    world.until("it ended with the run", || (!outside.exists()).then_some(()));
}

/// What other agents call our tools, they tell the model by themselves.
#[test]
fn other_agents_have_our_tools_and_ask_nobody_for_them() {
    let model = model();
    for (agent, kind, path, name) in [
        ("codex", "openai", "/v1", None),
        ("gemini", "gemini", "", Some("gemini-3-flash-preview")),
        ("opencode", "ollama", "", Some("scripted")),
        ("pi", "anthropic", "", None),
    ] {
        let mut world = World::with_hub();
        crate::agents::add_agent(&mut world, agent);
        world.add_provider(agent, kind, &format!("{}{path}", model.server.url()), KEY);
        world.start_runner();
        let file = |prompt: &str| -> TaskId {
            let with = name.map(|name| ["--model", name]);
            let more: Vec<&str> =
                ["--mode", "ask"].into_iter().chain(with.into_iter().flatten()).collect();
            world.new_task(agent, prompt, &more).id
        };
        let before = model.server.requests().len();
        let id = file(&steps(&json!([{"text": "I look around."}])));
        world.until("it ends", || world.task(id).state.is_end().then_some(()));
        let asked = model.server.requests();
        let offered: Vec<&String> = asked[before..].iter().flat_map(|one| &one.tools).collect();
        let call = match offered.iter().find(|tool| tool.ends_with("report_status")) {
            Some(tool) => json!({"name": tool, "input": {"text": "looking around"}}),
            // Codex has one tool, which takes a program that calls the others.
            None if offered.iter().any(|tool| *tool == "exec") => {
                let program = r#"text(await tools.mcp__pilothouse__report_status({"text":"looking around"}));"#;
                json!({"name": "exec", "input": program})
            }
            None => panic!("{agent}: {offered:?}"),
        };
        let id = file(&steps(&json!([{"tool": call}, {"text": "Told."}])));
        let task = world.until("it ends", || {
            let task = world.task(id);
            (task.state.is_end() || task.state.name() == "needs_you").then_some(task)
        });
        let seen = model.server.requests();
        let results: Vec<_> = seen[before..].iter().flat_map(|one| &one.results).collect();
        assert_eq!(task.state.name(), "no_change", "{agent} asks nobody: {results:#?} {task:#?}");
        let reported = |one: &Value| one["type"] == "reported" && one["text"] == "looking around";
        assert!(events(&world, id).iter().any(reported), "{agent}: {results:#?}");
    }
}
