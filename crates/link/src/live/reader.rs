//! The task that reads: frames become messages, silence becomes an end.

use super::{Closed, Incoming, Shared};
use crate::hear::LINGER;
use crate::wire::{Frame, WireError};
use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use serde::de::DeserializeOwned;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio::time::timeout;

/// A bulk head is a line of a few ids and numbers.
const LONGEST_HEAD: usize = 4096;

pub(super) async fn read<S, In>(
    mut stream: S,
    heard: mpsc::Sender<Incoming<In>>,
    shared: Arc<Shared>,
) where
    S: Stream<Item = Result<Frame, WireError>> + Unpin,
    In: DeserializeOwned,
{
    while let Some(frame) = next_frame(&mut stream, &shared).await {
        let Some(incoming) = decode(frame) else { continue };
        // Silence is the peer's fault only while somebody listens: the
        // deadline does not run while the caller is busy.
        tokio::select! {
            biased;
            () = shared.over.cancelled() => break,
            // Nobody receives while we part; what comes then is dropped.
            _gone = heard.send(incoming) => {}
        }
    }
    drop(heard);
    // The carrier's answer to a good-bye goes out while it is read on.
    let last_words = async { while let Some(Ok(_frame)) = stream.next().await {} };
    if matches!(shared.reason(), Closed::ByPeer { .. }) {
        timeout(LINGER, last_words).await.ok();
    }
}

/// The next frame; none when the connection is over.
async fn next_frame<S>(stream: &mut S, shared: &Shared) -> Option<Frame>
where
    S: Stream<Item = Result<Frame, WireError>> + Unpin,
{
    let (peer, after) = (|| shared.peer.clone(), shared.deadlines.silence);
    let next = tokio::select! {
        biased;
        () = shared.over.cancelled() => return None,
        next = timeout(after, stream.next()) => next,
    };
    match next {
        Ok(Some(Ok(Frame::Close)) | None) => shared.end(Closed::ByPeer { peer: peer() }),
        Ok(Some(Ok(frame))) => match WireError::check_size(&frame) {
            Ok(()) => return Some(frame),
            Err(error) => shared.broke(error),
        },
        Ok(Some(Err(error))) => shared.broke(error),
        Err(_elapsed) => shared.end(Closed::Silent { peer: peer(), after }),
    }
    None
}

/// What a frame says; none if it only shows that the peer is there.
fn decode<In: DeserializeOwned>(frame: Frame) -> Option<Incoming<In>> {
    match frame {
        Frame::Ping | Frame::Pong | Frame::Close => None,
        Frame::Text(text) => Some(match serde_json::from_str(&text) {
            Ok(message) => Incoming::Message(message),
            Err(error) => {
                Incoming::Malformed { why: format!("a text frame is no message: {error}") }
            }
        }),
        Frame::Binary(bytes) => Some(decode_bulk(&bytes)),
    }
}

fn decode_bulk<In>(frame: &Bytes) -> Incoming<In> {
    let Some(end) = frame.iter().take(LONGEST_HEAD).position(|byte| *byte == b'\n') else {
        return Incoming::Malformed { why: "a binary frame has no head".into() };
    };
    match serde_json::from_slice(&frame[..end]) {
        Ok(head) => Incoming::Bulk(head, frame.slice(end + 1..)),
        Err(error) => Incoming::Malformed {
            why: format!("the head of a binary frame makes no sense: {error}"),
        },
    }
}
