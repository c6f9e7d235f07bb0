//! What is said about a pull request, and what becomes of it.

use crate::task::{Desk, failed, pull_request, pushed};
use pilot_lifecycle::{TaskEffect, TaskEvent};
use pilot_proto::inbox::{Answer, Ask, InboxItem};
use pilot_proto::pull_request::{FeedbackMode, FeedbackPolicy, FollowUp, FollowUpKind, HeldRun};
use pilot_proto::run::Outcome;
use pilot_proto::{Code, Event, InboxId, TaskState};
use uuid::Uuid;

fn said(id: &str) -> FollowUp {
    FollowUp {
        id: id.into(),
        kind: FollowUpKind::Comment,
        from: "alice".into(),
        summary: format!("alice: {id}"),
        text: format!("alice says {id}"),
        url: String::new(),
    }
}

fn came(mode: FeedbackMode, turns: u32, item: u128, ids: &[&str]) -> TaskEvent<'static> {
    TaskEvent::FeedbackCame {
        item: InboxId(Uuid::from_u128(item)),
        policy: FeedbackPolicy { mode, turns, from: Vec::new() },
        said: ids.iter().map(|id| said(id)).collect(),
    }
}

fn item(effects: &[TaskEffect]) -> InboxItem {
    match effects {
        [TaskEffect::InboxPut(item)] => item.clone(),
        other => panic!("one item: {other:?}"),
    }
}

/// The run that a word began; its agent has heard it.
fn begin(desk: &mut Desk) {
    desk.lease();
    desk.hear(&Event::TurnStarted { turn: 1, prompt: String::new() });
}

/// The run that a word began publishes.
fn run_and_push(desk: &mut Desk) -> Vec<TaskEffect> {
    begin(desk);
    desk.push()
}

fn answers(effects: &[TaskEffect]) -> Vec<String> {
    let of = |effect: &TaskEffect| match effect {
        TaskEffect::OpenPullRequest { answers, .. } => Some(answers.clone()),
        _ => None,
    };
    effects.iter().find_map(of).unwrap_or_else(|| panic!("it is published: {effects:?}"))
}

#[test]
fn what_is_said_begins_a_turn_once_and_is_answered_by_what_that_publishes() {
    let mut desk = Desk::in_review();
    let effects = desk.tell(came(FeedbackMode::Automatic, 3, 1, &["line-1", "line-2"]));
    assert_eq!(effects, [TaskEffect::Enqueue]);
    assert!(desk.machine.prompt().contains("alice says line-1\n\nalice says line-2"));
    // Seen again while the run is at work, and after it.
    desk.tell(came(FeedbackMode::Automatic, 3, 2, &["line-1"]));
    assert_eq!(answers(&run_and_push(&mut desk)), ["line-1", "line-2"]);
    desk.tell(TaskEvent::PullRequestOpen { pull_request: pull_request() });
    assert_eq!(desk.tell(came(FeedbackMode::Automatic, 3, 3, &["line-1", "line-2"])), []);
    desk.say("and this");
    assert_eq!(answers(&run_and_push(&mut desk)), Vec::<String>::new(), "they were answered");
}

#[test]
fn what_is_said_while_a_run_is_at_work_is_heard_after_it() {
    let mut desk = Desk::in_review();
    desk.say("do more");
    begin(&mut desk);
    assert_eq!(desk.tell(came(FeedbackMode::Automatic, 3, 1, &["a"])), []);
    desk.push();
    desk.tell(TaskEvent::PullRequestOpen { pull_request: pull_request() });
    assert_eq!(desk.tell(came(FeedbackMode::Automatic, 3, 1, &["a"])), [TaskEffect::Enqueue]);
}

#[test]
fn a_person_is_asked_once_about_all_of_it_and_can_add_a_word() {
    let mut desk = Desk::in_review();
    let first = item(&desk.tell(came(FeedbackMode::Ask, 3, 1, &["a"])));
    let second = item(&desk.tell(came(FeedbackMode::Ask, 3, 2, &["a", "b"])));
    assert_eq!(first.id, second.id, "one item");
    let Ask::Feedback { follow_ups, .. } = &second.ask else { panic!("{second:?}") };
    assert_eq!(follow_ups.len(), 2);
    assert!(matches!(desk.state(), TaskState::InReview { .. }));
    let answer = Answer::Say { text: "b is right".into() };
    let effects = desk.tell(TaskEvent::Answer { item: first.id, answer, who: "bob".into() });
    assert!(matches!(&effects[..], [TaskEffect::InboxPut(item), TaskEffect::Enqueue]
        if item.answered.is_some()));
    let prompt = desk.machine.prompt();
    assert!(prompt.contains("b is right\n\nalice says a\n\nalice says b"), "{prompt}");
}

