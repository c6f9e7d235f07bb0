//! A greeted connection: a bounded queue out, a bounded queue in, and an end
//! with a reason.
//!
//! Two tasks own the halves of the socket. The first thing that goes wrong in
//! either ends both, and is the reason that everybody is told.

use crate::deadlines::Deadlines;
use crate::hear::LINGER;
use crate::wire::{Socket, WireError};
use bytes::Bytes;
use futures_util::StreamExt;
use pilot_proto::runner::{BulkHead, MAX_FRAME, ToHub, ToRunner};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

mod reader;
mod sender;
mod writer;

pub use sender::{SendError, Sender};

/// The runner's end.
pub type RunnerLive = Live<ToRunner, ToHub>;
/// The hub's end.
pub type HubLive = Live<ToHub, ToRunner>;

/// Frames that may wait to be written: the hub's orders for a runner that
/// comes back after a day.
const QUEUED_FRAMES: usize = 1024;
/// Bytes that may wait to be written. One frame of any size fits; two full
/// ones let the next be encoded while the last is on its way.
const QUEUED_BYTES: usize = 2 * MAX_FRAME;
/// Frames read ahead of the caller. Few, because each may be a full one;
/// behind them TCP's own back-pressure holds the peer.
const READ_AHEAD: usize = 4;

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
    /// The peer sent more than a frame may hold: faulty or hostile.
    #[error("`{peer}` sent a frame of {size} bytes; the limit is {limit}")]
    TooLarge {
        /// Who.
        peer: String,
        /// Bytes it announced.
        size: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// The carrier failed.
    #[error("the connection to `{peer}` broke: {}", crate::connector::chain(source))]
    Broken {
        /// Who.
        peer: String,
        /// How.
        source: Arc<WireError>,
    },
}

/// What both tasks, the senders and the receiver share.
#[derive(Debug)]
struct Shared {
    peer: String,
    deadlines: Deadlines,
    room: Arc<Semaphore>,
    end: OnceLock<Closed>,
    /// Cancelled when `end` is set.
    over: CancellationToken,
    /// Cancelled when the queue is to run empty and then be closed.
    finish: CancellationToken,
}

impl Shared {
    /// Ends the connection. The first reason counts.
    fn end(&self, reason: Closed) {
        let answered = matches!(reason, Closed::ByPeer { .. }) && self.finish.is_cancelled();
        let peer = self.peer.clone();
        // A peer that answers our good-bye did not close the connection.
        let reason = if answered { Closed::ByUs { peer } } else { reason };
        // The loser of the race has nothing to add.
        self.end.set(reason).ok();
        self.over.cancel();
    }

    fn broke(&self, error: WireError) {
        let peer = self.peer.clone();
        self.end(match error {
            WireError::TooLarge { size, limit } => Closed::TooLarge { peer, size, limit },
            WireError::Broken(_) => Closed::Broken { peer, source: Arc::new(error) },
        });
    }

    fn reason(&self) -> Closed {
        self.end.get().cloned().unwrap_or_else(|| Closed::ByUs { peer: self.peer.clone() })
    }
}

/// A greeted connection. Dropping it ends it at once; [`Live::close`] lets the
/// queue run empty first.
#[derive(Debug)]
pub struct Live<In, Out> {
    sender: Sender<Out>,
    incoming: mpsc::Receiver<Incoming<In>>,
    shared: Arc<Shared>,
    /// Dropping it aborts both.
    tasks: JoinSet<()>,
}

impl<In, Out> Live<In, Out>
where
    In: DeserializeOwned + Send + 'static,
    Out: Serialize + Send + 'static,
{
    /// Takes over a greeted socket. `peer` is a name for logs and errors.
    pub fn start(socket: impl Socket, peer: impl Into<String>, deadlines: Deadlines) -> Self {
        let shared = Arc::new(Shared {
            peer: peer.into(),
            deadlines,
            room: Arc::new(Semaphore::new(QUEUED_BYTES)),
            end: OnceLock::new(),
            over: CancellationToken::new(),
            finish: CancellationToken::new(),
        });
        let (queue, queued) = mpsc::channel(QUEUED_FRAMES);
        let (heard, incoming) = mpsc::channel(READ_AHEAD);
        let (sink, stream) = socket.split();
        let mut tasks = JoinSet::new();
        tasks.spawn(writer::write(sink, queued, Arc::clone(&shared)));
        tasks.spawn(reader::read(stream, heard, Arc::clone(&shared)));
        Self { sender: Sender::new(Arc::clone(&shared), queue), incoming, shared, tasks }
    }

    /// The way out.
    pub fn sender(&self) -> Sender<Out> {
        self.sender.clone()
    }

    /// The peer's name.
    pub fn peer(&self) -> &str {
        &self.shared.peer
    }

    /// The next thing that came in. Cancel-safe. After the first `Err` the
    /// connection is over and every further call gives the same reason.
    pub async fn recv(&mut self) -> Result<Incoming<In>, Closed> {
        tokio::select! {
            // What came in before the end is given out before the end.
            biased;
            incoming = self.incoming.recv() => incoming.ok_or_else(|| self.shared.reason()),
            () = self.shared.over.cancelled() => {
                self.incoming.try_recv().map_err(|_| self.shared.reason())
            }
        }
    }

    /// Sends what is queued, says good-bye, and ends the tasks. Waits at most
    /// the write deadline for the queue and two seconds for the peer.
    pub async fn close(mut self) {
        self.incoming.close();
        self.shared.finish.cancel();
        // The first to end is the writer, with the queue empty, or the reader,
        // with the peer gone; who is left then has little to do. A task that
        // does not end in time is aborted on drop.
        timeout(self.shared.deadlines.write, self.tasks.join_next()).await.ok();
        timeout(LINGER, self.tasks.join_next()).await.ok();
    }
}

impl<In, Out> Drop for Live<In, Out> {
    fn drop(&mut self) {
        // Senders that outlive us must learn that nobody writes any more.
        self.shared.end(Closed::ByUs { peer: self.shared.peer.clone() });
    }
}
