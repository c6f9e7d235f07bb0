//! Work that waits for a look, and tasks that are given to somebody else.

use crate::task::{Desk, asked, blob, failed, filed, item, pull_request, refused, run, runner};
use pilot_lifecycle::{Assignment, TaskEffect, TaskEvent, TaskMachine};
use pilot_proto::event::Event;
use pilot_proto::run::{Outcome, Phase, Session};
use pilot_proto::runner::Act;
use pilot_proto::task::{Checks, ChecksState, PullRequest, TaskState};
use pilot_proto::{Code, RunnerId};
use uuid::Uuid;

fn held() -> Desk {
    let mut desk = Desk::of(pilot_proto::Task { hold: true, ..filed() }, true);
    desk.lease();
    desk.hear(&Event::SessionStarted { session: "s".into(), model: None, version: None });
    desk.phase(Phase::AgentRunning);
    desk
}

/// With its work waiting for a look.
fn ready() -> Desk {
    let mut desk = held();
    desk.phase(Phase::Pushing);
    assert_eq!(desk.want_push(), [], "nobody has let it go");
    assert_eq!(desk.state(), &TaskState::Ready);
    desk
}

fn rescue(desk: &mut Desk) {
    desk.phase(Phase::Cleaning);
    desk.hear(&Event::Rescued { bundle: blob(), size: 1, reference: "r".into() });
}

fn permit(run_number: u128, fence: u64) -> TaskEffect {
    TaskEffect::Order { run: run(run_number), act: Act::PermitPush { fence } }
}

fn stop(run_number: u128) -> TaskEffect {
    TaskEffect::Order { run: run(run_number), act: Act::Stop }
}

fn other() -> RunnerId {
    RunnerId(Uuid::from_u128(7))
}

fn to(
    only_runner: Option<RunnerId>,
    agent: Option<&str>,
    model: Option<&str>,
) -> TaskEvent<'static> {
    let to = Assignment {
        only_runner,
        agent: agent.map(str::to_owned),
        model: model.map(str::to_owned),
    };
    TaskEvent::ReassignWanted { to }
}

#[test]
fn held_work_waits_until_a_person_lets_it_go_and_then_goes_once() {
    let mut desk = ready();
    assert_eq!(desk.machine.task().reason, "waits for a look before it is published");
    desk.tell(TaskEvent::RunnerOffline);
    assert_eq!(desk.machine.task().reason, "runner offline");
    desk.tell(TaskEvent::RunnerOnline);
    assert_eq!(desk.machine.task().reason, "waits for a look before it is published");
    assert_eq!(desk.tell(TaskEvent::PublishWanted), [permit(1, 1)]);
    assert_eq!(desk.tell(TaskEvent::PublishWanted), [], "said twice, done once");
    assert_eq!(desk.state(), &TaskState::Working { phase: Phase::Pushing });
    desk.hear(&Event::Pushed { branch: "pilot/1".into(), commit: "new".into() });
    desk.finish(crate::task::pushed());
    assert_eq!(desk.state(), &TaskState::Publishing);
    assert_eq!(desk.tell(TaskEvent::PublishWanted), [], "it is on its way");
}

#[test]
fn held_work_waits_across_a_restart_of_the_hub() {
    let mut desk = ready();
    let (task, runs) = (desk.machine.task().clone(), desk.machine.runs().to_vec());
    let memory = serde_json::to_string(desk.machine.memory()).expect("it is stored as JSON");
    let memory = serde_json::from_str(&memory).expect("what was stored can be read");
    desk.machine = TaskMachine::restore(task, runs, memory);
    assert_eq!(desk.tell(TaskEvent::Begin), []);
    assert_eq!(desk.state(), &TaskState::Ready);
    assert!(desk.machine.is_current(run(1)), "its runner is told to keep it");
    assert_eq!(desk.tell(TaskEvent::PublishWanted), [permit(1, 1)]);
}

#[test]
fn only_what_is_ready_can_be_published_and_the_refusal_says_where_it_stands() {
    let check = |desk: &mut Desk, standing: &str| {
        let effects = desk.tell(TaskEvent::PublishWanted);
        let [TaskEffect::Refused(problem)] = &effects[..] else { panic!("{effects:?}") };
        assert!(problem.message.contains(standing), "{standing}: {problem}");
    };
    check(&mut Desk::new(true), "it waits for a runner");
    check(&mut held(), "its run is at work");
    let mut desk = held();
    desk.hear(&asked());
    check(&mut desk, "it waits for an answer");
    let mut desk = ready();
    desk.tell(TaskEvent::StopWanted);
    check(&mut desk, "its run is at work");
    desk.finish(Outcome::Cancelled);
    check(&mut desk, "it was stopped");
}

