//! Making workspaces from the mirror cache.

use crate::place::{Place, commit, files, grant, write};
use pilot_git::{Checkout, Deadlines, GitError};
use pilot_proto::code::Code;
use pilot_testkit::git_http::GitHttp;
use pilot_testkit::programs::write_program;
use pilot_testkit::repo::{BareRepo, Entry, git};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

#[tokio::test]
async fn a_tree_is_on_the_tasks_branch_and_needs_nothing_but_itself() {
    let place = Place::new();
    let repo = place.world.demo("acme/demo.git");
    let tip = repo.commit(
        "main",
        "more",
        &[
            ("src/run.sh", Entry::Executable(b"#!/bin/sh\n".to_vec())),
            ("link", Entry::Symlink("README.md".into())),
        ],
    );
    repo.commit("other", "elsewhere", &[("x", Entry::file("x"))]);
    repo.git(&["tag", "v1", "main"]);
    let server = GitHttp::start(place.world.root()).await.with_token("s3cret");
    let url = server.url("acme/demo.git");
    let tree = place.path("tree");
    let done = place
        .try_tree(&url, Some("main"), &tree, Some(&grant("s3cret")))
        .await
        .expect("the checkout works");

    assert_eq!((done.base_branch.as_str(), &done.base_commit), ("main", &tip));
    std::fs::remove_dir_all(place.path("mirrors")).expect("the cache can go");
    assert_eq!(git(&tree, &["rev-parse", "HEAD"]), tip);
    assert_eq!(git(&tree, &["branch", "--show-current"]), "pilot/task");
    assert_eq!(git(&tree, &["remote", "get-url", "origin"]), url, "the real repository");
    assert_eq!(git(&tree, &["rev-parse", "origin/HEAD"]), tip);
    assert_eq!(git(&tree, &["rev-parse", "v1^{commit}"]), tip);
    assert_eq!(git(&tree, &["show", "origin/other:x"]), "x");
    assert_eq!(git(&tree, &["status", "--porcelain"]), "");
    git(&tree, &["fsck", "--full", "--strict"]);
    assert_eq!(files(&tree).len(), 3);
    place.assert_scratch_is_empty();
}

#[tokio::test]
async fn an_agent_cannot_reach_the_mirror_through_its_objects() {
    let place = Place::new();
    let repo = place.world.demo("demo.git");
    let (tree, _) = place.tree(&repo.url(), "tree").await;
    let mut packs = 0;
    for file in std::fs::read_dir(tree.join(".git/objects/pack")).expect("packs").flatten() {
        let about = file.metadata().expect("it has metadata");
        assert_eq!(about.nlink(), 1, "a link would lead into everybody's mirror");
        packs += 1;
    }
    assert!(packs > 0, "objects come as packs");
    assert!(!tree.join(".git/objects/info/alternates").exists(), "the loan is over");
}

#[tokio::test]
async fn a_mirror_that_is_behind_is_brought_up_to_date_and_branches_that_went_are_dropped() {
    let place = Place::new();
    let repo = place.world.demo("demo.git");
    repo.commit("old", "gone soon", &[("x", Entry::file("x"))]);
    let (_, first) = place.tree(&repo.url(), "one").await;
    let second = repo.commit(
        "main",
        "second",
        &[("new.txt", Entry::file("new")), ("README.md", Entry::Gone)],
    );
    repo.delete_branch("old");
    repo.commit("old/er", "below the name that went", &[("y", Entry::file("y"))]);
    let (tree, done) = place.tree(&repo.url(), "two").await;
    assert_ne!(first.base_commit, done.base_commit);
    assert_eq!(done.base_commit, second);
    assert_eq!(files(&tree).keys().collect::<Vec<_>>(), ["new.txt"], "not what the mirror had");
    assert_eq!(git(&tree, &["status", "--porcelain"]), "");
    let branches = git(&tree, &["for-each-ref", "--format=%(refname)", "refs/remotes"]);
    assert!(branches.contains("origin/old/er") && !branches.contains("origin/old\n"), "{branches}");
}

#[tokio::test]
async fn without_a_base_the_remotes_head_is_taken_also_after_it_moved() {
    let place = Place::new();
    let repo = place.world.demo("demo.git");
    let trunk = repo.commit("trunk", "elsewhere", &[("t", Entry::file("t"))]);
    let check = async |name: &str| {
        place.try_tree(&repo.url(), None, &place.path(name), None).await.expect("it works")
    };
    assert_eq!(check("one").await.base_branch, "main");
    repo.git(&["symbolic-ref", "HEAD", "refs/heads/trunk"]);
    let done = check("two").await;
    assert_eq!((done.base_branch.as_str(), done.base_commit), ("trunk", trunk));
}

