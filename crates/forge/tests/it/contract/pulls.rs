//! Pull requests: exactly one, whatever happens.

use super::prepare::NewIssue;
use super::stage::{SITE, Stage};
use pilot_forge::{Body, ForgeError, Head, Merge, PullChange, PullState, Standing, Wanted};
use pilot_proto::task::PullRequest;
use pilot_testkit::forge::Fault;

async fn ensure(stage: &Stage, wanted: &Wanted) -> PullRequest {
    stage.bot.ensure_pull_request(wanted).await.expect("the pull request can be made")
}

async fn state(stage: &Stage, number: u64) -> PullState {
    stage.bot.state(&stage.site, number).await.expect("it is there")
}

pub(super) async fn a_pushed_branch_becomes_a_pull_request(stage: &Stage) {
    let (branch, commit) = stage.branch("first").await;
    let wanted = stage.wanted(&branch, &commit);
    let pull = ensure(stage, &wanted).await;
    assert_eq!(pull.head, commit);
    let seen = stage.seen(pull.number).await;
    assert_eq!((seen.title.as_str(), seen.head.as_str()), (wanted.title.as_str(), branch.as_str()));
    assert_eq!(
        (seen.base.as_str(), seen.standing, seen.from_fork),
        ("main", Standing::Open, false)
    );
    assert_eq!((seen.url, seen.author), (pull.url, stage.account().await.login));
    assert!(seen.body.contains("Everything was done.") && !seen.draft, "{}", seen.body);
    assert_eq!(state(stage, pull.number).await, PullState::Open { head: commit });
}

pub(super) async fn asking_again_changes_nothing(stage: &Stage) {
    let (wanted, pull) = stage.pull("again").await;
    for _ in 0..2 {
        assert_eq!(ensure(stage, &wanted).await, pull);
    }
    assert_eq!(stage.count(&wanted).await, 1);
}

pub(super) async fn a_second_push_keeps_what_people_wrote(stage: &Stage) {
    let (mut wanted, pull) = stage.pull("second").await;
    let before = stage.seen(pull.number).await.body;
    let change = PullChange {
        title: Some("A better title".to_owned()),
        body: Some(format!("Please look soon.\n\n{before}")),
        ..PullChange::default()
    };
    stage.owner.update_pull(&stage.site, pull.number, &change).await.expect("the owner may");
    wanted.head_commit = stage.push(&wanted.head_branch, "main", "more.txt", "more\n").await;
    wanted.body = Body { summary: "And more was done.", ..Body::default() }.text("");
    let again = ensure(stage, &wanted).await;
    assert_eq!((again.number, &again.head), (pull.number, &wanted.head_commit));
    let seen = stage.seen(pull.number).await;
    assert_eq!(seen.title, "A better title", "a person's title stays");
    assert!(seen.body.starts_with("Please look soon."), "{}", seen.body);
    assert!(seen.body.contains("And more") && !seen.body.contains("Everything"), "{}", seen.body);
}

pub(super) async fn somebody_who_is_faster_does_not_make_it_two(stage: &Stage) {
    let (branch, commit) = stage.branch("faster").await;
    let wanted = stage.wanted(&branch, &commit);
    stage.double().fault(Fault::be_faster().on("POST", stage.creation()));
    ensure(stage, &wanted).await;
    assert_eq!(stage.count(&wanted).await, 1);
    let statuses: Vec<u16> = stage.double().requests().iter().map(|seen| seen.status).collect();
    assert!(statuses.iter().any(|status| matches!(status, 409 | 422)), "it said so: {statuses:?}");
}

pub(super) async fn a_lost_answer_does_not_make_it_two(stage: &Stage) {
    for status in [502, 504] {
        let (branch, commit) = stage.branch("lost").await;
        let wanted = stage.wanted(&branch, &commit);
        stage.double().fault(Fault::lose_answer(1, status).on("POST", stage.creation()));
        ensure(stage, &wanted).await;
        assert_eq!(stage.count(&wanted).await, 1, "it looks before it posts again");
    }
}

