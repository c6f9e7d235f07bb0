//! The escape suite: every probe of the table, inside real walls, and outside
//! of them where it shows that the probe would find its prey.

use crate::World;
use crate::walls::Said;
use pilot_proto::walls::WallsKind;
use pilot_sandbox::spawn::Exit;
use pilot_sandbox::{Agent, Launch, Walls};
use pilot_testkit::escape::{BROKEN, Control, Probe, probes};
use rustix::process::geteuid;
use sha2::{Digest, Sha256};
use std::io::Write;
use std::net::{TcpListener, UdpSocket};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::PathBuf;
use std::{fs, thread};
use tempfile::TempDir;

/// Probes at one moment: more than processors, since most of them wait.
const AT_ONCE: usize = 12;

/// Outside of the walls one probe at a time: there they get what they want, the
/// same files and mounts, and are to be answered in time.
static OUTSIDE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// What lies outside, for probes to look for.
struct Prey {
    outside: TempDir,
    word: String,
    variables: Vec<(&'static str, String)>,
    /// Removed again at the end.
    strewn: [PathBuf; 2],
    _victim: Agent,
}

impl Prey {
    fn lay(world: &World) -> Self {
        let outside = tempfile::tempdir().expect("a directory");
        let word = format!("word-of-{}", world.run);
        let secret = outside.path().join("secret");
        let temporary = PathBuf::from(format!("/tmp/pilothouse-prey-{}", world.run));
        let shared = PathBuf::from(format!("/dev/shm/pilothouse-prey-{}", world.run));
        for path in [&secret, &temporary, &shared] {
            fs::write(path, &word).expect("a file");
        }
        std::os::unix::fs::symlink(&secret, world.path("link-to-secret")).expect("a link");
        let mut launch = world.launch("/bin/sleep", &["1000"]);
        launch.env.set("WORD", &word);
        let victim = pilot_sandbox::spawn(&launch).expect("it starts");
        let abstract_name = format!("pilothouse-prey-{}", world.run);
        let socket = outside.path().join("socket");
        let mut variables = vec![
            ("TREE", world.directory.path().display().to_string()),
            ("SECRET", secret.display().to_string()),
            ("WORD_HASH", hex::encode(Sha256::digest(&word))),
            ("TCP", listen("127.0.0.1:0").expect("a port")),
            ("UDP", answer()),
            ("VICTIM", victim.process.pid.to_string()),
            ("SHM", shared.file_name().expect("it has one").to_string_lossy().into_owned()),
            ("TMP", temporary.display().to_string()),
            ("SOCKET", socket.display().to_string()),
        ];
        // Not every machine has IPv6.
        variables.extend(listen("[::1]:0").map(|port| ("TCP6", port)));
        greet_on(UnixListener::bind(&socket).expect("a socket"));
        let name = SocketAddr::from_abstract_name(&abstract_name).expect("a name");
        greet_on(UnixListener::bind_addr(&name).expect("a socket"));
        variables.push(("ABSTRACT", abstract_name));
        Self { outside, word, variables, strewn: [temporary, shared], _victim: victim }
    }

