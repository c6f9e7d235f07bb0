//! Limits of memory, processes and processor time for all of a run's processes
//! together, by a control group of their own: version 2 where the system gave
//! us a part of its tree, version 1 where that is what there is.
//!
//! A group is only believed in after its limit was read back.

use pilot_proto::RunId;
use pilot_proto::walls::{AppliedLimit, LimitMeans, Limited, WallLimits};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use std::{fs, io};

const MIB: u64 = 1024 * 1024;
/// The system's usual period; a share of it is a limit.
const PERIOD_MICROS: u64 = 100_000;

/// Where groups can be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Grouping {
    /// In this directory, whose controllers are handed on.
    V2 { parent: PathBuf },
    /// In these directories, one for each controller.
    V1 { memory: Option<PathBuf>, pids: Option<PathBuf>, cpu: Option<PathBuf> },
    /// Nowhere, for this reason.
    None { why: String },
}

impl Grouping {
    /// Looks where this process is, and tries.
    pub(super) fn survey() -> Self {
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        Self::among(&read("/proc/self/mountinfo"), &read("/proc/self/cgroup"))
    }

    /// `mounts` and `own` as in `/proc/self/mountinfo` and `/proc/self/cgroup`.
    fn among(mounts: &str, own: &str) -> Self {
        let places: Vec<Place> =
            mounts.lines().filter_map(|line| Place::parse(line, own)).collect();
        let unified = places.iter().find(|place| place.controllers.is_empty());
        if let Some(parent) = unified.and_then(|place| delegated(&place.mount, &place.own)) {
            return Self::V2 { parent };
        }
        let of = |controller: &str| {
            let has = |place: &&Place| place.controllers.iter().any(|it| it == controller);
            places.iter().find(has).map(|place| place.own.clone()).filter(|path| can_make(path))
        };
        let (memory, pids, cpu) = (of("memory"), of("pids"), of("cpu"));
        if memory.is_some() || pids.is_some() || cpu.is_some() {
            return Self::V1 { memory, pids, cpu };
        }
        let why = if places.is_empty() {
            "no control groups are mounted here"
        } else {
            "no control group is delegated to this user"
        };
        Self::None { why: why.to_owned() }
    }
}

/// A mounted hierarchy, and where we are in it.
#[derive(Debug)]
struct Place {
    mount: PathBuf,
    own: PathBuf,
    /// None in version 2.
    controllers: Vec<String>,
}

impl Place {
    /// A line is `id parent dev root mount options … - type source options`.
    fn parse(line: &str, own: &str) -> Option<Self> {
        let (before, after) = line.split_once(" - ")?;
        let mut before = before.split(' ').skip(3);
        let (root, mount) = (before.next()?, PathBuf::from(before.next()?));
        let mut after = after.split(' ');
        let controllers: Vec<String> = match after.next()? {
            "cgroup2" => Vec::new(),
            "cgroup" => after.nth(1)?.split(',').map(str::to_owned).collect(),
            _ => return None,
        };
        // Lines are `number:controllers:path`.
        let is_ours = |listed: &str| match controllers.is_empty() {
            true => listed.is_empty(),
            false => listed.split(',').any(|it| controllers.iter().any(|has| has == it)),
        };
        let path = own.lines().find_map(|line| {
            let (listed, path) = line.split_once(':')?.1.split_once(':')?;
            is_ours(listed).then_some(path)
        })?;
        let below = Path::new(path).strip_prefix(root).ok()?;
        Some(Self { own: mount.join(below), mount, controllers })
    }
}

/// The nearest directory, from our own upwards, in which a group with a memory
/// limit can be made and into which we may move processes.
fn delegated(mount: &Path, own: &Path) -> Option<PathBuf> {
    own.ancestors().take_while(|path| path.starts_with(mount)).find_map(|path| {
        // Processes are moved through the common ancestor.
        let ours = fs::OpenOptions::new().write(true).open(path.join("cgroup.procs")).is_ok();
        (ours && (offers(path) || hand_on(path)) && can_make(path)).then(|| path.to_owned())
    })
}

