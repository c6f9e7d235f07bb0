//! What the screen of one task stands on: its conversation without the log,
//! the log as it grows and as it was, and the moments of the run.

use crate::house::{House, eventually, soon};
use crate::live::{console, say, told};
use crate::runner::{FakeRunner, nothing_done, output, under_way};
use crate::wire::RawSocket;
use pilot_proto::console::{
    FromConsole, JournalPart, JournalQuery, LogQuery, LogText, MomentKind, MomentsQuery,
    TaskJournal, TaskLog, TaskMoments, ToConsole,
};
use pilot_proto::snapshot::{Change, ChangedFile, DiffSize, SnapshotDelta};
use pilot_proto::{Code, Event, Record, RunId};

fn text(words: &str) -> Event {
    Event::Text { text: words.to_owned(), parent: None, open: false }
}

fn lines(count: u64) -> Vec<Event> {
    (0..count).map(|number| output(&format!("{number} {}", "x".repeat(100)))).collect()
}

fn delta(number: u64, files: &[&str]) -> Event {
    let file = |path: &&str| ChangedFile {
        path: (*path).to_owned(),
        old_path: None,
        change: Change::Added,
        old: None,
        new: None,
        added: Some(10),
        removed: None,
    };
    Event::Snapshot(SnapshotDelta {
        number,
        base: "b".repeat(40),
        head: "b".repeat(40),
        reset: number == 1,
        changed: files.iter().map(file).collect(),
        dropped: Vec::new(),
        more: false,
    })
}

