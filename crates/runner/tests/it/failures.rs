//! Bad input gets a clear answer, and nothing is lost.

use crate::world::{World, failure, lines};
use pilot_proto::{Code, Event, Stream};
use pilot_runner::daemon;
use std::os::unix::fs::symlink;

#[tokio::test]
async fn a_setup_step_that_fails_is_named_and_its_output_kept() {
    let world = World::new().await;
    let _daemon = world.daemon().await;
    let mut spec = world.spec("write a.txt a");
    spec.setup = vec!["echo fine".to_owned(), "echo no such package >&2; exit 4".to_owned()];
    world.hub.assign(&spec);
    let events = world.hub.finished(spec.run).await;
    let problem = failure(&events);
    assert_eq!(problem.code, Code::SetupFailed);
    assert!(problem.message.contains("exit code 4"), "{problem:?}");
    assert_eq!(lines(&events, Stream::Setup), ["fine", "no such package"]);
    assert!(!events.iter().any(|event| matches!(event, Event::TurnStarted { .. })));
    world.assert_clean(spec.run).await;
}

#[tokio::test]
async fn an_unknown_branch_is_named_together_with_those_that_exist() {
    let world = World::new().await;
    let _daemon = world.daemon().await;
    let mut spec = world.spec("write a.txt a");
    spec.base = Some("mian".to_owned());
    world.hub.assign(&spec);
    let problem = failure(&world.hub.finished(spec.run).await);
    assert_eq!(problem.code, Code::BranchUnknown);
    assert!(problem.message.contains("mian") && problem.hint.contains("main"), "{problem:?}");
    world.assert_clean(spec.run).await;
}

#[tokio::test]
async fn a_repository_that_cannot_be_reached_or_does_not_exist_is_said() {
    let world = World::new().await;
    let _daemon = world.daemon().await;
    // Port 9 of loopback: nobody listens there.
    for (repo, code) in [
        ("http://127.0.0.1:9/acme/demo.git".to_owned(), Code::RepositoryUnreachable),
        (format!("{}-not", world.repo.url()), Code::RepositoryRefused),
    ] {
        let mut spec = world.spec("write a.txt a");
        spec.repo = repo;
        world.hub.assign(&spec);
        let problem = failure(&world.hub.finished(spec.run).await);
        assert_eq!(problem.code, code, "{problem:?}");
        world.assert_clean(spec.run).await;
    }
}

#[tokio::test]
async fn an_agent_that_is_not_installed_is_named_with_its_mend() {
    let world = World::new().await;
    let bin = world.gate("bin");
    std::fs::create_dir(&bin).expect("writable");
    let mut options = world.options();
    let path = options.environment["PATH"].clone();
    for program in ["git", "sh", "env"] {
        let found = std::env::split_paths(&path)
            .map(|directory| directory.join(program))
            .find(|path| path.is_file())
            .expect("it is on the PATH");
        symlink(found, bin.join(program)).expect("writable");
    }
    options.environment.insert("PATH".to_owned(), bin.to_string_lossy().into_owned());
    let _daemon = daemon::start(options).await.expect("it starts");
    let mut spec = world.spec("do something");
    spec.agent = "claude".to_owned();
    world.hub.assign(&spec);
    let problem = failure(&world.hub.finished(spec.run).await);
    assert_eq!(problem.code, Code::AgentMissing);
    assert!(problem.hint.contains("npm install"), "{problem:?}");
    let agents = world.hub.state().hellos[0].0.agents.clone();
    let claude = agents.iter().find(|agent| agent.name == "claude").expect("it was looked for");
    assert!(claude.problem.is_some(), "said before a run finds out: {claude:?}");
}

#[tokio::test]
async fn an_agent_that_dies_or_fails_is_no_success_and_its_work_is_rescued() {
    let world = World::new().await;
    let _daemon = world.daemon().await;
    for script in
        ["write a.txt a\nexit 0", "write a.txt a\nstderr oh dear\nexit 3", "write a.txt a\nfail no"]
    {
        let spec = world.spec(script);
        world.hub.assign(&spec);
        let events = world.hub.finished(spec.run).await;
        assert_eq!(failure(&events).code, Code::AgentFailed, "{script}");
        assert!(events.iter().any(|event| matches!(event, Event::Rescued { .. })), "{script}");
        assert_eq!(world.repo.branches(), ["main"], "{script}");
    }
}

#[tokio::test]
async fn a_branch_that_somebody_else_pushed_to_is_not_overwritten() {
    let world = World::new().await;
    let _daemon = world.daemon().await;
    let theirs = world.repo.commit(
        "pilot/work",
        "somebody else's",
        &[("theirs.txt", pilot_testkit::repo::Entry::file("x"))],
    );
    let spec = world.spec("write a.txt a");
    world.hub.assign(&spec);
    let events = world.hub.finished(spec.run).await;
    assert_eq!(failure(&events).code, Code::PushRejected);
    assert_eq!(world.repo.head("pilot/work"), Some(theirs));
    assert!(events.iter().any(|event| matches!(event, Event::Rescued { .. })));
}
