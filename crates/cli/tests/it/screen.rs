//! A run's screen through hub and runner: real Xvnc, real programs, and the
//! real `claude` in front of it.

mod attached;
mod killed;
mod typed;
mod viewing;

use crate::agents::{add_claude, file, model, steps};
use crate::tunnels::{Seat, client, listening, owner, waiting};
use crate::world::{PATIENCE, World};
use pilot_hub::{Access, Hub, HubOptions};
use pilot_proto::console::{OneTask, Role, Stop, TaskHandback, TaskStop, TaskTakeover};
use pilot_proto::screen::{FromScreen, HandBack, ScreenDriver, ScreenEvent};
use pilot_proto::{BlobId, Event, Record, Secret, TaskId};
use pilot_screen::recording::{Block, Reader};
use pilot_screen::rfb::greeting::greet;
use pilot_screen::rfb::viewer::Pointer;
use serde_json::json;
use std::path::PathBuf;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::time::{sleep, timeout};
use viewing::{Line, Viewer, bytes, driven_by, says, shows_a_window, yours};

fn tree(world: &World) -> PathBuf {
    let runs = world.run_directories();
    assert_eq!(runs.len(), 1, "one run: {runs:?}");
    runs[0].join("work/tree")
}

async fn appears(path: &std::path::Path, what: &str, done: impl Fn(&[u8]) -> bool) -> Vec<u8> {
    let there = async {
        loop {
            match std::fs::read(path) {
                Ok(bytes) if done(&bytes) => return bytes,
                Ok(_) | Err(_) => sleep(Duration::from_millis(50)).await,
            }
        }
    };
    timeout(PATIENCE, there).await.unwrap_or_else(|_| panic!("{what}: never"))
}

/// X's own dump of the screen, once it is what is seen: a window manager may
/// still be at work when the first is made.
async fn same_pixels(world: &World, shell: &mut Seat, viewer: &mut Viewer) -> Vec<u8> {
    let mut differ = Vec::new();
    for number in 0..20 {
        let file = format!("{number}.rgb");
        shell.types(&format!("import -window root -depth 8 rgb:now && mv now {file}\n")).await;
        let dump = appears(&tree(world).join(file), "X's own dump", |_| true).await;
        let seen = bytes(&viewer.hands.look().await.expect("it shows itself"));
        if seen == dump {
            return dump;
        }
        assert_eq!(seen.len(), dump.len());
        differ.push(seen.iter().zip(&dump).filter(|(one, other)| one != other).count());
        sleep(Duration::from_millis(500)).await;
    }
    panic!("what is seen is not what is there: so many bytes differ: {differ:?}");
}

/// A hub that ann and bob may use, eve may look at, and a runner.
async fn house() -> (World, pilot_hub::Running) {
    let mut world = World::bare();
    let address = format!("127.0.0.1:{}", world.port()).parse().expect("an address");
    let mut options = HubOptions::new(world.data().join("hub"), address);
    options.demo = true;
    let access = [("ann", Role::Operator), ("bob", Role::Operator), ("eve", Role::Viewer)];
    options.access = access
        .map(|(name, role)| Access { name: name.into(), role, token: Secret::new(token(name)) })
        .into();
    let hub = Hub::start(options).await.expect("the hub starts");
    tokio::task::block_in_place(|| {
        world.set_workers(1);
        world.start_runner();
    });
    (world, hub)
}

fn token(name: &str) -> String {
    name.repeat(20)
}

/// Something for the agent's own way in: a tool of the run's socket, from a shell.
fn tool(name: &str, arguments: &str) -> String {
    format!(
        "curl -sS --unix-socket \"$PILOTHOUSE_SOCKET\" -X POST http://run/tools/{name} \
         -d '{arguments}' | cut -c1-300; echo\n"
    )
}

