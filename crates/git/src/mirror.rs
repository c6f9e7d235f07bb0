//! The cache of bare mirrors: one per repository, brought up to date before
//! each checkout, shared by all runs of a machine.
//!
//! Two lock files stand beside each mirror, because the runs are processes of
//! their own. `<name>.lock` is held by whoever fetches: the others wait, and
//! if the fetch they waited for began late enough they take its result instead
//! of fetching again. `<name>.use` is shared by those that read and exclusive
//! for repacking, which removes packs.
//!
//! A mirror that git cannot work with is thrown away and made anew, once: it
//! is a cache, and everything in it is in the repository.

use crate::clock;
use crate::command::Git;
use crate::error::GitError;
use crate::remote::Remote;
use sha2::{Digest, Sha256};
use std::fs::{File, TryLockError};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The cache of bare mirrors, one per repository. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Mirrors {
    git: Git,
    root: PathBuf,
}

/// One mirror's place. It may not be there yet.
#[derive(Debug, Clone)]
pub(crate) struct Mirror {
    pub(crate) directory: PathBuf,
}

/// How often a lock is tried: short against any fetch, long against a syscall.
const LOCK_POLL: Duration = Duration::from_millis(20);

/// A fetch that we waited for counts as ours if it began at most this long
/// before we asked. Two seconds: runs that start together share one fetch, and
/// what somebody pushed before filing a task is in it all the same, unless both
/// happened within these two seconds and during that fetch.
const SHARED_WITHIN: Duration = Duration::from_secs(2);

/// More packs than this are made fewer. Each fetch that finds something leaves
/// one; every one of them is copied into every workspace and searched for
/// every object.
const PACKS: usize = 50;

impl Mirrors {
    /// With its directory, which is made if need be.
    pub fn new(git: Git, root: impl Into<PathBuf>) -> Self {
        Self { git, root: root.into() }
    }

    pub(crate) fn git(&self) -> &Git {
        &self.git
    }

    /// The place of a repository's mirror.
    pub(crate) fn of(&self, remote: &Remote) -> Mirror {
        // The URL's hash, not the URL: no repository can choose its directory.
        let name = hex::encode(Sha256::digest(remote.url().as_bytes()));
        Mirror { directory: self.root.join(name) }
    }

    /// Brings the mirror up to date, or takes part in somebody else's doing so.
    pub(crate) async fn refresh(&self, remote: &Remote) -> Result<(), GitError> {
        let asked = clock::now();
        let mirror = self.of(remote);
        let _held = self.lock(&mirror.beside("lock"), File::try_lock).await?;
        if let Some(stamp) = Stamp::read(&mirror).filter(|stamp| stamp.covers(asked)) {
            return stamp.result(remote);
        }
        let started = clock::now();
        let result = self.fetch(remote, &mirror).await;
        Stamp::write(&mirror, started, &result)?;
        result
    }

    /// Throws the mirror away; the next refresh makes it anew.
    /// Unless it is another one by now than `seen`.
    pub(crate) async fn discard(&self, remote: &Remote, seen: Option<u64>) -> Result<(), GitError> {
        let mirror = self.of(remote);
        let _held = self.lock(&mirror.beside("lock"), File::try_lock).await?;
        if mirror.identity() == seen { remove(&mirror.directory) } else { Ok(()) }
    }

    /// Held while reading, so that no pack goes away.
    pub(crate) async fn reading(&self, mirror: &Mirror) -> Result<File, GitError> {
        self.lock(&mirror.beside("use"), File::try_lock_shared).await
    }

    /// Makes few packs of many, unless somebody is reading.
    pub(crate) async fn tidy(&self, mirror: &Mirror) -> Result<(), GitError> {
        if mirror.packs() <= PACKS {
            return Ok(());
        }
        let _held = self.lock(&mirror.beside("lock"), File::try_lock).await?;
        let using = self.lock_file(&mirror.beside("use"))?;
        if using.try_lock().is_err() {
            return Ok(());
        }
        self.git
            .command("repacking the mirror", &mirror.directory)
            .env("GIT_DIR", &mirror.directory)
            .args(["repack", "-d", "--geometric=2", "--quiet"])
            .run()
            .await
            .map(drop)
    }

