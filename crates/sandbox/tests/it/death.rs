use crate::{World, until};
use pilot_sandbox::{Agent, Doomed, Process, become_subreaper, kill_run, survivors};
use std::time::Duration;

/// Long enough that whoever obeys `TERM` has ended, however busy the machine.
const PATIENT: Duration = Duration::from_secs(30);
/// For those who never will.
const SHORT: Duration = Duration::from_millis(200);

impl World {
    fn doomed(&self, agent: &Agent) -> Doomed {
        Doomed { run: self.run, roots: vec![agent.process], adopted: false }
    }

    fn orphaned(&self) -> Doomed {
        Doomed { run: self.run, roots: vec![], adopted: false }
    }

    async fn processes(&self, names: &[&str]) -> Vec<Process> {
        let mut processes = Vec::new();
        for name in names {
            processes.push(self.process(name).await);
        }
        processes
    }
}

/// Kills, and checks that nobody is left of those named.
async fn check_dead(doomed: &Doomed, grace: Duration, processes: &[Process]) {
    let report = kill_run(doomed, grace).await;
    assert_eq!(report.left, [], "nobody may be left");
    assert!(report.killed >= processes.len(), "{report:?}");
    for process in processes {
        assert!(!process.is_alive(), "{process:?} survived: {report:?}");
    }
    assert_eq!(survivors(doomed.run), [], "nobody carries the marker any more");
}

#[tokio::test]
async fn a_process_and_its_children_end() {
    let world = World::new();
    let agent = world.shell("sleep 1000 & up child $!; up agent $$; wait");
    let processes = world.processes(&["agent", "child"]).await;
    check_dead(&world.doomed(&agent), PATIENT, &processes).await;
}

#[tokio::test]
async fn a_daemon_that_forked_twice_ends() {
    let world = World::new();
    let mut agent = world.shell("(sh -c 'sleep 1000 & echo $! > \"$D/daemon\"') & wait; exit 0");
    agent.wait().await.expect("the agent itself is done");
    let daemon = world.process("daemon").await;
    // The crash case: nobody remembers who started it.
    check_dead(&world.orphaned(), PATIENT, &[daemon]).await;
}

#[tokio::test]
async fn a_shell_in_a_session_of_its_own_ends() {
    let world = World::new();
    let agent = world.shell(
        "setsid sh -c 'echo $$ > \"$D/session\"; sleep 1000 & echo $! > \"$D/inner\"; wait' & wait",
    );
    let processes = world.processes(&["session", "inner"]).await;
    check_dead(&world.doomed(&agent), PATIENT, &processes).await;
}

#[tokio::test]
async fn a_process_that_ignores_term_is_killed() {
    let world = World::new();
    let agent = world.shell("trap '' TERM HUP INT; up deaf $$; while :; do sleep 0.05; done");
    let processes = world.processes(&["deaf"]).await;
    check_dead(&world.doomed(&agent), SHORT, &processes).await;
}

#[tokio::test]
async fn a_process_that_obeys_term_may_clean_up_and_is_told_once() {
    let world = World::new();
    let agent = world.shell(
        "trap 'echo told >> \"$D/log\"; sleep 0.3; echo cleaned >> \"$D/log\"; exit 0' TERM; \
         up polite $$; while :; do sleep 0.05; done",
    );
    let processes = world.processes(&["polite"]).await;
    check_dead(&world.doomed(&agent), PATIENT, &processes).await;
    let log = std::fs::read_to_string(world.path("log")).expect("it cleaned up");
    assert_eq!(log, "told\ncleaned\n", "a second `TERM` would be taken for impatience");
}

#[tokio::test]
async fn a_long_chain_of_forks_ends() {
    let world = World::new();
    let script = "if [ $1 -gt 0 ]; then sh \"$0\" $(($1 - 1)) & echo $$ > \"$D/link$1\"; wait; \
                  else sleep 1000 & echo $! > \"$D/last\"; wait; fi";
    std::fs::write(world.path("chain"), script).expect("a file");
    let agent = world.shell("sh \"$D/chain\" 12 & wait");
    let mut processes = world.processes(&["last"]).await;
    for link in 1..=12 {
        processes.push(world.process(&format!("link{link}")).await);
    }
    check_dead(&world.doomed(&agent), PATIENT, &processes).await;
}

