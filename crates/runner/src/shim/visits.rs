//! Who comes through a tunnel: to the run's terminal, its screen, or a port
//! inside.
//!
//! A visitor arrives on the shim's socket by way of the daemon, is let in or
//! told why not, and speaks in [`frames`] from then on.
//!
//! **Invariant:** visitors are owned by the shim and end with the walls; none
//! holds the run up.

use super::screen::{Attachment, Recordings, Screen, Surroundings, Use, Wheel, attach};
use super::terminal::Terminal;
use super::walls::SharedWalls;
use super::workspace::SharedWorkspace;
use crate::clock::SteadyClock;
use crate::frames::{self, Frame};
use crate::inside::port;
use crate::shim_socket::{self, FromShim};
use pilot_proto::tunnel::{FromTerminal, MAX_TUNNEL_FRAME, TunnelEnd, TunnelWish};
use pilot_proto::{Code, Event, Problem, Timestamp};
use pilot_sandbox::Launch;
use std::io;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// A visitor of a page has a handful of connections to a port; a hundred is a
/// load test, which does not belong here.
const MOST: usize = 64;
/// How long a word to a visitor may take to be taken.
const PATIENCE: Duration = Duration::from_secs(10);

/// Somebody who came through a tunnel.
pub(super) struct Visitor {
    pub(super) wish: TunnelWish,
    pub(super) reader: BufReader<OwnedReadHalf>,
    pub(super) writer: OwnedWriteHalf,
}

impl Visitor {
    /// Lets them in: frames follow.
    pub(super) async fn let_in(&mut self) -> io::Result<()> {
        self.writer.write_all(&shim_socket::line(&FromShim::Opened)?).await
    }

    pub(super) async fn refuse(mut self, problem: Problem) {
        let told = async {
            let line = shim_socket::line(&FromShim::Refused { problem })?;
            self.writer.write_all(&line).await
        };
        if !matches!(tokio::time::timeout(PATIENCE, told).await, Ok(Ok(()))) {
            tracing::debug!("a visitor went before they were told");
        }
    }
}

/// All visitors, and what they came to.
pub(super) struct Visits {
    workspace: SharedWorkspace,
    clock: SteadyClock,
    tasks: JoinSet<()>,
    terminal: Option<Terminal>,
    screen: Option<Screen>,
    wheel: Wheel,
    recordings: Recordings,
    /// The server that is the screen, if it is not the run's own.
    attachment: Attachment,
    /// What goes into the run's journal.
    words: mpsc::Sender<Event>,
}

impl Visits {
    pub(super) fn new(
        workspace: SharedWorkspace,
        clock: SteadyClock,
        words: mpsc::Sender<Event>,
    ) -> Self {
        Self {
            recordings: Recordings::of(workspace.dir.clone()),
            workspace,
            clock,
            tasks: JoinSet::new(),
            terminal: None,
            screen: None,
            wheel: Wheel::default(),
            attachment: Attachment::new(None),
            words,
        }
    }

    /// Lets somebody in, or tells them why not.
    pub(super) fn receive(&mut self, visitor: Visitor, walls: Option<SharedWalls>) {
        while self.tasks.try_join_next().is_some() {}
        let refused = match (&visitor.wish.to, walls) {
            _ if self.tasks.len() >= MOST => busy(),
            (TunnelEnd::Terminal, Some(walls)) => return self.bring_to_terminal(visitor, walls),
            (TunnelEnd::Port { port }, Some(walls)) if visitor.wish.drive => {
                let port = *port;
                let workspace = self.workspace.clone();
                self.tasks.spawn(async move { to_port(visitor, port, &workspace, &walls).await });
                return;
            }
            (TunnelEnd::Port { .. }, Some(_)) => looks_on(),
            (TunnelEnd::Screen, Some(walls)) => return self.bring_to_screen(visitor, walls),
            (TunnelEnd::Attach { server }, Some(_)) if visitor.wish.drive => {
                let server = server.clone();
                self.tasks.spawn(attach(visitor, server, self.attachment.clone()));
                return;
            }
            (TunnelEnd::Attach { .. }, Some(_)) => looks_on(),
            (
                TunnelEnd::Terminal
                | TunnelEnd::Screen
                | TunnelEnd::Port { .. }
                | TunnelEnd::Attach { .. },
                None,
            ) => no_walls(),
            (TunnelEnd::Unknown(_), _) => unknown(),
        };
        self.tasks.spawn(visitor.refuse(refused));
    }

    fn bring_to_terminal(&mut self, visitor: Visitor, walls: SharedWalls) {
        let open = self.terminal.as_ref().filter(|terminal| terminal.is_open());
        let visitor = match open {
            Some(terminal) => match terminal.enter(visitor) {
                Ok(()) => return,
                Err(visitor) if terminal.is_open() => {
                    self.tasks.spawn(visitor.refuse(busy()));
                    return;
                }
                // It ended just now.
                Err(visitor) => *visitor,
            },
            None => visitor,
        };
        let (workspace, words) = (self.workspace.clone(), self.words.clone());
        let (terminal, work) = Terminal::new(workspace, walls, self.clock, words);
        if let Err(visitor) = terminal.enter(visitor) {
            self.tasks.spawn(visitor.refuse(busy()));
        }
        self.tasks.spawn(work);
        self.terminal = Some(terminal);
    }

