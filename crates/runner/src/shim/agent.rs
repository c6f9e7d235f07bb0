//! The agent's process and the conversation with it.

use super::attachments;
use super::output::{OutputFold, ProtocolLines};
use super::preflight::Asking;
use super::pump::{Piece, pump};
use super::sessions::restore_session;
use super::steps::disk;
use super::walls::{SharedWalls, Standing};
use super::workspace::Workspace;
use crate::run_dir::beneath;
use pilot_agents::{Driver, HomeFile, Launch as Commanded, OwnTools, Remote, Start};
use pilot_lifecycle::permissions;
use pilot_proto::event::Stream;
use pilot_proto::project::ProviderGrant;
use pilot_proto::run::Session;
use pilot_proto::{Code, Event, Mode, Problem, RunId};
use pilot_sandbox::{Agent, Environment, Exit, Launch};
use pilot_secrets::Redactor;
use std::io;
use std::path::Path;
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
    ReviewerOut,
    ReviewerErr,
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

/// Who is to be started, and what for.
pub(super) struct Role {
    pub(super) agent: String,
    pub(super) model: Option<String>,
    pub(super) mode: Mode,
    /// Names a session that is new.
    pub(super) run: RunId,
    pub(super) prompt: String,
    /// The session to go on with.
    pub(super) resume: Option<String>,
    pub(super) provider: Option<ProviderGrant>,
    /// The run's own tools, for the agent that the run is of.
    pub(super) tools: Option<OwnTools>,
    /// It is the first that is started in this workspace: it is given the
    /// task's files, and the earlier run's session.
    pub(super) first: bool,
}

/// What an agent is told whose earlier session could not be kept.
const WITHOUT_PAST: &str = "An earlier session worked on this task and cannot be gone on with. \
                            What it did is in the working tree.";

/// The agent keeps its sessions in files, and this one's are not there.
fn is_lost(workspace: &Workspace, session: &Session) -> bool {
    let agent = workspace.programs.agent(&workspace.spec.agent);
    let place = agent.ok().and_then(|agent| agent.session(&workspace.dir.tree(), &session.id));
    session.file.is_none() && place.is_some()
}

impl Role {
    /// The task's agent as the run begins.
    pub(super) fn first(workspace: &Workspace, walls: &Standing, prompt: String) -> Self {
        let spec = &workspace.spec;
        let session = spec.resume.as_ref().and_then(|resume| resume.session.as_ref());
        let lost = session.is_some_and(|session| is_lost(workspace, session));
        let (session, prompt) = match &spec.resume {
            Some(resume) if lost => {
                (None, format!("{WITHOUT_PAST} It was: {}\n\n{prompt}", resume.wanted))
            }
            _ => (session, prompt),
        };
        Self {
            agent: spec.agent.clone(),
            model: spec.model.clone(),
            mode: spec.mode,
            run: spec.run,
            prompt,
            resume: session.map(|session| session.id.clone()),
            provider: walls.provider(),
            tools: walls.socket().map(|socket| OwnTools {
                program: workspace.pilot.clone(),
                socket: socket.to_owned(),
            }),
            first: true,
        }
    }

    /// The task's agent once more, in the session that it had here.
    pub(super) fn again(
        workspace: &Workspace,
        walls: &Standing,
        prompt: String,
        session: Option<String>,
    ) -> Self {
        let resumes = workspace.programs.agent(&workspace.spec.agent);
        let resumes = resumes.is_ok_and(|agent| agent.abilities().resume);
        let resume = session.filter(|_| resumes);
        // Without its session it does not know what it is about.
        let prompt = match &resume {
            Some(_) => prompt,
            None => format!("{}\n\n{prompt}", workspace.spec.prompt),
        };
        Self { resume, first: false, ..Self::first(workspace, walls, prompt) }
    }
}

/// An agent that is to be started inside.
pub(super) struct Starting {
    pub(super) launch: Launch,
    /// What is to be asked first.
    asking: Option<Asking>,
    /// What it is told, as soon as it runs.
    input: mpsc::Receiver<String>,
}

