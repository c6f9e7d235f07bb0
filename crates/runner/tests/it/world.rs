//! A machine for a runner: a data directory, a repository, a hub, and verbs.

use crate::entry::{self, daemon_args};
use crate::hub::{FakeHub, PATIENCE, random_uuid};
use pilot_proto::run::Outcome;
use pilot_proto::task::Limits;
use pilot_proto::{Event, Mode, OnTimeout, Problem, RunId, RunSpec, SnapshotDelta, Stream, TaskId};
use pilot_runner::daemon::{self, HubChoice, RunnerOptions, Running};
use pilot_runner::run_dir::RunDir;
use pilot_testkit::programs::write_program;
use pilot_testkit::repo::{BareRepo, GitWorld};
use rustix::process::{Pid, Signal};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

pub(crate) struct World {
    pub(crate) hub: FakeHub,
    pub(crate) repo: BareRepo,
    pub(crate) data: PathBuf,
    pub(crate) home: TempDir,
    git: GitWorld,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with_data_at("data").await
    }

    /// With the runner's data at this path below a temporary directory.
    pub(crate) async fn with_data_at(path: &str) -> Self {
        let home = tempfile::tempdir().expect("a temporary directory");
        let git = GitWorld::new();
        let repo = git.demo("acme/demo.git");
        for directory in ["home", "gates"] {
            std::fs::create_dir(home.path().join(directory)).expect("writable");
        }
        let data = home.path().canonicalize().expect("it is there").join(path);
        Self { hub: FakeHub::start().await, repo, data, home, git }
    }

    fn environment(&self) -> BTreeMap<String, String> {
        let path = std::env::var_os("PATH").and_then(|path| path.into_string().ok());
        let (home, gates) = (self.home.path().join("home"), self.gates());
        BTreeMap::from([
            ("PATH".to_owned(), path.unwrap_or_else(|| "/usr/bin:/bin".to_owned())),
            ("HOME".to_owned(), home.to_str().expect("a UTF-8 path").to_owned()),
            // What the tests and the agents inside tell one another by.
            ("PILOTHOUSE_READABLE".to_owned(), gates.to_str().expect("a UTF-8 path").to_owned()),
        ])
    }

    pub(crate) fn options(&self) -> RunnerOptions {
        let choice = if daemon::is_enrolled(&self.data) {
            HubChoice::Saved
        } else {
            HubChoice::Join(self.hub.join_code())
        };
        entry::options(&self.data, choice, self.environment())
    }

    /// A daemon in this process.
    pub(crate) async fn daemon(&self) -> Running {
        daemon::start(self.options()).await.expect("the runner starts")
    }

    /// A daemon in a process of its own, which can be killed.
    pub(crate) fn daemon_process(&self) -> DaemonProcess {
        let join = (!daemon::is_enrolled(&self.data))
            .then(|| pilot_link::join_code::format(&self.hub.join_code()));
        std::fs::create_dir_all(&self.data).expect("writable");
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(self.home.path().join("daemon.log"))
            .expect("writable");
        #[expect(clippy::disallowed_methods, reason = "a daemon to be killed")]
        let mut command = std::process::Command::new(entry::pilot());
        command.args(daemon_args(&self.data, join.as_deref()));
        command.env_clear().envs(self.environment());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        DaemonProcess(command.spawn().expect("it runs"))
    }

    /// A run of the scripted agent.
    pub(crate) fn spec(&self, prompt: &str) -> RunSpec {
        RunSpec {
            run: RunId(random_uuid()),
            task: TaskId(random_uuid()),
            attempt: 1,
            fence: 7,
            lease_secs: 24 * 3600,
            title: "Do what the script says".to_owned(),
            prompt: prompt.to_owned(),
            project: "demo".to_owned(),
            repo: self.repo.url(),
            base: Some("main".to_owned()),
            branch: "pilot/work".to_owned(),
            pushed: None,
            setup: Vec::new(),
            agent: "scripted".to_owned(),
            model: None,
            mode: Mode::Auto,
            on_timeout: OnTimeout::Proceed,
            limits: Limits::default(),
            resume: None,
            at: None,
            git: None,
            attachments: Vec::new(),
            provider: None,
            fallbacks: Vec::new(),
            network: Default::default(),
            walls: Default::default(),
            secrets: Vec::new(),
            prices: Vec::new(),
            spent_micros: 0,
            hub_key: None,
            permissions: Default::default(),
            review: None,
            children: Default::default(),
            remote_control: None,
            outgoing: None,
        }
    }

    pub(crate) fn run_dir(&self, run: RunId) -> RunDir {
        RunDir::of(&self.data, run)
    }

    fn gates(&self) -> PathBuf {
        self.home.path().join("gates")
    }

    /// The path of a file that a script of the agent waits for.
    pub(crate) fn gate(&self, name: &str) -> PathBuf {
        self.gates().join(name)
    }

    /// Kills a run's shim the hard way.
    pub(crate) fn kill_shim(&self, run: RunId) {
        let lock = self.run_dir(run).path().join("shim.lock");
        let pid = std::fs::read_to_string(lock).expect("a shim signs its lock");
        let pid = pid.trim().parse().ok().and_then(Pid::from_raw).expect("a pid");
        rustix::process::kill_process(pid, Signal::KILL).expect("the shim lives");
    }

    /// From now on a push to `repo` kills the run's shim once the branch has
    /// moved: it does not live to hear of it.
    pub(crate) fn die_of_pushing(&self, run: RunId, repo: &BareRepo) {
        let lock = self.run_dir(run).path().join("shim.lock");
        let script = format!("#!/bin/sh\nkill -KILL $(cat '{}')\n", lock.display());
        write_program(&repo.path().join("hooks/post-receive"), &script);
    }

    /// Nothing of the run is left on the machine, and nothing unexplained.
    pub(crate) async fn assert_clean(&self, run: RunId) {
        let dir = self.run_dir(run);
        eventually("the run's directory goes", || !dir.path().exists()).await;
        let left = pilot_sandbox::survivors(run);
        assert!(left.is_empty(), "no process may be left: {left:?}");
    }

    /// Another repository.
    pub(crate) fn other_repo(&self, name: &str) -> BareRepo {
        self.git.demo(name)
    }
}

