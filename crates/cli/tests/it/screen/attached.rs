//! A VNC server that was there before, as a run's screen: a real Xvnc with a
//! password, and servers that refuse, are silent, or lie.

use super::viewing::{Viewer, says, shows_a_window, yours};
use super::{appears, events, tool};
use crate::tunnels::{Seat, owner, waiting};
use crate::world::{Said, World};
use pilot_proto::screen::{FromScreen, ScreenEvent};
use pilot_proto::{Event, TaskId};
use pilot_testkit::ports::free_port;
use rustix::process::{Pid, Signal, kill_process};
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Of eight letters, as VNC's passwords are.
const PASSWORD: &str = "sesame12";
/// The same, as `vncpasswd` writes it.
const WRITTEN: [u8; 8] = [0x1a, 0x38, 0x04, 0xa1, 0x1b, 0xc4, 0x40, 0x2c];

/// A desktop on this machine with a window that keeps what is typed into it.
struct Bench {
    address: String,
    typed: PathBuf,
    programs: Vec<Child>,
}

impl Bench {
    fn set_up(world: &World) -> Self {
        let (port, file) = (free_port(), world.path("passwd"));
        std::fs::write(&file, WRITTEN).expect("writable");
        // X adds 6000 to a number even where it opens no port.
        let display = format!(":{}", 51_000 + port % 1000);
        let port_said = port.to_string();
        let file_said = file.to_string_lossy().into_owned();
        let server = ["-rfbport", &port_said, "-interface", "127.0.0.1", "-SecurityTypes"];
        let more = ["VncAuth", "-PasswordFile", &file_said, "-UseBlacklist=0", "-nolisten", "tcp"];
        let size = ["-geometry", "900x700", "-depth", "24", "-AlwaysShared=1"];
        let words = [&[display.as_str()][..], &server, &more, &size].concat();
        let server = start("Xvnc", &display, &words);
        let address = format!("127.0.0.1:{port}");
        world.until("the server listens", || TcpStream::connect(&address).ok());
        let typed = world.path("typed-outside.txt");
        let keep = format!("cat > '{}'", typed.display());
        let window = ["-bg", "white", "-geometry", "60x10+300+200", "-e", "sh", "-c", &keep];
        let window = start("xterm", &display, &window);
        Self { address, typed, programs: vec![window, server] }
    }
}

#[expect(clippy::disallowed_methods, reason = "tests start what a person has running already")]
fn start(program: &str, display: &str, words: &[&str]) -> Child {
    let mut command = Command::new(program);
    command
        .env("DISPLAY", display)
        .args(words)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.spawn().expect("it is installed")
}

impl Drop for Bench {
    fn drop(&mut self) {
        for program in &mut self.programs {
            // By a word: a server that is killed leaves its display's lock. Each
            // of them may have ended with another.
            let pid = i32::try_from(program.id()).ok().and_then(Pid::from_raw);
            pid.map(|pid| kill_process(pid, Signal::TERM));
            program.wait().map(drop).unwrap_or_default();
        }
    }
}

fn allow(world: &World, addresses: &[&str]) {
    let file = world.data().join("runner/screens.allow");
    std::fs::write(file, addresses.join("  # ours\n")).expect("writable");
}

fn attach(world: &World, task: TaskId, address: &str, more: &[&str]) -> Said {
    let words = ["task", "screen", &task.to_string(), "--attach", address].map(str::to_owned);
    let words: Vec<&str> = words.iter().map(String::as_str).chain(more.iter().copied()).collect();
    world.pilot(&words)
}