fn offers(path: &Path) -> bool {
    let handed_on = fs::read_to_string(path.join("cgroup.subtree_control")).unwrap_or_default();
    handed_on.split_ascii_whitespace().any(|it| it == "memory")
}

/// Fails where processes are in the group itself.
fn hand_on(path: &Path) -> bool {
    let control = path.join("cgroup.subtree_control");
    fs::write(&control, "+memory +pids +cpu").is_ok() || fs::write(control, "+memory +pids").is_ok()
}

fn can_make(path: &Path) -> bool {
    // Several threads may ask at once.
    static TRIALS: AtomicUsize = AtomicUsize::new(0);
    let number = TRIALS.fetch_add(1, Ordering::Relaxed);
    let trial = path.join(format!("pilothouse-trial-{}-{number}", std::process::id()));
    fs::create_dir(&trial).is_ok() && fs::remove_dir(trial).is_ok()
}

/// A run's group.
#[derive(Debug)]
pub(super) struct Group {
    directories: Vec<PathBuf>,
    memory: Option<PathBuf>,
    pids: Option<PathBuf>,
    means: LimitMeans,
}

fn name(run: RunId) -> String {
    format!("pilothouse-{run}")
}

impl Group {
    /// Makes it; what applies goes to `limits`, what does not to `lacks`.
    pub(super) fn make(
        grouping: &Grouping,
        run: RunId,
        wish: &WallLimits,
        limits: &mut Vec<AppliedLimit>,
        lacks: &mut Vec<String>,
    ) -> Option<Self> {
        let name = name(run);
        let (memory, pids, cpu, means) = match grouping {
            Grouping::V2 { parent } => {
                let all = Some(parent.join(name));
                (all.clone(), all.clone(), all, LimitMeans::CgroupV2)
            }
            Grouping::V1 { memory, pids, cpu } => {
                let below = |path: &Option<PathBuf>| path.as_ref().map(|path| path.join(&name));
                // Moving a process into one takes 10 ms, whatever it limits.
                let wished = |path, wish: Option<u64>| wish.and(below(path));
                (
                    wished(memory, wish.memory_mb),
                    wished(pids, wish.pids),
                    wished(cpu, wish.cpu_percent),
                    LimitMeans::CgroupV1,
                )
            }
            Grouping::None { why } => {
                lacks.push(format!("Memory and processor time are not limited: {why}."));
                return None;
            }
        };
        let mut directories: Vec<PathBuf> =
            [&memory, &pids, &cpu].into_iter().flatten().cloned().collect();
        directories.dedup();
        let group = Self { directories, memory, pids, means };
        for directory in &group.directories {
            // Left over from a run of this very number that was cut off, or
            // not to be made; what cannot be set below tells.
            fs::create_dir(directory).ok();
        }
        let wishes = [
            (Limited::Memory, wish.memory_mb),
            (Limited::Pids, wish.pids),
            (Limited::Cpu, wish.cpu_percent),
        ];
        for (what, value) in wishes {
            let Some(value) = value else { continue };
            match group.limit(what, value, cpu.as_deref()) {
                Ok(()) => limits.push(AppliedLimit { what, value, means }),
                Err(error) => lacks.push(format!("{what:?} is not limited: {error}.")),
            }
        }
        Some(group)
    }