impl Drop for World {
    /// A test that failed leaves runs: nothing of them may outlive it.
    fn drop(&mut self) {
        for run in RunDir::all(&self.data).unwrap_or_default() {
            let lock = std::fs::read_to_string(self.run_dir(run).path().join("shim.lock"));
            let shim = lock.ok().and_then(|pid| pid.trim().parse().ok());
            let agents = pilot_sandbox::survivors(run).into_iter();
            let agents = agents.filter_map(|agent| i32::try_from(agent.pid).ok());
            for pid in shim.into_iter().chain(agents).filter_map(Pid::from_raw) {
                // It may have ended by itself.
                rustix::process::kill_process(pid, Signal::KILL).ok();
            }
        }
    }
}

/// A daemon that can be killed.
pub(crate) struct DaemonProcess(Child);

impl DaemonProcess {
    pub(crate) fn kill(mut self) {
        self.end();
    }

    fn end(&mut self) {
        // It may be dead already: then there is nothing to kill.
        self.0.kill().ok();
        self.0.wait().expect("a child can be waited for");
    }
}

impl Drop for DaemonProcess {
    fn drop(&mut self) {
        self.end();
    }
}

/// Waits for something that nobody announces.
pub(crate) async fn eventually(what: &str, mut look: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !look() {
        assert!(begun.elapsed() < PATIENCE, "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The log's lines of one stream. A line that was shown open goes on.
pub(crate) fn lines(events: &[Event], wanted: Stream) -> Vec<String> {
    let mut text = String::new();
    for event in events {
        if let Event::Output { stream, text: piece, open } = event
            && *stream == wanted
        {
            text.push_str(piece);
            if !open {
                text.push('\n');
            }
        }
    }
    text.lines().map(str::to_owned).collect()
}

pub(crate) fn outcome(events: &[Event]) -> Outcome {
    match events.last() {
        Some(Event::Finished(outcome)) => outcome.clone(),
        other => panic!("the last event is the outcome, not {other:?}"),
    }
}

pub(crate) fn failure(events: &[Event]) -> Problem {
    match outcome(events) {
        Outcome::Failed { problem } => problem,
        other => panic!("the run failed, not {other:?}\n{events:#?}"),
    }
}

pub(crate) fn snapshots(events: &[Event]) -> Vec<SnapshotDelta> {
    let deltas = events.iter().filter_map(|event| match event {
        Event::Snapshot(delta) => Some(delta.clone()),
        _ => None,
    });
    deltas.collect()
}

pub(crate) fn touch(path: &Path) {
    std::fs::write(path, "").expect("writable");
}
