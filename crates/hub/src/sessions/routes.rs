//! The route of a browser's session: the only one that sets a cookie.

use crate::gate::Principal;
use crate::http::{Peer, refusal};
use crate::hub::Parts;
use axum::Json;
use axum::body::Bytes;
use axum::extract::{Extension, State};
use axum::http::header::{RETRY_AFTER, SET_COOKIE, USER_AGENT};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use pilot_proto::console::{Nothing, SignIn};
use pilot_proto::{Code, Problem, Secret};
use std::net::IpAddr;
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// Longest name of a browser that is kept.
const MAX_LABEL: usize = 200;

/// `POST` of [`pilot_proto::console::SESSION_PATH`].
pub(crate) async fn sign_in(
    State(parts): State<Arc<Parts>>,
    Extension(Peer(peer)): Extension<Peer>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let from = parts.sessions.gate.caller(peer.ip(), &headers);
    if let Some(wait) = attempts(&parts, |attempts, now| attempts.wait(from, now)) {
        return too_often(wait);
    }
    match signed_in(&parts, from, &headers, &body).await {
        Ok(cookie) => with_cookie(&parts, &headers, Some(&cookie)),
        Err(problem) => {
            tracing::debug!(%peer, %problem, "a sign-in was refused");
            refusal(&problem)
        }
    }
}

/// `DELETE` of the same.
pub(crate) async fn sign_out(State(parts): State<Arc<Parts>>, headers: HeaderMap) -> Response {
    if let Some(cookie) = parts.sessions.gate.cookie(&headers)
        && let Err(problem) = parts.sessions.end(cookie).await
    {
        return refusal(&problem);
    }
    with_cookie(&parts, &headers, None)
}

async fn signed_in(
    parts: &Parts,
    from: IpAddr,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Secret, Problem> {
    let shown: SignIn = crate::request::from_body(&[], body)?;
    let principal: Option<Principal> = match (&shown.token, &shown.code) {
        (Some(token), None) => parts.sessions.gate.holder(token.expose().trim()),
        (None, Some(code)) => parts.sessions.redeem(code.expose().trim()).await?,
        (Some(_), Some(_)) | (None, None) => {
            return Err(Problem::new(Code::Invalid, "Give `token` or `code`."));
        }
    };
    let Some(principal) = principal else {
        attempts(parts, |attempts, now| attempts.wrong(from, now));
        return Err(Problem::new(Code::Unauthorized, "That does not open this hub.").hint(
            "A link works once and for a few minutes; `pilot hub open` on the hub's machine makes another.",
        ));
    };
    if let Some(old) = parts.sessions.gate.cookie(headers) {
        parts.sessions.end(old).await?;
    }
    parts.sessions.begin(&principal, label(headers)).await
}

fn attempts<T>(parts: &Parts, act: impl FnOnce(&mut super::Attempts, Instant) -> T) -> T {
    let mut attempts = parts.sessions.attempts.lock().unwrap_or_else(PoisonError::into_inner);
    act(&mut attempts, Instant::now())
}

/// What the browser calls itself.
fn label(headers: &HeaderMap) -> String {
    let said = headers.get(USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    said.chars().take(MAX_LABEL).collect()
}

fn with_cookie(parts: &Parts, headers: &HeaderMap, cookie: Option<&Secret>) -> Response {
    let (value, age) = match cookie {
        Some(cookie) => (cookie.expose(), super::SESSION.as_secs()),
        None => ("", 0),
    };
    let set = parts.sessions.gate.set_cookie(value, age, headers);
    let mut response = Json(Nothing {}).into_response();
    match HeaderValue::from_str(&set) {
        Ok(mut set) => {
            set.set_sensitive(true);
            response.headers_mut().insert(SET_COOKIE, set);
            response
        }
        Err(error) => refusal(&Problem::new(Code::Internal, error.to_string())),
    }
}

fn too_often(wait: Duration) -> Response {
    let secs = wait.as_secs().max(1);
    let problem = Problem::new(
        Code::Precondition,
        format!("Too many wrong sign-ins came from here; try again in {secs} seconds."),
    );
    let mut response = (StatusCode::TOO_MANY_REQUESTS, Json(problem)).into_response();
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(secs));
    response
}
