//! What is typed from afar into real programs of a desktop: letters of every
//! alphabet into a browser, a folder's name into a file manager.

use super::viewing::{Viewer, says, shows_a_window, yours};
use super::{appears, tree};
use crate::tunnels::{Seat, owner, waiting};
use crate::world::World;
use pilot_testkit::programs::write_program;
use std::path::Path;
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// A desktop that the test drives, with a shell beside it.
async fn at_the_wheel(world: &World) -> (Seat, Viewer) {
    let task = waiting(world);
    let client = owner(world);
    let mut shell = Seat::take(&client, task, false).await;
    shell.until("we type", Seat::drives).await;
    let mut viewer = Viewer::open(&client, task, false).await;
    world.pilot(&["task", "takeover", &task.to_string()]).ok();
    says(&mut viewer.said, "we drive", yours).await;
    (shell, viewer)
}

/// A field that tells what is in it with every key.
const FIELD: &str = r#"
import http.server, urllib.parse
PAGE = """<!doctype html><meta charset="utf-8"><title>field</title>
<body onload="document.forms[0].a.focus(); fetch('/loaded')"><form>
<input name="a" autofocus style="position:fixed;inset:0;width:100%;height:100%;font-size:40px"
 oninput="fetch('/typed?a=' + encodeURIComponent(this.value))">""".encode()
class Field(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        path, _, query = self.path.partition("?")
        if path == "/loaded": open("loaded.txt", "w").write("yes")
        if path == "/typed":
            text = urllib.parse.parse_qs(query, keep_blank_values=True)["a"][0]
            old = open("typed.txt").read() if __import__("os").path.exists("typed.txt") else ""
            # Requests may overtake one another.
            if len(text) >= len(old): open("typed.txt", "w").write(text)
        self.send_response(200); self.send_header("content-type", "text/html"); self.end_headers()
        self.wfile.write(PAGE)
    def log_message(self, *words): pass
http.server.HTTPServer(("127.0.0.1", 8124), Field).serve_forever()
"#;

#[tokio::test]
async fn letters_of_every_alphabet_arrive_in_a_browser_from_the_first_on() {
    let world = World::with_runner(1);
    std::fs::write(world.shared("field.py"), FIELD).expect("writable");
    let (mut shell, mut viewer) = at_the_wheel(&world).await;
    let script = world.shared("field.py");
    let start = format!(
        "python3 {} >/dev/null 2>&1 & TMPDIR=/tmp chromium --no-sandbox --no-first-run --disable-gpu \
         --kiosk http://127.0.0.1:8124/ >/dev/null 2>&1 &\n",
        script.display()
    );
    shell.types(&start).await;
    let tree = tree(&world);
    appears(&tree.join("loaded.txt"), "the page is there", |_| true).await;
    viewer.sees("it is drawn", |picture| super::viewing::white(picture) > 500_000).await;
    viewer.clicks(640, 400).await;
    // The first of them are what got lost; none has been typed before. The last
    // three by names that X had for them before Unicode.
    let text = "üß Привет, Київ! Ελλάδα, Łódź, Çağ – „Größe“ 5 €";
    viewer.types(text).await;
    for key in [0x6d0, 0x7e1, 0x1b3] {
        for down in [true, false] {
            viewer.hands.key(key, down).await.expect("it is taken");
        }
    }
    let expected = format!("{text}пαł");
    let last = |typed: &[u8]| typed.ends_with("ł".as_bytes());
    let typed = appears(&tree.join("typed.txt"), "the last letter", last).await;
    assert_eq!(String::from_utf8_lossy(&typed), expected);
}

/// The window manager, on a machine that is busy with something else.
const LATE: &str = "#!/bin/sh\nsleep 2\nexec /usr/bin/openbox \"$@\"\n";

#[tokio::test]
async fn a_program_that_is_started_at_once_has_the_keyboard_however_late_windows_are_managed() {
    let mut world = World::with_hub();
    let programs = world.shared("programs");
    write_program(&programs.join("openbox"), LATE);
    world.add_path(programs);
    world.start_runner();
    let (mut shell, mut viewer) = at_the_wheel(&world).await;
    shell.types("xterm -bg white -e sh -c 'cat > typed.txt' &\n").await;
    viewer.sees("the window is drawn", shows_a_window).await;
    has_the_keyboard(&mut shell).await;
    viewer.types("at once\n").await;
    let whole = |text: &[u8]| text.ends_with(b"once\n");
    let typed = appears(&tree(&world).join("typed.txt"), "what is typed arrives", whole).await;
    assert_eq!(String::from_utf8_lossy(&typed), "at once\n");
}

#[tokio::test]
async fn a_folder_made_by_hand_in_a_file_manager_is_there_on_disk() {
    let world = World::with_runner(1);
    let (mut shell, mut viewer) = at_the_wheel(&world).await;
    shell.types("pcmanfm --no-desktop \"$PWD\" >/dev/null 2>&1 &\n").await;
    viewer.sees("the file manager is drawn", shows_a_window).await;
    let asks = "until wmctrl -l | grep -q 'Creating New Folder'; do sleep 0.1; done; touch asks";
    has_the_keyboard(&mut shell).await;
    shell.types(&format!("{asks}\n")).await;
    viewer.presses("ctrl+shift+n").await;
    let tree = tree(&world);
    appears(&tree.join("asks"), "it asks for a name", |_| true).await;
    viewer.types("Made by Hand\n").await;
    let made = async {
        while !tree.join("Made by Hand").is_dir() {
            sleep(Duration::from_millis(50)).await;
        }
    };
    let made = timeout(super::PATIENCE, made).await;
    assert!(made.is_ok(), "the folder is made: {:?}", names(&tree));
}

/// Waits until a window has it: it is drawn somewhat earlier.
async fn has_the_keyboard(shell: &mut Seat) {
    let active = "xprop -root _NET_ACTIVE_WINDOW | grep -q '# 0x[1-9a-f]'";
    shell.types(&format!("until {active}; do sleep 0.1; done; echo 'it is' active\n")).await;
    shell.until("a window has the keyboard", |seat| seat.shown.contains("it is active")).await;
}

fn names(directory: &Path) -> Vec<std::ffi::OsString> {
    let entries = std::fs::read_dir(directory).expect("readable").flatten();
    entries.map(|entry| entry.file_name()).collect()
}