    async fn fetch(&self, remote: &Remote, mirror: &Mirror) -> Result<(), GitError> {
        if mirror.exists() {
            match self.fetch_into(remote, &mirror.directory).await {
                Err(GitError::Failed { said, .. }) => {
                    tracing::warn!(repo = remote.shown(), %said, "the mirror is broken; it is made anew");
                    remove(&mirror.directory)?;
                }
                other => return other,
            }
        }
        self.make(remote, mirror).await
    }

    /// Made beside its place and moved there whole. The lock is held: what is
    /// there already is of somebody who was killed.
    async fn make(&self, remote: &Remote, mirror: &Mirror) -> Result<(), GitError> {
        let place = mirror.beside("new");
        remove(&place)?;
        self.git
            .command("making the mirror", &self.root)
            .args(["init", "--quiet", "--bare", "--template="])
            .arg(&place)
            .run()
            .await?;
        if let Err(error) = self.fetch_into(remote, &place).await {
            remove(&place)?;
            return Err(error);
        }
        std::fs::rename(&place, &mirror.directory)
            .map_err(GitError::file("making the mirror", &mirror.directory))
    }

    async fn fetch_into(&self, remote: &Remote, directory: &Path) -> Result<(), GitError> {
        self.git
            .command("fetching the repository", directory)
            .env("GIT_DIR", directory)
            .args(["fetch", "--quiet", "--prune", "--force", "--no-tags", "--no-write-fetch-head"])
            .args(["--update-head-ok", "--no-auto-maintenance", "--no-recurse-submodules", "--"])
            .arg(remote.url())
            // Branches and tags, not the hidden refs of pull requests.
            .args(["+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"])
            .remote(remote)
            .run()
            .await
            .map(drop)
    }

    fn lock_file(&self, path: &Path) -> Result<File, GitError> {
        std::fs::create_dir_all(&self.root)
            .and_then(|()| File::options().create(true).append(true).open(path))
            .map_err(GitError::file("opening a lock file", path))
    }

    /// Waits without blocking a thread; the lock goes with the file, and with
    /// the process if it is killed.
    async fn lock(
        &self,
        path: &Path,
        try_lock: impl Fn(&File) -> Result<(), TryLockError>,
    ) -> Result<File, GitError> {
        let file = self.lock_file(path)?;
        // Somebody's fetch, and one more for ours: longer means it hangs.
        let bound = self.git.deadlines().network * 2;
        let waited = async {
            loop {
                match try_lock(&file) {
                    Ok(()) => return Ok(()),
                    Err(TryLockError::WouldBlock) => tokio::time::sleep(LOCK_POLL).await,
                    Err(TryLockError::Error(error)) => return Err(error),
                }
            }
        };
        match tokio::time::timeout(bound, waited).await {
            Ok(done) => done.map_err(GitError::file("locking the mirror", path))?,
            Err(_) => {
                let doing = "waiting for somebody else's fetch".to_owned();
                return Err(GitError::Deadline { doing, secs: bound.as_secs() });
            }
        }
        Ok(file)
    }
}

impl Mirror {
    pub(crate) fn exists(&self) -> bool {
        self.directory.is_dir()
    }

    /// Its inode: another one, once it was made anew.
    pub(crate) fn identity(&self) -> Option<u64> {
        std::fs::metadata(&self.directory).ok().map(|about| about.ino())
    }

    pub(crate) fn objects(&self) -> PathBuf {
        self.directory.join("objects")
    }

    /// Commits of all branches and tags, by full name. Empty if there is no
    /// mirror, or it cannot be read: the fetch will tell.
    pub(crate) fn references(&self) -> Vec<(String, String)> {
        let read = || -> Result<Vec<_>, git2::Error> {
            let mirror = git2::Repository::open_bare(&self.directory)?;
            let mut found = Vec::new();
            for reference in mirror.references()? {
                let reference = reference?;
                if let (Ok(name), Some(id)) = (reference.name(), reference.target()) {
                    found.push((name.to_owned(), id.to_string()));
                }
            }
            Ok(found)
        };
        read().unwrap_or_default()
    }

