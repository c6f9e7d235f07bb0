//! The Gemini dialect: its requests read, its stream written.

use super::answer::{Answer, Block};
use super::conversation::{Conversation, Message};
use super::script::Usage;
use super::wire::{Call, Dialect, Shared, images, pieces, seen, text};
use super::{Reply, ToolResult};
use axum::Json;
use axum::body::Bytes;
use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

const DIALECT: Dialect = Dialect { error, whole, pieces: streamed };

/// `POST /v1beta/models/{model}:{verb}`: `generateContent`,
/// `streamGenerateContent`, `countTokens`.
pub(super) async fn models(
    axum::extract::State(state): Shared,
    Path(path): Path<String>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let call = Call { state: &state, uri: &uri, headers: &headers };
    let (model, verb) = path.split_once(':').unwrap_or((&path, ""));
    if verb == "countTokens" {
        state.record(seen(&uri, &headers, Reply::Counted));
        return Json(json!({"totalTokens": body.len() / 4 + 1})).into_response();
    }
    let Ok(request) = serde_json::from_slice::<Value>(&body) else {
        return call.not_understood(&DIALECT);
    };
    let conversation = read(&request, model);
    call.answered(&DIALECT, &conversation, verb == "streamGenerateContent", body.len()).await
}

fn read(request: &Value, model: &str) -> Conversation {
    let mut conversation = Conversation {
        model: model.to_owned(),
        system: text(&request["systemInstruction"]["parts"]),
        schema: request["generationConfig"]["responseJsonSchema"].clone(),
        images: images(&request["contents"], "parts", |part| part["inlineData"].is_object()),
        ..Conversation::default()
    };
    for content in list(&request["contents"]) {
        read_content(content, &mut conversation);
    }
    for tool in list(&request["tools"]) {
        for function in list(&tool["functionDeclarations"]) {
            if let Some(name) = function["name"].as_str() {
                let schema = function.get("parametersJsonSchema");
                let schema = schema.unwrap_or(&function["parameters"]);
                conversation.tools.insert(name.to_owned(), schema.clone());
            }
        }
    }
    conversation
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn read_content(content: &Value, conversation: &mut Conversation) {
    let parts = || list(&content["parts"]);
    if content["role"] == "model" {
        let ids = parts().filter_map(|part| part["functionCall"]["id"].as_str());
        let calls = ids.map(str::to_owned).collect();
        conversation.messages.push(Message::Assistant { calls });
        return;
    }
    let results: Vec<ToolResult> =
        parts().filter_map(|part| part.get("functionResponse")).map(result).collect();
    if !results.is_empty() {
        conversation.messages.push(Message::Results(results));
    }
    let said: Vec<&str> = parts().filter_map(|part| part["text"].as_str()).collect();
    if !said.is_empty() {
        conversation.messages.push(Message::User(said.join("\n")));
    }
}

fn result(response: &Value) -> ToolResult {
    let told = &response["response"];
    let field = |name: &str| told[name].as_str().map(str::to_owned);
    ToolResult {
        id: response["id"].as_str().unwrap_or_default().to_owned(),
        text: field("output").or_else(|| field("error")).unwrap_or_else(|| told.to_string()),
        error: told.get("error").is_some(),
    }
}

fn error(status: StatusCode, message: &str) -> Response {
    let name = match status.as_u16() {
        400 => "INVALID_ARGUMENT",
        401 => "UNAUTHENTICATED",
        429 => "RESOURCE_EXHAUSTED",
        503 => "UNAVAILABLE",
        _ => "INTERNAL",
    };
    let error = json!({"code": status.as_u16(), "message": message, "status": name});
    (status, Json(json!({"error": error}))).into_response()
}

fn usage(usage: Usage) -> Value {
    let read = usage.input + usage.cache_read;
    json!({
        "promptTokenCount": read,
        "candidatesTokenCount": usage.output,
        "cachedContentTokenCount": usage.cache_read,
        "totalTokenCount": read + usage.output,
    })
}

fn frame(answer: &Answer, model: &str, parts: &[Value], last: bool) -> Value {
    let mut candidate = json!({"content": {"role": "model", "parts": parts}, "index": 0});
    let response_id = format!("response-{}", answer.number);
    let mut frame = json!({"modelVersion": model, "responseId": response_id});
    if last {
        candidate["finishReason"] = "STOP".into();
        frame["usageMetadata"] = usage(answer.usage);
    }
    frame["candidates"] = json!([candidate]);
    frame
}

fn part(block: &Block) -> Value {
    match block {
        Block::Thinking(text) => json!({"text": text, "thought": true}),
        Block::Text(text) => json!({"text": text}),
        Block::Call { id, name, input } => {
            json!({"functionCall": {"id": id, "name": name, "args": input}})
        }
    }
}

fn whole(answer: &Answer, model: &str) -> Value {
    let parts: Vec<Value> = answer.blocks.iter().map(part).collect();
    frame(answer, model, &parts, true)
}

fn streamed(answer: &Answer, model: &str) -> Vec<String> {
    let event = |frame: &Value| format!("data: {frame}\r\n\r\n");
    let mut events = Vec::new();
    for block in &answer.blocks {
        let parts: Vec<Value> = match block {
            Block::Thinking(text) => {
                pieces(text).map(Block::Thinking).map(|one| part(&one)).collect()
            }
            Block::Text(text) => pieces(text).map(Block::Text).map(|one| part(&one)).collect(),
            Block::Call { .. } => vec![part(block)],
        };
        events.extend(parts.into_iter().map(|part| event(&frame(answer, model, &[part], false))));
    }
    events.push(event(&frame(answer, model, &[json!({"text": ""})], true)));
    events
}
