//! Changes of state, written into an open transaction.

use crate::commit::{Change, EnrolledRunner, PendingOrder};
use crate::documents::keep::spell_over;
use crate::error::StoreError;
use crate::intake;
use crate::schedules;
use crate::snapshot;
use pilot_proto::console::ReviewNoteSent;
use pilot_proto::{InboxItem, Run, RunSpec, Task, TaskId, TaskState, Timestamp};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::AnyConnection;
use sqlx::any::AnyArguments;
use sqlx::query::Query;
use uuid::Uuid;

type Statement = Query<'static, sqlx::Any, AnyArguments>;

pub(crate) async fn apply(db: &mut AnyConnection, change: &Change) -> Result<(), StoreError> {
    match change {
        Change::PutTask(task) => put_task(db, task).await,
        Change::PutRun(run) => put_run(db, run).await,
        Change::PutSpec(spec) => put_spec(db, &spec.without_grants()).await,
        Change::PutInbox(item) => put_inbox(db, item).await,
        Change::PutReview { task, review, notes } => put_review(db, *task, *review, notes).await,
        Change::PutProject(project) => put_named(db, "project", &project.name, project).await,
        Change::PutForge(forge) => put_named(db, "forge", &forge.name, forge).await,
        Change::PutProvider(provider) => put_named(db, "provider", &provider.name, provider).await,
        Change::RemoveProject { name } => remove_named(db, "project", name).await,
        Change::RemoveForge { name } => remove_named(db, "forge", name).await,
        Change::RemoveProvider { name } => remove_named(db, "provider", name).await,
        Change::PutProfile(profile) => put_named(db, "profile", &profile.name, profile).await,
        Change::RemoveProfile { name } => remove_named(db, "profile", name).await,
        Change::PutRunner(runner) => put_runner(db, runner).await,
        Change::PutJoinCode { hash, expires_at } => {
            let sql = "INSERT INTO join_codes (hash, expires_at) VALUES ($1, $2)";
            let insert = sqlx::query(sql).bind(hash.clone()).bind(expires_at.0);
            write(db, "a join code", insert).await?;
            Ok(())
        }
        Change::TakeJoinCode { hash, now } => take_join_code(db, hash, *now).await,
        Change::PutOrder(order) => put_order(db, order).await,
        Change::DropOrder(order) => {
            let sql = "DELETE FROM orders WHERE id = $1";
            write(db, "an order", sqlx::query(sql).bind(order.to_string())).await?;
            Ok(())
        }
        Change::DropOrders(run) => {
            let sql = "DELETE FROM orders WHERE run = $1";
            write(db, "the orders", sqlx::query(sql).bind(run.to_string())).await?;
            Ok(())
        }
        Change::PutDelta { run, seq, at, delta } => {
            snapshot::put_delta(db, *run, *seq, *at, delta).await
        }
        Change::PutSetting { key, value } => {
            let sql = "INSERT INTO settings (key, value) VALUES ($1, $2) \
                       ON CONFLICT (key) DO UPDATE SET value = excluded.value";
            write(db, "a setting", sqlx::query(sql).bind(key.clone()).bind(value.clone())).await?;
            Ok(())
        }
        Change::Intake(change) => intake::apply(db, change).await,
        Change::PutSchedule(kept) => schedules::put(db, kept).await,
        Change::RemoveSchedule(id) => schedules::remove(db, *id).await,
        Change::RemoveSetting { key } => {
            let sql = "DELETE FROM settings WHERE key = $1";
            write(db, "a setting", sqlx::query(sql).bind(key.clone())).await?;
            Ok(())
        }
    }
}

/// Runs a statement and says how many rows it changed.
pub(crate) async fn write(
    db: &mut AnyConnection,
    what: &'static str,
    statement: Statement,
) -> Result<u64, StoreError> {
    let done = statement.execute(db).await;
    Ok(done.map_err(|source| StoreError::Write { what, source })?.rows_affected())
}

/// `new` as JSON; what a newer build wrote into the document that `select`
/// finds is kept.
async fn spell<T: Serialize + DeserializeOwned>(
    db: &mut AnyConnection,
    what: &'static str,
    select: Statement,
    new: &T,
) -> Result<String, StoreError> {
    use sqlx::Row;
    let row = select.fetch_optional(db).await;
    let row = row.map_err(|source| StoreError::Read { what, source })?;
    let stored = row.map(|row| row.try_get::<String, _>(0)).transpose();
    let stored = stored.map_err(|source| StoreError::Read { what, source })?;
    spell_over(stored.as_deref(), new).map_err(|source| StoreError::Spell { what, source })
}