#[test]
fn held_work_that_is_stopped_is_cancelled_and_stays_rescued() {
    let mut desk = ready();
    assert_eq!(desk.tell(TaskEvent::StopWanted), [stop(1)]);
    rescue(&mut desk);
    desk.finish(Outcome::Cancelled);
    assert_eq!(desk.state(), &TaskState::Cancelled);
    assert_eq!(desk.machine.run().and_then(|run| run.rescue.clone()), Some(blob()));
}

#[test]
fn what_is_said_of_held_work_goes_to_a_new_run_with_its_session_and_work() {
    let mut desk = ready();
    assert_eq!(desk.say("mend this"), [stop(1)]);
    assert_eq!(desk.say("and that"), [], "its end is wanted already");
    assert_eq!(desk.tell(TaskEvent::PublishWanted).len(), 1, "it can no longer be published");
    rescue(&mut desk);
    assert_eq!(desk.state(), &TaskState::Working { phase: Phase::Cleaning });
    let effects = desk.finish(Outcome::Cancelled);
    assert_eq!(effects, [TaskEffect::RunOver { run: run(1) }, TaskEffect::Enqueue]);
    let resume = desk.machine.resume().expect("it goes on");
    assert_eq!(resume.session, Some(Session { id: "s".into(), file: None }));
    assert_eq!(resume.bundle, Some(blob()));
    assert_eq!(desk.machine.prompt(), "mend this\n\nand that", "the session knows the task");
    desk.lease();
    desk.phase(Phase::Pushing);
    assert_eq!(desk.want_push(), [], "it is held again");
    assert_eq!(desk.tell(TaskEvent::PublishWanted), [permit(2, 2)]);
}

#[test]
fn an_interrupt_of_held_work_is_refused_because_no_agent_is_there() {
    assert!(refused(&ready().tell(TaskEvent::InterruptWanted)));
}

#[test]
fn held_work_whose_shim_dies_fails_and_can_be_resumed() {
    let mut desk = ready();
    rescue(&mut desk);
    desk.finish(failed(Code::RunLost));
    assert_eq!(desk.state().name(), "failed");
    assert_eq!(desk.tell(TaskEvent::ResumeWanted { text: None }), [TaskEffect::Enqueue]);
    assert_eq!(desk.machine.resume().and_then(|resume| resume.bundle.clone()), Some(blob()));

    let mut desk = ready();
    desk.say("mend this");
    desk.tell(TaskEvent::RunLost { run: run(1) });
    assert_eq!(desk.state().name(), "failed", "there is nothing to go on with");
    assert!(desk.machine.prompt().ends_with("mend this"), "what was said is kept");
}

#[test]
fn held_work_that_lost_its_lease_is_gone_on_with_instead_of_done_again() {
    let mut desk = ready();
    rescue(&mut desk);
    assert!(desk.finish(failed(Code::LeaseLost)).contains(&TaskEffect::Enqueue));
    assert_eq!(desk.machine.resume().and_then(|resume| resume.bundle.clone()), Some(blob()));
}

#[test]
fn a_waiting_task_is_reassigned_at_once() {
    let mut desk = Desk::new(true);
    assert_eq!(desk.tell(to(Some(other()), Some("claude"), Some("large"))), [TaskEffect::Enqueue]);
    let task = desk.machine.task();
    assert_eq!((task.agent.as_str(), task.model.as_deref()), ("claude", Some("large")));
    assert_eq!((task.only_runner, task.state.name()), (Some(other()), "queued"));
    desk.tell(to(None, Some("scripted"), None));
    assert_eq!(desk.machine.task().model, None, "a model is one of its agent");
    assert_eq!(desk.machine.task().only_runner, Some(other()), "what is not named stays");
}

#[test]
fn a_task_at_work_is_given_away_when_its_run_is_over() {
    let mut desk = held();
    assert!(refused(&desk.tell(to(None, Some("scripted"), None))), "it is given so already");
    assert_eq!(desk.tell(to(Some(other()), None, None)), [stop(1)]);
    assert_eq!(desk.tell(to(None, Some("claude"), None)), [], "the last word counts");
    assert_eq!(desk.machine.task().agent, "scripted", "until then it is the old run's");
    assert_eq!(desk.want_push(), [], "its end is wanted");
    desk.say("be quick");
    rescue(&mut desk);
    assert!(desk.finish(Outcome::Cancelled).contains(&TaskEffect::Enqueue));
    let task = desk.machine.task();
    assert_eq!((task.agent.as_str(), task.only_runner), ("claude", Some(other())));
    assert_eq!(desk.machine.resume(), None, "it begins at its base");
    assert_eq!(desk.machine.prompt(), "do it\n\nbe quick");
    assert_eq!(desk.machine.runs()[0].rescue, Some(blob()), "the old work stays rescued");
    desk.lease();
    desk.finish(failed(Code::SetupFailed));
    desk.say("again");
    assert_eq!(desk.machine.resume(), None, "no agent goes on with another's session");
}

