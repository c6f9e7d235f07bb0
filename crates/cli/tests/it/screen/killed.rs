//! What dies under an open screen: the runner's daemon, and the hub. Whoever
//! looks is told, comes back, and drives on; what runs in it does not notice.
//! The desktop's own server has its test beside the clipboard's.

use super::viewing::{Attempt, Viewer, says, yours};
use super::{appears, tree};
use crate::tunnels::{Seat, owner, waiting};
use crate::world::World;
use pilot_client::Client;
use pilot_proto::screen::{FromScreen, ScreenEvent};
use pilot_proto::{Event, TaskId};
use std::path::Path;
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// Comes back as a page does: tries again until it is let in, and each time it
/// is not it is told so.
async fn back(client: &Client, task: TaskId) -> Viewer {
    let back = async {
        loop {
            match Viewer::attempt(client, task).await {
                Attempt::In(viewer) => return *viewer,
                Attempt::Told(FromScreen::Ended { again: true, .. }) | Attempt::Unreachable => {
                    sleep(Duration::from_millis(200)).await;
                }
                Attempt::Told(other) => panic!("nobody would come back after {other:?}"),
            }
        }
    };
    let mut viewer = timeout(super::PATIENCE, back).await.expect("one comes back");
    says(&mut viewer.said, "it is still ours", yours).await;
    viewer
}

/// Waits until this was typed; more than that never comes.
async fn arrived(file: &Path, all: &str) {
    let text = appears(file, all, |text| text.len() >= all.len()).await;
    assert_eq!(String::from_utf8_lossy(&text), all);
}

#[tokio::test]
async fn a_screen_and_its_driver_outlive_the_runners_daemon_and_the_hub() {
    let mut world = World::with_runner(1);
    let task = waiting(&world);
    let client = owner(&world);
    let mut shell = Seat::take(&client, task, false).await;
    shell.until("we type", Seat::drives).await;
    let mut viewer = Viewer::open(&client, task, false).await;
    shell
        .types("xterm -bg white -cr white -geometry 60x10+300+200 -e sh -c 'cat > typed.txt' &\n")
        .await;
    viewer.sees("the window is drawn", super::viewing::shows_a_window).await;
    world.pilot(&["task", "takeover", &task.to_string()]).ok();
    says(&mut viewer.said, "we drive", yours).await;
    viewer.clicks(500, 260).await;
    let typed = tree(&world).join("typed.txt");
    viewer.types("one\n").await;
    arrived(&typed, "one\n").await;

    world.kill_runner();
    viewer.loses().await;
    // Without a runner it is said, and that it may be tried again.
    let told = match Viewer::attempt(&client, task).await {
        Attempt::Told(FromScreen::Ended { why, again: true }) => why,
        other => panic!("it is said: {other:?}"),
    };
    assert!(told.contains("not connected") || told.contains("in time"), "{told}");
    world.start_runner();
    let mut viewer = back(&client, task).await;
    viewer.types("two\n").await;
    arrived(&typed, "one\ntwo\n").await;

    world.kill_hub();
    viewer.loses().await;
    assert!(matches!(Viewer::attempt(&client, task).await, Attempt::Unreachable));
    world.start_hub();
    let mut viewer = back(&client, task).await;
    viewer.sees("the window is still there", super::viewing::shows_a_window).await;
    viewer.types("three\n").await;
    arrived(&typed, "one\ntwo\nthree\n").await;

    // The agent goes on.
    world.pilot(&["task", "handback", &task.to_string(), "--note", "Go on."]).ok();
    world.pilot(&["task", "answer", &task.to_string(), "--choose", "Yes"]).ok();
    world.until("the run is over", || world.task(task).state.is_end().then_some(()));
    let events = super::events(&world, task);
    let screen = |wanted: fn(&ScreenEvent) -> bool| {
        let of_screen = |event: &&Event| matches!(event, Event::Screen(screen) if wanted(screen));
        events.iter().filter(of_screen).count()
    };
    assert_eq!(screen(|event| matches!(event, ScreenEvent::Started { .. })), 1, "one desktop");
    assert_eq!(screen(|event| matches!(event, ScreenEvent::TakenOver { .. })), 1, "one takeover");
    let recorded = screen(|event| matches!(event, ScreenEvent::RecordingEnded { .. }));
    assert_eq!(recorded, 1, "in one recording");
}
