//! The queue by itself.

use pilot_lifecycle::{Lease, Queue, QueueEffect, QueueEvent, Terms};
use pilot_proto::event::Cursor;
use pilot_proto::runner::{About, AgentFound, Held};
use pilot_proto::task::Batch;
use pilot_proto::{BatchId, RunId, RunnerId, TaskId, Timestamp};
use std::time::Duration;
use uuid::Uuid;

const LEASE: u64 = 100;
const GRACE: u64 = 10;

/// A queue and its clock, in seconds.
struct Desk {
    queue: Queue,
    now: u64,
    runs: u128,
}

fn task(number: u128) -> TaskId {
    TaskId(Uuid::from_u128(number))
}

fn run(number: u128) -> RunId {
    RunId(Uuid::from_u128(number))
}

fn runner(number: u128) -> RunnerId {
    RunnerId(Uuid::from_u128(number))
}

fn about(workers: u32, agents: &[(&str, bool)]) -> About {
    let agent = |(name, works): &(&str, bool)| AgentFound {
        name: (*name).into(),
        version: None,
        problem: (!works).then(|| "not logged in".into()),
        abilities: None,
        origin: Default::default(),
        program: None,
        own_login: None,
        live: None,
    };
    About {
        name: "r".into(),
        build: "b".into(),
        platform: "p".into(),
        workers,
        draining: false,
        seal_key: None,
        agents: agents.iter().map(agent).collect(),
        checks: Vec::new(),
    }
}

fn held(number: u128, finished: bool) -> Held {
    Held { run: run(number), fence: 1, end: Cursor::default(), finished }
}

impl Desk {
    fn new() -> Self {
        let terms = Terms { lease: Duration::from_secs(LEASE), grace: Duration::from_secs(GRACE) };
        Self { queue: Queue::new(terms), now: 0, runs: 0 }
    }

    fn tell(&mut self, event: QueueEvent<'_>) -> Vec<QueueEffect> {
        self.queue.handle(Timestamp(i64::try_from(self.now).expect("small") * 1_000_000), event)
    }

    /// Files a task; its run has the number of the filing.
    fn file(&mut self, number: u128, agent: &str) -> Vec<(u128, u128)> {
        self.file_for(number, agent, None, None)
    }

    /// The same, bound to a runner or a batch.
    fn file_for(
        &mut self,
        number: u128,
        agent: &str,
        only: Option<u128>,
        batch: Option<&Batch>,
    ) -> Vec<(u128, u128)> {
        self.runs += 1;
        let created_at = Timestamp(i64::try_from(number).expect("small"));
        let event = QueueEvent::Wanted {
            task: task(number),
            run: run(self.runs),
            fence: u64::try_from(self.runs).expect("small"),
            agent: agent.into(),
            only_runner: only.map(runner),
            batch,
            created_at,
        };
        let effects = self.tell(event);
        grants(&effects)
    }

    fn online(&mut self, number: u128, about: &About, held: &[Held]) -> Vec<QueueEffect> {
        self.tell(QueueEvent::Online { runner: runner(number), about, held })
    }

    fn wait(&mut self, secs: u64) -> Vec<QueueEffect> {
        self.now += secs;
        self.tell(QueueEvent::Tick)
    }
}

/// Who got what: task and runner.
fn grants(effects: &[QueueEffect]) -> Vec<(u128, u128)> {
    let grant = |effect: &QueueEffect| match effect {
        QueueEffect::Grant { task, runner, .. } => Some((task.0.as_u128(), runner.0.as_u128())),
        QueueEffect::Expire { .. } | QueueEffect::Lost { .. } => None,
    };
    effects.iter().filter_map(grant).collect()
}

const SCRIPTED: &[(&str, bool)] = &[("scripted", true)];

#[test]
fn who_was_filed_first_is_served_first() {
    let mut desk = Desk::new();
    for number in [3, 1, 2] {
        assert_eq!(desk.file(number, "scripted"), [], "no runner is there");
    }
    let effects = desk.online(9, &about(2, SCRIPTED), &[]);
    assert_eq!(grants(&effects), [(1, 9), (2, 9)]);
    assert_eq!(grants(&desk.tell(QueueEvent::Released { run: run(2) })), [(3, 9)]);
    assert_eq!(desk.queue.waiting(), 0);
}

#[test]
fn a_runner_gets_only_what_it_can_take() {
    let check = |about: About, held: &[Held], expected: usize| {
        let mut desk = Desk::new();
        desk.file(1, "claude");
        desk.file(2, "claude");
        let effects = desk.online(9, &about, held);
        assert_eq!(grants(&effects).len(), expected, "{about:?} holding {held:?}");
    };
    let claude = &[("scripted", true), ("claude", true)];
    check(about(4, claude), &[], 2);
    check(about(1, claude), &[], 1);
    check(about(4, SCRIPTED), &[], 0);
    check(about(4, &[("claude", false)]), &[], 0);
    check(About { draining: true, ..about(4, claude) }, &[], 0);
    check(about(2, claude), &[held(77, false)], 1);
    check(about(2, claude), &[held(77, true)], 2);
}