#[test]
fn a_task_that_was_reassigned_can_still_be_stopped() {
    let mut desk = held();
    desk.tell(to(Some(other()), None, None));
    assert_eq!(desk.tell(TaskEvent::StopWanted), [], "its end is ordered already");
    assert!(refused(&desk.tell(to(None, Some("claude"), None))), "it is being stopped");
    desk.finish(Outcome::Cancelled);
    assert_eq!(desk.state(), &TaskState::Cancelled);
    assert_eq!(desk.machine.task().only_runner, None);
}

#[test]
fn a_task_is_given_away_also_from_a_runner_that_is_lost() {
    let check = |gone: TaskEvent<'static>| {
        let mut desk = held();
        desk.tell(to(Some(other()), None, None));
        assert!(desk.tell(gone.clone()).contains(&TaskEffect::Enqueue), "{gone:?}");
        assert_eq!(desk.machine.task().only_runner, Some(other()), "{gone:?}");
    };
    check(TaskEvent::RunLost { run: run(1) });
    check(TaskEvent::LeaseExpired { run: run(1) });

    let mut desk = Desk::new(true);
    desk.lease();
    desk.tell(TaskEvent::RunnerOffline);
    let effects = desk.tell(to(Some(other()), None, None));
    assert_eq!(effects, [TaskEffect::Enqueue, TaskEffect::Fence { run: run(1) }]);
    assert_eq!(desk.machine.lease().map(|lease| lease.runner), Some(runner()), "it stays out");
}

#[test]
fn what_is_being_published_or_in_review_is_not_given_away() {
    let mut desk = Desk::at_work(true);
    desk.want_push();
    assert!(refused(&desk.tell(to(Some(other()), None, None))));
    assert!(refused(&Desk::in_review().tell(to(Some(other()), None, None))));
    let mut desk = ready();
    assert_eq!(desk.tell(to(Some(other()), None, None)), [stop(1)], "held work is not published");
}

#[test]
fn a_task_that_has_ended_is_given_away_as_a_new_attempt() {
    let mut desk = held();
    desk.finish(Outcome::NoChange);
    assert_eq!(desk.tell(to(None, Some("claude"), None)), [TaskEffect::Enqueue]);
    assert_eq!(desk.machine.task().agent, "claude");
}

#[test]
fn only_an_ended_task_is_dismissed_and_a_new_run_brings_it_back() {
    let mut desk = held();
    assert!(refused(&desk.tell(TaskEvent::DismissWanted)));
    desk.finish(Outcome::NoChange);
    for _ in 0..2 {
        assert_eq!(desk.tell(TaskEvent::DismissWanted), []);
        assert!(desk.machine.task().dismissed);
    }
    desk.tell(TaskEvent::AgainWanted);
    assert!(!desk.machine.task().dismissed);
}

#[test]
fn the_checks_of_a_pull_request_are_shown_and_are_no_news_of_its_state() {
    let mut desk = Desk::in_review();
    let since = desk.machine.task().since;
    let checks =
        Checks { state: ChecksState::Failed, total: 3, failed: 1, url: None, each: Vec::new() };
    let seen = PullRequest { checks: Some(checks), ..pull_request() };
    assert_eq!(desk.tell(TaskEvent::PullRequestSeen { pull_request: seen.clone() }), []);
    assert_eq!(desk.state(), &TaskState::InReview { pull_request: seen.clone() });
    assert_eq!(desk.machine.task().pull_request, Some(seen.clone()));
    assert_eq!(desk.machine.task().since, since);
    let another = PullRequest { number: 6, ..seen.clone() };
    desk.tell(TaskEvent::PullRequestSeen { pull_request: another });
    assert_eq!(desk.machine.task().pull_request, Some(seen), "it is not the task's");
}

#[test]
fn nothing_a_held_task_asks_is_left_open_when_it_is_sent_back() {
    let mut desk = held();
    desk.hear(&asked());
    desk.tell(to(Some(other()), None, None));
    let effects = desk.finish(Outcome::Cancelled);
    assert!(effects.contains(&TaskEffect::InboxGone { item: item() }), "{effects:?}");
}