pub(super) async fn a_draft_is_a_draft_and_its_title_is_clean(stage: &Stage) {
    let (branch, commit) = stage.branch("draft").await;
    let wanted = Wanted { draft: true, ..stage.wanted(&branch, &commit) };
    let pull = ensure(stage, &wanted).await;
    let seen = stage.seen(pull.number).await;
    assert!(seen.draft, "{seen:?}");
    assert_eq!(seen.title, wanted.title, "without a mark of a draft");
    let change = PullChange { title: Some("Renamed".to_owned()), ..PullChange::default() };
    stage.bot.update_pull(&stage.site, pull.number, &change).await.expect("it may");
    let seen = stage.seen(pull.number).await;
    assert_eq!((seen.title.as_str(), seen.draft), ("Renamed", true), "another title ends no draft");
    let merged = stage.owner.merge(&stage.site, pull.number, &commit, Merge::Keep).await;
    merged.expect_err("a draft is not merged");
}

pub(super) async fn labels_assignees_and_reviewers_are_given(stage: &Stage) {
    let label = stage.prepare.label(stage.name("agent")).await;
    let (bot, owner) =
        (stage.account().await.login, stage.owner.check().await.expect("good").login);
    let (branch, commit) = stage.branch("given").await;
    let wanted = Wanted {
        labels: vec![label.name.clone()],
        assignees: vec![bot.clone()],
        reviewers: vec![owner.clone()],
        ..stage.wanted(&branch, &commit)
    };
    let pull = ensure(stage, &wanted).await;
    let seen = stage.seen(pull.number).await;
    assert_eq!(
        (seen.labels, seen.assignees, seen.reviewers),
        (vec![label.name], vec![bot], vec![owner])
    );
    ensure(stage, &wanted).await;
    assert_eq!(stage.count(&wanted).await, 1);
}

pub(super) async fn an_unknown_reviewer_costs_nothing_else(stage: &Stage) {
    let label = stage.prepare.label(stage.name("kept")).await;
    let (branch, commit) = stage.branch("unknown").await;
    let wanted = Wanted {
        labels: vec![label.name.clone()],
        reviewers: vec!["nobody-of-this-name".to_owned()],
        ..stage.wanted(&branch, &commit)
    };
    let pull = ensure(stage, &wanted).await;
    let seen = stage.seen(pull.number).await;
    assert_eq!((seen.labels, seen.reviewers), (vec![label.name], vec![]));
}

pub(super) async fn it_is_found_among_others(stage: &Stage) {
    let (wanted, ours) = stage.pull("ours").await;
    for word in ["other", "another"] {
        stage.pull(word).await;
    }
    assert_eq!(ensure(stage, &wanted).await, ours);
    let (head, base) = (&wanted.head_branch, "some-other-base");
    let elsewhere =
        stage.bot.pulls_of(&stage.site, Head::Branch(head), base, true).await.expect("it answers");
    assert_eq!(elsewhere, [], "the same branch into another base is another pull request");
}

pub(super) async fn one_of_a_fork_is_not_ours(stage: &Stage) {
    let (branch, commit) = stage.branch("fork").await;
    let theirs = stage.double().open_pull(SITE, "eve", (&branch, "main"), "Theirs", "");
    stage.double().from_fork(SITE, theirs);
    let seen = stage.seen(theirs).await;
    assert!(seen.from_fork, "{seen:?}");
    let wanted = stage.wanted(&branch, &commit);
    let (head, base) = (&wanted.head_branch, &wanted.base_branch);
    assert_eq!(
        stage.bot.pulls_of(&stage.site, Head::Branch(head), base, true).await.expect("it answers"),
        []
    );
}

pub(super) async fn a_merge_is_seen_and_closes_the_issue(stage: &Stage) {
    let number = stage.prepare.issue(&NewIssue { title: "Do it", ..NewIssue::default() }).await;
    let (branch, commit) = stage.branch("merge").await;
    let body = Body { closes: Some(number), summary: "Done.", ..Body::default() }.text("");
    let pull = ensure(stage, &Wanted { body, ..stage.wanted(&branch, &commit) }).await;
    assert_eq!(stage.seen(pull.number).await.mergeable, Some(true));
    stage.owner.merge(&stage.site, pull.number, &commit, Merge::Keep).await.expect("the owner may");
    let PullState::Merged { head, commit: merge } = state(stage, pull.number).await else {
        panic!("it was merged")
    };
    let main =
        stage.bot.branch(&stage.site, "main").await.expect("it answers").expect("it is there");
    assert_eq!((head, merge), (commit, Some(main.commit)));
    let mut open = true;
    for _ in 0..200 {
        open = stage.bot.issue(&stage.site, number).await.expect("it is there").open;
        if !open {
            break;
        }
        tokio::time::sleep(pilot_forge::Pace::default().wait).await;
    }
    assert!(!open, "`Closes #{number}` closed it");
}

