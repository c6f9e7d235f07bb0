//! Ways out of a run's walls, as data: each tries one, and is meant to fail.
//!
//! A probe is a script that exits with 0 when it got out, with [`BROKEN`] when
//! it could not even try (a missing tool, a mistake in the probe), and with
//! anything else when the walls held. It finds what it looks for through the
//! variables of [`VARIABLES`], which whoever runs it sets up for real outside.
//! Where the same script gets its prey outside of the walls, it says so by
//! [`Control`], so that a probe which proves nothing is noticed.

mod files;
mod kernel;
mod network;
mod processes;

/// The exit code of a probe that could not try.
pub const BROKEN: i32 = 70;

/// What a probe may find in its environment. All of it lies outside.
pub const VARIABLES: &[(&str, &str)] = &[
    (
        "TREE",
        "the run's tree, writable; a file `link-to-secret` in it is a symbolic link to $SECRET",
    ),
    ("SECRET", "a file beside the tree, readable by the runner's user, holding $WORD"),
    ("WORD", "what must not be read; the probe sees only its SHA-256, $WORD_HASH"),
    ("TCP", "a port on 127.0.0.1 that accepts and says hello"),
    ("TCP6", "the same on ::1, where the machine has it"),
    ("UDP", "a port on 127.0.0.1 that answers datagrams"),
    ("ABSTRACT", "the name of an abstract unix socket that accepts and says hello"),
    ("SOCKET", "the path of a unix socket beside the tree that accepts and says hello"),
    ("VICTIM", "the number of a process of the runner's user with $WORD in its environment"),
    ("SHM", "the name of a file in /dev/shm that holds $WORD"),
    ("TMP", "the path of a file right in /tmp that holds $WORD"),
];

/// In what a probe is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tool {
    /// `/bin/sh -c`.
    Shell,
    /// `/usr/bin/python3 -c`, after [`PRELUDE`].
    Python,
}

/// Where the same script succeeds outside of the walls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Control {
    /// For any user.
    Anybody,
    /// For root.
    Root,
    /// Not tried: it would need the network, special hardware, or do harm.
    None,
}

/// One way out.
#[derive(Debug, Clone, Copy)]
pub struct Probe {
    /// Its name: `area-what`.
    pub name: &'static str,
    /// What getting out by it would mean.
    pub why: &'static str,
    /// In what it is written.
    pub tool: Tool,
    /// What it does.
    pub script: &'static str,
    /// Where it succeeds.
    pub control: Control,
    /// False where the second tier, Landlock, is known not to hold.
    pub landlock: bool,
}

impl Probe {
    const fn shell(name: &'static str, why: &'static str, script: &'static str) -> Self {
        let (tool, control) = (Tool::Shell, Control::None);
        Self { name, why, tool, script, control, landlock: true }
    }

    const fn python(name: &'static str, why: &'static str, script: &'static str) -> Self {
        Self { tool: Tool::Python, ..Self::shell(name, why, script) }
    }

    const fn anybody(self) -> Self {
        Self { control: Control::Anybody, ..self }
    }

    const fn root(self) -> Self {
        Self { control: Control::Root, ..self }
    }

    /// Only namespaces hold against it.
    const fn namespaces(self) -> Self {
        Self { landlock: false, ..self }
    }

    /// The program and its arguments.
    pub fn command(&self) -> (&'static str, [String; 2]) {
        match self.tool {
            Tool::Shell => ("/bin/sh", ["-c".to_owned(), self.script.to_owned()]),
            Tool::Python => {
                let script = PRELUDE.replace("PROBE", &format!("{:?}", self.script));
                ("/usr/bin/python3", ["-c".to_owned(), script])
            }
        }
    }
}

/// All of them.
pub fn probes() -> impl Iterator<Item = Probe> {
    [network::PROBES, files::PROBES, processes::PROBES, kernel::PROBES].concat().into_iter()
}

/// What Python probes stand on. An error of the system means that the walls
/// held, and so does a failed `assert`; any other means a mistake in the probe.
pub const PRELUDE: &str = r#"
import ctypes, errno, fcntl, hashlib, os, platform, resource, signal, socket, stat, struct, sys
E = os.environ
libc = ctypes.CDLL(None, use_errno=True)
X86 = platform.machine() == "x86_64"
def system(numbers, *arguments):
    number = numbers[0] if X86 else numbers[1]
    libc.syscall.restype = ctypes.c_long
    converted = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    result = libc.syscall(ctypes.c_long(number), *converted)
    if result == -1:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result
def checked(result):
    if result == -1:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result
def refused(numbers, *arguments):
    # The kernel's own checks of made-up arguments do not count as walls.
    try:
        system(numbers, *arguments)
    except OSError as error:
        if error.errno in (errno.EPERM, errno.ENOSYS, errno.EACCES):
            raise
def is_secret(data):
    if isinstance(data, str):
        data = data.encode()
    assert hashlib.sha256(data.strip()).hexdigest() == E["WORD_HASH"], data[:40]
def secrets_in(data):
    for part in data.replace(b"\0", b"\n").replace(b"=", b"\n").split(b"\n"):
        if hashlib.sha256(part.strip()).hexdigest() == E["WORD_HASH"]:
            return True
    return False
def read(path):
    with open(path, "rb") as file:
        return file.read(1 << 20)
def write(path, data):
    descriptor = os.open(path, os.O_WRONLY)
    try:
        os.write(descriptor, data)
    finally:
        os.close(descriptor)
def hello(family, address, kind=socket.SOCK_STREAM):
    peer = socket.socket(family, kind)
    peer.settimeout(3)
    peer.connect(address)
    assert peer.recv(5) == b"hello"
def reach(address, family=socket.AF_INET):
    peer = socket.socket(family, socket.SOCK_STREAM)
    peer.settimeout(3)
    peer.connect(address)
def datagram(address, family=socket.AF_INET):
    peer = socket.socket(family, socket.SOCK_DGRAM)
    peer.settimeout(3)
    peer.sendto(b"hello", address)
try:
    exec(PROBE)
except (OSError, AssertionError) as error:
    print("held:", repr(error))
    sys.exit(1)
except Exception as error:
    print("broken:", repr(error))
    sys.exit(70)
"#;
