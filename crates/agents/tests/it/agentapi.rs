//! A declared AgentAPI server, behind the real bridge.

use crate::play::{Happened, Over, Play, World};
use pilot_agents::{Catalog, Start};
use pilot_proto::event::TurnEnd;
use pilot_proto::{Code, Event, Mode};
use pilot_testkit::agentapi::PROGRAM;

fn code(over: &Over) -> Option<Code> {
    over.problem.as_ref().map(|problem| problem.code)
}

/// The double as a server that is told its port in this argument.
fn declared() -> String {
    format!(
        "[agents.api]\nprotocol = \"agentapi\"\nprogram = \"python3\"\n\
         args = [\"-c\", '''{PROGRAM}''', \"{{port}}\"]\n"
    )
}

fn start(world: &World, prompt: &str) -> Start {
    Start { program: "python3".into(), provider: None, ..world.start(prompt, Mode::Auto, "") }
}

#[tokio::test]
async fn a_server_is_told_the_prompt_and_the_follow_ups_and_what_it_says_is_kept() {
    let world = World::new();
    let mut play = Play::declared(&declared(), start(&world, "write a.txt one")).await;
    let over = play.over().await;
    assert_eq!((over.end, code(&over)), (TurnEnd::Completed, None), "{over:?}");
    assert_eq!(over.summary, "Let me see.\nI wrote a.txt.");
    assert_eq!(world.read("a.txt"), "one\n");
    play.say("write b.txt two");
    assert_eq!(play.over().await.end, TurnEnd::Completed);
    assert_eq!(world.read("b.txt"), "two\n");
    let said: Vec<&str> = play
        .events
        .iter()
        .filter_map(|event| match event {
            Event::Text { text, .. } => Some(text.as_str()),
            _ => None,
        })
        .collect();
    let expected = ["Let me see.\nI wrote a.txt.", "Let me see.\nI wrote b.txt."];
    assert_eq!(said, expected, "whole, once, and without its greeting");
    assert_eq!(play.finish().await, Some(0), "the server is let go");
}

#[tokio::test]
async fn a_turn_of_a_server_is_interrupted_and_it_hears_the_next() {
    let world = World::new();
    let mut play = Play::declared(&declared(), start(&world, "slow begun")).await;
    play.until_file(&world.tree().join("begun")).await;
    play.until(|play| play.shown.iter().any(|line| line == "Let me see.")).await;
    play.interrupt();
    let over = play.over().await;
    assert_eq!((over.end, code(&over)), (TurnEnd::Interrupted, None), "{over:?}");
    play.say("hello");
    let over = play.over().await;
    assert_eq!(
        (over.end, over.summary.as_str()),
        (TurnEnd::Completed, "Let me see.\nYou said: hello")
    );
    assert_eq!(play.shown.first().map(String::as_str), Some("Let me see."), "as it appeared");
}

#[tokio::test]
async fn a_message_that_is_refused_is_told_in_the_servers_words() {
    let world = World::new();
    let mut play = Play::declared(&declared(), start(&world, " ")).await;
    let over = play.over().await;
    assert_eq!((over.end, code(&over)), (TurnEnd::Error, Some(Code::AgentFailed)));
    let problem = over.problem.expect("it is told");
    assert!(problem.message.contains("message must not be empty"), "{problem:?}");
}

#[tokio::test]
async fn a_server_that_dies_in_its_turn_is_named_with_its_last_words() {
    let world = World::new();
    let mut play = Play::declared(&declared(), start(&world, "die 7")).await;
    let happened = play.next().await;
    let Happened::Turn(over) = happened else { panic!("{happened:?}") };
    assert_eq!((over.end, code(&over)), (TurnEnd::Exited, Some(Code::AgentFailed)));
    let problem = over.problem.expect("it is told");
    assert!(problem.message.contains("with 7") && problem.message.contains("died"), "{problem:?}");
}

#[tokio::test]
async fn a_server_that_does_not_start_is_named() {
    let world = World::new();
    let missing = Start { program: "/nonexistent/api".into(), ..start(&world, "hello") };
    let mut play = Play::declared(&declared(), missing).await;
    let over = play.over().await;
    assert_eq!(over.end, TurnEnd::Exited);
}

#[test]
fn it_says_what_it_cannot() {
    let catalog = Catalog::built_in().declare(&declared()).expect("it is right");
    let abilities = catalog.get("api").expect("declared").abilities();
    assert!(!abilities.approvals && !abilities.resume && !abilities.usage && abilities.interrupt);
}
