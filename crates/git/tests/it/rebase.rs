//! A branch that is put on top of its base.

use crate::place::{Place, author, commit, files, grant, write};
use pilot_git::{Author, Rebase, Rebased};
use pilot_proto::Secret;
use pilot_testkit::git_http::GitHttp;
use pilot_testkit::repo::{BareRepo, Entry, git};
use std::path::PathBuf;

/// A tree with a file of ten lines, behind a login.
struct Desk {
    place: Place,
    repo: BareRepo,
    url: String,
    tree: PathBuf,
    base: String,
    _server: GitHttp,
}

fn lines(changed: usize, text: &str) -> String {
    let line = |number| {
        if number == changed { format!("{text}\n") } else { format!("line {number}\n") }
    };
    (1..=10).map(line).collect()
}

impl Desk {
    async fn new() -> Self {
        let place = Place::new();
        let repo = place.world.demo("demo.git");
        repo.commit("main", "lines", &[("lines.txt", Entry::file(lines(0, "")))]);
        let server = GitHttp::start(place.world.root()).await.with_token("s3cret");
        let (url, tree) = (server.url("demo.git"), place.path("tree"));
        let granted = grant("s3cret");
        let checked_out = place.try_tree(&url, Some("main"), &tree, Some(&granted)).await;
        let base = checked_out.expect("the checkout works").base_commit;
        Self { place, repo, url, tree, base, _server: server }
    }

    fn moves(&self, contents: String) -> String {
        self.repo.commit("main", "theirs", &[("lines.txt", Entry::file(contents))])
    }

    async fn rebase(&self, signing_key: Option<&Secret>) -> Option<Rebased> {
        let granted = grant("s3cret");
        let (tree, repo, grant) = (&*self.tree, &*self.url, Some(&granted));
        let wanted = Rebase { tree, repo, base: None, grant, signing_key };
        self.place.git.rebase(&wanted).await.expect("the repository is there")
    }

    /// Nothing of the tree changes.
    async fn stays(&self, why: &str) {
        let before = (files(&self.tree), git(&self.tree, &["rev-parse", "HEAD"]));
        assert_eq!(self.rebase(None).await, None, "{why}");
        assert_eq!((files(&self.tree), git(&self.tree, &["rev-parse", "HEAD"])), before, "{why}");
        assert_eq!(git(&self.tree, &["status", "--porcelain"]), "", "{why}");
    }
}

#[tokio::test]
async fn commits_are_put_on_a_base_that_moved_as_they_were() {
    let desk = Desk::new().await;
    write(&desk.tree, "lines.txt", lines(3, "ours"));
    commit(&desk.tree, "first");
    write(&desk.tree, "new.txt", "new\n");
    let tip = commit(&desk.tree, "second");
    let when = |id: &str| git(&desk.tree, &["log", "-2", "--format=%an %at %cn %ct %s", id]);
    let before = when(&tip);
    let onto = desk.moves(lines(7, "theirs"));
    let rebased = desk.rebase(None).await.expect("it is clean");
    assert_eq!((rebased.base.as_str(), &rebased.onto), ("main", &onto));
    assert_eq!(when(&rebased.commit), before, "by whom and when");
    assert_eq!(
        git(&desk.tree, &["rev-parse", "HEAD", "HEAD~2"]),
        format!("{}\n{onto}", rebased.commit)
    );
    let both = lines(3, "ours").replace("line 7", "theirs");
    assert_eq!(files(&desk.tree)["lines.txt"], both.as_bytes(), "the tree is there, too");
    assert_eq!(git(&desk.tree, &["status", "--porcelain"]), "");
    desk.stays("it is on top already").await;
    desk.place.assert_scratch_is_empty();
}

#[tokio::test]
async fn what_is_not_clean_stays_as_it_was() {
    let desk = Desk::new().await;
    desk.stays("nothing is ours").await;
    write(&desk.tree, "lines.txt", lines(3, "ours"));
    commit(&desk.tree, "ours");
    let theirs = desk.moves(lines(3, "theirs"));
    desk.stays("it conflicts").await;

    // The other half of what a person would do about it.
    git(&desk.tree, &["fetch", "--quiet", &desk.repo.url(), "main"]);
    git(&desk.tree, &["merge", "--quiet", "-s", "ours", "--no-edit", &theirs]);
    desk.moves(lines(9, "theirs"));
    desk.stays("a merge is not put elsewhere").await;

    let desk = Desk::new().await;
    write(&desk.tree, "lines.txt", lines(3, "same"));
    commit(&desk.tree, "ours");
    desk.moves(lines(3, "same"));
    desk.stays("nothing of ours would be left").await;

    let root = desk.repo.git(&["commit-tree", "main^{tree}", "-m", "another beginning"]);
    desk.repo.set_branch("main", &root);
    desk.stays("they share nothing").await;
}

#[tokio::test]
async fn what_was_signed_is_signed_again_or_stays() {
    let desk = Desk::new().await;
    let key = desk.place.path("key");
    let words = ["-q", "-t", "ed25519", "-N", "", "-C", "us", "-f"];
    #[expect(clippy::disallowed_methods, reason = "a key is made by whoever makes keys")]
    let made = std::process::Command::new("ssh-keygen").args(words).arg(&key).status();
    assert!(made.expect("it is installed").success());
    let key = Secret::new(std::fs::read_to_string(&key).expect("it was made"));
    let signs = Author { signing_key: Some(key.clone()), ..author() };
    write(&desk.tree, "lines.txt", lines(3, "ours"));
    let made = desk.place.git.commit_all(&desk.tree, &signs, "ours\n", &desk.base).await;
    let tip = made.expect("the commit works").expect("there is a change");
    let raw = |id: &str| git(&desk.tree, &["cat-file", "commit", id]);
    assert!(raw(&tip).contains("gpgsig"));
    desk.moves(lines(7, "theirs"));
    desk.stays("it would lose its signature").await;
    let rebased = desk.rebase(Some(&key)).await.expect("it is clean");
    let (before, after) = (raw(&tip), raw(&rebased.commit));
    assert!(after.contains("-----BEGIN SSH SIGNATURE-----"), "{after}");
    let kept = |text: &str| {
        let lines =
            text.lines().filter(|line| line.starts_with("author") || line.starts_with("committer"));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(kept(&after), kept(&before));
}
