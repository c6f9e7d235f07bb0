//! Makes pixels of what an RFB server says: `vnc-rs` behind our own cutting of
//! messages.
//!
//! `vnc-rs` decodes as a client with a connection, and says neither where an
//! update ends nor how far it has come. So it is given one end of a pipe, whose
//! other end is us: it hears what the server said, less its clipboard (which is
//! handed on as it came), and
//! behind each update a clipboard of ours, whose coming out again says that
//! everything before it was drawn. What `vnc-rs` says itself goes nowhere.
//!
//! **Invariants:** what is claimed about sizes and lengths was believed by
//! [`crate::rfb::server`] before it comes here; at most one update's bytes and
//! three decoded rectangles are held; a server that says half an update holds
//! nobody up for good.

mod jpeg;

use crate::picture::Picture;
use crate::rfb::greeting::{as_server, read_as_server};
use crate::rfb::server::{Class, ServerStream, Sink};
use crate::rfb::{PixelFormat, Rect, RfbError, SharedFormat, Size};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncWriteExt, DuplexStream};
use vnc::{DesktopReason, DesktopStatus, DesktopUpdate};
use vnc::{VncClient, VncConnector, VncEncoding, VncError, VncEvent};

/// For a rectangle to be decoded: a machine with other things to do takes
/// seconds for the largest.
const PATIENCE: Duration = Duration::from_secs(30);
/// What is under way to `vnc-rs`.
const PIPE: usize = 256 * 1024;
/// Longest update: the largest screen in raw pixels is 33 MB, and no server
/// sends it twice in one.
const LONGEST_UPDATE: usize = 64 * 1024 * 1024;
/// A clipboard of one letter.
const MARK: [u8; 9] = [3, 0, 0, 0, 0, 0, 0, 1, b'.'];

/// What a server said cannot be drawn.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// It said what cannot be.
    #[error("the desktop's server: {0}")]
    Rfb(#[from] RfbError),
    /// A rectangle's data are damaged.
    #[error("what the desktop's server sent cannot be decoded: {0}")]
    Damaged(String),
    /// An update has no end.
    #[error("the desktop's server sends an update without an end")]
    Endless,
}

/// What is to be drawn.
#[derive(Debug)]
pub enum Drawn {
    /// Pixels of a rectangle: red, green, blue and one that says nothing, row
    /// after row.
    Pixels(Rect, Vec<u8>),
    /// A rectangle is filled with what lies at this place.
    Copied(Rect, (u16, u16)),
    /// The screen has this size from here on, and black is on it.
    Sized(Size),
    /// The pointer's shape: where it points within it, its size, its pixels
    /// with what shows through in the fourth byte. Empty: none is shown.
    Shape((u16, u16), (u16, u16), Vec<u8>),
    /// What an extended desktop size says beside the size: reason, status and
    /// the screens, as RFB has them.
    Layout(u16, u16, Vec<u8>),
    /// Everything of an update was drawn.
    Updated,
    /// What came of the clipboard; not to be drawn.
    Clipboard(Vec<u8>),
}

impl Drawn {
    /// Draws it.
    pub fn on(&self, picture: &mut Picture) {
        match self {
            Self::Pixels(rect, pixels) => picture.lay(*rect, 0, pixels),
            Self::Copied(to, from) => picture.copy(*to, *from),
            Self::Sized(size) if *size != picture.size() => *picture = Picture::black(*size),
            Self::Sized(_)
            | Self::Shape(..)
            | Self::Layout(..)
            | Self::Updated
            | Self::Clipboard(_) => {}
        }
    }
}

/// Decodes one server's stream.
#[derive(Debug)]
pub struct Decoder(State);

#[derive(Debug)]
enum State {
    /// It greets; what it said so far.
    Greeted(Vec<u8>),
    Speaks(Box<Speech>),
}

struct Speech {
    client: VncClient,
    pipe: DuplexStream,
    server: ServerStream,
    /// Bytes of an update that has not ended.
    begun: usize,
    feed: Feed,
}

