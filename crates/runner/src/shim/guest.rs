//! A person's own command in the walls of the run at work: started by somebody
//! on this machine through the run's socket, which carries its three streams.

use super::core::Shim;
use super::steps::word;
use super::walls::SharedWalls;
use crate::shim_socket::{FromShim, GuestStream, ToShim};
use pilot_proto::{Code, Problem};
use pilot_sandbox::{Agent, Exit, Launch};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::ChildStdin;
use tokio::sync::mpsc;

/// Pieces of its streams on their way, in each direction.
const PIECES: usize = 8;
/// As large as a pipe gives at once.
const PIECE: usize = 16 * 1024;
/// For its end when whoever started it hangs up.
const GRACE: Duration = Duration::from_secs(2);

/// A command that wants to be started, and the way back to whoever wants it.
pub(super) struct Guest {
    pub(super) command: Vec<String>,
    pub(super) input: mpsc::Receiver<Vec<u8>>,
    pub(super) back: mpsc::Sender<FromShim>,
}

/// What whoever wants it says to the command. What the command does not read
/// yet is held, and no more is taken until it does.
pub(super) struct Feed {
    input: Option<mpsc::Sender<Vec<u8>>>,
    held: Option<Vec<u8>>,
}

/// Both ends: the command's, what is said to it, and what it says.
pub(super) fn invite(command: Vec<String>) -> (Guest, Feed, mpsc::Receiver<FromShim>) {
    let (input, from_host) = mpsc::channel(PIECES);
    let (back, told) = mpsc::channel(PIECES);
    let feed = Feed { input: Some(input), held: None };
    (Guest { command, input: from_host, back }, feed, told)
}

impl Feed {
    /// It can take more.
    pub(super) fn is_free(&self) -> bool {
        self.held.is_none()
    }

    /// Passes input on. True if the message was for the command.
    pub(super) fn hear(&mut self, message: &ToShim) -> bool {
        match message {
            ToShim::Input { bytes } => {
                self.held = Some(bytes.clone());
                true
            }
            ToShim::InputEnds => {
                self.input = None;
                true
            }
            ToShim::Order { .. }
            | ToShim::Grant { .. }
            | ToShim::Contact { .. }
            | ToShim::Fenced
            | ToShim::Guest { .. }
            | ToShim::Tunnel { .. }
            | ToShim::Watched { .. } => false,
        }
    }

    /// Waits until the command has room for what is held, and gives it. Cancel-safe.
    pub(super) async fn give(&mut self) {
        if let Some(input) = &self.input
            && let Ok(room) = input.reserve().await
        {
            if let Some(bytes) = self.held.take() {
                room.send(bytes);
            }
            return;
        }
        // It reads nothing any more.
        (self.input, self.held) = (None, None);
    }
}

impl Shim {
    /// Somebody on this machine wants a command run where the agent is.
    pub(super) fn let_in(&mut self, guest: Guest) {
        let shown = guest.command.join(" ");
        match &self.walls {
            Some(walls) => {
                self.log.append(&word(format!("A person runs `{shown}` in the walls.")));
                let Some((program, args)) = guest.command.split_first() else { return };
                let launch = Launch {
                    program: program.into(),
                    args: args.iter().map(Into::into).collect(),
                    env: walls.environment(),
                    cwd: self.workspace.dir.tree(),
                };
                self.pipes.spawn(run(walls.clone(), launch, guest));
                // Its changes are seen as they come, and the last of them soon.
                self.diff.want();
            }
            None => {
                let message =
                    "The run has no walls now: its workspace is not there yet, or no more.";
                let problem = Problem::new(Code::Precondition, message);
                // It is told, or has hung up.
                drop(
                    guest.back.try_send(FromShim::GuestGone { code: None, problem: Some(problem) }),
                );
            }
        }
    }
}

async fn run(walls: SharedWalls, launch: Launch, guest: Guest) {
    let Guest { input, back, .. } = guest;
    let ended = match walls.spawn(&launch).await {
        Ok(agent) => attend(agent, input, &back).await,
        Err(error) => FromShim::GuestGone { code: None, problem: Some(error.problem()) },
    };
    // Or whoever started it has hung up.
    drop(back.send(ended).await);
}

async fn attend(
    mut agent: Agent,
    input: mpsc::Receiver<Vec<u8>>,
    back: &mpsc::Sender<FromShim>,
) -> FromShim {
    let (stdin, stdout, stderr) = (agent.stdin.take(), agent.stdout.take(), agent.stderr.take());
    let process = agent.process;
    let exit = {
        let said = async {
            tokio::join!(
                pass(stdout, GuestStream::Out, back),
                pass(stderr, GuestStream::Error, back)
            )
        };
        let run = async { tokio::join!(agent.wait(), said).0 };
        tokio::pin!(run);
        let feed = feed(stdin, input);
        tokio::pin!(feed);
        let mut fed = false;
        loop {
            tokio::select! {
                exit = &mut run => break Some(exit),
                () = back.closed() => break None,
                () = &mut feed, if !fed => fed = true,
            }
        }
    };
    match exit {
        Some(Ok(Exit::Code(code))) => FromShim::GuestGone { code: Some(code), problem: None },
        Some(Ok(Exit::Signal(signal))) => {
            FromShim::GuestGone { code: Some(128 + signal), problem: None }
        }
        Some(Err(error)) => {
            let message = format!("The command cannot be waited for: {error}.");
            let problem = Some(Problem::new(Code::WorkspaceFailed, message));
            FromShim::GuestGone { code: None, problem }
        }
        None => {
            process.ask_to_end();
            if tokio::time::timeout(GRACE, agent.wait()).await.is_err() {
                // It ends with the walls.
                tracing::warn!("a person's command goes on although its terminal is gone");
            }
            FromShim::GuestGone { code: None, problem: None }
        }
    }
}

async fn feed(pipe: Option<ChildStdin>, mut input: mpsc::Receiver<Vec<u8>>) {
    let Some(mut pipe) = pipe else { return };
    while let Some(bytes) = input.recv().await {
        if pipe.write_all(&bytes).await.is_err() {
            return;
        }
    }
}

async fn pass(
    pipe: Option<impl AsyncRead + Unpin>,
    stream: GuestStream,
    back: &mpsc::Sender<FromShim>,
) {
    let Some(mut pipe) = pipe else { return };
    let mut buffer = vec![0; PIECE];
    loop {
        match pipe.read(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(read) => {
                let bytes = buffer[..read].to_vec();
                if back.send(FromShim::GuestSaid { stream, bytes }).await.is_err() {
                    return;
                }
            }
        }
    }
}
