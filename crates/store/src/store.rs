//! The store's face: open, commit, read.

use crate::changes;
use crate::commit::{Change, Commit, Committed, EnrolledRunner, PendingOrder, StoredRecord};
use crate::database::{Database, roll_back};
use crate::documents;
use crate::error::StoreError;
use crate::journal::append::{self, Tails};
use crate::journal::end::JournalEnd;
use crate::journal::part::Part;
use crate::journal::read::{self, RecordPage, Want};
use crate::log::{self, Search};
use crate::schema;
use crate::snapshot::{self, ChangeSize, Folds};
use pilot_proto::console::{InboxQuery, LogHits, LogText, ReviewNoteSent, TaskQuery};
use pilot_proto::project::Profile;
use pilot_proto::{
    BlobId, Cursor, Forge, GroupId, InboxId, InboxItem, Project, Provider, Record, Run, RunId,
    RunSpec, RunnerId, Snapshot, Task, TaskId,
};
use sqlx::{Any, Transaction};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use tokio::sync::Mutex;

/// How often a commit is tried that another process got ahead of. Each time
/// the other one has made progress, so this many in a row mean that two hubs
/// drive the same run, which no retry mends.
const TRIES: usize = 3;

/// The hub's memory. A clone is another handle to the same store.
#[derive(Debug, Clone)]
pub struct Store {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    database: Database,
    /// Whoever holds this writes; the others queue up behind it, in order.
    tails: Mutex<Tails>,
    folds: Folds,
}

impl Store {
    /// Opens, and if need be makes or migrates, the database at `url`:
    /// `sqlite:///absolute/path/hub.db`, or `postgres://…` (a socket directory
    /// as percent-encoded host or `?host=/directory`).
    pub async fn open(url: &str) -> Result<Self, StoreError> {
        let database = Database::open(url).await?;
        if let Err(error) = schema::migrate(&database).await {
            database.close().await;
            return Err(error);
        }
        Ok(Self {
            shared: Arc::new(Shared { database, tails: Mutex::default(), folds: Folds::default() }),
        })
    }

    /// Waits for the commit under way and closes all connections.
    pub async fn close(&self) {
        let _writing = self.shared.tails.lock().await;
        self.shared.database.close().await;
    }

    /// Makes everything in `commit` durable in one transaction, or nothing.
    ///
    /// Commits of one store are carried out one after the other. Each costs a
    /// sync of the disk: put together what has gathered.
    pub async fn commit(&self, commit: &Commit) -> Result<Committed, StoreError> {
        let mut tails = self.shared.tails.lock().await;
        let mut tries = 0;
        loop {
            tries += 1;
            match self.try_commit(&mut tails, commit).await {
                Err(StoreError::Contended { .. }) if tries < TRIES => {}
                done => return done,
            }
        }
    }

    async fn try_commit(
        &self,
        tails: &mut Tails,
        commit: &Commit,
    ) -> Result<Committed, StoreError> {
        let failed = |source| StoreError::Write { what: "a commit", source };
        let mut transaction = self.shared.database.begin().await.map_err(failed)?;
        let mut working = HashMap::new();
        match fill(&mut transaction, tails, &mut working, commit).await {
            Ok(committed) => {
                transaction.commit().await.map_err(failed)?;
                tails.keep(working);
                for run in ended(commit) {
                    tails.forget(run);
                }
                Ok(committed)
            }
            Err(error) => {
                roll_back(transaction).await;
                Err(error)
            }
        }
    }

    /// Tasks, newest first.
    pub async fn tasks(&self, query: &TaskQuery) -> Result<Vec<Task>, StoreError> {
        documents::tasks(self.readers(), query).await
    }

    /// Tasks that are not at an end, oldest first: what a hub starts from.
    pub async fn open_tasks(&self) -> Result<Vec<Task>, StoreError> {
        documents::open_tasks(self.readers()).await
    }

    /// A task.
    pub async fn task(&self, id: TaskId) -> Result<Option<Task>, StoreError> {
        let sql = "SELECT doc FROM tasks WHERE id = $1";
        documents::one(self.readers(), "task", sql, &id.to_string()).await
    }

    /// The tasks of a group, oldest first.
    pub async fn tasks_of_group(&self, group: GroupId) -> Result<Vec<Task>, StoreError> {
        documents::tasks_of_group(self.readers(), &group.to_string()).await
    }

    /// The tasks that a task's agents filed, oldest first; not those below them.
    pub async fn tasks_below(&self, parent: TaskId) -> Result<Vec<Task>, StoreError> {
        documents::tasks_below(self.readers(), &parent.to_string()).await
    }

    /// The comments on a task's change, oldest first.
    pub async fn review_notes(&self, task: TaskId) -> Result<Vec<ReviewNoteSent>, StoreError> {
        documents::review_notes(self.readers(), &task.to_string()).await
    }