#[test]
fn a_line_that_nobody_serves_does_not_hold_up_the_others() {
    let mut desk = Desk::new();
    desk.file(1, "claude");
    desk.file(2, "scripted");
    assert_eq!(grants(&desk.online(9, &about(4, SCRIPTED), &[])), [(2, 9)]);
}

#[test]
fn work_goes_to_the_runner_with_the_most_free_workers() {
    let mut desk = Desk::new();
    desk.online(8, &about(1, SCRIPTED), &[]);
    desk.online(9, &about(3, SCRIPTED), &[]);
    let given: Vec<u128> =
        (1..=4).flat_map(|number| desk.file(number, "scripted")).map(|(_, to)| to).collect();
    assert_eq!(given, [9, 9, 8, 9], "the last worker of each comes last");
}

#[test]
fn a_lease_expires_only_when_lease_and_grace_have_passed_since_the_last_beat() {
    let mut desk = Desk::new();
    desk.online(9, &about(1, SCRIPTED), &[]);
    desk.file(1, "scripted");
    desk.tell(QueueEvent::Taken { run: run(1) });
    desk.now = 50;
    desk.tell(QueueEvent::Beat { runner: runner(9), runs: &[run(1)] });
    desk.tell(QueueEvent::Offline { runner: runner(9) });
    assert_eq!(desk.wait(LEASE + GRACE - 1), []);
    assert_eq!(desk.queue.next_deadline(), Some(Timestamp(160_000_000)));
    let expired = QueueEffect::Expire { task: task(1), run: run(1) };
    assert_eq!(desk.wait(1), [expired]);
    assert_eq!(desk.queue.lease(task(1)), None);
}

#[test]
fn another_runner_s_beat_renews_nothing() {
    let mut desk = Desk::new();
    desk.online(9, &about(1, SCRIPTED), &[]);
    desk.file(1, "scripted");
    desk.now = 50;
    desk.tell(QueueEvent::Beat { runner: runner(8), runs: &[run(1)] });
    assert_eq!(desk.wait(60).len(), 1, "it expires as if nothing had been said");
}

#[test]
fn a_task_whose_earlier_run_may_live_is_not_given_out() {
    let mut desk = Desk::new();
    desk.online(9, &about(4, SCRIPTED), &[]);
    desk.file(1, "scripted");
    assert_eq!(desk.file(1, "scripted"), [], "a retry must not run beside it");
    assert_eq!(desk.queue.waiting(), 1);
    let effects = desk.tell(QueueEvent::Released { run: run(1) });
    assert_eq!(grants(&effects), [(1, 9)]);
    assert_eq!(desk.queue.lease(task(1)).map(|lease| lease.run), Some(run(2)));
}

#[test]
fn a_runner_that_declines_is_left_alone_and_another_one_asked() {
    let mut desk = Desk::new();
    desk.online(9, &about(4, SCRIPTED), &[]);
    desk.file(1, "scripted");
    desk.tell(QueueEvent::Declined { run: run(1) });
    assert_eq!(desk.file(1, "scripted"), [], "not at once again");
    let mut asked = Vec::new();
    for _ in 0..600 {
        let effects = desk.wait(1);
        for _ in grants(&effects) {
            asked.push(desk.now);
            let declined = desk.queue.lease(task(1)).expect("it was just leased").run;
            desk.tell(QueueEvent::Declined { run: declined });
            desk.file(1, "scripted");
        }
    }
    assert_eq!(asked, [5, 15, 35, 75, 155, 315], "each time it rests twice as long");
    let effects = desk.online(8, &about(1, SCRIPTED), &[]);
    assert_eq!(grants(&effects), [(1, 8)]);
}

#[test]
fn a_run_that_was_taken_cannot_be_declined_any_more() {
    let mut desk = Desk::new();
    desk.online(9, &about(1, SCRIPTED), &[]);
    desk.file(1, "scripted");
    desk.tell(QueueEvent::Taken { run: run(1) });
    desk.tell(QueueEvent::Declined { run: run(1) });
    assert!(desk.queue.lease(task(1)).is_some(), "the late word is about an earlier sending");
}

#[test]
fn a_runner_that_comes_back_without_a_run_has_lost_it() {
    let check = |taken: bool, holds: &[Held], expected: &[QueueEffect]| {
        let mut desk = Desk::new();
        desk.online(9, &about(1, SCRIPTED), &[]);
        desk.file(1, "scripted");
        if taken {
            desk.tell(QueueEvent::Taken { run: run(1) });
        }
        assert_eq!(desk.online(9, &about(1, SCRIPTED), holds), expected);
    };
    check(true, &[], &[QueueEffect::Lost { task: task(1), run: run(1) }]);
    check(true, &[held(1, true)], &[]);
    check(false, &[], &[]);
    check(false, &[held(1, false)], &[]);
}