    fn launch(&self, world: &World, probe: &Probe) -> Launch {
        let (program, args) = probe.command();
        let mut launch = world.launch(program, &[&args[0], &args[1]]);
        for (name, value) in &self.variables {
            launch.env.set(*name, value);
        }
        launch
    }
}

impl Drop for Prey {
    fn drop(&mut self) {
        for path in &self.strewn {
            fs::remove_file(path).ok();
        }
    }
}

/// Says hello to everybody; the thread ends with the test.
fn listen(address: &str) -> Option<String> {
    let listener = TcpListener::bind(address).ok()?;
    let port = listener.local_addr().ok()?.port();
    thread::spawn(move || {
        for mut peer in listener.incoming().flatten() {
            peer.write_all(b"hello").ok();
        }
    });
    Some(port.to_string())
}

fn greet_on(listener: UnixListener) {
    thread::spawn(move || {
        for mut peer in listener.incoming().flatten() {
            peer.write_all(b"hello").ok();
        }
    });
}

fn answer() -> String {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let port = socket.local_addr().expect("it has one").port();
    thread::spawn(move || {
        let mut buffer = [0; 16];
        while let Ok((length, peer)) = socket.recv_from(&mut buffer) {
            socket.send_to(&buffer[..length], peer).ok();
        }
    });
    port.to_string()
}

/// What is wrong with a probe's result, if anything.
async fn try_out(world: &World, prey: &Prey, walls: &Walls, probe: &Probe) -> Option<String> {
    let control = match probe.control {
        Control::Anybody => true,
        Control::Root => geteuid().is_root(),
        Control::None => false,
    };
    let wrong = |what: &str, said: &Said| Some(format!("{}: {what}: {said:?}", probe.name));
    if control {
        let _alone = OUTSIDE.lock().await;
        let outside = pilot_sandbox::spawn(&prey.launch(world, probe)).expect("it starts");
        let said = crate::walls::listen(outside).await;
        if said.exit != Exit::Code(0) {
            return wrong("proves nothing, since it fails outside as well", &said);
        }
    }
    let inside = walls.spawn(&prey.launch(world, probe)).await.expect("it starts");
    let said = crate::walls::listen(inside).await;
    if said.out.contains(&prey.word) || said.err.contains(&prey.word) {
        return wrong("said the word", &said);
    }
    match said.exit {
        Exit::Code(0) => wrong("GOT OUT", &said),
        Exit::Code(BROKEN | 126 | 127) => wrong("could not try", &said),
        Exit::Code(_) | Exit::Signal(_) => None,
    }
}

async fn check(kind: WallsKind, applies: impl Fn(&Probe) -> bool) -> usize {
    assert!(fs::exists("/usr/bin/python3").expect("known"), "install `python3`");
    let world = World::new();
    let prey = Prey::lay(&world);
    let (walls, _state) = world.raise(kind).await;
    let mut wrong = Vec::new();
    let probes: Vec<Probe> = probes().filter(applies).collect();
    let tried = probes.len();
    // Many wait for an answer that never comes.
    for some in probes.chunks(AT_ONCE) {
        let results = some.iter().map(|probe| try_out(&world, &prey, &walls, probe));
        wrong.extend(futures_util::future::join_all(results).await.into_iter().flatten());
    }
    let planted: Vec<_> = fs::read_dir(prey.outside.path()).expect("it is there").collect();
    assert_eq!(planted.len(), 2, "nothing may be planted outside: {planted:?}");
    walls.lower().await;
    assert!(wrong.is_empty(), "{} of {tried} probes:\n{}", wrong.len(), wrong.join("\n"));
    tried
}

#[tokio::test]
async fn every_probe_fails_behind_bubblewrap() {
    let tried = check(WallsKind::Bubblewrap, |_| true).await;
    assert!(tried >= 80, "the suite may not shrink: {tried}");
}

#[tokio::test]
async fn probes_fail_behind_landlock_where_it_claims_to_hold() {
    let tried = check(WallsKind::Landlock, |probe| probe.landlock).await;
    assert!(tried >= 80, "the suite may not shrink: {tried}");
}

#[test]
fn probes_have_names_of_their_own() {
    let mut names: Vec<_> = probes().map(|probe| probe.name).collect();
    names.sort_unstable();
    let all = names.len();
    names.dedup();
    assert_eq!(names.len(), all);
}

/// The same tests once more, as a user that has no name, no home and no
/// control groups. Where the tests run as an ordinary user, they did already.
#[tokio::test]
async fn the_walls_hold_for_an_ordinary_user_too() {
    if !geteuid().is_root() {
        return;
    }
    use std::os::unix::fs::PermissionsExt;
    const USER: &str = "54321";
    // By a process of its own: what another test starts meanwhile would inherit
    // our open file, and while that is so nobody may execute it.
    let copy = |from: &std::path::Path, to: &std::path::Path| {
        #[expect(clippy::disallowed_methods, reason = "the test's own tool")]
        let copied = std::process::Command::new("cp").arg(from).arg(to).status();
        assert!(
            copied.expect("`cp` is everywhere").success(),
            "`{}` was not copied",
            from.display()
        );
    };
    let world = World::new();
    let place = world.directory.path();
    let this = std::env::current_exe().expect("the test's own path");
    let open = |path: &std::path::Path| {
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("ours");
    };
    open(place);
    for directory in ["deps", "examples", "tmp"] {
        fs::create_dir(place.join(directory)).expect("a directory");
        open(&place.join(directory));
    }
    fs::set_permissions(place.join("tmp"), fs::Permissions::from_mode(0o1777)).expect("ours");
    copy(&this, &place.join("deps/it"));
    for example in ["walls_init", "owner"] {
        let from = crate::walls::example(example);
        copy(&from, &place.join("examples").join(example));
    }
    let mut launch = world.launch("setpriv", &["--reuid", USER, "--regid", USER, "--clear-groups"]);
    launch.args.push(place.join("deps/it").into_os_string());
    launch.args.extend(["walls::", "escape::", "survivors::", "limits::"].map(Into::into));
    launch.env.set("TMPDIR", place.join("tmp"));
    let said = crate::walls::listen(pilot_sandbox::spawn(&launch).expect("`setpriv`")).await;
    assert_eq!(said.exit, Exit::Code(0), "{}\n{}", said.out, said.err);
    assert!(said.out.contains("every_probe_fails_behind_bubblewrap ... ok"), "{}", said.out);
}
