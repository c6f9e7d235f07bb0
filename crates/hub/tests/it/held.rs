//! Held work, groups, batches, reassignments and reviews, over the routes.

use crate::house::{House, new_task};
use crate::runner::{FakeRunner, phase};
use pilot_proto::console::{
    NewBatch, NewTask, NewTasks, OneTask, Reassign, ReviewNote, RunnerRevoke, Say, SendReview,
    Stop, TaskDismiss, TaskInterrupt, TaskKeep, TaskList, TaskNew, TaskNewMany, TaskPublish,
    TaskQuery, TaskReassign, TaskReview, TaskReviewNotes, TaskSay, TaskStop,
};
use pilot_proto::event::Event;
use pilot_proto::run::{Checkpoint, Outcome, Session};
use pilot_proto::runner::Act;
use pilot_proto::{Code, GroupId, OrderId, Phase, RunId, RunSpec, RunnerId, Task, TaskId};
use uuid::Uuid;

async fn file_held(house: &House) -> Task {
    house.call::<TaskNew>(NewTask { hold: true, ..new_task("p", "fix it") }).await
}

/// Brings a run to where its work waits for a look.
async fn make_ready(house: &House, runner: &mut FakeRunner, spec: &RunSpec) {
    runner.begin(spec.run).await;
    let session = format!("session of {}", spec.run);
    let wanted = Event::PushWanted {
        fence: spec.fence,
        branch: spec.branch.clone(),
        commit: "c0ffee".to_owned(),
        summary: "did it".to_owned(),
    };
    let events = vec![
        Event::SessionStarted { session, model: None, version: None },
        phase(Phase::Pushing),
        wanted,
    ];
    runner.write(spec.run, events).await;
    house.until(spec.task, "ready").await;
}

/// A task whose work waits.
async fn ready(house: &House, runner: &mut FakeRunner) -> (TaskId, RunSpec) {
    let task = file_held(house).await.id;
    let spec = runner.take().await;
    make_ready(house, runner, &spec).await;
    (task, spec)
}

/// A run that was told to stop rescues its work and ends.
async fn wind_down(runner: &mut FakeRunner, run: RunId) {
    let (order, act) = runner.order(run).await;
    assert_eq!(act, Act::Stop);
    let bundle = runner.store(run.to_string().as_bytes()).await;
    let events = vec![
        Event::OrderDone { order, problem: None },
        phase(Phase::Cleaning),
        Event::Rescued { bundle, size: 9, reference: "refs/rescue".to_owned() },
        Event::Cleaned { left: Vec::new() },
        Event::Finished(Outcome::Cancelled),
    ];
    let end = runner.write(run, events).await;
    runner.acked(run, end).await;
}

