//! The real Codex, end to end, against the scripted model server.
//!
//! What Codex offers depends on the model: a tool that takes programs which
//! call the others ("code mode"), the tools themselves, or, to a model that it
//! does not know, a shell alone. All are driven here.

use crate::play::{Happened, Over, Play, World};
use pilot_agents::{Attached, Catalog, Start};
use pilot_proto::event::{Activity, TurnEnd};
use pilot_proto::inbox::{Answer, Ask};
use pilot_proto::project::{ProviderGrant, ProviderLogin};
use pilot_proto::{Code, Event, Mode, ProviderKind, Secret};
use pilot_testkit::model::{Failure, Model, Script};
use serde_json::json;
use std::collections::BTreeMap;

fn allow() -> Answer {
    Answer::ALLOW
}

fn deny(reason: &str) -> Answer {
    Answer::Deny { reason: reason.to_owned() }
}

fn code(over: &Over) -> Option<Code> {
    over.problem.as_ref().map(|problem| problem.code)
}

fn start(world: &World, prompt: &str, mode: Mode, model: &Model) -> Start {
    let mut start = world.start(prompt, mode, "");
    start.program = pilot_testkit::agents::program("codex");
    start.provider = Some(ProviderGrant {
        kind: ProviderKind::OpenAi,
        base_url: Some(format!("{}/v1", model.url())),
        key: Secret::new("sk-test-key"),
        name: "test".to_owned(),
        login: ProviderLogin::Key,
        oauth: None,
    });
    start
}

async fn begin(world: &World, prompt: &str, mode: Mode, model: &Model) -> Play {
    Play::of("codex", start(world, prompt, mode, model)).await
}

fn tools(play: &Play) -> Vec<(&str, &str)> {
    let tools = play.events.iter().filter_map(|event| match event {
        Event::ToolStarted { tool, summary, .. } => Some((tool.as_str(), summary.as_str())),
        _ => None,
    });
    tools.collect()
}

fn basic() -> Script {
    Script::new(json!({"usage": {"input": 1000, "output": 10, "cache_read": 5}, "steps": [
        {"thinking": "Where to begin?", "text": "I write.",
         "write": {"path": "hello.txt", "content": "hello\n"}},
        {"read": "README.md"},
        {"edit": {"path": "README.md", "old": "# Demo", "new": "# Edited"}},
        {"shell": "cat hello.txt; env"},
        {"text": "Done: ${last_result}"},
    ]}))
}

#[tokio::test]
async fn auto_edits_files_and_runs_commands_without_asking() {
    // Its own choice of a model, which writes programs, and one that calls tools.
    for of_model in [None, Some("gpt-5.5-codex")] {
        let (world, model) = (World::new(), Model::start().await);
        model.require_auth("sk-test-key");
        model.script("basic", basic());
        let mut start = start(&world, "Go. [[script:basic]]", Mode::Auto, &model);
        start.model = of_model.map(str::to_owned);
        let mut play = Play::of("codex", start).await;
        let over = play.over().await;

        assert_eq!(
            (over.end, code(&over), over.denials),
            (TurnEnd::Completed, None, 0),
            "{over:?}"
        );
        assert!(over.summary.starts_with("Done: ") && over.summary.contains("hello"), "{over:?}");
        assert!(!over.summary.contains("sk-test-key"), "its commands do not see the key: {over:?}");
        assert_eq!(
            (world.read("hello.txt"), world.read("README.md")),
            ("hello\n".into(), "# Edited\n".into())
        );
        assert_eq!(over.usage.input_tokens, 5000, "five answers of a thousand tokens");
        assert_eq!((over.usage.output_tokens, over.usage.cache_read_tokens), (50, 25));
        assert_eq!(over.usage.cost_micros, None, "it knows no price");
        let expected = [
            ("apply_patch", "hello.txt"),
            ("shell", "cat README.md"),
            ("apply_patch", "README.md"),
            ("shell", "cat hello.txt; env"),
        ];
        assert_eq!(tools(&play), expected);
        let ended =
            play.events.iter().filter(|event| matches!(event, Event::ToolEnded { ok: true, .. }));
        assert_eq!(ended.count(), 4, "every tool ends: {:#?}", play.events);
        assert!(play.events.contains(&Event::Thinking {
            text: "Where to begin?".into(),
            parent: None,
            open: false
        }));
        let idle = Event::Activity { activity: Activity::Idle, reason: String::new() };
        assert_eq!(play.events.last(), Some(&idle));
        let seen = model.requests();
        assert!(seen.iter().all(|seen| seen.key.as_deref() == Some("sk-test-key")), "{seen:?}");
        assert!(seen.iter().all(|seen| seen.path == "/v1/responses"), "nothing else: {seen:?}");
        if let Some(name) = of_model {
            assert!(seen.iter().all(|seen| seen.model == name), "{seen:?}");
        }
        assert_eq!(play.finish().await, Some(0));
    }
}

