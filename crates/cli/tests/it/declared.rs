//! An agent that the runner's owner declared, through hub, runner and walls.

use crate::world::World;
use pilot_proto::TaskState;
use serde_json::Value;

/// Works only on a terminal, as many a chat program does.
const SHY: &str = r#"
[agents.shy]
protocol = "command"
program = "/bin/sh"
args = ["-c", '[ -t 0 ] && [ -t 1 ] || exit 9; echo "$1 in $2" > shy.txt; tty; printf "I did it.\n"', "shy", "{prompt}", "{mode}"]
terminal = true
"#;

#[test]
fn a_declared_agent_on_a_terminal_pushes_a_branch() {
    let mut world = World::with_hub();
    world.declare(SHY);
    world.start_runner();
    let task = world.new_task("shy", "--tidy up", &["--wait"]);
    let TaskState::Published { branch, .. } = &task.state else { panic!("{task:#?}") };
    let text = world.file_in(&world.demo_repository(), branch, "shy.txt");
    assert_eq!(text.as_deref(), Some("--tidy up in auto\n"));
    let log = world.pilot(&["task", "log", &task.id.to_string()]).ok();
    assert!(log.contains("I did it."), "what it says is in the log:\n{log}");
    let runners: Vec<Value> = world.json(&["runner", "list"]);
    assert!(runners[0].to_string().contains("shy"), "the runner says that it has it: {runners:?}");
}

#[test]
fn a_file_of_agents_that_is_broken_is_told_and_stops_no_runner() {
    let mut world = World::with_hub();
    world.declare("[agents.shy]\nprotocol = \"command\"\nprogram = \"sh\"\nterminal = 3\n");
    world.start_runner();
    let task = world.new_task("scripted", "write a b", &["--wait"]);
    assert_eq!(task.state.name(), "published", "other agents work: {task:#?}");
    let said = world.pilot(&["runner", "doctor"]);
    let told = said.out + &said.err;
    assert!(told.contains("line 4") && told.contains("`terminal`"), "{told}");
}

#[test]
fn a_declared_agentapi_server_inside_the_walls_pushes_a_branch() {
    let mut world = World::with_hub();
    let double = pilot_testkit::agentapi::PROGRAM;
    world.declare(&format!(
        "[agents.api]\nprotocol = \"agentapi\"\nprogram = \"python3\"\n\
         args = [\"-c\", '''{double}''']\n"
    ));
    world.start_runner();
    let task = world.new_task("api", "write api.txt hello", &["--wait"]);
    let TaskState::Published { branch, .. } = &task.state else { panic!("{task:#?}") };
    let text = world.file_in(&world.demo_repository(), branch, "api.txt");
    assert_eq!(text.as_deref(), Some("hello\n"));
    world.until("the server is gone, too", || world.stray_processes().is_empty().then_some(()));
}
