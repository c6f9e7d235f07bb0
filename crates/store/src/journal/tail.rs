//! The end of a journal that is still growing. Pure: what to write comes out
//! as a [`Plan`].
//!
//! Small batches must not become small rows for ever, and packing the whole
//! unfinished chunk anew with each batch would be wasteful (for batches of
//! 5 KiB, each byte 25 times). So the tail is a few chunks, each more than
//! twice as big as the next, like the digits of a counter: a new one swallows
//! those before it that are not. A byte is packed some ten times at most, the
//! tail is never more than some twenty rows, and when it reaches
//! [`CHUNK_BYTES`] it becomes one chunk for good.

use super::chunk::Chunk;
use super::end::{Admission, JournalEnd};
use crate::commit::{JournalBatch, StoredRecord};
use crate::error::StoreError;
use pilot_proto::Cursor;

/// Unpacked bytes of a finished chunk. Reading one line unpacks and scans one
/// chunk: 256 KiB is below a millisecond, and some 2,000 lines, a screen's
/// worth many times over. Bigger chunks would pack hardly better (Zstandard
/// sees most repetition of a log within 128 KiB) and make single reads slower
/// and tails heavier; smaller ones would cost more rows and pack worse.
pub(crate) const CHUNK_BYTES: usize = 256 * 1024;

/// The tail of one journal, unpacked, as it is durable.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tail {
    /// End of the journal.
    pub(crate) end: JournalEnd,
    /// The unfinished chunks, oldest first. Each is a row.
    pub(crate) chunks: Vec<Chunk>,
}

/// What to write so that the database has the journal as the tail has it now.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    /// Remove the rows that end at this record or later.
    pub(crate) remove_from: Option<u64>,
    /// Then add these.
    pub(crate) add: Vec<Chunk>,
    /// Indexes of the batch's records that are new.
    pub(crate) new: Vec<usize>,
}

impl Tail {
    /// First record of the tail; if there is none, the record after the end.
    pub(crate) fn first_seq(&self) -> u64 {
        self.chunks.first().map_or(self.end.cursor.seq + 1, |chunk| chunk.first_seq)
    }

    /// Bytes it holds in memory.
    pub(crate) fn weight(&self) -> usize {
        // A bit for the rest of it, so that a thousand empty ones count.
        const EMPTY: usize = 256;
        EMPTY + self.chunks.iter().map(|chunk| chunk.raw.capacity()).sum::<usize>()
    }

    /// Appends what is new of `batch`. After an error the tail is of no use.
    pub(crate) fn append(&mut self, batch: &JournalBatch) -> Result<Plan, StoreError> {
        let durable = self.chunks.len();
        let mut growth = Growth { plan: Plan::default(), durable };
        let mut open: Option<Chunk> = None;
        for (index, record) in batch.records.iter().enumerate() {
            if !self.admit(batch, record)? {
                continue;
            }
            growth.plan.new.push(index);
            if open
                .as_ref()
                .is_some_and(|chunk| !chunk.takes(record.cursor) || chunk.raw.len() >= CHUNK_BYTES)
            {
                self.take_in(open.take(), &mut growth);
            }
            open.get_or_insert_with(|| Chunk::empty(record.cursor, self.end.lines)).push(record);
            self.end = JournalEnd {
                cursor: record.cursor,
                lines: self.end.lines + record.lines,
                bytes: self.end.bytes + record.json.len() as u64,
            };
        }
        self.take_in(open, &mut growth);
        growth.plan.add.extend_from_slice(&self.chunks[growth.durable..]);
        Ok(growth.plan)
    }

    fn admit(&self, batch: &JournalBatch, record: &StoredRecord) -> Result<bool, StoreError> {
        match self.end.admit(record.cursor) {
            Admission::Duplicate => Ok(false),
            Admission::Hole => {
                Err(StoreError::Hole { run: batch.run, end: self.end.cursor, next: record.cursor })
            }
            Admission::New if memchr::memchr(b'\n', record.json.as_bytes()).is_some() => {
                Err(StoreError::NotOneLine { run: batch.run, cursor: record.cursor })
            }
            Admission::New => Ok(true),
        }
    }

    /// Puts a chunk at the end and lets it swallow those before it.
    fn take_in(&mut self, chunk: Option<Chunk>, growth: &mut Growth) {
        let Some(chunk) = chunk else { return };
        let next = Cursor { epoch: chunk.epoch, seq: chunk.first_seq };
        if self.chunks.last().is_some_and(|last| !last.takes(next)) {
            // A new epoch: what is there stays as it is, a few rows once.
            growth.finish(&mut self.chunks);
        }
        self.chunks.push(chunk);
        let total: usize = self.chunks.iter().map(|chunk| chunk.raw.len()).sum();
        while let [.., before, last] = &self.chunks[..]
            && (total >= CHUNK_BYTES || before.raw.len() <= 2 * last.raw.len())
        {
            growth.swallow(&mut self.chunks);
        }
        if total >= CHUNK_BYTES {
            growth.finish(&mut self.chunks);
        }
    }
}

