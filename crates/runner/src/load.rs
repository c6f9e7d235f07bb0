//! How busy this machine is, as its runner tells it with every heartbeat. Read
//! from `/proc`: where there is none, nothing is told.

use pilot_proto::runner::Load;
use std::path::{Path, PathBuf};

/// Remembers what the processors had done at the last look.
#[derive(Debug)]
pub(crate) struct LoadMeter {
    data: PathBuf,
    last: Ticks,
}

impl LoadMeter {
    /// For a runner that keeps its workspaces in `data`.
    pub(crate) fn new(data: &Path) -> Self {
        let stat = std::fs::read_to_string("/proc/stat").unwrap_or_default();
        let last = ticks(&stat).map(|(last, _)| last).unwrap_or_default();
        Self { data: data.to_path_buf(), last }
    }

    /// Since the last look.
    pub(crate) fn look(&mut self) -> Option<Load> {
        let (now, cpus) = ticks(&std::fs::read_to_string("/proc/stat").ok()?)?;
        let (memory_available, memory_total) =
            memory(&std::fs::read_to_string("/proc/meminfo").ok()?)?;
        let disk = rustix::fs::statvfs(&self.data).ok()?;
        let cpu_permille = now.busy_since(&self.last);
        self.last = now;
        Some(Load {
            cpu_permille,
            cpus,
            memory_available,
            memory_total,
            disk_free: disk.f_bavail.saturating_mul(disk.f_frsize),
            disk_total: disk.f_blocks.saturating_mul(disk.f_frsize),
        })
    }
}

/// Time of all processors, in the kernel's ticks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Ticks {
    idle: u64,
    all: u64,
}

impl Ticks {
    fn busy_since(&self, earlier: &Self) -> u32 {
        let all = self.all.saturating_sub(earlier.all);
        // Idle time of a virtual machine may jump back.
        let idle = self.idle.saturating_sub(earlier.idle).min(all);
        let permille = (all - idle).saturating_mul(1000).checked_div(all).unwrap_or(0);
        u32::try_from(permille).unwrap_or(1000)
    }
}

/// Of `/proc/stat`: the time of all processors, and how many they are.
fn ticks(stat: &str) -> Option<(Ticks, u32)> {
    let mut lines = stat.lines();
    let mut words = lines.next()?.split_whitespace();
    if words.next() != Some("cpu") {
        return None;
    }
    // user nice system idle iowait irq softirq steal; what guests used is in user.
    let columns: Vec<u64> = words.take(8).map_while(|word| word.parse().ok()).collect();
    let idle = columns.get(3)? + columns.get(4).copied().unwrap_or(0);
    let cpus = lines.take_while(|line| line.starts_with("cpu")).count();
    Some((Ticks { idle, all: columns.iter().sum() }, u32::try_from(cpus).unwrap_or(u32::MAX)))
}

/// Of `/proc/meminfo`: bytes there are for programs, and bytes in all.
fn memory(info: &str) -> Option<(u64, u64)> {
    let kilobytes = |name: &str| -> Option<u64> {
        let line = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        line.split_whitespace().next()?.parse().ok()
    };
    Some((kilobytes("MemAvailable")? * 1024, kilobytes("MemTotal")? * 1024))
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAT: &str = "cpu  100 0 50 800 50 0 0 0 20 0\n\
                        cpu0 50 0 25 400 25 0 0 0 10 0\ncpu1 50 0 25 400 25 0 0 0 10 0\n\
                        intr 5 6\nctxt 9\n";

    #[test]
    fn what_the_kernel_says_is_read() {
        let (first, cpus) = ticks(STAT).expect("it is a stat");
        assert_eq!((first, cpus), (Ticks { idle: 850, all: 1000 }, 2));
        let info = "MemTotal:        2048 kB\nMemFree: 1 kB\nMemAvailable:    1024 kB\n";
        assert_eq!(memory(info), Some((1 << 20, 2 << 20)));
        assert_eq!(memory("MemTotal: many\n"), None);
        assert_eq!(ticks(""), None);
        assert_eq!(ticks("cpu 1 2\n"), None);
    }

    #[test]
    fn processors_are_as_busy_as_they_were_since_the_last_look() {
        let check = |idle: u64, all: u64, permille: u32| {
            let first = Ticks { idle: 850, all: 1000 };
            assert_eq!(Ticks { idle, all }.busy_since(&first), permille, "{idle} of {all}");
        };
        check(850, 1000, 0);
        check(850, 1100, 1000);
        check(900, 1100, 500);
        check(800, 1100, 1000);
        check(0, 0, 0);
    }

    #[test]
    fn a_machine_with_proc_says_how_busy_it_is() {
        let home = tempfile::tempdir().expect("a temporary directory");
        let mut meter = LoadMeter::new(home.path());
        let Some(load) = meter.look() else {
            assert!(!Path::new("/proc/stat").exists(), "where there is one, it is read");
            return;
        };
        assert!(load.cpus > 0 && load.cpu_permille <= 1000, "{load:?}");
        assert!(load.memory_available <= load.memory_total && load.memory_total > 0, "{load:?}");
        assert!(load.disk_free <= load.disk_total && load.disk_total > 0, "{load:?}");
    }
}
