//! The real Gemini CLI, end to end, against the scripted model server.

use crate::play::{Happened, Over, Play, World};
use pilot_agents::{Catalog, Start};
use pilot_proto::event::TurnEnd;
use pilot_proto::inbox::{Answer, Ask};
use pilot_proto::{Code, Event, Mode, ProviderKind};
use pilot_testkit::model::{Failure, Model, Script};
use serde_json::json;

fn start(world: &World, prompt: &str, mode: Mode, model: &Model) -> Start {
    let mut start = world.start(prompt, mode, &model.url());
    start.program = pilot_testkit::agents::program("gemini");
    start.model = Some("gemini-3-flash-preview".to_owned());
    start.provider.as_mut().expect("a provider").kind = ProviderKind::Gemini;
    start
}

async fn begin(world: &World, prompt: &str, mode: Mode, model: &Model) -> Play {
    Play::of("gemini", start(world, prompt, mode, model)).await
}

fn deny(reason: &str) -> Answer {
    Answer::Deny { reason: reason.to_owned() }
}

fn code(over: &Over) -> Option<Code> {
    over.problem.as_ref().map(|problem| problem.code)
}

fn tools(play: &Play) -> Vec<(&str, &str)> {
    let started = play.events.iter().filter_map(|event| match event {
        Event::ToolStarted { tool, summary, .. } => Some((tool.as_str(), summary.as_str())),
        _ => None,
    });
    started.collect()
}

#[tokio::test]
async fn auto_edits_files_and_runs_commands_without_asking() {
    let (world, model) = (World::new(), Model::start().await);
    model.require_auth("sk-test-key");
    model.script(
        "basic",
        Script::new(json!({"usage": {"input": 1000, "output": 10}, "steps": [
            {"text": "I write.", "write": {"path": "hello.txt", "content": "hello\n"}},
            {"read": "README.md"},
            {"edit": {"path": "README.md", "old": "# Demo", "new": "# Edited"}},
            {"shell": "cat hello.txt"},
            {"text": "All of it is done, every single step."},
        ]})),
    );
    let mut play = begin(&world, "Go. [[script:basic]]", Mode::Auto, &model).await;
    let over = play.over().await;

    assert_eq!((over.end, code(&over), over.denials), (TurnEnd::Completed, None, 0), "{over:?}");
    assert_eq!(over.summary, "All of it is done, every single step.");
    assert_eq!(
        (world.read("hello.txt"), world.read("README.md")),
        ("hello\n".into(), "# Edited\n".into())
    );
    assert_eq!((over.usage.input_tokens, over.usage.output_tokens), (5000, 50), "five answers");
    let expected = [
        ("write_file", "hello.txt"),
        ("read_file", "README.md"),
        ("replace", "README.md"),
        ("run_shell_command", "cat hello.txt"),
    ];
    assert_eq!(tools(&play), expected);
    let ended =
        play.events.iter().filter(|event| matches!(event, Event::ToolEnded { ok: true, .. }));
    assert_eq!(ended.count(), 4, "every tool ends: {:#?}", play.events);
    let texts: Vec<&Event> =
        play.events.iter().filter(|event| matches!(event, Event::Text { .. })).collect();
    assert_eq!(texts.len(), 2, "whole texts, and nothing about modes: {texts:?}");
    assert!(model.requests().iter().all(|seen| seen.key.as_deref() == Some("sk-test-key")));
    assert_eq!(play.finish().await, Some(0));
}

#[tokio::test]
async fn a_refused_agent_goes_on_and_a_permitted_tool_runs() {
    let (world, model) = (World::new(), Model::start().await);
    let prompt = r#"[[steps:[{"shell":"echo one > one.txt"},{"write":{"path":"two.txt","content":"two\n"}},{"text":"done"}]]]"#;
    let mut play = begin(&world, prompt, Mode::Ask, &model).await;
    let first = play.asked().await;
    let Ask::Permission { tool, input, summary, .. } = &first.1 else { panic!("{first:?}") };
    assert_eq!((tool.as_str(), summary.as_str()), ("run_shell_command", "echo one > one.txt"));
    assert_eq!(*input, json!({"command": "echo one > one.txt"}));
    play.answer(first, &deny("Not today."));
    let second = play.asked().await;
    let Ask::Permission { tool, summary, .. } = &second.1 else { panic!("{second:?}") };
    assert_eq!((tool.as_str(), summary.as_str()), ("write_file", "two.txt"));
    assert!(!world.has("two.txt"), "nothing is written before the answer");
    play.answer(second, &Answer::ALLOW);
    let over = play.over().await;
    assert_eq!((over.end, over.denials, code(&over)), (TurnEnd::Completed, 1, None));
    assert_eq!((world.has("one.txt"), world.read("two.txt")), (false, "two\n".into()));
    let refused = play.events.iter().any(|event| {
        matches!(event, Event::ToolEnded { ok: false, output, .. } if output == "Not today.")
    });
    assert!(refused, "a refused call is closed: {:#?}", play.events);
}

