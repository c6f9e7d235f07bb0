//! What waits to go out on the primary connection: messages first, then
//! journals, so that a heartbeat does not stand behind megabytes.

use pilot_link::{SendError, Sender};
use pilot_proto::runner::{BulkHead, ToHub};
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};

/// Messages are one per run and heartbeat; more than this waits only when the
/// network takes nothing, and then the connection ends by its own deadline.
const MESSAGES: usize = 1024;

/// A batch of a journal.
type Bulk = (BulkHead, Vec<u8>);

/// Queues in front of a connection's own.
#[derive(Debug)]
pub(super) struct Outgoing {
    messages: mpsc::Sender<ToHub>,
    bulk: mpsc::Sender<Bulk>,
    pump: AbortHandle,
}

impl Outgoing {
    /// In front of this connection.
    pub(super) fn new(sender: Sender<ToHub>, tasks: &mut JoinSet<()>) -> Self {
        let (messages, from_messages) = mpsc::channel(MESSAGES);
        // One in the hand of the pump, one waiting: more would only be memory.
        let (bulk, from_bulk) = mpsc::channel(1);
        let pump = tasks.spawn(async move {
            // The connection's end is told by its receiving half.
            if let Err(error) = pump(&sender, from_messages, from_bulk).await {
                tracing::debug!(%error, "nothing more goes out");
            }
        });
        Self { messages, bulk, pump }
    }

    /// Queues a message.
    pub(super) fn say(&self, message: ToHub) {
        if let Err(error) = self.messages.try_send(message) {
            // What it said is said again on the next connection.
            tracing::debug!(%error, "a message was not queued");
        }
    }

    /// Room for a batch, when there is some.
    pub(super) fn room(&self) -> mpsc::Sender<Bulk> {
        self.bulk.clone()
    }
}

impl Drop for Outgoing {
    fn drop(&mut self) {
        self.pump.abort();
    }
}

async fn pump(
    sender: &Sender<ToHub>,
    mut messages: mpsc::Receiver<ToHub>,
    mut bulk: mpsc::Receiver<Bulk>,
) -> Result<(), SendError> {
    loop {
        tokio::select! {
            biased;
            Some(message) = messages.recv() => sender.send(&message).await?,
            Some((head, bytes)) = bulk.recv() => sender.send_bulk(&head, &bytes).await?,
            else => return Ok(()),
        }
    }
}
