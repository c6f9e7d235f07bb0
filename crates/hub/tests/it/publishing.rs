//! From a pushed branch to a pull request, and on to its end.

use crate::house::{House, eventually, new_task, project, soon};
use crate::runner::FakeRunner;
use pilot_client::Told;
use pilot_proto::console::{
    AdviceWeight, ForgeAdd, ForgeList, FromConsole, IssueLinks, IssueLookUp, Named, NewForge,
    NewProvider, NewTask, Nothing, ProjectAdd, ProjectAdvice, ProviderAdd, Say, TaskNew, TaskSay,
    ToConsole,
};
use pilot_proto::run::Outcome;
use pilot_proto::task::ChecksState;
use pilot_proto::{
    Code, Event, ForgeKind, Problem, ProviderKind, RunSpec, Secret, Task, TaskId, TaskState,
};
use pilot_testkit::forge::{CheckSaid, ForgeDouble, GiteaDouble};
use std::time::Duration;

const SITE: &str = "alice/site";
const SCOPES: [&str; 3] = ["write:repository", "write:issue", "read:user"];

struct Scene {
    house: House,
    forge: GiteaDouble,
    token: String,
    runner: FakeRunner,
}

impl Scene {
    async fn new() -> Self {
        let house = House::with(|options| {
            options.review_poll = Duration::from_millis(200);
            options.publish_retry = Duration::from_millis(50);
            options.public_url = Some("https://pilot.example/".to_owned());
        })
        .await;
        let forge = GiteaDouble::start().await;
        forge.repository(SITE);
        forge.collaborator(SITE, "bot", "write");
        let token = forge.token("bot", &SCOPES);
        let new = new_forge(&forge, &token);
        house.call::<ForgeAdd>(new).await;
        let mut site = project("site", &forge.clone_url(SITE));
        site.forge = Some("home".to_owned());
        site.base = None;
        house.call::<ProjectAdd>(site).await;
        let runner = FakeRunner::connected(&house, 1).await;
        Self { house, forge, token, runner }
    }

    async fn file(&self) -> Task {
        let issue = Some(self.forge.issue(SITE, "It is broken"));
        self.house.call::<TaskNew>(NewTask { issue, ..new_task("site", "Fix it") }).await
    }

    /// A task whose branch the runner has just pushed.
    async fn pushed(&mut self) -> (TaskId, RunSpec, String) {
        let task = self.file().await.id;
        let spec = self.runner.take().await;
        self.runner.begin(spec.run).await;
        let commit = self.forge.branch(SITE, &spec.branch, "main");
        self.runner.push(&spec, &commit).await;
        (task, spec, commit)
    }
}

