//! The CI: what it says, what waits, and how that is let go.

use super::stage::{SITE, Stage};
use pilot_forge::{PullRequestSeen, Release};
use pilot_proto::ForgeKind;
use pilot_proto::task::ChecksState;
use pilot_testkit::forge::JobSaid;

const HELD: JobSaid = JobSaid { name: "build", state: "held", log: "" };

pub(super) async fn a_commit_without_checks_says_nothing(stage: &Stage) {
    let (_, commit) = stage.branch("silent").await;
    assert_eq!(stage.bot.checks(&stage.site, &commit).await.expect("it answers"), None);
}

pub(super) async fn checks_are_as_bad_as_the_worst(stage: &Stage) {
    let (_, commit) = stage.branch("checks").await;
    let page = "https://ci.example.org/1";
    for (said, expected) in [
        (("lint", "success"), (ChecksState::Passed, 1, 0)),
        (("test", "pending"), (ChecksState::Pending, 2, 0)),
        (("build", "failure"), (ChecksState::Failed, 3, 1)),
        (("build", "success"), (ChecksState::Pending, 3, 0)),
    ] {
        stage.prepare.status(&commit, said, page).await;
        let checks = stage.bot.checks(&stage.site, &commit).await.expect("it answers");
        let seen = checks.map(|checks| (checks.state, checks.total, checks.failed));
        assert_eq!(seen, Some(expected), "after {said:?}");
    }
}

pub(super) async fn the_page_of_a_failed_check_is_told(stage: &Stage) {
    let (_, commit) = stage.branch("pages").await;
    stage.prepare.status(&commit, ("fine", "success"), "https://ci.example.org/fine").await;
    stage.prepare.status(&commit, ("bad", "failure"), "https://ci.example.org/bad").await;
    let checks =
        stage.bot.checks(&stage.site, &commit).await.expect("it answers").expect("there are");
    assert_eq!(checks.url.as_deref(), Some("https://ci.example.org/bad"));
}

/// A pull request whose CI has a run that waits; it is from a fork where it is
/// said so, and where a GitLab would hold nothing otherwise.
async fn waiting(stage: &Stage, runs: &[&str], own: bool) -> (PullRequestSeen, Vec<u64>) {
    let (_, pull) = stage.pull("waits").await;
    if !own {
        stage.double().from_fork(SITE, pull.number);
    }
    let double = stage.double();
    let run = |name: &&str| match own {
        true => double.own_run(SITE, &pull.head, name, &[HELD]),
        false => double.run(SITE, &pull.head, name, &[HELD]),
    };
    let runs = runs.iter().map(run).collect();
    (stage.seen(pull.number).await, runs)
}

pub(super) async fn a_run_that_waits_is_told_with_its_page(stage: &Stage) {
    let (pull, _) = waiting(stage, &["ci"], false).await;
    let held = stage.bot.held(&stage.site, &pull).await.expect("it answers");
    let [held] = &held[..] else { panic!("one waits: {held:?}") };
    let page = held.page.as_deref().expect("a person can be sent there");
    assert!(page.starts_with(stage.url()) && !held.name.is_empty(), "{held:?}");
    // A GitLab's pipeline of a fork is not there at all before somebody runs it.
    if stage.kind != ForgeKind::GitLab && stage.kind != ForgeKind::Forgejo {
        let checks = stage.bot.checks(&stage.site, &pull.head_commit).await.expect("it answers");
        assert_eq!(checks.map(|checks| checks.state), Some(ChecksState::Held));
    }
}

pub(super) async fn a_run_that_waits_is_released_or_named(stage: &Stage) {
    let (pull, runs) = waiting(stage, &["ci"], false).await;
    let release = stage.bot.release(&stage.site, &pull).await.expect("it answers");
    match stage.kind {
        ForgeKind::GitHub | ForgeKind::GitLab => assert_eq!(release, Release::Released(1)),
        ForgeKind::Gitea | ForgeKind::Forgejo => {
            let Release::ByHand(held) = release else { panic!("there is no call: {release:?}") };
            assert!(
                held[0].page.as_ref().is_some_and(|page| page.contains("/actions/runs/")),
                "{held:?}"
            );
            assert_eq!(stage.double().run_state(SITE, runs[0]), "held", "nothing was let go");
            stage.double().approve_by_hand(SITE, runs[0]);
        }
    }
    assert_eq!(stage.double().run_state(SITE, runs[0]), "waiting");
    let again = stage.bot.release(&stage.site, &pull).await.expect("it answers");
    assert_eq!(again, Release::NothingHeld, "the state is read again");
}

pub(super) async fn a_run_of_ones_own_pull_request_is_released_too(stage: &Stage) {
    let (pull, runs) = waiting(stage, &["ci"], true).await;
    let release = stage.bot.release(&stage.site, &pull).await.expect("it answers");
    match stage.kind {
        ForgeKind::GitHub => {
            assert_eq!(release, Release::Released(1));
            let asked = stage.double().requests();
            let verb = |verb: &str, status| {
                asked.iter().any(|one| one.path.ends_with(verb) && one.status == status)
            };
            assert!(
                verb("/approve", 403) && verb("/rerun", 201),
                "approving is for forks: run again instead"
            );
        }
        ForgeKind::GitLab => assert_eq!(release, Release::Released(1)),
        ForgeKind::Gitea | ForgeKind::Forgejo => {
            assert!(matches!(release, Release::ByHand(_)), "{release:?}")
        }
    }
    let released = matches!(stage.kind, ForgeKind::GitHub | ForgeKind::GitLab);
    assert_eq!(stage.double().run_state(SITE, runs[0]) == "waiting", released);
}

pub(super) async fn two_runs_for_one_head_are_both_released(stage: &Stage) {
    // Opening a pull request right after a push makes a run for each of both.
    let (pull, runs) = waiting(stage, &["ci (opened)", "ci (synchronized)"], false).await;
    let release = stage.bot.release(&stage.site, &pull).await.expect("it answers");
    match release {
        Release::ByHand(held) => assert_eq!(held.len(), 2, "both pages are named"),
        Release::Released(_) => {
            assert!(runs.iter().all(|run| stage.double().run_state(SITE, *run) == "waiting"));
        }
        Release::NothingHeld => panic!("two wait"),
    }
}

pub(super) async fn the_log_of_a_failed_job_is_read(stage: &Stage) {
    if stage.kind == ForgeKind::Gitea {
        stage.double().version("1.25.3");
    }
    let (_, pull) = stage.pull("log").await;
    let secret = stage.bot_token().to_owned();
    let jobs = [
        JobSaid { name: "lint", state: "success", log: "fine\n" },
        JobSaid { name: "test", state: "failure", log: "assertion failed: 1 == 2\n" },
    ];
    stage.double().own_run(SITE, &pull.head, "ci", &jobs);
    let seen = stage.seen(pull.number).await;
    let jobs = stage.bot.jobs(&stage.site, &seen).await.expect("it answers");
    let failed = jobs.iter().find(|job| job.state == ChecksState::Failed).expect("one failed");
    assert!(failed.url.as_ref().is_some_and(|page| page.starts_with(stage.url())), "{failed:?}");
    let log = stage.bot.log(&stage.site, failed).await.expect("it answers");
    match stage.kind {
        // A Forgejo has no call for it, and says so.
        ForgeKind::Forgejo => assert_eq!(log, None),
        ForgeKind::Gitea | ForgeKind::GitHub | ForgeKind::GitLab => {
            let log = log.expect("it has a log");
            assert!(log.contains("assertion failed") && !log.contains(&secret), "{log}");
        }
    }
}
