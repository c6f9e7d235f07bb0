//! Publishing with everything that may go wrong under way: the hub killed at
//! each step, and a forge that changes its mind.

use crate::forge::{Forge, add_forge};
use crate::world::World;
use pilot_proto::{Event, Task, TaskId};
use pilot_testkit::forge::StopAt;

const SITE: &str = "alice/site";
/// More requests than a publication has: the test ends where none is stopped.
const MOST: u32 = 80;

fn file(world: &World, words: &[&str]) -> TaskId {
    let task: Task = world.json(&[&["task", "new", "--project", "site"], words].concat());
    task.id
}

/// A task whose work is done and waits for a word.
fn ready(world: &World, forge: &Forge, name: &str) -> (Task, u64) {
    let issue = forge.gitea.issue(SITE, name);
    let prompt = format!("write {name}.txt {name}");
    let issue_word = issue.to_string();
    let id = file(world, &["--hold", "--prompt", &prompt, "--issue", &issue_word]);
    (world.until_state(id, "ready"), issue)
}

/// Exactly one branch, one pull request, one comment; all of it is there.
fn assert_once(forge: &Forge, task: &Task, issue: u64, when: &str) {
    let branches = forge.gitea.bare(SITE).branches();
    let ours: Vec<_> = branches.iter().filter(|one| **one == task.branch).collect();
    assert_eq!(ours.len(), 1, "{when}: one branch of {branches:?}");
    let pulls = forge.gitea.pulls(SITE);
    let ours: Vec<_> = pulls.iter().filter(|pull| pull.head == task.branch).collect();
    assert_eq!(ours.len(), 1, "{when}: one pull request of {pulls:#?}");
    let comments = forge.gitea.comments(SITE, issue);
    assert_eq!(comments.len(), 1, "{when}: one comment: {comments:#?}");
    let [_, labels, _] = forge.gitea.asked_of(SITE, ours[0].number);
    assert_eq!(labels, ["agent"], "{when}: its label");
}

/// Kills the hub while the request after `nth` others stands still; false if
/// the publication has not so many.
fn killed_at(world: &mut World, forge: &Forge, nth: u32, at: StopAt) -> bool {
    let when = format!("killed at request {nth}, {at:?}");
    let (task, issue) = ready(world, forge, &format!("f{nth}{at:?}").to_lowercase());
    // No look at an earlier one's pull request comes in between.
    forge.gitea.stop_at(nth, at);
    world.pilot(&["task", "publish", &task.id.to_string()]).ok();
    let stopped = world.until("it stands still or is through", || {
        let through = world.task(task.id).state.name() == "in_review";
        (forge.gitea.is_stopped() || through).then(|| forge.gitea.is_stopped())
    });
    if stopped {
        world.kill_hub();
        forge.gitea.go_on();
        world.start_hub();
    }
    forge.gitea.go_on();
    world.until_state(task.id, "in_review");
    assert_once(forge, &task, issue, &when);
    // Out of the way of the next one's count.
    let pull = world.task(task.id).pull_request.expect("it has one").number;
    forge.gitea.close_pull(SITE, pull);
    world.until_state(task.id, "closed");
    stopped
}

#[test]
fn a_hub_killed_at_every_step_of_publishing_makes_one_branch_one_pull_request_and_one_comment() {
    let mut world = World::with_runner(1);
    let forge = add_forge(&world, "scripted");
    forge.gitea.label(SITE, "agent");
    let words = ["project", "pull-requests", "site", "--label", "agent", "--feedback", "off"];
    world.pilot(&words).ok();
    let mut steps = 0;
    for nth in 0..MOST {
        let before = killed_at(&mut world, &forge, nth, StopAt::Before);
        let after = killed_at(&mut world, &forge, nth, StopAt::After);
        if !before && !after {
            break;
        }
        steps = nth + 1;
    }
    assert!((8..MOST).contains(&steps), "git and the API were both stopped: {steps}");
}

/// A task that has ended, however it did.
fn ended(world: &World, id: TaskId) -> Task {
    world.until("it ends", || Some(world.task(id)).filter(|task| task.state.is_end()))
}

fn problem(task: &Task) -> String {
    serde_json::to_string(&task.state).expect("JSON")
}

fn with_forge() -> (World, Forge) {
    let world = World::with_runner(1);
    let forge = add_forge(&world, "scripted");
    (world, forge)
}

