//! Snapshots at any position of the journal, folded from their deltas.

use crate::changes::write;
use crate::documents::{read_failed, understand};
use crate::error::StoreError;
use crate::journal::chunk::{pack, unpack};
use crate::journal::{count, number};
use pilot_proto::snapshot::DiffSize;
use pilot_proto::{BlobId, ChangedFile, RunId, Snapshot, SnapshotDelta, Timestamp};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use sqlx::{AnyConnection, AnyPool, Row};
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

const WHAT: &str = "a snapshot";

/// Deltas read from the database at once: at most a few MiB.
const AT_ONCE: i64 = 64;

/// The change as it was at a point of the journal, in numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChangeSize {
    /// Position of the record that made it so.
    pub seq: u64,
    /// When that was minted; not known of records stored by older builds.
    pub at: Option<Timestamp>,
    /// Files and lines.
    pub size: DiffSize,
}

pub(crate) async fn put_delta(
    db: &mut AnyConnection,
    run: RunId,
    seq: u64,
    at: Timestamp,
    delta: &SnapshotDelta,
) -> Result<(), StoreError> {
    let json =
        serde_json::to_vec(delta).map_err(|source| StoreError::Spell { what: WHAT, source })?;
    let body =
        pack(&json).map_err(|source| StoreError::Packing { what: WHAT, run, seq, source })?;
    let sql = "INSERT INTO snapshot_deltas (run, seq, reset, whole, raw_bytes, body, minted_at) \
               VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (run, seq) DO UPDATE SET \
               reset = excluded.reset, whole = excluded.whole, \
               raw_bytes = excluded.raw_bytes, body = excluded.body, \
               minted_at = excluded.minted_at";
    let upsert = sqlx::query(sql)
        .bind(run.to_string())
        .bind(number(seq))
        .bind(i64::from(delta.reset))
        .bind(i64::from(!delta.more))
        .bind(number(json.len() as u64))
        .bind(body)
        .bind(at.0);
    write(db, WHAT, upsert).await?;
    Ok(())
}

/// Snapshots that were folded lately. Somebody who reviews a change of 10,000
/// files asks for one of them after the other, and for the change as it grows.
#[derive(Debug, Default)]
pub(crate) struct Folds {
    /// The one used last comes last.
    kept: Mutex<VecDeque<Fold>>,
}

/// A few people, each with a task or two open. One of 10,000 files is 10 MiB.
const FOLDS: usize = 4;

/// What the deltas of a run make, from one that forgets all before it to one
/// that completes a snapshot.
#[derive(Debug, Clone)]
struct Fold {
    run: RunId,
    first: i64,
    last: i64,
    snapshot: Arc<Snapshot>,
}

impl Folds {
    /// The fold to go on from: of the same beginning, and no later.
    fn nearest(&self, run: RunId, (first, last): (i64, i64)) -> Option<Fold> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter()
            .filter(|fold| (fold.run, fold.first) == (run, first) && fold.last <= last)
            .max_by_key(|fold| fold.last)
            .cloned()
    }

    fn keep(&self, fold: Fold) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|other| (other.run, other.last) != (fold.run, fold.last));
        kept.push_back(fold);
        if kept.len() > FOLDS {
            kept.pop_front();
        }
    }
}

pub(crate) async fn snapshot(
    pool: &AnyPool,
    folds: &Folds,
    run: RunId,
    at_seq: Option<u64>,
) -> Result<Arc<Snapshot>, StoreError> {
    let Some((first, last)) = span(pool, run, at_seq.map_or(i64::MAX, number)).await? else {
        return Ok(Arc::default());
    };
    let (mut snapshot, from) = match folds.nearest(run, (first, last)) {
        Some(fold) => (fold.snapshot, fold.last.saturating_add(1)),
        None => (Arc::default(), first),
    };
    let apply = |_, _, delta: &SnapshotDelta| Arc::make_mut(&mut snapshot).apply(delta);
    each_delta(pool, run, (from, last), apply).await?;
    folds.keep(Fold { run, first, last, snapshot: Arc::clone(&snapshot) });
    Ok(snapshot)
}

/// The sizes of all snapshots, in order: one pass over the deltas, of which
/// only what is counted is read.
pub(crate) async fn sizes(pool: &AnyPool, run: RunId) -> Result<Vec<ChangeSize>, StoreError> {
    let (mut sizes, mut counted) = (Vec::new(), Counted::default());
    each_delta(pool, run, (0, i64::MAX), |seq, at, delta: &CountedDelta| {
        counted.apply(delta);
        if !delta.more {
            sizes.push(ChangeSize { seq, at, size: counted.size });
        }
    })
    .await?;
    Ok(sizes)
}

