//! How many runs a runner takes, and odd places to be in.

use crate::world::{World, eventually, outcome, touch};
use pilot_proto::run::Outcome;
use pilot_runner::daemon;

#[tokio::test]
async fn a_runner_whose_workers_are_busy_declines() {
    let world = World::new().await;
    let mut options = world.options();
    options.workers = 2;
    let _daemon = daemon::start(options).await.expect("it starts");
    let gate = world.gate("go");
    let specs: Vec<_> = (0..3)
        .map(|number| {
            let mut spec = world.spec(&format!("write a.txt a\nwait-file {}", gate.display()));
            spec.branch = format!("pilot/{number}");
            spec
        })
        .collect();
    specs.iter().for_each(|spec| world.hub.assign(spec));
    let reason = world
        .hub
        .until("a refusal", |state| state.declined.first().map(|(_, reason)| reason.clone()))
        .await;
    assert!(reason.contains("2 workers"), "{reason}");
    touch(&gate);
    let taken = world
        .hub
        .until("two runs taken", |state| (state.taken.len() == 2).then(|| state.taken.clone()))
        .await;
    for run in taken {
        let events = world.hub.finished(run).await;
        assert!(matches!(outcome(&events), Outcome::Pushed { .. }));
    }
}

#[tokio::test]
async fn many_runs_go_on_side_by_side_and_leave_nothing() {
    let world = World::new().await;
    let mut options = world.options();
    options.workers = 8;
    let _daemon = daemon::start(options).await.expect("it starts");
    let other = world.other_repo("acme/other.git");
    let specs: Vec<_> = (0..8)
        .map(|number| {
            let mut spec = world.spec(&format!("print 2000 l\nwrite f{number}.txt x"));
            spec.branch = format!("pilot/{number}");
            if number % 2 == 0 {
                spec.repo = other.url();
            }
            spec
        })
        .collect();
    specs.iter().for_each(|spec| world.hub.assign(spec));
    for spec in &specs {
        let events = world.hub.finished(spec.run).await;
        assert!(matches!(outcome(&events), Outcome::Pushed { .. }), "{:?}", events.last());
        world.assert_clean(spec.run).await;
    }
}

#[tokio::test]
async fn a_runner_for_one_run_ends_when_it_is_over() {
    let world = World::new().await;
    let mut options = world.options();
    options.once = true;
    let mut runner = daemon::start(options).await.expect("it starts");
    let spec = world.spec("write a.txt a");
    world.hub.assign(&spec);
    world.hub.finished(spec.run).await;
    let ended = tokio::time::timeout(crate::hub::PATIENCE, runner.ended()).await;
    ended.expect("it ends").expect("in order");
    world.assert_clean(spec.run).await;
}

#[tokio::test]
async fn a_data_directory_with_a_very_long_path_works() {
    let deep = format!("{}/data", ["a-directory-with-quite-a-long-name"; 6].join("/"));
    let world = World::with_data_at(&deep).await;
    assert!(world.data.as_os_str().len() > 200);
    let gate = world.gate("go");
    let spec = world.spec(&format!("write a.txt a\nwait-file {}", gate.display()));
    let daemon = world.daemon().await;
    world.hub.assign(&spec);
    let socket = world.run_dir(spec.run).socket_file();
    eventually("the shim listens", || socket.exists()).await;
    // The socket is found again by another daemon, too.
    daemon.stop().await;
    let _daemon = world.daemon().await;
    touch(&gate);
    let events = world.hub.finished(spec.run).await;
    assert!(matches!(outcome(&events), Outcome::Pushed { .. }));
    world.assert_clean(spec.run).await;
}
