//! A login of git that takes the place of one that ended while a run was at work.

use crate::world::{World, outcome, touch};
use pilot_proto::Secret;
use pilot_proto::project::GitGrant;
use pilot_proto::run::Outcome;
use pilot_testkit::forge::GiteaDouble;
use pilot_testkit::programs::write_program;

#[tokio::test]
async fn a_login_that_came_with_the_permit_pushes_is_kept_for_a_recovering_shim_and_seen_nowhere() {
    let world = World::new().await;
    let gitea = GiteaDouble::start().await;
    let token = || gitea.token("alice", &["write:repository"]);
    let (first, second) = (token(), token());
    let repo = gitea.repository("alice/site");
    gitea.make_private("alice/site");
    let _daemon = world.daemon().await;
    let gate = world.gate("go");
    let script = format!("write a.txt a\nwait-file {}", gate.display());
    let mut spec = world.spec(&script);
    spec.repo = gitea.clone_url("alice/site");
    spec.git = Some(GitGrant::new("alice", Secret::new(&first)));
    let run = spec.run;
    world.die_of_pushing(run, &repo);
    world.hub.state().grants.insert(run, GitGrant::new("alice", Secret::new(&second)));
    world.hub.assign(&spec);
    crate::crashes::at_work(&world, run).await;
    gitea.revoke(&first);
    touch(&gate);
    let events = world.hub.finished(run).await;
    let Outcome::Pushed { branch, commit } = outcome(&events) else { panic!("{events:#?}") };
    assert_eq!(repo.head(&branch), Some(commit), "the remote was asked with the second login");
    let last = world.hub.state().runs[&run].records.last().map(|record| record.epoch);
    assert_eq!(last, Some(2), "a recovering shim said so");
    let journal = serde_json::to_string(&events).expect("serialises");
    let log = std::fs::read_to_string(world.run_dir(run).log_file()).unwrap_or_default();
    for token in [&first, &second] {
        assert!(!journal.contains(token) && !log.contains(token), "{journal}\n{log}");
    }
}

#[tokio::test]
async fn what_a_remote_says_of_a_login_that_came_later_is_kept_out_of_the_journal() {
    let world = World::new().await;
    let gitea = GiteaDouble::start().await;
    let token = gitea.token("alice", &["write:repository"]);
    let repo = gitea.repository("alice/site");
    let _daemon = world.daemon().await;
    let mut spec = world.spec("write a.txt a");
    spec.repo = gitea.clone_url("alice/site");
    let run = spec.run;
    let hook = repo.path().join("hooks/pre-receive");
    // As it is, and in a form that only whoever was granted it looks for.
    let encoded = format!("printf %s '{token}' | base64 -w0 >&2");
    let refuse = format!("#!/bin/sh\necho 'no: {token}' >&2\n{encoded}\necho >&2\nexit 1\n");
    write_program(&hook, &refuse);
    world.hub.state().grants.insert(run, GitGrant::new("alice", Secret::new(&token)));
    world.hub.assign(&spec);
    let events = world.hub.finished(run).await;
    assert!(matches!(outcome(&events), Outcome::Failed { .. }), "{events:#?}");
    let journal = serde_json::to_string(&events).expect("serialises");
    assert!(!journal.contains(&token), "{journal}");
    assert!(journal.contains("[redacted:repository]"), "also encoded: {journal}");
    assert!(journal.contains("no: "), "what was said is told: {journal}");
}
