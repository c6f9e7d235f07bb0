//! A task's workspace: the tree, checked out from the mirror.
//!
//! The tree has to be there fast, must not need the mirror afterwards, and
//! must not be able to harm it. What `git clone` offers, one by one:
//!
//! - `--local` hard-links the mirror's packs: fast, but an agent that writes
//!   through its link changes the mirror of everybody, and git does not check
//!   the hash of what it reads from a pack.
//! - `--shared` and `git worktree add` borrow the mirror's objects for good:
//!   the tree dies with the mirror, and the mirror can never be repacked.
//! - `--reference --dissociate` borrows, checks out, and then repacks all
//!   objects into the tree: safe, but the repacking takes seconds.
//!
//! So we do what `--reference --dissociate` does, with the last step changed:
//! the tree borrows the mirror's objects (`objects/info/alternates`) while the
//! files are written, meanwhile the mirror's packs are copied (a reflink where
//! the file system can), and then the loan ends. A copied pack is the same
//! bytes that a repack would write again.
//!
//! The checkout also does not wait for the fetch: it begins with the commit
//! that the mirror has, and moves on if the fetch brought another.

use crate::command::Git;
use crate::error::GitError;
use crate::mirror::{Mirror, Mirrors};
use crate::remote::Remote;
use pilot_proto::project::GitGrant;
use std::io;
use std::path::{Path, PathBuf};

/// What to check out, and where.
#[derive(Debug, Clone, Copy)]
pub struct Checkout<'a> {
    /// Clone URL or absolute path.
    pub repo: &'a str,
    /// Base branch; none: the remote's HEAD.
    pub base: Option<&'a str>,
    /// A commit of it to begin from; none: where the branch is now.
    pub at: Option<&'a str>,
    /// Local branch to be on: the task's.
    pub branch: &'a str,
    /// The tree's directory; must be empty or not there.
    pub tree: &'a Path,
    /// Login for the repository.
    pub grant: Option<&'a GitGrant>,
}

/// What was checked out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedOut {
    /// Name of the base branch.
    pub base_branch: String,
    /// Its commit: what the tree's changes are measured against.
    pub base_commit: String,
}

/// At most this many branches are named in a hint.
const HINTED: usize = 20;

impl Mirrors {
    /// Brings the mirror up to date and makes the tree. `origin` is the real
    /// repository, without credentials. On failure the tree is empty again.
    pub async fn checkout(&self, wanted: &Checkout<'_>) -> Result<CheckedOut, GitError> {
        let remote = Remote::new(wanted.repo, wanted.grant);
        let mirror = self.of(&remote);
        if !git2::Reference::is_valid_name(&format!("refs/heads/{}", wanted.branch)) {
            return Err(GitError::Failed {
                doing: "making the tree".into(),
                said: format!("`{}` is not a name for a branch", wanted.branch),
            });
        }
        self.tidy(&mirror).await?;
        let before = mirror.identity();
        let error = match self.attempt(wanted, &remote).await {
            Err(error @ (GitError::Failed { .. } | GitError::Objects { .. })) => error,
            result => return result,
        };
        // Only a mirror that was there before can be what is broken; one that
        // somebody else has made anew meanwhile is not thrown away again.
        if before.is_none() {
            return Err(error);
        }
        tracing::warn!(repo = remote.shown(), %error, "checking out failed; the mirror is made anew");
        self.discard(&remote, before).await?;
        self.attempt(wanted, &remote).await
    }

    /// Where `commit` of a task's branch left the base branch that `wanted`
    /// names: what the whole change of a resumed task is measured against. To
    /// be asked right after a checkout; none if they share no history, or the
    /// base is gone.
    pub async fn fork_point(
        &self,
        wanted: &Checkout<'_>,
        commit: &str,
    ) -> Result<Option<String>, GitError> {
        let remote = Remote::new(wanted.repo, wanted.grant);
        let base = self.base_name(wanted, &remote).await?;
        Ok(self.of(&remote).fork_point(commit, &base))
    }

    async fn attempt(
        &self,
        wanted: &Checkout<'_>,
        remote: &Remote,
    ) -> Result<CheckedOut, GitError> {
        let result = self.lay_out(wanted, remote).await;
        if result.is_err() {
            remove_contents(wanted.tree).map_err(GitError::file("emptying", wanted.tree))?;
        }
        result
    }

