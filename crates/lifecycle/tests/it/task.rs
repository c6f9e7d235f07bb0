//! A task by itself.

use pilot_lifecycle::{TaskEffect, TaskEvent, TaskMachine};
use pilot_proto::event::{Activity, Event};
use pilot_proto::inbox::{Answer, Ask, Decider, Need};
use pilot_proto::run::{Outcome, Phase, Session, Usage};
use pilot_proto::runner::{Act, Verdict};
use pilot_proto::snapshot::{Change, ChangedFile, DiffSize, SnapshotDelta};
use pilot_proto::task::{Limits, Mode, OnTimeout, PullRequest, Task, TaskState};
use pilot_proto::{BlobId, Code, InboxId, Problem, RunId, RunnerId, TaskId, Timestamp};
use uuid::Uuid;

/// A task and its clock.
pub(crate) struct Desk {
    pub(crate) machine: TaskMachine,
    now: i64,
    runs: u128,
}

pub(crate) fn run(number: u128) -> RunId {
    RunId(Uuid::from_u128(number))
}

pub(crate) fn runner() -> RunnerId {
    RunnerId(Uuid::from_u128(99))
}

pub(crate) fn item() -> InboxId {
    InboxId(Uuid::from_u128(42))
}

pub(crate) fn blob() -> BlobId {
    "0123456789012345678901234567890123456789".parse().expect("40 hex digits")
}

pub(crate) fn filed() -> Task {
    Task {
        id: TaskId(Uuid::from_u128(1)),
        title: "t".into(),
        prompt: "do it".into(),
        project: "demo".into(),
        base: None,
        agent: "scripted".into(),
        model: None,
        mode: Mode::Ask,
        on_timeout: OnTimeout::Proceed,
        limits: Limits::default(),
        issue: None,
        branch: "pilot/1".into(),
        base_commit: None,
        state: TaskState::Queued,
        since: Timestamp(0),
        reason: String::new(),
        created_at: Timestamp(0),
        run: None,
        attempts: 0,
        fence: 0,
        diff: DiffSize::default(),
        usage: Usage::default(),
        pull_request: None,
        pushed: None,
        reservations: Vec::new(),
        attachments: Vec::new(),
        hold: false,
        only_runner: None,
        group: None,
        batch: None,
        dismissed: false,
        profile: None,
        provider: None,
        parent: None,
        schedule: None,
        review: None,
        remote_control: false,
        remote_link: None,
        driver: None,
    }
}

impl Desk {
    pub(crate) fn new(forge: bool) -> Self {
        Self::of(filed(), forge)
    }

    pub(crate) fn of(task: Task, forge: bool) -> Self {
        let mut desk = Self { machine: TaskMachine::new(task, forge), now: 0, runs: 0 };
        assert_eq!(desk.tell(TaskEvent::Begin), [TaskEffect::Enqueue]);
        desk
    }

    /// With a run under way.
    pub(crate) fn at_work(forge: bool) -> Self {
        let mut desk = Self::new(forge);
        desk.lease();
        desk.phase(Phase::AgentRunning);
        desk
    }

    pub(crate) fn tell(&mut self, event: TaskEvent<'_>) -> Vec<TaskEffect> {
        self.now += 1;
        self.machine.handle(Timestamp(self.now), event)
    }

    pub(crate) fn lease(&mut self) -> RunId {
        self.runs += 1;
        let fence = self.machine.task().fence + 1;
        let leased = TaskEvent::Leased { run: run(self.runs), runner: runner(), fence };
        assert_eq!(self.tell(leased), []);
        run(self.runs)
    }

    /// A record of the latest run.
    pub(crate) fn hear(&mut self, event: &Event) -> Vec<TaskEffect> {
        self.tell(TaskEvent::Journal { run: run(self.runs), event })
    }

    pub(crate) fn phase(&mut self, phase: Phase) {
        self.hear(&Event::Phase { phase });
    }

    pub(crate) fn finish(&mut self, outcome: Outcome) -> Vec<TaskEffect> {
        self.hear(&Event::Finished(outcome))
    }

    pub(crate) fn want_push(&mut self) -> Vec<TaskEffect> {
        let (fence, branch) = (self.machine.task().fence, "pilot/1".to_owned());
        self.hear(&Event::PushWanted {
            fence,
            branch,
            commit: "new".into(),
            summary: "all done".into(),
        })
    }

