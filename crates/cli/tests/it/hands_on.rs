//! Work that a person does, or drives from afar: through hub, runner and walls.

use crate::agents::{add_claude, needs_you};
use crate::world::World;
use pilot_proto::inbox::Ask;
use pilot_proto::{Project, Task, TaskState};
use pilot_testkit::programs::write_program;

#[test]
fn a_person_does_a_task_in_its_walls_and_it_is_published_when_done() {
    let world = World::with_runner(1);
    let task = world.new_task("hands-on", "Write it by hand", &[]);
    let item = needs_you(&world, task.id);
    let Ask::HandsOn { what, tree } = &item.ask else { panic!("{item:#?}") };
    assert_eq!(what, "Write it by hand");
    assert!(item.deadline.is_none() && std::path::Path::new(tree).is_dir(), "{item:#?}");
    let shown = world.pilot(&["task", "show", &task.id.to_string()]).ok();
    assert!(shown.contains("pilot task done"), "it says how to go on: {shown}");

    let id = task.id.to_string();
    let visit = ["run-in-walls", "--task", &id, "--", "sh", "-c"];
    let script =
        "cat > by-hand.txt; echo \"in $PWD\"; cat /etc/shadow >/dev/null 2>&1 || echo kept; exit 3";
    let said = world.pilot_with_input(&[&visit[..], &[script]].concat(), "made by hand\n");
    assert_eq!(said.code(), 3, "{said:?}");
    assert!(said.out.contains(&format!("in {tree}")), "in the workspace itself: {said:?}");
    world.until("the journal says it", || {
        world.pilot(&["task", "log", &id]).ok().contains("A person runs").then_some(())
    });

    world.until("its change is seen while it waits", || {
        (world.task(task.id).diff.files == 1).then_some(())
    });
    world.pilot(&["task", "done", &id]).ok();
    let task = world.until_state(task.id, "published");
    let TaskState::Published { branch, .. } = &task.state else { unreachable!("it is") };
    let text = world.file_in(&world.demo_repository(), branch, "by-hand.txt");
    assert_eq!(text.as_deref(), Some("made by hand\n"));
    let late = world.pilot(&["run-in-walls", "--task", &id, "--", "true"]);
    assert!(!late.status.success(), "there are no walls any more");
    world.until("nothing is left", || world.stray_processes().is_empty().then_some(()));
}

#[test]
fn work_by_hand_that_is_stopped_publishes_nothing() {
    let world = World::with_runner(1);
    let task = world.new_task("hands-on", "Never mind", &[]);
    needs_you(&world, task.id);
    world.pilot(&["task", "stop", &task.id.to_string()]).ok();
    world.until_state(task.id, "cancelled");
}

const CREDENTIALS: &str = r#"{"claudeAiOauth":{"accessToken":"sk-ant-oat01-canary-a-0123456789abcdef","refreshToken":"sk-ant-ort01-canary-r-0123456789abcdef","expiresAt":4102444800000,"scopes":["user:inference","user:profile","user:sessions:claude_code"],"subscriptionType":"max"}}"#;
const ACCOUNT: &str = r#"{"oauthAccount":{"accountUuid":"00000000-0000-4000-8000-000000000001","emailAddress":"a@example.org","organizationUuid":"00000000-0000-4000-8000-000000000002"}}"#;

fn log_in(world: &World) {
    for (name, text) in [("credentials.json", CREDENTIALS), ("account.json", ACCOUNT)] {
        std::fs::write(world.path(name), text).expect("writable");
    }
    let path = |name: &str| world.path(name).to_string_lossy().into_owned();
    let files = [path("credentials.json"), path("account.json")];
    let [credentials, account] = &files;
    let login = ["provider", "login", "claude", "--credentials", credentials, "--account", account];
    world.pilot(&login).ok();
}

