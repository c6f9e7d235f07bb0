//! Where the tests work: repositories, a server, a mirror cache, trees.

use pilot_git::{Author, CheckedOut, Checkout, Deadlines, Git, GitError, Mirrors, Surroundings};
use pilot_proto::project::GitGrant;
use pilot_proto::secret::Secret;
use pilot_testkit::repo::{GitWorld, git};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;

/// A machine of its own.
pub(crate) struct Place {
    directory: TempDir,
    pub(crate) world: GitWorld,
    pub(crate) git: Git,
    pub(crate) mirrors: Mirrors,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self::with_deadlines(Deadlines {
            network: Duration::from_secs(120),
            local: Duration::from_secs(120),
        })
    }

    pub(crate) fn with_deadlines(deadlines: Deadlines) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory can be made");
        let home = directory.path().join("home");
        std::fs::create_dir(&home).expect("the directory is new");
        let git = Git::new(Surroundings {
            program: "git".into(),
            path: std::env::var_os("PATH").expect("tests have a PATH"),
            home,
            scratch: directory.path().join("scratch"),
            passed_on: Vec::new(),
            deadlines,
        });
        let mirrors = Mirrors::new(git.clone(), directory.path().join("mirrors"));
        Self { directory, world: GitWorld::new(), git, mirrors }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Checks out `main` of a repository into a tree of that name.
    pub(crate) async fn tree(&self, repo: &str, name: &str) -> (PathBuf, CheckedOut) {
        let tree = self.path(name);
        let done = self.try_tree(repo, Some("main"), &tree, None).await;
        (tree, done.expect("the checkout works"))
    }

    pub(crate) async fn try_tree(
        &self,
        repo: &str,
        base: Option<&str>,
        tree: &Path,
        grant: Option<&GitGrant>,
    ) -> Result<CheckedOut, GitError> {
        self.mirrors
            .checkout(&Checkout { repo, base, at: None, branch: "pilot/task", tree, grant })
            .await
    }

    /// Nothing of a command is left behind.
    pub(crate) fn assert_scratch_is_empty(&self) {
        let left = match std::fs::read_dir(self.path("scratch")) {
            Ok(entries) => entries.flatten().map(|entry| entry.path()).collect(),
            Err(_) => Vec::new(),
        };
        assert!(left.is_empty(), "every command cleans up behind itself: {left:?}");
    }
}

pub(crate) fn grant(password: &str) -> GitGrant {
    GitGrant::new("pilot", Secret::new(password))
}

pub(crate) fn author() -> Author {
    Author { name: "Pilot Test".into(), email: "pilot@example.org".into(), signing_key: None }
}

/// An agent's commit.
pub(crate) fn commit(tree: &Path, message: &str) -> String {
    git(tree, &["add", "--all"]);
    git(tree, &["commit", "--quiet", "--allow-empty", "-m", message]);
    git(tree, &["rev-parse", "HEAD"])
}

pub(crate) fn write(tree: &Path, path: &str, contents: impl AsRef<[u8]>) {
    let path = tree.join(path);
    std::fs::create_dir_all(path.parent().expect("it is below the tree"))
        .and_then(|()| std::fs::write(&path, contents))
        .expect("the tree can be written");
}

/// All files of a tree but git's own, with their contents.
pub(crate) fn files(tree: &Path) -> std::collections::BTreeMap<String, Vec<u8>> {
    let mut found = std::collections::BTreeMap::new();
    let mut open = vec![tree.to_owned()];
    while let Some(directory) = open.pop() {
        for entry in std::fs::read_dir(directory).expect("the tree can be read").flatten() {
            let path = entry.path();
            if entry.file_name() == ".git" {
                continue;
            }
            if entry.file_type().expect("it has a type").is_dir() {
                open.push(path);
            } else {
                let name = path.strip_prefix(tree).expect("it is below the tree");
                let contents = std::fs::read(&path).expect("it can be read");
                found.insert(name.to_string_lossy().into_owned(), contents);
            }
        }
    }
    found
}
