//! One command: started, watched and reported on its own socket.

use super::reaper::{Born, Reaper};
use crate::wire::{self, MAX_WANTED, Outcome, Wanted};
use rustix::process::Signal;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream as StdUnixStream;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, Interest};
use tokio::net::UnixStream;

/// Runs what the owner describes on the first of the descriptors, with the
/// other three as its streams. Whatever fails is said by closing the socket.
pub(super) async fn run(descriptors: Vec<OwnedFd>, reaper: Arc<Reaper>) {
    if let Ok([socket, stdin, stdout, stderr]) = <[OwnedFd; 4]>::try_from(descriptors) {
        // The owner learns it from the closed socket; there is nobody else to tell.
        run_on(socket, [stdin, stdout, stderr], &reaper).await.ok();
    }
}

async fn run_on(socket: OwnedFd, streams: [OwnedFd; 3], reaper: &Arc<Reaper>) -> io::Result<()> {
    let socket = StdUnixStream::from(socket);
    socket.set_nonblocking(true)?;
    let mut socket = UnixStream::from_std(socket)?;
    let wanted = read(&mut socket).await?;
    if !wanted.cwd.is_dir() {
        // The system says "not found" of the program and of the directory alike.
        return say(&socket, Outcome::Directory, &[]).await;
    }
    match reaper.spawn(wanted, streams) {
        Ok(born) => watch(socket, born).await,
        Err(error) => {
            let number = error.raw_os_error().unwrap_or(libc::EIO);
            let outcome = match error.kind() {
                io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied => {
                    Outcome::Missing(number)
                }
                _ => Outcome::Failed(number),
            };
            say(&socket, outcome, &[]).await
        }
    }
}

async fn read(socket: &mut UnixStream) -> io::Result<Wanted> {
    let length = usize::try_from(socket.read_u32().await?).unwrap_or(usize::MAX);
    if length > MAX_WANTED {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut bytes = vec![0; length];
    socket.read_exact(&mut bytes).await?;
    Ok(serde_json::from_slice(&bytes)?)
}

/// Reports its end; the owner's, which comes first, is its end.
async fn watch(mut socket: UnixStream, born: Born) -> io::Result<()> {
    let Born { pid, descriptor, mut ended, unseen } = born;
    let mut byte = [0];
    let told = say(&socket, Outcome::Started, &[descriptor.as_fd()]).await;
    // The owner answers with a byte when it has looked at the process.
    let seen = told.is_ok() && socket.read(&mut byte).await.is_ok_and(|length| length > 0);
    drop((descriptor, unseen));
    let outcome = tokio::select! {
        outcome = &mut ended, if seen => outcome,
        // The owner sends nothing more: this is its end, or told nobody.
        _ = socket.read(&mut byte) => {
            // It may have ended by itself meanwhile.
            rustix::process::kill_process_group(pid, Signal::KILL).ok();
            ended.await
        }
    };
    match outcome {
        Ok(outcome) => say(&socket, outcome, &[]).await,
        Err(_reaper_is_gone) => Ok(()),
    }
}

async fn say(socket: &UnixStream, outcome: Outcome, with: &[BorrowedFd<'_>]) -> io::Result<()> {
    let mut line = serde_json::to_vec(&outcome)?;
    line.push(b'\n');
    socket.async_io(Interest::WRITABLE, || wire::send(socket.as_fd(), &line, with)).await
}