#[test]
fn a_hello_renews_also_what_is_still_to_be_assigned() {
    let mut desk = Desk::new();
    desk.online(9, &about(1, SCRIPTED), &[]);
    desk.file(1, "scripted");
    desk.now = 105;
    desk.online(9, &about(1, SCRIPTED), &[]);
    assert_eq!(desk.wait(LEASE), [], "the runner counts from the assignment sent now");
}

#[test]
fn a_hub_that_restarted_knows_its_leases_again() {
    let mut desk = Desk::new();
    let lease =
        Lease { task: task(1), run: run(1), runner: runner(9), fence: 4, batch: None, taken: true };
    desk.tell(QueueEvent::Restored(lease));
    desk.file(2, "scripted");
    let effects = desk.online(9, &about(1, SCRIPTED), &[held(1, false)]);
    assert_eq!(effects, [], "its only worker is busy");
    assert_eq!(grants(&desk.tell(QueueEvent::Released { run: run(1) })), [(2, 9)]);
}

#[test]
fn a_task_that_is_withdrawn_is_not_given_out() {
    let mut desk = Desk::new();
    desk.file(1, "scripted");
    desk.tell(QueueEvent::Withdrawn { task: task(1) });
    assert_eq!(desk.online(9, &about(1, SCRIPTED), &[]), []);
    assert_eq!(desk.queue.waiting(), 0);
}

#[test]
fn ten_thousand_tasks_pass_through_four_workers_in_order() {
    let mut desk = Desk::new();
    for number in 1..=10_000 {
        desk.file(number, "scripted");
    }
    let mut given = grants(&desk.online(9, &about(4, SCRIPTED), &[]));
    let mut done = 0;
    while done < given.len() {
        let finished = run(given[done].0);
        done += 1;
        given.extend(grants(&desk.tell(QueueEvent::Released { run: finished })));
    }
    let order: Vec<u128> = given.into_iter().map(|(task, _)| task).collect();
    assert_eq!(order, (1..=10_000).collect::<Vec<u128>>());
}

fn batch(number: u128, at_most: Option<u32>) -> Batch {
    Batch { id: BatchId(Uuid::from_u128(number)), name: "pasted".into(), at_most }
}

#[test]
fn a_task_that_is_bound_to_a_runner_waits_for_it_and_holds_up_nobody() {
    let mut desk = Desk::new();
    desk.file_for(1, "scripted", Some(8), None);
    desk.file(2, "scripted");
    assert_eq!(grants(&desk.online(9, &about(4, SCRIPTED), &[])), [(2, 9)]);
    assert_eq!(desk.file(3, "scripted"), [(3, 9)], "the first in line is passed over");
    assert_eq!(grants(&desk.online(8, &about(1, SCRIPTED), &[])), [(1, 8)]);
    assert_eq!(desk.file_for(4, "scripted", Some(8), None), [], "its only worker is busy");
    assert_eq!(desk.file_for(5, "scripted", Some(9), None), [(5, 9)]);
}

#[test]
fn of_a_batch_no_more_are_out_than_it_may_have() {
    let mut desk = Desk::new();
    let two = batch(1, Some(2));
    for number in 1..=5 {
        desk.file_for(number, "scripted", None, Some(&two));
    }
    desk.file(6, "scripted");
    assert_eq!(
        grants(&desk.online(9, &about(8, SCRIPTED), &[])),
        [(1, 9), (2, 9), (6, 9)],
        "others go on beside it"
    );
    assert_eq!(grants(&desk.tell(QueueEvent::Released { run: run(1) })), [(3, 9)]);
    assert_eq!(desk.file_for(7, "scripted", None, Some(&batch(2, None))), [(7, 9)]);
}

#[test]
fn what_a_batch_has_out_is_known_after_a_restart() {
    let mut desk = Desk::new();
    let one = batch(1, Some(1));
    desk.runs = 50;
    let lease = Lease {
        task: task(1),
        run: run(1),
        runner: runner(9),
        fence: 4,
        batch: Some(one.id),
        taken: true,
    };
    desk.tell(QueueEvent::Restored(lease));
    desk.file_for(2, "scripted", None, Some(&one));
    assert_eq!(desk.online(9, &about(4, SCRIPTED), &[held(1, false)]), []);
    desk.tell(QueueEvent::Beat { runner: runner(9), runs: &[run(1)] });
    assert_eq!(grants(&desk.tell(QueueEvent::Released { run: run(1) })), [(2, 9)]);
}
