//! Which system calls commands may not make.
//!
//! Everything is allowed but what reaches around the walls, widens the kernel
//! that untrusted code can get at, or has no use in a build: a list of what is
//! allowed would break the next version of somebody's runtime. What programs
//! probe for gets an error that they understand; only another architecture's
//! calls end the process, since its numbers mean other things.
//!
//! Tracing stays allowed, for debuggers: in a pid namespace there is nobody
//! else to trace, under Landlock the kernel refuses those outside, and the
//! init is not dumpable.

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen as Width, SeccompCmpOp as Is, SeccompCondition,
    SeccompFilter, SeccompRule, TargetArch,
};
use std::collections::BTreeMap;
use std::io;

/// Which sockets make sense.
#[derive(Debug, Clone, Copy)]
pub(super) enum Sockets {
    /// The network namespace is our own.
    Namespaced,
    /// It is the machine's.
    Shared {
        /// The kernel checks which ports are connected to.
        tcp: bool,
        /// The kernel checks which sockets in the file system are connected to.
        unix: bool,
    },
}

impl Sockets {
    pub(super) fn sentence(self) -> &'static str {
        match self {
            Self::Namespaced => {
                "System calls that mount, trace the kernel, make namespaces, load code into the kernel or open raw sockets are refused."
            }
            Self::Shared { .. } => {
                "System calls that mount, trace the kernel, make namespaces, load code into the kernel or open raw or UDP sockets are refused."
            }
        }
    }
}

type Rules = BTreeMap<i64, Vec<SeccompRule>>;
type Outcome<T> = Result<T, seccompiler::BackendError>;

/// Filters this thread and all that come of it.
pub(super) fn apply(sockets: Sockets) -> io::Result<()> {
    let programs = programs(sockets).map_err(io::Error::other)?;
    for program in &programs {
        seccompiler::apply_filter(program).map_err(io::Error::other)?;
    }
    Ok(())
}

fn programs(sockets: Sockets) -> Outcome<Vec<BpfProgram>> {
    let mut programs = vec![
        program(refused(sockets)?, libc::EPERM)?,
        program(unknown(), libc::ENOSYS)?,
        program(families(sockets)?, libc::EAFNOSUPPORT)?,
    ];
    if cfg!(target_arch = "x86_64") {
        programs.push(no_x32());
    }
    Ok(programs)
}

fn program(rules: Rules, error: i32) -> Outcome<BpfProgram> {
    let arch = TargetArch::try_from(std::env::consts::ARCH)?;
    let refused = SeccompAction::Errno(error.unsigned_abs());
    SeccompFilter::new(rules, SeccompAction::Allow, refused, arch)?.try_into()
}

/// x86-64 has a second set of numbers for 32-bit pointers, with this bit set,
/// under the same architecture: no rule above would meet them.
fn no_x32() -> BpfProgram {
    const LOAD_WORD: u16 = 0x20;
    const JUMP_IF_AT_LEAST: u16 = 0x35;
    const RETURN: u16 = 0x06;
    let step = |code, jt, k| seccompiler::sock_filter { code, jt, jf: 0, k };
    vec![
        step(LOAD_WORD, 0, 0),
        step(JUMP_IF_AT_LEAST, 1, 0x4000_0000),
        step(RETURN, 0, libc::SECCOMP_RET_ALLOW),
        step(RETURN, 0, libc::SECCOMP_RET_ERRNO | libc::ENOSYS.unsigned_abs()),
    ]
}

/// What programs replace by something older when the kernel does not have it.
/// `clone3` hides its flags behind a pointer; `io_uring` makes calls that no
/// filter sees.
fn unknown() -> Rules {
    [
        libc::SYS_clone3,
        libc::SYS_io_uring_setup,
        libc::SYS_io_uring_enter,
        libc::SYS_io_uring_register,
    ]
    .into_iter()
    .map(|call| (call, vec![]))
    .collect()
}

const REFUSED: &[i64] = &[
    // Mounts and roots.
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_open_tree,
    libc::SYS_move_mount,
    libc::SYS_mount_setattr,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    // Namespaces of others.
    libc::SYS_setns,
    // The kernel's own machinery, with a history of holes.
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_fanotify_init,
    libc::SYS_lookup_dcookie,
    // Keyrings are not namespaced.
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_keyctl,
    // Files by number, around every path.
    libc::SYS_open_by_handle_at,
    // The machine itself.
    libc::SYS_kexec_load,
    libc::SYS_kexec_file_load,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_acct,
    libc::SYS_quotactl,
    libc::SYS_quotactl_fd,
    libc::SYS_nfsservctl,
    libc::SYS_syslog,
    libc::SYS_vhangup,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
];

#[cfg(target_arch = "x86_64")]
const REFUSED_HERE: &[i64] =
    &[libc::SYS_kexec_file_load, libc::SYS_iopl, libc::SYS_ioperm, libc::SYS_modify_ldt];
#[cfg(not(target_arch = "x86_64"))]
const REFUSED_HERE: &[i64] = &[];

fn refused(sockets: Sockets) -> Outcome<Rules> {
    let calls = REFUSED.iter().chain(REFUSED_HERE);
    let mut rules: Rules = calls.map(|call| (*call, vec![])).collect();
    rules.insert(libc::SYS_clone, namespaces(0)?);
    let mut unshare = namespaces(0)?;
    // In `clone`, this bit belongs to the number of a signal.
    unshare.push(rule(&[(0, Is::MaskedEq(NEW_TIME), NEW_TIME)])?);
    rules.insert(libc::SYS_unshare, unshare);
    // Both put words into another program's terminal.
    let ioctls = [libc::TIOCSTI, libc::TIOCLINUX].map(|request| rule(&[(1, Is::Eq, request)]));
    rules.insert(libc::SYS_ioctl, ioctls.into_iter().collect::<Outcome<_>>()?);
    rules.insert(libc::SYS_personality, vec![personality()?]);
    match sockets {
        Sockets::Namespaced => {}
        Sockets::Shared { .. } => rules.extend(among_others()?),
    }
    Ok(rules)
}