#[tokio::test]
async fn a_model_that_it_does_not_know_works_with_a_shell_alone() {
    let (world, model) = (World::new(), Model::start().await);
    let prompt =
        r#"[[steps:[{"write":{"path":"hello.txt","content":"hello\n"}},{"text":"done"}]]]"#;
    let mut start = start(&world, prompt, Mode::Auto, &model);
    start.model = Some("qwen3-coder:30b".to_owned());
    start.provider = Some(ProviderGrant {
        kind: ProviderKind::Ollama,
        base_url: Some(model.url()),
        key: Secret::new(""),
        name: "local".to_owned(),
        login: ProviderLogin::Key,
        oauth: None,
    });
    let mut play = Play::of("codex", start).await;
    let over = play.over().await;
    assert_eq!((over.end, over.summary.as_str()), (TurnEnd::Completed, "done"), "{over:?}");
    assert_eq!(world.read("hello.txt"), "hello\n");
    let seen = model.requests();
    assert!(seen.iter().all(|seen| seen.key.is_none() && seen.model == "qwen3-coder:30b"));
}

#[tokio::test]
async fn a_permission_is_asked_for_and_allowed() {
    let (world, model) = (World::new(), Model::start().await);
    let prompt = r#"[[steps:[{"shell":"cat README.md"},{"shell":"echo one > one.txt"},{"write":{"path":"two.txt","content":"two\n"}},{"text":"done"}]]]"#;
    let mut play = begin(&world, prompt, Mode::Ask, &model).await;
    let asked = play.asked().await;
    let Ask::Permission { tool, summary, .. } = &asked.1 else { panic!("{asked:?}") };
    assert_eq!((tool.as_str(), summary.as_str()), ("shell", "echo one > one.txt"), "not the `cat`");
    assert!(!world.has("one.txt"), "nothing runs before the answer");
    play.answer(asked, &allow());
    let asked = play.asked().await;
    let Ask::Permission { tool, summary, .. } = &asked.1 else { panic!("{asked:?}") };
    assert_eq!((tool.as_str(), summary.as_str()), ("apply_patch", "two.txt"));
    assert!(!world.has("two.txt"), "nothing is written before the answer");
    play.answer(asked, &allow());
    let over = play.over().await;
    assert_eq!((over.end, over.denials), (TurnEnd::Completed, 0));
    assert_eq!((world.read("one.txt"), world.read("two.txt")), ("one\n".into(), "two\n".into()));
}

#[tokio::test]
async fn a_changed_command_is_what_the_model_is_told_to_run() {
    let (world, model) = (World::new(), Model::start().await);
    model.script(
        "changed",
        Script::new(json!({
            "steps": [{"shell": "echo one > one.txt"}, {"text": "never"}],
            "followups": [{"steps": [
                {"when": {"contains": "never"}, "text": "never"},
                {"shell": "echo two > two.txt"},
                {"text": "Heard: ${prompt}"},
            ]}],
        })),
    );
    let mut play = begin(&world, "[[script:changed]]", Mode::Ask, &model).await;
    let asked = play.asked().await;
    let input = Some(json!({"command": "echo two > two.txt"}));
    play.answer(asked, &Answer::Allow { input, for_run: false, for_project: false, rule: None });
    let asked = play.asked().await;
    play.answer(asked, &allow());
    let over = play.over().await;
    assert_eq!((over.end, over.denials), (TurnEnd::Completed, 0), "nothing was refused");
    assert!(over.summary.contains("Run exactly this instead:\necho two > two.txt"), "{over:?}");
    assert_eq!((world.has("one.txt"), world.read("two.txt")), (false, "two\n".into()));
}

