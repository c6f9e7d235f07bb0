//! Profiles, and with whose login a run calls its model.

use crate::access::{holds, of_house, written};
use crate::house::{House, new_task, soon};
use crate::runner::FakeRunner;
use pilot_proto::console::{
    LoginQuery, LoginShow, Named, NewFullLogin, NewProvider, NewTask, Nothing, OneTask, ProfileAdd,
    ProfileList, ProfileRemove, ProjectAdd, ProviderAdd, ProviderList, ProviderLoginRemove,
    ProviderLoginSet, ProviderRemove, TaskDone, TaskNew,
};
use pilot_proto::project::Profile;
use pilot_proto::runner::{Act, AgentFound};
use pilot_proto::task::Limits;
use pilot_proto::{Code, Mode, Project, ProviderKind, Secret, TaskState};

fn provider(name: &str, kind: ProviderKind) -> NewProvider {
    NewProvider {
        name: name.to_owned(),
        kind,
        base_url: None,
        key: Secret::new(format!("key-of-{name}-0123456789")),
        login: Default::default(),
        oauth: None,
    }
}

fn profile(name: &str, agent: &str, provider: Option<&str>) -> Profile {
    Profile {
        name: name.to_owned(),
        agent: agent.to_owned(),
        provider: provider.map(str::to_owned),
        model: Some("m1".to_owned()),
        mode: Some(Mode::Ask),
        limits: Some(Limits { agent_secs: 600, ..Limits::default() }),
        remote_control: false,
    }
}

fn with_profile(prompt: &str, name: &str) -> NewTask {
    NewTask { profile: Some(name.to_owned()), ..new_task("p", prompt) }
}

