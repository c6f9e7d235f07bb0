//! Tunnels of the pages: bytes between a page and something inside a run.
//!
//! As with [`crate::live`], nothing is dropped or reordered, and a page that
//! does not take what it was sent is sent no more. Each crossing into the page
//! is raw bytes: a first byte that says what they are ([`BYTES`] and the like).
//! What a screen says may be decoded on its way ([`screen`]).

mod screen;

use pilot_client::{ClientError, TunnelFrame, TunnelReceiver, TunnelSender};
use pilot_proto::Problem;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tauri::ipc::{Channel, InvokeResponseBody};
use tokio::sync::mpsc;

/// What was shown.
const BYTES: u8 = 0;
/// Text about it.
const TEXT: u8 = 1;
/// It is open; nothing follows.
const OPENED: u8 = 2;
/// It is over; a problem as JSON follows, or `null`.
const CLOSED: u8 = 3;
/// What came cannot be decoded; nothing follows.
const BROKEN: u8 = 4;
/// A frame of a screen.
const FRAME: u8 = 5;

/// Frames on their way to a page: at 64 KiB each, one MiB.
const IN_FLIGHT: usize = 16;
/// What a page has to say at once: a paste of a long text.
const UNSAID: usize = 1024;

/// What a page says of its tunnel.
#[derive(Debug)]
enum FromPage {
    Say(TunnelFrame),
    /// One frame was taken.
    Taken,
}

/// The tunnels of all pages.
#[derive(Debug, Default)]
pub(crate) struct Tunnels {
    open: Mutex<BTreeMap<u32, mpsc::Sender<FromPage>>>,
}

impl Tunnels {
    /// A page opened one, under a number of its choice.
    pub(crate) fn open(&self, tunnel: u32) -> Heard {
        let (say, heard) = mpsc::channel(UNSAID);
        self.lock().insert(tunnel, say);
        Heard(heard)
    }

    /// Sends a frame into it. A page that sends more than is taken loses it.
    pub(crate) fn say(&self, tunnel: u32, frame: TunnelFrame) {
        self.pass(tunnel, FromPage::Say(frame));
    }

    /// The page took a frame.
    pub(crate) fn taken(&self, tunnel: u32) {
        self.pass(tunnel, FromPage::Taken);
    }

    /// The page wants no more of it.
    pub(crate) fn close(&self, tunnel: u32) {
        self.lock().remove(&tunnel);
    }

    /// The window is gone, and all its pages.
    pub(crate) fn close_all(&self) {
        self.lock().clear();
    }

    fn pass(&self, tunnel: u32, message: FromPage) {
        let mut open = self.lock();
        let full = open.get(&tunnel).is_some_and(|say| say.try_send(message).is_err());
        if full {
            tracing::warn!(tunnel, "a page sends more than its tunnel takes");
            open.remove(&tunnel);
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u32, mpsc::Sender<FromPage>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What comes from the page.
#[derive(Debug)]
pub(crate) struct Heard(mpsc::Receiver<FromPage>);

/// What becomes of a tunnel's bytes on their way to the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bytes {
    AsTheyAre,
    /// They are a screen's, and the page is told pixels.
    Decoded,
}

/// Where what comes out goes.
pub(crate) type Page = Channel<InvokeResponseBody>;

fn cross(page: &Page, kind: u8, body: &[u8]) -> bool {
    let mut bytes = Vec::with_capacity(1 + body.len());
    bytes.push(kind);
    bytes.extend_from_slice(body);
    page.send(InvokeResponseBody::Raw(bytes)).is_ok()
}

/// Carries a tunnel until either side ends it.
pub(crate) async fn carry(
    (mut sender, mut receiver): (TunnelSender, TunnelReceiver),
    mut heard: Heard,
    page: Page,
    bytes: Bytes,
) {
    if !cross(&page, OPENED, &[]) {
        return;
    }
    let ended = match bytes {
        Bytes::AsTheyAre => pump(&mut sender, &mut receiver, &mut heard, &page).await,
        Bytes::Decoded => screen::pump(&mut sender, &mut receiver, &mut heard, &page).await,
    };
    let problem: Option<Problem> = match ended {
        Ok(()) => None,
        Err(error) => Some(crate::commands::told(error)),
    };
    let text = serde_json::to_vec(&problem).unwrap_or_else(|_| b"null".to_vec());
    // A page that closed it, or is gone, hears no more.
    cross(&page, CLOSED, &text);
    sender.close().await;
}

async fn pump(
    sender: &mut TunnelSender,
    receiver: &mut TunnelReceiver,
    heard: &mut Heard,
    page: &Page,
) -> Result<(), ClientError> {
    let mut in_flight = 0;
    loop {
        tokio::select! {
            message = heard.0.recv() => match message {
                Some(FromPage::Say(frame)) => sender.send(frame).await?,
                Some(FromPage::Taken) => in_flight = usize::saturating_sub(in_flight, 1),
                None => return Ok(()),
            },
            frame = receiver.next(), if in_flight < IN_FLIGHT => {
                let crossed = match frame? {
                    Some(TunnelFrame::Bytes(bytes)) => cross(page, BYTES, &bytes),
                    Some(TunnelFrame::Text(text)) => cross(page, TEXT, text.as_bytes()),
                    None => return Ok(()),
                };
                if !crossed {
                    return Ok(());
                }
                in_flight += 1;
            }
        }
    }
}
