//! The whole chain: real hub, real runner, real shims.

use crate::figure::{Figure, milliseconds, quantile, timed};
use crate::world::World;
use pilot_client::Client;
use pilot_proto::console::{LogQuery, OneTask, TaskLog, TaskShow};
use pilot_proto::{Event, Stream, TaskId};
use std::time::{SystemTime, UNIX_EPOCH};

const SAMPLES: usize = 500;

/// From the moment the agent's child has the time for its line until a console
/// has it.
pub(crate) fn latency() -> Vec<Figure> {
    let world = World::with_runner(2);
    let id = world.file(&format!(
        "run for i in $(seq {SAMPLES}); do date +t%s%N; sleep 0.01; done\nwrite x.txt x"
    ));
    world.until("it runs", || world.task(id).run);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let mut samples = Vec::new();
    runtime.block_on(async {
        let client = client(&world);
        let run = client
            .call::<TaskShow>(OneTask { task: id })
            .await
            .expect("it is there")
            .task
            .run
            .expect("it runs");
        let mut journal = client.follow_journal(run, 0).await.expect("it is followed");
        while let Some(record) = journal.next().await.expect("the hub is there") {
            let now = now_micros();
            if let Event::Output { stream: Stream::Stdout, text, .. } = &record.event {
                for nanos in text.split('\n').filter_map(|line| line.strip_prefix('t')) {
                    let nanos: i64 = nanos.parse().unwrap_or_default();
                    #[expect(clippy::cast_precision_loss, reason = "milliseconds for showing")]
                    samples.push((now - nanos / 1000) as f64 / 1000.0);
                }
            }
        }
    });
    world.until_state(id, "published");
    // The first lines come while the console is still reading history.
    let mut live = samples.split_off(samples.len().min(SAMPLES / 10));
    live.sort_by(f64::total_cmp);
    let p99 = quantile(&live, 0.99);
    vec![
        Figure::new("latency.write_to_console_p50", quantile(&live, 0.5), "ms"),
        Figure::new("latency.write_to_console_p99", p99, "ms").budget("<= 50 ms", p99 <= 50.0),
    ]
}

/// A console that opens a log of 100 MB somewhere in the middle.
pub(crate) fn late_join() -> Vec<Figure> {
    const LINES: u64 = 1_000_000;
    let world = World::with_runner(2);
    let prefix = "x".repeat(92);
    let id = world.file(&format!("print {LINES} {prefix}-\nwrite x.txt x"));
    world.until_state(id, "published");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let client = client(&world);
    let mut times: Vec<f64> = (0..21)
        .map(|number| {
            let from = Some(number * 47_000 % LINES);
            milliseconds(timed(|| {
                let query = LogQuery { task: id, run: None, from, lines: Some(200), at: None };
                let page = runtime.block_on(client.call::<TaskLog>(query)).expect("it answers");
                assert_eq!(page.lines.len(), 200, "any line is one read away");
            }))
        })
        .collect();
    times.sort_by(f64::total_cmp);
    let worst = times[times.len() - 1];
    vec![
        Figure::new("late_join.page_median", times[times.len() / 2], "ms"),
        Figure::new("late_join.page_worst", worst, "ms").budget("<= 100 ms", worst <= 100.0),
    ]
}

/// What hub, daemon and a shim hold in memory, idle and with 40 live runs.
pub(crate) fn memory() -> Vec<Figure> {
    const RUNS: u32 = 40;
    let mut world = World::with_hub();
    world.set_workers(RUNS);
    world.start_runner();
    let idle = resident(world.pids()[1].expect("the runner runs"));
    let go = world.shared("go");
    let script =
        format!("lines-per-second 50 3000\nwait-file {}\nwrite x.txt x", go.to_string_lossy());
    let filed: Vec<TaskId> = (0..RUNS).map(|_| world.file(&script)).collect();
    world.until("all of them run", || {
        let running = filed.iter().filter(|id| world.task(**id).diff.files == 0);
        let lines = running.filter(|id| {
            world.pilot(&["task", "log", &id.to_string(), "-n", "40"]).out.lines().count() >= 40
        });
        (lines.count() == filed.len()).then_some(())
    });
    let shims: Vec<(f64, f64)> = world
        .stray_processes()
        .iter()
        .filter(|process| process.contains(" shim "))
        .filter_map(|process| process.split(' ').next()?.parse().ok())
        .map(|shim| (resident(shim), proportional(shim)))
        .collect();
    let shim = shims.iter().map(|(resident, _)| *resident).fold(0.0, f64::max);
    let share = shims.iter().map(|(_, share)| *share).fold(0.0, f64::max);
    let (daemon, hub) = (
        resident(world.pids()[1].expect("the runner runs")),
        resident(world.pids()[0].expect("the hub runs")),
    );
    std::fs::write(&go, "").expect("they may end");
    for id in filed {
        world.pilot(&["task", "stop", &id.to_string()]).ok();
    }
    vec![
        Figure::new("memory.daemon_idle", idle, "MB").budget("<= 15 MB", idle <= 15.0),
        Figure::new("memory.daemon_40_runs", daemon, "MB"),
        Figure::new("memory.shim_worst_of_40", shim, "MB").budget("<= 8 MB", shim <= 8.0),
        // What a shim really adds: the program's pages are there once for all.
        Figure::new("memory.shim_worst_share_of_40", share, "MB"),
        Figure::new("memory.hub_40_runs", hub, "MB"),
    ]
}

fn client(world: &World) -> Client {
    let endpoint = pilot_client::discovered(&world.data())
        .expect("the data directory is readable")
        .expect("a hub runs there");
    Client::new(&endpoint).expect("its address makes sense")
}

/// `VmRSS` in megabytes.
fn resident(pid: u32) -> f64 {
    megabytes(&format!("/proc/{pid}/status"), "VmRSS:")
}

/// `Pss` in megabytes: each page divided by how many processes have it.
fn proportional(pid: u32) -> f64 {
    megabytes(&format!("/proc/{pid}/smaps_rollup"), "Pss:")
}

fn megabytes(path: &str, name: &str) -> f64 {
    let status = std::fs::read_to_string(path).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
    let kilobytes: f64 =
        line.split_whitespace().next().and_then(|number| number.parse().ok()).unwrap_or_default();
    kilobytes * 1.024 / 1000.0
}

fn now_micros() -> i64 {
    #[expect(clippy::disallowed_methods, reason = "compared with the time in the lines")]
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    i64::try_from(since.as_micros()).expect("before the year 292277")
}
