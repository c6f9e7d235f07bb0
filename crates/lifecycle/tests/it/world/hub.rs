//! The hub around its machines: what it stores, and what it does with their
//! effects. A restart keeps what stands under "durable" and nothing else.

use super::wire::{Down, Up};
use super::{Happening, World};
use pilot_lifecycle::{
    Memory, Queue, QueueEffect, QueueEvent, TaskEffect, TaskEvent, TaskMachine, Terms,
};
use pilot_proto::event::{Cursor, Event, Record};
use pilot_proto::run::{Run, RunSpec};
use pilot_proto::runner::{About, Act, AgentFound, Held, Known, Verdict};
use pilot_proto::task::{PullRequest, Task, TaskState};
use pilot_proto::{InboxId, OrderId, RunId, RunnerId, TaskId};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

/// Seconds: short enough that a partition outlasts it several times a game.
pub(crate) const LEASE_SECS: u64 = 600;
const GRACE_SECS: u64 = 300;

#[derive(Debug)]
pub(crate) struct Hub {
    pub(crate) up: bool,
    /// Counts restarts: what an earlier life had begun comes to nothing.
    life: u64,
    queue: Queue,
    /// Each runner's connection.
    here: BTreeMap<RunnerId, usize>,
    next_tick: Option<u64>,

    // Durable.
    pub(crate) tasks: BTreeMap<TaskId, TaskMachine>,
    pub(crate) journals: BTreeMap<RunId, Vec<Record>>,
    pub(crate) orders: BTreeMap<OrderId, (RunId, Act)>,
    pub(crate) inbox: BTreeSet<InboxId>,
    specs: BTreeMap<RunId, RunSpec>,
    task_of: BTreeMap<RunId, TaskId>,
    runner_of: BTreeMap<RunId, RunnerId>,
}

impl Default for Hub {
    fn default() -> Self {
        Self {
            up: false,
            life: 0,
            queue: new_queue(),
            here: BTreeMap::new(),
            next_tick: None,
            tasks: BTreeMap::new(),
            journals: BTreeMap::new(),
            orders: BTreeMap::new(),
            inbox: BTreeSet::new(),
            specs: BTreeMap::new(),
            task_of: BTreeMap::new(),
            runner_of: BTreeMap::new(),
        }
    }
}

impl Hub {
    /// Tasks whose lease is out.
    pub(crate) fn leased(&self) -> impl Iterator<Item = TaskId> {
        self.tasks.keys().copied().filter(|task| self.queue.lease(*task).is_some())
    }
}

fn new_queue() -> Queue {
    Queue::new(Terms {
        lease: Duration::from_secs(LEASE_SECS),
        grace: Duration::from_secs(GRACE_SECS),
    })
}

impl World {
    pub(crate) fn hub_up(&mut self) {
        self.hub.up = true;
        self.hub.life += 1;
        self.hub.queue = new_queue();
        self.hub.next_tick = None;
        self.hub.here.clear();
        let now = self.clock();
        let tasks: Vec<TaskId> = self.hub.tasks.keys().copied().collect();
        for task in &tasks {
            let machine = reread(&self.hub.tasks[task]);
            if let Some(lease) = machine.lease() {
                let granted = self.hub.queue.handle(now, QueueEvent::Restored(lease));
                assert!(granted.is_empty(), "nothing waits yet");
            }
            self.hub.tasks.insert(*task, machine);
        }
        for task in tasks {
            self.tell_task(task, TaskEvent::Begin);
        }
    }

    pub(crate) fn hub_down(&mut self) {
        self.hub.up = false;
        self.hub.here.clear();
        // Also those on which nobody has said hello yet.
        for connection in 0..self.connections.len() {
            self.cut(connection);
        }
        let pause = self.dice.between(1_000, 120_000);
        self.schedule(pause, Happening::HubUp);
    }

    pub(crate) fn file(&mut self, task: Task, forge: bool) {
        let id = task.id;
        self.hub.tasks.insert(id, TaskMachine::new(task, forge));
        if self.hub.up {
            self.tell_task(id, TaskEvent::Begin);
        }
    }

