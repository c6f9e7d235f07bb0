//! A program with all it started: memory and work. Shims and what runs in them
//! are not counted: they outlive the program, and have a budget of their own.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Of a process: its parent, what it is, and its clock ticks of work.
struct Process {
    parent: u32,
    is_shim: bool,
    ticks: f64,
}

/// Linux counts work in hundredths of a second, on every machine.
const TICKS: f64 = 100.0;

fn all() -> BTreeMap<u32, Process> {
    let processes = std::fs::read_dir("/proc").expect("proc is mounted").flatten();
    let read = |entry: std::fs::DirEntry| {
        let pid = entry.file_name().to_string_lossy().parse().ok()?;
        let stat = std::fs::read_to_string(entry.path().join("stat")).ok()?;
        let command = std::fs::read(entry.path().join("cmdline")).ok()?;
        let fields: Vec<&str> = stat.rsplit(") ").next()?.split(' ').collect();
        let number = |at: usize| fields.get(at).and_then(|field| field.parse::<f64>().ok());
        let is_shim = command.split(|byte| *byte == 0).nth(1) == Some(b"shim");
        let parent = fields.get(1)?.parse().ok()?;
        Some((pid, Process { parent, is_shim, ticks: number(11)? + number(12)? }))
    };
    processes.filter_map(read).collect()
}

/// The program, and what it started and is still there.
fn family(pid: u32) -> BTreeMap<u32, Process> {
    let all = all();
    let belongs = |mut one: u32| {
        loop {
            match all.get(&one) {
                Some(_) if one == pid => return true,
                Some(process) if !process.is_shim => one = process.parent,
                _ => return false,
            }
        }
    };
    let ours: Vec<u32> = all.keys().copied().filter(|one| belongs(*one)).collect();
    all.into_iter().filter(|(one, _)| ours.contains(one)).collect()
}

/// `Pss` of all of them in MiB: a page that many have is counted once.
pub(crate) fn memory(pid: u32) -> f64 {
    let share = |one: &u32| {
        let rollup = std::fs::read_to_string(format!("/proc/{one}/smaps_rollup")).ok()?;
        let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:"))?;
        line.split_whitespace().next()?.parse::<f64>().ok()
    };
    family(pid).keys().filter_map(share).sum::<f64>() / 1024.0
}

/// Work of all of them over this time, in percent of one core.
pub(crate) fn work(pid: u32, over: Duration) -> f64 {
    let ticks = || family(pid).values().map(|process| process.ticks).sum::<f64>();
    let (began, before) = (Instant::now(), ticks());
    std::thread::sleep(over);
    (ticks() - before).max(0.0) / TICKS / began.elapsed().as_secs_f64() * 100.0
}
