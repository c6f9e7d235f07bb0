//! Daemons and shims killed the hard way.

use crate::hub::PATIENCE;
use crate::world::{World, eventually, failure, lines, outcome, touch};
use pilot_proto::project::GitGrant;
use pilot_proto::run::{Outcome, Resume};
use pilot_proto::walls::WallsKind;
use pilot_proto::{BlobId, Code, Cursor, Event, Record, RunId, Secret, Stream};
use pilot_runner::journal::scan;
use pilot_runner::run_dir::{RunDir, lock};
use pilot_testkit::forge::GiteaDouble;
use pilot_testkit::repo::{BareRepo, git};
use std::fs::File;
use std::io::Write;

/// Waits until the agent has done its first tool.
pub(crate) async fn at_work(world: &World, run: RunId) {
    world
        .hub
        .event(run, "a tool's end", |event| matches!(event, Event::ToolEnded { .. }).then_some(()))
        .await;
}

pub(crate) fn rescued(events: &[Event]) -> (BlobId, String) {
    let bundle = events.iter().find_map(|event| match event {
        Event::Rescued { bundle, reference, .. } => Some((bundle.clone(), reference.clone())),
        _ => None,
    });
    bundle.unwrap_or_else(|| panic!("work was rescued: {events:#?}"))
}

/// Opens a rescue bundle in a clone of the repository.
pub(crate) fn open_bundle(world: &World, (bundle, reference): &(BlobId, String)) -> BareRepo {
    let file = world.gate("bundle");
    std::fs::write(&file, &world.hub.state().blobs[bundle]).expect("writable");
    let clone = world.gate("clone.git");
    let (from, to) = (world.repo.url(), clone.to_string_lossy().into_owned());
    git(world.home.path(), &["clone", "--quiet", "--bare", &from, &to]);
    git(
        &clone,
        &["fetch", "--quiet", &file.to_string_lossy(), &format!("{reference}:refs/heads/rescued")],
    );
    BareRepo::at(clone)
}

#[tokio::test]
async fn a_daemon_killed_again_and_again_loses_nothing_and_repeats_nothing() {
    let world = World::new().await;
    let lines_wanted = 200_000;
    let gate = world.gate("go");
    let spec = world.spec(&format!(
        "run echo $PPID > pid.txt\nprint {} n\nwait-file {}\nprint {} n\nrun echo $PPID >> pid.txt",
        lines_wanted / 2,
        gate.display(),
        lines_wanted / 2
    ));
    let run = spec.run;
    let mut daemon = world.daemon_process();
    world.hub.assign(&spec);
    for kills in 1..=6_usize {
        // At a point that moves through the run.
        let wanted = kills * lines_wanted / 20;
        world
            .hub
            .until("some lines", |state| {
                let records = &state.runs.get(&run)?.records;
                let bytes: usize = records
                    .iter()
                    .map(|record| match &record.event {
                        Event::Output { text, .. } => text.len(),
                        _ => 0,
                    })
                    .sum();
                (bytes >= wanted).then_some(())
            })
            .await;
        daemon.kill();
        if kills == 4 {
            // The agent goes on while nobody looks.
            touch(&gate);
        }
        daemon = world.daemon_process();
    }
    let events = world.hub.finished(run).await;
    let Outcome::Pushed { .. } = outcome(&events) else { panic!("{:?}", events.last()) };
    let printed = lines(&events, Stream::Stdout);
    let numbers: Vec<&String> = printed.iter().filter(|line| line.starts_with('n')).collect();
    assert_eq!(numbers.len(), lines_wanted, "each line once");
    let halves: Vec<&[&String]> = numbers.chunks(lines_wanted / 2).collect();
    assert_eq!(halves[0], halves[1], "the same numbers twice, in the same order");
    assert!(halves[0].is_sorted_by_key(|line| number(line)), "in order");
    let pids = world.repo.read("pilot/work", "pid.txt").expect("it was written");
    let pids: Vec<&str> = std::str::from_utf8(&pids).expect("digits").lines().collect();
    assert_eq!(pids[0], pids[1], "the agent never noticed");
    world.assert_clean(run).await;
    daemon.kill();
}

fn number(line: &str) -> u64 {
    let digits: String = line.chars().filter(char::is_ascii_digit).collect();
    digits.parse().unwrap_or_else(|_| panic!("`{line}` has a number"))
}

