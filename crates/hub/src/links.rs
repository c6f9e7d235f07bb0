//! Runners: how they join, and their connections.
//!
//! ```text
//! socket ──> connection task ──> core's bounded inbox     (full: the task waits, TCP waits)
//! socket <── connection task <── outlet <── core          (full: the connection ends)
//! ```
//!
//! **Invariant:** the core never waits for a runner, and a runner's records
//! are never dropped between its socket and the core.

mod directory;
mod outlet;
mod primary;
mod socket;

pub(crate) use directory::{Connections, Directory};
pub(crate) use outlet::Outlet;

use crate::clock;
use crate::error::with_causes;
use crate::http::{Peer, refusal};
use crate::hub::Parts;
use axum::Json;
use axum::body::{Body, to_bytes};
use axum::extract::ws::{WebSocket, WebSocketUpgrade};
use axum::extract::{Extension, State};
use axum::response::{IntoResponse, Response};
use pilot_link::{AcceptError, Deadlines, HubLive, accept, new_nonce};
use pilot_proto::runner::{Join, Joined, MAX_FRAME, Refusal, Role, ToRunner};
use pilot_proto::{Code, Problem, RunnerId};
use pilot_store::EnrolledRunner;
use sha2::{Digest, Sha256};
use socket::AxumSocket;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// How long saying good-bye may take; the peer may not be reading.
pub(crate) const GOOD_BYE: Duration = Duration::from_secs(3);
/// Largest request of somebody who wants to join.
const MAX_JOIN: usize = 16 * 1024;
/// How long it may take to arrive.
const JOIN_PATIENCE: Duration = Duration::from_secs(15);
/// Longest name of a runner, in characters.
const MAX_NAME: usize = 100;

/// Hash under which the store keeps a join code.
pub(crate) fn code_hash(code: &str) -> String {
    hex::encode(Sha256::digest(code.as_bytes()))
}

/// Route of [`pilot_proto::runner::JOIN_PATH`].
pub(crate) async fn join(
    State(parts): State<Arc<Parts>>,
    Extension(Peer(peer)): Extension<Peer>,
    body: Body,
) -> Response {
    let enrolled = async {
        // Nobody has shown anything yet, so neither much nor long.
        let body = tokio::time::timeout(JOIN_PATIENCE, to_bytes(body, MAX_JOIN)).await;
        let unread = || Problem::new(Code::Invalid, "The request could not be read.");
        let body = body.map_err(|_| unread())?.map_err(|_| unread())?;
        enrol(&parts, &body).await
    };
    match enrolled.await {
        Ok((joined, name)) => {
            tracing::info!(%peer, runner = %joined.runner, name, "a runner joined");
            Json(joined).into_response()
        }
        Err(problem) => {
            tracing::warn!(%peer, %problem, "a runner could not join");
            refusal(&problem)
        }
    }
}

async fn enrol(parts: &Parts, body: &[u8]) -> Result<(Joined, String), Problem> {
    let join: Join = crate::request::from_body(&[], body)?;
    let name = join.name.trim().to_owned();
    if name.is_empty() || name.chars().count() > MAX_NAME || name.chars().any(char::is_control) {
        let message = format!("`name` is to have 1 to {MAX_NAME} printable characters.");
        return Err(Problem::new(Code::Invalid, message));
    }
    let is_key = join.public_key.len() == 64
        && join.public_key.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if !is_key {
        return Err(Problem::new(
            Code::Invalid,
            "`public_key` is to have 64 lower-case hex digits.",
        ));
    }
    let runner = EnrolledRunner {
        id: RunnerId(clock::mint()),
        name: name.clone(),
        public_key: join.public_key,
        about: None,
        revoked: false,
        enrolled_at: clock::now(),
        seen_at: None,
    };
    let joined = Joined { runner: runner.id, hub: parts.url.clone() };
    parts.core.enrol(code_hash(join.code.expose()), runner).await?;
    Ok((joined, name))
}

/// Route of [`pilot_proto::runner::LINK_PATH`].
pub(crate) async fn upgrade(
    State(parts): State<Arc<Parts>>,
    Extension(Peer(peer)): Extension<Peer>,
    upgrade: WebSocketUpgrade,
) -> Response {
    let tracker = parts.sockets.clone();
    upgrade
        .max_message_size(MAX_FRAME)
        .max_frame_size(MAX_FRAME)
        .on_upgrade(move |socket| tracker.track_future(serve(parts, socket, peer)))
}

async fn serve(parts: Arc<Parts>, socket: WebSocket, peer: SocketAddr) {
    let nonce = match new_nonce() {
        Ok(nonce) => nonce,
        Err(error) => {
            tracing::error!(error = with_causes(&error), "no challenge can be made");
            return;
        }
    };
    let directory = Arc::clone(&parts.directory);
    let lookup = move |runner| async move { directory.standing(runner) };
    let socket = AxumSocket(socket);
    let address = peer.to_string();
    let greeting = accept(socket, &address, nonce, lookup, Deadlines::default());
    let accepted = tokio::select! {
        accepted = greeting => accepted,
        () = parts.stop.cancelled() => return,
    };
    let accepted = match accepted {
        Ok(accepted) => accepted,
        Err(error) => {
            log_refused(&error);
            return;
        }
    };
    let runner = accepted.greeted.runner;
    let connection = parts.connections.add(runner, accepted.live.sender());
    // A revocation between the hello and here found nothing to hang up.
    if !parts.directory.is_welcome(runner) {
        let refused = ToRunner::Refused(Refusal::Revoked);
        if let Err(error) = accepted.live.sender().send(&refused).await {
            tracing::debug!(%runner, %error, "a revoked runner was not told");
        }
        good_bye(accepted.live).await;
    } else {
        match accepted.greeted.role {
            Role::Primary => primary::serve(&parts, accepted, connection).await,
            Role::Bulk => crate::bulk::serve(&parts, accepted, connection).await,
            Role::Tunnel => crate::tunnels::arrive(&parts, accepted).await,
            Role::Unknown => tracing::warn!(%peer, %runner, "a connection for we know not what"),
        }
    }
    parts.connections.remove(runner, connection);
}

/// Lets what is queued out and closes.
pub(crate) async fn good_bye(live: HubLive) {
    if tokio::time::timeout(GOOD_BYE, live.close()).await.is_err() {
        tracing::debug!("a peer did not take our good-bye");
    }
}

fn log_refused(error: &AcceptError) {
    match error {
        AcceptError::Refused { why, .. } => tracing::warn!(%error, why, "a runner was refused"),
        AcceptError::Deadline { .. } | AcceptError::Gone { .. } | AcceptError::Wire { .. } => {
            tracing::debug!(error = with_causes(error), "no hello");
        }
    }
}
