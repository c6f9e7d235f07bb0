//! Requests and answers at the door: bounded, and documents both ways.

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Frame, Incoming};
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE};
use hyper::{Request, Response, StatusCode};
use serde_json::{Value, json};
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::mpsc;

/// The longest wish: a child's prompt, with room for its escapes.
const LONGEST: usize = 256 * 1024;
const _: () = assert!(
    LONGEST >= 2 * pilot_proto::task::NewChild::MAX_PROMPT,
    "the longest prompt must fit, most JSON escapes included",
);
/// What is too long is read on to here, and let go of: whoever is still writing
/// when the door shuts does not hear why.
const LET_GO: usize = 16 * LONGEST;
/// Whoever begins a request is to end it.
const READING: Duration = Duration::from_secs(10);

pub(super) type Reply = Response<UnsyncBoxBody<Bytes, Infallible>>;

/// The body of a request, or the refusal.
pub(super) async fn body(request: Request<Incoming>) -> Result<Bytes, Reply> {
    match tokio::time::timeout(READING, read(request.into_body())).await {
        Ok(Ok(Some(body))) => Ok(body.into()),
        Ok(Ok(None)) => {
            let why = format!("a request has {LONGEST} bytes at most");
            Err(refusal(StatusCode::PAYLOAD_TOO_LARGE, &why))
        }
        Ok(Err(_)) => Err(refusal(StatusCode::BAD_REQUEST, "the request broke off")),
        Err(_) => Err(refusal(StatusCode::REQUEST_TIMEOUT, "the request did not end")),
    }
}

/// None: it is too long.
async fn read(mut body: Incoming) -> hyper::Result<Option<Vec<u8>>> {
    let (mut kept, mut length) = (Vec::new(), 0);
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else { continue };
        length += data.len();
        if length > LET_GO {
            break;
        }
        if length <= LONGEST {
            kept.extend_from_slice(&data);
        }
    }
    Ok((length <= LONGEST).then_some(kept))
}

pub(super) fn document(status: StatusCode, document: &Value) -> Reply {
    answer(status, "application/json", document.to_string())
}

/// Problem details (RFC 9457).
pub(super) fn refusal(status: StatusCode, detail: &str) -> Reply {
    let title = status.canonical_reason().unwrap_or_default();
    let problem = json!({"title": title, "status": status.as_u16(), "detail": detail});
    answer(status, "application/problem+json", problem.to_string())
}

pub(super) fn empty(status: StatusCode) -> Reply {
    answer(status, "application/json", String::new())
}

fn answer(status: StatusCode, media_type: &'static str, text: String) -> Reply {
    let mut response = Response::new(Full::new(Bytes::from(text)).boxed_unsync());
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static(media_type));
    response
}

/// Server-sent events, as they come.
pub(super) struct Events(pub(super) mpsc::Receiver<Bytes>);

impl Body for Events {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(context).map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes))))
    }
}

pub(super) fn events(events: Events) -> Reply {
    let mut response = Response::new(events.boxed_unsync());
    let headers = response.headers_mut();
    let value = hyper::header::HeaderValue::from_static;
    headers.insert(CONTENT_TYPE, value("text/event-stream"));
    headers.insert(CACHE_CONTROL, value("no-cache"));
    response
}