fn conversation(records: &[Record]) -> Vec<Record> {
    let wanted = records.iter().filter(|one| JournalPart::Conversation.has(&one.event));
    wanted.cloned().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_is_followed_without_the_log_that_it_stands_in() {
    let house = House::new().await;
    let (mut runner, _, run) = under_way(&house).await;
    for word in 0..3 {
        runner.write(run, lines(4_000)).await;
        runner.write(run, vec![text(&format!("old {word}")), delta(word + 1, &["a"])]).await;
    }
    let end = runner.write(run, lines(10)).await;
    runner.acked(run, end).await;
    let mut socket = console(&house).await;
    let part = JournalPart::Conversation;
    say(&mut socket, &FromConsole::WatchJournal { watch: 1, run, after: 0, part }).await;
    let mut all: Vec<Record> = Vec::new();
    let mut next = async |socket: &mut RawSocket| match told(socket).await {
        ToConsole::Records { records, end, .. } => {
            assert!(!records.is_empty(), "nothing is said where there is nothing to say");
            all.extend(records);
            end
        }
        ToConsole::Watching { .. } | ToConsole::Behind { .. } => false,
        other => panic!("unexpected: {other:?}"),
    };
    while !next(&mut socket).await && runner.journals[&run].records.len() < 12_100 {
        // It is in the present: small commits, one too large to be handed
        // around, and output alone.
        runner.write(run, vec![output("x"), text("new")]).await;
        runner.write(run, lines(50)).await;
        let mut large = lines(1_000);
        large.push(text("large"));
        runner.write(run, large).await;
    }
    runner.write(run, nothing_done()).await;
    while !next(&mut socket).await {}
    let written = &runner.journals[&run].records;
    assert_eq!(all, conversation(written), "each once, in order, and nothing of the log");

    // After its end, and from somewhere in it.
    let after = all[3].seq;
    say(&mut socket, &FromConsole::WatchJournal { watch: 1, run, after, part }).await;
    let mut rest = Vec::new();
    loop {
        match told(&mut socket).await {
            ToConsole::Records { records, end, .. } => {
                rest.extend(records);
                if end {
                    break;
                }
            }
            ToConsole::Watching { .. } | ToConsole::Ended { problem: None, .. } => {}
            other => panic!("unexpected: {other:?}"),
        }
    }
    assert_eq!(rest, all[4..]);
    house.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_a_journal_are_read_backwards_and_by_part() {
    let house = House::new().await;
    let (mut runner, task, run) = under_way(&house).await;
    for word in 0..5 {
        runner.write(run, lines(700)).await;
        runner.write(run, vec![text(&format!("word {word}"))]).await;
    }
    let end = runner.write(run, nothing_done()).await;
    runner.acked(run, end).await;
    let written = runner.journals[&run].records.clone();
    let query = |after, before, part, limit| JournalQuery {
        task,
        run: None,
        after,
        before,
        part,
        limit: Some(limit),
    };
    let told = conversation(&written);
    let talk = Some(JournalPart::Conversation);
    let page = house.call::<TaskJournal>(query(None, None, talk, 1000)).await;
    assert_eq!((page.records, page.end), (told.clone(), end), "the conversation alone");
    let page = house.call::<TaskJournal>(query(None, Some(u64::MAX >> 1), talk, 4)).await;
    assert_eq!(page.records, told[told.len() - 4..], "its last words");
    let page = house.call::<TaskJournal>(query(None, Some(told[2].seq), talk, 4)).await;
    assert_eq!(page.records, told[..2], "up to its beginning");
    let page = house.call::<TaskJournal>(query(None, Some(2_000), None, 10)).await;
    assert_eq!(page.records, written[1_989..1_999], "every record before one");
    let page = house.call::<TaskJournal>(query(Some(1_000), None, None, 2)).await;
    assert_eq!(page.records, written[1_000..1_002], "as before");
    let page = house.call::<TaskJournal>(query(None, None, talk, 0)).await;
    assert_eq!(page.records, [], "none were wanted");
    let problem = house.refused::<TaskJournal>(query(Some(1), Some(9), None, 2)).await;
    assert_eq!(problem.code, Code::Invalid, "not both: {problem}");
    house.hub.stop().await;
}

/// What a watch of a log says: the totals and the lines, up to its end.
async fn read_log(socket: &mut RawSocket) -> (Vec<u64>, Vec<LogText>) {
    let (mut totals, mut all) = (Vec::new(), Vec::new());
    loop {
        match told(socket).await {
            ToConsole::Log { total, lines, end, .. } => {
                assert!(lines.len() <= 500, "a message is bounded: {}", lines.len());
                totals.push(total);
                all.extend(lines);
                if end {
                    return (totals, all);
                }
            }
            ToConsole::Watching { .. } => {}
            other => panic!("unexpected: {other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_is_told_as_it_grows_the_newest_lines_of_it() {
    let house = House::new().await;
    let (mut runner, task, run) = under_way(&house).await;
    let end = runner.write(run, lines(30)).await;
    runner.acked(run, end).await;
    let mut socket = console(&house).await;
    say(&mut socket, &FromConsole::WatchLog { watch: 4, run }).await;
    assert!(matches!(told(&mut socket).await, ToConsole::Watching { watch: 4 }));
    match told(&mut socket).await {
        ToConsole::Log { watch: 4, total: 30, lines, end: false } => {
            assert_eq!(lines, [], "what is there is read with `task_log`");
        }
        other => panic!("unexpected: {other:?}"),
    }
    runner.write(run, vec![output("one\ntwo"), text("three")]).await;
    match told(&mut socket).await {
        ToConsole::Log { total: 33, lines, end: false, .. } => {
            let told: Vec<_> = lines.iter().map(|one| (one.line, one.text.as_str())).collect();
            assert_eq!(told, [(30, "one"), (31, "two"), (32, "three")], "the new ones");
        }
        other => panic!("unexpected: {other:?}"),
    }
    // Large commits and small ones, faster than anybody reads.
    for _ in 0..20 {
        runner.write(run, lines(2_000)).await;
        runner.write(run, lines(3)).await;
    }
    runner.write(run, vec![output("the last line")]).await;
    runner.write(run, nothing_done()).await;
    let (totals, all) = read_log(&mut socket).await;
    let total = 33 + 20 * 2_003 + 1;
    assert_eq!(totals.last(), Some(&total));
    assert!(totals.windows(2).all(|two| two[0] <= two[1]), "it only grows: {totals:?}");
    assert!(all.windows(2).all(|two| two[0].line < two[1].line), "none twice, in order");
    assert_eq!(all.last().map(|last| last.text.as_str()), Some("the last line"));
    let tail = &all[all.len() - 100..];
    assert_eq!(tail[0].line, total - 100, "the newest ones are whole");
    // They are the lines that the log has.
    let query = LogQuery { task, run: None, from: Some(total - 100), lines: None, at: None };
    assert_eq!(tail, house.call::<TaskLog>(query).await.lines);

    assert!(matches!(told(&mut socket).await, ToConsole::Ended { watch: 4, problem: None }));
    say(&mut socket, &FromConsole::WatchLog { watch: 5, run }).await;
    assert_eq!(read_log(&mut socket).await, (vec![total], vec![]), "what is over is over");
    house.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_slow_to_read_a_log_is_told_where_it_is_by_now() {
    let house = House::new().await;
    let (mut runner, _, run) = under_way(&house).await;
    let mut slow = console(&house).await;
    say(&mut slow, &FromConsole::WatchLog { watch: 1, run }).await;
    // Each message is large, so that few fill the socket; nobody reads.
    for _ in 0..100 {
        let long = "y".repeat(9_000);
        let end = runner.write(run, (0..60).map(|_| output(&long)).collect()).await;
        runner.acked(run, end).await;
    }
    let end = runner.write(run, nothing_done()).await;
    runner.acked(run, end).await;
    let (totals, all) = read_log(&mut slow).await;
    assert_eq!(totals.last(), Some(&6_000), "where it is by now");
    assert_eq!(all.last().map(|last| last.line), Some(5_999), "with the last line");
    assert!(all.windows(2).all(|two| two[0].line < two[1].line), "none twice, in order");
    let nowhere = RunId(uuid::Uuid::from_u128(5));
    say(&mut slow, &FromConsole::WatchLog { watch: 1, run: nowhere }).await;
    soon("the refusal", async {
        loop {
            match told(&mut slow).await {
                ToConsole::Ended { problem: Some(problem), .. } => {
                    return assert_eq!(problem.code, Code::NotFound);
                }
                ToConsole::Ended { .. } => {}
                other => panic!("unexpected: {other:?}"),
            }
        }
    })
    .await;
    house.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_is_read_as_it_was() {
    let house = House::new().await;
    let (mut runner, task, run) = under_way(&house).await;
    let then = runner.write(run, lines(2_500)).await;
    let end = runner.write(run, lines(2_500)).await;
    runner.acked(run, end).await;
    let query = |at, from, lines| LogQuery { task, run: None, from, lines, at };
    let page = house.call::<TaskLog>(query(Some(then.seq), None, Some(10))).await;
    assert_eq!((page.total, page.first, page.cursor), (2_500, 2_490, then), "its end, then");
    assert_eq!(page.lines.len(), 10);
    assert!(page.lines[9].text.starts_with("2499 "), "{:?}", page.lines[9]);
    let page = house.call::<TaskLog>(query(Some(then.seq), Some(2_495), Some(100))).await;
    assert_eq!(page.lines.len(), 5, "no line that came later");
    let page = house.call::<TaskLog>(query(Some(then.seq), Some(4_000), Some(100))).await;
    assert_eq!((page.lines.len(), page.total), (0, 2_500), "past its end");
    let page = house.call::<TaskLog>(query(Some(1), None, None)).await;
    assert_eq!((page.lines.len(), page.total), (0, 0), "before its first line");
    let page = house.call::<TaskLog>(query(Some(u64::MAX >> 1), None, Some(1))).await;
    assert_eq!((page.total, page.cursor), (5_000, end), "as it is now");
    house.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_moments_of_a_run_are_found_in_a_long_journal() {
    let house = House::new().await;
    house.project().await;
    let task = house.file("print").await.id;
    let none = house.call::<TaskMoments>(MomentsQuery { task, run: None }).await;
    assert_eq!((none.run, none.moments.len()), (None, 0), "before the first run");
    let mut runner = FakeRunner::connected(&house, 1).await;
    let run = runner.take().await.run;
    runner.begin(run).await;
    runner.write(run, vec![Event::TurnStarted { turn: 1, prompt: "fix it\nplease".into() }]).await;
    for _ in 0..10 {
        runner.write(run, lines(3_000)).await;
    }
    let tool = Event::ToolStarted {
        id: "t1".into(),
        tool: "Edit".into(),
        input: serde_json::Value::Null,
        summary: "src/main.rs".into(),
        parent: None,
        locations: Vec::new(),
    };
    runner.write(run, vec![tool, delta(1, &["a", "b"])]).await;
    runner.write(run, lines(3_000)).await;
    runner.write(run, vec![delta(2, &["c"])]).await;
    let end = runner.write(run, nothing_done()).await;
    runner.acked(run, end).await;
    let moments = eventually("the journal is whole", || async {
        let moments = house.call::<TaskMoments>(MomentsQuery { task, run: Some(run) }).await;
        if moments.end == end { Ok(moments) } else { Err(moments.end) }
    })
    .await;
    let shown: Vec<_> = moments
        .moments
        .iter()
        .map(|one| (one.kind, one.label.as_str(), one.diff.map(|diff| diff.added)))
        .collect();
    assert_eq!(
        shown,
        [
            (MomentKind::Phase, "Preparing", None),
            (MomentKind::Phase, "Agent at work", None),
            (MomentKind::Turn, "Turn 1: fix it", None),
            (MomentKind::Tool, "Edit src/main.rs", None),
            (MomentKind::Change, "2 files", Some(20)),
            (MomentKind::Change, "3 files", Some(30)),
            (MomentKind::Phase, "Cleaning", None),
            (MomentKind::End, "No change", None),
        ]
    );
    assert!(!moments.thinned);
    let size = DiffSize { files: 3, added: 30, removed: 0 };
    assert_eq!(moments.moments[5].diff, Some(size), "as large as it was then");
    assert!(moments.moments.iter().all(|one| one.at.0 == 1_000_000), "when each was minted");
    assert_eq!(moments.moments.last().map(|last| last.seq), Some(end.seq));
    house.hub.stop().await;
}
