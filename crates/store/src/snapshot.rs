//! Snapshots at any position of the journal, folded from their deltas.

use crate::changes::write;
use crate::documents::{read_failed, understand};
use crate::error::StoreError;
use crate::journal::chunk::{pack, unpack};
use crate::journal::number;
use pilot_proto::{RunId, Snapshot, SnapshotDelta};
use sqlx::AnyPool;
use sqlx::{AnyConnection, Row};

const WHAT: &str = "a snapshot";

/// Deltas read from the database at once: at most a few MiB.
const AT_ONCE: i64 = 64;

pub(crate) async fn put_delta(
    db: &mut AnyConnection,
    run: RunId,
    seq: u64,
    delta: &SnapshotDelta,
) -> Result<(), StoreError> {
    let json =
        serde_json::to_vec(delta).map_err(|source| StoreError::Spell { what: WHAT, source })?;
    let body =
        pack(&json).map_err(|source| StoreError::Packing { what: WHAT, run, seq, source })?;
    let sql = "INSERT INTO snapshot_deltas (run, seq, reset, whole, raw_bytes, body) \
               VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (run, seq) DO UPDATE SET \
               reset = excluded.reset, whole = excluded.whole, \
               raw_bytes = excluded.raw_bytes, body = excluded.body";
    let upsert = sqlx::query(sql)
        .bind(run.to_string())
        .bind(number(seq))
        .bind(i64::from(delta.reset))
        .bind(i64::from(!delta.more))
        .bind(number(json.len() as u64))
        .bind(body);
    write(db, WHAT, upsert).await?;
    Ok(())
}

pub(crate) async fn snapshot(
    pool: &AnyPool,
    run: RunId,
    at_seq: Option<u64>,
) -> Result<Snapshot, StoreError> {
    let mut snapshot = Snapshot::default();
    let Some((first, last)) = span(pool, run, at_seq.map_or(i64::MAX, number)).await? else {
        return Ok(snapshot);
    };
    let mut next = first;
    while next <= last {
        let sql = "SELECT seq, raw_bytes, body FROM snapshot_deltas \
                   WHERE run = $1 AND seq >= $2 AND seq <= $3 ORDER BY seq LIMIT $4";
        let select = sqlx::query(sql).bind(run.to_string()).bind(next).bind(last).bind(AT_ONCE);
        let rows = select.fetch_all(pool).await.map_err(read_failed(WHAT))?;
        if rows.is_empty() {
            break;
        }
        for row in rows {
            let columns = || -> Result<(i64, i64, Vec<u8>), sqlx::Error> {
                Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?))
            };
            let (seq, raw_bytes, body) = columns().map_err(read_failed(WHAT))?;
            snapshot.apply(&unpacked(run, seq, raw_bytes, &body)?);
            next = seq + 1;
        }
    }
    Ok(snapshot)
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

fn unpacked(
    run: RunId,
    seq: i64,
    raw_bytes: i64,
    body: &[u8],
) -> Result<SnapshotDelta, StoreError> {
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
