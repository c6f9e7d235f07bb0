//! Questions, follow-ups and orders.

use crate::world::{World, failure, outcome, touch};
use pilot_proto::event::TurnEnd;
use pilot_proto::inbox::{Answer, Ask, Decider};
use pilot_proto::run::Outcome;
use pilot_proto::runner::{Act, Verdict};
use pilot_proto::{Code, Event, InboxId, Mode, OnTimeout, RunId};
use std::collections::BTreeMap;

async fn asked(world: &World, run: RunId) -> (InboxId, Ask) {
    world
        .hub
        .event(run, "an ask", |event| match event {
            Event::Asked { item, ask, .. } => Some((*item, ask.clone())),
            _ => None,
        })
        .await
}

fn answer(item: InboxId, answer: Answer) -> Act {
    Act::Answer { item, answer, who: "ann".to_owned() }
}

fn decided(events: &[Event]) -> Vec<Decider> {
    let decisions = events.iter().filter_map(|event| match event {
        Event::Decided { decider, .. } => Some(decider.clone()),
        _ => None,
    });
    decisions.collect()
}

#[tokio::test]
async fn a_persons_answers_reach_the_agent() {
    let world = World::new().await;
    let _daemon = world.daemon().await;
    let mut spec = world.spec("ask Which colour? | red | blue\nwrite colour.txt ${answer}");
    spec.mode = Mode::Ask;
    world.hub.assign(&spec);
    let (item, ask) = asked(&world, spec.run).await;
    assert!(matches!(&ask, Ask::Question { questions } if questions[0].options.len() == 2));
    let answers = BTreeMap::from([("Which colour?".to_owned(), "blue".to_owned())]);
    world.hub.order(spec.run, answer(item, Answer::Choose { answers }));
    let events = world.hub.finished(spec.run).await;
    assert!(matches!(outcome(&events), Outcome::Pushed { .. }), "{events:#?}");
    assert_eq!(world.repo.read("pilot/work", "colour.txt").as_deref(), Some(&b"blue\n"[..]));
    assert_eq!(decided(&events), [Decider::Person { name: "ann".to_owned() }]);
}

#[tokio::test]
async fn what_a_person_refuses_is_not_done_and_not_called_success() {
    let world = World::new().await;
    let _daemon = world.daemon().await;
    let mut spec = world.spec("permit Bash echo forbidden > forbidden.txt");
    spec.mode = Mode::Ask;
    world.hub.assign(&spec);
    let (item, _) = asked(&world, spec.run).await;
    let deny = Answer::Deny { reason: "no".to_owned() };
    world.hub.order(spec.run, answer(item, deny));
    let events = world.hub.finished(spec.run).await;
    assert_eq!(failure(&events).code, Code::Denied);
}

#[tokio::test]
async fn a_question_that_nobody_answers_is_decided_as_the_task_says() {
    let world = World::new().await;
    let _daemon = world.daemon().await;
    let run = async |on_timeout| {
        let mut spec = world.spec("permit Bash echo x > x.txt\nwrite y.txt y");
        (spec.mode, spec.on_timeout) = (Mode::Ask, on_timeout);
        spec.limits.answer_secs = 1;
        spec.branch = format!("pilot/{on_timeout:?}");
        world.hub.assign(&spec);
        (world.hub.finished(spec.run).await, spec.branch)
    };
    let (events, branch) = run(OnTimeout::Proceed).await;
    assert!(matches!(outcome(&events), Outcome::Pushed { .. }), "{events:#?}");
    assert_eq!(decided(&events), [Decider::Timeout]);
    assert!(world.repo.read(&branch, "y.txt").is_some(), "it went on");
    assert!(world.repo.read(&branch, "x.txt").is_none(), "without what nobody allowed");

    let (events, _) = run(OnTimeout::Cancel).await;
    assert_eq!(failure(&events).code, Code::Unanswered);
}