    async fn lay_out(
        &self,
        wanted: &Checkout<'_>,
        remote: &Remote,
    ) -> Result<CheckedOut, GitError> {
        let mirror = self.of(remote);
        let _reading = self.reading(&mirror).await?;
        let tree = Tree { git: self.git(), mirror: &mirror, wanted };
        let (fetched, base_branch, early) =
            tokio::join!(self.refresh(remote), self.base_name(wanted, remote), tree.early());
        fetched?;
        let base_branch = base_branch?;
        mirror.set_default_branch(&base_branch);
        let Some(tip) = mirror.tip(&base_branch) else {
            return Err(unknown(remote, &mirror, base_branch));
        };
        let base_commit = match wanted.at {
            Some(at) if mirror.has(at) => at.to_owned(),
            Some(at) => return Err(gone(remote, at)),
            None => tip,
        };
        match early {
            None => {
                tree.begin().await?;
                let (checked, copied) =
                    tokio::join!(tree.check_out(&base_commit), tree.copy_objects());
                checked.and(copied)?;
            }
            Some(early) => {
                tree.copy_objects().await?;
                if early? != base_commit {
                    tree.check_out(&base_commit).await?;
                }
            }
        }
        tree.settle(remote, &base_branch, &base_commit)?;
        Ok(CheckedOut { base_branch, base_commit })
    }

    /// The base branch's name; asks the remote only if the task names none.
    async fn base_name(&self, wanted: &Checkout<'_>, remote: &Remote) -> Result<String, GitError> {
        match wanted.base {
            Some(base) => Ok(base.to_owned()),
            None => self.git().default_branch(remote).await?.ok_or_else(|| empty(remote)),
        }
    }
}

/// A tree that is being made.
struct Tree<'a> {
    git: &'a Git,
    mirror: &'a Mirror,
    wanted: &'a Checkout<'a>,
}

impl Tree<'_> {
    fn directory(&self) -> &Path {
        self.wanted.tree
    }

    fn git_directory(&self) -> PathBuf {
        self.wanted.tree.join(".git")
    }

    /// Begins with what the mirror has before the fetch is done; none if it
    /// has nothing. Gives the commit that is checked out.
    async fn early(&self) -> Option<Result<String, GitError>> {
        let base = match self.wanted.base {
            Some(base) => base.to_owned(),
            None => self.mirror.default_branch()?,
        };
        let commit = match self.wanted.at {
            Some(at) => at.to_owned(),
            None => self.mirror.tip(&base)?,
        };
        if !self.mirror.has(&commit) {
            return None;
        }
        if let Err(error) = self.begin().await {
            return Some(Err(error));
        }
        let (checked, copied) = tokio::join!(self.check_out(&commit), self.copy_objects());
        Some(checked.and(copied).map(|()| commit))
    }

    /// An empty repository that borrows the mirror's objects.
    async fn begin(&self) -> Result<(), GitError> {
        let directory = self.directory();
        std::fs::create_dir_all(directory).map_err(GitError::file("making the tree", directory))?;
        self.git
            .command("making the tree", directory)
            .args(["init", "--quiet", "--template=", "--initial-branch", self.wanted.branch])
            .run()
            .await?;
        let info = self.git_directory().join("objects/info");
        let mut loan = self.mirror.objects().into_os_string();
        loan.push("\n");
        std::fs::create_dir_all(&info)
            .and_then(|()| std::fs::write(info.join("alternates"), loan.as_encoded_bytes()))
            .map_err(GitError::file("borrowing the mirror's objects", &info))
    }

    async fn check_out(&self, commit: &str) -> Result<(), GitError> {
        self.git
            .command("checking out", self.directory())
            .args(["checkout", "--quiet", "--force", "-B", self.wanted.branch, commit])
            .run()
            .await
            .map(drop)
    }

    /// Copies what the mirror has and the tree has not.
    async fn copy_objects(&self) -> Result<(), GitError> {
        let (from, to) = (self.mirror.objects(), self.git_directory().join("objects"));
        let place = to.clone();
        tokio::task::spawn_blocking(move || copy_objects(&from, &to))
            .await
            .map_err(io::Error::other)
            .and_then(|copied| copied)
            .map_err(GitError::file("copying the mirror's objects", place))
    }

    /// Branches, `origin`, and the end of the loan.
    fn settle(&self, remote: &Remote, base: &str, commit: &str) -> Result<(), GitError> {
        let git = self.git_directory();
        self.write_references(base)
            .and_then(|()| append(&git.join("config"), &origin(remote.url())))
            .and_then(|()| std::fs::remove_file(git.join("objects/info/alternates")))
            .map_err(GitError::file("finishing the tree", &git))?;
        // What was copied must be enough by itself.
        git2::Repository::open(self.directory())
            .and_then(|tree| tree.find_commit(commit.parse()?)?.tree().map(drop))
            .map_err(GitError::objects("reading the base commit from the tree"))
    }

    fn write_references(&self, base: &str) -> io::Result<()> {
        let mut packed = String::new();
        for (name, commit) in self.mirror.references() {
            if let Some(branch) = name.strip_prefix("refs/heads/") {
                packed.push_str(&format!("{commit} refs/remotes/origin/{branch}\n"));
            } else if name.starts_with("refs/tags/") {
                packed.push_str(&format!("{commit} {name}\n"));
            }
        }
        let git = self.git_directory();
        std::fs::write(git.join("packed-refs"), packed)?;
        let origin = git.join("refs/remotes/origin");
        std::fs::create_dir_all(&origin)?;
        std::fs::write(origin.join("HEAD"), format!("ref: refs/remotes/origin/{base}\n"))
    }
}

