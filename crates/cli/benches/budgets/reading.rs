//! What a task's screen reads of the store: a change of 10,000 files, and the
//! conversation and moments of a journal with a million lines of output.

use crate::figure::{Figure, median, milliseconds, timed};
use pilot_proto::console::JournalPart;
use pilot_proto::snapshot::{Change as FileChange, Side, SideKind};
use pilot_proto::{BlobId, ChangedFile, Event, Record, RunId, SnapshotDelta, Stream, Timestamp};
use pilot_store::{Change, Commit, JournalBatch, Part, Store, StoredRecord, Want};
use tokio::runtime::Runtime;

const FILES: usize = 10_000;
/// Snapshots after the first, each of a few files: a run of an hour.
const LATER: u64 = 300;
/// Records of output, each of this many lines, and a tool call after each few.
const RECORDS: u64 = 100_000;
const LINES: usize = 10;
const TALK_EVERY: u64 = 500;

fn run() -> RunId {
    RunId(uuid::Uuid::from_u128(1))
}

pub(crate) fn file_list() -> Vec<Figure> {
    let (_directory, runtime, store) = opened();
    let deltas = (0..FILES)
        .collect::<Vec<_>>()
        .chunks(SnapshotDelta::MAX_FILES)
        .map(|files| delta(1, files.iter().copied(), files[files.len() - 1] + 1 < FILES))
        .chain((0..LATER).map(|number| {
            let first = usize::try_from(number).expect("small") * 31 % (FILES - 3);
            delta(number + 2, first..first + 3, false)
        }))
        .collect::<Vec<_>>();
    let changes = (1..).zip(deltas).map(|(seq, delta)| Change::PutDelta {
        run: run(),
        seq,
        at: Timestamp(0),
        delta,
    });
    let commit = Commit { journal: Vec::new(), changes: changes.collect() };
    runtime.block_on(store.commit(&commit)).expect("it commits");

    let mut body = Vec::new();
    let list = median(5, || {
        timed(|| {
            let snapshot = runtime.block_on(store.snapshot(run(), None)).expect("it is read");
            body = serde_json::to_vec(&*snapshot).expect("it spells");
            assert_eq!(snapshot.files.len(), FILES, "every file is listed");
        })
    });
    // The least that has to be done: to spell what is in memory.
    let snapshot = runtime.block_on(store.snapshot(run(), None)).expect("it is read");
    let floor = median(5, || {
        timed(|| assert_eq!(serde_json::to_vec(&*snapshot).expect("it spells"), body))
    });
    let sizes = median(5, || {
        timed(|| {
            let sizes = runtime.block_on(store.change_sizes(run())).expect("they are read");
            assert_eq!(sizes.len() as u64, LATER + 1, "each snapshot has one");
        })
    });
    let (list, sizes) = (milliseconds(list), milliseconds(sizes));
    vec![
        Figure::new("diff.file_list_10k_files", list, "ms")
            .against("spelling it", milliseconds(floor))
            .budget("<= 200 ms", list <= 200.0),
        Figure::new("moments.sizes_of_300_snapshots", sizes, "ms"),
    ]
}

pub(crate) fn conversation() -> Vec<Figure> {
    let (_directory, runtime, store) = opened();
    for first in (1..=RECORDS).step_by(1000) {
        let records = (first..first + 1000).map(record).collect();
        let journal = vec![JournalBatch { run: run(), records }];
        let commit = Commit { journal, changes: Vec::new() };
        runtime.block_on(store.commit(&commit)).expect("it commits");
    }
    let read = |part: Part| {
        let want = Want { part, limit: 10_000, max_bytes: 256 * 1024 };
        let (mut reached, mut count) = (0, 0);
        loop {
            let page = runtime.block_on(store.records_after(run(), reached, &want));
            let page = page.expect("it is read");
            (reached, count) = (page.reached, count + page.records.len());
            if page.end {
                return count;
            }
        }
    };
    let all = timed(|| assert_eq!(read(Part::All) as u64, RECORDS));
    let talk = median(3, || {
        timed(|| {
            let count = read(JournalPart::Conversation.into()) as u64;
            assert_eq!(count, RECORDS / TALK_EVERY, "all of it and no more");
        })
    });
    let last = median(5, || {
        timed(|| {
            let part = JournalPart::Conversation.into();
            let want = Want { part, limit: 100, max_bytes: 256 * 1024 };
            let page = runtime.block_on(store.records_before(run(), u64::MAX, &want));
            assert_eq!(page.expect("it is read").records.len(), 100);
        })
    });
    vec![
        Figure::new("conversation.of_a_million_lines", milliseconds(talk), "ms")
            .against("the whole journal", milliseconds(all)),
        Figure::new("conversation.last_hundred", milliseconds(last), "ms"),
    ]
}

fn opened() -> (tempfile::TempDir, Runtime, Store) {
    let directory = tempfile::TempDir::new().expect("a temporary directory");
    let runtime = Runtime::new().expect("a runtime");
    let url = format!("sqlite://{}", directory.path().join("hub.db").display());
    let store = runtime.block_on(Store::open(&url)).expect("the store opens");
    (directory, runtime, store)
}

fn delta(number: u64, files: impl Iterator<Item = usize>, more: bool) -> SnapshotDelta {
    let side = |file: usize| Side {
        kind: SideKind::Text,
        mode: 0o100_644,
        size: 1234,
        blob: format!("{file:040x}").parse::<BlobId>().ok(),
        left_out: None,
    };
    let changed = files.map(|file| ChangedFile {
        path: format!("packages/module-{}/source/component/file-{file}.rs", file / 100),
        old_path: None,
        change: FileChange::Modified,
        old: Some(side(file)),
        new: Some(side(file + 1)),
        added: Some(number),
        removed: Some(1),
    });
    SnapshotDelta {
        number,
        base: "b".repeat(40),
        head: "c".repeat(40),
        reset: false,
        changed: changed.collect(),
        dropped: Vec::new(),
        more,
    }
}

fn record(seq: u64) -> StoredRecord {
    let event = if seq.is_multiple_of(TALK_EVERY) {
        let (id, summary) = (seq.to_string(), format!("cargo test --package number-{seq}"));
        let input = serde_json::json!({ "command": summary });
        Event::ToolStarted {
            id,
            tool: "Bash".to_owned(),
            input,
            summary,
            parent: None,
            locations: Vec::new(),
        }
    } else {
        let line = |line: usize| {
            format!(
                "{seq:>8} {line:>3} compiling crate of many, with features: default, std, and a path /home/x"
            )
        };
        let text = (0..LINES).map(line).collect::<Vec<_>>().join("\n");
        Event::Output { stream: Stream::Stdout, text, open: false }
    };
    let record = Record { epoch: 1, seq, at: Timestamp(0), event };
    StoredRecord::spell(&record).expect("it spells")
}