    pub(crate) fn push(&mut self) -> Vec<TaskEffect> {
        self.want_push();
        self.hear(&Event::Pushed { branch: "pilot/1".into(), commit: "new".into() });
        self.finish(pushed())
    }

    pub(crate) fn in_review() -> Self {
        let mut desk = Self::at_work(true);
        desk.push();
        desk.tell(TaskEvent::PullRequestOpen { pull_request: pull_request() });
        desk
    }

    pub(crate) fn state(&self) -> &TaskState {
        &self.machine.task().state
    }

    pub(crate) fn say(&mut self, text: &str) -> Vec<TaskEffect> {
        self.tell(TaskEvent::Say { text: text.into() })
    }
}

pub(crate) fn pushed() -> Outcome {
    Outcome::Pushed { branch: "pilot/1".into(), commit: "new".into() }
}

pub(crate) fn pull_request() -> PullRequest {
    PullRequest { number: 5, url: "http://forge/5".into(), head: "new".into(), checks: None }
}

pub(crate) fn failed(code: Code) -> Outcome {
    Outcome::Failed { problem: Problem::new(code, "no") }
}

fn permission() -> Ask {
    Ask::Permission {
        tool: "Bash".into(),
        input: serde_json::Value::Null,
        summary: "rm -r build".into(),
        commands: vec!["rm -r build".into()],
        paths: Vec::new(),
    }
}

pub(crate) fn asked() -> Event {
    Event::Asked { item: item(), ask: permission(), deadline: None, on_timeout: OnTimeout::Proceed }
}

pub(crate) fn refused(effects: &[TaskEffect]) -> bool {
    matches!(effects, [TaskEffect::Refused(problem)] if problem.code == Code::Precondition)
}

#[test]
fn a_task_follows_its_run_to_a_merged_pull_request() {
    let mut desk = Desk::new(true);
    desk.lease();
    assert_eq!(desk.state(), &TaskState::Leased { runner: runner() });
    for phase in [Phase::Preparing, Phase::Cloning, Phase::SettingUp, Phase::AgentRunning] {
        desk.phase(phase);
        assert_eq!(desk.state(), &TaskState::Working { phase });
    }
    let permit = TaskEffect::Order { run: run(1), act: Act::PermitPush { fence: 1 } };
    assert_eq!(desk.want_push(), [permit]);
    let open = TaskEffect::OpenPullRequest {
        branch: "pilot/1".into(),
        commit: "new".into(),
        summary: "all done".into(),
        answers: Vec::new(),
    };
    assert_eq!(desk.push(), [TaskEffect::RunOver { run: run(1) }, open.clone()]);
    assert_eq!(desk.state(), &TaskState::Publishing);
    assert_eq!(desk.tell(TaskEvent::Begin), [open], "a hub that restarts begins it again");
    desk.tell(TaskEvent::PullRequestOpen { pull_request: pull_request() });
    assert_eq!(desk.state(), &TaskState::InReview { pull_request: pull_request() });
    desk.tell(TaskEvent::PullRequestMerged);
    assert_eq!(desk.state(), &TaskState::Merged { pull_request: pull_request() });
    assert_eq!(desk.machine.task().pushed.as_deref(), Some("new"));
}

#[test]
fn every_outcome_has_its_end() {
    let check = |outcome: Outcome, expected: &str| {
        let mut desk = Desk::at_work(false);
        let effects = desk.finish(outcome.clone());
        assert_eq!(effects[0], TaskEffect::RunOver { run: run(1) });
        assert_eq!(desk.state().name(), expected, "{outcome:?}");
        let again = effects.contains(&TaskEffect::Enqueue);
        assert_eq!(again, expected == "queued", "{outcome:?}");
    };
    check(pushed(), "published");
    check(Outcome::NoChange, "no_change");
    check(failed(Code::SetupFailed), "failed");
    check(failed(Code::RunLost), "failed");
    check(failed(Code::LeaseLost), "queued");
    check(Outcome::Fenced, "queued");
    check(Outcome::Cancelled, "cancelled");
}

