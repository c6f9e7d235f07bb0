//! One look at a run's processes.

use super::{Doomed, marker, pid_of, signal_process};
use crate::process::{self, Process, Seen};
use rustix::process::Signal;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::{fs, io};

/// The run's processes at one moment.
#[derive(Debug)]
pub(super) struct Tree {
    /// Those to be killed.
    pub(super) living: Vec<Seen>,
    /// Everybody's zombies.
    pub(super) zombies: Vec<Seen>,
    /// How many processes did not show their environment.
    pub(super) unreadable: usize,
    /// Some process is just becoming another program, and shows neither: it may
    /// be the run's.
    pub(super) executing: bool,
    /// Groups that have no other members: a signal to a group reaches also
    /// those that its members fork at this moment.
    groups: BTreeSet<u32>,
}

impl Tree {
    pub(super) fn look(doomed: &Doomed) -> Self {
        let (zombies, everybody): (Vec<_>, Vec<_>) =
            process::all().into_iter().partition(|seen| seen.is_zombie());
        let marker = marker(doomed.run);
        let (mut unreadable, mut executing) = (0, false);
        let mut members: HashSet<u32> = HashSet::new();
        for seen in &everybody {
            let shown = environment(seen.process.pid).inspect_err(|error| {
                unreadable += usize::from(error.kind() == io::ErrorKind::PermissionDenied);
            });
            let shown = shown.ok();
            let marked = shown.as_deref().is_some_and(|shown| holds(shown, &marker));
            if marked || is_of_a_root(*seen, &doomed.roots, &everybody, &zombies) {
                members.insert(seen.process.pid);
            } else {
                executing |= shown.is_some_and(|shown| is_executing(*seen, &shown));
            }
        }
        let ourselves = std::process::id();
        let mut parents: Vec<u32> =
            members.iter().copied().filter(|pid| *pid != ourselves).collect();
        if doomed.adopted {
            parents.push(ourselves);
        }
        add_descendants(&mut members, parents, &everybody);
        members.remove(&ourselves);
        let groups = own_groups(&members, &everybody);
        let living = everybody.into_iter().filter(|seen| members.contains(&seen.process.pid));
        Self { living: living.collect(), zombies, unreadable, executing, groups }
    }

    /// Signals everybody but those who were told before.
    pub(super) fn signal(&self, signal: Signal, told: &BTreeSet<Process>) {
        let untold = |member: &&Seen| !told.contains(&member.process);
        let told_groups: HashSet<u32> = self
            .living
            .iter()
            .filter(|member| !untold(member))
            .map(|member| member.group)
            .collect();
        let as_group = |group: &u32| self.groups.contains(group) && !told_groups.contains(group);
        for group in self.groups.iter().filter(|group| as_group(group)) {
            // It may be gone by now; the next look tells.
            pid_of(*group).map(|group| rustix::process::kill_process_group(group, signal));
        }
        for member in self.living.iter().filter(untold).filter(|member| !as_group(&member.group)) {
            signal_process(member.process, signal);
        }
    }
}

/// True if it is a root or in a root's process group. The group of a root that
/// is gone still is the root's, as long as nobody else has its number: the
/// system does not give a number again that a group still uses.
fn is_of_a_root(seen: Seen, roots: &[Process], everybody: &[Seen], zombies: &[Seen]) -> bool {
    roots.iter().any(|root| {
        let in_its_group = || {
            let holder =
                everybody.iter().chain(zombies).find(|other| other.process.pid == root.pid);
            seen.group == root.pid
                && seen.process.started >= root.started
                && holder.is_none_or(|holder| holder.process == *root)
        };
        seen.process == *root || in_its_group()
    })
}

fn add_descendants(members: &mut HashSet<u32>, mut parents: Vec<u32>, everybody: &[Seen]) {
    let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
    for seen in everybody {
        children.entry(seen.parent).or_default().push(seen.process.pid);
    }
    while let Some(parent) = parents.pop() {
        for child in children.get(&parent).into_iter().flatten() {
            if members.insert(*child) {
                parents.push(*child);
            }
        }
    }
}

/// Groups all of whose members are to be killed.
fn own_groups(members: &HashSet<u32>, everybody: &[Seen]) -> BTreeSet<u32> {
    let (inside, outside): (Vec<&Seen>, Vec<&Seen>) =
        everybody.iter().partition(|seen| members.contains(&seen.process.pid));
    let shared: HashSet<u32> = outside.iter().map(|seen| seen.group).collect();
    let groups = inside.iter().map(|seen| seen.group);
    // Group 0 is the kernel's; to signal it would mean our own.
    groups.filter(|group| *group > 1 && !shared.contains(group)).collect()
}

/// True while it has neither an environment nor arguments, and for threads of
/// the kernel never: those are all of the second process.
fn is_executing(seen: Seen, environment: &[u8]) -> bool {
    const KERNEL: u32 = 2;
    let pid = seen.process.pid;
    environment.is_empty()
        && ![pid, seen.parent].contains(&KERNEL)
        && fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| line.is_empty())
}

/// True if the process has this very `NAME=value` in its environment.
pub(super) fn carries(pid: u32, marker: &[u8]) -> io::Result<bool> {
    Ok(holds(&environment(pid)?, marker))
}

fn environment(pid: u32) -> io::Result<Vec<u8>> {
    fs::read(format!("/proc/{pid}/environ"))
}

fn holds(environment: &[u8], marker: &[u8]) -> bool {
    environment.split(|byte| *byte == 0).any(|variable| variable == marker)
}
