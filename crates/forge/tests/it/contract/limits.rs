//! Limits and failures of the way.

use super::prepare::NewIssue;
use super::stage::{SITE, Stage};
use pilot_forge::{ForgeError, Subject};
use pilot_proto::{Code, ForgeKind, Problem};
use pilot_testkit::forge::Fault;

pub(super) async fn a_short_limit_is_waited_for(stage: &Stage) {
    stage.double().fail_next(1, 429, &[("retry-after", "0")]);
    stage.bot.look(&stage.site).await.expect("it is asked again");
    // What was turned away unseen is asked again, even if it makes something.
    let (branch, commit) = stage.branch("limited").await;
    stage.double().fault(Fault::answer(1, 429, &[]).on("POST", stage.creation()));
    let wanted = stage.wanted(&branch, &commit);
    stage.bot.ensure_pull_request(&wanted).await.expect("it is asked again");
    assert_eq!(stage.count(&wanted).await, 1);
}

pub(super) async fn a_long_limit_is_told_and_not_waited_for(stage: &Stage) {
    // Of each forge in its own words: an hour by its own clock.
    let date = ("date", "Thu, 01 Jan 2026 00:00:00 GMT");
    let reset = "1767229200";
    let (status, headers) = match stage.kind {
        ForgeKind::Gitea | ForgeKind::Forgejo => (429, vec![("retry-after", "3600")]),
        ForgeKind::GitHub => {
            (403, vec![("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", reset), date])
        }
        ForgeKind::GitLab => {
            (429, vec![("ratelimit-remaining", "0"), ("ratelimit-reset", reset), date])
        }
    };
    stage.double().fail_next(100, status, &headers);
    let error = stage.bot.look(&stage.site).await.expect_err("an hour is too long");
    assert!(matches!(error, ForgeError::Busy { tries: 1, .. }), "{error:?}");
    assert!(error.is_passing());
    let problem = Problem::from(error);
    assert_eq!(problem.code, Code::ForgeUnreachable);
    assert!(problem.hint.contains("3600 seconds"), "{}", problem.hint);
}

pub(super) async fn a_secondary_limit_is_no_refusal(stage: &Stage) {
    let said =
        r#"{"message":"You have exceeded a secondary rate limit. Please wait a few minutes."}"#;
    let status = if stage.kind == ForgeKind::GitHub { 403 } else { 429 };
    stage.double().fault(Fault::answer(100, status, &[("retry-after", "60")]).saying(said));
    let error = stage.bot.look(&stage.site).await.expect_err("a minute is too long here");
    assert!(matches!(error, ForgeError::Busy { tries: 1, .. }) && error.is_passing(), "{error:?}");
}

pub(super) async fn a_passing_failure_is_bridged(stage: &Stage) {
    stage.double().fail_next(2, 502, &[]);
    stage.bot.look(&stage.site).await.expect("it is asked again");
    stage.double().fail_next(100, 503, &[]);
    let error = stage.bot.look(&stage.site).await.expect_err("it never answers");
    assert!(matches!(error, ForgeError::Busy { status: 503, tries: 5, .. }), "{error:?}");
}

pub(super) async fn a_comment_whose_answer_was_lost_stands_once(stage: &Stage) {
    let number = stage.prepare.issue(&NewIssue { title: "Lost", ..NewIssue::default() }).await;
    let path = if stage.kind == ForgeKind::GitLab { "/notes" } else { "/comments" };
    stage.double().fault(Fault::lose_answer(1, 502).on("POST", path));
    let on = Subject::Issue(number);
    let error = stage.bot.comment_once(&stage.site, on, "task-1", "In progress.").await;
    error.expect_err("a comment is not posted twice by itself");
    stage.bot.comment_once(&stage.site, on, "task-1", "In progress.").await.expect("it is there");
    assert_eq!(stage.bot.comments(&stage.site, on).await.expect("read").len(), 1);
}

pub(super) async fn what_did_not_change_costs_nothing(stage: &Stage) {
    let (wanted, pull) = stage.pull("polled").await;
    let first = stage.seen(pull.number).await;
    let (before, asked) = (stage.double().remaining(), stage.double().requests().len());
    assert_eq!(stage.seen(pull.number).await, first);
    let requests = stage.double().requests();
    match stage.kind {
        ForgeKind::GitHub | ForgeKind::GitLab => {
            assert_eq!(requests.last().map(|seen| seen.status), Some(304));
            assert_eq!(stage.double().remaining(), before, "it is not counted");
        }
        // These have no tags, and no limits.
        ForgeKind::Gitea | ForgeKind::Forgejo => assert_eq!(requests.len(), asked + 1),
    }
    let commit = stage.push(&wanted.head_branch, "main", "more.txt", "more\n").await;
    assert_eq!(stage.seen(pull.number).await.head_commit, commit, "a change is seen at once");
    assert_eq!(stage.double().pulls(SITE).len(), 1);
}
