//! The daemon's end of a run's socket: hears how far the journal is, and
//! hands orders on until the shim is gone.

use crate::run_dir::{RunDir, lock};
use crate::shim_socket::{self, FromShim, MAX_LINE, ToShim};
use pilot_proto::{Cursor, RunId};
use std::collections::BTreeSet;
use std::io;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::process::Child;
use tokio::sync::{mpsc, watch};

/// What is heard of a run.
#[derive(Debug, Clone, Copy)]
pub(super) enum Notice {
    /// The journal reaches to here.
    At { run: RunId, end: Cursor, finished: bool },
    /// No shim lives any more.
    Gone { run: RunId },
}

/// Between two looks for a socket that is not there yet: a shim opens it
/// within milliseconds.
const LOOK: Duration = Duration::from_millis(20);

/// Who reads the journals of this runner as they grow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Readers {
    /// Nobody: there is no connection to the hub.
    Nobody,
    /// The hub does not say: perhaps all of them.
    Perhaps,
    /// Those of these runs.
    Of(BTreeSet<RunId>),
}

impl Readers {
    fn read(&self, run: RunId) -> bool {
        match self {
            Self::Nobody => false,
            Self::Perhaps => true,
            Self::Of(runs) => runs.contains(&run),
        }
    }
}

/// Where what is heard goes, and who waits for it.
#[derive(Debug, Clone)]
pub(super) struct Ears {
    pub(super) notices: mpsc::Sender<Notice>,
    pub(super) readers: watch::Receiver<Readers>,
}

/// Stays with a run's shim until it is gone. `child` is the shim if we started
/// it; one that we found is known by its lock alone.
pub(super) async fn attend(
    run: RunId,
    run_dir: RunDir,
    mut child: Option<Child>,
    mut orders: mpsc::Receiver<ToShim>,
    mut ears: Ears,
) {
    // Said again on every new connection: the shim does each once.
    let mut said: Vec<ToShim> = Vec::new();
    loop {
        match shim_socket::connect(&run_dir).await {
            Ok(stream) => {
                if let Err(error) = talk(run, stream, &mut orders, &mut said, &mut ears).await {
                    tracing::debug!(%run, %error, "the shim's socket closed");
                }
            }
            Err(error) => tracing::trace!(%run, %error, "no shim to talk to yet"),
        }
        if is_gone(run, &run_dir, child.as_mut()) {
            break;
        }
        tokio::time::sleep(LOOK).await;
    }
    // The daemon itself is ending if nobody hears this.
    ears.notices.send(Notice::Gone { run }).await.ok();
}

fn is_gone(run: RunId, run_dir: &RunDir, child: Option<&mut Child>) -> bool {
    if let Some(child) = child {
        match child.try_wait() {
            Ok(Some(status)) => {
                tracing::debug!(%run, %status, "the shim ended");
                return true;
            }
            // It may not have taken its lock yet.
            Ok(None) => return false,
            Err(error) => tracing::warn!(%run, %error, "the shim cannot be waited for"),
        }
    }
    match lock::is_held(run_dir) {
        Ok(held) => !held,
        Err(error) => {
            tracing::warn!(%run, %error, "the shim's lock cannot be read");
            false
        }
    }
}

async fn talk(
    run: RunId,
    stream: UnixStream,
    orders: &mut mpsc::Receiver<ToShim>,
    said: &mut Vec<ToShim>,
    ears: &mut Ears,
) -> io::Result<()> {
    let (reader, mut writer) = stream.into_split();
    let mut reader = BufReader::with_capacity(1024, reader).take(MAX_LINE as u64);
    for message in said.iter() {
        writer.write_all(&shim_socket::line(message)?).await?;
    }
    let mut line = Vec::new();
    let mut open = true;
    let mut told = None;
    loop {
        let on = ears.readers.borrow_and_update().read(run);
        if told != Some(on) {
            told = Some(on);
            writer.write_all(&shim_socket::line(&ToShim::Watched { on })?).await?;
        }
        tokio::select! {
            // The daemon is ending; that is told elsewhere.
            changed = ears.readers.changed() => if changed.is_err() { return Ok(()) },
            // `read_until` keeps what it read in `line` when it is cancelled.
            read = reader.read_until(b'\n', &mut line) => {
                if read? == 0 {
                    return Ok(());
                }
                reader.set_limit(MAX_LINE as u64);
                match serde_json::from_slice(&line) {
                    Ok(FromShim::At { end, finished }) => {
                        if ears.notices.send(Notice::At { run, end, finished }).await.is_err() {
                            return Ok(());
                        }
                    }
                    // To a person's command, which speaks on a connection of its own.
                    Ok(FromShim::GuestSaid { .. } | FromShim::GuestGone { .. }) => {}
                    // Words of a tunnel.
                    Ok(FromShim::Opened | FromShim::Refused { .. }) => {}
                    Err(error) => tracing::warn!(%run, %error, "the shim said something odd"),
                }
                line.clear();
            }
            message = orders.recv(), if open => match message {
                Some(message) => {
                    writer.write_all(&shim_socket::line(&message)?).await?;
                    remember(said, message);
                }
                None => open = false,
            }
        }
    }
}

fn remember(said: &mut Vec<ToShim>, message: ToShim) {
    match &message {
        ToShim::Order { .. } | ToShim::Fenced => said.push(message),
        ToShim::Grant { .. } => {
            said.retain(|one| !matches!(one, ToShim::Grant { .. }));
            // Before the order that it came with, whichever of them gets through.
            said.insert(0, message);
        }
        // Stale at once; said anew on every connection.
        ToShim::Contact { .. } | ToShim::Watched { .. } => {}
        // A person's, on a connection of its own.
        ToShim::Guest { .. } | ToShim::Input { .. } | ToShim::InputEnds | ToShim::Tunnel { .. } => {
        }
    }
}
