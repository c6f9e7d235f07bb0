//! Kill anything, anywhere, any number of times: nothing lost, nothing twice,
//! order exact.

use crate::world::World;
use pilot_proto::{Event, Record, Stream, TaskId};
use pilot_testkit::faults::FaultProxy;
use std::time::Duration;
use tokio::runtime::Runtime;

/// Every cycle kills or cuts one thing while lines are being printed.
const CYCLES: u64 = 102;
/// Printed in every cycle: a million lines in all.
const LINES_A_CYCLE: u64 = 1_000_000 / CYCLES + 1;

/// A link between runner and hub that fails on demand.
struct Network {
    // Dropped before the runtime that drives it.
    proxy: FaultProxy,
    _runtime: Runtime,
}

impl Network {
    fn to(world: &World) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime for the proxy");
        let target = ([127, 0, 0, 1], world.port()).into();
        let proxy = runtime.block_on(FaultProxy::start(target)).expect("loopback has a free port");
        Self { proxy, _runtime: runtime }
    }

    fn url(&self) -> String {
        format!("http://{}", self.proxy.address())
    }
}

#[test]
fn a_million_lines_survive_a_hundred_kills_of_hub_runner_and_link() {
    let mut world = World::bare();
    let network = Network::to(&world);
    world.set_public_url(network.url());
    world.start_hub();
    world.set_workers(1);
    world.start_runner();

    let gates = world.shared("gates");
    std::fs::create_dir(&gates).expect("a directory for the gates");
    let script: Vec<String> = (0..CYCLES)
        .map(|cycle| {
            let gate = gates.join(cycle.to_string());
            format!("print {LINES_A_CYCLE} c{cycle}\nwait-file {}", gate.to_string_lossy())
        })
        .collect();
    let id = world.file(&format!("{}\nwrite end.txt end", script.join("\n")));
    let agent = world.until("the agent works", || agent_process(&world));

    let mut dice = Dice(0x5eed);
    for cycle in 0..CYCLES {
        std::thread::sleep(Duration::from_millis(dice.roll(30)));
        // It waits at a gate that is not open yet, so it must be there.
        assert_eq!(agent_process(&world).as_ref(), Some(&agent), "the agent never noticed");
        // What is hit is decided by the cycle, so that each gets its third;
        // when in the stream of lines it is hit is not.
        match cycle % 3 {
            0 => {
                world.kill_runner();
                open(&gates, cycle);
                world.launch_runner();
            }
            1 => {
                world.kill_hub();
                open(&gates, cycle);
                std::thread::sleep(Duration::from_millis(dice.roll(50)));
                world.start_hub();
            }
            _ => {
                network.proxy.cut();
                open(&gates, cycle);
                network.proxy.cut_after(dice.roll(200_000));
            }
        }
    }
    world.until_state(id, "published");
    assert_whole(&world, id, CYCLES * LINES_A_CYCLE);
}

/// Every line once and in order, and no hole and no double among the records.
fn assert_whole(world: &World, id: TaskId, lines: u64) {
    let out = world.pilot(&["task", "log", "--records", "--json", &id.to_string()]).ok();
    let mut last: Option<Record> = None;
    let mut expected = (0..CYCLES)
        .flat_map(|cycle| (1..=LINES_A_CYCLE).map(move |line| format!("c{cycle} {line}")));
    let (mut seen, mut piece) = (0, String::new());
    for line in out.lines() {
        let record: Record = serde_json::from_str(line).expect("a record a line");
        if let Some(last) = &last {
            assert_eq!(record.epoch, last.epoch, "the shim lived through all of it");
            assert_eq!(record.seq, last.seq + 1, "no hole and nothing twice");
        }
        if let Event::Output { stream: Stream::Stdout, text, open } = &record.event {
            // A line that paused in the middle comes in pieces.
            piece.push_str(text);
            if !open {
                for line in std::mem::take(&mut piece).split('\n') {
                    assert_eq!(Some(line), expected.next().as_deref(), "line {seen}");
                    seen += 1;
                }
            }
        }
        last = Some(record);
    }
    assert_eq!(seen, lines, "all of them");
    assert!(matches!(last.map(|last| last.event), Some(Event::Finished(_))));
}

fn open(gates: &std::path::Path, cycle: u64) {
    std::fs::write(gates.join(cycle.to_string()), "").expect("the gate opens");
}

fn agent_process(world: &World) -> Option<String> {
    world.stray_processes().into_iter().find(|process| process.contains("agent-scripted"))
}

/// Numbers that look random and are the same in every run (xorshift).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % below
    }
}

