//! Reading tasks, runs, inbox, settings and the rest.

pub(crate) mod keep;

use crate::commit::{EnrolledRunner, PendingOrder};
use crate::error::StoreError;
use pilot_proto::console::{InboxQuery, ReviewNoteSent, TaskQuery};
use pilot_proto::{InboxItem, Run, RunId, Task, Timestamp};
use serde::de::DeserializeOwned;
use sqlx::{AnyPool, any::AnyRow};
use sqlx::{AssertSqlSafe, Row};
use std::collections::BTreeMap;
use std::str::FromStr;

/// How many tasks a list holds that asks for no number.
const TASKS_LISTED: u32 = 1000;

pub(crate) fn read_failed(what: &'static str) -> impl Fn(sqlx::Error) -> StoreError {
    move |source| StoreError::Read { what, source }
}

pub(crate) fn understand<T: DeserializeOwned>(
    what: &'static str,
    id: &str,
    doc: &str,
) -> Result<T, StoreError> {
    serde_json::from_str(doc).map_err(|source| StoreError::Document {
        what,
        id: id.to_owned(),
        source,
    })
}

/// An id, or another word of ours, from a column.
pub(crate) fn word<T: FromStr>(what: &'static str, text: &str) -> Result<T, StoreError> {
    text.parse().map_err(|_| StoreError::Value { what, value: text.to_owned() })
}

pub(crate) fn documents<T: DeserializeOwned>(
    what: &'static str,
    rows: &[AnyRow],
) -> Result<Vec<T>, StoreError> {
    let document = |row: &AnyRow| {
        let id: &str = row.try_get(0).map_err(read_failed(what))?;
        understand(what, id, row.try_get(1).map_err(read_failed(what))?)
    };
    rows.iter().map(document).collect()
}

/// The document that `sql` finds by `id`.
pub(crate) async fn one<T: DeserializeOwned>(
    pool: &AnyPool,
    what: &'static str,
    sql: &'static str,
    id: &str,
) -> Result<Option<T>, StoreError> {
    let doc: Option<String> =
        sqlx::query_scalar(sql).bind(id).fetch_optional(pool).await.map_err(read_failed(what))?;
    doc.map(|doc| understand(what, id, doc.as_str())).transpose()
}

pub(crate) async fn tasks(pool: &AnyPool, query: &TaskQuery) -> Result<Vec<Task>, StoreError> {
    let mut conditions = Vec::new();
    let mut values = Vec::new();
    if let Some(project) = &query.project {
        values.push(project.clone());
        conditions.push(format!("project = ${}", values.len()));
    }
    if let Some(state) = &query.state {
        values.push(state.clone());
        conditions.push(format!("state = ${}", values.len()));
    }
    if let Some(parent) = query.parent {
        values.push(parent.to_string());
        conditions.push(format!("parent = ${}", values.len()));
    }
    if let Some(before) = query.before {
        values.push(before.to_string());
        conditions.push(format!(
            "(created_at, id) < (SELECT created_at, id FROM tasks WHERE id = ${})",
            values.len()
        ));
    }
    let filter = match conditions.is_empty() {
        true => String::new(),
        false => format!("WHERE {}", conditions.join(" AND ")),
    };
    let limit = values.len() + 1;
    // Safe: only our own words and numbers are put in; values are bound.
    let sql = AssertSqlSafe(format!(
        "SELECT id, doc FROM tasks {filter} ORDER BY created_at DESC, id DESC LIMIT ${limit}"
    ));
    let select = values.into_iter().fold(sqlx::query(sql), sqlx::query::Query::bind);
    let select = select.bind(i64::from(query.limit.unwrap_or(TASKS_LISTED)));
    documents("task", &select.fetch_all(pool).await.map_err(read_failed("the tasks"))?)
}

