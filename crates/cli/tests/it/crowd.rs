//! Twenty real agents at once on one runner: each does its own work, and
//! nothing is left of any.

use crate::agents::{KEY, add_claude, model, published, steps};
use crate::world::World;
use pilot_proto::TaskId;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::time::Duration;

const AGENTS: usize = 20;
/// For all of them to reach the model, on two cores that do something else too.
const STARTED: Duration = Duration::from_secs(600);

/// Memory that our own processes may have for a run, in bytes: shim, init and
/// tools together. Pages that processes share are divided among them (`Pss`,
/// proc_pid_smaps(5)): they are all one program, whose text is in memory once
/// however many there are. A debug build has four megabytes of relocated tables
/// in each process.
const MEMORY: u64 = if cfg!(debug_assertions) { 16_000_000 } else { 8_000_000 };

#[test]
fn twenty_real_agents_do_their_own_work_in_bounds_and_leave_no_process() {
    let model = model();
    let mut world = World::with_hub();
    add_claude(&mut world);
    world.set_workers(AGENTS.try_into().expect("few"));
    world.add_provider("scripted-model", "anthropic", &model.server.url(), KEY);
    world.start_runner();
    let ids: Vec<TaskId> = (0..AGENTS).map(|number| file(&world, number)).collect();

    // The model keeps every one of them waiting until all have come.
    let waiting = || model.server.requests().iter().filter(|seen| !seen.tools.is_empty()).count();
    let all = || (waiting() >= AGENTS).then_some(());
    world.until_within(STARTED, "all are at work at once", all);
    let inside = namespaces(&world);
    assert!(inside.len() >= AGENTS, "each has processes of its own: {inside:?}");
    let each = our_memory(&world) / AGENTS as u64;
    assert!((1..=MEMORY).contains(&each), "{each} bytes for each run");
    model.server.release("crowd");

    for (number, id) in ids.iter().enumerate() {
        let mine = published(&world, *id, "mine.txt");
        assert_eq!(mine, Some(format!("work of {number}\n")));
        let log = world.pilot(&["task", "log", &id.to_string()]).ok();
        let others = (0..AGENTS).filter(|other| *other != number);
        let heard = others.filter(|other| log.contains(&format!("I am number {other}.")));
        assert_eq!(heard.count(), 0, "{number} heard somebody else");
        assert!(log.contains(&format!("I am number {number}.")), "{log}");
    }
    // Each left a child in a session of its own, which nothing but the end of
    // its namespace ends.
    world.until("nothing is left", || {
        let left = processes().filter(|(_, namespace)| inside.contains_key(namespace)).count();
        (left == 0 && world.stray_processes().is_empty()).then_some(())
    });
}

fn file(world: &World, number: usize) -> TaskId {
    let prompt = steps(&json!([
        {"shell": "setsid sleep 100000 > /dev/null 2>&1 & echo begun", "hold": "crowd"},
        {"write": {"path": "mine.txt", "content": format!("work of {number}\n")}},
        {"text": format!("I am number {number}.")}
    ]));
    crate::agents::file(world, "auto", &prompt)
}

/// The process namespaces of this world's runs, open: as long as they are, none
/// of their numbers is given to another.
fn namespaces(world: &World) -> BTreeMap<String, File> {
    let strays = world.stray_processes();
    let pids: BTreeSet<&str> = strays.iter().filter_map(|line| line.split(' ').next()).collect();
    let own = namespace("self");
    let of_runs = processes().filter(|(pid, _)| pids.contains(pid.as_str()));
    let of_runs = of_runs.filter(|(_, namespace)| Some(namespace) != own.as_ref());
    let open = |pid: String| File::open(format!("/proc/{pid}/ns/pid")).ok();
    of_runs.filter_map(|(pid, namespace)| Some((namespace, open(pid)?))).collect()
}

/// What the processes of this world that are our program have, but for hub and
/// runner.
fn our_memory(world: &World) -> u64 {
    let us = std::fs::metadata(env!("CARGO_BIN_EXE_pilot")).expect("it was built").ino();
    let strays = world.stray_processes();
    let pids = strays.iter().filter_map(|line| line.split(' ').next());
    let ours = pids.filter(|pid| {
        std::fs::metadata(format!("/proc/{pid}/exe")).is_ok_and(|program| program.ino() == us)
    });
    ours.map(|pid| {
        let rollup = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup"));
        let rollup = rollup.unwrap_or_default();
        let kilobytes = rollup.lines().find_map(|line| line.strip_prefix("Pss:"));
        let kilobytes = kilobytes.and_then(|line| line.trim().strip_suffix(" kB"));
        kilobytes.and_then(|number| number.trim().parse::<u64>().ok()).unwrap_or(0) * 1024
    })
    .sum()
}

/// Every process, and its process namespace where that may be read.
fn processes() -> impl Iterator<Item = (String, String)> {
    let entries = std::fs::read_dir("/proc").expect("proc is mounted").flatten();
    let pids = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let pids = pids.filter(|name| name.bytes().all(|byte| byte.is_ascii_digit()));
    pids.filter_map(|pid| Some((pid.clone(), namespace(&pid)?)))
}

fn namespace(pid: &str) -> Option<String> {
    let link = std::fs::read_link(format!("/proc/{pid}/ns/pid")).ok()?;
    Some(link.to_string_lossy().into_owned())
}