/// The push that was permitted, to its end.
async fn push(runner: &mut FakeRunner, spec: &RunSpec, order: OrderId) {
    let (branch, commit) = (spec.branch.clone(), "c0ffee".to_owned());
    let events = vec![
        Event::OrderDone { order, problem: None },
        Event::Pushed { branch: branch.clone(), commit: commit.clone() },
        phase(Phase::Cleaning),
        Event::Cleaned { left: Vec::new() },
        Event::Finished(Outcome::Pushed { branch, commit }),
    ];
    runner.write(spec.run, events).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn held_work_waits_over_restarts_and_is_published_when_a_person_says_so() {
    let house = House::new().await;
    house.project().await;
    let mut runner = FakeRunner::connected(&house, 1).await;
    let (task, spec) = ready(&house, &mut runner).await;
    let problem = house.refused::<TaskInterrupt>(OneTask { task }).await;
    assert_eq!(problem.code, Code::Precondition, "no agent is there: {problem}");

    let house = house.restart().await;
    let shown = house.until(task, "ready").await.task;
    assert_eq!(shown.reason, "runner offline");
    // Also while its runner is away.
    let shown = house.call::<TaskPublish>(OneTask { task }).await;
    assert_eq!(shown.state.name(), "working");
    house.call::<TaskPublish>(OneTask { task }).await;
    runner.connect().await;
    let (order, act) = runner.order(spec.run).await;
    assert_eq!(act, Act::PermitPush { fence: spec.fence });
    push(&mut runner, &spec, order).await;
    house.until(task, "published").await;
    house.call::<TaskPublish>(OneTask { task }).await;
    house.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn held_work_that_is_sent_back_goes_on_in_a_new_run() {
    let house = House::new().await;
    house.project().await;
    let mut runner = FakeRunner::connected(&house, 1).await;
    let (task, spec) = ready(&house, &mut runner).await;
    house.call::<TaskSay>(Say { task, text: "The header too".to_owned(), now: false }).await;
    wind_down(&mut runner, spec.run).await;
    let next = runner.take().await;
    assert_eq!((next.task, next.fence, next.attempt), (task, spec.fence + 1, 2));
    assert_eq!(next.prompt, "The header too");
    let resume = next.resume.clone().expect("it goes on");
    let session = Session { id: format!("session of {}", spec.run), file: None };
    assert_eq!(resume.session, Some(session));
    assert!(resume.bundle.is_some(), "the work comes along");
    make_ready(&house, &mut runner, &next).await;
    house.call::<TaskStop>(Stop { task, keep_children: None }).await;
    wind_down(&mut runner, next.run).await;
    let detail = house.until(task, "cancelled").await;
    assert!(detail.runs[1].rescue.is_some(), "stopped work stays rescued");
    house.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_group_one_is_kept_and_the_others_are_stopped() {
    let house = House::new().await;
    house.project().await;
    let mut runner = FakeRunner::connected(&house, 2).await;
    let group = Some(GroupId(Uuid::from_u128(5)));
    let of_group =
        |model: &str| NewTask { group, model: Some(model.to_owned()), ..new_task("p", "fix it") };
    let tasks = ["small", "middle", "large"].map(of_group).to_vec();
    let filed = house.call::<TaskNewMany>(NewTasks { tasks, batch: None }).await;
    assert!(filed.iter().all(|task| task.hold), "they are held until one is kept");
    let first = runner.take().await;
    assert_eq!(first.at, None, "the first one tells from which commit they begin");
    runner.begin(first.run).await;
    let begins = Checkpoint {
        turn: 0,
        base: "fork".to_owned(),
        bundle: None,
        size: 0,
        session: None,
        left_out: String::new(),
    };
    runner.write(first.run, vec![Event::Checkpoint(begins)]).await;
    let second = runner.take().await;
    assert_eq!(second.at.as_deref(), Some("fork"), "and then the others may begin there");
    make_ready(&house, &mut runner, &first).await;
    runner.begin(second.run).await;
    house.until(second.task, "working").await;
    let waiting = filed.iter().map(|task| task.id);
    let third = waiting.into_iter().find(|id| *id != first.task && *id != second.task);
    let third = third.expect("one waits");

    let problem = house.refused::<TaskKeep>(OneTask { task: second.task }).await;
    assert!(problem.message.contains("at work"), "it says what it is: {problem}");
    for _ in 0..2 {
        let kept = house.call::<TaskKeep>(OneTask { task: first.task }).await;
        assert_eq!(kept.state.name(), "working", "said twice, done once");
    }
    house.until(third, "cancelled").await;
    let (order, act) = runner.order(first.run).await;
    assert_eq!(act, Act::PermitPush { fence: first.fence });
    wind_down(&mut runner, second.run).await;
    house.until(second.task, "cancelled").await;
    push(&mut runner, &first, order).await;
    house.until(first.task, "published").await;

    let alone = house.file("alone").await.id;
    let problem = house.refused::<TaskKeep>(OneTask { task: alone }).await;
    assert!(problem.message.contains("no group"), "{problem}");
    house.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_is_of_one_prompt_and_of_eight_at_most_also_later() {
    let house = House::new().await;
    house.project().await;
    let group = Some(GroupId(Uuid::from_u128(5)));
    let member = |prompt: &str| NewTask { group, ..new_task("p", prompt) };
    house.call::<TaskNew>(NewTask { base: Some("main".to_owned()), ..member("fix it") }).await;
    let tasks = vec![member("fix it"); 6];
    house.call::<TaskNewMany>(NewTasks { tasks, batch: None }).await;
    let house = house.restart().await;
    for (new, said) in [
        (member("break it"), "`prompt`"),
        (NewTask { base: Some("old".to_owned()), ..member("fix it") }, "`base`"),
    ] {
        let problem = house.refused::<TaskNew>(new).await;
        assert!(problem.message.contains(said), "{said}: {problem}");
    }
    let tasks = vec![member("fix it"); 2];
    let problem = house.refused::<TaskNewMany>(NewTasks { tasks, batch: None }).await;
    assert!(problem.message.contains("8 tasks at most"), "{problem}");
    house.call::<TaskNew>(member("fix it")).await;
    let all = house.call::<TaskList>(TaskQuery::default()).await;
    assert_eq!(all.len(), 8);
    house.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_has_no_more_at_work_than_it_may_also_after_a_restart() {
    let house = House::new().await;
    house.project().await;
    let tasks: Vec<NewTask> = (0..4)
        .map(|n| NewTask {
            id: Some(TaskId(Uuid::from_u128(100 + n))),
            ..new_task("p", &format!("say {n}"))
        })
        .collect();
    let batch = |at_most| Some(NewBatch { name: "pasted".to_owned(), at_most });
    let none = NewTasks { tasks: tasks.clone(), batch: batch(Some(0)) };
    let problem = house.refused::<TaskNewMany>(none).await;
    assert!(problem.message.contains("`batch.at_most`"), "{problem}");
    let new = NewTasks { tasks, batch: batch(Some(1)) };
    let filed = house.call::<TaskNewMany>(new.clone()).await;
    let batch = filed[0].batch.clone().expect("it is one of a batch");
    assert_eq!((batch.name.as_str(), batch.at_most), ("pasted", Some(1)));
    let again = house.call::<TaskNewMany>(new).await;
    assert!(again.iter().all(|task| task.batch.as_ref() == Some(&batch)), "it is the same batch");

    let mut runner = FakeRunner::connected(&house, 4).await;
    let first = runner.take().await;
    runner.begin(first.run).await;
    let other = house.file("others go on beside it").await.id;
    let beside = runner.take().await;
    assert_eq!(beside.task, other);
    let begun = runner.begin(beside.run).await;
    runner.acked(beside.run, begun).await;
    let waits = house.show(TaskId(Uuid::from_u128(101))).await.task;
    assert_eq!(waits.reason, "at most 1 of its batch are at work at once");

    let house = house.restart().await;
    runner.connect().await;
    let another = house.file("another").await.id;
    assert_eq!(runner.take().await.task, another, "the batch is still full");
    house.call::<TaskStop>(Stop { task: first.task, keep_children: None }).await;
    wind_down(&mut runner, first.run).await;
    let second = runner.take().await;
    assert_eq!(second.task, TaskId(Uuid::from_u128(101)), "in the order filed");
    house.hub.stop().await;
}

fn to_runner(task: TaskId, runner: RunnerId) -> Reassign {
    Reassign { task, runner: Some(runner), agent: None, model: None }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_is_given_to_another_runner_waiting_or_at_work() {
    let house = House::new().await;
    house.project().await;
    let mut first = FakeRunner::connected(&house, 1).await;
    let mut second = FakeRunner::enrolled(&house, 1).await;
    let busy = house.file("say 1").await.id;
    let at_work = first.take().await;
    first.begin(at_work.run).await;
    let task = house.file("say 2").await.id;
    let shown = house.call::<TaskReassign>(to_runner(task, second.id)).await;
    assert_eq!(shown.only_runner, Some(second.id));
    let shown = house.show(task).await.task;
    assert_eq!(shown.reason, "waits for the runner `fake`, which is offline");
    second.connect().await;
    let spec = second.take().await;
    assert_eq!(spec.task, task);
    second.begin(spec.run).await;

    let shown = house.call::<TaskReassign>(to_runner(busy, second.id)).await;
    assert!(shown.reason.contains("somebody else"), "{}", shown.reason);
    wind_down(&mut first, at_work.run).await;
    let shown = house.until(busy, "queued").await.task;
    assert_eq!(shown.reason, "waits for a free worker of the runner `fake`");
    house.call::<TaskStop>(Stop { task, keep_children: None }).await;
    wind_down(&mut second, spec.run).await;
    let spec = second.take().await;
    assert_eq!((spec.task, spec.resume, spec.fence), (busy, None, 2), "it begins anew");
    house.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_given_a_task_who_is_not_there() {
    let house = House::new().await;
    house.project().await;
    let task = house.file("say 1").await.id;
    let nobody = RunnerId(Uuid::from_u128(9));
    let problem = house.refused::<TaskReassign>(to_runner(task, nobody)).await;
    assert_eq!(problem.code, Code::NotFound, "{problem}");
    let runner = FakeRunner::enrolled(&house, 1).await;
    let problem = house.refused::<TaskReassign>(to_runner(task, nobody)).await;
    assert!(problem.hint.contains(&runner.id.short()), "it names those there are: {problem:?}");
    let agent =
        Reassign { runner: None, agent: Some("clyde".to_owned()), ..to_runner(task, nobody) };
    let problem = house.refused::<TaskReassign>(agent).await;
    assert!(problem.hint.contains("`scripted`"), "it names those there are: {problem:?}");
    let nothing = Reassign { runner: None, ..to_runner(task, nobody) };
    assert_eq!(house.refused::<TaskReassign>(nothing).await.code, Code::Invalid);
    house.call::<RunnerRevoke>(pilot_proto::console::OneRunner { runner: runner.id }).await;
    let problem = house.refused::<TaskReassign>(to_runner(task, runner.id)).await;
    assert!(problem.message.contains("revoked"), "{problem}");
    let new = NewTask { runner: Some(runner.id), ..new_task("p", "say 2") };
    assert_eq!(house.refused::<TaskNew>(new).await.code, Code::NotFound);
    house.hub.stop().await;
}

fn note(path: &str, text: &str) -> ReviewNote {
    ReviewNote {
        path: path.to_owned(),
        old_side: false,
        first_line: Some(3),
        last_line: Some(4),
        quote: "let a = 1;".to_owned(),
        text: text.to_owned(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn comments_reach_the_agent_as_one_message_and_are_kept() {
    let house = House::new().await;
    house.project().await;
    let mut runner = FakeRunner::connected(&house, 1).await;
    let task = house.file("say 1").await.id;
    let spec = runner.take().await;
    runner.begin(spec.run).await;
    house.until(task, "working").await;
    let notes = vec![note("a.rs", "Rename this."), note("b.rs", "And this.")];
    let review = SendReview { task, notes: notes.clone(), text: Some("Nearly.".to_owned()) };
    house.call::<TaskReview>(review.clone()).await;
    let (_, act) = runner.order(spec.run).await;
    let Act::Say { text } = act else { panic!("it is said: {act:?}") };
    for part in ["Nearly.", "`a.rs`, lines 3 to 4", "let a = 1;", "And this."] {
        assert!(text.contains(part), "{part} in {text}");
    }
    let end = runner.write(spec.run, crate::runner::nothing_done()).await;
    runner.acked(spec.run, end).await;
    // It was not heard, so it begins another run.
    let spec = runner.take().await;
    assert!(spec.prompt.contains("And this."), "{}", spec.prompt);
    let house = house.restart().await;
    let kept = house.call::<TaskReviewNotes>(OneTask { task }).await;
    let kept: Vec<_> = kept.into_iter().map(|sent| (sent.note, sent.by, sent.run)).collect();
    let first_run = house.show(task).await.runs[0].id;
    let expected = notes.into_iter().map(|note| (note, "owner".to_owned(), Some(first_run)));
    assert_eq!(kept, expected.collect::<Vec<_>>());

    let many = SendReview { notes: vec![note("a", "x"); 201], ..review.clone() };
    assert_eq!(house.refused::<TaskReview>(many).await.code, Code::TooLarge);
    let empty = SendReview { notes: Vec::new(), text: Some(" ".to_owned()), task };
    assert_eq!(house.refused::<TaskReview>(empty).await.code, Code::Invalid);
    let nul = SendReview { notes: vec![note("a\0b", "x")], ..review };
    let problem = house.refused::<TaskReview>(nul).await;
    assert!(problem.message.contains("Comment 1"), "{problem}");
    let nobody = TaskId(Uuid::from_u128(404));
    let problem = house.refused::<TaskReviewNotes>(OneTask { task: nobody }).await;
    assert_eq!(problem.code, Code::NotFound);
    house.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_has_ended_is_taken_off_the_list_until_it_runs_again() {
    let house = House::new().await;
    house.project().await;
    let task = house.file("say 1").await.id;
    let problem = house.refused::<TaskDismiss>(OneTask { task }).await;
    assert!(problem.message.contains("has not ended"), "{problem}");
    house.call::<TaskStop>(Stop { task, keep_children: None }).await;
    house.call::<TaskDismiss>(OneTask { task }).await;
    let house = house.restart().await;
    assert!(house.call::<TaskDismiss>(OneTask { task }).await.dismissed, "said twice");
    let again = house.call::<TaskSay>(Say { task, text: "go on".to_owned(), now: false }).await;
    assert!(!again.dismissed);
    house.hub.stop().await;
}
