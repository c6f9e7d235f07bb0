//! Watching: history first, then live, each once; slow consoles catch up.

use crate::house::{House, soon};
use crate::runner::{FakeRunner, nothing_done, output};
use crate::wire::RawSocket;
use futures_util::{SinkExt, StreamExt};
use pilot_client::Told;
use pilot_proto::console::{FromConsole, JournalPart, LIVE_PATH, ToConsole};
use pilot_proto::runner::{ToHub, ToRunner};
use pilot_proto::{Code, Record, RunId};
use std::time::Duration;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use uuid::Uuid;

pub(crate) async fn console(house: &House) -> RawSocket {
    socket(house, LIVE_PATH).await
}

/// A WebSocket of the hub, below its address.
pub(crate) async fn socket(house: &House, path: &str) -> RawSocket {
    let url = format!("{}{path}", house.hub.url.replace("http", "ws"));
    let mut request = url.into_client_request().expect("a request");
    let token = format!("Bearer {}", house.token()).parse().expect("a header");
    request.headers_mut().insert("authorization", token);
    tokio_tungstenite::connect_async(request).await.expect("the hub upgrades").0
}

pub(crate) async fn say(socket: &mut RawSocket, message: &FromConsole) {
    let text = serde_json::to_string(message).expect("it serialises");
    socket.send(Message::text(text)).await.expect("the hub reads");
}

pub(crate) async fn told(socket: &mut RawSocket) -> ToConsole {
    loop {
        match soon("word of the hub", socket.next()).await.expect("open").expect("no fault") {
            Message::Text(text) => return serde_json::from_str(&text).expect("JSON"),
            Message::Ping(_) | Message::Pong(_) => {}
            other => panic!("unexpected: {other:?}"),
        }
    }
}

