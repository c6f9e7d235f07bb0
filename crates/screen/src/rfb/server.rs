//! What a server says after its greeting, cut into messages without decoding
//! them: a relay has to know where each begins, to leave out what a viewer may
//! not have and to turn away what no viewer should see.
//!
//! **Invariant:** at most a message's head is held (some kilobytes); a body is
//! handed on as it comes, whatever length it claims.

use super::{PixelFormat, Rect, RfbError, SharedFormat, Size, encoding, i32_at, u16_at, u32_at};
use std::sync::Arc;

/// What bytes are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// The screen, and the connection itself.
    Screen,
    /// The clipboard.
    Clipboard,
}

/// Who hears what a server says.
pub trait Sink {
    /// These bytes are next.
    fn bytes(&mut self, class: Class, bytes: &[u8]);
    /// So are these, pixels of a rectangle as they are, `at` bytes into it.
    fn pixels(&mut self, _rect: Rect, _at: usize, bytes: &[u8]) {
        self.bytes(Class::Screen, bytes);
    }
    /// The screen has this size from here on.
    fn resized(&mut self, _size: Size) {}
    /// An update is at its end.
    fn updated(&mut self) {}
}

/// Most rectangles of one update that says how many it has.
const WITHOUT_COUNT: u16 = 0xffff;
/// Longest name of a screen.
const LONGEST_NAME: u32 = 4096;
/// Longest clipboard that is handed on; Xvnc itself stops at 256 KiB.
const LONGEST_CLIPBOARD: u32 = 16 * 1024 * 1024;
/// A pointer's shape has at most so many pixels an axis.
const LARGEST_CURSOR: u16 = 1024;
/// Tight says raw data of less than this without a length.
const WITHOUT_LENGTH: u64 = 12;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// A message begins.
    Message,
    /// So many rectangles are to come; none: until the last says so.
    Rectangles(Option<u16>),
}

/// The body of what was begun.
#[derive(Debug, Clone, Copy)]
struct Body {
    left: u64,
    class: Class,
    /// Of a raw rectangle, and how far.
    raw: Option<(Rect, usize)>,
}

/// What a server says, read on and on.
#[derive(Debug)]
pub struct ServerStream {
    size: Size,
    format: Arc<SharedFormat>,
    state: State,
    held: Vec<u8>,
    body: Body,
}

impl ServerStream {
    /// Behind the greeting of a server whose screen has this size.
    pub fn new(size: Size, format: Arc<SharedFormat>) -> Self {
        let body = Body { left: 0, class: Class::Screen, raw: None };
        Self { size, format, state: State::Message, held: Vec::new(), body }
    }

    /// Bytes that are held of a head that is not whole.
    pub fn held(&self) -> usize {
        self.held.len()
    }

    /// It is in the middle of a clipboard.
    pub(crate) fn is_within_clipboard(&self) -> bool {
        self.body.left > 0 && self.body.class == Class::Clipboard
    }

    /// Takes in what came.
    pub fn push(&mut self, mut input: &[u8], sink: &mut impl Sink) -> Result<(), RfbError> {
        loop {
            self.pour(&mut input, sink);
            if self.body.left > 0 {
                return Ok(());
            }
            let need = self.need()?;
            if self.held.len() < need {
                let taken = input.len().min(need - self.held.len());
                self.held.extend_from_slice(&input[..taken]);
                input = &input[taken..];
                if self.held.len() < need {
                    return Ok(());
                }
                // It may say now that it is longer.
                continue;
            }
            self.head(sink)?;
        }
    }

    /// Hands on what belongs to the body under way.
    fn pour(&mut self, input: &mut &[u8], sink: &mut impl Sink) {
        let length =
            usize::try_from(self.body.left).map_or(input.len(), |left| left.min(input.len()));
        if length == 0 {
            return;
        }
        let (now, rest) = input.split_at(length);
        match &mut self.body.raw {
            Some((rect, at)) => {
                sink.pixels(*rect, *at, now);
                *at += length;
            }
            None => sink.bytes(self.body.class, now),
        }
        self.body.left -= length as u64;
        *input = rest;
        if self.body.left == 0 {
            self.between(sink);
        }
    }

