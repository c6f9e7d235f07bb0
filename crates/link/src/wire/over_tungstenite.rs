//! The runner's carrier: tungstenite over TCP or TLS.

use super::{Frame, WireError};
use bytes::Bytes;
use futures_util::{Sink, SinkExt, Stream, StreamExt};
use pilot_proto::runner::MAX_FRAME;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

/// Both limits are the wire's; the read buffer is small because it is
/// allocated at once, and a daemon's idle connections must cost little.
pub(crate) fn config() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(16 * 1024)
        .write_buffer_size(16 * 1024)
        .max_message_size(Some(MAX_FRAME))
        .max_frame_size(Some(MAX_FRAME))
}

/// A tungstenite socket that speaks [`Frame`].
#[derive(Debug)]
pub(crate) struct OverTungstenite<S>(pub(crate) WebSocketStream<S>);

impl<S: AsyncRead + AsyncWrite + Unpin> Stream for OverTungstenite<S> {
    type Item = Result<Frame, WireError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0
            .poll_next_unpin(context)
            .map(|item| item.map(|message| message.map(frame).map_err(WireError::of)))
    }
}

fn frame(message: Message) -> Frame {
    match message {
        Message::Text(text) => Frame::Text(text.as_str().to_owned()),
        Message::Binary(bytes) => Frame::Binary(bytes),
        Message::Ping(_) => Frame::Ping,
        // A raw frame is never read, only written.
        Message::Pong(_) | Message::Frame(_) => Frame::Pong,
        Message::Close(_) => Frame::Close,
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Sink<Frame> for OverTungstenite<S> {
    type Error = WireError;

    fn poll_ready(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Result<(), WireError>> {
        self.0.poll_ready_unpin(context).map_err(WireError::of)
    }

    fn start_send(mut self: Pin<&mut Self>, frame: Frame) -> Result<(), WireError> {
        let message = match frame {
            Frame::Text(text) => Message::text(text),
            Frame::Binary(bytes) => Message::Binary(bytes),
            Frame::Ping => Message::Ping(Bytes::new()),
            Frame::Pong => Message::Pong(Bytes::new()),
            Frame::Close => Message::Close(None),
        };
        self.0.start_send_unpin(message).map_err(WireError::of)
    }

    fn poll_flush(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Result<(), WireError>> {
        self.0.poll_flush_unpin(context).map_err(WireError::of)
    }

    fn poll_close(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Result<(), WireError>> {
        self.0.poll_close_unpin(context).map_err(WireError::of)
    }
}
