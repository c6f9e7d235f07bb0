//! Who gets which task, and what becomes of it when somebody goes away.

use crate::house::{House, eventually, new_task};
use crate::runner::{FakeRunner, nothing_done, output};
use pilot_proto::TaskId;
use pilot_proto::console::{NewTasks, Stop, TaskNewMany, TaskSay, TaskStop};
use pilot_proto::event::Event;
use pilot_proto::runner::{Act, ToHub, ToRunner, Verdict};
use std::collections::BTreeSet;
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn forty_tasks_on_four_workers_each_run_once() {
    let house = House::new().await;
    house.project().await;
    let tasks = (0..40).map(|n| new_task("p", &format!("say {n}"))).collect();
    let filed = house.call::<TaskNewMany>(NewTasks { tasks, batch: None }).await;
    let filed: BTreeSet<TaskId> = filed.into_iter().map(|task| task.id).collect();
    assert_eq!(filed.len(), 40);
    let mut runner = FakeRunner::connected(&house, 4).await;
    let mut busy = Vec::new();
    let mut ran = BTreeSet::new();
    for _ in 0..40 {
        if busy.len() == 4 {
            let run = busy.remove(0);
            let end = runner.write(run, nothing_done()).await;
            runner.acked(run, end).await;
        }
        let spec = runner.take().await;
        assert!(ran.insert(spec.task), "no task runs twice");
        runner.begin(spec.run).await;
        busy.push(spec.run);
        let held = house.runners().await[0].runs.len();
        assert!(held <= 4, "no more than there are workers: {held}");
    }
    for run in busy {
        let end = runner.write(run, nothing_done()).await;
        runner.acked(run, end).await;
    }
    assert_eq!(ran, filed);
    for task in filed {
        let detail = house.until(task, "no_change").await;
        assert_eq!((detail.task.attempts, detail.runs.len()), (1, 1));
        assert!(detail.runs[0].leased_at >= detail.task.created_at, "queue time is not run time");
    }
    house.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_runners_share_the_work() {
    let house = House::new().await;
    house.project().await;
    let mut first = FakeRunner::connected(&house, 1).await;
    let mut second = FakeRunner::connected(&house, 1).await;
    let (one, two) = (house.file("say 1").await.id, house.file("say 2").await.id);
    let (left, right) = (first.take().await, second.take().await);
    assert_eq!(BTreeSet::from([left.task, right.task]), BTreeSet::from([one, two]));
    house.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_assignment_is_sent_again_until_it_is_taken() {
    let house = House::new().await;
    house.project().await;
    let mut runner = FakeRunner::connected(&house, 1).await;
    let task = house.file("say 1").await.id;
    let lost = runner.assigned().await;
    // The line is cut before the runner has said anything.
    runner.connect().await;
    let again = runner.assigned().await;
    assert_eq!((again.run, again.fence), (lost.run, lost.fence), "the same lease");
    runner.hang_up();
    let house = house.restart().await;
    runner.connect().await;
    let spec = runner.take().await;
    assert_eq!(spec.run, lost.run, "a restart of the hub changes nothing");
    assert_eq!(house.show(task).await.task.attempts, 1);
    house.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_declined_task_goes_back_to_the_queue_with_the_reason() {
    let house = House::new().await;
    house.project().await;
    let mut runner = FakeRunner::connected(&house, 1).await;
    let task = house.file("say 1").await.id;
    let spec = runner.assigned().await;
    let reason = "the disk is full".to_owned();
    runner.say(ToHub::Declined { run: spec.run, fence: spec.fence, reason }).await;
    let detail = house.until(task, "queued").await;
    assert!(detail.task.reason.contains("the disk is full"), "{}", detail.task.reason);
    let mut other = FakeRunner::connected(&house, 1).await;
    let again = other.take().await;
    assert_eq!((again.task, again.fence), (task, spec.fence + 1), "with a token of its own");
    house.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_is_sent_again_until_the_journal_shows_that_it_was_done() {
    let house = House::new().await;
    house.project().await;
    let mut runner = FakeRunner::connected(&house, 1).await;
    let task = house.file("say 1").await.id;
    let run = runner.take().await.run;
    let end = runner.begin(run).await;
    runner.acked(run, end).await;
    let said = Act::Say { text: "and hurry".to_owned() };
    house
        .call::<TaskSay>(pilot_proto::console::Say {
            task,
            text: "and hurry".to_owned(),
            now: false,
        })
        .await;
    let (order, act) = runner.order(run).await;
    assert_eq!(act, said);
    // Nobody has done it yet: it comes again, also from a hub that was away.
    runner.connect().await;
    assert_eq!(runner.order(run).await, (order, said.clone()));
    runner.hang_up();
    let house = house.restart().await;
    runner.connect().await;
    assert_eq!(runner.order(run).await, (order, said));
    let end = runner.write(run, vec![Event::OrderDone { order, problem: None }]).await;
    runner.acked(run, end).await;
    runner.connect().await;
    runner.say(ToHub::Beat { runs: vec![run], load: None }).await;
    runner
        .until("the beat is heard, and no order before it", |message| match message {
            ToRunner::Order { .. } => panic!("it was done: {message:?}"),
            ToRunner::BeatHeard { .. } => Some(()),
            _ => None,
        })
        .await;
    house.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_a_task_reaches_a_runner_that_was_away() {
    let house = House::new().await;
    house.project().await;
    let mut runner = FakeRunner::connected(&house, 1).await;
    let task = house.file("say 1").await.id;
    let run = runner.take().await.run;
    let end = runner.begin(run).await;
    runner.acked(run, end).await;
    runner.hang_up();
    house.call::<TaskStop>(Stop { task, keep_children: None }).await;
    runner.connect().await;
    let (order, act) = runner.order(run).await;
    assert_eq!(act, Act::Stop);
    let mut events = vec![Event::OrderDone { order, problem: None }];
    events.extend(nothing_done());
    events.pop();
    events.push(Event::Finished(pilot_proto::Outcome::Cancelled));
    let end = runner.write(run, events).await;
    runner.acked(run, end).await;
    house.until(task, "cancelled").await;
    house.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_connection_of_a_runner_replaces_the_first() {
    let house = House::new().await;
    house.project().await;
    let mut runner = FakeRunner::connected(&house, 1).await;
    let mut twin = FakeRunner::enrolled(&house, 1).await;
    (twin.id, twin.key) = (runner.id, runner.key.clone());
    twin.connect().await;
    runner.until_closed().await;
    let task = house.file("say 1").await.id;
    assert_eq!(twin.take().await.task, task, "the later one is the runner");
    let seen = house.runners().await;
    let online = seen.iter().any(|one| one.id == twin.id && one.online);
    assert!(online, "the end of the first changed nothing: {seen:?}");
    house.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_runner_is_shown_as_offline_and_its_task_says_so() {
    let house = House::with(|options| options.offline_after = Duration::from_millis(50)).await;
    house.project().await;
    let mut runner = FakeRunner::connected(&house, 1).await;
    let task = house.file("say 1").await.id;
    let run = runner.take().await.run;
    let end = runner.begin(run).await;
    runner.acked(run, end).await;
    runner.hang_up();
    let says = |wanted: &'static str| {
        let house = &house;
        eventually("the task says where its runner is", move || async move {
            let reason = house.show(task).await.task.reason;
            if reason == wanted { Ok(()) } else { Err(reason) }
        })
    };
    says("runner offline").await;
    let seen = house.runners().await;
    assert!(!seen[0].online && seen[0].seen_at.is_some(), "{seen:?}");
    assert_eq!(seen[0].runs, [run], "it still has the run");
    runner.connect().await;
    says("").await;
    house.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_that_runs_out_gives_the_task_to_another_and_fences_the_first() {
    let house = House::with(|options| {
        options.lease = Duration::from_millis(300);
        options.lease_grace = Duration::from_millis(100);
    })
    .await;
    house.project().await;
    let mut runner = FakeRunner::connected(&house, 1).await;
    let task = house.file("say 1").await.id;
    let lost = runner.take().await;
    let end = runner.begin(lost.run).await;
    runner.acked(lost.run, end).await;
    runner.hang_up();
    house.until(task, "queued").await;
    let mut other = FakeRunner::connected(&house, 1).await;
    let spec = other.take().await;
    // On a slow machine the first runner may have lost it more than once.
    assert_eq!(spec.task, task);
    assert!(spec.fence > lost.fence && spec.attempt > lost.attempt, "a lease of its own");
    // The first comes back and goes on as if nothing had been.
    let known = runner.connect().await;
    assert_eq!(known[0].verdict, Verdict::Fenced);
    let wanted = Event::PushWanted {
        fence: lost.fence,
        branch: lost.branch.clone(),
        commit: "c0ffee".to_owned(),
        summary: String::new(),
    };
    let end = runner.write(lost.run, vec![output("still here"), wanted]).await;
    runner.acked(lost.run, end).await;
    runner
        .until("the word that it is fenced, and no permit", |message| match message {
            ToRunner::Order { act: Act::PermitPush { .. }, .. } => panic!("an old token may push"),
            ToRunner::Verdict { run, verdict: Verdict::Fenced } if *run == lost.run => Some(()),
            _ => None,
        })
        .await;
    house.hub.stop().await;
}
