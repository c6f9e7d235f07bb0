//! Reading what a run left: its log, its changes, its rescued work.

use crate::house::{House, soon};
use crate::runner::{FakeRunner, nothing_done, output};
use pilot_link::Incoming;
use pilot_proto::console::{
    DiffQuery, FileQuery, LogQuery, LogSearch, TaskDiff, TaskDiffFile, TaskLog, TaskLogSearch,
};
use pilot_proto::event::Event;
use pilot_proto::runner::{BulkHead, ToHub, ToRunner};
use pilot_proto::snapshot::{Change, ChangedFile, DiffRow, Side, SideKind, SnapshotDelta};
use pilot_proto::{BlobId, Code, TaskId};

fn side(blob: &BlobId, size: usize) -> Side {
    Side {
        kind: SideKind::Text,
        mode: 0o100_644,
        size: size as u64,
        blob: Some(blob.clone()),
        left_out: None,
    }
}

fn query(task: TaskId, path: &str, at: Option<u64>) -> FileQuery {
    let path = path.to_owned();
    FileQuery {
        task,
        run: None,
        at,
        path,
        first: None,
        rows: None,
        context: None,
        ignore_space: None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_can_be_read_side_by_side_now_and_as_it_was() {
    let house = House::new().await;
    house.project().await;
    let mut runner = FakeRunner::connected(&house, 1).await;
    let task = house.file("write").await.id;
    let run = runner.take().await.run;
    runner.begin(run).await;
    let old = "one\ntwo\nthree\n";
    let (first, second) = ("one\n2\nthree\n", "one\n2\nthree\nfour\n");
    let mut file = ChangedFile {
        path: "a.txt".to_owned(),
        old_path: None,
        change: Change::Modified,
        old: Some(side(&runner.store(old.as_bytes()).await, old.len())),
        new: Some(side(&runner.store(first.as_bytes()).await, first.len())),
        added: Some(1),
        removed: Some(1),
    };
    let delta = |number, file: &ChangedFile| {
        Event::Snapshot(SnapshotDelta {
            number,
            base: "b".repeat(40),
            head: "b".repeat(40),
            reset: number == 1,
            changed: vec![file.clone()],
            dropped: Vec::new(),
            more: false,
        })
    };
    let then = runner.write(run, vec![delta(1, &file)]).await;
    runner.acked(run, then).await;
    file.new = Some(side(&runner.store(second.as_bytes()).await, second.len()));
    file.added = Some(2);
    let mut events = vec![delta(2, &file)];
    events.extend(nothing_done());
    let end = runner.write(run, events).await;
    runner.acked(run, end).await;
    runner.hang_up();
    let house = house.restart().await;

    let now = house.call::<TaskDiff>(DiffQuery { task, run: None, at: None }).await;
    assert_eq!((now.number, now.files["a.txt"].added), (2, Some(2)));
    let earlier = DiffQuery { task, run: Some(run), at: Some(then.seq) };
    assert_eq!(house.call::<TaskDiff>(earlier).await.number, 1);
    // Twice: the second comes from what was kept.
    for _ in 0..2 {
        let view = house.call::<TaskDiffFile>(query(task, "a.txt", None)).await;
        assert_eq!(view.total_rows, 4);
        assert!(
            matches!(&view.rows[0], DiffRow::Same { old: 1, new: 1, text } if text == "one"),
            "{:?}",
            view.rows
        );
        assert_eq!(view.changes, [(1, 2), (3, 4)]);
    }
    let view = house.call::<TaskDiffFile>(query(task, "a.txt", Some(then.seq))).await;
    assert_eq!((view.total_rows, view.changes.len()), (3, 1), "as it was then");
    let problem = house.refused::<TaskDiffFile>(query(task, "b.txt", None)).await;
    assert_eq!(problem.code, Code::NotFound);
    house.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_is_read_from_anywhere_and_searched() {
    let house = House::new().await;
    house.project().await;
    let task = house.file("print").await.id;
    let log = |from, lines| LogQuery { task, run: None, from, lines, at: None };
    let empty = house.call::<TaskLog>(log(None, None)).await;
    assert_eq!((empty.run, empty.total), (None, 0), "before the first run");
    let mut runner = FakeRunner::connected(&house, 1).await;
    let run = runner.take().await.run;
    runner.begin(run).await;
    let lines = (0..3000).map(|n| output(&format!("line {n}"))).collect();
    let end = runner.write(run, lines).await;
    runner.acked(run, end).await;
    let page = house.call::<TaskLog>(log(None, None)).await;
    assert_eq!((page.first, page.lines.len(), page.total), (2000, 1000, 3000), "the end");
    assert_eq!(page.lines[999].text, "line 2999");
    let page = house.call::<TaskLog>(log(Some(1234), Some(2))).await;
    let texts: Vec<_> = page.lines.iter().map(|line| line.text.as_str()).collect();
    assert_eq!(texts, ["line 1234", "line 1235"]);
    let search = |pattern: &str, regex| LogSearch {
        task,
        run: None,
        pattern: pattern.to_owned(),
        regex,
        ignore_case: true,
        from: None,
        limit: Some(3),
    };
    let hits = house.call::<TaskLogSearch>(search("LINE 1500", false)).await;
    assert_eq!((hits.hits.len(), hits.hits[0].line), (1, 1500));
    let hits = house.call::<TaskLogSearch>(search("line .*7$", true)).await;
    assert_eq!((hits.hits.len(), hits.next.is_some()), (3, true));
    let problem = house.refused::<TaskLogSearch>(search("(", true)).await;
    assert_eq!(problem.code, Code::Invalid, "{problem}");
    house.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rescued_work_is_handed_out_whole() {
    let house = House::new().await;
    house.project().await;
    let mut runner = FakeRunner::connected(&house, 1).await;
    let task = house.file("write").await.id;
    let run = runner.take().await.run;
    runner.begin(run).await;
    let bundle: Vec<u8> = (0..2_000_000_u32).flat_map(|n| (n % 251).to_le_bytes()).collect();
    let blob = runner.store(&bundle).await;
    let size = bundle.len() as u64;
    let mut events = vec![Event::Rescued { bundle: blob, size, reference: "work".to_owned() }];
    events.extend(nothing_done());
    let end = runner.write(run, events).await;
    runner.acked(run, end).await;
    let mut file = Vec::new();
    house.client.rescue(task, &mut file).await.expect("it is handed out");
    assert!(file == bundle, "byte for byte");
    let other = house.file("nothing").await.id;
    let error = house.client.rescue(other, &mut Vec::new()).await.expect_err("there is none");
    assert!(error.to_string().contains("no unpublished work"), "{error}");
    house.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runner_asks_which_blobs_are_missing_and_gets_those_it_needs() {
    let house = House::new().await;
    let runner = FakeRunner::connected(&house, 1).await;
    let here = runner.store(b"here").await;
    let large: Vec<u8> =
        (0..3_000_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let large_id = runner.store(&large).await;
    let gone = pilot_git::blob_id(b"gone");
    let mut bulk = runner.bulk().await;
    let blobs = vec![here.clone(), gone.clone()];
    bulk.sender().send(&ToHub::BlobsMissing { blobs }).await.expect("the hub takes it");
    match soon("the answer", bulk.recv()).await.expect("it stands") {
        Incoming::Message(ToRunner::Missing { blobs }) => {
            assert_eq!(blobs, std::slice::from_ref(&gone))
        }
        other => panic!("unexpected: {other:?}"),
    }
    bulk.sender().send(&ToHub::BlobGet { blob: gone.clone() }).await.expect("the hub takes it");
    match soon("the answer", bulk.recv()).await.expect("it stands") {
        Incoming::Message(ToRunner::BlobUnknown { blob }) => assert_eq!(blob, gone),
        other => panic!("unexpected: {other:?}"),
    }
    bulk.sender().send(&ToHub::BlobGet { blob: large_id.clone() }).await.expect("taken");
    let mut packed = Vec::new();
    loop {
        match soon("a piece", bulk.recv()).await.expect("it stands") {
            Incoming::Bulk(BulkHead::Blob { blob, offset, total }, bytes) => {
                assert_eq!((&blob, offset), (&large_id, packed.len() as u64));
                packed.extend_from_slice(&bytes);
                if packed.len() as u64 == total {
                    break;
                }
            }
            other => panic!("unexpected: {other:?}"),
        }
    }
    assert!(zstd::decode_all(&packed[..]).expect("unpacks") == large);
    house.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blob_that_is_too_large_or_not_what_it_says_ends_the_bulk_connection_alone() {
    let house = House::new().await;
    let mut runner = FakeRunner::connected(&house, 1).await;
    let wanted = pilot_git::blob_id(b"wanted");
    let packed = zstd::encode_all(&b"something else"[..], 3).expect("packs");
    for (total, bytes) in [(packed.len() as u64, packed), (1 << 40, vec![0; 1000])] {
        let mut bulk = runner.bulk().await;
        let head = BulkHead::Blob { blob: wanted.clone(), offset: 0, total };
        bulk.sender().send_bulk(&head, &bytes).await.expect("the hub takes it");
        let ended = async {
            while let Ok(incoming) = bulk.recv().await {
                assert!(
                    !matches!(incoming, Incoming::Message(ToRunner::BlobStored { .. })),
                    "it must not be called stored"
                );
            }
        };
        soon("the hub hangs up", ended).await;
    }
    runner.say(ToHub::Beat { runs: Vec::new(), load: None }).await;
    runner
        .until("the primary connection stands", |message| {
            matches!(message, ToRunner::BeatHeard { .. }).then_some(())
        })
        .await;
    house.hub.stop().await;
}