#[test]
fn a_token_that_expires_in_the_middle_is_named_and_a_new_one_publishes_without_another_run() {
    let (world, forge) = with_forge();
    let (task, issue) = ready(&world, &forge, "a");
    // The push is through when the forge is first asked by the hub.
    forge.gitea.fault(pilot_testkit::forge::Fault::answer(1, 401, &[]).saying("token expired"));
    world.pilot(&["task", "publish", &task.id.to_string()]).ok();
    let failed = ended(&world, task.id);
    let text = problem(&failed);
    assert!(text.contains("forge_refused") && text.contains("task publish"), "{text}");
    assert!(text.contains(&task.branch), "what is kept is named: {text}");

    let token = forge.gitea.token("alice", forge.gitea.scopes());
    let add = ["forge", "add", "home", "--kind", "gitea", "--token-stdin", "--url"];
    let url = forge.gitea.url();
    world.pilot_with_input(&[&add[..], &[&url]].concat(), &format!("{token}\n")).ok();
    world.pilot(&["task", "publish", &task.id.to_string()]).ok();
    let task = world.until("it is in review", || {
        Some(world.task(task.id)).filter(|task| task.state.name() == "in_review")
    });
    assert_eq!(task.attempts, 1, "nobody worked a second time");
    assert_eq!(forge.gitea.comments(SITE, issue).len(), 1);
}

#[test]
fn a_repository_that_was_archived_by_the_time_of_the_push_is_said_and_the_work_is_kept() {
    let (world, forge) = with_forge();
    let (task, _) = ready(&world, &forge, "a");
    forge.gitea.archive(SITE);
    world.pilot(&["task", "publish", &task.id.to_string()]).ok();
    let failed = ended(&world, task.id);
    let text = problem(&failed);
    assert!(text.contains("archived"), "{text}");
    let bundle = world.path("work.bundle");
    world.pilot(&["task", "rescue", &task.id.to_string(), "-o", &bundle.to_string_lossy()]).ok();
    assert!(forge.gitea.pulls(SITE).is_empty());
}

#[test]
fn a_branch_deleted_by_hand_is_made_again_by_the_next_turn() {
    let (world, forge) = with_forge();
    let id = file(&world, &["--prompt", "write a.txt a"]);
    let task = world.until_state(id, "in_review");
    forge.gitea.delete_branch(SITE, &task.branch);
    world.pilot(&["task", "say", &id.to_string(), "write b.txt b"]).ok();
    let task = world.until("the second run is published", || {
        Some(world.task(id)).filter(|task| task.attempts == 2 && task.state.name() == "in_review")
    });
    let bare = forge.gitea.bare(SITE);
    assert!(world.file_in(bare.path(), &task.branch, "b.txt").is_some());
    assert_eq!(forge.gitea.pulls(SITE).len(), 1);
}

#[test]
fn a_base_that_was_replaced_is_a_conflict_that_a_person_is_asked_about() {
    let (world, forge) = with_forge();
    let id = file(&world, &["--prompt", "write README.md ours"]);
    world.until_state(id, "in_review");
    let bare = forge.gitea.bare(SITE);
    // Somebody pushes another history over the base.
    let tree = bare.git(&["rev-parse", "main^{tree}"]);
    let root = bare.git(&["commit-tree", &tree, "-m", "another beginning"]);
    bare.set_branch("main", &root);
    forge.gitea.commit(SITE, "main", "README.md", "theirs\n");
    let item = world.until("a person is asked", || {
        let items: Vec<pilot_proto::InboxItem> = world.json(&["inbox"]);
        items.into_iter().find(|item| item.task == id)
    });
    let text = serde_json::to_string(&item).expect("JSON");
    assert!(text.contains("conflicts with") && text.contains("main"), "{text}");
    let events = world.events(id);
    let began = events.iter().any(|event| matches!(event, Event::TurnStarted { .. }));
    assert!(!began, "the last run only looked whether it could be put right without an agent");
}

#[test]
fn an_issue_that_was_deleted_takes_no_pull_request_along() {
    let (world, forge) = with_forge();
    let (task, issue) = ready(&world, &forge, "a");
    forge.gitea.delete_issue(SITE, issue);
    world.pilot(&["task", "publish", &task.id.to_string()]).ok();
    world.until_state(task.id, "in_review");
    assert_eq!(forge.gitea.pulls(SITE).len(), 1);
}
