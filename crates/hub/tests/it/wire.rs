//! Frames that no runner of ours would send.

use crate::house::{House, soon};
use crate::runner::FakeRunner;
use futures_util::{SinkExt, StreamExt};
use pilot_proto::runner::{LINK_PATH, MAX_FRAME, Role, VERSION, hello_text};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

pub(crate) type RawSocket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// A socket that was challenged; gives the nonce.
pub(crate) async fn greeted(house: &House) -> (RawSocket, String) {
    let url = format!("{}{LINK_PATH}", house.hub.url.replace("http", "ws"));
    let (mut socket, _) = connect_async(url).await.expect("the hub upgrades");
    let challenge = text(&mut socket).await;
    let nonce = challenge["nonce"].as_str().expect("a nonce").to_owned();
    assert_eq!(nonce.len(), 64, "32 bytes in hex");
    (socket, nonce)
}

/// Says hello in some version; gives the answer.
pub(crate) async fn hello(
    socket: &mut RawSocket,
    runner: &FakeRunner,
    nonce: &str,
    version: u32,
) -> Value {
    let signature = runner.key.sign(&hello_text(nonce, runner.id, Role::Primary, version));
    let hello = json!({
        "type": "hello",
        "version": version,
        "runner": runner.id,
        "role": "primary",
        "signature": signature,
        "about": runner.about,
        "runs": [],
    });
    socket.send(Message::text(hello.to_string())).await.expect("the hub reads");
    text(socket).await
}

async fn text(socket: &mut RawSocket) -> Value {
    loop {
        match soon("a text frame", socket.next()).await.expect("not closed").expect("no fault") {
            Message::Text(text) => {
                let said: Value = serde_json::from_str(&text).expect("JSON");
                // Comes with the first beat, before or behind its answer.
                if said["type"] != "watched" {
                    return said;
                }
            }
            Message::Ping(_) | Message::Pong(_) => {}
            other => panic!("a text frame was expected: {other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nonsense_is_dropped_and_the_connection_kept() {
    let house = House::new().await;
    let runner = FakeRunner::enrolled(&house, 1).await;
    let (mut socket, nonce) = greeted(&house).await;
    assert_eq!(hello(&mut socket, &runner, &nonce, VERSION).await["type"], "welcome");
    for nonsense in [
        Message::text("no JSON"),
        Message::text(r#"{"type":"teleport","to":"mars"}"#),
        Message::text(r#"{"type":"beat","runs":["not an id"]}"#),
        Message::binary(&b"no head"[..]),
        Message::binary(&b"{\"bulk\":\"journal\"}\n"[..]),
        Message::binary(
            &b"{\"bulk\":\"journal\",\"run\":\"0190b1de-0000-7000-8000-00000000002a\",\"first\":{\"epoch\":1,\"seq\":1}}\nnot a record"[..],
        ),
    ] {
        socket.send(nonsense).await.expect("the hub reads on");
    }
    socket.send(Message::text(r#"{"type":"beat","runs":[]}"#)).await.expect("still there");
    assert_eq!(text(&mut socket).await["type"], "beat_heard", "the next good frame is heard");
    house.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frame_over_the_bound_ends_the_connection() {
    let house = House::new().await;
    let runner = FakeRunner::enrolled(&house, 1).await;
    let (mut socket, nonce) = greeted(&house).await;
    assert_eq!(hello(&mut socket, &runner, &nonce, VERSION).await["type"], "welcome");
    // The hub may hang up before it has all of it.
    socket.send(Message::binary(vec![b'x'; MAX_FRAME + 1])).await.ok();
    let ended = async { while matches!(socket.next().await, Some(Ok(_))) {} };
    soon("the hub hangs up", ended).await;
    let mut runner = runner;
    runner.connect().await;
    house.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_says_something_else_than_hello_is_refused() {
    let house = House::new().await;
    let (mut socket, _) = greeted(&house).await;
    socket.send(Message::text(r#"{"type":"beat","runs":[]}"#)).await.expect("the hub reads");
    let answer = text(&mut socket).await;
    assert_eq!((&answer["type"], &answer["reason"]), (&json!("refused"), &json!("malformed")));
    house.hub.stop().await;
}
