//! What daemon and shim say to each other over the run's socket: JSON lines.
//!
//! The socket wakes and orders; it carries no part of the journal. Either end
//! may hang up at any time without anything being lost: the daemon says its
//! orders again, and the shim does each once.

use crate::run_dir::RunDir;
use pilot_proto::project::GitGrant;
use pilot_proto::runner::Act;
use pilot_proto::tunnel::TunnelWish;
use pilot_proto::{Cursor, OrderId, Problem};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::path::PathBuf;
use tokio::net::{UnixListener, UnixStream};

/// Longest line that is taken. A follow-up prompt may be long; nothing else is.
pub const MAX_LINE: usize = pilot_proto::runner::MAX_FRAME;

/// From the daemon.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ToShim {
    /// Do this, once.
    Order {
        /// Its id.
        order: OrderId,
        /// What.
        act: Act,
    },
    /// From now on git logs in with this.
    Grant {
        /// In place of the one before.
        git: GitGrant,
    },
    /// The hub was heard; the lease is renewed from the time on at which the
    /// beat was sent that it answered.
    Contact {
        /// Milliseconds since that.
        age_ms: u64,
    },
    /// The lease is lost: rescue, clean, end.
    Fenced,
    /// Run this in the run's walls. The connection is the command's from then
    /// on: `Input` goes in, `GuestSaid` comes out, and `GuestGone` is its end.
    Guest {
        /// Program and arguments.
        command: Vec<String>,
    },
    /// For the command's standard input.
    Input {
        /// As they come.
        bytes: Vec<u8>,
    },
    /// There is no more of it.
    InputEnds,
    /// This connection is a tunnel from now on: the shim says
    /// [`FromShim::Opened`] or [`FromShim::Refused`], and then frames follow.
    Tunnel {
        /// To what.
        wish: TunnelWish,
    },
    /// Whether somebody reads the journal as it grows. Until this is said on a
    /// connection somebody does.
    Watched {
        /// Somebody does.
        on: bool,
    },
}

/// From the shim.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum FromShim {
    /// The journal reaches to here. Said at first, and whenever it has grown;
    /// several appends may be said once, and output that nobody reads a moment
    /// later.
    At {
        /// Position of the last record in the file.
        end: Cursor,
        /// It is `Finished`; the shim is about to end.
        finished: bool,
    },
    /// The command of a [`ToShim::Guest`] said something.
    GuestSaid {
        /// Where.
        stream: GuestStream,
        /// As they come.
        bytes: Vec<u8>,
    },
    /// It has ended, or could not begin.
    GuestGone {
        /// Its exit code, 128 and the number of a signal; none if it did not begin.
        #[serde(default)]
        code: Option<i32>,
        /// Why it did not begin.
        #[serde(default)]
        problem: Option<Problem>,
    },
    /// The tunnel is open; frames follow, and nothing else.
    Opened,
    /// The tunnel is not opened; the shim hangs up.
    Refused {
        /// Why.
        problem: Problem,
    },
}

/// A stream of a person's command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GuestStream {
    /// Standard output.
    Out,
    /// Standard error.
    Error,
}

/// Listens on the run's socket. A socket that a dead shim left is replaced:
/// the caller holds the run's lock.
pub fn listen(run_dir: &RunDir) -> io::Result<UnixListener> {
    use std::os::unix::fs::PermissionsExt;
    let path = run_dir.socket_file();
    match std::fs::remove_file(&path) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let (directory, short) = short_path(run_dir)?;
    let listener = UnixListener::bind(&short)?;
    drop(directory);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Connects to the run's shim.
pub async fn connect(run_dir: &RunDir) -> io::Result<UnixStream> {
    let (directory, short) = short_path(run_dir)?;
    let stream = UnixStream::connect(&short).await;
    drop(directory);
    let stream = stream?;
    check_peer(&stream)?;
    Ok(stream)
}

/// Refuses a peer that is somebody else. The modes of directory and socket
/// keep others out already; this holds where they were changed.
pub fn check_peer(stream: &UnixStream) -> io::Result<()> {
    let peer = stream.peer_cred()?.uid();
    if peer == rustix::process::geteuid().as_raw() || peer == 0 {
        Ok(())
    } else {
        Err(io::Error::new(io::ErrorKind::PermissionDenied, format!("the peer is user {peer}")))
    }
}

/// The socket by way of its directory's descriptor: an address holds 108
/// bytes, and a data directory's path may be longer.
fn short_path(run_dir: &RunDir) -> io::Result<(File, PathBuf)> {
    let directory = File::open(run_dir.path())?;
    let path = PathBuf::from(format!("/proc/self/fd/{}/shim.sock", directory.as_raw_fd()));
    Ok((directory, path))
}

/// One message as a line.
pub fn line<T: Serialize>(message: &T) -> Result<Vec<u8>, serde_json::Error> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    Ok(line)
}
