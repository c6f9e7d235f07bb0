//! Issues, comments and labels.

use super::prepare::NewIssue;
use super::stage::{SITE, Stage};
use pilot_forge::{ForgeError, Issue, IssueFilter, Subject, image_links};
use pilot_proto::Problem;

async fn listed(stage: &Stage, filter: &IssueFilter) -> Vec<u64> {
    let all = stage.bot.issues(&stage.site, filter).await.expect("they can be listed");
    all.iter().map(|issue| issue.number).collect()
}

async fn read(stage: &Stage, number: u64) -> Issue {
    stage.bot.issue(&stage.site, number).await.expect("it is there")
}

pub(super) async fn an_issue_is_read_with_everything(stage: &Stage) {
    let (label, milestone) = (
        stage.prepare.label(stage.name("bug")).await,
        stage.prepare.milestone(stage.name("one")).await,
    );
    let login = stage.account().await.login;
    let body = "It *fails*.\n\n![shot](https://images.example.org/1.png)";
    let number = stage
        .prepare
        .issue(&NewIssue {
            title: "It is broken",
            body,
            labels: &[&label],
            assignee: Some(&login),
            milestone: Some(&milestone),
        })
        .await;
    let issue = read(stage, number).await;
    assert_eq!(
        (issue.number, issue.title.as_str(), issue.body.as_str()),
        (number, "It is broken", body)
    );
    assert_eq!((&issue.labels, &issue.assignees), (&vec![label.name], &vec![login]));
    assert_eq!(issue.milestone, Some(milestone.name));
    assert!(issue.open && !issue.is_pull_request && issue.comments == 0, "{issue:?}");
    assert!(!issue.author.is_empty() && !issue.updated.is_empty(), "{issue:?}");
    let images = image_links(stage.bot.address(), &issue.body);
    assert_eq!(images.len(), 1);
}

pub(super) async fn a_comment_of_ours_is_brought_up_to_date(stage: &Stage) {
    let number = stage.prepare.issue(&NewIssue { title: "Told", ..NewIssue::default() }).await;
    let on = Subject::Issue(number);
    for text in ["at work", "at work", "done"] {
        let kept = stage.bot.comment_kept(&stage.site, on, "test", text).await;
        kept.expect("it may comment");
    }
    let all = stage.bot.comments(&stage.site, on).await.expect("they can be read");
    let bodies: Vec<&str> = all.iter().map(|one| one.body.as_str()).collect();
    assert_eq!(bodies, ["done\n\n<!-- pilothouse:test -->"]);
}

pub(super) async fn an_issue_that_is_not_there_is_refused(stage: &Stage) {
    let error = stage.bot.issue(&stage.site, 4_000_000).await.expect_err("there is none");
    assert!(matches!(error, ForgeError::Refused { status: 404, .. }), "{error:?}");
}

pub(super) async fn a_deleted_issue_is_refused_with_a_hint(stage: &Stage) {
    let number = stage.prepare.issue(&NewIssue { title: "Gone", ..NewIssue::default() }).await;
    stage.double().delete_issue(SITE, number);
    let error = stage.bot.issue(&stage.site, number).await.expect_err("it was deleted");
    assert!(matches!(error, ForgeError::Refused { status: 404 | 410, .. }), "{error:?}");
    assert!(!Problem::from(error).hint.is_empty());
    assert!(!listed(stage, &IssueFilter::open()).await.contains(&number));
}

pub(super) async fn issues_are_filtered_by_label(stage: &Stage) {
    let (red, blue) = (
        stage.prepare.label(stage.name("red")).await,
        stage.prepare.label(stage.name("blue")).await,
    );
    let both = stage
        .prepare
        .issue(&NewIssue { title: "Both", labels: &[&red, &blue], ..NewIssue::default() })
        .await;
    let one = stage
        .prepare
        .issue(&NewIssue { title: "One", labels: &[&red], ..NewIssue::default() })
        .await;
    let of = |labels: &[&str]| IssueFilter {
        labels: labels.iter().map(|name| (*name).to_owned()).collect(),
        ..IssueFilter::open()
    };
    assert_eq!(listed(stage, &of(&[&red.name])).await, [one, both], "the latest first");
    assert_eq!(listed(stage, &of(&[&red.name, &blue.name])).await, [both], "all of the labels");
    assert!(
        listed(stage, &of(&["no-such-label"])).await.is_empty(),
        "an unknown label is not left out"
    );
}

