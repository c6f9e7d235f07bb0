//! The real pi, end to end, against the scripted model server.

use crate::play::{Happened, Over, Play, World};
use pilot_agents::{Catalog, Start};
use pilot_proto::event::{Activity, TurnEnd};
use pilot_proto::inbox::{Answer, Ask};
use pilot_proto::{Code, Event, Mode};
use pilot_testkit::model::{Failure, Model, Script};
use serde_json::json;
use std::collections::BTreeMap;

fn deny(reason: &str) -> Answer {
    Answer::Deny { reason: reason.to_owned() }
}

fn code(over: &Over) -> Option<Code> {
    over.problem.as_ref().map(|problem| problem.code)
}

fn start(world: &World, prompt: &str, mode: Mode, model: &Model) -> Start {
    let program = pilot_testkit::agents::program("pi");
    Start { program, ..world.start(prompt, mode, &model.url()) }
}

async fn begin(world: &World, prompt: &str, mode: Mode, model: &Model) -> Play {
    Play::of("pi", start(world, prompt, mode, model)).await
}

#[tokio::test]
async fn auto_edits_files_and_runs_commands_without_asking() {
    let (world, model) = (World::new(), Model::start().await);
    model.require_auth("sk-test-key");
    model.script(
        "basic",
        Script::new(json!({"usage": {"input": 1000, "output": 10, "cache_read": 5}, "steps": [
            {"thinking": "Where to begin?", "text": "I write.",
             "write": {"path": "hello.txt", "content": "hello\n"}},
            {"read": "README.md"},
            {"edit": {"path": "README.md", "old": "# Demo", "new": "# Edited"}},
            {"shell": "cat hello.txt"},
            {"text": "Done: ${last_result}"},
        ]})),
    );
    let mut play = begin(&world, "Go. [[script:basic]]", Mode::Auto, &model).await;
    let over = play.over().await;

    assert_eq!((over.end, code(&over), over.denials), (TurnEnd::Completed, None, 0), "{over:?}");
    assert_eq!(over.summary.trim_end(), "Done: hello");
    assert_eq!(
        (world.read("hello.txt"), world.read("README.md")),
        ("hello\n".into(), "# Edited\n".into())
    );
    assert_eq!(over.usage.input_tokens, 5000, "five answers of a thousand tokens");
    assert_eq!((over.usage.output_tokens, over.usage.cache_read_tokens), (50, 25));
    assert!(over.usage.cost_micros > Some(0), "the program knows a price: {:?}", over.usage);
    let tools: Vec<(&str, &str)> = play
        .events
        .iter()
        .filter_map(|event| match event {
            Event::ToolStarted { tool, summary, .. } => Some((tool.as_str(), summary.as_str())),
            _ => None,
        })
        .collect();
    let expected = [
        ("write", "hello.txt"),
        ("read", "README.md"),
        ("edit", "README.md"),
        ("bash", "cat hello.txt"),
    ];
    assert_eq!(tools, expected);
    let ended =
        play.events.iter().filter(|event| matches!(event, Event::ToolEnded { ok: true, .. }));
    assert_eq!(ended.count(), 4, "every tool ends: {:#?}", play.events);
    let thought = "Where to begin?".to_owned();
    let thought = Event::Thinking { text: thought, parent: None, open: false };
    assert!(play.events.contains(&thought), "{:#?}", play.events);
    let idle = Event::Activity { activity: Activity::Idle, reason: String::new() };
    assert_eq!(play.events.last(), Some(&idle));
    assert!(model.requests().iter().all(|seen| seen.key.as_deref() == Some("sk-test-key")));
    assert_eq!(play.finish().await, Some(0), "it ends with its input");
}

