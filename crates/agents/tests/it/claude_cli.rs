//! The real Claude Code, end to end, against the scripted model server.

use crate::play::{Happened, Over, Play, World};
use pilot_agents::{Catalog, Ruling};
use pilot_proto::event::{Activity, TurnEnd};
use pilot_proto::inbox::{Answer, Ask};
use pilot_proto::{Code, Event, Mode};
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
    let start = world.start("Go. [[script:basic]]", Mode::Auto, &model.url());
    let run = start.run.to_string();
    let mut play = Play::begin(start).await;
    let over = play.over().await;

    assert_eq!((over.end, code(&over), over.denials), (TurnEnd::Completed, None, 0), "{over:?}");
    assert_eq!(over.summary, "Done: hello");
    assert_eq!(
        (world.read("hello.txt"), world.read("README.md")),
        ("hello\n".into(), "# Edited\n".into())
    );
    assert_eq!(over.usage.input_tokens, 5000, "five answers of a thousand tokens");
    assert_eq!((over.usage.output_tokens, over.usage.cache_read_tokens), (50, 25));
    assert!(over.usage.cost_micros > Some(0), "the program knows a price: {:?}", over.usage);
    assert_eq!(play.session(), run, "the session goes by the run's id");
    let tools: Vec<(&str, &str)> = play
        .events
        .iter()
        .filter_map(|event| match event {
            Event::ToolStarted { tool, summary, .. } => Some((tool.as_str(), summary.as_str())),
            _ => None,
        })
        .collect();
    let expected = [
        ("Write", "hello.txt"),
        ("Read", "README.md"),
        ("Edit", "README.md"),
        ("Bash", "cat hello.txt"),
    ];
    assert_eq!(tools, expected);
    let ended =
        play.events.iter().filter(|event| matches!(event, Event::ToolEnded { ok: true, .. }));
    assert_eq!(ended.count(), 4, "every tool ends: {:#?}", play.events);
    assert!(play.events.contains(&Event::Thinking {
        text: "Where to begin?".into(),
        parent: None,
        open: false
    }));
    let idle = Event::Activity { activity: Activity::Idle, reason: String::new() };
    assert_eq!(play.events.last(), Some(&idle), "the program says that it is idle");
    assert!(model.requests().iter().all(|seen| seen.key.as_deref() == Some("sk-test-key")));
    assert_eq!(play.finish().await, Some(0));
}

#[tokio::test]
async fn a_permission_is_asked_for_and_allowed() {
    let (world, model) = (World::new(), Model::start().await);
    let prompt = r#"[[steps:[{"shell":"echo one > one.txt"},{"text":"done"}]]]"#;
    let mut play = Play::begin(world.start(prompt, Mode::Ask, &model.url())).await;
    let asked = play.asked().await;
    let Ask::Permission { tool, summary, .. } = &asked.1 else { panic!("{asked:?}") };
    assert_eq!((tool.as_str(), summary.as_str()), ("Bash", "echo one > one.txt"));
    assert!(!world.has("one.txt"), "nothing runs before the answer");
    play.answer(asked, &allow());
    let over = play.over().await;
    assert_eq!((over.end, over.denials), (TurnEnd::Completed, 0));
    assert_eq!(world.read("one.txt"), "one\n");
}

#[tokio::test]
async fn an_allowed_tool_runs_with_the_changed_input() {
    let (world, model) = (World::new(), Model::start().await);
    let prompt = r#"[[steps:[{"shell":"echo one > one.txt"},{"text":"done"}]]]"#;
    let mut play = Play::begin(world.start(prompt, Mode::Ask, &model.url())).await;
    let asked = play.asked().await;
    let input = Some(json!({"command": "echo two > two.txt", "description": "changed"}));
    play.answer(asked, &Answer::Allow { input, for_run: false, for_project: false, rule: None });
    assert_eq!(play.over().await.end, TurnEnd::Completed);
    assert_eq!((world.has("one.txt"), world.read("two.txt")), (false, "two\n".into()));
}

