//! Running the git program: environment from nothing, a deadline, a process
//! group that dies as a whole, and failures told apart.
//!
//! **Invariant:** this is the only file of the room that starts a process.

pub(crate) mod piped;

use crate::authorities::Authorities;
use crate::error::GitError;
use crate::login;
use crate::remote::Remote;
use rustix::process::{Pid, Signal, kill_process_group};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};

/// What git needs to know about the machine; nothing else reaches it.
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// The git program.
    pub program: PathBuf,
    /// `PATH` of the children: git finds ssh and its own parts by it.
    pub path: OsString,
    /// `HOME` of the children: ssh keys and known hosts are looked up there.
    pub home: PathBuf,
    /// A directory of ours, outside every workspace, for short-lived files. It
    /// is made if need be.
    pub scratch: PathBuf,
    /// Proxy and certificate variables, `SSH_AUTH_SOCK`, …, as they are to be
    /// passed on. Empty values are dropped.
    pub passed_on: Vec<(String, OsString)>,
    /// Bounds.
    pub deadlines: Deadlines,
}

/// How long a command may take.
#[derive(Debug, Clone, Copy)]
pub struct Deadlines {
    /// One that talks to a remote. Half an hour: the first clone of a very
    /// large repository over a slow line. A transfer that stands still is
    /// given up after a minute already (`http.lowSpeedTime`).
    pub network: Duration,
    /// One that does not. Ten minutes: a checkout of a very large tree onto a
    /// slow disk that forty others write to.
    pub local: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self { network: Duration::from_secs(1800), local: Duration::from_secs(600) }
    }
}

/// The git program. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Git {
    surroundings: Arc<Surroundings>,
}

/// Settings that hold for every command. Given by environment, they win over
/// what any configuration file says.
const SETTINGS: [(&str, &str); 21] = [
    ("core.hooksPath", "/dev/null"),
    ("core.fsmonitor", "false"),
    ("core.untrackedCache", "false"),
    // Paths stay bytes in what we parse.
    ("core.quotePath", "false"),
    ("protocol.ext.allow", "never"),
    // Nobody but us and the agent writes here; ownership is the sandbox's business.
    ("safe.directory", "*"),
    // An empty one takes away those of other files.
    ("credential.helper", ""),
    login::SETTING,
    ("gc.auto", "0"),
    ("maintenance.auto", "false"),
    ("commit.gpgSign", "false"),
    ("advice.detachedHead", "false"),
    ("init.defaultBranch", "main"),
    ("diff.ignoreSubmodules", "dirty"),
    ("submodule.recurse", "false"),
    ("fetch.recurseSubmodules", "false"),
    ("push.recurseSubmodules", "no"),
    // A fetch always leaves one pack and no loose objects: a pack is copied
    // into a workspace in one go.
    ("fetch.unpackLimit", "1"),
    // A line that carries less than 1 KB/s for a minute is dead.
    ("http.lowSpeedLimit", "1000"),
    ("http.lowSpeedTime", "60"),
    // As many writers as there are cores: halves a checkout of thousands of files.
    ("checkout.workers", "0"),
];

/// More of stderr than this is not kept: the reason is at the end.
const STDERR_KEPT: usize = 16 * 1024;
/// More of stdout than this is a fault: the largest we ask for is a list of refs.
const STDOUT_KEPT: usize = 64 * 1024 * 1024;

/// One command, being put together.
pub(crate) struct Invocation<'a> {
    git: &'a Git,
    doing: &'a str,
    command: Command,
    remote: Option<&'a Remote>,
    input: Vec<u8>,
}

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: Vec<u8>,
    /// Its end, redacted.
    pub(crate) stderr: String,
}

impl Git {
    /// With these surroundings.
    pub fn new(surroundings: Surroundings) -> Self {
        Self { surroundings: Arc::new(surroundings) }
    }

    pub(crate) fn deadlines(&self) -> Deadlines {
        self.surroundings.deadlines
    }

    /// A new private directory that goes away with its owner.
    pub(crate) fn scratch(&self) -> Result<tempfile::TempDir, GitError> {
        let scratch = &self.surroundings.scratch;
        std::fs::create_dir_all(scratch)
            .and_then(|()| tempfile::Builder::new().prefix("git-").tempdir_in(scratch))
            .map_err(GitError::file("making a scratch directory", scratch))
    }

