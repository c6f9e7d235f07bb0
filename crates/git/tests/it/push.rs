//! Publishing branches.

use crate::place::{Place, author, commit, grant, write};
use pilot_git::{GitError, Push, Pushed};
use pilot_proto::code::Code;
use pilot_testkit::git_http::GitHttp;
use pilot_testkit::repo::{BareRepo, Entry, git};
use std::path::PathBuf;

struct Published {
    place: Place,
    server: GitHttp,
    repo: BareRepo,
    url: String,
    tree: PathBuf,
    base: String,
}

impl Published {
    async fn new() -> Self {
        let place = Place::new();
        let repo = place.world.demo("demo.git");
        let server = GitHttp::start(place.world.root()).await.with_token("s3cret");
        let url = server.url("demo.git");
        let tree = place.path("tree");
        let base = place
            .try_tree(&url, Some("main"), &tree, Some(&grant("s3cret")))
            .await
            .expect("the checkout works")
            .base_commit;
        Self { place, server, repo, url, tree, base }
    }

    async fn work(&self, path: &str, contents: &str) -> String {
        write(&self.tree, path, contents);
        let git = &self.place.git;
        let tip = git.commit_all(&self.tree, &author(), path, &self.base).await;
        tip.expect("the commit works").expect("there is a change")
    }

    async fn push(&self, commit: &str, expected: Option<&str>) -> Result<Pushed, GitError> {
        let grant = grant("s3cret");
        let push = Push {
            tree: &self.tree,
            repo: &self.url,
            branch: "pilot/task",
            commit,
            expected,
            grant: Some(&grant),
            signing_key: None,
        };
        self.place.git.push(&push).await
    }

    /// Somebody pushes to our branch.
    fn somebody(&self, path: &str, contents: &str) -> String {
        self.repo.commit("pilot/task", "somebody's", &[(path, Entry::file(contents))])
    }

    fn there(&self) -> Option<String> {
        self.repo.head("pilot/task")
    }
}

fn rejected(result: Result<Pushed, GitError>) -> String {
    let problem = result.expect_err("it must not be taken").problem();
    assert_eq!(problem.code, Code::PushRejected, "{problem:?}");
    assert!(!problem.hint.is_empty(), "a person must know what to do");
    problem.message
}

#[tokio::test]
async fn a_branch_is_pushed_pushed_again_and_replaced_where_it_is_ours() {
    let world = Published::new().await;
    let first = world.work("one", "1").await;
    let pushed = world.push(&first, None).await.expect("it is taken");
    assert_eq!(pushed, Pushed { commit: first.clone(), rebased: false });
    assert_eq!(world.there(), Some(first.clone()));
    let again = world.push(&first, None).await.expect("the same again is success");
    assert_eq!(again.commit, first);
    let second = world.work("two", "2").await;
    world.push(&second, Some(&first)).await.expect("it is taken");
    // A retry starts from the base again: it replaces what we pushed, nothing else.
    git(&world.tree, &["reset", "--quiet", "--hard", &world.base]);
    let third = world.work("three", "3").await;
    world.push(&third, Some(&second)).await.expect("it replaces our own");
    assert_eq!(world.there(), Some(third.clone()));
    world.push(&third, Some(&first)).await.expect("there already, whatever was expected");
    world.place.assert_scratch_is_empty();
}

#[tokio::test]
async fn a_branch_that_somebody_else_made_is_not_touched() {
    let world = Published::new().await;
    let theirs = world.somebody("x", "x");
    let ours = world.work("one", "1").await;
    let message = rejected(world.push(&ours, None).await);
    assert!(message.contains("we did not make it"), "{message}");
    assert_eq!(world.there(), Some(theirs));
}

