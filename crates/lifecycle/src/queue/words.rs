//! What the queue is told and what it says.

use pilot_proto::runner::{About, Held};
use pilot_proto::task::Batch;
use pilot_proto::{BatchId, RunId, RunnerId, TaskId, Timestamp};
use std::time::Duration;

/// The times of leases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// How long a runner may go on without contact: `RunSpec::lease_secs`.
    pub lease: Duration,
    /// How much longer the hub waits: what a frame may spend in a connection
    /// that has not yet been called dead, plus the time to stop an agent.
    pub grace: Duration,
}

impl Default for Terms {
    fn default() -> Self {
        // A closed laptop over night must not stop its runs. Of the grace, 30 s
        // are a silent connection (`OFFLINE_SECS`), a minute is the shim's
        // patience with an agent that will not die; the rest is for clocks.
        Self { lease: Duration::from_secs(24 * 3600), grace: Duration::from_secs(300) }
    }
}

/// A task given to a runner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// Which task.
    pub task: TaskId,
    /// Its run.
    pub run: RunId,
    /// Who has it.
    pub runner: RunnerId,
    /// With which token.
    pub fence: u64,
    /// The batch it counts for.
    pub batch: Option<BatchId>,
    /// The runner has said that it took it, or its journal has begun.
    pub taken: bool,
}

/// What happened.
#[derive(Debug, Clone, PartialEq)]
pub enum QueueEvent<'a> {
    /// A task waits ([`crate::TaskEffect::Enqueue`]).
    Wanted {
        /// Which.
        task: TaskId,
        /// Id that its next run will have.
        run: RunId,
        /// Token that its next lease will have: `task.fence + 1`.
        fence: u64,
        /// Agent that the runner must have.
        agent: String,
        /// The only runner that may have it; none: any.
        only_runner: Option<RunnerId>,
        /// Its batch: no more of it are leased at once than it says.
        batch: Option<&'a Batch>,
        /// When the task was filed; its place in the queue.
        created_at: Timestamp,
    },
    /// A task waits no more ([`crate::TaskEffect::Dequeue`]). A lease stays.
    Withdrawn {
        /// Which.
        task: TaskId,
    },
    /// A lease from before the hub's restart: the current run of a task that
    /// is leased or at work, or a fenced run that is not over. Counts as
    /// renewed now.
    Restored(Lease),
    /// A runner said hello. The runs it holds count as taken; a lease that was
    /// taken and is not among them is [`QueueEffect::Lost`]; all its other
    /// leases are renewed. For one that was never taken the hub sends
    /// `Assign` again, or, if the run has lost its right meanwhile, tells queue
    /// and task that it was declined.
    Online {
        /// Who.
        runner: RunnerId,
        /// How it is set up.
        about: &'a About,
        /// Runs on its disk.
        held: &'a [Held],
    },
    /// A runner cannot be reached, or was revoked. Its leases stay.
    Offline {
        /// Who.
        runner: RunnerId,
    },
    /// A runner is there, and these runs are not finished.
    Beat {
        /// Who.
        runner: RunnerId,
        /// Which runs.
        runs: &'a [RunId],
    },
    /// A runner took a run: it says so, or the first record of its journal
    /// was committed (the word itself may have been lost).
    Taken {
        /// Which.
        run: RunId,
    },
    /// A runner would not take a run: the lease is over, and the runner gets
    /// nothing for a while. The word is final: a runner that has
    /// declined a run never takes it, however often `Assign` comes. Not to be
    /// fed from a connection that a newer one of the same runner has replaced.
    Declined {
        /// Which.
        run: RunId,
    },
    /// A run is over ([`crate::TaskEffect::RunOver`]).
    Released {
        /// Which.
        run: RunId,
    },
    /// Time has passed.
    Tick,
}

/// What the hub has to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueueEffect {
    /// Give the task to the runner: [`crate::TaskEvent::Leased`], then send
    /// `Assign` now and on each connect until `Taken` or `Declined`.
    Grant {
        /// Which task.
        task: TaskId,
        /// Its run.
        run: RunId,
        /// To whom.
        runner: RunnerId,
        /// With which token.
        fence: u64,
    },
    /// The lease ran out: [`crate::TaskEvent::LeaseExpired`].
    Expire {
        /// Which task.
        task: TaskId,
        /// Its run.
        run: RunId,
    },
    /// The runner lost the run: [`crate::TaskEvent::RunLost`].
    Lost {
        /// Which task.
        task: TaskId,
        /// Its run.
        run: RunId,
    },
}
