//! A small runner: starts an agent's real process and does its driver's steps.

use crate::driver;
use pilot_agents::{Catalog, Driver, Launch, Ruling, Start, Step};
use pilot_proto::event::TurnEnd;
use pilot_proto::inbox::{Answer, Ask};
use pilot_proto::run::Usage;
use pilot_proto::{Event, Mode, Problem, ProviderKind, RunId, Secret, Stream};
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// Far beyond what any step takes on a busy machine. opencode alone uses three
/// seconds of a processor before its first line.
const DEADLINE: Duration = Duration::from_secs(240);

/// A private HOME, a tree with a README, a directory for temporary files.
pub(crate) struct World {
    directory: TempDir,
}

impl World {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let world = Self { directory };
        for path in [world.home(), world.tree(), world.tmp()] {
            std::fs::create_dir(path).expect("a new directory");
        }
        std::fs::write(world.tree().join("README.md"), "# Demo\n").expect("writable");
        world
    }

    fn at(&self, name: &str) -> PathBuf {
        // As real as the driver wants it: macOS links its temporary directory.
        self.directory.path().canonicalize().expect("it is there").join(name)
    }

    pub(crate) fn home(&self) -> PathBuf {
        self.at("home")
    }

    pub(crate) fn tree(&self) -> PathBuf {
        self.at("tree")
    }

    fn tmp(&self) -> PathBuf {
        self.at("tmp")
    }

    pub(crate) fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.tree().join(path)).unwrap_or_else(|_| "(no file)".to_owned())
    }

    pub(crate) fn has(&self, path: &str) -> bool {
        self.tree().join(path).exists()
    }

    /// A start of Claude Code in this world.
    #[expect(clippy::disallowed_methods, reason = "the test mints the run's id")]
    pub(crate) fn start(&self, prompt: &str, mode: Mode, base_url: &str) -> Start {
        Start {
            run: RunId(uuid::Uuid::new_v4()),
            prompt: prompt.to_owned(),
            model: None,
            mode,
            ruled: false,
            resume: None,
            home: self.home(),
            tree: self.tree(),
            tmp: self.tmp(),
            program: pilot_testkit::agents::program("claude"),
            provider: Some(pilot_proto::project::ProviderGrant {
                kind: ProviderKind::Anthropic,
                base_url: Some(base_url.to_owned()),
                key: Secret::new("sk-test-key"),
                name: "test".to_owned(),
                login: pilot_proto::project::ProviderLogin::Key,
                oauth: None,
            }),
            attachments: Vec::new(),
            tools: None,
        }
    }
}

/// The hidden subcommands of `pilot` (`examples/subcommand.rs`), which cargo
/// builds with the tests.
pub(crate) fn pilot() -> PathBuf {
    let this = std::env::current_exe().expect("a test runs from a file");
    let profile = this.parent().and_then(Path::parent).expect("`deps` in the profile's directory");
    let pilot = profile.join("examples/subcommand");
    assert!(pilot.exists(), "`{}` is built with the tests: run them all", pilot.display());
    pilot
}

/// What stops a play until the test does something.
#[derive(Debug)]
pub(crate) enum Happened {
    Asked { key: String, ask: Ask },
    Withdrawn,
    Turn(Over),
}

/// How a turn ended.
#[derive(Debug)]
pub(crate) struct Over {
    pub(crate) end: TurnEnd,
    pub(crate) usage: Usage,
    pub(crate) denials: u32,
    pub(crate) summary: String,
    pub(crate) problem: Option<Problem>,
}

/// An agent's process and its driver.
pub(crate) struct Play {
    driver: Box<dyn Driver>,
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: Lines<BufReader<ChildStdout>>,
    due: VecDeque<Step>,
    pub(crate) events: Vec<Event>,
    /// Lines of output that are for people.
    pub(crate) shown: Vec<String>,
    /// What was said (`> `) and heard (`< `), line by line.
    pub(crate) transcript: Vec<String>,
    /// What the rules say; nothing, unless a test says otherwise.
    pub(crate) rules: fn(&Ask) -> Ruling,
    /// What the rules were asked.
    pub(crate) checked: Vec<Ask>,
}

impl Play {
    /// Claude Code.
    pub(crate) async fn begin(start: Start) -> Self {
        Self::of("claude", start).await
    }

