//! Real walls, of each tier that this machine has.

use crate::{PATH, World, until};
use pilot_proto::walls::{WallLimits, WallsKind, WallsWish};
use pilot_sandbox::spawn::Exit;
use pilot_sandbox::{Agent, Plan, SpawnError, Survey, Walls, survey};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// A program of this crate's examples, which are built with the tests.
pub(crate) fn example(name: &str) -> PathBuf {
    let this = std::env::current_exe().expect("the test's own path");
    let target = this.parent().and_then(Path::parent).expect("a target directory");
    let program = target.join("examples").join(name);
    assert!(program.is_file(), "`{}` is built with the tests", program.display());
    program
}

/// What a command said, and how it ended.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) out: String,
    pub(crate) err: String,
    pub(crate) exit: Exit,
}

impl World {
    pub(crate) fn plan(&self, state: &TempDir, kind: WallsKind) -> Plan {
        let path = self.directory.path().to_owned();
        Plan {
            run: self.run,
            wish: WallsWish { kind, limits: WallLimits::default() },
            home: path.clone(),
            writable: vec![path],
            readable: Vec::new(),
            files: BTreeMap::new(),
            inside: vec![example("walls_init").into_os_string()],
            sockets: Vec::new(),
            gates: Vec::new(),
            ports: Vec::new(),
            state: state.path().to_owned(),
        }
    }

    pub(crate) async fn raise(&self, kind: WallsKind) -> (Walls, TempDir) {
        self.raise_with(kind, |_| {}).await
    }

    pub(crate) async fn raise_with(
        &self,
        kind: WallsKind,
        change: impl FnOnce(&mut Plan),
    ) -> (Walls, TempDir) {
        let state = tempfile::tempdir().expect("a directory");
        let mut plan = self.plan(&state, kind);
        change(&mut plan);
        let walls = Walls::raise(plan, &machine().await).await;
        (walls.expect("this machine raises walls: install `bubblewrap`"), state)
    }

    pub(crate) async fn say(&self, walls: &Walls, script: &str) -> Said {
        let launch = self.launch("/bin/sh", &["-c", script]);
        listen(walls.spawn(&launch).await.expect("a shell starts")).await
    }
}

pub(crate) async fn listen(mut agent: Agent) -> Said {
    drop(agent.stdin.take());
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let mut stdout = agent.stdout.take().expect("a pipe");
    let mut stderr = agent.stderr.take().expect("a pipe");
    let (one, other) = tokio::join!(stdout.read_to_end(&mut out), stderr.read_to_end(&mut err));
    one.and(other).expect("it can be read");
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Said { out: text(out), err: text(err), exit: agent.wait().await.expect("it ends") }
}

pub(crate) async fn machine() -> Survey {
    let survey = survey(OsStr::new(PATH)).await;
    assert_eq!(survey.without_bubblewrap(), None, "install `bubblewrap`");
    survey
}

const TIERS: [WallsKind; 3] = [WallsKind::Bubblewrap, WallsKind::Landlock, WallsKind::Off];

#[tokio::test]
async fn a_command_has_pipes_and_an_end_on_every_tier() {
    for kind in TIERS {
        let world = World::new();
        let (walls, _state) = world.raise(kind).await;
        assert_eq!(walls.report().kind, kind);
        let script = "read line; echo \"out $line\"; echo \"err $line\" >&2; exit 7";
        let mut agent =
            walls.spawn(&world.launch("/bin/sh", &["-c", script])).await.expect("it starts");
        let mut stdin = agent.stdin.take().expect("a pipe");
        stdin.write_all(b"hello\n").await.expect("it reads");
        let said = listen(agent).await;
        assert_eq!((said.out.as_str(), said.err.as_str()), ("out hello\n", "err hello\n"));
        assert_eq!(said.exit, Exit::Code(7), "{kind:?}");
        let killed = world.say(&walls, "kill -KILL $$").await;
        assert_eq!(killed.exit, Exit::Signal(9), "{kind:?}");
        walls.lower().await;
    }
}

