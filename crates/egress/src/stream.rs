//! A connected socket, whoever accepted it.
//!
//! **Invariant:** no call on it ever blocks the thread, also where somebody
//! else holds the same socket and changed its flags.

use rustix::net::{AddressFamily, RecvFlags, SendFlags, Shutdown};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::{TcpStream, UnixStream};

/// What went over a socket so far.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    sent: AtomicU64,
    received: AtomicU64,
}

impl Counts {
    pub(crate) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    pub(crate) fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    pub(crate) fn add_sent(&self, bytes: usize) {
        self.sent.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(crate) fn add_received(&self, bytes: usize) {
        self.received.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

/// One end of a TCP connection or of a pair of sockets.
#[derive(Debug)]
pub struct Stream {
    socket: Socket,
    /// Read already, to be read again.
    before: Vec<u8>,
    counts: Arc<Counts>,
}

#[derive(Debug)]
enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Stream {
    /// Takes a connected stream socket over. Needs a runtime with IO.
    ///
    /// # Errors
    /// It is no socket, or the runtime cannot watch it.
    pub fn new(fd: impl Into<OwnedFd>) -> io::Result<Self> {
        let fd = fd.into();
        rustix::io::ioctl_fionbio(&fd, true)?;
        let socket = if rustix::net::sockopt::socket_domain(&fd)? == AddressFamily::UNIX {
            Socket::Unix(UnixStream::from_std(fd.into())?)
        } else {
            Socket::Tcp(TcpStream::from_std(fd.into())?)
        };
        Ok(Self { socket, before: Vec::new(), counts: Arc::default() })
    }

    pub(crate) fn counts(&self) -> &Arc<Counts> {
        &self.counts
    }

    /// Lets these bytes be read before what the socket still has.
    pub(crate) fn put_back(&mut self, bytes: &[u8]) {
        self.before.splice(0..0, bytes.iter().copied());
    }

    pub(crate) fn take_before(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.before)
    }

    /// Repeats `work` on the descriptor until it does not say that it would
    /// block.
    pub(crate) async fn async_io<T>(
        &self,
        interest: Interest,
        work: impl FnMut() -> io::Result<T>,
    ) -> io::Result<T> {
        match &self.socket {
            Socket::Tcp(socket) => socket.async_io(interest, work).await,
            Socket::Unix(socket) => socket.async_io(interest, work).await,
        }
    }

    fn try_io<T>(&self, interest: Interest, work: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        match &self.socket {
            Socket::Tcp(socket) => socket.try_io(interest, work),
            Socket::Unix(socket) => socket.try_io(interest, work),
        }
    }

    fn poll_ready(&self, interest: Interest, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match (&self.socket, interest) {
            (Socket::Tcp(socket), Interest::READABLE) => socket.poll_read_ready(context),
            (Socket::Unix(socket), Interest::READABLE) => socket.poll_read_ready(context),
            (Socket::Tcp(socket), _) => socket.poll_write_ready(context),
            (Socket::Unix(socket), _) => socket.poll_write_ready(context),
        }
    }

    /// Waits until there is something to read, or its end.
    pub(crate) async fn readable(&self) -> io::Result<()> {
        if self.before.is_empty() {
            match &self.socket {
                Socket::Tcp(socket) => socket.readable().await?,
                Socket::Unix(socket) => socket.readable().await?,
            }
        }
        Ok(())
    }

    pub(crate) async fn recv(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.async_io(Interest::READABLE, || recv(self.as_fd(), buffer)).await?;
        self.counts.add_received(count);
        Ok(count)
    }

    pub(crate) async fn send_all(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let count = self.async_io(Interest::WRITABLE, || send(self.as_fd(), bytes)).await?;
            self.counts.add_sent(count);
            bytes = &bytes[count..];
        }
        Ok(())
    }

    /// Says that nothing more comes from us; what comes still is read.
    pub(crate) fn finish(&self) {
        // It fails where the other side is gone already, which is the same.
        rustix::net::shutdown(self, Shutdown::Write).ok();
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.socket {
            Socket::Tcp(socket) => socket.as_fd(),
            Socket::Unix(socket) => socket.as_fd(),
        }
    }
}

fn recv(fd: BorrowedFd<'_>, buffer: &mut [u8]) -> io::Result<usize> {
    Ok(rustix::net::recv(fd, buffer, RecvFlags::DONTWAIT)?.1)
}

fn send(fd: BorrowedFd<'_>, bytes: &[u8]) -> io::Result<usize> {
    Ok(rustix::net::send(fd, bytes, SendFlags::DONTWAIT | SendFlags::NOSIGNAL)?)
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.before.is_empty() {
            let count = self.before.len().min(buffer.remaining());
            buffer.put_slice(&self.before[..count]);
            self.before.drain(..count);
            return Poll::Ready(Ok(()));
        }
        loop {
            ready!(self.poll_ready(Interest::READABLE, context))?;
            let read = || recv(self.as_fd(), buffer.initialize_unfilled());
            match self.try_io(Interest::READABLE, read) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                read => {
                    let count = read?;
                    self.counts.add_received(count);
                    buffer.advance(count);
                    return Poll::Ready(Ok(()));
                }
            }
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.poll_ready(Interest::WRITABLE, context))?;
            match self.try_io(Interest::WRITABLE, || send(self.as_fd(), bytes)) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                written => {
                    let count = written?;
                    self.counts.add_sent(count);
                    return Poll::Ready(Ok(count));
                }
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.finish();
        Poll::Ready(Ok(()))
    }
}