    /// A task's runs, oldest first.
    pub async fn runs(&self, task: TaskId) -> Result<Vec<Run>, StoreError> {
        documents::runs(self.readers(), &task.to_string()).await
    }

    /// A run.
    pub async fn run(&self, id: RunId) -> Result<Option<Run>, StoreError> {
        let sql = "SELECT doc FROM runs WHERE id = $1";
        documents::one(self.readers(), "run", sql, &id.to_string()).await
    }

    /// Runs that have not ended, oldest lease first: what a hub starts from.
    pub async fn unfinished_runs(&self) -> Result<Vec<Run>, StoreError> {
        documents::unfinished_runs(self.readers()).await
    }

    /// What a run was told to do, without its grants.
    pub async fn spec(&self, run: RunId) -> Result<Option<RunSpec>, StoreError> {
        let sql = "SELECT doc FROM specs WHERE run = $1";
        documents::one(self.readers(), "assignment", sql, &run.to_string()).await
    }

    /// Inbox items, oldest first.
    pub async fn inbox(&self, query: &InboxQuery) -> Result<Vec<InboxItem>, StoreError> {
        documents::inbox(self.readers(), query).await
    }

    /// An inbox item.
    pub async fn inbox_item(&self, id: InboxId) -> Result<Option<InboxItem>, StoreError> {
        let sql = "SELECT doc FROM inbox WHERE id = $1";
        documents::one(self.readers(), "inbox item", sql, &id.to_string()).await
    }

    /// Projects by name.
    pub async fn projects(&self) -> Result<Vec<Project>, StoreError> {
        documents::named(self.readers(), "project").await
    }

    /// Forges by name.
    pub async fn forges(&self) -> Result<Vec<Forge>, StoreError> {
        documents::named(self.readers(), "forge").await
    }

    /// Model providers by name.
    pub async fn providers(&self) -> Result<Vec<Provider>, StoreError> {
        documents::named(self.readers(), "provider").await
    }

    /// Profiles by name.
    pub async fn profiles(&self) -> Result<Vec<Profile>, StoreError> {
        documents::named(self.readers(), "profile").await
    }

    /// Runners, in the order they joined.
    pub async fn runners(&self) -> Result<Vec<EnrolledRunner>, StoreError> {
        documents::runners(self.readers()).await
    }

    /// A runner.
    pub async fn runner(&self, id: RunnerId) -> Result<Option<EnrolledRunner>, StoreError> {
        documents::runner(self.readers(), &id.to_string()).await
    }

    /// Orders to a run that are not known to be done, in the order given.
    pub async fn orders(&self, run: RunId) -> Result<Vec<PendingOrder>, StoreError> {
        documents::orders(self.readers(), Some(run)).await
    }

    /// All such orders, in the order given.
    pub async fn all_orders(&self) -> Result<Vec<PendingOrder>, StoreError> {
        documents::orders(self.readers(), None).await
    }

    /// A setting.
    pub async fn setting(&self, key: &str) -> Result<Option<String>, StoreError> {
        documents::setting(self.readers(), key).await
    }

    /// The settings whose key is `prefix` and the id of a task that is not at
    /// an end.
    pub async fn settings_of_open_tasks(
        &self,
        prefix: &str,
    ) -> Result<BTreeMap<String, String>, StoreError> {
        documents::settings_of_open_tasks(self.readers(), prefix).await
    }

    /// Where a run's journal ends; the default for a run without one.
    pub async fn journal_end(&self, run: RunId) -> Result<JournalEnd, StoreError> {
        read::journal_end(self.readers(), run).await
    }

    /// Where the journals of all unfinished runs end.
    pub async fn journal_ends(&self) -> Result<BTreeMap<RunId, JournalEnd>, StoreError> {
        read::journal_ends(self.readers()).await
    }

    /// Up to `limit` records after `after_seq`. Stops before `max_bytes` of
    /// JSON are passed, but gives at least one record if there is one.
    pub async fn records(
        &self,
        run: RunId,
        after_seq: u64,
        limit: usize,
        max_bytes: usize,
    ) -> Result<Vec<Record>, StoreError> {
        let raw = self.raw_records(run, after_seq, limit, max_bytes).await?;
        raw.iter().map(|record| log::parse(run, record.cursor.seq, &record.json)).collect()
    }

    /// The same, as their writer spelled them.
    pub async fn raw_records(
        &self,
        run: RunId,
        after_seq: u64,
        limit: usize,
        max_bytes: usize,
    ) -> Result<Vec<StoredRecord>, StoreError> {
        let want = Want { part: Part::All, limit, max_bytes };
        Ok(read::after(self.readers(), run, after_seq, &want).await?.records)
    }

    /// The records of a part of the journal after `after_seq`.
    pub async fn records_after(
        &self,
        run: RunId,
        after_seq: u64,
        want: &Want,
    ) -> Result<RecordPage, StoreError> {
        read::after(self.readers(), run, after_seq, want).await?.parse(run)
    }