#[tokio::test]
async fn a_killed_shim_is_recovered_its_work_rescued_and_its_processes_killed() {
    let world = World::new().await;
    let _daemon = world.daemon().await;
    let never = world.gate("never");
    let spec = world.spec(&format!(
        "write committed.txt c\ncommit mine\nwrite uncommitted.txt u\nwait-file {}",
        never.display()
    ));
    world.hub.assign(&spec);
    world
        .hub
        .event(spec.run, "the last tool's end", |event| match event {
            Event::Snapshot(delta) => {
                delta.changed.iter().any(|file| file.path == "uncommitted.txt").then_some(())
            }
            _ => None,
        })
        .await;
    world.kill_shim(spec.run);
    let events = world.hub.finished(spec.run).await;
    assert_eq!(failure(&events).code, Code::RunLost);
    let repo = open_bundle(&world, &rescued(&events));
    assert_eq!(repo.read("rescued", "uncommitted.txt").as_deref(), Some(&b"u\n"[..]));
    assert_eq!(repo.read("rescued", "committed.txt").as_deref(), Some(&b"c\n"[..]));
    assert!(repo.subjects("rescued").contains(&"mine".to_owned()), "the agent's own commit");
    assert_eq!(world.repo.branches(), ["main"]);
    world.assert_clean(spec.run).await;
    let epochs: Vec<u32> =
        world.hub.state().runs[&spec.run].records.iter().map(|record| record.epoch).collect();
    assert_eq!((epochs.first(), epochs.last()), (Some(&1), Some(&2)));

    // And a new run goes on where it was.
    let mut again = world.spec("write more.txt m");
    let bundle = Some(rescued(&events).0);
    again.resume = Some(Resume { session: None, bundle, wanted: String::new() });
    world.hub.assign(&again);
    let events = world.hub.finished(again.run).await;
    assert!(matches!(outcome(&events), Outcome::Pushed { .. }), "{events:#?}");
    let files = world.repo.files("pilot/work");
    for path in ["committed.txt", "uncommitted.txt", "more.txt"] {
        assert!(files.contains_key(path), "{path} is published: {:?}", files.keys());
    }
}

/// Kills daemon and shim, does something to the run's directory, and starts a
/// daemon again.
async fn crash_with(world: &World, run: RunId, tamper: impl FnOnce(&RunDir)) {
    world.kill_shim(run);
    let dir = world.run_dir(run);
    eventually("the shim is dead", || !lock::is_held(&dir).expect("readable")).await;
    tamper(&dir);
}

