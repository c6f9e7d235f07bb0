//! Appending: each record once, in order, with the state or not at all.

use crate::world::{
    World, append, batch, cursor, numbered, on_both_engines, output, record, run, run_id, whole,
};
use pilot_proto::{Code, Cursor, Event, Outcome, Stream};
use pilot_store::{Change, Commit, JournalEnd, StoreError, StoredRecord};

on_both_engines!(
    records_come_back_as_their_writer_spelled_them,
    duplicates_and_overlaps_are_stored_once,
    a_hole_is_refused_and_nothing_of_the_commit_is_kept,
    a_new_epoch_may_jump_and_an_old_one_is_refused,
    a_tail_is_found_again_after_reopening,
    a_failed_change_takes_the_records_back,
    more_tails_than_memory_holds_go_on_where_they_were,
    ends_of_unfinished_runs_are_known_at_the_start,
    a_page_of_records_keeps_its_bounds,
);

async fn records_come_back_as_their_writer_spelled_them(world: World) {
    let store = world.open().await;
    let odd =
        r#"{ "epoch":1, "seq":2, "at":5, "event":{"type":"teleported","to":"\u00fc \u0000"}}"#;
    let parsed: pilot_proto::Record = serde_json::from_str(odd).expect("parses");
    let records = vec![
        output(cursor(1, 1), "α\nβ\u{0}"),
        StoredRecord::new(&parsed, odd.to_owned()),
        record(cursor(1, 3), Event::Finished(Outcome::NoChange)),
    ];
    append(&store, run_id(1), records.clone()).await.expect("appends");
    assert_eq!(whole(&store, run_id(1)).await, records, "byte for byte");
    let read = store.records(run_id(1), 1, 10, usize::MAX).await.expect("reads");
    assert_eq!(read[0], parsed, "an event of a newer peer is kept");
    assert_eq!(read[1].event, Event::Finished(Outcome::NoChange), "in order");
    assert_eq!(read.len(), 2, "those after the one named");
    assert!(whole(&store, run_id(2)).await.is_empty(), "another run has nothing");
}

async fn duplicates_and_overlaps_are_stored_once(world: World) {
    let store = world.open().await;
    let id = run_id(1);
    let done = append(&store, id, numbered(1..=4)).await.expect("appends");
    assert_eq!(done.journal[0].new, [0, 1, 2, 3], "all are new");
    let done = append(&store, id, numbered([3, 4, 5, 5, 6])).await.expect("appends");
    assert_eq!(done.journal[0].new, [2, 4], "only the records after the end are new");
    assert_eq!(done.journal[0].first_line, 4, "the first new line follows the last stored");
    assert_eq!(done.journal[0].end.cursor, cursor(1, 6), "the end moved");
    let done = append(&store, id, numbered(2..=6)).await.expect("appends");
    assert!(done.journal[0].new.is_empty(), "a batch that came twice adds nothing");
    let commit = Commit {
        journal: vec![batch(id, numbered(6..=8)), batch(id, numbered(7..=9))],
        changes: vec![],
    };
    let done = store.commit(&commit).await.expect("commits");
    assert_eq!(done.journal[1].new, [2], "batches of one commit count in order");
    assert_eq!(whole(&store, id).await, numbered(1..=9), "each once, in order");
    let end = store.journal_end(id).await.expect("reads");
    let bytes = numbered(1..=9).iter().map(|record| record.json.len() as u64).sum();
    assert_eq!(end, JournalEnd { cursor: cursor(1, 9), lines: 9, bytes }, "the end adds up");
}

async fn a_hole_is_refused_and_nothing_of_the_commit_is_kept(world: World) {
    let store = world.open().await;
    append(&store, run_id(1), numbered(1..=2)).await.expect("appends");
    let check = async |records: Vec<StoredRecord>| {
        let commit = Commit {
            journal: vec![batch(run_id(2), numbered(1..=3)), batch(run_id(1), records)],
            changes: vec![Change::PutRun(run(1, 1))],
        };
        let error = store.commit(&commit).await.expect_err("must be refused");
        assert_eq!(error.problem().code, Code::Invalid, "{error}");
        assert_eq!(whole(&store, run_id(1)).await, numbered(1..=2), "left as it was");
        assert!(whole(&store, run_id(2)).await.is_empty(), "the other run's records neither");
        assert_eq!(store.run(run_id(1)).await.expect("reads"), None, "nor the change");
    };
    check(numbered([4])).await;
    check(numbered([3, 5])).await;
    check(vec![output(cursor(0, 3), "no epoch")]).await;
    let broken = StoredRecord { json: "{}\n{}".into(), ..output(cursor(1, 3), "") };
    check(vec![broken]).await;
    append(&store, run_id(1), numbered([3])).await.expect("goes on where it was");
}

async fn a_new_epoch_may_jump_and_an_old_one_is_refused(world: World) {
    let store = world.open().await;
    let id = run_id(1);
    let far = 3 + Cursor::POWER_LOSS_GAP;
    let records = vec![
        output(cursor(1, 1), "a"),
        output(cursor(1, 2), "b\nc"),
        output(cursor(2, 3), "d"),
        output(cursor(4, far), "e"),
        output(cursor(4, far + 1), "f"),
    ];
    append(&store, id, records[..1].to_vec()).await.expect("appends");
    append(&store, id, records.clone()).await.expect("appends");
    let late = append(&store, id, vec![output(cursor(2, far + 2), "ghost")]).await;
    assert!(matches!(late, Err(StoreError::Hole { .. })), "the replaced writer is refused");
    let store = world.open().await;
    append(&store, id, vec![output(cursor(4, far + 2), "g")]).await.expect("appends");
    assert_eq!(whole(&store, id).await[..5], records, "all epochs, in order");
    let texts: Vec<String> =
        store.log(id, 0, 99).await.expect("reads").into_iter().map(|line| line.text).collect();
    assert_eq!(texts, ["a", "b", "c", "d", "e", "f", "g"], "the log does not see the epochs");
}

