//! A fresh database of either engine, and the things that stand in it.

use pilot_proto::task::{Limits, Mode, OnTimeout};
use pilot_proto::{
    Cursor, Event, OrderId, Phase, Record, Run, RunId, RunnerId, Stream, Task, TaskId, TaskState,
    Timestamp,
};
use pilot_store::{Change, Commit, Committed, JournalBatch, Store, StoreError, StoredRecord};
use sqlx::{AnyConnection, AssertSqlSafe, Connection, Executor};
use std::sync::atomic::{AtomicU64, Ordering};
use uuid::Uuid;

/// Runs each scenario, a function of a [`World`], on both engines.
macro_rules! on_both_engines {
    ($($scenario:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $scenario() {
                super::$scenario($crate::world::World::sqlite()).await;
            })+
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $scenario() {
                super::$scenario($crate::world::World::postgres().await).await;
            })+
        }
    };
}
pub(crate) use on_both_engines;

/// A database of its own for one test.
pub(crate) struct World {
    pub(crate) url: String,
    rest: Rest,
}

enum Rest {
    Directory { _directory: tempfile::TempDir },
    Schema { server: String, schema: String },
}

impl World {
    pub(crate) fn sqlite() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let url = format!("sqlite://{}/hub.db", directory.path().display());
        Self { url, rest: Rest::Directory { _directory: directory } }
    }

    pub(crate) async fn postgres() -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        // The first to ask starts it, while the others wait.
        let server = tokio::task::spawn_blocking(pilot_testkit::postgres::shared);
        let server = server.await.expect("PostgreSQL starts");
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let schema = format!("pilothouse_test_{}_{number}", std::process::id());
        let script = format!("DROP SCHEMA IF EXISTS {schema} CASCADE; CREATE SCHEMA {schema}");
        run_script(&server, &script).await;
        let joint = if server.contains('?') { '&' } else { '?' };
        let url = format!("{server}{joint}options[search_path]={schema}");
        Self { url, rest: Rest::Schema { server, schema } }
    }

    pub(crate) async fn open(&self) -> Store {
        Store::open(&self.url).await.expect("opens")
    }

    /// Does to the database what somebody else might.
    pub(crate) async fn tamper(&self, script: &str) {
        run_script(&self.url, script).await;
    }

    /// The only number that `sql` finds.
    pub(crate) async fn number(&self, sql: &'static str) -> i64 {
        sqlx::any::install_default_drivers();
        let mut connection = AnyConnection::connect(&self.url).await.expect("connects");
        let number = sqlx::query_scalar(sql).fetch_one(&mut connection).await.expect("a number");
        connection.close().await.expect("closes");
        number
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let Rest::Schema { server, schema } = &self.rest else { return };
        let (server, script) = (server.clone(), format!("DROP SCHEMA {schema} CASCADE"));
        // A thread of its own: this one is busy being a runtime's.
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(run_script(&server, &script));
        });
        let dropped = dropping.join().is_ok();
        assert!(dropped || std::thread::panicking(), "the schema could not be dropped");
    }
}

async fn run_script(url: &str, script: &str) {
    sqlx::any::install_default_drivers();
    let mut connection = AnyConnection::connect(url).await.expect("connects");
    connection.execute(sqlx::raw_sql(AssertSqlSafe(script))).await.expect("runs");
    connection.close().await.expect("closes");
}

pub(crate) fn run_id(number: u128) -> RunId {
    RunId(Uuid::from_u128(number))
}

pub(crate) fn task_id(number: u128) -> TaskId {
    TaskId(Uuid::from_u128(number))
}

pub(crate) fn order_id(number: u128) -> OrderId {
    OrderId(Uuid::from_u128(number))
}

pub(crate) fn runner_id(number: u128) -> RunnerId {
    RunnerId(Uuid::from_u128(number))
}

/// A queued task, filed at second `number`.
pub(crate) fn task(number: u128) -> Task {
    let at = Timestamp(i64::try_from(number).expect("small") * 1_000_000);
    Task {
        id: task_id(number),
        title: format!("task {number}"),
        prompt: "do it".into(),
        project: "ship".into(),
        base: None,
        agent: "scripted".into(),
        model: None,
        mode: Mode::Auto,
        on_timeout: OnTimeout::Proceed,
        limits: Limits::default(),
        issue: None,
        branch: format!("pilot/{number}"),
        base_commit: None,
        state: TaskState::Queued,
        since: at,
        reason: String::new(),
        created_at: at,
        run: None,
        attempts: 0,
        fence: 0,
        diff: pilot_proto::snapshot::DiffSize::default(),
        usage: pilot_proto::run::Usage::default(),
        pull_request: None,
        pushed: None,
        reservations: Vec::new(),
        attachments: Vec::new(),
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

/// A run of task `of` that is under way.
pub(crate) fn run(number: u128, of: u128) -> Run {
    Run {
        id: run_id(number),
        task: task_id(of),
        attempt: 1,
        runner: runner_id(1),
        fence: 1,
        phase: Phase::AgentRunning,
        leased_at: Timestamp(5),
        started_at: None,
        ended_at: None,
        outcome: None,
        session: None,
        rescue: None,
    }
}

pub(crate) fn cursor(epoch: u32, seq: u64) -> Cursor {
    Cursor { epoch, seq }
}

pub(crate) fn record(cursor: Cursor, event: Event) -> StoredRecord {
    let at = Timestamp(i64::try_from(cursor.seq).unwrap_or(0));
    let record = Record { epoch: cursor.epoch, seq: cursor.seq, at, event };
    StoredRecord::spell(&record).expect("spells")
}

/// A record with these lines of output.
pub(crate) fn output(at: Cursor, text: &str) -> StoredRecord {
    record(at, Event::Output { stream: Stream::Stdout, text: text.to_owned(), open: false })
}

/// Records of the first epoch, each with one line that says its number.
pub(crate) fn numbered(seqs: impl IntoIterator<Item = u64>) -> Vec<StoredRecord> {
    seqs.into_iter().map(|seq| output(cursor(1, seq), &format!("line of {seq}"))).collect()
}

pub(crate) fn batch(run: RunId, records: Vec<StoredRecord>) -> JournalBatch {
    JournalBatch { run, records }
}

/// Commits records of one run.
pub(crate) async fn append(
    store: &Store,
    run: RunId,
    records: Vec<StoredRecord>,
) -> Result<Committed, StoreError> {
    store.commit(&Commit { journal: vec![batch(run, records)], changes: Vec::new() }).await
}

/// Commits changes.
pub(crate) async fn change(
    store: &Store,
    changes: impl IntoIterator<Item = Change>,
) -> Result<Committed, StoreError> {
    let changes = changes.into_iter().collect();
    store.commit(&Commit { journal: Vec::new(), changes }).await
}

/// The whole journal.
pub(crate) async fn whole(store: &Store, run: RunId) -> Vec<StoredRecord> {
    store.raw_records(run, 0, usize::MAX, usize::MAX).await.expect("reads")
}
