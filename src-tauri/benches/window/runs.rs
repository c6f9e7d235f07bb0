//! What the window costs while forty runs write, seen and unseen; how fast it
//! is back from the tray, and finds its runs again after a restart.

use crate::desk::Panel;
use crate::figure::Figure;
use crate::owner::Owner;
use crate::processes::{memory, work};
use crate::screen::Screen;
use crate::session::{Session, eventually, shows_a_page};
use crate::start::middle;
use crate::{empty, end, settings};
use pilot_proto::console::{NewTask, Stop, TaskList, TaskNew, TaskQuery, TaskStop};
use pilot_proto::{Phase, Task, TaskState};
use std::time::{Duration, Instant};

const RUNS: u32 = 40;
/// Lines in a second of each, for longer than all of this takes.
const SCRIPT: &str = "lines-per-second 50 180000";
/// Long beside a clock tick and beside what happens once a second.
const OVER: Duration = Duration::from_secs(20);
/// What a start or a stop stirred up is over by then.
const CALM: Duration = Duration::from_secs(5);
const TRIES: usize = 5;

pub(crate) fn measure() -> Vec<Figure> {
    let mut session = Session::start();
    session.start_keychain();
    session.start_window_manager();
    let tray = Panel::start(&mut session);
    let mut figures = Vec::new();

    let pid = empty(&mut session);
    std::thread::sleep(CALM);
    let floor = memory(pid);
    end(&mut session, pid);

    let file = settings(&session);
    std::fs::create_dir_all(file.parent().expect("a folder")).expect("writable");
    std::fs::write(&file, format!("{{\"workers\": {RUNS}}}")).expect("writable");
    let pid = session.start_window(&[]);
    let owner = Owner::of(&session);
    eventually("the window is there", || shows_a_page(pid).then_some(()));
    std::thread::sleep(CALM);
    figures.push(size("window.memory_idle", memory(pid), floor));
    figures.push(Figure::new("window.cpu_idle", work(pid, OVER), "% core"));

    let tasks = begin_runs(&owner);
    let link = format!("pilothouse://task/{}/log", tasks[0].id);
    let second = session.start_window(&[&link]);
    session.ended(second);
    std::thread::sleep(CALM);
    let seen = memory(pid);
    let within = seen <= floor + 80.0;
    figures.push(
        size("window.memory_40_runs", seen, floor).budget("<= empty window + 80 MiB", within),
    );
    figures.push(Figure::new("window.cpu_40_runs_a_log_open", work(pid, OVER), "% core"));
    figures.extend(unseen(&session, pid, &tray));
    figures.extend(back(&session, pid, &tray));
    figures.push(attached(&mut session, pid));
    // After a restart it is another hub, at another address.
    let owner = Owner::of(&session);
    for task in tasks {
        owner.asks::<TaskStop>(Stop { task: task.id, keep_children: None });
    }
    figures
}

fn size(name: &'static str, value: f64, floor: f64) -> Figure {
    Figure::new(name, value, "MiB").against("an empty window", floor)
}

fn begin_runs(owner: &Owner) -> Vec<Task> {
    let new: NewTask = serde_json::from_value(serde_json::json!({
        "project": "demo", "agent": "scripted", "prompt": SCRIPT, "mode": "auto",
    }))
    .expect("a task");
    let tasks: Vec<Task> = (0..RUNS).map(|_| owner.asks::<TaskNew>(new.clone())).collect();
    eventually("all of them run", || {
        let now = owner.asks::<TaskList>(TaskQuery::default());
        let works =
            |task: &&Task| matches!(task.state, TaskState::Working { phase: Phase::AgentRunning });
        (now.iter().filter(works).count() == tasks.len()).then_some(())
    });
    tasks
}

/// On another desktop, and then closed into the tray.
fn unseen(session: &Session, pid: u32, tray: &Panel) -> Vec<Figure> {
    session.run("wmctrl", &["-s", "1"]);
    std::thread::sleep(CALM);
    let elsewhere = work(pid, OVER);
    session.run("wmctrl", &["-s", "0"]);
    session.close_window();
    eventually("the page is gone", || (!shows_a_page(pid)).then_some(()));
    assert_eq!(tray.items().len(), 1, "it is in the tray");
    std::thread::sleep(CALM);
    let (size, closed) = (memory(pid), work(pid, OVER));
    vec![
        Figure::new("window.cpu_40_runs_not_seen", elsewhere, "% core"),
        Figure::new("window.memory_40_runs_in_tray", size, "MiB")
            .budget("<= 150 MiB", size <= 150.0),
        Figure::new("window.cpu_40_runs_in_tray", closed, "% core")
            .budget("<= 5 % of a core", closed <= 5.0),
    ]
}

/// From the press in the tray's menu until it stands on the screen.
fn back(session: &Session, pid: u32, tray: &Panel) -> Vec<Figure> {
    let screen = Screen::of(session);
    let close = || {
        session.close_window();
        eventually("the page is gone", || (!shows_a_page(pid)).then_some(()));
        std::thread::sleep(CALM / 5);
    };
    tray.choose("Open Pilothouse");
    let picture = screen.settled();
    close();
    let again = || {
        let began = Instant::now();
        tray.choose("Open Pilothouse");
        let time = screen.until(&picture, began);
        close();
        time
    };
    let time = middle((0..TRIES).map(|_| again()).collect());
    vec![Figure::new("window.back_from_tray", time, "ms").budget("<= 200 ms", time <= 200.0)]
}

/// From the start of the program until its hub has all runs again.
fn attached(session: &mut Session, pid: u32) -> Figure {
    let held = format!("held={RUNS}");
    let mut pid = pid;
    let mut again = || {
        end(session, pid);
        let before = session.log().matches(&held).count();
        let began = Instant::now();
        pid = session.start_window(&[]);
        session.logged(&held, before + 1);
        began.elapsed()
    };
    let time = middle((0..TRIES).map(|_| again()).collect());
    Figure::new("window.attached_again_40_runs", time, "ms").budget("<= 2000 ms", time <= 2000.0)
}
