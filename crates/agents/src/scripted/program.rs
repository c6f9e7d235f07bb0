//! The scripted agent's program: reads turns, carries them out, says how they
//! went. The one place of this room that does IO.

use super::act::{Account, Turn};
use super::protocol::{FromProgram, MARK, ToProgram};
use super::{DEMO, HELP};
use pilot_proto::event::TurnEnd;
use pilot_proto::inbox::{Answer, Ask};
use pilot_proto::{Code, Event, Mode, Problem};
use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

/// How often a wait looks whether it was interrupted: fast enough for a
/// person, and nothing beside an idle process' cost.
const LOOK: Duration = Duration::from_millis(20);

/// The program on this process' own standard streams, in its working
/// directory; `args` are those after the subcommand. Returns the exit code.
pub fn main(args: &[String]) -> u8 {
    match args {
        [] => {}
        [help] if help == "--help" || help == "-h" => {
            return u8::from(io::stdout().write_all(HELP.as_bytes()).is_err());
        }
        [unknown, ..] => {
            let complaint = format!("unknown argument `{unknown}`; see --help\n");
            // Exit code 2 says the same, should standard error be gone.
            return if io::stderr().write_all(complaint.as_bytes()).is_ok() { 2 } else { 3 };
        }
    }
    let stdin = BufReader::new(io::stdin());
    run(stdin, &mut io::stdout(), &mut io::stderr(), Path::new("."))
}

/// The program: ends when `stdin` does and the turn is over. Returns its exit
/// code: 0, that of an `exit` command, or 1 if its output went nowhere.
pub fn run(
    stdin: impl BufRead + Send + 'static,
    stdout: &mut dyn Write,
    stderr: &mut dyn Write,
    tree: &Path,
) -> u8 {
    let mut voice = Voice { out: BufWriter::with_capacity(1 << 16, stdout), err: stderr };
    let mut mailbox = Mailbox::open(stdin);
    match turns(&mut voice, &mut mailbox, tree) {
        Ok(()) => 0,
        Err(Stop::Exit(code)) => code,
        Err(Stop::Deaf(error)) => {
            // Whoever reads neither stream still gets the exit code.
            let told = writeln!(voice.err, "cannot write to standard output: {error}");
            if told.is_ok() { 1 } else { 3 }
        }
        // Ends of a turn, not of the program.
        Err(Stop::Interrupted | Stop::Failed(_)) => 1,
    }
}

fn turns(voice: &mut Voice<'_>, mailbox: &mut Mailbox, tree: &Path) -> Result<(), Stop> {
    voice.tell(&FromProgram::Started { version: env!("CARGO_PKG_VERSION").to_owned() })?;
    let mut number = 0;
    while let Some((prompt, mode, ruled)) = mailbox.next_turn() {
        number += 1;
        let mut turn = Turn::new(voice, mailbox, tree, (mode, ruled), number);
        let outcome = turn.carry_out(&script(prompt, tree));
        let Account { denials, usage, summary } = turn.account();
        let (end, problem) = match outcome {
            Ok(()) => (TurnEnd::Completed, None),
            Err(Stop::Interrupted) => (TurnEnd::Interrupted, None),
            Err(Stop::Failed(message)) => {
                (TurnEnd::Error, Some(Problem::new(Code::AgentFailed, message)))
            }
            Err(stop @ (Stop::Exit(_) | Stop::Deaf(_))) => {
                voice.out.flush()?;
                return Err(stop);
            }
        };
        voice.tell(&FromProgram::TurnEnded { end, usage, denials, summary, problem })?;
    }
    Ok(())
}

fn script(prompt: String, tree: &Path) -> String {
    if prompt.trim().is_empty() {
        // Missing or unreadable: then an empty prompt is what it is.
        std::fs::read_to_string(tree.join(DEMO)).unwrap_or_default()
    } else {
        prompt
    }
}

/// Why a turn does not go on.
#[derive(Debug)]
pub(super) enum Stop {
    /// A person interrupted it.
    Interrupted,
    /// The script says it fails.
    Failed(String),
    /// The script says the process ends.
    Exit(u8),
    /// Nobody reads our output.
    Deaf(io::Error),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Deaf(error)
    }
}

