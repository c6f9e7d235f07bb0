//! Appending to journals inside an open transaction, and the tails that are
//! kept in memory for it.

use super::chunk::{Chunk, Packer, unpack};
use super::end::JournalEnd;
use super::tail::{CHUNK_BYTES, Plan, Tail};
use super::{count, number};
use crate::changes::write;
use crate::commit::{Appended, JournalBatch};
use crate::documents::read_failed;
use crate::error::StoreError;
use pilot_proto::{Cursor, RunId};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};
use std::collections::HashMap;

/// Bytes of tails kept in memory. Forty busy runs fill ten MiB; beyond that
/// the least recently written are dropped and read again when they are needed.
const TAILS_BYTES: usize = 16 * 1024 * 1024;
const _: () = assert!(TAILS_BYTES >= 40 * CHUNK_BYTES, "forty live runs must not thrash");

const WHAT: &str = "the journal";

/// The tails of journals that were written lately, as they are durable.
#[derive(Debug, Default)]
pub(crate) struct Tails {
    by_run: HashMap<RunId, Kept>,
    weight: usize,
    /// Counts commits: the age of a tail.
    now: u64,
    packer: Packer,
}

#[derive(Debug)]
struct Kept {
    tail: Tail,
    used: u64,
}

impl Tails {
    /// Takes a tail out. It comes back with [`Tails::keep`] once what was done
    /// to it is durable; if that fails, it is simply gone, and the next commit
    /// reads what the database has.
    fn take(&mut self, run: RunId) -> Option<Tail> {
        let kept = self.by_run.remove(&run)?;
        self.weight -= kept.tail.weight();
        Some(kept.tail)
    }

    pub(crate) fn keep(&mut self, tails: HashMap<RunId, Tail>) {
        self.now += 1;
        for (run, tail) in tails {
            self.weight += tail.weight();
            self.by_run.insert(run, Kept { tail, used: self.now });
        }
        if self.weight > TAILS_BYTES {
            self.evict(TAILS_BYTES / 4 * 3);
        }
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.by_run.len()
    }

    /// Nothing more comes of this run. Should it, its tail is read again.
    pub(crate) fn forget(&mut self, run: RunId) {
        self.take(run);
    }

    fn evict(&mut self, down_to: usize) {
        let mut by_age: Vec<_> = self.by_run.iter().map(|(run, kept)| (kept.used, *run)).collect();
        by_age.sort_unstable();
        for (_, run) in by_age {
            if self.weight <= down_to {
                break;
            }
            self.take(run);
        }
    }
}

/// Appends a batch. `working` holds the tails that this transaction changed.
pub(crate) async fn append(
    db: &mut AnyConnection,
    tails: &mut Tails,
    working: &mut HashMap<RunId, Tail>,
    batch: &JournalBatch,
) -> Result<Appended, StoreError> {
    let mut tail = match working.remove(&batch.run).or_else(|| tails.take(batch.run)) {
        Some(tail) => tail,
        None => load(db, batch.run).await?,
    };
    let before = tail.end;
    let plan = tail.append(batch)?;
    if !plan.new.is_empty() {
        write_end(db, batch.run, before, &tail).await?;
        carry_out(db, &mut tails.packer, batch.run, &plan).await?;
    }
    let appended =
        Appended { run: batch.run, new: plan.new, first_line: before.lines, end: tail.end };
    working.insert(batch.run, tail);
    Ok(appended)
}

/// Moves the end from where we believe it is. If it is elsewhere, another
/// process has written since, and what we hold in memory is old.
async fn write_end(
    db: &mut AnyConnection,
    run: RunId,
    before: JournalEnd,
    tail: &Tail,
) -> Result<(), StoreError> {
    let first = before.cursor == Cursor::default();
    let sql = if first {
        "INSERT INTO journals (run, epoch, seq, lines, bytes, tail_seq) \
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (run) DO NOTHING"
    } else {
        "UPDATE journals SET epoch = $2, seq = $3, lines = $4, bytes = $5, tail_seq = $6 \
         WHERE run = $1 AND seq = $7"
    };
    let mut statement = sqlx::query(sql)
        .bind(run.to_string())
        .bind(i64::from(tail.end.cursor.epoch))
        .bind(number(tail.end.cursor.seq))
        .bind(number(tail.end.lines))
        .bind(number(tail.end.bytes))
        .bind(number(tail.first_seq()));
    if !first {
        statement = statement.bind(number(before.cursor.seq));
    }
    match write(db, WHAT, statement).await? {
        1 => Ok(()),
        _ => Err(StoreError::Contended { run }),
    }
}

