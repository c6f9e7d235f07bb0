//! The core's memory: the machines of every task that is not over, and what
//! the store holds of each, so that only what differs is written.

use super::intake::IntakeBoard;
use super::schedules::ScheduleBoard;
use crate::options::HubOptions;
use crate::settings::{self, Secrets};
use pilot_lifecycle::{Memory, Queue, TaskMachine, Terms};
use pilot_proto::console::{InboxQuery, Prices};
use pilot_proto::project::Profile;
use pilot_proto::task::ChildSeen;
use pilot_proto::{
    Forge, InboxId, InboxItem, Project, Provider, Run, RunId, RunnerId, Task, TaskId, TaskState,
};
use pilot_store::{EnrolledRunner, JournalEnd, PendingOrder, Store, StoreError};
use std::collections::{BTreeMap, HashMap};

/// Settings with this prefix hold what a task's machine remembers.
const MEMORY: &str = "task-memory/";

pub(crate) fn memory_key(task: TaskId) -> String {
    format!("{MEMORY}{task}")
}

/// Everything the core decides from.
pub(crate) struct Board {
    pub(crate) queue: Queue,
    /// Tasks that are not over, and those that something just happened to.
    pub(crate) tasks: HashMap<TaskId, Slot>,
    /// Runs of those tasks.
    pub(crate) runs: HashMap<RunId, Journal>,
    /// Orders not known to be done, in the order given.
    pub(crate) orders: HashMap<RunId, Vec<PendingOrder>>,
    /// Items that nobody has answered.
    pub(crate) inbox: HashMap<InboxId, InboxItem>,
    pub(crate) runners: BTreeMap<RunnerId, EnrolledRunner>,
    pub(crate) projects: BTreeMap<String, Project>,
    pub(crate) forges: BTreeMap<String, Forge>,
    pub(crate) providers: BTreeMap<String, Provider>,
    pub(crate) profiles: BTreeMap<String, Profile>,
    /// What is known of secrets; their values are where credentials are.
    pub(crate) secrets: Secrets,
    pub(crate) prices: Prices,
    pub(crate) intake: IntakeBoard,
    pub(crate) schedules: ScheduleBoard,
}

/// A task's machine.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) machine: TaskMachine,
    /// Why the pull request is late; shown as the task's reason.
    pub(crate) late: Option<String>,
    /// Why it waits in the queue; shown as the task's reason.
    pub(crate) waits: Option<String>,
    stored: Stored,
}

#[derive(Debug, Default)]
struct Stored {
    task: Option<Task>,
    runs: Vec<Run>,
    memory: Option<Memory>,
}

/// A run's journal, as far as the core must know it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Journal {
    pub(crate) task: TaskId,
    pub(crate) runner: RunnerId,
    pub(crate) fence: u64,
    /// Only the cursor counts here; lines and bytes are the store's.
    pub(crate) end: JournalEnd,
}

/// What of a slot is not stored yet.
#[derive(Debug, Default)]
pub(crate) struct Unsaved {
    pub(crate) task: Option<Task>,
    pub(crate) runs: Vec<Run>,
    pub(crate) memory: Option<Memory>,
}

impl Slot {
    /// Of a machine that the store does not know yet.
    pub(crate) fn fresh(machine: TaskMachine) -> Self {
        Self { machine, late: None, waits: None, stored: Stored::default() }
    }

    /// The task as everybody sees it.
    pub(crate) fn shown(&self) -> Task {
        let mut task = self.machine.task().clone();
        let of_its_own = if task.state == TaskState::Queued {
            &self.waits
        } else if task.state == TaskState::Publishing {
            &self.late
        } else {
            &None
        };
        if let Some(reason) = of_its_own {
            task.reason.clone_from(reason);
        }
        task
    }

    /// What differs from the store.
    pub(crate) fn unsaved(&self) -> Unsaved {
        let task = self.shown();
        let stored = &self.stored;
        let runs = self.machine.runs();
        let changed = runs.iter().enumerate().filter(|(at, run)| stored.runs.get(*at) != Some(run));
        Unsaved {
            runs: changed.map(|(_, run)| run.clone()).collect(),
            memory: (stored.memory.as_ref() != Some(self.machine.memory()))
                .then(|| self.machine.memory().clone()),
            task: (stored.task.as_ref() != Some(&task)).then_some(task),
        }
    }

    /// The store has it all now.
    pub(crate) fn saved(&mut self) {
        let task = self.shown();
        if self.stored.task.as_ref() != Some(&task) {
            self.stored.task = Some(task);
        }
        if self.stored.runs != self.machine.runs() {
            self.stored.runs = self.machine.runs().to_vec();
        }
        if self.stored.memory.as_ref() != Some(self.machine.memory()) {
            self.stored.memory = Some(self.machine.memory().clone());
        }
    }

    /// How it stands, for the agent of its parent; none if there is none, or
    /// nothing is new of what such an agent is told.
    pub(crate) fn child_news(&self) -> Option<ChildSeen> {
        let task = self.machine.task();
        let same = |stored: &Task| {
            stored.state.name() == task.state.name() && stored.pull_request == task.pull_request
        };
        let news = task.parent.is_some() && !self.stored.task.as_ref().is_some_and(same);
        news.then(|| self.machine.as_child()).flatten()
    }

