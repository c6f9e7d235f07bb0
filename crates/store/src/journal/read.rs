//! Reading journals. A page is several short reads, not one long one, so the
//! tail may have grown together between two of them: a chunk can begin before
//! the place that was asked for, and what comes before it is passed over.

use super::append::{chunk, end, select_chunks};
use super::chunk::{Chunk, PackedRecord};
use super::end::JournalEnd;
use super::number;
use super::part::Part;
use crate::commit::StoredRecord;
use crate::documents::{read_failed, word};
use crate::error::StoreError;
use pilot_proto::{Record, RunId};
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

/// What somebody wants to read of a journal, and how much of it at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Want {
    /// Which records; others may be among them, if they have to be read to be
    /// known for what they are.
    pub part: Part,
    /// At most this many.
    pub limit: usize,
    /// Stops before this much JSON is passed, but gives at least one record if
    /// there is one.
    pub max_bytes: usize,
}

/// Some records of a journal.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordPage {
    /// In order.
    pub records: Vec<Record>,
    /// Everything up to here, in the direction of reading, was looked at.
    pub reached: u64,
    /// There is no more for now.
    pub end: bool,
}

/// Records in order, packed.
#[derive(Debug, Default)]
pub(crate) struct RawPage {
    pub(crate) records: Vec<StoredRecord>,
    bytes: usize,
    /// Everything up to here was looked at.
    pub(crate) reached: u64,
    /// There is no more for now.
    pub(crate) end: bool,
}

impl RawPage {
    pub(crate) fn parse(self, run: RunId) -> Result<RecordPage, StoreError> {
        let parse = |raw: &StoredRecord| crate::log::parse(run, raw.cursor.seq, &raw.json);
        let records = self.records.iter().map(parse).collect::<Result<Vec<_>, _>>()?;
        Ok(RecordPage { records, reached: self.reached, end: self.end })
    }

    /// Takes a record, if there is room for it.
    fn take(&mut self, want: &Want, record: &PackedRecord<'_>) -> bool {
        self.bytes += record.json.len();
        if self.records.len() >= want.limit
            || (self.bytes > want.max_bytes && !self.records.is_empty())
        {
            return false;
        }
        self.records.push(StoredRecord {
            cursor: record.cursor,
            lines: record.lines,
            json: record.json.to_owned(),
        });
        true
    }
}

/// The records after `seq`.
pub(crate) async fn after(
    pool: &AnyPool,
    run: RunId,
    seq: u64,
    want: &Want,
) -> Result<RawPage, StoreError> {
    let mut page = RawPage { reached: seq, ..RawPage::default() };
    loop {
        let chunks = chunks_after(pool, run, page.reached, want.part).await?;
        if chunks.is_empty() {
            page.end = true;
            return Ok(page);
        }
        for chunk in &chunks {
            for record in chunk.records(run) {
                let record = record?;
                if record.cursor.seq <= page.reached {
                    continue;
                }
                if want.part.may_have(record.json) && !page.take(want, &record) {
                    return Ok(page);
                }
                page.reached = record.cursor.seq;
            }
        }
    }
}

/// The last records before `seq`, in order.
pub(crate) async fn before(
    pool: &AnyPool,
    run: RunId,
    seq: u64,
    want: &Want,
) -> Result<RawPage, StoreError> {
    let mut page = RawPage { reached: seq, ..RawPage::default() };
    'full: loop {
        let chunks = chunks_before(pool, run, page.reached, want.part).await?;
        let reached = page.reached;
        for chunk in &chunks {
            let records = chunk.records(run).collect::<Result<Vec<_>, _>>()?;
            for record in records.iter().rev() {
                if record.cursor.seq >= page.reached {
                    continue;
                }
                if want.part.may_have(record.json) && !page.take(want, record) {
                    break 'full;
                }
                page.reached = record.cursor.seq;
            }
        }
        if page.reached == reached {
            page.end = true;
            break;
        }
    }
    page.records.reverse();
    Ok(page)
}

/// The next chunks that hold records after `seq`.
async fn chunks_after(
    pool: &AnyPool,
    run: RunId,
    seq: u64,
    part: Part,
) -> Result<Vec<Chunk>, StoreError> {
    macro_rules! from {
        ($and:literal) => {
            concat!(
                select_chunks!(),
                " WHERE run = $1 AND last_seq > $2",
                $and,
                " ORDER BY last_seq LIMIT $3"
            )
        };
    }
    let sql = if part.is_talk() { from!(" AND talk = 1") } else { from!("") };
    let select = sqlx::query(sql).bind(run.to_string()).bind(number(seq)).bind(PAGE_CHUNKS);
    let rows = select.fetch_all(pool).await.map_err(read_failed(WHAT))?;
    rows.iter().map(|row| chunk(run, row)).collect()
}

/// The chunks with the last records before `seq`, the last chunk first: at
/// least two, if there are. The first of them may begin after `seq`, where
/// epochs leave a gap.
pub(crate) async fn chunks_before(
    pool: &AnyPool,
    run: RunId,
    seq: u64,
    part: Part,
) -> Result<Vec<Chunk>, StoreError> {
    const _: () = assert!(PAGE_CHUNKS >= 2, "one that begins after `seq` must not be all");
    // Up to the chunk that the record before `seq` is in. It is found anew
    // each time, because the tail may have grown together since.
    macro_rules! up_to {
        ($and:literal) => {
            concat!(
                select_chunks!(),
                " WHERE run = $1 AND last_seq <= (SELECT COALESCE(MIN(last_seq), $3) \
                 FROM journal_chunks WHERE run = $1 AND last_seq >= $2)",
                $and,
                " ORDER BY last_seq DESC LIMIT $4"
            )
        };
    }
    let sql = if part.is_talk() { up_to!(" AND talk = 1") } else { up_to!("") };
    let select = sqlx::query(sql)
        .bind(run.to_string())
        .bind(number(seq.saturating_sub(1)))
        .bind(i64::MAX)
        .bind(PAGE_CHUNKS);
    let rows = select.fetch_all(pool).await.map_err(read_failed(WHAT))?;
    rows.iter().map(|row| chunk(run, row)).collect()
}
