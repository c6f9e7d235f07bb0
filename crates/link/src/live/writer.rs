//! The task that writes: queued frames in order, a ping when there are none.

use super::sender::Queued;
use super::{Closed, Shared};
use crate::hear::LINGER;
use crate::wire::{Frame, WireError};
use futures_util::{Sink, SinkExt};
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio::time::timeout;

pub(super) async fn write<S>(mut sink: S, mut queued: mpsc::Receiver<Queued>, shared: Arc<Shared>)
where
    S: Sink<Frame, Error = WireError> + Unpin,
{
    loop {
        let next = tokio::select! {
            biased;
            () = shared.over.cancelled() => return,
            next = timeout(shared.deadlines.ping, queued.recv()) => next,
            () = shared.finish.cancelled() => break,
        };
        let kept_up = match next {
            Ok(Some(first)) => write_all(&mut sink, first, &mut queued, &shared).await,
            Ok(None) => break,
            Err(_elapsed) => in_time(&shared, sink.send(Frame::Ping)).await,
        };
        if !kept_up {
            return;
        }
    }
    // Nothing new is taken; what was taken is written.
    queued.close();
    while let Some(next) = queued.recv().await {
        if !write_all(&mut sink, next, &mut queued, &shared).await {
            return;
        }
    }
    // The peer may have gone first; the connection ends either way.
    timeout(shared.deadlines.write, sink.send(Frame::Close)).await.ok();
}

/// Writes a frame and all that wait behind it, and flushes once.
async fn write_all<S>(
    sink: &mut S,
    first: Queued,
    queued: &mut mpsc::Receiver<Queued>,
    shared: &Shared,
) -> bool
where
    S: Sink<Frame, Error = WireError> + Unpin,
{
    let mut next = Some(first);
    while let Some(Queued { frame, room }) = next {
        if !in_time(shared, sink.feed(frame)).await {
            return false;
        }
        drop(room);
        next = queued.try_recv().ok();
    }
    in_time(shared, sink.flush()).await
}

/// True if it worked within the write deadline; otherwise the connection is over.
async fn in_time(shared: &Shared, write: impl Future<Output = Result<(), WireError>>) -> bool {
    let after = shared.deadlines.write;
    let wrote = tokio::select! {
        biased;
        () = shared.over.cancelled() => return false,
        wrote = timeout(after, write) => wrote,
    };
    match wrote {
        Ok(Ok(())) => return true,
        Ok(Err(error)) => {
            // A peer that hung up may have said why: the reader comes first.
            timeout(LINGER, shared.over.cancelled()).await.ok();
            shared.broke(error);
        }
        Err(_elapsed) => shared.end(Closed::Slow { peer: shared.peer.clone(), after }),
    }
    false
}
