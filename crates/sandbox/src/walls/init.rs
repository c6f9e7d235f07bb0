//! The owner's side of the init: started, greeted, and asked for commands.

use super::WallsError;
use crate::environment::RUN_VARIABLE;
use crate::process::Process;
use crate::spawn::{Agent, Exit, Launch, SpawnError};
use crate::wire::{self, Ceilings, Facts, Greeting, Note, Order, Outcome, Tier, Wanted};
use pilot_proto::RunId;
use rustix::net::{AddressFamily, SocketFlags, SocketType};
use std::ffi::OsString;
use std::io::{self, pipe};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream as StdUnixStream;
use std::process::{ChildStderr, ChildStdin, ChildStdout, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use std::{fs, mem};
use tokio::io::{AsyncReadExt, AsyncWriteExt, Interest};
use tokio::net::UnixStream;
use tokio::process::{Child, Command};
use tokio::task::JoinSet;
use tokio::time::timeout;

/// Raising takes some 20 ms; a machine that is busy with other things gets its
/// time, a person does not wait forever.
const READY: Duration = Duration::from_secs(60);
/// Starting a command takes a few milliseconds, with the same patience.
const STARTED: Duration = Duration::from_secs(60);
/// The init gives up after 14 s.
const CLEARED: Duration = Duration::from_secs(30);
/// The end of what the init and bubblewrap say, kept for the error.
const SAID: usize = 4096;
/// How much sooner than the init a command is ended when memory runs out, of
/// 1000: it should be the one that used it up.
const EXPENDABLE: &str = "500";

#[derive(Debug)]
pub(super) struct Init {
    control: UnixStream,
    /// Held from a question to its answer.
    asking: tokio::sync::Mutex<()>,
    pub(super) process: Process,
}

pub(super) struct Start {
    pub(super) run: RunId,
    pub(super) program: OsString,
    pub(super) args: Vec<OsString>,
    pub(super) tier: Tier,
    pub(super) ceilings: Ceilings,
    pub(super) gates: Vec<OwnedFd>,
}

/// Starts the init and waits until it is ready. What it says on its standard
/// error is read by a task.
pub(super) async fn start(
    start: Start,
    tasks: &mut JoinSet<()>,
) -> Result<(Init, Child, Facts), WallsError> {
    let (control, theirs) = rustix::net::socketpair(
        AddressFamily::UNIX,
        SocketType::SEQPACKET,
        SocketFlags::CLOEXEC,
        None,
    )
    .map_err(|error| WallsError::Init(error.into()))?;
    let said = Arc::new(Mutex::new(Vec::new()));
    let Start { run, program, args, tier, ceilings, gates } = start;
    let mut child = spawn(run, &program, &args, theirs)?;
    if let Some(stderr) = child.stderr.take() {
        tasks.spawn(listen(stderr, Arc::clone(&said)));
    }
    let greeting = Order::Greet(Greeting { tier, ceilings });
    let ready = async {
        let control = wire::polled(control)?;
        let gates: Vec<BorrowedFd<'_>> = gates.iter().map(AsFd::as_fd).collect();
        wire::send_packet(&control, &greeting, &gates)?;
        let answer = wire::next_packet(&control).await?;
        io::Result::Ok((control, answer))
    };
    let answer = match timeout(READY, ready).await {
        Ok(Ok((control, Some((Note::Ready(facts), descriptors))))) => {
            let process = descriptors.first().and_then(named).ok_or_else(lost)?;
            let asking = tokio::sync::Mutex::default();
            return Ok((Init { control, asking, process }, child, facts));
        }
        Ok(Ok((_, Some((Note::Refused(why), _))))) => why,
        Ok(Ok((_, Some((Note::Cleared(_), _)) | None)) | Err(_)) => String::new(),
        Err(_elapsed) => format!("it was not ready after {} s", READY.as_secs()),
    };
    // Its words come before its end.
    child.start_kill().ok();
    child.wait().await.ok();
    timeout(CLEARED, tasks.join_next()).await.ok();
    let said = mem::take(&mut *said.lock().unwrap_or_else(PoisonError::into_inner));
    let said = String::from_utf8_lossy(&said);
    Err(WallsError::Start { said: format!("{answer} {}", said.trim()).trim().to_owned() })
}

fn spawn(
    run: RunId,
    program: &OsString,
    args: &[OsString],
    control: OwnedFd,
) -> Result<Child, WallsError> {
    Command::new(program)
        .args(args)
        .env_clear()
        .env(RUN_VARIABLE, run.to_string())
        .current_dir("/")
        .stdin(Stdio::from(control))
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        // A signal to our own group is not meant for it.
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| WallsError::Start { said: format!("{}: {error}", program.display()) })
}

