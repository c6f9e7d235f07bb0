//! Git worlds: bare repositories with history made on the spot, and ways to
//! read back what somebody pushed. Everything goes through the real `git`,
//! with none of the machine's own configuration.

use crate::programs::write_program;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

/// A directory full of bare repositories that goes away with its owner.
#[derive(Debug)]
pub struct GitWorld {
    root: TempDir,
}

impl GitWorld {
    /// An empty world.
    pub fn new() -> Self {
        Self { root: tempfile::tempdir().expect("a temporary directory can be made") }
    }

    /// Where the repositories are: what a server serves.
    pub fn root(&self) -> &Path {
        self.root.path()
    }

    /// Makes an empty bare repository, for instance `acme/demo.git`.
    pub fn bare(&self, name: &str) -> BareRepo {
        BareRepo::create(self.root.path().join(name))
    }

    /// Makes a bare repository whose `main` has one commit with a `README.md`.
    pub fn demo(&self, name: &str) -> BareRepo {
        let repo = self.bare(name);
        repo.commit("main", "first", &[("README.md", Entry::file("# Demo\n"))]);
        repo
    }
}

impl Default for GitWorld {
    fn default() -> Self {
        Self::new()
    }
}

/// What a commit does to a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// An ordinary file.
    File(Vec<u8>),
    /// A file with the executable bit.
    Executable(Vec<u8>),
    /// A symbolic link to this target.
    Symlink(String),
    /// A submodule at this commit.
    Submodule(String),
    /// The path goes away.
    Gone,
}

impl Entry {
    /// An ordinary file with these contents.
    pub fn file(contents: impl AsRef<[u8]>) -> Self {
        Self::File(contents.as_ref().to_vec())
    }
}

/// A bare repository.
#[derive(Debug, Clone)]
pub struct BareRepo {
    path: PathBuf,
}

impl BareRepo {
    /// Makes an empty one whose HEAD is `main`.
    pub fn create(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        git_bytes(Path::new("/"), ["init", "--quiet", "--bare", "--initial-branch=main"], &path);
        Self { path }
    }

    /// Takes one that is there already.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The path as a clone URL.
    pub fn url(&self) -> String {
        self.path.to_str().expect("a temporary directory has a UTF-8 path").to_owned()
    }

    /// Commits onto a branch, which is made if need be, and returns the commit.
    pub fn commit<P: AsRef<[u8]>>(
        &self,
        branch: &str,
        message: &str,
        entries: &[(P, Entry)],
    ) -> String {
        let mut stream = Vec::new();
        let parent = self.head(branch);
        stream.extend_from_slice(format!("commit refs/heads/{branch}\n").as_bytes());
        stream.extend_from_slice(b"committer Test <test@example.org> 1700000000 +0000\n");
        data(&mut stream, message.as_bytes());
        if parent.is_some() {
            stream.extend_from_slice(format!("from refs/heads/{branch}^0\n").as_bytes());
        }
        for (path, entry) in entries {
            entry_line(&mut stream, path.as_ref(), entry);
        }
        stream.extend_from_slice(b"\ndone\n");
        self.run(&["fast-import", "--quiet", "--done", "--date-format=raw"], &stream);
        self.head(branch).expect("the import made the branch")
    }

    /// Commit of a branch, if there is one.
    pub fn head(&self, branch: &str) -> Option<String> {
        let name = format!("refs/heads/{branch}");
        let output = self.output(&["rev-parse", "--verify", "--quiet", &name], &[]);
        output.status.success().then(|| text(&output.stdout).trim().to_owned())
    }

    /// Names of all branches, sorted.
    pub fn branches(&self) -> Vec<String> {
        let listing = self.run(&["for-each-ref", "--format=%(refname:strip=2)", "refs/heads"], &[]);
        text(&listing).lines().map(str::to_owned).collect()
    }

    /// Points a branch at a commit, moving it if it is there.
    pub fn set_branch(&self, branch: &str, commit: &str) {
        self.run(&["update-ref", &format!("refs/heads/{branch}"), commit], &[]);
    }

    /// Removes a branch.
    pub fn delete_branch(&self, branch: &str) {
        self.run(&["update-ref", "-d", &format!("refs/heads/{branch}")], &[]);
    }

    /// Contents of a file at a branch or commit.
    pub fn read(&self, revision: &str, path: &str) -> Option<Vec<u8>> {
        let output = self.output(&["cat-file", "blob", &format!("{revision}:{path}")], &[]);
        output.status.success().then_some(output.stdout)
    }

    /// All files at a branch or commit, by path. Submodules are left out.
    pub fn files(&self, revision: &str) -> BTreeMap<String, Vec<u8>> {
        let listing = self.run(&["ls-tree", "-r", "-z", revision], &[]);
        let blobs = listing.split(|byte| *byte == 0).filter_map(|line| {
            let (head, path) =
                text(line).split_once('\t').map(|(h, p)| (h.to_owned(), p.to_owned()))?;
            head.contains(" blob ").then_some(path)
        });
        blobs
            .map(|path| {
                let contents = self.read(revision, &path).expect("the tree lists it");
                (path, contents)
            })
            .collect()
    }

    /// First lines of the commit messages of a branch, newest first.
    pub fn subjects(&self, revision: &str) -> Vec<String> {
        let log = self.run(&["log", "--format=%s", revision], &[]);
        text(&log).lines().map(str::to_owned).collect()
    }

    /// From now on every push is declined by a hook that says `message`.
    pub fn decline_pushes(&self, message: &str) {
        let hook = self.path.join("hooks/pre-receive");
        write_program(&hook, &format!("#!/bin/sh\ncat >/dev/null\necho '{message}' >&2\nexit 1\n"));
    }

