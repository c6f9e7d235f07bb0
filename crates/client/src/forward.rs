//! A port inside a run's walls, as a port of this machine's loopback.
//!
//! ```text
//! browser ── TCP, loopback ──> Forward ── a tunnel each ──> hub ──> run: its loopback
//! ```
//!
//! **Invariants:** it listens on loopback and nowhere else, because what is
//! behind it has no login of its own; each connection is a tunnel, and none is
//! taken beyond [`MOST`]; whoever drops the work hangs up on all of them.

use crate::client::Client;
use crate::error::ClientError;
use crate::tunnel::TunnelFrame;
use pilot_proto::TaskId;
use pilot_proto::tunnel::{FromTerminal, MAX_TUNNEL_FRAME, TunnelQuery};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// Connections at once: a page with everything on it.
const MOST: usize = 64;

/// One connection came to nothing; the next may do better.
#[derive(Debug, thiserror::Error)]
pub enum ForwardError {
    /// There is no tunnel, or it broke.
    #[error(transparent)]
    Hub(#[from] ClientError),
    /// The connection on this machine broke.
    #[error("the connection on this machine broke: {0}")]
    Here(#[from] io::Error),
    /// There is nothing inside, in the runner's words.
    #[error("{0}")]
    Inside(String),
}

/// A port that is listened on.
#[derive(Debug)]
pub struct Forward {
    client: Client,
    task: TaskId,
    port: u16,
    listener: TcpListener,
    address: SocketAddr,
}

impl Forward {
    /// Listens for the port of a run: on `local`, or else on the same, or any
    /// that is free.
    pub async fn listen(
        client: Client,
        task: TaskId,
        port: u16,
        local: Option<u16>,
    ) -> io::Result<Self> {
        let wanted = (Ipv4Addr::LOCALHOST, local.unwrap_or(port));
        let listener = match TcpListener::bind(wanted).await {
            Err(_) if local.is_none() => TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?,
            bound => bound?,
        };
        let address = listener.local_addr()?;
        Ok(Self { client, task, port, listener, address })
    }

    /// Where it is on this machine.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves whoever comes, until nobody can be taken any more: why. `broke`
    /// is told of each connection that came to nothing.
    pub async fn serve(self, mut broke: impl FnMut(ForwardError)) -> io::Error {
        let mut visits = JoinSet::new();
        loop {
            tokio::select! {
                accepted = self.listener.accept(), if visits.len() < MOST => match accepted {
                    Ok((stream, _)) => {
                        visits.spawn(carry(self.client.clone(), self.task, self.port, stream));
                    }
                    Err(error) => return error,
                },
                Some(ended) = visits.join_next() => {
                    if let Ok(Err(error)) = ended {
                        broke(error);
                    }
                }
            }
        }
    }
}

async fn carry(
    client: Client,
    task: TaskId,
    port: u16,
    stream: TcpStream,
) -> Result<(), ForwardError> {
    stream.set_nodelay(true)?;
    let query = TunnelQuery { task, port: Some(port), screen: None, view: None };
    let (mut sender, mut receiver) = client.tunnel(&query).await?;
    let (mut reader, mut writer) = stream.into_split();
    let there = async {
        let mut buffer = vec![0; MAX_TUNNEL_FRAME];
        loop {
            let read = reader.read(&mut buffer).await?;
            // The end of one direction is an empty frame.
            sender.send(TunnelFrame::Bytes(buffer[..read].to_vec().into())).await?;
            if read == 0 {
                return Ok::<(), ForwardError>(());
            }
        }
    };
    let back = async {
        while let Some(frame) = receiver.next().await? {
            match frame {
                TunnelFrame::Bytes(bytes) if bytes.is_empty() => writer.shutdown().await?,
                TunnelFrame::Bytes(bytes) => writer.write_all(&bytes).await?,
                TunnelFrame::Text(text) => {
                    if let Ok(FromTerminal::Ended { why, .. }) = serde_json::from_str(&text) {
                        return Err(ForwardError::Inside(why));
                    }
                }
            }
        }
        Ok::<(), ForwardError>(())
    };
    tokio::select! {
        ended = back => ended,
        ended = async { there.await?; std::future::pending().await } => ended,
    }
}
