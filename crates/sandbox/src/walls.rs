//! The walls around a run: raised once, with an init inside that starts every
//! command of the run, so that setup steps, agent, terminals and desktop share
//! one file system, one network and one process tree, and nothing else.
//!
//! Tiers, best first: bubblewrap's namespaces; Landlock's rules where no
//! namespaces can be made; none, by a person's word only. What really holds is
//! told by [`Walls::report`], never assumed from the wish.
//!
//! **Invariants:** nothing of the run outlives its walls; a failure to raise
//! them is an error, never a lower tier than was wished for.
//!
//! The process that raises them must do so from a thread that lives as long as
//! they shall: bubblewrap's death is tied to the *thread* that started it. A
//! current-thread runtime on the main thread is such a place.

mod bubblewrap;
mod cgroup;
mod container;
mod disk;
mod files;
mod init;
mod report;
mod survey;
mod view;

pub(crate) use init::Inner;
pub use survey::{Survey, survey};
pub use view::reachable;

use crate::death::{Doomed, kill_run};
use crate::process::Process;
use crate::spawn::{Agent, Launch, SpawnError};
use crate::wire::Tier;
use cgroup::Group;
use init::Init;
use pilot_proto::walls::{WallLimits, WallsKind, WallsReport, WallsWish};
use pilot_proto::{Code, Problem, RunId};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::process::Child;
use tokio::sync::Mutex;
use tokio::task::JoinSet;

/// How long a killed init may take to be gone.
const LOWERING: Duration = Duration::from_secs(10);

/// What walls to raise.
#[derive(Debug)]
pub struct Plan {
    /// Whose they are.
    pub run: RunId,
    /// Which kind and which limits.
    pub wish: WallsWish,
    /// The home that the user inside has in `/etc/passwd`.
    pub home: PathBuf,
    /// Directories that are read and written (tree, home, temporary files), at
    /// the same absolute path as outside. Together they are what
    /// [`WallLimits::disk_mb`] is about.
    pub writable: Vec<PathBuf>,
    /// Files and directories that are read beyond the system's, at the same
    /// path; see [`reachable`]. What is not there is left out.
    pub readable: Vec<PathBuf>,
    /// Made-up files by their path inside, `/etc/resolv.conf` for one. There
    /// are default ones for `passwd`, `group`, `hosts`, `hostname`,
    /// `nsswitch.conf` and `resolv.conf`.
    pub files: BTreeMap<PathBuf, Vec<u8>>,
    /// The init: a program that calls [`crate::inside::enter`], by its absolute
    /// path, and its arguments.
    pub inside: Vec<OsString>,
    /// Sockets of ours by their path outside, and where they are seen inside.
    /// Only for the first tier; their names outside may be taken away once the
    /// walls stand.
    pub sockets: Vec<(PathBuf, PathBuf)>,
    /// Descriptors that the init gets: sockets of the gate.
    pub gates: Vec<OwnedFd>,
    /// Ports of the machine's loopback at which the gate listens. Only for the
    /// second tier, where the init cannot listen.
    pub ports: Vec<u16>,
    /// A private directory outside of everything that is writable inside, for
    /// the files above. It has to exist, and belongs to the walls until they
    /// are lowered.
    pub state: PathBuf,
}

/// The walls could not be raised.
#[derive(Debug, thiserror::Error)]
pub enum WallsError {
    /// This machine cannot do it.
    #[error("this machine cannot raise the walls: {why}")]
    Unavailable {
        /// Why not, for a person.
        why: String,
    },
    /// A file for the walls could not be written.
    #[error("could not write `{}`", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The init did not start, or ended before it was ready.
    #[error("the init of the walls did not start: {said}")]
    Start {
        /// What it or bubblewrap said.
        said: String,
    },
    /// The socket to the init failed.
    #[error("lost the init of the walls")]
    Init(#[source] io::Error),
}

impl WallsError {
    /// For a person.
    pub fn problem(&self) -> Problem {
        let problem = |source: &dyn std::fmt::Display| {
            Problem::new(Code::WorkspaceFailed, format!("{self}: {source}."))
        };
        match self {
            Self::Unavailable { .. } => Problem::new(Code::WorkspaceFailed, format!("{self}."))
                .hint(
                    "Install `bubblewrap` on the runner, or switch the walls off for this project.",
                ),
            Self::Start { .. } => Problem::new(Code::WorkspaceFailed, format!("{self}.")),
            Self::File { source, .. } | Self::Init(source) => problem(source),
        }
    }
}

/// What ran into a limit so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Strikes {
    /// Processes that the kernel ended because the run's memory was used up. A
    /// command that ends by signal 9 while this grows was one of them.
    pub ended_for_memory: u64,
    /// Processes that could not be started because there were too many.
    pub refused_for_pids: u64,
    /// Set once everything inside was ended because the run's directories held
    /// this many bytes.
    pub ended_for_disk: Option<u64>,
}

