//! Records: each once, in order, acknowledged only when durable.

use crate::house::House;
use crate::runner::{FakeRunner, nothing_done, output, phase};
use pilot_proto::console::{JournalQuery, LogQuery, TaskJournal, TaskLog};
use pilot_proto::run::Phase;
use pilot_proto::runner::Verdict;
use pilot_proto::{Cursor, Record, TaskId};

async fn journal(house: &House, task: TaskId) -> Vec<Record> {
    let query = JournalQuery {
        task,
        run: None,
        after: None,
        before: None,
        part: None,
        limit: Some(10_000),
    };
    house.call::<TaskJournal>(query).await.records
}

#[tokio::test(flavor = "multi_thread")]
async fn records_sent_twice_are_kept_once_in_order() {
    let house = House::new().await;
    house.project().await;
    let task = house.file("print").await.id;
    let mut runner = FakeRunner::connected(&house, 1).await;
    let run = runner.take().await.run;
    let end = runner.begin(run).await;
    runner.acked(run, end).await;
    let lines = (0..50).map(|n| output(&format!("line {n}"))).collect();
    let end = runner.write(run, lines).await;
    runner.acked(run, end).await;
    // Everything again, and some of it with something new behind it.
    let all = runner.journals[&run].records.clone();
    runner.send(run, &all).await;
    runner.acked(run, end).await;
    let first = runner.jot(run, vec![output("new")]);
    let all = runner.journals[&run].records.clone();
    runner.send(run, &all[first - 10..]).await;
    let end = all.last().expect("it is there").cursor();
    runner.acked(run, end).await;
    assert_eq!(journal(&house, task).await, all, "byte for byte what the runner has");
    let query = LogQuery { task, run: None, from: Some(0), lines: None, at: None };
    let log = house.call::<TaskLog>(query).await;
    assert_eq!((log.total, log.cursor), (51, end));
    assert_eq!(log.lines[50].text, "new");
    house.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_is_there_after_a_restart_and_the_rest_is_sent_again() {
    let house = House::new().await;
    house.project().await;
    let task = house.file("print").await.id;
    let mut runner = FakeRunner::connected(&house, 1).await;
    let spec = runner.take().await;
    let run = spec.run;
    let acked = runner.begin(run).await;
    runner.acked(run, acked).await;
    // Minted while the hub is away.
    runner.hang_up();
    runner.jot(run, (0..100).map(|n| output(&format!("line {n}"))).collect());
    let house = house.restart().await;
    let known = runner.connect().await;
    assert_eq!(known.len(), 1);
    assert_eq!((known[0].run, known[0].acked, known[0].verdict), (run, acked, Verdict::Keep));
    let rest: Vec<Record> = runner.journals[&run].records[acked.seq as usize..].to_vec();
    runner.send(run, &rest).await;
    let end = runner.write(run, nothing_done()).await;
    runner.acked(run, end).await;
    assert_eq!(runner.verdict(run).await, Verdict::Forget, "the hub has it all");
    house.until(task, "no_change").await;
    assert_eq!(journal(&house, task).await, runner.journals[&run].records);
    let known = runner.connect().await;
    assert_eq!((known[0].acked, known[0].verdict), (end, Verdict::Forget));
    house.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hole_is_never_stored_and_the_runner_begins_again_behind_the_end() {
    let house = House::new().await;
    house.project().await;
    let task = house.file("print").await.id;
    let mut runner = FakeRunner::connected(&house, 1).await;
    let run = runner.take().await.run;
    let end = runner.begin(run).await;
    runner.acked(run, end).await;
    runner.jot(run, vec![output("a"), output("b"), output("c")]);
    let all = runner.journals[&run].records.clone();
    runner.send(run, &all[3..]).await;
    runner.until_closed().await;
    assert_eq!(journal(&house, task).await, all[..2], "nothing after the hole was kept");
    let known = runner.connect().await;
    assert_eq!(known[0].acked, end);
    runner.send(run, &all[2..]).await;
    runner.acked(run, all[4].cursor()).await;
    assert_eq!(journal(&house, task).await, all);
    house.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_later_incarnation_of_the_shim_goes_on_and_an_earlier_one_is_not_heard() {
    let house = House::new().await;
    house.project().await;
    let task = house.file("print").await.id;
    let mut runner = FakeRunner::connected(&house, 1).await;
    let run = runner.take().await.run;
    let end = runner.begin(run).await;
    runner.acked(run, end).await;
    let at = pilot_proto::Timestamp(5);
    let seq = end.seq + Cursor::POWER_LOSS_GAP;
    let reborn = Record { epoch: 2, seq, at, event: phase(Phase::Cleaning) };
    runner.send(run, std::slice::from_ref(&reborn)).await;
    runner.acked(run, reborn.cursor()).await;
    let ghost = Record { epoch: 1, seq: end.seq + 1, at, event: output("ghost") };
    runner.send(run, &[ghost]).await;
    runner.acked(run, reborn.cursor()).await;
    let kept = journal(&house, task).await;
    assert_eq!(kept.last(), Some(&reborn), "the old incarnation wrote nothing more");
    house.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_writes_another_runners_journal() {
    let house = House::new().await;
    house.project().await;
    let task = house.file("print").await.id;
    let mut runner = FakeRunner::connected(&house, 1).await;
    let spec = runner.take().await;
    let end = runner.begin(spec.run).await;
    runner.acked(spec.run, end).await;
    let mut thief = FakeRunner::enrolled(&house, 0).await;
    let mut disk = runner.journals[&spec.run].clone();
    disk.records.clear();
    thief.journals.insert(spec.run, disk);
    let known = thief.connect().await;
    assert_eq!(known[0].verdict, Verdict::Fenced, "the run is not this runner's");
    thief.write(spec.run, vec![output("1"), output("2"), output("stolen")]).await;
    // The hub has read past it once it answers the beat behind it.
    thief.say(pilot_proto::runner::ToHub::Beat { runs: vec![spec.run], load: None }).await;
    thief
        .until("the beat is heard", |message| {
            matches!(message, pilot_proto::runner::ToRunner::BeatHeard { .. }).then_some(())
        })
        .await;
    assert_eq!(journal(&house, task).await, runner.journals[&spec.run].records);
    house.hub.stop().await;
}
