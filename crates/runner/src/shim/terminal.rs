//! The run's terminal: one shell inside the walls, any number of people who
//! look on, and at most one who types.
//!
//! ```text
//!  visitors ──frames──> this task ──frames──> `pilot inside-terminal` ──pty── shell
//!           <──frames── redacted  <──bytes──
//!                          └──> recording (asciicast), an artifact of the run
//! ```
//!
//! **Invariants:** what is shown passed the run's redactor; whoever reads too
//! slowly is shown out and may come back, where the last of what was shown
//! waits for them; nobody who only looks on can type or resize.

use super::steps::word;
use super::visits::Visitor;
use super::walls::SharedWalls;
use super::workspace::SharedWorkspace;
use crate::clock::SteadyClock;
use crate::frames::{self, Frame};
use crate::inside::terminal;
use pilot_proto::Event;
use pilot_proto::tunnel::{FromTerminal, MAX_TUNNEL_FRAME, ToTerminal};
use pilot_sandbox::{Agent, Launch};
use pilot_secrets::RedactedStream;
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{ChildStdin, ChildStdout};
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};

mod recording;

use recording::Recording;

/// What a terminal is before anybody says otherwise (a VT100 and everything
/// since).
const SIZE: (u16, u16) = (80, 24);
/// What somebody who comes later is shown of what was before: some thousand lines.
const SCROLLBACK: usize = 256 * 1024;
/// Frames that may wait for one visitor: with the largest, 4 MiB.
const WAITING: usize = 64;
/// Visitors at the door.
const AT_THE_DOOR: usize = 8;
/// So long what may be the beginning of a secret waits for its rest: typed
/// letters must not be late for a person's eye.
const QUIET: Duration = Duration::from_millis(25);
/// Tried in this order: what people have, and what every system has.
const SHELL: &str = "if [ -x /bin/bash ]; then exec /bin/bash -l; else exec /bin/sh -l; fi";

/// The way to a terminal.
pub(super) struct Terminal {
    door: mpsc::Sender<Visitor>,
}

impl Terminal {
    /// A terminal, and the work that is it.
    pub(super) fn new(
        workspace: SharedWorkspace,
        walls: SharedWalls,
        clock: SteadyClock,
        words: mpsc::Sender<Event>,
    ) -> (Self, impl Future<Output = ()> + Send + 'static) {
        let (door, visitors) = mpsc::channel(AT_THE_DOOR);
        let work = async move {
            if let Err(error) = work(&workspace, &walls, clock, &words, visitors).await {
                tracing::warn!(%error, "the terminal broke");
                tell(&words, format!("The terminal could not be opened: {error}.")).await;
            }
        };
        (Self { door }, work)
    }

    /// Somebody may still enter.
    pub(super) fn is_open(&self) -> bool {
        !self.door.is_closed()
    }

    /// Brings somebody in; gives them back if it cannot.
    pub(super) fn enter(&self, visitor: Visitor) -> Result<(), Box<Visitor>> {
        self.door.try_send(visitor).map_err(|error| match error {
            mpsc::error::TrySendError::Full(visitor)
            | mpsc::error::TrySendError::Closed(visitor) => Box::new(visitor),
        })
    }
}

async fn tell(words: &mpsc::Sender<Event>, text: String) {
    // Nobody hears it when the run is over.
    words.send(word(text)).await.ok();
}

/// Somebody inside.
struct Guest {
    who: String,
    may_drive: bool,
    out: mpsc::Sender<Frame>,
    reader: AbortHandle,
}

/// What a guest did.
struct Said {
    guest: u64,
    /// None: they have gone.
    frame: Option<Frame>,
}

struct Room<'a> {
    guests: BTreeMap<u64, Guest>,
    counter: u64,
    driver: Option<u64>,
    size: (u16, u16),
    shown: VecDeque<u8>,
    keys: ChildStdin,
    recording: Option<Recording>,
    words: &'a mpsc::Sender<Event>,
    heard: mpsc::Sender<Said>,
    tasks: JoinSet<()>,
}