#[tokio::test]
async fn a_command_is_known_by_its_number_outside() {
    let world = World::new();
    let (walls, _state) = world.raise(WallsKind::Bubblewrap).await;
    let agent = walls.spawn(&world.launch("/bin/sleep", &["1000"])).await.expect("it starts");
    assert!(agent.process.is_alive());
    let line = format!("/proc/{}/cmdline", agent.process.pid);
    // It has none while it executes its program.
    let read = || std::fs::read(&line).is_ok_and(|line| line == b"/bin/sleep\x001000\x00");
    until("it shows its arguments", read).await;
    let process = agent.process;
    drop(agent);
    until("dropping it kills it", || !process.is_alive()).await;
    walls.lower().await;
}

#[tokio::test]
async fn what_cannot_start_says_why() {
    let world = World::new();
    let (walls, _state) = world.raise(WallsKind::Bubblewrap).await;
    let missing =
        walls.spawn(&world.launch("no-such-agent", &[])).await.expect_err("there is none");
    assert!(matches!(missing, SpawnError::Missing { .. }), "{missing:?}");
    let mut launch = world.launch("/bin/true", &[]);
    // It is there outside.
    launch.cwd = PathBuf::from("/root");
    let nowhere = walls.spawn(&launch).await.expect_err("no such directory inside");
    assert!(matches!(nowhere, SpawnError::Directory { .. }), "{nowhere:?}");
    walls.lower().await;
}

#[tokio::test]
async fn what_is_written_in_the_tree_belongs_to_the_runner() {
    for kind in [WallsKind::Bubblewrap, WallsKind::Landlock] {
        use std::os::unix::fs::MetadataExt;
        let world = World::new();
        let (walls, _state) = world.raise(kind).await;
        let said = world.say(&walls, "echo hello > \"$D/file\" && mkdir \"$D/directory\"").await;
        assert_eq!(said.exit, Exit::Code(0), "{said:?}");
        for name in ["file", "directory"] {
            let metadata = std::fs::metadata(world.path(name)).expect("it was made");
            assert_eq!(metadata.uid(), rustix::process::geteuid().as_raw(), "{kind:?}");
        }
        walls.lower().await;
    }
}