async fn put_task(db: &mut AnyConnection, task: &Task) -> Result<(), StoreError> {
    let id = task.id.to_string();
    let select = sqlx::query("SELECT doc FROM tasks WHERE id = $1").bind(id.clone());
    let doc = spell(db, "a task", select, task).await?;
    let sql = "INSERT INTO tasks (id, project, state, ended, created_at, doc, task_group, \
               parent, issue) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (id) DO UPDATE SET \
               project = excluded.project, state = excluded.state, ended = excluded.ended, \
               created_at = excluded.created_at, doc = excluded.doc, \
               task_group = excluded.task_group, parent = excluded.parent, \
               issue = excluded.issue";
    let upsert = sqlx::query(sql)
        .bind(id)
        .bind(task.project.clone())
        .bind(task.state.name())
        .bind(i64::from(is_over(task)))
        .bind(task.created_at.0)
        .bind(doc)
        .bind(task.group.map(|group| group.to_string()))
        .bind(task.parent.map(|parent| parent.to_string()))
        .bind(task.issue.and_then(|issue| i64::try_from(issue).ok()));
    write(db, "a task", upsert).await?;
    Ok(())
}

/// False while a hub has to have the task in mind: until it has ended, and also
/// after a run that came to nothing while an earlier one's pull request may be
/// open, whose end would otherwise go unnoticed once the hub was restarted.
fn is_over(task: &Task) -> bool {
    match task.state {
        TaskState::Failed { .. } | TaskState::Cancelled => task.pull_request.is_none(),
        TaskState::Merged { .. }
        | TaskState::Closed { .. }
        | TaskState::Published { .. }
        | TaskState::NoChange => true,
        TaskState::Queued
        | TaskState::Leased { .. }
        | TaskState::Working { .. }
        | TaskState::NeedsYou { .. }
        | TaskState::Ready
        | TaskState::Publishing
        | TaskState::InReview { .. } => false,
    }
}

async fn put_run(db: &mut AnyConnection, run: &Run) -> Result<(), StoreError> {
    let id = run.id.to_string();
    let select = sqlx::query("SELECT doc FROM runs WHERE id = $1").bind(id.clone());
    let doc = spell(db, "a run", select, run).await?;
    let sql = "INSERT INTO runs (id, task, attempt, ended, leased_at, doc) \
               VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (id) DO UPDATE SET \
               task = excluded.task, attempt = excluded.attempt, ended = excluded.ended, \
               leased_at = excluded.leased_at, doc = excluded.doc";
    let upsert = sqlx::query(sql)
        .bind(id)
        .bind(run.task.to_string())
        .bind(i64::from(run.attempt))
        .bind(i64::from(run.ended_at.is_some() || run.outcome.is_some()))
        .bind(run.leased_at.0)
        .bind(doc);
    write(db, "a run", upsert).await?;
    Ok(())
}

async fn put_spec(db: &mut AnyConnection, spec: &RunSpec) -> Result<(), StoreError> {
    let run = spec.run.to_string();
    let select = sqlx::query("SELECT doc FROM specs WHERE run = $1").bind(run.clone());
    let doc = spell(db, "an assignment", select, spec).await?;
    let sql = "INSERT INTO specs (run, doc) VALUES ($1, $2) \
               ON CONFLICT (run) DO UPDATE SET doc = excluded.doc";
    write(db, "an assignment", sqlx::query(sql).bind(run).bind(doc)).await?;
    Ok(())
}

async fn put_inbox(db: &mut AnyConnection, item: &InboxItem) -> Result<(), StoreError> {
    let id = item.id.to_string();
    let select = sqlx::query("SELECT doc FROM inbox WHERE id = $1").bind(id.clone());
    let doc = spell(db, "an inbox item", select, item).await?;
    let sql = "INSERT INTO inbox (id, task, answered, asked_at, doc) \
               VALUES ($1, $2, $3, $4, $5) ON CONFLICT (id) DO UPDATE SET \
               task = excluded.task, answered = excluded.answered, \
               asked_at = excluded.asked_at, doc = excluded.doc";
    let upsert = sqlx::query(sql)
        .bind(id)
        .bind(item.task.to_string())
        .bind(i64::from(item.answered.is_some()))
        .bind(item.asked_at.0)
        .bind(doc);
    write(db, "an inbox item", upsert).await?;
    Ok(())
}

