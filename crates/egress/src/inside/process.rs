//! Which command made a connection, as far as `/proc` says (proc_pid_net(5)).
//!
//! For a person who reads what happened; nothing is decided by it. Bounded: a
//! run with very many processes or connections stays without names.

use rustix::fs::{Mode, OFlags, readlinkat};
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

/// Processes that are looked at, and descriptors of each: by number and not by
/// time, so that a busy machine finds as much as an idle one.
const PROCESSES: usize = 128;
const DESCRIPTORS: usize = 128;
/// Looks within a second; a burst beyond it is not named.
const LOOKS: u32 = 50;
/// Lines of the table that are read.
const LINES: usize = 2000;

/// Which table of the kernel.
#[derive(Debug, Clone, Copy)]
pub(super) enum Table {
    Tcp,
    Udp,
}

/// Remembers whom it saw last, as the same program often connects again.
#[derive(Debug, Default)]
pub(super) struct Seen {
    last: Option<u32>,
    since: Option<Instant>,
    looks: u32,
}

impl Seen {
    /// `NAME (PID)` of the process whose socket has this address.
    pub(super) fn find(&mut self, peer: SocketAddr, table: Table) -> Option<String> {
        let now = Instant::now();
        if self.since.is_none_or(|since| now.duration_since(since) > Duration::from_secs(1)) {
            (self.since, self.looks) = (Some(now), 0);
        }
        self.looks += 1;
        if self.looks > LOOKS {
            return None;
        }
        let link = format!("socket:[{}]", inode(peer, table)?);
        let mut processes: Vec<u32> = fs::read_dir("/proc")
            .ok()?
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
            .collect();
        // The newest first: tools are younger than what started them.
        processes.sort_unstable_by(|a, b| b.cmp(a));
        let last = self.last.filter(|last| processes.contains(last));
        let mut candidates = last.into_iter().chain(processes).take(PROCESSES);
        let found = candidates.find(|process| holds(*process, &link))?;
        self.last = Some(found);
        let name = fs::read_to_string(format!("/proc/{found}/comm")).ok()?;
        Some(format!("{} ({found})", name.trim_end()))
    }
}

/// The socket's number, from a table of `local address … inode`.
fn inode(peer: SocketAddr, table: Table) -> Option<String> {
    let IpAddr::V4(ip) = peer.ip() else { return None };
    let path = match table {
        Table::Tcp => "/proc/self/net/tcp",
        Table::Udp => "/proc/self/net/udp",
    };
    let ip = u32::from_ne_bytes(ip.octets());
    let local = format!("{ip:08X}:{:04X}", peer.port());
    // A datagram socket that is not connected has no address of its own.
    let any = format!("00000000:{:04X}", peer.port());
    let file = BufReader::new(fs::File::open(path).ok()?);
    for line in file.lines().skip(1).take(LINES) {
        let line = line.ok()?;
        let mut words = line.split_ascii_whitespace().skip(1);
        if words.next().is_some_and(|word| word == local || word == any) {
            // remote, state, queues, timer, retransmits, uid, timeout, inode.
            return words.nth(7).map(str::to_owned);
        }
    }
    None
}

fn holds(process: u32, link: &str) -> bool {
    let path = format!("/proc/{process}/fd");
    let Ok(folder) = rustix::fs::open(&path, OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
    else {
        return false;
    };
    let Ok(entries) = fs::read_dir(&path) else { return false };
    entries.flatten().take(DESCRIPTORS).any(|entry| {
        readlinkat(&folder, entry.file_name(), Vec::new())
            .is_ok_and(|target| target.as_bytes() == link.as_bytes())
    })
}
