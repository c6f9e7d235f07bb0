//! Frames, whatever carries them: the runner's tungstenite socket, the hub's
//! axum socket, a pipe in a test.

use bytes::Bytes;
use futures_util::{Sink, Stream};
use pilot_proto::runner::MAX_FRAME;
use std::error::Error;
use tokio_tungstenite::tungstenite;

pub(crate) mod over_tungstenite;

/// One frame of a WebSocket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// A message, JSON.
    Text(String),
    /// Bulk bytes with a head.
    Binary(Bytes),
    /// Are you there? The carrier answers by itself.
    Ping,
    /// I am.
    Pong,
    /// Good-bye.
    Close,
}

impl Frame {
    /// Bytes of payload.
    pub fn size(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Binary(bytes) => bytes.len(),
            Self::Ping | Self::Pong | Self::Close => 0,
        }
    }
}

/// The carrier failed.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// The peer sent more than a frame may hold.
    #[error("a frame of {size} bytes is over the limit of {limit}")]
    TooLarge {
        /// Bytes it announced.
        size: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// The peer is gone without a good-bye, or spoke no WebSocket.
    #[error("the connection broke")]
    Broken(#[source] Box<dyn Error + Send + Sync>),
}

impl WireError {
    /// Of a carrier's error: what is in its chain of causes decides.
    pub fn of(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        let error = error.into();
        let mut cause: Option<&(dyn Error + 'static)> = Some(error.as_ref());
        while let Some(this) = cause {
            if let Some(tungstenite::Error::Capacity(
                tungstenite::error::CapacityError::MessageTooLong { size, max_size },
            )) = this.downcast_ref()
            {
                return Self::TooLarge { size: *size, limit: *max_size };
            }
            cause = this.source();
        }
        Self::Broken(error)
    }

    /// Refuses a frame that a carrier without a limit let through.
    pub(crate) fn check_size(frame: &Frame) -> Result<(), Self> {
        let size = frame.size();
        if size > MAX_FRAME { Err(Self::TooLarge { size, limit: MAX_FRAME }) } else { Ok(()) }
    }
}

/// A carrier of frames. A blanket name: anything with these bounds is one.
pub trait Socket:
    Stream<Item = Result<Frame, WireError>> + Sink<Frame, Error = WireError> + Unpin + Send + 'static
{
}

impl<S> Socket for S where
    S: Stream<Item = Result<Frame, WireError>>
        + Sink<Frame, Error = WireError>
        + Unpin
        + Send
        + 'static
{
}
