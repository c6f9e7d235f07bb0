//! What a runner says of its machine.

use crate::world::World;
use pilot_testkit::programs::write_program;

#[tokio::test]
async fn a_runner_says_how_busy_it_is_and_what_it_has() {
    let world = World::new().await;
    let daemon = world.daemon().await;
    let load = world.hub.until("a heartbeat", |state| state.loads.first().copied()).await;
    assert_eq!(load.is_some(), std::path::Path::new("/proc/stat").exists(), "where it is known");
    let about = world.hub.until("its hello", |state| Some(state.hellos.first()?.0.clone())).await;
    let found = about.checks.len();
    let named = |name: &str| about.checks.iter().find(|check| check.name == name);
    for name in ["data directory", "git", "bubblewrap", "file watching"] {
        assert!(named(name).is_some_and(|check| !check.found.is_empty()), "{name}: {about:?}");
    }
    let git = named("git").expect("it was looked at");
    assert_eq!((&git.problem, git.mend.as_str()), (&None, ""), "the tests need it themselves");

    // Somebody installs an agent, and asks the runner to look again.
    let program = world.data.join("agents/claude/bin/claude");
    write_program(&program, "#!/bin/sh\necho 9.9.9 \\(Claude Code\\)\n");
    world.hub.look();
    let about = world.hub.until("its word", |state| state.abouts.first().cloned()).await;
    let claude = about.agents.iter().find(|agent| agent.name == "claude").expect("it is there");
    assert_eq!(claude.problem, None, "{claude:?}");
    assert!(claude.version.as_deref().is_some_and(|version| version.contains("9.9.9")));
    assert_eq!(about.checks.len(), found, "with everything else");
    world.hub.assert_no_faults();
    daemon.stop().await;
}