/// An agent's process.
pub(super) struct AgentProcess {
    pub(super) driver: Box<dyn Driver>,
    /// Makes it end, and whatever it started.
    pub(super) stop: CancellationToken,
    /// Makes it end without asking it first; together with `stop`.
    pub(super) kill: CancellationToken,
    /// The process ended so; its output may still be on its way.
    pub(super) exit: Option<Exit>,
    stdin: Option<mpsc::Sender<String>>,
    out: Option<OutputFold>,
    err: Option<OutputFold>,
    lines: ProtocolLines,
    tail: Vec<u8>,
}

impl AgentProcess {
    /// Prepares the agent: what is said to it from now on waits until it runs.
    pub(super) fn prepare(
        workspace: &Workspace,
        walls: &Standing,
        role: Role,
    ) -> Result<(Self, Starting), Problem> {
        let (agent, first) = (role.agent.clone(), role.first);
        let driver = driver(workspace, role)?;
        let subcommand = driver.through();
        let launch = through(workspace, &agent, driver.launch(), subcommand)?;
        for file in &launch.files {
            write_home_file(&workspace.dir.home(), file).map_err(|error| {
                disk(Code::WorkspaceFailed, "The agent's configuration cannot be written", &error)
            })?;
        }
        if first {
            restore_session(workspace).map_err(|error| {
                disk(Code::WorkspaceFailed, "The earlier session cannot be restored", &error)
            })?;
        }
        let inside = |launch: Commanded| {
            let mut env = scrubbed(walls.environment(), driver.scrubbed());
            if agent != workspace.spec.agent {
                env.set("PATH", workspace.programs.path_of(&agent));
            }
            env.extend(launch.env);
            Launch {
                program: launch.program.into(),
                args: launch.args.into_iter().map(Into::into).collect(),
                env,
                cwd: workspace.dir.tree(),
            }
        };
        let asking = driver.preflight().map(|preflight| {
            let launch = inside(preflight.launch.clone());
            Asking::new(&preflight, launch)
        });
        let launch = inside(launch);
        let (stdin, input) = mpsc::channel(UNREAD);
        let process = Self {
            driver,
            stop: CancellationToken::new(),
            kill: CancellationToken::new(),
            exit: None,
            stdin: Some(stdin),
            out: Some(OutputFold::new(&workspace.redactor)),
            err: Some(OutputFold::new(&workspace.redactor)),
            lines: ProtocolLines::default(),
            tail: Vec::new(),
        };
        Ok((process, Starting { launch, asking, input }))
    }

