//! Reading parts of a journal, backwards, and as it was: at any size.

use crate::world::{World, append, cursor, on_both_engines, output, record, run_id};
use pilot_proto::console::JournalPart;
use pilot_proto::{Cursor, Event, Phase, Record};
use pilot_store::{Part, Store, StoredRecord, Want};

on_both_engines!(
    a_conversation_is_read_past_chunks_that_hold_none_of_it,
    a_conversation_of_an_older_build_is_read_all_the_same,
    the_last_records_before_any_position_come_in_order,
    the_log_is_known_as_it_was_at_any_position,
);

/// Lines of output, with a word of the agent after each `every` of them; in
/// batches, so that the tail grows together in all its ways.
async fn talking(store: &Store, count: u64, every: u64) -> Vec<StoredRecord> {
    let line = "x".repeat(400);
    let records: Vec<_> = (1..=count)
        .map(|seq| match seq % every {
            0 => record(
                cursor(1, seq),
                Event::Text { text: format!("{seq}\nsecond line"), parent: None, open: false },
            ),
            _ => output(cursor(1, seq), &format!("{seq} {line}")),
        })
        .collect();
    for batch in records.chunks(300) {
        append(store, run_id(1), batch.to_vec()).await.expect("appends");
    }
    records
}

fn parsed(records: &[StoredRecord]) -> Vec<Record> {
    let parse = |raw: &StoredRecord| serde_json::from_str(&raw.json).expect("parses");
    records.iter().map(parse).collect()
}

fn conversation(records: &[StoredRecord]) -> Vec<Record> {
    let mut records = parsed(records);
    records.retain(|record| JournalPart::Conversation.has(&record.event));
    records
}

const fn want(part: Part, limit: usize) -> Want {
    Want { part, limit, max_bytes: usize::MAX }
}

/// All pages of a part, put together.
async fn forwards(store: &Store, want: Want) -> Vec<Record> {
    let (mut all, mut reached) = (Vec::new(), 0);
    loop {
        let page = store.records_after(run_id(1), reached, &want).await.expect("reads");
        assert!(page.records.len() <= want.limit, "the bound holds");
        assert!(page.end || page.reached > reached, "each page gets on");
        reached = page.reached;
        all.extend(page.records);
        if page.end {
            return all;
        }
    }
}

async fn backwards(store: &Store, from: u64, want: Want) -> Vec<Record> {
    let (mut all, mut reached) = (Vec::new(), from);
    loop {
        let page = store.records_before(run_id(1), reached, &want).await.expect("reads");
        assert!(page.end || page.reached < reached, "each page gets on");
        reached = page.reached;
        all.splice(0..0, page.records);
        if page.end {
            return all;
        }
    }
}

async fn a_conversation_is_read_past_chunks_that_hold_none_of_it(world: World) {
    let store = world.open().await;
    let records = talking(&store, 6_000, 2_500).await;
    let told = conversation(&records);
    assert_eq!(told.len(), 2, "few words between many lines");
    let quiet = world.number("SELECT COUNT(*) FROM journal_chunks WHERE talk = 0").await;
    assert!(quiet > 3, "most chunks hold no word: {quiet}");
    // Whoever opened one of them would fail.
    world.tamper("UPDATE journal_chunks SET raw_bytes = 1 WHERE talk = 0").await;
    for limit in [1, 1000] {
        assert_eq!(forwards(&store, want(Part::Conversation, limit)).await, told);
        assert_eq!(backwards(&store, u64::MAX, want(Part::Conversation, limit)).await, told);
    }
    let words = want(Part::Only(&["phase"]), 10);
    assert!(forwards(&store, words).await.is_empty(), "there was no phase");
    let all = store.records_after(run_id(1), 0, &want(Part::All, 10_000)).await;
    assert!(all.is_err(), "the damage is seen where it is read");
}

async fn a_conversation_of_an_older_build_is_read_all_the_same(world: World) {
    let store = world.open().await;
    let records = talking(&store, 3_000, 700).await;
    // What the new column says of rows that were there before it.
    world.tamper("UPDATE journal_chunks SET talk = 1").await;
    assert_eq!(forwards(&store, want(Part::Conversation, 3)).await, conversation(&records));
}

async fn the_last_records_before_any_position_come_in_order(world: World) {
    let store = world.open().await;
    let records = parsed(&talking(&store, 2_000, 3).await);
    for (before, limit) in [(0, 5), (1, 5), (2, 5), (700, 5), (1_999, 900), (u64::MAX, 3)] {
        let page = store.records_before(run_id(1), before, &want(Part::All, limit)).await;
        let older = records.iter().filter(|record| record.seq < before).count();
        let expected = &records[older.saturating_sub(limit)..older];
        assert_eq!(page.expect("reads").records, expected, "{limit} before {before}");
    }
    let small = Want { max_bytes: 1, ..want(Part::All, 10) };
    let page = store.records_before(run_id(1), 500, &small).await.expect("reads");
    assert_eq!(page.records, records[498..499], "one at least");
    let all = backwards(&store, u64::MAX, want(Part::All, 333)).await;
    assert_eq!(all, records, "page by page");
}

async fn the_log_is_known_as_it_was_at_any_position(world: World) {
    let store = world.open().await;
    let nothing = store.log_at(run_id(1), 9).await.expect("reads");
    assert_eq!(nothing, (Cursor::default(), 0), "a run without a journal");
    let records = talking(&store, 2_000, 7).await;
    // A writer that came after a power loss.
    let late = Cursor::POWER_LOSS_GAP + 2_001;
    let after = vec![
        record(cursor(2, late), Event::Phase { phase: Phase::Cleaning }),
        output(cursor(2, late + 1), "last"),
    ];
    append(&store, run_id(1), after.clone()).await.expect("appends");
    let total: u64 = records.iter().map(|record| record.lines).sum();
    for seq in [0, 1, 6, 7, 8, 350, 1_999, 2_000] {
        let expected: u64 = records.iter().take(seq as usize).map(|record| record.lines).sum();
        let (at, lines) = store.log_at(run_id(1), seq).await.expect("reads");
        assert_eq!((at.seq, lines), (seq, expected), "at {seq}");
    }
    let check = async |seq: u64, at: Cursor, lines: u64| {
        assert_eq!(store.log_at(run_id(1), seq).await.expect("reads"), (at, lines), "at {seq}");
    };
    check(2_001, cursor(1, 2_000), total).await;
    check(late - 1, cursor(1, 2_000), total).await;
    check(late, cursor(2, late), total).await;
    check(late + 1, cursor(2, late + 1), total + 1).await;
    check(u64::MAX, cursor(2, late + 1), total + 1).await;
    let page = backwards(&store, late, want(Part::Conversation, 50)).await;
    assert_eq!(page, conversation(&records), "over the gap");
}
