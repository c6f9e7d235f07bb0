//! A base that moves while a pull request is open: the branch is put on top of
//! it, and an agent has a turn only where that is not clean.

use crate::forge::add_forge_of;
use crate::tunnels::owner;
use crate::world::World;
use pilot_client::Client;
use pilot_proto::console::{JournalQuery, TaskJournal};
use pilot_proto::{Event, ForgeKind, InboxItem, RunId, Task, TaskId};
use tokio::runtime::Runtime;

const SITE: &str = "alice/site";

fn file(world: &World, prompt: &str) -> Task {
    let task: Task = world.json(&["task", "new", "--project", "site", "--prompt", prompt]);
    world.until_state(task.id, "in_review")
}

/// Ten lines, of which these say something else.
fn lines(changed: &[(usize, &str)]) -> String {
    let line = |number: usize| {
        let other = changed.iter().find(|(at, _)| *at == number);
        other.map_or_else(|| format!("line {number}\n"), |(_, text)| format!("{text}\n"))
    };
    (1..=10).map(line).collect()
}

fn after_runs(world: &World, id: TaskId, runs: u32) -> Task {
    world.until("a run has seen to it", || {
        let task = world.task(id);
        assert!(!task.state.is_end(), "{task:#?}\n{}", world.logs());
        (task.attempts == runs && task.state.name() == "in_review").then_some(task)
    })
}

async fn events_of(hub: &Client, task: TaskId, run: RunId) -> Vec<Event> {
    let query =
        JournalQuery { task, run: Some(run), after: None, before: None, part: None, limit: None };
    let page = hub.call::<TaskJournal>(query).await.expect("it is read");
    page.records.into_iter().map(|record| record.event).collect()
}

fn had_a_turn(events: &[Event]) -> bool {
    events.iter().any(|event| matches!(event, Event::TurnStarted { .. }))
}

#[test]
fn a_branch_is_put_on_top_of_a_base_that_moved_without_a_turn_and_stays_signed() {
    let world = World::with_runner(1);
    let forge = add_forge_of(&world, ForgeKind::GitLab, "scripted");
    forge.gitea.fast_forward_only(SITE);
    forge.gitea.commit(SITE, "main", "lines.txt", &lines(&[]));
    let key = world.path("key").to_string_lossy().into_owned();
    World::run("ssh-keygen", &["-q", "-t", "ed25519", "-N", "", "-C", "robo", "-f", &key]);
    world.pilot(&["secret", "set", "signing", "--from-file", &key]).ok();
    let policy = ["project", "pull-requests", "site", "--signing-key", "signing"];
    world.pilot(&[&policy[..], &["--feedback", "automatic"]].concat()).ok();
    let task = file(&world, "run sed -i 's/line 3/ours/' lines.txt\nsay I changed a line");

    let moved = forge.gitea.commit(SITE, "main", "lines.txt", &lines(&[(7, "theirs")]));
    let rebased = after_runs(&world, task.id, 2);
    let bare = forge.gitea.bare(SITE);
    let head = bare.head(&task.branch).expect("it is there");
    assert_eq!(bare.git(&["rev-parse", &format!("{head}^")]), moved, "one commit on the new base");
    assert_eq!(rebased.pushed.as_deref(), Some(head.as_str()));
    let there = world.file_in(bare.path(), &task.branch, "lines.txt").expect("it is there");
    assert_eq!(there, lines(&[(3, "ours"), (7, "theirs")]));
    let commit = bare.git(&["cat-file", "commit", &head]);
    assert!(commit.contains("-----BEGIN SSH SIGNATURE-----"), "{commit}");

    let events = world.events(task.id);
    assert!(!had_a_turn(&events), "no agent was started: {events:#?}");
    let told = events.iter().any(|event| {
        matches!(event, Event::Rebased { base, onto, .. } if base == "main" && *onto == moved)
    });
    assert!(told, "{events:#?}");
    let pushes = events.iter().filter(|event| matches!(event, Event::Pushed { .. })).count();
    assert_eq!(pushes, 1);
    let pulls = forge.gitea.pulls(SITE);
    assert_eq!(pulls.len(), 1, "the same pull request: {pulls:#?}");
    assert!(pulls[0].body.contains("I changed a line"), "what was said still holds: {pulls:#?}");
    assert_eq!(world.json::<Vec<InboxItem>>(&["inbox"]), [], "nobody is asked");
    let files = world.task(task.id).diff.files;
    assert_eq!(files, 1, "the task's change is measured against where the base is now");

    // And what is said later goes on from there.
    world.pilot(&["task", "say", &task.id.to_string(), "write b.txt b"]).ok();
    let task = after_runs(&world, task.id, 3);
    assert!(world.file_in(bare.path(), &task.branch, "b.txt").is_some());
    forge.gitea.merge_pull(SITE, pulls[0].number);
    world.until_state(task.id, "merged");
}

#[test]
fn a_base_that_moved_into_a_conflict_is_a_turn_as_ever() {
    let world = World::with_runner(1);
    let forge = add_forge_of(&world, ForgeKind::Gitea, "scripted");
    forge.gitea.commit(SITE, "main", "lines.txt", &lines(&[]));
    world.pilot(&["project", "pull-requests", "site", "--feedback", "automatic"]).ok();
    let task = file(&world, "run sed -i 's/line 3/ours/' lines.txt");
    forge.gitea.commit(SITE, "main", "lines.txt", &lines(&[(3, "theirs")]));
    // The second run finds that it is not clean, the third is the agent's; soon
    // after there may be a fourth, which looks at what that one pushed.
    let (runtime, hub) = (Runtime::new().expect("threads"), owner(&world));
    let prompt = world.until("an agent has a turn", || {
        let third = world.detail(task.id).runs.get(2)?.id;
        let events = runtime.block_on(events_of(&hub, task.id, third));
        events.into_iter().find_map(|event| match event {
            Event::TurnStarted { prompt, .. } => Some(prompt),
            _ => None,
        })
    });
    assert!(prompt.contains("conflicts with its base"), "{prompt}");
    // That turn may have been pushed by now, on top of what the first run pushed;
    // a branch that was rebased would not have that.
    let pushed = task.pushed.expect("it is in review");
    let bare = forge.gitea.bare(SITE);
    assert_eq!(bare.git(&["merge-base", &pushed, &task.branch]), pushed, "nothing was rebased");
}
