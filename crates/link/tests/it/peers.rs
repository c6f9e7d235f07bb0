//! The two ends of a test: a hub's listener, and peers without manners.

use futures_util::future::ready;
use futures_util::{SinkExt, StreamExt};
use pilot_link::{
    AcceptError, Accepted, Deadlines, DialError, Dialled, Endpoint, Frame, Greeting, RunnerKey,
    Socket, Standing, WireError, accept, dial, new_nonce,
};
use pilot_proto::runner::{About, Held, MAX_FRAME, Role, ToRunner, VERSION};
use pilot_proto::{Cursor, RunId, RunnerId};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{WebSocketStream, accept_async_with_config, client_async_with_config};
use uuid::Uuid;

/// Never the reason for anything: a test that works is far quicker.
pub(crate) fn patient() -> Deadlines {
    let long = Duration::from_secs(60);
    Deadlines { dial: long, greet: long, write: long, ping: long, silence: long }
}

pub(crate) fn runner_id() -> RunnerId {
    RunnerId(Uuid::from_u128(0x7e57))
}

pub(crate) fn run_id() -> RunId {
    RunId(Uuid::from_u128(0x4a11))
}

pub(crate) fn key() -> RunnerKey {
    RunnerKey::generate().expect("the system has randomness")
}

pub(crate) fn greeting() -> Greeting {
    let about = About {
        name: "workshop".into(),
        build: "0.1.0".into(),
        platform: "linux x86_64".into(),
        workers: 4,
        draining: false,
        seal_key: None,
        agents: vec![],
        checks: Vec::new(),
    };
    let end = Cursor { epoch: 1, seq: 9 };
    let held = Held { run: run_id(), fence: 3, end, finished: false };
    Greeting { runner: runner_id(), role: Role::Primary, about: Some(about), runs: vec![held] }
}

pub(crate) fn welcome() -> ToRunner {
    ToRunner::Welcome { version: VERSION, runs: vec![] }
}

pub(crate) fn enrolled(key: &RunnerKey) -> Standing {
    Standing::Enrolled { public_key: key.public_hex(), name: "workshop".into() }
}

pub(crate) async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
    let address = listener.local_addr().expect("its address");
    (listener, address)
}

pub(crate) fn endpoint(address: SocketAddr) -> Endpoint {
    Endpoint::new(&format!("http://{address}"), None).expect("loopback")
}

pub(crate) type Raw<S = TcpStream> = WebSocketStream<S>;

/// A WebSocket without limits and without our handshake.
pub(crate) async fn accept_raw(listener: &TcpListener) -> Raw {
    let (stream, _address) = listener.accept().await.expect("somebody dials");
    accept_async_with_config(stream, Some(limit(None))).await.expect("a WebSocket")
}

pub(crate) async fn dial_raw(address: SocketAddr) -> Raw {
    let stream = TcpStream::connect(address).await.expect("it listens");
    let url = format!("ws://{address}/runner/link");
    client_async_with_config(url, stream, Some(limit(None))).await.expect("a WebSocket").0
}

fn limit(bytes: Option<usize>) -> WebSocketConfig {
    WebSocketConfig::default().max_message_size(bytes).max_frame_size(bytes)
}

/// A WebSocket as a hub carries it, with the wire's limits; none if it was cut
/// before it was one.
async fn accept_socket(listener: &TcpListener) -> Option<impl Socket> {
    let (stream, _address) = listener.accept().await.expect("somebody dials");
    let socket = accept_async_with_config(stream, Some(limit(Some(MAX_FRAME)))).await;
    socket.ok().map(carrier)
}

pub(crate) fn carrier<S>(socket: Raw<S>) -> impl Socket
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    socket
        .sink_map_err(WireError::of)
        .with(|frame: Frame| ready(Ok::<_, WireError>(message(frame))))
        .map(|message| message.map(frame).map_err(WireError::of))
}

fn message(frame: Frame) -> Message {
    match frame {
        Frame::Text(text) => Message::text(text),
        Frame::Binary(bytes) => Message::Binary(bytes),
        Frame::Ping => Message::Ping(bytes::Bytes::new()),
        Frame::Pong => Message::Pong(bytes::Bytes::new()),
        Frame::Close => Message::Close(None),
    }
}

fn frame(message: Message) -> Frame {
    match message {
        Message::Text(text) => Frame::Text(text.as_str().to_owned()),
        Message::Binary(bytes) => Frame::Binary(bytes),
        Message::Ping(_) => Frame::Ping,
        Message::Pong(_) | Message::Frame(_) => Frame::Pong,
        Message::Close(_) => Frame::Close,
    }
}

/// A hub's side of one handshake.
pub(crate) async fn greet_as_hub(
    listener: &TcpListener,
    standing: Standing,
    deadlines: Deadlines,
) -> Result<Accepted, AcceptError> {
    let peer = "192.0.2.7:4242";
    let Some(socket) = accept_socket(listener).await else {
        return Err(AcceptError::Gone { peer: peer.into() });
    };
    let nonce = new_nonce().expect("the system has randomness");
    accept(socket, peer, nonce, |_runner| ready(standing), deadlines).await
}

/// A connection with both ends in our hands.
pub(crate) async fn connected(deadlines: Deadlines) -> (Dialled, Accepted) {
    let ((listener, address), key) = (listen().await, key());
    let hub = async {
        let accepted = greet_as_hub(&listener, enrolled(&key), deadlines).await.expect("a hello");
        accepted.live.sender().send(&welcome()).await.expect("queued");
        accepted
    };
    let endpoint = endpoint(address);
    let runner = dial(&endpoint, &key, greeting(), deadlines);
    let (dialled, accepted) = tokio::join!(runner, hub);
    (dialled.expect("welcomed"), accepted)
}

/// Both ends of a handshake that fails.
pub(crate) async fn refused(key: &RunnerKey, standing: Standing) -> (DialError, AcceptError) {
    let (listener, address) = listen().await;
    let endpoint = endpoint(address);
    let runner = dial(&endpoint, key, greeting(), patient());
    let (dialled, accepted) = tokio::join!(runner, greet_as_hub(&listener, standing, patient()));
    (dialled.expect_err("refused"), accepted.expect_err("refused"))
}

/// Sends one text frame.
pub(crate) async fn say<S>(socket: &mut Raw<S>, text: impl Into<String>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    socket.send(Message::text(text.into())).await.expect("the peer listens");
}

/// The next text frame.
pub(crate) async fn hear<S>(socket: &mut Raw<S>) -> String
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    loop {
        let message = socket.next().await.expect("the peer is there").expect("a frame");
        if let Message::Text(text) = message {
            return text.as_str().to_owned();
        }
    }
}
