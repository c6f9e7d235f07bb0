//! Several at once: readers beside the writer, and a second hub.

use crate::world::{World, append, change, numbered, on_both_engines, run_id, task, whole};
use pilot_proto::Timestamp;
use pilot_proto::console::TaskQuery;
use pilot_store::{Change, Commit, JournalBatch, Store, StoreError};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::task::JoinSet;

on_both_engines!(
    a_join_code_enrols_once,
    an_old_join_code_enrols_nobody,
    readers_see_a_whole_prefix_while_the_writer_writes,
    commits_at_once_lose_nothing,
    a_second_hub_goes_on_where_the_first_stopped,
);

fn put_code(hash: &str, expires_at: i64) -> Change {
    Change::PutJoinCode { hash: hash.into(), expires_at: Timestamp(expires_at) }
}

fn take_code(hash: &str, now: i64) -> Change {
    Change::TakeJoinCode { hash: hash.into(), now: Timestamp(now) }
}

async fn a_join_code_enrols_once(world: World) {
    // Two stores: two hubs behind one address, or one that was started twice.
    let stores = [world.open().await, world.open().await];
    change(&stores[0], [put_code("code", 100)]).await.expect("commits");
    let mut takers = JoinSet::new();
    for number in 0..16 {
        let store = stores[number % 2].clone();
        takers.spawn(async move {
            let changes = [Change::PutTask(task(number as u128)), take_code("code", 50)];
            change(&store, changes).await
        });
    }
    let takes = takers.join_all().await;
    let taken = takes.iter().filter(|take| take.is_ok()).count();
    assert_eq!(taken, 1, "a code enrols one runner: {takes:?}");
    for error in takes.into_iter().filter_map(Result::err) {
        assert!(matches!(error, StoreError::JoinCodeGone), "the others are told why: {error}");
    }
    let tasks = stores[0].tasks(&TaskQuery::default()).await.expect("reads");
    assert_eq!(tasks.len(), 1, "what else the others wanted did not happen");
}

async fn an_old_join_code_enrols_nobody(world: World) {
    let store = world.open().await;
    change(&store, [put_code("old", 100), put_code("new", 200)]).await.expect("commits");
    let check = async |hash: &str, now: i64| {
        let error = change(&store, [take_code(hash, now)]).await.expect_err("must be refused");
        assert!(matches!(error, StoreError::JoinCodeGone), "`{hash}` at {now}: {error}");
    };
    check("old", 100).await;
    check("never", 1).await;
    change(&store, [take_code("new", 199)]).await.expect("it is still good");
    check("new", 199).await;
    let again = change(&store, [put_code("twice", 1), put_code("twice", 1)]).await;
    assert!(again.is_err(), "a code that is there already is not silently shared");
}

async fn readers_see_a_whole_prefix_while_the_writer_writes(world: World) {
    let store = world.open().await;
    let id = run_id(1);
    let over = Arc::new(AtomicBool::new(false));
    let mut readers = JoinSet::new();
    for _ in 0..3 {
        let (store, over) = (store.clone(), over.clone());
        readers.spawn(async move {
            let mut seen = 0;
            loop {
                let last_round = over.load(Ordering::Acquire);
                let end = store.journal_end(id).await.expect("reads").cursor.seq;
                assert!(end >= seen, "a journal does not shrink");
                seen = end;
                let after = end.saturating_sub(40);
                let page = store.raw_records(id, after, 40, usize::MAX).await.expect("reads");
                let expected = numbered(after + 1..=after + page.len() as u64);
                assert_eq!(page, expected, "no record is missing, doubled or moved");
                assert!(page.len() as u64 >= end - after, "what was durable is there");
                if last_round {
                    return seen;
                }
            }
        });
    }
    for step in 0..250 {
        append(&store, id, numbered(step * 20 + 1..=step * 20 + 20)).await.expect("appends");
    }
    over.store(true, Ordering::Release);
    assert_eq!(readers.join_all().await, [5_000; 3], "every reader came to the end");
}

async fn commits_at_once_lose_nothing(world: World) {
    let store = world.open().await;
    let mut writers = JoinSet::new();
    for number in 1..=8 {
        let store = store.clone();
        writers.spawn(async move {
            for step in 0..20 {
                let records = numbered(step * 5 + 1..=step * 5 + 5);
                append(&store, run_id(number), records).await.expect("appends");
            }
        });
    }
    writers.join_all().await;
    for number in 1..=8 {
        assert_eq!(whole(&store, run_id(number)).await, numbered(1..=100), "run {number}");
    }
}

async fn a_second_hub_goes_on_where_the_first_stopped(world: World) {
    let (first, second): (Store, Store) = (world.open().await, world.open().await);
    let id = run_id(1);
    // Each holds a tail in memory that the other makes old.
    for step in 0..20 {
        let store = if step % 2 == 0 { &first } else { &second };
        let journal = vec![JournalBatch { run: id, records: numbered(1..=step * 3 + 3) }];
        let done = store.commit(&Commit { journal, changes: vec![] }).await.expect("commits");
        assert_eq!(done.journal[0].new.len(), 3, "it saw what the other had stored");
    }
    assert_eq!(whole(&first, id).await, numbered(1..=60), "each once, in order");
}
