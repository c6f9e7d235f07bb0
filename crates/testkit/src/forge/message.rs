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
        Self {
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

    pub(super) fn text(&self, name: &str) -> &str {
        self.body[name].as_str().unwrap_or_default()
    }
}

/// `token T` or `Bearer T`; both work on the real one.
fn token(headers: &HeaderMap) -> Option<String> {
    let value = headers.get("authorization")?.to_str().ok()?;
    let (scheme, rest) = value.split_once(' ')?;
    matches!(scheme.to_ascii_lowercase().as_str(), "token" | "bearer").then(|| rest.to_owned())
}

/// Percent-encoding and `+` undone.
fn decoded(text: &str) -> String {
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
}

impl No {
    pub(super) fn new(status: u16, message: impl Into<String>) -> Self {
        Self { status, message: message.into() }
    }

    pub(super) fn found() -> Self {
        Self::new(404, "The target couldn't be found.")
    }

    pub(super) fn token() -> Self {
        Self::new(401, "token is required")
    }

    pub(super) fn answer(&self, url: &str) -> Answer {
        let body = json!({ "message": self.message, "url": format!("{url}/api/swagger") });
        Answer::json(self.status, &body)
    }
}