pub(super) async fn a_close_by_hand_is_seen_and_new_work_opens_another(stage: &Stage) {
    let (mut wanted, closed) = stage.pull("close").await;
    let change = PullChange { open: Some(false), ..PullChange::default() };
    stage.owner.update_pull(&stage.site, closed.number, &change).await.expect("the owner may");
    assert_eq!(state(stage, closed.number).await, PullState::Closed { head: closed.head.clone() });
    assert_eq!(
        ensure(stage, &wanted).await.number,
        closed.number,
        "the same work is not tried again"
    );
    wanted.head_commit = stage.push(&wanted.head_branch, "main", "more.txt", "more\n").await;
    assert_ne!(ensure(stage, &wanted).await.number, closed.number);
}

pub(super) async fn one_that_was_merged_before_we_noted_it_is_not_made_again(stage: &Stage) {
    let (wanted, pull) = stage.pull("noted").await;
    stage
        .owner
        .merge(&stage.site, pull.number, &pull.head, Merge::Keep)
        .await
        .expect("the owner may");
    assert_eq!(ensure(stage, &wanted).await.number, pull.number);
    stage.owner.delete_branch(&stage.site, &wanted.head_branch).await.expect("the owner may");
    assert_eq!(ensure(stage, &wanted).await.number, pull.number);
    assert_eq!(stage.count(&wanted).await, 1);
}

pub(super) async fn a_merge_of_another_commit_is_refused(stage: &Stage) {
    let (wanted, pull) = stage.pull("moved").await;
    stage.push(&wanted.head_branch, "main", "more.txt", "more\n").await;
    let error = stage.owner.merge(&stage.site, pull.number, &pull.head, Merge::Keep).await;
    let error = error.expect_err("what would be merged was not looked at");
    assert!(matches!(error, ForgeError::Refused { .. }), "{error:?}");
    assert!(matches!(state(stage, pull.number).await, PullState::Open { .. }));
}

pub(super) async fn a_conflict_with_the_base_is_told(stage: &Stage) {
    let file = format!("{}.txt", stage.name("both"));
    let branch = format!("{}/conflict", stage.name("work"));
    let commit = stage.push(&branch, "main", &file, "ours\n").await;
    let pull = ensure(stage, &stage.wanted(&branch, &commit)).await;
    stage.push("main", "main", &file, "theirs\n").await;
    let mut mergeable = None;
    for _ in 0..200 {
        mergeable = stage.seen(pull.number).await.mergeable;
        if mergeable == Some(false) {
            break;
        }
        tokio::time::sleep(pilot_forge::Pace::default().wait).await;
    }
    assert_eq!(mergeable, Some(false));
}

pub(super) async fn a_forge_that_lags_is_read_again(stage: &Stage) {
    let (mut wanted, _) = stage.pull("lag").await;
    wanted.head_commit = stage.push(&wanted.head_branch, "main", "more.txt", "more\n").await;
    stage.double().stale_reads(3);
    assert_eq!(ensure(stage, &wanted).await.head, wanted.head_commit);
}

pub(super) async fn somebody_elses_commit_is_a_mismatch(stage: &Stage) {
    let (branch, commit) = stage.branch("theirs").await;
    let theirs = stage.push(&branch, "main", "theirs.txt", "theirs\n").await;
    let error = stage.bot.ensure_pull_request(&stage.wanted(&branch, &commit)).await;
    let error = error.expect_err("it is not our commit");
    let ForgeError::Mismatch { what: "head", seen, .. } = &error else { panic!("{error:?}") };
    assert_eq!(seen, &theirs);
}

pub(super) async fn a_branch_that_is_not_there_makes_none(stage: &Stage) {
    let wanted = stage.wanted(&format!("{}/none", stage.name("work")), &"0".repeat(40));
    let error = stage.bot.ensure_pull_request(&wanted).await.expect_err("nothing was pushed");
    assert!(matches!(error, ForgeError::Refused { status: 400 | 404 | 422, .. }), "{error:?}");
    assert_eq!(stage.count(&wanted).await, 0);
}