    pub(crate) fn tell_task(&mut self, task: TaskId, event: TaskEvent<'_>) {
        let now = self.clock();
        self.see_event(&event);
        let Some(machine) = self.hub.tasks.get_mut(&task) else { return };
        let before = machine.task().fence;
        let heard = self.story.is_some().then(|| format!("{event:?}"));
        let effects = machine.handle(now, event);
        assert!(machine.task().fence >= before, "a fencing token never shrinks");
        if let Some(heard) = heard {
            let state = format!("{:?}", machine.task().state);
            self.tell(|| format!("  task {}: {heard} -> {effects:?}, {state}", task.short()));
        }
        let mut effects: VecDeque<TaskEffect> = effects.into();
        while let Some(effect) = effects.pop_front() {
            self.task_effect(task, effect);
        }
    }

    fn task_effect(&mut self, task: TaskId, effect: TaskEffect) {
        match effect {
            TaskEffect::Enqueue => {
                let run = RunId(self.id());
                let known = self.hub.tasks[&task].task().clone();
                let event = QueueEvent::Wanted {
                    task,
                    run,
                    fence: known.fence + 1,
                    agent: known.agent.clone(),
                    only_runner: known.only_runner,
                    batch: known.batch.as_ref(),
                    created_at: known.created_at,
                };
                self.tell_queue(event);
            }
            TaskEffect::Dequeue => self.tell_queue(QueueEvent::Withdrawn { task }),
            TaskEffect::Order { run, act } => {
                if let Act::PermitPush { fence } = act {
                    self.permit(task, fence);
                }
                let order = self.order_id();
                self.hub.orders.insert(order, (run, act.clone()));
                self.tell_runner_of(run, &Down::Order { order, run, act });
            }
            TaskEffect::Fence { run } => {
                self.tell_runner_of(run, &Down::Verdict { run, verdict: Verdict::Fenced });
                self.drop_orders(task, run);
            }
            TaskEffect::RunOver { run } => {
                self.tell_runner_of(run, &Down::Verdict { run, verdict: Verdict::Forget });
                self.tell_queue(QueueEvent::Released { run });
                self.drop_orders(task, run);
            }
            TaskEffect::InboxPut(item) if item.answered.is_none() => {
                self.hub.inbox.insert(item.id);
            }
            TaskEffect::InboxPut(item) => {
                self.hub.inbox.remove(&item.id);
            }
            TaskEffect::InboxGone { item } => {
                self.hub.inbox.remove(&item);
            }
            // No run of this world wishes for one.
            TaskEffect::FileChild { .. } => {}
            // No forge of this world holds anything.
            TaskEffect::ReleaseCi { .. } => {}
            TaskEffect::OpenPullRequest { .. } => {
                let delay = self.dice.between(100, 20_000);
                let life = self.hub.life;
                self.schedule(delay, Happening::Forge { task, life });
            }
            TaskEffect::Refused(_) => {}
        }
    }

    fn drop_orders(&mut self, task: TaskId, run: RunId) {
        let undone: Vec<OrderId> = self
            .hub
            .orders
            .iter()
            .filter(|(_, (for_run, _))| *for_run == run)
            .map(|(order, _)| *order)
            .collect();
        for order in undone {
            if let Some((run, act)) = self.hub.orders.remove(&order) {
                self.tell_task(task, TaskEvent::Undone { run, act });
            }
        }
    }

    fn tell_queue(&mut self, event: QueueEvent<'_>) {
        let now = self.clock();
        for effect in self.hub.queue.handle(now, event) {
            match effect {
                QueueEffect::Grant { task, run, runner, fence } => {
                    self.grant(task, run, runner, fence);
                }
                QueueEffect::Expire { task, run } => {
                    self.tell_task(task, TaskEvent::LeaseExpired { run });
                }
                QueueEffect::Lost { task, run } => {
                    self.tell_task(task, TaskEvent::RunLost { run });
                }
            }
        }
        self.wind_up_hub();
    }

