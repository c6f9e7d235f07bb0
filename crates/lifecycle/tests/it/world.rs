//! A house in one thread: a hub, its runners, their shims and agents, a git
//! remote and a few impatient people, on a manual clock, with everything that
//! can break breaking. What is played here are the product's own machines;
//! around them stands the least that a hub, a daemon and a shim must do, and
//! no more of it is kept over a crash than those keep on disk.
//!
//! Checked all the time: one agent per task; no push but with the current
//! token; no wipe before a rescue; every journal whole. Checked at the end:
//! every task has an end, and every runner is as clean as it was.

pub(crate) mod daemon;
pub(crate) mod dice;
pub(crate) mod faults;
pub(crate) mod hub;
pub(crate) mod people;
pub(crate) mod remote;
pub(crate) mod shim;
pub(crate) mod sights;
pub(crate) mod wire;

use daemon::Machine;
use dice::Dice;
use hub::Hub;
use pilot_lifecycle::RunEvent;
use pilot_proto::event::{Event, Record};
use pilot_proto::run::Outcome;
use pilot_proto::task::TaskState;
use pilot_proto::{InboxId, OrderId, RunId, TaskId, Timestamp};
use remote::Remote;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use wire::{Connection, Down, Up};

/// What one game is played with. All of it is printed when a game is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Setting {
    pub(crate) seed: u64,
    pub(crate) tasks: u64,
    pub(crate) runners: usize,
    pub(crate) workers: u32,
    /// How many faults.
    pub(crate) faults: u64,
    /// How many wishes of people.
    pub(crate) wishes: u64,
}

/// Something that is going to happen.
#[derive(Debug, Clone)]
pub(crate) enum Happening {
    ToHub {
        connection: usize,
        message: Up,
    },
    ToRunner {
        connection: usize,
        message: Down,
    },
    CutSeenByHub {
        connection: usize,
    },
    CutSeenByRunner {
        connection: usize,
    },
    Dial {
        machine: usize,
        life: u64,
    },
    Beat {
        machine: usize,
        connection: usize,
    },
    HubTick,
    HubUp,
    DaemonUp {
        machine: usize,
    },
    ShimDied {
        machine: usize,
        life: u64,
        run: RunId,
    },
    ShimTick {
        machine: usize,
        run: RunId,
        epoch: u32,
    },
    /// A step of the shim is over.
    Step {
        machine: usize,
        run: RunId,
        epoch: u32,
        token: u64,
    },
    /// The agent does something, or what it does becomes known.
    Agent {
        machine: usize,
        run: RunId,
        epoch: u32,
        event: Option<RunEvent>,
    },
    /// A `git push` that outlived its shim.
    OrphanPush {
        machine: usize,
        run: RunId,
    },
    Forge {
        task: TaskId,
        life: u64,
    },
    ReviewEnds {
        task: TaskId,
        merged: bool,
    },
    Fault,
    Wish,
}

pub(crate) struct World {
    /// Milliseconds.
    pub(crate) now: u64,
    pub(crate) dice: Dice,
    agenda: BinaryHeap<Reverse<(u64, u64, usize)>>,
    happenings: Vec<Option<Happening>>,
    free: Vec<usize>,
    order: u64,
    pub(crate) setting: Setting,
    pub(crate) hub: Hub,
    pub(crate) machines: Vec<Machine>,
    pub(crate) connections: Vec<Connection>,
    pub(crate) remote: Remote,
    /// The token of each task's latest grant, as the harness saw it.
    pub(crate) fences: BTreeMap<TaskId, u64>,
    /// Agents that run, by task.
    pub(crate) agents: BTreeMap<TaskId, BTreeSet<RunId>>,
    /// Every record that a shim minted.
    pub(crate) minted: BTreeMap<RunId, Vec<Record>>,
    /// What people said to which task.
    pub(crate) said: Vec<(TaskId, String)>,
    ids: u128,
    until: u64,
    wrong: Option<String>,
    pub(crate) sights: sights::Sights,
    pub(crate) story: Option<Vec<String>>,
}

/// Faults and wishes end after this long.
const FAULTY: u64 = 2_500_000;
/// After that everything must have come to an end within this.
const SETTLING: u64 = 40_000_000;
/// And within so many moves; the longest games take a tenth of them.
const MOVES: u64 = 50_000;