#[tokio::test]
async fn a_follow_up_is_a_second_turn_of_the_same_agent() {
    let world = World::new().await;
    let _daemon = world.daemon().await;
    let gate = world.gate("go");
    let spec = world.spec(&format!("write one.txt 1\nwait-file {}", gate.display()));
    world.hub.assign(&spec);
    world
        .hub
        .event(spec.run, "the first turn", |event| {
            matches!(event, Event::TurnStarted { .. }).then_some(())
        })
        .await;
    let text = "write two.txt 2".to_owned();
    let order = world.hub.order(spec.run, Act::Say { text });
    // Said again, as after a lost connection: it must not be done twice.
    world.hub.cut();
    // Orders are heard one after the other: when this one is refused, the word
    // has reached the agent's run.
    let stale = world.hub.order(spec.run, Act::PermitPush { fence: spec.fence - 1 });
    world
        .hub
        .event(spec.run, "the order after it", |event| {
            matches!(event, Event::OrderDone { order, .. } if *order == stale).then_some(())
        })
        .await;
    touch(&gate);
    let events = world.hub.finished(spec.run).await;
    let done =
        |event: &&Event| matches!(event, Event::OrderDone { order: other, .. } if *other == order);
    assert_eq!(events.iter().filter(done).count(), 1, "an order is done once");
    let turns = events.iter().filter(|event| matches!(event, Event::TurnStarted { .. })).count();
    assert_eq!(turns, 2);
    let files = world.repo.files("pilot/work");
    assert!(files.contains_key("one.txt") && files.contains_key("two.txt"), "{files:?}");
}

#[tokio::test]
async fn an_interrupted_agent_waits_to_be_told_how_to_go_on() {
    let world = World::new().await;
    let _daemon = world.daemon().await;
    let never = world.gate("never");
    let spec = world.spec(&format!("write one.txt 1\nwait-file {}", never.display()));
    world.hub.assign(&spec);
    world
        .hub
        .event(spec.run, "a tool's end", |event| {
            matches!(event, Event::ToolEnded { .. }).then_some(())
        })
        .await;
    world.hub.order(spec.run, Act::Interrupt);
    let (item, ask) = asked(&world, spec.run).await;
    assert_eq!(ask, Ask::Interrupted);
    let say = Answer::Say { text: "write two.txt 2".to_owned() };
    world.hub.order(spec.run, answer(item, say));
    let events = world.hub.finished(spec.run).await;
    let ends: Vec<TurnEnd> = events
        .iter()
        .filter_map(|event| match event {
            Event::TurnEnded { end, .. } => Some(*end),
            _ => None,
        })
        .collect();
    assert_eq!(ends, [TurnEnd::Interrupted, TurnEnd::Completed]);
    assert!(world.repo.read("pilot/work", "two.txt").is_some());
}

#[tokio::test]
async fn a_run_that_is_stopped_or_fenced_keeps_its_work_and_publishes_nothing() {
    let world = World::new().await;
    let _daemon = world.daemon().await;
    let never = world.gate("never");
    for fenced in [false, true] {
        let spec = world.spec(&format!("write kept.txt kept\nwait-file {}", never.display()));
        world.hub.assign(&spec);
        world
            .hub
            .event(spec.run, "a tool's end", |event| {
                matches!(event, Event::ToolEnded { .. }).then_some(())
            })
            .await;
        if fenced {
            world.hub.verdict(spec.run, Verdict::Fenced);
        } else {
            world.hub.order(spec.run, Act::Stop);
        }
        let events = world.hub.finished(spec.run).await;
        let expected = if fenced { Outcome::Fenced } else { Outcome::Cancelled };
        assert_eq!(outcome(&events), expected);
        assert!(
            events.iter().any(|event| matches!(event, Event::Rescued { .. })),
            "work is rescued before it is wiped: {events:#?}"
        );
        assert_eq!(world.repo.branches(), ["main"]);
        world.assert_clean(spec.run).await;
    }
}