    /// A command in `directory`; `doing` names it in messages.
    pub(crate) fn command<'a>(&'a self, doing: &'a str, directory: &Path) -> Invocation<'a> {
        let around = &*self.surroundings;
        let mut command = Command::new(&around.program);
        command
            .current_dir(directory)
            .env_clear()
            .env("PATH", &around.path)
            .env("HOME", &around.home)
            .env("LC_ALL", "C.UTF-8")
            .env("TERM", "dumb")
            .env("PAGER", "cat")
            .env("GIT_PAGER", "cat")
            .env("GIT_EDITOR", "true")
            .env("GIT_SEQUENCE_EDITOR", "true")
            .env("GIT_TERMINAL_PROMPT", "0")
            // An empty one keeps git from `core.askPass` and `SSH_ASKPASS`.
            .env("GIT_ASKPASS", "")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_ATTR_NOSYSTEM", "1")
            .env("GIT_NO_REPLACE_OBJECTS", "1")
            .env("GIT_NO_LAZY_FETCH", "1")
            .env("GIT_OPTIONAL_LOCKS", "0")
            .env("GIT_SSH_COMMAND", "ssh -oBatchMode=yes")
            .env("GIT_CONFIG_COUNT", SETTINGS.len().to_string())
            .process_group(0)
            .kill_on_drop(true);
        for (number, (key, value)) in SETTINGS.iter().enumerate() {
            command.env(format!("GIT_CONFIG_KEY_{number}"), key);
            command.env(format!("GIT_CONFIG_VALUE_{number}"), value);
        }
        for (name, value) in around.passed_on.iter().filter(|(_, value)| !value.is_empty()) {
            command.env(name, value);
        }
        Invocation { git: self, doing, command, remote: None, input: Vec::new() }
    }
}

impl<'a> Invocation<'a> {
    pub(crate) fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.command.arg(arg);
        self
    }

    pub(crate) fn args<S: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.command.args(args);
        self
    }

    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// What it reads from standard input.
    pub(crate) fn input(mut self, input: impl Into<Vec<u8>>) -> Self {
        self.input = input.into();
        self
    }

    /// It talks to this remote: the network's deadline, and the credential.
    pub(crate) fn remote(mut self, remote: &'a Remote) -> Self {
        self.remote = Some(remote);
        self
    }

    /// Runs it; a failure is told apart and becomes an error.
    pub(crate) async fn run(self) -> Result<Vec<u8>, GitError> {
        let doing = self.doing.to_owned();
        let remote = self.remote;
        let done = self.done().await?;
        if done.status.success() { Ok(done.stdout) } else { Err(done.into_error(&doing, remote)) }
    }

    /// Runs it and gives the first word of its output.
    pub(crate) async fn word(self) -> Result<String, GitError> {
        let stdout = self.run().await?;
        Ok(String::from_utf8_lossy(&stdout).trim().to_owned())
    }

    /// Runs it to its end, whatever that is.
    pub(crate) async fn done(mut self) -> Result<Done, GitError> {
        let deadlines = self.git.deadlines();
        let deadline = match self.remote {
            Some(_) => deadlines.network,
            None => deadlines.local,
        };
        if let Some(login) = self.remote.and_then(Remote::login) {
            login::give_to(&mut self.command, login);
        }
        // Lives as long as the command and is removed with it.
        let authorities = match self.remote.and_then(Remote::authorities) {
            Some(pem) => Some(Authorities::new(self.git.scratch()?, pem)?),
            None => None,
        };
        if let Some(authorities) = &authorities {
            authorities.give_to(&mut self.command);
        }
        if let Some(proxy) = self.remote.and_then(Remote::proxy) {
            // curl's own names; it hears of no other proxy, and of no exception.
            self.command.env("http_proxy", proxy).env("https_proxy", proxy).env("no_proxy", "");
        }
        let mut group = self.spawn()?;
        let input = std::mem::take(&mut self.input);
        match tokio::time::timeout(deadline, group.finish(input)).await {
            Ok(done) => done
                .map(|done| done.redacted(self.remote))
                .map_err(GitError::file("reading git's output", &self.git.surroundings.program)),
            Err(_) => {
                group.kill().await;
                Err(GitError::Deadline { doing: self.doing.to_owned(), secs: deadline.as_secs() })
            }
        }
    }

    fn spawn(&mut self) -> Result<Group, GitError> {
        let stdin = if self.input.is_empty() { Stdio::null() } else { Stdio::piped() };
        let child = self
            .command
            .stdin(stdin)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|source| GitError::Missing {
                program: self.git.surroundings.program.clone(),
                source,
            })?;
        let pid = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        Ok(Group { child, pid })
    }
}