#[test]
fn what_a_person_refuses_is_not_asked_again() {
    let mut desk = Desk::in_review();
    let asked = item(&desk.tell(came(FeedbackMode::Ask, 3, 1, &["a"])));
    let answer = Answer::Deny { reason: String::new() };
    desk.tell(TaskEvent::Answer { item: asked.id, answer, who: "bob".into() });
    assert_eq!(desk.tell(came(FeedbackMode::Ask, 3, 2, &["a"])), []);
    assert!(matches!(desk.state(), TaskState::InReview { .. }));
}

#[test]
fn the_cap_is_reached_and_a_persons_word_lifts_it() {
    let mut desk = Desk::in_review();
    for turn in 0..2 {
        let id = format!("checks-{turn}");
        assert_eq!(
            desk.tell(came(FeedbackMode::Automatic, 2, 1, &[&id])),
            [TaskEffect::Enqueue],
            "turn {turn} begins by itself"
        );
        run_and_push(&mut desk);
        desk.tell(TaskEvent::PullRequestOpen { pull_request: pull_request() });
    }
    let asked = item(&desk.tell(came(FeedbackMode::Automatic, 2, 7, &["checks-3"])));
    let Ask::Feedback { because, .. } = &asked.ask else { panic!("{asked:?}") };
    assert!(because.contains("as many turns"), "{because}");
    let answer = Answer::ALLOW;
    desk.tell(TaskEvent::Answer { item: asked.id, answer, who: "bob".into() });
    run_and_push(&mut desk);
    desk.tell(TaskEvent::PullRequestOpen { pull_request: pull_request() });
    let effects = desk.tell(came(FeedbackMode::Automatic, 2, 8, &["checks-4"]));
    assert_eq!(effects, [TaskEffect::Enqueue], "it counts from a person's word");
}

#[test]
fn a_turn_that_changes_nothing_still_answers() {
    let mut desk = Desk::in_review();
    desk.tell(came(FeedbackMode::Automatic, 3, 1, &["a"]));
    begin(&mut desk);
    let effects = desk.finish(Outcome::NoChange);
    assert_eq!(answers(&effects), ["a"]);
    assert_eq!(desk.state(), &TaskState::Publishing, "so that it outlives a hub");
    desk.tell(TaskEvent::PullRequestOpen { pull_request: pull_request() });
    assert!(matches!(desk.state(), TaskState::InReview { .. }));
}

#[test]
fn held_runs_are_asked_about_once_for_each_commit_and_let_go_by_a_word() {
    let mut desk = Desk::in_review();
    let held = |item: u128, head: &str, names: &[&str]| TaskEvent::CiHeld {
        item: InboxId(Uuid::from_u128(item)),
        head: head.into(),
        held: names.iter().map(|name| HeldRun { name: (*name).into(), page: None }).collect(),
        by_hand: false,
    };
    let asked = item(&desk.tell(held(1, "new", &["build"])));
    assert_eq!(desk.tell(held(2, "new", &["build"])), [], "it is asked already");
    let event = |id| TaskEvent::Answer { item: id, answer: Answer::ALLOW, who: "bob".into() };
    let effects = desk.tell(event(asked.id));
    assert_eq!(effects[1..], [TaskEffect::ReleaseCi { head: "new".into() }]);
    assert_eq!(desk.tell(held(3, "new", &["build"])), [], "it may take a moment");
    desk.tell(TaskEvent::CiStillHeld);
    let again = item(&desk.tell(held(4, "new", &["build"])));
    // Let go on its page, by somebody else.
    assert_eq!(desk.tell(held(5, "new", &[])), [TaskEffect::InboxGone { item: again.id }]);
    let other = item(&desk.tell(held(6, "newer", &["build"])));
    assert_eq!(desk.tell(TaskEvent::PullRequestMerged), [TaskEffect::InboxGone { item: other.id }]);
}