#[test]
fn only_the_current_run_of_a_task_that_goes_on_may_push() {
    let mut desk = Desk::at_work(true);
    desk.tell(TaskEvent::StopWanted);
    assert_eq!(desk.want_push(), [], "a person stopped it");

    let mut desk = Desk::at_work(true);
    desk.tell(TaskEvent::LeaseExpired { run: run(1) });
    desk.lease();
    let late = Event::PushWanted {
        fence: 1,
        branch: "pilot/1".into(),
        commit: "old".into(),
        summary: String::new(),
    };
    let effects = desk.tell(TaskEvent::Journal { run: run(1), event: &late });
    assert_eq!(effects, [TaskEffect::Fence { run: run(1) }]);
    assert_eq!(desk.want_push().len(), 1, "the second run may");
}

#[test]
fn an_expired_lease_fences_the_run_and_requeues_the_task() {
    let mut desk = Desk::at_work(false);
    desk.hear(&asked());
    let effects = desk.tell(TaskEvent::LeaseExpired { run: run(1) });
    let expected = [
        TaskEffect::InboxGone { item: item() },
        TaskEffect::Fence { run: run(1) },
        TaskEffect::Enqueue,
    ];
    assert_eq!(effects, expected);
    assert_eq!(desk.machine.verdict(run(1)), Verdict::Fenced);
    desk.lease();
    assert_eq!((desk.machine.task().fence, desk.machine.task().attempts), (2, 2));

    // The old run comes back: what it saved is kept, and moves nothing.
    let rescued = Event::Rescued { bundle: blob(), size: 1, reference: "r".into() };
    desk.tell(TaskEvent::Journal { run: run(1), event: &rescued });
    let finished = Event::Finished(Outcome::Fenced);
    let effects = desk.tell(TaskEvent::Journal { run: run(1), event: &finished });
    assert_eq!(effects, [TaskEffect::RunOver { run: run(1) }]);
    assert_eq!(desk.state(), &TaskState::Leased { runner: runner() });
    assert_eq!(desk.machine.runs()[0].rescue, Some(blob()));
    assert_eq!(desk.machine.verdict(run(1)), Verdict::Forget);
    assert_eq!(desk.machine.verdict(run(2)), Verdict::Keep);
    assert_eq!(desk.machine.verdict(run(3)), Verdict::Fenced, "nobody knows that run");
}

#[test]
fn a_declined_run_goes_back_to_the_queue_with_its_orders() {
    let mut desk = Desk::new(false);
    desk.lease();
    let declined = TaskEvent::Declined { run: run(1), reason: "full".into() };
    assert_eq!(desk.tell(declined), [TaskEffect::Fence { run: run(1) }, TaskEffect::Enqueue]);
    assert_eq!(desk.machine.task().reason, "the runner declined: full");
    assert_eq!(desk.machine.lease(), None);
}

#[test]
fn a_run_that_cannot_be_given_what_it_needs_fails_the_task_before_it_begins() {
    let problem = || Problem::new(Code::Precondition, "The secret `npm` is not here.");
    let mut desk = Desk::new(false);
    desk.lease();
    let unfit = TaskEvent::Unfit { run: run(1), problem: problem() };
    assert_eq!(desk.tell(unfit), [TaskEffect::Fence { run: run(1) }], "it waits for no other");
    assert_eq!(desk.state(), &TaskState::Failed { problem: problem() });
    assert_eq!(desk.machine.lease(), None);
    // One that has begun was given what it needs.
    let mut desk = Desk::at_work(false);
    assert_eq!(desk.tell(TaskEvent::Unfit { run: run(1), problem: problem() }), []);
    assert!(desk.machine.lease().is_some());
}

#[test]
fn a_run_that_its_runner_lost_fails_the_task() {
    let mut desk = Desk::at_work(false);
    desk.tell(TaskEvent::RunLost { run: run(1) });
    assert!(matches!(desk.state(), TaskState::Failed { problem } if problem.code == Code::RunLost));
}

