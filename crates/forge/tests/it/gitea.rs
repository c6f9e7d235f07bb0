//! The Gitea adapter against the double, with real repositories behind it.

use pilot_forge::{
    Account, Body, Credential, Forge, ForgeError, Pace, PullState, Reach, Repository, Wanted,
    connect_with,
};
use pilot_proto::task::PullRequest;
use pilot_proto::{Code, ForgeKind, Problem, Secret};
use pilot_testkit::forge::{Fault, GiteaDouble, SCOPES};
use std::sync::Arc;
use std::time::Duration;

pub(crate) const SITE: &str = "alice/site";
const WORK: &str = "pilot/add-a-test";

/// Waits of a few milliseconds: the policy is under test, not our patience.
fn pace() -> Pace {
    let wait = Duration::from_millis(2);
    Pace { wait, longest_wait: Duration::from_secs(2), ..Pace::default() }
}

/// A forge with one repository and a bot that may write to it.
pub(crate) struct Scene {
    pub(crate) forge: GiteaDouble,
    pub(crate) gitea: Arc<dyn Forge>,
    token: String,
}

impl Scene {
    pub(crate) async fn new() -> Self {
        Self::under("").await
    }

    pub(crate) async fn under(base: &str) -> Self {
        let forge = GiteaDouble::start_under(base).await;
        forge.repository(SITE);
        forge.collaborator(SITE, "bot", "write");
        let token = forge.token("bot", &SCOPES);
        let gitea = connect(&forge.url(), &token);
        Self { forge, gitea, token }
    }

    pub(crate) fn site(&self) -> Repository {
        self.gitea.repository(&self.forge.clone_url(SITE)).expect("it is of this forge")
    }

    /// A pushed branch, and the pull request wanted for it.
    fn pushed(&self) -> Wanted {
        let commit = self.forge.branch(SITE, WORK, "main");
        self.wanted(&commit, "Everything was done.")
    }

    fn wanted(&self, commit: &str, summary: &str) -> Wanted {
        Wanted {
            repository: self.site(),
            head_branch: WORK.to_owned(),
            head_commit: commit.to_owned(),
            base_branch: "main".to_owned(),
            title: "Add a test".to_owned(),
            body: Body { summary, ..Body::default() }.text(""),
            ..Wanted::default()
        }
    }

    fn posts(&self) -> usize {
        let requests = self.forge.requests();
        requests
            .iter()
            .filter(|seen| seen.method == "POST" && seen.path.ends_with("/pulls"))
            .count()
    }
}

fn connect(url: &str, token: &str) -> Arc<dyn Forge> {
    connect_at(url, token, pace()).expect("a good address")
}

fn connect_at(url: &str, token: &str, pace: Pace) -> Result<Arc<dyn Forge>, ForgeError> {
    let reach = Reach { pace, ..Reach::default() };
    connect_with(ForgeKind::Gitea, url, &Credential::Token(Secret::new(token)), &reach)
}

async fn ensure(scene: &Scene, wanted: &Wanted) -> PullRequest {
    scene.gitea.ensure_pull_request(wanted).await.expect("the pull request can be made")
}