fn refused(said: &Said, why: &str) {
    assert_ne!(said.code(), 0, "{said:?}");
    assert!(said.err.contains(why), "{why}: {said:?}");
    assert!(!said.err.contains(PASSWORD), "{said:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_there_already_becomes_the_screen_with_all_its_rules() {
    let world = World::with_runner(1);
    let bench = Bench::set_up(&world);
    let address = bench.address.as_str();
    world.pilot_with_input(&["secret", "set", "bench", "--stdin"], &format!("{PASSWORD}\n")).ok();
    world.pilot_with_input(&["secret", "set", "other", "--stdin"], "sesame13\n").ok();
    let task = waiting(&world);

    refused(&attach(&world, task, address, &["--password", "bench"]), "screens.allow");
    allow(&world, &["127.0.0.1:1", address]);
    refused(&attach(&world, task, address, &[]), "it wants a password");
    refused(&attach(&world, task, address, &["--password", "other"]), "login came to nothing");
    refused(&attach(&world, task, address, &["--password", "nobody"]), "no secret `nobody`");
    refused(&attach(&world, task, "127.0.0.1:1", &[]), "refused");
    refused(&attach(&world, task, "127.0.0.1", &[]), "host:port");
    let said = attach(&world, task, address, &["--password", "bench"]).ok();
    assert!(said.contains(&format!("{address}, 900 × 700, driven by nobody")), "{said}");

    // One driver, the agent refused meanwhile, as on a run's own.
    let client = owner(&world);
    let mut viewer = Viewer::open(&client, task, false).await;
    viewer.sees("the window outside", shows_a_window).await;
    viewer.types("too early\n").await;
    viewer.hands.look().await.expect("it shows itself");
    world.pilot(&["task", "takeover", &task.to_string()]).ok();
    says(&mut viewer.said, "we drive", yours).await;
    let attached = match &*viewer.said.borrow() {
        Some(FromScreen::State { attached, .. }) => attached.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(attached.as_deref(), Some(address), "whoever looks is told whose it is");
    viewer.clicks(500, 260).await;
    viewer.types("from afar\n").await;
    let typed = appears(&bench.typed, "what is typed", |text| text.ends_with(b"\n")).await;
    assert_eq!(String::from_utf8_lossy(&typed), "from afar\n");
    let mut shell = Seat::take(&client, task, false).await;
    shell.until("we type", Seat::drives).await;
    shell.types(&tool("mouse_click", r#"{"x":500,"y":260}"#)).await;
    shell.until("it is refused", |seat| seat.shown.contains("has taken over the screen")).await;
    world.pilot(&["task", "handback", &task.to_string()]).ok();
    shell.types(&tool("mouse_click", r#"{"x":500,"y":260}"#)).await;
    shell.types(&tool("type_text", r#"{"text":"by the agent\n"}"#)).await;
    let done = |seat: &Seat| seat.shown.matches(r#"{"done":true}"#).count() == 2;
    shell.until("the agent may", done).await;
    let typed = appears(&bench.typed, "the agent types", |text| text.ends_with(b"agent\n")).await;
    assert_eq!(String::from_utf8_lossy(&typed), "from afar\nby the agent\n");

    // The run's own again: whoever looked comes back to another desktop.
    let said = world.pilot(&["task", "screen", &task.to_string(), "--detach"]).ok();
    assert!(said.starts_with("1280 × 800"), "{said}");
    viewer.loses().await;
    let mut told = Vec::new();
    for _ in 0..100 {
        told = screen_events(&world, task);
        if told.iter().filter(|one| one.starts_with("ended screen-")).count() == 2 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let expected = [
        &format!("stands {address:?}"),
        "began screen-1.rfbs by owner",
        "ended screen-1.rfbs",
        "began screen-2.rfbs by the agent",
        "ended screen-2.rfbs",
    ];
    assert!(expected.iter().all(|one| told.iter().any(|told| told == one)), "{told:?}");
    let holders = world.files_with(PASSWORD);
    assert!(holders.is_empty(), "its password is in no file: {holders:?}");
}

/// What the journal says of the screen and its recordings.
fn screen_events(world: &World, task: TaskId) -> Vec<String> {
    let told = |event: Event| match event {
        Event::Screen(ScreenEvent::Started { attached, .. }) => {
            Some(format!("stands {:?}", attached.unwrap_or_default()))
        }
        Event::Screen(ScreenEvent::RecordingBegan { name, who }) => {
            Some(format!("began {name} by {}", who.as_deref().unwrap_or("the agent")))
        }
        Event::Screen(ScreenEvent::RecordingEnded { name, .. }) => Some(format!("ended {name}")),
        _ => None,
    };
    events(world, task).into_iter().filter_map(told).collect()
}

/// A server that says this to whoever comes, and then nothing more.
fn liar(words: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound").to_string();
    std::thread::spawn(move || {
        let mut guests = Vec::new();
        for guest in listener.incoming().flatten() {
            guests.push(std::thread::spawn(move || {
                let mut guest: TcpStream = guest;
                // Whoever was lied to hangs up.
                guest.write_all(words).unwrap_or_default();
                std::io::copy(&mut guest, &mut std::io::sink()).ok();
            }));
        }
    });
    address
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_that_are_silent_or_lie_are_refused_with_what_is_wrong() {
    let world = World::with_runner(1);
    let task = waiting(&world);
    // RFC 6143: version, one way to log in (none), no error, and a screen.
    let huge = b"RFB 003.008\n\x01\x01\0\0\0\0\xff\xff\xff\xff\x20\x18\0\x01\0\xff\0\xff\0\xff\x10\x08\0\0\0\0\0\0\0\0";
    let named = b"RFB 003.008\n\x01\x01\0\0\0\0\x04\0\x03\0\x20\x18\0\x01\0\xff\0\xff\0\xff\x10\x08\0\0\0\0\xff\xff\xff\xff";
    let liars = [
        (liar(b""), "it says nothing"),
        (liar(b"SSH-2.0-OpenSSH_9.2\r\n"), "it does not speak RFB 3.8"),
        (liar(b"RFB 003.008\n\x01\x13"), "another login"),
        (liar(b"RFB 003.008\n\0\xff\xff\xff\xff"), "a text of 4294967295"),
        (liar(huge), "a screen of 4294836225"),
        (liar(named), "a text of 4294967295"),
    ];
    allow(&world, &liars.each_ref().map(|(address, _)| address.as_str()));
    for (address, why) in &liars {
        refused(&attach(&world, task, address, &[]), why);
    }
    // The screen is as it was.
    let said = world.pilot(&["task", "screen", &task.to_string()]).ok();
    assert!(said.starts_with("1280 × 800"), "{said}");
}
