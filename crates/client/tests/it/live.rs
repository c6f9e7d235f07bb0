//! The WebSocket: what is watched is told once and in order, whatever happens
//! to the connection.

use crate::hub::{HubDouble, Line, Says, run};
use pilot_client::{Client, ClientError, JournalRecords, Told};
use pilot_proto::console::{FromConsole, ToConsole};
use pilot_proto::{Code, Problem};
use std::time::Duration;
use tokio::time::timeout;

/// Far more than any of this takes; a test that needs it is stuck.
const DEADLINE: Duration = Duration::from_secs(60);

async fn within<T>(what: impl Future<Output = T>) -> T {
    timeout(DEADLINE, what).await.expect("it must not hang")
}

async fn follow(client: &Client, after: u64) -> JournalRecords {
    within(client.follow_journal(run(), after)).await.expect("the hub is there")
}

async fn all(records: &mut JournalRecords) -> Vec<u64> {
    let mut seqs = Vec::new();
    while let Some(record) = within(records.next()).await.expect("the hub comes back") {
        seqs.push(record.seq);
    }
    seqs
}

fn play(seqs: impl IntoIterator<Item = u64>) -> Line {
    Line::Play { seqs: seqs.into_iter().collect(), end: false, stay: false }
}

fn finale(seqs: impl IntoIterator<Item = u64>) -> Line {
    Line::Play { seqs: seqs.into_iter().collect(), end: true, stay: true }
}

fn watched_after(hub: &HubDouble) -> Vec<u64> {
    let afters = hub.watched().into_iter().filter_map(|message| match message {
        FromConsole::WatchJournal { after, .. } => Some(after),
        FromConsole::WatchAll { .. }
        | FromConsole::WatchLog { .. }
        | FromConsole::Unwatch { .. } => None,
    });
    afters.collect()
}

#[tokio::test]
async fn a_journal_arrives_once_and_in_order_over_lost_connections() {
    let hub = HubDouble::start().await;
    hub.will_play([
        play(1..=4),
        // Nothing new, some again, a proxy in between, then the rest.
        play([]),
        play(2..=10),
        Line::Refuse(Says::new(503, "<html>starting</html>")),
        finale(11..=20),
    ]);
    let mut records = follow(&hub.client(), 0).await;
    assert_eq!(all(&mut records).await, (1..=20).collect::<Vec<_>>());
    assert_eq!(watched_after(&hub), [0, 4, 4, 10], "it goes on where it was");
    assert!(within(records.next()).await.expect("it has ended").is_none(), "the end stays the end");
}

#[tokio::test]
async fn a_journal_is_followed_from_the_middle() {
    let hub = HubDouble::start().await;
    hub.will_play([play(8..=9), finale(10..=12)]);
    let mut records = follow(&hub.client(), 7).await;
    assert_eq!(all(&mut records).await, [8, 9, 10, 11, 12]);
}

#[tokio::test]
async fn records_that_were_left_out_are_fetched_again() {
    let hub = HubDouble::start().await;
    hub.will_play([play([1, 2, 3, 5, 6]), Line::SkipBehind, finale(1..=9)]);
    let mut records = follow(&hub.client(), 0).await;
    assert_eq!(all(&mut records).await, (1..=9).collect::<Vec<_>>());
    assert_eq!(watched_after(&hub), [0, 3, 3], "4 was missing, and then 4 to 6");
}

#[tokio::test]
async fn what_the_hub_will_not_show_is_an_error_and_not_a_wait() {
    let hub = HubDouble::start().await;
    let problem = Problem::new(Code::NotFound, "No such run.");
    let ended = ToConsole::Ended { watch: 1, problem: Some(problem.clone()) };
    hub.will_play([Line::Say(vec![serde_json::to_string(&ended).expect("JSON")])]);
    let error = within(hub.client().follow_journal(run(), 0)).await.expect_err("no such run");
    assert_eq!(Problem::from(error), problem);
}

#[tokio::test]
async fn a_token_that_is_refused_is_not_tried_for_ever() {
    let hub = HubDouble::start().await;
    let problem = Problem::new(Code::Unauthorized, "The token is not known here.");
    let no = Line::Refuse(Says::new(401, &serde_json::to_string(&problem).expect("JSON")));
    hub.will_play([no.clone()]);
    let error = within(hub.client().live()).await.expect_err("the token is wrong");
    assert_eq!(Problem::from(error), problem.clone());
    // Revoked while it was followed.
    hub.will_play([play(1..=2), no]);
    let mut records = follow(&hub.client(), 0).await;
    for _ in 0..2 {
        within(records.next()).await.expect("it was good").expect("not ended");
    }
    let error = within(records.next()).await.expect_err("the token was revoked");
    assert_eq!(Problem::from(error), problem);
}

#[tokio::test]
async fn a_console_is_told_that_the_hub_went_away_and_came_back() {
    let hub = HubDouble::start().await;
    let watching = serde_json::to_string(&ToConsole::Watching { watch: 7 }).expect("JSON");
    let newer = r#"{"type":"teleported","watch":7}"#.to_owned();
    hub.will_play([
        Line::Say(vec![newer, "not even JSON".into(), watching]),
        Line::Play { seqs: vec![], end: false, stay: true },
    ]);
    let client = hub.client();
    let mut live = within(client.live()).await.expect("the hub is there");
    live.say(FromConsole::WatchAll { watch: 7 });
    let told = within(live.next()).await.expect("what is not understood is passed over");
    assert!(matches!(told, Told::Hub(ToConsole::Watching { watch: 7 })), "{told:?}");

    // The same address, another hub: as after a restart.
    let addr = hub.kill().await;
    let told = within(live.next()).await.expect("it dials again");
    assert!(matches!(told, Told::Lost { .. }), "{told:?}");
    let listener = within(async {
        loop {
            if let Ok(listener) = tokio::net::TcpListener::bind(addr).await {
                return listener;
            }
            tokio::task::yield_now().await;
        }
    })
    .await;
    let hub = HubDouble::on(listener, addr);
    hub.will_play([Line::Play { seqs: vec![], end: false, stay: true }]);
    let told = within(live.next()).await.expect("it is back");
    assert!(matches!(told, Told::Back), "{told:?}");
    let told = within(live.next()).await.expect("it is watched again");
    assert!(matches!(told, Told::Hub(ToConsole::Watching { watch: 7 })), "{told:?}");
    assert_eq!(hub.watched(), [FromConsole::WatchAll { watch: 7 }]);
}

#[tokio::test]
async fn a_listener_that_is_dropped_in_the_middle_loses_nothing() {
    let hub = HubDouble::start().await;
    hub.will_play((0..20).map(|turn| play(turn * 5 + 1..=turn * 5 + 5)).chain([finale([101])]));
    let mut records = follow(&hub.client(), 0).await;
    let mut seqs = Vec::new();
    within(async {
        loop {
            // Whichever is first: the listener is given up again and again.
            tokio::select! {
                biased;
                record = records.next() => match record.expect("the hub comes back") {
                    Some(record) => seqs.push(record.seq),
                    None => break,
                },
                () = tokio::task::yield_now() => {}
            }
        }
    })
    .await;
    assert_eq!(seqs, (1..=101).collect::<Vec<_>>());
}

#[tokio::test]
async fn an_address_where_no_hub_is_fails_at_once() {
    let hub = HubDouble::start().await;
    hub.will_play([Line::Refuse(Says::new(404, "<html>not found</html>"))]);
    let error = within(hub.client().live()).await.expect_err("not a hub");
    assert!(matches!(error, ClientError::NotAHub { .. }), "{error:?}");
}
