//! A hub and runners as processes, in a directory of their own, with verbs.

use pilot_proto::{Task, TaskId};
use pilot_testkit::ports::free_port;
use serde::de::DeserializeOwned;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long a test waits for something that takes a moment: far longer than it
/// ever takes, because a busy machine is no reason to fail.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// What a command printed, and how it ended.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) status: ExitStatus,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Said {
    pub(crate) fn code(&self) -> i32 {
        self.status.code().unwrap_or(-1)
    }

    /// What it printed, if it ended well.
    pub(crate) fn ok(self) -> String {
        assert!(self.status.success(), "the command failed:\n{}\n{}", self.out, self.err);
        self.out
    }
}

/// A machine with a hub and a runner.
pub(crate) struct World {
    directory: TempDir,
    port: u16,
    public_url: Option<String>,
    store: Option<String>,
    hub: Option<Child>,
    runner: Option<Child>,
    workers: u32,
    enrolled: bool,
    extra_path: Vec<PathBuf>,
    hub_options: Vec<String>,
}

impl World {
    /// A hub with the demo project, and no runner yet.
    pub(crate) fn with_hub() -> Self {
        let mut world = Self::bare();
        world.start_hub();
        world
    }

    /// A hub with the demo project, and a runner that is online.
    pub(crate) fn with_runner(workers: u32) -> Self {
        let mut world = Self::with_hub();
        world.workers = workers;
        world.start_runner();
        world
    }

    /// Nothing yet; the port is chosen, so that the hub can be restarted on it.
    pub(crate) fn bare() -> Self {
        let directory = TempDir::new().expect("a temporary directory");
        std::fs::create_dir(directory.path().join("shared")).expect("writable");
        Self {
            directory,
            port: free_port(),
            public_url: None,
            store: None,
            hub: None,
            runner: None,
            workers: 2,
            enrolled: false,
            extra_path: Vec::new(),
            hub_options: Vec::new(),
        }
    }

    pub(crate) fn set_workers(&mut self, workers: u32) {
        self.workers = workers;
    }

    /// Runners reach the hub through here instead (a proxy with faults).
    pub(crate) fn set_public_url(&mut self, url: String) {
        self.public_url = Some(url);
    }

    /// The hub keeps everything there instead of in its data directory.
    pub(crate) fn set_store(&mut self, url: &str) {
        self.store = Some(url.to_owned());
    }

    /// The hub is started with these, too.
    pub(crate) fn set_hub_options(&mut self, options: &[&str]) {
        self.hub_options = options.iter().map(|option| (*option).to_owned()).collect();
    }

    /// Programs in this directory are found by the runner.
    pub(crate) fn add_path(&mut self, directory: PathBuf) {
        self.extra_path.push(directory);
    }

