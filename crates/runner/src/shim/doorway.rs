//! The shim's end of the run's socket.

use super::log::End;
use crate::shim_socket::{self, FromShim, MAX_LINE, ToShim, check_peer};
use std::io;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

/// Lets daemons in, tells them how far the journal is, and hands on what they
/// say. Ends only with its owner.
pub(super) async fn serve(
    listener: UnixListener,
    end: watch::Receiver<End>,
    said: mpsc::Sender<ToShim>,
) {
    let mut guests = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => match check_peer(&stream) {
                    Ok(()) => {
                        guests.spawn(host(stream, end.clone(), said.clone()));
                    }
                    Err(error) => tracing::warn!(%error, "somebody was not let in"),
                },
                Err(error) => {
                    // Out of descriptors; the daemon comes again.
                    tracing::warn!(%error, "nobody can be let in");
                    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                }
            },
            Some(_) = guests.join_next() => {}
        }
    }
}

async fn host(stream: UnixStream, end: watch::Receiver<End>, said: mpsc::Sender<ToShim>) {
    if let Err(error) = talk(stream, end, said).await {
        tracing::debug!(%error, "a daemon hung up");
    }
}

async fn talk(
    stream: UnixStream,
    mut end: watch::Receiver<End>,
    said: mpsc::Sender<ToShim>,
) -> io::Result<()> {
    let (reader, mut writer) = stream.into_split();
    let mut reader = BufReader::with_capacity(1024, reader).take(MAX_LINE as u64);
    let mut line = Vec::new();
    end.mark_changed();
    loop {
        tokio::select! {
            changed = end.changed() => {
                if changed.is_err() {
                    return Ok(());
                }
                let End { cursor, finished } = *end.borrow_and_update();
                let at = FromShim::At { end: cursor, finished };
                writer.write_all(&shim_socket::line(&at)?).await?;
            }
            // Keeps what it read in `line` when it is cancelled.
            read = reader.read_until(b'\n', &mut line) => {
                if read? == 0 {
                    return Ok(());
                }
                reader.set_limit(MAX_LINE as u64);
                match serde_json::from_slice(&line) {
                    Ok(message) => {
                        if said.send(message).await.is_err() {
                            return Ok(());
                        }
                    }
                    Err(error) => tracing::warn!(%error, "the daemon said something odd"),
                }
                line.clear();
            }
        }
    }
}