fn planning() -> Script {
    Script::new(json!({
        "steps": [
            {"write": {"path": "${plan_file}", "content": "# Plan\n1. Write hello.txt\n"}},
            {"plan": ""},
            {"when": {"error": true}, "text": "I wait to hear why."},
            {"write": {"path": "hello.txt", "content": "planned\n"}},
            {"shell": "echo ran > ran.txt"},
            {"text": "Carried out."},
        ],
        "followups": [{"steps": [{"text": "Heard: ${prompt}"}]}],
    }))
}

#[tokio::test]
async fn an_approved_plan_is_carried_out_without_asking_again() {
    let (world, model) = (World::new(), Model::start().await);
    model.script("plan", planning());
    let mut play = begin(&world, "[[script:plan]]", Mode::Plan, &model).await;
    let asked = play.asked().await;
    let Ask::Plan { plan } = &asked.1 else { panic!("{asked:?}") };
    assert_eq!(plan, "# Plan\n1. Write hello.txt\n");
    assert!(!world.has("hello.txt"), "nothing is changed before the approval");
    play.answer(asked, &Answer::ALLOW);
    let over = play.over().await;
    assert_eq!((over.summary.as_str(), over.denials), ("Carried out.", 0));
    assert_eq!(
        (world.read("hello.txt"), world.read("ran.txt")),
        ("planned\n".into(), "ran\n".into())
    );
}

#[tokio::test]
async fn a_plan_sent_back_changes_nothing_and_says_why() {
    let (world, model) = (World::new(), Model::start().await);
    model.script("plan", planning());
    let mut play = begin(&world, "[[script:plan]]", Mode::Plan, &model).await;
    let asked = play.asked().await;
    play.answer(asked, &deny("Also test it."));
    let over = play.over().await;
    assert_eq!((over.end, over.denials), (TurnEnd::Completed, 0));
    assert_eq!(
        over.summary, "Heard: The plan was not approved: Also test it.\nRevise it.",
        "the protocol has no place for the reason, so it follows in the same turn"
    );
    assert!(!world.has("hello.txt"));
}

#[tokio::test]
async fn plan_mode_refuses_to_edit_the_tree() {
    let (world, model) = (World::new(), Model::start().await);
    let prompt = r#"[[steps:[{"write":{"path":"hello.txt","content":"x\n"}},{"text":"Told: ${last_result}"}]]]"#;
    let mut play = begin(&world, prompt, Mode::Plan, &model).await;
    let over = play.over().await;
    assert_eq!(over.end, TurnEnd::Completed, "{over:?}");
    assert!(!world.has("hello.txt"), "{}", over.summary);
}

#[tokio::test]
async fn an_interrupt_stops_a_running_tool_and_the_session_goes_on() {
    let (world, model) = (World::new(), Model::start().await);
    model.script(
        "long",
        Script::new(json!({
            "steps": [{"shell": "touch started && tail -f /dev/null"}, {"text": "never"}],
            "followups": [{"steps": [
                {"write": {"path": "after.txt", "content": "after\n"}},
                {"text": "Heard: ${prompt}"},
            ]}],
        })),
    );
    let mut play = begin(&world, "[[script:long]]", Mode::Auto, &model).await;
    play.until_file(&world.tree().join("started")).await;
    play.interrupt();
    let over = play.over().await;
    assert_eq!((over.end, code(&over)), (TurnEnd::Interrupted, None), "{over:?}");
    let starts = |event: &&Event| matches!(event, Event::ToolStarted { .. });
    let ends = |event: &&Event| matches!(event, Event::ToolEnded { .. });
    assert_eq!(play.events.iter().filter(starts).count(), 1);
    assert_eq!(play.events.iter().filter(ends).count(), 1, "its tool is closed");
    play.say("and now?");
    let over = play.over().await;
    assert_eq!((over.end, over.summary.as_str()), (TurnEnd::Completed, "Heard: and now?"));
    assert_eq!(world.read("after.txt"), "after\n");
}

