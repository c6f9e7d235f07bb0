//! The agent's process and the conversation with it.

use super::attachments;
use super::output::{OutputFold, ProtocolLines};
use super::pump::{Piece, pump};
use super::steps::disk;
use super::workspace::Workspace;
use pilot_agents::{Driver, HomeFile, Start};
use pilot_proto::event::Stream;
use pilot_proto::{Code, Event, Problem, RunId};
use pilot_sandbox::{Agent, Doomed, Exit, Launch};
use pilot_secrets::Redactor;
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Component, Path, PathBuf};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::process::ChildStdin;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Whose output a piece is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    AgentOut,
    AgentErr,
    SetupOut,
    SetupErr,
}

/// A piece of somebody's output.
pub(super) type Heard = (Source, Piece);

/// Messages to the agent that it has not read yet. A conversation has one or
/// two; an agent that leaves so many lying reads nothing any more.
const UNREAD: usize = 256;
/// Of standard error, for the message when it fails.
const TAIL: usize = 8 * 1024;

/// An agent's process.
pub(super) struct AgentProcess {
    pub(super) driver: Box<dyn Driver>,
    /// Makes it end, and whatever it started.
    pub(super) stop: CancellationToken,
    /// The process ended so; its output may still be on its way.
    pub(super) exit: Option<Exit>,
    stdin: Option<mpsc::Sender<String>>,
    out: Option<OutputFold>,
    err: Option<OutputFold>,
    lines: ProtocolLines,
    tail: Vec<u8>,
}

impl AgentProcess {
    /// Starts the agent. `heard` gets its output.
    pub(super) fn start(
        workspace: &Workspace,
        prompt: String,
        heard: &mpsc::Sender<Heard>,
        tasks: &mut JoinSet<()>,
    ) -> Result<(Self, Agent), Problem> {
        let driver = driver(workspace, prompt)?;
        let launch = driver.launch();
        for file in &launch.files {
            write_home_file(&workspace.dir.home(), file).map_err(|error| {
                disk(Code::WorkspaceFailed, "The agent's configuration cannot be written", &error)
            })?;
        }
        restore_session(workspace).map_err(|error| {
            disk(Code::WorkspaceFailed, "The earlier session cannot be restored", &error)
        })?;
        let mut env = workspace.environment();
        env.extend(launch.env);
        let launch = Launch {
            program: launch.program.into(),
            args: launch.args.into_iter().map(Into::into).collect(),
            env,
            cwd: workspace.dir.tree(),
        };
        let mut agent = pilot_sandbox::spawn(&launch).map_err(|error| error.problem())?;
        let stdin = agent.stdin.take().map(|pipe| {
            let (stdin, from_us) = mpsc::channel(UNREAD);
            tasks.spawn(write(pipe, from_us));
            stdin
        });
        if let Some(pipe) = agent.stdout.take() {
            tasks.spawn(pump(pipe, heard.clone(), |piece| (Source::AgentOut, piece)));
        }
        if let Some(pipe) = agent.stderr.take() {
            tasks.spawn(pump(pipe, heard.clone(), |piece| (Source::AgentErr, piece)));
        }
        let process = Self {
            driver,
            stop: CancellationToken::new(),
            exit: None,
            stdin,
            out: Some(OutputFold::new(&workspace.redactor)),
            err: Some(OutputFold::new(&workspace.redactor)),
            lines: ProtocolLines::default(),
            tail: Vec::new(),
        };
        Ok((process, agent))
    }

    /// Writes to the agent's standard input.
    pub(super) fn write(&self, text: String) {
        let Some(stdin) = &self.stdin else { return };
        if let Err(error) = stdin.try_send(text) {
            // Its process tells in its own time that it is gone.
            tracing::warn!(%error, "the agent does not read what it is told");
        }
    }

    /// Closes its standard input, behind what was written.
    pub(super) fn close_input(&mut self) {
        self.stdin = None;
    }

    /// Takes a piece of its standard output in: events to journal, and the
    /// lines that its driver is to read.
    pub(super) fn heard_out(&mut self, piece: Piece, emit: &mut dyn FnMut(Event)) -> Vec<String> {
        let mut protocol = Vec::new();
        let driver = &self.driver;
        let stream_of = |line: &[u8]| driver.stream(line);
        let mut line = |line: &[u8]| {
            if driver.stream(line) == Stream::Protocol {
                protocol.push(String::from_utf8_lossy(line).into_owned());
            }
        };
        let Some(fold) = &mut self.out else { return Vec::new() };
        match piece {
            Piece::Bytes(bytes) => {
                fold.push(&bytes, &stream_of, emit);
                self.lines.push(&bytes, line);
            }
            Piece::Quiet => fold.quiet(&stream_of, emit),
            Piece::End => {
                fold.end(&stream_of, emit);
                self.lines.end(&mut line);
                self.out = None;
            }
        }
        protocol
    }

