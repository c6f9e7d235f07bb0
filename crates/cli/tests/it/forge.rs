//! From a prompt to a pull request on a Gitea, private and with a token.

use crate::world::World;
use pilot_proto::{ForgeKind, Snapshot, Task, TaskId, TaskState};
use pilot_testkit::forge::{ForgeDouble, GiteaDouble};
use tokio::runtime::Runtime;

pub(crate) struct Forge {
    pub(crate) gitea: GiteaDouble,
    pub(crate) token: String,
    _runtime: Runtime,
}

fn with_forge() -> (World, Forge) {
    let world = World::with_runner(2);
    let forge = add_forge(&world, "scripted");
    (world, forge)
}

/// A Gitea that the hub knows as `home`, with the project `site` on it.
pub(crate) fn add_forge(world: &World, agent: &str) -> Forge {
    add_forge_of(world, ForgeKind::Gitea, agent)
}

/// The same of another kind.
pub(crate) fn add_forge_of(world: &World, kind: ForgeKind, agent: &str) -> Forge {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime for the forge");
    let gitea = runtime.block_on(ForgeDouble::start_as(kind, "/git"));
    let token = gitea.token("alice", gitea.scopes());
    gitea.repository("alice/site");
    gitea.make_private("alice/site");
    let kind_word = match kind {
        ForgeKind::Gitea => "gitea",
        ForgeKind::Forgejo => "forgejo",
        ForgeKind::GitHub => "github",
        ForgeKind::GitLab => "gitlab",
    };
    let add = ["forge", "add", "home", "--kind", kind_word, "--token-stdin", "--url"];
    world.pilot_with_input(&[&add[..], &[&gitea.url()]].concat(), &format!("{token}\n")).ok();
    let url = gitea.clone_url("alice/site");
    let add = ["project", "add", "site", "--forge", "home", "--agent", agent, "--repo"];
    world.pilot(&[&add[..], &[&url]].concat()).ok();
    Forge { gitea, token, _runtime: runtime }
}

fn file(world: &World, script: &str, more: &[&str]) -> TaskId {
    let new = ["task", "new", "--project", "site", "--prompt", script];
    let task: Task = world.json(&[&new[..], more].concat());
    task.id
}

#[test]
fn a_task_ends_as_a_pull_request_that_closes_its_issue_when_merged() {
    let (world, forge) = with_forge();
    let issue = forge.gitea.issue("alice/site", "The footer has a typo");
    let id = file(
        &world,
        "write footer.txt fixed\nsay I fixed the footer",
        &["--issue", &issue.to_string(), "--title", "Fix the footer"],
    );
    let task = world.until_state(id, "in_review");
    let TaskState::InReview { pull_request } = &task.state else { panic!("{task:#?}") };
    let pulls = forge.gitea.pulls("alice/site");
    assert_eq!(pulls.len(), 1, "one pull request: {pulls:#?}");
    let pull = &pulls[0];
    assert_eq!(pull.number, pull_request.number);
    assert!(pull.title.contains("Fix the footer"), "{pull:#?}");
    assert!(pull.body.contains(&format!("Closes #{issue}")), "{pull:#?}");
    assert!(pull.body.contains("I fixed the footer"), "{pull:#?}");
    assert!(pull.body.contains(&id.to_string()), "a link to the task: {pull:#?}");
    let footer = world.file_in(forge.gitea.bare("alice/site").path(), &task.branch, "footer.txt");
    assert_eq!(footer.as_deref().map(str::trim), Some("fixed"));

    forge.gitea.merge_pull("alice/site", pull.number);
    world.until_state(id, "merged");
    assert_eq!(forge.gitea.issue_state("alice/site", issue), "closed");
    no_token_anywhere(&world, &forge);
}

#[test]
fn a_secret_in_a_title_is_in_no_pull_request_and_in_no_commit() {
    let (world, forge) = with_forge();
    let value = "s3cr3t-in-a-title-0123";
    world.pilot_with_input(&["secret", "set", "npm", "--stdin"], value).ok();
    let title = format!("Use {value} from now on");
    let id = file(&world, "write a.txt a", &["--title", &title]);
    let task = world.until_state(id, "in_review");
    let pulls = forge.gitea.pulls("alice/site");
    assert_eq!(pulls[0].title, "Use [redacted:npm] from now on");
    assert!(!format!("{pulls:?}").contains(value), "{pulls:#?}");
    let bare = forge.gitea.bare("alice/site");
    let log = world.git(bare.path(), &["log", "--format=%B", &task.branch]).ok();
    assert!(log.contains("[redacted:npm]") && !log.contains(value), "{log}");
}