    /// Nothing more happens to it by itself.
    fn is_over(&self) -> bool {
        self.machine.task().state.is_end()
            && self.machine.watched().is_none()
            && self.machine.runs().iter().all(|run| run.outcome.is_some())
    }
}

impl Board {
    /// Reads everything that is not over.
    pub(crate) async fn load(store: &Store, options: &HubOptions) -> Result<Self, StoreError> {
        let terms = Terms { lease: options.lease, grace: options.lease_grace };
        let mut board = Self {
            queue: Queue::new(terms),
            tasks: HashMap::new(),
            runs: HashMap::new(),
            orders: HashMap::new(),
            inbox: HashMap::new(),
            runners: by_key(store.runners().await?, |runner| runner.id),
            projects: by_key(store.projects().await?, |project| project.name.clone()),
            forges: by_key(store.forges().await?, |forge| forge.name.clone()),
            providers: by_key(store.providers().await?, |provider| provider.name.clone()),
            profiles: by_key(store.profiles().await?, |profile| profile.name.clone()),
            secrets: settings::secrets(store).await?,
            prices: settings::prices(store).await?,
            intake: IntakeBoard::load(store).await?,
            schedules: ScheduleBoard::load(store).await?,
        };
        for item in store.inbox(&InboxQuery::default()).await? {
            board.inbox.insert(item.id, item);
        }
        for order in store.all_orders().await? {
            board.orders.entry(order.run).or_default().push(order);
        }
        // Thousands may wait that have no run yet; their memories are read at
        // once, and none of the many more that are over.
        let mut memories = store.settings_of_open_tasks(MEMORY).await?;
        for task in store.open_tasks().await? {
            let memory = memories.remove(&memory_key(task.id));
            board.add(store, task, memory).await?;
        }
        // A stopped task's run may still be on its way to its end.
        for run in store.unfinished_runs().await? {
            board.summon(store, run.task).await?;
        }
        Ok(board)
    }

    /// Makes sure that a task's machine is here. False if there is no such task.
    pub(crate) async fn summon(&mut self, store: &Store, id: TaskId) -> Result<bool, StoreError> {
        if self.tasks.contains_key(&id) {
            return Ok(true);
        }
        let Some(task) = store.task(id).await? else { return Ok(false) };
        let memory = store.setting(&memory_key(id)).await?;
        self.add(store, task, memory).await?;
        Ok(true)
    }

    /// Makes sure that a run's task is here. False if there is no such run.
    pub(crate) async fn summon_run(
        &mut self,
        store: &Store,
        id: RunId,
    ) -> Result<bool, StoreError> {
        if self.runs.contains_key(&id) {
            return Ok(true);
        }
        let Some(run) = store.run(id).await? else { return Ok(false) };
        self.summon(store, run.task).await?;
        Ok(self.runs.contains_key(&id))
    }

    async fn add(
        &mut self,
        store: &Store,
        task: Task,
        memory: Option<String>,
    ) -> Result<(), StoreError> {
        let id = task.id;
        let runs = if task.attempts == 0 { Vec::new() } else { store.runs(id).await? };
        let memory: Memory =
            match memory {
                Some(text) => serde_json::from_str(&text).map_err(|source| {
                    StoreError::Document { what: "the memory of task", id: id.to_string(), source }
                })?,
                None => Memory::default(),
            };
        for run in &runs {
            let end = store.journal_end(run.id).await?;
            self.runs.insert(run.id, Journal::of(run, end));
        }
        let stored =
            Stored { task: Some(task.clone()), runs: runs.clone(), memory: Some(memory.clone()) };
        let mut machine = TaskMachine::restore(task, runs, memory);
        if let Some(lease) = machine.lease() {
            machine = machine.with_snapshot(&*store.snapshot(lease.run, None).await?);
        }
        self.tasks.insert(id, Slot { machine, late: None, waits: None, stored });
        Ok(())
    }

    /// Forgets a task that is over, and gives its runs; it is read again when
    /// somebody asks.
    pub(crate) fn dismiss(&mut self, id: TaskId) -> Vec<(RunId, RunnerId)> {
        if !self.tasks.get(&id).is_some_and(Slot::is_over) {
            return Vec::new();
        }
        let slot = self.tasks.remove(&id);
        let runs = slot.iter().flat_map(|slot| slot.machine.runs());
        let gone = runs.filter_map(|run| Some((run.id, self.runs.remove(&run.id)?.runner)));
        gone.collect()
    }

    /// Runs that are leased to a runner and not over.
    pub(crate) fn runs_of(&self, runner: RunnerId) -> Vec<RunId> {
        let mut runs: Vec<RunId> = (self.runs.iter())
            .filter(|(_, journal)| journal.runner == runner)
            .filter(|(id, journal)| {
                self.tasks.get(&journal.task).is_some_and(|slot| {
                    slot.machine.runs().iter().any(|run| run.id == **id && run.outcome.is_none())
                })
            })
            .map(|(id, _)| *id)
            .collect();
        runs.sort();
        runs
    }
}

impl Journal {
    pub(crate) fn of(run: &Run, end: JournalEnd) -> Self {
        Self { task: run.task, runner: run.runner, fence: run.fence, end }
    }
}

fn by_key<K: Ord, V>(values: Vec<V>, key: impl Fn(&V) -> K) -> BTreeMap<K, V> {
    values.into_iter().map(|value| (key(&value), value)).collect()
}
