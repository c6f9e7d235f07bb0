//! The way from the core to one runner: never waits, never grows without
//! bound.
//!
//! Acknowledgements are kept by run, the latest only. Everything else is kept
//! in order; a runner that takes none of it for too long is hung up on, and is
//! told again what still holds when it comes back.

use pilot_link::{Closed, SendError, Sender};
use pilot_proto::runner::ToRunner;
use pilot_proto::{Cursor, RunId};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// Messages that may wait. A runner with every worker busy and a person
/// answering its questions has a handful; a thousand is a runner that is stuck.
const MOST: usize = 1024;

/// The core's end. Its other end is [`Outlet::drain`].
#[derive(Debug)]
pub(crate) struct Outlet {
    sender: Sender<ToRunner>,
    waiting: Mutex<Waiting>,
    more: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    messages: VecDeque<ToRunner>,
    acks: BTreeMap<RunId, Cursor>,
}

impl Outlet {
    pub(crate) fn new(sender: Sender<ToRunner>) -> Self {
        Self { sender, waiting: Mutex::default(), more: Notify::new() }
    }

    /// Queues a message.
    pub(crate) fn push(&self, message: ToRunner) {
        let mut waiting = self.waiting();
        if waiting.messages.len() >= MOST {
            tracing::warn!(peer = self.sender.peer(), "the runner takes nothing; hung up");
            self.sender.hang_up();
            return;
        }
        waiting.messages.push_back(message);
        drop(waiting);
        self.more.notify_one();
    }

    /// Says how far a journal is durable.
    pub(crate) fn ack(&self, run: RunId, cursor: Cursor) {
        self.waiting().acks.insert(run, cursor);
        self.more.notify_one();
    }

    /// Ends the connection.
    pub(crate) fn hang_up(&self) {
        self.sender.hang_up();
    }

    /// Sends what is queued until the connection is over.
    pub(crate) async fn drain(&self) -> Closed {
        loop {
            while let Some(message) = self.next() {
                match self.sender.send(&message).await {
                    Ok(()) => {}
                    Err(SendError::Closed(closed)) => return closed,
                    Err(error @ SendError::Full { .. }) => {
                        tracing::warn!(%error, "the runner is hung up on");
                        self.sender.hang_up();
                    }
                    // A prompt is bounded far below a frame; nothing else is long.
                    Err(error @ (SendError::TooLarge { .. } | SendError::NoJson { .. })) => {
                        tracing::error!(%error, "a message cannot be sent");
                    }
                }
            }
            tokio::select! {
                () = self.more.notified() => {}
                closed = self.sender.closed() => return closed,
            }
        }
    }

    /// Messages first: a welcome stands before everything, and a permit to
    /// push is waited for where an acknowledgement is not.
    fn next(&self) -> Option<ToRunner> {
        let mut waiting = self.waiting();
        waiting.messages.pop_front().or_else(|| {
            let (run, cursor) = waiting.acks.pop_first()?;
            Some(ToRunner::Acked { run, cursor })
        })
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