async fn carry_out(
    db: &mut AnyConnection,
    packer: &mut Packer,
    run: RunId,
    plan: &Plan,
) -> Result<(), StoreError> {
    if let Some(from) = plan.remove_from {
        let sql = "DELETE FROM journal_chunks WHERE run = $1 AND last_seq >= $2";
        write(db, WHAT, sqlx::query(sql).bind(run.to_string()).bind(number(from))).await?;
    }
    for chunk in &plan.add {
        let body = packer.pack(&chunk.raw).map_err(|source| StoreError::Packing {
            what: WHAT,
            run,
            seq: chunk.first_seq,
            source,
        })?;
        let sql = "INSERT INTO journal_chunks \
                   (run, last_seq, first_seq, epoch, first_line, end_line, raw_bytes, body, talk) \
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
        let insert = sqlx::query(sql)
            .bind(run.to_string())
            .bind(number(chunk.end_seq - 1))
            .bind(number(chunk.first_seq))
            .bind(i64::from(chunk.epoch))
            .bind(number(chunk.first_line))
            .bind(number(chunk.end_line))
            .bind(number(chunk.raw.len() as u64))
            .bind(body)
            .bind(i64::from(chunk.talk));
        write(db, WHAT, insert).await?;
    }
    Ok(())
}

async fn load(db: &mut AnyConnection, run: RunId) -> Result<Tail, StoreError> {
    let sql = "SELECT epoch, seq, lines, bytes, tail_seq FROM journals WHERE run = $1";
    let row = sqlx::query(sql).bind(run.to_string()).fetch_optional(&mut *db).await;
    let Some(row) = row.map_err(read_failed(WHAT))? else { return Ok(Tail::default()) };
    let tail_seq: i64 = row.try_get(4).map_err(read_failed(WHAT))?;
    let sql = concat!(select_chunks!(), " WHERE run = $1 AND last_seq >= $2 ORDER BY last_seq");
    let rows = sqlx::query(sql).bind(run.to_string()).bind(tail_seq).fetch_all(db).await;
    let rows = rows.map_err(read_failed(WHAT))?;
    let chunks = rows.iter().map(|row| chunk(run, row)).collect::<Result<_, _>>()?;
    Ok(Tail { end: end(&row, 0).map_err(read_failed(WHAT))?, chunks })
}

/// A journal's end from the columns `epoch, seq, lines, bytes`, from `at` on.
/// A row that an outer join left empty is an empty journal.
pub(crate) fn end(row: &AnyRow, at: usize) -> Result<JournalEnd, sqlx::Error> {
    let column = |index: usize| -> Result<u64, sqlx::Error> {
        Ok(count(row.try_get::<Option<i64>, _>(at + index)?.unwrap_or(0)))
    };
    let epoch = u32::try_from(column(0)?).unwrap_or(u32::MAX);
    Ok(JournalEnd {
        cursor: Cursor { epoch, seq: column(1)? },
        lines: column(2)?,
        bytes: column(3)?,
    })
}

/// The columns that [`chunk`] reads, to be gone on with a condition.
macro_rules! select_chunks {
    () => {
        "SELECT first_seq, last_seq, epoch, first_line, end_line, raw_bytes, body, talk \
         FROM journal_chunks"
    };
}
pub(crate) use select_chunks;

/// A chunk from the columns of `select_chunks`.
pub(crate) fn chunk(run: RunId, row: &AnyRow) -> Result<Chunk, StoreError> {
    let column = |index: usize| row.try_get::<i64, _>(index).map_err(read_failed(WHAT));
    let first_seq = count(column(0)?);
    let body: &[u8] = row.try_get(6).map_err(read_failed(WHAT))?;
    let raw = unpack(body, column(5)?).map_err(|source| StoreError::Packing {
        what: WHAT,
        run,
        seq: first_seq,
        source,
    })?;
    Ok(Chunk {
        epoch: u32::try_from(column(2)?).unwrap_or(u32::MAX),
        first_seq,
        end_seq: count(column(1)?) + 1,
        first_line: count(column(3)?),
        end_line: count(column(4)?),
        talk: column(7)? != 0,
        raw,
    })
}
