//! Runs a child and passes its output on, line by line.

use super::program::{Mailbox, Stop, Voice};
use super::protocol::MARK;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

/// How much of a child's output its tool call is reported with.
const TAIL: usize = 2000;

/// Lines under way between a child and us; then the child waits.
const PIPE: usize = 1024;

/// How long a child that has ended is still listened to when a process it left
/// behind keeps its output open.
const LINGER: Duration = Duration::from_millis(300);

/// How a child went.
pub(super) struct Done {
    /// It exited with 0.
    pub(super) ok: bool,
    /// The end of its output, and its exit code if that is not 0.
    pub(super) output: String,
}

/// `sh -c` in the tree.
pub(super) fn shell(command: &str) -> Command {
    let mut shell = program("sh");
    shell.args(["-c", command]);
    shell
}

/// A program that inherits our environment, which was built for the agent.
#[expect(clippy::disallowed_methods, reason = "this file owns the scripted agent's children")]
pub(super) fn program(name: &str) -> Command {
    Command::new(name)
}

/// Runs it in the tree. An interrupt kills it with all of its process group.
pub(super) fn run(
    mut command: Command,
    tree: &Path,
    voice: &mut Voice<'_>,
    mailbox: &Mailbox,
) -> Result<Done, Stop> {
    command
        .current_dir(tree)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0);
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => return Ok(Done { ok: false, output: error.to_string() }),
    };
    let (sender, lines) = sync_channel(PIPE);
    forward(child.stdout.take(), false, sender.clone());
    forward(child.stderr.take(), true, sender);
    let tail = listen(&mut child, &lines, voice, mailbox);
    if tail.is_err() {
        kill(&mut child);
    }
    let mut output = tail?;
    let status = child.wait()?;
    if !status.success() {
        output.push_str(&format!("({status})"));
    }
    Ok(Done { ok: status.success(), output })
}

/// A line of a child, and whether it came on standard error.
type Spoken = (bool, Vec<u8>);

fn forward(pipe: Option<impl Read + Send + 'static>, error: bool, lines: SyncSender<Spoken>) {
    let Some(pipe) = pipe else { return };
    std::thread::spawn(move || {
        let mut pipe = BufReader::new(pipe);
        let mut line = Vec::new();
        while pipe.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
            if lines.send((error, std::mem::take(&mut line))).is_err() {
                return;
            }
        }
    });
}

fn listen(
    child: &mut Child,
    lines: &Receiver<Spoken>,
    voice: &mut Voice<'_>,
    mailbox: &Mailbox,
) -> Result<String, Stop> {
    let mut tail = String::new();
    let mut ended: Option<Instant> = None;
    loop {
        mailbox.interrupted()?;
        // What was said is passed on before we wait for more: a child that
        // speaks steadily is heard as it speaks.
        let line = match lines.try_recv() {
            Ok(line) => Ok(line),
            Err(_) => {
                voice.out.flush()?;
                lines.recv_timeout(Duration::from_millis(20))
            }
        };
        match line {
            Ok((error, line)) => speak(voice, error, &line, &mut tail)?,
            Err(RecvTimeoutError::Disconnected) => return Ok(tail),
            Err(RecvTimeoutError::Timeout) => {
                if ended.is_none() && child.try_wait()?.is_some() {
                    ended = Some(Instant::now());
                }
                if ended.is_some_and(|ended| ended.elapsed() > LINGER) {
                    return Ok(tail);
                }
            }
        }
    }
}

fn speak(voice: &mut Voice<'_>, error: bool, line: &[u8], tail: &mut String) -> Result<(), Stop> {
    let text = String::from_utf8_lossy(line);
    // A child must not speak our protocol.
    let text = text.trim_end_matches('\n').trim_start_matches(MARK);
    if error {
        writeln!(voice.err, "{text}")?;
    } else {
        writeln!(voice.out, "{text}")?;
    }
    tail.push_str(text);
    tail.push('\n');
    if tail.len() > 2 * TAIL {
        let cut = tail.len() - TAIL;
        let cut = (cut..tail.len()).find(|at| tail.is_char_boundary(*at)).unwrap_or(tail.len());
        tail.drain(..cut);
    }
    Ok(())
}

fn kill(child: &mut Child) {
    let group = rustix::process::Pid::from_child(child);
    // Gone already is as good; what escaped the group is the sandbox's to find.
    let signalled = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    if signalled.is_err() && child.kill().is_err() {
        return;
    }
    // Reaped, so that no zombie outlives the turn.
    drop(child.wait());
}