#[tokio::test]
async fn an_interrupt_withdraws_what_was_asked() {
    let (world, model) = (World::new(), Model::start().await);
    let prompt = r#"[[steps:[{"shell":"echo one > one.txt"},{"text":"done"}]]]"#;
    let mut play = begin(&world, prompt, Mode::Ask, &model).await;
    play.asked().await;
    play.interrupt();
    let happened = play.next().await;
    assert!(matches!(happened, Happened::Withdrawn), "{happened:?}");
    let over = play.over().await;
    assert_eq!((over.end, over.denials), (TurnEnd::Interrupted, 0));
    assert!(!world.has("one.txt"));
}

/// The file that a session is kept in, as a run finds it.
fn kept(world: &World, session: &str) -> Vec<u8> {
    let catalog = Catalog::built_in();
    let gemini = catalog.get("gemini").expect("built in");
    let place = gemini.session(&world.tree(), session).expect("it has a file");
    let mut found = Vec::new();
    let mut below = vec![world.home().join(place.below)];
    while let Some(directory) = below.pop() {
        for entry in std::fs::read_dir(directory).expect("readable") {
            let path = entry.expect("readable").path();
            if path.is_dir() {
                below.push(path);
            } else if path.to_string_lossy().contains(&place.named) {
                let at = path.metadata().and_then(|meta| meta.modified()).expect("a time");
                found.push((at, path));
            }
        }
    }
    let (_, path) = found.into_iter().max().expect("the session's file");
    std::fs::read(path).expect("readable")
}

fn restore(world: &World, session: &str, file: &[u8]) {
    let catalog = Catalog::built_in();
    let gemini = catalog.get("gemini").expect("built in");
    let place = gemini.session(&world.tree(), session).expect("it has a file");
    let path = world.home().join(place.restore);
    std::fs::create_dir_all(path.parent().expect("inside the HOME")).expect("writable");
    std::fs::write(path, file).expect("writable");
}

#[tokio::test]
async fn a_killed_session_is_resumed_in_new_workspaces_by_its_file_alone() {
    let (mut world, model) = (World::new(), Model::start().await);
    let follow_up = |name: &str| {
        json!({"steps": [
            {"hold": name, "write": {"path": name, "content": "more\n"}},
            {"text": "Heard: ${prompt}"},
        ]})
    };
    let followups = [follow_up("two.txt"), follow_up("three.txt")];
    let steps = json!({"steps": [{"text": "One."}], "followups": followups});
    model.script("long", Script::new(steps));
    let mut play = begin(&world, "[[script:long]]", Mode::Auto, &model).await;
    assert_eq!(play.over().await.summary, "One.");
    play.say("now more");
    tokio::select! {
        happened = play.next() => panic!("the model was to be waited for: {happened:?}"),
        () = model.held("two.txt") => {}
    }
    let session = play.session();
    play.kill();
    let over = play.over().await;
    assert_eq!((over.end, code(&over)), (TurnEnd::Exited, Some(Code::AgentFailed)));
    model.release("two.txt");
    model.release("three.txt");

    // What was not answered is still told to the model.
    let turns = [("go on", "two.txt", "now more\ngo on"), ("and", "three.txt", "and")];
    for (prompt, file, heard) in turns {
        let there = World::new();
        restore(&there, &session, &kept(&world, &session));
        let mut start = start(&there, prompt, Mode::Auto, &model);
        start.resume = Some(session.clone());
        let mut play = Play::of("gemini", start).await;
        let over = play.over().await;
        assert_eq!((over.end, code(&over)), (TurnEnd::Completed, None), "{over:?}");
        assert_eq!(over.summary, format!("Heard: {heard}"), "it knows the conversation");
        assert_eq!(play.session(), session);
        assert_eq!(there.read(file), "more\n", "it works in the new tree");
        assert_eq!(tools(&play), [("write_file", file)], "its past is not told again");
        play.finish().await;
        world = there;
    }
}