async fn work(
    workspace: &SharedWorkspace,
    walls: &SharedWalls,
    clock: SteadyClock,
    words: &mpsc::Sender<Event>,
    mut visitors: mpsc::Receiver<Visitor>,
) -> io::Result<()> {
    let mut process = start(workspace, walls).await?;
    let (Some(keys), Some(mut screen)) = (process.stdin.take(), process.stdout.take()) else {
        return Err(io::Error::other("a process without pipes"));
    };
    let (heard, mut said) = mpsc::channel(WAITING);
    let recording = Recording::begin(&workspace.dir.artifacts(), SIZE, clock)
        .inspect_err(|error| tracing::warn!(%error, "the terminal is not recorded"))
        .ok();
    let mut room = Room {
        guests: BTreeMap::new(),
        counter: 0,
        driver: None,
        size: SIZE,
        shown: VecDeque::new(),
        keys,
        recording,
        words,
        heard,
        tasks: JoinSet::new(),
    };
    let mut redacted = workspace.redactor.stream();
    let mut buffer = vec![0; MAX_TUNNEL_FRAME / 2];
    loop {
        tokio::select! {
            Some(visitor) = visitors.recv() => room.enter(visitor).await,
            Some(Said { guest, frame }) = said.recv() => room.heard(guest, frame).await?,
            piece = piece(&mut screen, &mut buffer, !redacted.is_empty()) => match piece? {
                Piece::End => break,
                Piece::Bytes(read) => room.show(&mut redacted, Some(&buffer[..read])),
                Piece::Quiet => room.show(&mut redacted, None),
            },
            Some(_) = room.tasks.join_next() => {}
        }
    }
    room.end("The shell has ended.").await;
    tell(words, "The terminal is closed.".to_owned()).await;
    Ok(())
}

async fn start(workspace: &SharedWorkspace, walls: &SharedWalls) -> io::Result<Agent> {
    let (columns, rows) = SIZE;
    let shell = ["/bin/sh", "-c", SHELL].map(Into::into);
    let size = [columns, rows].map(|size| size.to_string().into());
    let arguments = [terminal::COMMAND.into()].into_iter().chain(size).chain(shell);
    let launch = Launch {
        program: workspace.pilot.clone().into(),
        args: arguments.collect(),
        env: walls.environment(),
        cwd: workspace.dir.tree(),
    };
    walls.spawn(&launch).await.map_err(io::Error::other)
}

enum Piece {
    Bytes(usize),
    Quiet,
    End,
}

/// The next piece of what is shown. Cancel-safe.
async fn piece(screen: &mut ChildStdout, buffer: &mut [u8], held: bool) -> io::Result<Piece> {
    tokio::select! {
        biased;
        read = screen.read(buffer) => Ok(match read? {
            0 => Piece::End,
            read => Piece::Bytes(read),
        }),
        () = tokio::time::sleep(QUIET), if held => Ok(Piece::Quiet),
    }
}

