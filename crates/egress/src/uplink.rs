//! The one way out of the walls: a socket over which the forwarder hands the
//! gate every connection it accepts, the connection itself and not its bytes.
//!
//! The gate takes the first peer that comes and no other, and takes the path
//! away, so that only the walls' own first process can ever speak here.

use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketAddrUnix, SocketFlags, SocketType,
};
use serde::{Deserialize, Serialize};
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use tokio::io::Interest;
use tokio::net::UnixDatagram;

/// A door and a command's name fit many times; the kernel keeps messages whole.
const MESSAGE_BYTES: usize = 2048;

/// Which listener of the forwarder something came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Entrance {
    /// The HTTP proxy.
    Proxy,
    /// A port of a made-up address that a name was answered with.
    Straight,
    /// Names; framed as over TCP (RFC 1035 §4.2.2).
    Dns,
    /// The model gateway.
    Model,
    /// The git broker.
    Git,
}

/// What the two ends tell one another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Message {
    /// To the gate, with a connected socket.
    Arrived {
        entrance: Entrance,
        /// The command's name and number, as far as the forwarder could see.
        process: Option<String>,
    },
    /// To the forwarder: rules name these ports now.
    Listen { ports: Vec<u16> },
}

/// One end of it.
#[derive(Debug)]
pub struct Uplink(Packets);

/// A socket of packets. The runtime knows no sequential ones; of this type
/// only the readiness is used, which is the same for both.
type Packets = UnixDatagram;

impl Uplink {
    /// An inherited or passed socket, one of [`Uplink::pair`].
    ///
    /// # Errors
    /// The runtime cannot watch it.
    pub fn new(fd: OwnedFd) -> io::Result<Self> {
        rustix::io::ioctl_fionbio(&fd, true)?;
        Ok(Self(Packets::from_std(fd.into())?))
    }

    /// Both ends, for a forwarder that inherits its own.
    ///
    /// # Errors
    /// The system has no more sockets.
    pub fn pair() -> io::Result<(OwnedFd, OwnedFd)> {
        let flags = SocketFlags::CLOEXEC;
        Ok(rustix::net::socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?)
    }

    /// The forwarder's end of a gate that listens at `path`.
    ///
    /// # Errors
    /// Nobody listens there, or somebody came before us.
    pub fn connect(path: &Path) -> io::Result<Self> {
        let fd = socket()?;
        rustix::net::connect(&fd, &SocketAddrUnix::new(path)?)?;
        Self::new(fd)
    }

    /// Hands a connected socket to the gate. The caller's copy may be closed.
    ///
    /// # Errors
    /// The gate is gone.
    pub async fn hand_over(
        &self,
        entrance: Entrance,
        process: Option<String>,
        socket: BorrowedFd<'_>,
    ) -> io::Result<()> {
        self.send(&Message::Arrived { entrance, process }, Some(socket)).await
    }

    /// Sends a message, with a socket where there is one.
    pub(crate) async fn send(
        &self,
        message: &Message,
        socket: Option<BorrowedFd<'_>>,
    ) -> io::Result<()> {
        let bytes = serde_json::to_vec(message)?;
        let fds: Vec<BorrowedFd<'_>> = socket.into_iter().collect();
        let send = || {
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
            let mut control = SendAncillaryBuffer::new(&mut space);
            if !fds.is_empty() {
                control.push(SendAncillaryMessage::ScmRights(&fds));
            }
            let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
            rustix::net::sendmsg(&self.0, &[IoSlice::new(&bytes)], &mut control, flags)?;
            Ok(())
        };
        self.0.async_io(Interest::WRITABLE, send).await
    }

    /// The next message; `None` when the other end is gone. Nothing is lost
    /// where it is dropped before it is ready.
    pub(crate) async fn recv(&self) -> io::Result<Option<(Message, Option<OwnedFd>)>> {
        let mut bytes = [0; MESSAGE_BYTES];
        let (length, socket) =
            self.0.async_io(Interest::READABLE, || read(self.0.as_fd(), &mut bytes)).await?;
        if length == 0 {
            return Ok(None);
        }
        Ok(Some((serde_json::from_slice(&bytes[..length])?, socket)))
    }
}

fn read(fd: BorrowedFd<'_>, bytes: &mut [u8]) -> io::Result<(usize, Option<OwnedFd>)> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let flags = RecvFlags::DONTWAIT | RecvFlags::CMSG_CLOEXEC;
    let read = rustix::net::recvmsg(fd, &mut [IoSliceMut::new(bytes)], &mut control, flags)?;
    let mut socket = None;
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(fds) = message {
            socket = fds.last().or(socket);
        }
    }
    Ok((read.bytes, socket))
}

/// The gate's end before anybody came. Its path goes with it.
#[derive(Debug)]
pub struct Waiting {
    socket: Packets,
    path: PathBuf,
}

impl Waiting {
    /// Listens at `path`, in a directory that is nobody else's (mode 0700) and
    /// is bound into the walls.
    ///
    /// # Errors
    /// The path is taken or too long (107 bytes).
    pub fn bind(path: &Path) -> io::Result<Self> {
        let fd = socket()?;
        rustix::net::bind(&fd, &SocketAddrUnix::new(path)?)?;
        rustix::net::listen(&fd, 1)?;
        Ok(Self { socket: Packets::from_std(fd.into())?, path: path.to_owned() })
    }

    /// Waits for the forwarder and takes the path away. The caller sets the
    /// deadline.
    ///
    /// # Errors
    /// The system failed.
    pub async fn accept(self) -> io::Result<Uplink> {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let accept = || Ok(rustix::net::accept_with(&self.socket, flags)?);
        Uplink::new(self.socket.async_io(Interest::READABLE, accept).await?)
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        // Whoever removed the directory before us removed it too.
        drop(std::fs::remove_file(&self.path));
    }
}

fn socket() -> io::Result<OwnedFd> {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    Ok(rustix::net::socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?)
}
