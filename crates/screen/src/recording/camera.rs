//! Films a screen: an RFB connection of its own, one for each stream of the
//! recording, so that each can be played without the ones before.

use super::{Block, Writer, Written};
use crate::rfb::greeting::{self, FOR_RECORDING, GreetingError, ServerInit, as_server};
use crate::rfb::server::{Class, ServerStream, Sink};
use crate::rfb::viewer::{Pointer, update_request};
use crate::rfb::{PixelFormat, SharedFormat, Size};
use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::{broadcast, oneshot};
use tokio::time::Instant;

/// Between two pictures of it. Five a second show what was done, and cost the
/// server a fraction of what a viewer does.
const PACE: Duration = Duration::from_millis(200);
/// A stream is as long as seeking may take to be redrawn.
const STREAM: Duration = Duration::from_secs(10);
/// What is read at once.
const PIECE: usize = 64 * 1024;

/// What else happened, for the recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// The pointer moved.
    Pointer(Pointer),
    /// Something was done, in words; never what was typed.
    Done(String),
}

/// Why a stream ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// It was long enough: the next one begins.
    Again,
    /// Nobody wants more.
    Stopped,
    /// The recording is as large as it may be.
    Full,
}

/// Of what the server says, that which is kept.
#[derive(Default)]
struct Film {
    bytes: Vec<u8>,
    updated: bool,
    resized: Option<Size>,
}

impl Sink for Film {
    fn bytes(&mut self, class: Class, bytes: &[u8]) {
        // What was copied may be a password.
        if class == Class::Screen {
            self.bytes.extend_from_slice(bytes);
        }
    }

    fn resized(&mut self, size: Size) {
        self.resized = Some(size);
    }

    fn updated(&mut self) {
        self.updated = true;
    }
}

/// Films one stream into `to`, whose recording began at `began`. Ends when it is
/// long enough, or at `stop`. The stream's server is greeted already.
pub async fn film<S, W>(
    (mut stream, init): (S, ServerInit),
    to: &mut Writer<W>,
    began: Instant,
    notes: &mut broadcast::Receiver<Note>,
    stop: &mut oneshot::Receiver<()>,
) -> Result<Cut, GreetingError>
where
    S: AsyncRead + AsyncWrite + Unpin,
    W: Write,
{
    let mut preferred = greeting::preferences(FOR_RECORDING);
    preferred.extend_from_slice(&update_request(false, init.size));
    stream.write_all(&preferred).await?;
    let (first, mut size) = (Instant::now(), init.size);
    let mut server = ServerStream::new(size, Arc::new(SharedFormat::new(PixelFormat::TRUE)));
    let now = || u32::try_from(began.elapsed().as_millis()).unwrap_or(u32::MAX);
    let mut write = |block: &Block| to.write(now(), block).map(|written| written == Written::Full);
    if write(&Block::Stream)? || write(&Block::Bytes(as_server(&init.message)))? {
        return Ok(Cut::Full);
    }
    let (mut buffer, mut film) = (vec![0; PIECE], Film::default());
    let mut next: Option<Instant> = None;
    loop {
        let wait = next.unwrap_or_else(|| Instant::now() + STREAM);
        let full = tokio::select! {
            read = stream.read(&mut buffer) => {
                let read = read?;
                if read == 0 {
                    return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
                }
                server.push(&buffer[..read], &mut film)?;
                size = film.resized.take().unwrap_or(size);
                if std::mem::take(&mut film.updated) {
                    if first.elapsed() >= STREAM {
                        write(&Block::Bytes(std::mem::take(&mut film.bytes)))?;
                        return Ok(Cut::Again);
                    }
                    next = Some(Instant::now() + PACE);
                }
                write(&Block::Bytes(std::mem::take(&mut film.bytes)))?
            }
            note = notes.recv() => match note {
                Ok(Note::Pointer(Pointer { x, y, buttons })) => write(&Block::Pointer(x, y, buttons))?,
                Ok(Note::Done(text)) => write(&Block::Mark(text))?,
                // Some were missed: what the screen shows is there all the same.
                Err(broadcast::error::RecvError::Lagged(_)) => false,
                Err(broadcast::error::RecvError::Closed) => return Ok(Cut::Stopped),
            },
            _ = &mut *stop => return Ok(Cut::Stopped),
            () = tokio::time::sleep_until(wait), if next.is_some() => {
                next = None;
                stream.write_all(&update_request(true, size)).await?;
                false
            }
        };
        if full {
            return Ok(Cut::Full);
        }
    }
}
