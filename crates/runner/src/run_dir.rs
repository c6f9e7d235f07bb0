//! Where a run's things are on its runner's disk.
//!
//! ```text
//! <data>/runs/<run>/
//!   spec.json     what to do, without grants     work/tree   the clone
//!   ledger.jsonl  what was made                  work/home   the agent's HOME
//!   journal       the run                        work/tmp    its TMPDIR
//!   boot          boot id of the journal's last writer
//!                                            work/attachments, work/artifacts
//!   blobs/<id>    what the journal names, zstd
//!   acked         how far the hub has it
//!   shim.lock     held by the living shim
//!   shim.sock     its socket
//!   shim.log      its words
//!   scratch/      short-lived files of our git commands
//!   walls/        what the walls show inside of our making
//! ```
//!
//! All of it is its owner's alone (0700).

pub(crate) mod beneath;
pub mod lock;
pub mod wipe;

pub use lock::ShimLock;

use pilot_proto::{Cursor, RunId, RunSpec};
use serde::{Deserialize, Serialize};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// A run's directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunDir {
    path: PathBuf,
}

/// How far the hub has a journal, and where that is in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Place {
    /// Position of a record.
    pub cursor: Cursor,
    /// Bytes of the file up to and including it.
    pub offset: u64,
}

/// The runner's own X25519 key in its data directory.
pub(crate) fn seal_key_file(data: &Path) -> PathBuf {
    data.join("seal.key")
}

impl RunDir {
    /// Directory of all runs.
    pub fn parent(data: &Path) -> PathBuf {
        data.join("runs")
    }

    /// The directory of `run`.
    pub fn of(data: &Path, run: RunId) -> Self {
        Self { path: Self::parent(data).join(run.to_string()) }
    }

    /// A run's directory at `path`, which should be absolute.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// The runs that have a directory under `data`.
    pub fn all(data: &Path) -> io::Result<Vec<RunId>> {
        let entries = match std::fs::read_dir(Self::parent(data)) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut runs = Vec::new();
        for entry in entries {
            // Anything else than a run's id is not ours to touch.
            if let Some(run) = entry?.file_name().to_str().and_then(|name| name.parse().ok()) {
                runs.push(run);
            }
        }
        runs.sort();
        Ok(runs)
    }

    /// The directory itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The runner's data directory that it is in.
    pub fn data(&self) -> PathBuf {
        let data = self.path.parent().and_then(Path::parent);
        data.map_or_else(|| self.path.clone(), Path::to_path_buf)
    }

    /// The spec without grants.
    pub fn spec_file(&self) -> PathBuf {
        self.path.join("spec.json")
    }

    /// The ledger.
    pub fn ledger_file(&self) -> PathBuf {
        self.path.join("ledger.jsonl")
    }

    /// The journal.
    pub fn journal_file(&self) -> PathBuf {
        self.path.join("journal")
    }

    /// Boot id of the journal's last writer.
    pub fn boot_file(&self) -> PathBuf {
        self.path.join("boot")
    }

    /// Contents that the journal names.
    pub fn blobs(&self) -> PathBuf {
        self.path.join("blobs")
    }

    /// The shim's socket.
    pub fn socket_file(&self) -> PathBuf {
        self.path.join("shim.sock")
    }

    /// The shim's standard error.
    pub fn log_file(&self) -> PathBuf {
        self.path.join("shim.log")
    }

    /// Everything that the wipe removes.
    pub fn work(&self) -> PathBuf {
        self.path.join("work")
    }

    /// Short-lived files of our own git commands, out of the agent's way.
    pub fn scratch(&self) -> PathBuf {
        self.path.join("scratch")
    }

    /// Files that the walls are made with.
    pub fn walls(&self) -> PathBuf {
        self.path.join("walls")
    }

    /// The clone.
    pub fn tree(&self) -> PathBuf {
        self.work().join("tree")
    }

    /// The agent's HOME.
    pub fn home(&self) -> PathBuf {
        self.work().join("home")
    }

    /// The agent's TMPDIR.
    pub fn tmp(&self) -> PathBuf {
        self.work().join("tmp")
    }

    /// Files that a person gave the agent.
    pub fn attachments(&self) -> PathBuf {
        self.work().join("attachments")
    }

    /// Files that the run leaves for people.
    pub fn artifacts(&self) -> PathBuf {
        self.work().join("artifacts")
    }

    fn acked_file(&self) -> PathBuf {
        self.path.join("acked")
    }

    /// Makes the directory, and that of its blobs.
    pub fn create(&self) -> io::Result<()> {
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true).mode(0o700);
        builder.create(self.blobs())
    }

    /// Writes the spec, without its grants. It is the last thing written
    /// before the shim starts: a directory without it holds no run.
    pub fn write_spec(&self, spec: &RunSpec) -> io::Result<()> {
        replace(&self.spec_file(), &serde_json::to_vec_pretty(&spec.without_grants())?)
    }

    /// The spec; none if it was never written.
    pub fn read_spec(&self) -> io::Result<Option<RunSpec>> {
        match std::fs::read(self.spec_file()) {
            Ok(json) => Ok(Some(serde_json::from_slice(&json)?)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The journal's last writer wrote in this boot of the machine.
    pub fn is_of_this_boot(&self) -> bool {
        std::fs::read_to_string(self.boot_file()).is_ok_and(|id| id == boot_id())
    }

    /// Notes the boot in which the journal is written from now on.
    pub fn write_boot(&self) -> io::Result<()> {
        replace(&self.boot_file(), boot_id().as_bytes())
    }

    /// Writes how far the hub has the journal. It may be written late: an old
    /// place costs a longer look for the right one, nothing else.
    pub fn write_acked(&self, place: Place) -> io::Result<()> {
        replace(&self.acked_file(), &serde_json::to_vec(&place)?)
    }

    /// How far the hub had the journal; the beginning if that is not known.
    pub fn read_acked(&self) -> Place {
        let json = std::fs::read(self.acked_file()).unwrap_or_default();
        serde_json::from_slice(&json).unwrap_or_default()
    }
}

/// Replaces a file by a whole new one, readable by its owner only.
pub(crate) fn replace(path: &Path, contents: &[u8]) -> io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let beside = PathBuf::from(beside);
    let mut options = std::fs::File::options();
    options.write(true).create(true).truncate(true).mode(0o600);
    let mut file = options.open(&beside)?;
    file.write_all(contents)?;
    file.sync_data()?;
    std::fs::rename(&beside, path)
}

/// This boot's id; a fixed word where the system has none, which then cannot
/// tell a power loss from a crash and leaves no gap.
pub fn boot_id() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id")
        .map_or_else(|_| "unknown".to_owned(), |id| id.trim().to_owned())
}
