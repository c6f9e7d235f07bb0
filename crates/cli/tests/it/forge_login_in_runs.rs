//! A login to a forge that ends while runs that were granted it are at work.

use crate::forge_login::{Forge, log_in};
use crate::world::World;
use pilot_proto::{Code, ForgeKind, Task, TaskId, TaskState};
use std::path::PathBuf;

/// A run in a private repository that has begun with alice's login.
struct AtWork {
    forge: Forge,
    world: World,
    task: TaskId,
    gate: PathBuf,
}

impl AtWork {
    /// Waits for [`AtWork::go_on`] and does this then.
    fn then(script: &str) -> Self {
        let forge = Forge::start(ForgeKind::Gitea);
        forge.double.make_private("alice/site");
        let world = World::with_runner(1);
        log_in(&world, &forge);
        let gate = world.shared("go");
        let script = format!("say at work\nwait-file {}\n{script}", gate.display());
        let task: Task = world.json(&["task", "new", "--project", "site", "--prompt", &script]);
        world.until("it has begun", || world.has_said(task.id, "at work").then_some(()));
        assert_eq!(forge.double.logins(), 1, "the run has the first token");
        Self { forge, world, task: task.id, gate }
    }

    fn go_on(&self) {
        std::fs::write(&self.gate, "").expect("writable");
    }
}

#[test]
fn a_run_whose_token_ended_while_it_worked_becomes_a_pull_request() {
    let run = AtWork::then("write a.txt a");
    run.forge.double.end_tokens();
    run.go_on();
    let task = run.world.until_state(run.task, "in_review");
    assert_eq!(run.forge.double.logins(), 2, "it was renewed when the push was permitted");
    assert_eq!(run.forge.double.pulls("alice/site").len(), 1);
    let bare = run.forge.double.bare("alice/site");
    assert!(run.world.file_in(bare.path(), &task.branch, "a.txt").is_some());
}

#[test]
fn a_daemon_and_a_hub_that_were_killed_permit_with_a_new_login_too() {
    let mut run = AtWork::then("write a.txt a");
    run.forge.double.end_tokens();
    run.world.kill_runner();
    run.world.kill_hub();
    run.go_on();
    run.world.start_hub();
    run.world.start_runner();
    run.world.until_state(run.task, "in_review");
    assert_eq!(run.forge.double.pulls("alice/site").len(), 1);
}

#[test]
fn an_agent_fetches_with_the_token_that_its_login_was_renewed_to() {
    let asks = "git ls-remote origin refs/heads/main > heads.txt && test -s heads.txt";
    let tries =
        format!("run for try in 1 2 3 4 5 6 7 8 9; do {asks} && exit; sleep 1; done; exit 1");
    let run = AtWork::then(&tries);
    run.forge.double.end_tokens();
    // Somebody else finds out that it has ended.
    run.world.pilot(&["issue", "list", "site"]).ok();
    run.go_on();
    let task = run.world.until_state(run.task, "in_review");
    let bare = run.forge.double.bare("alice/site");
    let heads = run.world.file_in(bare.path(), &task.branch, "heads.txt").expect("it was asked");
    assert!(heads.contains("refs/heads/main"), "{heads}");
}

#[test]
fn a_login_that_is_over_at_the_push_is_said_and_the_work_is_kept() {
    let run = AtWork::then("write a.txt a");
    run.forge.double.forget_logins();
    run.forge.double.end_tokens();
    run.go_on();
    let task = run.world.until_state(run.task, "failed");
    let TaskState::Failed { problem } = &task.state else { panic!("{task:#?}") };
    assert_eq!(problem.code, Code::RepositoryRefused, "{problem:?}");
    let id = run.task.to_string();
    let bundle = run.world.path("work.bundle");
    run.world.pilot(&["task", "rescue", &id, "-o", &bundle.to_string_lossy()]).ok();
    assert!(bundle.is_file(), "the work is kept");

    log_in(&run.world, &run.forge);
    run.world.pilot(&["task", "resume", &id, "write b.txt b"]).ok();
    let task = run.world.until_state(run.task, "in_review");
    let bare = run.forge.double.bare("alice/site");
    assert!(run.world.file_in(bare.path(), &task.branch, "a.txt").is_some(), "it goes on");
}