#[tokio::test]
async fn a_denied_agent_is_told_why_and_goes_on() {
    let (world, model) = (World::new(), Model::start().await);
    let prompt = r#"[[steps:[{"shell":"echo one > one.txt"},{"shell":"echo two > two.txt"},{"text":"done"}]]]"#;
    let mut play = Play::begin(world.start(prompt, Mode::Ask, &model.url())).await;
    let first = play.asked().await;
    play.answer(first, &deny("Not today."));
    let second = play.asked().await;
    play.answer(second, &allow());
    let over = play.over().await;
    assert_eq!((over.end, over.denials, code(&over)), (TurnEnd::Completed, 1, None));
    assert_eq!((world.has("one.txt"), world.has("two.txt")), (false, true));
    let told = model.results();
    assert!(told[0].error && told[0].text.contains("Not today."), "the model is told: {told:?}");
    let refused = play.events.iter().any(|event| {
        matches!(event, Event::ToolEnded { ok: false, output, .. } if output == "Not today.")
    });
    assert!(refused, "{:#?}", play.events);
}

#[tokio::test]
async fn a_question_reaches_a_person_even_in_auto() {
    let (world, model) = (World::new(), Model::start().await);
    let prompt = r#"[[steps:[{"ask":{"question":"Which colour?","options":["Red","Blue"]}},{"text":"Told: ${last_result}"}]]]"#;
    let mut play = Play::begin(world.start(prompt, Mode::Auto, &model.url())).await;
    let asked = play.asked().await;
    let Ask::Question { questions } = &asked.1 else { panic!("{asked:?}") };
    assert_eq!(questions[0].question, "Which colour?");
    let labels: Vec<&str> = questions[0].options.iter().map(|one| one.label.as_str()).collect();
    assert_eq!(labels, ["Red", "Blue"]);
    let answers = BTreeMap::from([("Which colour?".to_owned(), "Blue".to_owned())]);
    play.answer(asked, &Answer::Choose { answers });
    let over = play.over().await;
    assert!(over.summary.contains(r#""Which colour?"="Blue""#), "{}", over.summary);
}

#[tokio::test]
async fn an_unanswered_question_is_no_denial() {
    let (world, model) = (World::new(), Model::start().await);
    let prompt = r#"[[steps:[{"ask":{"question":"Which colour?","options":["Red","Blue"]}},{"text":"Told: ${last_result}"}]]]"#;
    let mut play = Play::begin(world.start(prompt, Mode::Auto, &model.url())).await;
    let asked = play.asked().await;
    play.answer(asked, &deny("Nobody answered; decide yourself."));
    let over = play.over().await;
    assert_eq!((over.end, over.denials), (TurnEnd::Completed, 0));
    assert_eq!(over.summary, "Told: Nobody answered; decide yourself.");
}

fn planning() -> Script {
    Script::new(json!([
        {"when": {"plan_file": true}, "write": {"path": "${plan_file}", "content": "# Plan\n1. Write hello.txt\n"}},
        {"plan": "# Plan\n1. Write hello.txt"},
        {"when": {"error": true}, "text": "Sent back: ${last_result}"},
        {"write": {"path": "hello.txt", "content": "planned\n"}},
        {"shell": "echo ran > ran.txt"},
        {"text": "Carried out."},
    ]))
}

#[tokio::test]
async fn an_approved_plan_is_carried_out_without_asking_again() {
    let (world, model) = (World::new(), Model::start().await);
    model.script("plan", planning());
    let mut play = Play::begin(world.start("[[script:plan]]", Mode::Plan, &model.url())).await;
    let asked = play.asked().await;
    let Ask::Plan { plan } = &asked.1 else { panic!("{asked:?}") };
    assert!(plan.contains("Write hello.txt"), "{plan}");
    assert!(!world.has("hello.txt"), "nothing is changed before the approval");
    play.answer(asked, &allow());
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
    let mut play = Play::begin(world.start("[[script:plan]]", Mode::Plan, &model.url())).await;
    let asked = play.asked().await;
    play.answer(asked, &deny("Also test it."));
    let over = play.over().await;
    assert_eq!((over.end, over.denials), (TurnEnd::Completed, 0));
    assert_eq!(over.summary, "Sent back: Also test it.");
    assert!(!world.has("hello.txt"));
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
    let mut play = Play::begin(world.start("[[script:long]]", Mode::Auto, &model.url())).await;
    play.until_file(&world.tree().join("started")).await;
    play.interrupt();
    let over = play.over().await;
    assert_eq!((over.end, over.denials, code(&over)), (TurnEnd::Interrupted, 0, None));
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
    let mut play = Play::begin(world.start(prompt, Mode::Auto, &model.url())).await;
    tokio::select! {
        happened = play.next() => panic!("not yet due: {happened:?}"),
        () = model.held("gate") => {}
    }
    play.interrupt();
    let over = play.over().await;
    assert_eq!((over.end, code(&over)), (TurnEnd::Interrupted, None), "{over:?}");
}

#[tokio::test]
async fn an_interrupt_withdraws_what_was_asked() {
    let (world, model) = (World::new(), Model::start().await);
    let prompt = r#"[[steps:[{"shell":"echo one > one.txt"},{"text":"done"}]]]"#;
    let mut play = Play::begin(world.start(prompt, Mode::Ask, &model.url())).await;
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
async fn a_session_is_resumed_elsewhere_by_its_file() {
    let (here, there, model) = (World::new(), World::new(), Model::start().await);
    model.script(
        "talk",
        Script::new(json!({
            "usage": {"input": 100, "output": 10},
            "steps": [{"text": "first"}],
            "followups": [{"steps": [
                {"write": {"path": "more.txt", "content": "more\n"}},
                {"text": "second, in the same conversation"},
            ]}],
        })),
    );
    let mut play = Play::begin(here.start("[[script:talk]]", Mode::Auto, &model.url())).await;
    let first = play.over().await;
    assert_eq!(first.summary, "first");
    let session = play.session();
    assert_eq!(play.finish().await, Some(0));

    let file = |world: &World| {
        let catalog = Catalog::built_in();
        let claude = catalog.get("claude").expect("claude is a known agent");
        let place = claude.session(&world.tree(), &session).expect("it has a file");
        world.home().join(place.restore)
    };
    std::fs::create_dir_all(file(&there).parent().expect("a directory")).expect("writable");
    std::fs::rename(file(&here), file(&there)).expect("the session's file is where we say");

    let mut start = there.start("go on", Mode::Auto, &model.url());
    start.resume = Some(session.clone());
    let mut play = Play::begin(start).await;
    let second = play.over().await;
    assert_eq!(second.summary, "second, in the same conversation");
    assert_eq!(play.session(), session);
    assert_eq!(there.read("more.txt"), "more\n", "it works in the new tree");
    assert_eq!(second.usage.input_tokens, 200, "only this turn's tokens: {:?}", second.usage);
    assert!(
        second.usage.cost_micros < first.usage.cost_micros.map(|cost| cost * 3),
        "only this turn's cost: {:?} after {:?}",
        second.usage,
        first.usage
    );
}

#[tokio::test]
async fn a_session_that_is_not_there_is_an_error() {
    let (world, model) = (World::new(), Model::start().await);
    let mut start = world.start("go on", Mode::Auto, &model.url());
    start.resume = Some("1dff2ed7-1a43-427d-ba60-476c0816ea64".to_owned());
    let over = Play::begin(start).await.over().await;
    assert_eq!((over.end, code(&over)), (TurnEnd::Error, Some(Code::AgentFailed)));
    let problem = over.problem.expect("there is a problem");
    assert!(problem.message.contains("No conversation found"), "{problem}");
}

#[tokio::test]
async fn a_refused_key_is_an_auth_problem_and_not_tried_for_ever() {
    let (world, model) = (World::new(), Model::start().await);
    model.require_auth("another key");
    let mut play = Play::begin(world.start("hello", Mode::Auto, &model.url())).await;
    let over = play.over().await;
    assert_eq!((over.end, code(&over)), (TurnEnd::Error, Some(Code::AgentAuth)), "{over:?}");
    assert!(play.retries() <= 2, "no retry storm: {:#?}", play.events);
}

#[tokio::test]
async fn without_a_key_the_agent_is_not_logged_in() {
    let (world, model) = (World::new(), Model::start().await);
    let mut start = world.start("hello", Mode::Auto, &model.url());
    start.provider = None;
    let over = Play::begin(start).await.over().await;
    assert_eq!((over.end, code(&over)), (TurnEnd::Error, Some(Code::AgentAuth)), "{over:?}");
    assert_eq!(model.requests(), [], "nothing is sent without a key");
}

#[tokio::test]
async fn a_busy_provider_is_waited_for() {
    let (world, model) = (World::new(), Model::start().await);
    model.fail_next(Failure { status: Some(429), retry_after: Some(1), ..Failure::default() });
    model.fail_next(Failure { status: Some(529), ..Failure::default() });
    let prompt =
        r#"[[steps:[{"write":{"path":"hello.txt","content":"at last\n"}},{"text":"done"}]]]"#;
    let mut play = Play::begin(world.start(prompt, Mode::Auto, &model.url())).await;
    let over = play.over().await;
    assert_eq!((over.end, code(&over)), (TurnEnd::Completed, None));
    assert_eq!(play.retries(), 2, "{:#?}", play.events);
    assert_eq!(world.read("hello.txt"), "at last\n");
}

#[tokio::test]
async fn a_used_up_limit_is_told_and_not_tried_again() {
    let (world, model) = (World::new(), Model::start().await);
    model.fail_next(Failure {
        status: Some(429),
        should_retry: Some(false),
        message: Some("Your credit is used up.".to_owned()),
        ..Failure::default()
    });
    let mut play = Play::begin(world.start("hello", Mode::Auto, &model.url())).await;
    let over = play.over().await;
    assert_eq!((over.end, code(&over)), (TurnEnd::Error, Some(Code::AgentLimit)), "{over:?}");
    let told = play.events.iter().filter(|event| {
        matches!(event, Event::LimitHit { reason, .. } if reason.contains("Your credit is used up"))
    });
    assert_eq!(told.count(), 1, "{:#?}", play.events);
}

#[tokio::test]
async fn a_connection_broken_in_an_answer_is_tried_again() {
    let (world, model) = (World::new(), Model::start().await);
    model.fail_next(Failure { drop_after: Some(4), ..Failure::default() });
    let prompt = r#"[[steps:[{"text":"I write a file now, and this text is cut in the middle.","write":{"path":"hello.txt","content":"whole\n"}},{"text":"done"}]]]"#;
    let mut play = Play::begin(world.start(prompt, Mode::Auto, &model.url())).await;
    let over = play.over().await;
    assert_eq!((over.end, code(&over)), (TurnEnd::Completed, None));
    assert_eq!(world.read("hello.txt"), "whole\n");
}

#[tokio::test]
async fn an_agent_killed_in_its_turn_has_exited() {
    let (world, model) = (World::new(), Model::start().await);
    let prompt = r#"[[steps:[{"shell":"echo one > one.txt"},{"text":"done"}]]]"#;
    let mut play = Play::begin(world.start(prompt, Mode::Ask, &model.url())).await;
    play.asked().await;
    play.kill();
    let happened = play.next().await;
    assert!(matches!(happened, Happened::Withdrawn), "{happened:?}");
    let over = play.over().await;
    assert_eq!((over.end, code(&over)), (TurnEnd::Exited, Some(Code::AgentFailed)));
}

#[tokio::test]
async fn a_word_in_the_middle_of_a_turn_is_heard_in_it() {
    let (world, model) = (World::new(), Model::start().await);
    model.script(
        "long",
        Script::new(json!({
            "steps": [
                {"shell": "touch begun; until [ -e go ]; do sleep 0.1; done"},
                {"when": {"said": "left, not right"}, "text": "I heard it"},
                {"text": "I heard nothing"},
            ],
        })),
    );
    let mut play = Play::begin(world.start("[[script:long]]", Mode::Auto, &model.url())).await;
    play.until_file(&world.tree().join("begun")).await;
    play.steer("left, not right");
    let said = |line: &String| line.starts_with("> ") && line.contains("left, not right");
    play.until(|play| play.transcript.iter().any(said)).await;
    std::fs::write(world.tree().join("go"), "").expect("writable");
    let over = play.over().await;
    assert_eq!((over.end, code(&over)), (TurnEnd::Completed, None), "{over:?}");
    assert_eq!(over.summary, "I heard it", "in the same turn");
}

fn no_pushing(ask: &Ask) -> Ruling {
    let Ask::Permission { commands, paths, .. } = ask else { return Ruling::Go };
    if commands.iter().any(|line| line.starts_with("git push")) {
        return Ruling::Deny("Never push.".to_owned());
    }
    if paths.iter().any(|path| path.starts_with("secrets/")) {
        return Ruling::Deny("Not your files.".to_owned());
    }
    if commands.iter().any(|line| line.starts_with("touch asked")) {
        return Ruling::Ask;
    }
    Ruling::Go
}

#[tokio::test]
async fn rules_hold_where_it_asks_nobody() {
    let (world, model) = (World::new(), Model::start().await);
    std::fs::create_dir(world.tree().join("secrets")).expect("writable");
    std::fs::write(world.tree().join("secrets/key"), "hush").expect("writable");
    let prompt = r#"[[steps:[{"shell":"git push origin"},{"read":"secrets/key"},{"shell":"touch asked.txt"},{"shell":"touch refused && touch asked"},{"write":{"path":"free.txt","content":"x"}},{"text":"done"}]]]"#;
    let mut play = Play::begin(world.start(prompt, Mode::Auto, &model.url())).await;
    play.rules = no_pushing;
    let asked = play.asked().await;
    let Ask::Permission { commands, .. } = &asked.1 else { panic!("{asked:?}") };
    assert_eq!(commands, &["touch asked.txt"], "what the rules want asked is asked, also in auto");
    assert!(!world.has("asked.txt"));
    play.answer(asked, &allow());
    let over = play.over().await;
    assert_eq!((over.end, over.summary.as_str()), (TurnEnd::Completed, "done"), "{over:?}");
    assert!(world.has("asked.txt") && world.has("free.txt"), "the rest goes on");
    let told = model.results();
    assert!(told[0].error && told[0].text.contains("Never push."), "{told:?}");
    assert!(told[1].error && told[1].text.contains("Not your files."), "{told:?}");
    assert!(!told[1].text.contains("hush"));
    assert_eq!(play.checked.len(), 5, "every use is looked at: {:?}", play.checked);
}

#[tokio::test]
async fn rules_hold_while_it_plans_and_what_it_reads_is_asked_once() {
    let (world, model) = (World::new(), Model::start().await);
    let prompt =
        r#"[[steps:[{"shell":"git push origin"},{"shell":"touch asked.txt"},{"text":"done"}]]]"#;
    for mode in [Mode::Ask, Mode::Plan] {
        let mut play = Play::begin(world.start(prompt, mode, &model.url())).await;
        play.rules = no_pushing;
        let asked = play.asked().await;
        play.answer(asked, &deny("Not now."));
        let over = play.over().await;
        assert_eq!((over.end, over.summary.as_str()), (TurnEnd::Completed, "done"), "{mode:?}");
        assert!(!world.has("asked.txt"));
    }
}
