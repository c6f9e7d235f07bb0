//! The Anthropic Messages dialect: its requests read, its stream written.

use super::answer::{self, Answer, Block};
use super::conversation::{Conversation, Message};
use super::script::{Failure, Usage};
use super::{Reply, Seen, State, ToolResult};
use axum::Json;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};
use std::io;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// Characters in a piece of streamed text.
const PIECE: usize = 24;

type Shared = axum::extract::State<Arc<State>>;

/// `POST /v1/messages`.
pub(super) async fn messages(
    axum::extract::State(state): Shared,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let Ok(request) = serde_json::from_slice::<Value>(&body) else {
        state.record(seen(&uri, &headers, Reply::NotUnderstood));
        return error(StatusCode::BAD_REQUEST, "the body is not JSON");
    };
    let conversation = read(&request);
    let mut record = seen(&uri, &headers, Reply::Refused);
    record.model.clone_from(&conversation.model);
    record.tools = conversation.tools.keys().cloned().collect();
    if !let_in(&state, &headers) {
        state.record(record);
        return error(StatusCode::UNAUTHORIZED, "invalid x-api-key");
    }
    let answer = answer::answer(&state, &conversation, body.len());
    record.reply = answer.reply.clone();
    record.results.clone_from(&answer.results);
    state.record(record);
    if let Some(hold) = &answer.hold {
        state.wait_at(hold).await;
    }
    tokio::time::sleep(answer.before_first).await;
    match &answer.failure {
        Some(failure) if failure.status.is_some() => failed(failure),
        _ if request["stream"] == Value::Bool(true) => streamed(&answer, &conversation.model),
        _ => Json(whole(&answer, &conversation.model)).into_response(),
    }
}

/// `POST /v1/messages/count_tokens`.
pub(super) async fn count_tokens(
    axum::extract::State(state): Shared,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    state.record(seen(&uri, &headers, Reply::Counted));
    Json(json!({"input_tokens": body.len() / 4 + 1})).into_response()
}

/// `GET /v1/models`.
pub(super) async fn models() -> Response {
    let model = json!({
        "type": "model", "id": "scripted", "display_name": "Scripted",
        "created_at": "2026-01-01T00:00:00Z",
    });
    Json(json!({"data": [model], "has_more": false, "first_id": "scripted", "last_id": "scripted"}))
        .into_response()
}

/// Everything else. Recorded, so that a test can see what an agent tried.
pub(super) async fn unknown(
    axum::extract::State(state): Shared,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    state.record(seen(&uri, &headers, Reply::NotUnderstood));
    error(StatusCode::NOT_FOUND, "no such path")
}

fn seen(uri: &Uri, headers: &HeaderMap, reply: Reply) -> Seen {
    Seen {
        path: uri.path().to_owned(),
        key: key(headers),
        model: String::new(),
        tools: Vec::new(),
        reply,
        results: Vec::new(),
    }
}

fn key(headers: &HeaderMap) -> Option<String> {
    let text = |name: &str| headers.get(name)?.to_str().ok();
    let bearer = || text("authorization")?.strip_prefix("Bearer ");
    text("x-api-key").or_else(bearer).map(str::to_owned)
}

fn let_in(state: &State, headers: &HeaderMap) -> bool {
    let wanted = state.lock().key.clone();
    wanted.is_none() || wanted == key(headers)
}

fn read(request: &Value) -> Conversation {
    let mut conversation = Conversation {
        model: request["model"].as_str().unwrap_or_default().to_owned(),
        system: text(&request["system"]),
        ..Conversation::default()
    };
    for message in request["messages"].as_array().into_iter().flatten() {
        read_message(message, &mut conversation);
    }
    for tool in request["tools"].as_array().into_iter().flatten() {
        if let Some(name) = tool["name"].as_str() {
            conversation.tools.insert(name.to_owned(), tool["input_schema"].clone());
        }
    }
    conversation
}

fn read_message(message: &Value, conversation: &mut Conversation) {
    let content = &message["content"];
    match message["role"].as_str() {
        // Claude Code tells its surroundings this way.
        Some("system") => {
            conversation.system.push('\n');
            conversation.system.push_str(&text(content));
        }
        Some("assistant") => {
            let ids = of_type(content, "tool_use").filter_map(|call| call["id"].as_str());
            let calls = ids.map(str::to_owned).collect();
            conversation.messages.push(Message::Assistant { calls });
        }
        _ => {
            let results: Vec<ToolResult> = of_type(content, "tool_result")
                .map(|result| ToolResult {
                    id: result["tool_use_id"].as_str().unwrap_or_default().to_owned(),
                    text: text(&result["content"]),
                    error: result["is_error"] == Value::Bool(true),
                })
                .collect();
            if !results.is_empty() {
                conversation.messages.push(Message::Results(results));
            }
            // What is said after an interrupt comes together with the results.
            let said = match content {
                Value::String(said) => said.clone(),
                blocks => {
                    let texts = of_type(blocks, "text").filter_map(|block| block["text"].as_str());
                    texts.collect::<Vec<_>>().join("\n")
                }
            };
            if !said.trim().is_empty() {
                conversation.messages.push(Message::User(said));
            }
        }
    }
}

