//! What the owner of walls and their init say to each other.
//!
//! They share one socket pair, which the init inherits as its standard input:
//! there is no path by which anybody else could reach it. Each packet on it is
//! one [`Order`] or one [`Note`] in JSON, with descriptors attached. A command
//! gets a stream socket of its own: on it the owner sends one [`Wanted`] and
//! the init answers with lines of JSON, [`Outcome`]s. Closing it ends the
//! command.

use crate::spawn::Exit;
use pilot_proto::walls::AppliedLimit;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream as StdUnixStream;
use std::path::PathBuf;
use tokio::io::Interest;
use tokio::net::UnixStream;

/// Largest packet: a greeting with a few hundred paths has 30 KiB, and the
/// system's own bound for one is about 200 KiB.
const MAX_PACKET: usize = 128 * 1024;
/// Most descriptors in one packet; the system's own bound is 253.
pub(crate) const MAX_DESCRIPTORS: usize = 64;
/// Largest [`Wanted`]: the system takes 2 MiB of arguments and environment,
/// and JSON shows a byte as up to four.
pub(crate) const MAX_WANTED: usize = 16 * 1024 * 1024;

/// From the owner to the init.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Order {
    /// The first: become this. With the gates' descriptors.
    Greet(Greeting),
    /// Start a command. With its socket and its three streams.
    Spawn,
    /// End every process but the init.
    Clear,
}

/// From the init to the owner.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Note {
    /// It has confined itself and takes commands. With a descriptor of its process.
    Ready(Facts),
    /// It could not confine itself, and ends.
    Refused(String),
    /// The answer to [`Order::Clear`]: how many processes were still there
    /// when it gave up.
    Cleared(usize),
}

/// How the init has to confine itself.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Greeting {
    pub(crate) tier: Tier,
    pub(crate) ceilings: Ceilings,
}

/// What surrounds the init already, and what it has to do itself.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Tier {
    /// bubblewrap made the namespaces; in the user namespace, the init is root.
    Namespaces { uid: u32, gid: u32 },
    /// Nothing does.
    Landlock(Rules),
}

/// File and port rules.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Rules {
    pub(crate) readable: Vec<PathBuf>,
    pub(crate) writable: Vec<PathBuf>,
    /// TCP ports that may be connected to.
    pub(crate) ports: Vec<u16>,
}

/// Resource limits of every process.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(crate) struct Ceilings {
    pub(crate) file_bytes: Option<u64>,
    pub(crate) open_files: Option<u64>,
    pub(crate) processes: Option<u64>,
}

/// What the init found that holds.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Facts {
    pub(crate) holds: Vec<String>,
    pub(crate) lacks: Vec<String>,
    pub(crate) limits: Vec<AppliedLimit>,
}

/// A command.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Wanted {
    pub(crate) program: OsString,
    pub(crate) args: Vec<OsString>,
    pub(crate) env: Vec<(OsString, OsString)>,
    pub(crate) cwd: PathBuf,
}

/// What became of a command.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) enum Outcome {
    /// It runs. With a descriptor of its process, because its number is
    /// another one outside.
    Started,
    /// There is no such directory.
    Directory,
    /// There is no such program: the system's error number.
    Missing(i32),
    /// It did not start: the system's error number.
    Failed(i32),
    /// It exited with this code.
    Exited(i32),
    /// It was ended by this signal.
    Killed(i32),
}

impl Outcome {
    pub(crate) fn exit(self) -> Option<Exit> {
        match self {
            Self::Exited(code) => Some(Exit::Code(code)),
            Self::Killed(signal) => Some(Exit::Signal(signal)),
            Self::Started | Self::Directory | Self::Missing(_) | Self::Failed(_) => None,
        }
    }
}

/// Sends bytes with descriptors in one call.
pub(crate) fn send(to: BorrowedFd<'_>, bytes: &[u8], with: &[BorrowedFd<'_>]) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_DESCRIPTORS))];
    let mut attached = SendAncillaryBuffer::new(&mut space);
    if !with.is_empty() && !attached.push(SendAncillaryMessage::ScmRights(with)) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "too many descriptors"));
    }
    // Nobody wants a SIGPIPE; an answer that is short of bytes is a lost peer.
    let sent = sendmsg(to, &[IoSlice::new(bytes)], &mut attached, SendFlags::NOSIGNAL)?;
    if sent < bytes.len() {
        return Err(io::ErrorKind::WriteZero.into());
    }
    Ok(())
}

/// Receives what there is, at most `buffer`; nothing at the end.
pub(crate) fn receive(
    from: BorrowedFd<'_>,
    buffer: &mut [u8],
) -> io::Result<(usize, Vec<OwnedFd>)> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_DESCRIPTORS))];
    let mut attached = RecvAncillaryBuffer::new(&mut space);
    let message = recvmsg(
        from,
        &mut [IoSliceMut::new(buffer)],
        &mut attached,
        // None of them is for a command.
        RecvFlags::CMSG_CLOEXEC,
    )?;
    let mut descriptors = Vec::new();
    for part in attached.drain() {
        if let RecvAncillaryMessage::ScmRights(rights) = part {
            descriptors.extend(rights);
        }
    }
    Ok((message.bytes, descriptors))
}

/// Sends one packet.
pub(crate) fn send_packet(
    to: impl AsFd,
    packet: &impl Serialize,
    with: &[BorrowedFd<'_>],
) -> io::Result<()> {
    let bytes = serde_json::to_vec(packet)?;
    if bytes.len() > MAX_PACKET {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "too many paths for the walls"));
    }
    send(to.as_fd(), &bytes, with)
}

/// A socket of packets as a type that the runtime polls. To it, all connected
/// unix sockets are alike; bytes are never read from it as from a stream.
pub(crate) fn polled(socket: OwnedFd) -> io::Result<UnixStream> {
    let socket = StdUnixStream::from(socket);
    socket.set_nonblocking(true)?;
    UnixStream::from_std(socket)
}

/// Receives the next packet; none at the end.
pub(crate) async fn next_packet<P: DeserializeOwned>(
    from: &UnixStream,
) -> io::Result<Option<(P, Vec<OwnedFd>)>> {
    from.async_io(Interest::READABLE, || receive_packet(from)).await
}

/// Receives one packet; none at the end.
pub(crate) fn receive_packet<P: DeserializeOwned>(
    from: impl AsFd,
) -> io::Result<Option<(P, Vec<OwnedFd>)>> {
    let mut buffer = vec![0; MAX_PACKET];
    let (length, descriptors) = receive(from.as_fd(), &mut buffer)?;
    if length == 0 {
        return Ok(None);
    }
    Ok(Some((serde_json::from_slice(&buffer[..length])?, descriptors)))
}