    /// Pushes are accepted again.
    pub fn accept_pushes(&self) {
        std::fs::remove_file(self.path.join("hooks/pre-receive")).expect("the hook was there");
    }

    /// Runs git in the repository and returns what it printed; panics if git fails.
    pub fn git(&self, args: &[&str]) -> String {
        text(&self.run(args, &[])).trim_end().to_owned()
    }

    /// True if two commits merge without a conflict.
    pub fn merges(&self, ours: &str, theirs: &str) -> bool {
        self.output(&["merge-tree", "--write-tree", ours, theirs], &[]).status.success()
    }

    /// Whether a commit has another one among its ancestors, or is it.
    pub fn contains(&self, commit: &str, other: &str) -> bool {
        self.output(&["merge-base", "--is-ancestor", other, commit], &[]).status.success()
    }

    fn run(&self, args: &[&str], input: &[u8]) -> Vec<u8> {
        let output = self.output(args, input);
        assert!(output.status.success(), "git {args:?} failed: {}", text(&output.stderr));
        output.stdout
    }

    fn output(&self, args: &[&str], input: &[u8]) -> Output {
        output(&self.path, args, input)
    }
}

/// Runs git in any directory, a work tree for instance, and returns what it
/// printed; panics if git fails.
pub fn git(directory: &Path, args: &[&str]) -> String {
    let output = output(directory, args, &[]);
    assert!(output.status.success(), "git {args:?} failed: {}", text(&output.stderr));
    text(&output.stdout).trim_end().to_owned()
}

/// The variables that keep a git child away from the machine's configuration.
pub(crate) const QUIET: [(&str, &str); 9] = [
    ("GIT_CONFIG_NOSYSTEM", "1"),
    ("GIT_CONFIG_GLOBAL", "/dev/null"),
    ("GIT_TERMINAL_PROMPT", "0"),
    ("GIT_AUTHOR_NAME", "Test"),
    ("GIT_AUTHOR_EMAIL", "test@example.org"),
    ("GIT_COMMITTER_NAME", "Test"),
    ("GIT_COMMITTER_EMAIL", "test@example.org"),
    ("GIT_EDITOR", "true"),
    ("LC_ALL", "C.UTF-8"),
];

#[expect(clippy::disallowed_methods, reason = "git worlds are made by the real git")]
fn command(directory: &Path) -> Command {
    let mut command = Command::new("git");
    command.current_dir(directory).envs(QUIET);
    for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"] {
        command.env_remove(name);
    }
    command
}

fn output(directory: &Path, args: &[&str], input: &[u8]) -> Output {
    let mut child = command(directory)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("git is installed");
    let mut stdin = child.stdin.take().expect("it was piped");
    std::thread::scope(|scope| {
        scope.spawn(move || {
            // A git that fails early closes its end; its status tells.
            stdin.write_all(input).ok();
        });
        child.wait_with_output().expect("git ends")
    })
}

fn git_bytes<const N: usize>(directory: &Path, args: [&str; N], path: &Path) {
    let mut all: Vec<&OsStr> = args.iter().map(OsStr::new).collect();
    all.push(path.as_os_str());
    let status = command(directory).args(all).status().expect("git is installed");
    assert!(status.success(), "git {args:?} failed");
}

fn data(stream: &mut Vec<u8>, bytes: &[u8]) {
    stream.extend_from_slice(format!("data {}\n", bytes.len()).as_bytes());
    stream.extend_from_slice(bytes);
    stream.push(b'\n');
}

fn entry_line(stream: &mut Vec<u8>, path: &[u8], entry: &Entry) {
    let (mode, bytes) = match entry {
        Entry::File(bytes) => ("100644", bytes.as_slice()),
        Entry::Executable(bytes) => ("100755", bytes.as_slice()),
        Entry::Symlink(target) => ("120000", target.as_bytes()),
        Entry::Submodule(commit) => {
            stream.extend_from_slice(format!("M 160000 {commit} ").as_bytes());
            quoted(stream, path);
            return;
        }
        Entry::Gone => {
            stream.extend_from_slice(b"D ");
            quoted(stream, path);
            return;
        }
    };
    stream.extend_from_slice(format!("M {mode} inline ").as_bytes());
    quoted(stream, path);
    data(stream, bytes);
}

/// A path in C quotes, so that any byte may stand in it; ends the line.
fn quoted(stream: &mut Vec<u8>, path: &[u8]) {
    stream.push(b'"');
    for byte in path {
        match byte {
            b'"' | b'\\' => stream.extend_from_slice(&[b'\\', *byte]),
            0x20..=0x7e => stream.push(*byte),
            other => stream.extend_from_slice(format!("\\{other:03o}").as_bytes()),
        }
    }
    stream.extend_from_slice(b"\"\n");
}

fn text(bytes: &[u8]) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_committed_can_be_read_back() {
        let world = GitWorld::new();
        let repo = world.demo("acme/demo.git");
        let commit = repo.commit(
            "work/one",
            "second",
            &[("sub dir/ä \"q\".txt", Entry::file("hello")), ("link", Entry::Symlink("x".into()))],
        );
        assert_eq!(repo.head("work/one"), Some(commit));
        assert_eq!(repo.branches(), ["main", "work/one"]);
        assert_eq!(repo.files("work/one").len(), 2, "a new branch starts empty");
        assert_eq!(repo.read("work/one", "link"), Some(b"x".to_vec()));
        assert_eq!(repo.read("main", "nothing"), None);
        assert_eq!(repo.subjects("main"), ["first"]);
    }
}
