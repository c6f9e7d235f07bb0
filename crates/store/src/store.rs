//! The store's face: open, commit, read.

use crate::commit::{Commit, Committed, EnrolledRunner, PendingOrder, StoredRecord};
use crate::error::StoreError;
use crate::journal::end::JournalEnd;
use crate::log::Search;
use pilot_proto::console::{InboxQuery, LogHits, LogText, TaskQuery};
use pilot_proto::{
    Forge, InboxId, InboxItem, Project, Provider, Record, Run, RunId, RunSpec, RunnerId, Snapshot,
    Task, TaskId,
};
use std::collections::BTreeMap;

/// The hub's memory. A clone is another handle to the same store.
#[derive(Debug, Clone)]
pub struct Store {}

impl Store {
    /// Opens, and if need be makes or migrates, the database at `url`:
    /// `sqlite:///absolute/path/hub.db`, or `postgres://…` (a socket directory
    /// as percent-encoded host or `?host=/directory`).
    pub async fn open(_url: &str) -> Result<Self, StoreError> {
        todo!()
    }
    /// Waits for the commit under way and closes all connections.
    pub async fn close(&self) {
        todo!()
    }
    /// Makes everything in `commit` durable in one transaction, or nothing.
    pub async fn commit(&self, _commit: &Commit) -> Result<Committed, StoreError> {
        todo!()
    }

    /// Tasks, newest first.
    pub async fn tasks(&self, _query: &TaskQuery) -> Result<Vec<Task>, StoreError> {
        todo!()
    }
    /// Tasks that are not at an end, oldest first: what a hub starts from.
    pub async fn open_tasks(&self) -> Result<Vec<Task>, StoreError> {
        todo!()
    }
    /// A task.
    pub async fn task(&self, _id: TaskId) -> Result<Option<Task>, StoreError> {
        todo!()
    }
    /// A task's runs, oldest first.
    pub async fn runs(&self, _task: TaskId) -> Result<Vec<Run>, StoreError> {
        todo!()
    }
    /// A run.
    pub async fn run(&self, _id: RunId) -> Result<Option<Run>, StoreError> {
        todo!()
    }
    /// Runs that have not ended, oldest lease first: what a hub starts from.
    pub async fn unfinished_runs(&self) -> Result<Vec<Run>, StoreError> {
        todo!()
    }
    /// What a run was told to do, without its grants.
    pub async fn spec(&self, _run: RunId) -> Result<Option<RunSpec>, StoreError> {
        todo!()
    }
    /// Inbox items, oldest first.
    pub async fn inbox(&self, _query: &InboxQuery) -> Result<Vec<InboxItem>, StoreError> {
        todo!()
    }
    /// An inbox item.
    pub async fn inbox_item(&self, _id: InboxId) -> Result<Option<InboxItem>, StoreError> {
        todo!()
    }
    /// Projects by name.
    pub async fn projects(&self) -> Result<Vec<Project>, StoreError> {
        todo!()
    }
    /// Forges by name.
    pub async fn forges(&self) -> Result<Vec<Forge>, StoreError> {
        todo!()
    }
    /// Model providers by name.
    pub async fn providers(&self) -> Result<Vec<Provider>, StoreError> {
        todo!()
    }
    /// Runners, in the order they joined.
    pub async fn runners(&self) -> Result<Vec<EnrolledRunner>, StoreError> {
        todo!()
    }
    /// A runner.
    pub async fn runner(&self, _id: RunnerId) -> Result<Option<EnrolledRunner>, StoreError> {
        todo!()
    }
    /// Orders to a run that are not known to be done, in the order given.
    pub async fn orders(&self, _run: RunId) -> Result<Vec<PendingOrder>, StoreError> {
        todo!()
    }
    /// All such orders, in the order given.
    pub async fn all_orders(&self) -> Result<Vec<PendingOrder>, StoreError> {
        todo!()
    }
    /// A setting.
    pub async fn setting(&self, _key: &str) -> Result<Option<String>, StoreError> {
        todo!()
    }
    /// All settings whose key begins with `prefix`.
    pub async fn settings(&self, _prefix: &str) -> Result<BTreeMap<String, String>, StoreError> {
        todo!()
    }

    /// Where a run's journal ends; the default for a run without one.
    pub async fn journal_end(&self, _run: RunId) -> Result<JournalEnd, StoreError> {
        todo!()
    }
    /// Where the journals of all unfinished runs end.
    pub async fn journal_ends(&self) -> Result<BTreeMap<RunId, JournalEnd>, StoreError> {
        todo!()
    }
    /// Up to `limit` records after `after_seq`. Stops before `max_bytes` of
    /// JSON are passed, but gives at least one record if there is one.
    pub async fn records(
        &self,
        _run: RunId,
        _after_seq: u64,
        _limit: usize,
        _max_bytes: usize,
    ) -> Result<Vec<Record>, StoreError> {
        todo!()
    }
    /// The same, as their writer spelled them.
    pub async fn raw_records(
        &self,
        _run: RunId,
        _after_seq: u64,
        _limit: usize,
        _max_bytes: usize,
    ) -> Result<Vec<StoredRecord>, StoreError> {
        todo!()
    }
    /// Up to `lines` lines of a run's log from line `from` (counted from 0) on.
    /// Stops early when [`MAX_PAGE_BYTES`](crate::MAX_PAGE_BYTES) of text are passed.
    pub async fn log(
        &self,
        _run: RunId,
        _from: u64,
        _lines: u64,
    ) -> Result<Vec<LogText>, StoreError> {
        todo!()
    }
    /// Lines of a run's log that match.
    pub async fn search(&self, _run: RunId, _search: &Search) -> Result<LogHits, StoreError> {
        todo!()
    }
    /// The workspace's changes as they were at `at_seq` of the journal; none:
    /// the latest. A snapshot of which not all parts are there yet is not shown.
    pub async fn snapshot(
        &self,
        _run: RunId,
        _at_seq: Option<u64>,
    ) -> Result<Snapshot, StoreError> {
        todo!()
    }
}