    /// Bytes that the head needs, as far as what is held of it says.
    fn need(&self) -> Result<usize, RfbError> {
        let held = &self.held;
        match self.state {
            State::Message => match held.first() {
                None => Ok(1),
                Some(0) => Ok(4),
                Some(1) => {
                    Ok(if held.len() < 6 { 6 } else { 6 + 6 * usize::from(u16_at(held, 4)) })
                }
                Some(2 | 150) => Ok(1),
                Some(3) => Ok(8),
                Some(248) => Ok(if held.len() < 9 { 9 } else { 9 + usize::from(held[8]) }),
                Some(kind) => Err(RfbError::Message(*kind)),
            },
            State::Rectangles(_) if held.len() < 12 => Ok(12),
            State::Rectangles(_) => self.need_of_rectangle(),
        }
    }

    fn need_of_rectangle(&self) -> Result<usize, RfbError> {
        let held = &self.held;
        match i32_at(held, 8) {
            encoding::RAW
            | encoding::CURSOR
            | encoding::DESKTOP_SIZE
            | encoding::LAST_RECT
            | encoding::QEMU_KEYS => Ok(12),
            encoding::COPY_RECT | encoding::ZRLE | encoding::DESKTOP_NAME => Ok(16),
            encoding::EXTENDED_DESKTOP_SIZE => {
                Ok(if held.len() < 16 { 16 } else { 16 + 16 * usize::from(held[12]) })
            }
            encoding::TIGHT => Tight::read(held, self.format.get()).map(|tight| tight.head),
            other => Err(RfbError::Encoding(other)),
        }
    }

    /// The head is whole.
    fn head(&mut self, sink: &mut impl Sink) -> Result<(), RfbError> {
        let held = std::mem::take(&mut self.held);
        let class = match self.state {
            State::Message => self.begin_message(&held)?,
            State::Rectangles(left) => {
                self.state = State::Rectangles(left.map(|left| left.saturating_sub(1)));
                self.begin_rectangle(&held, sink)?;
                Class::Screen
            }
        };
        sink.bytes(class, &held);
        if self.body.left == 0 {
            self.between(sink);
        }
        self.held = held;
        self.held.clear();
        Ok(())
    }

    /// Between two parts: is the update over?
    fn between(&mut self, sink: &mut impl Sink) {
        if self.state == State::Rectangles(Some(0)) {
            self.state = State::Message;
            sink.updated();
        }
    }

    fn begin_message(&mut self, held: &[u8]) -> Result<Class, RfbError> {
        match held[0] {
            0 => {
                let count = u16_at(held, 2);
                self.state = State::Rectangles((count != WITHOUT_COUNT).then_some(count));
                Ok(Class::Screen)
            }
            3 => {
                // A negative length is that of the extended clipboard.
                let length = i32_at(held, 4).unsigned_abs();
                if length > LONGEST_CLIPBOARD {
                    return Err(RfbError::Size { what: "a clipboard", value: length.into() });
                }
                self.body = Body { left: length.into(), class: Class::Clipboard, raw: None };
                Ok(Class::Clipboard)
            }
            _ => Ok(Class::Screen),
        }
    }

