//! The first thing a newcomer does, and what must hold after it.

use crate::world::World;
use pilot_proto::{Snapshot, Task, TaskState};
use serde_json::Value;

#[test]
fn a_first_task_on_the_demo_project_ends_published_and_leaves_nothing() {
    let world = World::with_runner(2);
    let task: Task =
        world.json(&["task", "new", "--project", "demo", "--agent", "scripted", "--wait"]);
    let TaskState::Published { branch, commit } = &task.state else { panic!("{task:#?}") };

    let repository = world.demo_repository();
    let head = world.git(&repository, &["rev-parse", branch]).ok();
    assert_eq!(head.trim(), commit, "the branch in the remote is what the task says");
    let changed = world.git(&repository, &["diff", "--name-only", "main", branch]).ok();
    assert!(changed.lines().count() >= 2, "the demo script edits two files: {changed}");

    world.until("the workspace is gone", || {
        let run = world.run_directories();
        (run.is_empty() && world.stray_processes().is_empty()).then_some(())
    });

    let log = world.pilot(&["task", "log", &task.id.to_string()]).ok();
    assert!(log.lines().count() > 3, "the log still answers:\n{log}");
    let snapshot: Snapshot = world.json(&["task", "diff", &task.id.to_string()]);
    assert_eq!(snapshot.files.len(), changed.lines().count(), "so does the diff");
}

#[test]
fn the_unified_diff_is_a_patch_that_makes_the_branch() {
    let world = World::with_runner(2);
    let id =
        world.file("write new.txt one\nappend README.md a last line\nwrite deep/er/file.txt x");
    let task = world.until_state(id, "published");
    let TaskState::Published { branch, .. } = &task.state else { panic!("{task:#?}") };
    let patch = world.pilot(&["task", "diff", &id.to_string()]).ok();

    let tree = world.path("tree");
    let repository = world.demo_repository();
    let clone = ["clone", "--quiet", &repository.to_string_lossy(), &tree.to_string_lossy()];
    world.git(world.path("").as_path(), &clone).ok();
    std::fs::write(world.path("task.patch"), &patch).expect("the patch can be written");
    world.git(&tree, &["apply", "../task.patch"]).ok();
    world.git(&tree, &["add", "--all"]).ok();
    let ours = world.git(&tree, &["write-tree"]).ok();
    let theirs = world.git(&repository, &["rev-parse", &format!("{branch}^{{tree}}")]).ok();
    assert_eq!(ours, theirs, "applied to main it gives the branch's tree:\n{patch}");

    let both = world.pilot(&["task", "diff", "--side-by-side", &id.to_string()]).ok();
    assert!(both.contains("a last line"), "{both}");
}

#[test]
fn a_plain_sentence_gives_a_newcomer_a_diff() {
    let world = World::with_runner(2);
    let id = world.file("Please tidy the shed.");
    let task = world.until_state(id, "published");
    assert!(task.diff.files >= 1, "{task:#?}");
}

#[test]
fn a_task_that_changes_nothing_is_no_success() {
    let world = World::with_runner(2);
    let said = world.pilot(&[
        "task",
        "new",
        "--project",
        "demo",
        "--agent",
        "scripted",
        "--prompt",
        "nothing",
        "--wait",
        "--json",
    ]);
    assert_eq!(said.code(), 5, "{}{}", said.out, said.err);
    let task: Value = serde_json::from_str(&said.out).expect("JSON");
    assert_eq!(task["state"], "no_change");
}

#[test]
fn a_question_is_answered_from_the_command_line() {
    let world = World::with_runner(2);
    let id = world.file("ask Which colour? | red | blue\nwrite colour.txt done");
    world.until_state(id, "needs_you");
    let inbox = world.pilot(&["inbox"]).ok();
    assert!(inbox.contains("Which colour?"), "{inbox}");
    world.pilot(&["task", "answer", &id.to_string(), "--choose", "blue"]).ok();
    world.until_state(id, "published");
    let log = world.pilot(&["task", "log", &id.to_string(), "--json"]).ok();
    assert!(log.contains("blue"), "the agent was told the answer:\n{log}");
    assert!(world.pilot(&["inbox"]).ok().contains("nothing needs you"));
}