#[tokio::test]
async fn a_denied_agent_is_told_why_and_goes_on() {
    let (world, model) = (World::new(), Model::start().await);
    model.script(
        "denied",
        Script::new(json!({
            "steps": [{"shell": "echo one > one.txt"}],
            "followups": [{"steps": [
                {"shell": "echo two > two.txt"},
                {"text": "Heard: ${prompt}"},
            ]}],
        })),
    );
    let mut play = begin(&world, "[[script:denied]]", Mode::Ask, &model).await;
    let first = play.asked().await;
    play.answer(first, &deny("Not today."));
    let second = play.asked().await;
    play.answer(second, &allow());
    let over = play.over().await;
    assert_eq!((over.end, over.denials, code(&over)), (TurnEnd::Completed, 1, None));
    assert_eq!((world.has("one.txt"), world.has("two.txt")), (false, true));
    let heard = "Heard: `echo one > one.txt` was not permitted: Not today.";
    assert_eq!(over.summary, heard, "the model is told");
    let refused = play.events.iter().any(|event| {
        matches!(event, Event::ToolEnded { ok: false, output, .. } if output == "Not today.")
    });
    assert!(refused, "{:#?}", play.events);
}

#[tokio::test]
async fn a_refused_edit_changes_nothing_and_the_agent_goes_on() {
    let (world, model) = (World::new(), Model::start().await);
    let prompt = r#"[[steps:[{"write":{"path":"one.txt","content":"one\n"}},{"text":"Told: ${last_result}"}]]]"#;
    let mut play = begin(&world, prompt, Mode::Ask, &model).await;
    let asked = play.asked().await;
    play.answer(asked, &deny(""));
    let over = play.over().await;
    assert_eq!((over.end, over.denials), (TurnEnd::Completed, 1));
    assert!(over.summary.contains("patch rejected by user"), "{over:?}");
    assert!(!world.has("one.txt"));
}