async fn listen(mut stderr: tokio::process::ChildStderr, said: Arc<Mutex<Vec<u8>>>) {
    let mut buffer = [0; 1024];
    while let Ok(length @ 1..) = stderr.read(&mut buffer).await {
        let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
        said.extend_from_slice(&buffer[..length]);
        let excess = said.len().saturating_sub(SAID);
        said.drain(..excess);
    }
}

fn lost() -> WallsError {
    WallsError::Init(io::Error::new(io::ErrorKind::NotFound, "`/proc` does not show the init"))
}

/// The process behind a descriptor, by the number that it has here: the kernel
/// says it, so the init cannot make one up.
fn named(descriptor: &OwnedFd) -> Option<Process> {
    use std::os::fd::AsRawFd;
    let path = format!("/proc/self/fdinfo/{}", descriptor.as_raw_fd());
    let text = fs::read_to_string(path).ok()?;
    let number = text.lines().find_map(|line| line.strip_prefix("Pid:"))?;
    Process::of(number.trim().parse().ok()?)
}

impl Init {
    /// Ends everything inside.
    pub(super) async fn clear(&self) -> io::Result<usize> {
        let _asking = self.asking.lock().await;
        wire::send_packet(&self.control, &Order::Clear, &[])?;
        let answer = async {
            loop {
                match wire::next_packet(&self.control).await? {
                    Some((Note::Cleared(left), _)) => return Ok(left),
                    Some((Note::Ready(_) | Note::Refused(_), _)) => {}
                    None => return Err(io::ErrorKind::UnexpectedEof.into()),
                }
            }
        };
        timeout(CLEARED, answer).await.unwrap_or_else(|elapsed| Err(elapsed.into()))
    }

    pub(super) async fn spawn(&self, launch: &Launch) -> Result<Agent, SpawnError> {
        let program = || launch.program.to_string_lossy().into_owned();
        let begun = timeout(STARTED, self.begin(launch)).await;
        match begun.unwrap_or_else(|elapsed| Err(elapsed.into())) {
            Ok(Begun::Running(agent)) => Ok(*agent),
            Ok(Begun::Not(Outcome::Directory)) => {
                Err(SpawnError::Directory { path: launch.cwd.clone() })
            }
            Ok(Begun::Not(Outcome::Missing(number))) => {
                let source = io::Error::from_raw_os_error(number);
                Err(SpawnError::Missing { program: program(), source })
            }
            Ok(Begun::Not(Outcome::Failed(number))) => {
                let source = io::Error::from_raw_os_error(number);
                Err(SpawnError::Start { program: program(), source })
            }
            Ok(Begun::Not(Outcome::Started | Outcome::Exited(_) | Outcome::Killed(_))) => {
                let source = io::Error::other("the init's answer makes no sense");
                Err(SpawnError::Start { program: program(), source })
            }
            Err(source) => Err(SpawnError::Walls { program: program(), source }),
        }
    }