#[tokio::test]
async fn forty_runs_that_start_together_share_one_fetch() {
    let place = Place::new();
    place.world.demo("demo.git");
    let server = GitHttp::start(place.world.root()).await;
    let url = server.url("demo.git");
    let trees: Vec<_> = (0..40).map(|number| place.path(&format!("tree-{number}"))).collect();
    let runs = trees.iter().map(|tree| place.try_tree(&url, Some("main"), tree, None));
    for done in futures_util::future::join_all(runs).await {
        done.expect("every one gets its tree");
    }
    for tree in &trees {
        assert_eq!(git(tree, &["status", "--porcelain"]), "");
    }
    assert_eq!(server.reads(), 1, "the others waited and took what it brought");
}

#[tokio::test]
async fn a_broken_mirror_is_made_anew() {
    let place = Place::new();
    let repo = place.world.demo("demo.git");
    place.tree(&repo.url(), "one").await;
    let mirror = only_mirror(&place);
    for pack in std::fs::read_dir(mirror.join("objects/pack")).expect("packs").flatten() {
        std::fs::remove_file(pack.path()).expect("it can be removed");
        std::fs::write(pack.path(), "nonsense").expect("it can be written");
    }
    let (tree, _) = place.tree(&repo.url(), "two").await;
    git(&tree, &["fsck", "--full"]);
    std::fs::write(mirror.join("HEAD"), "nonsense").expect("it can be written");
    place.tree(&repo.url(), "three").await;
}

#[tokio::test]
async fn many_packs_become_few_and_nothing_is_lost() {
    let place = Place::new();
    let repo = place.world.demo("demo.git");
    place.tree(&repo.url(), "one").await;
    let mirror = BareRepo::at(only_mirror(&place));
    mirror.git(&["config", "fastimport.unpackLimit", "1"]);
    for number in 0..55 {
        mirror.commit("noise", "noise", &[("n", Entry::file(number.to_string()))]);
    }
    let packs = || {
        let files = std::fs::read_dir(mirror.path().join("objects/pack")).expect("packs").flatten();
        files.filter(|file| file.path().extension().is_some_and(|e| e == "pack")).count()
    };
    assert!(packs() > 50);
    let (tree, _) = place.tree(&repo.url(), "two").await;
    assert!(packs() < 10, "each of them is copied into every tree");
    git(&tree, &["fsck", "--full"]);
}

#[tokio::test]
async fn a_branch_name_that_is_none_is_said_so_before_anything_is_made() {
    let place = Place::new();
    let repo = place.world.demo("demo.git");
    let (repo, tree) = (repo.url(), place.path("tree"));
    let wanted = Checkout {
        repo: &repo,
        base: None,
        at: None,
        branch: "bad..name",
        tree: &tree,
        grant: None,
    };
    let error = place.mirrors.checkout(&wanted).await.expect_err("git would not take it");
    assert!(error.to_string().contains("`bad..name` is not a name"), "{error}");
    assert!(!tree.exists());
}

fn only_mirror(place: &Place) -> std::path::PathBuf {
    let entries = std::fs::read_dir(place.path("mirrors")).expect("the cache is there");
    let found = entries.flatten().find(|entry| entry.path().is_dir());
    found.expect("there is a mirror").path()
}

async fn check_failure(
    place: &Place,
    repo: &str,
    base: Option<&str>,
    code: Code,
    hint: &str,
) -> GitError {
    let tree = place.path("failed");
    let error =
        place.try_tree(repo, base, &tree, None).await.expect_err("there is nothing to check out");
    let problem = error.problem();
    assert_eq!(problem.code, code, "{problem:?}");
    assert!(problem.hint.contains(hint), "{problem:?}");
    let left = std::fs::read_dir(&tree).map(Iterator::count).unwrap_or_default();
    assert_eq!(left, 0, "a failed checkout leaves nothing");
    error
}

#[tokio::test]
async fn an_unknown_branch_names_those_that_exist() {
    let place = Place::new();
    let repo = place.world.demo("demo.git");
    repo.commit("develop", "d", &[("d", Entry::file("d"))]);
    for base in ["nope", "nope/../main"] {
        check_failure(&place, &repo.url(), Some(base), Code::BranchUnknown, "`develop`, `main`")
            .await;
    }
}

#[tokio::test]
async fn an_empty_repository_says_so() {
    let place = Place::new();
    let repo = place.world.bare("empty.git");
    for base in [None, Some("main")] {
        let error =
            check_failure(&place, &repo.url(), base, Code::BranchUnknown, "first commit").await;
        assert!(matches!(error, GitError::Empty { .. }), "{error}");
    }
}

