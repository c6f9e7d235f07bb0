//! What the store makes of a journal, against writing and syncing its bytes.

use crate::figure::{Figure, timed};
use pilot_proto::{Event, Record, RunId, Stream, Timestamp};
use pilot_store::{Commit, JournalBatch, Store, StoredRecord};
use std::fs::File;
use std::io::Write;

/// 64 batches of 1 MiB, the link's largest.
const BATCHES: u64 = 64;
const RECORDS: u64 = 16;
const LINES: usize = 640;

pub(crate) fn throughput() -> Vec<Figure> {
    let directory = tempfile::TempDir::new().expect("a temporary directory");
    let run = RunId(uuid::Uuid::from_u128(1));
    let batches: Vec<Vec<StoredRecord>> = (0..BATCHES).map(batch).collect();
    let bytes: usize = batches.iter().flatten().map(|record| record.json.len()).sum();

    let path = directory.path().join("floor");
    let floor = timed(|| {
        let mut file = File::create(&path).expect("it can be made");
        for batch in &batches {
            for record in batch {
                file.write_all(record.json.as_bytes()).expect("it can be written");
            }
            file.sync_data().expect("and synced");
        }
    });
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let url = format!("sqlite://{}", directory.path().join("hub.db").display());
    let store = runtime.block_on(Store::open(&url)).expect("the store opens");
    let stored = timed(|| {
        runtime.block_on(async {
            for records in batches {
                let journal = vec![JournalBatch { run, records }];
                let commit = Commit { journal, changes: Vec::new() };
                store.commit(&commit).await.expect("it commits");
            }
        });
    });
    runtime.block_on(store.close());
    #[expect(clippy::cast_precision_loss, reason = "megabytes for showing")]
    let megabytes = bytes as f64 / 1e6;
    let rate = megabytes / stored.as_secs_f64();
    let floor = megabytes / floor.as_secs_f64();
    vec![Figure::new("journal.throughput", rate, "MB/s").against("write+fsync", floor)]
}

fn batch(number: u64) -> Vec<StoredRecord> {
    (0..RECORDS)
        .map(|index| {
            let seq = number * RECORDS + index + 1;
            let lines: Vec<String> = (0..LINES)
                .map(|line| {
                    format!("{seq:>8} {line:>5} compiling crate number {} of many, with features: default, std, and a path /home/x", seq * 31 + line as u64)
                })
                .collect();
            let event = Event::Output { stream: Stream::Stdout, text: lines.join("\n"), open: false };
            let record = Record { epoch: 1, seq, at: Timestamp(0), event };
            StoredRecord::spell(&record).expect("it spells")
        })
        .collect()
}