#[test]
fn stop_works_wherever_the_task_stands() {
    let stop = |run| TaskEffect::Order { run, act: Act::Stop };
    let check = |mut desk: Desk, expected: &[TaskEffect], at_once: bool| {
        let before = desk.state().clone();
        assert_eq!(desk.tell(TaskEvent::StopWanted), expected, "in {before:?}");
        assert_eq!(*desk.state() == TaskState::Cancelled, at_once, "in {before:?}");
        if !at_once {
            assert_eq!(desk.tell(TaskEvent::StopWanted), [], "once is enough");
            desk.finish(Outcome::Cancelled);
            assert_eq!(desk.state(), &TaskState::Cancelled);
        }
        assert!(refused(&desk.tell(TaskEvent::StopWanted)), "it has ended");
    };
    check(Desk::new(true), &[TaskEffect::Dequeue], true);
    check(Desk::at_work(true), &[stop(run(1))], false);
    check(Desk::in_review(), &[], true);
    let mut desk = Desk::at_work(true);
    desk.push();
    check(desk, &[], true);
    let mut desk = Desk::at_work(true);
    desk.hear(&asked());
    check(desk, &[stop(run(1))], false);
    let mut desk = Desk::new(true);
    desk.lease();
    check(desk, &[stop(run(1))], false);
    let mut desk = Desk::new(true);
    desk.lease();
    desk.tell(TaskEvent::RunnerOffline);
    check(desk, &[TaskEffect::Fence { run: run(1) }], true);
}

#[test]
fn a_stopped_task_is_cancelled_whatever_its_run_comes_to() {
    let check = |outcome: Outcome, reserves: usize| {
        let mut desk = Desk::at_work(true);
        desk.want_push();
        desk.tell(TaskEvent::StopWanted);
        desk.finish(outcome.clone());
        assert_eq!(desk.state(), &TaskState::Cancelled, "{outcome:?}");
        assert_eq!(desk.machine.task().reservations.len(), reserves, "{outcome:?}");
    };
    check(pushed(), 1);
    check(Outcome::NoChange, 0);
    check(failed(Code::RunLost), 0);
    check(Outcome::Fenced, 0);
}

#[test]
fn a_cancelled_task_keeps_its_lease_until_the_run_is_known_to_be_over() {
    let mut desk = Desk::new(false);
    desk.lease();
    desk.tell(TaskEvent::RunnerOffline);
    desk.tell(TaskEvent::StopWanted);
    assert_eq!(desk.tell(TaskEvent::AgainWanted), [TaskEffect::Enqueue]);
    assert_eq!(desk.machine.lease().map(|lease| lease.run), Some(run(1)));
    let restored = TaskMachine::restore(
        desk.machine.task().clone(),
        desk.machine.runs().to_vec(),
        desk.machine.memory().clone(),
    );
    assert_eq!(restored.lease(), desk.machine.lease(), "over a restart, too");
    desk.tell(TaskEvent::LeaseExpired { run: run(1) });
    assert_eq!((desk.machine.lease(), desk.state()), (None, &TaskState::Queued));
}

#[test]
fn an_ask_needs_a_person_until_it_is_decided_or_withdrawn() {
    let mut desk = Desk::at_work(false);
    let effects = desk.hear(&asked());
    assert!(matches!(&effects[..], [TaskEffect::InboxPut(put)] if put.answered.is_none()));
    let needs = TaskState::NeedsYou { need: Need::Permission, item: item() };
    assert_eq!(desk.state(), &needs);
    desk.phase(Phase::AwaitingAnswer);
    assert_eq!(desk.state(), &needs);

    let answer = Answer::Deny { reason: "no".into() };
    let act = Act::Answer { item: item(), answer: answer.clone(), who: "ann".into() };
    let wish = TaskEvent::Answer { item: item(), answer: answer.clone(), who: "ann".into() };
    assert_eq!(desk.tell(wish.clone()), [TaskEffect::Order { run: run(1), act }]);
    assert_eq!(desk.state(), &needs, "until the run says that it was heard");

    let decider = Decider::Person { name: "ann".into() };
    let effects = desk.hear(&Event::Decided { item: item(), answer, decider });
    assert!(matches!(&effects[..], [TaskEffect::InboxPut(put)] if put.answered.is_some()));
    assert_eq!(desk.state(), &TaskState::Working { phase: Phase::AgentRunning });
    assert!(refused(&desk.tell(wish)), "it is no longer asked");

    desk.hear(&asked());
    let gone = desk.hear(&Event::Withdrawn { item: item() });
    assert_eq!(gone, [TaskEffect::InboxGone { item: item() }]);
    assert_eq!(desk.state(), &TaskState::Working { phase: Phase::AgentRunning });
}