    fn begin_rectangle(&mut self, held: &[u8], sink: &mut impl Sink) -> Result<(), RfbError> {
        let rect = Rect {
            x: u16_at(held, 0),
            y: u16_at(held, 2),
            width: u16_at(held, 4),
            height: u16_at(held, 6),
        };
        let format = self.format.get();
        let pixel = u64::from(format.bytes);
        let (left, raw) = match i32_at(held, 8) {
            encoding::RAW => {
                let rect = rect.within(self.size)?;
                (rect.pixels() * pixel, Some((rect, 0)))
            }
            encoding::COPY_RECT => {
                rect.within(self.size)?;
                Rect { x: u16_at(held, 12), y: u16_at(held, 14), ..rect }.within(self.size)?;
                (0, None)
            }
            encoding::TIGHT => {
                rect.within(self.size)?;
                (Tight::read(held, format)?.body, None)
            }
            encoding::ZRLE => {
                rect.within(self.size)?;
                // Zlib makes nothing much longer than it was.
                let (length, most) = (u64::from(u32_at(held, 12)), rect.pixels() * 5 + 65536);
                if length > most {
                    return Err(RfbError::Size { what: "a rectangle's data", value: length });
                }
                (length, None)
            }
            encoding::CURSOR => {
                let axis = rect.width.max(rect.height);
                if axis > LARGEST_CURSOR {
                    return Err(RfbError::Size { what: "a pointer", value: axis.into() });
                }
                let mask = u64::from(rect.width.div_ceil(8)) * u64::from(rect.height);
                (rect.pixels() * pixel + mask, None)
            }
            encoding::DESKTOP_SIZE => (self.resize(rect, sink)?, None),
            // Its `y` says whether it came to that.
            encoding::EXTENDED_DESKTOP_SIZE if rect.y == 0 => (self.resize(rect, sink)?, None),
            encoding::DESKTOP_NAME => {
                let length = u32_at(held, 12);
                if length > LONGEST_NAME {
                    return Err(RfbError::Size { what: "a name", value: length.into() });
                }
                (length.into(), None)
            }
            encoding::LAST_RECT => {
                self.state = State::Rectangles(Some(0));
                (0, None)
            }
            _ => (0, None),
        };
        self.body = Body { left, class: Class::Screen, raw };
        Ok(())
    }

    fn resize(&mut self, rect: Rect, sink: &mut impl Sink) -> Result<u64, RfbError> {
        self.size = Size::checked(rect.width, rect.height)?;
        sink.resized(self.size);
        Ok(0)
    }
}

/// Head and body of a rectangle in Tight.
struct Tight {
    /// Bytes up to where its data begin, those of the rectangle included; as
    /// far as is known.
    head: usize,
    body: u64,
}

impl Tight {
    /// Reads what is held of it: a rectangle's 12 bytes at least.
    fn read(held: &[u8], format: PixelFormat) -> Result<Self, RfbError> {
        let (width, height) = (u64::from(u16_at(held, 4)), u64::from(u16_at(held, 6)));
        let pixel = usize::from(format.tight);
        let Some(control) = held.get(12) else { return Ok(Self { head: 13, body: 0 }) };
        let more = |head| Ok(Self { head, body: 0 });
        match control >> 4 {
            8 => more(13 + pixel),
            9 => Self::with_length(held, 13),
            kind if kind > 9 => Err(RfbError::Encoding(i32::from(*control))),
            kind if kind & 4 == 0 => Self::filtered(held, 13, width * pixel as u64 * height),
            _ => match held.get(13) {
                None => more(14),
                Some(0 | 2) => Self::filtered(held, 14, width * pixel as u64 * height),
                Some(1) => match held.get(14) {
                    None => more(15),
                    Some(last) => {
                        let colours = usize::from(*last) + 1;
                        let row = if colours <= 2 { width.div_ceil(8) } else { width };
                        Self::filtered(held, 15 + colours * pixel, row * height)
                    }
                },
                Some(filter) => Err(RfbError::Encoding(i32::from(*filter))),
            },
        }
    }

    fn filtered(held: &[u8], head: usize, length: u64) -> Result<Self, RfbError> {
        if length < WITHOUT_LENGTH {
            return Ok(Self { head, body: length });
        }
        Self::with_length(held, head)
    }

    /// A length of one to three bytes, seven bits each but the last (22 bits).
    fn with_length(held: &[u8], head: usize) -> Result<Self, RfbError> {
        let mut length = 0_u64;
        for index in 0..3 {
            let Some(byte) = held.get(head + index) else {
                return Ok(Self { head: head + index + 1, body: 0 });
            };
            let bits = if index == 2 { *byte } else { byte & 0x7f };
            length |= u64::from(bits) << (7 * index);
            if index == 2 || byte & 0x80 == 0 {
                return Ok(Self { head: head + index + 1, body: length });
            }
        }
        Err(RfbError::Size { what: "a length", value: length })
    }
}
