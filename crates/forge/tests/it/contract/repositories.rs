//! Repositories and branches.

use super::stage::{SITE, Stage};
use pilot_forge::{ForgeError, Repository};
use pilot_proto::{Code, Problem};

pub(super) async fn a_repository_is_looked_at(stage: &Stage) {
    let seen = stage.bot.look(&stage.site).await.expect("it is there");
    assert_eq!(seen.full_name.to_lowercase(), stage.site.to_string().to_lowercase());
    assert_eq!((seen.default_branch.as_str(), seen.may_push, seen.archived), ("main", true, false));
}

pub(super) async fn a_repository_that_is_not_there_is_refused(stage: &Stage) {
    let missing = Repository { name: "not-there".to_owned(), ..stage.site.clone() };
    let error = stage.bot.look(&missing).await.expect_err("there is none");
    assert!(matches!(error, ForgeError::Refused { status: 404, .. }), "{error:?}");
    assert!(!error.is_passing(), "asking again does not help");
    let problem = Problem::from(error);
    assert!(problem.code == Code::ForgeRefused && !problem.hint.is_empty(), "{problem:?}");
}

pub(super) async fn an_archived_repository_takes_no_pull_request(stage: &Stage) {
    let (branch, commit) = stage.branch("late").await;
    stage.double().archive(SITE);
    let seen = stage.bot.look(&stage.site).await.expect("it is there");
    assert_eq!((seen.archived, seen.may_push), (true, false));
    let error = stage.bot.ensure_pull_request(&stage.wanted(&branch, &commit)).await;
    let error = error.expect_err("nothing in it changes");
    assert!(matches!(error, ForgeError::Refused { .. }), "{error:?}");
}

pub(super) async fn a_renamed_repository_is_followed(stage: &Stage) {
    stage.double().renamed("alice/old-site", SITE);
    let old = Repository { owner: "alice".to_owned(), name: "old-site".to_owned() };
    let seen = stage.bot.look(&old).await.expect("it leads to the new name");
    assert_eq!(seen.full_name, SITE, "and the new name is told");
}

pub(super) async fn it_is_told_who_may_write(stage: &Stage) {
    let double = stage.double();
    double.collaborator(SITE, "ann", "write");
    double.collaborator(SITE, "anna", "read");
    double.user("mallory");
    for (login, may) in [
        ("alice", true),
        ("Alice", true),
        ("ann", true),
        ("anna", false),
        ("mallory", false),
        ("nobody", false),
    ] {
        let seen = stage.owner.may_write(&stage.site, login).await;
        assert_eq!(seen.expect("an administrator is told"), may, "{login}");
    }
}

pub(super) async fn branches_are_found_and_listed(stage: &Stage) {
    let (branch, commit) = stage.branch("with/slashes").await;
    let seen = stage.bot.branch(&stage.site, &branch).await.expect("it answers");
    assert_eq!(seen.map(|seen| seen.commit), Some(commit));
    let none = stage.bot.branch(&stage.site, &format!("{branch}/none")).await.expect("it answers");
    assert_eq!(none, None);
    let all = stage.bot.branches(&stage.site, 1000).await.expect("it answers");
    assert!(all.iter().any(|one| one.name == branch) && all.iter().any(|one| one.name == "main"));
}

pub(super) async fn a_branch_is_deleted_once(stage: &Stage) {
    let (branch, _) = stage.branch("done").await;
    assert!(stage.bot.delete_branch(&stage.site, &branch).await.expect("it may write"));
    assert!(!stage.bot.delete_branch(&stage.site, &branch).await.expect("it is gone already"));
    assert_eq!(stage.bot.branch(&stage.site, &branch).await.expect("it answers"), None);
}