/// A plan in the making.
struct Growth {
    plan: Plan,
    /// How many of the tail's first chunks are rows already.
    durable: usize,
}

impl Growth {
    /// Joins the last two chunks.
    fn swallow(&mut self, chunks: &mut Vec<Chunk>) {
        let Some(last) = chunks.pop() else { return };
        let joined = chunks.len();
        let Some(before) = chunks.last_mut() else { return };
        before.join(&last);
        if self.durable >= joined {
            self.durable = joined - 1;
            self.plan.remove_from = Some(before.first_seq);
        }
    }

    /// The tail's chunks will not change any more.
    fn finish(&mut self, chunks: &mut Vec<Chunk>) {
        self.plan.add.extend(chunks.drain(..).skip(self.durable));
        self.durable = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pilot_proto::RunId;
    use uuid::Uuid;

    fn batch(records: impl IntoIterator<Item = (u32, u64, usize)>) -> JournalBatch {
        let record = |(epoch, seq, size): (u32, u64, usize)| StoredRecord {
            cursor: Cursor { epoch, seq },
            lines: seq % 3,
            json: "x".repeat(size),
        };
        JournalBatch {
            run: RunId(Uuid::from_u128(1)),
            records: records.into_iter().map(record).collect(),
        }
    }

    /// The rows of a database that carries plans out.
    #[derive(Default)]
    struct Rows(Vec<Chunk>);

    impl Rows {
        fn carry_out(&mut self, plan: &Plan) {
            if let Some(from) = plan.remove_from {
                self.0.retain(|chunk| chunk.end_seq - 1 < from);
            }
            self.0.extend_from_slice(&plan.add);
        }
    }

    #[test]
    fn rows_stay_few_and_say_what_the_journal_says() {
        let check = |size: usize, count: u64| {
            let (mut tail, mut rows, mut packed) = (Tail::default(), Rows::default(), 0);
            let mut all = Vec::new();
            for seq in 1..=count {
                let batch = batch([(1, seq, size)]);
                let plan = tail.append(&batch).expect("follows");
                packed += plan.add.iter().map(|chunk| chunk.raw.len()).sum::<usize>();
                rows.carry_out(&plan);
                all.extend(batch.records);
                assert!(rows.0.ends_with(&tail.chunks), "the tail is the last rows");
                assert!(tail.chunks.len() <= 20, "the tail is a few chunks");
            }
            let run = RunId(Uuid::from_u128(1));
            let stored: Vec<StoredRecord> = rows
                .0
                .iter()
                .flat_map(|chunk| chunk.records(run))
                .map(|record| record.expect("whole"))
                .map(|record| StoredRecord {
                    cursor: record.cursor,
                    lines: record.lines,
                    json: record.json.to_owned(),
                })
                .collect();
            assert!(stored == all, "nothing lost, nothing twice");
            let raw: usize = rows.0.iter().map(|chunk| chunk.raw.len()).sum();
            assert!(rows.0.len() <= raw / CHUNK_BYTES + 21, "{} rows", rows.0.len());
            assert!(packed <= 20 * raw, "packed {packed} bytes for {raw}");
        };
        check(10, 40_000);
        check(3_000, 500);
        check(100_000, 20);
        check(600_000, 4);
    }

    #[test]
    fn a_big_batch_is_cut_into_chunks_of_about_the_same_size() {
        let mut tail = Tail::default();
        let plan = tail.append(&batch((1..=3_000).map(|seq| (1, seq, 1_000)))).expect("follows");
        assert_eq!(plan.remove_from, None, "there was nothing to replace");
        for chunk in &plan.add[..plan.add.len() - 1] {
            assert!((CHUNK_BYTES..CHUNK_BYTES + 2_000).contains(&chunk.raw.len()));
        }
    }

    #[test]
    fn an_epoch_has_its_own_chunks() {
        let mut tail = Tail::default();
        let plan = tail.append(&batch([(1, 1, 9), (1, 2, 9), (2, 3, 9), (4, 90, 9)]));
        let spans: Vec<_> = plan
            .expect("follows")
            .add
            .iter()
            .map(|chunk| (chunk.epoch, chunk.first_seq, chunk.end_seq))
            .collect();
        assert_eq!(spans, [(1, 1, 3), (2, 3, 4), (4, 90, 91)]);
    }
}