    /// Takes a piece of its standard error in.
    pub(super) fn heard_err(&mut self, piece: Piece, emit: &mut dyn FnMut(Event)) {
        let Some(fold) = &mut self.err else { return };
        let stream_of = |_: &[u8]| Stream::Stderr;
        match piece {
            Piece::Bytes(bytes) => {
                fold.push(&bytes, &stream_of, emit);
                self.tail.extend_from_slice(&bytes);
                let superfluous = self.tail.len().saturating_sub(TAIL);
                self.tail.drain(..superfluous);
            }
            Piece::Quiet => fold.quiet(&stream_of, emit),
            Piece::End => {
                fold.end(&stream_of, emit);
                self.err = None;
            }
        }
    }

    /// The process is gone and all it said was heard.
    pub(super) fn is_over(&self) -> bool {
        self.exit.is_some() && self.out.is_none() && self.err.is_none()
    }

    /// The tail of its standard error, without secrets.
    pub(super) fn stderr(&self, redactor: &Redactor) -> String {
        let tail = String::from_utf8_lossy(&self.tail);
        redactor.redact_str(&tail).into_owned()
    }
}

fn driver(workspace: &Workspace, prompt: String) -> Result<Box<dyn Driver>, Problem> {
    let spec = &workspace.spec;
    let probe = pilot_agents::probes().into_iter().find(|probe| probe.agent == spec.agent);
    let program = match probe.and_then(|probe| Some((probe, probe.program?))) {
        Some((probe, program)) => {
            workspace.programs.find(probe.agent, program).ok_or_else(|| {
                let message = format!("`{program}` is not installed on this runner.");
                Problem::new(Code::AgentMissing, message)
                    .hint(format!("Install it there: `{}`.", probe.mend))
            })?
        }
        // Built in, or unknown, which the driver's maker says better.
        None => workspace.pilot.clone(),
    };
    let session = spec.resume.as_ref().and_then(|resume| resume.session.as_ref());
    let start = Start {
        run: spec.run,
        prompt,
        model: spec.model.clone(),
        mode: spec.mode,
        resume: session.map(|session| session.id.clone()),
        home: workspace.dir.home(),
        tree: workspace.dir.tree(),
        tmp: workspace.dir.tmp(),
        program,
        provider: spec.provider.clone(),
        attachments: attachments::given(workspace).map_err(|error| {
            disk(Code::WorkspaceFailed, "The attachments cannot be read", &error)
        })?,
    };
    pilot_agents::driver(&spec.agent, start)
}

/// Puts the earlier session's file where the agent looks for it.
fn restore_session(workspace: &Workspace) -> io::Result<()> {
    let resume = workspace.spec.resume.as_ref();
    let Some(session) = resume.and_then(|resume| resume.session.as_ref()) else { return Ok(()) };
    let Some(file) = &session.file else { return Ok(()) };
    let (home, tree) = (workspace.dir.home(), workspace.dir.tree());
    let agent = &workspace.spec.agent;
    let Some(path) = pilot_agents::session_file(agent, &home, &tree, &session.id) else {
        return Ok(());
    };
    make_parent(&path)?;
    workspace.blobs.extract(file, &path)
}

fn write_home_file(home: &Path, file: &HomeFile) -> io::Result<()> {
    if file.path.components().any(|part| !matches!(part, Component::Normal(_))) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "a path out of the home"));
    }
    let path: PathBuf = home.join(&file.path);
    make_parent(&path)?;
    let mut options = std::fs::File::options();
    let opened = options.write(true).create(true).truncate(true).mode(file.mode).open(&path)?;
    opened.set_permissions(std::fs::Permissions::from_mode(file.mode))?;
    io::Write::write_all(&mut &opened, file.contents.as_bytes())
}

fn make_parent(path: &Path) -> io::Result<()> {
    let Some(parent) = path.parent() else { return Ok(()) };
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(parent)
}

async fn write(mut pipe: ChildStdin, mut from_us: mpsc::Receiver<String>) {
    while let Some(text) = from_us.recv().await {
        if let Err(error) = pipe.write_all(text.as_bytes()).await {
            tracing::debug!(%error, "the agent closed its input");
            return;
        }
    }
}

/// Between a polite and a forced end.
const GRACE: Duration = Duration::from_secs(5);

/// Waits for a process' end, or brings it about when `stop` says so, and then
/// for the end of whatever it started: a server in the background holds its
/// pipes open and works on the tree.
///
/// One task does both: a killer that is still looking around when the next
/// step begins would take that step's processes for the agent's.
pub(super) async fn see_off(mut agent: Agent, run: RunId, stop: CancellationToken) -> Exit {
    let doomed = Doomed { run, roots: vec![agent.process], adopted: true };
    let exit = tokio::select! {
        exit = wait(&mut agent) => exit,
        () = stop.cancelled() => {
            let (exit, _) = tokio::join!(wait(&mut agent), pilot_sandbox::kill_run(&doomed, GRACE));
            exit
        }
    };
    let report = pilot_sandbox::kill_run(&doomed, GRACE).await;
    if !report.left.is_empty() {
        tracing::error!(?report, "processes of the agent cannot be killed");
    }
    exit
}

async fn wait(agent: &mut Agent) -> Exit {
    loop {
        match agent.wait().await {
            Ok(exit) => return exit,
            Err(error) => {
                tracing::error!(%error, "the agent cannot be waited for");
                if !agent.process.is_alive() {
                    return Exit::Code(-1);
                }
                tokio::time::sleep(GRACE).await;
            }
        }
    }
}