#[test]
fn a_follow_up_in_review_updates_the_same_pull_request() {
    let (world, forge) = with_forge();
    let id = file(&world, "write a.txt a", &[]);
    let before = world.until_state(id, "in_review");
    world.pilot(&["task", "say", &id.to_string(), "write b.txt b"]).ok();
    world.until("the second run has pushed", || {
        let task = world.task(id);
        (task.state.name() == "in_review" && task.pushed != before.pushed).then_some(())
    });
    let pulls = forge.gitea.pulls("alice/site");
    assert_eq!(pulls.len(), 1, "updated, not another: {pulls:#?}");
    let task = world.task(id);
    let bare = forge.gitea.bare("alice/site");
    assert!(world.file_in(bare.path(), &task.branch, "a.txt").is_some());
    assert!(world.file_in(bare.path(), &task.branch, "b.txt").is_some());

    let snapshot: Snapshot = world.json(&["task", "diff", &id.to_string()]);
    let files: Vec<&String> = snapshot.files.keys().collect();
    assert_eq!(files, ["a.txt", "b.txt"], "a reviewer sees the task's whole change");

    forge.gitea.close_pull("alice/site", pulls[0].number);
    world.until_state(id, "closed");
}

#[test]
fn somebody_elses_commit_on_the_branch_is_never_lost() {
    let (world, forge) = with_forge();
    let id = file(&world, "write a.txt a", &[]);
    let task = world.until_state(id, "in_review");
    let theirs = forge.gitea.commit("alice/site", &task.branch, "theirs.txt", "by hand");
    world.pilot(&["task", "say", &id.to_string(), "write b.txt b"]).ok();
    world.until("the second run has ended", || {
        let now = world.task(id);
        let moved = now.pushed != task.pushed && now.state.name() == "in_review";
        (moved || now.state.is_end()).then_some(())
    });
    let bare = forge.gitea.bare("alice/site");
    let log = world.git(bare.path(), &["log", "--format=%H", &task.branch]).ok();
    assert!(log.contains(&theirs), "their commit is still on the branch:\n{log}");
    assert!(world.file_in(bare.path(), &task.branch, "theirs.txt").is_some());
}

#[test]
fn a_forge_that_is_away_for_a_moment_is_tried_again() {
    let (world, forge) = with_forge();
    forge.gitea.fail_next(4, 502, &[]);
    let id = file(&world, "write a.txt a", &[]);
    world.until_state(id, "in_review");
    assert_eq!(forge.gitea.pulls("alice/site").len(), 1);
}

#[test]
fn a_hub_killed_while_publishing_makes_one_pull_request() {
    let (mut world, forge) = with_forge();
    forge.gitea.latency(std::time::Duration::from_millis(300));
    let id = file(&world, "write a.txt a", &[]);
    world.until("it is being published", || {
        let name = world.task(id).state.name();
        (name == "publishing" || name == "in_review").then_some(())
    });
    world.kill_hub();
    world.start_hub();
    world.until_state(id, "in_review");
    assert_eq!(forge.gitea.pulls("alice/site").len(), 1);
}

#[test]
fn a_wrong_token_or_a_missing_scope_is_named_before_anything_runs() {
    let (world, forge) = with_forge();
    let url = forge.gitea.url();
    let add = ["forge", "add", "other", "--kind", "gitea", "--token-stdin", "--url", &url];
    let said = world.pilot_with_input(&add, "not-a-token\n");
    assert_eq!(said.code(), 1, "{}", said.out);
    assert!(!said.err.contains("not-a-token"), "credentials are never printed: {}", said.err);
    let narrow = forge.gitea.token("alice", &["write:repository", "read:user"]);
    let said = world.pilot_with_input(&add, &format!("{narrow}\n"));
    assert_eq!(said.code(), 1, "{}", said.out);
    assert!(said.err.contains("issue"), "the missing scope is named: {}", said.err);

    forge.gitea.revoke(&forge.token);
    let id = file(&world, "write a.txt a", &[]);
    let task = world.until("it fails", || {
        let task = world.task(id);
        task.state.is_end().then_some(task)
    });
    let text = serde_json::to_string(&task).expect("JSON");
    assert!(text.contains("repository_refused"), "{text}");
    no_token_anywhere(&world, &forge);
}

/// The token is in the hub's credential file and nowhere else.
fn no_token_anywhere(world: &World, forge: &Forge) {
    let found = world.files_with(&forge.token);
    assert!(found.is_empty(), "the token is in {found:?}");
}