    /// The last records of a part of the journal before `before_seq`, in order.
    pub async fn records_before(
        &self,
        run: RunId,
        before_seq: u64,
        want: &Want,
    ) -> Result<RecordPage, StoreError> {
        read::before(self.readers(), run, before_seq, want).await?.parse(run)
    }

    /// Up to `lines` lines of a run's log from line `from` (counted from 0) on.
    /// Stops early when [`MAX_PAGE_BYTES`](crate::MAX_PAGE_BYTES) of text are passed.
    pub async fn log(&self, run: RunId, from: u64, lines: u64) -> Result<Vec<LogText>, StoreError> {
        log::lines(self.readers(), run, from, lines).await
    }

    /// The journal's last record up to `seq`, and how many lines its log had then.
    pub async fn log_at(&self, run: RunId, seq: u64) -> Result<(Cursor, u64), StoreError> {
        log::end_at(self.readers(), run, seq).await
    }

    /// Lines of a run's log that match. Ends at the search's limit, or when
    /// [`MAX_PAGE_BYTES`](crate::MAX_PAGE_BYTES) of text are passed; `next` then
    /// says where to go on.
    pub async fn search(&self, run: RunId, search: &Search) -> Result<LogHits, StoreError> {
        log::search(self.readers(), run, search).await
    }

    /// The workspace's changes as they were at `at_seq` of the journal; none:
    /// the latest. A snapshot of which not all parts are there yet is not shown.
    pub async fn snapshot(
        &self,
        run: RunId,
        at_seq: Option<u64>,
    ) -> Result<Arc<Snapshot>, StoreError> {
        snapshot::snapshot(self.readers(), &self.shared.folds, run, at_seq).await
    }

    /// The path under which a run's changes ever named a blob; none if they
    /// never did. Reads all of them.
    pub async fn path_of_blob(
        &self,
        run: RunId,
        blob: &BlobId,
    ) -> Result<Option<String>, StoreError> {
        snapshot::path_of(self.readers(), run, blob).await
    }

    pub(crate) fn database(&self) -> &Database {
        &self.shared.database
    }

    /// How large the workspace's changes were after each snapshot, in order.
    pub async fn change_sizes(&self, run: RunId) -> Result<Vec<ChangeSize>, StoreError> {
        snapshot::sizes(self.readers(), run).await
    }

    fn readers(&self) -> &sqlx::AnyPool {
        &self.database().readers
    }
}

/// Runs whose end the commit tells: their journals grow no more.
fn ended(commit: &Commit) -> impl Iterator<Item = RunId> {
    commit.changes.iter().filter_map(|change| match change {
        Change::PutRun(run) if run.outcome.is_some() => Some(run.id),
        _ => None,
    })
}

async fn fill(
    transaction: &mut Transaction<'static, Any>,
    tails: &mut Tails,
    working: &mut HashMap<RunId, crate::journal::tail::Tail>,
    commit: &Commit,
) -> Result<Committed, StoreError> {
    let mut committed = Committed::default();
    for batch in &commit.journal {
        committed.journal.push(append::append(transaction, tails, working, batch).await?);
    }
    for change in &commit.changes {
        changes::apply(transaction, change).await?;
    }
    Ok(committed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[tokio::test]
    async fn the_tail_of_a_run_that_is_over_leaves_the_memory() {
        let home = tempfile::tempdir().expect("a temporary directory");
        let url = format!("sqlite://{}/hub.db", home.path().display());
        let store = Store::open(&url).await.expect("opens");
        let id = "0190b1de-0000-7000-8000-00000000002a";
        let batch = |seq| crate::JournalBatch {
            run: id.parse().expect("an id"),
            records: vec![StoredRecord {
                cursor: Cursor { epoch: 1, seq },
                lines: 1,
                json: json!({ "epoch": 1, "seq": seq }).to_string(),
            }],
        };
        let kept = async || store.shared.tails.lock().await.len();
        let commit = Commit { journal: vec![batch(1)], changes: Vec::new() };
        store.commit(&commit).await.expect("commits");
        assert_eq!(kept().await, 1, "it is written again in a moment");

        let run = json!({
            "id": id, "task": id, "attempt": 1, "runner": id, "fence": 1,
            "phase": "finished", "leased_at": 1, "outcome": { "outcome": "no_change" },
        });
        let run = serde_json::from_value(run).expect("a run");
        let commit = Commit { journal: vec![batch(2)], changes: vec![Change::PutRun(run)] };
        store.commit(&commit).await.expect("commits");
        assert_eq!(kept().await, 0, "a day of short runs must not fill the memory");

        let commit = Commit { journal: vec![batch(3)], changes: Vec::new() };
        let committed = store.commit(&commit).await.expect("a straggler is stored all the same");
        assert_eq!(committed.journal[0].end.cursor.seq, 3);
        store.close().await;
    }
}
