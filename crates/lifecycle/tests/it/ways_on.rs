//! Where a task begins again, and from which commit.

use crate::task::{Desk, failed, filed, refused, run};
use pilot_lifecycle::{RetryAt, TaskEffect, TaskEvent};
use pilot_proto::event::Event;
use pilot_proto::review::ReviewFinding;
use pilot_proto::run::{Checkpoint, Outcome, Phase, Session, Usage};
use pilot_proto::runner::Act;
use pilot_proto::task::{ReviewPass, Task};
use pilot_proto::{Code, GroupId, Problem, TaskState};
use uuid::Uuid;

fn session() -> Session {
    Session {
        id: "s".into(),
        file: Some("0123456789012345678901234567890123456789".parse().expect("40 digits")),
    }
}

fn checkpoint(turn: u32) -> Checkpoint {
    let bundle = "1123456789012345678901234567890123456789".parse().ok().filter(|_| turn > 0);
    let session = (turn > 0).then(session);
    Checkpoint { turn, base: "fork".into(), bundle, size: 1, session, left_out: String::new() }
}

fn retry(turn: u32) -> TaskEvent<'static> {
    let from = RetryAt { kept: checkpoint(turn), attempt: 1, prompt: "rather this".into() };
    TaskEvent::RetryWanted { from }
}

#[test]
fn a_retry_begins_with_the_tree_the_session_and_the_words_it_was_given() {
    let mut desk = Desk::at_work(false);
    desk.finish(failed(Code::AgentFailed));
    assert_eq!(desk.tell(retry(1)), [TaskEffect::Enqueue]);
    let resume = desk.machine.resume().expect("it goes on from something");
    assert_eq!(
        (resume.session.clone(), resume.bundle.clone()),
        (Some(session()), checkpoint(1).bundle)
    );
    assert_eq!((desk.machine.at(), desk.machine.prompt().as_str()), (Some("fork"), "rather this"));
    desk.lease();
    desk.finish(Outcome::Fenced);
    assert_eq!(desk.machine.at(), Some("fork"), "the next one begins there as well");
    desk.lease();
    desk.finish(Outcome::NoChange);

    assert_eq!(desk.tell(retry(0)), [TaskEffect::Enqueue]);
    assert_eq!((desk.machine.resume(), desk.machine.at()), (None, Some("fork")), "the beginning");
    desk.lease();
    desk.finish(Outcome::NoChange);
    assert_eq!(desk.tell(TaskEvent::AgainWanted), [TaskEffect::Enqueue]);
    assert_eq!((desk.machine.at(), desk.machine.prompt().as_str()), (None, "do it"), "all anew");
}

#[test]
fn another_agent_is_not_given_the_first_ones_session_but_the_task() {
    let mut desk = Desk::at_work(false);
    desk.finish(failed(Code::AgentFailed));
    let to = pilot_lifecycle::Assignment { agent: Some("codex".into()), ..Default::default() };
    desk.tell(TaskEvent::ReassignWanted { to });
    desk.lease();
    desk.finish(Outcome::NoChange);
    desk.tell(retry(1));
    let resume = desk.machine.resume().expect("the tree");
    assert_eq!(resume.session, None);
    assert_eq!(desk.machine.prompt(), "do it\n\nrather this");
}

#[test]
fn a_run_at_work_is_ended_for_a_retry_and_what_is_published_is_not_taken_back() {
    let mut desk = Desk::at_work(true);
    let stop = TaskEffect::Order { run: run(1), act: Act::Stop };
    assert_eq!(desk.tell(retry(1)), [stop]);
    assert!(desk.machine.task().reason.contains("earlier turn"), "{:?}", desk.machine.task());
    desk.finish(Outcome::Cancelled);
    assert_eq!(desk.state(), &TaskState::Queued);
    assert_eq!(desk.machine.at(), Some("fork"));
    assert!(refused(&desk.tell(retry(1))), "it waits for a runner");

    let mut desk = Desk::in_review();
    let pushed = desk.machine.task().pushed.clone();
    assert_eq!(desk.tell(retry(1)), [TaskEffect::Enqueue]);
    assert_eq!(desk.machine.task().pushed, pushed, "the next push replaces that and nothing else");
    assert!(desk.machine.task().pull_request.is_some());

    let mut desk = Desk::at_work(true);
    desk.push();
    assert!(refused(&desk.tell(retry(1))), "it is being published");
}

#[test]
fn a_group_begins_from_the_commit_that_its_first_run_tells() {
    let group = Some(GroupId(Uuid::from_u128(9)));
    let mut first = Desk::of(Task { group, ..filed() }, false);
    let mut second = Desk::of(Task { group, ..filed() }, false);
    let bound = |desk: &Desk| desk.machine.bound_by().and_then(|batch| batch.at_most);
    assert_eq!((bound(&first), bound(&second)), (Some(1), Some(1)), "one of them goes first");
    first.lease();
    first.phase(Phase::Cloning);
    first.hear(&Event::Checkpoint(checkpoint(0)));
    assert_eq!((first.machine.pinned(), bound(&first)), (Some("fork"), None));
    let known = TaskEvent::BaseKnown { commit: "fork".into() };
    assert_eq!(second.tell(known), [TaskEffect::Enqueue], "now it may go");
    assert_eq!((second.machine.at(), bound(&second)), (Some("fork"), None));
    let other = TaskEvent::BaseKnown { commit: "later".into() };
    assert_eq!(second.tell(other), [], "it is pinned");
    assert_eq!(second.machine.at(), Some("fork"));

    let mut alone = Desk::new(false);
    alone.lease();
    alone.hear(&Event::Checkpoint(checkpoint(0)));
    assert_eq!(alone.machine.task().base_commit.as_deref(), Some("fork"), "it is shown");
    assert_eq!((alone.machine.at(), bound(&alone)), (None, None), "and binds nobody");
}

#[test]
fn what_a_review_leaves_open_is_a_reservation() {
    let review = Some(ReviewPass { agent: "codex".into(), model: None, rounds: 2 });
    let reviewed = |round, findings: usize, problem: Option<&str>| Event::Reviewed {
        round,
        agent: "codex".into(),
        findings: vec![
            ReviewFinding {
                path: "a".into(),
                first_line: None,
                last_line: None,
                severity: Default::default(),
                text: "x".into(),
            };
            findings
        ],
        problem: problem.map(|text| Problem::new(Code::AgentFailed, text)),
        usage: Usage::default(),
    };
    for (event, expected) in [
        (reviewed(1, 2, None), None),
        (reviewed(2, 0, None), None),
        (reviewed(2, 2, None), Some("2 things")),
        (reviewed(1, 0, Some("It is not there.")), Some("came to nothing: It is not there.")),
    ] {
        let mut desk = Desk::of(Task { review: review.clone(), ..filed() }, false);
        desk.lease();
        desk.phase(Phase::Reviewing);
        desk.hear(&event);
        let reservations = &desk.machine.task().reservations;
        let said = reservations.first().map(String::as_str);
        match expected {
            Some(text) => assert!(said.is_some_and(|said| said.contains(text)), "{said:?}"),
            None => assert_eq!(said, None, "{event:?}"),
        }
    }
}
