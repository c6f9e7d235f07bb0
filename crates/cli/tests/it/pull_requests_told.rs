//! What a forge tells of a pull request brings the next look at once; here the
//! hub asks by itself once an hour, which is longer than any test.

use crate::forge::{Forge, add_forge_of};
use crate::world::World;
use pilot_proto::{ForgeKind, Task, TaskId};
use pilot_testkit::forge::Delivery;

const SITE: &str = "alice/site";

fn with_hook(kind: ForgeKind) -> (World, Forge) {
    let mut world = World::bare();
    world.set_hub_options(&["--poll-secs", "3600"]);
    world.start_hub();
    world.start_runner();
    let forge = add_forge_of(&world, kind, "scripted");
    let automatic = ["project", "pull-requests", "site", "--feedback", "automatic"];
    world.pilot(&automatic).ok();
    let said = world.pilot(&["project", "trigger", "site", "--webhook"]).ok();
    assert!(said.contains("its pull requests are looked at when the forge says"), "{said}");
    assert_eq!(forge.gitea.hook_urls(SITE).len(), 1, "also where no issue starts anything");
    (world, forge)
}

/// In review after so many runs: its number.
fn in_review(world: &World, id: TaskId, attempts: u32) -> u64 {
    let task = world.until(&format!("run {attempts} is in review"), || {
        let task = world.task(id);
        (task.attempts == attempts && task.state.name() == "in_review").then_some(task)
    });
    task.pull_request.expect("it has one").number
}

fn signed_otherwise(delivery: &Delivery) -> Delivery {
    let mut other = delivery.clone();
    for (name, value) in &mut other.headers {
        if name.to_ascii_lowercase().contains("signature") || name.ends_with("Token") {
            *value = "0".repeat(value.len());
        }
    }
    other
}

fn check(kind: ForgeKind) {
    let (world, forge) = with_hook(kind);
    let gitea = &forge.gitea;
    let new = ["task", "new", "--project", "site", "--prompt", "write a.txt a"];
    let task: Task = world.json(&new);
    let pull = in_review(&world, task.id, 1);
    // The one look that follows on a push is over, and nothing was said by then.
    world.until("its checks were looked at", || {
        let requests = gitea.requests();
        let (looks, quiet) = (requests.len(), std::time::Duration::from_secs(6));
        std::thread::sleep(quiet);
        (gitea.requests().len() == looks).then_some(())
    });

    gitea.say(SITE, pull, "alice", "write b.txt b");
    let told = gitea.tell_of_pull(SITE, pull);
    assert_eq!(in_review(&world, task.id, 2), pull, "{kind}: the same pull request");
    assert_eq!(told[0].post(), 202, "the same once more");
    assert_eq!(signed_otherwise(&told[0]).post(), 401);
    let foreign = gitea.tell_of_pull(SITE, pull + 100);
    assert_eq!(foreign[0].post(), 202, "another's pull request is nobody's");

    gitea.merge_pull(SITE, pull);
    gitea.tell_of_pull(SITE, pull);
    world.until_state(task.id, "merged");
    assert_eq!(world.task(task.id).attempts, 2);
}

#[test]
fn what_gitea_tells_of_a_pull_request_brings_a_look() {
    check(ForgeKind::Gitea);
}

#[test]
fn what_github_tells_of_a_pull_request_brings_a_look() {
    check(ForgeKind::GitHub);
}

#[test]
fn what_gitlab_tells_of_a_merge_request_brings_a_look() {
    check(ForgeKind::GitLab);
}
