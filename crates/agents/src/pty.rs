//! A pseudo terminal and the program on it: for a declared command that wants
//! one, and for a person who looks in.
//!
//! The program gets the terminal as its controlling one by a second process of
//! ours, which leads a session, takes the terminal, and becomes the program
//! ([`lead`]): without `unsafe` that cannot be done between fork and exec.

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGTTIN, SIGTTOU};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// What programs are told of the terminal (`TERM`).
pub const TERM: &str = "xterm-256color";

/// What a terminal and its shell send.
const OF_TERMINALS: [i32; 7] = [SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGTTIN, SIGTTOU];

/// Both ends of a new terminal of so many columns and rows: ours, and the
/// program's.
///
/// # Errors
/// The system has no terminal for us.
pub fn open(columns: u16, rows: u16) -> io::Result<(OwnedFd, OwnedFd)> {
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
    grantpt(&ours)?;
    unlockpt(&ours)?;
    let name = ptsname(&ours, Vec::new())?;
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    let theirs = rustix::fs::open(name, flags, Mode::empty())?;
    tcsetwinsize(&theirs, size(columns, rows))?;
    Ok((ours, theirs))
}

/// A terminal's size in characters.
#[must_use]
pub fn size(columns: u16, rows: u16) -> Winsize {
    Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 }
}

/// True of what reading our end says when nobody has the other one open any
/// more.
#[must_use]
pub fn is_left(error: &io::Error) -> bool {
    error.raw_os_error() == Some(Errno::IO.raw_os_error())
}

/// This very program again, to go through [`lead`]: with its end of the
/// terminal as all three streams.
///
/// # Errors
/// The system has no more descriptors, or does not say who we are.
pub fn again(theirs: &OwnedFd) -> io::Result<Command> {
    let mut command = command(&std::env::current_exe()?.to_string_lossy());
    command.env("TERM", TERM);
    command.stdin(theirs.try_clone()?).stdout(theirs.try_clone()?).stderr(theirs.try_clone()?);
    Ok(command)
}

/// Leads a session, takes the terminal on the standard input, and becomes the
/// program. Returns only if that fails.
#[must_use]
pub fn lead(program: &str, arguments: &[String]) -> io::Error {
    let ready = heed_signals().and_then(|()| {
        rustix::process::setsid()?;
        Ok(rustix::process::ioctl_tiocsctty(io::stdin())?)
    });
    match ready {
        Ok(()) => command(program).args(arguments).exec(),
        Err(error) => error,
    }
}

/// Lets the programs that we start hear the signals of a terminal even if we
/// were started without: a shell that puts a job into the background has it
/// ignore SIGINT and SIGQUIT, `nohup` SIGHUP, and what is ignored stays ignored
/// in everything below (execve(2)); a program cannot even set a trap then
/// (POSIX, `trap`). What *we* ignored stays without effect on us.
///
/// # Errors
/// The system does not take a handler.
pub fn heed_signals() -> io::Result<()> {
    let ignored = ignored();
    for signal in OF_TERMINALS {
        if ignored & (1 << (signal - 1)) != 0 {
            // Whoever has a handler gets the default back at exec.
            signal_hook::flag::register(signal, Arc::new(AtomicBool::new(false)))?;
        }
    }
    Ok(())
}

/// The signals that this process ignores, a bit for each, the first for signal
/// 1 (proc_pid_status(5), `SigIgn`). None where there is no such file.
fn ignored() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    line.and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok()).unwrap_or_default()
}

#[expect(clippy::disallowed_methods, reason = "our environment was built for the program")]
fn command(program: &str) -> Command {
    Command::new(program)
}