/// Raised walls. Dropping them kills everything inside; [`Walls::lower`] also
/// waits for it and cleans up.
#[derive(Debug)]
pub struct Walls {
    run: RunId,
    place: Place,
    report: WallsReport,
    full: Arc<OnceLock<u64>>,
    tasks: Mutex<JoinSet<()>>,
}

#[derive(Debug)]
enum Place {
    Open,
    Inside(Box<Raised>),
}

#[derive(Debug)]
struct Raised {
    init: Arc<Init>,
    child: Mutex<Child>,
    group: Option<Group>,
    namespaces: bool,
}

impl Walls {
    /// Raises them. Everything that the init sets up before it serves is
    /// there when this returns.
    pub async fn raise(plan: Plan, survey: &Survey) -> Result<Self, WallsError> {
        match plan.wish.kind {
            WallsKind::Off => Ok(Self::open(plan.run)),
            WallsKind::Bubblewrap => Self::bubblewrap(plan, survey).await,
            WallsKind::Landlock => Self::landlock(plan, survey).await,
            WallsKind::Container => {
                Err(WallsError::Unavailable { why: without_container(survey).await })
            }
            WallsKind::Auto | WallsKind::Unknown => match &survey.bubblewrap {
                Ok(_) => Self::bubblewrap(plan, survey).await,
                Err(_) if survey.landlock.is_some() => Self::landlock(plan, survey).await,
                Err(why) => {
                    let why = format!("{why}; and this kernel has no Landlock");
                    Err(WallsError::Unavailable { why })
                }
            },
        }
    }

    fn open(run: RunId) -> Self {
        let report = report::open();
        let full = Arc::new(OnceLock::new());
        Self { run, place: Place::Open, report, full, tasks: Mutex::default() }
    }

    async fn bubblewrap(plan: Plan, survey: &Survey) -> Result<Self, WallsError> {
        let program = match &survey.bubblewrap {
            Ok(program) => program.clone(),
            Err(why) => return Err(WallsError::Unavailable { why: why.clone() }),
        };
        let user = files::User::inside();
        let made = files::write(&plan, user)?;
        let args = bubblewrap::arguments(&plan, &view::masks(), &made);
        let tier = Tier::Namespaces { uid: user.uid, gid: user.gid };
        Self::start(plan, survey, program.into(), args, tier).await
    }

    async fn landlock(plan: Plan, survey: &Survey) -> Result<Self, WallsError> {
        if survey.landlock.is_none() {
            return Err(WallsError::Unavailable { why: "this kernel has no Landlock".to_owned() });
        }
        let mut inside = plan.inside.iter().cloned();
        let program = inside.next().unwrap_or_default();
        let (args, tier) = (inside.collect(), Tier::Landlock(view::rules(&plan)));
        Self::start(plan, survey, program, args, tier).await
    }

    async fn start(
        plan: Plan,
        survey: &Survey,
        program: OsString,
        args: Vec<OsString>,
        tier: Tier,
    ) -> Result<Self, WallsError> {
        let namespaces = matches!(tier, Tier::Namespaces { .. });
        let WallLimits { disk_mb, .. } = plan.wish.limits;
        let mut report = report::start(&plan, survey, namespaces);
        let group = Group::make(
            &survey.grouping,
            plan.run,
            &plan.wish.limits,
            &mut report.limits,
            &mut report.lacks,
        );
        let ceilings = report::ceilings(&plan.wish.limits, &report, survey, namespaces);
        let start = init::Start { run: plan.run, program, args, tier, ceilings, gates: plan.gates };
        let mut tasks = JoinSet::new();
        // Before anything can be started inside: what was there does not count.
        let looked_at = plan.writable.clone();
        let before = disk_mb.map(|_| tokio::task::spawn_blocking(move || disk::usage(&looked_at)));
        let started = init::start(start, &mut tasks).await;
        let (init, child, facts) = match started {
            Ok(started) => started,
            Err(error) => {
                if let Some(group) = group {
                    group.remove().await;
                }
                return Err(error);
            }
        };
        if let Some(error) = group.as_ref().and_then(|group| group.admit(init.process.pid).err()) {
            report::forget_groups(&mut report, &error);
        }
        report::add_facts(&mut report, facts, &plan.wish.limits);
        let (init, full) = (Arc::new(init), Arc::new(OnceLock::new()));
        if let (Some(disk_mb), Some(before)) = (disk_mb, before) {
            let most = before.await.unwrap_or(0).saturating_add(disk_mb.saturating_mul(1 << 20));
            tasks.spawn(watch_disk(plan.writable, most, Arc::clone(&init), Arc::clone(&full)));
        }
        let place =
            Place::Inside(Box::new(Raised { init, child: Mutex::new(child), group, namespaces }));
        Ok(Self { run: plan.run, place, report, full, tasks: Mutex::new(tasks) })
    }