impl std::fmt::Debug for Speech {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Speech").field("server", &self.server).finish_non_exhaustive()
    }
}

/// What `vnc-rs` is to hear.
#[derive(Default)]
struct Feed {
    bytes: Vec<u8>,
    clipboard: Vec<u8>,
    marks: usize,
    /// Behind the last mark.
    begun: usize,
}

impl Sink for Feed {
    fn bytes(&mut self, class: Class, bytes: &[u8]) {
        match class {
            Class::Screen => {
                self.bytes.extend_from_slice(bytes);
                self.begun += bytes.len();
            }
            Class::Clipboard => self.clipboard.extend_from_slice(bytes),
        }
    }

    fn updated(&mut self) {
        self.bytes.extend_from_slice(&MARK);
        self.marks += 1;
        self.begun = 0;
    }
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new()
    }
}

impl Decoder {
    /// Before a server's first byte. Its pixels are to be as
    /// [`crate::rfb::greeting::RED_FIRST`] says.
    pub fn new() -> Self {
        Self(State::Greeted(Vec::new()))
    }

    /// Before a server's first byte behind its greeting, which was this.
    pub(crate) fn greeted(said: Vec<u8>) -> Self {
        Self(State::Greeted(said))
    }

    /// More of the same clipboard is to come.
    pub(crate) fn is_within_clipboard(&self) -> bool {
        matches!(&self.0, State::Speaks(speech) if speech.server.is_within_clipboard())
    }

    /// Takes in what it said next, and tells what is to be drawn, in order.
    /// Has to be called within a tokio runtime.
    pub async fn push(
        &mut self,
        bytes: &[u8],
        hear: &mut (impl FnMut(Drawn) + Send),
    ) -> Result<(), DecodeError> {
        let speech = match &mut self.0 {
            State::Speaks(speech) => return speech.push(bytes, hear).await,
            State::Greeted(said) => {
                said.extend_from_slice(bytes);
                let Some((init, length)) = read_as_server(said)? else { return Ok(()) };
                let rest = said.split_off(length);
                let mut speech = Speech::begin(&init.message, init.size).await?;
                hear(Drawn::Sized(init.size));
                speech.push(&rest, hear).await?;
                speech
            }
        };
        self.0 = State::Speaks(Box::new(speech));
        Ok(())
    }
}

impl Speech {
    async fn begin(message: &[u8], size: Size) -> Result<Self, DecodeError> {
        let (mut pipe, theirs) = tokio::io::duplex(PIPE);
        pipe.write_all(&as_server(message)).await.map_err(|_| gone())?;
        let connector = VncConnector::new(theirs)
            .set_auth_method(async { Ok(String::new()) })
            .add_encoding(VncEncoding::Tight)
            .add_encoding(VncEncoding::CopyRect)
            .add_encoding(VncEncoding::Zrle)
            .add_encoding(VncEncoding::CursorPseudo)
            .add_encoding(VncEncoding::DesktopSizePseudo)
            .add_encoding(VncEncoding::ExtendedDesktopSizePseudo)
            .add_encoding(VncEncoding::LastRectPseudo)
            .allow_shared(true)
            .set_pixel_format(vnc::PixelFormat::rgba());
        let started = async { connector.build()?.try_start().await?.finish() };
        let started = tokio::time::timeout(PATIENCE, started).await;
        let client = started.map_err(|_| DecodeError::Endless)??;
        let format = Arc::new(SharedFormat::new(PixelFormat::TRUE));
        let server = ServerStream::new(size, format);
        Ok(Self { client, pipe, server, begun: 0, feed: Feed::default() })
    }