impl World {
    pub(crate) fn new(setting: Setting) -> Self {
        let mut world = Self {
            now: 1_000_000,
            dice: Dice::new(setting.seed),
            agenda: BinaryHeap::new(),
            happenings: Vec::new(),
            free: Vec::new(),
            order: 0,
            setting,
            hub: Hub::default(),
            machines: Vec::new(),
            connections: Vec::new(),
            remote: Remote::default(),
            fences: BTreeMap::new(),
            agents: BTreeMap::new(),
            minted: BTreeMap::new(),
            said: Vec::new(),
            ids: 0,
            until: 1_000_000 + FAULTY,
            wrong: None,
            sights: sights::Sights::default(),
            story: None,
        };
        for machine in 0..setting.runners {
            let runner = pilot_proto::RunnerId(world.id());
            world.machines.push(Machine::new(runner));
            world.schedule(0, Happening::DaemonUp { machine });
        }
        world.schedule(0, Happening::HubUp);
        for _ in 0..setting.tasks {
            world.file_task();
        }
        for _ in 0..setting.faults {
            let at = world.dice.below(FAULTY);
            world.schedule(at, Happening::Fault);
        }
        for _ in 0..setting.wishes {
            let at = world.dice.below(FAULTY);
            world.schedule(at, Happening::Wish);
        }
        world.schedule(FAULTY, Happening::Wish);
        world
    }

