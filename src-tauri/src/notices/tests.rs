//! News in every order, and what a person is told of it.

use super::*;
use pilot_proto::console::RunnerSeen;
use pilot_proto::inbox::{Answer, Answered, Ask, Decider as By, InboxItem};
use pilot_proto::run::Usage;
use pilot_proto::runner::About;
use pilot_proto::task::{Limits, Mode, OnTimeout, PullRequest};
use pilot_proto::{Code, InboxId, Problem, RunId, RunnerId, Task, TaskId, TaskState, Timestamp};
use uuid::Uuid;

const HUB: &str = "local";

/// A decider that has heard the present state of one empty hub.
struct Desk {
    decider: Decider,
    now: Moment,
}

impl Desk {
    fn new() -> Self {
        let wishes = Wishes { notifications: true, quiet_hours: None, paused_until: 0 };
        let mut desk = Self { decider: Decider::new(wishes), now: Moment { at: 0, minute: 600 } };
        assert_eq!(desk.hear(present(vec![], vec![], vec![])), []);
        desk
    }

    fn hear(&mut self, news: News) -> Vec<Deed> {
        self.handle(Heard::News(HUB.to_owned(), news))
    }

    fn handle(&mut self, heard: Heard) -> Vec<Deed> {
        self.decider.handle(self.now, heard)
    }

    /// Lets time pass, and whatever is due happen.
    fn pass(&mut self, millis: i64) -> Vec<Deed> {
        self.now.at += millis;
        match self.decider.wake_at() {
            Some(at) if at <= self.now.at => self.handle(Heard::Tick),
            Some(_) | None => vec![],
        }
    }

    fn sees(&mut self, path: &str) -> Vec<Deed> {
        self.handle(Heard::Seen(Some(Seen { hub: HUB.to_owned(), path: path.to_owned() })))
    }
}

fn present(tasks: Vec<Task>, runners: Vec<RunnerSeen>, inbox: Vec<InboxItem>) -> News {
    News::Present { tasks, runners, inbox, first: true, last: true }
}