#[tokio::test]
async fn a_pushed_branch_becomes_a_pull_request_that_is_followed_to_its_merge() {
    let scene = Scene::new().await;
    let account = scene.gitea.check().await.expect("the token is good");
    let scopes = Some(scene.gitea.needs().iter().map(|&scope| scope.to_owned()).collect());
    let version = "1.22.0+dev-double".to_owned();
    assert_eq!(account, Account { login: "bot".into(), version, scopes });
    let seen = scene.gitea.look(&scene.site()).await.expect("the repository is there");
    assert_eq!((seen.default_branch.as_str(), seen.may_push), ("main", true));

    let issue = scene.forge.issue(SITE, "There is no test");
    let mut wanted = scene.pushed();
    wanted.body = Body { closes: Some(issue), summary: "Done.", ..Body::default() }.text("");
    let pull = ensure(&scene, &wanted).await;
    assert_eq!(pull.head, wanted.head_commit);
    assert_eq!(pull.url, format!("{}/{SITE}/pulls/{}", scene.forge.url(), pull.number));
    let [shown] = &scene.forge.pulls(SITE)[..] else { panic!("exactly one pull request") };
    assert_eq!((shown.title.as_str(), shown.head.as_str()), ("Add a test", WORK));
    assert!(shown.body.contains(&format!("Closes #{issue}\n")), "{}", shown.body);

    let state = || scene.gitea.state(&wanted.repository, pull.number);
    let head = wanted.head_commit.clone();
    assert_eq!(state().await.expect("it is there"), PullState::Open { head: head.clone() });
    let merge = scene.forge.merge_pull(SITE, pull.number);
    assert_eq!(
        state().await.expect("it is there"),
        PullState::Merged { head, commit: Some(merge.clone()) }
    );
    assert_eq!(scene.forge.bare(SITE).head("main"), Some(merge));
    assert_eq!(scene.forge.issue_state(SITE, issue), "closed");
}

#[tokio::test]
async fn a_second_push_updates_the_pull_request_and_keeps_what_people_wrote() {
    let scene = Scene::new().await;
    let first = scene.pushed();
    let pull = ensure(&scene, &first).await;
    let body = scene.forge.pulls(SITE)[0].body.clone();
    let edited = format!("Please look at this soon.\r\n\r\n{body}");
    scene.forge.edit_pull(SITE, pull.number, "Add a better test", &edited);

    let commit = scene.forge.commit(SITE, WORK, "more.txt", "more\n");
    let second = scene.wanted(&commit, "And more was done.");
    let again = ensure(&scene, &second).await;
    assert_eq!((again.number, again.head), (pull.number, commit));
    let [shown] = &scene.forge.pulls(SITE)[..] else { panic!("still one pull request") };
    assert_eq!(shown.title, "Add a better test", "a person's title stays");
    assert!(shown.body.starts_with("Please look at this soon."), "{}", shown.body);
    assert!(shown.body.contains("And more was done."), "{}", shown.body);
    assert!(!shown.body.contains("Everything was done."), "the old text is gone: {}", shown.body);

    // A third time nothing is left to change, and nothing is.
    ensure(&scene, &second).await;
    let patches = scene.forge.requests().iter().filter(|seen| seen.method == "PATCH").count();
    assert_eq!((patches, scene.posts()), (1, 1));
}

#[tokio::test]
async fn somebody_who_is_faster_does_not_make_it_two() {
    let scene = Scene::new().await;
    let wanted = scene.pushed();
    scene.forge.fault(Fault::be_faster());
    let pull = ensure(&scene, &wanted).await;
    assert_eq!((pull.number, scene.forge.pulls(SITE).len()), (1, 1));
    let refused = scene.forge.requests().iter().any(|seen| seen.status == 409);
    assert!(refused, "the forge said that it exists already");
}

#[tokio::test]
async fn a_lost_answer_does_not_make_it_two() {
    for status in [502, 504] {
        let scene = Scene::new().await;
        let wanted = scene.pushed();
        scene.forge.fault(Fault::lose_answer(1, status).on("POST", "/pulls"));
        let pull = ensure(&scene, &wanted).await;
        assert_eq!((pull.number, scene.posts()), (1, 1), "it looks before it posts again");
    }
}

#[tokio::test]
async fn one_that_was_merged_before_we_noted_it_is_not_made_again() {
    for delete_branch in [false, true] {
        let scene = Scene::new().await;
        let wanted = scene.pushed();
        let pull = ensure(&scene, &wanted).await;
        scene.forge.merge_pull(SITE, pull.number);
        if delete_branch {
            scene.forge.bare(SITE).delete_branch(WORK);
        }
        assert_eq!(ensure(&scene, &wanted).await, pull);
        assert_eq!(scene.posts(), 1);
    }
}