#[tokio::test]
async fn a_question_reaches_a_person_even_in_auto() {
    let (world, model) = (World::new(), Model::start().await);
    let prompt = r#"[[steps:[{"ask":{"question":"Which colour?","options":["Red","Blue"]}},{"text":"Told: ${last_result}"}]]]"#;
    let mut play = begin(&world, prompt, Mode::Auto, &model).await;
    let asked = play.asked().await;
    let Ask::Question { questions } = &asked.1 else { panic!("{asked:?}") };
    assert_eq!(questions[0].question, "Which colour?");
    let labels: Vec<&str> = questions[0].options.iter().map(|one| one.label.as_str()).collect();
    assert_eq!(labels, ["Red", "Blue"]);
    let answers = BTreeMap::from([("Which colour?".to_owned(), "Blue".to_owned())]);
    play.answer(asked, &Answer::Choose { answers });
    let over = play.over().await;
    assert!(over.summary.contains(r#"{"q1":{"answers":["Blue"]}}"#), "{}", over.summary);
}

#[tokio::test]
async fn an_unanswered_question_is_no_denial() {
    let (world, model) = (World::new(), Model::start().await);
    let prompt = r#"[[steps:[{"ask":{"question":"Which colour?","options":["Red","Blue"]}},{"text":"Told: ${last_result}"}]]]"#;
    let mut play = begin(&world, prompt, Mode::Auto, &model).await;
    let asked = play.asked().await;
    play.answer(asked, &deny("Nobody answered; decide yourself."));
    let over = play.over().await;
    assert_eq!((over.end, over.denials), (TurnEnd::Completed, 0));
    assert!(over.summary.contains("Nobody answered; decide yourself."), "{}", over.summary);
}

fn planning() -> Script {
    Script::new(json!({
        "steps": [
            {"read": "README.md"},
            {"text": "Here is my plan.", "plan": "# Plan\n1. Write hello.txt"},
        ],
        "followups": [
            {"steps": [
                {"write": {"path": "hello.txt", "content": "planned\n"}},
                {"shell": "echo ran > ran.txt"},
                {"text": "Heard: ${prompt}"},
            ]},
            {"steps": [{"text": "Heard then: ${prompt}"}]},
        ],
    }))
}

#[tokio::test]
async fn an_approved_plan_is_carried_out_without_asking_again() {
    let (world, model) = (World::new(), Model::start().await);
    model.script("plan", planning());
    let mut play = begin(&world, "[[script:plan]]", Mode::Plan, &model).await;
    let asked = play.asked().await;
    let Ask::Plan { plan } = &asked.1 else { panic!("{asked:?}") };
    assert!(plan.contains("Write hello.txt"), "{plan}");
    assert!(!world.has("hello.txt"), "nothing is changed before the approval");
    play.answer(asked, &allow());
    let over = play.over().await;
    assert_eq!((over.end, over.denials), (TurnEnd::Completed, 0));
    assert_eq!(over.summary, "Heard: The plan is approved. Carry it out now.");
    assert_eq!(
        (world.read("hello.txt"), world.read("ran.txt")),
        ("planned\n".into(), "ran\n".into())
    );
}

#[tokio::test]
async fn a_plan_sent_back_changes_nothing_and_says_why() {
    let (world, model) = (World::new(), Model::start().await);
    model.script(
        "plan",
        Script::new(json!({
            "steps": [{"plan": "# Plan\n1. Write hello.txt"}],
            "followups": [
                {"steps": [{"plan": "# Plan\n1. As told: ${prompt}"}]},
                {"steps": [
                    {"write": {"path": "hello.txt", "content": "planned\n"}},
                    {"text": "Carried out."},
                ]},
            ],
        })),
    );
    let mut play = begin(&world, "[[script:plan]]", Mode::Plan, &model).await;
    let asked = play.asked().await;
    play.answer(asked, &deny("Also test it."));
    let asked = play.asked().await;
    let Ask::Plan { plan } = &asked.1 else { panic!("a better plan is due: {asked:?}") };
    assert!(plan.contains("As told: Also test it."), "{plan}");
    assert!(!world.has("hello.txt"));
    play.answer(asked, &allow());
    let over = play.over().await;
    assert_eq!((over.summary.as_str(), over.denials), ("Carried out.", 0));
    assert_eq!(world.read("hello.txt"), "planned\n");
}

#[tokio::test]
async fn a_planning_agent_asks_before_it_changes_something() {
    let (world, model) = (World::new(), Model::start().await);
    let prompt = r#"[[steps:[{"write":{"path":"early.txt","content":"x\n"}},{"text":"no plan"}]]]"#;
    let mut play = begin(&world, prompt, Mode::Plan, &model).await;
    let asked = play.asked().await;
    assert!(matches!(&asked.1, Ask::Permission { .. }), "{asked:?}");
    play.answer(asked, &deny(""));
    assert_eq!(play.over().await.denials, 1);
    assert!(!world.has("early.txt"));
}

#[tokio::test]
async fn an_interrupt_withdraws_a_plan() {
    let (world, model) = (World::new(), Model::start().await);
    model.script("plan", planning());
    let mut play = begin(&world, "[[script:plan]]", Mode::Plan, &model).await;
    play.asked().await;
    play.interrupt();
    let happened = play.next().await;
    assert!(matches!(happened, Happened::Withdrawn), "{happened:?}");
    let over = play.over().await;
    assert_eq!((over.end, over.denials), (TurnEnd::Interrupted, 0));
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
    assert_eq!((over.end, over.denials, code(&over)), (TurnEnd::Interrupted, 0, None));
    let open =
        play.events.iter().filter(|event| matches!(event, Event::ToolStarted { .. })).count();
    let closed =
        play.events.iter().filter(|event| matches!(event, Event::ToolEnded { .. })).count();
    assert_eq!(open, closed, "no tool stays open: {:#?}", play.events);
    let session = play.session();
    play.say("go on like this");
    let over = play.over().await;
    assert_eq!((over.end, over.summary.as_str()), (TurnEnd::Completed, "Heard: go on like this"));
    assert_eq!(world.read("after.txt"), "after\n");
    assert_eq!(play.session(), session, "it is one session");
    assert_eq!(play.finish().await, Some(0));
}

#[tokio::test]
async fn an_interrupt_stops_a_thinking_model() {
    let (world, model) = (World::new(), Model::start().await);
    let prompt = r#"[[steps:[{"hold":"gate","text":"never"}]]]"#;
    let mut play = begin(&world, prompt, Mode::Auto, &model).await;
    tokio::select! {
        happened = play.next() => panic!("not yet due: {happened:?}"),
        () = model.held("gate") => {}
    }
    play.interrupt();
    let over = play.over().await;
    assert_eq!((over.end, code(&over)), (TurnEnd::Interrupted, None), "{over:?}");
}

#[tokio::test]
async fn an_interrupt_before_the_session_stands_is_not_lost() {
    let (world, model) = (World::new(), Model::start().await);
    let mut play = begin(&world, r#"[[steps:[{"text":"never"}]]]"#, Mode::Auto, &model).await;
    play.interrupt();
    let over = play.over().await;
    assert_eq!((over.end, code(&over)), (TurnEnd::Interrupted, None), "{over:?}");
    assert_eq!(model.requests(), [], "nothing is asked of the model any more");
    play.say(r#"[[steps:[{"text":"heard"}]]]"#);
    assert_eq!(play.over().await.summary, "heard");
}

#[tokio::test]
async fn an_interrupt_withdraws_what_was_asked() {
    let (world, model) = (World::new(), Model::start().await);
    let prompt = r#"[[steps:[{"shell":"echo one > one.txt"},{"text":"done"}]]]"#;
    let mut play = begin(&world, prompt, Mode::Ask, &model).await;
    let asked = play.asked().await;
    play.interrupt();
    let happened = play.next().await;
    assert!(matches!(happened, Happened::Withdrawn), "{happened:?}");
    let over = play.over().await;
    assert_eq!((over.end, over.denials), (TurnEnd::Interrupted, 0), "nobody denied anything");
    play.answer(asked, &allow());
    play.say("What now?");
    let over = play.over().await;
    assert_eq!(over.end, TurnEnd::Completed, "a late answer does no harm");
    assert!(!world.has("one.txt"));
}

#[tokio::test]
async fn words_in_the_middle_of_a_turn_are_heard_in_it() {
    let (world, model) = (World::new(), Model::start().await);
    model.script(
        "steered",
        Script::new(json!({
            // It drops an answer that has not begun and asks again with the words.
            "steps": [{"hold": "gate", "shell": "true"}, {"text": "Heard: ${prompt}"}],
            "followups": [{"steps": [{"text": "Heard: ${prompt}"}]}],
        })),
    );
    let mut play = begin(&world, "[[script:steered]]", Mode::Auto, &model).await;
    tokio::select! {
        happened = play.next() => panic!("not yet due: {happened:?}"),
        () = model.held("gate") => {}
    }
    play.steer("the other way");
    model.release("gate");
    let over = play.over().await;
    assert_eq!((over.end, over.summary.as_str()), (TurnEnd::Completed, "Heard: the other way"));
}

#[tokio::test]
async fn a_session_killed_in_its_turn_is_resumed_elsewhere_by_its_file() {
    let (here, there, model) = (World::new(), World::new(), Model::start().await);
    model.script(
        "talk",
        Script::new(json!({
            "usage": {"input": 100, "output": 10},
            "steps": [{"shell": "touch started && tail -f /dev/null"}, {"text": "never"}],
            "followups": [{"steps": [
                {"write": {"path": "more.txt", "content": "more\n"}},
                {"text": "second, in the same conversation"},
            ]}],
        })),
    );
    let mut play = begin(&here, "[[script:talk]]", Mode::Auto, &model).await;
    play.until_file(&here.tree().join("started")).await;
    let session = play.session();
    play.kill();
    let over = play.over().await;
    assert_eq!((over.end, code(&over)), (TurnEnd::Exited, Some(Code::AgentFailed)));

    let catalog = Catalog::built_in();
    let codex = catalog.get("codex").expect("codex is a known agent");
    let place = codex.session(&here.tree(), &session).expect("it has a file");
    let file = found(&here.home().join(&place.below), &place.named);
    let restored = there.home().join(&place.restore);
    assert!(restored.starts_with(there.home().join(&place.below)), "found again the same way");
    std::fs::create_dir_all(restored.parent().expect("a directory")).expect("writable");
    std::fs::copy(file, &restored).expect("the session's file is where we say");
    drop(here);

    let mut start = start(&there, "go on", Mode::Auto, &model);
    start.resume = Some(session.clone());
    let mut play = Play::of("codex", start).await;
    let second = play.over().await;
    assert_eq!(second.summary, "second, in the same conversation", "{second:?}");
    assert_eq!(play.session(), session);
    assert_eq!(there.read("more.txt"), "more\n", "it works in the new tree");
    assert_eq!(second.usage.input_tokens, 200, "only this turn's tokens: {:?}", second.usage);
    let text = std::fs::read_to_string(&restored).expect("readable");
    assert!(text.contains("second, in the same conversation"), "it goes on in the same file");
    play.kill();

    // The session's provider is not there any more: nothing is tried without.
    let alone = Start { provider: None, ..self::start(&there, "go on", Mode::Auto, &model) };
    let asked = model.requests().len();
    let over = Play::of("codex", Start { resume: Some(session), ..alone }).await.over().await;
    assert_eq!((over.end, code(&over)), (TurnEnd::Error, Some(Code::AgentAuth)), "{over:?}");
    assert_eq!(model.requests().len(), asked, "nothing is sent without a key");
}

/// The file whose name contains `named`, at whatever depth.
fn found(below: &std::path::Path, named: &str) -> std::path::PathBuf {
    let mut directories = vec![below.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(directory).expect("readable") {
            let path = entry.expect("readable").path();
            if path.is_dir() {
                directories.push(path);
            } else if path.to_string_lossy().contains(named) {
                return path;
            }
        }
    }
    panic!("no file {named} below {}", below.display())
}

#[tokio::test]
async fn a_session_that_is_not_there_is_an_error() {
    let (world, model) = (World::new(), Model::start().await);
    let mut start = start(&world, "go on", Mode::Auto, &model);
    start.resume = Some("01a1fb87-716f-7383-aabb-106e5680cdb8".to_owned());
    let over = Play::of("codex", start).await.over().await;
    assert_eq!((over.end, code(&over)), (TurnEnd::Error, Some(Code::AgentFailed)));
    let problem = over.problem.expect("there is a problem");
    assert!(problem.message.contains("no rollout found"), "{problem}");
}

#[tokio::test]
async fn a_refused_key_is_an_auth_problem_and_not_tried_for_ever() {
    let (world, model) = (World::new(), Model::start().await);
    model.require_auth("another key");
    let mut play = begin(&world, "hello", Mode::Auto, &model).await;
    let over = play.over().await;
    assert_eq!((over.end, code(&over)), (TurnEnd::Error, Some(Code::AgentAuth)), "{over:?}");
    assert!(play.retries() <= 2, "no retry storm: {:#?}", play.events);
}

#[tokio::test]
async fn a_busy_provider_is_waited_for() {
    let (world, model) = (World::new(), Model::start().await);
    let busy = || Failure { status: Some(429), retry_after: Some(1), ..Failure::default() };
    model.fail_next(busy());
    model.fail_next(busy());
    let prompt =
        r#"[[steps:[{"write":{"path":"hello.txt","content":"at last\n"}},{"text":"done"}]]]"#;
    let mut play = begin(&world, prompt, Mode::Auto, &model).await;
    let over = play.over().await;
    assert_eq!((over.end, code(&over)), (TurnEnd::Completed, None));
    assert_eq!(play.retries(), 2, "{:#?}", play.events);
    assert_eq!(world.read("hello.txt"), "at last\n");
}

#[tokio::test]
async fn an_overloaded_provider_is_tried_again() {
    let (world, model) = (World::new(), Model::start().await);
    model.fail_next(Failure { status: Some(529), ..Failure::default() });
    let mut play = begin(&world, r#"[[steps:[{"text":"done"}]]]"#, Mode::Auto, &model).await;
    let over = play.over().await;
    assert_eq!((over.end, over.summary.as_str()), (TurnEnd::Completed, "done"));
}

#[tokio::test]
async fn a_used_up_limit_is_told_and_not_tried_again() {
    let (world, model) = (World::new(), Model::start().await);
    model.fail_next(Failure {
        status: Some(429),
        kind: Some("usage_limit_reached".to_owned()),
        message: Some("Your credit is used up.".to_owned()),
        headers: BTreeMap::from(
            [
                ("x-codex-primary-used-percent", "100"),
                ("x-codex-primary-window-minutes", "300"),
                ("x-codex-primary-reset-at", "${now+3600}"),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned())),
        ),
        ..Failure::default()
    });
    let mut play = begin(&world, "hello", Mode::Auto, &model).await;
    let over = play.over().await;
    assert_eq!((over.end, code(&over)), (TurnEnd::Error, Some(Code::AgentLimit)), "{over:?}");
    assert_eq!(play.retries(), 0, "{:#?}", play.events);
    let told: Vec<_> = play
        .events
        .iter()
        .filter_map(|event| match event {
            Event::LimitHit { resets_at, .. } => Some(resets_at),
            _ => None,
        })
        .collect();
    assert!(matches!(told.as_slice(), [Some(_)]), "once, with its end: {:#?}", play.events);
}

#[tokio::test]
async fn a_connection_broken_in_an_answer_is_tried_again() {
    let (world, model) = (World::new(), Model::start().await);
    model.fail_next(Failure { drop_after: Some(5), ..Failure::default() });
    let prompt = r#"[[steps:[{"delay_ms":20,"text":"I write a file now, and this text is cut in the middle.","write":{"path":"hello.txt","content":"whole\n"}},{"text":"done"}]]]"#;
    let mut play = begin(&world, prompt, Mode::Auto, &model).await;
    let over = play.over().await;
    assert_eq!((over.end, code(&over)), (TurnEnd::Completed, None));
    assert_eq!(play.retries(), 1, "{:#?}", play.events);
    assert_eq!(world.read("hello.txt"), "whole\n");
    let said = play.events.iter().filter(
        |event| matches!(event, Event::Text { text, .. } if text.starts_with("I write a file now")),
    );
    assert_eq!(said.count(), 1, "what was cut is not told twice: {:#?}", play.events);
}

#[tokio::test]
async fn a_model_that_cannot_be_reached_is_not_waited_for_for_ever() {
    let (world, model) = (World::new(), Model::start().await);
    let start = start(&world, "hello", Mode::Auto, &model);
    drop(model);
    let mut play = Play::of("codex", start).await;
    let over = play.over().await;
    assert_eq!((over.end, code(&over)), (TurnEnd::Error, Some(Code::AgentFailed)), "{over:?}");
    assert!(play.retries() > 0, "{:#?}", play.events);
}

#[tokio::test]
async fn an_image_reaches_the_model() {
    let (world, model) = (World::new(), Model::start().await);
    let mut start = start(&world, r#"[[steps:[{"text":"seen"}]]]"#, Mode::Auto, &model);
    let path = world.home().join("shot.png");
    std::fs::write(&path, PNG).expect("writable");
    start.attachments = vec![Attached {
        name: "shot.png".to_owned(),
        media_type: "image/png".to_owned(),
        path,
        image: Some(PNG.to_vec()),
    }];
    let mut play = Play::of("codex", start).await;
    assert_eq!(play.over().await.summary, "seen");
    let images: Vec<usize> = model.requests().iter().map(|seen| seen.images).collect();
    assert_eq!(images, [1]);
}

/// One transparent pixel.
const PNG: &[u8] =
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0\x1f\x15\xc4\x89\
    \0\0\0\x0bIDATx\x9cc`\0\x02\0\0\x05\0\x01z^\xab?\0\0\0\0IEND\xaeB`\x82";

#[tokio::test]
async fn output_of_a_running_command_is_shown_while_it_runs() {
    let (world, model) = (World::new(), Model::start().await);
    let prompt = r#"[[steps:[{"shell":"while [ ! -e go ]; do sleep 0.1; done; echo later; while [ ! -e on ]; do sleep 0.1; done"},{"text":"done"}]]]"#;
    let mut play = begin(&world, prompt, Mode::Auto, &model).await;
    let shown = |play: &Play| {
        let mut events = play.events.iter();
        events.any(|event| matches!(event, Event::ToolOutput { text, .. } if text == "later\n"))
    };
    // The command ends only when its output was seen.
    let until_started = |play: &Play| tools(play).len() == 1;
    play.until(until_started).await;
    std::fs::write(world.tree().join("go"), "").expect("writable");
    play.until(shown).await;
    std::fs::write(world.tree().join("on"), "").expect("writable");
    assert_eq!(play.over().await.end, TurnEnd::Completed);
}
