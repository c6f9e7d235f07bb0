//! Connections that break, and a hub that says no.

use crate::world::{World, lines, outcome};
use pilot_proto::run::Outcome;
use pilot_proto::{Event, Stream};

#[tokio::test]
async fn connections_cut_in_the_middle_cost_only_what_was_on_its_way() {
    let world = World::new().await;
    let _daemon = world.daemon().await;
    let wanted = 300_000;
    let spec = world.spec(&format!("print {wanted} n\nwrite a.txt a"));
    let run = spec.run;
    world.hub.assign(&spec);
    for cuts in 1..=5_usize {
        world
            .hub
            .until("some records", |state| {
                let records = state.runs.get(&run)?.records.len();
                (records > cuts * 8).then_some(())
            })
            .await;
        world.hub.cut();
    }
    let events = world.hub.finished(run).await;
    assert!(matches!(outcome(&events), Outcome::Pushed { .. }));
    let printed = lines(&events, Stream::Stdout);
    let numbers = printed.iter().filter(|line| line.starts_with('n')).count();
    assert_eq!(numbers, wanted, "each line once");
    let repeated = world.hub.state().runs[&run].repeated;
    // The hub says where it is, and the runner goes on from there exactly.
    assert_eq!(repeated, 0, "bytes sent again that the hub had");
    world.assert_clean(run).await;
}

#[tokio::test]
async fn a_run_goes_on_while_the_hub_is_away_and_is_told_when_it_is_back() {
    let mut world = World::new().await;
    let _daemon = world.daemon().await;
    world.hub.state().permits = false;
    let spec = world.spec("write a.txt a");
    let run = spec.run;
    world.hub.assign(&spec);
    world
        .hub
        .event(run, "the beginning", |event| matches!(event, Event::Phase { .. }).then_some(()))
        .await;
    world.hub.go_away().await;
    let dir = world.run_dir(run);
    crate::world::eventually("the agent ends without the hub", || {
        std::fs::read_to_string(dir.journal_file())
            .is_ok_and(|journal| journal.contains("push_wanted"))
    })
    .await;
    world.hub.state().permits = true;
    world.hub.listen().await;
    let events = world.hub.finished(run).await;
    assert!(matches!(outcome(&events), Outcome::Pushed { .. }));
    world.assert_clean(run).await;
}

#[tokio::test]
async fn an_assignment_said_again_is_one_run() {
    let world = World::new().await;
    let _daemon = world.daemon().await;
    let spec = world.spec("write a.txt a");
    world.hub.assign(&spec);
    world.hub.assign(&spec);
    world.hub.until("an answer", |state| (!state.taken.is_empty()).then_some(())).await;
    world.hub.assign(&spec);
    let events = world.hub.finished(spec.run).await;
    let began = events.iter().filter(|event| matches!(event, Event::TurnStarted { .. })).count();
    assert_eq!(began, 1);
    assert_eq!(world.hub.state().declined, []);
}

#[tokio::test]
async fn a_runner_that_is_revoked_says_so_and_ends() {
    let world = World::new().await;
    let mut daemon = world.daemon().await;
    world.hub.until("a hello", |state| state.hellos.first().map(|_| ())).await;
    world.hub.state().revoked = true;
    world.hub.cut();
    let ended = tokio::time::timeout(crate::hub::PATIENCE, daemon.ended()).await;
    let problem = ended.expect("it ends").expect_err("and says why");
    assert!(problem.message.contains("revoked"), "{problem:?}");
}

#[tokio::test]
async fn two_runners_do_not_share_a_data_directory() {
    let world = World::new().await;
    let _daemon = world.daemon().await;
    let second = pilot_runner::daemon::start(world.options()).await;
    let problem = second.expect_err("it is refused").problem();
    assert!(problem.message.contains("another runner"), "{problem:?}");
}

#[tokio::test]
async fn a_run_without_contact_for_its_lease_gives_up_and_rescues() {
    let mut world = World::new().await;
    let _daemon = world.daemon().await;
    let mut spec =
        world.spec(&format!("write a.txt a\nwait-file {}", world.gate("never").display()));
    // Two heartbeats: while the hub is there it is always renewed.
    spec.lease_secs = 20;
    let run = spec.run;
    world.hub.assign(&spec);
    world
        .hub
        .event(run, "a tool's end", |event| matches!(event, Event::ToolEnded { .. }).then_some(()))
        .await;
    world.hub.go_away().await;
    let dir = world.run_dir(run);
    crate::world::eventually("the run gives up", || {
        std::fs::read_to_string(dir.journal_file()).is_ok_and(|text| text.contains("finished"))
    })
    .await;
    world.hub.listen().await;
    let events = world.hub.finished(run).await;
    assert_eq!(crate::world::failure(&events).code, pilot_proto::Code::LeaseLost);
    assert!(events.iter().any(|event| matches!(event, Event::Rescued { .. })));
}