/// The program's output.
pub(super) struct Voice<'a> {
    pub(super) out: BufWriter<&'a mut dyn Write>,
    pub(super) err: &'a mut dyn Write,
}

impl Voice<'_> {
    /// A protocol line; flushed, because somebody waits for it.
    pub(super) fn tell(&mut self, message: &FromProgram) -> io::Result<()> {
        let json = serde_json::to_string(message)?;
        writeln!(self.out, "{MARK}{json}")?;
        self.out.flush()
    }

    pub(super) fn event(&mut self, event: Event) -> io::Result<()> {
        self.tell(&FromProgram::Event { event })
    }
}

/// What was said to the program. A thread reads, because a read cannot be
/// given up; it ends with the input, or with the process.
pub(super) struct Mailbox {
    letters: Receiver<ToProgram>,
    interrupted: Arc<AtomicBool>,
    turns: VecDeque<(String, Mode, bool)>,
}

impl Mailbox {
    fn open(stdin: impl BufRead + Send + 'static) -> Self {
        let (sender, letters) = channel();
        let interrupted = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&interrupted);
        std::thread::spawn(move || read(stdin, &sender, &flag));
        Self { letters, interrupted, turns: VecDeque::new() }
    }

    pub(super) fn interrupted(&self) -> Result<(), Stop> {
        if self.interrupted.load(Ordering::SeqCst) { Err(Stop::Interrupted) } else { Ok(()) }
    }

    /// The next turn's prompt, its mode, and whether it asks in any; none at the
    /// end of the input.
    fn next_turn(&mut self) -> Option<(String, Mode, bool)> {
        loop {
            if let Some(turn) = self.turns.pop_front() {
                return Some(turn);
            }
            match self.letters.recv().ok()? {
                ToProgram::Say { text, mode, ruled } => return Some((text, mode, ruled)),
                // Too late: what it was meant for is over.
                ToProgram::Answer { .. } | ToProgram::Interrupt => {}
            }
        }
    }

    pub(super) fn wait_until(&self, end: Instant) -> Result<(), Stop> {
        loop {
            self.interrupted()?;
            match end.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
                Some(left) => std::thread::sleep(left.min(LOOK)),
                None => return Ok(()),
            }
        }
    }

    /// Waits until `ready` says so.
    pub(super) fn wait(&self, ready: impl Fn() -> bool) -> Result<(), Stop> {
        while !ready() {
            self.wait_until(Instant::now() + LOOK)?;
        }
        self.interrupted()
    }

    /// Asks and waits; no answer if nobody is there any more.
    pub(super) fn ask(
        &mut self,
        voice: &mut Voice<'_>,
        key: String,
        ask: Ask,
    ) -> Result<Option<Answer>, Stop> {
        voice.tell(&FromProgram::Ask { key: key.clone(), ask })?;
        loop {
            if let Err(stop) = self.interrupted() {
                voice.tell(&FromProgram::Withdraw { key })?;
                return Err(stop);
            }
            match self.letters.recv_timeout(LOOK) {
                Ok(ToProgram::Answer { key: to, answer }) if to == key => return Ok(Some(answer)),
                Ok(ToProgram::Answer { .. } | ToProgram::Interrupt)
                | Err(RecvTimeoutError::Timeout) => {}
                Ok(ToProgram::Say { text, mode, ruled }) => {
                    self.turns.push_back((text, mode, ruled))
                }
                Err(RecvTimeoutError::Disconnected) => {
                    voice.tell(&FromProgram::Withdraw { key })?;
                    return Ok(None);
                }
            }
        }
    }
}

fn read(stdin: impl BufRead, letters: &Sender<ToProgram>, interrupted: &AtomicBool) {
    for line in stdin.lines() {
        let Ok(line) = line else { return };
        // A line of a newer driver is not for us.
        let Ok(letter) = serde_json::from_str(&line) else { continue };
        // Set here and not where letters are opened: a turn in the middle of
        // a million lines opens none, and the next turn must not see an old one.
        match &letter {
            ToProgram::Interrupt => interrupted.store(true, Ordering::SeqCst),
            ToProgram::Say { .. } => interrupted.store(false, Ordering::SeqCst),
            ToProgram::Answer { .. } => {}
        }
        if letters.send(letter).is_err() {
            return;
        }
    }
}
