//! What is written: journal records and changes of state, together.

use crate::intake::IntakeChange;
use crate::journal::end::JournalEnd;
use pilot_proto::console::ReviewNoteSent;
use pilot_proto::project::Profile;
use pilot_proto::runner::{About, Act};
use pilot_proto::schedule::KeptSchedule;
use pilot_proto::{
    Cursor, Forge, InboxItem, OrderId, Project, Provider, Record, Run, RunId, RunSpec, RunnerId,
    ScheduleId, SnapshotDelta, Task, TaskId, Timestamp,
};
use uuid::Uuid;

/// Everything that becomes true at once, or not at all.
#[derive(Debug, Clone, Default)]
pub struct Commit {
    /// Records, appended first. A run may have several batches; they count in order.
    pub journal: Vec<JournalBatch>,
    /// State, changed in order.
    pub changes: Vec<Change>,
}

/// Consecutive records of one run.
#[derive(Debug, Clone)]
pub struct JournalBatch {
    /// Whose.
    pub run: RunId,
    /// The records. Those that are stored already are left out by the store.
    pub records: Vec<StoredRecord>,
}

/// A record as it is kept: the writer's own line, byte for byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredRecord {
    /// Its position; the same as in `json`.
    pub cursor: Cursor,
    /// How many lines it adds to the log: [`pilot_proto::log::line_count`].
    pub lines: u64,
    /// The record as one line of JSON, without the line's end.
    pub json: String,
}

impl StoredRecord {
    /// Keeps `json`, which is `record` as its writer spelled it.
    pub fn new(record: &Record, json: String) -> Self {
        Self { cursor: record.cursor(), lines: pilot_proto::log::line_count(&record.event), json }
    }

    /// Spells a record that did not come over a wire.
    pub fn spell(record: &Record) -> Result<Self, serde_json::Error> {
        Ok(Self::new(record, serde_json::to_string(record)?))
    }
}

/// One change of state. `Put…` inserts or replaces; fields that a newer build
/// left in a replaced document, and that this build does not know, survive.
#[derive(Debug, Clone)]
pub enum Change {
    /// A task as it is now.
    PutTask(Task),
    /// A run as it is now.
    PutRun(Run),
    /// What a run was told to do. Its grants are left out: no secret is stored.
    PutSpec(RunSpec),
    /// An inbox item as it is now.
    PutInbox(InboxItem),
    /// Comments on a task's change, sent together.
    PutReview {
        /// Of which task.
        task: TaskId,
        /// Names what was sent together; later ones sort later.
        review: Uuid,
        /// The comments.
        notes: Vec<ReviewNoteSent>,
    },
    /// A project.
    PutProject(Project),
    /// No such project any more.
    RemoveProject {
        /// Its name.
        name: String,
    },
    /// A forge.
    PutForge(Forge),
    /// No such forge any more.
    RemoveForge {
        /// Its name.
        name: String,
    },
    /// A model provider.
    PutProvider(Provider),
    /// No such model provider any more.
    RemoveProvider {
        /// Its name.
        name: String,
    },
    /// A profile.
    PutProfile(Profile),
    /// No such profile any more.
    RemoveProfile {
        /// Its name.
        name: String,
    },
    /// Of what is known about issues.
    Intake(IntakeChange),
    /// What is filed by the clock, and what became of it.
    PutSchedule(Box<KeptSchedule>),
    /// No such schedule any more.
    RemoveSchedule(ScheduleId),
    /// A runner.
    PutRunner(EnrolledRunner),
    /// A join code that may be used once.
    PutJoinCode {
        /// Hash of the code; the code itself is not stored.
        hash: String,
        /// Until when.
        expires_at: Timestamp,
    },
    /// Uses a join code up. The whole commit fails with
    /// [`StoreError::JoinCodeGone`](crate::StoreError::JoinCodeGone) if it was
    /// used already, never existed, or is too old.
    TakeJoinCode {
        /// Hash of the code.
        hash: String,
        /// The present time.
        now: Timestamp,
    },
    /// An order that is not known to be done. Putting one again changes nothing.
    PutOrder(PendingOrder),
    /// The order is done, or nobody wants it any more.
    DropOrder(OrderId),
    /// All orders of a run that is over.
    DropOrders(RunId),
    /// A snapshot delta that the journal holds at `seq`.
    PutDelta {
        /// Whose.
        run: RunId,
        /// Position of its record.
        seq: u64,
        /// When that was minted.
        at: Timestamp,
        /// The delta.
        delta: SnapshotDelta,
    },
    /// A word the hub wants to remember: its identity, a machine's memory.
    PutSetting {
        /// Its name; see [`Store::settings_of_open_tasks`](crate::Store::settings_of_open_tasks)
        /// for those that belong to a task.
        key: String,
        /// What.
        value: String,
    },
    /// Forgets it.
    RemoveSetting {
        /// Its name.
        key: String,
    },
}

/// A runner that was enrolled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnrolledRunner {
    /// Its id.
    pub id: RunnerId,
    /// What it called itself when it joined.
    pub name: String,
    /// Its Ed25519 public key, hex.
    pub public_key: String,
    /// How it is set up, as it last said.
    pub about: Option<About>,
    /// A person revoked it.
    pub revoked: bool,
    /// When it joined.
    pub enrolled_at: Timestamp,
    /// When it last said something.
    pub seen_at: Option<Timestamp>,
}

/// An order to a run that is not known to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingOrder {
    /// Its id.
    pub order: OrderId,
    /// To which run.
    pub run: RunId,
    /// What.
    pub act: Act,
    /// When it was given.
    pub created_at: Timestamp,
}

/// What a commit made durable.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Committed {
    /// One for each batch, in order.
    pub journal: Vec<Appended>,
}

/// What became of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Appended {
    /// Whose.
    pub run: RunId,
    /// Indexes into the batch of the records that are new. The others were
    /// stored before.
    pub new: Vec<usize>,
    /// Number of the log line that the first new record begins with.
    pub first_line: u64,
    /// The journal's end after the batch.
    pub end: JournalEnd,
}
