//! Ways to see, change or end processes outside, and the init.

use super::Probe;

pub(super) const PROBES: &[Probe] = &[
    Probe::python("environment-of-another", "keys in its environment", r#"
assert secrets_in(read("/proc/%s/environ" % E["VICTIM"]))"#).anybody(),
    Probe::python("environment-of-anybody", "keys in somebody's environment", r#"
for name in os.listdir("/proc"):
    if name.isdigit():
        try:
            if secrets_in(read("/proc/%s/environ" % name)):
                sys.exit(0)
        except OSError:
            pass
assert False, "none""#).anybody(),
    Probe::python("memory-of-another", "keys in its memory", r#"
os.close(os.open("/proc/%s/mem" % E["VICTIM"], os.O_RDONLY))"#).anybody(),
    Probe::python("root-of-another", "the machine's files through its root", r#"
is_secret(read("/proc/%s/root%s" % (E["VICTIM"], E["SECRET"])))"#).anybody(),
    Probe::python("directory-of-another", "the machine's files through its directory", r#"
os.listdir("/proc/%s/cwd/" % E["VICTIM"])"#).anybody(),
    Probe::python("descriptors-of-another", "its open files", r#"
os.readlink("/proc/%s/fd/0" % E["VICTIM"])"#).anybody(),
    Probe::python("existence-of-another", "what else runs here", r#"
os.stat("/proc/" + E["VICTIM"])
assert b"sleep" in read("/proc/%s/cmdline" % E["VICTIM"])"#).anybody().namespaces(),
    Probe::python("signal-another", "ending it", r#"os.kill(int(E["VICTIM"]), 0)"#).anybody(),
    Probe::python("trace-another", "becoming it", r#"
victim = int(E["VICTIM"])
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
checked(libc.ptrace(0x4206, victim, None, None))
checked(libc.ptrace(0x4207, victim, None, None))
os.waitpid(victim, 0x40000000)
libc.ptrace(17, victim, None, None)"#).anybody(),
    Probe::python("handle-of-another", "a handle by which to end it", r#"
handle = system((434, 434), int(E["VICTIM"]), 0)
system((424, 424), handle, 0, 0, 0)"#).anybody(),
    Probe::python("priority-of-another", "slowing it down", r#"
assert b"sleep" in read("/proc/%s/cmdline" % E["VICTIM"])
os.setpriority(os.PRIO_PROCESS, int(E["VICTIM"]), os.getpriority(os.PRIO_PROCESS, int(E["VICTIM"])) + 1)"#).anybody().namespaces(),
    Probe::python("limits-of-another", "slowing it down", r#"
assert b"sleep" in read("/proc/%s/cmdline" % E["VICTIM"])
resource.prlimit(int(E["VICTIM"]), resource.RLIMIT_CORE)"#).anybody(),
    Probe::python("init-environment", "what the init was given", r#"read("/proc/1/environ")"#),
    Probe::python("init-descriptors",
        "the sockets that lead outside",
        r#"
for name in os.listdir("/proc/1/fd"):
    os.readlink("/proc/1/fd/" + name)"#,
    ),
    Probe::python("init-memory", "what the init knows", r#"
os.close(os.open("/proc/1/mem", os.O_RDWR))"#),
    Probe::python("init-root", "what the init sees", r#"os.listdir("/proc/1/root/")"#),
    Probe::python("init-trace", "becoming the init", r#"
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
checked(libc.ptrace(0x4206, 1, None, None))"#),
    Probe::python("init-end", "ending the init", r#"
os.kill(1, signal.SIGKILL)
import time
time.sleep(0.2)
os.kill(1, 0)
assert False, "it ignores it""#),
    Probe::python("init-take-descriptor", "the sockets that lead outside", r#"
handle = system((434, 434), 1, 0)
for number in range(3, 64):
    try:
        system((438, 438), handle, number, 0)
        sys.exit(0)
    except OSError:
        pass
assert False"#),
    Probe::python("shared-memory-segment", "shared memory of others", r#"
assert len(read("/proc/sysvipc/shm").splitlines()) > 1"#).namespaces(),
    Probe::python("namespace-of-another", "its view of the machine", r#"
handle = os.open("/proc/%s/ns/net" % E["VICTIM"], os.O_RDONLY)
system((308, 268), handle, 0)"#).root(),
    Probe::python("namespace-of-init", "the namespaces above", r#"
for name in ("user", "mnt", "net", "pid"):
    try:
        system((308, 268), os.open("/proc/1/ns/" + name, os.O_RDONLY), 0)
        sys.exit(0)
    except OSError:
        pass
assert False"#),
    Probe::python("score-of-memory", "being spared when memory runs out", r#"
write("/proc/self/oom_score_adj", b"-1000")"#),
    Probe::python("priority-own", "more than its share", r#"os.setpriority(os.PRIO_PROCESS, 0, -10)"#).root(),
    Probe::python("real-time", "all of a processor", r#"
os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(50))"#).root(),
    Probe::python("limits-raise",
        "more open files than allowed",
        r#"
try:
    resource.setrlimit(resource.RLIMIT_NOFILE, (200000, 200000))
except ValueError as error:
    raise OSError(str(error))"#,
    ),
    Probe::python("core-files", "copies of memory on disk", r#"
assert resource.getrlimit(resource.RLIMIT_CORE)[1] != 0
resource.setrlimit(resource.RLIMIT_CORE, (-1, -1))"#),
];
