//! The program on a real desktop session: display, bus, keychain; and what a
//! person does with its tray and its notifications.

mod desk;
mod owner;
mod session;

use desk::{Dunst, Panel, Press};
use owner::Owner;
use pilot_proto::Task;
use session::{Session, eventually, shows_a_page, window};
use std::time::Instant;

fn of(task: &Task) -> String {
    format!("/tasks/{}", task.id)
}

fn session() -> Session {
    let mut session = Session::start();
    session.start_keychain();
    session
}

#[test]
fn a_permission_is_announced_approved_from_the_notification_and_done() {
    let mut session = session();
    let dunst = Dunst::start(&mut session);
    session.start_window(&["--hidden"]);
    let owner = Owner::of(&session);
    let task = owner.files("permit Bash echo hello\nwrite a.txt a");
    let told = dunst.told("Permission wanted");
    assert_eq!(told.actions, ["approve", "default", "open"]);
    assert!(told.body.contains("echo hello"), "it says what is asked: {told:?}");
    dunst.press(&told, Press::Action("Approve"), || owner.open_items() == 0);
    dunst.closed(&told);
    let ready = dunst.told("Ready: ");
    assert!(!ready.actions.contains(&"approve".to_owned()), "nothing to approve: {ready:?}");
    dunst.press(&ready, Press::Itself, || session.page_was_at(&of(&task)));
}

#[test]
fn a_notification_that_is_followed_lands_on_the_very_task() {
    let mut session = session();
    let dunst = Dunst::start(&mut session);
    let pid = session.start_window(&["--hidden"]);
    let owner = Owner::of(&session);
    let first = owner.files("ask Which colour? | Red | Blue");
    let question = dunst.told("A question");
    let second = owner.files("permit Bash echo hello");
    let permission = dunst.told("Permission wanted");
    assert!(!shows_a_page(pid), "it was started without a window");
    dunst.press(&permission, Press::Action("Open"), || session.page_was_at(&of(&second)));
    assert!(!session.page_was_at(&of(&first)), "it shows what was followed and nothing else");
    // The inbox, which the window opens with, shows the question as well.
    dunst.closed(&question);
}

#[test]
fn a_notification_is_taken_back_when_it_was_answered_elsewhere() {
    let mut session = session();
    let dunst = Dunst::start(&mut session);
    session.start_window(&["--hidden"]);
    let owner = Owner::of(&session);
    let task = owner.files("permit Bash echo hello");
    let told = dunst.told("Permission wanted");
    owner.stops(&task);
    dunst.closed(&told);
}

#[test]
fn the_tray_counts_opens_and_quits_and_a_new_start_finds_everything_again() {
    let mut session = session();
    let tray = Panel::start(&mut session);
    let pid = session.start_window(&["--hidden"]);
    let owner = Owner::of(&session);
    owner.files("ask Which colour? | Red | Blue");
    eventually("our icon hangs in the tray", || (!tray.items().is_empty()).then_some(()));
    assert_eq!(tray.items().len(), 1, "once");
    eventually("the tray counts it", || {
        let lines = tray.menu();
        lines.iter().any(|(_, says)| says == "Inbox (1)").then_some(())
    });
    tray.choose("Open Pilothouse");
    eventually("the window is there", || shows_a_page(pid).then_some(()));
    tray.choose("Quit");
    session.ended(pid);

    eventually("the icon went with it", || tray.items().is_empty().then_some(()));
    let began = Instant::now();
    session.start_window(&["--hidden"]);
    session.logged("this machine's hub serves", 2);
    session.logged("a runner is connected", 2);
    std::io::Write::write_all(
        &mut std::io::stderr(),
        format!("attached again after {} ms\n", began.elapsed().as_millis()).as_bytes(),
    )
    .expect("it is printed");
    let owner = Owner::of(&session);
    assert_eq!(owner.open_items(), 1, "the run went on without the program");
    eventually("the tray counts it again", || {
        tray.menu().iter().any(|(_, says)| says == "Inbox (1)").then_some(())
    });
}