    async fn begin(&self, launch: &Launch) -> io::Result<Begun> {
        let (ours, theirs) = StdUnixStream::pair()?;
        ours.set_nonblocking(true)?;
        let mut ours = UnixStream::from_std(ours)?;
        let ((stdin, our_stdin), (our_stdout, stdout), (our_stderr, stderr)) =
            (pipe()?, pipe()?, pipe()?);
        let theirs = [theirs.as_fd(), stdin.as_fd(), stdout.as_fd(), stderr.as_fd()];
        self.order(&Order::Spawn, &theirs).await?;
        drop((stdin, stdout, stderr));
        let wanted = serde_json::to_vec(&wanted(launch))?;
        let length = u32::try_from(wanted.len()).ok().filter(|_| wanted.len() <= wire::MAX_WANTED);
        let length = length.ok_or_else(|| io::Error::from_raw_os_error(libc::E2BIG))?;
        ours.write_u32(length).await?;
        ours.write_all(&wanted).await?;
        let mut answers = Answers { socket: ours, read: Vec::new(), with: Vec::new() };
        let outcome = answers.next().await?;
        if !matches!(outcome, Outcome::Started) {
            return Ok(Begun::Not(outcome));
        }
        let gone = || io::Error::new(io::ErrorKind::NotFound, "`/proc` does not show the process");
        let process = answers.with.first().and_then(named);
        answers.with.clear();
        let process = process.ok_or_else(gone)?;
        // It is kept in the process table until this byte.
        answers.socket.write_all(b"!").await?;
        // Best effort: it may be gone already, or nobody may change it here.
        fs::write(format!("/proc/{}/oom_score_adj", process.pid), EXPENDABLE).ok();
        let stdin =
            tokio::process::ChildStdin::from_std(ChildStdin::from(OwnedFd::from(our_stdin)))?;
        let stdout =
            tokio::process::ChildStdout::from_std(ChildStdout::from(OwnedFd::from(our_stdout)))?;
        let stderr =
            tokio::process::ChildStderr::from_std(ChildStderr::from(OwnedFd::from(our_stderr)))?;
        let command = Inner { answers, exit: None };
        Ok(Begun::Running(Box::new(Agent::inside(stdin, stdout, stderr, process, command))))
    }

    /// The socket's queue may be full for a moment.
    async fn order(&self, order: &Order, with: &[BorrowedFd<'_>]) -> io::Result<()> {
        loop {
            match wire::send_packet(&self.control, order, with) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                sent => return sent,
            }
        }
    }
}

enum Begun {
    Running(Box<Agent>),
    Not(Outcome),
}

fn wanted(launch: &Launch) -> Wanted {
    let own =
        |(name, value): (&std::ffi::OsStr, &std::ffi::OsStr)| (name.to_owned(), value.to_owned());
    Wanted {
        program: launch.program.clone(),
        args: launch.args.clone(),
        env: launch.env.iter().map(own).collect(),
        cwd: launch.cwd.clone(),
    }
}

/// What the init says about one command, line by line.
#[derive(Debug)]
struct Answers {
    socket: UnixStream,
    read: Vec<u8>,
    with: Vec<OwnedFd>,
}

impl Answers {
    /// The next one. Cancel-safe: what was read stays.
    async fn next(&mut self) -> io::Result<Outcome> {
        loop {
            if let Some(end) = self.read.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.read.drain(..=end).collect();
                return Ok(serde_json::from_slice(&line)?);
            }
            let mut buffer = [0; 256];
            let socket = &self.socket;
            let (length, with) = socket
                .async_io(Interest::READABLE, || wire::receive(socket.as_fd(), &mut buffer))
                .await?;
            if length == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.read.extend_from_slice(&buffer[..length]);
            self.with.extend(with);
        }
    }
}

/// A command inside; dropping it ends the command's process group.
#[derive(Debug)]
pub(crate) struct Inner {
    answers: Answers,
    exit: Option<Exit>,
}

impl Inner {
    /// Waits for its end. Cancel-safe; can be asked again.
    pub(crate) async fn wait(&mut self) -> io::Result<Exit> {
        while self.exit.is_none() {
            match self.answers.next().await {
                Ok(outcome) => self.exit = outcome.exit(),
                // The walls fell, and everything in them is dead.
                Err(error) if error.kind() == io::ErrorKind::InvalidData => return Err(error),
                Err(_) => self.exit = Some(Exit::Signal(libc::SIGKILL)),
            }
        }
        self.exit.ok_or_else(|| io::ErrorKind::InvalidData.into())
    }
}
