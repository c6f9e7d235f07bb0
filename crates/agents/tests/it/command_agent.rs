//! Declared commands, with real programs of `/bin/sh`, over pipes and on a
//! terminal.

use crate::play::{Happened, Over, Play, World, pilot};
use pilot_agents::Start;
use pilot_proto::event::TurnEnd;
use pilot_proto::{Code, Event, Mode};
use std::path::{Path, PathBuf};

fn code(over: &Over) -> Option<Code> {
    over.problem.as_ref().map(|problem| problem.code)
}

/// A start of the declared agent in this world.
fn start(world: &World, prompt: &str) -> Start {
    let program = PathBuf::from("/bin/sh");
    Start { program, provider: None, ..world.start(prompt, Mode::Auto, "") }
}

/// An agent that is this shell script; `$0` is `agent`, and its arguments are
/// those that `more` declares behind `"agent"`.
fn script(script: &str, args: &str, more: &str) -> String {
    assert!(!script.contains("'''"), "it stands between three of them");
    format!(
        "[agents.shy]\nprotocol = \"command\"\nprogram = \"/bin/sh\"\n\
         args = [\"-c\", '''{script}''', \"agent\"{args}]\n{more}\n"
    )
}

#[tokio::test]
async fn a_prompt_comes_by_standard_input_and_what_is_printed_is_for_people() {
    let world = World::new();
    let toml = script("cat > prompt.txt; echo written; pwd", "", "");
    let mut play = Play::declared(&toml, start(&world, "Tidy\nup.")).await;
    let over = play.over().await;
    assert_eq!((over.end, code(&over)), (TurnEnd::Completed, None), "{over:?}");
    assert_eq!(world.read("prompt.txt"), "Tidy\nup.\n");
    let tree = world.tree().to_string_lossy().into_owned();
    assert_eq!(play.shown, ["written", &tree]);
}

#[tokio::test]
async fn a_prompt_comes_by_argument_or_by_file_where_the_declaration_names_it() {
    let world = World::new();
    let toml = script("printf %s \"$1\" > a.txt; cat > input.txt", ", \"{prompt}\"", "");
    let mut play = Play::declared(&toml, start(&world, "--help me")).await;
    assert_eq!(play.over().await.end, TurnEnd::Completed);
    assert_eq!(world.read("a.txt"), "--help me");
    assert_eq!(world.read("input.txt"), "", "its input is at its end: nothing is said twice");

    let toml = script("cp \"$PROMPT\" b.txt", "", "env = { PROMPT = \"{prompt_file}\" }");
    let mut play = Play::declared(&toml, start(&world, "Long\nstory")).await;
    assert_eq!(play.over().await.end, TurnEnd::Completed);
    assert_eq!(world.read("b.txt"), "Long\nstory\n");
}

#[tokio::test]
async fn a_command_that_fails_is_believed_with_its_last_words() {
    let world = World::new();
    let toml = script("echo half > half.txt; echo 'no such model' >&2; exit 3", "", "");
    let mut play = Play::declared(&toml, start(&world, "Go")).await;
    let over = play.over().await;
    assert_eq!((over.end, code(&over)), (TurnEnd::Error, Some(Code::AgentFailed)));
    let problem = over.problem.expect("it is told");
    assert!(problem.message.contains("exited with 3: `no such model`"), "{problem:?}");
    assert_eq!(world.read("half.txt"), "half\n", "what it did is there to be rescued");
}

#[tokio::test]
async fn a_line_ends_a_turn_and_a_follow_up_is_written_to_the_input() {
    let world = World::new();
    let toml = script(
        "while read -r line; do echo \"$line\" >> heard.txt; echo 'I did it.'; echo '<done>'; done",
        "",
        "done-when = { line = \"^<done>$\" }",
    );
    let mut play = Play::declared(&toml, start(&world, "First")).await;
    assert_eq!(play.over().await.end, TurnEnd::Completed);
    play.say("And\nthen");
    assert_eq!(play.over().await.end, TurnEnd::Completed);
    assert_eq!(world.read("heard.txt"), "First\nAnd then\n");
    assert_eq!(play.shown, ["I did it.", "I did it."], "the marks are not for people");
    assert_eq!(play.finish().await, Some(0), "it ends with its input");
}

#[tokio::test]
async fn a_session_is_gone_on_with_in_a_new_run() {
    let world = World::new();
    let more = "resume-args = [\"-c\", 'echo \"$1\" > resumed.txt', \"agent\", \"{session}\"]";
    let toml = script("echo first", "", more);
    let mut play = Play::declared(&toml, start(&world, "Go")).await;
    assert_eq!(play.over().await.end, TurnEnd::Completed);
    let session = play.session();
    let again = Start { resume: Some(session.clone()), ..start(&world, "Go on") };
    let mut play = Play::declared(&toml, again).await;
    assert_eq!(play.over().await.end, TurnEnd::Completed);
    assert_eq!(world.read("resumed.txt"), format!("{session}\n"));
}

/// Refuses to work without a terminal.
const PICKY: &str = "[ -t 0 ] && [ -t 1 ] && [ -t 2 ] || { echo 'not a terminal' >&2; exit 9; }; ";