#[tokio::test]
async fn a_session_that_is_not_there_is_an_error() {
    let (world, model) = (World::new(), Model::start().await);
    let mut start = start(&world, "go on", Mode::Auto, &model);
    start.resume = Some("1dff2ed7-1a43-427d-ba60-476c0816ea64".to_owned());
    let over = Play::of("gemini", start).await.over().await;
    assert_eq!((over.end, code(&over)), (TurnEnd::Error, Some(Code::AgentFailed)), "{over:?}");
    assert_eq!(model.requests(), [], "nothing is asked of a model");
}

#[tokio::test]
async fn a_refused_key_is_an_auth_problem() {
    let (world, model) = (World::new(), Model::start().await);
    model.require_auth("another key");
    let over = begin(&world, "hello", Mode::Auto, &model).await.over().await;
    assert_eq!((over.end, code(&over)), (TurnEnd::Error, Some(Code::AgentAuth)), "{over:?}");
}

#[tokio::test]
async fn without_a_key_the_agent_is_not_logged_in() {
    let (world, model) = (World::new(), Model::start().await);
    let mut start = start(&world, "hello", Mode::Auto, &model);
    start.provider = None;
    let over = Play::of("gemini", start).await.over().await;
    assert_eq!((over.end, code(&over)), (TurnEnd::Error, Some(Code::AgentAuth)), "{over:?}");
    assert_eq!(model.requests(), [], "nothing is sent without a key");
}

#[tokio::test]
async fn a_busy_provider_and_a_broken_connection_are_waited_for() {
    let (world, model) = (World::new(), Model::start().await);
    model.fail_next(Failure { status: Some(429), retry_after: Some(1), ..Failure::default() });
    model.fail_next(Failure { status: Some(429), retry_after: Some(1), ..Failure::default() });
    model.fail_next(Failure { drop_after: Some(1), ..Failure::default() });
    let prompt = r#"[[steps:[{"text":"I write a file now, and this text is cut in the middle.","write":{"path":"hello.txt","content":"at last\n"}},{"text":"done"}]]]"#;
    let mut play = begin(&world, prompt, Mode::Auto, &model).await;
    let over = play.over().await;
    assert_eq!((over.end, code(&over)), (TurnEnd::Completed, None), "{over:?}");
    assert_eq!(world.read("hello.txt"), "at last\n");
}

#[tokio::test]
async fn an_answer_that_breaks_off_in_the_middle_is_asked_for_again() {
    let (world, model) = (World::new(), Model::start().await);
    // Slow enough that its beginning arrives. The second one breaks after a tool.
    let broken = |step: serde_json::Value| {
        let mut step = step;
        step["fail"] = json!([{"drop_after": 2}]);
        step["delay_ms"] = 100.into();
        step["text"] = "This text is long enough to be cut in the middle of it.".into();
        step
    };
    let first = json!({"write": {"path": "one.txt", "content": "one\n"}});
    let second = json!({"write": {"path": "two.txt", "content": "two\n"}});
    let script = json!({
        "steps": [broken(first), broken(second.clone()), {"text": "never"}],
        "followups": [{"steps": [second, {"text": "Heard: ${prompt}"}]}],
    });
    model.script("broken", Script::new(script));
    let mut play = begin(&world, "Go. [[script:broken]]", Mode::Auto, &model).await;
    let over = play.over().await;
    assert_eq!((over.end, code(&over)), (TurnEnd::Completed, None), "{over:?}");
    assert_eq!((world.read("one.txt"), world.read("two.txt")), ("one\n".into(), "two\n".into()));
    assert!(over.summary.starts_with("Heard: The connection broke"), "{over:?}");
    let tried = play.events.iter().filter(|event| matches!(event, Event::Retrying { .. }));
    assert_eq!(tried.count(), 2, "{:#?}", play.events);
}

#[tokio::test]
async fn an_image_is_seen() {
    let (world, model) = (World::new(), Model::start().await);
    let mut start = start(&world, "Look.", Mode::Auto, &model);
    start.attachments = vec![pilot_agents::Attached {
        name: "shot.png".to_owned(),
        media_type: "image/png".to_owned(),
        path: "/nowhere/shot.png".into(),
        image: Some(b"PNG".to_vec()),
    }];
    let over = Play::of("gemini", start).await.over().await;
    assert_eq!(over.summary, "Scripted answer to: Look.", "no file is named: it was shown");
}
