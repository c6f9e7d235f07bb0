//! Bundles: out of a tree that is about to go, into a fresh one.

use crate::place::{Place, commit, files, write};
use pilot_git::{Checkout, GitError, Looked, TreeState};
use pilot_testkit::repo::{Entry, git};

const REFERENCE: &str = "refs/pilothouse/rescue/0190";

#[tokio::test]
async fn what_a_bundle_holds_is_laid_over_a_fresh_tree() {
    let place = Place::new();
    let repo = place.world.demo("demo.git");
    repo.commit("main", "a file to delete", &[("doomed", Entry::file("d"))]);
    let (tree, done) = place.tree(&repo.url(), "tree").await;
    write(&tree, ".gitignore", "target/\n");
    write(&tree, "one", "1");
    let theirs = commit(&tree, "the agent's");
    write(&tree, "one", "2");
    git(&tree, &["add", "one"]);
    write(&tree, "one", "3");
    write(&tree, "untracked/x", "x");
    write(&tree, "target/huge", "ignored");
    std::fs::remove_file(tree.join("doomed")).expect("it is there");
    let index = git(&tree, &["ls-files", "--stage"]);
    let status = git(&tree, &["status", "--porcelain"]);

    let out = place.path("rescue.bundle");
    let bundle = place.git.bundle(&tree, &done.base_commit, REFERENCE, &out).await;
    let bundle = bundle.expect("it works").expect("there is something to rescue");
    assert_eq!(bundle.reference, REFERENCE);
    assert_eq!(bundle.size, std::fs::metadata(&out).expect("it is there").len());
    assert_eq!(git(&tree, &["ls-files", "--stage"]), index, "what is staged stays staged");
    assert_eq!(git(&tree, &["status", "--porcelain"]), status, "the tree is as it was");
    assert_eq!(git(&tree, &["for-each-ref", "refs/pilothouse"]), "", "no ref is left in it");

    // Meanwhile the base moved on.
    repo.commit("main", "later", &[("later", Entry::file("l"))]);
    let (fresh, _) = place.tree(&repo.url(), "fresh").await;
    let restored = place.git.unbundle(&fresh, &out, REFERENCE).await.expect("it works");
    assert_eq!((restored.head, restored.base_commit), (theirs.clone(), done.base_commit));
    std::fs::remove_dir_all(tree.join("target")).expect("it is there");
    assert_eq!(files(&fresh), files(&tree), "everything but what was ignored");
    assert_eq!(git(&fresh, &["rev-parse", "HEAD"]), theirs);
    assert_eq!(git(&fresh, &["branch", "--show-current"]), "pilot/task");
    let status = git(&fresh, &["status", "--porcelain", "--untracked-files=all"]);
    let mut lines: Vec<_> = status.lines().map(str::trim).collect();
    lines.sort_unstable();
    assert_eq!(lines, ["?? untracked/x", "D doomed", "M one"], "uncommitted again");
    place.assert_scratch_is_empty();
}

#[tokio::test]
async fn only_what_is_nowhere_else_is_bundled() {
    let place = Place::new();
    let repo = place.world.demo("demo.git");
    let (tree, done) = place.tree(&repo.url(), "tree").await;
    let out = place.path("rescue.bundle");
    let bundle = async || {
        place.git.bundle(&tree, &done.base_commit, REFERENCE, &out).await.expect("it works")
    };
    assert_eq!(bundle().await, None, "a fresh tree has nothing");
    write(&tree, "x", "x");
    let only_uncommitted = bundle().await.expect("an untracked file is something");
    let (fresh, _) = place.tree(&repo.url(), "fresh").await;
    let restored = place.git.unbundle(&fresh, &out, REFERENCE).await.expect("it works");
    assert_eq!(restored.head, done.base_commit, "no commit where there was none");
    assert_eq!(git(&fresh, &["status", "--porcelain"]), "?? x");
    let tip = commit(&tree, "committed");
    let only_committed = bundle().await.expect("a commit is something");
    assert_eq!(only_committed.commit, tip);
    assert_ne!(only_uncommitted.commit, tip);
    let (again, _) = place.tree(&repo.url(), "again").await;
    let restored = place.git.unbundle(&again, &out, REFERENCE).await.expect("it works");
    assert_eq!(restored.head, tip);
    assert_eq!(git(&again, &["status", "--porcelain"]), "");
}