#[tokio::test]
async fn a_permission_is_asked_for_with_its_command_and_allowed() {
    let (world, model) = (World::new(), Model::start().await);
    let prompt = r#"[[steps:[{"shell":"echo one > one.txt"},{"text":"done"}]]]"#;
    let mut play = begin(&world, prompt, Mode::Ask, &model).await;
    let asked = play.asked().await;
    let Ask::Permission { tool, summary, .. } = &asked.1 else { panic!("{asked:?}") };
    assert_eq!((tool.as_str(), summary.as_str()), ("bash", "echo one > one.txt"));
    assert!(!world.has("one.txt"), "nothing runs before the answer");
    play.answer(asked, &Answer::ALLOW);
    let over = play.over().await;
    assert_eq!((over.end, over.denials), (TurnEnd::Completed, 0));
    assert_eq!(world.read("one.txt"), "one\n");
}

#[tokio::test]
async fn an_allowed_tool_runs_with_the_changed_input() {
    let (world, model) = (World::new(), Model::start().await);
    let prompt = r#"[[steps:[{"shell":"echo one > one.txt"},{"text":"done"}]]]"#;
    let mut play = begin(&world, prompt, Mode::Ask, &model).await;
    let asked = play.asked().await;
    let input = Some(json!({"command": "echo two > two.txt"}));
    play.answer(asked, &Answer::Allow { input, for_run: false, for_project: false, rule: None });
    assert_eq!(play.over().await.end, TurnEnd::Completed);
    assert_eq!((world.has("one.txt"), world.read("two.txt")), (false, "two\n".into()));
}

#[tokio::test]
async fn a_denied_agent_is_told_why_and_goes_on() {
    let (world, model) = (World::new(), Model::start().await);
    let prompt = r#"[[steps:[{"write":{"path":"one.txt","content":"1"}},{"shell":"echo two > two.txt"},{"text":"done"}]]]"#;
    let mut play = begin(&world, prompt, Mode::Ask, &model).await;
    let first = play.asked().await;
    play.answer(first, &deny("Not today."));
    let second = play.asked().await;
    play.answer(second, &Answer::ALLOW);
    let over = play.over().await;
    assert_eq!((over.end, over.denials), (TurnEnd::Completed, 1), "{over:?}");
    assert_eq!((world.has("one.txt"), world.read("two.txt")), (false, "two\n".into()));
    let told = model.results();
    assert!(told[0].error && told[0].text.contains("Not today."), "{told:?}");
}

#[tokio::test]
async fn a_question_is_asked_and_answered_even_in_auto() {
    let (world, model) = (World::new(), Model::start().await);
    let prompt = r#"[[steps:[{"ask":{"question":"Which colour?","options":["Red","Blue"]}},{"text":"${last_result}"}]]]"#;
    let mut play = begin(&world, prompt, Mode::Auto, &model).await;
    let asked = play.asked().await;
    let Ask::Question { questions } = &asked.1 else { panic!("{asked:?}") };
    assert_eq!(questions[0].options[1].label, "Blue");
    let answers = BTreeMap::from([("Which colour?".to_owned(), "Blue".to_owned())]);
    play.answer(asked, &Answer::Choose { answers });
    let over = play.over().await;
    assert_eq!(over.end, TurnEnd::Completed);
    assert!(over.summary.contains("Blue"), "the model heard it: {over:?}");
}

#[tokio::test]
async fn a_question_that_nobody_answers_is_decided_by_the_agent() {
    let (world, model) = (World::new(), Model::start().await);
    let prompt = r#"[[steps:[{"ask":{"question":"Which?","options":["A","B"]}},{"text":"${last_result}"}]]]"#;
    let mut play = begin(&world, prompt, Mode::Ask, &model).await;
    let asked = play.asked().await;
    play.answer(asked, &deny("Nobody is there."));
    let over = play.over().await;
    assert_eq!((over.end, over.denials), (TurnEnd::Completed, 0), "no tool was refused");
    assert!(over.summary.contains("Decide yourself"), "{over:?}");
}

