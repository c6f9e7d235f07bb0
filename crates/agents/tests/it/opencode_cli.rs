//! The real opencode, end to end, against the scripted model server. It takes
//! its time to start, so each conversation shows several things.

use crate::play::{Happened, Over, Play, World};
use pilot_agents::{Catalog, Start};
use pilot_proto::event::{Todo, TurnEnd};
use pilot_proto::inbox::{Answer, Ask};
use pilot_proto::{Code, Event, Mode, ProviderKind};
use pilot_testkit::model::{Failure, Model, Script};
use serde_json::json;
use tokio::sync::{Mutex, MutexGuard};

fn start(world: &World, prompt: &str, mode: Mode, model: &Model) -> Start {
    let mut start = world.start(prompt, mode, &model.url());
    start.program = pilot_testkit::agents::program("opencode");
    start.model = Some("scripted".to_owned());
    start.provider.as_mut().expect("a provider").kind = ProviderKind::Ollama;
    start
}

/// One at a time: each needs a processor and a gigabyte to start.
async fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::const_new(());
    TURN.lock().await
}

async fn begin(world: &World, prompt: &str, mode: Mode, model: &Model) -> Play {
    Play::of("opencode", start(world, prompt, mode, model)).await
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
async fn auto_works_without_asking_and_an_interrupt_keeps_the_session() {
    let _turn = alone().await;
    let (world, model) = (World::new(), Model::start().await);
    model.require_auth("sk-test-key");
    model.script(
        "basic",
        Script::new(json!({
            "steps": [
                {"text": "I write.", "write": {"path": "hello.txt", "content": "hello\n"}},
                {"read": "README.md"},
                {"edit": {"path": "README.md", "old": "# Demo", "new": "# Edited"}},
                {"todo": [{"text": "Look", "status": "in_progress"}]},
                {"shell": "cat hello.txt"},
                {"text": "Done: ${last_result}"},
            ],
            "followups": [
                {"steps": [{"shell": "touch started && tail -f /dev/null"}, {"text": "never"}]},
                {"steps": [{"text": "Heard: ${prompt}"}]},
            ],
        })),
    );
    let mut play = begin(&world, "Go. [[script:basic]]", Mode::Auto, &model).await;
    let over = play.over().await;
    assert_eq!((over.end, code(&over), over.denials), (TurnEnd::Completed, None, 0), "{over:?}");
    assert_eq!(over.summary, "Done: hello\n");
    assert_eq!(
        (world.read("hello.txt"), world.read("README.md")),
        ("hello\n".into(), "# Edited\n".into())
    );
    let expected = [
        ("write", "hello.txt"),
        ("read", "README.md"),
        ("edit", "README.md"),
        ("todowrite", "todowrite"),
        ("bash", "cat hello.txt"),
    ];
    assert_eq!(tools(&play), expected);
    let todos = vec![Todo { text: "Look".into(), status: "in_progress".into() }];
    assert!(play.events.contains(&Event::Todos { items: todos }), "{:#?}", play.events);
    let ended =
        play.events.iter().filter(|event| matches!(event, Event::ToolEnded { ok: true, .. }));
    assert_eq!(ended.count(), 5, "every tool ends: {:#?}", play.events);

    play.say("now the long one");
    play.until_file(&world.tree().join("started")).await;
    play.interrupt();
    let over = play.over().await;
    assert_eq!((over.end, code(&over)), (TurnEnd::Interrupted, None), "{over:?}");
    play.say("and now?");
    let over = play.over().await;
    assert_eq!((over.end, over.summary.as_str()), (TurnEnd::Completed, "Heard: and now?"));

    let strangers = model.requests().into_iter().find(|seen| seen.path != "/v1/chat/completions");
    assert_eq!(strangers, None, "it asks for completions alone");
    assert!(!world.home().join(".npm").exists(), "it installs nothing");
    assert_eq!(play.finish().await, Some(0));
}

#[tokio::test]
async fn a_refused_agent_is_told_why_and_goes_on_in_the_same_turn() {
    let _turn = alone().await;
    let (world, model) = (World::new(), Model::start().await);
    model.script(
        "perm",
        Script::new(json!({
            "steps": [{"shell": "echo one > one.txt"}, {"text": "never"}],
            "followups": [{"steps": [
                {"write": {"path": "two.txt", "content": "two\n"}},
                {"text": "Heard: ${prompt}"},
            ]}],
        })),
    );
    let mut play = begin(&world, "[[script:perm]]", Mode::Ask, &model).await;
    let first = play.asked().await;
    let Ask::Permission { tool, summary, .. } = &first.1 else { panic!("{first:?}") };
    assert_eq!((tool.as_str(), summary.as_str()), ("bash", "echo one > one.txt"));
    play.answer(first, &deny("Not today."));
    let second = play.asked().await;
    let Ask::Permission { tool, summary, .. } = &second.1 else { panic!("{second:?}") };
    assert_eq!((tool.as_str(), summary.as_str()), ("write", "two.txt"));
    assert!(!world.has("two.txt"), "nothing is written before the answer");
    play.answer(second, &Answer::ALLOW);
    let over = play.over().await;
    assert_eq!((over.end, over.denials, code(&over)), (TurnEnd::Completed, 1, None));
    assert_eq!(
        over.summary,
        "Heard: `echo one > one.txt` was refused: Not today.\nGo on without it."
    );
    assert_eq!((world.has("one.txt"), world.read("two.txt")), (false, "two\n".into()));
    let refused = play.events.iter().any(|event| {
        matches!(event, Event::ToolEnded { ok: false, output, .. } if output == "Not today.")
    });
    assert!(refused, "{:#?}", play.events);
}

#[tokio::test]
async fn a_plan_is_sent_back_then_approved_and_carried_out() {
    let _turn = alone().await;
    let (world, model) = (World::new(), Model::start().await);
    model.script(
        "plan",
        Script::new(json!({
            "steps": [
                {"write": {"path": "hello.txt", "content": "too early\n"}},
                {"text": "1. Write hello.txt"},
            ],
            "followups": [
                {"steps": [{"text": "1. Write hello.txt. 2. Test."}]},
                {"steps": [
                    {"write": {"path": "hello.txt", "content": "planned\n"}},
                    {"shell": "echo ran > ran.txt"},
                    {"text": "Carried out."},
                ]},
            ],
        })),
    );
    let mut play = begin(&world, "[[script:plan]]", Mode::Plan, &model).await;
    let asked = play.asked().await;
    assert_eq!(asked.1, Ask::Plan { plan: "1. Write hello.txt".into() });
    assert!(!world.has("hello.txt"), "a planner cannot write: {:#?}", model.results());
    play.answer(asked, &deny("Test it, too."));
    let asked = play.asked().await;
    assert_eq!(asked.1, Ask::Plan { plan: "1. Write hello.txt. 2. Test.".into() });
    play.answer(asked, &Answer::ALLOW);
    let over = play.over().await;
    assert_eq!((over.end, over.denials, code(&over)), (TurnEnd::Completed, 0, None), "{over:?}");
    assert_eq!(over.summary, "Carried out.");
    assert_eq!(
        (world.read("hello.txt"), world.read("ran.txt")),
        ("planned\n".into(), "ran\n".into()),
        "without asking"
    );
}

#[tokio::test]
async fn a_command_of_a_planner_is_asked_for_and_an_interrupt_withdraws_it() {
    let _turn = alone().await;
    let (world, model) = (World::new(), Model::start().await);
    let prompt = r#"[[steps:[{"shell":"echo one > one.txt"},{"text":"done"}]]]"#;
    let mut play = begin(&world, prompt, Mode::Plan, &model).await;
    let asked = play.asked().await;
    assert!(matches!(asked.1, Ask::Permission { .. }), "{asked:?}");
    play.interrupt();
    let happened = play.next().await;
    assert!(matches!(happened, Happened::Withdrawn), "{happened:?}");
    let over = play.over().await;
    assert_eq!((over.end, over.denials), (TurnEnd::Interrupted, 0), "{over:?}");
    assert!(!world.has("one.txt"));
}

#[tokio::test]
async fn a_busy_provider_and_a_broken_connection_are_waited_for() {
    let _turn = alone().await;
    let (world, model) = (World::new(), Model::start().await);
    model.fail_next(Failure { status: Some(429), retry_after: Some(1), ..Failure::default() });
    model.fail_next(Failure { status: Some(429), retry_after: Some(1), ..Failure::default() });
    model.fail_next(Failure { drop_after: Some(2), ..Failure::default() });
    let prompt = r#"[[steps:[{"text":"I write a file now, and this text is cut in the middle.","write":{"path":"hello.txt","content":"at last\n"}},{"text":"done"}]]]"#;
    let mut play = begin(&world, prompt, Mode::Auto, &model).await;
    let over = play.over().await;
    assert_eq!((over.end, code(&over)), (TurnEnd::Completed, None), "{over:?}");
    assert_eq!(world.read("hello.txt"), "at last\n");
}

#[tokio::test]
async fn a_refused_key_is_an_auth_problem() {
    let _turn = alone().await;
    let (world, model) = (World::new(), Model::start().await);
    model.require_auth("another key");
    let over = begin(&world, "hello", Mode::Auto, &model).await.over().await;
    assert_eq!((over.end, code(&over)), (TurnEnd::Error, Some(Code::AgentAuth)), "{over:?}");
}

#[tokio::test]
async fn without_a_provider_it_asks_nobody_elses_model() {
    let _turn = alone().await;
    let (world, model) = (World::new(), Model::start().await);
    let mut start = start(&world, "hello", Mode::Auto, &model);
    start.provider = None;
    let mut play = Play::of("opencode", start).await;
    let over = play.over().await;
    assert_eq!((over.end, code(&over)), (TurnEnd::Error, Some(Code::AgentAuth)), "{over:?}");
    let vendors = play.events.iter().any(|event| {
        matches!(event, Event::SessionStarted { model: Some(model), .. } if model.contains("opencode"))
    });
    assert!(!vendors, "{:#?}", play.events);
}

#[tokio::test]
async fn a_model_of_anthropic_is_reached_and_its_price_known() {
    let _turn = alone().await;
    let (world, model) = (World::new(), Model::start().await);
    model.require_auth("sk-test-key");
    let prompt = r#"[[steps:[{"shell":"echo one > one.txt"},{"text":"done"}]]]"#;
    let mut start = start(&world, prompt, Mode::Auto, &model);
    start.model = Some("claude-sonnet-4-5".to_owned());
    start.provider.as_mut().expect("a provider").kind = ProviderKind::Anthropic;
    let over = Play::of("opencode", start).await.over().await;
    assert_eq!((over.end, code(&over)), (TurnEnd::Completed, None), "{over:?}");
    assert_eq!(world.read("one.txt"), "one\n");
    assert!(over.usage.cost_micros > Some(0), "{:?}", over.usage);
}

/// The files of its sessions, in another workspace.
fn move_sessions(from: &World, to: &World) {
    let catalog = Catalog::built_in();
    let opencode = catalog.get("opencode").expect("built in");
    let place = opencode.session(&to.tree(), "any").expect("it has files");
    let endings = std::iter::once("").chain(place.more.iter().map(String::as_str));
    for ending in endings {
        let name = format!("{}{ending}", place.restore.display());
        let target = to.home().join(&name);
        std::fs::create_dir_all(target.parent().expect("inside the HOME")).expect("writable");
        std::fs::copy(from.home().join(&name), target).expect("there");
    }
}

#[tokio::test]
async fn a_killed_session_is_resumed_in_a_new_workspace_by_its_files() {
    let _turn = alone().await;
    let (world, model) = (World::new(), Model::start().await);
    let follow_up = |name: &str| {
        json!({"steps": [
            {"hold": name, "write": {"path": name, "content": "more\n"}},
            {"shell": "pwd > where.txt"},
            {"text": "Heard: ${prompt}"},
        ]})
    };
    let steps = json!({"steps": [{"text": "One."}], "followups": [follow_up("two.txt")]});
    model.script("long", Script::new(steps));
    let mut play = begin(&world, "[[script:long]]", Mode::Auto, &model).await;
    assert_eq!(play.over().await.summary, "One.");
    let session = play.session();
    play.kill_and_wait().await;
    model.release("two.txt");

    let there = World::new();
    move_sessions(&world, &there);
    std::fs::remove_dir_all(world.tree()).expect("the old workspace is gone");
    let mut start = start(&there, "go on", Mode::Auto, &model);
    start.resume = Some(session.clone());
    let mut play = Play::of("opencode", start).await;
    let over = play.over().await;
    assert_eq!((over.end, code(&over)), (TurnEnd::Completed, None), "{over:?}");
    assert_eq!(over.summary, "Heard: go on", "it knows the conversation");
    assert_eq!(play.session(), session);
    assert_eq!(there.read("two.txt"), "more\n", "it works in the new tree");
    assert_eq!(there.read("where.txt").trim_end(), there.tree().to_string_lossy());
    assert_eq!(tools(&play).len(), 2, "its past is not told again: {:?}", tools(&play));
    play.finish().await;
}
