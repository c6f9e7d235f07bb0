//! Tasks that agents file: how many, how deep, and once, whatever a run says.

use crate::house::{House, project};
use crate::runner::FakeRunner;
use pilot_proto::console::{ProjectAdd, Stop, TaskList, TaskQuery, TaskStop};
use pilot_proto::event::Event;
use pilot_proto::run::{Outcome, Phase, Usage};
use pilot_proto::runner::Act;
use pilot_proto::task::{ChildBounds, ChildSeen, NewChild};
use pilot_proto::{Code, Project, RunId, Task, TaskId};

async fn lets_file(house: &House, tasks: u32, depth: u32, budget_micros: Option<u64>) {
    let children = ChildBounds { tasks, depth, budget_micros };
    let bounded = Project { children, ..project("p", "/srv/git/p.git") };
    house.call::<ProjectAdd>(bounded).await;
}

fn child(prompt: &str) -> NewChild {
    NewChild {
        prompt: prompt.to_owned(),
        title: None,
        agent: None,
        model: None,
        budget_micros: None,
    }
}

fn wanted(token: &str, child: NewChild) -> Event {
    Event::ChildWanted { token: token.to_owned(), child }
}

async fn below(house: &House, task: TaskId) -> Vec<Task> {
    let query = TaskQuery { parent: Some(task), ..TaskQuery::default() };
    house.call::<TaskList>(query).await
}

/// A task at work.
async fn at_work(house: &House, runner: &mut FakeRunner) -> (TaskId, RunId) {
    house.file("say parent").await;
    let spec = runner.take().await;
    let (task, run) = (spec.task, spec.run);
    runner.write(run, vec![Event::Phase { phase: Phase::AgentRunning }]).await;
    (task, run)
}

/// The hub's word on a wish; what it says of children meanwhile is passed over.
async fn decision(runner: &mut FakeRunner, run: RunId, wish: &str) -> Result<TaskId, Code> {
    loop {
        if let (_, Act::Child { token, task, problem }) = runner.order(run).await {
            assert_eq!(token, wish);
            return task.ok_or_else(|| problem.expect("a refusal says why").code);
        }
    }
}