/// Everything of a journal watch up to its end, and how often it was behind.
async fn read_to_end(socket: &mut RawSocket) -> (Vec<Record>, u64) {
    let (mut all, mut behind) = (Vec::new(), 0);
    loop {
        match told(socket).await {
            ToConsole::Records { records, end, .. } => {
                all.extend(records);
                if end {
                    return (all, behind);
                }
            }
            ToConsole::Behind { .. } => behind += 1,
            ToConsole::Watching { .. } => {}
            other => panic!("unexpected: {other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_journal_is_followed_from_history_into_the_present_each_record_once() {
    let house = House::new().await;
    house.project().await;
    let mut runner = FakeRunner::connected(&house, 1).await;
    house.file("print").await;
    let run = runner.take().await.run;
    runner.begin(run).await;
    let end = runner.write(run, (0..500).map(|n| output(&format!("old {n}"))).collect()).await;
    runner.acked(run, end).await;
    let mut early = console(&house).await;
    say(&mut early, &FromConsole::WatchJournal { watch: 7, run, after: 0, part: JournalPart::All })
        .await;
    let mut late = console(&house).await;
    say(
        &mut late,
        &FromConsole::WatchJournal { watch: 9, run, after: end.seq - 1, part: JournalPart::All },
    )
    .await;
    for n in 0..50 {
        runner.write(run, vec![output(&format!("new {n}"))]).await;
    }
    let end = runner.write(run, nothing_done()).await;
    let (all, _) = read_to_end(&mut early).await;
    assert_eq!(all, runner.journals[&run].records);
    let (some, _) = read_to_end(&mut late).await;
    assert_eq!(some, runner.journals[&run].records[501..]);
    // What has ended ends at once, also for whoever has it all.
    for after in [0, end.seq] {
        say(
            &mut late,
            &FromConsole::WatchJournal { watch: 10, run, after, part: JournalPart::All },
        )
        .await;
        loop {
            match told(&mut late).await {
                ToConsole::Records { watch: 10, end: true, .. } => break,
                ToConsole::Records { .. } | ToConsole::Watching { .. } => {}
                ToConsole::Ended { problem: None, .. } => {}
                other => panic!("unexpected: {other:?}"),
            }
        }
    }
    house.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_console_that_does_not_read_holds_up_nobody_and_loses_nothing() {
    let house = House::new().await;
    house.project().await;
    let mut runner = FakeRunner::connected(&house, 1).await;
    house.file("print").await;
    let run = runner.take().await.run;
    runner.begin(run).await;
    let mut slow = console(&house).await;
    say(&mut slow, &FromConsole::WatchJournal { watch: 1, run, after: 0, part: JournalPart::All })
        .await;
    // Far more than the sockets' buffers, the queue and the ring hold: 40 MB
    // in 100 commits, with nobody reading; and soon enough that nobody is
    // missed.
    let line = "x".repeat(10_000);
    for batch in 0..100 {
        let events = (0..40).map(|n| output(&format!("{batch}.{n} {line}"))).collect();
        let end = runner.write(run, events).await;
        runner.acked(run, end).await;
    }
    let end = runner.write(run, nothing_done()).await;
    runner.acked(run, end).await;
    let (all, behind) = read_to_end(&mut slow).await;
    assert!(behind > 0, "it is told that it was behind");
    let written = &runner.journals[&run].records;
    assert_eq!(all.len(), written.len());
    let same = all.iter().zip(written).all(|(left, right)| left == right);
    assert!(same, "in order, each once");
    house.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_watches_everything_sees_the_present_and_then_every_change() {
    let house = House::new().await;
    house.project().await;
    let before = house.file("say before").await.id;
    let mut live = house.client.live().await.expect("a console");
    live.say(FromConsole::WatchAll { watch: 3 });
    let mut seen = Vec::new();
    let mut next = async || loop {
        match soon("word of the hub", live.next()).await.expect("it goes on") {
            Told::Hub(ToConsole::Task { watch: 3, task }) => {
                return ("task", task.id.to_string(), task.state.name());
            }
            Told::Hub(ToConsole::Runner { watch: 3, runner }) => {
                let online = if runner.online { "online" } else { "offline" };
                return ("runner", runner.id.to_string(), online);
            }
            Told::Hub(ToConsole::Present { watch: 3, tasks, first: true, last: true, .. }) => {
                let [task] = tasks.as_slice() else { panic!("one task: {tasks:?}") };
                return ("task", task.id.to_string(), task.state.name());
            }
            Told::Hub(ToConsole::Watching { .. }) => {}
            other => panic!("unexpected: {other:?}"),
        }
    };
    assert_eq!(next().await, ("task", before.to_string(), "queued"), "the present state");
    let mut runner = FakeRunner::connected(&house, 1).await;
    let spec = runner.take().await;
    let end = runner.begin(spec.run).await;
    runner.acked(spec.run, end).await;
    runner.write(spec.run, nothing_done()).await;
    loop {
        let change = next().await;
        seen.push((change.0, change.2));
        if change.2 == "no_change" {
            break;
        }
    }
    for wanted in [("runner", "online"), ("task", "leased"), ("task", "working")] {
        assert!(seen.contains(&wanted), "{wanted:?} in {seen:?}");
    }
    runner.hang_up();
    while next().await.2 != "offline" {}
    house.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_of_nothing_ends_with_the_reason_and_a_number_can_be_used_again() {
    let house = House::new().await;
    house.project().await;
    let mut runner = FakeRunner::connected(&house, 1).await;
    house.file("print").await;
    let run = runner.take().await.run;
    let end = runner.begin(run).await;
    runner.acked(run, end).await;
    let mut socket = console(&house).await;
    let nowhere = RunId(Uuid::from_u128(5));
    say(
        &mut socket,
        &FromConsole::WatchJournal { watch: 1, run: nowhere, after: 0, part: JournalPart::All },
    )
    .await;
    match told(&mut socket).await {
        ToConsole::Ended { watch: 1, problem: Some(problem) } => {
            assert_eq!(problem.code, Code::NotFound);
        }
        other => panic!("unexpected: {other:?}"),
    }
    socket.send(Message::text("nonsense")).await.expect("no reason to hang up");
    say(
        &mut socket,
        &FromConsole::WatchJournal { watch: 1, run, after: 0, part: JournalPart::All },
    )
    .await;
    assert!(matches!(told(&mut socket).await, ToConsole::Watching { watch: 1 }));
    match told(&mut socket).await {
        ToConsole::Records { watch: 1, records, end: false } => assert_eq!(records.len(), 2),
        other => panic!("unexpected: {other:?}"),
    }
    say(&mut socket, &FromConsole::Unwatch { watch: 1 }).await;
    say(
        &mut socket,
        &FromConsole::WatchJournal { watch: 2, run, after: 1, part: JournalPart::All },
    )
    .await;
    assert!(matches!(told(&mut socket).await, ToConsole::Watching { watch: 2 }));
    house.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runner_is_told_which_of_its_journals_are_read() {
    let house = House::new().await;
    house.project().await;
    let mut runner = FakeRunner::connected(&house, 1).await;
    house.file("print").await;
    let run = runner.take().await.run;
    runner.begin(run).await;
    let mut other = FakeRunner::connected(&house, 1).await;
    let watched = |said: &ToRunner| match said {
        ToRunner::Watched { runs } => Some(runs.clone()),
        _ => None,
    };
    assert_eq!(runner.until("word of its readers", watched).await, [], "nobody reads");
    let mut socket = console(&house).await;
    let part = JournalPart::All;
    say(&mut socket, &FromConsole::WatchJournal { watch: 1, run, after: 0, part }).await;
    assert_eq!(runner.until("word of a reader", watched).await, [run]);
    other.say(ToHub::Beat { runs: vec![RunId(Uuid::from_u128(5))], load: None }).await;
    assert_eq!(other.until("word of its readers", watched).await, [], "it is not its run");
    say(&mut socket, &FromConsole::Unwatch { watch: 1 }).await;
    // That the reader is gone is seen with a line that comes after it went.
    let quiet = async {
        loop {
            runner.write(run, vec![output("a line")]).await;
            let told = runner.until("word that nobody reads", watched);
            if timeout(Duration::from_millis(200), told).await.is_ok_and(|runs| runs.is_empty()) {
                return;
            }
        }
    };
    soon("word that nobody reads", quiet).await;
}