#[tokio::test]
async fn new_work_after_a_close_gets_a_new_pull_request() {
    let scene = Scene::new().await;
    let wanted = scene.pushed();
    let closed = ensure(&scene, &wanted).await;
    scene.forge.close_pull(SITE, closed.number);
    let state = scene.gitea.state(&wanted.repository, closed.number).await.expect("it is there");
    assert_eq!(state, PullState::Closed { head: wanted.head_commit });
    let commit = scene.forge.commit(SITE, WORK, "more.txt", "more\n");
    let opened = ensure(&scene, &scene.wanted(&commit, "More.")).await;
    assert_ne!(opened.number, closed.number);
}

#[tokio::test]
async fn ours_is_found_among_more_than_one_page_of_others() {
    let scene = Scene::new().await;
    let wanted = scene.pushed();
    let ours = ensure(&scene, &wanted).await;
    for number in 0..60 {
        let branch = format!("other/{number}");
        scene.forge.bare(SITE).set_branch(&branch, &wanted.head_commit);
        scene.forge.open_pull(SITE, "alice", (&branch, "main"), "Other", "");
    }
    // The same branch into another base is another pull request.
    scene.forge.branch(SITE, "release", "main");
    scene.forge.open_pull(SITE, "alice", (WORK, "release"), "Backport", "");
    assert_eq!(ensure(&scene, &wanted).await, ours);

    // A forge that was set up with smaller pages.
    scene.forge.max_page(7);
    assert_eq!(ensure(&scene, &wanted).await, ours);
    assert_eq!(scene.posts(), 1);
}

#[tokio::test]
async fn a_passing_failure_of_a_proxy_is_bridged() {
    let scene = Scene::new().await;
    let wanted = scene.pushed();
    scene.forge.fail_next(2, 502, &[]);
    let pull = ensure(&scene, &wanted).await;
    scene.forge.fail_next(1, 429, &[("retry-after", "0")]);
    let state = scene.gitea.state(&wanted.repository, pull.number).await.expect("asked again");
    assert!(matches!(state, PullState::Open { .. }));
    // A POST that was turned away unseen is asked again, too.
    scene.forge.close_pull(SITE, pull.number);
    scene.forge.fault(Fault::answer(1, 429, &[]).on("POST", "/pulls"));
    let commit = scene.forge.commit(SITE, WORK, "more.txt", "more\n");
    ensure(&scene, &scene.wanted(&commit, "More.")).await;
}

#[tokio::test]
async fn a_failure_that_stays_is_told_and_a_long_wait_is_not_waited() {
    let scene = Scene::new().await;
    scene.forge.fail_next(100, 503, &[]);
    let error = scene.gitea.state(&scene.site(), 1).await.expect_err("it never answers");
    assert!(matches!(error, ForgeError::Busy { status: 503, tries: 5, .. }), "{error:?}");

    let scene = Scene::new().await;
    scene.forge.fail_next(100, 429, &[("retry-after", "3600")]);
    let error = scene.gitea.state(&scene.site(), 1).await.expect_err("an hour is too long");
    assert!(matches!(error, ForgeError::Busy { tries: 1, .. }), "{error:?}");
    let problem = Problem::from(error);
    assert_eq!(problem.code, Code::ForgeUnreachable);
    assert!(problem.hint.contains("3600 seconds"), "{}", problem.hint);
}

#[tokio::test]
async fn a_forge_that_lags_is_read_until_it_shows_the_commit() {
    let scene = Scene::new().await;
    ensure(&scene, &scene.pushed()).await;
    let commit = scene.forge.commit(SITE, WORK, "more.txt", "more\n");
    scene.forge.stale_reads(3);
    let pull = ensure(&scene, &scene.wanted(&commit, "More.")).await;
    assert_eq!(pull.head, commit);
}

#[tokio::test]
async fn a_branch_that_holds_somebody_elses_commit_is_a_mismatch() {
    let scene = Scene::new().await;
    let wanted = scene.pushed();
    let theirs = scene.forge.commit(SITE, WORK, "theirs.txt", "theirs\n");
    let error = scene.gitea.ensure_pull_request(&wanted).await.expect_err("it is not our commit");
    let ForgeError::Mismatch { what: "head", wanted: expected, seen, .. } = &error else {
        panic!("a mismatch of the head: {error:?}")
    };
    assert_eq!((expected, seen), (&wanted.head_commit, &theirs));
    assert_eq!(Problem::from(error).code, Code::ForgeMismatch);
}