#[test]
fn what_a_reviewer_must_know_is_kept_with_the_task() {
    let mut desk = Desk::at_work(false);
    desk.hear(&asked());
    let (answer, decider) = (Answer::Deny { reason: String::new() }, Decider::Timeout);
    desk.hear(&Event::Decided { item: item(), answer, decider });
    desk.hear(&Event::TurnEnded {
        turn: 1,
        end: pilot_proto::event::TurnEnd::Completed,
        usage: Usage { input_tokens: 7, ..Usage::default() },
        denials: 2,
        summary: String::new(),
        problem: None,
    });
    desk.push();
    let reservations = [
        "Nobody answered in time, so `Bash` was refused: rm -r build",
        "2 tool calls of the agent were refused.",
    ];
    assert_eq!(desk.machine.task().reservations, reservations);
    assert_eq!(desk.machine.task().usage.input_tokens, 7);
    desk.tell(TaskEvent::AgainWanted);
    assert!(desk.machine.task().reservations.is_empty(), "a new beginning");
}

#[test]
fn an_offline_runner_is_a_reason_and_not_a_state() {
    let mut desk = Desk::at_work(false);
    let state = desk.state().clone();
    assert_eq!(desk.tell(TaskEvent::RunnerOffline), []);
    assert_eq!((desk.state(), desk.machine.task().reason.as_str()), (&state, "runner offline"));
    desk.tell(TaskEvent::RunnerOnline);
    desk.hear(&Event::Activity { activity: Activity::Stalled, reason: String::new() });
    assert_eq!((desk.state(), desk.machine.task().reason.as_str()), (&state, "agent has stalled"));
    assert_eq!(desk.machine.task().since, Timestamp(3), "the state is as old as it was");
}

#[test]
fn what_is_said_reaches_an_agent_wherever_the_task_stands() {
    let mut desk = Desk::new(false);
    desk.say("also this");
    assert_eq!(desk.machine.prompt(), "do it\n\nalso this");
    desk.lease();
    desk.hear(&Event::TurnStarted { turn: 1, prompt: "do it\n\nalso this".into() });
    assert_eq!(desk.machine.prompt(), "do it\n\nalso this", "for a run that begins again");
    let act = Act::Say { text: "and that".into() };
    assert_eq!(desk.say("and that"), [TaskEffect::Order { run: run(1), act: act.clone() }]);

    desk.tell(TaskEvent::Undone { run: run(1), act: act.clone() });
    let effects = desk.finish(Outcome::NoChange);
    assert!(effects.contains(&TaskEffect::Enqueue), "it came too late for that run: {effects:?}");
    assert!(desk.machine.prompt().ends_with("and that"));

    let mut desk = Desk::at_work(false);
    desk.tell(TaskEvent::Undone { run: run(1), act });
    desk.finish(failed(Code::RepositoryRefused));
    assert_eq!(desk.state().name(), "failed", "a bad end waits for a person");
    desk.tell(TaskEvent::ResumeWanted { text: Some("once more".into()) });
    assert!(desk.machine.prompt().ends_with("and that\n\nonce more"));
}

#[test]
fn a_follow_up_in_review_goes_on_in_the_same_session() {
    let mut desk = Desk::at_work(true);
    desk.hear(&Event::SessionStarted { session: "s".into(), model: None, version: None });
    let session = Session { id: "s".into(), file: Some(blob()) };
    desk.hear(&Event::SessionSaved { session: session.clone() });
    desk.push();
    desk.say("while it is published");
    let effects = desk.tell(TaskEvent::PullRequestOpen { pull_request: pull_request() });
    assert_eq!(effects, [TaskEffect::Enqueue]);
    assert_eq!(desk.machine.prompt(), "while it is published", "the session knows the rest");
    assert_eq!(desk.machine.resume().and_then(|resume| resume.session.clone()), Some(session));
    desk.lease();
    desk.hear(&Event::TurnStarted { turn: 1, prompt: "while it is published".into() });
    desk.finish(Outcome::NoChange);
    assert_eq!(desk.state(), &TaskState::InReview { pull_request: pull_request() });
    desk.tell(TaskEvent::PullRequestClosed);
    assert_eq!(desk.state().name(), "closed");
}

