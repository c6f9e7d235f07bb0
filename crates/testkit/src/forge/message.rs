//! What goes in and what comes out: a request taken apart, an answer, a refusal.

use axum::body::Body;
use axum::http::{HeaderMap, StatusCode, request};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// A request to the API as a test sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// `GET`, `POST`, `PATCH`.
    pub method: String,
    /// Path without the base path.
    pub path: String,
    /// Query as it came.
    pub query: String,
    /// Body as it came.
    pub body: String,
    /// What was answered.
    pub status: u16,
}

/// A request, taken apart.
#[derive(Debug)]
pub(super) struct Ask {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) raw_query: String,
    pub(super) query: BTreeMap<String, String>,
    pub(super) token: Option<String>,
    /// `If-None-Match`.
    pub(super) tag: Option<String>,
    pub(super) raw_body: String,
    pub(super) body: Value,
}

impl Ask {
    pub(super) fn new(parts: &request::Parts, body: &[u8]) -> Self {
        let raw_query = parts.uri.query().unwrap_or_default().to_owned();
        let query: BTreeMap<_, _> = raw_query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .map(|(name, value)| (name.to_owned(), decoded(value)))
            .collect();
        let token = token(&parts.headers).or_else(|| query.get("token").cloned());
        let tag = parts.headers.get("if-none-match").and_then(|tag| tag.to_str().ok());
        Self {
            tag: tag.map(str::to_owned),
            method: parts.method.to_string(),
            path: parts.uri.path().to_owned(),
            raw_query,
            query,
            token,
            raw_body: String::from_utf8_lossy(body).into_owned(),
            body: serde_json::from_slice(body).unwrap_or(Value::Null),
        }
    }

    pub(super) fn number(&self, name: &str) -> Option<usize> {
        self.query.get(name)?.parse().ok()
    }

    /// The query's word.
    pub(super) fn word(&self, name: &str) -> &str {
        self.query.get(name).map_or("", String::as_str)
    }

    /// Strings of a list in the body.
    pub(super) fn texts(&self, name: &str) -> Vec<String> {
        let all = self.body[name].as_array().into_iter().flatten();
        all.filter_map(Value::as_str).map(str::to_owned).collect()
    }

    pub(super) fn text(&self, name: &str) -> &str {
        self.body[name].as_str().unwrap_or_default()
    }
}

/// `token T` or `Bearer T`, both of which work on the real ones; a GitLab has
/// a header of its own as well.
fn token(headers: &HeaderMap) -> Option<String> {
    if let Some(token) = headers.get("private-token") {
        return token.to_str().ok().map(str::to_owned);
    }
    let value = headers.get("authorization")?.to_str().ok()?;
    let (scheme, rest) = value.split_once(' ')?;
    matches!(scheme.to_ascii_lowercase().as_str(), "token" | "bearer").then(|| rest.to_owned())
}

/// Percent-encoding and `+` undone.
pub(super) fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let escaped = || Some((hex::decode(tail.get(..2)?).ok()?, &tail[2..]));
        match first {
            b'%' if let Some((byte, after)) = escaped() => {
                bytes.extend(byte);
                rest = after;
            }
            b'+' => {
                bytes.push(b' ');
                rest = tail;
            }
            other => {
                bytes.push(*other);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// An answer.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: String,
}

impl Answer {
    pub(super) fn json(status: u16, value: &Value) -> Self {
        let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        Self { status, headers, body: value.to_string() }
    }

    /// Done, and nothing to say.
    pub(super) fn none() -> Self {
        Self { status: 204, headers: Vec::new(), body: String::new() }
    }

    /// What a web server says by itself.
    pub(super) fn page(status: u16) -> Self {
        let headers = vec![("content-type".to_owned(), "text/html".to_owned())];
        Self { status, headers, body: format!("<html><body>{status}</body></html>") }
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).expect("a test gives a real status");
        let mut response = Response::builder().status(status);
        for (name, value) in self.headers {
            response = response.header(name, value);
        }
        response.body(Body::from(self.body)).expect("a test gives real headers")
    }
}

/// A refusal.
pub(super) struct No {
    status: u16,
    message: String,
    more: Value,
}

impl No {
    pub(super) fn new(status: u16, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), more: Value::Null }
    }

    pub(super) fn found() -> Self {
        Self::new(404, "The target couldn't be found.")
    }

    pub(super) fn token() -> Self {
        Self::new(401, "token is required")
    }

    /// With more than a message.
    pub(super) fn saying(status: u16, message: &str, more: Value) -> Self {
        Self { status, message: message.to_owned(), more }
    }

    pub(super) fn answer(&self, url: &str) -> Answer {
        if self.status == 301 {
            let location = vec![("location".to_owned(), self.message.clone())];
            return Answer { status: 301, headers: location, body: String::new() };
        }
        let mut body = json!({ "message": self.message, "url": format!("{url}/api/swagger") });
        if let Some(more) = self.more.as_object() {
            for (name, value) in more {
                body[name] = value.clone();
            }
        }
        Answer::json(self.status, &body)
    }
}