#[tokio::test]
async fn a_repository_that_cannot_be_reached_or_is_not_there_is_told_apart() {
    let place = Place::new();
    place.world.demo("demo.git");
    let server = GitHttp::start(place.world.root()).await;
    let nobody = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.local_addr().expect("it is bound").port()
    };
    let check = async |repo: &str, code| {
        check_failure(&place, repo, Some("main"), code, "").await;
    };
    check(&format!("http://127.0.0.1:{nobody}/demo.git"), Code::RepositoryUnreachable).await;
    check(&server.url("other.git"), Code::RepositoryRefused).await;
    check("/nowhere/at/all", Code::RepositoryRefused).await;
    server.answer_only(Some(503));
    check(&server.url("demo.git"), Code::RepositoryUnreachable).await;
    server.answer_only(Some(403));
    // Another address, for the failure of the one before is shared for a moment.
    check(&server.url("demo"), Code::RepositoryRefused).await;
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_given_up() {
    let place = Place::with_deadlines(Deadlines {
        network: Duration::from_secs(2),
        local: Duration::from_secs(60),
    });
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}/demo.git", silent.local_addr().expect("it is bound"));
    let error = place
        .try_tree(&url, Some("main"), &place.path("tree"), None)
        .await
        .expect_err("nobody answers");
    assert!(matches!(error, GitError::Deadline { .. }), "{error}");
    place.assert_scratch_is_empty();
}

#[tokio::test]
async fn a_checkout_that_is_dropped_leaves_no_process() {
    let place = Place::new();
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}/dropped.git", silent.local_addr().expect("it is bound"));
    let tree = place.path("tree");
    let started = async {
        let accepted = tokio::task::spawn_blocking(move || {
            silent.accept().map(|(stream, _)| (silent, stream))
        });
        accepted.await.expect("no panic").expect("git dials")
    };
    let _silent = tokio::select! {
        done = place.try_tree(&url, Some("main"), &tree, None) => panic!("it cannot end: {done:?}"),
        silent = started => silent,
    };
    let mentions = || {
        let processes = std::fs::read_dir("/proc").expect("this is Linux").flatten();
        processes
            .filter_map(|process| std::fs::read(process.path().join("cmdline")).ok())
            .any(|line| String::from_utf8_lossy(&line).contains(&url))
    };
    for _ in 0..600 {
        if !mentions() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("git is still there half a minute later");
}

#[tokio::test]
async fn what_is_in_the_repository_is_not_run() {
    let place = Place::new();
    let witness = place.path("witness");
    let touch = format!("touch {}", witness.display());
    let repo = place.world.demo("demo.git");
    repo.commit(
        "main",
        "hostile",
        &[
            (".gitattributes", Entry::file("*.txt filter=evil\n")),
            ("a.txt", Entry::file("a")),
            (
                ".gitmodules",
                Entry::file(format!("[submodule \"x\"]\n\tpath = x\n\turl = ext::sh -c {touch}\n")),
            ),
            ("x", Entry::Submodule("1".repeat(40))),
        ],
    );
    let (tree, done) = place.tree(&repo.url(), "tree").await;
    // The agent adds what a repository cannot bring along.
    for (key, value) in [
        ("filter.evil.clean", touch.as_str()),
        ("filter.evil.smudge", &touch),
        ("core.fsmonitor", &touch),
        ("core.hooksPath", "hooks"),
        ("core.sshCommand", &touch),
        ("diff.external", &touch),
        ("gpg.program", &touch),
    ] {
        git(&tree, &["config", key, value]);
    }
    for hook in
        ["pre-commit", "post-commit", "pre-push", "reference-transaction", "post-index-change"]
    {
        make_hook(&tree.join("hooks").join(hook), &touch);
    }
    write(&tree, "a.txt", "changed");
    let mut scanner =
        pilot_git::Scanner::new(&place.git, &tree, &done.base_commit, Default::default())
            .expect("the tree can be scanned");
    scanner
        .scan(&mut pilot_git::BlobDirectory(place.path("blobs")))
        .expect("the scan works")
        .expect("a file changed");
    let commit = place
        .git
        .commit_all(&tree, &crate::place::author(), "work", &done.base_commit)
        .await
        .expect("the commit works")
        .expect("there is a change");
    place
        .git
        .push(&pilot_git::Push {
            tree: &tree,
            repo: &repo.url(),
            branch: "w",
            commit: &commit,
            expected: None,
            grant: None,
            signing_key: None,
        })
        .await
        .expect("the push works");
    assert_eq!(repo.read("w", "a.txt"), Some(b"changed".to_vec()));
    assert!(!witness.exists(), "nothing that the agent configured may be run by us");
}

fn make_hook(path: &Path, command: &str) {
    write_program(path, &format!("#!/bin/sh\n{command}\n"));
}

#[tokio::test]
async fn an_older_history_is_there_as_a_whole() {
    let place = Place::new();
    let repo = place.world.demo("demo.git");
    for number in 0..30 {
        repo.commit("main", &format!("commit {number}"), &[("n", Entry::file(number.to_string()))]);
        if number % 10 == 0 {
            place.tree(&repo.url(), &format!("tree-{number}")).await;
        }
    }
    let (tree, _) = place.tree(&repo.url(), "last").await;
    assert_eq!(git(&tree, &["rev-list", "--count", "HEAD"]), "31");
    git(&tree, &["fsck", "--full"]);
    commit(&tree, "and it can be committed to");
}
