use crate::peers::{
    Raw, accept_raw, carrier, connected, dial_raw, greeting, listen, patient, run_id, say,
};
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use pilot_link::{Closed, Deadlines, HubLive, Incoming, Live, SendError};
use pilot_proto::runner::{
    BulkHead, MAX_BATCH, MAX_FRAME, OLDEST, Refusal, ToHub, ToRunner, VERSION,
};
use pilot_proto::{Cursor, Timestamp};
use std::time::Duration;
use tokio_tungstenite::tungstenite::Message;

fn head() -> BulkHead {
    BulkHead::Journal { run: run_id(), first: Cursor { epoch: 1, seq: 7 } }
}

fn heard(at: i64) -> ToRunner {
    ToRunner::BeatHeard { at: Timestamp(at) }
}

/// A hub's live connection to a peer without manners.
async fn hub_of_raw(deadlines: Deadlines) -> (HubLive, Raw) {
    let (listener, address) = listen().await;
    let (hub, raw) = tokio::join!(accept_raw(&listener), dial_raw(address));
    (Live::start(carrier(hub), "workshop", deadlines), raw)
}

#[tokio::test]
async fn messages_and_bulk_bytes_arrive_in_the_order_they_were_sent() {
    let (mut runner, mut hub) = connected(patient()).await;
    let sender = runner.live.sender();
    for round in 0..50_u8 {
        sender.send(&ToHub::Beat { runs: vec![], load: None }).await.expect("queued");
        sender.send_bulk(&head(), &[round; 3000]).await.expect("queued");
        hub.live.sender().send(&heard(i64::from(round))).await.expect("queued");
    }
    for round in 0..50_u8 {
        let beat = hub.live.recv().await.expect("alive");
        assert!(matches!(beat, Incoming::Message(ToHub::Beat { .. })), "{beat:?}");
        match hub.live.recv().await.expect("alive") {
            Incoming::Bulk(seen, bytes) => {
                assert_eq!((seen, bytes), (head(), Bytes::from(vec![round; 3000])));
            }
            other => panic!("{other:?}"),
        }
        match runner.live.recv().await.expect("alive") {
            Incoming::Message(ToRunner::BeatHeard { at }) => assert_eq!(at.0, i64::from(round)),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn bulk_bytes_may_be_anything() {
    let (runner, mut hub) = connected(patient()).await;
    for bytes in [vec![], b"\n\n".to_vec(), vec![0, 255, 10, 0], vec![7; MAX_BATCH]] {
        runner.live.sender().send_bulk(&head(), &bytes).await.expect("queued");
        match hub.live.recv().await.expect("alive") {
            Incoming::Bulk(_, seen) => assert!(seen == bytes, "{} bytes differ", bytes.len()),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn nonsense_is_named_and_the_connection_kept() {
    let (mut hub, mut raw) = hub_of_raw(patient()).await;
    let nonsense = [
        Message::text("not JSON"),
        Message::text("[".repeat(100_000)),
        Message::binary(b"no head".to_vec()),
        Message::binary(b"{\"bulk\":\"hologram\"}\nbytes".to_vec()),
        Message::binary(vec![b' '; 10_000]),
        Message::binary(Vec::new()),
    ];
    for message in nonsense {
        raw.send(message).await.expect("it listens");
        let incoming = hub.recv().await.expect("kept");
        assert!(matches!(incoming, Incoming::Malformed { .. }), "{incoming:?}");
    }
    say(&mut raw, r#"{"type":"teleport","to":"mars"}"#).await;
    let unknown = hub.recv().await.expect("kept");
    assert!(
        matches!(unknown, Incoming::Message(ToHub::Unknown(_))),
        "of a newer peer: {unknown:?}"
    );
    say(&mut raw, r#"{"type":"beat","runs":[]}"#).await;
    let beat = hub.recv().await.expect("kept");
    assert!(matches!(beat, Incoming::Message(ToHub::Beat { .. })), "{beat:?}");
}

#[tokio::test]
async fn a_frame_that_is_too_large_ends_the_connection_by_name() {
    // The first carrier has no limit of its own, the second is the runner's.
    let (mut hub, mut raw) = hub_of_raw(patient()).await;
    raw.send(Message::binary(vec![b'\n'; MAX_FRAME + 1])).await.ok();
    let closed = hub.recv().await.expect_err("too large");
    assert!(
        matches!(&closed, Closed::TooLarge { peer, limit: MAX_FRAME, .. } if peer == "workshop"),
        "{closed:?}"
    );
    let again = hub.recv().await.expect_err("and so it stays").to_string();
    assert_eq!(again, closed.to_string());

    let (listener, address) = listen().await;
    let key = crate::peers::key();
    let endpoint = crate::peers::endpoint(address);
    let hub = async {
        let mut raw = accept_raw(&listener).await;
        let nonce = "00".repeat(32);
        let challenge = ToRunner::Challenge { nonce, oldest: OLDEST, newest: VERSION };
        say(&mut raw, serde_json::to_string(&challenge).expect("JSON")).await;
        crate::peers::hear(&mut raw).await;
        say(&mut raw, serde_json::to_string(&crate::peers::welcome()).expect("JSON")).await;
        raw.send(Message::text("x".repeat(MAX_FRAME + 1))).await.ok();
        raw
    };
    let dialled = pilot_link::dial(&endpoint, &key, greeting(), patient());
    let (dialled, _raw) = tokio::join!(dialled, hub);
    let closed = dialled.expect("welcomed").live.recv().await.expect_err("too large");
    assert!(
        matches!(&closed, Closed::TooLarge { peer, .. } if *peer == endpoint.to_string()),
        "{closed:?}"
    );
}

#[tokio::test]
async fn a_message_too_large_to_send_is_the_callers_and_the_connection_kept() {
    let (runner, mut hub) = connected(patient()).await;
    let sender = runner.live.sender();
    let bulk = sender.send_bulk(&head(), &vec![0; MAX_FRAME]).await.expect_err("too large");
    assert!(matches!(bulk, SendError::TooLarge { limit: MAX_FRAME, .. }), "{bulk:?}");
    let reason = "x".repeat(MAX_FRAME);
    let text = ToHub::Declined { run: run_id(), fence: 1, reason };
    let text = sender.send(&text).await.expect_err("too large");
    assert!(matches!(text, SendError::TooLarge { .. }), "{text:?}");
    sender.send(&ToHub::Beat { runs: vec![], load: None }).await.expect("nothing happened");
    hub.live.recv().await.expect("alive");
}

#[tokio::test]
async fn silence_ends_the_connection() {
    let deadlines = Deadlines { silence: Duration::from_millis(200), ..patient() };
    let (mut hub, _mute) = hub_of_raw(deadlines).await;
    let closed = hub.recv().await.expect_err("nothing was heard");
    assert!(matches!(&closed, Closed::Silent { peer, .. } if peer == "workshop"), "{closed:?}");
    let send = hub.sender().send(&heard(1)).await.expect_err("it is over");
    assert!(matches!(send, SendError::Closed(Closed::Silent { .. })), "{send:?}");
}

#[tokio::test]
async fn an_idle_connection_is_kept_alive_by_pings() {
    let deadlines = Deadlines { ping: Duration::from_millis(10), ..patient() };
    let (_hub, mut raw) = hub_of_raw(deadlines).await;
    for _ in 0..5 {
        let frame = raw.next().await.expect("open").expect("a frame");
        assert!(matches!(frame, Message::Ping(_)), "nobody sent anything: {frame:?}");
    }
}

#[tokio::test]
async fn a_peer_that_takes_nothing_holds_a_bounded_queue_and_is_cut_off() {
    let deadlines = Deadlines { write: Duration::from_millis(500), ..patient() };
    // It is open, and nobody reads from it.
    let (hub, _deaf) = hub_of_raw(deadlines).await;
    let sender = hub.sender();
    let mut queued = 0;
    let error = loop {
        match sender.send_bulk(&head(), &vec![0; MAX_BATCH]).await {
            Ok(()) => queued += 1,
            Err(error) => break error,
        }
        assert!(queued < 100, "100 MiB were taken for a peer that reads nothing");
    };
    assert!(
        matches!(error, SendError::Full { .. } | SendError::Closed(Closed::Slow { .. })),
        "{error:?}"
    );
    let closed = sender.closed().await;
    assert!(matches!(closed, Closed::Slow { .. }), "{closed:?}");
}

#[tokio::test]
async fn a_full_queue_is_told_at_once_to_who_cannot_wait() {
    let (hub, _deaf) = hub_of_raw(patient()).await;
    let sender = hub.sender();
    let reason = "x".repeat(100_000);
    let order = ToRunner::Refused(Refusal::Unknown(serde_json::json!({ "reason": reason })));
    let mut queued = 0;
    let error = loop {
        match sender.try_send(&order) {
            Ok(()) => queued += 1,
            Err(error) => break error,
        }
        assert!(queued < 10_000, "1 GB was queued");
    };
    assert!(matches!(error, SendError::Full { .. }), "{error:?}");
}

#[tokio::test]
async fn closing_lets_the_queue_run_empty() {
    let (runner, mut hub) = connected(patient()).await;
    let sender = runner.live.sender();
    for _ in 0..200 {
        sender.send_bulk(&head(), &[1; 1000]).await.expect("queued");
    }
    let receive = async {
        let mut received = 0;
        loop {
            match hub.live.recv().await {
                Ok(_) => received += 1,
                Err(closed) => break (received, closed),
            }
        }
    };
    let ((), (received, closed)) = tokio::join!(runner.live.close(), receive);
    assert_eq!(received, 200, "what was queued is sent");
    assert!(matches!(closed, Closed::ByPeer { .. }), "and then a good-bye: {closed:?}");
    let late =
        sender.send(&ToHub::Beat { runs: vec![], load: None }).await.expect_err("it is over");
    assert!(matches!(late, SendError::Closed(Closed::ByUs { .. })), "{late:?}");
}

#[tokio::test]
async fn last_words_reach_a_peer_that_is_talking() {
    let (mut runner, hub) = connected(patient()).await;
    let sender = runner.live.sender();
    let talk = async { while sender.send_bulk(&head(), &[1; 100_000]).await.is_ok() {} };
    let part = async {
        hub.live.sender().send(&ToRunner::Refused(Refusal::Revoked)).await.expect("queued");
        hub.live.close().await;
    };
    let listen = async {
        let words = runner.live.recv().await;
        let end = runner.live.recv().await.expect_err("over");
        (words, end)
    };
    let ((), (), (words, _end)) = tokio::join!(talk, part, listen);
    assert!(
        matches!(words, Ok(Incoming::Message(ToRunner::Refused(Refusal::Revoked)))),
        "a person must learn why: {words:?}"
    );
}

#[tokio::test]
async fn hanging_up_from_anywhere_ends_it_at_once() {
    let (mut runner, hub) = connected(patient()).await;
    let sender = hub.live.sender();
    sender.hang_up();
    assert!(matches!(sender.closed().await, Closed::ByUs { .. }));
    drop(hub);
    let closed = runner.live.recv().await.expect_err("the other end is gone");
    assert!(matches!(closed, Closed::ByPeer { .. } | Closed::Broken { .. }), "{closed:?}");
}

#[tokio::test]
async fn a_dropped_connection_is_told_to_its_senders() {
    let (runner, _hub) = connected(patient()).await;
    let sender = runner.live.sender();
    drop(runner);
    assert!(matches!(sender.closed().await, Closed::ByUs { .. }));
    assert!(sender.send(&ToHub::Beat { runs: vec![], load: None }).await.is_err());
    assert!(sender.try_send(&ToHub::Beat { runs: vec![], load: None }).is_err());
}
