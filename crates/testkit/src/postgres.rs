//! A private PostgreSQL: a fresh cluster in a temporary directory, reachable
//! over a unix socket only, gone when it is dropped.
//!
//! The server is the child of a shell that waits for the end of its standard
//! input, which this process holds open. So it stops when this process ends,
//! in whatever way. Where PostgreSQL is not installed it panics: a test that
//! needs it fails and is not left out.

use std::io::{Read as _, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// An initdb on a busy machine takes a few seconds.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running server.
#[derive(Debug)]
pub struct Postgres {
    url: String,
    /// Its standard input keeps the server alive.
    keeper: Child,
}

/// URL of a server that the whole test binary shares: the one that
/// `PILOTHOUSE_TEST_POSTGRES` names, or else a private one. Blocks.
#[expect(clippy::disallowed_methods, reason = "where the developer says which server to use")]
pub fn shared() -> String {
    static SERVER: OnceLock<Postgres> = OnceLock::new();
    match std::env::var("PILOTHOUSE_TEST_POSTGRES") {
        Ok(url) => url,
        Err(_) => SERVER.get_or_init(Postgres::start).url().to_owned(),
    }
}

impl Postgres {
    /// Starts one and waits until it takes connections. Blocks.
    pub fn start() -> Self {
        let programs = programs();
        let directory = tempfile::Builder::new()
            .prefix("pilothouse-pg-")
            .tempdir_in(short_temporary_directory())
            .expect("a temporary directory")
            .keep();
        let account = Account::for_server(&directory);
        account.own(&directory);
        initialise(&programs, &account, &directory);
        let keeper = keep_running(&programs, &account, &directory);
        let url = format!("postgres://pilothouse@localhost/postgres?host={}", directory.display());
        wait_until_ready(&directory);
        Self { url, keeper }
    }

    /// How it is reached: its database `postgres`, which is empty at first.
    pub fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        self.keeper.wait().expect("a child can be waited for");
    }
}

/// The directory of `initdb` and `postgres`, which Debian keeps out of PATH.
fn programs() -> PathBuf {
    let complete = |directory: &PathBuf| {
        directory.join("initdb").is_file() && directory.join("postgres").is_file()
    };
    let mut versions: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path().join("bin"))
        .collect();
    versions.sort();
    let found = path().into_iter().chain(versions.into_iter().rev()).find(complete);
    found.expect(
        "PostgreSQL is not installed: `apt-get install postgresql`, or set \
         PILOTHOUSE_TEST_POSTGRES to the URL of a server",
    )
}

fn path() -> Vec<PathBuf> {
    std::env::var_os("PATH").map(|path| std::env::split_paths(&path).collect()).unwrap_or_default()
}

/// A socket's path may be 107 bytes long.
fn short_temporary_directory() -> PathBuf {
    let directory = std::env::temp_dir();
    if directory.as_os_str().len() > 70 { "/tmp".into() } else { directory }
}

/// Who runs the server: PostgreSQL refuses to run as root.
enum Account {
    Ourselves,
    Other { uid: u32, gid: u32, name: String },
}

impl Account {
    fn for_server(ours: &Path) -> Self {
        if std::fs::metadata(ours).expect("we just made it").uid() != 0 {
            return Self::Ourselves;
        }
        let accounts = std::fs::read_to_string("/etc/passwd").expect("root can read accounts");
        let account = |name: &str| {
            let line = accounts.lines().find(|line| line.split(':').next() == Some(name))?;
            let mut ids = line.split(':').skip(2).map(str::parse);
            let (uid, gid) = (ids.next()?.ok()?, ids.next()?.ok()?);
            Some(Self::Other { uid, gid, name: name.to_owned() })
        };
        account("postgres")
            .or_else(|| account("nobody"))
            .expect("PostgreSQL does not run as root, and there is no `postgres` or `nobody`")
    }

    fn own(&self, directory: &Path) {
        if let Self::Other { uid, gid, .. } = self {
            std::os::unix::fs::chown(directory, Some(*uid), Some(*gid)).expect("root may chown");
        }
    }

    /// The words that, put before a command, run it as this account.
    fn prefix(&self) -> Vec<String> {
        let Self::Other { uid, gid, name } = self else { return Vec::new() };
        let is_there = |program: &str| path().iter().any(|dir| dir.join(program).is_file());
        if is_there("setpriv") {
            let ids = [format!("--reuid={uid}"), format!("--regid={gid}")];
            ["setpriv".to_owned()]
                .into_iter()
                .chain(ids)
                .chain(["--clear-groups".to_owned()])
                .collect()
        } else {
            ["runuser", "-u", name, "--"].map(str::to_owned).to_vec()
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a test fixture starts a server")]
fn command(program: impl AsRef<std::ffi::OsStr>, directory: &Path) -> Command {
    let mut command = Command::new(program);
    // Not ours: the other account may not be allowed to stand there.
    command.current_dir(directory).env("LC_ALL", "C");
    command
}

fn initialise(programs: &Path, account: &Account, directory: &Path) {
    let mut words = account.prefix();
    words.push(programs.join("initdb").display().to_string());
    let initdb = command(&words[0], directory)
        .args(&words[1..])
        .args(["--username=pilothouse", "--auth=trust", "--encoding=UTF8", "--locale=C"])
        .args(["--no-sync", "--pgdata=data"])
        .output()
        .expect("initdb starts");
    let said = String::from_utf8_lossy(&initdb.stderr);
    assert!(initdb.status.success(), "initdb failed: {said}");
}

fn keep_running(programs: &Path, account: &Account, directory: &Path) -> Child {
    // A terminal's interrupt reaches the whole group; the shell has to outlive
    // it to clean up. PostgreSQL sets its own handler.
    let script = r#"trap '' INT
        directory=$1; shift
        "$@" >"$directory/log" 2>&1 &
        cat >/dev/null
        kill -INT $!; wait $!
        cd /; rm -rf "$directory""#;
    command("sh", directory)
        .args(["-c", script, "sh"])
        .arg(directory)
        .args(account.prefix())
        .arg(programs.join("postgres"))
        .args(["-D", "data", "-k"])
        .arg(directory)
        .args(["-c", "listen_addresses=", "-c", "max_connections=500"])
        // Nobody cuts the power of a test.
        .args(["-c", "fsync=off", "-c", "full_page_writes=off"])
        .stdin(Stdio::piped())
        .spawn()
        .expect("the shell starts")
}

fn wait_until_ready(directory: &Path) {
    let deadline = Instant::now() + PATIENCE;
    while !is_ready(directory) {
        if Instant::now() > deadline {
            let log = std::fs::read_to_string(directory.join("log")).unwrap_or_default();
            panic!("PostgreSQL is not ready after {PATIENCE:?}:\n{log}");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Greets the server as a client does. Until it is ready its answer is an error
/// (`E`), or none; then it asks for no password (`R`).
fn is_ready(directory: &Path) -> bool {
    let said = b"user\0pilothouse\0database\0postgres\0\0";
    let length = u32::try_from(said.len() + 8).expect("a few words");
    let version = 3_u32 << 16;
    let hello = [&length.to_be_bytes()[..], &version.to_be_bytes(), said].concat();
    let greeted = UnixStream::connect(directory.join(".s.PGSQL.5432")).and_then(|mut stream| {
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(&hello)?;
        let mut kind = [0];
        stream.read_exact(&mut kind)?;
        Ok(kind)
    });
    greeted.is_ok_and(|kind| kind == *b"R")
}
