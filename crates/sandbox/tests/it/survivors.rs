//! Nothing outlives the walls, whoever ends them and however.

use crate::walls::example;
use crate::{World, until};
use pilot_proto::walls::WallsKind;
use pilot_sandbox::spawn::Exit;
use pilot_sandbox::{Process, survivors};
use rustix::process::{Pid, Signal, kill_process};
use std::fs;

/// Processes that do what they can to be forgotten: twice forked, in a session
/// of their own, without environment, deaf to signals.
const DAEMONS: &str = r#"
(setsid sh -c 'trap "" TERM HUP INT; touch "$0/one"; sleep 1000; sleep 1000' "$PWD" >/dev/null 2>&1 &) &
(env -i setsid sh -c '(touch "$0/two"; exec sleep 1001) &' "$PWD" >/dev/null 2>&1 &) &
/usr/bin/python3 -c '
import os, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        open("three", "w").close()
        time.sleep(1002)
    os._exit(0)
' >/dev/null 2>&1
wait
"#;

impl World {
    async fn daemons_are_up(&self) {
        for name in ["one", "two", "three"] {
            until(name, || self.path(name).exists()).await;
        }
    }

    /// Processes that have this world's directory as theirs: a marker that
    /// none of them has shed.
    fn daemons(&self) -> Vec<u32> {
        let ours = |pid: &u32| {
            let directory = fs::read_link(format!("/proc/{pid}/cwd"));
            directory.is_ok_and(|directory| directory.starts_with(self.directory.path()))
        };
        let entries = fs::read_dir("/proc").expect("`/proc`").flatten();
        let numbers = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        numbers
            .filter(ours)
            .filter(|pid| Process::of(*pid).is_some_and(Process::is_alive))
            .collect()
    }
}

const KINDS: [WallsKind; 2] = [WallsKind::Bubblewrap, WallsKind::Landlock];

#[tokio::test]
async fn daemons_end_when_the_walls_are_lowered() {
    for kind in KINDS {
        let world = World::new();
        let (walls, _state) = world.raise(kind).await;
        let said = world.say(&walls, DAEMONS).await;
        assert_eq!(said.exit, Exit::Code(0), "{said:?}");
        world.daemons_are_up().await;
        assert!(world.daemons().len() >= 3, "{kind:?}: {:?}", world.daemons());
        walls.lower().await;
        assert_eq!(world.daemons(), Vec::<u32>::new(), "{kind:?}");
        assert_eq!(survivors(world.run), [], "{kind:?}");
    }
}

#[tokio::test]
async fn daemons_end_at_a_word_and_the_walls_stay() {
    for kind in KINDS {
        let world = World::new();
        let (walls, _state) = world.raise(kind).await;
        world.say(&walls, DAEMONS).await;
        world.daemons_are_up().await;
        assert_eq!(walls.clear().await.expect("the init answers"), 0);
        until("they are gone", || world.daemons().is_empty()).await;
        let said = world.say(&walls, "echo still here").await;
        assert_eq!(said.out, "still here\n", "{kind:?}");
        walls.lower().await;
    }
}

#[tokio::test]
async fn daemons_end_with_an_owner_that_is_killed() {
    for kind in ["bubblewrap", "landlock"] {
        let world = World::new();
        let owner = example("owner");
        let (run, tree) = (world.run.to_string(), world.directory.path().to_str().expect("text"));
        let program = owner.to_str().expect("text");
        let mut launch = world.launch(program, &[&run, tree, DAEMONS, kind]);
        // The owner itself is no part of the run.
        launch.env.set(pilot_sandbox::environment::RUN_VARIABLE, "");
        launch.cwd = "/".into();
        let mut owner = pilot_sandbox::spawn(&launch).expect("it starts");
        world.daemons_are_up().await;
        assert!(world.daemons().len() >= 3, "{kind}: {:?}", world.daemons());
        let pid = i32::try_from(owner.process.pid).ok().and_then(Pid::from_raw).expect("a number");
        kill_process(pid, Signal::KILL).expect("it is ours");
        assert_eq!(owner.wait().await.expect("it ends"), Exit::Signal(9));
        until("nothing is left", || world.daemons().is_empty() && survivors(world.run).is_empty())
            .await;
        fs::remove_dir_all(world.directory.path().with_extension("state")).expect("it was made");
    }
}

#[tokio::test]
async fn a_command_that_is_dropped_takes_its_group_along() {
    let world = World::new();
    let (walls, _state) = world.raise(WallsKind::Bubblewrap).await;
    let script = "sleep 1000 & echo up; wait";
    let agent = walls.spawn(&world.launch("/bin/sh", &["-c", script])).await.expect("it starts");
    until("both are up", || world.daemons().len() == 2).await;
    drop(agent);
    until("both are gone", || world.daemons().is_empty()).await;
    walls.lower().await;
}