    fn limit(&self, what: Limited, value: u64, cpu: Option<&Path>) -> io::Result<()> {
        let v2 = self.means == LimitMeans::CgroupV2;
        match what {
            Limited::Memory => {
                let directory = required(self.memory.as_deref())?;
                let bytes = value.saturating_mul(MIB).to_string();
                let (limit, swap) = if v2 {
                    ("memory.max", ("memory.swap.max", "0"))
                } else {
                    ("memory.limit_in_bytes", ("memory.memsw.limit_in_bytes", bytes.as_str()))
                };
                confirm(&directory.join(limit), &bytes)?;
                // Only there where swap is accounted for.
                fs::write(directory.join(swap.0), swap.1).ok();
                if v2 {
                    // A bomb takes all of its run along, instead of one by one.
                    fs::write(directory.join("memory.oom.group"), "0").ok();
                }
                Ok(())
            }
            Limited::Pids => {
                confirm(&required(self.pids.as_deref())?.join("pids.max"), &value.to_string())
            }
            Limited::Cpu => {
                let directory = required(cpu)?;
                let quota = value.saturating_mul(PERIOD_MICROS) / 100;
                if v2 {
                    return confirm(
                        &directory.join("cpu.max"),
                        &format!("{quota} {PERIOD_MICROS}"),
                    );
                }
                fs::write(directory.join("cpu.cfs_period_us"), PERIOD_MICROS.to_string())?;
                confirm(&directory.join("cpu.cfs_quota_us"), &quota.to_string())
            }
            Limited::Disk
            | Limited::File
            | Limited::Tmp
            | Limited::OpenFiles
            | Limited::Unknown => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    /// Moves a process in, with all its threads; what it starts stays in.
    pub(super) fn admit(&self, pid: u32) -> io::Result<()> {
        self.directories
            .iter()
            .try_for_each(|directory| fs::write(directory.join("cgroup.procs"), pid.to_string()))
    }

    /// How many processes were ended because memory ran out.
    pub(super) fn ended_for_memory(&self) -> u64 {
        let file = match self.means {
            LimitMeans::CgroupV2 => "memory.events",
            _version_1 => "memory.oom_control",
        };
        self.memory.as_ref().map_or(0, |directory| counter(&directory.join(file), "oom_kill"))
    }

    /// How many processes could not be started because there were too many.
    pub(super) fn refused_for_pids(&self) -> u64 {
        self.pids.as_ref().map_or(0, |directory| counter(&directory.join("pids.events"), "max"))
    }

    /// Takes it away. Its processes have to be gone; the system may need a
    /// moment to notice.
    pub(super) async fn remove(&self) {
        for _try in 0..200 {
            if self.directories.iter().all(|directory| is_removed(directory)) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

/// Takes away what a run left that was cut off; keeps what is still in use.
pub(super) fn sweep(grouping: &Grouping, run: RunId) {
    let parents: Vec<&PathBuf> = match grouping {
        Grouping::V2 { parent } => vec![parent],
        Grouping::V1 { memory, pids, cpu } => [memory, pids, cpu].into_iter().flatten().collect(),
        Grouping::None { .. } => Vec::new(),
    };
    for parent in parents {
        is_removed(&parent.join(name(run)));
    }
}

fn is_removed(directory: &Path) -> bool {
    match fs::remove_dir(directory) {
        Ok(()) => true,
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    }
}

fn required(directory: Option<&Path>) -> io::Result<&Path> {
    let missing = || io::Error::new(io::ErrorKind::Unsupported, "its controller is not delegated");
    directory.ok_or_else(missing)
}

/// Sets a limit and reads it back: the kernel rounds sizes to pages.
fn confirm(path: &Path, value: &str) -> io::Result<()> {
    fs::write(path, value)?;
    let is = fs::read_to_string(path)?;
    let number = |text: &str| text.split(' ').next().and_then(|it| it.trim().parse::<u64>().ok());
    match (number(&is), number(value)) {
        (Some(is), Some(wished)) if is <= wished => Ok(()),
        _ => Err(io::Error::other(format!("the kernel keeps `{}`", is.trim()))),
    }
}

/// A line `name value` of a file.
fn counter(path: &Path, name: &str) -> u64 {
    let text = fs::read_to_string(path).unwrap_or_default();
    let value = |line: &str| line.strip_prefix(name)?.strip_prefix(' ')?.trim().parse().ok();
    text.lines().find_map(value).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use pilot_proto::walls::WallLimits;

    /// Plain directories with a hierarchy's files: what is written stays, which
    /// is all that this module asks of a kernel.
    fn hierarchy(files: &[&str]) -> (tempfile::TempDir, PathBuf) {
        let directory = tempfile::tempdir().expect("a directory");
        let own = directory.path().join("user.slice/app.scope");
        fs::create_dir_all(&own).expect("a group");
        for file in files {
            let path = directory.path().join(file);
            fs::write(path, if file.ends_with("control") { "cpu memory pids" } else { "" })
                .expect("a file");
        }
        (directory, own)
    }

    #[test]
    fn a_delegated_part_of_the_tree_is_found_from_below() {
        let (directory, _own) =
            hierarchy(&["user.slice/cgroup.procs", "user.slice/cgroup.subtree_control"]);
        let mount = directory.path().display();
        let mounts = format!("31 24 0:27 / {mount} rw,nosuid - cgroup2 cgroup2 rw");
        let grouping = Grouping::among(&mounts, "0::/user.slice/app.scope\n");
        let parent = directory.path().join("user.slice");
        assert_eq!(grouping, Grouping::V2 { parent: parent.clone() });

        let (mut limits, mut lacks) = (Vec::new(), Vec::new());
        let run = RunId(uuid::Uuid::from_u128(7));
        let wish = WallLimits { cpu_percent: Some(150), ..WallLimits::default() };
        let group = Group::make(&grouping, run, &wish, &mut limits, &mut lacks).expect("a group");
        let read = |file: &str| {
            fs::read_to_string(group.directories[0].join(file)).expect("a limit was written")
        };
        assert_eq!(read("memory.max"), (8192 * MIB).to_string());
        assert_eq!(read("memory.swap.max"), "0");
        assert_eq!(read("pids.max"), "4096");
        assert_eq!(read("cpu.max"), "150000 100000");
        assert_eq!(limits.len(), 3, "{limits:?}");
        assert_eq!(lacks, Vec::<String>::new());
        fs::write(group.directories[0].join("memory.events"), "oom 3\noom_kill 2\n")
            .expect("a file");
        assert_eq!(group.ended_for_memory(), 2);
    }

    #[test]
    fn version_one_has_a_directory_for_each_controller() {
        let directory = tempfile::tempdir().expect("a directory");
        let mount = directory.path().display();
        fs::create_dir_all(directory.path().join("memory/ours")).expect("a group");
        fs::create_dir_all(directory.path().join("pids")).expect("a group");
        let mounts = format!(
            "31 24 0:27 / {mount}/memory rw - cgroup cgroup rw,memory\n\
             32 24 0:28 / {mount}/pids rw - cgroup cgroup rw,pids\n\
             33 24 0:29 / {mount}/unified rw - cgroup2 cgroup2 rw\n"
        );
        let grouping = Grouping::among(&mounts, "8:pids:/\n4:memory:/ours\n0::/\n");
        let (memory, pids) = (directory.path().join("memory/ours"), directory.path().join("pids"));
        assert_eq!(grouping, Grouping::V1 { memory: Some(memory), pids: Some(pids), cpu: None });

        let (mut limits, mut lacks) = (Vec::new(), Vec::new());
        let run = RunId(uuid::Uuid::from_u128(8));
        let wish = WallLimits { cpu_percent: Some(50), ..WallLimits::default() };
        Group::make(&grouping, run, &wish, &mut limits, &mut lacks).expect("a group");
        let what: Vec<Limited> = limits.iter().map(|limit| limit.what).collect();
        assert_eq!(what, [Limited::Memory, Limited::Pids]);
        assert!(lacks.len() == 1 && lacks[0].starts_with("Cpu"), "{lacks:?}");
    }

    #[test]
    fn without_groups_it_says_so() {
        let Grouping::None { why } = Grouping::among("", "0::/\n") else {
            panic!("there are none");
        };
        assert!(why.contains("mounted"), "{why}");
    }
}
