//! Snapshots at any point of the journal.

use crate::world::{World, change, on_both_engines, run_id};
use pilot_proto::snapshot::Change as FileChange;
use pilot_proto::{ChangedFile, SnapshotDelta, Timestamp};
use pilot_store::{Change, Store};

on_both_engines!(
    a_snapshot_is_folded_up_to_any_point,
    a_snapshot_whose_parts_are_still_coming_is_not_shown,
    a_run_with_many_deltas_is_read_whole,
    sizes_are_those_of_the_snapshots,
);

fn file(path: &str, added: u64) -> ChangedFile {
    ChangedFile {
        path: path.into(),
        old_path: None,
        change: FileChange::Modified,
        old: None,
        new: None,
        added: Some(added),
        removed: None,
    }
}

fn delta(number: u64, changed: &[(&str, u64)], dropped: &[&str]) -> SnapshotDelta {
    SnapshotDelta {
        number,
        base: "b".repeat(40),
        head: format!("{number:040}"),
        reset: number == 1,
        changed: changed.iter().map(|(path, added)| file(path, *added)).collect(),
        dropped: dropped.iter().map(|path| (*path).to_owned()).collect(),
        more: false,
    }
}

async fn put(store: &Store, deltas: impl IntoIterator<Item = (u64, SnapshotDelta)>) {
    let put = |(seq, delta)| Change::PutDelta {
        run: run_id(1),
        seq,
        at: Timestamp(i64::try_from(seq).expect("small")),
        delta,
    };
    change(store, deltas.into_iter().map(put)).await.expect("commits");
}

/// The snapshot at a point: its number, and its files with the lines added.
async fn at(store: &Store, seq: Option<u64>) -> (u64, Vec<(String, u64)>) {
    let snapshot = store.snapshot(run_id(1), seq).await.expect("reads");
    let files = snapshot.files.values().cloned();
    (snapshot.number, files.map(|file| (file.path, file.added.unwrap_or(0))).collect())
}

fn files(expected: &[(&str, u64)]) -> Vec<(String, u64)> {
    expected.iter().map(|(path, added)| ((*path).to_owned(), *added)).collect()
}

async fn a_snapshot_is_folded_up_to_any_point(world: World) {
    let store = world.open().await;
    assert_eq!(at(&store, None).await, (0, vec![]), "a run without changes");
    put(&store, [(5, delta(1, &[("a", 1), ("b", 2)], &[]))]).await;
    put(&store, [(9, delta(2, &[("a", 3)], &["b"])), (12, delta(3, &[("c", 4)], &[]))]).await;
    let rebased = SnapshotDelta { reset: true, ..delta(4, &[("z", 9)], &[]) };
    put(&store, [(20, rebased)]).await;
    // The same record, delivered twice.
    put(&store, [(12, delta(3, &[("c", 4)], &[]))]).await;
    let check = async |seq: Option<u64>, number: u64, expected: &[(&str, u64)]| {
        assert_eq!(at(&store, seq).await, (number, files(expected)), "at {seq:?}");
    };
    check(Some(4), 0, &[]).await;
    check(Some(5), 1, &[("a", 1), ("b", 2)]).await;
    check(Some(8), 1, &[("a", 1), ("b", 2)]).await;
    check(Some(9), 2, &[("a", 3)]).await;
    check(Some(19), 3, &[("a", 3), ("c", 4)]).await;
    check(Some(20), 4, &[("z", 9)]).await;
    check(Some(u64::MAX), 4, &[("z", 9)]).await;
    check(None, 4, &[("z", 9)]).await;
    let other = store.snapshot(run_id(2), None).await.expect("reads");
    assert!(other.files.is_empty(), "another run's changes are its own");
}

async fn a_snapshot_whose_parts_are_still_coming_is_not_shown(world: World) {
    let store = world.open().await;
    let part = |delta: SnapshotDelta| SnapshotDelta { more: true, ..delta };
    put(&store, [(1, delta(1, &[("a", 1)], &[]))]).await;
    let reset = SnapshotDelta { reset: true, ..part(delta(2, &[("b", 1)], &[])) };
    put(&store, [(2, reset), (3, part(delta(2, &[("c", 1)], &[])))]).await;
    assert_eq!(at(&store, None).await, (1, files(&[("a", 1)])), "the last whole one");
    put(&store, [(4, delta(2, &[("d", 1)], &[]))]).await;
    assert_eq!(at(&store, None).await, (2, files(&[("b", 1), ("c", 1), ("d", 1)])), "now all");
    assert_eq!(at(&store, Some(3)).await, (1, files(&[("a", 1)])), "at that time, not yet");
}

async fn a_run_with_many_deltas_is_read_whole(world: World) {
    let store = world.open().await;
    let path = |number: u64| format!("src/{number}.rs");
    put(
        &store,
        (1..=300).map(|number| (number * 2, delta(number, &[(&path(number), number)], &[]))),
    )
    .await;
    let snapshot = store.snapshot(run_id(1), None).await.expect("reads");
    assert_eq!((snapshot.number, snapshot.files.len()), (300, 300), "no delta was left out");
    let early = store.snapshot(run_id(1), Some(259)).await.expect("reads");
    assert_eq!((early.number, early.files.len()), (129, 129), "up to the point, none after it");
}

async fn sizes_are_those_of_the_snapshots(world: World) {
    let store = world.open().await;
    assert!(store.change_sizes(run_id(1)).await.expect("reads").is_empty(), "no change, no size");
    let part = |delta: SnapshotDelta| SnapshotDelta { more: true, ..delta };
    put(&store, [(2, delta(1, &[("a", 1), ("b", 2)], &[]))]).await;
    put(&store, [(5, part(delta(2, &[("a", 5)], &["b", "c"])))]).await;
    put(&store, [(6, delta(2, &[("d", 7)], &[]))]).await;
    put(&store, (3..=90).map(|number| (number * 4, delta(number, &[("e", number)], &[])))).await;
    let rebased = SnapshotDelta { reset: true, ..delta(91, &[("z", 9)], &[]) };
    put(&store, [(400, rebased)]).await;
    let sizes = store.change_sizes(run_id(1)).await.expect("reads");
    assert_eq!(sizes.len(), 91, "one for each whole snapshot");
    for one in sizes {
        let snapshot = store.snapshot(run_id(1), Some(one.seq)).await.expect("reads");
        assert_eq!(one.size, snapshot.size(), "at {}", one.seq);
        assert_eq!(one.at.map(|at| at.0.unsigned_abs()), Some(one.seq), "when it was minted");
    }
    world.tamper("UPDATE snapshot_deltas SET minted_at = NULL").await;
    let sizes = store.change_sizes(run_id(1)).await.expect("reads");
    assert!(sizes.iter().all(|one| one.at.is_none()), "an older build did not say");
}
