//! Any range of any journal equals a naive model of it: a list.

use crate::world::{World, append, cursor, on_both_engines, output, record, run_id};
use pilot_proto::{Event, Outcome, Stream};
use pilot_store::{Search, Store, StoredRecord};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

on_both_engines!(any_range_of_a_long_log_is_right, any_history_of_appends_reads_like_a_list,);

async fn any_range_of_a_long_log_is_right(world: World) {
    const LINES: u64 = 200_000;
    const PER_RECORD: u64 = 40;
    let store = world.open().await;
    let id = run_id(1);
    let line = |number: u64| format!("{number}: compiling crate-{} ... ok", number % 977);
    let text = |seq: u64| {
        let first = (seq - 1) * PER_RECORD;
        (first..first + PER_RECORD).map(line).collect::<Vec<_>>().join("\n")
    };
    let records: Vec<StoredRecord> =
        (1..=LINES / PER_RECORD).map(|seq| output(cursor(1, seq), &text(seq))).collect();
    for batch in records.chunks(97) {
        append(&store, id, batch.to_vec()).await.expect("appends");
    }
    let end = store.journal_end(id).await.expect("reads");
    assert_eq!(end.lines, LINES, "every line is counted");

    let check = async |from: u64, lines: u64| {
        let read = store.log(id, from, lines).await.expect("reads");
        let last = (from + lines).min(LINES);
        assert_eq!(read.len() as u64, last.saturating_sub(from), "{lines} lines from {from}");
        for (number, read) in (from..).zip(&read) {
            assert_eq!((read.line, &read.text), (number, &line(number)), "line {number}");
        }
    };
    check(0, 1).await;
    check(0, 10_000).await;
    check(LINES - 1, 1).await;
    check(LINES - 5, 100).await;
    check(LINES, 10).await;
    check(LINES + 7, 10).await;
    check(3, 0).await;
    // A stride that meets every position within a record, a chunk and a page.
    for step in 0..120 {
        check(step * 1_663 % LINES, 1 + step * 7).await;
    }
    let search =
        Search { pattern: "^199999: ".into(), regex: true, ignore_case: false, from: 0, limit: 5 };
    let hits = store.search(id, &search).await.expect("searches");
    assert_eq!(hits.hits.len(), 1, "the last line is found from the first on");
    assert_eq!(hits.next, None, "and there is nothing after it");
}

/// One step of a history.
#[derive(Debug, Clone)]
enum Step {
    /// Sends records again from `back` before the end, and then `new` more.
    Append {
        back: usize,
        new: Vec<(u8, usize)>,
        next_epoch: bool,
    },
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    let new = prop::collection::vec((0..4_u8, 0..9_000_usize), 0..60);
    let append = (0..8_usize, new, prop::bool::weighted(0.1))
        .prop_map(|(back, new, next_epoch)| Step::Append { back, new, next_epoch });
    prop_oneof![5 => append, 1 => Just(Step::Reopen)]
}

fn event(kind: u8, size: usize) -> Event {
    let text = "ab c\n".repeat(size / 5);
    match kind {
        0 => Event::Output { stream: Stream::Stdout, text, open: false },
        1 => Event::Output { stream: Stream::Protocol, text, open: false },
        2 => Event::Text { text, parent: None, open: false },
        _ => Event::Finished(Outcome::NoChange),
    }
}

async fn any_history_of_appends_reads_like_a_list(world: World) {
    // Deterministic: the same histories on every machine and engine.
    let mut runner = TestRunner::new_with_rng(
        Config { cases: 24, failure_persistence: None, ..Config::default() },
        TestRng::deterministic_rng(RngAlgorithm::ChaCha),
    );
    let handle = tokio::runtime::Handle::current();
    let mut number = 0;
    let checked = tokio::task::block_in_place(|| {
        let cases = std::cell::RefCell::new(&mut number);
        runner.run(&prop::collection::vec(step(), 1..12), |steps| {
            **cases.borrow_mut() += 1;
            handle.block_on(live(&world, run_id(**cases.borrow()), steps));
            Ok(())
        })
    });
    if let Err(failure) = checked {
        panic!("{failure}");
    }
}

async fn live(world: &World, id: pilot_proto::RunId, steps: Vec<Step>) {
    let mut store = world.open().await;
    let mut model: Vec<StoredRecord> = Vec::new();
    let (mut epoch, mut seq) = (1, 0);
    for step in steps {
        match step {
            Step::Reopen => {
                store.close().await;
                store = world.open().await;
            }
            Step::Append { back, new, next_epoch } => {
                if next_epoch && seq > 0 {
                    (epoch, seq) = (epoch + 1, seq + 1_000);
                }
                let mut sent = model[model.len().saturating_sub(back)..].to_vec();
                for (kind, size) in new {
                    seq += 1;
                    let record = record(cursor(epoch, seq), event(kind, size));
                    sent.push(record.clone());
                    model.push(record);
                }
                append(&store, id, sent).await.expect("follows");
            }
        }
    }
    compare(&store, id, &model).await;
    store.close().await;
}

async fn compare(store: &Store, id: pilot_proto::RunId, model: &[StoredRecord]) {
    let all = store.raw_records(id, 0, usize::MAX, usize::MAX).await.expect("reads");
    assert!(all == model, "the journal is the list");
    let end = store.journal_end(id).await.expect("reads");
    assert_eq!(end.cursor, model.last().map(|last| last.cursor).unwrap_or_default(), "its end");
    let texts: Vec<String> = model
        .iter()
        .flat_map(|record| {
            let record: pilot_proto::Record = serde_json::from_str(&record.json).expect("parses");
            let lines = pilot_proto::log::lines(&record.event);
            lines.into_iter().map(|line| line.text.into_owned()).collect::<Vec<_>>()
        })
        .collect();
    assert_eq!(end.lines, texts.len() as u64, "every line is counted");
    for part in 0..7 {
        let (after, from) = (model.len() * part / 7, texts.len() * part / 7);
        let seq = after.checked_sub(1).map_or(0, |index| model[index].cursor.seq);
        let page = store.raw_records(id, seq, 5, usize::MAX).await.expect("reads");
        assert!(page == model[after..].iter().take(5).cloned().collect::<Vec<_>>(), "a page");
        let page = store.log(id, from as u64, 50).await.expect("reads");
        let read: Vec<&String> = page.iter().map(|line| &line.text).collect();
        assert!(read == texts[from..].iter().take(50).collect::<Vec<_>>(), "lines from {from}");
        assert!(page.iter().map(|line| line.line).eq((from as u64..).take(page.len())), "numbers");
    }
}