    /// Commit of one branch.
    pub(crate) fn tip(&self, branch: &str) -> Option<String> {
        let mirror = git2::Repository::open_bare(&self.directory).ok()?;
        let id = mirror.refname_to_id(&format!("refs/heads/{branch}")).ok()?;
        Some(id.to_string())
    }

    /// Whether it has this commit.
    pub(crate) fn has(&self, commit: &str) -> bool {
        let found = || {
            let mirror = git2::Repository::open_bare(&self.directory)?;
            mirror.find_commit(commit.parse()?).map(drop)
        };
        found().is_ok()
    }

    /// The youngest commit that `commit` and a branch share.
    pub(crate) fn fork_point(&self, commit: &str, branch: &str) -> Option<String> {
        let mirror = git2::Repository::open_bare(&self.directory).ok()?;
        let tip = mirror.refname_to_id(&format!("refs/heads/{branch}")).ok()?;
        let fork = mirror.merge_base(git2::Oid::from_str(commit).ok()?, tip).ok()?;
        Some(fork.to_string())
    }

    /// The branch that the remote's HEAD pointed to when somebody last asked.
    pub(crate) fn default_branch(&self) -> Option<String> {
        let head = std::fs::read_to_string(self.directory.join("HEAD")).ok()?;
        Some(head.trim().strip_prefix("ref: refs/heads/")?.to_owned())
    }

    /// Remembers it for the next one's early start; that it is not essential
    /// is why a failure is not one.
    pub(crate) fn set_default_branch(&self, branch: &str) {
        if self.default_branch().as_deref() == Some(branch) {
            return;
        }
        if let Err(error) =
            std::fs::write(self.directory.join("HEAD"), format!("ref: refs/heads/{branch}\n"))
        {
            tracing::debug!(%error, "the mirror's HEAD was not moved");
        }
    }

    fn beside(&self, ending: &str) -> PathBuf {
        self.directory.with_extension(ending)
    }

    fn packs(&self) -> usize {
        let Ok(entries) = std::fs::read_dir(self.objects().join("pack")) else { return 0 };
        entries.flatten().filter(|e| e.path().extension().is_some_and(|e| e == "pack")).count()
    }
}

fn remove(directory: &Path) -> Result<(), GitError> {
    match std::fs::remove_dir_all(directory) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(GitError::file("removing a broken mirror", directory)(error))
        }
        _ => Ok(()),
    }
}

/// What the last fetch came to, for those that waited for it.
struct Stamp {
    started: Duration,
    ended: Duration,
    /// The host could not be reached, in git's words. Other failures are not
    /// shared: they may be about one run's credentials.
    unreachable: Option<String>,
}

impl Stamp {
    fn read(mirror: &Mirror) -> Option<Self> {
        let text = std::fs::read_to_string(mirror.beside("stamp")).ok()?;
        let (times, said) = text.split_once('\n')?;
        let (started, ended) = times.split_once(' ')?;
        let time = |micros: &str| micros.parse().ok().map(Duration::from_micros);
        let (started, ended) = (time(started)?, time(ended)?);
        let unreachable = (!said.is_empty()).then(|| said.to_owned());
        (unreachable.is_some() || mirror.exists()).then_some(Self { started, ended, unreachable })
    }

    fn write(
        mirror: &Mirror,
        started: Duration,
        result: &Result<(), GitError>,
    ) -> Result<(), GitError> {
        let said = match result {
            Ok(()) => "",
            Err(GitError::Unreachable { said, .. }) => said,
            Err(_) => return Ok(()),
        };
        let path = mirror.beside("stamp");
        let (started, ended) = (started.as_micros(), clock::now().as_micros());
        std::fs::write(&path, format!("{started} {ended}\n{said}"))
            .map_err(GitError::file("writing the mirror's stamp", &path))
    }

    /// It ended while we waited, and began when we asked or hardly before. A
    /// stamp from the future is a clock that was set back: worthless.
    fn covers(&self, asked: Duration) -> bool {
        self.ended >= asked && self.started + SHARED_WITHIN >= asked && self.ended <= clock::now()
    }

    fn result(self, remote: &Remote) -> Result<(), GitError> {
        match self.unreachable {
            None => Ok(()),
            Some(said) => Err(GitError::Unreachable { repo: remote.shown().to_owned(), said }),
        }
    }
}