#[test]
fn after_a_cut_only_what_was_missing_is_sent() {
    const LINES: u64 = 200_000;
    let mut world = World::bare();
    let network = Network::to(&world);
    world.set_public_url(network.url());
    world.start_hub();
    world.set_workers(1);
    world.start_runner();
    let (gate, go) = (world.shared("gate"), world.shared("go"));
    let id = world.file(&format!(
        "print 1000 before\nsay ready\nwait-file {}\nprint {LINES} during\nwait-file {}\nwrite x.txt x",
        gate.to_string_lossy(),
        go.to_string_lossy()
    ));
    world.until("the hub has the first lines", || world.has_said(id, "ready").then_some(()));
    network.proxy.down();
    let journal = world.run_directories().pop().expect("one run").join("journal");
    let size = || std::fs::metadata(&journal).map_or(0, |metadata| metadata.len());
    let shipped_before = size();
    std::fs::write(&gate, "").expect("the gate opens");
    // All of it is on the runner's disk before the link comes back.
    let last = format!("during {LINES}");
    world.until("the agent has printed it all", || {
        let text = std::fs::read(&journal).unwrap_or_default();
        let tail = &text[text.len().saturating_sub(200_000)..];
        String::from_utf8_lossy(tail).contains(&last).then_some(())
    });
    let missing = size() - shipped_before;
    let carried_before = network.proxy.carried().up;
    network.proxy.heal();
    world.until("the hub has all lines", || {
        let hits = world.pilot(&["task", "log", &id.to_string(), "--search", &last]);
        hits.out.contains(&last).then_some(())
    });
    let sent = network.proxy.carried().up - carried_before;
    let ratio = sent as f64 / missing as f64;
    assert!(ratio <= 1.05, "{sent} bytes were sent for {missing} missing: {ratio:.3}");
    std::fs::write(&go, "").expect("the gate opens");
    world.until_state(id, "published");
}

/// `kill -9` for the one shim there is.
/// The only one there is.
pub(crate) fn kill_the_shim(world: &World) {
    kill_the_shim_of(world, "");
}

/// That of the run with this id.
pub(crate) fn kill_the_shim_of(world: &World, run: &str) {
    let shim = world
        .stray_processes()
        .into_iter()
        .find(|process| process.contains(" shim ") && process.contains(run))
        .expect("a shim a run");
    let pid: i32 = shim.split(' ').next().and_then(|pid| pid.parse().ok()).expect("its pid");
    let pid = rustix::process::Pid::from_raw(pid).expect("a pid is not zero");
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).expect("it can be killed");
}

#[test]
fn a_killed_shim_ends_the_run_with_its_work_rescued() {
    let world = World::with_runner(1);
    let id = world.file(
        "write half.txt half done\nsay written\nrun sleep 1000 &\nwait-file /nonexistent/never",
    );
    world.until("the agent wrote its file", || world.has_said(id, "written").then_some(()));
    kill_the_shim(&world);
    let task = world.until("the run ended", || {
        let task = world.task(id);
        task.state.is_end().then_some(task)
    });
    let text = serde_json::to_string(&task).expect("JSON");
    assert!(text.contains("run_lost"), "{text}");
    world.until("nothing is left", || {
        (world.stray_processes().is_empty() && world.run_directories().is_empty()).then_some(())
    });
    let bundle = world.path("work.bundle");
    world.pilot(&["task", "rescue", &id.to_string(), "-o", &bundle.to_string_lossy()]).ok();
    world.pilot(&["task", "resume", &id.to_string(), "append half.txt and whole"]).ok();
    world.until_state(id, "published");
}

#[test]
fn reopening_hub_and_runner_finds_the_run_as_it_was() {
    let mut world = World::with_runner(1);
    let go = world.shared("go");
    let id =
        world.file(&format!("say one\nwait-file {}\nsay two\nwrite x.txt x", go.to_string_lossy()));
    world.until("the agent works", || world.has_said(id, "one").then_some(()));
    world.kill_runner();
    world.kill_hub();
    // The prompt says it, too.
    let journal = world.run_directories().pop().expect("one run").join("journal");
    let twos = || {
        let text = std::fs::read(&journal).unwrap_or_default();
        String::from_utf8_lossy(&text).matches("two").count()
    };
    let before = twos();
    std::fs::write(&go, "").expect("the agent may go on");
    let went_on = || (twos() > before).then_some(());
    world.until("the agent went on with nobody there", went_on);
    world.start_hub();
    world.start_runner();
    let task = world.until_state(id, "published");
    assert_eq!(task.attempts, 1, "it was never run again");
}