pub(crate) async fn open_tasks(pool: &AnyPool) -> Result<Vec<Task>, StoreError> {
    let sql = "SELECT id, doc FROM tasks WHERE ended = 0 ORDER BY created_at, id";
    documents("task", &sqlx::query(sql).fetch_all(pool).await.map_err(read_failed("the tasks"))?)
}

pub(crate) async fn tasks_of_group(pool: &AnyPool, group: &str) -> Result<Vec<Task>, StoreError> {
    let sql = "SELECT id, doc FROM tasks WHERE task_group = $1 ORDER BY created_at, id";
    let rows = sqlx::query(sql).bind(group).fetch_all(pool).await;
    documents("task", &rows.map_err(read_failed("the tasks"))?)
}

pub(crate) async fn tasks_below(pool: &AnyPool, parent: &str) -> Result<Vec<Task>, StoreError> {
    let sql = "SELECT id, doc FROM tasks WHERE parent = $1 ORDER BY created_at, id";
    let rows = sqlx::query(sql).bind(parent).fetch_all(pool).await;
    documents("task", &rows.map_err(read_failed("the tasks"))?)
}

pub(crate) async fn review_notes(
    pool: &AnyPool,
    task: &str,
) -> Result<Vec<ReviewNoteSent>, StoreError> {
    let sql = "SELECT review, doc FROM review_notes WHERE task = $1 ORDER BY review, position";
    let rows = sqlx::query(sql).bind(task).fetch_all(pool).await;
    documents("comment", &rows.map_err(read_failed("the comments"))?)
}

pub(crate) async fn runs(pool: &AnyPool, task: &str) -> Result<Vec<Run>, StoreError> {
    let sql = "SELECT id, doc FROM runs WHERE task = $1 ORDER BY attempt, leased_at, id";
    let rows = sqlx::query(sql).bind(task).fetch_all(pool).await;
    documents("run", &rows.map_err(read_failed("the runs"))?)
}

pub(crate) async fn unfinished_runs(pool: &AnyPool) -> Result<Vec<Run>, StoreError> {
    let sql = "SELECT id, doc FROM runs WHERE ended = 0 ORDER BY leased_at, id";
    documents("run", &sqlx::query(sql).fetch_all(pool).await.map_err(read_failed("the runs"))?)
}

pub(crate) async fn inbox(
    pool: &AnyPool,
    query: &InboxQuery,
) -> Result<Vec<InboxItem>, StoreError> {
    // `answered` is 0 or 1: up to 0 are those that wait, up to 1 are all.
    let upto = i64::from(query.all.unwrap_or(false));
    let rows = match query.task {
        Some(task) => {
            let sql = "SELECT id, doc FROM inbox WHERE task = $1 AND answered <= $2 \
                       ORDER BY asked_at, id";
            sqlx::query(sql).bind(task.to_string()).bind(upto).fetch_all(pool).await
        }
        None => {
            let sql = "SELECT id, doc FROM inbox WHERE answered <= $1 ORDER BY asked_at, id";
            sqlx::query(sql).bind(upto).fetch_all(pool).await
        }
    };
    documents("inbox item", &rows.map_err(read_failed("the inbox"))?)
}

/// Projects, forges or providers, by name. Sorted here: what the engines
/// think of the order of text depends on how they were set up.
pub(crate) async fn named<T: DeserializeOwned>(
    pool: &AnyPool,
    kind: &'static str,
) -> Result<Vec<T>, StoreError> {
    let sql = "SELECT name, doc FROM named WHERE kind = $1";
    let mut rows = sqlx::query(sql).bind(kind).fetch_all(pool).await.map_err(read_failed(kind))?;
    rows.sort_by_cached_key(|row| row.try_get::<String, _>(0).unwrap_or_default());
    documents(kind, &rows)
}

const RUNNERS: &str =
    "SELECT id, name, public_key, about, revoked, enrolled_at, seen_at FROM runners";