/// A child and everything it started. Dropped before its end, all of it dies:
/// a cancelled future must not leave a transfer behind.
struct Group {
    child: Child,
    /// None once the leader was waited for: then the number may be somebody else's.
    pid: Option<Pid>,
}

impl Group {
    /// Reads everything first and waits then: whoever still holds the pipes is
    /// waited for too, so that nothing of the group outlives the command.
    async fn finish(&mut self, input: Vec<u8>) -> std::io::Result<Done> {
        let stdin = self.child.stdin.take();
        let stdout = self.child.stdout.take().expect("it was piped");
        let stderr = self.child.stderr.take().expect("it was piped");
        let write = async {
            if let Some(mut stdin) = stdin {
                // A git that fails before it has read all says why on stderr.
                stdin.write_all(&input).await.ok();
            }
        };
        let ((), stdout, stderr) =
            tokio::join!(write, first(stdout, STDOUT_KEPT), last(stderr, STDERR_KEPT));
        let status = self.child.wait().await?;
        self.pid = None;
        let stderr = String::from_utf8_lossy(&stderr?).into_owned();
        Ok(Done { status, stdout: stdout?, stderr })
    }

    async fn kill(&mut self) {
        self.kill_now();
        if let Err(error) = self.child.wait().await {
            tracing::warn!(%error, "a killed git could not be waited for");
        }
    }

    fn kill_now(&mut self) {
        let Some(pid) = self.pid.take() else { return };
        if let Err(error) = kill_process_group(pid, Signal::KILL) {
            tracing::debug!(%error, "the process group was gone already");
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill_now();
    }
}

/// Reads to the end; more than `most` is an error.
async fn first(from: impl AsyncRead + Unpin, most: usize) -> std::io::Result<Vec<u8>> {
    let mut kept = Vec::new();
    let bound = most as u64 + 1;
    from.take(bound).read_to_end(&mut kept).await?;
    if kept.len() > most {
        return Err(std::io::Error::other("git printed more than we can keep"));
    }
    Ok(kept)
}

/// Reads to the end and keeps the last `most` bytes.
async fn last(mut from: impl AsyncRead + Unpin, most: usize) -> std::io::Result<Vec<u8>> {
    let mut kept = Vec::new();
    // On the heap: this is awaited, and futures of futures add up.
    let mut piece = vec![0; 4096];
    loop {
        let read = from.read(&mut piece).await?;
        if read == 0 {
            return Ok(kept);
        }
        kept.extend_from_slice(&piece[..read]);
        if kept.len() > 2 * most {
            kept.drain(..kept.len() - most);
        }
    }
}

impl Done {
    fn redacted(mut self, remote: Option<&Remote>) -> Self {
        self.stderr = match remote {
            Some(remote) => remote.redact(&self.stderr),
            None => crate::remote::redact_urls(&self.stderr),
        };
        self
    }