#[tokio::test]
async fn our_new_commits_go_on_top_of_somebodys() {
    let world = Published::new().await;
    let first = world.work("one", "1").await;
    world.push(&first, None).await.expect("it is taken");
    let theirs = world.somebody("review.txt", "fixed by hand");
    write(&world.tree, "two", "2");
    commit(&world.tree, "the agent's own");
    let ours = world.work("three", "3").await;
    let pushed = world.push(&ours, Some(&first)).await.expect("it is put on top");
    assert!(pushed.rebased, "{pushed:?}");
    assert_eq!(world.there(), Some(pushed.commit.clone()));
    assert_eq!(
        world.repo.subjects("pilot/task"),
        ["three", "the agent's own", "somebody's", "one", "first"]
    );
    assert_eq!(world.repo.git(&["rev-parse", "pilot/task~2"]), theirs);
    // The tree went along, so that the next turn builds on it.
    assert_eq!(world.place.git.head(&world.tree).await.expect("HEAD"), pushed.commit);
    assert_eq!(git(&world.tree, &["status", "--porcelain"]), "");
    assert_eq!(std::fs::read(world.tree.join("review.txt")).expect("it came"), b"fixed by hand");
    let next = world.work("four", "4").await;
    let last = world.push(&next, Some(&pushed.commit)).await.expect("it is taken");
    assert!(!last.rebased, "nobody moved it meanwhile");
}

#[tokio::test]
async fn commits_that_conflict_with_somebodys_are_rejected_and_kept() {
    let world = Published::new().await;
    let first = world.work("one", "1\n").await;
    world.push(&first, None).await.expect("it is taken");
    let theirs = world.somebody("one", "theirs\n");
    let ours = world.work("one", "ours\n").await;
    let message = rejected(world.push(&ours, Some(&first)).await);
    assert!(message.contains("conflicts"), "{message}");
    assert_eq!(world.there(), Some(theirs));
    assert_eq!(world.place.git.head(&world.tree).await.expect("HEAD"), ours);
    assert_eq!(std::fs::read(world.tree.join("one")).expect("it is there"), b"ours\n");
}

#[tokio::test]
async fn a_branch_that_was_replaced_is_not_touched() {
    let world = Published::new().await;
    let first = world.work("one", "1").await;
    world.push(&first, None).await.expect("it is taken");
    world.repo.delete_branch("pilot/task");
    let theirs = world.somebody("x", "x");
    let second = world.work("two", "2").await;
    let message = rejected(world.push(&second, Some(&first)).await);
    assert!(message.contains("was replaced"), "{message}");
    assert_eq!(world.there(), Some(theirs));
}

#[tokio::test]
async fn a_branch_that_was_removed_is_made_again() {
    let world = Published::new().await;
    let first = world.work("one", "1").await;
    world.push(&first, None).await.expect("it is taken");
    world.repo.delete_branch("pilot/task");
    let second = world.work("two", "2").await;
    world.push(&second, Some(&first)).await.expect("there is nothing to overwrite");
    assert_eq!(world.there(), Some(second));
}

#[tokio::test]
async fn a_refusal_of_the_remote_is_told_in_its_words() {
    let world = Published::new().await;
    let ours = world.work("one", "1").await;
    world.repo.decline_pushes("branches need a ticket");
    let message = rejected(world.push(&ours, None).await);
    assert!(message.contains("branches need a ticket"), "{message}");
    world.repo.accept_pushes();
    world.server.forbid_pushes(Some("read-only token"));
    let problem = world.push(&ours, None).await.expect_err("it is forbidden").problem();
    assert_eq!(problem.code, Code::RepositoryRefused, "{problem:?}");
    world.server.forbid_pushes(None);
    world.push(&ours, None).await.expect("it is taken");
}

#[tokio::test]
async fn a_tree_cannot_send_the_push_elsewhere() {
    let world = Published::new().await;
    let ours = world.work("one", "1").await;
    let trap = GitHttp::start(world.place.world.root()).await;
    let instead = format!("url.{}.insteadOf", trap.url(""));
    git(&world.tree, &["config", &instead, &format!("http://{}/", world.server.addr())]);
    git(&world.tree, &["config", "http.proxy", &format!("http://{}", trap.addr())]);
    git(&world.tree, &["config", "remote.origin.pushurl", &trap.url("demo.git")]);
    world.push(&ours, None).await.expect("it is taken");
    assert!(trap.requests().is_empty(), "the credential must not go where the agent says");
}

#[tokio::test]
async fn a_missing_branch_reads_back_as_none() {
    let world = Published::new().await;
    let ask = async |branch: &str| {
        let grant = grant("s3cret");
        world.place.git.remote_head(&world.url, branch, Some(&grant)).await.expect("it answers")
    };
    assert_eq!(ask("main").await, Some(world.base.clone()));
    assert_eq!(ask("ain").await, None);
    assert_eq!(ask("nope").await, None);
}
