//! From the start of the program until its first page is painted, beside a
//! window with nothing in it.

use crate::desk::Panel;
use crate::figure::{Figure, milliseconds};
use crate::owner::Owner;
use crate::screen::Screen;
use crate::session::Session;
use crate::{empty, end};
use pilot_proto::console::{NewTask, NewTasks, TaskNewMany};
use std::time::{Duration, Instant};

const TASKS: usize = 10_000;
/// As many as may be filed at once.
const AT_ONCE: usize = 1000;
/// A middle one of so many is steady on a machine that does other things.
const STARTS: usize = 9;

/// The inbox of a hub with ten thousand tasks, two of which ask something.
pub(crate) fn measure() -> Vec<Figure> {
    let mut session = Session::start();
    session.start_keychain();
    let _tray = Panel::start(&mut session);
    let first = session.start_window(&["--hidden"]);
    let owner = Owner::of(&session);
    let asks: NewTask = serde_json::from_value(serde_json::json!({
        "project": "demo", "agent": "scripted", "mode": "ask", "on_timeout": "pause",
        "prompt": "ask Which colour? | Red | Blue",
    }))
    .expect("a task");
    for _ in 0..TASKS / AT_ONCE {
        let tasks = vec![asks.clone(); AT_ONCE];
        owner.asks::<TaskNewMany>(NewTasks { tasks, batch: None });
    }
    crate::session::eventually("the runner is busy", || (owner.open_items() >= 2).then_some(()));
    end(&mut session, first);

    let screen = Screen::of(&session);
    let begin_ours = |session: &mut Session| session.start_window(&[]);
    let begin: [fn(&mut Session) -> u32; 2] = [begin_ours, empty];
    let pictures = begin.map(|begin| {
        let pid = begin(&mut session);
        let picture = screen.settled();
        end(&mut session, pid);
        screen.until_gone(&picture);
        picture
    });
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..STARTS {
        for (at, begin) in begin.iter().enumerate() {
            let began = Instant::now();
            let pid = begin(&mut session);
            times[at].push(screen.until(&pictures[at], began));
            end(&mut session, pid);
            screen.until_gone(&pictures[at]);
        }
    }
    let [ours, floor] = times.map(middle);
    let within = ours <= 1.25 * floor;
    vec![
        Figure::new("window.start_10k_tasks", ours, "ms")
            .against("an empty window", floor)
            .budget("<= 1.25 x", within),
    ]
}

/// The middle one, in milliseconds.
pub(crate) fn middle(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    milliseconds(times[times.len() / 2])
}
