use crate::World;
use pilot_proto::Code;
use pilot_sandbox::spawn::Exit;
use pilot_sandbox::{SpawnError, spawn};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[tokio::test]
async fn the_three_streams_are_pipes() {
    let world = World::new();
    let mut agent = world.shell("read line; echo \"out $line\"; echo \"err $line\" >&2");
    let mut stdin = agent.stdin.take().expect("a pipe");
    stdin.write_all(b"hello\n").await.expect("it reads");
    let (mut out, mut err) = (String::new(), String::new());
    agent.stdout.take().expect("a pipe").read_to_string(&mut out).await.expect("text");
    agent.stderr.take().expect("a pipe").read_to_string(&mut err).await.expect("text");
    assert_eq!((out.as_str(), err.as_str()), ("out hello\n", "err hello\n"));
    assert_eq!(agent.wait().await.expect("it ends"), Exit::Code(0));
}

#[tokio::test]
async fn an_end_tells_code_or_signal() {
    let world = World::new();
    for (script, exit) in [
        ("exit 0", Exit::Code(0)),
        ("exit 7", Exit::Code(7)),
        ("kill -TERM $$", Exit::Signal(15)),
        ("kill -KILL $$", Exit::Signal(9)),
    ] {
        let mut agent = world.shell(script);
        assert_eq!(agent.wait().await.expect("it ends"), exit, "{script}");
        assert_eq!(agent.wait().await.expect("it has ended"), exit, "asked again: {script}");
    }
}

#[tokio::test]
async fn a_process_leads_a_group_of_its_own() {
    let world = World::new();
    let mut agent = world.shell("ps -o pgid= -p $$ 2>/dev/null || cut -d' ' -f5 /proc/$$/stat");
    let mut group = String::new();
    agent.stdout.take().expect("a pipe").read_to_string(&mut group).await.expect("text");
    assert_eq!(group.trim(), agent.process.pid.to_string());
}

#[tokio::test]
async fn dropping_it_kills_it() {
    let world = World::new();
    let agent = world.shell("exec sleep 1000");
    let process = agent.process;
    assert!(process.is_alive());
    drop(agent);
    crate::until("it is dead", || !process.is_alive()).await;
}

#[tokio::test]
async fn what_cannot_start_says_why() {
    let world = World::new();
    let missing = spawn(&world.launch("no-such-agent", &[])).expect_err("there is none");
    assert!(matches!(missing, SpawnError::Missing { .. }), "{missing:?}");
    let problem = missing.problem();
    assert_eq!(problem.code, Code::AgentMissing);
    assert!(problem.message.contains("`no-such-agent`"), "{}", problem.message);

    std::fs::write(world.path("plain"), "no program").expect("a file");
    let plain = world.path("plain");
    let refused = spawn(&world.launch(plain.to_str().expect("text"), &[])).expect_err("no program");
    assert!(matches!(refused, SpawnError::Missing { .. }), "{refused:?}");

    let mut launch = world.launch("/bin/true", &[]);
    launch.cwd = world.path("nowhere");
    let nowhere = spawn(&launch).expect_err("no such directory");
    assert!(matches!(nowhere, SpawnError::Directory { .. }), "not taken for a missing program");
}