pub(super) async fn issues_are_filtered_by_milestone(stage: &Stage) {
    let milestone = stage.prepare.milestone(stage.name("soon")).await;
    let new = NewIssue { title: "Soon", milestone: Some(&milestone), ..NewIssue::default() };
    let number = stage.prepare.issue(&new).await;
    stage.prepare.issue(&NewIssue { title: "Whenever", ..NewIssue::default() }).await;
    let filter = IssueFilter { milestone: Some(milestone.name), ..IssueFilter::open() };
    assert_eq!(listed(stage, &filter).await, [number]);
}

pub(super) async fn issues_are_filtered_by_assignee(stage: &Stage) {
    let (login, label) =
        (stage.account().await.login, stage.prepare.label(stage.name("mine")).await);
    let new = NewIssue {
        title: "Mine",
        assignee: Some(&login),
        labels: &[&label],
        ..NewIssue::default()
    };
    let number = stage.prepare.issue(&new).await;
    stage
        .prepare
        .issue(&NewIssue { title: "Nobody's", labels: &[&label], ..NewIssue::default() })
        .await;
    let filter =
        IssueFilter { assignee: Some(login), labels: vec![label.name], ..IssueFilter::open() };
    assert_eq!(listed(stage, &filter).await, [number]);
}

pub(super) async fn issues_are_filtered_by_text(stage: &Stage) {
    let label = stage.prepare.label(stage.name("text")).await;
    let body = "The frobnicator stalls.";
    let number = stage
        .prepare
        .issue(&NewIssue { title: "Slow", body, labels: &[&label], ..NewIssue::default() })
        .await;
    stage
        .prepare
        .issue(&NewIssue { title: "Fast", labels: &[&label], ..NewIssue::default() })
        .await;
    let filter = IssueFilter {
        text: Some("frobnicator".to_owned()),
        labels: vec![label.name],
        ..IssueFilter::open()
    };
    assert_eq!(listed(stage, &filter).await, [number]);
}

pub(super) async fn closed_issues_come_only_when_asked_for(stage: &Stage) {
    let label = stage.prepare.label(stage.name("past")).await;
    let number = stage
        .prepare
        .issue(&NewIssue { title: "Past", labels: &[&label], ..NewIssue::default() })
        .await;
    stage.owner.set_open(&stage.site, number, false).await.expect("the owner may close it");
    let open = IssueFilter { labels: vec![label.name], ..IssueFilter::open() };
    assert!(listed(stage, &open).await.is_empty());
    let all = IssueFilter { closed_too: true, ..open };
    assert_eq!(listed(stage, &all).await, [number]);
}

pub(super) async fn pull_requests_are_no_issues(stage: &Stage) {
    let (_, pull) = stage.pull("no-issue").await;
    let issues =
        stage.bot.issues(&stage.site, &IssueFilter::open()).await.expect("they can be listed");
    assert!(
        issues.iter().all(|issue| !issue.is_pull_request && issue.url != pull.url),
        "{issues:?}"
    );
}

pub(super) async fn long_lists_are_read_page_by_page(stage: &Stage) {
    stage.double().max_page(7);
    let mut numbers = Vec::new();
    for at in 0..23 {
        numbers.push(stage.double().issue(SITE, &format!("Issue {at}")));
    }
    numbers.reverse();
    assert_eq!(listed(stage, &IssueFilter::open()).await, numbers);
    let some = IssueFilter { most: 10, ..IssueFilter::open() };
    assert_eq!(listed(stage, &some).await, numbers[..10], "no more than was asked for");
}

pub(super) async fn a_huge_issue_is_read_whole(stage: &Stage) {
    let body = "All work and no play. ".repeat(5 * 1024 * 1024 / 22);
    let number = stage.double().issue_saying(SITE, "Long", &body);
    assert_eq!(read(stage, number).await.body.len(), body.len());
}