#[tokio::test]
async fn a_program_that_refuses_pipes_gets_a_terminal() {
    let world = World::new();
    let act = "read -r line; echo \"$line\" > heard.txt; tty > tty.txt; stty size > size.txt; \
               echo \"$TERM\"; (: < /dev/tty) && echo controlling; exit 7";
    let toml = script(&format!("{PICKY}{act}"), "", "");
    let mut play = Play::declared(&toml, start(&world, "Tidy up.")).await;
    let over = play.over().await;
    let problem = over.problem.map(|problem| problem.message).unwrap_or_default();
    assert!(
        problem.contains("exited with 9: `not a terminal`"),
        "over pipes it refuses: {problem}"
    );

    let toml = script(&format!("{PICKY}{act}"), "", "terminal = true");
    let mut play = Play::declared(&toml, start(&world, "Tidy up.")).await;
    let over = play.over().await;
    let problem = over.problem.map(|problem| problem.message).unwrap_or_default();
    assert!(problem.contains("exited with 7"), "the exit code is the program's: {problem}");
    assert_eq!(world.read("heard.txt"), "Tidy up.\n");
    assert!(world.read("tty.txt").starts_with("/dev/"), "{}", world.read("tty.txt"));
    assert_eq!(world.read("size.txt"), "40 160\n");
    assert_eq!(play.shown, ["xterm-256color", "controlling"], "no echo, no carriage returns");
}

#[tokio::test]
async fn a_turn_on_a_terminal_is_interrupted_and_the_program_hears_the_next() {
    let world = World::new();
    // It stops wherever in its waiting it is told to.
    let act = "trap 'go=; echo stopped; echo \"<done>\"' INT; while :; do read -r line || exit 0; \
               case $line in slow*) go=1; touch slow; while [ $go ]; do sleep 0.1; done;; \
               *) echo \"$line\" > fast.txt; echo '<done>';; esac; done";
    let more = "terminal = true\ndone-when = { line = \"^<done>$\" }";
    let toml = script(&format!("{PICKY}{act}"), "", more);
    let mut play = Play::declared(&toml, start(&world, "slow please")).await;
    play.until_file(&world.tree().join("slow")).await;
    play.interrupt();
    let over = play.over().await;
    assert_eq!((over.end, code(&over)), (TurnEnd::Interrupted, None), "{over:?}");
    play.say("fast please");
    assert_eq!(play.over().await.end, TurnEnd::Completed);
    assert_eq!(world.read("fast.txt"), "fast please\n");
    assert_eq!(play.finish().await, Some(0), "the end of its input is Ctrl-D");
}

#[tokio::test]
async fn an_interrupt_that_ends_the_program_is_an_interrupt() {
    let world = World::new();
    let toml = script("touch begun; sleep 60", "", "terminal = true");
    let mut play = Play::declared(&toml, start(&world, "Go")).await;
    play.until_file(&world.tree().join("begun")).await;
    play.interrupt();
    let over = play.over().await;
    assert_eq!((over.end, code(&over)), (TurnEnd::Interrupted, None), "{over:?}");
}

#[tokio::test]
async fn a_program_on_a_terminal_hears_signals_that_we_were_started_without() {
    // As a script starts its background jobs.
    let deaf = "trap '' INT HUP; exec \"$0\" \"$@\"";
    let hears = "trap 'echo heard' INT; kill -INT $$; kill -HUP $$; echo deaf";
    let ran = tokio::process::Command::new("/bin/sh")
        .args(["-c", deaf])
        .arg(pilot())
        .args([pilot_agents::command::terminal::SUBCOMMAND, "/bin/sh", "-c", hears])
        .stdin(std::process::Stdio::null())
        .output();
    let ran = ran.await.expect("a shell starts");
    assert_eq!(String::from_utf8_lossy(&ran.stdout), "heard\n");
    assert_eq!(ran.status.code(), Some(128 + 1), "the hang-up ended it");
}

#[tokio::test]
async fn the_terminal_ends_with_its_program_even_if_something_keeps_it_open() {
    let world = World::new();
    let act = "(trap '' HUP; touch left; while [ ! -e go ]; do sleep 0.05; done) & \
               while [ ! -e left ]; do :; done; echo done";
    let toml = script(act, "", "terminal = true");
    let mut play = Play::declared(&toml, start(&world, "Go")).await;
    assert_eq!(play.over().await.end, TurnEnd::Completed);
    assert_eq!(play.shown, ["done"]);
    std::fs::write(world.tree().join("go"), "").expect("what was left behind may end");
}

#[tokio::test]
async fn a_program_dies_with_its_terminal() {
    let world = World::new();
    let act = "echo $$ > pid; sleep 600";
    let toml = script(act, "", "terminal = true");
    let mut play = Play::declared(&toml, start(&world, "Go")).await;
    let pid = world.tree().join("pid");
    play.until_file(&pid).await;
    play.kill();
    let happened = play.next().await;
    let Happened::Turn(over) = happened else { panic!("{happened:?}") };
    assert_eq!(over.end, TurnEnd::Exited, "{over:?}");
    let gone = || {
        let pid = std::fs::read_to_string(&pid).unwrap_or_default();
        pid.ends_with('\n') && !Path::new("/proc").join(pid.trim()).exists()
    };
    for _ in 0..600 {
        if gone() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("the hang-up reaches it");
}

#[tokio::test]
async fn a_program_that_is_not_there_is_named() {
    let world = World::new();
    let toml = script("true", "", "terminal = true");
    let missing = Start { program: "/nonexistent/shy".into(), ..start(&world, "Go") };
    let mut play = Play::declared(&toml, missing).await;
    let over = play.over().await;
    assert_eq!(over.end, TurnEnd::Error);
    assert!(play.shown.iter().any(|line| line.contains("/nonexistent/shy")), "{:?}", play.shown);
    assert!(!play.events.iter().any(|event| matches!(event, Event::Text { .. })));
}