async fn a_tail_is_found_again_after_reopening(world: World) {
    let id = run_id(1);
    for round in 0..30 {
        // Dropped, not closed: what is acknowledged does not need a good-bye.
        let store = world.open().await;
        append(&store, id, numbered(1..=round * 3 + 1)).await.expect("appends");
        append(&store, id, numbered(1..=round * 3 + 3)).await.expect("appends");
    }
    let store = world.open().await;
    assert_eq!(whole(&store, id).await, numbered(1..=90), "nothing lost, nothing twice");
    let rows = world.number("SELECT COUNT(*) FROM journal_chunks").await;
    assert!(rows <= 12, "ninety records lie in {rows} rows: the tail must grow together");
}

async fn a_failed_change_takes_the_records_back(world: World) {
    let store = world.open().await;
    let id = run_id(1);
    append(&store, id, numbered(1..=3)).await.expect("appends");
    let take = Change::TakeJoinCode { hash: "none".into(), now: pilot_proto::Timestamp(0) };
    let commit = Commit {
        journal: vec![batch(id, numbered(4..=6))],
        changes: vec![Change::PutRun(run(1, 1)), take],
    };
    let error = store.commit(&commit).await.expect_err("there is no such code");
    assert!(matches!(error, StoreError::JoinCodeGone), "{error}");
    assert_eq!(store.journal_end(id).await.expect("reads").cursor, cursor(1, 3), "taken back");
    assert_eq!(store.run(id).await.expect("reads"), None, "the other change too");
    let commit = Commit { changes: vec![], ..commit };
    let done = store.commit(&commit).await.expect("commits");
    assert_eq!(done.journal[0].new, [0, 1, 2], "memory did not run ahead of the disk");
    assert_eq!(whole(&store, id).await, numbered(1..=6), "each once");
}

async fn more_tails_than_memory_holds_go_on_where_they_were(world: World) {
    let store = world.open().await;
    let runs = 90;
    // Below the size at which a chunk is finished: all of it stays tail.
    let big = "x".repeat(220 * 1024);
    for number in 1..=runs {
        append(&store, run_id(number), vec![output(cursor(1, 1), &big)]).await.expect("appends");
    }
    for seq in 2..=3 {
        for number in 1..=runs {
            let done = append(&store, run_id(number), numbered(1..=seq)).await.expect("appends");
            assert_eq!(done.journal[0].end.cursor, cursor(1, seq), "run {number} goes on");
        }
    }
    for number in [1, 2, runs / 2, runs] {
        let log = store.log(run_id(number), 0, 9).await.expect("reads");
        assert_eq!(log.len(), 3, "run {number} has a line of each record");
        assert_eq!(log[2].text, "line of 3", "and the last is the last");
    }
}

async fn ends_of_unfinished_runs_are_known_at_the_start(world: World) {
    let store = world.open().await;
    let mut over = run(3, 1);
    over.outcome = Some(Outcome::Cancelled);
    let commit = Commit {
        journal: vec![batch(run_id(1), numbered(1..=5)), batch(run_id(3), numbered(1..=2))],
        changes: [run(1, 1), run(2, 1), over].map(Change::PutRun).to_vec(),
    };
    let committed = store.commit(&commit).await.expect("commits");
    let ends = world.open().await.journal_ends().await.expect("reads");
    let expected =
        [(run_id(1), committed.journal[0].end), (run_id(2), JournalEnd::default())].into();
    assert_eq!(ends, expected, "one for each run that has not ended, also without a journal");
}

async fn a_page_of_records_keeps_its_bounds(world: World) {
    let store = world.open().await;
    let id = run_id(1);
    let protocol = |seq| {
        let text = "p".repeat(100_000);
        record(cursor(1, seq), Event::Output { stream: Stream::Protocol, text, open: false })
    };
    append(&store, id, (1..=9).map(protocol).collect()).await.expect("appends");
    let check = async |after: u64, limit: usize, max_bytes: usize, expected: &[u64]| {
        let page = store.raw_records(id, after, limit, max_bytes).await.expect("reads");
        let seqs: Vec<u64> = page.iter().map(|record| record.cursor.seq).collect();
        assert_eq!(seqs, expected, "after {after}, {limit} records, {max_bytes} bytes");
    };
    check(0, 2, usize::MAX, &[1, 2]).await;
    check(7, 9, usize::MAX, &[8, 9]).await;
    check(0, 9, 250_000, &[1, 2]).await;
    check(3, 9, 10, &[4]).await;
    check(9, 9, usize::MAX, &[]).await;
    check(u64::MAX, 9, usize::MAX, &[]).await;
    check(0, 0, usize::MAX, &[]).await;
    let end = store.journal_end(id).await.expect("reads");
    assert_eq!(end.lines, 0, "the protocol is not part of the log");
    assert!(store.log(id, 0, 9).await.expect("reads").is_empty(), "and the log is empty");
}
