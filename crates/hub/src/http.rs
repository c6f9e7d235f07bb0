//! The hub's routes as one axum router: the command table, the raw routes,
//! and the gate around all of them.

use crate::gate::{self, HEALTH_PATH};
use crate::hub::Parts;
use crate::web;
use crate::{agentapi, dispatch, sessions};
use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::header::{
    CACHE_CONTROL, REFERRER_POLICY, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::uri::PathAndQuery;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use axum::middleware::{Next, from_fn_with_state, map_response};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use pilot_proto::console::{BLOB_PATH, FILM_PATH, HOOK_PATH, LIVE_PATH, RESCUE_PATH, SESSION_PATH};
use pilot_proto::runner::{JOIN_PATH, LINK_PATH};
use pilot_proto::tunnel::TUNNEL_PATH;
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
pub(crate) fn router(parts: Arc<Parts>) -> Router {
    let sessions = Arc::clone(&parts.sessions);
    let base: Arc<str> = sessions.gate.base().into();
    let routes = dispatch::routes()
        .merge(agentapi::routes())
        .route(LIVE_PATH, get(crate::live::upgrade))
        .route(TUNNEL_PATH, get(crate::tunnels::upgrade))
        .route(RESCUE_PATH, get(crate::reads::rescue))
        .route(BLOB_PATH, get(crate::attachments::blob))
        .route(FILM_PATH, get(crate::films::download))
        .route(SESSION_PATH, post(sessions::sign_in).delete(sessions::sign_out))
        .route(JOIN_PATH, post(crate::links::join))
        .route(LINK_PATH, get(crate::links::upgrade))
        .route(HOOK_PATH, post(crate::hooks::take))
        .route(HEALTH_PATH, get(|| async { "ok" }))
        .fallback(page)
        .method_not_allowed_fallback(|| async { wrong_method() })
        .layer(DefaultBodyLimit::max(MAX_BODY))
        // The last layer is the outermost: nothing is before the gate.
        .layer(from_fn_with_state(sessions, gate::pass))
        .with_state(parts);
    // Around the gate only what changes paths and answers, and no request
    // reaches anything without it.
    Router::new()
        .fallback_service(routes)
        .layer(from_fn_with_state(base, below))
        .layer(map_response(seal))
}

/// Whatever is no route: a page, or nothing.
async fn page(
    State(parts): State<Arc<Parts>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    if web::is_page(&method, uri.path()) {
        return parts.web.answer(&uri, &headers);
    }
    refusal(&Problem::new(Code::NotFound, "There is nothing here."))
}

fn wrong_method() -> Response {
    let problem = Problem::new(Code::Invalid, "This path does not take that method.");
    (StatusCode::METHOD_NOT_ALLOWED, axum::Json(problem)).into_response()
}

/// Takes the path of the public URL away, for a proxy that leaves it.
async fn below(State(base): State<Arc<str>>, mut request: Request, next: Next) -> Response {
    let path = request.uri().path();
    if base.len() > 1 && path == &base[..base.len() - 1] {
        return Redirect::permanent(&base).into_response();
    }
    if base.len() > 1
        && path.starts_with(&*base)
        && let Some(uri) = without(&base, request.uri())
    {
        *request.uri_mut() = uri;
    }
    next.run(request).await
}

fn without(base: &str, uri: &Uri) -> Option<Uri> {
    let asked = uri.path_and_query()?.as_str();
    let rest: PathAndQuery = asked.get(base.len() - 1..)?.parse().ok()?;
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(rest);
    Uri::from_parts(parts).ok()
}

/// What every answer says: what it holds is not guessed at, and is kept by
/// nobody unless it says so itself.
async fn seal(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
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

/// The answer to one more that listens than the hub serves at once.
pub(crate) fn too_many() -> Problem {
    Problem::new(Code::LimitReached, "Too many listen to events of this hub already.")
        .hint("Close one, or ask for `/messages` now and then.")
}

/// The answer to a body over the bound.
pub(crate) fn too_large() -> Problem {
    let bound = MAX_BODY / (1024 * 1024);
    Problem::new(Code::TooLarge, format!("A request may be {bound} MiB at most."))
}

pub(crate) fn status(code: Code) -> StatusCode {
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
        | Code::AgentCrashed
        | Code::Denied
        | Code::LimitReached
        | Code::Unanswered
        | Code::Internal
        | Code::Unknown => StatusCode::INTERNAL_SERVER_ERROR,
    }
}
