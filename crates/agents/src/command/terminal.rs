//! A terminal for a command that wants one: the program that stands between
//! it and pipes, which `pilot` runs as the hidden subcommand [`SUBCOMMAND`].
//!
//! It passes bytes on in both directions, ends when the command does, and with
//! its exit code. The command gets the terminal as its controlling one by
//! going through this program a second time (`INSIDE`): there it leads a
//! session, takes the terminal, and becomes the command.
//!
//! **Invariant:** what is echoed, translated or paged is the command's own
//! doing: the terminal starts without echo and without carriage returns, so
//! that the log of a plain program is the same as over a pipe.

use super::screen::Screen;
use crate::pty;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::termios::{LocalModes, OptionalActions, OutputModes, tcgetattr, tcsetattr};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ExitStatus};

/// The hidden subcommand of `pilot` that is this program.
pub const SUBCOMMAND: &str = "agent-terminal";

/// The hidden subcommand that keeps the screen to itself: on the standard output
/// are only lines of JSON, `{"screen":{"link":"https://…"}}` for the address of a
/// session on claude.ai that the screen shows, and `{"screen":{"moves":true}}`
/// now and then while it changes. What the screen showed last is told when the
/// command fails.
pub const QUIET_SUBCOMMAND: &str = "agent-screen";

/// The argument behind it for its second time.
const INSIDE: &str = "--inside";

/// Wide enough that few programs break their lines, and what people have.
const COLUMNS: u16 = 160;
/// As a high window has them.
const ROWS: u16 = 40;

/// How often it is asked whether the command has ended while something it left
/// behind keeps the terminal open: as soon as a person would notice.
const LOOK: Timespec = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };
const AT_ONCE: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };

/// End of input, as a key: Ctrl-D.
const CTRL_D: &[u8] = &[4];

/// What a shell says of a command that cannot be started.
const NOT_STARTED: u8 = 127;

/// The program of [`QUIET_SUBCOMMAND`]; otherwise as [`main`].
pub fn quiet_main(args: &[String]) -> u8 {
    let mut screen = Screen::new(io::stdout());
    let result = relay(args, &mut screen);
    if !matches!(result, Ok(0)) {
        // Whoever reads it may be gone: then the exit code has to do.
        drop(screen.tell_last());
    }
    told(result, args)
}

/// The program; `args` are those after the subcommand: the command and its
/// arguments. Returns the exit code: the command's, 128 and the signal's number
/// if one ended it, or 127 if it could not be started.
pub fn main(args: &[String]) -> u8 {
    let result = match args {
        [inside, program, args @ ..] if inside == INSIDE => Err(pty::lead(program, args)),
        [_, ..] => relay(args, &mut io::stdout().lock()),
        [] => Err(io::Error::new(io::ErrorKind::InvalidInput, "which command?")),
    };
    told(result, args)
}

fn told(result: io::Result<u8>, args: &[String]) -> u8 {
    match result {
        Ok(code) => code,
        Err(error) => {
            let command = args.iter().find(|arg| *arg != INSIDE).map_or("", String::as_str);
            // The exit code says the same, should standard error be gone.
            let told = writeln!(io::stderr(), "{command}: {error}");
            if told.is_ok() { NOT_STARTED } else { NOT_STARTED - 1 }
        }
    }
}

fn relay(args: &[String], out: &mut dyn Write) -> io::Result<u8> {
    if args.is_empty() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "which command?"));
    }
    let (ours, theirs) = open()?;
    let mut child = start(args, &theirs)?;
    // Or we would hold it open ourselves.
    drop(theirs);
    let keys = File::from(ours.try_clone()?);
    // A read cannot be given up: it ends with the input, or with this process.
    std::thread::spawn(move || type_in(io::stdin(), keys));
    let status = show(File::from(ours), &mut child, out)?;
    Ok(code(status))
}

/// Both ends of a new terminal that shows what the command writes and no more.
fn open() -> io::Result<(OwnedFd, OwnedFd)> {
    let (ours, theirs) = pty::open(COLUMNS, ROWS)?;
    let mut modes = tcgetattr(&theirs)?;
    modes.local_modes.remove(LocalModes::ECHO);
    modes.output_modes.remove(OutputModes::ONLCR);
    tcsetattr(&theirs, OptionalActions::Now, &modes)?;
    Ok((ours, theirs))
}

fn start(args: &[String], terminal: &OwnedFd) -> io::Result<Child> {
    pty::again(terminal)?.args([SUBCOMMAND, INSIDE]).args(args).spawn()
}

/// What comes in is typed; its end is Ctrl-D.
fn type_in(mut from: impl Read, mut keys: File) {
    // Either side may be gone: then nothing is left to pass on, and whoever
    // waits for the command's end hears of it there.
    if io::copy(&mut from, &mut keys).is_ok() {
        drop(keys.write_all(CTRL_D));
    }
}

/// Passes on what the command shows, until it has ended.
fn show(mut screen: File, child: &mut Child, out: &mut dyn Write) -> io::Result<ExitStatus> {
    let mut buffer = [0; 16 * 1024];
    loop {
        if wait_for_output(&screen, &LOOK)? {
            match screen.read(&mut buffer) {
                Ok(0) => return child.wait(),
                Ok(read) => {
                    out.write_all(&buffer[..read])?;
                    out.flush()?;
                }
                // Nobody has the terminal open any more.
                Err(error) if pty::is_left(&error) => return child.wait(),
                Err(error) => return Err(error),
            }
        } else if let Some(status) = child.try_wait()?
            // Its last words may have come between the two looks.
            && !wait_for_output(&screen, &AT_ONCE)?
        {
            return Ok(status);
        }
    }
}

/// False if nothing came for so long.
fn wait_for_output(screen: &File, patience: &Timespec) -> io::Result<bool> {
    let screen = screen.as_fd();
    match poll(&mut [PollFd::from_borrowed_fd(screen, PollFlags::IN)], Some(patience)) {
        Ok(ready) => Ok(ready > 0),
        Err(Errno::INTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn code(status: ExitStatus) -> u8 {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    // Both kinds fit; what does not is no success either way.
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(u8::MAX)
}