    fn wind_up_hub(&mut self) {
        let Some(deadline) = self.hub.queue.next_deadline() else { return };
        let at = u64::try_from(deadline.0 / 1000).expect("the clock starts after zero") + 1;
        if self.hub.next_tick.is_none_or(|tick| at < tick || tick <= self.now) {
            self.hub.next_tick = Some(at);
            self.schedule_at(at, Happening::HubTick);
        }
    }

    pub(crate) fn hub_tick(&mut self) {
        if self.hub.up {
            self.tell_queue(QueueEvent::Tick);
        }
    }

    fn grant(&mut self, task: TaskId, run: RunId, runner: RunnerId, fence: u64) {
        let last = self.fences.insert(task, fence);
        if last.is_some_and(|last| last >= fence) {
            self.broken(format!("fence {fence} was granted after {last:?}"));
        }
        self.hub.task_of.insert(run, task);
        self.hub.runner_of.insert(run, runner);
        self.tell_task(task, TaskEvent::Leased { run, runner, fence });
        self.check_grant(task, runner);
        let machine = &self.hub.tasks[&task];
        let spec = spec(machine, run, fence);
        self.hub.specs.insert(run, spec.clone());
        self.tell_runner_of(run, &Down::Assign { spec: Box::new(spec) });
    }

    /// It is where it is wanted, and its batch has room for it.
    fn check_grant(&mut self, task: TaskId, runner: RunnerId) {
        let granted = self.hub.tasks[&task].task();
        if granted.only_runner.is_some_and(|only| only != runner) {
            self.broken(format!("task {} was given to another runner than its own", task.short()));
        } else if let Some(batch) = &granted.batch {
            let out = |other: &TaskId| {
                self.hub.tasks[other].task().batch.as_ref().is_some_and(|one| one.id == batch.id)
            };
            let out = self.hub.leased().filter(out).count();
            let at_most = batch.at_most.map_or(usize::MAX, |most| most as usize);
            if out > at_most {
                self.broken(format!("{out} of a batch are leased, and {at_most} may be"));
            }
        }
    }

    fn tell_runner_of(&mut self, run: RunId, message: &Down) {
        // A hub that dies after the commit and before it has sent anything.
        if self.faulty() && self.dice.chance(4) && self.hub.up {
            self.hub_down();
        }
        let runner = self.hub.runner_of.get(&run);
        if let Some(connection) = runner.and_then(|runner| self.hub.here.get(runner)) {
            self.send_down(*connection, message);
        }
    }

    pub(crate) fn hub_sees_cut(&mut self, connection: usize) {
        let runner = self.machines[self.connections[connection].machine].runner;
        if self.hub.here.get(&runner) == Some(&connection) {
            self.hub.here.remove(&runner);
            self.tell_queue(QueueEvent::Offline { runner });
            self.tell_tasks_of(runner, &TaskEvent::RunnerOffline);
            // Somebody sees it go and has no patience.
            if self.faulty() && self.dice.chance(250) {
                self.tell_tasks_of(runner, &TaskEvent::StopWanted);
                self.tell_tasks_of(runner, &TaskEvent::AgainWanted);
            }
        }
    }

    fn tell_tasks_of(&mut self, runner: RunnerId, event: &TaskEvent<'_>) {
        let theirs: Vec<TaskId> = self
            .hub
            .tasks
            .values()
            .filter(|machine| machine.lease().is_some_and(|lease| lease.runner == runner))
            .map(|machine| machine.task().id)
            .collect();
        for task in theirs {
            self.tell_task(task, event.clone());
        }
    }

    pub(crate) fn hub_hears(&mut self, connection: usize, message: Up) {
        if !self.hub.up {
            return;
        }
        let runner = self.machines[self.connections[connection].machine].runner;
        // What was said over an older connection is late, but a journal stays true.
        let current = self.hub.here.get(&runner) == Some(&connection);
        match message {
            Up::Hello { held } => self.hello(connection, runner, &held),
            Up::Journal { run, records } => self.journal(connection, run, records),
            Up::Beat { runs } if current => {
                self.send_down(connection, &Down::BeatHeard);
                self.tell_queue(QueueEvent::Beat { runner, runs: &runs });
            }
            Up::Taken { run } if current => self.tell_queue(QueueEvent::Taken { run }),
            Up::Declined { run } if current => self.declined(run),
            Up::Beat { .. } | Up::Taken { .. } | Up::Declined { .. } => {}
        }
    }

