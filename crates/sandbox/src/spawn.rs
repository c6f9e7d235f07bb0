//! Starting a run's processes: in a process group of their own, with nothing
//! of our environment, with pipes for all three streams. Here without walls;
//! `Walls::spawn` starts them inside.

use crate::environment::Environment;
use crate::process::Process;
use crate::walls::Inner;
use pilot_proto::{Code, Problem};
use std::ffi::OsString;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};

/// What to start.
#[derive(Debug, Clone)]
pub struct Launch {
    /// A path, or a name that is looked up in the environment's `PATH`.
    pub program: OsString,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// All of its environment.
    pub env: Environment,
    /// Where it starts.
    pub cwd: PathBuf,
}

/// A process did not start.
#[derive(Debug, thiserror::Error)]
pub enum SpawnError {
    /// There is no such program.
    #[error("the program `{program}` is not installed, or may not be executed")]
    Missing {
        /// Which.
        program: String,
        /// What the system said.
        source: io::Error,
    },
    /// There is no such directory.
    #[error("the directory `{}` does not exist", path.display())]
    Directory {
        /// Which.
        path: PathBuf,
    },
    /// Anything else.
    #[error("`{program}` did not start")]
    Start {
        /// Which.
        program: String,
        /// What the system said.
        source: io::Error,
    },
    /// The init of the walls does not answer.
    #[error("`{program}` did not start: the walls do not answer")]
    Walls {
        /// Which.
        program: String,
        /// What the system said.
        source: io::Error,
    },
}

impl SpawnError {
    /// For a person.
    pub fn problem(&self) -> Problem {
        match self {
            Self::Missing { source, .. } => {
                Problem::new(Code::AgentMissing, format!("{self} ({source})."))
                    .hint("Install it on the runner, where the runner's `PATH` finds it.")
            }
            Self::Directory { .. } => Problem::new(Code::WorkspaceFailed, format!("{self}.")),
            Self::Start { source, .. } | Self::Walls { source, .. } => {
                Problem::new(Code::WorkspaceFailed, format!("{self}: {source}."))
            }
        }
    }
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// With this exit code.
    Code(i32),
    /// By this signal.
    Signal(i32),
}

impl From<ExitStatus> for Exit {
    fn from(status: ExitStatus) -> Self {
        match (status.code(), status.signal()) {
            (Some(code), _) => Self::Code(code),
            (None, Some(signal)) => Self::Signal(signal),
            // Stopped or continued: a wait for the end never reports these.
            (None, None) => Self::Code(-1),
        }
    }
}

/// A started process. Dropping it kills the process itself; its descendants
/// are the business of [`crate::kill_run`].
#[derive(Debug)]
pub struct Agent {
    /// Its standard input, until taken; dropping it closes the pipe.
    pub stdin: Option<ChildStdin>,
    /// Its standard output, until taken.
    pub stdout: Option<ChildStdout>,
    /// Its standard error, until taken.
    pub stderr: Option<ChildStderr>,
    /// Who it is: for the ledger and for [`crate::kill_run`]. Also the number
    /// of its process group.
    pub process: Process,
    life: Life,
}

/// By whom its end is told.
#[derive(Debug)]
enum Life {
    /// The system: it is our child.
    Child(Child),
    /// The init of the walls.
    Inside(Inner),
}

impl Agent {
    pub(crate) fn inside(
        stdin: ChildStdin,
        stdout: ChildStdout,
        stderr: ChildStderr,
        process: Process,
        inner: Inner,
    ) -> Self {
        let (stdin, stdout, stderr) = (Some(stdin), Some(stdout), Some(stderr));
        Self { stdin, stdout, stderr, process, life: Life::Inside(inner) }
    }

    /// Waits for its end. Cancel-safe; can be asked again.
    pub async fn wait(&mut self) -> io::Result<Exit> {
        match &mut self.life {
            Life::Child(child) => child.wait().await.map(Exit::from),
            Life::Inside(inner) => inner.wait().await,
        }
    }
}

/// Starts a process.
pub fn spawn(launch: &Launch) -> Result<Agent, SpawnError> {
    // The system says "not found" of the program and of the directory alike.
    if !launch.cwd.is_dir() {
        return Err(SpawnError::Directory { path: launch.cwd.clone() });
    }
    let mut command = Command::new(&launch.program);
    command
        .args(&launch.args)
        .env_clear()
        .envs(launch.env.iter())
        .current_dir(&launch.cwd)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // A signal to our own group (Ctrl-C in a terminal) is not meant for it.
        .process_group(0)
        .kill_on_drop(true);
    let program = || launch.program.to_string_lossy().into_owned();
    let mut child = command.spawn().map_err(|source| match source.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied => {
            SpawnError::Missing { program: program(), source }
        }
        _ => SpawnError::Start { program: program(), source },
    })?;
    let Some(process) = child.id().and_then(Process::of) else {
        // Until somebody waits for it, even an ended child is in `/proc`.
        let source = io::Error::new(io::ErrorKind::NotFound, "`/proc` does not show the process");
        return Err(SpawnError::Start { program: program(), source });
    };
    Ok(Agent {
        stdin: child.stdin.take(),
        stdout: child.stdout.take(),
        stderr: child.stderr.take(),
        process,
        life: Life::Child(child),
    })
}