    /// The agent called so.
    pub(crate) async fn of(agent: &str, start: Start) -> Self {
        let (home, tree) = (start.home.clone(), start.tree.clone());
        let driver = driver(agent, start);
        let launch = driver.launch();
        Self::run(driver, launch, home, tree).await
    }

    /// The one agent that this TOML declares.
    pub(crate) async fn declared(toml: &str, start: Start) -> Self {
        let catalog = Catalog::built_in().declare(toml).expect("it is right");
        let agent = catalog.agents().last().expect("the declared one is the last");
        let (home, tree) = (start.home.clone(), start.tree.clone());
        let driver = agent.driver(start);
        let mut launch = driver.launch();
        if let Some(subcommand) = agent.through() {
            let program = launch.program.to_string_lossy().into_owned();
            launch.args.splice(0..0, [subcommand.to_owned(), program]);
            launch.program = pilot();
        }
        Self::run(driver, launch, home, tree).await
    }

    #[expect(clippy::disallowed_methods, reason = "the agent finds its tools on our PATH")]
    async fn run(
        mut driver: Box<dyn Driver>,
        launch: Launch,
        home: PathBuf,
        tree: PathBuf,
    ) -> Self {
        for file in &launch.files {
            let path = home.join(&file.path);
            std::fs::create_dir_all(path.parent().expect("inside the HOME")).expect("writable");
            std::fs::write(path, &file.contents).expect("writable");
        }
        let mut child = Command::new(&launch.program)
            .args(&launch.args)
            .env_clear()
            .env("PATH", std::env::var("PATH").expect("a PATH"))
            .env("HOME", &home)
            .envs(launch.env)
            .current_dir(tree)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // npm's programs start the real one as a child.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .expect("the agent's program starts");
        let stdout = BufReader::new(child.stdout.take().expect("piped")).lines();
        let stdin = child.stdin.take();
        let due = driver.begin().into();
        Self {
            driver,
            child,
            stdin,
            stdout,
            due,
            events: Vec::new(),
            shown: Vec::new(),
            transcript: Vec::new(),
            rules: |_| Ruling::Go,
            checked: Vec::new(),
        }
    }

    /// Goes on until something happens that the test must know.
    pub(crate) async fn next(&mut self) -> Happened {
        tokio::time::timeout(DEADLINE, self.go_on()).await.unwrap_or_else(|_| {
            panic!("the agent is silent; so far: {:#?}", self.events);
        })
    }

    async fn go_on(&mut self) -> Happened {
        loop {
            if let Some(happened) = self.work_off().await {
                return happened;
            }
            let line = self.stdout.next_line().await.expect("the output is text");
            self.take(line).await;
        }
    }

    /// Does what is due, up to something that the test must know.
    async fn work_off(&mut self) -> Option<Happened> {
        while let Some(step) = self.due.pop_front() {
            if let Some(happened) = self.step(step).await {
                return Some(happened);
            }
        }
        None
    }

    async fn take(&mut self, line: Option<String>) {
        let steps = match line {
            Some(line) if self.driver.stream(line.as_bytes()) != Stream::Protocol => {
                self.shown.push(line);
                Vec::new()
            }
            Some(line) => {
                let steps = self.driver.line(&line);
                self.transcript.push(format!("< {line}"));
                steps
            }
            None => self.gone().await,
        };
        self.due.extend(steps);
    }

    async fn gone(&mut self) -> Vec<Step> {
        let mut stderr = String::new();
        let mut pipe = self.child.stderr.take().expect("a process ends once");
        pipe.read_to_string(&mut stderr).await.expect("text");
        let status = self.child.wait().await.expect("our child");
        let steps = self.driver.exited(status.code(), &stderr);
        let ends = steps.iter().any(|step| matches!(step, Step::TurnEnded { .. }));
        assert!(ends, "the agent ended between turns: {status} {stderr}");
        steps
    }

    async fn step(&mut self, step: Step) -> Option<Happened> {
        match step {
            Step::Write(text) => {
                // A process that is gone takes no input; its end is read next.
                self.transcript.extend(text.lines().map(|line| format!("> {line}")));
                if let Some(stdin) = self.stdin.as_mut() {
                    drop(stdin.write_all(text.as_bytes()).await);
                }
                None
            }
            Step::Event(event) => {
                self.events.push(event);
                None
            }
            Step::Ask { key, ask } => Some(Happened::Asked { key, ask }),
            Step::Check { key, ask } => {
                let ruling = (self.rules)(&ask);
                self.checked.push(ask.clone());
                let steps = self.driver.ruled(&key, &ask, &ruling);
                self.due.extend(steps);
                None
            }
            Step::Withdraw { .. } => Some(Happened::Withdrawn),
            Step::TurnEnded { end, usage, denials, summary, problem } => {
                Some(Happened::Turn(Over { end, usage, denials, summary, problem }))
            }
            Step::CloseInput => {
                self.stdin = None;
                None
            }
            Step::Terminate => {
                self.signal(rustix::process::Signal::TERM);
                None
            }
        }
    }

