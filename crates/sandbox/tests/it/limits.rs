//! Bombs: each goes off inside, and the machine does not notice.

use crate::{World, until};
use pilot_proto::walls::{AppliedLimit, LimitMeans, Limited, WallsKind};
use pilot_sandbox::Walls;
use pilot_sandbox::spawn::Exit;
use rustix::process::geteuid;

fn applied(walls: &Walls, what: Limited) -> Option<AppliedLimit> {
    walls.report().limits.iter().find(|limit| limit.what == what).copied()
}

#[tokio::test]
async fn a_memory_bomb_ends_and_is_recognised() {
    let world = World::new();
    let (walls, _state) =
        world.raise_with(WallsKind::Bubblewrap, |plan| plan.wish.limits.memory_mb = Some(64)).await;
    let Some(limit) = applied(&walls, Limited::Memory) else {
        let said = walls.report().lacks.iter().any(|lack| lack.starts_with("Memory"));
        assert!(said, "what does not apply is said: {:?}", walls.report());
        return;
    };
    assert_eq!(limit.value, 64);
    let bomb = "exec /usr/bin/python3 -c 'x = bytearray(1 << 29); x[::4096] = b\"x\" * (1 << 17)'";
    let said = world.say(&walls, bomb).await;
    assert_eq!(said.exit, Exit::Signal(9), "{said:?}");
    assert!(walls.strikes().ended_for_memory >= 1, "{:?}", walls.strikes());
    let said = world.say(&walls, "echo fine").await;
    assert_eq!(said.out, "fine\n", "the walls stand");
    walls.lower().await;
}

#[tokio::test]
async fn a_fork_bomb_stops_at_the_limit() {
    let world = World::new();
    let (walls, _state) =
        world.raise_with(WallsKind::Bubblewrap, |plan| plan.wish.limits.pids = Some(64)).await;
    let Some(limit) = applied(&walls, Limited::Pids) else {
        assert!(geteuid().is_root(), "for others there are resource limits");
        assert!(walls.report().lacks.iter().any(|lack| lack.contains("number of processes")));
        return;
    };
    let bomb = r#"
import os, time
count = 0
try:
    while count < 1000:
        if os.fork() == 0:
            time.sleep(1000)
            os._exit(0)
        count += 1
except OSError as error:
    print(count, error.errno == 11, flush=True)
    open("stuck", "w").close()
"#;
    let launch = world.launch("/usr/bin/python3", &["-c", bomb]);
    let said = crate::walls::listen(walls.spawn(&launch).await.expect("it starts"));
    // Its children hold its pipes: they end by a word.
    let (said, cleared) = tokio::join!(said, async {
        until("the bomb has gone off", || world.path("stuck").exists()).await;
        walls.clear().await
    });
    assert_eq!(cleared.expect("the init answers"), 0);
    assert!(said.out.ends_with("True\n"), "{limit:?}: {said:?}");
    let count: u64 = said.out.split(' ').next().and_then(|it| it.parse().ok()).expect("a number");
    assert!(count < 64, "{count}");
    if limit.means != LimitMeans::Rlimit {
        assert!(walls.strikes().refused_for_pids >= 1, "{:?}", walls.strikes());
    }
    walls.lower().await;
}

#[tokio::test]
async fn a_file_that_grows_too_large_is_cut_off() {
    for kind in [WallsKind::Bubblewrap, WallsKind::Landlock] {
        let world = World::new();
        let (walls, _state) =
            world.raise_with(kind, |plan| plan.wish.limits.file_mb = Some(1)).await;
        let fill = "dd if=/dev/zero of=large bs=1024 count=4096 2>/dev/null; echo $?";
        let said = world.say(&walls, fill).await;
        assert_ne!(said.out, "0\n", "{said:?}");
        let length = std::fs::metadata(world.path("large")).expect("it was begun").len();
        assert_eq!(length, 1024 * 1024, "{kind:?}");
        walls.lower().await;
    }
}

#[tokio::test]
async fn temporary_files_in_memory_have_an_end() {
    let world = World::new();
    let (walls, _state) =
        world.raise_with(WallsKind::Bubblewrap, |plan| plan.wish.limits.tmp_mb = Some(1)).await;
    for place in ["/tmp", "/var/tmp", "/dev/shm"] {
        let fill = format!("dd if=/dev/zero of={place}/large bs=1024 count=4096; echo $?");
        let said = world.say(&walls, &fill).await;
        assert_eq!(said.out, "1\n", "{said:?}");
        assert!(said.err.contains("No space left"), "{said:?}");
    }
    walls.lower().await;
}

#[tokio::test]
async fn a_run_that_fills_the_disk_is_ended() {
    for kind in [WallsKind::Bubblewrap, WallsKind::Landlock] {
        let world = World::new();
        // What was there before does not count.
        std::fs::write(world.path("before"), vec![1; 4 << 20]).expect("a file");
        let (walls, _state) =
            world.raise_with(kind, |plan| plan.wish.limits.disk_mb = Some(2)).await;
        let fill =
            "for n in 1 2 3 4 5; do head -c 1048576 /dev/urandom > part-$n; done; sleep 1000";
        let said = world.say(&walls, fill).await;
        assert_eq!(said.exit, Exit::Signal(9), "{said:?}");
        let used = walls.strikes().ended_for_disk.expect("it is told why");
        assert!(used > 6 << 20, "{used}");
        walls.lower().await;
    }
}