/// The section of `.git/config` that names the repository.
fn origin(url: &str) -> String {
    let url = url.replace('\\', "\\\\").replace('"', "\\\"");
    format!(
        "[remote \"origin\"]\n\turl = \"{url}\"\n\tfetch = +refs/heads/*:refs/remotes/origin/*\n"
    )
}

fn append(path: &Path, text: &str) -> io::Result<()> {
    io::Write::write_all(&mut std::fs::File::options().append(true).open(path)?, text.as_bytes())
}

/// Copies packs and loose objects. Names are hashes of the contents, so one
/// that is there already is the same.
fn copy_objects(from: &Path, to: &Path) -> io::Result<()> {
    for directory in std::fs::read_dir(from)? {
        let directory = directory?;
        let name = directory.file_name();
        let loose = name.len() == 2;
        if name == "pack" || loose {
            copy_files(&directory.path(), &to.join(&name), |file| {
                loose || [".pack", ".idx", ".rev"].iter().any(|ending| file.ends_with(ending))
            })?;
        }
    }
    Ok(())
}

fn copy_files(from: &Path, to: &Path, wanted: impl Fn(&str) -> bool) -> io::Result<()> {
    std::fs::create_dir_all(to)?;
    let mut files = std::fs::read_dir(from)?.collect::<Result<Vec<_>, _>>()?;
    // A pack is looked for once its index is there: the index goes last.
    files.sort_by_key(|file| file.path().extension().is_some_and(|ending| ending == "idx"));
    for file in files {
        let name = file.file_name();
        let target = to.join(&name);
        // A name that begins with `tmp_` is being written by somebody's fetch.
        let name = name.to_string_lossy();
        if wanted(&name) && !name.starts_with("tmp_") && !target.exists() {
            std::fs::copy(file.path(), &target)?;
        }
    }
    Ok(())
}

/// Removes what is in a directory, which may be a mount point itself.
fn remove_contents(directory: &Path) -> io::Result<()> {
    let entries = match std::fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            std::fs::remove_dir_all(entry.path())?;
        } else {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

fn empty(remote: &Remote) -> GitError {
    GitError::Empty { repo: remote.shown().to_owned() }
}

fn gone(remote: &Remote, commit: &str) -> GitError {
    GitError::CommitUnknown { repo: remote.shown().to_owned(), commit: commit.to_owned() }
}

fn unknown(remote: &Remote, mirror: &Mirror, branch: String) -> GitError {
    let mut known: Vec<String> = mirror
        .references()
        .into_iter()
        .filter_map(|(name, _)| Some(name.strip_prefix("refs/heads/")?.to_owned()))
        .collect();
    if known.is_empty() {
        return empty(remote);
    }
    known.sort();
    known.truncate(HINTED);
    GitError::BranchUnknown { repo: remote.shown().to_owned(), branch, known }
}
