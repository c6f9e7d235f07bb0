//! The daemon: one per machine and data directory.
//!
//! It dials its hub, takes runs, starts a shim for each, carries their journals
//! and blobs to the hub and the hub's orders to them. It holds no state of a
//! run that is not in the run's directory: killed and started again, it goes on
//! where the hub says it was.
//!
//! **Invariants:**
//! - A record leaves only after every blob that it names is at the hub.
//! - A run's directory goes only when its journal is complete, the hub has all
//!   of it, and said so.

mod about;
mod allowed;
mod assign;
mod attend;
mod bulk;
mod core;
mod enrolment;
mod held;
mod hub_says;
mod outgoing;
mod reaper;
mod spawn;
mod tunnel;
mod uplink;
mod way;

pub use enrolment::EnrolmentError;

use crate::run_dir::{RunDir, ShimLock};
use pilot_proto::runner::JoinCode;
use pilot_proto::{Code, Problem};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Which hub the runner belongs to.
#[derive(Debug, Clone)]
pub enum HubChoice {
    /// Enrol with this code first, and remember the hub in the data directory.
    Join(JoinCode),
    /// The hub that the data directory remembers.
    Saved,
    /// The same, which listens at this address now: a hub on this machine
    /// takes any free port, another one with every start.
    Moved(String),
}

/// How to start a shim: the run's directory is added as the last argument
/// (and `--recover` before it where a lost run is to be cleaned up).
#[derive(Debug, Clone)]
pub struct ShimCommand {
    /// The `pilot` binary.
    pub program: PathBuf,
    /// What comes before the run's directory: `["shim"]`.
    pub args: Vec<OsString>,
}

/// How a runner is set up.
#[derive(Debug, Clone)]
pub struct RunnerOptions {
    /// Everything the runner keeps.
    pub data: PathBuf,
    /// Which hub.
    pub hub: HubChoice,
    /// What it calls itself.
    pub name: String,
    /// How many runs at once.
    pub workers: u32,
    /// Take one run, see it through, and end.
    pub once: bool,
    /// How to start a shim.
    pub shim: ShimCommand,
    /// The part of the runner's own environment that shims start with: `PATH`,
    /// `HOME`, the locale, proxies. Agents get what `pilot_sandbox` lets through.
    pub environment: BTreeMap<String, String>,
}

/// Why a runner does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data directory cannot be used.
    #[error("the data directory `{}` cannot be used", path.display())]
    Directory {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another runner uses it.
    #[error("another runner is using `{}`", path.display())]
    Taken {
        /// Which.
        path: PathBuf,
    },
    /// It belongs to no hub.
    #[error(transparent)]
    Enrolment(#[from] EnrolmentError),
}

impl StartError {
    /// For a person.
    pub fn problem(&self) -> Problem {
        match self {
            Self::Directory { source, .. } => {
                Problem::new(Code::Internal, format!("{self}: {source}."))
            }
            Self::Taken { .. } => Problem::new(Code::Precondition, format!("{self}."))
                .hint("Stop it, or give this one another `--data`."),
            Self::Enrolment(error) => error.problem(),
        }
    }
}

/// A runner at work. Dropping it ends the daemon and leaves the shims alone.
#[derive(Debug)]
pub struct Running {
    stop: CancellationToken,
    daemon: JoinSet<Result<(), Problem>>,
}

/// Reads the text form of a join code.
pub fn join_code(text: &str) -> Result<JoinCode, Problem> {
    pilot_link::join_code::parse(text).map_err(|error| error.problem())
}

/// True if the data directory remembers a hub: [`HubChoice::Saved`] will do.
pub fn is_enrolled(data: &Path) -> bool {
    enrolment::saved(data).is_ok()
}

/// Address of the hub that the data directory remembers.
pub fn enrolled_at(data: &Path) -> Option<String> {
    enrolment::remembered(data).ok().map(|saved| saved.hub)
}

/// Starts a runner: enrols it if need be, takes the runs on its disk under its
/// wing, and dials. That the hub cannot be reached is no error: it keeps trying.
pub async fn start(mut options: RunnerOptions) -> Result<Running, StartError> {
    options.data = make_data(&options.data)
        .map_err(|source| StartError::Directory { path: options.data.clone(), source })?;
    let unusable = |source| StartError::Directory { path: options.data.clone(), source };
    let lock = ShimLock::take_of(options.data.join("runner.lock")).await.map_err(unusable)?;
    let Some(lock) = lock else {
        return Err(StartError::Taken { path: options.data });
    };
    let enrolment = match &options.hub {
        HubChoice::Join(code) => enrolment::join(&options.data, code, &options.name).await?,
        HubChoice::Saved => enrolment::saved(&options.data)?,
        HubChoice::Moved(url) => enrolment::moved(&options.data, url)?,
    };
    let stop = CancellationToken::new();
    let daemon = core::Daemon::new(options.clone(), enrolment).await.map_err(unusable)?;
    let mut tasks = JoinSet::new();
    let stopped = stop.clone();
    tasks.spawn(async move {
        let ended = Box::pin(daemon.run(stopped)).await;
        drop(lock);
        ended
    });
    Ok(Running { stop, daemon: tasks })
}

/// Makes the data directory and gives its real path: agents see it, and some
/// name their sessions by it.
fn make_data(data: &Path) -> io::Result<PathBuf> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true).mode(0o700).create(RunDir::parent(data))?;
    data.canonicalize()
}

impl Running {
    /// Ends the daemon; the runs go on in their shims.
    pub async fn stop(mut self) {
        self.stop.cancel();
        if let Err(problem) = self.ended().await {
            tracing::warn!(%problem, "the runner did not end in order");
        }
    }

    /// A way to stop it from elsewhere.
    pub fn stopper(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Waits for its end: `--once` had its run, somebody stopped it, or the hub
    /// refused it, which is the error.
    pub async fn ended(&mut self) -> Result<(), Problem> {
        match self.daemon.join_next().await {
            Some(Ok(ended)) => ended,
            Some(Err(error)) => Err(Problem::new(Code::Internal, error.to_string())),
            None => Ok(()),
        }
    }
}