#[tokio::test]
async fn a_wrong_token_is_named_and_never_shown() {
    let scene = Scene::new().await;
    scene.forge.revoke(&scene.token);
    let error = scene.gitea.check().await.expect_err("the token is gone");
    assert!(matches!(error, ForgeError::Unauthorized { .. }), "{error:?}");
    let shown = format!("{error:?} {error} {:?}", scene.gitea);
    assert!(!shown.contains(&scene.token), "{shown}");
    let problem = Problem::from(error);
    assert_eq!(problem.code, Code::ForgeRefused);
    assert!(problem.message.contains("user does not exist"), "{problem}");
    assert!(problem.hint.contains("write:repository"), "{}", problem.hint);
}

#[tokio::test]
async fn a_forge_that_repeats_the_token_does_not_show_it() {
    let scene = Scene::new().await;
    let said = format!("{{\"message\":\"bad token {}\"}}", scene.token);
    scene.forge.fault(Fault::answer(1, 418, &[]).saying(&said));
    let error = scene.gitea.state(&scene.site(), 1).await.expect_err("it refuses");
    let shown = format!("{error:?} {error}");
    assert!(!shown.contains(&scene.token) && shown.contains("bad token <redacted>"), "{shown}");
}

#[tokio::test]
async fn missing_scopes_are_named_all_at_once() {
    let scene = Scene::new().await;
    for (scopes, expected) in [
        (&["write:repository"][..], &["write:issue", "read:user"][..]),
        (&["read:repository", "write:issue", "read:user"], &["write:repository"]),
        (&["read:repository", "read:issue"], &["write:repository", "write:issue", "read:user"]),
        (&[], &["write:repository", "write:issue", "read:user"]),
    ] {
        let gitea = connect(&scene.forge.url(), &scene.forge.token("bot", scopes));
        let error = gitea.check().await.expect_err("the token is too weak");
        let ForgeError::Scopes { missing, .. } = &error else { panic!("{scopes:?}: {error:?}") };
        assert_eq!(missing, expected, "with {scopes:?}");
        let problem = Problem::from(error);
        assert_eq!(problem.code, Code::ForgeRefused);
        assert!(problem.message.contains(expected[0]), "{problem}");
        assert!(problem.hint.contains("`write:repository`, `write:issue`, `read:user`"));
    }
    connect(&scene.forge.url(), &scene.forge.token("bot", &["all"])).check().await.expect("all");
    assert_eq!(scene.forge.pulls(SITE), [], "asking made nothing");
}

#[tokio::test]
async fn what_is_not_there_for_us_is_refused_with_a_hint() {
    let scene = Scene::new().await;
    let mut wanted = scene.pushed();
    wanted.repository.name = "other".to_owned();
    let error = scene.gitea.ensure_pull_request(&wanted).await.expect_err("no such repository");
    let problem = Problem::from(error);
    assert_eq!(problem.code, Code::ForgeRefused);
    assert!(problem.message.contains("404") && !problem.hint.is_empty(), "{problem:?}");

    scene.forge.make_private(SITE);
    let stranger = connect(&scene.forge.url(), &scene.forge.token("eve", &SCOPES));
    let error = stranger.look(&scene.site()).await.expect_err("it is not for eve");
    assert!(matches!(error, ForgeError::Refused { status: 404, .. }), "{error:?}");

    let mut wanted = scene.wanted("0", "Nothing was pushed.");
    wanted.head_branch = "missing".to_owned();
    let error = scene.gitea.ensure_pull_request(&wanted).await.expect_err("no such branch");
    assert!(matches!(error, ForgeError::Refused { status: 404, .. }), "{error:?}");
}