fn of_type<'a>(content: &'a Value, kind: &'a str) -> impl Iterator<Item = &'a Value> {
    content.as_array().into_iter().flatten().filter(move |block| block["type"] == kind)
}

/// A string, or the texts of blocks.
fn text(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(blocks) => {
            let texts = blocks.iter().filter_map(|block| block["text"].as_str());
            texts.collect::<Vec<_>>().join("\n")
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => String::new(),
    }
}

fn error(status: StatusCode, message: &str) -> Response {
    let kind = match status.as_u16() {
        400 => "invalid_request_error",
        401 => "authentication_error",
        403 => "permission_error",
        404 => "not_found_error",
        429 => "rate_limit_error",
        529 => "overloaded_error",
        _ => "api_error",
    };
    let body = json!({"type": "error", "error": {"type": kind, "message": message}});
    (status, Json(body)).into_response()
}

fn failed(failure: &Failure) -> Response {
    let status = failure.status.and_then(|status| StatusCode::from_u16(status).ok());
    let message = failure.message.as_deref().unwrap_or("scripted failure");
    let mut response = error(status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), message);
    let mut set = |name: &str, value: &str| {
        let name = header::HeaderName::try_from(name).expect("the script names a header");
        let value = header::HeaderValue::try_from(value).expect("the script gives a header value");
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

fn stop_reason(answer: &Answer) -> &'static str {
    let calls = answer.blocks.iter().any(|block| matches!(block, Block::Call { .. }));
    if calls { "tool_use" } else { "end_turn" }
}

fn usage(usage: Usage, output: u64) -> Value {
    json!({
        "input_tokens": usage.input,
        "cache_creation_input_tokens": usage.cache_write,
        "cache_read_input_tokens": usage.cache_read,
        "output_tokens": output,
        "service_tier": "standard",
    })
}

fn message(answer: &Answer, model: &str, content: &[Value], output: u64) -> Value {
    json!({
        "id": format!("msg_{}", answer.number), "type": "message", "role": "assistant",
        "model": model, "content": content, "stop_reason": null, "stop_sequence": null,
        "usage": usage(answer.usage, output),
    })
}

fn whole(answer: &Answer, model: &str) -> Value {
    let content: Vec<Value> = answer
        .blocks
        .iter()
        .map(|block| match block {
            Block::Thinking(text) => json!({"type": "thinking", "thinking": text}),
            Block::Text(text) => json!({"type": "text", "text": text}),
            Block::Call { id, name, input } => {
                json!({"type": "tool_use", "id": id, "name": name, "input": input})
            }
        })
        .collect();
    let mut message = message(answer, model, &content, answer.usage.output);
    message["stop_reason"] = stop_reason(answer).into();
    message
}

fn streamed(answer: &Answer, model: &str) -> Response {
    let mut pieces: Vec<io::Result<Bytes>> = events(answer, model).iter().map(sse).collect();
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
    (
        headers.map(|(name, value)| (header::HeaderName::from_static(name), value)),
        Body::from_stream(body),
    )
        .into_response()
}

#[expect(clippy::unnecessary_wraps, reason = "a piece of a body is a result")]
fn sse(event: &Value) -> io::Result<Bytes> {
    let name = event["type"].as_str().unwrap_or_default();
    Ok(Bytes::from(format!("event: {name}\ndata: {event}\n\n")))
}

fn events(answer: &Answer, model: &str) -> Vec<Value> {
    let mut events = vec![
        json!({"type": "message_start", "message": message(answer, model, &[], 1)}),
        json!({"type": "ping"}),
    ];
    for (index, block) in answer.blocks.iter().enumerate() {
        block_events(index, block, &mut events);
    }
    events.push(json!({
        "type": "message_delta",
        "delta": {"stop_reason": stop_reason(answer), "stop_sequence": null},
        "usage": usage(answer.usage, answer.usage.output),
    }));
    events.push(json!({"type": "message_stop"}));
    events
}

fn block_events(index: usize, block: &Block, events: &mut Vec<Value>) {
    let (start, deltas): (Value, Vec<Value>) = match block {
        Block::Thinking(text) => (
            json!({"type": "thinking", "thinking": "", "signature": ""}),
            pieces(text)
                .map(|piece| json!({"type": "thinking_delta", "thinking": piece}))
                .chain([json!({"type": "signature_delta", "signature": "c2NyaXB0ZWQ="})])
                .collect(),
        ),
        Block::Text(text) => (
            json!({"type": "text", "text": ""}),
            pieces(text).map(|piece| json!({"type": "text_delta", "text": piece})).collect(),
        ),
        Block::Call { id, name, input } => (
            json!({"type": "tool_use", "id": id, "name": name, "input": {}}),
            pieces(&input.to_string())
                .map(|piece| json!({"type": "input_json_delta", "partial_json": piece}))
                .collect(),
        ),
    };
    events.push(json!({"type": "content_block_start", "index": index, "content_block": start}));
    for delta in deltas {
        events.push(json!({"type": "content_block_delta", "index": index, "delta": delta}));
    }
    events.push(json!({"type": "content_block_stop", "index": index}));
}

fn pieces(text: &str) -> impl Iterator<Item = String> {
    let characters: Vec<char> = text.chars().collect();
    let pieces: Vec<String> =
        characters.chunks(PIECE).map(|piece| piece.iter().collect()).collect();
    pieces.into_iter()
}
