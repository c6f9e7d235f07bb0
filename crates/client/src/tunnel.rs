//! One tunnel into a run: bytes and text both ways, as they are.
//!
//! Nothing is read ahead and nothing waits here, as with [`crate::Frames`]. A
//! tunnel that is lost does not come back: whoever wants another asks for it.

use crate::client::Client;
use crate::error::ClientError;
use crate::live::{ASK_AFTER, DEAD_AFTER, Socket, connect_to, silence};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use pilot_proto::tunnel::{MAX_TUNNEL_FRAME, TUNNEL_PATH, TunnelQuery};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::{Bytes, Error, Message};

/// What came through a tunnel, or goes into it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TunnelFrame {
    /// At most [`pilot_proto::tunnel::MAX_TUNNEL_FRAME`].
    Bytes(Bytes),
    /// About them.
    Text(String),
}

/// What is sent into a tunnel.
#[derive(Debug)]
pub struct TunnelSender {
    client: Client,
    sink: SplitSink<Socket, Message>,
}

/// What comes out of a tunnel.
#[derive(Debug)]
pub struct TunnelReceiver {
    client: Client,
    stream: SplitStream<Socket>,
}

/// Asks the hub for a tunnel. Why there is none, the tunnel's first text says.
pub(crate) async fn open(
    client: &Client,
    query: &TunnelQuery,
) -> Result<(TunnelSender, TunnelReceiver), ClientError> {
    let mut url = client.url(&[], TUNNEL_PATH, "tunnel")?;
    {
        let mut pairs = url.query_pairs_mut();
        pairs.append_pair("task", &query.task.to_string());
        if let Some(port) = query.port {
            pairs.append_pair("port", &port.to_string());
        }
        if query.screen == Some(true) {
            pairs.append_pair("screen", "true");
        }
        if let Some(view) = query.view {
            pairs.append_pair("view", if view { "true" } else { "false" });
        }
    }
    let (sink, stream) = connect_to(client, url, TUNNEL_PATH).await?.split();
    let receiver = TunnelReceiver { client: client.clone(), stream };
    Ok((TunnelSender { client: client.clone(), sink }, receiver))
}

impl TunnelSender {
    /// Sends a frame, once the socket takes it.
    pub async fn send(&mut self, frame: TunnelFrame) -> Result<(), ClientError> {
        let message = match frame {
            TunnelFrame::Bytes(bytes) => Message::Binary(bytes),
            TunnelFrame::Text(text) => Message::text(text),
        };
        let sent = timeout(DEAD_AFTER, self.sink.send(message)).await;
        sent.unwrap_or_else(|_| Err(silence())).map_err(|error| self.client.unreachable(error))
    }

    /// Says good-bye.
    pub async fn close(mut self) {
        if timeout(ASK_AFTER, self.sink.close()).await.is_err() {
            tracing::debug!("the hub takes no good-bye");
        }
    }
}

impl TunnelReceiver {
    /// The next frame; none when the tunnel has ended. The hub asks often
    /// whether we are there, so a long silence is its end. May be dropped at
    /// any point without losing a frame.
    pub async fn next(&mut self) -> Result<Option<TunnelFrame>, ClientError> {
        loop {
            let heard = match timeout(DEAD_AFTER, self.stream.next()).await {
                Ok(heard) => heard,
                Err(_) => return Err(self.client.unreachable(silence())),
            };
            return match heard {
                None | Some(Ok(Message::Close(_))) => Ok(None),
                Some(Ok(Message::Binary(bytes))) => Ok(Some(TunnelFrame::Bytes(bytes))),
                Some(Ok(Message::Text(text))) => {
                    Ok(Some(TunnelFrame::Text(text.as_str().to_owned())))
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => continue,
                Some(Err(Error::ConnectionClosed | Error::AlreadyClosed)) => Ok(None),
                Some(Err(error)) => Err(self.client.unreachable(error)),
            };
        }
    }
}

/// What is on its way between a tunnel and whoever uses it as a stream: some
/// frames, so that neither waits for each of the other's.
const ON_THE_WAY: usize = 16 * MAX_TUNNEL_FRAME;

/// The bytes of a tunnel as a stream, for a protocol that wants one; `hear` is
/// given the words beside them. The future is the work: it returns when either
/// end has ended, and whoever drops it hangs up.
pub fn as_stream(
    mut sender: TunnelSender,
    mut receiver: TunnelReceiver,
    mut hear: impl FnMut(String) + Send + 'static,
) -> (DuplexStream, impl Future<Output = Result<(), ClientError>> + Send + 'static) {
    let (ours, theirs) = tokio::io::duplex(ON_THE_WAY);
    let (mut from, mut to) = tokio::io::split(theirs);
    let work = async move {
        let there = async {
            let mut buffer = vec![0; MAX_TUNNEL_FRAME];
            // A stream in memory does not break, it ends.
            while let Ok(read @ 1..) = from.read(&mut buffer).await {
                sender.send(TunnelFrame::Bytes(buffer[..read].to_vec().into())).await?;
            }
            Ok(())
        };
        let back = async {
            while let Some(frame) = receiver.next().await? {
                match frame {
                    TunnelFrame::Bytes(bytes) => {
                        if to.write_all(&bytes).await.is_err() {
                            break;
                        }
                    }
                    TunnelFrame::Text(text) => hear(text),
                }
            }
            Ok(())
        };
        tokio::select! {
            over = there => over,
            over = back => over,
        }
    };
    (ours, work)
}
