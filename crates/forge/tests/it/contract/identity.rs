//! Who we are, what the forge can do, how it is set up.

use super::stage::{Stage, open, pace};
use pilot_forge::{ForgeError, Weight};
use pilot_proto::{Code, ForgeKind, Problem};
use pilot_testkit::forge::Fault;
use pilot_testkit::repo::{GitWorld, git};

pub(super) async fn who_we_are_is_told(stage: &Stage) {
    let account = stage.bot.check().await.expect("the token is good");
    assert!(!account.login.is_empty(), "{account:?}");
    assert_eq!(stage.bot.kind(), stage.kind);
    assert!(!stage.bot.needs().is_empty());
}

pub(super) async fn a_wrong_token_is_refused_and_never_shown(stage: &Stage) {
    let token = "0123456789012345678901234567890123456789";
    let stranger = open(stage.kind, stage.url(), token, pace()).expect("a good address");
    let error = stranger.check().await.expect_err("nobody has this token");
    assert!(matches!(error, ForgeError::Unauthorized { .. }), "{error:?}");
    let shown = format!("{error:?} {error} {stranger:?}");
    assert!(!shown.contains(token), "{shown}");
    let problem = Problem::from(error);
    assert_eq!(problem.code, Code::ForgeRefused);
    assert!(
        problem.hint.contains(stranger.needs()[0]),
        "the hint names the scopes: {}",
        problem.hint
    );
}

pub(super) async fn missing_scopes_are_named(stage: &Stage) {
    let weak = match stage.kind {
        ForgeKind::Gitea | ForgeKind::Forgejo => "read:repository",
        ForgeKind::GitHub => "public_repo",
        ForgeKind::GitLab => "read_api",
    };
    let token = stage.double().token("bot", &[weak]);
    let bot = open(stage.kind, stage.url(), &token, pace()).expect("a good address");
    let error = bot.check().await.expect_err("the token is too weak");
    let ForgeError::Scopes { missing, .. } = &error else { panic!("{error:?}") };
    assert_eq!(missing, bot.needs(), "every one of them, by name");
    assert!(Problem::from(error).message.contains(bot.needs()[0]));
}

pub(super) async fn what_the_forge_can_do_is_told(stage: &Stage) {
    let can = stage.bot.capabilities().await.expect("it says its version");
    let (releases, reviews, limits) = match stage.kind {
        ForgeKind::Gitea | ForgeKind::Forgejo => (false, true, false),
        ForgeKind::GitHub | ForgeKind::GitLab => (true, false, true),
    };
    assert_eq!(
        (can.releases_runs, can.pushes_for_review, can.tells_limits),
        (releases, reviews, limits)
    );
    stage.bot.look(&stage.site).await.expect("it is there");
    assert_eq!(stage.bot.budget().is_some(), limits, "limits are told with every answer");
}

pub(super) async fn git_logs_in_with_the_grant(stage: &Stage) {
    let grant = stage.bot.grant();
    let login = format!("://{}:{}@", grant.username, grant.password.expose());
    let url = format!("{}/{}.git", stage.url(), stage.site).replace("://", &login);
    let branch = format!("{}/by-git", stage.name("work"));
    let pushed = branch.clone();
    let cloned = tokio::task::spawn_blocking(move || {
        let world = GitWorld::new();
        git(world.root(), &["clone", "--quiet", &url, "tree"]);
        let tree = world.root().join("tree");
        git(&tree, &["push", "--quiet", "origin", &format!("HEAD:refs/heads/{pushed}")]);
        git(&tree, &["rev-parse", "HEAD"])
    });
    let commit = cloned.await.expect("git does not fail");
    let seen = stage.bot.branch(&stage.site, &branch).await.expect("it answers");
    assert_eq!(seen.map(|seen| seen.commit), Some(commit));
}

pub(super) async fn something_else_at_the_address_is_told_from_a_forge(stage: &Stage) {
    let root = format!("http://{}", stage.double().addr());
    let lost = open(stage.kind, &root, stage.bot_token(), pace()).expect("a good address");
    let error = lost.check().await.expect_err("the base path is missing");
    assert!(matches!(error, ForgeError::Strange { .. }), "{error:?}");

    // The page of a login, as the web route of a real one answers a token.
    stage.double().fault(Fault::answer(5, 200, &[]));
    let error = stage.bot.check().await.expect_err("a login page is no forge");
    assert!(matches!(error, ForgeError::Strange { .. }), "{error:?}");
}

pub(super) async fn a_forge_that_repeats_the_token_does_not_show_it(stage: &Stage) {
    let said = format!("{{\"message\":\"bad token {}\"}}", stage.bot_token());
    stage.double().fault(Fault::answer(1, 418, &[]).saying(&said));
    let error = stage.bot.look(&stage.site).await.expect_err("it refuses");
    let shown = format!("{error:?} {error}");
    assert!(!shown.contains(stage.bot_token()) && shown.contains("<redacted>"), "{shown}");
}

pub(super) async fn a_webhook_is_added_listed_and_removed(stage: &Stage) {
    let url = format!("https://hub.example.org/hooks/{}", stage.name("hook"));
    let hook =
        stage.owner.add_hook(&stage.site, &url, "a secret of the hook").await.expect("added");
    let listed = stage.owner.hooks(&stage.site).await.expect("listed");
    assert!(
        listed.iter().any(|one| one.id == hook.id && one.url == url && one.active),
        "{listed:?}"
    );
    assert!(stage.owner.remove_hook(&stage.site, hook.id).await.expect("removed"));
    assert!(!stage.owner.remove_hook(&stage.site, hook.id).await.expect("it is gone already"));
}

pub(super) async fn advice_is_given_about_the_settings(stage: &Stage) {
    let advice = stage.owner.advice(&stage.site).await.expect("the settings can be read");
    assert!(advice.iter().any(|one| one.name == "branch_protection"), "{advice:?}");
    for one in &advice {
        assert!(!one.found.is_empty(), "{one:?}");
        assert_eq!(one.mend.is_empty(), one.weight == Weight::Fine, "{one:?}");
    }
}
