//! Tasks below tasks: what runs wish for, and what they are told.

use crate::task::{Desk, filed, run};
use pilot_lifecycle::{TaskEffect, TaskEvent};
use pilot_proto::event::Event;
use pilot_proto::run::Outcome;
use pilot_proto::runner::Act;
use pilot_proto::task::{ChildSeen, NewChild, Task, TaskState};
use pilot_proto::{Code, Problem, TaskId};
use uuid::Uuid;

fn child() -> NewChild {
    NewChild {
        prompt: "write the tests".into(),
        title: None,
        agent: None,
        model: None,
        budget_micros: None,
    }
}

fn wanted(token: &str) -> Event {
    Event::ChildWanted { token: token.into(), child: child() }
}

fn id() -> TaskId {
    TaskId(Uuid::from_u128(7))
}

fn acts(effects: &[TaskEffect]) -> Vec<&Act> {
    let mut acts = Vec::new();
    for effect in effects {
        if let TaskEffect::Order { act, .. } = effect {
            acts.push(act);
        }
    }
    acts
}

#[test]
fn a_wish_is_looked_at_once_and_answered_as_often_as_it_comes() {
    let mut desk = Desk::at_work(true);
    let effects = desk.hear(&wanted("a"));
    let filed = TaskEffect::FileChild { run: run(1), token: "a".into(), child: child() };
    assert_eq!(effects, [filed]);
    let decided = TaskEvent::ChildDecided { run: run(1), token: "a".into(), decided: Ok(id()) };
    let answer = Act::Child { token: "a".into(), task: Some(id()), problem: None };
    assert_eq!(acts(&desk.tell(decided)), [&answer]);
    assert_eq!(acts(&desk.hear(&wanted("a"))), [&answer], "replayed, it is not filed again");

    let problem = Problem::new(Code::LimitReached, "enough");
    desk.hear(&wanted("b"));
    let refused = Err(problem.clone());
    let refused = TaskEvent::ChildDecided { run: run(1), token: "b".into(), decided: refused };
    let answer = Act::Child { token: "b".into(), task: None, problem: Some(problem) };
    assert_eq!(acts(&desk.tell(refused)), [&answer]);
    assert_eq!(acts(&desk.hear(&wanted("b"))), [&answer], "a refusal stays one");
}

#[test]
fn a_run_that_has_lost_its_right_wishes_for_nothing() {
    let mut desk = Desk::at_work(true);
    desk.tell(TaskEvent::LeaseExpired { run: run(1) });
    assert_eq!(desk.hear(&wanted("a")), []);
    desk.lease();
    let late = TaskEvent::Journal { run: run(1), event: &wanted("a") };
    assert_eq!(desk.tell(late), [], "nor does it once another run has the task");
}

#[test]
fn a_run_is_told_how_the_children_stand_and_the_next_one_again() {
    let mut desk = Desk::at_work(true);
    let mut small = Desk::of(Task { id: id(), parent: Some(filed().id), ..filed() }, true);
    let seen = |desk: &Desk| desk.machine.as_child().expect("it has a parent");
    let is = |child: &ChildSeen| Act::ChildIs { child: Box::new(child.clone()) };

    let queued = seen(&small);
    assert_eq!((queued.state.as_str(), queued.over), ("queued", false));
    let told = desk.tell(TaskEvent::ChildIs { child: queued.clone() });
    assert_eq!(acts(&told), [&is(&queued)]);
    assert_eq!(desk.tell(TaskEvent::ChildIs { child: queued }), [], "nothing is new");

    small.lease();
    small.finish(Outcome::NoChange);
    let over = seen(&small);
    assert_eq!((over.state.as_str(), over.over), ("no_change", true));
    desk.tell(TaskEvent::ChildIs { child: over.clone() });

    desk.finish(Outcome::Cancelled);
    desk.tell(TaskEvent::AgainWanted);
    let fence = desk.machine.task().fence + 1;
    let runner = crate::task::runner();
    let leased = desk.tell(TaskEvent::Leased { run: run(2), runner, fence });
    assert_eq!(acts(&leased), [&is(&over)]);
    assert!(desk.machine.as_child().is_none(), "a person filed the parent");
    assert!(matches!(small.machine.task().state, TaskState::NoChange));
}
