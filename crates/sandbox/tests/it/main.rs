//! Real processes: how they start, what they see, and that none survives.

mod death;
mod environment;
mod escape;
mod limits;
mod spawn;
mod survivors;
mod walls;

use pilot_proto::RunId;
use pilot_sandbox::{Agent, Environment, Launch, Process, Surroundings};
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use uuid::Uuid;

const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// A run with a directory of its own, in which its processes leave their numbers.
struct World {
    directory: TempDir,
    run: RunId,
}

impl World {
    fn new() -> Self {
        static COUNTER: AtomicU64 = AtomicU64::new(0);
        // Unlike that of any other test that runs on this machine now.
        let run = Uuid::from_u64_pair(
            u64::from(std::process::id()) << 32 | Process::current().expect("`/proc`").started,
            COUNTER.fetch_add(1, Ordering::Relaxed),
        );
        Self { directory: tempfile::tempdir().expect("a directory"), run: RunId(run) }
    }

    fn environment(&self) -> Environment {
        let path = self.directory.path();
        let surroundings =
            Surroundings { run: self.run, home: path, temporary: path, path: OsStr::new(PATH) };
        let mut environment = pilot_sandbox::environment(surroundings, &BTreeMap::new());
        environment.set("D", path);
        environment
    }

    fn launch(&self, program: &str, args: &[&str]) -> Launch {
        Launch {
            program: program.into(),
            args: args.iter().map(OsString::from).collect(),
            env: self.environment(),
            cwd: self.directory.path().to_owned(),
        }
    }

    /// Starts `sh -c script`; in it, `up NAME PID` tells that a process is up.
    fn shell(&self, script: &str) -> Agent {
        let up = r#"up() { echo "$2" > "$D/$1"; }; "#;
        pilot_sandbox::spawn(&self.launch("/bin/sh", &["-c", &format!("{up}{script}")]))
            .expect("a shell starts")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The process that said that it is up.
    async fn process(&self, name: &str) -> Process {
        let path = self.path(name);
        // A whole line: the file may be seen before its contents.
        let read = || std::fs::read_to_string(&path).ok().filter(|text| text.ends_with('\n'));
        until(&format!("`{name}` is up"), || read().is_some()).await;
        let pid = read().expect("it is there");
        let process = Process::of(pid.trim().parse().expect("a number"));
        process.expect("it lives until somebody ends it")
    }
}

/// Waits for a condition; a machine that is busy with other things gets its time.
async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < Duration::from_secs(60), "{what}: not within a minute");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