fn id(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

fn task(number: u128, state: TaskState, since: i64) -> Task {
    Task {
        id: TaskId(id(number)),
        title: format!("task {number}"),
        prompt: String::new(),
        project: "demo".into(),
        base: None,
        agent: "scripted".into(),
        model: None,
        mode: Mode::Ask,
        on_timeout: OnTimeout::Pause,
        limits: Limits::default(),
        issue: None,
        branch: "b".into(),
        base_commit: None,
        state,
        since: Timestamp(since),
        reason: String::new(),
        created_at: Timestamp(0),
        run: None,
        attempts: 1,
        fence: 1,
        diff: Default::default(),
        usage: Usage::default(),
        pull_request: None,
        pushed: None,
        reservations: vec![],
        attachments: vec![],
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

fn failed(number: u128, since: i64) -> Task {
    let problem = Problem::new(Code::AgentFailed, "The agent ended with 1.");
    task(number, TaskState::Failed { problem }, since)
}

fn in_review(number: u128, since: i64) -> Task {
    let pull_request = PullRequest { number: 7, url: "u".into(), head: "h".into(), checks: None };
    task(number, TaskState::InReview { pull_request }, since)
}

fn permission(number: u128) -> InboxItem {
    let ask = Ask::Permission {
        tool: "Bash".into(),
        input: serde_json::Value::Null,
        summary: "rm -rf build".into(),
        commands: Vec::new(),
        paths: Vec::new(),
    };
    item(number, ask)
}

fn item(number: u128, ask: Ask) -> InboxItem {
    InboxItem {
        id: InboxId(id(number)),
        task: TaskId(id(1)),
        run: RunId(id(1)),
        ask,
        asked_at: Timestamp(0),
        deadline: None,
        on_timeout: OnTimeout::Pause,
        answered: None,
    }
}

fn answered(item: InboxItem) -> InboxItem {
    let answer = Answer::ALLOW;
    let decider = By::Person { name: "ann".into() };
    InboxItem { answered: Some(Answered { answer, decider, at: Timestamp(1) }), ..item }
}

fn runner(number: u128, online: bool) -> RunnerSeen {
    RunnerSeen {
        id: RunnerId(id(number)),
        about: About {
            name: "bench".into(),
            build: String::new(),
            platform: String::new(),
            workers: 1,
            draining: false,
            seal_key: None,
            agents: vec![],
            checks: vec![],
        },
        online,
        seen_at: None,
        revoked: false,
        runs: vec![],
        load: None,
    }
}

#[track_caller]
fn shown(deeds: &[Deed]) -> &Notice {
    let shows: Vec<_> = deeds
        .iter()
        .filter_map(|deed| match deed {
            Deed::Show(notice) => Some(notice),
            Deed::Withdraw(_) => None,
        })
        .collect();
    assert_eq!(shows.len(), 1, "one notice was expected: {deeds:?}");
    shows[0]
}

fn of_item(number: u128) -> Subject {
    Subject::Item { hub: HUB.into(), item: InboxId(id(number)) }
}

fn of_task(number: u128) -> Subject {
    Subject::Task { hub: HUB.into(), task: TaskId(id(number)) }
}

#[test]
fn what_stood_there_at_the_start_is_not_announced() {
    let wishes = Wishes { notifications: true, quiet_hours: None, paused_until: 0 };
    let mut decider = Decider::new(wishes);
    let now = Moment { at: 0, minute: 0 };
    let mut hear = |news| decider.handle(now, Heard::News(HUB.to_owned(), news));
    let first = News::Present {
        tasks: vec![failed(1, 1)],
        runners: vec![runner(1, false)],
        inbox: vec![permission(1)],
        first: true,
        last: false,
    };
    let last = News::Present {
        tasks: vec![in_review(2, 1)],
        runners: vec![],
        inbox: vec![],
        first: false,
        last: true,
    };
    assert_eq!(hear(first), []);
    assert_eq!(hear(News::Item(Box::new(permission(2)))), [], "the round is not over");
    assert_eq!(hear(last), []);
    assert!(!hear(News::Item(Box::new(permission(3)))).is_empty(), "and from now on it is news");
}

#[test]
fn a_permission_is_announced_once_and_can_be_approved_there() {
    let mut desk = Desk::new();
    desk.hear(News::Task(Box::new(task(1, TaskState::Queued, 1))));
    let deeds = desk.hear(News::Item(Box::new(permission(9))));
    let notice = shown(&deeds);
    assert_eq!(notice.approve, Some(InboxId(id(9))));
    assert_eq!(notice.title, "Permission wanted: task 1");
    assert_eq!(notice.body, "Bash: rm -rf build");
    let path = format!("/tasks/{}", TaskId(id(1)));
    assert_eq!(notice.open, Link::Route { path, hub: Some(HUB.into()) });
    assert_eq!(desk.hear(News::Item(Box::new(permission(9)))), [], "told again is no news");
    let again = present(vec![], vec![], vec![permission(9)]);
    assert_eq!(desk.hear(again), [], "nor after a reconnect");
}

#[test]
fn a_question_is_opened_and_never_approved() {
    let mut desk = Desk::new();
    for (number, ask) in
        [Ask::Question { questions: vec![] }, Ask::Interrupted].into_iter().enumerate()
    {
        let deeds = desk.hear(News::Item(Box::new(item(number as u128, ask))));
        assert_eq!(shown(&deeds).approve, None);
    }
    let plan = Ask::Plan { plan: "# First\nthis".into() };
    let deeds = desk.hear(News::Item(Box::new(item(7, plan))));
    assert_eq!(shown(&deeds).approve, Some(InboxId(id(7))));
}

#[test]
fn a_refused_host_calls_nobody_and_a_used_up_budget_does() {
    let mut desk = Desk::new();
    let (host, because) = ("example.org".into(), "no rule allows it".into());
    let network = Ask::Network { host, port: 443, process: None, because };
    assert_eq!(desk.hear(News::Item(Box::new(item(1, network)))), []);
    assert_eq!(desk.decider.counts().needs_you, 0, "the run goes on");
    let budget = Ask::Budget { spent_micros: 2, budget_micros: 1 };
    let deeds = desk.hear(News::Item(Box::new(item(2, budget))));
    assert_eq!(shown(&deeds).approve, None, "money is spent with a look, not in passing");
    assert_eq!(desk.decider.counts().needs_you, 1);
}

#[test]
fn what_was_answered_elsewhere_is_taken_back() {
    let mut desk = Desk::new();
    desk.hear(News::Item(Box::new(permission(1))));
    desk.hear(News::Item(Box::new(permission(2))));
    let deeds = desk.hear(News::Item(Box::new(answered(permission(1)))));
    assert_eq!(deeds, [Deed::Withdraw(of_item(1))]);
    // The second was answered while we were away.
    let deeds = desk.hear(present(vec![], vec![], vec![]));
    assert_eq!(deeds, [Deed::Withdraw(of_item(2))]);
    assert_eq!(desk.decider.counts().needs_you, 0);
}

#[test]
fn ends_are_announced_in_each_state_once() {
    let mut desk = Desk::new();
    assert_eq!(desk.hear(News::Task(Box::new(task(1, TaskState::Queued, 1)))), []);
    let deeds = desk.hear(News::Task(Box::new(failed(1, 2))));
    let notice = shown(&deeds);
    assert_eq!((notice.why, notice.body.as_str()), (Why::Failed, "The agent ended with 1."));
    assert_eq!(desk.hear(News::Task(Box::new(failed(1, 2)))), []);
    let deeds = desk.hear(News::Task(Box::new(task(1, TaskState::Queued, 3))));
    assert_eq!(deeds, [Deed::Withdraw(of_task(1))], "it is tried again");
    let deeds = desk.hear(News::Task(Box::new(failed(1, 4))));
    assert_eq!(shown(&deeds).why, Why::Failed, "and failed again");
    let deeds = desk.hear(News::Task(Box::new(in_review(1, 5))));
    assert_eq!(shown(&deeds).body, "Pull request #7 is open.");
    let dismissed = Task { dismissed: true, ..in_review(1, 5) };
    assert_eq!(desk.hear(News::Task(Box::new(dismissed))), [Deed::Withdraw(of_task(1))]);
}

#[test]
fn a_runner_is_missed_only_if_it_was_there() {
    let mut desk = Desk::new();
    assert_eq!(desk.hear(News::Runner(Box::new(runner(1, false)))), [], "it never came");
    assert_eq!(desk.hear(News::Runner(Box::new(runner(1, true)))), []);
    let deeds = desk.hear(News::Runner(Box::new(runner(1, false))));
    assert_eq!(shown(&deeds).title, "Runner offline: bench");
    let deeds = desk.hear(News::Runner(Box::new(runner(1, true))));
    assert!(matches!(deeds[..], [Deed::Withdraw(Subject::Runner { .. })]), "{deeds:?}");
    desk.hear(News::Runner(Box::new(runner(2, true))));
    let revoked = RunnerSeen { revoked: true, ..runner(2, false) };
    assert_eq!(desk.hear(News::Runner(Box::new(revoked))), [], "a person sent it away");
}

#[test]
fn a_burst_becomes_one_summary() {
    let mut desk = Desk::new();
    let mut shows = 0;
    for number in 0..40 {
        let deeds = desk.hear(News::Task(Box::new(failed(number, 1))));
        shows += deeds.len();
    }
    desk.hear(News::Item(Box::new(permission(1))));
    assert_eq!(shows, AT_ONCE);
    assert_eq!(desk.pass(GATHER_MS - 1), []);
    let deeds = desk.pass(1);
    let summary = shown(&deeds);
    assert_eq!(summary.subject, Subject::Summary);
    assert_eq!(summary.title, "37 things happened");
    assert_eq!(summary.body, "1 needs you, 36 failed.");
    assert_eq!(summary.why, Why::NeedsYou, "the most pressing one says how loud it is");
    // While it goes on, the summary is renewed in its place; later, one by one again.
    assert_eq!(desk.hear(News::Task(Box::new(failed(50, 1)))), []);
    desk.hear(News::Task(Box::new(failed(51, 1))));
    let deeds = desk.pass(GATHER_MS);
    assert_eq!(shown(&deeds).subject, Subject::Summary);
    assert_eq!(desk.pass(WINDOW_MS), []);
    let deeds = desk.hear(News::Task(Box::new(failed(60, 1))));
    assert_eq!(shown(&deeds).subject, of_task(60));
}

#[test]
fn what_was_answered_while_it_was_held_back_is_not_told() {
    let mut desk = Desk::new();
    for number in 0..AT_ONCE as u128 {
        desk.hear(News::Task(Box::new(failed(number, 1))));
    }
    assert_eq!(desk.hear(News::Item(Box::new(permission(1)))), []);
    assert_eq!(desk.hear(News::Item(Box::new(answered(permission(1))))), []);
    assert_eq!(desk.pass(GATHER_MS), [], "nothing is left to tell");
}

#[test]
fn what_the_person_looks_at_is_not_announced() {
    let mut desk = Desk::new();
    desk.sees("/");
    assert_eq!(desk.hear(News::Item(Box::new(permission(1)))), [], "it shows in the inbox");
    let deeds = desk.hear(News::Task(Box::new(failed(1, 1))));
    assert_eq!(shown(&deeds).subject, of_task(1), "a failure does not");
    let page = format!("/tasks/{}/diff", TaskId(id(1)));
    assert_eq!(desk.sees(&page), [Deed::Withdraw(of_task(1))], "now it is seen");
    assert_eq!(desk.hear(News::Task(Box::new(failed(1, 2)))), []);
    assert_eq!(desk.hear(News::Item(Box::new(permission(2)))), [], "of the same task");
    let other = Seen { hub: "lab".into(), path: page };
    desk.handle(Heard::Seen(Some(other)));
    let deeds = desk.hear(News::Task(Box::new(failed(1, 3))));
    assert_eq!(shown(&deeds).subject, of_task(1), "that is another hub's page");
    desk.handle(Heard::Seen(None));
    let deeds = desk.hear(News::Item(Box::new(permission(3))));
    assert_eq!(shown(&deeds).subject, of_item(3), "without the focus nothing is seen");
}

#[test]
fn quiet_hours_and_pauses_are_kept() {
    let mut desk = Desk::new();
    let night = QuietHours { from: 22 * 60, until: 7 * 60 };
    let wishes = Wishes { notifications: true, quiet_hours: Some(night), paused_until: 1_000 };
    desk.decider.set(wishes);
    assert_eq!(desk.hear(News::Item(Box::new(permission(1)))), [], "paused");
    desk.now = Moment { at: 1_000, minute: 23 * 60 };
    assert_eq!(desk.hear(News::Item(Box::new(permission(2)))), [], "at night");
    desk.now = Moment { at: 2_000, minute: 8 * 60 };
    let deeds = desk.hear(News::Item(Box::new(permission(3))));
    assert_eq!(shown(&deeds).subject, of_item(3));
    assert_eq!(desk.decider.counts().needs_you, 3, "they count all the same");
    desk.decider.set(Wishes { notifications: false, ..wishes });
    assert_eq!(desk.hear(News::Item(Box::new(permission(4)))), [], "switched off");
}

#[test]
fn a_hub_that_is_removed_takes_its_notices_and_numbers_along() {
    let mut desk = Desk::new();
    desk.hear(News::Item(Box::new(permission(1))));
    assert_eq!(desk.decider.counts(), Counts { running: 0, needs_you: 1, ready: 0 });
    let deeds = desk.handle(Heard::Forgotten(HUB.to_owned()));
    assert_eq!(deeds, [Deed::Withdraw(of_item(1))]);
    assert_eq!(desk.decider.counts(), Counts::default());
}

#[test]
fn what_an_agent_wrote_is_cut_to_what_fits() {
    let mut desk = Desk::new();
    let long = Task { title: format!("a\nb {}", "x".repeat(500)), ..failed(1, 1) };
    let deeds = desk.hear(News::Task(Box::new(long)));
    let notice = shown(&deeds);
    assert!(notice.title.chars().count() <= 81 && !notice.title.contains('\n'), "{}", notice.title);
}
