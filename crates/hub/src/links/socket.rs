//! axum's WebSocket as a carrier of the link's frames.

use axum::extract::ws::{Message, WebSocket};
use bytes::Bytes;
use futures_util::{Sink, SinkExt, Stream, StreamExt};
use pilot_link::{Frame, WireError};
use std::pin::Pin;
use std::task::{Context, Poll};

/// An axum socket that speaks [`Frame`].
#[derive(Debug)]
pub(crate) struct AxumSocket(pub(crate) WebSocket);

impl Stream for AxumSocket {
    type Item = Result<Frame, WireError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = self.0.poll_next_unpin(context);
        next.map(|item| item.map(|message| message.map(frame).map_err(WireError::of)))
    }
}

fn frame(message: Message) -> Frame {
    match message {
        Message::Text(text) => Frame::Text(text.as_str().to_owned()),
        Message::Binary(bytes) => Frame::Binary(bytes),
        Message::Ping(_) => Frame::Ping,
        Message::Pong(_) => Frame::Pong,
        Message::Close(_) => Frame::Close,
    }
}

impl Sink<Frame> for AxumSocket {
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