pub(crate) async fn runners(pool: &AnyPool) -> Result<Vec<EnrolledRunner>, StoreError> {
    let sql = AssertSqlSafe(format!("{RUNNERS} ORDER BY enrolled_at, id"));
    let rows = sqlx::query(sql).fetch_all(pool).await.map_err(read_failed("the runners"))?;
    rows.iter().map(enrolled_runner).collect()
}

pub(crate) async fn runner(pool: &AnyPool, id: &str) -> Result<Option<EnrolledRunner>, StoreError> {
    let sql = AssertSqlSafe(format!("{RUNNERS} WHERE id = $1"));
    let row = sqlx::query(sql).bind(id).fetch_optional(pool).await;
    row.map_err(read_failed("the runner"))?.as_ref().map(enrolled_runner).transpose()
}

fn enrolled_runner(row: &AnyRow) -> Result<EnrolledRunner, StoreError> {
    let columns = || -> Result<_, sqlx::Error> {
        let id: String = row.try_get(0)?;
        let about: Option<String> = row.try_get(3)?;
        let revoked: i64 = row.try_get(4)?;
        let times: (i64, Option<i64>) = (row.try_get(5)?, row.try_get(6)?);
        Ok((id, row.try_get(1)?, row.try_get(2)?, about, revoked != 0, times))
    };
    let (id, name, public_key, about, revoked, times) =
        columns().map_err(read_failed("a runner"))?;
    Ok(EnrolledRunner {
        about: about.map(|about| understand("runner", &id, &about)).transpose()?,
        id: word("runner id", &id)?,
        name,
        public_key,
        revoked,
        enrolled_at: Timestamp(times.0),
        seen_at: times.1.map(Timestamp),
    })
}

pub(crate) async fn orders(
    pool: &AnyPool,
    run: Option<RunId>,
) -> Result<Vec<PendingOrder>, StoreError> {
    let rows = match run {
        Some(run) => {
            let sql =
                "SELECT id, run, created_at, act FROM orders WHERE run = $1 ORDER BY position";
            sqlx::query(sql).bind(run.to_string()).fetch_all(pool).await
        }
        None => {
            let sql = "SELECT id, run, created_at, act FROM orders ORDER BY position";
            sqlx::query(sql).fetch_all(pool).await
        }
    };
    rows.map_err(read_failed("the orders"))?.iter().map(pending_order).collect()
}

fn pending_order(row: &AnyRow) -> Result<PendingOrder, StoreError> {
    let columns = || -> Result<(String, String, i64, String), sqlx::Error> {
        Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?, row.try_get(3)?))
    };
    let (order, run, created_at, act) = columns().map_err(read_failed("an order"))?;
    Ok(PendingOrder {
        act: understand("order", &order, &act)?,
        order: word("order id", &order)?,
        run: word("run id", &run)?,
        created_at: Timestamp(created_at),
    })
}

pub(crate) async fn setting(pool: &AnyPool, key: &str) -> Result<Option<String>, StoreError> {
    let sql = "SELECT value FROM settings WHERE key = $1";
    let value = sqlx::query_scalar(sql).bind(key).fetch_optional(pool).await;
    value.map_err(read_failed("a setting"))
}

pub(crate) async fn settings_of_open_tasks(
    pool: &AnyPool,
    prefix: &str,
) -> Result<BTreeMap<String, String>, StoreError> {
    let sql = "SELECT settings.key, settings.value FROM tasks \
               JOIN settings ON settings.key = $1 || tasks.id WHERE tasks.ended = 0";
    let rows = sqlx::query(sql).bind(prefix).fetch_all(pool).await;
    let pair = |row: &AnyRow| -> Result<(String, String), sqlx::Error> {
        Ok((row.try_get(0)?, row.try_get(1)?))
    };
    let rows = rows.map_err(read_failed("the settings"))?;
    rows.iter().map(|row| pair(row).map_err(read_failed("a setting"))).collect()
}