    /// The runner has these agents, too.
    pub(crate) fn declare(&self, toml: &str) {
        let data = self.data().join("runner");
        std::fs::create_dir_all(&data).expect("writable");
        std::fs::write(data.join("agents.toml"), toml).expect("writable");
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Whether the agent has said this line. The prompt, which stands in the log
    /// too, says `say` before it.
    pub(crate) fn has_said(&self, id: TaskId, line: &str) -> bool {
        let log = self.pilot(&["task", "log", &id.to_string()]).out;
        log.lines().any(|said| said.ends_with(line) && !said.contains("say "))
    }

    /// A file that agents see inside their walls.
    pub(crate) fn shared(&self, name: &str) -> PathBuf {
        self.path("shared").join(name)
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.path("data")
    }

    pub(crate) fn command(&self) -> Command {
        #[expect(clippy::disallowed_methods, reason = "tests start the product itself")]
        let mut command = Command::new(env!("CARGO_BIN_EXE_pilot"));
        let mut path: Vec<PathBuf> = self.extra_path.clone();
        #[expect(clippy::disallowed_methods, reason = "tests run in the developer's environment")]
        let inherited = std::env::var("PATH").expect("tests have a PATH");
        path.extend(std::env::split_paths(&inherited));
        command
            .env_clear()
            .env("PATH", std::env::join_paths(path).expect("paths without separators"))
            .env("HOME", self.directory.path())
            .env("PILOTHOUSE_DATA", self.data())
            // What the tests and the agents inside tell one another by.
            .env("PILOTHOUSE_READABLE", self.path("shared"))
            .envs(rust_toolchains().map(|path| ("RUSTUP_HOME", path)))
            .envs(certificates())
            .env("RUST_LOG", "info")
            .env("RUST_BACKTRACE", "1");
        command
    }

    pub(crate) fn start_hub(&mut self) {
        let mut command = self.command();
        command.args(["hub", "--demo"]);
        if !self.hub_options.iter().any(|option| option == "--poll-secs") {
            command.args(["--poll-secs", "1"]);
        }
        command.arg("--listen");
        command.arg(format!("127.0.0.1:{}", self.port));
        command.args(&self.hub_options);
        if let Some(url) = &self.public_url {
            command.args(["--public-url", url]);
        }
        if let Some(store) = &self.store {
            command.args(["--store", store]);
        }
        self.hub = Some(self.spawn(command, "hub.log"));
        self.until("the hub answers", || {
            self.pilot(&["project", "list"]).status.success().then_some(())
        });
    }

    pub(crate) fn start_runner(&mut self) {
        let is_online = |world: &Self| {
            let runners: Vec<serde_json::Value> = world.json(&["runner", "list"]);
            runners.iter().any(|runner| runner["online"] == true)
        };
        if self.enrolled {
            self.until("the hub knows that it was away", || (!is_online(self)).then_some(()));
        }
        self.launch_runner();
        self.until("the runner is online", || is_online(self).then_some(()));
    }

    /// Starts the runner and does not wait for it.
    pub(crate) fn launch_runner(&mut self) {
        let mut command = self.command();
        command.args(["runner", "--workers", &self.workers.to_string(), "--name", "test"]);
        // Its key and its hub are in its data directory from then on.
        if !self.enrolled {
            let code = self.pilot(&["runner", "join-code"]).ok();
            command.args(["--join", code.trim()]);
            self.enrolled = true;
        }
        self.runner = Some(self.spawn(command, "runner.log"));
    }

    fn spawn(&self, mut command: Command, log: &str) -> Child {
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.path(log))
            .expect("the log can be written");
        command
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a second handle"))
            .stderr(log)
            .spawn()
            .expect("the product starts")
    }

    /// `kill -9`.
    pub(crate) fn kill_hub(&mut self) {
        kill(&mut self.hub);
    }

    /// `kill -9`.
    pub(crate) fn kill_runner(&mut self) {
        kill(&mut self.runner);
    }

    /// Process ids of hub and runner, as far as they run.
    pub(crate) fn pids(&self) -> [Option<u32>; 2] {
        [self.hub.as_ref().map(Child::id), self.runner.as_ref().map(Child::id)]
    }

    /// Runs `pilot` as a person would.
    pub(crate) fn pilot(&self, arguments: &[&str]) -> Said {
        self.pilot_with_input(arguments, "")
    }

