//! RFB 3.8, as far as a relay needs it.
//!
//! Sources: RFC 6143; the registry of later messages and encodings at
//! <https://github.com/rfbproto/rfbproto>, "community-maintained".

pub mod greeting;
pub mod password;
pub mod server;
pub mod viewer;

use std::sync::atomic::{AtomicU8, Ordering};

/// Largest axis of a screen: what a canvas of any browser takes.
pub const LARGEST_AXIS: u16 = 8192;
/// Most pixels of a screen: 3840 × 2160, with four bytes each 33 MB.
pub const MOST_PIXELS: u32 = 8_294_400;
/// What the version line of 3.8 is.
pub const VERSION: &[u8; 12] = b"RFB 003.008\n";

/// Numbers of encodings that pass the relay.
pub mod encoding {
    /// Pixels as they are.
    pub const RAW: i32 = 0;
    /// From elsewhere on the screen.
    pub const COPY_RECT: i32 = 1;
    /// Zlib, palettes, JPEG.
    pub const TIGHT: i32 = 7;
    /// Zlib over tiles.
    pub const ZRLE: i32 = 16;
    /// The pointer's shape.
    pub const CURSOR: i32 = -239;
    /// The screen has another size.
    pub const DESKTOP_SIZE: i32 = -223;
    /// The same, and the client may ask for one.
    pub const EXTENDED_DESKTOP_SIZE: i32 = -308;
    /// An update ends before its count does.
    pub const LAST_RECT: i32 = -224;
    /// The screen's name.
    pub const DESKTOP_NAME: i32 = -307;
    /// Key events with the keyboard's own codes.
    pub const QEMU_KEYS: i32 = -258;
    /// Markers in the stream.
    pub const FENCE: i32 = -312;
    /// Updates that are not asked for.
    pub const CONTINUOUS_UPDATES: i32 = -313;
    /// A clipboard of UTF-8 that is fetched when it is wanted (`0xC0A1E5CE`).
    pub const EXTENDED_CLIPBOARD: i32 = -1_063_131_698;
    /// JPEG qualities 0 to 9.
    pub const QUALITY: std::ops::RangeInclusive<i32> = -32..=-23;
    /// Compression levels 0 to 9.
    pub const COMPRESSION: std::ops::RangeInclusive<i32> = -256..=-247;
}

/// One side said what cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RfbError {
    /// Another version than 3.8, or no RFB at all.
    #[error("it does not speak RFB 3.8")]
    Version,
    /// None of the ways to log in that we know, or it was refused.
    #[error("the login came to nothing: {0}")]
    Login(String),
    /// A message of no kind that may come.
    #[error("a message of the kind {0}, which has no place there")]
    Message(u8),
    /// An encoding that was not asked for.
    #[error("an encoding that was not asked for: {0}")]
    Encoding(i32),
    /// A length or a place that cannot be.
    #[error("{what} of {value}")]
    Size {
        /// What it is about.
        what: &'static str,
        /// What it claims.
        value: u64,
    },
    /// A pixel format that is none, or comes too late.
    #[error("a pixel format that cannot be")]
    Format,
}

/// How wide and high a screen is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Pixels.
    pub width: u16,
    /// Pixels.
    pub height: u16,
}

impl Size {
    /// The size, if a screen may have it.
    pub fn checked(width: u16, height: u16) -> Result<Self, RfbError> {
        let pixels = u32::from(width) * u32::from(height);
        let fits = (1..=LARGEST_AXIS).contains(&width)
            && (1..=LARGEST_AXIS).contains(&height)
            && pixels <= MOST_PIXELS;
        if fits {
            Ok(Self { width, height })
        } else {
            Err(RfbError::Size { what: "a screen", value: pixels.into() })
        }
    }

    /// How many pixels.
    pub fn pixels(self) -> usize {
        usize::from(self.width) * usize::from(self.height)
    }
}

/// A rectangle of a screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rect {
    /// From the left.
    pub x: u16,
    /// From the top.
    pub y: u16,
    /// Pixels.
    pub width: u16,
    /// Pixels.
    pub height: u16,
}

impl Rect {
    /// The rectangle, if it lies on the screen.
    pub(crate) fn within(self, size: Size) -> Result<Self, RfbError> {
        let right = u32::from(self.x) + u32::from(self.width);
        let bottom = u32::from(self.y) + u32::from(self.height);
        if right <= u32::from(size.width) && bottom <= u32::from(size.height) {
            return Ok(self);
        }
        Err(RfbError::Size {
            what: "a rectangle beyond the screen",
            value: right.max(bottom).into(),
        })
    }

    /// How many pixels.
    pub fn pixels(self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }
}

/// How long pixels are, which both directions of a connection must agree on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PixelFormat {
    /// Bytes of a pixel: 1, 2 or 4.
    pub bytes: u8,
    /// Bytes of a pixel in Tight: 3 where it is 32 bits with 8 of each colour.
    pub tight: u8,
}

impl PixelFormat {
    /// Length of a pixel format in a message.
    pub const LENGTH: usize = 16;
    /// What Xvnc with depth 24 has.
    pub const TRUE: Self = Self { bytes: 4, tight: 3 };

    /// Reads one.
    pub fn read(bytes: &[u8; Self::LENGTH]) -> Result<Self, RfbError> {
        let [bits, depth, _big_endian, true_colour, rest @ ..] = bytes;
        let [r1, r2, g1, g2, b1, b2, ..] = rest;
        let most = [[*r1, *r2], [*g1, *g2], [*b1, *b2]].map(u16::from_be_bytes);
        if *true_colour == 0 || *depth == 0 || depth > bits {
            return Err(RfbError::Format);
        }
        let bytes = match bits {
            8 => 1,
            16 => 2,
            32 => 4,
            _ => return Err(RfbError::Format),
        };
        let packed = bytes == 4 && *depth == 24 && most == [255; 3];
        Ok(Self { bytes, tight: if packed { 3 } else { bytes } })
    }

    fn packed(self) -> u8 {
        self.bytes << 4 | self.tight
    }
}

/// The format that a connection's pixels have now: the viewer's side of a relay
/// sets it, the server's side reads it.
#[derive(Debug)]
pub struct SharedFormat(AtomicU8);

impl SharedFormat {
    /// Begins with this.
    pub fn new(format: PixelFormat) -> Self {
        Self(AtomicU8::new(format.packed()))
    }

    /// The present one.
    pub fn get(&self) -> PixelFormat {
        let packed = self.0.load(Ordering::Acquire);
        PixelFormat { bytes: packed >> 4, tight: packed & 0xf }
    }

    fn set(&self, format: PixelFormat) {
        self.0.store(format.packed(), Ordering::Release);
    }
}

/// Two bytes of a message, big-endian. They have to be there.
fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([bytes[at], bytes[at + 1]])
}

/// Four bytes of a message, big-endian. They have to be there.
fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

/// As [`u32_at`], with a sign.
fn i32_at(bytes: &[u8], at: usize) -> i32 {
    i32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}
