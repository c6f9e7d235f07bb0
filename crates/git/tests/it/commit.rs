//! Turning a tree's work into commits.

use crate::place::{Place, author, commit, write};
use pilot_testkit::repo::git;

#[tokio::test]
async fn everything_that_is_not_ignored_is_committed_on_top_of_the_agents_own_commits() {
    let place = Place::new();
    let repo = place.world.demo("demo.git");
    let (tree, done) = place.tree(&repo.url(), "tree").await;
    let base = done.base_commit.as_str();
    write(&tree, "committed", "by the agent");
    let theirs = commit(&tree, "the agent's");
    write(&tree, ".gitignore", "*.log\n");
    write(&tree, "staged", "s");
    git(&tree, &["add", "staged"]);
    write(&tree, "README.md", "unstaged");
    write(&tree, "untracked/deep", "u");
    write(&tree, "noise.log", "ignored");
    let message = "The task\n\nCloses #1\n";
    let tip = place.git.commit_all(&tree, &author(), message, base).await;
    let tip = tip.expect("it works").expect("there is something");
    assert_eq!(git(&tree, &["rev-parse", "HEAD~1"]), theirs);
    assert_eq!(
        git(&tree, &["log", "-1", "--format=%an <%ae>%n%B"]),
        format!("Pilot Test <pilot@example.org>\n{}", message.trim_end())
    );
    assert_eq!(git(&tree, &["branch", "--show-current"]), "pilot/task");
    assert_eq!(git(&tree, &["status", "--porcelain"]), "", "nothing is left, and the index knows");
    let files = git(&tree, &["ls-tree", "-r", "--name-only", &tip]);
    assert_eq!(
        files.lines().collect::<Vec<_>>(),
        [".gitignore", "README.md", "committed", "staged", "untracked/deep"]
    );
    let again = place.git.commit_all(&tree, &author(), "again", base).await.expect("it works");
    assert_eq!(again, Some(tip), "with nothing new the tip stays");
    assert!(place.git.changed(&tree, base).await.expect("it can be asked"));
    place.assert_scratch_is_empty();
}

#[tokio::test]
async fn a_tree_that_is_as_it_was_has_nothing_to_commit() {
    let place = Place::new();
    let repo = place.world.demo("demo.git");
    let (tree, done) = place.tree(&repo.url(), "tree").await;
    let base = done.base_commit.as_str();
    let nothing = async || {
        let none = place.git.commit_all(&tree, &author(), "m", base).await.expect("it works");
        none.is_none() && !place.git.changed(&tree, base).await.expect("it can be asked")
    };
    assert!(nothing().await, "a fresh tree");
    write(&tree, "x", "x");
    commit(&tree, "there");
    std::fs::remove_file(tree.join("x")).expect("it is there");
    assert!(nothing().await, "there and back again is no change");
    commit(&tree, "and back");
    assert!(nothing().await, "also when both were committed");
}

#[tokio::test]
async fn a_tree_that_an_agent_left_in_a_mess_is_still_committed() {
    let place = Place::new();
    let repo = place.world.demo("demo.git");
    let (tree, done) = place.tree(&repo.url(), "tree").await;
    write(&tree, "work", "w");
    // Killed in the middle of a command; and a nested repository without a commit.
    std::fs::write(tree.join(".git/index.lock"), "").expect("it can be written");
    std::fs::write(tree.join(".git/index"), "nonsense").expect("it can be written");
    std::fs::create_dir(tree.join("nested")).expect("it is new");
    git(&tree.join("nested"), &["init", "--quiet"]);
    git(&tree, &["config", "core.worktree", "/"]);
    std::fs::write(tree.join("pipe-like"), "p").expect("it can be written");
    let tip = place.git.commit_all(&tree, &author(), "m", &done.base_commit).await;
    let tip = tip.expect("it works").expect("there is something");
    git(&tree, &["config", "--unset", "core.worktree"]);
    let files = git(&tree, &["ls-tree", "-r", "--name-only", &tip]);
    assert_eq!(files.lines().collect::<Vec<_>>(), ["README.md", "pipe-like", "work"]);
    assert_eq!(place.git.head(&tree).await.expect("it is there"), tip);
}

#[tokio::test]
async fn a_detached_head_moves_itself() {
    let place = Place::new();
    let repo = place.world.demo("demo.git");
    let (tree, done) = place.tree(&repo.url(), "tree").await;
    git(&tree, &["checkout", "--quiet", "--detach"]);
    write(&tree, "x", "x");
    let tip = place.git.commit_all(&tree, &author(), "m", &done.base_commit).await;
    assert_eq!(tip.expect("it works"), Some(git(&tree, &["rev-parse", "HEAD"])));
    assert_eq!(git(&tree, &["rev-parse", "pilot/task"]), done.base_commit);
}

#[tokio::test]
async fn a_tree_without_its_repository_is_an_error_and_no_panic() {
    let place = Place::new();
    let repo = place.world.demo("demo.git");
    let (tree, done) = place.tree(&repo.url(), "tree").await;
    std::fs::remove_dir_all(tree.join(".git")).expect("it is there");
    let error = place.git.changed(&tree, &done.base_commit).await.expect_err("nothing to read");
    assert!(error.to_string().contains("not a git work tree any more"), "{error}");
}