    async fn push(
        &mut self,
        bytes: &[u8],
        hear: &mut (impl FnMut(Drawn) + Send),
    ) -> Result<(), DecodeError> {
        self.feed.begun = self.begun;
        self.server.push(bytes, &mut self.feed)?;
        self.begun = self.feed.begun;
        if self.begun > LONGEST_UPDATE {
            return Err(DecodeError::Endless);
        }
        if !self.feed.clipboard.is_empty() {
            hear(Drawn::Clipboard(std::mem::take(&mut self.feed.clipboard)));
        }
        let fed = std::mem::take(&mut self.feed.bytes);
        let (mut left, mut marks) = (&fed[..], std::mem::take(&mut self.feed.marks));
        while !left.is_empty() || marks > 0 {
            let step = tokio::time::timeout(PATIENCE, self.step(&mut left)).await;
            match step.map_err(|_| DecodeError::Endless)?? {
                Some(VncEvent::Text(_)) => {
                    marks -= 1;
                    hear(Drawn::Updated);
                }
                Some(VncEvent::DesktopUpdate(update)) => {
                    if let Some(layout) = &update.layout {
                        hear(Drawn::Sized(Size::checked(layout.width, layout.height)?));
                    }
                    hear(laid_out(&update));
                }
                Some(event) => {
                    if let Some(drawn) = drawn(event)? {
                        hear(drawn);
                    }
                }
                None => {}
            }
        }
        self.feed.bytes = fed;
        self.feed.bytes.clear();
        Ok(())
    }

    /// Hears something, or says some of what is left.
    async fn step(&mut self, left: &mut &[u8]) -> Result<Option<VncEvent>, DecodeError> {
        tokio::select! {
            biased;
            event = self.client.recv_event() => Ok(event.map(Some)?),
            written = self.pipe.write(left), if !left.is_empty() => {
                *left = &left[written.map_err(|_| gone())?..];
                Ok(None)
            }
        }
    }
}

fn drawn(event: VncEvent) -> Result<Option<Drawn>, DecodeError> {
    Ok(match event {
        VncEvent::RawImage(rect, pixels) => Some(Drawn::Pixels(ours(rect), pixels)),
        VncEvent::JpegImage(rect, file) => {
            let rect = ours(rect);
            Some(Drawn::Pixels(rect, jpeg::pixels(rect, &file)?))
        }
        VncEvent::Copy(to, from) => Some(Drawn::Copied(ours(to), (from.x, from.y))),
        VncEvent::SetResolution(screen) => {
            Some(Drawn::Sized(Size::checked(screen.width, screen.height)?))
        }
        VncEvent::SetCursor(rect, pixels) => {
            Some(Drawn::Shape((rect.x, rect.y), (rect.width, rect.height), pixels))
        }
        VncEvent::Error(why) => return Err(DecodeError::Damaged(why)),
        // A bell, and whatever a later version tells.
        _ => None,
    })
}

fn laid_out(update: &DesktopUpdate) -> Drawn {
    let reason = match update.reason {
        DesktopReason::Server => 0,
        DesktopReason::ThisClient => 1,
        DesktopReason::OtherClient => 2,
        DesktopReason::Unknown(reason) => reason,
    };
    let status = match update.status {
        DesktopStatus::Success => 0,
        DesktopStatus::Prohibited => 1,
        DesktopStatus::OutOfResources => 2,
        DesktopStatus::InvalidLayout => 3,
        DesktopStatus::Forwarded => 4,
        DesktopStatus::Unknown(status) => status,
    };
    let screens = update.layout.as_ref().map_or(&[][..], |layout| &layout.screens);
    // It was one byte when it came.
    let mut bytes = vec![u8::try_from(screens.len()).unwrap_or(u8::MAX), 0, 0, 0];
    for screen in screens {
        bytes.extend_from_slice(&screen.id.to_be_bytes());
        let place = [screen.x, screen.y, screen.width, screen.height];
        bytes.extend(place.into_iter().flat_map(u16::to_be_bytes));
        bytes.extend_from_slice(&screen.flags.to_be_bytes());
    }
    Drawn::Layout(reason, status, bytes)
}

fn ours(rect: vnc::Rect) -> Rect {
    Rect { x: rect.x, y: rect.y, width: rect.width, height: rect.height }
}

impl From<VncError> for DecodeError {
    fn from(error: VncError) -> Self {
        Self::Damaged(error.to_string())
    }
}

fn gone() -> DecodeError {
    DecodeError::Damaged("its end came before its time".to_owned())
}