    /// Plays the game to its end; the error says what must never be.
    pub(crate) fn play(&mut self) -> Result<(), String> {
        while let Some(Reverse((at, _, slot))) = self.agenda.pop() {
            let Some(happening) = self.happenings[slot].take() else { continue };
            self.free.push(slot);
            self.now = at;
            // Two ways of never coming to an end: waiting, and turning round and round.
            if at > self.until + SETTLING || self.order > MOVES {
                return Err(self.unsettled());
            }
            self.tell(|| format!("{happening:?}"));
            self.happen(happening);
            if let Some(wrong) = self.wrong.take() {
                return Err(wrong);
            }
            if self.late() && self.settled() {
                break;
            }
        }
        self.see_journals();
        self.check_the_end()
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::ToHub { connection, message } => {
                if self.arrives(connection, true) {
                    self.hub_hears(connection, message);
                }
            }
            Happening::ToRunner { connection, message } => {
                if self.arrives(connection, false) {
                    self.daemon_hears(connection, message);
                }
            }
            Happening::CutSeenByHub { connection } => self.hub_sees_cut(connection),
            Happening::CutSeenByRunner { connection } => self.daemon_sees_cut(connection),
            Happening::Dial { machine, life } => self.dial(machine, life),
            Happening::Beat { machine, connection } => self.beat(machine, connection),
            Happening::HubTick => self.hub_tick(),
            Happening::HubUp => self.hub_up(),
            Happening::DaemonUp { machine } => self.daemon_up(machine),
            Happening::ShimDied { machine, life, run } => self.shim_died(machine, life, run),
            Happening::ShimTick { machine, run, epoch } => {
                self.shim_hears(machine, run, epoch, RunEvent::Tick);
            }
            Happening::Step { machine, run, epoch, token } => {
                self.step_ends(machine, run, epoch, token);
            }
            Happening::Agent { machine, run, epoch, event } => {
                self.agent_acts(machine, run, epoch, event);
            }
            Happening::OrphanPush { machine, run } => self.orphan_push(machine, run),
            Happening::Forge { task, life } => self.forge_answers(task, life),
            Happening::ReviewEnds { task, merged } => self.review_ends(task, merged),
            Happening::Fault => self.fault(),
            Happening::Wish => self.wish(),
        }
    }

    /// Notes a move, if somebody wants the story.
    pub(crate) fn tell(&mut self, what: impl FnOnce() -> String) {
        if let Some(story) = &mut self.story {
            story.push(format!("{:>9.3} {}", self.now as f64 / 1000.0, what()));
        }
    }

    pub(crate) fn schedule(&mut self, delay: u64, happening: Happening) {
        self.schedule_at(self.now + delay, happening);
    }

    pub(crate) fn schedule_at(&mut self, at: u64, happening: Happening) {
        self.order += 1;
        let slot = self.free.pop().unwrap_or_else(|| {
            self.happenings.push(None);
            self.happenings.len() - 1
        });
        self.happenings[slot] = Some(happening);
        self.agenda.push(Reverse((at.max(self.now), self.order, slot)));
    }

    pub(crate) fn clock(&self) -> Timestamp {
        Timestamp(i64::try_from(self.now * 1000).expect("a game is shorter than that"))
    }

    /// True while things may break.
    pub(crate) fn faulty(&self) -> bool {
        self.setting.faults > 0 && !self.late()
    }

    /// Nothing new is wished for any more, and nothing breaks.
    pub(crate) fn late(&self) -> bool {
        self.now >= self.until
    }

    pub(crate) fn id(&mut self) -> uuid::Uuid {
        self.ids += 1;
        // Spread out, as real ids are, so that nothing leans on their order.
        uuid::Uuid::from_u128((u128::from(self.dice.roll()) << 64) | self.ids)
    }

    pub(crate) fn order_id(&mut self) -> OrderId {
        OrderId(self.id())
    }

    pub(crate) fn broken(&mut self, what: String) {
        self.wrong.get_or_insert(what);
    }

    fn settled(&self) -> bool {
        self.hub.up
            && self.hub.leased().next().is_none()
            && self
                .machines
                .iter()
                .all(|machine| machine.disk.is_empty() && machine.shims.is_empty())
            && self.hub.tasks.values().all(|machine| {
                let state = &machine.task().state;
                state.is_end() || matches!(state, TaskState::InReview { .. })
            })
    }

    fn unsettled(&self) -> String {
        let tasks: Vec<String> = self
            .hub
            .tasks
            .values()
            .map(|machine| format!("{:?} ({})", machine.task().state, machine.task().reason))
            .collect();
        let disks: Vec<usize> = self.machines.iter().map(|machine| machine.disk.len()).collect();
        format!("it does not come to an end: {tasks:?}, runs on the runners' disks: {disks:?}")
    }

    fn check_the_end(&self) -> Result<(), String> {
        if !self.settled() {
            return Err(self.unsettled());
        }
        for (run, minted) in &self.minted {
            if self.hub.journals.get(run) != Some(minted) {
                return Err(format!(
                    "the hub's journal of run {} is not what was minted",
                    run.short()
                ));
            }
            let ends =
                minted.iter().filter(|record| matches!(record.event, Event::Finished(_))).count();
            let last = minted.last().map(|record| &record.event);
            if ends != 1 || !matches!(last, Some(Event::Finished(_))) {
                return Err(format!("run {} finished {ends} times", run.short()));
            }
        }
        if let Some((task, runs)) = self.agents.iter().find(|(_, runs)| !runs.is_empty()) {
            return Err(format!("task {} still has agents: {runs:?}", task.short()));
        }
        for machine in &self.machines {
            if let Some(run) = machine.workspaces.keys().next() {
                return Err(format!("the workspace of run {} is still there", run.short()));
            }
        }
        let open: Vec<&InboxId> = self.hub.inbox.iter().collect();
        if !open.is_empty() {
            return Err(format!("inbox items of ended runs are still open: {open:?}"));
        }
        let mut done = BTreeSet::new();
        for record in self.minted.values().flatten() {
            if let Event::OrderDone { order, .. } = record.event
                && !done.insert(order)
            {
                return Err(format!("order {order} was answered twice"));
            }
        }
        for (task, text) in &self.said {
            if !self.was_heard_or_kept(*task, text) {
                return Err(format!("what was said to task {} is gone: {text}", task.short()));
            }
        }
        for run in self.remote.landed_by() {
            let outcome = self.minted[&run].last().map(|record| &record.event);
            if !matches!(outcome, Some(Event::Finished(Outcome::Pushed { .. }))) {
                return Err(format!("run {} has pushed, and says {outcome:?}", run.short()));
            }
        }
        let orders = self.hub.orders.len();
        if orders > 0 {
            return Err(format!("{orders} orders to ended runs are still kept"));
        }
        Ok(())
    }

    /// An agent was told, or the next one will be.
    fn was_heard_or_kept(&self, task: TaskId, text: &str) -> bool {
        let machine = &self.hub.tasks[&task];
        let told = |record: &Record| match &record.event {
            Event::TurnStarted { prompt, .. } => prompt.contains(text),
            Event::Steered { text: told } => told == text,
            _ => false,
        };
        let runs = machine.runs().iter().filter_map(|run| self.minted.get(&run.id));
        machine.prompt().contains(text) || runs.flatten().any(told)
    }
}
