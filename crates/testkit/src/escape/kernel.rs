//! Ways to get more of the kernel than walls leave. Numbers are those of
//! x86-64 and of the architectures after it.

use super::Probe;

pub(super) const PROBES: &[Probe] = &[
    Probe::python("identity-root", "root", r#"os.setuid(0); assert os.getuid() == 0"#)
        .root()
        .namespaces(),
    Probe::python("identity-root-already", "root", r#"assert os.geteuid() == 0"#)
        .root()
        .namespaces(),
    Probe::python("identity-groups", "the machine's groups", r#"os.setgroups([0, 4, 24, 27])"#)
        .root(),
    Probe::python(
        "identity-setuid-program",
        "root by a program that has it",
        r#"
for line in open("/proc/self/status"):
    if line.startswith("NoNewPrivs:"):
        assert line.split()[1] == "0", line"#,
    )
    .anybody(),
    Probe::python(
        "capabilities-any",
        "a part of root's power",
        r#"
for line in open("/proc/self/status"):
    if line[:4] == "Cap" + line[3] and line.split()[0] != "CapBnd:":
        if int(line.split()[1], 16):
            sys.exit(0)
assert False, "none""#,
    )
    .root(),
    Probe::python(
        "capabilities-bounding",
        "what a setuid program could gain",
        r#"
for line in open("/proc/self/status"):
    if line.startswith("CapBnd:"):
        assert int(line.split()[1], 16), line"#,
    )
    .anybody()
    .namespaces(),
    Probe::python(
        "filter-missing",
        "unfiltered system calls",
        r#"
for line in open("/proc/self/status"):
    if line.startswith("Seccomp:"):
        assert line.split()[1] != "2", line"#,
    ),
    Probe::python(
        "mount-memory",
        "a file system of one's own",
        r#"
checked(libc.mount(b"none", E["TREE"].encode(), b"tmpfs", 0, None))
libc.umount2(E["TREE"].encode(), 2)"#,
    )
    .root(),
    Probe::python(
        "mount-bind",
        "another view of the files",
        r#"
checked(libc.mount(b"/usr", E["TREE"].encode(), None, 4096, None))
libc.umount2(E["TREE"].encode(), 2)"#,
    )
    .root(),
    Probe::python(
        "mount-writable-again",
        "the machine's programs, writable",
        r#"
checked(libc.mount(None, b"/usr", None, 32 | 4096, None))"#,
    ),
    Probe::python(
        "mount-processes",
        "all of the machine's processes",
        r#"
os.makedirs(E["TREE"] + "/proc", exist_ok=True)
checked(libc.mount(b"proc", (E["TREE"] + "/proc").encode(), b"proc", 0, None))
libc.umount2((E["TREE"] + "/proc").encode(), 2)"#,
    )
    .root(),
    Probe::python(
        "unmount-mask",
        "what lies below the masks of /proc",
        r#"
checked(libc.umount2(b"/proc/sys", 2))"#,
    ),
    Probe::python(
        "mount-new-open",
        "mounts by the newer calls",
        r#"system((430, 430), b"tmpfs", 0)"#,
    )
    .root(),
    Probe::python(
        "mount-new-tree",
        "mounts by the newer calls",
        r#"system((428, 428), -100, b"/", 1)"#,
    )
    .root(),
    Probe::python(
        "mount-new-attributes",
        "mounts by the newer calls",
        r#"
refused((442, 442), -100, b"/nowhere", 0, struct.pack("QQQQ", 0, 1, 0, 0), 32)"#,
    ),
    Probe::python("root-pivot", "another root", r#"system((155, 41), b"/", b"/")"#),
    Probe::python(
        "root-change",
        "another root, out of which there is a way",
        r#"
if os.fork() == 0:
    try:
        os.chroot(E["TREE"])
    except OSError:
        os._exit(1)
    os._exit(0)
assert os.wait()[1] == 0"#,
    )
    .root(),
    Probe::python(
        "namespace-user",
        "root's calls in a namespace of one's own",
        r#"
checked(libc.unshare(0x10000000))"#,
    )
    .anybody(),
    Probe::python(
        "namespace-user-and-all",
        "the same with all others",
        r#"
checked(libc.unshare(0x10000000 | 0x20000 | 0x40000000 | 0x8000000 | 0x4000000 | 0x20000000))"#,
    )
    .anybody(),
    Probe::python("namespace-mounts", "mounts of one's own", r#"checked(libc.unshare(0x20000))"#)
        .root(),
    Probe::python(
        "namespace-network",
        "a network of one's own",
        r#"checked(libc.unshare(0x40000000))"#,
    )
    .root(),
    Probe::python("namespace-time", "a time of one's own", r#"checked(libc.unshare(0x80))"#).root(),
    Probe::python(
        "namespace-groups",
        "control groups of one's own",
        r#"checked(libc.unshare(0x2000000))"#,
    )
    .root(),
    Probe::python(
        "namespace-by-clone",
        "a namespace by another call",
        r#"
child = system((56, 220), 0x10000000 | 17, 0, 0, 0, 0)
if child == 0:
    os._exit(0)
os.waitpid(child, 0)"#,
    )
    .anybody(),
    Probe::python(
        "namespace-by-clone-upper-half",
        "the same, with bits that the kernel ignores",
        r#"
child = system((56, 220), 0x7f00000000000000 | 0x10000000 | 17, 0, 0, 0, 0)
if child == 0:
    os._exit(0)
os.waitpid(child, 0)"#,
    ),
    Probe::python(
        "namespace-by-clone-three",
        "a namespace by a call that hides its flags",
        r#"
arguments = struct.pack("QQQQQQQQ", 0x10000000, 0, 0, 0, 17, 0, 0, 0)
child = system((435, 435), arguments, len(arguments))
if child == 0:
    os._exit(0)
os.waitpid(child, 0)"#,
    )
    .anybody(),
    Probe::python(
        "calls-of-32-bit-pointers",
        "calls that no rule's number meets",
        r#"
assert X86
refused((0x40000000 | 272, 0), 0x10000000)"#,
    ),
    Probe::python(
        "calls-in-rings",
        "calls that no filter sees",
        r#"
system((425, 425), 4, ctypes.create_string_buffer(256))"#,
    )
    .anybody(),
    Probe::python(
        "kernel-programs",
        "code in the kernel",
        r#"
refused((321, 280), 5, ctypes.create_string_buffer(128), 128)"#,
    )
    .root(),
    Probe::python(
        "kernel-counters",
        "code and addresses of the kernel",
        r#"
attributes = struct.pack("II", 1, 128) + bytes(120)
refused((298, 241), attributes, 0, -1, -1, 0)"#,
    )
    .root(),
    Probe::python(
        "kernel-page-faults",
        "stopping the kernel in mid-copy",
        r#"
system((323, 282), 1)"#,
    )
    .anybody(),
    Probe::python(
        "kernel-file-events",
        "all files that others open",
        r#"refused((300, 262), 0, 0)"#,
    )
    .root(),
    Probe::python("kernel-modules", "code in the kernel", r#"refused((175, 105), 0, 0, b"")"#),
    Probe::python(
        "kernel-modules-by-file",
        "code in the kernel",
        r#"refused((313, 273), -1, b"", 0)"#,
    ),
    Probe::python(
        "kernel-modules-away",
        "less code in the kernel",
        r#"refused((176, 106), b"no-such", 0)"#,
    ),
    Probe::python("kernel-replace", "another kernel", r#"refused((246, 104), 0, 99, 0, 1 << 40)"#),
    Probe::python("kernel-log", "addresses in the kernel", r#"system((103, 116), 10, 0, 0)"#)
        .root(),
    Probe::python(
        "keyring-add",
        "keys that outlive the run",
        r#"
system((248, 217), b"user", b"probe", b"x", 1, -2)"#,
    )
    .anybody(),
    Probe::python(
        "keyring-read",
        "keys of the runner's user",
        r#"
system((250, 219), 0, -4, 1)"#,
    )
    .anybody(),
    Probe::python(
        "keyring-request",
        "keys that a helper fetches",
        r#"
refused((249, 218), b"user", b"no-such-key", 0, -2)"#,
    )
    .anybody(),
    Probe::python("machine-restart", "the machine's end", r#"refused((169, 142), 1, 2, 3, 0)"#),
    Probe::python(
        "machine-swap",
        "memory on a disk of one's own",
        r#"refused((167, 224), b"/nowhere", 0)"#,
    )
    .root(),
    Probe::python(
        "machine-accounting",
        "a file that the kernel writes",
        r#"refused((163, 89), b"/nowhere")"#,
    )
    .root(),
    Probe::python("machine-clock", "another time", r#"refused((164, 170), b"\xff" * 16, 0)"#)
        .root(),
    Probe::python("machine-name", "another name", r#"refused((170, 161), b"probe", -1)"#).root(),
    Probe::python(
        "machine-ports",
        "the machine's hardware",
        r#"
assert X86
system((173, 0), 0x80, 1, 1)"#,
    ),
    Probe::python("machine-hangup", "everybody's terminals", r#"refused((153, 58))"#),
    Probe::python("personality", "fewer defences in programs", r#"system((135, 92), 0x0400000)"#)
        .anybody(),
    Probe::python(
        "terminal-typing",
        "words in a person's terminal",
        r#"
master, slave = os.openpty()
try:
    fcntl.ioctl(slave, 0x5412, b"x")
except OSError as error:
    # The kernel's own refusal, outside of a session's terminal.
    raise"#,
    )
    .root(),
    Probe::python(
        "settings-core-pattern",
        "a program that the kernel runs as root",
        r#"
pattern = read("/proc/sys/kernel/core_pattern")
write("/proc/sys/kernel/core_pattern", pattern)"#,
    )
    .root(),
    Probe::python(
        "settings-modprobe",
        "a program that the kernel runs as root",
        r#"
os.close(os.open("/proc/sys/kernel/modprobe", os.O_WRONLY))"#,
    ),
    Probe::python(
        "settings-randomness",
        "fewer defences in all programs",
        r#"
os.close(os.open("/proc/sys/kernel/randomize_va_space", os.O_WRONLY))"#,
    )
    .root(),
    Probe::python(
        "settings-forwarding",
        "a way between networks",
        r#"
os.close(os.open("/proc/sys/net/ipv4/ip_forward", os.O_WRONLY))"#,
    )
    .root(),
    Probe::python(
        "settings-device-events",
        "a program that the kernel runs as root",
        r#"
for path in ("/sys/kernel/uevent_helper", "/proc/sys/kernel/hotplug"):
    try:
        os.close(os.open(path, os.O_WRONLY))
        sys.exit(0)
    except OSError:
        pass
assert False"#,
    ),
    Probe::python(
        "magic-keys",
        "the machine's end",
        r#"
os.close(os.open("/proc/sysrq-trigger", os.O_WRONLY))"#,
    ),
    Probe::python(
        "kernel-memory",
        "the kernel's memory",
        r#"
assert len(read("/proc/kcore"))"#,
    ),
    Probe::python(
        "kernel-pages",
        "where memory lies",
        r#"
assert len(read("/proc/kpageflags"))"#,
    )
    .root()
    .namespaces(),
    Probe::python(
        "kernel-tables",
        "what the kernel allocated",
        r#"
assert len(read("/proc/slabinfo"))"#,
    )
    .root()
    .namespaces(),
    Probe::python(
        "kernel-tracing",
        "what everybody does",
        r#"
os.listdir("/sys/kernel")"#,
    )
    .anybody(),
    Probe::python(
        "kernel-firmware",
        "the machine's firmware",
        r#"
os.listdir("/sys/firmware")"#,
    )
    .anybody(),
    Probe::python(
        "groups-list",
        "the control groups above",
        r#"
assert os.listdir("/sys/fs/cgroup")"#,
    )
    .anybody(),
    Probe::python(
        "groups-leave",
        "out of one's limits",
        r#"
for place, _, names in os.walk("/sys/fs/cgroup"):
    if "cgroup.procs" in names:
        write(place + "/cgroup.procs", b"%d" % os.getpid())
        sys.exit(0)
assert False, "none""#,
    ),
    Probe::python(
        "groups-release-agent",
        "a program that the kernel runs as root",
        r#"
for path in ("/sys/fs/cgroup/release_agent", "/sys/fs/cgroup/memory/release_agent", "/sys/fs/cgroup/pids/release_agent"):
    try:
        os.close(os.open(path, os.O_WRONLY))
        sys.exit(0)
    except OSError:
        pass
assert False, "none""#,
    ),
];