    fn declined(&mut self, run: RunId) {
        self.tell_queue(QueueEvent::Declined { run });
        if let Some(task) = self.hub.task_of.get(&run).copied() {
            self.tell_task(task, TaskEvent::Declined { run, reason: "full".into() });
        }
    }

    fn hello(&mut self, connection: usize, runner: RunnerId, held: &[Held]) {
        let newest = self.hub.here.get(&runner).copied();
        if newest.is_some_and(|newest| newest > connection) {
            return;
        }
        self.hub.here.insert(runner, connection);
        let runs = held.iter().map(|held| self.known(held.run)).collect();
        self.send_down(connection, &Down::Welcome { runs });
        let about = about(self.setting.workers);
        self.tell_queue(QueueEvent::Online { runner, about: &about, held });
        self.tell_tasks_of(runner, &TaskEvent::RunnerOnline);
        let holds: BTreeSet<RunId> = held.iter().map(|held| held.run).collect();
        self.assign_again(connection, runner, &holds);
        let orders: Vec<(OrderId, (RunId, Act))> = self
            .hub
            .orders
            .iter()
            .filter(|(_, (run, _))| self.hub.runner_of.get(run) == Some(&runner))
            .map(|(order, what)| (*order, what.clone()))
            .collect();
        for (order, (run, act)) in orders {
            self.send_down(connection, &Down::Order { order, run, act });
        }
    }

    fn known(&self, run: RunId) -> Known {
        let end = self.hub.journals.get(&run).and_then(|journal| journal.last());
        let acked = end.map_or_else(Cursor::default, Record::cursor);
        let task = self.hub.task_of.get(&run).and_then(|task| self.hub.tasks.get(task));
        let verdict = task.map_or(Verdict::Fenced, |machine| machine.verdict(run));
        Known { run, acked, verdict }
    }

    fn assign_again(&mut self, connection: usize, runner: RunnerId, holds: &BTreeSet<RunId>) {
        let untaken: Vec<(RunId, bool)> = self
            .hub
            .tasks
            .values()
            .filter_map(|machine| Some((machine, machine.lease()?)))
            .filter(|(_, lease)| lease.runner == runner && !holds.contains(&lease.run))
            .map(|(machine, lease)| (lease.run, machine.is_current(lease.run)))
            .collect();
        for (run, current) in untaken {
            if current {
                let spec = self.hub.specs[&run].clone();
                self.send_down(connection, &Down::Assign { spec: Box::new(spec) });
            } else {
                self.declined(run);
            }
        }
    }

    fn journal(&mut self, connection: usize, run: RunId, records: Vec<Record>) {
        let Some(task) = self.hub.task_of.get(&run).copied() else { return };
        for record in records {
            let journal = self.hub.journals.entry(run).or_default();
            let end = journal.last().map_or_else(Cursor::default, Record::cursor);
            if record.seq <= end.seq {
                continue;
            }
            if record.seq != end.seq + 1 {
                return self.broken(format!("hole before {} after {}", record.seq, end.seq));
            }
            if journal.is_empty() {
                self.tell_queue(QueueEvent::Taken { run });
            }
            let event = record.event.clone();
            self.hub.journals.entry(run).or_default().push(record);
            self.committed(task, run, &event);
        }
        let end = self.hub.journals.get(&run).and_then(|journal| journal.last());
        if let Some(cursor) = end.map(Record::cursor) {
            self.send_down(connection, &Down::Acked { run, cursor });
        }
    }

    fn committed(&mut self, task: TaskId, run: RunId, event: &Event) {
        if let Event::OrderDone { order, problem } = event {
            let order = self.hub.orders.remove(order);
            self.tell_task(task, TaskEvent::Journal { run, event });
            if let (Some((run, act)), Some(_)) = (order, problem) {
                self.tell_task(task, TaskEvent::Undone { run, act });
            }
        } else {
            self.tell_task(task, TaskEvent::Journal { run, event });
        }
        let lease = self.hub.queue.lease(task);
        if matches!(event, Event::Finished(_)) && lease.is_some_and(|lease| lease.run == run) {
            self.broken(format!("run {} has finished and keeps its lease", run.short()));
        }
    }

