//! Rules for what agents may do, and what is said to them, in the hub.

use crate::access::of_house;
use crate::house::House;
use crate::runner::FakeRunner;
use pilot_proto::console::{
    AddRules, AnswerItem, InboxAnswer, Nothing, OneTask, ProjectAdd, ProjectList, ProjectRules,
    Say, TaskKill, TaskSay, TaskUnsay, Unsay,
};
use pilot_proto::event::Event;
use pilot_proto::inbox::{Answer, Ask};
use pilot_proto::permission::{PermissionDecision, PermissionPolicy, PermissionRule};
use pilot_proto::runner::Act;
use pilot_proto::task::OnTimeout;
use pilot_proto::{Code, InboxId, OrderId, Project, RunId};
use std::collections::BTreeSet;
use uuid::Uuid;

fn asks_for(item: InboxId, line: &str) -> Event {
    let ask = Ask::Permission {
        tool: "Bash".to_owned(),
        input: serde_json::json!({ "command": line }),
        summary: line.to_owned(),
        commands: vec![line.to_owned()],
        paths: Vec::new(),
    };
    Event::Asked { item, ask, deadline: None, on_timeout: OnTimeout::Proceed }
}

fn rule(decision: PermissionDecision, pattern: &str) -> PermissionRule {
    PermissionRule { decision, tool: None, command: Some(pattern.to_owned()), path: None }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_permission_that_is_decided_for_the_project_is_decided_for_all_its_runs() {
    let house = House::new().await;
    let asked = vec![rule(PermissionDecision::Ask, "rm *")];
    let permissions = PermissionPolicy { rules: asked.clone() };
    house.call::<ProjectAdd>(Project { permissions, ..of_house(&house) }).await;
    let mut runner = FakeRunner::connected(&house, 2).await;
    let task = house.file("one").await.id;
    let spec = runner.take().await;
    assert_eq!(spec.permissions.rules, asked, "the run knows the rules");
    let run = spec.run;
    runner.begin(run).await;
    house.file("two").await;
    let other = runner.take().await.run;
    runner.begin(other).await;
    let [first, second, third] = [1, 2, 3].map(|number| InboxId(Uuid::from_u128(number)));
    let asks =
        vec![asks_for(first, "make all"), asks_for(second, "rm x"), asks_for(third, "git push")];
    let end = runner.write(run, asks).await;
    runner.acked(run, end).await;
    house.until(task, "needs_you").await;
    let allow = |item, rule| AnswerItem {
        item,
        answer: Answer::Allow { input: None, for_run: false, for_project: true, rule },
    };
    let beside = Some(rule(PermissionDecision::Allow, "cargo *"));
    let problem = house.refused::<InboxAnswer>(allow(first, beside)).await;
    assert_eq!(problem.code, Code::Invalid, "it does not cover what is asked: {problem:?}");
    let problem = house.refused::<InboxAnswer>(allow(second, None)).await;
    assert_eq!(problem.code, Code::Precondition, "another rule still asks: {problem:?}");

    let make = rule(PermissionDecision::Allow, "make *");
    house.call::<InboxAnswer>(allow(first, Some(make.clone()))).await;
    let (_, act) = runner.order(run).await;
    assert!(matches!(act, Act::Answer { .. }), "whoever asked is answered: {act:?}");
    let (_, act) = runner.order(other).await;
    assert_eq!(act, Act::Rules { rules: vec![make.clone()] }, "the others are told");
    let never = Answer::Never { reason: "not from here".to_owned(), rule: None };
    house.call::<InboxAnswer>(AnswerItem { item: third, answer: never }).await;
    let project = house.call::<ProjectList>(Nothing {}).await.remove(0);
    let exactly = PermissionRule {
        tool: Some("Bash".to_owned()),
        ..rule(PermissionDecision::Never, "git push")
    };
    assert_eq!(project.permissions.rules, [asked[0].clone(), make, exactly]);

    let wrong = AddRules {
        name: project.name.clone(),
        rules: vec![PermissionRule { command: None, ..rule(PermissionDecision::Allow, "x") }],
    };
    assert_eq!(house.refused::<ProjectRules>(wrong).await.code, Code::Invalid);
    house.hub.stop().await;
}

/// The next order that was not sent before: each is sent until it is done.
async fn new_order(
    runner: &mut FakeRunner,
    run: RunId,
    seen: &mut BTreeSet<OrderId>,
) -> (OrderId, Act) {
    loop {
        let (order, act) = runner.order(run).await;
        if seen.insert(order) {
            return (order, act);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_said_waits_visibly_and_can_be_taken_back() {
    let house = House::new().await;
    house.project().await;
    let mut runner = FakeRunner::connected(&house, 1).await;
    let task = house.file("one").await.id;
    let run = runner.take().await.run;
    runner.begin(run).await;
    let say = |text: &str, now| Say { task, text: text.to_owned(), now };
    house.call::<TaskSay>(say("left", true)).await;
    let mut seen = BTreeSet::new();
    let (steered, act) = new_order(&mut runner, run, &mut seen).await;
    assert_eq!(act, Act::Steer { text: "left".to_owned() });
    house.call::<TaskSay>(say("later", false)).await;
    let (said, _) = new_order(&mut runner, run, &mut seen).await;
    let words: Vec<_> =
        house.show(task).await.said.into_iter().map(|one| (one.text, one.now)).collect();
    assert_eq!(words, [("left".to_owned(), true), ("later".to_owned(), false)]);

    let end = runner
        .write(
            run,
            vec![
                Event::Steered { text: "left".to_owned() },
                Event::OrderDone { order: steered, problem: None },
            ],
        )
        .await;
    runner.acked(run, end).await;
    let left = house.show(task).await.said;
    assert_eq!((left.len(), left[0].text.as_str()), (1, "later"), "what was told waits no more");
    let word = left[0].word.clone();
    house.call::<TaskUnsay>(Unsay { task, word: word.clone() }).await;
    let (_, act) = new_order(&mut runner, run, &mut seen).await;
    assert_eq!(act, Act::Unsay { order: said });
    assert_eq!(house.show(task).await.said, [], "it is as good as taken back");
    let unknown = Unsay { task, word: "next-0".to_owned() };
    assert_eq!(house.refused::<TaskUnsay>(unknown).await.code, Code::Precondition);
    house.call::<TaskKill>(OneTask { task }).await;
    let (_, act) = new_order(&mut runner, run, &mut seen).await;
    assert_eq!(act, Act::Kill);
    house.hub.stop().await;
}