#[tokio::test]
async fn nothing_is_changed_before_the_plan_is_approved() {
    let (world, model) = (World::new(), Model::start().await);
    let steps = json!([
        {"write": {"path": "early.txt", "content": "too early"}},
        {"plan": "# First plan"},
        {"plan": "# Second plan"},
        {"shell": "echo built > built.txt"},
        {"text": "done"},
    ]);
    let mut play = begin(&world, &format!("[[steps:{steps}]]"), Mode::Plan, &model).await;
    let first = play.asked().await;
    let Ask::Plan { plan } = &first.1 else { panic!("{first:?}") };
    assert_eq!(plan, "# First plan");
    assert!(!world.has("early.txt"), "it was blocked while it planned");
    play.answer(first, &deny("Smaller, please."));
    let second = play.asked().await;
    let Ask::Plan { plan } = &second.1 else { panic!("{second:?}") };
    assert_eq!(plan, "# Second plan");
    play.answer(second, &Answer::ALLOW);
    let over = play.over().await;
    assert_eq!((over.end, over.denials), (TurnEnd::Completed, 0), "{over:?}");
    assert_eq!((world.has("early.txt"), world.read("built.txt")), (false, "built\n".into()));
    let told = model.results();
    assert!(told.iter().any(|one| one.text.contains("Smaller, please.")), "{told:?}");
}

#[tokio::test]
async fn an_interrupted_turn_ends_and_the_session_goes_on() {
    let (world, model) = (World::new(), Model::start().await);
    model.script(
        "slow",
        Script::new(json!({
            "steps": [{"shell": "touch begun; sleep 60; touch late"}, {"text": "done"}],
            "followups": [{"steps": [{"text": "You said ${prompt}"}]}],
        })),
    );
    let mut play = begin(&world, "[[script:slow]]", Mode::Auto, &model).await;
    play.until_file(&world.tree().join("begun")).await;
    play.interrupt();
    let over = play.over().await;
    assert_eq!((over.end, code(&over)), (TurnEnd::Interrupted, None), "{over:?}");
    play.say("the weather");
    let over = play.over().await;
    assert_eq!((over.end, over.summary.as_str()), (TurnEnd::Completed, "You said the weather"));
    assert!(!world.has("late"), "the tool was stopped");
    let begun = play.events.iter().filter(|one| matches!(one, Event::ToolStarted { .. })).count();
    let ended = play.events.iter().filter(|one| matches!(one, Event::ToolEnded { .. })).count();
    assert_eq!(begun, ended, "every tool ends");
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
    assert_eq!((over.end, world.has("one.txt")), (TurnEnd::Interrupted, false), "{over:?}");
}