impl Room<'_> {
    async fn enter(&mut self, mut visitor: Visitor) {
        if let Err(error) = visitor.let_in().await {
            tracing::debug!(%error, "a visitor went at the door");
            return;
        }
        self.counter += 1;
        let number = self.counter;
        let Visitor { wish, mut reader, mut writer } = visitor;
        let (out, mut queue) = mpsc::channel::<Frame>(WAITING);
        let heard = self.heard.clone();
        let reader = self.tasks.spawn(async move {
            loop {
                let frame = frames::read(&mut reader).await.unwrap_or_default();
                let gone = frame.is_none();
                if heard.send(Said { guest: number, frame }).await.is_err() || gone {
                    return;
                }
            }
        });
        self.tasks.spawn(async move {
            while let Some(frame) = queue.recv().await {
                if let Err(error) = frames::write(&mut writer, &frame).await {
                    tracing::debug!(%error, "a visitor of the terminal went");
                    return;
                }
            }
        });
        tell(self.words, format!("{} looks at the terminal.", wish.who)).await;
        // The queue is new: the whole of it fits.
        for piece in self.shown.make_contiguous().chunks(MAX_TUNNEL_FRAME / 2) {
            out.try_send(Frame::Bytes(piece.to_vec())).ok();
        }
        self.guests.insert(number, Guest { who: wish.who, may_drive: wish.drive, out, reader });
        if self.driver.is_none() && wish.drive {
            self.give_to(Some(number)).await;
        }
        self.tell_all();
    }

    async fn heard(&mut self, number: u64, frame: Option<Frame>) -> io::Result<()> {
        let Some(frame) = frame else {
            self.leave(number).await;
            return Ok(());
        };
        let drives = self.driver == Some(number);
        match frame {
            Frame::Bytes(bytes) if drives => {
                self.keys.write_all(&Frame::Bytes(bytes).encoded()).await?;
            }
            // Whoever looks on was told so; what they type goes nowhere.
            Frame::Bytes(_) | Frame::Size { .. } => {}
            Frame::Text(text) => match serde_json::from_str(&text) {
                Ok(ToTerminal::Resize { columns, rows }) if drives => {
                    self.resize(columns, rows).await?;
                }
                Ok(ToTerminal::Drive) => {
                    if self.guests.get(&number).is_some_and(|guest| guest.may_drive) && !drives {
                        self.give_to(Some(number)).await;
                    }
                    self.tell_all();
                }
                Ok(ToTerminal::Resize { .. } | ToTerminal::Unknown) => {}
                Err(error) => tracing::debug!(%error, "a visitor said something odd"),
            },
        }
        Ok(())
    }

    async fn resize(&mut self, columns: u16, rows: u16) -> io::Result<()> {
        let bounded = |size: u16| size.clamp(1, ToTerminal::LARGEST);
        let size = (bounded(columns), bounded(rows));
        if size != self.size {
            self.size = size;
            let (columns, rows) = size;
            self.keys.write_all(&Frame::Size { columns, rows }.encoded()).await?;
            self.recording.iter_mut().for_each(|recording| recording.resized(size));
            self.tell_all();
        }
        Ok(())
    }

    async fn leave(&mut self, number: u64) {
        let Some(guest) = self.guests.remove(&number) else { return };
        guest.reader.abort();
        tell(self.words, format!("{} left the terminal.", guest.who)).await;
        if self.driver == Some(number) {
            // To whoever has been here longest.
            let next = self.guests.iter().find(|(_, guest)| guest.may_drive);
            self.give_to(next.map(|(number, _)| *number)).await;
        }
        self.tell_all();
    }

    async fn give_to(&mut self, number: Option<u64>) {
        self.driver = number;
        if let Some(guest) = number.and_then(|number| self.guests.get(&number)) {
            tell(self.words, format!("{} types in the terminal.", guest.who)).await;
        }
    }

    /// Shows what came, or what was held back long enough.
    fn show(&mut self, redacted: &mut RedactedStream, bytes: Option<&[u8]>) {
        let mut text = Vec::new();
        match bytes {
            Some(bytes) => redacted.push(bytes, &mut text),
            None => redacted.pause(&mut text),
        }
        if text.is_empty() {
            return;
        }
        self.recording.iter_mut().for_each(|recording| recording.shown(&text));
        let surplus = (self.shown.len() + text.len()).saturating_sub(SCROLLBACK);
        self.shown.drain(..surplus.min(self.shown.len()));
        self.shown.extend(&text);
        for piece in text.chunks(MAX_TUNNEL_FRAME) {
            self.everybody(|_| Frame::Bytes(piece.to_vec()));
        }
    }

    fn tell_all(&mut self) {
        let driver = self.driver.and_then(|number| self.guests.get(&number));
        let driver = driver.map(|guest| guest.who.clone());
        let (columns, rows) = self.size;
        let viewers = u32::try_from(self.guests.len()).unwrap_or(u32::MAX);
        let drives = self.driver;
        self.everybody(|number| {
            let yours = drives == Some(number);
            text(&FromTerminal::State { columns, rows, driver: driver.clone(), yours, viewers })
        });
    }

    /// To everybody; who does not keep up is shown out.
    fn everybody(&mut self, frame: impl Fn(u64) -> Frame) {
        self.guests.retain(|number, guest| {
            let kept = guest.out.try_send(frame(*number)).is_ok();
            if !kept {
                guest.reader.abort();
            }
            kept
        });
        if self.driver.is_some_and(|driver| !self.guests.contains_key(&driver)) {
            self.driver = None;
        }
    }

    async fn end(mut self, why: &str) {
        self.everybody(|_| text(&FromTerminal::Ended { why: why.to_owned(), again: false }));
        for (_, guest) in std::mem::take(&mut self.guests) {
            guest.reader.abort();
        }
        // The writers end when the last frame is out; who takes nothing is
        // dropped with the set.
        let gone = async { while self.tasks.join_next().await.is_some() {} };
        tokio::time::timeout(Duration::from_secs(2), gone).await.ok();
    }
}

fn text(message: &FromTerminal) -> Frame {
    Frame::Text(serde_json::to_string(message).unwrap_or_default())
}
