//! What the dialects have in common: a request is let in, recorded and
//! answered, whole, in pieces or not at all.

use super::answer::{self, Answer, Block};
use super::conversation::Conversation;
use super::script::Failure;
use super::{Reply, Seen, State};
use axum::Json;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use futures_util::{StreamExt, stream};
use serde_json::Value;
use std::io;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// Characters in a piece of streamed text.
const PIECE: usize = 24;

pub(super) type Shared = axum::extract::State<Arc<State>>;

/// One vendor's way to say the same.
pub(super) struct Dialect {
    pub(super) error: fn(StatusCode, &str) -> Response,
    pub(super) whole: fn(&Answer, &str) -> Value,
    /// Server-sent events, as they go over the wire.
    pub(super) pieces: fn(&Answer, &str) -> Vec<String>,
}

/// A request without its body.
pub(super) struct Call<'a> {
    pub(super) state: &'a State,
    pub(super) uri: &'a Uri,
    pub(super) headers: &'a HeaderMap,
}

impl Call<'_> {
    /// It could not be understood.
    pub(super) fn not_understood(&self, dialect: &Dialect) -> Response {
        self.state.record(seen(self.uri, self.headers, Reply::NotUnderstood));
        (dialect.error)(StatusCode::BAD_REQUEST, "the body is not JSON")
    }

    /// Does what the script says. `bytes` is the size of the request.
    pub(super) async fn answered(
        &self,
        dialect: &Dialect,
        conversation: &Conversation,
        in_pieces: bool,
        bytes: usize,
    ) -> Response {
        let mut record = seen(self.uri, self.headers, Reply::Refused);
        record.model.clone_from(&conversation.model);
        record.tools = conversation.tools.keys().cloned().collect();
        record.images = conversation.images;
        if !let_in(self.state, self.headers) {
            self.state.record(record);
            return (dialect.error)(StatusCode::UNAUTHORIZED, "invalid x-api-key");
        }
        let answer = answer::answer(self.state, conversation, bytes);
        record.reply = answer.reply.clone();
        record.results.clone_from(&answer.results);
        self.state.record(record);
        if let Some(hold) = &answer.hold {
            self.state.wait_at(hold).await;
        }
        tokio::time::sleep(answer.before_first).await;
        match &answer.failure {
            Some(failure) if failure.status.is_some() => failed(dialect, failure),
            _ if in_pieces => streamed(&answer, (dialect.pieces)(&answer, &conversation.model)),
            _ => Json((dialect.whole)(&answer, &conversation.model)).into_response(),
        }
    }
}

pub(super) fn seen(uri: &Uri, headers: &HeaderMap, reply: Reply) -> Seen {
    Seen { path: uri.path().to_owned(), key: key(headers), ..Seen::new(reply) }
}

fn key(headers: &HeaderMap) -> Option<String> {
    let text = |name: &str| headers.get(name)?.to_str().ok();
    let bearer = || text("authorization")?.strip_prefix("Bearer ");
    text("x-api-key").or_else(|| text("x-goog-api-key")).or_else(bearer).map(str::to_owned)
}

pub(super) fn let_in(state: &State, headers: &HeaderMap) -> bool {
    let wanted = state.lock().key.clone();
    wanted.is_none() || wanted == key(headers)
}

fn failed(dialect: &Dialect, failure: &Failure) -> Response {
    let status = failure.status.and_then(|status| StatusCode::from_u16(status).ok());
    let message = failure.message.as_deref().unwrap_or("scripted failure");
    marked(failure, (dialect.error)(status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), message))
}

/// The response with the headers that the failure has.
pub(super) fn marked(failure: &Failure, mut response: Response) -> Response {
    let mut set = |name: &str, value: &str| {
        let name = HeaderName::try_from(name).expect("the script names a header");
        let value = HeaderValue::try_from(value).expect("the script gives a header value");
        response.headers_mut().insert(name, value);
    };
    if let Some(secs) = failure.retry_after {
        set("retry-after", &secs.to_string());
    }
    if let Some(retry) = failure.should_retry {
        set("x-should-retry", &retry.to_string());
    }
    for (name, value) in &failure.headers {
        set(name, &with_time(value));
    }
    response
}

/// `${now+3600}` → seconds since the epoch.
fn with_time(value: &str) -> String {
    let later = value.strip_prefix("${now+").and_then(|rest| rest.strip_suffix('}'));
    match later.and_then(|secs| secs.parse::<u64>().ok()) {
        Some(secs) => (now() + secs).to_string(),
        None => value.to_owned(),
    }
}

#[expect(clippy::disallowed_methods, reason = "a provider's limits end at a real time of day")]
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

pub(super) fn streamed(answer: &Answer, pieces: Vec<String>) -> Response {
    let mut pieces: Vec<io::Result<Bytes>> =
        pieces.into_iter().map(|piece| Ok(Bytes::from(piece))).collect();
    if let Some(after) = answer.failure.as_ref().and_then(|failure| failure.drop_after) {
        pieces.truncate(after);
        // The connection is broken where the body ends in an error.
        pieces.push(Err(io::Error::other("dropped, as the script says")));
    }
    let between = answer.between;
    let body = stream::iter(pieces).then(move |piece| async move {
        if !between.is_zero() {
            tokio::time::sleep(between).await;
        }
        piece
    });
    let headers = [
        ("content-type", "text/event-stream".to_owned()),
        ("request-id", format!("req_{}", answer.number)),
    ];
    (headers.map(|(name, value)| (HeaderName::from_static(name), value)), Body::from_stream(body))
        .into_response()
}

/// True if the answer calls a tool, so that it is not the turn's last.
pub(super) fn calls(answer: &Answer) -> bool {
    answer.blocks.iter().any(|block| matches!(block, Block::Call { .. }))
}

/// Text as it is streamed.
pub(super) fn pieces(text: &str) -> impl Iterator<Item = String> {
    let characters: Vec<char> = text.chars().collect();
    let pieces: Vec<String> =
        characters.chunks(PIECE).map(|piece| piece.iter().collect()).collect();
    pieces.into_iter()
}

/// A string, or the texts of blocks.
pub(super) fn text(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(blocks) => {
            let texts = blocks.iter().filter_map(|block| block["text"].as_str());
            texts.collect::<Vec<_>>().join("\n")
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => String::new(),
    }
}

/// How many parts of what was said are images. `field`: where the parts of a
/// message are.
pub(super) fn images(messages: &Value, field: &str, is_image: fn(&Value) -> bool) -> usize {
    let messages = messages.as_array().into_iter().flatten();
    let parts = messages.flat_map(|message| message[field].as_array().into_iter().flatten());
    parts.filter(|part| is_image(part)).count()
}
