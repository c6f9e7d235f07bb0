//! The OpenAI Responses dialect: its requests read, its stream written.
//!
//! A tool that takes a text instead of an object (codex' `apply_patch` and
//! `exec`) is offered as `custom`; here such a tool has no schema, and a call
//! whose input is a string is written as a call of one.

use super::answer::{self, Answer, Block};
use super::conversation::{Conversation, Message};
use super::script::Failure;
use super::wire::{self, Shared, let_in, marked, pieces, seen, streamed, text};
use super::{Reply, ToolResult};
use axum::Json;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// `POST /v1/responses`.
pub(super) async fn responses(
    axum::extract::State(state): Shared,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let Ok(request) = serde_json::from_slice::<Value>(&body) else {
        state.record(seen(&uri, &headers, Reply::NotUnderstood));
        return error(StatusCode::BAD_REQUEST, "invalid_request_error", "the body is not JSON");
    };
    let (conversation, namespaces) = read(&request);
    let mut record = seen(&uri, &headers, Reply::Refused);
    record.model.clone_from(&conversation.model);
    record.tools = conversation.tools.keys().cloned().collect();
    record.images =
        wire::images(&request["input"], "content", |part| part["type"] == "input_image");
    if !let_in(&state, &headers) {
        state.record(record);
        let words = "Incorrect API key provided.";
        return error(StatusCode::UNAUTHORIZED, "invalid_request_error", words);
    }
    let answer = answer::answer(&state, &conversation, body.len());
    record.reply = answer.reply.clone();
    record.results.clone_from(&answer.results);
    state.record(record);
    if let Some(hold) = &answer.hold {
        state.wait_at(hold).await;
    }
    tokio::time::sleep(answer.before_first).await;
    if let Some(failure) = answer.failure.as_ref().filter(|failure| failure.status.is_some()) {
        return failed(failure);
    }
    let written = Written::of(&answer, &conversation.model, &namespaces);
    if request["stream"] == Value::Bool(true) {
        streamed(&answer, written.events().into_iter().enumerate().map(sse).collect())
    } else {
        Json(written.response("completed")).into_response()
    }
}

/// `GET /v1/responses` wants a WebSocket, which this server does not speak.
pub(super) async fn web_socket(
    axum::extract::State(state): Shared,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    state.record(seen(&uri, &headers, Reply::NotUnderstood));
    error(StatusCode::UPGRADE_REQUIRED, "invalid_request_error", "no WebSocket here")
}

/// The conversation, and the namespaces of the tools that are in one.
fn read(request: &Value) -> (Conversation, BTreeMap<String, String>) {
    let mut conversation = Conversation {
        model: request["model"].as_str().unwrap_or_default().to_owned(),
        system: text(&request["instructions"]),
        ..Conversation::default()
    };
    let mut namespaces = BTreeMap::new();
    for tool in request["tools"].as_array().into_iter().flatten() {
        read_tool(tool, None, &mut conversation, &mut namespaces);
    }
    match &request["input"] {
        Value::String(said) => conversation.messages.push(Message::User(said.clone())),
        items => {
            for item in items.as_array().into_iter().flatten() {
                read_item(item, &mut conversation, &mut namespaces);
            }
        }
    }
    (conversation, namespaces)
}

fn read_item(
    item: &Value,
    conversation: &mut Conversation,
    namespaces: &mut BTreeMap<String, String>,
) {
    let id = || item["call_id"].as_str().unwrap_or_default().to_owned();
    match item["type"].as_str().unwrap_or("message") {
        "message" => read_message(item, conversation),
        "function_call" | "custom_tool_call" => {
            conversation.messages.push(Message::Assistant { calls: vec![id()] });
        }
        "function_call_output" | "custom_tool_call_output" => {
            // The dialect has no mark for an error.
            let result = ToolResult { id: id(), text: text(&item["output"]), error: false };
            conversation.messages.push(Message::Results(vec![result]));
        }
        "additional_tools" => {
            for tool in item["tools"].as_array().into_iter().flatten() {
                read_tool(tool, None, conversation, namespaces);
            }
        }
        _ => {}
    }
}

fn read_message(item: &Value, conversation: &mut Conversation) {
    let said = text(&item["content"]);
    match item["role"].as_str() {
        Some("developer" | "system") => {
            conversation.system.push('\n');
            conversation.system.push_str(&said);
        }
        Some("assistant") => {
            conversation.messages.push(Message::Assistant { calls: Vec::new() });
        }
        _ => conversation.messages.push(Message::User(said)),
    }
}

fn read_tool(
    tool: &Value,
    namespace: Option<&str>,
    conversation: &mut Conversation,
    namespaces: &mut BTreeMap<String, String>,
) {
    let Some(name) = tool["name"].as_str() else { return };
    if tool["type"] == "namespace" {
        for inside in tool["tools"].as_array().into_iter().flatten() {
            read_tool(inside, Some(name), conversation, namespaces);
        }
        return;
    }
    // `null` for a custom tool.
    conversation.tools.insert(name.to_owned(), tool["parameters"].clone());
    if let Some(namespace) = namespace {
        namespaces.insert(name.to_owned(), namespace.to_owned());
    }
}