#[test]
fn nobody_answers_so_the_default_decides_and_is_written_down() {
    let world = World::with_runner(2);
    let task = world.new_task(
        "scripted",
        "permit Bash rm -rf /\nwrite after.txt x",
        &["--mode", "ask", "--answer-secs", "1", "--wait"],
    );
    assert_eq!(task.state.name(), "published", "proceed is the default: {task:#?}");
    assert!(!task.reservations.is_empty(), "an automatic decision is named: {task:#?}");
    let said = world.pilot(&[
        "task",
        "new",
        "--project",
        "demo",
        "--agent",
        "scripted",
        "--mode",
        "ask",
        "--answer-secs",
        "1",
        "--on-timeout",
        "cancel",
        "--prompt",
        "write x y\npermit Bash ls",
        "--wait",
        "--json",
    ]);
    assert_eq!(said.code(), 4, "{}", said.out);
    assert!(said.out.contains("unanswered"), "{}", said.out);
}

#[test]
fn a_stopped_task_leaves_its_work_in_a_bundle() {
    let world = World::with_runner(2);
    let id =
        world.file("write precious.txt weeks of work\nsay written\nwait-file /nonexistent/never");
    world.until("the agent wrote its file", || world.has_said(id, "written").then_some(()));
    world.pilot(&["task", "stop", &id.to_string()]).ok();
    world.until_state(id, "cancelled");
    let bundle = world.path("work.bundle");
    world.pilot(&["task", "rescue", &id.to_string(), "-o", &bundle.to_string_lossy()]).ok();

    let tree = world.path("rescued");
    let demo = world.demo_repository();
    world
        .git(world.path("").as_path(), &["clone", "--quiet", &demo.to_string_lossy(), "rescued"])
        .ok();
    world
        .git(&tree, &["fetch", "--quiet", &bundle.to_string_lossy(), "+refs/*:refs/rescued/*"])
        .ok();
    let name = world.git(&tree, &["for-each-ref", "--format=%(refname)", "refs/rescued"]).ok();
    let shown = world.file_in(&tree, name.trim(), "precious.txt");
    assert_eq!(shown.as_deref().map(str::trim), Some("weeks of work"), "{name}");
    world.until("everything is dead", || world.stray_processes().is_empty().then_some(()));
}

#[test]
fn a_resumed_task_goes_on_with_its_work() {
    let world = World::with_runner(2);
    let id = world.file("write half.txt first half\nsay written\nwait-file /nonexistent/never");
    world.until("the agent wrote its file", || world.has_said(id, "written").then_some(()));
    world.pilot(&["task", "stop", &id.to_string()]).ok();
    world.until_state(id, "cancelled");
    world.pilot(&["task", "resume", &id.to_string(), "append half.txt second half"]).ok();
    let task = world.until_state(id, "published");
    let TaskState::Published { branch, .. } = &task.state else { panic!("{task:#?}") };
    let text = world.file_in(&world.demo_repository(), branch, "half.txt").unwrap_or_default();
    assert!(text.contains("first half") && text.contains("second half"), "{text:?}");
    assert_eq!(task.attempts, 2);
}

#[test]
fn an_earlier_moment_of_the_diff_can_be_read() {
    let world = World::with_runner(2);
    let go = world.shared("go");
    let id = world.file(&format!(
        "write one.txt 1\nsay one\nwait-file {}\nwrite two.txt 2",
        go.to_string_lossy()
    ));
    world.until("the first snapshot has arrived", || {
        let snapshot: Snapshot = world.json(&["task", "diff", &id.to_string()]);
        snapshot.files.contains_key("one.txt").then_some(())
    });
    let records = world.pilot(&["task", "log", &id.to_string(), "--records", "--json"]).ok();
    let at = records.lines().count();
    std::fs::write(&go, "").expect("the agent may go on");
    world.until_state(id, "published");
    let now: Snapshot = world.json(&["task", "diff", &id.to_string()]);
    assert!(now.files.contains_key("two.txt"), "{now:#?}");
    let then: Snapshot = world.json(&["task", "diff", &id.to_string(), "--at", &at.to_string()]);
    assert!(then.files.contains_key("one.txt") && !then.files.contains_key("two.txt"), "{then:#?}");
}

#[test]
fn a_task_that_is_stopped_at_once_is_stopped() {
    let world = World::with_runner(4);
    // Each stop meets its run at another moment: queued, leased, being taken,
    // at work. None may be lost.
    for _ in 0..12 {
        let id = world.file("wait-file /nonexistent/never");
        world.pilot(&["task", "stop", &id.to_string()]).ok();
        world.until_state(id, "cancelled");
    }
}