/// What does harm only where others are to be seen: changing another process's
/// limits and share of the processor, and connecting in passing, which the
/// kernel does not check the port of.
fn among_others() -> Outcome<Rules> {
    let another = |argument| rule(&[(argument, Is::Ne, 0)]);
    let flag = u64::from(libc::MSG_FASTOPEN.unsigned_abs());
    let connecting = |argument| rule(&[(argument, Is::MaskedEq(flag), flag)]);
    let rules = [
        (libc::SYS_prlimit64, another(0)?),
        (libc::SYS_setpriority, another(1)?),
        (libc::SYS_ioprio_set, another(1)?),
        (libc::SYS_sched_setscheduler, another(0)?),
        (libc::SYS_sched_setparam, another(0)?),
        (libc::SYS_sched_setattr, another(0)?),
        (libc::SYS_sched_setaffinity, another(0)?),
        (libc::SYS_sendto, connecting(3)?),
        (libc::SYS_sendmsg, connecting(2)?),
        (libc::SYS_sendmmsg, connecting(3)?),
    ];
    Ok(rules.into_iter().map(|(call, rule)| (call, vec![rule])).collect())
}

const NEW_TIME: u64 = 0x80;

/// Any flag that makes a namespace.
fn namespaces(argument: u8) -> Outcome<Vec<SeccompRule>> {
    let flags = [
        libc::CLONE_NEWNS,
        libc::CLONE_NEWCGROUP,
        libc::CLONE_NEWUTS,
        libc::CLONE_NEWIPC,
        libc::CLONE_NEWUSER,
        libc::CLONE_NEWPID,
        libc::CLONE_NEWNET,
    ];
    flags
        .into_iter()
        .map(|flag| u64::from(flag.unsigned_abs()))
        .map(|flag| rule(&[(argument, Is::MaskedEq(flag), flag)]))
        .collect()
}

/// All but the usual one, the 32-bit one, the one of debuggers that want the
/// same addresses twice, and the question which it is: others turn mitigations off.
fn personality() -> Outcome<SeccompRule> {
    const NO_RANDOM_ADDRESSES: u64 = 0x0004_0000;
    const LINUX_32: u64 = 0x0008;
    const QUESTION: u64 = 0xffff_ffff;
    let usual = [0, LINUX_32, NO_RANDOM_ADDRESSES, QUESTION];
    rule(&usual.map(|allowed| (0, Is::Ne, allowed)))
}

/// All socket families and types but those of ordinary programs.
fn families(sockets: Sockets) -> Outcome<Rules> {
    let number = |constant: i32| u64::from(constant.unsigned_abs());
    let [unix, inet, inet6, netlink] =
        [libc::AF_UNIX, libc::AF_INET, libc::AF_INET6, libc::AF_NETLINK].map(number);
    let mut rules = vec![
        rule(&[unix, inet, inet6, netlink].map(|family| (0, Is::Ne, family)))?,
        // Only the kind that lists interfaces and routes.
        rule(&[(0, Is::Eq, netlink), (2, Is::Ne, number(libc::NETLINK_ROUTE))])?,
    ];
    // Raw, reliable datagrams, sequenced packets (SCTP), DCCP, packet.
    let odd = [libc::SOCK_RAW, libc::SOCK_RDM, libc::SOCK_SEQPACKET, libc::SOCK_DCCP, 10];
    let datagrams = match sockets {
        Sockets::Namespaced => None,
        Sockets::Shared { .. } => Some(libc::SOCK_DGRAM),
    };
    for family in [inet, inet6] {
        for kind in odd.into_iter().chain(datagrams) {
            rules.push(rule(&[(0, Is::Eq, family), (1, Is::MaskedEq(0xf), number(kind))])?);
        }
        let usual = [0, libc::IPPROTO_TCP, libc::IPPROTO_UDP, libc::IPPROTO_MPTCP].map(number);
        let mut others = vec![(0, Is::Eq, family)];
        others.extend(usual.map(|protocol| (2, Is::Ne, protocol)));
        rules.push(rule(&others)?);
    }
    if let Sockets::Shared { tcp, unix: unix_checked } = sockets {
        if !tcp {
            rules.push(rule(&[(0, Is::Eq, inet)])?);
            rules.push(rule(&[(0, Is::Eq, inet6)])?);
        }
        if tcp {
            // Multipath TCP passes by the kernel's check of ports.
            for family in [inet, inet6] {
                let multipath = (2, Is::Eq, number(libc::IPPROTO_MPTCP));
                rules.push(rule(&[(0, Is::Eq, family), multipath])?);
            }
        }
        if !unix_checked {
            rules.push(rule(&[(0, Is::Eq, unix)])?);
        }
    }
    Ok([(libc::SYS_socket, rules)].into())
}

/// All conditions together. Widths are those that the kernel looks at: the
/// upper half of a flag word, an ioctl or a family is ignored by it, and could
/// otherwise be set to pass by the rule.
fn rule(conditions: &[(u8, Is, u64)]) -> Outcome<SeccompRule> {
    let conditions = conditions.iter().map(|(argument, operator, value)| {
        SeccompCondition::new(*argument, Width::Dword, operator.clone(), *value)
    });
    SeccompRule::new(conditions.collect::<Outcome<_>>()?)
}