/// The path under which a run's changes ever named a blob, on either side.
pub(crate) async fn path_of(
    pool: &AnyPool,
    run: RunId,
    blob: &BlobId,
) -> Result<Option<String>, StoreError> {
    let mut found = None;
    each_delta(pool, run, (0, i64::MAX), |_, _, delta: &SnapshotDelta| {
        let names = |file: &&ChangedFile| {
            [&file.old, &file.new]
                .into_iter()
                .flatten()
                .any(|side| side.blob.as_ref() == Some(blob))
        };
        if let Some(file) = delta.changed.iter().find(names) {
            found = Some(file.path.clone());
        }
    })
    .await?;
    Ok(found)
}

/// What of a delta is counted.
#[derive(Deserialize)]
struct CountedDelta {
    #[serde(default)]
    reset: bool,
    changed: Vec<CountedFile>,
    #[serde(default)]
    dropped: Vec<String>,
    #[serde(default)]
    more: bool,
}

#[derive(Deserialize)]
struct CountedFile {
    path: String,
    #[serde(default)]
    added: Option<u64>,
    #[serde(default)]
    removed: Option<u64>,
}

/// A snapshot reduced to numbers, and their sum.
#[derive(Default)]
struct Counted {
    files: HashMap<String, (u64, u64)>,
    size: DiffSize,
}

impl Counted {
    fn apply(&mut self, delta: &CountedDelta) {
        if delta.reset {
            *self = Self::default();
        }
        for path in &delta.dropped {
            let gone = self.files.remove(path);
            self.forget(gone);
        }
        for file in &delta.changed {
            let lines = (file.added.unwrap_or(0), file.removed.unwrap_or(0));
            let before = self.files.insert(file.path.clone(), lines);
            self.forget(before);
            self.size.files += 1;
            self.size.added += lines.0;
            self.size.removed += lines.1;
        }
    }

    fn forget(&mut self, file: Option<(u64, u64)>) {
        let Some((added, removed)) = file else { return };
        self.size.files -= 1;
        self.size.added -= added;
        self.size.removed -= removed;
    }
}

/// Reads the deltas of a span, in order.
async fn each_delta<D: DeserializeOwned>(
    pool: &AnyPool,
    run: RunId,
    (first, last): (i64, i64),
    mut take: impl FnMut(u64, Option<Timestamp>, &D),
) -> Result<(), StoreError> {
    let mut next = first;
    while next <= last {
        let sql = "SELECT seq, raw_bytes, body, minted_at FROM snapshot_deltas \
                   WHERE run = $1 AND seq >= $2 AND seq <= $3 ORDER BY seq LIMIT $4";
        let select = sqlx::query(sql).bind(run.to_string()).bind(next).bind(last).bind(AT_ONCE);
        let rows = select.fetch_all(pool).await.map_err(read_failed(WHAT))?;
        if rows.is_empty() {
            break;
        }
        for row in rows {
            let columns = || -> Result<(i64, i64, Vec<u8>, Option<i64>), sqlx::Error> {
                Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?, row.try_get(3)?))
            };
            let (seq, raw_bytes, body, at) = columns().map_err(read_failed(WHAT))?;
            let delta = unpacked(run, seq, raw_bytes, &body)?;
            take(count(seq), at.map(Timestamp), &delta);
            next = seq.saturating_add(1);
        }
    }
    Ok(())
}

/// From the last delta that forgets all before it, to the last that completes
/// a snapshot: what comes after that is parts whose rest is still to come.
async fn span(pool: &AnyPool, run: RunId, at: i64) -> Result<Option<(i64, i64)>, StoreError> {
    let sql = "SELECT MAX(seq) FROM snapshot_deltas WHERE run = $1 AND seq <= $2 AND whole = 1";
    let last: Option<i64> = sqlx::query_scalar(sql)
        .bind(run.to_string())
        .bind(at)
        .fetch_one(pool)
        .await
        .map_err(read_failed(WHAT))?;
    let Some(last) = last else { return Ok(None) };
    let sql = "SELECT MAX(seq) FROM snapshot_deltas WHERE run = $1 AND seq <= $2 AND reset = 1";
    let first: Option<i64> = sqlx::query_scalar(sql)
        .bind(run.to_string())
        .bind(last)
        .fetch_one(pool)
        .await
        .map_err(read_failed(WHAT))?;
    Ok(Some((first.unwrap_or(0), last)))
}

fn unpacked<D: DeserializeOwned>(
    run: RunId,
    seq: i64,
    raw_bytes: i64,
    body: &[u8],
) -> Result<D, StoreError> {
    let at = seq.unsigned_abs();
    let json = unpack(body, raw_bytes).map_err(|source| StoreError::Packing {
        what: WHAT,
        run,
        seq: at,
        source,
    })?;
    let json = String::from_utf8(json).map_err(|_| StoreError::Damaged { run, seq: at })?;
    understand(WHAT, &format!("{run}/{seq}"), &json)
}