async fn standing(runner: &mut FakeRunner, run: RunId, state: &str) -> ChildSeen {
    loop {
        if let (_, Act::ChildIs { child }) = runner.order(run).await
            && child.state == state
        {
            return *child;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_files_as_many_and_as_deep_as_its_project_lets_it() {
    let house = House::new().await;
    lets_file(&house, 2, 1, None).await;
    let mut runner = FakeRunner::connected(&house, 4).await;
    let (task, run) = at_work(&house, &mut runner).await;
    runner.write(run, vec![wanted("a", child("say one"))]).await;
    let first = decision(&mut runner, run, "a").await.expect("there is room");
    let filed = house.show(first).await.task;
    assert_eq!((filed.parent, filed.prompt.as_str()), (Some(task), "say one"));

    let spec = runner.take().await;
    assert_eq!(spec.task, first, "it is queued like any other");
    runner.write(spec.run, vec![Event::Phase { phase: Phase::AgentRunning }]).await;
    runner.write(spec.run, vec![wanted("deep", child("say deep"))]).await;
    let deep = decision(&mut runner, spec.run, "deep").await;
    assert_eq!(deep, Err(Code::LimitReached), "one deep is all there may be");

    runner.write(run, vec![wanted("b", child("say two")), wanted("c", child("say three"))]).await;
    assert!(decision(&mut runner, run, "b").await.is_ok());
    assert_eq!(decision(&mut runner, run, "c").await, Err(Code::LimitReached));
    assert_eq!(below(&house, task).await.len(), 2);
    let detail = house.show(task).await;
    assert_eq!(detail.children.iter().map(|one| one.task).filter(|one| *one == first).count(), 1);

    runner.write(spec.run, vec![Event::Finished(Outcome::NoChange)]).await;
    let over = standing(&mut runner, run, "no_change").await;
    assert_eq!((over.task, over.over), (first, true), "its parent is told");
    house.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_filed_where_nobody_lets_agents_file() {
    let house = House::new().await;
    house.project().await;
    let mut runner = FakeRunner::connected(&house, 2).await;
    let (task, run) = at_work(&house, &mut runner).await;
    runner.write(run, vec![wanted("a", child("say one"))]).await;
    assert_eq!(decision(&mut runner, run, "a").await, Err(Code::LimitReached));
    assert!(below(&house, task).await.is_empty());
    house.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wish_that_comes_again_files_nothing_more_also_after_a_restart() {
    let house = House::new().await;
    lets_file(&house, 5, 1, None).await;
    let mut runner = FakeRunner::connected(&house, 4).await;
    let (task, run) = at_work(&house, &mut runner).await;
    // Twice in one batch, and once more: a lying run says what it likes.
    let wish = || wanted("a", child("say one"));
    runner.write(run, vec![wish(), wish()]).await;
    let first = decision(&mut runner, run, "a").await.expect("there is room");
    assert_eq!(decision(&mut runner, run, "a").await, Ok(first));
    let house = house.restart().await;
    runner.connect().await;
    runner.write(run, vec![wanted("a", child("say another"))]).await;
    assert_eq!(decision(&mut runner, run, "a").await, Ok(first), "the first word counts");
    assert_eq!(below(&house, task).await.len(), 1);
    house.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wishes_that_make_no_sense_are_refused_in_words() {
    let house = House::new().await;
    lets_file(&house, 5, 1, None).await;
    let mut runner = FakeRunner::connected(&house, 4).await;
    let (task, run) = at_work(&house, &mut runner).await;
    for (token, child, code) in [
        ("long", child(&"x".repeat(NewChild::MAX_PROMPT + 1)), Code::TooLarge),
        ("nul", child("a\0b"), Code::Invalid),
        ("agent", NewChild { agent: Some("nobody".into()), ..child("say") }, Code::Invalid),
        ("model", NewChild { model: Some("-x y".into()), ..child("say") }, Code::Invalid),
    ] {
        runner.write(run, vec![wanted(token, child)]).await;
        assert_eq!(decision(&mut runner, run, token).await, Err(code), "{token}");
    }
    assert!(below(&house, task).await.is_empty());
    house.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_children_share_what_they_may_spend() {
    let house = House::new().await;
    let dollar = 1_000_000;
    lets_file(&house, 4, 1, Some(2 * dollar)).await;
    let mut runner = FakeRunner::connected(&house, 4).await;
    let (_, run) = at_work(&house, &mut runner).await;
    let half = || NewChild { budget_micros: Some(dollar), ..child("say") };
    runner.write(run, vec![wanted("a", half()), wanted("b", half())]).await;
    let first = decision(&mut runner, run, "a").await.expect("there is money");
    decision(&mut runner, run, "b").await.expect("there is money");
    assert_eq!(house.show(first).await.task.limits.budget_micros, Some(dollar));
    runner.write(run, vec![wanted("c", half())]).await;
    assert_eq!(decision(&mut runner, run, "c").await, Err(Code::LimitReached));

    let spec = loop {
        let spec = runner.take().await;
        if spec.task == first {
            break spec;
        }
    };
    let usage = Usage { cost_micros: Some(0), ..Usage::default() };
    let ended = Event::TurnEnded {
        turn: 1,
        end: pilot_proto::event::TurnEnd::Completed,
        usage,
        denials: 0,
        summary: "cheap".to_owned(),
        problem: None,
    };
    runner.write(spec.run, vec![ended, Event::Finished(Outcome::NoChange)]).await;
    let over = standing(&mut runner, run, "no_change").await;
    assert_eq!(over.summary, "cheap");
    runner.write(run, vec![wanted("d", half())]).await;
    assert!(decision(&mut runner, run, "d").await.is_ok(), "what it left comes back");
    house.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tree_is_stopped_with_its_root_unless_it_is_to_go_on() {
    let house = House::new().await;
    lets_file(&house, 5, 1, None).await;
    let mut runner = FakeRunner::connected(&house, 1).await;
    let (task, run) = at_work(&house, &mut runner).await;
    runner.write(run, vec![wanted("a", child("say one"))]).await;
    let first = decision(&mut runner, run, "a").await.expect("there is room");
    house.call::<TaskStop>(Stop { task, keep_children: None }).await;
    house.until(first, "cancelled").await;
    runner.write(run, vec![Event::Finished(Outcome::Cancelled)]).await;

    let (task, run) = at_work(&house, &mut runner).await;
    runner.write(run, vec![wanted("a", child("say one"))]).await;
    let first = decision(&mut runner, run, "a").await.expect("there is room");
    house.call::<TaskStop>(Stop { task, keep_children: Some(true) }).await;
    assert_eq!(house.show(first).await.task.state.name(), "queued");
    house.hub.stop().await;
}
