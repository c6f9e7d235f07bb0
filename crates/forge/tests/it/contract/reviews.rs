//! What people say about a pull request, and how it is answered.

use super::stage::Stage;
use pilot_forge::{Done, Feedback, Subject, Verdict};
use pilot_proto::ForgeKind;

async fn feedback(stage: &Stage, pull: u64, since: Option<&str>) -> Vec<Feedback> {
    stage.bot.feedback(&stage.site, pull, since).await.expect("it can be read")
}

/// The comment on a line that says `text`.
async fn said(stage: &Stage, pull: u64, text: &str) -> Feedback {
    let all = feedback(stage, pull, None).await;
    let found = all.iter().find(|one| one.body == text);
    found.unwrap_or_else(|| panic!("`{text}` in {all:?}")).clone()
}

pub(super) async fn a_remark_is_feedback(stage: &Stage) {
    let (_, pull) = stage.pull("remark").await;
    let on = Subject::Pull(pull.number);
    stage.owner.comment(&stage.site, on, "Please add a test.").await.expect("the owner may");
    let one = said(stage, pull.number, "Please add a test.").await;
    assert_eq!((one.verdict, &one.path, one.resolved), (Verdict::Comment, &None, false));
    assert_eq!(one.author, stage.owner.check().await.expect("good").login);
}

pub(super) async fn a_comment_on_a_line_says_where(stage: &Stage) {
    let (wanted, pull) = stage.pull("line").await;
    let file = format!("{}.txt", wanted.head_branch.replace('/', "-"));
    stage.prepare.line_comment(pull.number, &pull.head, (&file, 1), "Why?").await;
    let one = said(stage, pull.number, "Why?").await;
    assert_eq!((one.path, one.line), (Some(file), Some(1)));
    assert!(one.thread.is_some() && !one.resolved);
}

pub(super) async fn an_approval_is_told(stage: &Stage) {
    let (_, pull) = stage.pull("approved").await;
    stage.prepare.approve(pull.number).await;
    let all = feedback(stage, pull.number, None).await;
    assert!(all.iter().any(|one| one.verdict == Verdict::Approved), "{all:?}");
}

pub(super) async fn feedback_comes_once(stage: &Stage) {
    let (_, pull) = stage.pull("once").await;
    let on = Subject::Pull(pull.number);
    stage.owner.comment(&stage.site, on, "First.").await.expect("the owner may");
    let first = feedback(stage, pull.number, None).await;
    let last = first.last().expect("there is one").written.clone();
    assert_eq!(feedback(stage, pull.number, Some(&last)).await, [], "nothing new");
    // The times of a real one have a second's grain.
    tokio::time::sleep(stage.prepare.grain()).await;
    stage.owner.comment(&stage.site, on, "Second.").await.expect("the owner may");
    let more = feedback(stage, pull.number, Some(&last)).await;
    assert_eq!(more.iter().map(|one| one.body.as_str()).collect::<Vec<_>>(), ["Second."]);
}

pub(super) async fn a_reply_stands_in_the_same_conversation(stage: &Stage) {
    let (wanted, pull) = stage.pull("reply").await;
    let file = format!("{}.txt", wanted.head_branch.replace('/', "-"));
    stage.prepare.line_comment(pull.number, &pull.head, (&file, 1), "Why this?").await;
    let asked = said(stage, pull.number, "Why this?").await;
    stage.bot.reply(&stage.site, pull.number, &asked, "Because of that.").await.expect("it may");
    let answer = said(stage, pull.number, "Because of that.").await;
    assert_eq!((answer.thread, answer.path, answer.line), (asked.thread, asked.path, asked.line));
}

pub(super) async fn a_conversation_is_resolved_or_the_page_is_named(stage: &Stage) {
    let (wanted, pull) = stage.pull("resolve").await;
    let file = format!("{}.txt", wanted.head_branch.replace('/', "-"));
    stage.prepare.line_comment(pull.number, &pull.head, (&file, 1), "Mend this.").await;
    let asked = said(stage, pull.number, "Mend this.").await;
    let done = stage.bot.resolve(&stage.site, pull.number, &asked).await.expect("it answers");
    match stage.kind {
        ForgeKind::GitHub | ForgeKind::GitLab => {
            assert_eq!(done, Done::Yes);
            assert!(said(stage, pull.number, "Mend this.").await.resolved);
        }
        ForgeKind::Gitea | ForgeKind::Forgejo => {
            let Done::ByHand(page) = done else { panic!("there is no call: {done:?}") };
            assert!(page.starts_with(stage.url()), "{page}");
        }
    }
}
