//! A provider whose every answer a test gives by hand.

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use std::io;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

/// Long enough for a machine that does ten other things.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// Waits for what must come.
pub(super) async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future)
        .await
        .unwrap_or_else(|_| panic!("{what} did not happen in {PATIENCE:?}"))
}

type Body = UnsyncBoxBody<Bytes, io::Error>;

/// A server on loopback that hands every request to the test.
pub(super) struct Provider {
    pub(super) url: String,
    exchanges: mpsc::UnboundedReceiver<Exchange>,
    _serving: JoinSet<()>,
}

/// A request, and the way to answer it.
pub(super) struct Exchange {
    pub(super) request: Request<Incoming>,
    answer: oneshot::Sender<Response<Body>>,
}

/// An answer that is written piece by piece.
pub(super) struct Pieces(mpsc::Sender<io::Result<Frame<Bytes>>>);

impl Provider {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
        let url = format!("http://{}", listener.local_addr().expect("it is bound"));
        let (sender, exchanges) = mpsc::unbounded_channel();
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.expect("it listens");
                let sender = sender.clone();
                let service = service_fn(move |request| exchange(sender.clone(), request));
                connections.spawn(async move {
                    let connection = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service);
                    if let Err(error) = connection.await {
                        tracing::trace!(%error, "a connection to the test's provider broke");
                    }
                });
            }
        });
        Self { url, exchanges, _serving: serving }
    }

    /// The next request.
    pub(super) async fn next(&mut self) -> Exchange {
        soon("a request to the provider", self.exchanges.recv()).await.expect("it is served")
    }

    /// No request is waiting. For after something that would have come later.
    pub(super) fn nothing_more(&mut self) {
        assert!(self.exchanges.try_recv().is_err(), "nobody may ask the provider again");
    }
}

async fn exchange(
    sender: mpsc::UnboundedSender<Exchange>,
    request: Request<Incoming>,
) -> Result<Response<Body>, io::Error> {
    let (answer, answered) = oneshot::channel();
    if sender.send(Exchange { request, answer }).is_err() {
        return Err(io::Error::other("the test is over"));
    }
    // Dropped unanswered, the exchange breaks the connection.
    answered.await.map_err(io::Error::other)
}

impl Exchange {
    pub(super) fn path(&self) -> String {
        self.request.uri().to_string()
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.request.headers().get(name).map(|value| value.to_str().expect("plain text"))
    }

    /// All of the request's body.
    pub(super) async fn body(&mut self) -> String {
        let body = self.request.body_mut().collect().await.expect("the request is whole");
        String::from_utf8(body.to_bytes().to_vec()).expect("plain text")
    }

    /// Answers in one piece.
    pub(super) fn answer(self, status: u16, headers: &[(&str, &str)], body: &str) {
        let body = Full::new(Bytes::copy_from_slice(body.as_bytes()));
        self.respond(status, headers, body.map_err(|never| match never {}).boxed_unsync());
    }

    /// Answers with server-sent events.
    pub(super) fn stream(self, headers: &[(&str, &str)]) -> Pieces {
        self.stream_of("text/event-stream", headers)
    }

    /// Answers piece by piece, with this content type.
    pub(super) fn stream_of(self, kind: &str, headers: &[(&str, &str)]) -> Pieces {
        // One: what was sent is not sent again by having room.
        let (sender, receiver) = mpsc::channel(1);
        let pieces = stream::unfold(receiver, |mut receiver| async move {
            receiver.recv().await.map(|piece| (piece, receiver))
        });
        let kind = [("content-type", kind)];
        let headers: Vec<_> = kind.iter().chain(headers).copied().collect();
        self.respond(200, &headers, StreamBody::new(pieces.fuse()).boxed_unsync());
        Pieces(sender)
    }

    /// Hangs up without an answer.
    pub(super) fn hang_up(self) {
        drop(self.answer);
    }

    fn respond(self, status: u16, headers: &[(&str, &str)], body: Body) {
        let mut response = Response::builder().status(status);
        for (name, value) in headers {
            response = response.header(*name, *value);
        }
        // Whoever asked may be gone, as some tests want it.
        if self.answer.send(response.body(body).expect("the test's headers are good")).is_err() {
            tracing::trace!("nobody waits for the answer");
        }
    }
}

impl Pieces {
    pub(super) async fn send(&self, text: &str) {
        let piece = Ok(Frame::data(Bytes::copy_from_slice(text.as_bytes())));
        soon("a piece of the answer", self.0.send(piece)).await.expect("the answer is read");
    }

    /// The provider dies in the middle.
    pub(super) async fn break_off(self) {
        let broken = Err(io::Error::other("the test breaks it off"));
        soon("breaking off", self.0.send(broken)).await.expect("the answer is read");
    }

    /// Waits until nobody reads the answer any more.
    pub(super) async fn cancelled(self) {
        soon("the end of the call", self.0.closed()).await;
    }
}

/// An event of a stream.
pub(super) fn event(json: &serde_json::Value) -> String {
    let kind = json["type"].as_str().unwrap_or("message");
    format!("event: {kind}\ndata: {json}\n\n")
}
