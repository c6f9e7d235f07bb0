//! The bundle with a task's unpublished work.

use crate::gate::Principal;
use crate::http::refusal;
use crate::hub::Parts;
use axum::body::{Body, Bytes};
use axum::extract::{Extension, RawPathParams, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use pilot_proto::console::{OneTask, Role};
use pilot_proto::{BlobId, Code, Problem};
use std::io::Read;
use std::sync::Arc;
use tokio::sync::mpsc;

/// Bytes read and sent at once.
const PIECE: usize = 256 * 1024;

/// Route of [`pilot_proto::console::RESCUE_PATH`].
pub(crate) async fn rescue(
    State(parts): State<Arc<Parts>>,
    Extension(who): Extension<Principal>,
    path: RawPathParams,
) -> Response {
    let path: Vec<_> =
        path.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    match bundle(&parts, &who, &path).await {
        Ok(response) => response,
        Err(problem) => refusal(&problem),
    }
}

async fn bundle(
    parts: &Arc<Parts>,
    who: &Principal,
    path: &[(String, String)],
) -> Result<Response, Problem> {
    who.require(Role::Viewer)?;
    let one: OneTask = crate::request::from_query(path, "")?;
    let task = parts.task_or_problem(one.task).await?;
    let runs = parts.store.runs(task.id).await.map_err(|error| error.problem())?;
    let Some(blob) = runs.into_iter().rev().find_map(|run| run.rescue) else {
        let message = "The task has no unpublished work that was rescued.";
        return Err(Problem::new(Code::NotFound, message));
    };
    let body = Body::from_stream(pieces(parts, blob));
    let name = format!("attachment; filename=\"{}.bundle\"", task.id.short());
    let headers =
        [(CONTENT_TYPE, "application/x-git-bundle".to_owned()), (CONTENT_DISPOSITION, name)];
    Ok((headers, body).into_response())
}

/// The unpacked bytes, read as fast as they are taken. The reader is a task of
/// the hub's and ends when nobody listens.
pub(crate) fn pieces(
    parts: &Arc<Parts>,
    blob: BlobId,
) -> impl stream::Stream<Item = std::io::Result<Bytes>> + use<> {
    let (pieces, queue) = mpsc::channel(4);
    let blobs = parts.blobs.clone();
    parts.sockets.spawn_blocking(move || {
        let sent = match blobs.unpacked(&blob) {
            Ok(Some(reader)) => pour(reader, &pieces),
            Ok(None) => Err(std::io::Error::other(format!("blob `{blob}` is not here"))),
            Err(error) => Err(std::io::Error::other(error)),
        };
        if let Err(error) = sent {
            tracing::error!(%blob, %error, "a bundle could not be read to its end");
            // Cuts the answer off, so that nobody takes a part for the whole.
            pieces.blocking_send(Err(error)).ok();
        }
    });
    stream::unfold(queue, |mut queue| async move { Some((queue.recv().await?, queue)) })
}

fn pour(
    mut reader: impl Read,
    pieces: &mpsc::Sender<std::io::Result<Bytes>>,
) -> std::io::Result<()> {
    loop {
        let mut piece = vec![0; PIECE];
        let read = reader.read(&mut piece)?;
        piece.truncate(read);
        if read == 0 || pieces.blocking_send(Ok(piece.into())).is_err() {
            return Ok(());
        }
    }
}
