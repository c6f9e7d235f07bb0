//! Live sockets of the pages: frames from a hub, handed on in batches.
//!
//! ```text
//! hub ──frame──> carry() ──batch──> page
//!                  │  ^───taken───── │
//! ```
//!
//! **Invariants:** nothing is dropped and nothing is reordered. A page that
//! does not take what it was sent is sent no more, and then the hub's socket
//! is not read: its bounded queue says "behind", as to every slow console.

pub(crate) mod batch;

use batch::Batch;
use pilot_client::{ClientError, Frames};
use pilot_proto::Problem;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use tauri::ipc::Channel;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

/// Batches on their way to a page: at 64 KiB each, half a MiB, which a page
/// reads in a few milliseconds.
const IN_FLIGHT: usize = 8;
/// What a page has to say at once: a few watches.
const UNSAID: usize = 256;

/// What a page is told of its socket.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum SocketEvent {
    /// It is connected.
    Opened,
    /// Whole frames, in order.
    Frames {
        /// Their texts.
        texts: Vec<String>,
    },
    /// It is over.
    Closed {
        /// Why, where that is known.
        problem: Option<Problem>,
    },
}

/// What a page says of its socket.
#[derive(Debug)]
enum FromPage {
    Say(String),
    /// One batch was taken.
    Taken,
}

/// The sockets of all pages.
#[derive(Debug, Default)]
pub(crate) struct Sockets {
    open: Mutex<BTreeMap<u32, mpsc::Sender<FromPage>>>,
}

impl Sockets {
    /// A page opened one, under a number of its choice.
    pub(crate) fn open(&self, socket: u32) -> Heard {
        let (say, heard) = mpsc::channel(UNSAID);
        self.lock().insert(socket, say);
        Heard(heard)
    }

    /// Says something to the hub. A page that says more than can be sent loses
    /// its connection: it would not be a page of ours.
    pub(crate) fn say(&self, socket: u32, text: String) {
        self.pass(socket, FromPage::Say(text));
    }

    /// The page took a batch.
    pub(crate) fn taken(&self, socket: u32) {
        self.pass(socket, FromPage::Taken);
    }

    /// The page wants no more of it.
    pub(crate) fn close(&self, socket: u32) {
        self.lock().remove(&socket);
    }

    /// The window is gone, and all its pages.
    pub(crate) fn close_all(&self) {
        self.lock().clear();
    }

    fn pass(&self, socket: u32, message: FromPage) {
        let mut open = self.lock();
        let full = open.get(&socket).is_some_and(|say| say.try_send(message).is_err());
        if full {
            tracing::warn!(socket, "a page says more than its hub takes");
            open.remove(&socket);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<u32, mpsc::Sender<FromPage>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What comes from the page.
#[derive(Debug)]
pub(crate) struct Heard(mpsc::Receiver<FromPage>);

/// Carries a socket until either side ends it.
pub(crate) async fn carry(mut frames: Frames, mut heard: Heard, page: Channel<SocketEvent>) {
    let opened = page.send(SocketEvent::Opened);
    if opened.is_err() {
        return;
    }
    let problem = match pump(&mut frames, &mut heard, &page).await {
        Ok(()) => None,
        Err(error) => Some(crate::commands::told(error)),
    };
    // A page that closed it, or is gone, hears no more.
    page.send(SocketEvent::Closed { problem }).ok();
    frames.close().await;
}

async fn pump(
    frames: &mut Frames,
    heard: &mut Heard,
    page: &Channel<SocketEvent>,
) -> Result<(), ClientError> {
    let (mut batch, mut in_flight) = (Batch::default(), 0);
    loop {
        let may_send = in_flight < IN_FLIGHT;
        let due = batch.due().filter(|_| may_send).map(Instant::from_std);
        tokio::select! {
            message = heard.0.recv() => match message {
                Some(FromPage::Say(text)) => frames.send(text).await?,
                Some(FromPage::Taken) => in_flight = in_flight.saturating_sub(1),
                None => return Ok(()),
            },
            () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {
                let texts = batch.take(Instant::now().into_std());
                if page.send(SocketEvent::Frames { texts }).is_err() {
                    return Ok(());
                }
                in_flight += 1;
            }
            frame = frames.next(), if may_send && !batch.is_full() => match frame? {
                Some(text) => batch.push(Instant::now().into_std(), text),
                None => return Ok(()),
            },
        }
    }
}