#[test]
fn a_publication_that_failed_is_tried_once_more_without_another_run() {
    let mut desk = Desk::at_work(true);
    desk.push();
    let problem = pilot_proto::Problem::new(Code::ForgeRefused, "no");
    desk.tell(TaskEvent::PublishFailed { problem });
    let effects = desk.tell(TaskEvent::PublishWanted);
    assert_eq!(answers(&effects), Vec::<String>::new());
    assert_eq!(desk.state(), &TaskState::Publishing);
    assert_eq!(desk.machine.task().attempts, 1);

    let mut desk = Desk::at_work(true);
    desk.finish(failed(Code::AgentFailed));
    let effects = desk.tell(TaskEvent::PublishWanted);
    assert!(matches!(&effects[..], [TaskEffect::Refused(_)]), "nothing is pushed: {effects:?}");
}

#[test]
fn nothing_is_heard_of_a_task_that_a_person_stopped() {
    let mut desk = Desk::in_review();
    desk.tell(TaskEvent::StopWanted);
    assert_eq!(desk.tell(came(FeedbackMode::Automatic, 3, 1, &["a"])), []);
    assert_eq!(desk.hear(&Event::Finished(pushed())).len(), 1);
}

fn conflict(id: &str) -> TaskEvent<'static> {
    let one = FollowUp { kind: FollowUpKind::Conflict, ..said(id) };
    let policy = FeedbackPolicy { mode: FeedbackMode::Automatic, turns: 3, from: Vec::new() };
    let item = InboxId(Uuid::from_u128(1));
    TaskEvent::FeedbackCame { item, policy, said: vec![said("a"), one] }
}

#[test]
fn a_conflict_is_first_tried_without_an_agent_and_what_else_is_said_waits() {
    let mut desk = Desk::in_review();
    assert_eq!(desk.tell(conflict("conflict-1")), [TaskEffect::Enqueue]);
    assert!(desk.machine.rebases());
    let prompt = desk.machine.prompt();
    assert!(prompt.contains("conflict-1") && !prompt.contains("says a"), "{prompt}");
    assert!(desk.machine.resume().is_some(), "it begins at what was pushed");
    desk.lease();
    assert_eq!(answers(&desk.push()), Vec::<String>::new(), "nobody said it");
    desk.tell(TaskEvent::PullRequestOpen { pull_request: pull_request() });
    assert_eq!(desk.tell(came(FeedbackMode::Automatic, 3, 2, &["a"])), [TaskEffect::Enqueue]);
    assert!(!desk.machine.rebases(), "this is a turn");
    assert!(desk.machine.prompt().contains("alice says a"));
}

#[test]
fn a_conflict_that_cannot_be_put_right_without_an_agent_is_a_turn_or_a_question() {
    for mode in [FeedbackMode::Automatic, FeedbackMode::Ask] {
        let mut desk = Desk::in_review();
        desk.tell(conflict("conflict-1"));
        desk.lease();
        desk.finish(Outcome::NoChange);
        assert!(matches!(desk.state(), TaskState::InReview { .. }), "{:?}", desk.state());
        let TaskEvent::FeedbackCame { item, said, .. } = conflict("conflict-1") else { return };
        let policy = FeedbackPolicy { mode, turns: 3, from: Vec::new() };
        let effects = desk.tell(TaskEvent::FeedbackCame { item, policy, said });
        match mode {
            FeedbackMode::Ask => assert!(matches!(&effects[..], [TaskEffect::InboxPut(_)])),
            FeedbackMode::Automatic | FeedbackMode::Off => {
                assert_eq!(effects, [TaskEffect::Enqueue]);
                assert!(!desk.machine.rebases());
            }
        }
        // Another move of the base is another conflict.
        if mode == FeedbackMode::Ask {
            assert_eq!(desk.tell(conflict("conflict-2")), [TaskEffect::Enqueue]);
            assert!(desk.machine.rebases());
        }
    }
}

#[test]
fn what_a_person_says_meanwhile_begins_the_next_run() {
    let mut desk = Desk::in_review();
    desk.tell(conflict("conflict-1"));
    desk.say("and hurry");
    desk.lease();
    assert!(!desk.machine.prompt().contains("hurry"), "there is no agent to hear it");
    desk.push();
    let effects = desk.tell(TaskEvent::PullRequestOpen { pull_request: pull_request() });
    assert_eq!(effects, [TaskEffect::Enqueue]);
    assert!(desk.machine.prompt().contains("and hurry"));
}
