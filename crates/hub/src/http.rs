//! The hub's routes as one axum router: the command table, the raw routes,
//! and the gate around all of them.

use crate::dispatch;
use crate::gate::{self, Gate, HEALTH_PATH};
use crate::hub::Parts;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::http::header::WWW_AUTHENTICATE;
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use pilot_proto::console::{LIVE_PATH, RESCUE_PATH};
use pilot_proto::runner::{JOIN_PATH, LINK_PATH};
use pilot_proto::{Code, Problem};
use std::net::SocketAddr;
use std::sync::Arc;

/// Largest body of a request: a thousand tasks of a long ticket each, or a
/// few of the largest prompt allowed.
pub(crate) const MAX_BODY: usize = 16 * 1024 * 1024;
const _: () = assert!(
    MAX_BODY >= 4 * pilot_proto::console::NewTask::MAX_PROMPT,
    "the largest prompt must fit, JSON escapes included",
);

/// Where a request comes from; put there by the listener.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) SocketAddr);

/// Everything the hub answers to.
pub(crate) fn router(parts: Arc<Parts>, gate: Arc<Gate>) -> Router {
    dispatch::routes()
        .route(LIVE_PATH, get(crate::live::upgrade))
        .route(RESCUE_PATH, get(crate::reads::rescue))
        .route(JOIN_PATH, post(crate::links::join))
        .route(LINK_PATH, get(crate::links::upgrade))
        .route(HEALTH_PATH, get(|| async { "ok" }))
        .fallback(|| async { refusal(&Problem::new(Code::NotFound, "There is nothing here.")) })
        .method_not_allowed_fallback(|| async {
            let problem = Problem::new(Code::Invalid, "This path does not take that method.");
            (StatusCode::METHOD_NOT_ALLOWED, axum::Json(problem)).into_response()
        })
        .layer(DefaultBodyLimit::max(MAX_BODY))
        // The last layer is the outermost: nothing is before the gate.
        .layer(from_fn_with_state(gate, gate::pass))
        .with_state(parts)
}

/// A problem as an answer.
pub(crate) fn refusal(problem: &Problem) -> Response {
    let status = status(problem.code);
    let mut response = (status, axum::Json(problem)).into_response();
    if status == StatusCode::UNAUTHORIZED {
        let scheme = axum::http::HeaderValue::from_static("Bearer");
        response.headers_mut().insert(WWW_AUTHENTICATE, scheme);
    }
    response
}

/// The answer to a body over the bound.
pub(crate) fn too_large() -> Problem {
    let bound = MAX_BODY / (1024 * 1024);
    Problem::new(Code::TooLarge, format!("A request may be {bound} MiB at most."))
}

fn status(code: Code) -> StatusCode {
    match code {
        Code::Invalid => StatusCode::BAD_REQUEST,
        Code::Unauthorized => StatusCode::UNAUTHORIZED,
        Code::Forbidden => StatusCode::FORBIDDEN,
        Code::NotFound | Code::BranchUnknown => StatusCode::NOT_FOUND,
        Code::Precondition | Code::LeaseLost | Code::RunLost => StatusCode::CONFLICT,
        Code::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Code::Version => StatusCode::UPGRADE_REQUIRED,
        Code::DiskFull => StatusCode::INSUFFICIENT_STORAGE,
        // What another host said or did not say.
        Code::RepositoryUnreachable
        | Code::RepositoryRefused
        | Code::ForgeRefused
        | Code::ForgeUnreachable
        | Code::ForgeMismatch
        | Code::PushRejected => StatusCode::BAD_GATEWAY,
        Code::SetupFailed
        | Code::WorkspaceFailed
        | Code::AgentMissing
        | Code::AgentAuth
        | Code::AgentLimit
        | Code::AgentFailed
        | Code::Denied
        | Code::LimitReached
        | Code::Unanswered
        | Code::Internal
        | Code::Unknown => StatusCode::INTERNAL_SERVER_ERROR,
    }
}
