//! A run's desktop while something moves on it, seen in the window, in
//! Chromium and with TigerVNC's viewer at the desktop's own socket: on the same
//! desktop, one after the other, with what moves still moving.
//!
//! Frames are pictures that stood on this display one after the other, looked
//! at [`crate::screen::LOOKS`] times a second. Work is that of the viewer with
//! all it started; for the two that come through the hub the hub and the
//! runner are part of it, because both are in the window's program.

use crate::desk::Panel;
use crate::figure::Figure;
use crate::owner::Owner;
use crate::processes::work;
use crate::screen::Screen;
use crate::session::{Session, eventually, shows_a_page};
use pilot_proto::console::{NewSignInCode, NewTask, SignInCodeNew, Stop, TaskNew, TaskStop};
use pilot_proto::{Task, TaskId};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Until what a viewer does first is behind it.
const CALM: Duration = Duration::from_secs(6);
const OVER: Duration = Duration::from_secs(10);
/// Starts whatever lies in `load`, in the place of what it started before.
const AGENT: &str = "run touch stands-here; while :; do if [ -f load ]; then mv load now; \
    kill $load 2>/dev/null; sh ./now & load=$!; fi; sleep 0.2; done";
/// Steps of a drag, to and fro: sixty a second.
const DRAG: Duration = Duration::from_micros(16_667);

struct Load {
    name: &'static str,
    script: &'static str,
    /// A person drags what it opens.
    dragged: bool,
    figures: [[&'static str; 2]; 3],
}

const LOADS: [Load; 3] = [
    Load {
        name: "scrolling text",
        script: "exec xterm -geometry 150x48+60+40 -e sh -c 'while :; do i=$((i + 1)); \
            printf \"%s: a line of a log that scrolls by, %s\\n\" $i $((i * 7919)); \
            sleep 0.016; done'",
        dragged: false,
        figures: [
            ["screen.scroll_window", "screen.scroll_window_cpu"],
            ["screen.scroll_chromium", "screen.scroll_chromium_cpu"],
            ["screen.scroll_tigervnc", "screen.scroll_tigervnc_cpu"],
        ],
    },
    Load {
        name: "a window that is dragged",
        script: "exec xterm -geometry 80x24+200+100 -e sh -c 'seq 1 200; exec cat'",
        dragged: true,
        figures: [
            ["screen.drag_window", "screen.drag_window_cpu"],
            ["screen.drag_chromium", "screen.drag_chromium_cpu"],
            ["screen.drag_tigervnc", "screen.drag_tigervnc_cpu"],
        ],
    },
    Load {
        name: "video",
        script: "exec ffplay -loglevel quiet -an -left 100 -top 100 \
            -f lavfi -i testsrc2=size=960x540:rate=30",
        dragged: false,
        figures: [
            ["screen.video_window", "screen.video_window_cpu"],
            ["screen.video_chromium", "screen.video_chromium_cpu"],
            ["screen.video_tigervnc", "screen.video_tigervnc_cpu"],
        ],
    },
];

/// Frames in a second, and work in percent of a core.
#[derive(Clone, Copy)]
struct Seen {
    frames: f64,
    work: f64,
}

pub(crate) fn measure() -> Vec<Figure> {
    let mut session = Session::start();
    session.start_keychain();
    session.start_window_manager();
    let tray = Panel::start(&mut session);
    let pid = session.start_window(&[]);
    let owner = Owner::of(&session);
    eventually("the window is there", || shows_a_page(pid).then_some(()));
    let new: NewTask = serde_json::from_value(serde_json::json!({
        "project": "demo", "agent": "scripted", "mode": "auto", "prompt": AGENT,
    }))
    .expect("a task");
    let task = owner.asks::<TaskNew>(new);
    let desktop = Desktop::of(&session);
    let figures = LOADS.iter().flat_map(|load| {
        let seen = by_all(&mut session, &owner, pid, &tray, &task, &desktop, load);
        figures(load, seen)
    });
    let figures = figures.collect();
    owner.asks::<TaskStop>(Stop { task: task.id, keep_children: None });
    figures
}

/// By the window, by Chromium and by TigerVNC's viewer, in this order.
fn by_all(
    session: &mut Session,
    owner: &Owner,
    pid: u32,
    tray: &Panel,
    task: &Task,
    desktop: &Desktop,
    load: &Load,
) -> [Seen; 3] {
    tray.choose("Open Pilothouse");
    let second = session.start_window(&[&format!("pilothouse://task/{}/screen", task.id)]);
    session.ended(second);
    eventually("the desktop stands", || desktop.socket().exists().then_some(()));
    session.run("wmctrl", &["-r", "Pilothouse", "-b", "add,maximized_vert,maximized_horz"]);
    desktop.begin(load);
    let window = seen(session, desktop, load, &[pid]);
    session.close_window();
    eventually("the page is gone", || (!shows_a_page(pid)).then_some(()));

    let browser = chromium(session, owner, task.id);
    let chromium = seen(session, desktop, load, &[pid, browser]);
    crate::end(session, browser);

    let mut viewer = session.command("xtigervncviewer");
    viewer.args(["-Shared", "-ViewOnly", "-FullScreen", "-RemoteResize=0"]);
    // As our pages ask for it.
    viewer.args(["-AutoSelect=0", "-PreferredEncoding=Tight", "-QualityLevel=6"]);
    viewer.arg(desktop.socket());
    let viewer = session.keep(viewer);
    let direct = seen(session, desktop, load, &[viewer]);
    crate::end(session, viewer);
    [window, chromium, direct]
}

fn chromium(session: &mut Session, owner: &Owner, task: TaskId) -> u32 {
    let profile = session.data().with_file_name("chromium");
    let open = |session: &Session, url: &str| {
        let mut browser = session.command("chromium");
        browser.args(["--no-sandbox", "--no-first-run", "--password-store=basic"]);
        browser.args(["--window-size=1280,800", "--window-position=0,0"]);
        browser.arg(format!("--user-data-dir={}", profile.display())).arg(url);
        browser
    };
    let code = owner.asks::<SignInCodeNew>(NewSignInCode { valid_secs: None });
    let link = code.link.expose().to_owned();
    let browser = open(session, &link);
    let pid = session.keep(browser);
    std::thread::sleep(CALM);
    let origin = link.split_once('#').map_or(link.as_str(), |(origin, _)| origin);
    let page = format!("{}/tasks/{task}/screen", origin.trim_end_matches('/'));
    // A second one hands its page to the first, and ends.
    let second = open(session, &page);
    let second = session.keep(second);
    session.ended(second);
    pid
}

fn seen(session: &Session, desktop: &Desktop, load: &Load, programs: &[u32]) -> Seen {
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        if load.dragged {
            scope.spawn(|| desktop.drag(&over));
        }
        std::thread::sleep(CALM);
        let works = programs.iter().map(|pid| scope.spawn(|| work(*pid, OVER)));
        let works: Vec<_> = works.collect();
        let frames = Screen::of(session).frames(OVER);
        over.store(true, Ordering::Relaxed);
        let work = works.into_iter().map(|work| work.join().expect("it measures")).sum();
        Seen { frames, work }
    })
}

