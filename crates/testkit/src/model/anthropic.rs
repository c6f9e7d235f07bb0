//! The Anthropic Messages dialect: its requests read, its stream written.

use super::answer::{Answer, Block};
use super::conversation::{Conversation, Message};
use super::script::Usage;
use super::wire::{self, Call, Dialect, Shared, pieces, seen, text};
use super::{Reply, ToolResult};
use axum::Json;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

const DIALECT: Dialect = Dialect { error, whole, pieces: streamed };

/// `POST /v1/messages`.
pub(super) async fn messages(
    axum::extract::State(state): Shared,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let call = Call { state: &state, uri: &uri, headers: &headers };
    let Ok(request) = serde_json::from_slice::<Value>(&body) else {
        return call.not_understood(&DIALECT);
    };
    let in_pieces = request["stream"] == Value::Bool(true);
    call.answered(&DIALECT, &read(&request), in_pieces, body.len()).await
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

fn read(request: &Value) -> Conversation {
    let mut conversation = Conversation {
        model: request["model"].as_str().unwrap_or_default().to_owned(),
        images: wire::images(&request["messages"], "content", |part| part["type"] == "image"),
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

fn stop_reason(answer: &Answer) -> &'static str {
    if wire::calls(answer) { "tool_use" } else { "end_turn" }
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

fn streamed(answer: &Answer, model: &str) -> Vec<String> {
    let event = |event: &Value| {
        let name = event["type"].as_str().unwrap_or_default();
        format!("event: {name}\ndata: {event}\n\n")
    };
    events(answer, model).iter().map(event).collect()
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