#[tokio::test]
async fn what_a_build_needs_is_there() {
    let world = World::new();
    let (walls, _state) = world.raise(WallsKind::Bubblewrap).await;
    for (what, script) in [
        ("a user with a name", "[ \"$(id -un)\" = agent ]"),
        ("no root", "[ \"$(id -u)\" != 0 ]"),
        ("a host name", "[ \"$(uname -n)\" = workspace ]"),
        ("temporary files", "mktemp && mktemp -p /var/tmp && mktemp -p /dev/shm"),
        ("devices", "head -c 1 /dev/zero >/dev/null && head -c 1 /dev/urandom >/dev/null"),
        ("its own processes", "kill -0 $$ && [ -d /proc/$$ ] && cat /proc/self/status >/dev/null"),
        ("a terminal", "/usr/bin/python3 -c 'import os; os.openpty()'"),
        (
            "the number of processors",
            "[ \"$(nproc)\" -ge 1 ] && [ -e /sys/devices/system/cpu/online ]",
        ),
        ("certificates", "[ ! -e /etc/ssl/certs ] || ls /etc/ssl/certs >/dev/null"),
        ("local names", "getent hosts localhost && getent passwd agent"),
        (
            "threads",
            "/usr/bin/python3 -c 'import threading as t; x=t.Thread(target=print); x.start(); x.join()'",
        ),
        ("processes of its own group", "setsid true && sh -c 'kill -TERM $$'; [ $? = 143 ]"),
        (
            "unix sockets",
            "/usr/bin/python3 -c 'import socket as s; a=s.socket(s.AF_UNIX); a.bind(\"here\")'",
        ),
        (
            "loopback",
            "/usr/bin/python3 -c '
import socket as s
a = s.create_server((\"127.0.0.1\", 0)); b = s.create_connection(a.getsockname())'",
        ),
        (
            "the init's listener on a low port",
            "/usr/bin/python3 -c '
import socket as s
s.create_connection((\"127.0.0.1\", 80))'",
        ),
        (
            "a debugger's calls",
            "/usr/bin/python3 -c '
import ctypes, os, signal
c = ctypes.CDLL(None)
p = os.fork()
if p == 0:
    c.ptrace(0, 0, 0, 0); os.kill(os.getpid(), signal.SIGSTOP); os._exit(0)
assert os.WIFSTOPPED(os.waitpid(p, 0)[1]); assert c.ptrace(7, p, 0, 0) == 0; os.waitpid(p, 0)'",
        ),
    ] {
        let said = world.say(&walls, script).await;
        assert_eq!(said.exit, Exit::Code(0), "{what}: {said:?}");
    }
    assert_eq!(walls.report().lacks.iter().filter(|lack| lack.contains("1024")).count(), 0);
    walls.lower().await;
}

/// As `SSL_CERT_FILE` names one where Debian keeps its certificates.
fn absolute_link_of_the_system() -> std::path::PathBuf {
    let programs = std::fs::read_dir("/usr/bin").expect("it can be looked at");
    let mut links = programs.filter_map(|entry| entry.ok().map(|entry| entry.path()));
    links
        .find(|path| std::fs::read_link(path).is_ok_and(|target| target.is_absolute()))
        .expect("every Debian has alternatives")
}

#[tokio::test]
async fn the_plan_decides_what_else_is_seen() {
    let world = World::new();
    let more = tempfile::tempdir().expect("a directory");
    std::fs::write(more.path().join("file"), "more\n").expect("a file");
    let (walls, _state) = world
        .raise_with(WallsKind::Bubblewrap, |plan| {
            plan.readable.push(more.path().to_owned());
            plan.readable.push("/no/such/directory".into());
            plan.readable.push(absolute_link_of_the_system());
            plan.files.insert("/etc/resolv.conf".into(), b"nameserver 127.0.0.9\n".to_vec());
            plan.files.insert("/etc/made-up".into(), b"made up\n".to_vec());
        })
        .await;
    let script = format!(
        "cat {0}/file /etc/resolv.conf /etc/made-up; echo x > {0}/file; echo x > /etc/made-up",
        more.path().display()
    );
    let said = world.say(&walls, &script).await;
    assert_eq!(said.out, "more\nnameserver 127.0.0.9\nmade up\n", "{said:?}");
    assert_eq!(said.err.matches("Read-only file system").count(), 2, "{said:?}");
    walls.lower().await;
}

#[tokio::test]
async fn the_init_gets_the_gates() {
    for kind in [WallsKind::Bubblewrap, WallsKind::Landlock] {
        let world = World::new();
        let (mut ours, theirs) = std::os::unix::net::UnixStream::pair().expect("a pair");
        let (walls, _state) = world.raise_with(kind, |plan| plan.gates.push(theirs.into())).await;
        let mut heard = String::new();
        // To its end: nobody else has a copy of it.
        std::io::Read::read_to_string(&mut ours, &mut heard).expect("it can be read");
        assert_eq!(heard, "hello from inside", "{kind:?}");
        walls.lower().await;
    }
}

#[tokio::test]
async fn lowered_walls_start_nothing_and_say_so() {
    let world = World::new();
    let (walls, _state) = world.raise(WallsKind::Bubblewrap).await;
    let mut agent = walls.spawn(&world.launch("/bin/sleep", &["1000"])).await.expect("it starts");
    walls.lower().await;
    assert_eq!(agent.wait().await.expect("it has ended"), Exit::Signal(9));
    let refused = walls.spawn(&world.launch("/bin/true", &[])).await.expect_err("nobody is there");
    assert!(matches!(refused, SpawnError::Walls { .. }), "{refused:?}");
    walls.lower().await;
}

#[tokio::test]
async fn an_init_that_does_not_start_says_why() {
    let world = World::new();
    let state = tempfile::tempdir().expect("a directory");
    for (inside, expected) in [("/bin/false", ""), ("/no/such/init", "/no/such/init")] {
        let mut plan = world.plan(&state, WallsKind::Bubblewrap);
        plan.inside = vec![inside.into()];
        let error = Walls::raise(plan, &machine().await).await.expect_err("no init");
        let problem = error.problem();
        assert!(problem.message.contains(expected), "{inside}: {problem:?}");
    }
}

#[tokio::test]
async fn a_wish_that_this_machine_cannot_fulfil_is_refused() {
    let world = World::new();
    let state = tempfile::tempdir().expect("a directory");
    let without = machine().await.ignoring_bubblewrap();
    let plan = world.plan(&state, WallsKind::Bubblewrap);
    let refused = Walls::raise(plan, &without).await.expect_err("never a lower tier");
    assert!(!refused.problem().hint.is_empty(), "{refused:?}");

    let plan = world.plan(&state, WallsKind::Auto);
    let walls = Walls::raise(plan, &without).await.expect("the second tier");
    assert_eq!(walls.report().kind, WallsKind::Landlock);
    assert!(!walls.report().lacks.is_empty(), "its limits are said");
    walls.lower().await;
}

#[tokio::test]
async fn without_walls_it_says_so() {
    let world = World::new();
    let (walls, _state) = world.raise(WallsKind::Off).await;
    assert_eq!(walls.report().kind, WallsKind::Off);
    assert!(walls.report().lacks[0].contains("no walls"), "{:?}", walls.report());
    let said = world.say(&walls, "cat /proc/self/status | grep NoNewPrivs").await;
    assert_eq!(said.exit, Exit::Code(0));
}

/// Ports of the gate are reached, others are not.
#[tokio::test]
async fn landlock_lets_commands_reach_the_gate_only() {
    let world = World::new();
    let listen = || std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let (gate, other) = (listen(), listen());
    let port = |listener: &std::net::TcpListener| listener.local_addr().expect("it has one").port();
    let (walls, _state) =
        world.raise_with(WallsKind::Landlock, |plan| plan.ports.push(port(&gate))).await;
    for (port, code) in [(port(&gate), 0), (port(&other), 1)] {
        let connect = format!("import socket as s; s.create_connection(('127.0.0.1', {port}))");
        let launch = world.launch("/usr/bin/python3", &["-c", &connect]);
        let said = listen_to(&walls, &launch).await;
        assert_eq!(said.exit, Exit::Code(code), "{said:?}");
    }
    walls.lower().await;
}

async fn listen_to(walls: &Walls, launch: &pilot_sandbox::Launch) -> Said {
    listen(walls.spawn(launch).await.expect("it starts")).await
}

/// What the walls cost, for a person who runs this with `--nocapture`; a
/// figure decides nothing on a noisy machine.
#[tokio::test]
async fn starting_inside_is_measured() {
    const TIMES: u32 = 20;
    let world = World::new();
    let survey = machine().await;
    let mut raising = Duration::ZERO;
    let mut lowering = Duration::ZERO;
    for _time in 0..5 {
        let state = tempfile::tempdir().expect("a directory");
        let plan = world.plan(&state, WallsKind::Bubblewrap);
        let begun = Instant::now();
        let walls = Walls::raise(plan, &survey).await.expect("they are raised");
        raising += begun.elapsed() / 5;
        let begun = Instant::now();
        walls.lower().await;
        lowering += begun.elapsed() / 5;
    }
    let (walls, _state) = world.raise(WallsKind::Bubblewrap).await;
    let launch = world.launch("/bin/true", &[]);
    let (mut bare, mut inside) = (Duration::ZERO, Duration::ZERO);
    for _time in 0..TIMES {
        let begun = Instant::now();
        let mut agent = pilot_sandbox::spawn(&launch).expect("it starts");
        assert_eq!(agent.wait().await.expect("it ends"), Exit::Code(0));
        bare += begun.elapsed() / TIMES;
        let begun = Instant::now();
        let mut agent = walls.spawn(&launch).await.expect("it starts");
        assert_eq!(agent.wait().await.expect("it ends"), Exit::Code(0));
        inside += begun.elapsed() / TIMES;
    }
    walls.lower().await;
    writeln!(
        std::io::stderr(),
        "raise {raising:?}, lower {lowering:?}, a command: bare {bare:?}, inside {inside:?}"
    )
    .expect("it can be written");
}