fn figures(load: &Load, seen: [Seen; 3]) -> Vec<Figure> {
    let direct = seen[2];
    let what = format!("TigerVNC's viewer, directly, {}", load.name);
    let of = |[frames, cpu]: [&'static str; 2], seen: Seen| {
        // Of one frame, in thousandths of a second of a core.
        let each = |seen: Seen| seen.work * 10.0 / seen.frames.max(0.1);
        [
            Figure::new(frames, seen.frames, "fps").against(&what, direct.frames),
            Figure::new(cpu, each(seen), "ms/frame").against(&what, each(direct)),
        ]
    };
    load.figures.into_iter().zip(seen).flat_map(|(names, seen)| of(names, seen)).collect()
}

/// The run's desktop, from outside of its walls.
struct Desktop {
    /// The agent's workspace.
    tree: PathBuf,
    runs: PathBuf,
}

impl Desktop {
    fn of(session: &Session) -> Self {
        let data = session.data().join("pilothouse");
        let tree = eventually("the agent works", || below(&data, "stands-here"));
        let runs = eventually("it is a run", || below(&data, "runs"));
        Self { tree: tree.with_file_name(""), runs }
    }

    fn socket(&self) -> PathBuf {
        below(&self.runs, "screen.sock").unwrap_or_else(|| self.runs.join("none"))
    }

    fn begin(&self, load: &Load) {
        let next = self.tree.join("load.new");
        std::fs::write(&next, load.script).expect("the workspace is a directory of ours");
        std::fs::rename(next, self.tree.join("load")).expect("in one directory");
        eventually("the agent takes it", || (!self.tree.join("load").exists()).then_some(()));
    }

    /// Drags what lies at the left upper corner of the load's window to and fro.
    fn drag(&self, over: &AtomicBool) {
        let mut server = UnixStream::connect(self.socket()).expect("the desktop stands");
        let mut exchange = |say: &[u8], answer: usize| {
            server.write_all(say).expect("it hears");
            let mut said = vec![0; answer];
            server.read_exact(&mut said).expect("it answers");
            said
        };
        // RFC 6143, 7.1 to 7.3, without a password.
        exchange(b"", 12);
        let kinds = exchange(b"RFB 003.008\n", 1)[0];
        exchange(b"", kinds.into());
        exchange(&[1], 4);
        let init = exchange(&[1], 24);
        exchange(b"", usize::from(u16::from_be_bytes([init[22], init[23]])));
        let mut point = |buttons: u8, x: u16| {
            let ([x1, x2], [y1, y2]) = (x.to_be_bytes(), 108_u16.to_be_bytes());
            exchange(&[5, buttons, x1, x2, y1, y2], 0);
        };
        const LEFT: u16 = 300;
        point(0, LEFT);
        let far = (0..400).step_by(8);
        let path: Vec<u16> = far.clone().chain(far.rev()).map(|step| LEFT + step).collect();
        for x in path.iter().cycle() {
            point(1, *x);
            std::thread::sleep(DRAG);
            if over.load(Ordering::Relaxed) && *x == LEFT {
                break;
            }
        }
        point(0, LEFT);
    }
}

/// What has this name below a directory.
fn below(directory: &Path, name: &str) -> Option<PathBuf> {
    let mut waiting = vec![directory.to_owned()];
    while let Some(next) = waiting.pop() {
        let Ok(entries) = next.read_dir() else { continue };
        for entry in entries.flatten() {
            if entry.file_name() == name {
                return Some(entry.path());
            }
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                waiting.push(entry.path());
            }
        }
    }
    None
}
