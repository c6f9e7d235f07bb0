//! A workspace from a cached repository, against `git worktree add`.

use crate::figure::{Figure, median, milliseconds, timed};
use pilot_git::{Checkout, Deadlines, Git, Mirrors, Surroundings};
use pilot_testkit::repo::BareRepo;
use std::path::Path;
use std::process::{Command, Stdio};

const FILES: usize = 2500;

pub(crate) fn ready() -> Vec<Figure> {
    let directory = tempfile::TempDir::new().expect("a temporary directory");
    let repository = BareRepo::create(directory.path().join("repo.git"));
    // About the size of a large workspace of Rust crates.
    let files: Vec<(String, String)> = (0..FILES)
        .map(|number| {
            let body = format!("pub fn f{number}() -> usize {{ {number} }}\n").repeat(120);
            (format!("crates/c{}/src/m{number}.rs", number % 97), body)
        })
        .collect();
    std::fs::create_dir_all(directory.path().join("scratch")).expect("it can be made");
    seed(&repository, &files, directory.path());

    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let path = std::env::var_os("PATH").expect("benches have a PATH");
    let git = Git::new(Surroundings {
        program: "git".into(),
        path,
        home: directory.path().to_owned(),
        scratch: directory.path().join("scratch"),
        passed_on: Vec::new(),
        deadlines: Deadlines::default(),
    });
    let mirrors = Mirrors::new(git, directory.path().join("mirrors"));
    let url = repository.url();
    let checkout = |name: String| {
        let tree = directory.path().join(name);
        let wanted = Checkout {
            repo: &url,
            base: Some("main"),
            at: None,
            branch: "task",
            tree: &tree,
            grant: None,
        };
        runtime.block_on(mirrors.checkout(&wanted)).expect("it checks out");
    };
    // The first one fills the cache.
    checkout("first".to_owned());
    let mut number = 0;
    let mut floor_number = 0;
    let (mut ours, mut floor) = (Vec::new(), Vec::new());
    // In turn, so that a busy moment hits both.
    for _ in 0..7 {
        floor.push(median(1, || {
            floor_number += 1;
            let tree = directory.path().join(format!("worktree-{floor_number}"));
            timed(|| {
                run_git(
                    repository.path(),
                    &["worktree", "add", "--quiet", "--detach", &tree.to_string_lossy(), "main"],
                );
            })
        }));
        ours.push(median(1, || {
            number += 1;
            timed(|| checkout(format!("tree-{number}")))
        }));
    }
    ours.sort_unstable();
    floor.sort_unstable();
    let value = milliseconds(ours[ours.len() / 2]);
    let floor = milliseconds(floor[floor.len() / 2]);
    vec![
        Figure::new("workspace.ready", value, "ms")
            .against("git worktree add", floor)
            .budget("<= 1 s and <= 1.2 x", value <= 1000.0 && value <= 1.2 * floor),
    ]
}

fn seed(repository: &BareRepo, files: &[(String, String)], directory: &Path) {
    let tree = directory.join("seed");
    run_git(directory, &["clone", "--quiet", &repository.url(), "seed"]);
    for (path, body) in files {
        let path = tree.join(path);
        std::fs::create_dir_all(path.parent().expect("it has one")).expect("it can be made");
        std::fs::write(path, body).expect("it can be written");
    }
    run_git(&tree, &["checkout", "--quiet", "-B", "main"]);
    run_git(&tree, &["add", "--all"]);
    run_git(
        &tree,
        &["-c", "user.name=x", "-c", "user.email=x@localhost", "commit", "--quiet", "-m", "files"],
    );
    run_git(&tree, &["push", "--quiet", "origin", "main"]);
}

fn run_git(directory: &Path, arguments: &[&str]) {
    #[expect(clippy::disallowed_methods, reason = "what is compared with")]
    let status = Command::new("git")
        .arg("-C")
        .arg(directory)
        .args(arguments)
        .stdout(Stdio::null())
        .status()
        .expect("git is installed");
    assert!(status.success(), "git {arguments:?}");
}