#[tokio::test]
async fn a_process_that_runs_away_by_forking_is_caught() {
    let world = World::new();
    // Each link starts the next and ends; bounded, should this test fail.
    let script = "if [ $1 -gt 0 ]; then echo $1 > \"$D/at\"; sh \"$0\" $(($1 - 1)) & exit; fi";
    std::fs::write(world.path("run"), script).expect("a file");
    let agent = world.shell("trap '' TERM; sh \"$D/run\" 200000 & while :; do sleep 1; done");
    let at = world.path("at");
    until("it runs", || at.exists()).await;
    check_dead(&world.doomed(&agent), Duration::ZERO, &[agent.process]).await;
    let stopped = std::fs::read_to_string(&at).expect("where it was");
    assert_ne!(stopped.trim(), "1", "it must have been caught and not have run out");
}

#[tokio::test]
async fn a_process_that_wiped_its_environment_ends_with_its_group() {
    let world = World::new();
    let mut agent = world.shell("env -i sleep 1000 & up bare $!; exit 0");
    let bare = world.process("bare").await;
    agent.wait().await.expect("its parent is gone");
    until("it wiped its environment", || survivors(world.run).is_empty()).await;
    check_dead(&world.doomed(&agent), PATIENT, &[bare]).await;
}

#[tokio::test]
async fn strangers_are_left_alone() {
    let (world, other) = (World::new(), World::new());
    let agent = world.shell("up agent $$; exec sleep 1000");
    let stranger = other.shell("up stranger $$; exec sleep 1000");
    let (own, strange) = (world.process("agent").await, other.process("stranger").await);
    // A root of the ledger whose number was given again to the stranger.
    let reused = Process { started: strange.started - 1, ..strange };
    let doomed = Doomed { run: world.run, roots: vec![agent.process, reused], adopted: false };
    check_dead(&doomed, PATIENT, &[own]).await;
    assert!(strange.is_alive(), "another run's process is not ours to kill");
    until("it shows what it executes", || {
        let shown = survivors(other.run);
        let of = shown.iter().map(|one| (one.pid, one.command.as_str()));
        of.eq([(strange.pid, "sleep 1000")])
    })
    .await;
    check_dead(&other.doomed(&stranger), PATIENT, &[strange]).await;
}

#[tokio::test]
async fn nothing_to_kill_is_no_trouble() {
    let world = World::new();
    let report = kill_run(&world.orphaned(), PATIENT).await;
    assert_eq!((report.killed, report.left), (0, vec![]));
}

/// Subreaping is a property of the whole process, so this runs in one of its own.
#[tokio::test]
async fn a_subreaper_finds_even_a_process_that_left_everything() {
    const INSIDE: &str = "PILOTHOUSE_TEST_INSIDE";
    if std::env::var_os(INSIDE).is_some() {
        return kill_the_adopted().await;
    }
    let ourselves = std::env::current_exe().expect("our own program");
    let status = tokio::process::Command::new(ourselves)
        .args(["--exact", "death::a_subreaper_finds_even_a_process_that_left_everything"])
        .env(INSIDE, "1")
        .status();
    assert!(status.await.expect("it starts").success(), "see its output above");
}

async fn kill_the_adopted() {
    become_subreaper().expect("this system has subreapers");
    let world = World::new();
    let mut agent =
        world.shell("env -i D=\"$D\" setsid sh -c '(sleep 1000 & echo $! > \"$D/fled\") &' & wait");
    agent.wait().await.expect("its ancestors are gone");
    let fled = world.process("fled").await;
    assert_eq!(survivors(world.run), [], "it carries no marker");
    let doomed = Doomed { run: world.run, roots: vec![agent.process], adopted: true };
    check_dead(&doomed, PATIENT, &[fled]).await;
    assert_eq!(Process::of(fled.pid), None, "it was reaped, and not left as a zombie");
}
