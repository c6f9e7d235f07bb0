//! A terminal inside the walls for a person: the program between it and the
//! shim, which `pilot` runs as [`COMMAND`].
//!
//! What is typed, and the size, come as frames on its standard
//! input; what is shown goes to its standard output as it is. The shell gets
//! the terminal as its controlling one by going through this program a second
//! time (`LEADER`): there it leads a session, takes the terminal, and becomes
//! the shell.

use crate::frames::{Frame, read_blocking};
use rustix::io::Errno;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};

/// The argument by which our program becomes this one; behind it stand the
/// columns, the rows, and the shell with its arguments.
pub const COMMAND: &str = "inside-terminal";
/// The argument of its second time; behind it stands the shell.
const LEADER: &str = "--leader";

/// What it reads and writes at once: a screenful.
const PIECE: usize = 16 * 1024;

/// The program. Returns when the shell has ended, or the shim is gone.
///
/// # Errors
/// The system has no terminal for us, or the shell cannot be started.
pub fn main(arguments: &[String]) -> io::Result<()> {
    match arguments {
        [leader, shell, rest @ ..] if leader == LEADER => Err(lead(shell, rest)),
        [columns, rows, shell @ ..] if !shell.is_empty() => {
            let size = |text: &String| text.parse().map_err(io::Error::other);
            relay(size(columns)?, size(rows)?, shell)
        }
        _ => Err(io::Error::new(io::ErrorKind::InvalidInput, "columns, rows and a shell")),
    }
}

#[expect(clippy::disallowed_methods, reason = "our environment was built for the run")]
fn command(program: &str) -> Command {
    Command::new(program)
}

/// Becomes the shell; returns only if that fails.
fn lead(shell: &str, arguments: &[String]) -> io::Error {
    let terminal = rustix::process::setsid()
        .and_then(|_| rustix::process::ioctl_tiocsctty(io::stdin()))
        .map_err(io::Error::from);
    match terminal {
        Ok(()) => command(shell).args(arguments).exec(),
        Err(error) => error,
    }
}

fn relay(columns: u16, rows: u16, shell: &[String]) -> io::Result<()> {
    let (ours, theirs) = open(columns, rows)?;
    let mut child = start(shell, &theirs)?;
    // Or we would hold it open ourselves.
    drop(theirs);
    let keys = File::from(ours.try_clone()?);
    // A read cannot be given up: it ends with the input, or with this process.
    std::thread::spawn(move || type_in(keys));
    show(File::from(ours))?;
    // Whoever leaves the terminal has ended, or is about to.
    child.wait().map(drop)
}

fn open(columns: u16, rows: u16) -> io::Result<(OwnedFd, OwnedFd)> {
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
    grantpt(&ours)?;
    unlockpt(&ours)?;
    let name = ptsname(&ours, Vec::new())?;
    let flags = rustix::fs::OFlags::RDWR | rustix::fs::OFlags::NOCTTY | rustix::fs::OFlags::CLOEXEC;
    let theirs = rustix::fs::open(name, flags, rustix::fs::Mode::empty())?;
    tcsetwinsize(&theirs, size(columns, rows))?;
    Ok((ours, theirs))
}

fn size(columns: u16, rows: u16) -> Winsize {
    Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 }
}

fn start(shell: &[String], terminal: &OwnedFd) -> io::Result<Child> {
    let end = || terminal.try_clone();
    let this = std::env::current_exe()?;
    command(&this.to_string_lossy())
        .args([COMMAND, LEADER])
        .args(shell)
        .env("TERM", "xterm-256color")
        .env("COLORTERM", "truecolor")
        .stdin(end()?)
        .stdout(end()?)
        .stderr(end()?)
        .spawn()
}

/// Does what comes in, until nothing comes any more. Then the shim is gone, and
/// with this process the terminal hangs up.
fn type_in(mut keys: File) {
    let mut input = io::stdin().lock();
    while let Ok(Some(frame)) = read_blocking(&mut input) {
        let done = match frame {
            Frame::Bytes(bytes) => keys.write_all(&bytes),
            Frame::Size { columns, rows } => {
                tcsetwinsize(keys.as_fd(), size(columns, rows)).map_err(io::Error::from)
            }
            Frame::Text(_) => Ok(()),
        };
        if done.is_err() {
            break;
        }
    }
    #[expect(clippy::exit, reason = "the other thread waits for a shell that nobody looks at")]
    std::process::exit(0);
}

/// Passes on what is shown, until nobody has the terminal open any more.
fn show(mut screen: File) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let mut buffer = [0; PIECE];
    loop {
        match screen.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(read) => {
                out.write_all(&buffer[..read])?;
                out.flush()?;
            }
            Err(error) if error.raw_os_error() == Some(Errno::IO.raw_os_error()) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
