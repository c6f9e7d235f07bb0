//! The way out of a connection.

use super::{Closed, Shared};
use crate::wire::Frame;
use bytes::Bytes;
use pilot_proto::runner::{BulkHead, MAX_FRAME};
use serde::Serialize;
use std::marker::PhantomData;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::time::timeout;

/// Why a message was not queued.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SendError {
    /// The connection is over.
    #[error(transparent)]
    Closed(#[from] Closed),
    /// The queue is full (and, in [`Sender::send`], stayed so for the whole
    /// write deadline).
    #[error("the queue to `{peer}` is full")]
    Full {
        /// To whom.
        peer: String,
    },
    /// The message is larger than a frame. A fault of the caller's.
    #[error("a message of {size} bytes to `{peer}` is over the limit of {limit}")]
    TooLarge {
        /// To whom.
        peer: String,
        /// Bytes it has.
        size: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// The message has no JSON form. A fault of the caller's.
    #[error("a message to `{peer}` cannot be written as JSON: {why}")]
    NoJson {
        /// To whom.
        peer: String,
        /// What is wrong with it.
        why: String,
    },
}

/// A frame in the queue, with its share of the queue's bytes.
#[derive(Debug)]
pub(super) struct Queued {
    pub(super) frame: Frame,
    pub(super) room: OwnedSemaphorePermit,
}

/// The way out; clones share one bounded queue, and the order of sends is the
/// order on the wire.
#[derive(Debug)]
pub struct Sender<Out> {
    shared: Arc<Shared>,
    queue: mpsc::Sender<Queued>,
    out: PhantomData<fn(Out)>,
}

impl<Out> Clone for Sender<Out> {
    fn clone(&self) -> Self {
        Self::new(Arc::clone(&self.shared), self.queue.clone())
    }
}

impl<Out> Sender<Out> {
    pub(super) fn new(shared: Arc<Shared>, queue: mpsc::Sender<Queued>) -> Self {
        Self { shared, queue, out: PhantomData }
    }

    /// Waits until the connection is over.
    pub async fn closed(&self) -> Closed {
        self.shared.over.cancelled().await;
        self.shared.reason()
    }

    /// Ends the connection at once, from anywhere (a revoked runner).
    pub fn hang_up(&self) {
        self.shared.end(Closed::ByUs { peer: self.shared.peer.clone() });
    }

    /// The peer's name.
    pub fn peer(&self) -> &str {
        &self.shared.peer
    }
}

impl<Out: Serialize> Sender<Out> {
    /// Queues a message; waits for room, at most the write deadline.
    pub async fn send(&self, message: &Out) -> Result<(), SendError> {
        let frame = self.text(message)?;
        self.queue(frame).await
    }

    /// Queues bulk bytes; waits for room, at most the write deadline.
    pub async fn send_bulk(&self, head: &BulkHead, bytes: &[u8]) -> Result<(), SendError> {
        let mut frame = self.encode(head)?;
        frame.reserve_exact(1 + bytes.len());
        frame.push(b'\n');
        frame.extend_from_slice(bytes);
        self.queue(self.check(Frame::Binary(Bytes::from(frame)))?).await
    }

    /// Queues a message now, or says that the queue is full.
    pub fn try_send(&self, message: &Out) -> Result<(), SendError> {
        let frame = self.text(message)?;
        if self.shared.over.is_cancelled() {
            return Err(self.shared.reason().into());
        }
        let room = Arc::clone(&self.shared.room).try_acquire_many_owned(weight(&frame));
        let room = room.map_err(|_| self.full())?;
        self.queue.try_send(Queued { frame, room }).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => self.full(),
            mpsc::error::TrySendError::Closed(_) => self.shared.reason().into(),
        })
    }

    async fn queue(&self, frame: Frame) -> Result<(), SendError> {
        let wait = async {
            let room = Arc::clone(&self.shared.room).acquire_many_owned(weight(&frame)).await;
            let room = room.map_err(|_| self.shared.reason())?;
            self.queue.send(Queued { frame, room }).await.map_err(|_| self.shared.reason())
        };
        tokio::select! {
            biased;
            () = self.shared.over.cancelled() => Err(self.shared.reason().into()),
            queued = timeout(self.shared.deadlines.write, wait) => match queued {
                Ok(queued) => queued.map_err(SendError::from),
                Err(_elapsed) => Err(self.full()),
            },
        }
    }

    fn text(&self, message: &Out) -> Result<Frame, SendError> {
        let text = serde_json::to_string(message).map_err(|error| self.no_json(&error))?;
        self.check(Frame::Text(text))
    }

    fn encode(&self, head: &BulkHead) -> Result<Vec<u8>, SendError> {
        serde_json::to_vec(head).map_err(|error| self.no_json(&error))
    }

    fn check(&self, frame: Frame) -> Result<Frame, SendError> {
        let (peer, size) = (&self.shared.peer, frame.size());
        if size > MAX_FRAME {
            return Err(SendError::TooLarge { peer: peer.clone(), size, limit: MAX_FRAME });
        }
        Ok(frame)
    }

    fn full(&self) -> SendError {
        SendError::Full { peer: self.shared.peer.clone() }
    }

    fn no_json(&self, error: &serde_json::Error) -> SendError {
        SendError::NoJson { peer: self.shared.peer.clone(), why: error.to_string() }
    }
}

/// A frame's share of the queue; checked before to fit.
fn weight(frame: &Frame) -> u32 {
    u32::try_from(frame.size()).unwrap_or(u32::MAX).max(1)
}
