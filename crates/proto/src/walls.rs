//! The walls around a run: what a project wishes, and what the runner's
//! machine gave. A wish is never taken for the fact: limits and tiers are
//! reported as they apply.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// How a run is kept apart from the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum WallsKind {
    /// The best that the machine can do. In a wish only.
    #[default]
    Auto,
    /// bubblewrap: own namespaces, an allow-list of the file system, seccomp.
    Bubblewrap,
    /// Landlock and seccomp: the same files, but the machine's own processes,
    /// loopback and temporary files are shared.
    Landlock,
    /// A container of Docker or Podman.
    Container,
    /// None: the agent can do what the runner's user can. By a person's word only.
    Off,
    /// A kind this build does not know yet; treated as [`Self::Auto`].
    #[serde(other)]
    Unknown,
}

/// What a run may use up. A limit that is `None` is not set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(default)]
pub struct WallLimits {
    /// Memory of all its processes together, in MiB.
    #[ts(type = "number | null")]
    pub memory_mb: Option<u64>,
    /// Processes and threads at one moment.
    #[ts(type = "number | null")]
    pub pids: Option<u64>,
    /// Processor time, in percent of one core: 200 is two cores.
    #[ts(type = "number | null")]
    pub cpu_percent: Option<u64>,
    /// What it may write into its own directories (tree, home, temporary
    /// files) on top of what was there when the walls were raised, in MiB.
    #[ts(type = "number | null")]
    pub disk_mb: Option<u64>,
    /// The largest single file, in MiB.
    #[ts(type = "number | null")]
    pub file_mb: Option<u64>,
    /// `/tmp`, `/var/tmp` and `/dev/shm` in memory, each, in MiB.
    #[ts(type = "number | null")]
    pub tmp_mb: Option<u64>,
    /// Open files of one process.
    #[ts(type = "number | null")]
    pub open_files: Option<u64>,
}

impl Default for WallLimits {
    fn default() -> Self {
        Self {
            // Linking a large program takes 4–6 GiB; more is mostly a leak.
            memory_mb: Some(8 * 1024),
            // A parallel build with a language server beside it has hundreds
            // of threads; a fork bomb has any number.
            pids: Some(4096),
            // The machine's scheduler shares well, and an idle core is a waste.
            cpu_percent: None,
            // Build directories of large workspaces reach 10–15 GiB.
            disk_mb: Some(20 * 1024),
            // Below `disk_mb`, so that one runaway log meets an error that its
            // writer sees before the whole run is ended.
            file_mb: Some(8 * 1024),
            // Counts as memory; programs that need more honour `TMPDIR`.
            tmp_mb: Some(1024),
            // Bundlers and file watchers open tens of thousands.
            open_files: Some(65_536),
        }
    }
}

/// What a project wants of the walls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(default)]
pub struct WallsWish {
    /// Which kind.
    pub kind: WallsKind,
    /// What the run may use up.
    pub limits: WallLimits,
}

/// What is limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Limited {
    /// [`WallLimits::memory_mb`].
    Memory,
    /// [`WallLimits::pids`].
    Pids,
    /// [`WallLimits::cpu_percent`].
    Cpu,
    /// [`WallLimits::disk_mb`].
    Disk,
    /// [`WallLimits::file_mb`].
    File,
    /// [`WallLimits::tmp_mb`].
    Tmp,
    /// [`WallLimits::open_files`].
    OpenFiles,
    /// Something this build does not know yet.
    #[serde(other)]
    Unknown,
}

/// By which means a limit holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum LimitMeans {
    /// A control group, version 2: exact, for all processes together.
    CgroupV2,
    /// A control group, version 1: exact, for all processes together.
    CgroupV1,
    /// A resource limit: exact, but for each process or user by itself.
    Rlimit,
    /// The size of a file system in memory: exact.
    Tmpfs,
    /// Measured every few seconds: what is over is ended, after the fact.
    Watched,
    /// The container engine's.
    Engine,
    /// A means this build does not know yet.
    #[serde(other)]
    Unknown,
}

/// A limit that applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct AppliedLimit {
    /// To what.
    pub what: Limited,
    /// In the unit of its field in [`WallLimits`].
    #[ts(type = "number")]
    pub value: u64,
    /// By which means.
    pub means: LimitMeans,
}

/// The walls that a run really has.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(default)]
pub struct WallsReport {
    /// Never [`WallsKind::Auto`] in a report of a run.
    pub kind: WallsKind,
    /// What holds: sentences for a person.
    pub holds: Vec<String>,
    /// What does not hold, and why: sentences for a person.
    pub lacks: Vec<String>,
    /// The limits that apply. What was wished and is not here does not apply,
    /// and is named in `lacks`.
    pub limits: Vec<AppliedLimit>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_wish_gets_the_defaults() {
        let wish: WallsWish = serde_json::from_str("{}").expect("everything has a default");
        assert_eq!(wish, WallsWish::default());
        let wish: WallsWish =
            serde_json::from_str(r#"{"kind":"moat","limits":{"pids":null}}"#).expect("parses");
        assert_eq!(wish.kind, WallsKind::Unknown);
        assert_eq!(wish.limits.pids, None, "a limit can be taken away");
        assert_eq!(wish.limits.memory_mb, WallLimits::default().memory_mb);
    }
}
