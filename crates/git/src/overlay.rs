//! Working on a tree without trusting it.
//!
//! Whatever git reads from `.git/config` can run a program or send a
//! credential somewhere: `filter.*.clean`, `core.fsmonitor`, `core.sshCommand`,
//! `credential.helper`, `url.*.insteadOf`, `http.proxy`, …. The agent writes
//! that file. So we never run a command on the tree's own `.git`: an overlay is
//! a git directory of ours, with our configuration and none of the tree's
//! hooks, over the tree's objects and files. Of the tree's `.git` only data is
//! read (objects, the index, HEAD) and only objects, the index and the branch
//! that HEAD names are written.

use crate::command::{Git, Invocation};
use crate::error::GitError;
use std::io;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A git directory of ours over a tree of somebody else's.
#[derive(Debug)]
pub(crate) struct Overlay {
    git: Git,
    tree: PathBuf,
    directory: TempDir,
}

/// Without the sections that make git run or ask anything.
const CONFIG: &str = "[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = false\n\
                      \tlogallrefupdates = false\n";

impl Overlay {
    /// Over `tree`; it goes away with its owner, the tree stays.
    pub(crate) fn new(git: &Git, tree: &Path) -> Result<Self, GitError> {
        let objects = tree.join(".git/objects");
        // A link could make us write anywhere.
        let real = |path: &Path| path.symlink_metadata().is_ok_and(|about| about.is_dir());
        if !real(&tree.join(".git")) || !real(&objects) {
            return Err(GitError::Failed {
                doing: "reading the workspace".into(),
                said: format!("`{}` is not a git work tree any more", tree.display()),
            });
        }
        let directory = git.scratch()?;
        let make = |at: &Path| -> io::Result<()> {
            std::fs::write(at.join("HEAD"), "ref: refs/heads/overlay\n")?;
            std::fs::write(at.join("config"), CONFIG)?;
            std::fs::create_dir_all(at.join("refs/heads"))?;
            std::fs::create_dir_all(at.join("info"))?;
            std::os::unix::fs::symlink(&objects, at.join("objects"))
        };
        make(directory.path()).map_err(GitError::file("making an overlay", directory.path()))?;
        let overlay = Self { git: git.clone(), tree: tree.to_owned(), directory };
        overlay.take_excludes()?;
        Ok(overlay)
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn tree(&self) -> &Path {
        &self.tree
    }

    /// The index that commands of this overlay work on.
    pub(crate) fn index(&self) -> PathBuf {
        self.path().join("index")
    }

    /// A command on the objects and files of the tree, with an index of ours.
    pub(crate) fn command<'a>(&'a self, doing: &'a str) -> Invocation<'a> {
        self.git
            .command(doing, &self.tree)
            .env("GIT_DIR", self.path())
            .env("GIT_WORK_TREE", &self.tree)
            .env("GIT_INDEX_FILE", self.index())
    }

    /// For reading: libgit2 with our configuration only.
    pub(crate) fn repository(&self) -> Result<git2::Repository, GitError> {
        let open = || {
            let repository = git2::Repository::open(self.path())?;
            repository.set_config(&git2::Config::open(&self.path().join("config"))?)?;
            repository.set_workdir(&self.tree, false)?;
            Ok(repository)
        };
        open().map_err(GitError::objects("opening the workspace"))
    }

    /// The excludes that are not in the tree's files.
    pub(crate) fn take_excludes(&self) -> Result<(), GitError> {
        let ours = self.path().join("info/exclude");
        let take = || match copy_if_file(&self.tree.join(".git/info/exclude"), &ours)? {
            true => Ok(()),
            false => std::fs::write(&ours, ""),
        };
        take().map_err(GitError::file("reading the excludes", &ours))
    }

    /// Begins with the tree's index: what is staged, and what git knows to be
    /// unchanged, so that not every file is read again.
    pub(crate) fn take_index(&self) -> Result<bool, GitError> {
        let (theirs, ours) = (self.tree.join(".git/index"), self.index());
        copy_if_file(&theirs, &ours).map_err(GitError::file("reading the index", theirs))
    }

    /// Gives our index to the tree.
    pub(crate) fn give_index(&self) -> Result<(), GitError> {
        let theirs = self.tree.join(".git/index");
        let give = || -> io::Result<()> {
            let beside = tempfile::NamedTempFile::new_in(self.tree.join(".git"))?;
            std::fs::copy(self.index(), beside.path())?;
            beside.persist(&theirs)?;
            Ok(())
        };
        give().map_err(GitError::file("writing the index", &theirs))
    }

    /// The tree's files as they are now, ignored ones left out, as a git tree
    /// in the tree's objects.
    pub(crate) async fn write_tree(&self) -> Result<String, GitError> {
        let kept = self.take_index()?;
        if let Err(error) = self.add_all().await {
            if !kept {
                return Err(error);
            }
            // An index that git cannot read (the agent was killed while it
            // wrote, or wrote nonsense) only costs reading every file.
            tracing::warn!(%error, "the workspace's index is made anew");
            std::fs::remove_file(self.index())
                .map_err(GitError::file("removing the index", self.index()))?;
            self.add_all().await?;
        }
        self.command("writing the tree").arg("write-tree").word().await
    }

    async fn add_all(&self) -> Result<(), GitError> {
        let doing = "collecting the changes";
        let add = |more: &[&str]| {
            self.command(doing).args(["add", "--all"]).args(more).args(["--", ":/"]).done()
        };
        let done = add(&[]).await?;
        if done.status.success() {
            return Ok(());
        }
        // A repository without a commit, or a file that we may not read, must
        // not keep the rest from being collected.
        let again = add(&["--ignore-errors"]).await?;
        // Status 1: some could not be added; 128: none.
        match again.status.code() {
            Some(0 | 1) => {
                tracing::warn!(said = %again.stderr, "some files could not be collected");
                Ok(())
            }
            _ => Err(again.into_error(doing, None)),
        }
    }

    /// The commit that HEAD names; none on a branch without a commit.
    pub(crate) fn head(&self) -> Result<Option<String>, GitError> {
        head_of(&self.tree)
    }

    /// Moves what HEAD names (a branch, or HEAD itself) to a commit.
    pub(crate) fn set_head(&self, commit: &str) -> Result<(), GitError> {
        let git = self.tree.join(".git");
        let name = match read_head(&git).map_err(GitError::file("reading HEAD", &git))? {
            Head::Branch(name) => name,
            Head::Commit(_) => "HEAD".to_owned(),
        };
        let path = git.join(name);
        let write = || -> io::Result<()> {
            let parent = path.parent().expect("it is below `.git`");
            std::fs::create_dir_all(parent)?;
            let beside = tempfile::NamedTempFile::new_in(parent)?;
            std::fs::write(beside.path(), format!("{commit}\n"))?;
            beside.persist(&path)?;
            Ok(())
        };
        write().map_err(GitError::file("moving the branch", &path))
    }
}

/// The commit that a tree's HEAD names, read from its files: a configuration
/// that git refuses to read must not hide it.
pub(crate) fn head_of(tree: &Path) -> Result<Option<String>, GitError> {
    let git = tree.join(".git");
    let read = || -> io::Result<Option<String>> {
        match read_head(&git)? {
            Head::Commit(id) => Ok(Some(id)),
            Head::Branch(name) => read_reference(&git, &name),
        }
    };
    read().map_err(GitError::file("reading HEAD", &git))
}

enum Head {
    /// Full name of a branch.
    Branch(String),
    Commit(String),
}

fn read_head(git: &Path) -> io::Result<Head> {
    let text = std::fs::read_to_string(git.join("HEAD"))?;
    let text = text.trim();
    match text.strip_prefix("ref: ") {
        // The name becomes a path that we write to.
        Some(name) if name.starts_with("refs/") && !name.split('/').any(|part| part == "..") => {
            Ok(Head::Branch(name.to_owned()))
        }
        None if is_id(text) => Ok(Head::Commit(text.to_owned())),
        Some(_) | None => Err(io::Error::new(io::ErrorKind::InvalidData, "HEAD is not readable")),
    }
}

fn read_reference(git: &Path, name: &str) -> io::Result<Option<String>> {
    match std::fs::read_to_string(git.join(name)) {
        Ok(text) if is_id(text.trim()) => return Ok(Some(text.trim().to_owned())),
        Ok(_) => {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the branch is not readable"));
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let packed = match std::fs::read_to_string(git.join("packed-refs")) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        packed => packed?,
    };
    Ok(packed
        .lines()
        .filter_map(|line| line.split_once(' '))
        .find(|(id, found)| *found == name && is_id(id))
        .map(|(id, _)| id.to_owned()))
}

fn is_id(text: &str) -> bool {
    text.len() == 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Copies an ordinary file with its times: git compares them with those of the
/// files it lists. False if there is none.
pub(crate) fn copy_if_file(from: &Path, to: &Path) -> io::Result<bool> {
    let about = match from.symlink_metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        about => about?,
    };
    if !about.is_file() {
        return Ok(false);
    }
    std::fs::copy(from, to)?;
    let times = std::fs::FileTimes::new().set_modified(about.modified()?);
    std::fs::File::options().append(true).open(to)?.set_times(times)?;
    Ok(true)
}