#[tokio::test]
async fn a_forge_that_is_not_there_is_unreachable() {
    let port = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.local_addr().expect("it is bound").port()
    };
    let gitea = connect(&format!("http://127.0.0.1:{port}"), "t");
    let error = gitea.check().await.expect_err("nobody listens");
    assert!(matches!(error, ForgeError::Unreachable { .. }), "{error:?}");
    let problem = Problem::from(error);
    assert_eq!(problem.code, Code::ForgeUnreachable);
    assert!(problem.message.to_lowercase().contains("refused"), "it says how: {problem}");
}

#[tokio::test]
async fn a_forge_that_does_not_answer_in_time_is_unreachable() {
    let scene = Scene::new().await;
    scene.forge.latency(Duration::from_secs(600));
    let pace = Pace { timeout: Duration::from_millis(50), tries: 2, ..pace() };
    let gitea = connect_at(&scene.forge.url(), &scene.token, pace).expect("a good address");
    let error = gitea.check().await.expect_err("it thinks for too long");
    assert!(matches!(error, ForgeError::Unreachable { .. }), "{error:?}");
}

#[tokio::test]
async fn something_else_at_the_address_is_told_from_a_forge() {
    let scene = Scene::under("/git").await;
    let root = format!("http://{}", scene.forge.addr());
    let error = connect(&root, &scene.token).check().await.expect_err("the base path is missing");
    assert!(matches!(error, ForgeError::Strange { .. }), "{error:?}");

    scene.forge.fault(Fault::answer(1, 200, &[]));
    let error = scene.gitea.check().await.expect_err("a login page is no forge");
    assert!(matches!(error, ForgeError::Strange { .. }), "{error:?}");

    let elsewhere = [("location", "https://sso.example.org/login?token=x")];
    scene.forge.fault(Fault::answer(1, 302, &elsewhere));
    let error = scene.gitea.check().await.expect_err("a redirect elsewhere is not followed");
    let shown = error.to_string();
    assert!(shown.contains("`https://sso.example.org/login`"), "{shown}");
}

#[tokio::test]
async fn everything_works_under_a_base_path() {
    let scene = Scene::under("/git").await;
    scene.gitea.check().await.expect("the forge is below the base path");
    let pull = ensure(&scene, &scene.pushed()).await;
    assert_eq!(pull.url, format!("http://{}/git/{SITE}/pulls/1", scene.forge.addr()));
    let error = scene
        .gitea
        .repository(&format!("http://{}/{SITE}.git", scene.forge.addr()))
        .expect_err("it is not below the base path");
    assert!(matches!(error, ForgeError::Elsewhere { .. }), "{error:?}");
}

#[tokio::test]
async fn git_logs_in_with_the_grant() {
    let scene = Scene::under("/git").await;
    scene.forge.make_private(SITE);
    let grant = scene.gitea.grant();
    let login = format!("http://{}:{}@", grant.username, grant.password.expose());
    let url = scene.forge.clone_url(SITE).replace("http://", &login);
    let place = pilot_testkit::repo::GitWorld::new();
    let root = place.root().to_owned();
    let cloned = tokio::task::spawn_blocking(move || {
        pilot_testkit::repo::git(&root, &["clone", "--quiet", &url, "tree"]);
        let tree = root.join("tree");
        pilot_testkit::repo::git(&tree, &["push", "--quiet", "origin", "HEAD:refs/heads/work"]);
        tree.join("README.md").is_file()
    });
    assert!(cloned.await.expect("git does not panic"));
    assert!(scene.forge.bare(SITE).head("work").is_some());
}

#[test]
fn an_address_with_credentials_is_refused_without_showing_them() {
    for url in ["https://bot:hunter2@git.example.org", "ftp://hunter2", "hunter2", ""] {
        let error = connect_at(url, "t", pace()).expect_err("not a forge's address");
        let problem = Problem::from(error);
        assert_eq!(problem.code, Code::Invalid);
        assert!(!problem.message.contains("hunter2"), "{problem}");
    }
    let gitea = connect("http://git.example.org", "t");
    let error = gitea
        .repository("http://bot:hunter2@other.example.org/a/b.git?token=hunter2")
        .expect_err("elsewhere");
    assert!(!format!("{error:?} {error}").contains("hunter2"), "{error:?}");
}
