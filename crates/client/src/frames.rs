//! One live WebSocket as it is, for whoever passes it on: the desktop's Rust
//! side, whose pages speak for themselves.
//!
//! Nothing is read ahead and nothing waits here: who does not call
//! [`Frames::next`] is not sent anything, and who sends waits for the socket.

use crate::client::Client;
use crate::error::ClientError;
use crate::live::{ASK_AFTER, DEAD_AFTER, Socket, connect, silence};
use futures_util::{SinkExt, StreamExt};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_tungstenite::tungstenite::{Bytes, Error, Message};

/// Whole text frames, both ways, until one side ends it.
#[derive(Debug)]
pub struct Frames {
    client: Client,
    socket: Socket,
    heard_at: Instant,
    asked: bool,
}

impl Frames {
    pub(crate) async fn connect(client: &Client) -> Result<Self, ClientError> {
        let socket = connect(client).await?;
        Ok(Self { client: client.clone(), socket, heard_at: Instant::now(), asked: false })
    }

    /// Says something to the hub, once the socket takes it.
    pub async fn send(&mut self, text: String) -> Result<(), ClientError> {
        self.put(Message::text(text)).await.map_err(|error| self.client.unreachable(error))
    }

    /// The next frame; none when the hub has ended the connection. May be
    /// dropped at any point without losing one.
    pub async fn next(&mut self) -> Result<Option<String>, ClientError> {
        match self.hear().await {
            Err(Error::ConnectionClosed | Error::AlreadyClosed) => Ok(None),
            heard => heard.map_err(|error| self.client.unreachable(error)),
        }
    }

    /// Says good-bye.
    pub async fn close(mut self) {
        match timeout(ASK_AFTER, self.socket.close(None)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(%error, "the hub was gone already"),
            Err(_) => tracing::debug!("the hub takes no good-bye"),
        }
    }

    async fn hear(&mut self) -> Result<Option<String>, Error> {
        loop {
            let deadline = self.heard_at + if self.asked { DEAD_AFTER } else { ASK_AFTER };
            let Ok(heard) = timeout_at(deadline, self.socket.next()).await else {
                if self.asked {
                    return Err(silence());
                }
                self.asked = true;
                self.put(Message::Ping(Bytes::new())).await?;
                continue;
            };
            let Some(message) = heard else { return Ok(None) };
            let message = message?;
            self.heard_at = Instant::now();
            self.asked = false;
            match message {
                Message::Text(text) => return Ok(Some(text.as_str().to_owned())),
                Message::Close(_) => return Ok(None),
                Message::Binary(_) | Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
            }
        }
    }

    async fn put(&mut self, message: Message) -> Result<(), Error> {
        timeout(DEAD_AFTER, self.socket.send(message)).await.unwrap_or_else(|_| Err(silence()))
    }
}
