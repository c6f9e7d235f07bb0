//! A task's life in the hub: from what a person asked for to a pull request.
//!
//! ```text
//! Queued → Leased → Working ⇄ NeedsYou → Publishing → InReview → Merged | Closed
//!   ↑___ lease lost, declined ___|           └→ Published (no forge)
//!                       any → Failed | Cancelled | NoChange
//! ```
//!
//! The machine learns about a run only from the run's journal, record by
//! record, after it was committed. **Invariants:** a push is permitted only to
//! the run that has the latest fencing token of a task nobody stopped; records
//! of an older run never move the task, they are only kept in that run's own
//! [`Run`] (rescue, usage, outcome); nothing a person said is dropped silently.

use pilot_proto::event::Event;
use pilot_proto::inbox::{Answer, InboxItem};
use pilot_proto::run::{Resume, Run};
use pilot_proto::runner::Act;
use pilot_proto::task::{PullRequest, Task};
use pilot_proto::{InboxId, Problem, RunId, RunnerId, Timestamp};
use serde::{Deserialize, Serialize};

/// What happened to a task.
#[derive(Debug, Clone, PartialEq)]
pub enum TaskEvent<'a> {
    /// The machine was just made, fresh or from the store: it says (again)
    /// what must be under way (`Enqueue`, `OpenPullRequest`, `Fence`).
    Begin,
    /// The queue gave the task to a runner.
    Leased {
        /// Id of the new run.
        run: RunId,
        /// Where.
        runner: RunnerId,
        /// The lease's fencing token, greater than any before.
        fence: u64,
    },
    /// The runner would not take the run; it never began.
    Declined {
        /// Which.
        run: RunId,
        /// In the runner's words.
        reason: String,
    },
    /// The queue gave up waiting for the runner ([`crate::QueueEffect::Expire`]).
    LeaseExpired {
        /// Which run it held.
        run: RunId,
    },
    /// The runner came back without the run ([`crate::QueueEffect::Lost`]).
    RunLost {
        /// Which.
        run: RunId,
    },
    /// The runner of the current run cannot be reached.
    RunnerOffline,
    /// The runner of the current run is back.
    RunnerOnline,
    /// A record of one of the task's runs was committed. Every record, once,
    /// in order; `OrderDone` as well (and see [`TaskEvent::Undone`]).
    Journal {
        /// Whose.
        run: RunId,
        /// What.
        event: &'a Event,
    },
    /// An order could not be carried out: the journal says so with a problem,
    /// or the run finished before it was reached.
    Undone {
        /// Which run it was for.
        run: RunId,
        /// What was ordered.
        act: Act,
    },
    /// A person wants the task to end.
    StopWanted,
    /// A person wants it done again from its base.
    RetryWanted,
    /// A person wants the last run's session and work continued.
    ResumeWanted {
        /// What to tell the agent; none: to go on where it was.
        text: Option<String>,
    },
    /// A person says something to the agent.
    Say {
        /// What.
        text: String,
    },
    /// A person wants the turn stopped and the session kept.
    InterruptWanted,
    /// A person answers an inbox item.
    Answer {
        /// Which.
        item: InboxId,
        /// What.
        answer: Answer,
        /// Who.
        who: String,
    },
    /// The pull request is open and was read back.
    PullRequestOpen {
        /// It.
        pull_request: PullRequest,
    },
    /// The pull request could not be made.
    PublishFailed {
        /// Why.
        problem: Problem,
    },
    /// The pull request was merged.
    PullRequestMerged,
    /// The pull request was closed without a merge.
    PullRequestClosed,
}

/// What the hub has to do. It does them in order, in the transaction that
/// stores the task, and what goes over the wire after the commit.
#[derive(Debug, Clone, PartialEq)]
pub enum TaskEffect {
    /// Offer the task to the queue with a fresh run id and `task.fence + 1`
    /// ([`crate::QueueEvent::Wanted`]).
    Enqueue,
    /// Take it out of the queue ([`crate::QueueEvent::Withdrawn`]).
    Dequeue,
    /// Store this order under a fresh id; send it now, and on each connect,
    /// until the journal shows its `OrderDone`, or the run is over or fenced.
    Order {
        /// For which run.
        run: RunId,
        /// What.
        act: Act,
    },
    /// The run has lost its right: drop all its orders, and answer
    /// `Verdict::Fenced` now and whenever a runner says it holds the run.
    Fence {
        /// Which.
        run: RunId,
    },
    /// The run's journal is whole: drop its orders (each left over one comes
    /// back as [`TaskEvent::Undone`]), tell the queue
    /// ([`crate::QueueEvent::Released`]) and the runner (`Verdict::Forget`).
    RunOver {
        /// Which.
        run: RunId,
    },
    /// Store and show this inbox item, new or now answered.
    InboxPut(InboxItem),
    /// The item went away unanswered: close it.
    InboxGone {
        /// Which.
        item: InboxId,
    },
    /// Make or update the pull request, read it back, and answer with
    /// `PullRequestOpen` or `PublishFailed`.
    OpenPullRequest {
        /// Branch in the remote.
        branch: String,
        /// Its commit.
        commit: String,
        /// What the run said and ran.
        summary: String,
    },
    /// The person's wish is refused; nothing changed.
    Refused(Problem),
}

/// What the machine must remember that neither [`Task`] nor [`Run`] shows.
/// The hub stores it (as JSON) with the task after every `handle`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Memory {
    forge: bool,
    stop: bool,
    offline: bool,
    prompt: Option<String>,
    resume: Option<Resume>,
    unsaid: Vec<String>,
    items: Vec<InboxItem>,
    denials: u32,
    summary: String,
}

/// A task and all its runs, as far as the hub knows them.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskMachine {
    task: Task,
    runs: Vec<Run>,
    memory: Memory,
}

impl TaskMachine {
    /// A task that was just filed (state `Queued`, no runs). `forge`: its
    /// project has one, so that a push ends in a pull request. Feed
    /// [`TaskEvent::Begin`] next.
    pub fn new(task: Task, forge: bool) -> Self {
        Self { task, runs: Vec::new(), memory: Memory { forge, ..Memory::default() } }
    }

    /// A task from the store with its runs, oldest first. Feed
    /// [`TaskEvent::Begin`] next.
    pub fn restore(task: Task, runs: Vec<Run>, memory: Memory) -> Self {
        Self { task, runs, memory }
    }

    /// The task as everybody sees it: store it after every `handle`.
    pub fn task(&self) -> &Task {
        &self.task
    }

    /// The latest run: store it after every `handle`.
    pub fn run(&self) -> Option<&Run> {
        self.runs.last()
    }

    /// All runs, oldest first. A journal record changes only its own run.
    pub fn runs(&self) -> &[Run] {
        &self.runs
    }

    /// What else to store.
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// What the next (or present) run's agent is told: `RunSpec::prompt`.
    pub fn prompt(&self) -> String {
        self.memory.prompt.clone().unwrap_or_else(|| self.task.prompt.clone())
    }

    /// Where the next (or present) run begins: `RunSpec::resume`.
    pub fn resume(&self) -> Option<&Resume> {
        self.memory.resume.as_ref()
    }

    /// True for the run that may push and take orders; any other is to be
    /// answered with `Verdict::Fenced` (or `Forget`, once it has an outcome).
    pub fn is_current(&self, run: RunId) -> bool {
        let _ = run;
        false
    }

    /// Takes in what happened and says what has to be done.
    pub fn handle(&mut self, now: Timestamp, event: TaskEvent<'_>) -> Vec<TaskEffect> {
        let _ = (now, event);
        Vec::new()
    }
}
