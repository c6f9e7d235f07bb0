//! Bytes from one socket to another, both ways, each with its own end.
//!
//! What flows in full buffers is spliced: the kernel moves it through a pipe
//! and we never see it (splice(2)).

use crate::stream::Stream;
use rustix::pipe::{PipeFlags, SpliceFlags};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::Interest;
use tokio::sync::{Semaphore, SemaphorePermit};

/// One TLS record; also how much a quiet connection holds in each direction.
const COPY_BYTES: usize = 16 * 1024;
/// A pipe of this size keeps a fast connection busy; an unprivileged user may
/// have 64 MiB of pipes in all (pipe(7)).
const PIPE_BYTES: usize = 512 * 1024;
/// So many small pieces in a row, and the pipe goes to somebody who needs it.
const SMALL_PIECES: u32 = 32;

/// Copies until both directions have ended, one of them failed, or nothing
/// moved for `idle`.
pub(crate) async fn relay(
    inside: &mut Stream,
    outside: &mut Stream,
    pipes: &Semaphore,
    idle: Duration,
) -> io::Result<()> {
    outside.send_all(&inside.take_before()).await?;
    inside.send_all(&outside.take_before()).await?;
    let (inside, outside) = (&*inside, &*outside);
    let both = async {
        tokio::try_join!(pump(inside, outside, pipes), pump(outside, inside, pipes)).map(drop)
    };
    let counts = outside.counts();
    quiet(idle, || counts.sent() + counts.received(), both).await.unwrap_or_else(|| {
        Err(io::Error::new(io::ErrorKind::TimedOut, "nothing moved for too long"))
    })
}

/// Runs `work` until `progress` stands still for `idle`.
pub(crate) async fn quiet<T>(
    idle: Duration,
    progress: impl Fn() -> u64,
    work: impl Future<Output = T>,
) -> Option<T> {
    let mut work = std::pin::pin!(work);
    let mut before = progress();
    loop {
        if let Ok(done) = tokio::time::timeout(idle, &mut work).await {
            return Some(done);
        }
        let now = progress();
        if now == before {
            return None;
        }
        before = now;
    }
}

async fn pump(from: &Stream, to: &Stream, pipes: &Semaphore) -> io::Result<()> {
    let mut buffer = Vec::new();
    loop {
        from.readable().await?;
        // Nothing is held for a connection that says nothing.
        buffer.resize(COPY_BYTES, 0);
        let count = from.recv(&mut buffer).await?;
        if count == 0 {
            to.finish();
            return Ok(());
        }
        to.send_all(&buffer[..count]).await?;
        if count == COPY_BYTES
            && let Some(pipe) = Pipe::open(pipes)
            && pipe.pump(from, to).await? == Flow::Ended
        {
            to.finish();
            return Ok(());
        }
        tokio::task::coop::consume_budget().await;
    }
}

#[derive(PartialEq, Eq)]
enum Flow {
    Ended,
    Small,
}

/// Holds bytes only within one turn of [`Pipe::pump`].
struct Pipe<'a> {
    out: OwnedFd,
    into: OwnedFd,
    _permit: SemaphorePermit<'a>,
}

impl<'a> Pipe<'a> {
    /// `None` where there are enough already: then bytes are copied.
    fn open(pipes: &'a Semaphore) -> Option<Self> {
        let permit = pipes.try_acquire().ok()?;
        let flags = PipeFlags::CLOEXEC | PipeFlags::NONBLOCK;
        let (out, into) = rustix::pipe::pipe_with(flags).ok()?;
        // A smaller one works too.
        rustix::pipe::fcntl_setpipe_size(&into, PIPE_BYTES).ok();
        Some(Self { out, into, _permit: permit })
    }

    async fn pump(&self, from: &Stream, to: &Stream) -> io::Result<Flow> {
        let flags = SpliceFlags::MOVE | SpliceFlags::NONBLOCK;
        let mut small = 0;
        while small < SMALL_PIECES {
            let read = || splice(from.as_fd(), self.into.as_fd(), PIPE_BYTES, flags);
            let mut left = from.async_io(Interest::READABLE, read).await?;
            if left == 0 {
                return Ok(Flow::Ended);
            }
            from.counts().add_received(left);
            small = if left < COPY_BYTES { small + 1 } else { 0 };
            while left > 0 {
                let write = || splice(self.out.as_fd(), to.as_fd(), left, flags);
                let count = to.async_io(Interest::WRITABLE, write).await?;
                to.counts().add_sent(count);
                left -= count;
            }
            tokio::task::coop::consume_budget().await;
        }
        Ok(Flow::Small)
    }
}

fn splice(
    from: BorrowedFd<'_>,
    to: BorrowedFd<'_>,
    count: usize,
    flags: SpliceFlags,
) -> io::Result<usize> {
    Ok(rustix::pipe::splice(from, None, to, None, count, flags)?)
}

/// As many pipes as a gate may have; two descriptors each.
pub(crate) fn pipes(count: usize) -> Arc<Semaphore> {
    Arc::new(Semaphore::new(count))
}
