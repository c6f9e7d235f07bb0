//! A greeted connection: a queue out, a queue in, and an end with a reason.

use crate::deadlines::Deadlines;
use crate::wire::{Socket, WireError};
use bytes::Bytes;
use pilot_proto::runner::{BulkHead, ToHub, ToRunner};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

/// The runner's end.
pub type RunnerLive = Live<ToRunner, ToHub>;
/// The hub's end.
pub type HubLive = Live<ToHub, ToRunner>;

/// What came in.
#[derive(Debug, Clone)]
pub enum Incoming<T> {
    /// A message; one of a newer peer is the `Unknown` of its kind.
    Message(T),
    /// Bulk bytes.
    Bulk(BulkHead, Bytes),
    /// Something that makes no sense. The connection is kept; the caller logs
    /// it with the peer's name.
    Malformed {
        /// What is wrong with it.
        why: String,
    },
}

/// Why a connection is over. All name the peer.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Closed {
    /// The peer said good-bye, or its socket was closed in order.
    #[error("`{peer}` closed the connection")]
    ByPeer {
        /// Who.
        peer: String,
    },
    /// We did.
    #[error("the connection to `{peer}` was closed by us")]
    ByUs {
        /// Who.
        peer: String,
    },
    /// Nothing was heard for too long.
    #[error("`{peer}` was silent for {} s", after.as_secs_f32())]
    Silent {
        /// Who.
        peer: String,
        /// How long.
        after: Duration,
    },
    /// The peer did not take what we wrote.
    #[error("`{peer}` took nothing for {} s", after.as_secs_f32())]
    Slow {
        /// Who.
        peer: String,
        /// How long.
        after: Duration,
    },
    /// The carrier failed, or the peer sent too much.
    #[error("the connection to `{peer}` failed: {source}")]
    Wire {
        /// Who.
        peer: String,
        /// How.
        source: Arc<WireError>,
    },
}

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
}

/// The way out; clones share one bounded queue, and the order of sends is the
/// order on the wire.
#[derive(Debug)]
pub struct Sender<Out> {
    out: PhantomData<fn(Out)>,
}

impl<Out> Clone for Sender<Out> {
    fn clone(&self) -> Self {
        todo!()
    }
}

impl<Out: Serialize> Sender<Out> {
    /// Queues a message; waits for room, at most the write deadline.
    pub async fn send(&self, message: &Out) -> Result<(), SendError> {
        todo!()
    }

    /// Queues bulk bytes; waits for room, at most the write deadline.
    pub async fn send_bulk(&self, head: &BulkHead, bytes: &[u8]) -> Result<(), SendError> {
        todo!()
    }

    /// Queues a message now, or says that the queue is full.
    pub fn try_send(&self, message: &Out) -> Result<(), SendError> {
        todo!()
    }

    /// Waits until the connection is over.
    pub async fn closed(&self) -> Closed {
        todo!()
    }

    /// Ends the connection at once, from anywhere (a revoked runner).
    pub fn hang_up(&self) {
        todo!()
    }

    /// The peer's name.
    pub fn peer(&self) -> &str {
        todo!()
    }
}

/// A greeted connection. Dropping it ends it at once; [`Live::close`] lets the
/// queue run empty first.
#[derive(Debug)]
pub struct Live<In, Out> {
    sender: Sender<Out>,
    incoming: PhantomData<In>,
}

impl<In, Out> Live<In, Out>
where
    In: DeserializeOwned + Send + 'static,
    Out: Serialize + Send + 'static,
{
    /// Takes over a greeted socket. `peer` is a name for logs and errors.
    pub fn start(socket: impl Socket, peer: impl Into<String>, deadlines: Deadlines) -> Self {
        todo!()
    }

    /// The way out.
    pub fn sender(&self) -> Sender<Out> {
        self.sender.clone()
    }

    /// The next thing that came in. Cancel-safe. After the first `Err` the
    /// connection is over and every further call gives the same reason.
    pub async fn recv(&mut self) -> Result<Incoming<In>, Closed> {
        todo!()
    }

    /// Sends what is queued, says good-bye, and ends the tasks. Waits at most
    /// the write deadline.
    pub async fn close(self) {
        todo!()
    }
}
