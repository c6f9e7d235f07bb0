//! The log: what is found, and what its lines are called.

use crate::world::{World, append, cursor, on_both_engines, output, run_id};
use pilot_proto::Code;
use pilot_store::{MAX_PAGE_BYTES, Search, Store, StoreError};

on_both_engines!(
    lines_that_match_are_found,
    a_search_goes_on_where_it_stopped,
    a_pattern_that_cannot_be_used_is_refused_with_a_reason,
    line_numbers_stay_although_a_later_build_folds_differently,
    a_page_of_huge_lines_is_cut,
);

fn search(pattern: &str) -> Search {
    Search { pattern: pattern.into(), regex: false, ignore_case: false, from: 0, limit: 100 }
}

async fn found(store: &Store, search: &Search) -> Vec<u64> {
    let hits = store.search(run_id(1), search).await.expect("searches");
    hits.hits.iter().map(|hit| hit.line).collect()
}

async fn lines_that_match_are_found(world: World) {
    let store = world.open().await;
    let text =
        "Compiling proto\nerror[E0308]: a.b (mismatch)\nERROR: Straße \"quoted\"\nüber\n\nok";
    append(&store, run_id(1), vec![output(cursor(1, 1), text)]).await.expect("appends");
    let more = vec![output(cursor(1, 2), "aXb"), output(cursor(1, 3), "error")];
    append(&store, run_id(1), more).await.expect("appends");

    let check = async |pattern: &str, regex: bool, ignore_case: bool, expected: &[u64]| {
        let search = Search { regex, ignore_case, ..search(pattern) };
        assert_eq!(found(&store, &search).await, expected, "{search:?}");
    };
    check("error", false, false, &[1, 7]).await;
    check("error", false, true, &[1, 2, 7]).await;
    check("a.b", false, false, &[1]).await;
    check("a.b", true, false, &[1, 6]).await;
    check("(mismatch)", false, false, &[1]).await;
    check("\"quoted\"", false, false, &[2]).await;
    check("STRAßE", false, true, &[2]).await;
    check("ÜBER", false, true, &[3]).await;
    check("ÜBER", false, false, &[]).await;
    check("^error$", true, false, &[7]).await;
    check(r"^error(\[E\d+\])?", true, false, &[1, 7]).await;
    check("(?i)compiling", true, false, &[0]).await;
    check("^$", true, false, &[4]).await;
    check("proto\nerror", false, false, &[]).await;
    check("nothing like it", false, false, &[]).await;
}

async fn a_search_goes_on_where_it_stopped(world: World) {
    let store = world.open().await;
    for seq in 1..=60 {
        let filler = "nothing here\n".repeat(700);
        let text = format!("{filler}needle {seq}");
        append(&store, run_id(1), vec![output(cursor(1, seq), &text)]).await.expect("appends");
    }
    let (mut all, mut from) = (Vec::new(), 0);
    loop {
        let page = Search { from, limit: 7, ..search("needle") };
        let hits = store.search(run_id(1), &page).await.expect("searches");
        assert!(hits.hits.len() <= 7, "the limit is kept");
        all.extend(hits.hits.into_iter().map(|hit| (hit.line, hit.text)));
        match hits.next {
            Some(next) => from = next,
            None => break,
        }
    }
    let expected: Vec<_> = (1..=60).map(|seq| (seq * 701 - 1, format!("needle {seq}"))).collect();
    assert_eq!(all, expected, "each hit once, in order");
    let late = Search { from: 40 * 701, ..search("needle") };
    assert_eq!(found(&store, &late).await.len(), 20, "lines before the first are left out");
}

async fn a_pattern_that_cannot_be_used_is_refused_with_a_reason(world: World) {
    let store = world.open().await;
    let check = async |pattern: &str| {
        let search = Search { regex: true, ..search(pattern) };
        let error = store.search(run_id(1), &search).await.expect_err("cannot be used");
        assert!(matches!(error, StoreError::Pattern { .. }), "{error}");
        assert_eq!(error.problem().code, Code::Invalid, "the person can mend it");
    };
    check("(unclosed").await;
    check("((a{1000}){1000}){1000}").await;
    assert!(found(&store, &search("(unclosed")).await.is_empty(), "as plain text it is fine");
}

async fn line_numbers_stay_although_a_later_build_folds_differently(world: World) {
    let store = world.open().await;
    let mut records = vec![
        output(cursor(1, 1), "one"),
        output(cursor(1, 2), "two\nlines"),
        output(cursor(1, 3), "last"),
    ];
    // As if the build that stored it had made three lines, or one, of it.
    records[0].lines = 3;
    records[1].lines = 1;
    append(&store, run_id(1), records).await.expect("appends");
    let log = store.log(run_id(1), 0, 9).await.expect("reads");
    let lines: Vec<_> = log.iter().map(|line| (line.line, line.text.as_str())).collect();
    assert_eq!(lines, [(0, "one"), (1, ""), (2, ""), (3, "two"), (4, "last")]);
    let log = store.log(run_id(1), 4, 1).await.expect("reads");
    assert_eq!(log[0].text, "last", "the number still names the same line");
}

async fn a_page_of_huge_lines_is_cut(world: World) {
    let store = world.open().await;
    let huge = "y".repeat(1024 * 1024);
    for seq in 1..=7 {
        append(&store, run_id(1), vec![output(cursor(1, seq), &huge)]).await.expect("appends");
    }
    let page = store.log(run_id(1), 0, 100).await.expect("reads");
    assert_eq!(page.len() * huge.len(), MAX_PAGE_BYTES, "the page ends when it is full");
    let rest = store.log(run_id(1), page.len() as u64, 100).await.expect("reads");
    assert_eq!(rest.len(), 3, "the rest is on the next");
    let hits = store.search(run_id(1), &search("yyy")).await.expect("searches");
    assert_eq!((hits.hits.len(), hits.next), (4, Some(4)), "so it is with hits");
}