    fn bring_to_screen(&mut self, visitor: Visitor, walls: SharedWalls) {
        if let Err(visitor) = self.screen(walls).enter(visitor) {
            self.tasks.spawn(visitor.refuse(busy()));
        }
    }

    /// The agent uses the screen.
    pub(super) fn use_screen(&mut self, call: Use, walls: Option<SharedWalls>) {
        if let Some(refusal) = self.wheel.refusal() {
            return call.refuse(&refusal);
        }
        let Some(walls) = walls else { return call.refuse(&no_walls().message) };
        if let Err(call) = self.screen(walls).bring(call) {
            call.refuse("The screen is busy: make one call at a time.");
        }
    }

    /// The run's screen; a new one where there is none, or none any more.
    fn screen(&mut self, walls: SharedWalls) -> &Screen {
        let open = self.screen.take().filter(Screen::is_open);
        let screen = open.unwrap_or_else(|| {
            let (screen, work) = Screen::new(Surroundings {
                workspace: self.workspace.clone(),
                walls,
                clock: self.clock,
                wheel: self.wheel.clone(),
                recordings: self.recordings.clone(),
                attachment: self.attachment.clone(),
                words: self.words.clone(),
            });
            self.tasks.spawn(work);
            screen
        });
        self.screen.insert(screen)
    }

    /// From now on this person drives the screen; none: the agent may.
    pub(super) fn drives(&self, who: Option<String>) {
        self.wheel.give(who, self.clock.now());
    }

    /// When the one who drives last touched anything, if that is news.
    pub(super) fn touched(&self) -> Option<Timestamp> {
        self.wheel.touched()
    }

    /// The artifacts are looked at for the last time.
    pub(super) fn collect(&self) {
        self.recordings.publish_all();
    }

    /// Ends every visit: the walls come down.
    pub(super) fn end(&mut self) {
        self.terminal = None;
        self.screen = None;
        self.tasks.abort_all();
    }
}

async fn to_port(visitor: Visitor, port: u16, workspace: &SharedWorkspace, walls: &SharedWalls) {
    if let Err(error) = splice(visitor, port, workspace, walls).await {
        tracing::debug!(%error, port, "a connection to a port broke");
    }
}

async fn splice(
    mut visitor: Visitor,
    port: u16,
    workspace: &SharedWorkspace,
    walls: &SharedWalls,
) -> io::Result<()> {
    let launch = Launch {
        program: workspace.pilot.clone().into(),
        args: vec![port::COMMAND.into(), port.to_string().into()],
        env: workspace.environment(),
        cwd: workspace.dir.tree(),
    };
    let mut process = match walls.spawn(&launch).await {
        Ok(process) => process,
        Err(error) => {
            visitor.refuse(error.problem()).await;
            return Ok(());
        }
    };
    visitor.let_in().await?;
    let Visitor { mut reader, mut writer, .. } = visitor;
    let (Some(mut stdin), Some(mut stdout), Some(mut stderr)) =
        (process.stdin.take(), process.stdout.take(), process.stderr.take())
    else {
        return Err(io::Error::other("a process without pipes"));
    };
    let feed = async {
        while let Some(frame) = frames::read(&mut reader).await? {
            match frame {
                // The end of one direction is an empty frame.
                Frame::Bytes(bytes) if bytes.is_empty() => break,
                Frame::Bytes(bytes) => stdin.write_all(&bytes).await?,
                Frame::Text(_) | Frame::Size { .. } => {}
            }
        }
        drop(stdin);
        Ok::<(), io::Error>(())
    };
    let show = async {
        let mut buffer = vec![0; MAX_TUNNEL_FRAME];
        loop {
            let read = stdout.read(&mut buffer).await?;
            frames::write(&mut writer, &Frame::Bytes(buffer[..read].to_vec())).await?;
            if read == 0 {
                break;
            }
        }
        let mut why = String::new();
        (&mut stderr).take(1000).read_to_string(&mut why).await?;
        if !why.is_empty() {
            let ended = FromTerminal::Ended { why: why.trim().to_owned(), again: false };
            frames::write(&mut writer, &Frame::Text(serde_json::to_string(&ended)?)).await?;
        }
        Ok::<(), io::Error>(())
    };
    // Whoever asked has gone, or the answer is at its end.
    let result = tokio::select! {
        shown = show => shown,
        fed = async { feed.await?; std::future::pending().await } => fed,
    };
    process.process.ask_to_end();
    result
}

fn busy() -> Problem {
    let message = format!("The run has {MOST} tunnels already.");
    Problem::new(Code::Precondition, message).hint("Close one, then try again.")
}

fn looks_on() -> Problem {
    Problem::new(
        Code::Forbidden,
        "Whoever only looks on may neither reach a port of the run nor change its screen.",
    )
}

fn no_walls() -> Problem {
    Problem::new(
        Code::Precondition,
        "The run's workspace does not stand: it is being made, or it is gone already.",
    )
    .hint("A terminal opens while the run sets up or works.")
}

fn unknown() -> Problem {
    Problem::new(Code::Version, "This runner does not know where that tunnel is to end.")
        .hint("Update `pilot` on the runner.")
}