fn login(name: &str) -> NewFullLogin {
    NewFullLogin {
        name: name.to_owned(),
        credentials: Secret::new(
            r#"{"claudeAiOauth":{"accessToken":"canary-access-91","refreshToken":"canary-refresh-92"},"other":1}"#,
        ),
        account: Secret::new(r#"{"oauthAccount":{"organizationUuid":"o-1"},"projects":{"/x":{}}}"#),
    }
}

/// A hub with a project, two providers of a kind, and a runner that has claude.
async fn with_claude() -> (House, FakeRunner) {
    let house = House::new().await;
    house.call::<ProjectAdd>(of_house(&house)).await;
    house.call::<ProviderAdd>(provider("anthropic", ProviderKind::Anthropic)).await;
    house.call::<ProviderAdd>(provider("team", ProviderKind::Anthropic)).await;
    let mut runner = FakeRunner::enrolled(&house, 4).await;
    let claude = AgentFound { name: "claude".to_owned(), ..runner.about.agents[0].clone() };
    runner.about.agents.push(claude);
    runner.connect().await;
    (house, runner)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_profile_fills_what_a_task_does_not_say_and_its_login_is_granted_first() {
    let (house, mut runner) = with_claude().await;
    house.call::<ProfileAdd>(profile("careful", "claude", Some("team"))).await;
    let task = house.call::<TaskNew>(with_profile("fix it", "careful")).await;
    assert_eq!((task.agent.as_str(), task.mode), ("claude", Mode::Ask));
    assert_eq!(
        (task.profile.as_deref(), task.provider.as_deref()),
        (Some("careful"), Some("team"))
    );
    assert_eq!((task.model.as_deref(), task.limits.agent_secs), (Some("m1"), 600));
    let spec = soon("the run", runner.take()).await;
    assert_eq!(spec.provider.map(|grant| grant.name).as_deref(), Some("team"));
    let fallbacks: Vec<_> = spec.fallbacks.iter().map(|grant| grant.name.as_str()).collect();
    assert_eq!(fallbacks, ["anthropic"], "those of its kind, to fall back to");

    let project = Project { profile: Some("careful".to_owned()), ..of_house(&house) };
    house.call::<ProjectAdd>(project).await;
    let task = house.call::<TaskNew>(new_task("p", "and this")).await;
    assert_eq!(
        task.profile.as_deref(),
        Some("careful"),
        "the project's is for those that name none"
    );
    let said = NewTask { mode: Some(Mode::Auto), ..new_task("p", "and that") };
    assert_eq!(house.call::<TaskNew>(said).await.mode, Mode::Auto, "the task's word counts");
    let query = LoginQuery { project: Some("p".to_owned()), ..LoginQuery::default() };
    let told = house.call::<LoginShow>(query).await;
    assert_eq!(told.words, "provider team, API key, from the credential file");
    assert_eq!(
        (told.agent.as_str(), told.fallbacks.as_slice()),
        ("claude", &["anthropic".to_owned()][..])
    );
    house.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_fit_is_refused_when_it_is_set_or_filed() {
    let (house, _runner) = with_claude().await;
    house.call::<ProviderAdd>(provider("azure", ProviderKind::OpenAi)).await;
    for (bad, code, word) in [
        (profile("No Name", "claude", None), Code::Invalid, "`name`"),
        (profile("x", "nobody", None), Code::Invalid, "nobody has an agent `nobody`"),
        (profile("x", "claude", Some("nobody")), Code::NotFound, "no provider `nobody`"),
        (profile("x", "claude", Some("azure")), Code::Invalid, "speaks another API"),
        (
            Profile { remote_control: true, ..profile("x", "codex", None) },
            Code::Invalid,
            "`remote_control`",
        ),
        (
            Profile {
                limits: Some(Limits { agent_secs: 0, ..Limits::default() }),
                ..profile("x", "claude", None)
            },
            Code::Invalid,
            "`limits`",
        ),
    ] {
        let problem = house.refused::<ProfileAdd>(bad).await;
        assert!(problem.code == code && problem.message.contains(word), "{problem:?}");
    }
    assert!(house.call::<ProfileList>(Nothing {}).await.is_empty(), "nothing was kept");
    house.call::<ProfileAdd>(profile("careful", "claude", Some("team"))).await;
    let crossed = NewTask { agent: Some("codex".to_owned()), ..with_profile("x", "careful") };
    let foreign = NewTask {
        agent: Some("claude".to_owned()),
        provider: Some("azure".to_owned()),
        ..new_task("p", "x")
    };
    let remote = NewTask { remote_control: Some(true), ..foreign.clone() };
    let remote = NewTask { provider: None, ..remote };
    for (bad, code, word) in [
        (with_profile("x", "nobody"), Code::NotFound, "no profile `nobody`"),
        (crossed, Code::Invalid, "is for `claude`"),
        (foreign, Code::Invalid, "speaks another API"),
        (remote, Code::Precondition, "full login"),
    ] {
        let problem = house.refused::<TaskNew>(bad).await;
        assert!(problem.code == code && problem.message.contains(word), "{problem:?}");
        assert!(!problem.hint.is_empty(), "{problem:?}");
    }
    let problem = house.refused::<ProviderRemove>(Named { name: "team".to_owned() }).await;
    assert!(problem.message.contains("`careful`"), "a profile uses it: {problem:?}");
    let using = Project { profile: Some("careful".to_owned()), ..of_house(&house) };
    house.call::<ProjectAdd>(using).await;
    let problem = house.refused::<ProfileRemove>(Named { name: "careful".to_owned() }).await;
    assert!(problem.message.contains("`p`"), "a project uses it: {problem:?}");
    house.call::<ProjectAdd>(of_house(&house)).await;
    house.call::<ProfileRemove>(Named { name: "careful".to_owned() }).await;
    house.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_is_gone_when_the_run_begins_fails_the_task_and_is_named() {
    let house = House::new().await;
    house.call::<ProjectAdd>(of_house(&house)).await;
    house.call::<ProviderAdd>(provider("anthropic", ProviderKind::Anthropic)).await;
    house.call::<ProviderAdd>(provider("team", ProviderKind::Anthropic)).await;
    let new = NewTask {
        agent: Some("claude".to_owned()),
        provider: Some("team".to_owned()),
        ..new_task("p", "fix it")
    };
    let task = house.call::<TaskNew>(new).await;
    house.call::<ProviderRemove>(Named { name: "team".to_owned() }).await;
    let mut runner = FakeRunner::enrolled(&house, 1).await;
    runner.about.agents[0].name = "claude".to_owned();
    runner.connect().await;
    let detail = house.until(task.id, "failed").await;
    let TaskState::Failed { problem } = detail.task.state else { unreachable!("it has failed") };
    assert!(problem.message.contains("`team`"), "another login is not taken for it: {problem:?}");
    house.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_login_reaches_the_runs_with_remote_control_and_no_document() {
    let (house, mut runner) = with_claude().await;
    let mut bad = login("max");
    bad.credentials = Secret::new(r#"{"claudeAiOauth":{"accessToken":"canary-access-91"}}"#);
    let problem = house.refused::<ProviderLoginSet>(bad).await;
    assert!(!format!("{problem:?}").contains("canary"), "it is not said again: {problem:?}");
    let kept = house.call::<ProviderLoginSet>(login("max")).await;
    assert!(kept.full_login && kept.kind == ProviderKind::Anthropic, "{kept:?}");
    let without = NewTask { agent: Some("claude".to_owned()), ..new_task("p", "plain") };
    house.call::<TaskNew>(without.clone()).await;
    let spec = soon("the run", runner.take()).await;
    assert_eq!(spec.remote_control, None, "only a run that is to be driven from afar has it");
    assert_eq!(spec.provider.map(|grant| grant.name).as_deref(), Some("anthropic"));

    let task = house.call::<TaskNew>(NewTask { remote_control: Some(true), ..without }).await;
    let spec = soon("the run", runner.take()).await;
    let remote = spec.remote_control.expect("it has the login");
    let credentials = remote.credentials.expose();
    assert!(credentials.contains("canary-refresh-92") && !credentials.contains("other"));
    assert_eq!(remote.account, r#"{"organizationUuid":"o-1"}"#, "nothing else of that file");
    assert!(spec.provider.is_none() && spec.fallbacks.is_empty(), "no other login beside it");
    assert!(!holds(&written(house.home.path()), "canary-"), "it is in no document");

    let url = "https://claude.ai/code/session_1".to_owned();
    runner.begin(spec.run).await;
    let event = pilot_proto::Event::RemoteControl { url: url.clone() };
    runner.write(spec.run, vec![event]).await;
    let link = crate::house::eventually("the link", || async {
        let link = house.show(task.id).await.task.remote_link;
        link.ok_or("none yet")
    });
    assert_eq!(link.await, url);
    house.call::<TaskDone>(OneTask { task: task.id }).await;
    assert_eq!(soon("the order", runner.order(spec.run)).await.1, Act::Done);

    let gone = house.call::<ProviderLoginRemove>(Named { name: "max".to_owned() }).await;
    assert!(!gone.full_login);
    assert!(house.call::<ProviderList>(Nothing {}).await.iter().all(|one| !one.full_login));
    house.hub.stop().await;
}
