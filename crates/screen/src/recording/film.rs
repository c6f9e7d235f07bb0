//! A recording as pictures, one after the other, each with its time: what a
//! film is made of.
//!
//! **Invariants:** one picture is held, however long the recording; what is
//! damaged ends the film where it is, and says so; nothing that was typed comes
//! into it, for nothing that was typed is in a recording.

use super::{Block, ReadError, Reader};
use crate::decoder::{DecodeError, Decoder, Drawn};
use crate::picture::Picture;
use crate::rfb::greeting::read_as_server;
use crate::rfb::server::{Class, ServerStream, Sink};
use crate::rfb::{PixelFormat, Rect, SharedFormat, Size};
use std::io::BufRead;
use std::sync::Arc;

/// Between two pictures. A camera takes five each second; somebody else's
/// recording may have any number.
const PACE: u32 = 40;
/// How far from its middle the ring around the pointer is drawn.
const RING: std::ops::RangeInclusive<i32> = 5..=7;
/// The ring's colour, as the pages have it.
const RING_COLOUR: [u8; 4] = [0x2f, 0x6f, 0xed, 0xff];

/// What is known of a recording before a pixel of it was decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Survey {
    /// How long it is as far as it can be read, in milliseconds.
    pub millis: u32,
    /// As large as the largest screen in it, in even numbers, as films are.
    pub size: Size,
}

/// A picture, and when it was seen.
#[derive(Debug)]
pub struct Frame<'a> {
    /// Milliseconds since the recording began.
    pub millis: u32,
    /// The screen.
    pub picture: &'a Picture,
    /// Where the pointer was, and with which buttons; none: not known.
    pub pointer: Option<(u16, u16, u8)>,
}

/// Why a film has no more pictures.
#[derive(Debug, thiserror::Error)]
pub enum FilmError {
    /// The recording cannot be read on.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// What it holds cannot be drawn.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// It has no picture.
    #[error("nothing was recorded")]
    Empty,
}

#[derive(Default)]
struct Sizes(Vec<Size>);

impl Sink for Sizes {
    fn bytes(&mut self, _class: Class, _bytes: &[u8]) {}

    fn resized(&mut self, size: Size) {
        self.0.push(size);
    }
}

/// Reads a recording through, as far as it can be read.
pub fn survey<R: BufRead>(mut recording: Reader<R>) -> Result<Survey, FilmError> {
    let (mut millis, mut size) = (0, None);
    let (mut greeting, mut server) = (Vec::new(), None);
    let mut sizes = Sizes::default();
    while let Ok(Some((at, block))) = recording.next() {
        match block {
            Block::Stream => (greeting, server) = (Vec::new(), None),
            Block::Bytes(bytes) => {
                if read_sizes(&bytes, &mut greeting, &mut server, &mut sizes).is_err() {
                    break;
                }
            }
            Block::Pointer(..) | Block::Mark(_) | Block::End => {}
        }
        millis = at;
        for seen in sizes.0.drain(..) {
            size = Some(size.map_or(seen, |size| around(size, seen)));
        }
    }
    Ok(Survey { millis, size: even(size.ok_or(FilmError::Empty)?) })
}

fn read_sizes(
    bytes: &[u8],
    greeting: &mut Vec<u8>,
    server: &mut Option<ServerStream>,
    sizes: &mut Sizes,
) -> Result<(), DecodeError> {
    if let Some(server) = server {
        return Ok(server.push(bytes, sizes)?);
    }
    greeting.extend_from_slice(bytes);
    let Some((init, length)) = read_as_server(greeting)? else { return Ok(()) };
    sizes.0.push(init.size);
    let format = Arc::new(SharedFormat::new(PixelFormat::TRUE));
    let server = server.insert(ServerStream::new(init.size, format));
    Ok(server.push(&greeting.split_off(length), sizes)?)
}

/// A size that holds both, where a screen may have it; else the first.
fn around(one: Size, other: Size) -> Size {
    let (width, height) = (one.width.max(other.width), one.height.max(other.height));
    Size::checked(width, height).unwrap_or(one)
}

