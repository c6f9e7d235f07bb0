//! The init inside the walls: it confines itself, starts the commands that
//! the walls' owner asks for, and reaps what they leave behind.
//!
//! A program becomes one by calling [`enter`] first of all, then setting up
//! what the commands need (listeners of the gate on ports 53, 80, 443 …), then
//! awaiting [`Inside::serve`]:
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let entered = pilot_sandbox::inside::enter()?; // before any thread
//! let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
//! runtime.block_on(async {
//!     let gates = entered.gates; // the descriptors of `Plan::gates`
//!     // … listen, and forward to `gates` in tasks of a `JoinSet` …
//!     entered.inside.serve().await
//! })?;
//! # Ok(()) }
//! ```
//!
//! **Invariants:** no command can reach the owner's socket (it has no path,
//! is closed on `exec`, and the init cannot be traced or looked into by its
//! user). The init itself never waits for a child by number: the reaper takes
//! them all, so nothing else in the program may start processes.

mod capabilities;
mod command;
mod confine;
mod reaper;
pub(crate) mod rules;
mod seccomp;

pub use capabilities::drop_capabilities;

use crate::wire::{self, Facts, Note, Order, Tier};
use reaper::Reaper;
use rustix::net::sockopt;
use rustix::process::PidfdFlags;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::UnixStream;
use tokio::task::JoinSet;

pub(crate) use confine::LOW_PORTS;
pub(crate) use rules::Landlock;

/// Commands at one moment; each costs the init a task and two descriptors.
const MAX_COMMANDS: usize = 512;
/// Processes that `KILL` does not end within this are stuck in the kernel: some
/// hundred of them take seconds on a busy machine.
const CLEAR_DEADLINE: Duration = Duration::from_secs(14);

/// The init could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum InsideError {
    /// It was started by a person, or by somebody who does not know how.
    #[error("the init of the walls is started by the walls, not by hand")]
    NotInside(#[source] io::Error),
    /// It could not confine itself; nothing was started.
    #[error("could not {what}")]
    Confine {
        /// What failed.
        what: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// The socket to the owner failed.
    #[error("lost the owner of the walls")]
    Owner(#[source] io::Error),
}

/// The init, confined, before it takes commands.
#[derive(Debug)]
pub struct Entered {
    /// To be served.
    pub inside: Inside,
    /// `Plan::gates`, in that order.
    pub gates: Vec<OwnedFd>,
    /// True where the network is the run's own, and the init has to listen on
    /// its loopback for the gate. Under Landlock nobody inside may listen: there,
    /// the gate listens outside, at `Plan::ports`.
    pub own_network: bool,
}

/// The init's side of the walls.
#[derive(Debug)]
pub struct Inside {
    control: OwnedFd,
    facts: Facts,
}

/// Takes the owner's socket from the standard input and confines this process
/// as the owner says: capabilities, system calls, resource limits and, where
/// there are no namespaces, files and ports.
///
/// Has to be called before there is a second thread: what a thread gives up,
/// its siblings keep.
pub fn enter() -> Result<Entered, InsideError> {
    close_the_rest().map_err(InsideError::NotInside)?;
    let control = take_control().map_err(InsideError::NotInside)?;
    let greeting = wire::receive_packet::<Order>(&control).map_err(InsideError::NotInside)?;
    let Some((Order::Greet(greeting), gates)) = greeting else {
        let source = io::Error::new(io::ErrorKind::InvalidData, "there was no greeting");
        return Err(InsideError::NotInside(source));
    };
    let own_network = matches!(greeting.tier, Tier::Namespaces { .. });
    match confine::confine(&greeting) {
        Ok(facts) => Ok(Entered { inside: Inside { control, facts }, gates, own_network }),
        Err(error) => {
            let InsideError::Confine { what, source } = &error else { return Err(error) };
            let note = Note::Refused(format!("could not {what}: {source}"));
            // The owner may be gone; it learns no less from our end.
            wire::send_packet(&control, &note, &[]).ok();
            Err(error)
        }
    }
}

/// Closes whatever came along from outside by mistake: somebody up there had a
/// descriptor that survives `exec`, and every command would have it, too.
fn close_the_rest() -> io::Result<()> {
    let listed = std::fs::read_dir("/proc/self/fd")?;
    let numbers: Vec<i32> =
        listed.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    for number in numbers.into_iter().filter(|number| *number > 2) {
        // The listing's own is closed by now.
        nix::unistd::close(number).ok();
    }
    Ok(())
}

/// Moves the socket away from descriptor 0, which children inherit.
fn take_control() -> io::Result<OwnedFd> {
    let control = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdin(), 3)?;
    // Fails where it is no socket.
    sockopt::socket_type(&control)?;
    let empty = std::fs::File::open("/dev/null")?;
    rustix::stdio::dup2_stdin(&empty)?;
    Ok(control)
}

impl Inside {
    /// Says that it is ready, then starts what the owner asks for, until the
    /// owner is gone; then ends every process inside and returns.
    pub async fn serve(self) -> Result<(), InsideError> {
        let reaper = Reaper::start().map_err(InsideError::Owner)?;
        let control = self.announce().map_err(InsideError::Owner)?;
        let mut commands = JoinSet::new();
        loop {
            while commands.try_join_next().is_some() {}
            match wire::next_packet(&control).await.map_err(InsideError::Owner)? {
                Some((Order::Spawn, descriptors)) if commands.len() < MAX_COMMANDS => {
                    commands.spawn(command::run(descriptors, Arc::clone(&reaper)));
                }
                // Dropping the descriptors says it.
                Some((Order::Spawn, _refused)) => {}
                Some((Order::Clear, _)) => {
                    let left = clear().await;
                    let note = Note::Cleared(left);
                    wire::send_packet(&control, &note, &[]).map_err(InsideError::Owner)?;
                }
                Some((Order::Greet(_), _)) => {}
                None => break,
            }
        }
        clear().await;
        Ok(())
    }

    fn announce(self) -> io::Result<UnixStream> {
        let ourselves =
            rustix::process::pidfd_open(rustix::process::getpid(), PidfdFlags::empty())?;
        wire::send_packet(&self.control, &Note::Ready(self.facts), &[ourselves.as_fd()])?;
        wire::polled(self.control)
    }
}

/// Ends all our descendants: inside a pid namespace of our own, everybody.
async fn clear() -> usize {
    let begun = tokio::time::Instant::now();
    loop {
        let left = reaper::kill_descendants();
        if left == 0 || begun.elapsed() >= CLEAR_DEADLINE {
            return left;
        }
        // Short against a person's patience, long against a look.
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
