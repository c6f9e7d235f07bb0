//! The shim: one process per run. It owns the agent, the workspace and the
//! journal, and outlives any daemon.
//!
//! It drives [`pilot_lifecycle::RunMachine`]: everything that is decided is
//! decided there; here is what is done. One task owns all state
//! (`core::Shim`); steps, pipes and guests are tasks that report to it.
//!
//! **Invariants:**
//! - Nothing is written to the disk that was not redacted first, except the
//!   workspace itself, which is the agent's own work.
//! - No commit and no bundle leaves that was not looked through for the
//!   secrets that the run was granted.
//! - While the journal cannot be written, no more of the agent's output is
//!   read: it waits in its pipe.
//! - The login for the repository is in the environment of single git commands
//!   and never in the agent's.

mod agent;
mod artifacts;
mod attachments;
mod checkpoint;
mod core;
mod desk;
mod diff;
mod doorway;
mod effects;
mod gates;
mod guest;
mod live;
mod log;
mod orphans;
mod outgoing;
mod output;
mod own_log;
mod preflight;
mod pump;
mod pushing;
mod rebasing;
mod renewals;
mod rescue;
mod reviewing;
mod screen;
mod secrets;
mod sessions;
mod setup;
mod spoken;
mod steps;
mod terminal;
mod trial;
mod visits;
mod walls;
mod workspace;

pub use live::{AgentTrial, main as try_agent};
pub use own_log::{OwnLog, OwnLogWriter};
pub use pilot_sandbox::Exit;
pub use trial::{Streams, Trial, Tried, try_walls};

use crate::clock::SteadyClock;
use crate::journal::{JournalWriter, scan};
use crate::ledger::Ledger;
use crate::run_dir::{RunDir, ShimLock};
use crate::shim_socket;
use log::Log;
use pilot_lifecycle::{Past, RunMachine};
use pilot_proto::{Cursor, Record, RunSpec};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use workspace::Workspace;

/// How a shim is started.
#[derive(Debug, Clone)]
pub struct ShimOptions {
    /// The run's directory.
    pub run_dir: PathBuf,
    /// Clean up a run whose shim died, instead of starting it.
    pub recover: bool,
    /// The `pilot` binary: the scripted agent is a hidden command of it.
    pub program: PathBuf,
    /// The shim's own environment.
    pub environment: BTreeMap<String, String>,
    /// What its log goes through.
    pub log: OwnLog,
}

/// Why a shim ends before its run does.
#[derive(Debug, thiserror::Error)]
pub enum ShimError {
    /// The run's directory cannot be used.
    #[error("the run's directory `{}` cannot be used: {doing}", path.display())]
    Directory {
        /// Which.
        path: PathBuf,
        /// What for.
        doing: &'static str,
        /// Why.
        source: io::Error,
    },
    /// What came over standard input is no spec.
    #[error("standard input held no run's spec")]
    Spec {
        /// Why.
        source: io::Error,
    },
    /// Another shim has the run.
    #[error("another shim has the run in `{}`", path.display())]
    Taken {
        /// Which.
        path: PathBuf,
    },
    /// The process could not be set up.
    #[error("the shim's process could not be set up")]
    Process {
        /// Why.
        source: io::Error,
    },
}

/// The shim's program. A fresh run's spec, grants and all, is read from
/// standard input to its end; a run that is recovered goes by the one on the
/// disk where its daemon does not know the grants any more. Returns when the run's journal is complete. To be
/// run on a current-thread runtime: a shim must be small, and its machine is
/// one.
pub async fn main(options: ShimOptions) -> Result<(), ShimError> {
    // What a fault of ours says may quote what the run said: into the log, which
    // is redacted, and not past it.
    std::panic::set_hook(Box::new(|panic| tracing::error!(%panic, "the shim panicked")));
    // A terminal's hang-up and interrupt are for whoever sits at it. It fails
    // only where we lead a session already.
    if let Err(error) = rustix::process::setsid() {
        tracing::debug!(%error, "the shim leads its session already");
    }
    pilot_agents::pty::heed_signals().map_err(|source| ShimError::Process { source })?;
    pilot_sandbox::become_subreaper().map_err(|source| ShimError::Process { source })?;
    Box::pin(Ready::prepare(options)?.run()).await
}

/// A shim that has the run for itself.
struct Ready {
    dir: RunDir,
    options: ShimOptions,
    spec: RunSpec,
    lock: ShimLock,
    journal: Journal,
}

/// The journal, ready to be gone on with.
struct Journal {
    file: File,
    last: Cursor,
    length: u64,
    past: Past,
}

