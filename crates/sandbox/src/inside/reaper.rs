//! Reaps every child, and tells those who wait for one how it ended.
//!
//! One thread waits until *some* child has ended, and takes it out of the
//! process table only while it holds the lock under which children are
//! started: so a child that ends at once is still known by then, and a number
//! is never given again before it was looked up. While the owner has not yet
//! looked at a new child, none is taken out at all: the owner knows it by a
//! number in `/proc`, and that has to be there.

use crate::process::{self, Seen};
use crate::wire::{Outcome, Wanted};
use rustix::process::{Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, WaitOptions, WaitStatus};
use std::collections::{HashMap, HashSet};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::{io, thread};
use tokio::sync::oneshot;

#[derive(Debug, Default)]
struct Children {
    waiting: HashMap<Pid, oneshot::Sender<Outcome>>,
    /// How many the owner has not looked at yet.
    unseen: usize,
}

#[derive(Debug)]
pub(super) struct Reaper {
    children: Mutex<Children>,
    /// A child was started, or looked at.
    changed: Condvar,
}

/// Held until the owner has looked at a child.
#[derive(Debug)]
pub(super) struct Unseen(Arc<Reaper>);

impl Drop for Unseen {
    fn drop(&mut self) {
        self.0.children().unseen -= 1;
        self.0.changed.notify_all();
    }
}

/// A child that was started.
#[derive(Debug)]
pub(super) struct Born {
    pub(super) pid: Pid,
    pub(super) descriptor: OwnedFd,
    pub(super) ended: oneshot::Receiver<Outcome>,
    pub(super) unseen: Unseen,
}

impl Reaper {
    /// Starts the thread; it lives as long as the init.
    pub(super) fn start() -> io::Result<Arc<Self>> {
        let reaper = Arc::new(Self { children: Mutex::default(), changed: Condvar::new() });
        let ours = Arc::clone(&reaper);
        thread::Builder::new().name("reaper".to_owned()).spawn(move || ours.reap())?;
        Ok(reaper)
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the init spawns what the owner's `Environment` was made for"
    )]
    pub(super) fn spawn(
        self: &Arc<Self>,
        wanted: Wanted,
        streams: [OwnedFd; 3],
    ) -> io::Result<Born> {
        let [stdin, stdout, stderr] = streams;
        let mut command = Command::new(&wanted.program);
        command
            .args(&wanted.args)
            .env_clear()
            .envs(wanted.env)
            .current_dir(&wanted.cwd)
            .stdin(Stdio::from(stdin))
            .stdout(Stdio::from(stdout))
            .stderr(Stdio::from(stderr))
            .process_group(0);
        let mut children = self.children();
        let mut child = command.spawn()?;
        let pid = Pid::from_child(&child);
        let opened = rustix::process::pidfd_open(pid, PidfdFlags::empty());
        let descriptor = match opened {
            Ok(descriptor) => descriptor,
            Err(error) => {
                // The lock is still held: the number is still its.
                child.kill().ok();
                return Err(error.into());
            }
        };
        let (sender, ended) = oneshot::channel();
        children.waiting.insert(pid, sender);
        children.unseen += 1;
        self.changed.notify_all();
        Ok(Born { pid, descriptor, ended, unseen: Unseen(Arc::clone(self)) })
    }

    fn children(&self) -> MutexGuard<'_, Children> {
        self.children.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn reap(&self) {
        loop {
            let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
            match rustix::process::waitid(WaitId::All, options) {
                Ok(_) => self.take_the_ended(),
                Err(rustix::io::Errno::CHILD) => self.wait_for_a_child(),
                // Interrupted: look again.
                Err(_) => {}
            }
        }
    }

    fn take_the_ended(&self) {
        let children = self.children();
        let seen = self.changed.wait_while(children, |children| children.unseen > 0);
        let mut children = seen.unwrap_or_else(PoisonError::into_inner);
        while let Ok(Some((pid, status))) = rustix::process::wait(WaitOptions::NOHANG) {
            // Others are orphans of commands; nobody waits for them.
            if let Some(waiting) = children.waiting.remove(&pid) {
                // The command's task may be gone, with its owner.
                waiting.send(outcome(status)).ok();
            }
        }
    }

    /// Nobody can become our child while we have none.
    fn wait_for_a_child(&self) {
        let children = self.children();
        let started = self.changed.wait_while(children, |children| children.waiting.is_empty());
        drop(started.unwrap_or_else(PoisonError::into_inner));
    }
}

fn outcome(status: WaitStatus) -> Outcome {
    match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => Outcome::Exited(code),
        (None, Some(signal)) => Outcome::Killed(signal),
        // Stopped or continued: nobody asked for these.
        (None, None) => Outcome::Exited(-1),
    }
}

/// Kills all descendants that there are now; returns how many.
pub(super) fn kill_descendants() -> usize {
    let everybody = process::all();
    let mut family = HashSet::from([std::process::id()]);
    let is_new = |family: &HashSet<u32>, seen: &&Seen| {
        family.contains(&seen.parent) && !family.contains(&seen.process.pid)
    };
    while let Some(seen) = everybody.iter().find(|seen| is_new(&family, seen)) {
        family.insert(seen.process.pid);
    }
    let living = |seen: &&Seen| {
        family.contains(&seen.process.pid)
            && seen.process.pid != std::process::id()
            && !seen.is_zombie()
    };
    let living: Vec<_> = everybody.iter().filter(living).collect();
    for seen in &living {
        let pid = i32::try_from(seen.process.pid).ok().and_then(Pid::from_raw);
        // It may be gone by now.
        pid.map(|pid| rustix::process::kill_process(pid, Signal::KILL));
    }
    living.len()
}
