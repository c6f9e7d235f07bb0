//! Consoles that watch: one WebSocket each, any number of watches on it.
//!
//! ```text
//! core ──> fan-out (bounded rings) ──> a task per watch ──> bounded queue ──> writer ──> socket
//!                                        └─ reads the store where the ring has moved on
//! ```
//!
//! **Invariant:** a console that reads slowly holds up itself alone. Its watch
//! waits, its ring moves on, it is told that it is behind, and the rest comes
//! from the store at the console's own pace: nothing is lost, nothing grows.

mod everything;
mod fanout;
mod journal;

pub(crate) use fanout::{Changed, Fanout, Fresh};

use crate::gate::Principal;
use crate::http::{Peer, refusal};
use crate::hub::Parts;
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade, close_code};
use axum::extract::{Extension, State};
use axum::response::Response;
use futures_util::{SinkExt, StreamExt};
use pilot_proto::console::{FromConsole, LiveEntry, ToConsole};
use pilot_proto::{Code, Problem};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};

/// Largest frame from a console: it only ever says which watch it wants.
const MAX_FROM_CONSOLE: usize = 64 * 1024;
/// Frames that wait for a console's socket. Each is at most a page of
/// [`journal::PAGE_BYTES`], so a console holds a few MiB of the hub.
const QUEUE: usize = 8;
/// Watches on one connection; a window shows a handful.
const MAX_WATCHES: usize = 256;
/// How often a quiet console is asked whether it is there.
const PING_EVERY: Duration = Duration::from_secs(20);
/// A console that says nothing for so long, three pings unanswered, is gone;
/// so is one whose socket takes no frame for so long.
const PATIENCE: Duration = Duration::from_secs(70);
const _: () = assert!(PATIENCE.as_secs() > 3 * PING_EVERY.as_secs(), "a lost ping is no absence");

/// Route of [`pilot_proto::console::LIVE_PATH`].
pub(crate) async fn upgrade(
    State(parts): State<Arc<Parts>>,
    Extension(who): Extension<Principal>,
    Extension(Peer(peer)): Extension<Peer>,
    upgrade: WebSocketUpgrade,
) -> Response {
    if let Err(problem) = who.require(pilot_proto::console::Role::Viewer) {
        return refusal(&problem);
    }
    let tracker = parts.sockets.clone();
    upgrade.max_message_size(MAX_FROM_CONSOLE).max_frame_size(MAX_FROM_CONSOLE).on_upgrade(
        move |socket| {
            tracker.track_future(async move {
                tracing::debug!(%peer, who = who.name, "a console watches");
                serve(&parts, socket).await;
                tracing::debug!(%peer, who = who.name, "a console went");
            })
        },
    )
}