    /// Starts a command inside. Its process's number is the one it has
    /// outside; paths are the same on both sides.
    pub async fn spawn(&self, launch: &Launch) -> Result<Agent, SpawnError> {
        match &self.place {
            Place::Open => crate::spawn::spawn(launch),
            Place::Inside(raised) => raised.init.spawn(launch).await,
        }
    }

    /// What holds and what does not.
    pub fn report(&self) -> &WallsReport {
        &self.report
    }

    /// The init, as seen from outside: it must be left alone by whoever ends
    /// the run's processes while the walls are to stay. None where there is none.
    pub fn init(&self) -> Option<Process> {
        match &self.place {
            Place::Open => None,
            Place::Inside(raised) => Some(raised.init.process),
        }
    }

    /// What ran into a limit so far.
    pub fn strikes(&self) -> Strikes {
        let ended_for_disk = self.full.get().copied();
        let group = match &self.place {
            Place::Open => None,
            Place::Inside(raised) => raised.group.as_ref(),
        };
        Strikes {
            ended_for_memory: group.map_or(0, Group::ended_for_memory),
            refused_for_pids: group.map_or(0, Group::refused_for_pids),
            ended_for_disk,
        }
    }

    /// Ends every process inside at once, daemons too, and keeps the walls.
    /// Returns how many were still there when it gave up. Does nothing where
    /// there are no walls: there, [`kill_run`] is the means.
    pub async fn clear(&self) -> io::Result<usize> {
        match &self.place {
            Place::Open => Ok(0),
            Place::Inside(raised) => raised.init.clear().await,
        }
    }

    /// Ends everything inside, and the walls. Returns when all are gone and
    /// the control group is removed. Once is enough; twice does no harm.
    pub async fn lower(&self) {
        let Place::Inside(raised) = &self.place else { return };
        let Raised { init, child, group, namespaces } = raised.as_ref();
        if !namespaces {
            // Nobody takes its descendants along when this init dies.
            init.clear().await.ok();
        }
        let mut child = child.lock().await;
        // It may have ended by itself.
        child.start_kill().ok();
        child.wait().await.ok();
        let gone = async {
            while !is_gone(init.process) {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(LOWERING, gone).await.ok();
        if !namespaces {
            let doomed = Doomed { run: self.run, roots: Vec::new(), adopted: false };
            kill_run(&doomed, Duration::ZERO).await;
        }
        if let Some(group) = group {
            group.remove().await;
        }
        self.tasks.lock().await.shutdown().await;
    }
}

/// Takes away what the walls of a run left on the machine that was cut off
/// together with whoever had raised them. Its processes are dead already.
pub fn sweep(run: RunId, survey: &Survey) {
    cgroup::sweep(&survey.grouping, run);
}

/// Whether all of its threads are: the first may have ended before the others,
/// and only the end of the last takes the namespace's processes along.
fn is_gone(process: Process) -> bool {
    let threads = std::fs::read_dir(format!("/proc/{}/task", process.pid));
    !process.is_alive() && threads.map_or(0, Iterator::count) <= 1
}

/// Why not. The engine is asked only here: a client may wait long for a daemon
/// that is not there, and no other kind of walls needs one.
async fn without_container(survey: &Survey) -> String {
    match container::find_engine(&survey.path).await {
        Err(why) => format!("containers need an engine, and {why}"),
        Ok(_) => "containers are not a kind of walls that this build can raise".to_owned(),
    }
}

async fn watch_disk(
    directories: Vec<PathBuf>,
    most: u64,
    init: Arc<Init>,
    full: Arc<OnceLock<u64>>,
) {
    let used = disk::overrun(directories, most).await;
    // First, so that whoever sees a command end can tell why.
    full.get_or_init(|| used);
    // Again and again: a command may be started meanwhile.
    while init.clear().await.is_ok() {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