#[test]
fn a_follow_up_that_fails_says_so_and_its_pull_request_is_still_watched() {
    let check = |end: Outcome, shown: &str| {
        let mut desk = Desk::in_review();
        assert_eq!(desk.machine.watched(), Some(&pull_request()));
        desk.say("and this");
        desk.lease();
        assert_eq!(desk.machine.watched(), None, "the run at work decides first");
        desk.finish(end);
        assert_eq!(desk.state().name(), shown, "whoever waits for it hears what it came to");
        assert_eq!(desk.machine.watched(), Some(&pull_request()));
        let mut merged = desk;
        merged.tell(TaskEvent::PullRequestMerged);
        assert_eq!(merged.state(), &TaskState::Merged { pull_request: pull_request() });
        assert_eq!(merged.machine.watched(), None, "there is nothing more to come");
    };
    check(failed(Code::AgentFailed), "failed");
    check(Outcome::Cancelled, "cancelled");

    let mut desk = Desk::at_work(true);
    desk.finish(failed(Code::AgentFailed));
    assert_eq!(desk.machine.watched(), None, "it never had one");
    assert_eq!(desk.machine.task().reason, "");
}

#[test]
fn resume_takes_the_rescued_work_along_and_retry_does_not() {
    let mut desk = Desk::at_work(false);
    desk.hear(&Event::Rescued { bundle: blob(), size: 1, reference: "r".into() });
    assert!(refused(&desk.tell(TaskEvent::AgainWanted)), "it is at work");
    assert!(refused(&desk.tell(TaskEvent::ResumeWanted { text: None })), "it is at work");
    desk.finish(failed(Code::RunLost));
    assert_eq!(desk.tell(TaskEvent::ResumeWanted { text: None }), [TaskEffect::Enqueue]);
    assert_eq!(desk.machine.resume().and_then(|resume| resume.bundle.clone()), Some(blob()));
    assert_eq!(desk.machine.prompt(), "do it", "without a session the agent knows nothing yet");
    desk.lease();
    desk.finish(Outcome::Cancelled);
    assert_eq!(desk.tell(TaskEvent::AgainWanted), [TaskEffect::Enqueue]);
    assert_eq!(desk.machine.resume(), None);
}

#[test]
fn the_size_of_the_change_follows_the_snapshots() {
    let file = |path: &str, added, removed| ChangedFile {
        path: path.into(),
        old_path: None,
        change: Change::Modified,
        old: None,
        new: None,
        added: Some(added),
        removed: Some(removed),
    };
    let delta = |reset, changed, dropped: &[&str]| {
        Event::Snapshot(SnapshotDelta {
            number: 1,
            base: "b".into(),
            head: "h".into(),
            reset,
            changed,
            dropped: dropped.iter().map(|path| (*path).to_owned()).collect(),
            more: false,
        })
    };
    let size = |files, added, removed| DiffSize { files, added, removed };
    let mut desk = Desk::at_work(false);
    desk.hear(&delta(true, vec![file("a", 3, 1), file("b", 2, 0)], &[]));
    assert_eq!(desk.machine.task().diff, size(2, 5, 1));
    desk.hear(&delta(false, vec![file("b", 1, 1)], &["a"]));
    assert_eq!(desk.machine.task().diff, size(1, 1, 1));

    let snapshot = pilot_proto::Snapshot {
        files: [("b".to_owned(), file("b", 1, 1))].into(),
        ..pilot_proto::Snapshot::default()
    };
    let (task, runs) = (desk.machine.task().clone(), desk.machine.runs().to_vec());
    let memory = desk.machine.memory().clone();
    desk.machine = TaskMachine::restore(task, runs, memory).with_snapshot(&snapshot);
    desk.hear(&delta(false, vec![file("c", 1, 0)], &[]));
    assert_eq!(desk.machine.task().diff, size(2, 2, 1), "a restarted hub goes on counting");
}

#[test]
fn a_pull_request_that_cannot_be_made_fails_the_task_and_keeps_the_branch() {
    let mut desk = Desk::at_work(true);
    desk.push();
    let problem = Problem::new(Code::ForgeRefused, "no");
    desk.tell(TaskEvent::PublishFailed { problem: problem.clone() });
    assert_eq!(desk.state(), &TaskState::Failed { problem });
    assert_eq!(desk.machine.task().pushed.as_deref(), Some("new"));
}

#[test]
fn a_late_grant_of_a_task_that_was_stopped_is_given_back() {
    let mut desk = Desk::new(false);
    desk.tell(TaskEvent::StopWanted);
    let effects = desk.tell(TaskEvent::Leased { run: run(1), runner: runner(), fence: 1 });
    assert_eq!(effects, [TaskEffect::RunOver { run: run(1) }]);
    assert_eq!(desk.state(), &TaskState::Cancelled);
}
