//! A terminal inside the walls for a person: the program between it and the
//! shim, which `pilot` runs as [`COMMAND`].
//!
//! What is typed, and the size, come as frames on its standard
//! input; what is shown goes to its standard output as it is. The shell gets
//! the terminal as its controlling one by going through this program a second
//! time (`LEADER`): there it leads a session, takes the terminal, and becomes
//! the shell.

use crate::frames::{Frame, read_blocking};
use pilot_agents::pty;
use rustix::termios::tcsetwinsize;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::process::Child;

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
        [leader, shell, rest @ ..] if leader == LEADER => Err(pty::lead(shell, rest)),
        [columns, rows, shell @ ..] if !shell.is_empty() => {
            let size = |text: &String| text.parse().map_err(io::Error::other);
            relay(size(columns)?, size(rows)?, shell)
        }
        _ => Err(io::Error::new(io::ErrorKind::InvalidInput, "columns, rows and a shell")),
    }
}

fn relay(columns: u16, rows: u16, shell: &[String]) -> io::Result<()> {
    let (ours, theirs) = pty::open(columns, rows)?;
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

fn start(shell: &[String], terminal: &OwnedFd) -> io::Result<Child> {
    let mut again = pty::again(terminal)?;
    again.args([COMMAND, LEADER]).args(shell).env("COLORTERM", "truecolor").spawn()
}

/// Does what comes in, until nothing comes any more. Then the shim is gone, and
/// with this process the terminal hangs up.
fn type_in(mut keys: File) {
    let mut input = io::stdin().lock();
    while let Ok(Some(frame)) = read_blocking(&mut input) {
        let done = match frame {
            Frame::Bytes(bytes) => keys.write_all(&bytes),
            Frame::Size { columns, rows } => {
                tcsetwinsize(keys.as_fd(), pty::size(columns, rows)).map_err(io::Error::from)
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
            Err(error) if pty::is_left(&error) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