    /// A person does the work: nothing is started, and nothing will be heard.
    pub(super) fn by_hand(
        workspace: &Workspace,
        walls: &Standing,
        prompt: String,
    ) -> Result<Self, Problem> {
        Ok(Self {
            driver: driver(workspace, Role::first(workspace, walls, prompt))?,
            stop: CancellationToken::new(),
            kill: CancellationToken::new(),
            exit: None,
            stdin: None,
            out: None,
            err: None,
            lines: ProtocolLines::default(),
            tail: Vec::new(),
        })
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

/// Ties an agent that runs to us: what it is told, and what it says.
pub(super) fn attach(
    agent: &mut Agent,
    input: mpsc::Receiver<String>,
    heard: &mpsc::Sender<Heard>,
    [out, err]: [Source; 2],
    tasks: &mut JoinSet<()>,
) {
    if let Some(pipe) = agent.stdin.take() {
        tasks.spawn(write(pipe, input));
    }
    if let Some(pipe) = agent.stdout.take() {
        tasks.spawn(pump(pipe, heard.clone(), move |piece| (out, piece)));
    }
    if let Some(pipe) = agent.stderr.take() {
        tasks.spawn(pump(pipe, heard.clone(), move |piece| (err, piece)));
    }
}

/// An agent that runs, and what it is to be told.
pub(super) type Started = Result<(Agent, mpsc::Receiver<String>), Problem>;

/// Starts it.
pub(super) async fn start(walls: SharedWalls, starting: Starting) -> Started {
    let Starting { launch, asking, input } = starting;
    if let Some(asking) = asking {
        asking.pass(&walls).await?;
    }
    let agent = walls.spawn(&launch).await.map_err(|error| error.problem())?;
    Ok((agent, input))
}

fn driver(workspace: &Workspace, role: Role) -> Result<Box<dyn Driver>, Problem> {
    let agent = workspace.programs.agent(&role.agent)?;
    let probe = agent.probe();
    let program = match &probe.program {
        Some(program) => workspace.programs.find(&probe.agent, program).ok_or_else(|| {
            let message = format!("`{program}` is not installed on this runner.");
            Problem::new(Code::AgentMissing, message)
                .hint(format!("Install it there: `{}`.", probe.mend))
        })?,
        None => workspace.pilot.clone(),
    };
    let attachments = if role.first {
        attachments::given(workspace).map_err(|error| {
            disk(Code::WorkspaceFailed, "The attachments cannot be read", &error)
        })?
    } else {
        Vec::new()
    };
    let spec = &workspace.spec;
    // The login is the task's agent's, and no reviewer's.
    let remote = spec.remote_control.as_ref().filter(|_| role.run == spec.run);
    let start = Start {
        run: role.run,
        prompt: role.prompt,
        model: role.model,
        mode: role.mode,
        ruled: permissions::needs_asking(&workspace.spec.permissions),
        resume: role.resume,
        home: workspace.dir.home(),
        tree: workspace.dir.tree(),
        tmp: workspace.dir.tmp(),
        program,
        provider: role.provider,
        tools: role.tools,
        attachments,
    };
    let Some(login) = remote else { return Ok(agent.driver(start)) };
    let remote = Remote { login: (**login).clone(), name: format!("Pilothouse: {}", spec.title) };
    agent.remote(start, remote).ok_or_else(|| {
        let message = format!("`{}` has no remote control.", spec.agent);
        Problem::new(Code::Invalid, message).hint("File the task without it.")
    })
}

/// Without the variables of these names; a `*` at the end stands for any end.
fn scrubbed(mut env: Environment, names: &[&str]) -> Environment {
    let is_named = |variable: &str| {
        names.iter().any(|name| match name.strip_suffix('*') {
            Some(begin) => variable.starts_with(begin),
            None => variable == *name,
        })
    };
    let set = env.iter().filter_map(|(name, _)| name.to_str().map(str::to_owned));
    let doomed: Vec<String> = set.filter(|name| is_named(name)).collect();
    for name in doomed {
        // An empty value is none.
        env.set(name, "");
    }
    env
}

/// With the subcommand of ours in front that the agent's program needs.
fn through(
    workspace: &Workspace,
    agent: &str,
    launch: Commanded,
    of_run: Option<&'static str>,
) -> Result<Commanded, Problem> {
    let of_agent = workspace.programs.agent(agent)?.through();
    let Some(subcommand) = of_run.or(of_agent) else {
        return Ok(launch);
    };
    let program = launch.program.to_string_lossy().into_owned();
    let args = [subcommand.to_owned(), program].into_iter().chain(launch.args).collect();
    Ok(Commanded { program: workspace.pilot.clone(), args, ..launch })
}

fn write_home_file(home: &Path, file: &HomeFile) -> io::Result<()> {
    let mut made = beneath::create(home, &file.path, file.mode)?;
    io::Write::write_all(&mut made, file.contents.as_bytes())
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

/// Two ways to say that an agent is to end.
pub(super) struct Ends {
    /// Politely, within [`GRACE`].
    pub(super) stop: CancellationToken,
    /// At once, also after the other.
    pub(super) kill: CancellationToken,
}

/// Waits for a process' end, or brings it about when `ends` says so, and then
/// for the end of whatever it started: a server in the background holds its
/// pipes open and works on the tree.
///
/// One task does both: a killer that is still looking around when the next
/// step begins would take that step's processes for the agent's.
pub(super) async fn see_off(mut agent: Agent, walls: SharedWalls, ends: Ends) -> Exit {
    let process = agent.process;
    let exit = tokio::select! {
        exit = wait(&mut agent) => exit,
        () = ends.stop.cancelled() => {
            let end = async {
                tokio::select! {
                    () = walls.end(process, GRACE) => {}
                    () = ends.kill.cancelled() => walls.end(process, Duration::ZERO).await,
                }
            };
            let ((), exit) = tokio::join!(end, wait(&mut agent));
            exit
        }
    };
    let grace = if ends.kill.is_cancelled() { Duration::ZERO } else { GRACE };
    walls.clear(process, grace).await;
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