    /// The failure, told apart by git's words (in `LC_ALL=C.UTF-8` they are
    /// stable enough that other tools branch on them too).
    pub(crate) fn into_error(self, doing: &str, remote: Option<&Remote>) -> GitError {
        let said = reason(&self.stderr);
        let text = self.stderr.to_lowercase();
        let any = |needles: &[&str]| needles.iter().any(|needle| text.contains(needle));
        if any(DISK_FULL) {
            return GitError::DiskFull { doing: doing.to_owned() };
        }
        if let Some(remote) = remote {
            let repo = remote.shown().to_owned();
            if any(REFUSED) {
                return GitError::Refused { repo, said };
            }
            if any(UNREACHABLE) {
                return GitError::Unreachable { repo, said };
            }
        }
        GitError::Failed { doing: doing.to_owned(), said }
    }
}

const DISK_FULL: &[&str] =
    &["no space left on device", "disk quota exceeded", "not enough space", "disk full"];

/// Order matters: these are looked for before [`UNREACHABLE`], because ssh's
/// and http's last line is the same for both.
const REFUSED: &[&str] = &[
    "authentication failed",
    "could not read username",
    "could not read password",
    "terminal prompts disabled",
    "permission denied",
    "repository not found",
    "returned error: 401",
    "returned error: 403",
    "returned error: 404",
    "returned error: 410",
    "access denied",
    "does not appear to be a git repository",
    "does not exist",
    "host key verification failed",
    "' not found",
];

const UNREACHABLE: &[&str] = &[
    "could not resolve host",
    "couldn't resolve host",
    "could not connect",
    "couldn't connect",
    "failed to connect",
    "connection refused",
    "connection timed out",
    "connection reset",
    "network is unreachable",
    "no route to host",
    "operation timed out",
    "operation too slow",
    "ssl",
    "tls",
    "certificate",
    "returned error: 5",
    "returned error: 429",
    "unable to access",
    "could not read from remote repository",
    "early eof",
    "the remote end hung up",
    "rpc failed",
];

/// The lines of stderr that say why: `fatal:`, `error:` and what the remote
/// said, without progress and hints.
fn reason(stderr: &str) -> String {
    let told = |line: &&str| {
        let line = line.to_lowercase();
        ["fatal:", "error:", "remote:", "ssh:", " ! "].iter().any(|start| line.starts_with(start))
    };
    let lines: Vec<&str> = stderr.lines().map(str::trim_end).filter(told).collect();
    let chosen = if lines.is_empty() {
        stderr.lines().map(str::trim).filter(|line| !line.is_empty()).collect()
    } else {
        lines
    };
    let last = chosen.len().saturating_sub(6);
    let text = chosen[last..].iter().map(|line| line.trim()).collect::<Vec<_>>().join("; ");
    if text.is_empty() { "git said nothing".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pilot_proto::code::Code;
    use std::os::unix::process::ExitStatusExt;

    #[test]
    fn failures_are_told_apart_by_gits_words() {
        let remote = Remote::new("https://h/x.git", None);
        let check = |stderr: &str, code: Code| {
            let done = Done {
                status: ExitStatus::from_raw(128 << 8),
                stdout: Vec::new(),
                stderr: stderr.to_owned(),
            };
            let problem = done.into_error("fetching", Some(&remote)).problem();
            assert_eq!(problem.code, code, "{stderr}: {problem:?}");
        };
        check("fatal: write error: No space left on device", Code::DiskFull);
        check("remote: error: disk quota exceeded\nfatal: early EOF", Code::DiskFull);
        check(
            "fatal: unable to access 'https://h/x/': Could not resolve host: h",
            Code::RepositoryUnreachable,
        );
        check(
            "ssh: connect to host h port 22: Connection refused\nfatal: Could not read from remote repository.",
            Code::RepositoryUnreachable,
        );
        check(
            "git@h: Permission denied (publickey).\nfatal: Could not read from remote repository.",
            Code::RepositoryRefused,
        );
        check("fatal: Authentication failed for 'https://h/x/'", Code::RepositoryRefused);
        check("fatal: repository 'https://h/x/' not found", Code::RepositoryRefused);
        check(
            "fatal: unable to access 'https://h/x/': The requested URL returned error: 502",
            Code::RepositoryUnreachable,
        );
        check("fatal: bad object HEAD", Code::WorkspaceFailed);
    }

    #[test]
    fn the_reason_is_what_git_and_the_remote_say_without_progress() {
        let stderr = "Cloning…\nremote: Counting\nhint: try\nfatal: no such thing\n";
        assert_eq!(reason(stderr), "remote: Counting; fatal: no such thing");
        assert_eq!(reason("just words\n"), "just words");
        assert_eq!(reason(""), "git said nothing");
    }
}