/// Stands in for the program where its vendor would have to be reached: it
/// refuses what the real one refuses, and shows an address as it does.
const FAKE: &str = r#"#!/bin/sh
[ "$1" = --version ] && { echo "2.1.329 (Claude Code)"; exit 0; }
env | grep -E '^(ANTHROPIC_|CLAUDE_CODE_OAUTH|CLAUDE_CODE_DISABLE_NONESSENTIAL|DISABLE_TELEMETRY|DO_NOT_TRACK)' >&2 &&
    { echo "Error: the environment is in the way" >&2; exit 1; }
login="$CLAUDE_CONFIG_DIR/.credentials.json"
[ "$(stat -c %a "$login")" = 600 ] || { echo "Error: the login is open to others" >&2; exit 1; }
grep -q canary-r "$login" && grep -q organizationUuid "$CLAUDE_CONFIG_DIR/.claude.json" ||
    { echo "Error: You must be logged in to use Remote Control." >&2; exit 1; }
if [ "$1" = remote-control ]; then
    read -r line && exit 1
    echo "Enable Remote Control? (y/n)"; exit 1
fi
[ -t 0 ] && [ -t 1 ] || { echo "no terminal" >&2; exit 9; }
printf '\033[2J\033[1;1HRemote Control active: \033[36mhttps://claude.ai/code/session_01Abc-9\033[0m\r\n'
for last; do :; done
echo "$1 did $last" > driven.txt
while read -r line; do case "$line" in */exit*) exit 0;; esac; done
"#;

#[test]
fn a_session_is_driven_from_afar_and_taken_when_it_is_done() {
    let mut world = World::with_hub();
    let bin = world.path("fake");
    write_program(&bin.join("claude"), FAKE);
    world.add_path(bin);
    log_in(&world);
    // What would break it, as a secret of the project.
    world.pilot_with_input(&["secret", "set", "KEY", "--stdin"], "sk-in-the-way-0123456789\n").ok();
    world.pilot(&["project", "secret", "demo", "add", "KEY", "--env", "DISABLE_TELEMETRY"]).ok();
    world.start_runner();
    let task = world.new_task("claude", "Tidy up", &["--remote-control"]);
    let link = world.until("the session's address", || world.task(task.id).remote_link);
    assert_eq!(link, "https://claude.ai/code/session_01Abc-9");
    let list = world.pilot(&["task", "list"]).ok();
    assert!(list.contains(&link), "the list shows it: {list}");
    world.until("the session has worked", || (world.task(task.id).diff.files == 1).then_some(()));
    world.pilot(&["task", "done", &task.id.to_string()]).ok();
    let task = world.until_state(task.id, "published");
    assert_eq!(task.remote_link, None, "nobody is there any more");
    let TaskState::Published { branch, .. } = &task.state else { unreachable!("it is") };
    let text = world.file_in(&world.demo_repository(), branch, "driven.txt");
    assert_eq!(text.as_deref(), Some("--remote-control=Pilothouse: Tidy up did Tidy up\n"));
    let journal = world.pilot(&["task", "log", "--records", "--json", &task.id.to_string()]).ok();
    assert!(!journal.contains("canary-"), "no login in the journal");
}

#[test]
fn the_real_programs_refusal_is_the_runs_end() {
    let mut world = World::with_hub();
    add_claude(&mut world);
    let new = ["task", "new", "--project", "demo", "--agent", "claude", "--remote-control", "true"];
    let early = world.pilot(&[&new[..], &["--prompt", "x"]].concat());
    assert!(!early.status.success() && early.err.contains("full login"), "{early:?}");
    log_in(&world);
    world.start_runner();
    // Which hosts may be reached for it stands in no project.
    let before: Vec<Project> = world.json(&["project", "list"]);
    let task: Task = world.json(&[&new[..], &["--prompt", "x"]].concat());
    let task = world.until_state(task.id, "failed");
    let TaskState::Failed { problem } = &task.state else { unreachable!("it has failed") };
    assert!(problem.message.contains("refuses Remote Control"), "{problem:?}");
    assert!(!problem.hint.is_empty(), "{problem:?}");
    let after: Vec<Project> = world.json(&["project", "list"]);
    assert_eq!(before, after);
}
