//! Starting a run's processes: in a process group of their own, with nothing
//! of our environment, with pipes for all three streams.

use crate::environment::Environment;
use crate::process::Process;
use pilot_proto::Problem;
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use tokio::process::{ChildStderr, ChildStdin, ChildStdout};

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
}

impl SpawnError {
    /// For a person.
    pub fn problem(&self) -> Problem {
        todo!()
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
    child: tokio::process::Child,
}

impl Agent {
    /// Waits for its end. Cancel-safe; can be asked again.
    pub async fn wait(&mut self) -> io::Result<Exit> {
        todo!()
    }
}

/// Starts a process.
pub fn spawn(launch: &Launch) -> Result<Agent, SpawnError> {
    todo!()
}
