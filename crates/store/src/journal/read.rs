//! Reading journals. A page is several short reads, not one long one, so the
//! tail may have grown together between two of them: a chunk can begin before
//! the place that was asked for, and what comes before it is passed over.

use super::append::{chunk, end};
use super::chunk::Chunk;
use super::end::JournalEnd;
use super::number;
use crate::commit::StoredRecord;
use crate::documents::{read_failed, word};
use crate::error::StoreError;
use pilot_proto::RunId;
use sqlx::Row;
use sqlx::{AnyPool, any::AnyRow};
use std::collections::BTreeMap;

const WHAT: &str = "the journal";

/// Chunks read at once for a page: most pages lie in one or two.
pub(crate) const PAGE_CHUNKS: i64 = 2;

pub(crate) async fn journal_end(pool: &AnyPool, run: RunId) -> Result<JournalEnd, StoreError> {
    let sql = "SELECT epoch, seq, lines, bytes FROM journals WHERE run = $1";
    let row = sqlx::query(sql).bind(run.to_string()).fetch_optional(pool).await;
    match row.map_err(read_failed(WHAT))? {
        Some(row) => end(&row, 0).map_err(read_failed(WHAT)),
        None => Ok(JournalEnd::default()),
    }
}

pub(crate) async fn journal_ends(
    pool: &AnyPool,
) -> Result<BTreeMap<RunId, JournalEnd>, StoreError> {
    let sql = "SELECT runs.id, epoch, seq, lines, bytes FROM runs \
               LEFT JOIN journals ON journals.run = runs.id WHERE runs.ended = 0";
    let rows = sqlx::query(sql).fetch_all(pool).await.map_err(read_failed("the journals"))?;
    let pair = |row: &AnyRow| {
        let run: String = row.try_get(0).map_err(read_failed(WHAT))?;
        Ok((word("run id", &run)?, end(row, 1).map_err(read_failed(WHAT))?))
    };
    rows.iter().map(pair).collect()
}

/// The next chunks that hold records after `seq`.
async fn chunks_after(pool: &AnyPool, run: RunId, seq: u64) -> Result<Vec<Chunk>, StoreError> {
    let sql = "SELECT first_seq, last_seq, epoch, first_line, end_line, raw_bytes, body \
               FROM journal_chunks WHERE run = $1 AND last_seq > $2 ORDER BY last_seq LIMIT $3";
    let select = sqlx::query(sql).bind(run.to_string()).bind(number(seq)).bind(PAGE_CHUNKS);
    let rows = select.fetch_all(pool).await.map_err(read_failed(WHAT))?;
    rows.iter().map(|row| chunk(run, row)).collect()
}

pub(crate) async fn raw_records(
    pool: &AnyPool,
    run: RunId,
    after_seq: u64,
    limit: usize,
    max_bytes: usize,
) -> Result<Vec<StoredRecord>, StoreError> {
    let mut page = Vec::new();
    let (mut bytes, mut position) = (0, after_seq);
    loop {
        let chunks = chunks_after(pool, run, position).await?;
        if chunks.is_empty() {
            return Ok(page);
        }
        for chunk in &chunks {
            for record in chunk.records(run) {
                let record = record?;
                if record.cursor.seq <= position {
                    continue;
                }
                bytes += record.json.len();
                if page.len() >= limit || (bytes > max_bytes && !page.is_empty()) {
                    return Ok(page);
                }
                position = record.cursor.seq;
                page.push(StoredRecord {
                    cursor: record.cursor,
                    lines: record.lines,
                    json: record.json.to_owned(),
                });
            }
        }
    }
}
