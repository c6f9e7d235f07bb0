//! The Model Context Protocol at `/mcp`: JSON-RPC, one message a request
//! (streamable HTTP without streams). Only tools; what they do is elsewhere.

use super::Answered;
use super::tools::Tool;
use serde_json::{Value, json};

/// Versions that differ in nothing we use; the last is said to others.
const VERSIONS: [&str; 4] = ["2024-11-05", "2025-03-26", "2025-11-25", "2025-06-18"];

/// For whoever decides what to call.
const INSTRUCTIONS: &str = "Pilothouse runs you. With these tools you report to the person you work for, \
    ask them, give them files, file tasks for other agents where the project lets you, and see and drive \
    a desktop of your own.";

/// What a message wants.
#[derive(Debug, PartialEq)]
pub(super) enum Wanted {
    /// This is said right away.
    Say(Value),
    /// A tool is to be called; [`called`] says what came of it.
    Call {
        /// The request.
        id: Value,
        /// Which tool.
        name: String,
        /// With what.
        arguments: Value,
    },
    /// Nothing is said to that.
    Nothing,
}

/// Reads one message.
pub(super) fn read<'a>(body: &[u8], tools: impl Iterator<Item = &'a Tool>) -> Wanted {
    let Ok(message) = serde_json::from_slice::<Value>(body) else {
        return Wanted::Say(error(&Value::Null, -32700, "this is no JSON"));
    };
    let id = match message.get("id") {
        None => return Wanted::Nothing,
        Some(id @ (Value::String(_) | Value::Number(_))) => id.clone(),
        Some(_) => return Wanted::Say(error(&Value::Null, -32600, "this is no request")),
    };
    let params = message.get("params").cloned().unwrap_or_default();
    match message.get("method").and_then(Value::as_str) {
        Some("initialize") => Wanted::Say(result(&id, &initialized(&params))),
        Some("ping") => Wanted::Say(result(&id, &json!({}))),
        Some("tools/list") => {
            let tools: Vec<Value> = tools.map(shown).collect();
            Wanted::Say(result(&id, &json!({"tools": tools})))
        }
        Some("tools/call") => match params.get("name").and_then(Value::as_str) {
            Some(name) => {
                let arguments = params.get("arguments").cloned().unwrap_or_default();
                Wanted::Call { id, name: name.to_owned(), arguments }
            }
            None => Wanted::Say(error(&id, -32602, "which tool?")),
        },
        Some(_) => Wanted::Say(error(&id, -32601, "there is no such method")),
        // An answer: we ask for nothing.
        None => Wanted::Nothing,
    }
}

/// What a call came to. A refusal is for the model, so it is a result, too.
pub(super) fn called(id: &Value, answered: Answered) -> Value {
    let (text, picture, failed) = match answered {
        Ok(mut document) => {
            let picture = document.as_object_mut().and_then(|document| document.remove("image"));
            (document.to_string(), picture.as_ref().map(image), false)
        }
        Err(why) => (why, None, true),
    };
    let text = json!({"type": "text", "text": text});
    let content: Vec<Value> = picture.into_iter().chain([text]).collect();
    result(id, &json!({"content": content, "isError": failed}))
}

/// A picture in an answer, as the protocol has it.
fn image(picture: &Value) -> Value {
    json!({"type": "image", "data": picture["base64"], "mimeType": picture["media_type"]})
}

/// There is no such tool, or not here.
pub(super) fn no_tool(id: &Value, name: &str) -> Value {
    let name: String = name.chars().take(100).collect();
    error(id, -32602, &format!("there is no tool `{name}`"))
}

fn initialized(params: &Value) -> Value {
    let asked = params.get("protocolVersion").and_then(Value::as_str);
    let version = VERSIONS.into_iter().find(|version| Some(*version) == asked);
    json!({
        "protocolVersion": version.unwrap_or(VERSIONS[VERSIONS.len() - 1]),
        "capabilities": {"tools": {"listChanged": false}},
        "serverInfo": {"name": "pilothouse", "version": env!("CARGO_PKG_VERSION")},
        "instructions": INSTRUCTIONS,
    })
}

pub(super) fn shown(tool: &Tool) -> Value {
    json!({"name": tool.name, "description": tool.description, "inputSchema": (tool.takes)()})
}

fn result(id: &Value, result: &Value) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "result": result})
}

fn error(id: &Value, code: i32, message: &str) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "error": {"code": code, "message": message}})
}

#[cfg(test)]
mod tests {
    use super::super::tools::TABLE;
    use super::*;

    fn read(message: &str) -> Wanted {
        super::read(message.as_bytes(), TABLE.iter())
    }

    fn said(message: &str) -> Value {
        match read(message) {
            Wanted::Say(value) => value,
            other => panic!("{message}: {other:?}"),
        }
    }

    #[test]
    fn a_client_is_greeted_in_its_own_version_or_in_ours() {
        for (asked, expected) in [("2025-03-26", "2025-03-26"), ("1999-01-01", "2025-06-18")] {
            let hello = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize",
                "params": {"protocolVersion": asked}});
            let greeted = said(&hello.to_string());
            assert_eq!(greeted["result"]["protocolVersion"], expected);
            assert_eq!(greeted["id"], 0);
        }
    }

    #[test]
    fn tools_are_listed_and_called_and_nonsense_is_refused() {
        let list = said(r#"{"jsonrpc":"2.0","id":"a","method":"tools/list"}"#);
        assert_eq!(list["result"]["tools"].as_array().map(Vec::len), Some(TABLE.len()));
        let call = r#"{"id":1,"method":"tools/call","params":{"name":"x","arguments":{"a":1}}}"#;
        let expected = Wanted::Call { id: json!(1), name: "x".into(), arguments: json!({"a": 1}) };
        assert_eq!(read(call), expected);
        for (message, code) in [
            ("{", -32700),
            ("[]", 0),
            (r#"{"id":{},"method":"ping"}"#, -32600),
            (r#"{"id":1,"method":"tools/call"}"#, -32602),
            (r#"{"id":1,"method":"resources/list"}"#, -32601),
        ] {
            match read(message) {
                Wanted::Say(value) => assert_eq!(value["error"]["code"], code, "{message}"),
                other => assert_eq!((other, code), (Wanted::Nothing, 0), "{message}"),
            }
        }
        let note = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
        assert_eq!(read(note), Wanted::Nothing);
    }
}