#[test]
fn a_closed_window_is_destroyed_and_made_again_where_there_is_a_tray() {
    let mut session = session();
    let tray = Panel::start(&mut session);
    session.start_window_manager();
    let pid = session.start_window(&[]);
    Owner::of(&session);
    eventually("the window is there", || shows_a_page(pid).then_some(()));
    session.close_window();
    session.logged("closed into the tray", 1);
    eventually("the page is gone", || (!shows_a_page(pid)).then_some(()));
    tray.choose("Open Pilothouse");
    eventually("the window is there again", || shows_a_page(pid).then_some(()));
    session.logged("the window was made", 2);
}

#[test]
fn a_closed_window_stays_within_reach_where_there_is_no_tray() {
    let mut session = session();
    session.start_window_manager();
    let pid = session.start_window(&[]);
    Owner::of(&session);
    eventually("the window is there", || shows_a_page(pid).then_some(()));
    session.close_window();
    session.logged("there is no tray to close into", 1);
    assert!(shows_a_page(pid), "the first time it stays, and says why");
    session.close_window();
    session.logged("minimised instead of closed", 1);
    assert!(shows_a_page(pid), "and then it is minimised");
    let second = session.start_window(&[]);
    session.ended(second);
}

#[test]
fn links_reach_a_program_that_runs_and_one_that_does_not() {
    let mut session = session();
    let _tray = Panel::start(&mut session);
    let pid = session.start_window(&["--hidden"]);
    Owner::of(&session);
    let entry = session.data().join("applications/pilothouse-handler.desktop");
    let exec = format!("Exec={} %u", window().display());
    eventually("the scheme is registered", || {
        std::fs::read_to_string(&entry).is_ok_and(|entry| entry.contains(&exec)).then_some(())
    });
    eventually("links are ours", || {
        let default = session.run("xdg-mime", &["query", "default", "x-scheme-handler/pilothouse"]);
        (default == "pilothouse-handler.desktop").then_some(())
    });
    assert!(!shows_a_page(pid), "it was started without a window");
    session.run("xdg-open", &["pilothouse://new?prompt=hello"]);
    eventually("the link opens the window that runs", || shows_a_page(pid).then_some(()));
    session.logged("a link came", 1);
    session.run("kill", &["-TERM", &pid.to_string()]);
    session.ended(pid);

    // `xdg-open` stays as long as what it started.
    let mut opened = session.command("xdg-open");
    let mut opened = opened.arg("pilothouse://task/nonsense").spawn().expect("it is installed");
    session.logged("this machine's hub serves", 2);
    session.logged("a link came", 2);
    session.logged("a link is not followed", 1);
    let first = session.log().matches("this machine's hub serves").count();
    let second = session.start_window(&[]);
    session.ended(second);
    assert_eq!(session.log().matches("this machine's hub serves").count(), first, "there is one");
    session.run("pkill", &["-TERM", "--parent", &opened.id().to_string()]);
    opened.wait().expect("it ends");
}

#[test]
fn without_a_keychain_the_hub_waits_and_nothing_is_written_in_the_clear() {
    let mut session = Session::start();
    session.start_window(&["--hidden"]);
    session.logged("this machine's hub waits for its keys", 1);
    let hub = session.data().join("pilothouse/hub");
    assert!(!hub.join("owner-token").exists() && !hub.join("address").exists());
}

#[test]
fn without_a_notification_daemon_and_a_tray_everything_else_works() {
    let mut session = session();
    // Without a window nothing is on the screen already, so all is announced.
    let pid = session.start_window(&["--hidden"]);
    let owner = Owner::of(&session);
    owner.files("ask Which colour? | Red | Blue");
    session.logged("nothing can be announced", 1);
    let second = session.start_window(&[]);
    session.ended(second);
    eventually("the window is there", || shows_a_page(pid).then_some(()));
    assert_eq!(owner.open_items(), 1, "the inbox has it all the same");
}
