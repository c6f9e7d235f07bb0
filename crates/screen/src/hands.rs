//! Eyes and hands for a program: pictures of the screen, and keys and a
//! pointer, over an RFB connection of its own.

use crate::picture::Picture;
use crate::rfb::greeting::{self, FOR_PICTURES, GreetingError};
use crate::rfb::password::Password;
use crate::rfb::server::{Class, ServerStream, Sink};
use crate::rfb::viewer::{Pointer, key_event, pointer_event, update_request};
use crate::rfb::{PixelFormat, Rect, SharedFormat, Size};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// For a picture: a server that is busy with other viewers takes its time.
const PATIENCE: Duration = Duration::from_secs(30);
/// Bytes of a pixel.
const BYTES: usize = 4;
/// What is read at once: of a raw picture there are megabytes.
const PIECE: usize = 256 * 1024;

/// A connection to a desktop.
#[derive(Debug)]
pub struct Hands<S> {
    stream: S,
    server: ServerStream,
    size: Size,
    pointer: Pointer,
    buffer: Vec<u8>,
}

/// A picture in the making.
struct Look {
    picture: Picture,
    /// So many bytes of them came.
    laid: usize,
    resized: Option<Size>,
    /// An update is at its end.
    updated: bool,
}

impl Sink for Look {
    fn bytes(&mut self, _class: Class, _bytes: &[u8]) {}

    fn pixels(&mut self, rect: Rect, at: usize, bytes: &[u8]) {
        self.picture.lay(rect, at, bytes);
        self.laid += bytes.len();
    }

    fn resized(&mut self, size: Size) {
        if size != self.picture.size() {
            self.picture = Picture::black(size);
            self.laid = 0;
            self.resized = Some(size);
        }
    }

    fn updated(&mut self) {
        self.updated = true;
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Hands<S> {
    /// Greets the desktop's server.
    pub async fn greet(stream: S) -> Result<Self, GreetingError> {
        Self::greet_with(stream, None).await
    }

    /// As [`Hands::greet`], with a password for a server that wants one.
    pub async fn greet_with(
        mut stream: S,
        password: Option<&Password>,
    ) -> Result<Self, GreetingError> {
        let init = greeting::greet_with(&mut stream, password).await?;
        stream.write_all(&greeting::preferences(FOR_PICTURES)).await?;
        let format = Arc::new(SharedFormat::new(PixelFormat::TRUE));
        Ok(Self {
            stream,
            server: ServerStream::new(init.size, format),
            size: init.size,
            pointer: Pointer::default(),
            buffer: vec![0; PIECE],
        })
    }

    /// How large the screen was when it was last looked at.
    pub fn size(&self) -> Size {
        self.size
    }

    /// Takes a picture of the whole screen.
    pub async fn look(&mut self) -> Result<Picture, GreetingError> {
        tokio::time::timeout(PATIENCE, self.whole()).await.map_err(|_| GreetingError::Silent)?
    }

    async fn whole(&mut self) -> Result<Picture, GreetingError> {
        let mut look =
            Look { picture: Picture::black(self.size), laid: 0, resized: None, updated: false };
        self.stream.write_all(&update_request(false, self.size)).await?;
        while look.laid < self.size.pixels() * BYTES {
            let read = self.stream.read(&mut self.buffer).await?;
            if read == 0 {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
            }
            self.server.push(&self.buffer[..read], &mut look)?;
            self.size = look.resized.take().unwrap_or(self.size);
            // What is said of the screen's size is an answer by itself.
            if std::mem::take(&mut look.updated) && look.laid < self.size.pixels() * BYTES {
                look.laid = 0;
                self.stream.write_all(&update_request(false, self.size)).await?;
            }
        }
        Ok(look.picture)
    }

    /// Presses a key, or lets go of it.
    pub async fn key(&mut self, key: u32, down: bool) -> io::Result<()> {
        self.stream.write_all(&key_event(key, down)).await
    }

    /// Moves the pointer, with these buttons down.
    pub async fn point(&mut self, pointer: Pointer) -> io::Result<()> {
        self.pointer = pointer;
        self.stream.write_all(&pointer_event(pointer)).await
    }

    /// Where these hands left the pointer.
    pub fn pointer(&self) -> Pointer {
        self.pointer
    }
}
