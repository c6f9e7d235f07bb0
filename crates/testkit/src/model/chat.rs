//! The OpenAI Chat Completions dialect: its requests read, its stream written.

use super::ToolResult;
use super::answer::{Answer, Block};
use super::conversation::{Conversation, Message};
use super::script::Usage;
use super::wire::{self, Call, Dialect, Shared, pieces, text};
use axum::Json;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

const DIALECT: Dialect = Dialect { error, whole, pieces: streamed };

/// `POST /v1/chat/completions`.
pub(super) async fn completions(
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

fn read(request: &Value) -> Conversation {
    let mut conversation = Conversation {
        model: request["model"].as_str().unwrap_or_default().to_owned(),
        schema: request["response_format"]["json_schema"]["schema"].clone(),
        images: wire::images(&request["messages"], "content", |part| part["type"] == "image_url"),
        ..Conversation::default()
    };
    for message in request["messages"].as_array().into_iter().flatten() {
        read_message(message, &mut conversation);
    }
    for tool in request["tools"].as_array().into_iter().flatten() {
        if let Some(name) = tool["function"]["name"].as_str() {
            conversation.tools.insert(name.to_owned(), tool["function"]["parameters"].clone());
        }
    }
    conversation
}

fn read_message(message: &Value, conversation: &mut Conversation) {
    let said = text(&message["content"]);
    match message["role"].as_str() {
        Some("system" | "developer") => {
            conversation.system.push('\n');
            conversation.system.push_str(&said);
        }
        Some("assistant") => {
            let calls = message["tool_calls"].as_array().into_iter().flatten();
            let ids = calls.filter_map(|call| call["id"].as_str()).map(str::to_owned);
            conversation.messages.push(Message::Assistant { calls: ids.collect() });
        }
        Some("tool") => {
            let id = message["tool_call_id"].as_str().unwrap_or_default().to_owned();
            // The dialect has no mark for an error.
            let result = ToolResult { id, text: said, error: false };
            conversation.messages.push(Message::Results(vec![result]));
        }
        _ => conversation.messages.push(Message::User(said)),
    }
}

fn error(status: StatusCode, message: &str) -> Response {
    let kind = match status.as_u16() {
        400 => "invalid_request_error",
        401 => "invalid_api_key",
        429 => "rate_limit_exceeded",
        _ => "server_error",
    };
    let error = json!({"message": message, "type": kind, "code": kind, "param": null});
    (status, Json(json!({"error": error}))).into_response()
}

fn usage(usage: Usage) -> Value {
    let read = usage.input + usage.cache_read;
    json!({
        "prompt_tokens": read,
        "completion_tokens": usage.output,
        "total_tokens": read + usage.output,
        "prompt_tokens_details": {"cached_tokens": usage.cache_read},
    })
}

fn finish_reason(answer: &Answer) -> &'static str {
    if wire::calls(answer) { "tool_calls" } else { "stop" }
}

/// The fields that pieces and a whole answer share.
fn frame(answer: &Answer, model: &str, object: &str, choices: &Value) -> Value {
    json!({
        "id": format!("chatcmpl-{}", answer.number), "object": object, "created": 1_767_225_600,
        "model": model, "choices": choices,
    })
}

fn call(index: usize, id: &str, name: &str, input: &Value) -> Value {
    let function = json!({"name": name, "arguments": input.to_string()});
    json!({"index": index, "id": id, "type": "function", "function": function})
}

fn whole(answer: &Answer, model: &str) -> Value {
    let (mut said, mut calls) = (String::new(), Vec::new());
    for block in &answer.blocks {
        match block {
            Block::Thinking(_) => {}
            Block::Text(text) => said.push_str(text),
            Block::Call { id, name, input } => calls.push(call(calls.len(), id, name, input)),
        }
    }
    let mut message = json!({"role": "assistant", "content": said});
    if !calls.is_empty() {
        message["tool_calls"] = calls.into();
    }
    let choice = json!({"index": 0, "message": message, "finish_reason": finish_reason(answer)});
    let mut whole = frame(answer, model, "chat.completion", &json!([choice]));
    whole["usage"] = usage(answer.usage);
    whole
}

fn streamed(answer: &Answer, model: &str) -> Vec<String> {
    let event = |event: &Value| format!("data: {event}\n\n");
    let delta = |delta: &Value, finish: Option<&str>| {
        let choice = json!({"index": 0, "delta": delta, "finish_reason": finish});
        event(&frame(answer, model, "chat.completion.chunk", &json!([choice])))
    };
    let mut events = vec![delta(&json!({"role": "assistant", "content": ""}), None)];
    let mut calls = 0;
    for block in &answer.blocks {
        match block {
            Block::Thinking(text) => events.extend(
                pieces(text).map(|piece| delta(&json!({"reasoning_content": piece}), None)),
            ),
            Block::Text(text) => {
                events.extend(pieces(text).map(|piece| delta(&json!({"content": piece}), None)))
            }
            Block::Call { id, name, input } => {
                let call = call(calls, id, name, input);
                events.push(delta(&json!({"tool_calls": [call]}), None));
                calls += 1;
            }
        }
    }
    events.push(delta(&json!({}), Some(finish_reason(answer))));
    let mut last = frame(answer, model, "chat.completion.chunk", &json!([]));
    last["usage"] = usage(answer.usage);
    events.push(event(&last));
    events.push("data: [DONE]\n\n".to_owned());
    events
}