#[tokio::test]
async fn it_hears_a_word_in_the_middle_of_its_turn() {
    let (world, model) = (World::new(), Model::start().await);
    model.script(
        "long",
        Script::new(json!({
            "steps": [{"shell": "touch begun; while [ ! -e go ]; do sleep 0.05; done"},
                      {"text": "done without a word"}],
            "followups": [{"steps": [{"text": "I heard: ${prompt}"}]}],
        })),
    );
    let mut play = begin(&world, "[[script:long]]", Mode::Auto, &model).await;
    play.until_file(&world.tree().join("begun")).await;
    play.steer("left, not right");
    play.until_heard(r#""command":"steer","success":true"#).await;
    std::fs::write(world.tree().join("go"), "").expect("writable");
    let over = play.over().await;
    assert_eq!((over.end, code(&over)), (TurnEnd::Completed, None), "{over:?}");
    assert_eq!(over.summary, "I heard: left, not right");
}

#[tokio::test]
async fn a_killed_session_goes_on_in_another_workspace() {
    let (world, model) = (World::new(), Model::start().await);
    model.script(
        "halves",
        Script::new(json!({
            "steps": [{"shell": "echo first > first.txt"}, {"shell": "touch begun; sleep 60"}],
            "followups": [{"steps": [{"shell": "echo second > second.txt"}, {"text": "whole"}]}],
        })),
    );
    let mut play = begin(&world, "[[script:halves]]", Mode::Auto, &model).await;
    play.until_file(&world.tree().join("begun")).await;
    let session = play.session();
    play.kill();
    let over = play.over().await;
    assert_eq!((over.end, code(&over)), (TurnEnd::Exited, Some(Code::AgentFailed)));

    let other = World::new();
    let agents = Catalog::built_in();
    let agent = agents.get("pi").expect("built in");
    let place = agent.session(&world.tree(), &session).expect("it has a file");
    let file = find(&world.home().join(&place.below), &place.named).expect("it is kept there");
    let restored = other.home().join(&place.restore);
    std::fs::create_dir_all(restored.parent().expect("inside the HOME")).expect("writable");
    std::fs::copy(file, restored).expect("it can be moved");
    let again = Start { resume: Some(session), ..start(&other, "go on", Mode::Auto, &model) };
    let mut play = Play::of("pi", again).await;
    let over = play.over().await;
    assert_eq!((over.end, over.summary.as_str()), (TurnEnd::Completed, "whole"), "{over:?}");
    assert_eq!(other.read("second.txt"), "second\n", "it works in the new workspace");
    assert!(!world.has("second.txt"));
    let place = agent.session(&other.tree(), &play.session()).expect("it has a file");
    assert!(find(&other.home().join(&place.below), &place.named).is_some(), "and is kept anew");
}

fn find(directory: &std::path::Path, named: &str) -> Option<std::path::PathBuf> {
    std::fs::read_dir(directory).ok()?.flatten().find_map(|entry| {
        let path = entry.path();
        if path.is_dir() {
            return find(&path, named);
        }
        path.to_string_lossy().contains(named).then_some(path)
    })
}

#[tokio::test]
async fn a_busy_provider_is_tried_again_visibly() {
    let (world, model) = (World::new(), Model::start().await);
    model.fail_next(Failure { status: Some(429), ..Failure::default() });
    model.fail_next(Failure { status: Some(429), ..Failure::default() });
    let mut play = begin(&world, r#"[[steps:[{"text":"at last"}]]]"#, Mode::Auto, &model).await;
    let over = play.over().await;
    assert_eq!((over.end, over.summary.as_str()), (TurnEnd::Completed, "at last"), "{over:?}");
    assert_eq!(play.retries(), 2, "each is told: {:#?}", play.events);
}

#[tokio::test]
async fn a_refused_key_ends_the_turn_at_once() {
    let (world, model) = (World::new(), Model::start().await);
    model.require_auth("another-key");
    let mut play = begin(&world, r#"[[steps:[{"text":"never"}]]]"#, Mode::Auto, &model).await;
    let over = play.over().await;
    assert_eq!((over.end, code(&over)), (TurnEnd::Error, Some(Code::AgentAuth)), "{over:?}");
    assert_eq!(play.retries(), 0);
}

#[tokio::test]
async fn a_provider_that_is_not_there_is_named() {
    let (world, model) = (World::new(), Model::start().await);
    let none = Start { provider: None, ..start(&world, "Go", Mode::Auto, &model) };
    let mut play = Play::of("pi", none).await;
    let over = play.over().await;
    assert_eq!(code(&over), Some(Code::AgentAuth), "{over:?}");
}

#[tokio::test]
async fn a_dropped_connection_is_tried_again() {
    let (world, model) = (World::new(), Model::start().await);
    model.fail_next(Failure { drop_after: Some(4), ..Failure::default() });
    let prompt = r#"[[steps:[{"write":{"path":"a.txt","content":"a"}},{"text":"done"}]]]"#;
    let mut play = begin(&world, prompt, Mode::Auto, &model).await;
    let over = play.over().await;
    assert_eq!((over.end, world.read("a.txt").as_str()), (TurnEnd::Completed, "a"), "{over:?}");
    assert!(play.retries() >= 1, "{:#?}", play.events);
}