    pub(crate) fn pilot_with_input(&self, arguments: &[&str], input: &str) -> Said {
        let mut child = self
            .command()
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the product starts");
        let mut stdin = child.stdin.take().expect("it is piped");
        // A command that reads no input may be gone already.
        stdin.write_all(input.as_bytes()).unwrap_or_default();
        drop(stdin);
        let output = child.wait_with_output().expect("it ends");
        Said {
            status: output.status,
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// What a command prints with `--json`.
    pub(crate) fn json<T: DeserializeOwned>(&self, arguments: &[&str]) -> T {
        let out = self.pilot(&[arguments, &["--json"]].concat()).ok();
        serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}"))
    }

    /// Files a task of this agent on the demo project. `more`: further words of
    /// `pilot task new`.
    pub(crate) fn new_task(&self, agent: &str, prompt: &str, more: &[&str]) -> Task {
        let prompt = format!("--prompt={prompt}");
        let words = ["task", "new", "--project", "demo", "--agent", agent, &prompt];
        self.json(&[&words[..], more].concat())
    }

    /// Files a task for the scripted agent on the demo project.
    pub(crate) fn file(&self, script: &str) -> TaskId {
        self.new_task("scripted", script, &[]).id
    }

    pub(crate) fn task(&self, id: TaskId) -> Task {
        self.json(&["task", "show", &id.to_string()])
    }

    /// Waits until a task is in this state.
    pub(crate) fn until_state(&self, id: TaskId, state: &str) -> Task {
        let begun = Instant::now();
        loop {
            let task = self.task(id);
            if task.state.name() == state {
                return task;
            }
            let late = begun.elapsed() > PATIENCE;
            if late || task.state.is_end() {
                let journal = self.pilot(&["task", "log", "--records", "--json", &id.to_string()]);
                let tail: Vec<&str> = journal.out.lines().rev().take(40).collect();
                let tail: String = tail
                    .iter()
                    .rev()
                    .map(|line| format!("{}\n", line.chars().take(300).collect::<String>()))
                    .collect();
                panic!("{id} is not {state} but {task:#?}\n--- journal\n{tail}{}", self.logs());
            }
            pause(begun);
        }
    }

    /// Waits until something is there, or fails with the logs of hub and runner.
    pub(crate) fn until<T>(&self, what: &str, look: impl FnMut() -> Option<T>) -> T {
        self.until_within(PATIENCE, what, look)
    }

    /// The same, of something that takes longer.
    pub(crate) fn until_within<T>(
        &self,
        patience: Duration,
        what: &str,
        mut look: impl FnMut() -> Option<T>,
    ) -> T {
        let begun = Instant::now();
        loop {
            if let Some(found) = look() {
                return found;
            }
            assert!(
                begun.elapsed() < patience,
                "{what}: never happened\n{}\n{}",
                self.pilot(&["task", "list"]).out,
                self.logs()
            );
            pause(begun);
        }
    }

    pub(crate) fn logs(&self) -> String {
        let mut logs = String::new();
        for name in ["hub.log", "runner.log"] {
            let text = std::fs::read_to_string(self.path(name)).unwrap_or_default();
            let from = text.char_indices().rev().nth(6000).map_or(0, |(index, _)| index);
            logs.push_str(&format!("--- {name}\n{}\n", &text[from..]));
        }
        logs
    }

    /// Everything under the runner's data directory that belongs to runs.
    pub(crate) fn run_directories(&self) -> Vec<PathBuf> {
        let runs = self.data().join("runner/runs");
        let Ok(entries) = std::fs::read_dir(runs) else { return Vec::new() };
        entries.flatten().map(|entry| entry.path()).collect()
    }

    /// Processes of this world besides the hub and the runner: shims, agents
    /// and whatever they started, known by the data directory in their
    /// environment or command line.
    pub(crate) fn stray_processes(&self) -> Vec<String> {
        let mark = self.directory.path().to_string_lossy().into_owned();
        let ours = self.pids();
        let mut found = Vec::new();
        for entry in std::fs::read_dir("/proc").expect("proc is mounted").flatten() {
            let Ok(pid) = entry.file_name().to_string_lossy().parse::<u32>() else { continue };
            if pid == std::process::id() || ours.contains(&Some(pid)) {
                continue;
            }
            let read = |name: &str| {
                let bytes = std::fs::read(entry.path().join(name)).unwrap_or_default();
                String::from_utf8_lossy(&bytes).replace('\0', " ")
            };
            let command = read("cmdline");
            if command.contains(&mark) || read("environ").contains(&mark) {
                found.push(format!("{pid} {command}"));
            }
        }
        found
    }

    /// Files of hub, runner and runs that hold this text, but for the hub's
    /// credentials.
    pub(crate) fn files_with(&self, text: &str) -> Vec<PathBuf> {
        let (mut wanted, mut found) = (vec![self.path("")], Vec::new());
        while let Some(directory) = wanted.pop() {
            // What a run has left may be removed at this moment.
            let Ok(entries) = std::fs::read_dir(&directory) else { continue };
            for entry in entries.flatten() {
                let path = entry.path();
                if path.is_dir() {
                    wanted.push(path);
                } else if !path.ends_with("hub/credentials") {
                    let bytes = std::fs::read(&path).unwrap_or_default();
                    if String::from_utf8_lossy(&bytes).contains(text) {
                        found.push(path);
                    }
                }
            }
        }
        found
    }

    /// A file of a branch in a bare repository.
    pub(crate) fn file_in(&self, repository: &Path, branch: &str, path: &str) -> Option<String> {
        let said = self.git(repository, &["show", &format!("{branch}:{path}")]);
        said.status.success().then_some(said.out)
    }

    pub(crate) fn git(&self, repository: &Path, arguments: &[&str]) -> Said {
        #[expect(clippy::disallowed_methods, reason = "tests look at repositories with git itself")]
        let output = Command::new("git")
            .env("HOME", self.directory.path())
            .env("GIT_CONFIG_COUNT", "1")
            .env("GIT_CONFIG_KEY_0", "safe.directory")
            .env("GIT_CONFIG_VALUE_0", "*")
            .arg("-C")
            .arg(repository)
            .args(arguments)
            .output()
            .expect("git is installed");
        Said {
            status: output.status,
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Runs a program that has to be there.
    pub(crate) fn run(program: &str, arguments: &[&str]) {
        #[expect(clippy::disallowed_methods, reason = "tests make keys as a person does")]
        let status = Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .status()
            .unwrap_or_else(|error| panic!("`{program}` has to be installed: {error}"));
        assert!(status.success(), "{program} {arguments:?}");
    }

    pub(crate) fn demo_repository(&self) -> PathBuf {
        let projects: Vec<pilot_proto::Project> = self.json(&["project", "list"]);
        let demo = projects.into_iter().find(|project| project.name == "demo");
        let repo = demo.expect("the demo project is built in").repo;
        PathBuf::from(repo.strip_prefix("file://").unwrap_or(&repo))
    }
}

/// Where `rustup`, if it is what `cargo` is, finds the toolchains: the tests have
/// a home of their own.
fn rust_toolchains() -> Option<PathBuf> {
    let given = |name: &str| std::env::var_os(name).map(PathBuf::from);
    let kept = given("RUSTUP_HOME").or_else(|| Some(given("HOME")?.join(".rustup")));
    kept.filter(|path| path.join("toolchains").is_dir())
}

/// Where this machine's own certificates are, if it has some.
fn certificates() -> impl Iterator<Item = (&'static str, std::ffi::OsString)> {
    let names =
        ["SSL_CERT_FILE", "SSL_CERT_DIR", "NODE_EXTRA_CA_CERTS", "CARGO_HTTP_CAINFO", "PIP_CERT"];
    names.into_iter().filter_map(|name| Some((name, std::env::var_os(name)?)))
}

/// Between two looks, each of which starts a process: the longer something
/// takes, the less it matters to the moment when it happened.
fn pause(begun: Instant) {
    let pause = begun.elapsed() / 8;
    std::thread::sleep(pause.clamp(Duration::from_millis(50), Duration::from_millis(400)));
}

fn kill(child: &mut Option<Child>) {
    if let Some(mut child) = child.take() {
        child.kill().expect("our own child can be killed");
        child.wait().expect("and waited for");
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            #[expect(clippy::print_stderr, reason = "a failed test shows what its processes said")]
            {
                eprintln!("{}", self.logs());
            }
        }
        kill(&mut self.runner);
        kill(&mut self.hub);
        // Shims outlive their daemon by design, so a failed test leaves some.
        for stray in self.stray_processes() {
            let pid = stray.split(' ').next().and_then(|pid| pid.parse::<i32>().ok());
            if let Some(pid) = pid.and_then(rustix::process::Pid::from_raw) {
                rustix::process::kill_process(pid, rustix::process::Signal::KILL)
                    .unwrap_or_default();
            }
        }
    }
}