fn even(size: Size) -> Size {
    Size { width: size.width.next_multiple_of(2), height: size.height.next_multiple_of(2) }
}

/// The pictures of a recording.
#[derive(Debug)]
pub struct Frames<R> {
    recording: Reader<R>,
    decoder: Decoder,
    picture: Picture,
    pointer: Option<(u16, u16, u8)>,
    at: u32,
    /// When the last one was given out.
    given: Option<u32>,
    /// Something is to be seen that was not given out.
    fresh: bool,
    over: bool,
}

impl<R: BufRead> Frames<R> {
    /// Of a recording that nothing was read of.
    pub fn of(recording: Reader<R>) -> Self {
        Self {
            recording,
            decoder: Decoder::new(),
            picture: Picture::black(Size { width: 1, height: 1 }),
            pointer: None,
            at: 0,
            given: None,
            fresh: false,
            over: false,
        }
    }

    /// It ended as it should; known at its end.
    pub fn is_whole(&self) -> bool {
        self.recording.is_whole()
    }

    /// The next picture; none at the end, where the last one stands. Has to be
    /// called within a tokio runtime.
    pub async fn next(&mut self) -> Result<Option<Frame<'_>>, FilmError> {
        while !self.over {
            match self.recording.next()? {
                Some((at, block)) => {
                    self.at = at;
                    self.over = block == Block::End;
                    self.take(block).await?;
                }
                None => self.over = true,
            }
            let due = self.given.is_none_or(|given| self.at >= given + PACE);
            if (self.fresh && due) || (self.over && self.given.is_some_and(|given| given < self.at))
            {
                self.fresh = false;
                self.given = Some(self.at);
                let (millis, pointer) = (self.at, self.pointer);
                return Ok(Some(Frame { millis, picture: &self.picture, pointer }));
            }
        }
        Ok(None)
    }

    async fn take(&mut self, block: Block) -> Result<(), DecodeError> {
        match block {
            // What was seen stays until the new one has something to show.
            Block::Stream => self.decoder = Decoder::new(),
            Block::Bytes(bytes) => {
                let (picture, fresh) = (&mut self.picture, &mut self.fresh);
                let mut hear = |drawn: Drawn| {
                    *fresh |= matches!(drawn, Drawn::Updated);
                    drawn.on(picture);
                };
                self.decoder.push(&bytes, &mut hear).await?;
            }
            Block::Pointer(x, y, buttons) => {
                self.pointer = Some((x, y, buttons));
                self.fresh |= self.given.is_some();
            }
            Block::Mark(_) | Block::End => {}
        }
        Ok(())
    }
}

impl Frame<'_> {
    /// Its pixels on a black ground of this size, with a ring around the
    /// pointer, filled while a button is down; four bytes each, row after row.
    pub fn on(&self, size: Size) -> Vec<u8> {
        let mut ground = Picture::black(size);
        let seen = self.picture.size();
        let rect = Rect { x: 0, y: 0, width: seen.width, height: seen.height };
        if seen.width <= size.width {
            ground.lay(rect, 0, self.picture.pixels());
        } else if let Some(part) = self.picture.part(Rect { width: size.width, ..rect }) {
            let rect = Rect { width: part.size().width, height: part.size().height, ..rect };
            ground.lay(rect, 0, part.pixels());
        }
        if let Some((x, y, buttons)) = self.pointer {
            ring(&mut ground, (x.into(), y.into()), buttons & 7 != 0);
        }
        ground.into_pixels()
    }
}

fn ring(ground: &mut Picture, (x, y): (i32, i32), pressed: bool) {
    let out = *RING.end();
    for (across, down) in (-out..=out).flat_map(|down| (-out..=out).map(move |x| (x, down))) {
        let far = across * across + down * down;
        let inside = if pressed { 0 } else { RING.start() * RING.start() };
        let (Ok(x), Ok(y)) = (u16::try_from(x + across), u16::try_from(y + down)) else { continue };
        if (inside..=out * out).contains(&far) {
            ground.lay(Rect { x, y, width: 1, height: 1 }, 0, &RING_COLOUR);
        }
    }
}