#[tokio::test]
async fn a_torn_tail_of_the_journal_is_cut_and_the_numbers_go_on() {
    let world = World::new().await;
    let daemon = world.daemon_process();
    let spec = world.spec(&format!("write a.txt a\nwait-file {}", world.gate("never").display()));
    world.hub.assign(&spec);
    at_work(&world, spec.run).await;
    daemon.kill();
    let mut end = Cursor::default();
    crash_with(&world, spec.run, |dir| {
        end = scan(&dir.journal_file(), |_, _| {}).expect("readable").end;
        let mut journal = File::options().append(true).open(dir.journal_file()).expect("ours");
        journal.write_all(br#"deadbeef {"epoch":1,"seq":"#).expect("writable");
    })
    .await;
    let _daemon = world.daemon().await;
    let events = world.hub.finished(spec.run).await;
    assert_eq!(failure(&events).code, Code::RunLost);
    let first = first_of_epoch(&world, spec.run, 2);
    assert_eq!(first.seq, end.seq + 1, "no number is left out or given twice");
}

fn first_of_epoch(world: &World, run: RunId, epoch: u32) -> Record {
    let state = world.hub.state();
    let records = &state.runs[&run].records;
    records.iter().find(|record| record.epoch == epoch).expect("there is one").clone()
}

#[tokio::test]
async fn after_a_power_loss_no_number_is_given_twice() {
    let world = World::new().await;
    let daemon = world.daemon_process();
    let spec = world.spec(&format!("write a.txt a\nwait-file {}", world.gate("never").display()));
    world.hub.assign(&spec);
    at_work(&world, spec.run).await;
    daemon.kill();
    let mut end = Cursor::default();
    crash_with(&world, spec.run, |dir| {
        std::fs::write(dir.boot_file(), "another boot").expect("writable");
        // The disk lost what the hub has already.
        let journal = File::options().write(true).open(dir.journal_file()).expect("ours");
        let mut places = Vec::new();
        let mut offset = 0;
        scan(&dir.journal_file(), |cursor, json| {
            offset += json.len() as u64 + 10;
            places.push((cursor, offset));
        })
        .expect("readable");
        let kept = places[places.len() - 3];
        end = kept.0;
        journal.set_len(kept.1 + 5).expect("writable");
    })
    .await;
    let _daemon = world.daemon().await;
    let events = world.hub.finished(spec.run).await;
    assert_eq!(failure(&events).code, Code::RunLost);
    let first = first_of_epoch(&world, spec.run, 2);
    assert_eq!(first.seq, end.seq + Cursor::POWER_LOSS_GAP + 1);
    assert!(rescued(&events).1.contains(&spec.run.to_string()));
}

#[tokio::test]
async fn a_crash_after_the_push_ends_as_pushed() {
    let world = World::new().await;
    world.hub.state().forgets = false;
    let daemon = world.daemon().await;
    let spec = world.spec("write a.txt a");
    world.hub.assign(&spec);
    let events = world.hub.finished(spec.run).await;
    let expected = outcome(&events);
    let dir = world.run_dir(spec.run);
    eventually("the shim ends", || !lock::is_held(&dir).expect("readable")).await;
    daemon.stop().await;

    // As if the shim had died right after it had journalled the push.
    let mut length = 0;
    let mut cut = None;
    scan(&dir.journal_file(), |_, json| {
        length += json.len() as u64 + 10;
        if String::from_utf8_lossy(json).contains(r#""type":"pushed""#) {
            cut = Some(length);
        }
    })
    .expect("readable");
    let journal = File::options().write(true).open(dir.journal_file()).expect("ours");
    journal.set_len(cut.expect("it was pushed")).expect("writable");
    // The hub had heard nothing of the rest.
    world.hub.state().runs.clear();
    world.hub.state().forgets = true;
    std::fs::remove_file(dir.path().join("acked")).ok();

    let _daemon = world.daemon().await;
    let events = world.hub.finished(spec.run).await;
    assert_eq!(outcome(&events), expected);
    world.assert_clean(spec.run).await;
}

#[tokio::test]
async fn a_shim_killed_by_its_own_push_to_a_private_remote_ends_as_pushed() {
    let world = World::new().await;
    let gitea = GiteaDouble::start().await;
    let token = gitea.token("alice", &["write:repository"]);
    let repo = gitea.repository("alice/site");
    gitea.make_private("alice/site");
    let _daemon = world.daemon().await;
    let mut spec = world.spec("write a.txt a");
    spec.repo = gitea.clone_url("alice/site");
    spec.git = Some(GitGrant::new("alice", Secret::new(token)));
    world.die_of_pushing(spec.run, &repo);
    world.hub.assign(&spec);
    let events = world.hub.finished(spec.run).await;
    let Outcome::Pushed { branch, commit } = outcome(&events) else {
        panic!("the remote was asked with the run's own login: {events:#?}")
    };
    assert_eq!(repo.head(&branch), Some(commit), "it is what the remote has");
    let last = world.hub.state().runs[&spec.run].records.last().map(|record| record.epoch);
    assert_eq!(last, Some(2), "a recovering shim said so");
    world.assert_clean(spec.run).await;
}

#[tokio::test]
async fn processes_of_a_run_whose_directory_is_gone_are_killed_at_the_start() {
    let world = World::new().await;
    let daemon = world.daemon_process();
    let mut spec =
        world.spec(&format!("write a.txt a\nwait-file {}", world.gate("never").display()));
    // With walls, nothing outlives the shim.
    spec.walls.kind = WallsKind::Off;
    world.hub.assign(&spec);
    at_work(&world, spec.run).await;
    daemon.kill();
    crash_with(&world, spec.run, |dir| {
        std::fs::remove_dir_all(dir.path()).expect("ours");
    })
    .await;
    assert!(!pilot_sandbox::survivors(spec.run).is_empty(), "the agent lives");
    let _daemon = world.daemon().await;
    world.assert_clean(spec.run).await;
}

#[tokio::test]
async fn a_directory_that_never_became_a_run_is_removed_at_the_start() {
    let world = World::new().await;
    let run = world.spec("nothing").run;
    world.run_dir(run).create().expect("writable");
    let _daemon = world.daemon().await;
    world.assert_clean(run).await;
    let hellos =
        world.hub.until("a hello", |state| state.hellos.first().map(|hello| hello.1.len()));
    let held = tokio::time::timeout(PATIENCE, hellos).await.expect("it dials");
    assert_eq!(held, 0, "nobody is told of it");
}
