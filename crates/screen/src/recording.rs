//! Recordings of a screen: what an RFB server said, and when. The format is in
//! `docs/PROTOCOL.md`.
//!
//! **Invariants:** a recording is bounded when it is written and when it is
//! read; one that was cut off at any byte is a shorter recording; what was
//! typed is not in it.

pub mod camera;
pub mod film;
pub mod matroska;

use serde::{Deserialize, Serialize};
use std::io::{self, BufRead, Read, Write};

/// Largest recording.
pub const LARGEST: u64 = 64 * 1024 * 1024;
/// Largest block.
pub const LARGEST_BLOCK: usize = 1024 * 1024;
/// Longest first line.
const LONGEST_HEAD: u64 = 4096;
/// Longest line about what was done.
const LONGEST_MARK: usize = 1024;

const STREAM: u8 = 1;
const BYTES: u8 = 2;
const POINTER: u8 = 3;
const MARK: u8 = 4;
const END: u8 = 5;

/// The first line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The version of the format: 1.
    pub pilothouse_screen: u32,
    /// When it began: microseconds since 1970.
    pub began: i64,
    /// Who drives; none: an agent.
    pub who: Option<String>,
}

/// A block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Block {
    /// A server begins to speak.
    Stream,
    /// What it says.
    Bytes(Vec<u8>),
    /// The pointer: x, y, buttons.
    Pointer(u16, u16, u8),
    /// What was done.
    Mark(String),
    /// The recording is whole.
    End,
}

/// Writes a recording.
#[derive(Debug)]
pub struct Writer<W> {
    to: W,
    written: u64,
    last: u32,
}

/// What became of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// It is in.
    Kept,
    /// The recording is as large as it may be; it has ended.
    Full,
}

impl<W: Write> Writer<W> {
    /// Begins one.
    pub fn begin(mut to: W, head: &Head) -> io::Result<Self> {
        let mut line = serde_json::to_vec(head)?;
        line.push(b'\n');
        to.write_all(&line)?;
        Ok(Self { to, written: line.len() as u64, last: 0 })
    }

    /// Writes a block at this time, in milliseconds since it began. Bytes are
    /// cut into blocks that are not too large.
    pub fn write(&mut self, millis: u32, block: &Block) -> io::Result<Written> {
        self.last = self.last.max(millis);
        match block {
            Block::Stream => self.put(STREAM, &[]),
            Block::Bytes(bytes) => {
                for piece in bytes.chunks(LARGEST_BLOCK) {
                    if self.put(BYTES, piece)? == Written::Full {
                        return Ok(Written::Full);
                    }
                }
                Ok(Written::Kept)
            }
            Block::Pointer(x, y, buttons) => {
                let ([x1, x2], [y1, y2]) = (x.to_be_bytes(), y.to_be_bytes());
                self.put(POINTER, &[x1, x2, y1, y2, *buttons])
            }
            Block::Mark(text) => {
                let end = (0..=LONGEST_MARK.min(text.len())).rev();
                let end = end.into_iter().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
                self.put(MARK, &text.as_bytes()[..end])
            }
            Block::End => self.put(END, &[]),
        }
    }

    /// The time of the last block.
    pub fn last(&self) -> u32 {
        self.last
    }

    fn put(&mut self, kind: u8, bytes: &[u8]) -> io::Result<Written> {
        const HEAD: u64 = 9;
        // Room for the end stays.
        let room = if kind == END { LARGEST } else { LARGEST - HEAD };
        let length = HEAD + bytes.len() as u64;
        if self.written + length > room {
            return Ok(Written::Full);
        }
        let mut block = Vec::with_capacity(bytes.len() + 9);
        block.push(kind);
        block.extend_from_slice(&self.last.to_be_bytes());
        block.extend_from_slice(&u32::try_from(bytes.len()).unwrap_or(0).to_be_bytes());
        block.extend_from_slice(bytes);
        self.to.write_all(&block)?;
        self.written += length;
        Ok(Written::Kept)
    }
}

/// A recording cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file cannot be read.
    #[error("the recording cannot be read")]
    Io(#[from] io::Error),
    /// It is none, or of a version that this build does not know.
    #[error("this is no recording of a screen, or one of a newer version")]
    Head,
    /// A block says what cannot be.
    #[error("the recording is broken: {0}")]
    Broken(&'static str),
}

/// Reads a recording, which anybody may have written.
#[derive(Debug)]
pub struct Reader<R> {
    from: R,
    head: Head,
    read: u64,
    last: u32,
    over: bool,
}

impl<R: BufRead> Reader<R> {
    /// Reads its first line.
    pub fn open(mut from: R) -> Result<Self, ReadError> {
        let mut line = Vec::new();
        (&mut from).take(LONGEST_HEAD).read_until(b'\n', &mut line)?;
        let head: Head = serde_json::from_slice(&line).map_err(|_| ReadError::Head)?;
        if line.last() != Some(&b'\n') || head.pilothouse_screen != 1 {
            return Err(ReadError::Head);
        }
        Ok(Self { from, head, read: line.len() as u64, last: 0, over: false })
    }

    /// The first line.
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// It ended as it should; known at its end.
    pub fn is_whole(&self) -> bool {
        self.over
    }

    /// The next block and its time; none at the end, and where it was cut off.
    /// Blocks of kinds that this build does not know are left out.
    #[expect(clippy::should_implement_trait, reason = "an error ends it, and says why")]
    pub fn next(&mut self) -> Result<Option<(u32, Block)>, ReadError> {
        while !self.over {
            let mut head = [0; 9];
            if !filled(&mut self.from, &mut head)? {
                return Ok(None);
            }
            let millis = u32::from_be_bytes([head[1], head[2], head[3], head[4]]);
            let length = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
            let length = usize::try_from(length).unwrap_or(usize::MAX);
            if length > LARGEST_BLOCK {
                return Err(ReadError::Broken("a block is too large"));
            }
            if millis < self.last {
                return Err(ReadError::Broken("its time goes back"));
            }
            self.last = millis;
            self.read += 9 + length as u64;
            if self.read > LARGEST {
                return Err(ReadError::Broken("it is too large"));
            }
            let mut bytes = vec![0; length];
            if !filled(&mut self.from, &mut bytes)? {
                return Ok(None);
            }
            if let Some(block) = block(head[0], bytes)? {
                self.over = block == Block::End;
                return Ok(Some((millis, block)));
            }
        }
        Ok(None)
    }
}

fn block(kind: u8, bytes: Vec<u8>) -> Result<Option<Block>, ReadError> {
    let block = match kind {
        STREAM => Block::Stream,
        BYTES => Block::Bytes(bytes),
        POINTER => match bytes[..] {
            [x1, x2, y1, y2, buttons] => {
                Block::Pointer(u16::from_be_bytes([x1, x2]), u16::from_be_bytes([y1, y2]), buttons)
            }
            _ => return Err(ReadError::Broken("a pointer of another length")),
        },
        MARK => Block::Mark(String::from_utf8_lossy(&bytes).into_owned()),
        END => Block::End,
        _ => return Ok(None),
    };
    Ok(Some(block))
}

/// Fills the buffer; false where the file ends before.
fn filled(from: &mut impl Read, buffer: &mut [u8]) -> io::Result<bool> {
    match from.read_exact(buffer) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}
