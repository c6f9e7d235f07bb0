//! The first frames of a connection, before there are tasks and queues.

use crate::wire::{Frame, Socket, WireError};
use futures_util::{SinkExt, StreamExt};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::time::Duration;
use tokio::time::timeout;

/// What came instead of silence.
#[derive(Debug)]
pub(crate) enum Heard<T> {
    /// A message.
    Message(T),
    /// Something else; why it is none.
    Nonsense(String),
    /// The peer hung up.
    Gone,
}

/// The next message of the handshake.
pub(crate) async fn hear<T: DeserializeOwned>(
    socket: &mut impl Socket,
) -> Result<Heard<T>, WireError> {
    loop {
        let Some(frame) = socket.next().await.transpose()? else { return Ok(Heard::Gone) };
        WireError::check_size(&frame)?;
        return Ok(match frame {
            Frame::Ping | Frame::Pong => continue,
            Frame::Close => Heard::Gone,
            Frame::Binary(_) => Heard::Nonsense("a binary frame".into()),
            Frame::Text(text) => match serde_json::from_str(&text) {
                Ok(message) => Heard::Message(message),
                Err(error) => Heard::Nonsense(format!("no message: {error}")),
            },
        });
    }
}

/// Sends one message of the handshake.
pub(crate) async fn say(
    socket: &mut impl Socket,
    message: &impl Serialize,
) -> Result<(), WireError> {
    let text = serde_json::to_string(message).map_err(WireError::of)?;
    socket.send(Frame::Text(text)).await
}

/// How long a peer has to read our last words.
pub(crate) const LINGER: Duration = Duration::from_secs(2);

/// Says good-bye and reads on until the peer has heard it: a socket that is
/// closed with unread bytes in it resets the connection, and a reset takes
/// with it what the peer has not read yet.
pub(crate) async fn part(mut socket: impl Socket) {
    let farewell = async {
        socket.send(Frame::Close).await?;
        while let Some(frame) = socket.next().await {
            frame?;
        }
        Ok::<(), WireError>(())
    };
    // Whether the peer heard it no longer matters to us.
    timeout(LINGER, farewell).await.ok();
}