fn new_forge(forge: &GiteaDouble, token: &str) -> NewForge {
    NewForge::with_token("home", ForgeKind::Gitea, forge.url(), Secret::new(token))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pushed_branch_becomes_a_pull_request_that_is_followed_to_its_merge() {
    let mut scene = Scene::new().await;
    let (task, spec, commit) = scene.pushed().await;
    let git = spec.git.expect("the forge's token goes along");
    assert_eq!(git.password.expose(), scene.token);
    let detail = scene.house.until(task, "in_review").await;
    let shown = detail.task.pull_request.expect("it is shown");
    assert_eq!(shown.head, commit);
    let pulls = scene.forge.pulls(SITE);
    assert_eq!(pulls.len(), 1);
    assert_eq!((pulls[0].head.as_str(), pulls[0].base.as_str()), (spec.branch.as_str(), "main"));
    assert_eq!(pulls[0].title, "Fix it");
    for said in ["Closes #", &format!("https://pilot.example/tasks/{task}"), "`scripted`", "did it"]
    {
        assert!(pulls[0].body.contains(said), "{said} in {}", pulls[0].body);
    }
    scene.forge.merge_pull(SITE, shown.number);
    scene.house.until(task, "merged").await;
    scene.house.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pull_request_that_is_closed_ends_the_task() {
    let mut scene = Scene::new().await;
    let (task, ..) = scene.pushed().await;
    let detail = scene.house.until(task, "in_review").await;
    let number = detail.task.pull_request.expect("it is shown").number;
    scene.forge.close_pull(SITE, number);
    scene.house.until(task, "closed").await;
    scene.house.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pull_request_whose_follow_up_failed_is_still_followed_also_by_the_next_hub() {
    let mut scene = Scene::new().await;
    let (task, ..) = scene.pushed().await;
    let detail = scene.house.until(task, "in_review").await;
    let number = detail.task.pull_request.expect("it is shown").number;
    scene.house.call::<TaskSay>(Say { task, text: "And the header".to_owned(), now: false }).await;
    let spec = scene.runner.take().await;
    scene.runner.begin(spec.run).await;
    let problem = Problem::new(Code::AgentFailed, "It fell over.");
    let end = vec![
        Event::Cleaned { left: Vec::new() },
        Event::Finished(Outcome::Failed { problem: problem.clone() }),
    ];
    scene.runner.write(spec.run, end).await;
    let detail = scene.house.until(task, "failed").await;
    assert_eq!(detail.task.state, TaskState::Failed { problem }, "the follow-up's own failure");
    assert!(detail.task.reason.contains("still open"), "{}", detail.task.reason);

    scene.runner.hang_up();
    let Scene { house, forge, .. } = scene;
    let house = house.restart().await;
    forge.merge_pull(SITE, number);
    house.until(task, "merged").await;
    house.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forge_that_is_out_of_order_is_waited_for_and_the_task_says_so() {
    let mut scene = Scene::new().await;
    // Two rounds of the adapter's own five tries, and a little.
    scene.forge.fail_next(12, 503, &[("retry-after", "0")]);
    let mut live = scene.house.client.live().await.expect("a console");
    live.say(FromConsole::WatchAll { watch: 1 });
    let (task, ..) = scene.pushed().await;
    let late = async {
        loop {
            let told = live.next().await.expect("it goes on");
            if let Told::Hub(ToConsole::Task { task: found, .. }) = told
                && found.reason.contains("late")
            {
                return found.state;
            }
        }
    };
    let state = soon("the task says that the forge is late", late).await;
    assert_eq!(state, TaskState::Publishing, "it is not called failed");
    let detail = scene.house.until(task, "in_review").await;
    assert_eq!(detail.task.reason, "", "and no more, once it is there");
    assert_eq!(scene.forge.pulls(SITE).len(), 1);
    scene.house.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_final_and_says_that_the_branch_is_pushed() {
    let mut scene = Scene::new().await;
    scene.forge.revoke(&scene.token);
    let (task, spec, _) = scene.pushed().await;
    let detail = scene.house.until(task, "failed").await;
    let TaskState::Failed { problem } = detail.task.state else { panic!("it failed") };
    assert_eq!(problem.code, Code::ForgeRefused, "{problem}");
    assert!(problem.message.contains(&spec.branch), "what is kept is named: {problem}");
    assert!(!format!("{problem:?}").contains(&scene.token), "the token is not");
    scene.house.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pull_request_that_was_wanted_when_the_hub_ended_is_made_by_the_next() {
    let mut scene = Scene::new().await;
    // No answer comes before the adapter's patience ends, so no try succeeds
    // while this hub lives.
    scene.forge.latency(Duration::from_secs(600));
    let (task, ..) = scene.pushed().await;
    scene.house.until(task, "publishing").await;
    scene.runner.hang_up();
    let Scene { house, forge, .. } = scene;
    let house = house
        .restart_after(async || {
            assert!(forge.pulls(SITE).is_empty(), "the first hub did not get to it");
            forge.latency(Duration::ZERO);
        })
        .await;
    house.until(task, "in_review").await;
    assert_eq!(forge.pulls(SITE).len(), 1);
    house.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forge_is_checked_before_it_is_kept() {
    let scene = Scene::new().await;
    let house = &scene.house;
    let bad = new_forge(&scene.forge, "nonsense");
    assert_eq!(house.refused::<ForgeAdd>(bad).await.code, Code::ForgeRefused);
    let weak = scene.forge.token("bot", &["read:user"]);
    let problem = house.refused::<ForgeAdd>(new_forge(&scene.forge, &weak)).await;
    assert!(problem.message.contains("write:repository"), "it names what is missing: {problem}");
    let mut nowhere = new_forge(&scene.forge, &scene.token);
    nowhere.url = "http://127.0.0.1:1".to_owned();
    nowhere.name = "nowhere".to_owned();
    assert_eq!(house.refused::<ForgeAdd>(nowhere).await.code, Code::ForgeUnreachable);
    assert_eq!(house.call::<ForgeList>(Nothing {}).await.len(), 1);
    let mut elsewhere = project("x", "https://other.example/a/b.git");
    elsewhere.forge = Some("home".to_owned());
    let problem = house.refused::<ProjectAdd>(elsewhere).await;
    assert_eq!(problem.code, Code::Invalid, "its token must not go there: {problem}");
    scene.house.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_go_to_the_runs_that_need_them_and_to_no_disk() {
    let scene = Scene::new().await;
    let house = &scene.house;
    for (name, key) in [("zeta", "sk-zeta"), ("beta", "sk-beta")] {
        let kind = ProviderKind::Anthropic;
        let key = Secret::new(key);
        house
            .call::<ProviderAdd>(NewProvider {
                name: name.to_owned(),
                kind,
                base_url: None,
                key,
                login: Default::default(),
                oauth: None,
            })
            .await;
    }
    let mut runner = FakeRunner::enrolled(house, 2).await;
    runner.about.agents.push(pilot_proto::runner::AgentFound {
        name: "claude".to_owned(),
        version: None,
        problem: None,
        abilities: None,
        origin: Default::default(),
        program: None,
        own_login: None,
        live: None,
    });
    runner.connect().await;
    let agent = Some("claude".to_owned());
    let task = house.call::<TaskNew>(NewTask { agent, ..new_task("site", "Fix it") }).await;
    let spec = runner.take().await;
    assert_eq!(spec.task, task.id);
    let provider = spec.provider.expect("claude calls a model");
    assert_eq!(provider.key.expose(), "sk-beta", "the first by name");
    let mut other = scene.runner;
    let scripted = house.call::<TaskNew>(new_task("site", "say x")).await;
    let spec = other.take().await;
    assert_eq!(spec.task, scripted.id);
    assert!(spec.provider.is_none(), "the scripted agent calls none");
    let data = scene.house.options.data.clone();
    let token = scene.token.clone();
    scene.house.hub.stop().await;
    let database = std::fs::read(data.join("hub.db")).expect("the database");
    for secret in ["sk-beta", "sk-zeta", &token] {
        let there = database.windows(secret.len()).any(|part| part == secret.as_bytes());
        assert!(!there, "a secret is in the database");
    }
    assert_eq!(crate::house::mode(&data.join("credentials")), 0o600);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_checks_of_a_pull_request_say_is_shown_with_the_task() {
    let mut scene = Scene::new().await;
    let (task, _, commit) = scene.pushed().await;
    let since = scene.house.until(task, "in_review").await.task.since;
    let shown = async |scene: &Scene, state: ChecksState| {
        eventually(&format!("the checks are {state:?}"), || async {
            let task = scene.house.show(task).await.task;
            let checks = task.pull_request.as_ref().and_then(|pull| pull.checks.clone());
            match checks {
                Some(checks) if checks.state == state => Ok((task, checks)),
                other => Err(other),
            }
        })
        .await
    };
    let said = CheckSaid { state: "pending", context: "build", ..CheckSaid::default() };
    scene.forge.status(SITE, &commit, &said);
    shown(&scene, ChecksState::Pending).await;
    let failed = CheckSaid { state: "failure", target_url: "https://ci.example/1", ..said };
    scene.forge.status(SITE, &commit, &failed);
    let (seen, checks) = shown(&scene, ChecksState::Failed).await;
    assert_eq!((checks.total, checks.failed), (1, 1));
    assert_eq!(checks.url.as_deref(), Some("https://ci.example/1"));
    assert_eq!((seen.state.name(), seen.since), ("in_review", since), "it stands where it stood");
    let house = scene.house.restart().await;
    let kept = house.show(task).await.task.pull_request.and_then(|pull| pull.checks);
    assert_eq!(kept.map(|checks| checks.state), Some(ChecksState::Failed));
    house.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn links_of_issues_are_looked_up_each_by_itself() {
    let scene = Scene::new().await;
    let number = scene.forge.issue_saying(SITE, "It is broken", "Since yesterday.");
    scene.forge.repository("alice/other");
    let url = scene.forge.url();
    let good = format!("{url}/{SITE}/issues/{number}");
    let links = vec![
        good.clone(),
        format!("{url}/alice/other/issues/1"),
        "https://elsewhere.example/a/b/issues/1".to_owned(),
        format!("{url}/{SITE}/issues/404"),
        "nonsense".to_owned(),
        format!("  {good}#issuecomment-1 "),
    ];
    let found = scene.house.call::<IssueLookUp>(IssueLinks { links: links.clone() }).await;
    assert_eq!(found.iter().map(|one| one.link.clone()).collect::<Vec<_>>(), links, "in order");
    for one in [&found[0], &found[5]] {
        assert_eq!(one.problem, None);
        assert_eq!((one.project.as_deref(), one.number), (Some("site"), Some(number)));
        assert_eq!((one.title.as_str(), one.body.as_str()), ("It is broken", "Since yesterday."));
    }
    for (at, said, hint) in [
        (1, "No project has the repository `alice/other`", "pilot project add"),
        (2, "no issue of a forge", url.as_str()),
        (3, "404", ""),
        (4, "no issue of a forge", url.as_str()),
    ] {
        let problem = found[at].problem.as_ref().expect("it cannot be read");
        assert!(problem.message.contains(said), "{said}: {problem:?}");
        assert!(problem.hint.contains(hint), "{hint}: {problem:?}");
    }
    let many = IssueLinks { links: vec![good; 101] };
    assert_eq!(scene.house.refused::<IssueLookUp>(many).await.code, Code::TooLarge);
    scene.house.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forge_of_every_kind_is_added_and_says_what_to_change() {
    let house = House::with(|_| {}).await;
    for kind in [ForgeKind::Gitea, ForgeKind::Forgejo, ForgeKind::GitHub, ForgeKind::GitLab] {
        let forge = ForgeDouble::start_as(kind, "/git").await;
        forge.repository(SITE);
        let name = kind.to_string().to_lowercase();
        let token = Secret::new(forge.token("alice", forge.scopes()));
        let new = NewForge::with_token(&name, kind, forge.url(), token);
        assert_eq!(house.call::<ForgeAdd>(new).await.kind, kind);
        let mut site = project(&name, &forge.clone_url(SITE));
        site.forge = Some(name.clone());
        house.call::<ProjectAdd>(site).await;
        for weight in [AdviceWeight::Needed, AdviceWeight::Fine] {
            let advice = house.call::<ProjectAdvice>(Named { name: name.clone() }).await;
            let protection = advice.iter().find(|one| one.name == "branch_protection");
            assert_eq!(protection.map(|one| one.weight), Some(weight), "{kind}: {advice:?}");
            forge.protect(SITE);
        }
    }
    house.hub.stop().await;
}