fn error(status: StatusCode, kind: &str, message: &str) -> Response {
    let error = json!({"message": message, "type": kind, "param": null, "code": null});
    (status, Json(json!({"error": error}))).into_response()
}

fn failed(failure: &Failure) -> Response {
    let status = failure.status.and_then(|status| StatusCode::from_u16(status).ok());
    let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let kind = failure.kind.as_deref().unwrap_or(match status.as_u16() {
        400..=428 => "invalid_request_error",
        429 => "rate_limit_exceeded",
        _ => "server_error",
    });
    let message = failure.message.as_deref().unwrap_or("scripted failure");
    marked(failure, error(status, kind, message))
}

/// An answer as the items of a response.
struct Written {
    id: String,
    model: String,
    items: Vec<Value>,
    usage: Value,
}

impl Written {
    fn of(answer: &Answer, model: &str, namespaces: &BTreeMap<String, String>) -> Self {
        let number = answer.number;
        let items = answer.blocks.iter().enumerate();
        let items = items.map(|(index, block)| item(number, index, block, namespaces)).collect();
        let used = answer.usage;
        let input = used.input + used.cache_read + used.cache_write;
        let usage = json!({
            "input_tokens": input,
            "input_tokens_details": {"cached_tokens": used.cache_read},
            "output_tokens": used.output,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": input + used.output,
        });
        Self { id: format!("resp_{number}"), model: model.to_owned(), items, usage }
    }

    fn response(&self, status: &str) -> Value {
        let done = status == "completed";
        json!({
            "id": self.id, "object": "response", "created_at": 0, "model": self.model,
            "status": status,
            "output": if done { self.items.clone() } else { Vec::new() },
            "usage": if done { self.usage.clone() } else { Value::Null },
        })
    }

    fn events(&self) -> Vec<Value> {
        let begun = self.response("in_progress");
        let mut events = vec![
            json!({"type": "response.created", "response": begun}),
            json!({"type": "response.in_progress", "response": begun}),
        ];
        for (index, item) in self.items.iter().enumerate() {
            item_events(index, item, &mut events);
        }
        let done = self.response("completed");
        events.push(json!({"type": "response.completed", "response": done}));
        events
    }
}

fn item(number: u64, index: usize, block: &Block, namespaces: &BTreeMap<String, String>) -> Value {
    match block {
        Block::Thinking(text) => json!({
            "type": "reasoning", "id": format!("rs_{number}_{index}"),
            "summary": [{"type": "summary_text", "text": text}],
        }),
        Block::Text(text) => json!({
            "type": "message", "id": format!("msg_{number}_{index}"), "role": "assistant",
            "status": "completed",
            "content": [{"type": "output_text", "text": text, "annotations": []}],
        }),
        Block::Call { id, name, input } => {
            let mut call = json!({
                "id": format!("fc_{number}_{index}"), "call_id": id, "name": name,
                "status": "completed",
            });
            match input {
                Value::String(text) => {
                    call["type"] = "custom_tool_call".into();
                    call["input"] = text.as_str().into();
                }
                input => {
                    call["type"] = "function_call".into();
                    call["arguments"] = input.to_string().into();
                }
            }
            if let Some(namespace) = namespaces.get(name) {
                call["namespace"] = namespace.as_str().into();
            }
            call
        }
    }
}

/// The events of one item: it begins, grows by pieces, and is there.
fn item_events(index: usize, item: &Value, events: &mut Vec<Value>) {
    let mut begun = item.clone();
    let (deltas, text) = match item["type"].as_str() {
        Some("message") => {
            begun["content"] = json!([]);
            ("output_text", &item["content"][0]["text"])
        }
        Some("reasoning") => {
            begun["summary"] = json!([]);
            ("reasoning_summary_text", &item["summary"][0]["text"])
        }
        Some("custom_tool_call") => {
            begun["input"] = "".into();
            ("custom_tool_call_input", &item["input"])
        }
        _ => {
            begun["arguments"] = "".into();
            ("function_call_arguments", &item["arguments"])
        }
    };
    events
        .push(json!({"type": "response.output_item.added", "output_index": index, "item": begun}));
    let part = |name: &str| {
        json!({
            "type": format!("response.{name}"), "item_id": item["id"], "output_index": index,
            "content_index": 0, "summary_index": 0,
        })
    };
    match deltas {
        "output_text" => {
            let mut added = part("content_part.added");
            added["part"] = json!({"type": "output_text", "text": "", "annotations": []});
            events.push(added);
        }
        "reasoning_summary_text" => {
            let mut added = part("reasoning_summary_part.added");
            added["part"] = json!({"type": "summary_text", "text": ""});
            events.push(added);
        }
        _ => {}
    }
    for piece in pieces(text.as_str().unwrap_or_default()) {
        let mut delta = part(&format!("{deltas}.delta"));
        delta["delta"] = piece.into();
        events.push(delta);
    }
    events.push(json!({"type": "response.output_item.done", "output_index": index, "item": item}));
}

fn sse((number, mut event): (usize, Value)) -> String {
    event["sequence_number"] = number.into();
    let name = event["type"].as_str().unwrap_or_default();
    format!("event: {name}\ndata: {event}\n\n")
}