fn events(world: &World, task: TaskId) -> Vec<Event> {
    let out = world.pilot(&["task", "log", "--records", "--json", &task.to_string()]).ok();
    let record = |line| serde_json::from_str::<Record>(line).expect("a record").event;
    out.lines().map(record).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_person_drives_a_screen_others_look_on_and_the_agent_is_refused_meanwhile() {
    let (world, hub) = house().await;
    let task = tokio::task::block_in_place(|| waiting(&world));
    let people = ["ann", "bob", "eve"].map(|name| client(&world, &token(name)));
    let [ann, bob, eve] = &people;
    let before = listening(&world);
    let mut shell = Seat::take(ann, task, false).await;
    shell.until("ann types", Seat::drives).await;
    let mut viewer = Viewer::open(ann, task, false).await;
    let mut second = Viewer::open(bob, task, false).await;
    let mut looker = Viewer::open(eve, task, true).await;

    shell
        .types("xterm -bg white -cr white -geometry 60x10+300+200 -e sh -c 'cat > typed.txt' &\n")
        .await;
    viewer.sees("the window is drawn", shows_a_window).await;
    looker.sees("eve sees it as well", shows_a_window).await;

    // A server draws the pointer in for a viewer that left its own elsewhere; in
    // the corner is where those are that never moved it.
    shell.types(&tool("mouse_move", r#"{"x":0,"y":0}"#)).await;
    shell
        .until("the agent moves the pointer", |seat| seat.shown.contains(r#"{"done":true}"#))
        .await;
    // What is seen is what X says is there, pixel for pixel.
    let dump = same_pixels(&world, &mut shell, &mut viewer).await;
    second.sees("the same pixels", |picture| bytes(picture) == dump).await;

    // Nobody drives: nobody's keys arrive.
    let typed = tree(&world).join("typed.txt");
    viewer.types("ann, too early\n").await;
    looker.types("eve\n").await;
    // What is answered was asked after what was typed.
    viewer.hands.look().await.expect("it shows itself");
    ann.call::<TaskTakeover>(OneTask { task }).await.expect("she may");
    says(&mut viewer.said, "ann drives", yours).await;
    says(&mut second.said, "bob is told who", |said| driven_by(said) == Some("ann")).await;
    // The run decides; the hub hears of it from the journal.
    tokio::task::block_in_place(|| {
        let ann = |driver: &ScreenDriver| driver.who.as_deref() == Some("ann");
        world.until("the hub knows", || world.task(task).driver.filter(ann));
    });
    let refused = bob.call::<TaskTakeover>(OneTask { task }).await.expect_err("ann drives");
    assert!(refused.to_string().contains("`ann` drives"), "{refused}");
    let forbidden = eve.call::<TaskTakeover>(OneTask { task }).await;
    assert!(forbidden.is_err(), "whoever looks on takes nothing over");
    second.types("bob\n").await;
    second.hands.point(Pointer { x: 9, y: 9, buttons: 1 }).await.expect("it is sent");
    viewer.clicks(500, 260).await;
    viewer.types("ann was here\n").await;
    let text = appears(&typed, "what ann types arrives", |text| text.ends_with(b"here\n")).await;
    assert_eq!(String::from_utf8_lossy(&text), "ann was here\n", "and nobody else's keys");

    // The agent's tools are refused, with the reason, and not queued.
    shell.types(&tool("mouse_click", r#"{"x":5,"y":5}"#)).await;
    shell
        .until("the click is refused", |seat| {
            seat.shown.contains("`ann` has taken over the screen")
        })
        .await;
    let note = Some("the form is filled".to_owned());
    ann.call::<TaskHandback>(HandBack { task, note }).await.expect("she may");
    says(&mut second.said, "the wheel is free", |said| driven_by(said).is_none()).await;
    shell.types(&tool("mouse_click", r#"{"x":5,"y":5}"#)).await;
    shell
        .until("the agent may click", |seat| seat.shown.matches(r#"{"done":true}"#).count() == 2)
        .await;
    shell.types(&tool("cursor_position", "{}")).await;
    shell.until("it is there", |seat| seat.shown.contains(r#"{"x":5,"y":5}"#)).await;
    shell.types(&tool("list_windows", "{}")).await;
    shell.until("windows are listed", |seat| seat.shown.contains(r#""class":"xterm.XTerm""#)).await;

    let new: Vec<String> = listening(&world).difference(&before).cloned().collect();
    assert!(new.is_empty(), "a screen opens no port: {new:?}");
    let owner = owner(&world);
    owner.call::<TaskStop>(Stop { task, keep_children: None }).await.expect("it stops");
    tokio::task::block_in_place(|| world.until_state(task, "cancelled"));
    recorded(&world, task);
    hub.stop().await;
}

/// What ann did, and what the agent did, are recordings that can be read, and
/// hold nothing of what was typed.
fn recorded(world: &World, task: TaskId) {
    let events = events(world, task);
    let screens = events.iter().filter_map(|event| match event {
        Event::Screen(screen) => Some(screen),
        _ => None,
    });
    let told: Vec<String> = screens
        .filter_map(|screen| match screen {
            ScreenEvent::TakenOver { who } => Some(format!("{who} took")),
            ScreenEvent::HandedBack { who, note, .. } => Some(format!("{who} gave {note:?}")),
            ScreenEvent::RecordingBegan { who, .. } => Some(format!("recording {who:?}")),
            _ => None,
        })
        .collect();
    let expected = [
        "recording None",
        "ann took",
        "recording Some(\"ann\")",
        "ann gave Some(\"the form is filled\")",
        "recording None",
    ];
    assert_eq!(told, expected);
    let artifacts: Vec<(String, BlobId)> = events
        .iter()
        .filter_map(|event| match event {
            Event::Artifact { name, blob, media_type, .. } if name.ends_with(".rfbs") => {
                assert_eq!(media_type, pilot_proto::screen::RECORDING_TYPE);
                Some((name.clone(), blob.clone()))
            }
            _ => None,
        })
        .collect();
    let names: Vec<&str> = artifacts.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["screen-1.rfbs", "screen-2.rfbs", "screen-3.rfbs"]);
    let kept = world.data().join("hub/blobs");
    for (name, blob) in &artifacts {
        let file = blob_at(&kept, blob).unwrap_or_else(|| panic!("{name} is not in {kept:?}"));
        let mut reader = Reader::open(file.as_slice()).expect("it is a recording");
        let (mut streams, mut seen, mut marks) = (0, 0, Vec::new());
        while let Some((_, block)) = reader.next().expect("it is sound") {
            match block {
                Block::Stream => streams += 1,
                Block::Bytes(bytes) => seen += bytes.len(),
                Block::Mark(mark) => marks.push(mark),
                Block::Pointer(..) | Block::End => {}
            }
        }
        assert!(reader.is_whole() && streams >= 1 && seen > 500, "{name}: {streams} {seen}");
        let who = reader.head().who.as_deref();
        let (by, did) = match name.as_str() {
            "screen-1.rfbs" => (None, vec!["move 0,0"]),
            "screen-2.rfbs" => (Some("ann"), vec![]),
            _ => (None, vec!["click 5,5"]),
        };
        assert_eq!((who, marks), (by, did.into_iter().map(str::to_owned).collect()));
    }
}

/// A blob's bytes, wherever the hub's store has put it.
fn blob_at(root: &std::path::Path, blob: &BlobId) -> Option<Vec<u8>> {
    let mut waiting = vec![root.to_owned()];
    while let Some(directory) = waiting.pop() {
        for entry in std::fs::read_dir(directory).ok()?.flatten() {
            if entry.path().is_dir() {
                waiting.push(entry.path());
            } else if blob.to_string().contains(&*entry.file_name().to_string_lossy())
                || entry.path().to_string_lossy().replace('/', "").ends_with(&blob.to_string())
            {
                let bytes = std::fs::read(entry.path()).ok()?;
                return Some(zstd::decode_all(bytes.as_slice()).unwrap_or(bytes));
            }
        }
    }
    None
}

/// An RFB client that is ours to the byte.
async fn hear(stream: &mut DuplexStream, what: &str, wanted: &[u8]) {
    let mut heard = Vec::new();
    let mut buffer = vec![0; 4096];
    let found = async {
        while !heard.windows(wanted.len()).any(|part| part == wanted) {
            let read = stream.read(&mut buffer).await.expect("it stays");
            assert!(read > 0, "{what}: it ended");
            heard.extend_from_slice(&buffer[..read]);
        }
    };
    timeout(PATIENCE, found).await.unwrap_or_else(|_| panic!("{what}: never"));
}

#[tokio::test]
async fn a_screens_clipboard_and_size_are_the_drivers_and_it_stands_up_again_when_it_dies() {
    let world = World::with_runner(1);
    let task = waiting(&world);
    let client = owner(&world);
    let mut shell = Seat::take(&client, task, false).await;
    shell.until("we type", Seat::drives).await;
    let mut line = Line::open(&client, task, false).await;
    let greeted = greet(&mut line.stream).await;
    greeted.unwrap_or_else(|error| panic!("{error}; {:?}", *line.said.borrow()));

    // From the screen to whoever may drive.
    shell.types("printf 'copied inside' | xclip -selection clipboard\n").await;
    hear(&mut line.stream, "the clipboard comes out", b"copied inside").await;
    let mut paste = vec![6, 0, 0, 0, 0, 0, 0, 7];
    paste.extend_from_slice(b"outside");
    let resize =
        [&[251, 0, 3, 132, 2, 88, 1, 0][..], &[0; 8], &[3, 132, 2, 88, 0, 0, 0, 0]].concat();
    let wanted =
        |said: &FromScreen| matches!(said, FromScreen::State { width: 900, height: 600, .. });
    // Nobody drives yet: neither arrives.
    line.stream.write_all(&[paste.as_slice(), &resize].concat()).await.expect("it is sent");
    shell.types("xclip -selection clipboard -o; echo ' is it'\n").await;
    shell.until("it is as it was", |seat| seat.shown.contains("copied inside is it")).await;
    let taken = world.pilot(&["task", "takeover", &task.to_string()]).ok();
    assert!(taken.contains("owner drives the screen"), "{taken}");
    says(&mut line.said, "we drive", yours).await;
    line.stream.write_all(&paste).await.expect("it is sent");
    let comes = "until xclip -selection clipboard -o | grep -q outside; do sleep 0.1; done";
    shell.types(&format!("{comes}; xclip -selection clipboard -o; echo ' is in'\n")).await;
    shell.until("the clipboard goes in", |seat| seat.shown.contains("outside is in")).await;
    let sizes = [&[2, 0, 0, 2][..], &0_i32.to_be_bytes(), &(-308_i32).to_be_bytes()].concat();
    let ask = [3, 0, 0, 0, 0, 0, 5, 0, 3, 32];
    // Whose page is just loading: greeted, and has asked for nothing yet.
    let mut early = Line::open(&client, task, true).await;
    greet(&mut early.stream).await.expect("they are greeted");
    line.stream.write_all(&[sizes.as_slice(), &ask, &resize].concat()).await.expect("it is sent");
    let mut drain = vec![0; 65536];
    let resized = async {
        loop {
            tokio::select! {
                read = line.stream.read(&mut drain) => assert!(read.expect("it stays") > 0),
                said = says(&mut line.said, "it has that size", wanted) => return said,
            }
        }
    };
    timeout(PATIENCE, resized).await.expect("it is resized");
    early.stream.write_all(&[sizes.as_slice(), &ask].concat()).await.expect("it is sent");
    let shown = timeout(PATIENCE, early.stream.read(&mut drain)).await.expect("it is answered");
    assert!(shown.expect("the line stands") > 0, "a new size ends nobody's line");

    // A picture for a person without a window.
    let file = world.path("screen.png");
    let path = file.to_string_lossy().into_owned();
    let said = world.pilot(&["task", "screen", &task.to_string(), "--screenshot", &path]).ok();
    assert!(said.contains("900 × 600, driven by owner, watched by 2"), "{said}");
    let picture = std::fs::read(&file).expect("it was written");
    assert!(picture.starts_with(b"\x89PNG") && picture[16..24] == [0, 0, 3, 132, 0, 0, 2, 88]);

    // The runner's daemon may die under it; the screen does not.
    shell.types("pkill -x Xtigervnc || pkill -x Xvnc\n").await;
    let ended = async { while line.stream.read(&mut drain).await.is_ok_and(|read| read > 0) {} };
    timeout(PATIENCE, ended).await.expect("the tunnel ends with the desktop");
    let last = line.said.borrow().clone();
    assert!(
        matches!(&last, Some(FromScreen::Ended { why, again: true }) if why.contains("ended")),
        "{last:?}"
    );
    let mut again = Viewer::open(&client, task, false).await;
    assert!(matches!(
        *again.said.borrow(),
        Some(FromScreen::State { width: 1280, yours: true, .. })
    ));
    again.sees("it stands again", |picture| picture.size().width == 1280).await;
    world.pilot(&["task", "handback", &task.to_string()]).ok();
    says(&mut again.said, "nobody drives", |said| !yours(said)).await;
    client.call::<TaskStop>(Stop { task, keep_children: None }).await.expect("it stops");
    world.until_state(task, "cancelled");
    world.until("nothing is left", || world.stray_processes().is_empty().then_some(()));
}

/// A page that is one field; what is sent is written down.
const FORM: &str = r#"
import http.server, urllib.parse
PAGE = b"""<!doctype html><meta charset="utf-8"><title>form</title><body onload="drawn(() => fetch('/loaded'))">
<script>const drawn = (then) => requestAnimationFrame(() => requestAnimationFrame(then))</script>
<form action="/sent"><input name="answer" onfocus="fetch('/focused')" style="position:fixed;inset:0;width:100%;height:100%;font-size:60px">"""
class Form(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        path, _, query = self.path.partition("?")
        if path in ("/loaded", "/focused"): open(path[1:] + ".txt", "w").write("yes")
        if path == "/sent": open("sent.txt", "w").write(urllib.parse.parse_qs(query)["answer"][0] + "\n")
        self.send_response(200); self.send_header("content-type", "text/html"); self.end_headers()
        self.wfile.write(PAGE)
    def log_message(self, *words): pass
http.server.HTTPServer(("127.0.0.1", 8123), Form).serve_forever()
"#;

#[test]
fn claude_fills_a_form_in_a_real_browser_on_its_screen() {
    let model = model();
    let mut world = World::with_hub();
    add_claude(&mut world);
    let add = ["provider", "add", "scripted-model", "--kind", "anthropic", "--key-stdin"];
    let url = model.server.url();
    world.pilot_with_input(&[&add[..], &["--base-url", &url]].concat(), "k-0123456789\n").ok();
    world.start_runner();
    let form = world.shared("form.py");
    std::fs::write(&form, FORM).expect("writable");
    let start = format!(
        "(setsid python3 {} >/dev/null 2>&1 &) ; (TMPDIR=/tmp setsid chromium --no-sandbox --no-first-run --disable-gpu \
         --kiosk http://127.0.0.1:8123/ >/dev/null 2>&1 &) ; echo begun",
        form.display()
    );
    let until = |file: &str| json!({"shell": format!("for i in $(seq 1000); do [ -s {file} ] && break; sleep 0.1; done; cat {file}")});
    let tool = |name: &str, input: serde_json::Value| json!({"tool": {"name": format!("mcp__pilothouse__{name}"), "input": input}});
    let prompt = steps(&json!([
        // The screen is started by looking at it, and what is started then finds it.
        tool("screenshot", json!({})),
        {"shell": start},
        until("loaded.txt"),
        tool("screen_wait", json!({"ms": 1000})),
        tool("mouse_click", json!({"x": 640, "y": 400})),
        until("focused.txt"),
        tool("type_text", json!({"text": "Greetings from the agent"})),
        tool("screenshot", json!({"part": [0, 0, 200, 100]})),
        tool("press_key", json!({"key": "Return"})),
        until("sent.txt"),
        {"text": "Filled in."}
    ]));
    let task = file(&world, "auto", &prompt);
    let sent = crate::agents::published(&world, task, "sent.txt");
    let asked = model.server.requests();
    let results: Vec<_> = asked.iter().flat_map(|one| &one.results).collect();
    assert_eq!(sent.as_deref(), Some("Greetings from the agent\n"), "{results:#?}");
    assert!(results.iter().all(|one| !one.error), "{results:#?}");
    let events = events(&world, task);
    let spans = events.iter().filter(|event| {
        matches!(event, Event::Screen(ScreenEvent::RecordingBegan { who: None, .. }))
    });
    assert_eq!(spans.count(), 1, "the span of computer use is recorded");
    let kept =
        |event: &Event| matches!(event, Event::Artifact { name, .. } if name == "screen-1.rfbs");
    assert!(events.iter().any(kept), "as an artifact");
    assert!(world.task(task).driver.is_none(), "nobody drives what is over");
}