impl Ready {
    fn prepare(options: ShimOptions) -> Result<Self, ShimError> {
        let unusable = |doing| {
            let path = options.run_dir.clone();
            move |source| ShimError::Directory { path, doing, source }
        };
        let path = options.run_dir.canonicalize().map_err(unusable("finding it"))?;
        let dir = RunDir::at(path);
        let spec = if options.recover {
            let spec = dir.read_spec().map_err(unusable("reading the spec"))?;
            let spec =
                spec.ok_or_else(|| unusable("reading the spec")(io::ErrorKind::NotFound.into()))?;
            granted(spec, io::stdin().lock())
        } else {
            spec_from(io::stdin().lock()).map_err(|source| ShimError::Spec { source })?
        };
        let lock = ShimLock::take(&dir).map_err(unusable("locking it"))?;
        let mut lock = lock.ok_or_else(|| ShimError::Taken { path: options.run_dir.clone() })?;
        lock.sign().map_err(unusable("locking it"))?;
        let journal = if options.recover {
            Journal::go_on(&dir).map_err(unusable("opening the journal"))?
        } else {
            Journal::begin(&dir).map_err(unusable("making the journal"))?
        };
        Ok(Self { dir, options, spec, lock, journal })
    }

    async fn run(self) -> Result<(), ShimError> {
        let Self { dir, options, spec, lock, journal } = self;
        let unusable = |doing| {
            let path = dir.path().to_path_buf();
            move |source| ShimError::Directory { path, doing, source }
        };
        let ledger = Ledger::open(&dir.ledger_file()).map_err(unusable("opening the ledger"))?;
        let listener = shim_socket::listen(&dir).map_err(unusable("making the socket"))?;
        let clock = SteadyClock::start();
        let machine = if options.recover {
            RunMachine::recover(clock.now(), &spec, journal.past)
        } else {
            RunMachine::new(clock.now(), &spec)
        };
        let workspace = Workspace::new(dir.clone(), spec, &options);
        let agent = workspace.programs.agent(&workspace.spec.agent);
        let goes_on = agent.map_or(true, |agent| agent.abilities().goes_on_refused);
        let machine = machine.stopped_by_refusals(!goes_on);
        let writer = JournalWriter::new(journal.file, journal.last, journal.length);
        let log = Log::new(writer, workspace.redactor.clone(), clock);
        let begin = core::Begin { workspace, machine, log, ledger, clock };
        Box::pin(core::Shim::new(begin).run(listener)).await;
        if let Err(error) = std::fs::remove_file(dir.socket_file()) {
            tracing::warn!(%error, "the socket could not be removed");
        }
        drop(lock);
        Ok(())
    }
}

/// The spec with its grants, if they come. A daemon that dies while it hands
/// them over must not keep the run from being cleaned.
fn granted(spec: RunSpec, input: impl Read) -> RunSpec {
    match spec_from(input) {
        Ok(whole) if whole.run == spec.run => whole,
        Ok(other) => {
            tracing::warn!(run = %other.run, "the spec that came is of another run");
            spec
        }
        Err(error) => {
            tracing::info!(%error, "no grants came: the remote may not let us look");
            spec
        }
    }
}

fn spec_from(mut input: impl Read) -> io::Result<RunSpec> {
    let mut json = Vec::new();
    input.read_to_end(&mut json)?;
    Ok(serde_json::from_slice(&json)?)
}

impl Journal {
    /// A new one. That there is one already means that somebody recovered the
    /// run before we came to life.
    fn begin(dir: &RunDir) -> io::Result<Self> {
        dir.write_boot()?;
        let mut options = File::options();
        let file = options.create_new(true).append(true).mode(0o600).open(dir.journal_file())?;
        Ok(Self { file, last: Cursor { epoch: 1, seq: 0 }, length: 0, past: Past::default() })
    }

    /// The one of a shim that died: cut behind its last whole record, and gone
    /// on with in a new epoch.
    fn go_on(dir: &RunDir) -> io::Result<Self> {
        let mut past = Past::default();
        let tail = scan(&dir.journal_file(), |_, json| {
            if let Ok(record) = serde_json::from_slice::<Record>(json) {
                past.fold(&record.event);
            }
        })?;
        let gap = if dir.is_of_this_boot() { 0 } else { Cursor::POWER_LOSS_GAP };
        dir.write_boot()?;
        let mut options = File::options();
        options.create(true).truncate(false).write(true).mode(0o600);
        let mut file = options.open(dir.journal_file())?;
        file.set_len(tail.length)?;
        file.seek(SeekFrom::End(0))?;
        // What the disk lost may be at the hub: its numbers stay its own.
        let last = Cursor { epoch: tail.end.epoch + 1, seq: tail.end.seq + gap };
        Ok(Self { file, last, length: tail.length, past })
    }
}