pub(super) async fn comments_come_in_order(stage: &Stage) {
    let number = stage.prepare.issue(&NewIssue { title: "Talk", ..NewIssue::default() }).await;
    let on = Subject::Issue(number);
    for (forge, text) in
        [(&stage.owner, "First."), (&stage.bot, "Second."), (&stage.owner, "Third.")]
    {
        forge.comment(&stage.site, on, text).await.expect("one may comment");
    }
    let comments = stage.bot.comments(&stage.site, on).await.expect("they can be read");
    let bodies: Vec<&str> = comments.iter().map(|one| one.body.as_str()).collect();
    assert_eq!(bodies, ["First.", "Second.", "Third."]);
    assert_eq!(comments[1].author, stage.account().await.login);
    assert!(comments.iter().all(|one| !one.written.is_empty()));
    assert_eq!(read(stage, number).await.comments, 3);
}

pub(super) async fn a_comment_stands_once(stage: &Stage) {
    let number = stage.prepare.issue(&NewIssue { title: "Once", ..NewIssue::default() }).await;
    let on = Subject::Issue(number);
    let first =
        stage.bot.comment_once(&stage.site, on, "task-7", "In progress.").await.expect("it may");
    let again =
        stage.bot.comment_once(&stage.site, on, "task-7", "In progress.").await.expect("it may");
    assert_eq!(first.id, again.id);
    stage.bot.comment_once(&stage.site, on, "task-8", "In progress.").await.expect("it may");
    assert_eq!(stage.bot.comments(&stage.site, on).await.expect("they can be read").len(), 2);
}

pub(super) async fn labels_are_added_and_taken_away_by_name(stage: &Stage) {
    let (one, two) = (
        stage.prepare.label(stage.name("one")).await,
        stage.prepare.label(stage.name("two")).await,
    );
    let number = stage
        .prepare
        .issue(&NewIssue { title: "Labels", labels: &[&one], ..NewIssue::default() })
        .await;
    let on = Subject::Issue(number);
    let (added, gone) = (vec![two.name.clone()], vec![one.name.clone()]);
    stage.bot.label(&stage.site, on, &added, &gone).await.expect("the bot may write");
    assert_eq!(read(stage, number).await.labels, added);
    stage.bot.label(&stage.site, on, &added, &gone).await.expect("the same again is fine");
    assert_eq!(read(stage, number).await.labels, added);
}

pub(super) async fn an_unknown_label_is_refused_and_not_made(stage: &Stage) {
    let number = stage.prepare.issue(&NewIssue { title: "Labels", ..NewIssue::default() }).await;
    let unknown = [stage.name("unknown")];
    let error = stage.bot.label(&stage.site, Subject::Issue(number), &unknown, &[]).await;
    let error = error.expect_err("a label is not made by the way");
    assert!(matches!(error, ForgeError::Refused { status: 404, .. }), "{error:?}");
    assert!(read(stage, number).await.labels.is_empty());
}

pub(super) async fn an_issue_is_closed_and_opened_again(stage: &Stage) {
    let number = stage.prepare.issue(&NewIssue { title: "Door", ..NewIssue::default() }).await;
    for open in [false, true, true] {
        stage.owner.set_open(&stage.site, number, open).await.expect("the owner may");
        assert_eq!(read(stage, number).await.open, open);
    }
}

pub(super) async fn an_issue_is_told_by_the_address_of_its_page(stage: &Stage) {
    let number = stage.prepare.issue(&NewIssue { title: "Here", ..NewIssue::default() }).await;
    let page = read(stage, number).await.url;
    for page in [page.clone(), format!("{page}/"), format!("{page}?a=b#note_3")] {
        assert_eq!(stage.bot.issue_of_page(&page), Some((stage.site.clone(), number)), "{page}");
    }
    let elsewhere = page.replace(stage.url(), "https://elsewhere.example.org");
    assert_eq!(stage.bot.issue_of_page(&elsewhere), None);
}
