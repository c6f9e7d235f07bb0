//! Everything that the init gives up before it starts a command, in the only
//! order in which it works: what needs a capability first.

use super::capabilities::{are_gone, drop_capabilities};
use super::seccomp::{self, Sockets};
use super::{InsideError, rules};
use crate::wire::{Ceilings, Facts, Greeting, Tier};
use nix::sched::CloneFlags;
use pilot_proto::walls::{AppliedLimit, LimitMeans, Limited};
use rustix::process::{DumpableBehavior, Resource, Rlimit};
use std::fs;
use std::io;

/// The smallest port that everybody in the network namespace may listen on.
pub(crate) const LOW_PORTS: &str = "/proc/sys/net/ipv4/ip_unprivileged_port_start";

pub(super) fn confine(greeting: &Greeting) -> Result<Facts, InsideError> {
    let mut facts = Facts::default();
    let sockets = match &greeting.tier {
        Tier::Namespaces { uid, gid } => {
            open_low_ports(&mut facts);
            leave_root(*uid, *gid).map_err(failed("become an ordinary user"))?;
            Sockets::Namespaced
        }
        Tier::Landlock(rules) => {
            let ourselves = Some(rustix::process::getpid());
            rustix::process::set_child_subreaper(ourselves)
                .map_err(|error| failed("adopt orphans")(error.into()))?;
            let landlock = rules::apply(rules).map_err(failed("apply the file rules"))?;
            landlock.tell(rules, &mut facts);
            Sockets::Shared { tcp: landlock.tcp, unix: landlock.unix }
        }
    };
    drop_capabilities().map_err(failed("give up capabilities"))?;
    if !are_gone() {
        let left = io::Error::other("some are left");
        return Err(failed("give up capabilities")(left));
    }
    facts.holds.push("No capabilities, and no way to gain any.".to_owned());
    // Commands run as the same user: they may not trace the init or look into
    // its descriptors, which lead outside.
    rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable)
        .map_err(|error| failed("hide from tracers")(error.into()))?;
    apply(&greeting.ceilings, &mut facts);
    seccomp::apply(sockets).map_err(failed("filter system calls"))?;
    facts.holds.push(sockets.sentence().to_owned());
    Ok(facts)
}

fn failed(what: &'static str) -> impl FnOnce(io::Error) -> InsideError {
    move |source| InsideError::Confine { what, source }
}

/// Lets ordinary users listen on port 53 and 443 inside, where nothing else is.
fn open_low_ports(facts: &mut Facts) {
    if let Err(error) = fs::write(LOW_PORTS, "0") {
        facts.lacks.push(format!(
            "Ports below 1024 cannot be listened on inside ({error}): only programs that obey the proxy variables reach the gate."
        ));
    }
}

/// Moves into a user namespace of its own, in which this process is an
/// ordinary user. The network, mount and pid namespaces stay the property of
/// the one above, which no command can get back to.
fn leave_root(uid: u32, gid: u32) -> io::Result<()> {
    let (outer_uid, outer_gid) = (rustix::process::geteuid(), rustix::process::getegid());
    nix::sched::unshare(CloneFlags::CLONE_NEWUSER)?;
    fs::write("/proc/self/uid_map", format!("{uid} {} 1\n", outer_uid.as_raw()))?;
    fs::write("/proc/self/setgroups", "deny")?;
    fs::write("/proc/self/gid_map", format!("{gid} {} 1\n", outer_gid.as_raw()))
}

/// Limits of every process, inherited by all commands. What the system does
/// not allow (more than it gives us) stays as it is.
fn apply(ceilings: &Ceilings, facts: &mut Facts) {
    const MIB: u64 = 1024 * 1024;
    let Ceilings { file_bytes, open_files, processes } = *ceilings;
    set(Resource::Core, 0);
    let mut told = |what, value| {
        facts.limits.push(AppliedLimit { what, value, means: LimitMeans::Rlimit });
    };
    if let Some(bytes) = file_bytes {
        told(Limited::File, set(Resource::Fsize, bytes) / MIB);
    }
    if let Some(files) = open_files {
        told(Limited::OpenFiles, set(Resource::Nofile, files));
    }
    if let Some(processes) = processes {
        told(Limited::Pids, set(Resource::Nproc, processes));
    }
}

/// Never more than the system allows already; returns what applies.
fn set(resource: Resource, wished: u64) -> u64 {
    let now = rustix::process::getrlimit(resource);
    let value = now.maximum.map_or(wished, |maximum| maximum.min(wished));
    let lower = Rlimit { current: Some(value), maximum: Some(value) };
    // Lowering is always allowed.
    rustix::process::setrlimit(resource, lower).ok();
    value
}