    /// Goes on to the next ask.
    pub(crate) async fn asked(&mut self) -> (String, Ask) {
        match self.next().await {
            Happened::Asked { key, ask } => (key, ask),
            other => panic!("an ask was due, not {other:?}"),
        }
    }

    /// Goes on to the end of the turn, in which nothing is asked.
    pub(crate) async fn over(&mut self) -> Over {
        match self.next().await {
            Happened::Turn(over) => over,
            other => panic!("the end of the turn was due, not {other:?}"),
        }
    }

    pub(crate) fn answer(&mut self, (key, ask): (String, Ask), answer: &Answer) {
        let steps = self.driver.answer(&key, &ask, answer);
        self.due.extend(steps);
    }

    pub(crate) fn say(&mut self, text: &str) {
        let steps = self.driver.say(text);
        self.due.extend(steps);
    }

    pub(crate) fn steer(&mut self, text: &str) {
        let steps = self.driver.steer(text).expect("it hears in the middle of a turn");
        self.due.extend(steps);
    }

    pub(crate) fn interrupt(&mut self) {
        let steps = self.driver.interrupt();
        self.due.extend(steps);
    }

    pub(crate) fn kill(&mut self) {
        self.signal(rustix::process::Signal::KILL);
    }

    /// Kills it, and waits until none of its processes writes any more.
    pub(crate) async fn kill_and_wait(&mut self) {
        self.kill();
        let gone = async {
            while self.stdout.next_line().await.is_ok_and(|line| line.is_some()) {}
            self.child.wait().await.expect("our child")
        };
        tokio::time::timeout(DEADLINE, gone).await.expect("all of it ends");
    }

    fn signal(&self, signal: rustix::process::Signal) {
        let group = self.child.id().and_then(|id| rustix::process::Pid::from_raw(id.cast_signed()));
        let group = group.expect("it runs");
        rustix::process::kill_process_group(group, signal).expect("the group is there");
    }

    /// Ends the conversation and waits for the process. Returns its exit code.
    pub(crate) async fn finish(mut self) -> Option<i32> {
        let ended = async {
            for step in self.driver.end() {
                let happened = self.step(step).await;
                assert!(happened.is_none(), "nothing happens any more: {happened:?}");
            }
            while self.stdout.next_line().await.expect("text").is_some() {}
            self.child.wait().await.expect("our child").code()
        };
        tokio::time::timeout(DEADLINE, ended).await.expect("the agent ends with its input")
    }

    /// Goes on, reading, until the file is there.
    pub(crate) async fn until_file(&mut self, path: &Path) {
        self.until(|_| path.exists()).await;
    }

    /// Goes on until a protocol line that contains this was heard.
    pub(crate) async fn until_heard(&mut self, part: &str) {
        let heard = |line: &String| line.starts_with("< ") && line.contains(part);
        self.until(|play| play.transcript.iter().any(heard)).await;
    }

    /// Goes on, reading, until this holds.
    pub(crate) async fn until(&mut self, holds: impl Fn(&Self) -> bool) {
        let there = async {
            while !holds(self) {
                let happened = self.work_off().await;
                assert!(happened.is_none(), "not yet due: {happened:?}");
                // The agent must be read meanwhile, or it would stop at a full pipe.
                let tick = Duration::from_millis(20);
                if let Ok(line) = tokio::time::timeout(tick, self.stdout.next_line()).await {
                    self.take(line.expect("the output is text")).await;
                }
            }
        };
        tokio::time::timeout(DEADLINE, there).await.expect("what is waited for happens");
    }

    pub(crate) fn session(&self) -> String {
        let session = self.events.iter().find_map(|event| match event {
            Event::SessionStarted { session, .. } => Some(session.clone()),
            _ => None,
        });
        session.expect("the agent told its session")
    }

    pub(crate) fn retries(&self) -> usize {
        self.events.iter().filter(|event| matches!(event, Event::Retrying { .. })).count()
    }
}
