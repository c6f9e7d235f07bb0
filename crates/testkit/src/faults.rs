//! A network that fails on demand: a TCP proxy on loopback that a test can
//! cut, stall and heal, and that counts bytes.

use std::io;
use std::net::SocketAddr;

/// What went over one connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Carried {
    /// Bytes from who dialled to the target.
    pub up: u64,
    /// Bytes from the target to who dialled.
    pub down: u64,
    /// It is still open.
    pub open: bool,
}

/// The proxy. Dropping it ends it and cuts its connections.
#[derive(Debug)]
pub struct FaultProxy {
    address: SocketAddr,
}

impl FaultProxy {
    /// Listens on a free port of 127.0.0.1 and forwards to `target`.
    pub async fn start(target: SocketAddr) -> io::Result<Self> {
        todo!()
    }

    /// Where to dial.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Forwards new connections to another target (a hub that restarted).
    pub fn retarget(&self, target: SocketAddr) {
        todo!()
    }

    /// Cuts every open connection, hard. New ones are let through.
    pub fn cut(&self) {
        todo!()
    }

    /// Cuts every open connection and hangs up on new ones until [`FaultProxy::heal`].
    pub fn down(&self) {
        todo!()
    }

    /// Cuts the connection that carries it when so many more bytes, counted
    /// over all connections and both directions, have gone through: in the
    /// middle of a frame as likely as not.
    pub fn cut_after(&self, bytes: u64) {
        todo!()
    }

    /// Carries nothing any more, in both directions, and closes nothing: a
    /// network that went away silently.
    pub fn stall(&self) {
        todo!()
    }

    /// Ends [`FaultProxy::down`] and [`FaultProxy::stall`]; stalled bytes arrive.
    pub fn heal(&self) {
        todo!()
    }

    /// Every connection so far, oldest first.
    pub fn connections(&self) -> Vec<Carried> {
        todo!()
    }

    /// The sum over all connections.
    pub fn carried(&self) -> Carried {
        todo!()
    }
}