#[tokio::test]
async fn a_head_behind_the_base_or_on_a_history_of_its_own_is_rescued_too() {
    let place = Place::new();
    let repo = place.world.demo("demo.git");
    repo.commit("main", "second", &[("two", Entry::file("2"))]);
    let (tree, done) = place.tree(&repo.url(), "tree").await;
    let out = place.path("rescue.bundle");
    git(&tree, &["reset", "--quiet", "--hard", "HEAD~1"]);
    place
        .git
        .bundle(&tree, &done.base_commit, REFERENCE, &out)
        .await
        .expect("it works")
        .expect("a file is gone");
    let (fresh, _) = place.tree(&repo.url(), "fresh").await;
    place.git.unbundle(&fresh, &out, REFERENCE).await.expect("it works");
    assert_eq!(files(&fresh), files(&tree));

    write(&tree, "other", "o");
    let amended = {
        git(&tree, &["add", "--all"]);
        git(&tree, &["commit", "--quiet", "--amend", "-m", "rewritten root"]);
        git(&tree, &["rev-parse", "HEAD"])
    };
    let bundle = place.git.bundle(&tree, &done.base_commit, REFERENCE, &out).await;
    assert_eq!(bundle.expect("it works").expect("there is something").commit, amended);
}

#[tokio::test]
async fn a_bundle_that_is_none_is_an_error() {
    let place = Place::new();
    let repo = place.world.demo("demo.git");
    let (tree, _) = place.tree(&repo.url(), "tree").await;
    let out = place.path("rescue.bundle");
    std::fs::write(&out, "nonsense").expect("it can be written");
    place.git.unbundle(&tree, &out, REFERENCE).await.expect_err("it is nonsense");
    assert_eq!(git(&tree, &["status", "--porcelain"]), "", "the tree is as it was");
}

#[tokio::test]
async fn a_tree_that_is_known_is_not_bundled_again_and_can_be_put_back() {
    let place = Place::new();
    let repo = place.world.demo("demo.git");
    let (tree, done) = place.tree(&repo.url(), "tree").await;
    let out = place.path("checkpoint.bundle");
    let base = &done.base_commit;
    let look = async |known: Option<&TreeState>| {
        let looked = place.git.bundle_unless(&tree, base, REFERENCE, &out, known).await;
        looked.expect("it works")
    };
    let (fresh, looked) = look(None).await;
    assert_eq!(looked, Looked::Nothing);
    assert_eq!(look(Some(&fresh)).await, (fresh.clone(), Looked::Same));
    write(&tree, "one", "1");
    let (changed, looked) = look(Some(&fresh)).await;
    assert!(matches!(looked, Looked::Bundled(_)), "{looked:?}");
    assert_eq!(look(Some(&changed)).await.1, Looked::Same);
    assert!(!place.git.put_back(&tree, &changed).await.expect("it works"), "it is as it was");

    let before = files(&tree);
    write(&tree, "one", "2");
    write(&tree, "of/a/reviewer", "x");
    std::fs::remove_file(tree.join("README.md")).expect("it is there");
    commit(&tree, "what nobody wanted");
    write(&tree, "uncommitted", "y");
    git(&tree, &["add", "uncommitted"]);
    assert!(place.git.put_back(&tree, &changed).await.expect("it works"));
    assert_eq!(files(&tree), before);
    assert_eq!(git(&tree, &["rev-parse", "HEAD"]), done.base_commit);
    assert_eq!(git(&tree, &["status", "--porcelain"]).trim(), "?? one", "nothing is staged");
    assert_eq!(place.git.state(&tree).await.expect("it works"), changed);
    place.assert_scratch_is_empty();
}

#[tokio::test]
async fn a_tree_begins_at_an_earlier_commit_if_it_is_still_there() {
    let place = Place::new();
    let repo = place.world.demo("demo.git");
    let (_, before) = place.tree(&repo.url(), "tree").await;
    repo.commit("main", "later", &[("later", Entry::file("l"))]);
    let (url, tree) = (repo.url(), place.path("earlier"));
    let wanted = Checkout {
        repo: &url,
        base: Some("main"),
        at: Some(&before.base_commit),
        branch: "pilot/task",
        tree: &tree,
        grant: None,
    };
    let done = place.mirrors.checkout(&wanted).await.expect("it is there");
    assert_eq!(done, before);
    assert!(!tree.join("later").exists(), "it is as it was then");
    let gone = "0123456789012345678901234567890123456789";
    let tree = place.path("gone");
    let error = place.mirrors.checkout(&Checkout { at: Some(gone), tree: &tree, ..wanted }).await;
    assert!(matches!(error, Err(GitError::CommitUnknown { .. })), "{error:?}");
}
