//! What the adapter reads beside pull requests: checks and issues.

use crate::gitea::{SITE, Scene};
use pilot_forge::ForgeError;
use pilot_proto::task::ChecksState;
use pilot_testkit::forge::CheckSaid;

fn said(context: &'static str, state: &'static str) -> CheckSaid {
    CheckSaid { state, context, ..CheckSaid::default() }
}

/// What is said, and what it comes to: state, total, failed.
type Row = (Vec<CheckSaid>, Option<(ChecksState, u32, u32)>);

#[tokio::test]
async fn checks_are_as_bad_as_the_worst_of_them() {
    let scene = Scene::new().await;
    let blocked =
        CheckSaid { description: "Blocked by required conditions", ..said("c", "pending") };
    let rows: Vec<Row> = vec![
        (vec![], None),
        (vec![said("a", "success"), said("b", "warning")], Some((ChecksState::Passed, 2, 0))),
        (vec![said("a", "success"), said("b", "pending")], Some((ChecksState::Pending, 2, 0))),
        (vec![said("a", "pending"), blocked], Some((ChecksState::Held, 2, 0))),
        (
            vec![said("a", "pending"), said("b", "error"), said("c", "failure")],
            Some((ChecksState::Failed, 3, 2)),
        ),
        (vec![said("a", "failure"), said("a", "success")], Some((ChecksState::Passed, 1, 0))),
        (vec![said("a", "dreaming")], Some((ChecksState::Unknown, 1, 0))),
    ];
    for (number, (says, expected)) in rows.iter().enumerate() {
        let commit = scene.forge.branch(SITE, &format!("work-{number}"), "main");
        for one in says {
            scene.forge.status(SITE, &commit, one);
        }
        let checks = scene.gitea.checks(&scene.site(), &commit).await.expect("it answers");
        let seen = checks.map(|checks| (checks.state, checks.total, checks.failed));
        assert_eq!(seen, *expected, "{says:?}");
    }
}

#[tokio::test]
async fn the_page_of_the_check_that_failed_is_shown_if_it_is_a_page() {
    let scene = Scene::under("/git").await;
    let check = async |targets: &[(&'static str, &'static str)], expected: Option<String>| {
        let branch = format!("work-{}", targets.len());
        let commit = scene.forge.branch(SITE, &branch, "main");
        for (at, (state, target_url)) in targets.iter().enumerate() {
            let context = ["a", "b", "c", "d"][at];
            let said = CheckSaid { state, context, target_url, ..CheckSaid::default() };
            scene.forge.status(SITE, &commit, &said);
        }
        let checks = scene.gitea.checks(&scene.site(), &commit).await.expect("it answers");
        assert_eq!(checks.and_then(|checks| checks.url), expected, "{targets:?}");
    };
    let ours = "/git/alice/site/actions/runs/7/jobs/0";
    let whole = format!("http://{}{ours}", scene.forge.addr());
    check(&[("success", "https://ci.example/1"), ("failure", ours)], Some(whole)).await;
    check(&[("failure", "javascript:alert(1)")], None).await;
    let other = Some("https://ci.example/1".to_owned());
    check(&[("failure", ""), ("success", "https://ci.example/1"), ("success", "")], other).await;
}

#[tokio::test]
async fn more_checks_than_fit_on_a_page_are_all_counted() {
    let scene = Scene::new().await;
    scene.forge.max_page(3);
    let commit = scene.forge.branch(SITE, "work", "main");
    for context in ["a", "b", "c", "d", "e", "f", "g"] {
        scene.forge.status(SITE, &commit, &said(context, "success"));
    }
    scene.forge.status(SITE, &commit, &said("z", "failure"));
    let checks = scene.gitea.checks(&scene.site(), &commit).await.expect("it answers");
    let checks = checks.expect("there are some");
    assert_eq!((checks.state, checks.total, checks.failed), (ChecksState::Failed, 8, 1));
    let names: Vec<&str> = checks.each.iter().map(|check| check.name.as_str()).collect();
    assert_eq!(names, ["z", "a", "b", "c", "d", "e", "f", "g"], "what failed stands first");
}

#[tokio::test]
async fn an_issue_is_found_by_the_address_of_its_page() {
    let scene = Scene::under("/git").await;
    let number = scene.forge.issue_saying(SITE, "It is broken", "Since *yesterday*.");
    let page = format!("{}/{SITE}/issues/{number}", scene.forge.url());
    for page in [page.clone(), format!("{page}/"), format!("{page}?a=b#issuecomment-3")] {
        let (repository, number) = scene.gitea.issue_of_page(&page).expect("it is one");
        let issue = scene.gitea.issue(&repository, number).await.expect("it is there");
        assert_eq!(
            (issue.title.as_str(), issue.body.as_str()),
            ("It is broken", "Since *yesterday*.")
        );
        assert!(!issue.is_pull_request);
    }
    let other = format!("http://elsewhere.example/{SITE}/issues/1");
    let outside = page.replace("/git/", "/");
    let pull = page.replace("/issues/", "/pulls/");
    let word = format!("{}/{SITE}/issues/new", scene.forge.url());
    let ssh = format!("git@127.0.0.1:{SITE}/issues/1");
    for page in [other, outside, pull, word, ssh, String::new(), "/issues/1".to_owned()] {
        assert_eq!(scene.gitea.issue_of_page(&page), None, "{page}");
    }
}

#[tokio::test]
async fn an_issue_that_is_not_there_or_is_a_pull_request_is_told_apart() {
    let scene = Scene::new().await;
    let error = scene.gitea.issue(&scene.site(), 404).await.expect_err("there is none");
    assert!(matches!(error, ForgeError::Refused { status: 404, .. }), "{error}");
    scene.forge.branch(SITE, "work", "main");
    let number = scene.forge.open_pull(SITE, "alice", ("work", "main"), "Work", "");
    let issue = scene.gitea.issue(&scene.site(), number).await.expect("it is there");
    assert!(issue.is_pull_request);
}