    pub(crate) fn forge_answers(&mut self, task: TaskId, life: u64) {
        if !self.hub.up || life != self.hub.life {
            return;
        }
        if self.faulty() && self.dice.chance(100) {
            let problem = pilot_proto::Problem::new(pilot_proto::Code::ForgeRefused, "no");
            return self.tell_task(task, TaskEvent::PublishFailed { problem });
        }
        let head = self.remote.head(task).cloned().unwrap_or_default();
        let pull_request = PullRequest { number: 1, url: String::new(), head, checks: None };
        self.tell_task(task, TaskEvent::PullRequestOpen { pull_request });
        let delay = self.dice.between(1_000, 600_000);
        match self.dice.below(3) {
            0 => self.schedule(delay, Happening::ReviewEnds { task, merged: true }),
            1 => self.schedule(delay, Happening::ReviewEnds { task, merged: false }),
            _ => {}
        }
    }

    pub(crate) fn review_ends(&mut self, task: TaskId, merged: bool) {
        if self.hub.up {
            let event =
                if merged { TaskEvent::PullRequestMerged } else { TaskEvent::PullRequestClosed };
            self.tell_task(task, event);
        }
    }
}

/// What a restart leaves of a task: its rows, through JSON as the store keeps them.
fn reread(machine: &TaskMachine) -> TaskMachine {
    fn through<T: serde::Serialize + serde::de::DeserializeOwned>(value: &T) -> T {
        let text = serde_json::to_string(value).expect("it is stored as JSON");
        serde_json::from_str(&text).expect("what was stored can be read")
    }
    let task: Task = through(machine.task());
    let runs: Vec<Run> = machine.runs().iter().map(through).collect();
    let memory: Memory = through(machine.memory());
    TaskMachine::restore(task, runs, memory)
}

fn about(workers: u32) -> About {
    let agent = |name: &str, problem: Option<&str>| AgentFound {
        name: name.into(),
        version: None,
        problem: problem.map(Into::into),
        abilities: None,
        origin: Default::default(),
        program: None,
        own_login: None,
        live: None,
    };
    About {
        name: "runner".into(),
        build: "test".into(),
        platform: "test".into(),
        workers,
        draining: false,
        seal_key: None,
        agents: vec![
            agent("scripted", None),
            agent("another", None),
            agent("claude", Some("not installed")),
        ],
        checks: Vec::new(),
    }
}

fn spec(machine: &TaskMachine, run: RunId, fence: u64) -> RunSpec {
    let task = machine.task();
    RunSpec {
        run,
        task: task.id,
        attempt: task.attempts,
        fence,
        lease_secs: LEASE_SECS,
        title: task.title.clone(),
        prompt: machine.prompt(),
        project: task.project.clone(),
        repo: "/repo".into(),
        base: None,
        branch: task.branch.clone(),
        pushed: task.pushed.clone(),
        setup: vec!["true".into()],
        agent: task.agent.clone(),
        model: task.model.clone(),
        mode: task.mode,
        on_timeout: task.on_timeout,
        limits: task.limits.clone(),
        resume: machine.resume().cloned(),
        at: machine.at().map(Into::into),
        git: None,
        attachments: Vec::new(),
        provider: None,
        fallbacks: Vec::new(),
        network: Default::default(),
        walls: Default::default(),
        secrets: Vec::new(),
        prices: Vec::new(),
        spent_micros: 0,
        hub_key: None,
        permissions: Default::default(),
        review: task
            .review
            .clone()
            .map(|pass| Box::new(pilot_proto::run::Reviewer { pass, provider: None })),
        children: Default::default(),
        remote_control: None,
        outgoing: None,
    }
}

/// A task in that state takes no more part.
pub(crate) fn rests(state: &TaskState) -> bool {
    state.is_end() || matches!(state, TaskState::InReview { .. })
}