async fn put_review(
    db: &mut AnyConnection,
    task: TaskId,
    review: Uuid,
    notes: &[ReviewNoteSent],
) -> Result<(), StoreError> {
    for (position, note) in (0_i64..).zip(notes) {
        let doc = serde_json::to_string(note)
            .map_err(|source| StoreError::Spell { what: "a comment", source })?;
        let sql = "INSERT INTO review_notes (task, review, position, doc) VALUES ($1, $2, $3, $4)";
        let insert = sqlx::query(sql)
            .bind(task.to_string())
            .bind(review.hyphenated().to_string())
            .bind(position)
            .bind(doc);
        write(db, "a comment", insert).await?;
    }
    Ok(())
}

pub(crate) async fn put_named<T: Serialize + DeserializeOwned>(
    db: &mut AnyConnection,
    kind: &'static str,
    name: &str,
    new: &T,
) -> Result<(), StoreError> {
    let select = sqlx::query("SELECT doc FROM named WHERE kind = $1 AND name = $2");
    let doc = spell(db, kind, select.bind(kind).bind(name.to_owned()), new).await?;
    let sql = "INSERT INTO named (kind, name, doc) VALUES ($1, $2, $3) \
               ON CONFLICT (kind, name) DO UPDATE SET doc = excluded.doc";
    write(db, kind, sqlx::query(sql).bind(kind).bind(name.to_owned()).bind(doc)).await?;
    Ok(())
}

pub(crate) async fn remove_named(
    db: &mut AnyConnection,
    kind: &'static str,
    name: &str,
) -> Result<(), StoreError> {
    let sql = "DELETE FROM named WHERE kind = $1 AND name = $2";
    write(db, kind, sqlx::query(sql).bind(kind).bind(name.to_owned())).await?;
    Ok(())
}

async fn put_runner(db: &mut AnyConnection, runner: &EnrolledRunner) -> Result<(), StoreError> {
    let about = runner.about.as_ref().map(serde_json::to_string).transpose();
    let about = about.map_err(|source| StoreError::Spell { what: "a runner", source })?;
    let sql = "INSERT INTO runners (id, name, public_key, about, revoked, enrolled_at, seen_at) \
               VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (id) DO UPDATE SET \
               name = excluded.name, public_key = excluded.public_key, about = excluded.about, \
               revoked = excluded.revoked, enrolled_at = excluded.enrolled_at, \
               seen_at = excluded.seen_at";
    let upsert = sqlx::query(sql)
        .bind(runner.id.to_string())
        .bind(runner.name.clone())
        .bind(runner.public_key.clone())
        .bind(about)
        .bind(i64::from(runner.revoked))
        .bind(runner.enrolled_at.0)
        .bind(runner.seen_at.map(|at| at.0));
    write(db, "a runner", upsert).await?;
    Ok(())
}

/// The row's disappearance is the proof of the first use: of two hubs that
/// delete it, the engine lets one see that it did.
async fn take_join_code(
    db: &mut AnyConnection,
    hash: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    let sql = "DELETE FROM join_codes WHERE hash = $1 AND expires_at > $2";
    let take = sqlx::query(sql).bind(hash.to_owned()).bind(now.0);
    if write(db, "a join code", take).await? != 1 {
        return Err(StoreError::JoinCodeGone);
    }
    let sweep = sqlx::query("DELETE FROM join_codes WHERE expires_at <= $1").bind(now.0);
    write(db, "the old join codes", sweep).await?;
    Ok(())
}

async fn put_order(db: &mut AnyConnection, order: &PendingOrder) -> Result<(), StoreError> {
    let act = serde_json::to_string(&order.act)
        .map_err(|source| StoreError::Spell { what: "an order", source })?;
    // The position keeps orders of the same microsecond in order. (`WHERE`
    // tells the parser that `ON CONFLICT` is not a join.)
    let sql = "INSERT INTO orders (id, run, created_at, act, position) \
               SELECT $1, $2, $3, $4, COALESCE(MAX(position), 0) + 1 FROM orders WHERE 1 = 1 \
               ON CONFLICT (id) DO NOTHING";
    let insert = sqlx::query(sql)
        .bind(order.order.to_string())
        .bind(order.run.to_string())
        .bind(order.created_at.0)
        .bind(act);
    write(db, "an order", insert).await?;
    Ok(())
}
