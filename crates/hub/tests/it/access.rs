//! What runs may use and reach: walls, network, secrets, prices, budget.

use crate::house::{House, VIEWER, new_task, project};
use crate::runner::{FakeRunner, nothing_done};
use pilot_client::{Client, ClientError, Endpoint};
use pilot_hub::Access;
use pilot_proto::console::{
    AllowHosts, AnswerItem, InboxAnswer, Named, NetworkAudit, NetworkQuery, NewProvider, Nothing,
    PriceList, PriceSet, Prices, ProjectAdd, ProjectAllow, ProjectList, ProviderAdd, Role,
    SecretList, SecretRemove, SecretSet, TaskNetwork, TaskNew,
};
use pilot_proto::event::Event;
use pilot_proto::inbox::{Answer, Ask};
use pilot_proto::model::{Dialect, ModelCall, ModelPrice};
use pilot_proto::network::{Door, GateMode, NetworkDecision, NetworkEnd, NetworkPolicy};
use pilot_proto::project::{OauthLogin, ProviderLogin};
use pilot_proto::run::Usage;
use pilot_proto::runner::Act;
use pilot_proto::task::OnTimeout;
use pilot_proto::{
    Code, InboxId, NewSecret, Project, ProjectAction, ProviderKind, RunId, Secret, SecretDelivery,
    SecretOrigin, SecretSource, SecretUse, TaskState, WallLimits, WallsKind, WallsReport,
    WallsWish,
};
use pilot_secrets::RunnerKey;
use std::path::Path;
use uuid::Uuid;

const VALUE: &str = "npm_s3cr3tvalue4242";

fn secret(name: &str, value: &str) -> NewSecret {
    let source = SecretSource::Value { value: Secret::new(value) };
    NewSecret { name: name.to_owned(), source }
}

pub(crate) fn uses(name: &str, variable: &str) -> SecretUse {
    let delivery = SecretDelivery::Environment { variable: variable.to_owned() };
    SecretUse { name: name.to_owned(), delivery }
}

pub(crate) fn of_house(house: &House) -> Project {
    project("p", &house.home.path().to_string_lossy())
}

/// Everything that the hub has written, but for the file of credentials.
pub(crate) fn written(directory: &Path) -> Vec<u8> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            all.extend(written(&path));
        } else if !path.ends_with("credentials") {
            all.extend(std::fs::read(&path).expect("a file"));
        }
    }
    all
}

pub(crate) fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_project_whose_walls_or_rules_make_no_sense_is_refused() {
    let house = House::new().await;
    let good = of_house(&house);
    let acts = |actions: &[(&str, &str)]| Project {
        actions: actions
            .iter()
            .map(|(name, run)| ProjectAction { name: (*name).to_owned(), run: (*run).to_owned() })
            .collect(),
        ..good.clone()
    };
    let network =
        |allow: &str| NetworkPolicy { allow: vec![allow.to_owned()], ..NetworkPolicy::default() };
    for (bad, word) in [
        (Project { network: network("*"), ..good.clone() }, "`*`"),
        (Project { network: network("https://x.org/a"), ..good.clone() }, "https://x.org/a"),
        (
            Project {
                walls: WallsWish {
                    kind: WallsKind::Auto,
                    limits: WallLimits { pids: Some(1), ..WallLimits::default() },
                },
                ..good.clone()
            },
            "pids",
        ),
        (acts(&[("", "ls")]), "no name"),
        (acts(&[("Serve", " ")]), "no command line"),
        (acts(&[("Serve", "ls\rrm -r .")]), "no command line"),
        (acts(&[("Serve", "a"), ("Serve", "b")]), "twice"),
        (acts(&[("Serve", "a"); ProjectAction::MOST + 1]), "more than"),
        (Project { secrets: vec![uses("npm", "PATH")], ..good.clone() }, "PATH"),
        (Project { secrets: vec![uses("npm", "X"), uses("b", "X")], ..good.clone() }, "`X`"),
    ] {
        let problem = house.refused::<ProjectAdd>(bad).await;
        assert_eq!(problem.code, Code::Invalid, "{problem:?}");
        assert!(problem.message.contains(word) && !problem.hint.is_empty(), "{problem:?}");
    }
    let missing = Project { secrets: vec![uses("npm", "NPM_TOKEN")], ..good.clone() };
    let problem = house.refused::<ProjectAdd>(missing).await;
    assert_eq!(problem.code, Code::NotFound, "there is no such secret: {problem:?}");
    // A console that is older than walls says nothing of them.
    let mut older = serde_json::to_value(&good).expect("it serialises");
    for field in ["network", "walls", "secrets"] {
        older.as_object_mut().expect("an object").remove(field);
    }
    let kept = house.call::<ProjectAdd>(serde_json::from_value(older).expect("a project")).await;
    assert_eq!((kept.network, kept.walls), (NetworkPolicy::default(), WallsWish::default()));
    house.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_lives_until_nobody_uses_it() {
    let house = House::new().await;
    for (bad, code) in [
        (secret("../npm", VALUE), Code::Invalid),
        (secret("npm", " \n"), Code::Invalid),
        (secret("npm", ""), Code::Invalid),
        (secret("npm", "a\0b"), Code::Invalid),
        (secret("npm", &"x".repeat(300 * 1024)), Code::TooLarge),
    ] {
        assert_eq!(house.refused::<SecretSet>(bad).await.code, code);
    }
    assert!(house.call::<SecretList>(Nothing {}).await.is_empty(), "nothing was kept");
    let set = house.call::<SecretSet>(secret("npm", VALUE)).await;
    assert_eq!((set.origin, set.used_by), (SecretOrigin::Own, Vec::<String>::new()));
    let using = Project { secrets: vec![uses("npm", "NPM_TOKEN")], ..of_house(&house) };
    house.call::<ProjectAdd>(using).await;
    let problem = house.refused::<SecretRemove>(Named { name: "npm".to_owned() }).await;
    assert_eq!(problem.code, Code::Precondition, "{problem:?}");
    assert!(problem.message.contains("`p`"), "it says who uses it: {problem:?}");
    let house = house.restart().await;
    let again = house.call::<SecretSet>(secret("npm", "another value")).await;
    assert!(again.rotated_at > set.rotated_at, "it is known when it was changed");
    assert_eq!(again.used_by, ["p"]);
    assert_eq!(house.call::<SecretList>(Nothing {}).await, [again]);
    house.call::<ProjectAdd>(of_house(&house)).await;
    house.call::<SecretRemove>(Named { name: "npm".to_owned() }).await;
    let problem = house.refused::<SecretRemove>(Named { name: "npm".to_owned() }).await;
    assert_eq!(problem.code, Code::NotFound);
    let file = std::fs::read(house.home.path().join("hub/credentials")).expect("the credentials");
    assert!(!holds(&file, "another value"), "its value is gone as well");
    house.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_gets_its_secrets_sealed_to_its_runner_and_to_nobody_else() {
    let house = House::new().await;
    house.call::<SecretSet>(secret("npm", VALUE)).await;
    let using = Project { secrets: vec![uses("npm", "NPM_TOKEN")], ..of_house(&house) };
    house.call::<ProjectAdd>(using).await;
    let key = RunnerKey::generate().expect("randomness");
    let mut runner = FakeRunner::enrolled(&house, 1).await;
    runner.about.seal_key = Some(key.public());
    runner.connect().await;
    let task = house.file("say hello").await.id;
    let spec = runner.take().await;
    let wire = serde_json::to_vec(&spec).expect("it serialises");
    assert!(!holds(&wire, VALUE), "no clear value travels");
    let [grant] = spec.secrets.as_slice() else { panic!("one secret: {:?}", spec.secrets) };
    let opened = key.open_grant(grant, spec.run, spec.fence).expect("its runner opens it");
    assert_eq!(opened.expose(), VALUE);
    let other = RunnerKey::generate().expect("randomness");
    other.open_grant(grant, spec.run, spec.fence).expect_err("another runner does not");
    let another_run = RunId(Uuid::from_u128(1));
    key.open_grant(grant, another_run, spec.fence).expect_err("nor for another run");
    let end = runner.write(spec.run, nothing_done()).await;
    runner.acked(spec.run, end).await;
    house.until(task, "no_change").await;
    assert!(!holds(&written(&house.home.path().join("hub")), VALUE), "nor is it written down");
    house.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_whose_secrets_cannot_be_granted_never_begins() {
    let house = House::new().await;
    house.call::<SecretSet>(secret("npm", VALUE)).await;
    let using = Project { secrets: vec![uses("npm", "NPM_TOKEN")], ..of_house(&house) };
    house.call::<ProjectAdd>(using).await;
    // Many at once, each of which frees the worker for the next.
    let mut tasks = Vec::new();
    for _ in 0..40 {
        tasks.push(house.file("say hello").await.id);
    }
    let mut runner = FakeRunner::connected(&house, 1).await;
    for task in tasks {
        let task = house.until(task, "failed").await.task;
        let TaskState::Failed { problem } = task.state else { panic!("{:?}", task.state) };
        assert!(problem.message.contains("`npm`"), "it names the secret: {problem:?}");
        assert!(!problem.hint.is_empty(), "{problem:?}");
    }
    // The runner is not to blame: it gets what can begin.
    house.call::<ProjectAdd>(of_house(&house)).await;
    let task = house.file("say hello").await.id;
    let spec = runner.take().await;
    assert_eq!((spec.task, spec.secrets.len()), (task, 0));
    house.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_told_its_walls_its_network_and_what_may_be_spent() {
    let house = House::new().await;
    let price = ModelPrice {
        model: "claude-*".to_owned(),
        input: 1,
        output: 2,
        cache_read: 3,
        cache_write: 4,
    };
    let prices = Prices { prices: vec![price.clone()] };
    let twice = Prices { prices: vec![price.clone(), price.clone()] };
    assert_eq!(house.refused::<PriceSet>(twice).await.code, Code::Invalid);
    house.call::<PriceSet>(prices.clone()).await;
    let house = house.restart().await;
    assert_eq!(house.call::<PriceList>(Nothing {}).await, prices);
    let network = NetworkPolicy {
        gate: GateMode::Learn,
        presets: Vec::new(),
        allow: vec!["example.org".to_owned()],
        deny: vec!["*.example.com".to_owned()],
    };
    let limits = WallLimits { pids: Some(100), ..WallLimits::default() };
    let walls = WallsWish { kind: WallsKind::Bubblewrap, limits };
    let strict = Project { network: network.clone(), walls, ..of_house(&house) };
    house.call::<ProjectAdd>(strict).await;
    let mut runner = FakeRunner::connected(&house, 1).await;
    let mut new = new_task("p", "say hello");
    new.limits.get_or_insert_default().budget_micros = Some(0);
    assert_eq!(house.refused::<TaskNew>(new.clone()).await.code, Code::Invalid);
    new.limits.get_or_insert_default().budget_micros = Some(2_500_000);
    let task = house.call::<TaskNew>(new).await.id;
    let spec = runner.take().await;
    assert_eq!((&spec.network, spec.walls), (&network, walls));
    assert_eq!((&spec.prices, spec.spent_micros), (&prices.prices, 0));
    assert_eq!(spec.limits.budget_micros, Some(2_500_000));
    runner.begin(spec.run).await;
    let mut events = vec![Event::ModelCalled(call(1_250_000))];
    events.extend(nothing_done());
    let end = runner.write(spec.run, events).await;
    runner.acked(spec.run, end).await;
    house.until(task, "no_change").await;
    house.call::<pilot_proto::console::TaskAgain>(pilot_proto::console::OneTask { task }).await;
    let again = runner.take().await;
    assert_eq!(again.spent_micros, 1_250_000, "what was spent before counts");
    house.hub.stop().await;
}

fn call(cost: u64) -> ModelCall {
    ModelCall {
        provider: "anthropic".to_owned(),
        dialect: Dialect::Anthropic,
        model: "claude-x".to_owned(),
        status: 200,
        usage: Usage { cost_micros: Some(cost), ..Usage::default() },
        first_ms: 1,
        total_ms: 2,
        attempts: 1,
        problem: None,
    }
}

fn decision(id: u64, host: &str, allowed: bool) -> Event {
    Event::Network(NetworkDecision {
        id,
        host: host.to_owned(),
        port: 443,
        door: Door::Connect,
        method: None,
        path: None,
        process: Some("curl".to_owned()),
        allowed,
        because: "of a rule".to_owned(),
        count: 1,
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_run_reached_is_read_from_its_journal() {
    let house = House::new().await;
    house.project().await;
    let mut runner = FakeRunner::connected(&house, 1).await;
    let task = house.file("say hello").await.id;
    let query = || NetworkQuery { task, run: None };
    let spec = runner.take().await;
    let report = WallsReport { kind: WallsKind::Bubblewrap, ..WallsReport::default() };
    runner.begin(spec.run).await;
    let end = NetworkEnd { id: 1, sent: 10, received: 20, ms: 5, problem: None };
    let events = vec![
        Event::Walls(report.clone()),
        decision(1, "example.org", true),
        crate::runner::output("noise"),
        decision(2, "evil.example.com", false),
        Event::NetworkEnded(end.clone()),
        Event::NetworkLost { decisions: 3 },
        Event::ModelCalled(call(7)),
    ];
    let cursor = runner.write(spec.run, events).await;
    runner.acked(spec.run, cursor).await;
    let audit: NetworkAudit = house.call::<TaskNetwork>(query()).await;
    assert_eq!((audit.run, audit.walls, audit.lost), (Some(spec.run), Some(report), 3));
    let tries: Vec<_> =
        audit.tries.iter().map(|one| (one.decision.host.as_str(), one.end.clone())).collect();
    assert_eq!(tries, [("example.org", Some(end)), ("evil.example.com", None)]);
    assert_eq!(audit.calls, [call(7)]);
    assert_eq!(audit.policy, NetworkPolicy::default());
    let proposal = audit.proposal.expect("something was tried");
    assert_eq!(proposal.allow, ["evil.example.com", "example.org"]);
    let wrong = NetworkQuery { task, run: Some(RunId(Uuid::from_u128(1))) };
    assert_eq!(house.refused::<TaskNetwork>(wrong).await.code, Code::NotFound);
    house.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hosts_are_allowed_for_a_project_and_for_its_runs_at_work() {
    let house = House::new().await;
    house.project().await;
    let mut runner = FakeRunner::connected(&house, 2).await;
    house.file("one").await;
    let run = runner.take().await.run;
    runner.begin(run).await;
    let allow = |rules: &[&str]| AllowHosts {
        name: "p".to_owned(),
        rules: rules.iter().map(|rule| (*rule).to_owned()).collect(),
    };
    for bad in [&[][..], &["*"], &["fine.example.org", "not a host"]] {
        assert_eq!(house.refused::<ProjectAllow>(allow(bad)).await.code, Code::Invalid, "{bad:?}");
    }
    let nobody = AllowHosts { name: "nope".to_owned(), ..allow(&["a.org"]) };
    assert_eq!(house.refused::<ProjectAllow>(nobody).await.code, Code::NotFound);
    house.call::<ProjectAllow>(allow(&["b.org", "a.org"])).await;
    let project = house.call::<ProjectAllow>(allow(&["b.org"])).await;
    assert_eq!(project.network.allow, ["a.org", "b.org"], "each once, sorted");
    let (order, act) = runner.order(run).await;
    assert_eq!(act, Act::Allow { rules: vec!["b.org".to_owned(), "a.org".to_owned()] });
    runner.write(run, vec![Event::OrderDone { order, problem: None }]).await;
    let viewer = with_token(&house, VIEWER);
    let refused = viewer.call::<ProjectAllow>(allow(&["c.org"])).await.expect_err("only looks");
    assert!(matches!(refused, ClientError::Refused(problem) if problem.code == Code::Forbidden));
    house.hub.stop().await;
}

fn with_token(house: &House, token: &str) -> Client {
    let url = house.hub.url.clone();
    Client::new(&Endpoint { url, token: Secret::new(token), fingerprint: None }).expect("a client")
}

fn asked(item: InboxId, host: &str) -> Event {
    let (host, because) = (host.to_owned(), "no rule allows it".to_owned());
    let ask = Ask::Network { host, port: 443, process: None, because };
    Event::Asked { item, ask, deadline: None, on_timeout: OnTimeout::Proceed }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_is_allowed_for_the_project_is_allowed_for_all_its_runs() {
    const APPROVER: &str = "approver-token";
    let house = House::with(|options| {
        let (name, token) = ("approver".to_owned(), Secret::new(APPROVER));
        options.access.push(Access { name, role: Role::Approver, token });
    })
    .await;
    let deny = vec!["*.example.com".to_owned()];
    let network = NetworkPolicy { deny, ..NetworkPolicy::default() };
    house.call::<ProjectAdd>(Project { network, ..of_house(&house) }).await;
    let mut runner = FakeRunner::connected(&house, 2).await;
    let task = house.file("one").await.id;
    let run = runner.take().await.run;
    runner.begin(run).await;
    house.file("two").await;
    let other = runner.take().await.run;
    runner.begin(other).await;
    let (item, denied) = (InboxId(Uuid::from_u128(1)), InboxId(Uuid::from_u128(2)));
    let end = runner.write(run, vec![asked(item, "a.org"), asked(denied, "x.example.com")]).await;
    runner.acked(run, end).await;
    let detail = house.until(task, "working").await;
    assert_eq!(detail.inbox.len(), 2, "it is asked, and the run goes on");
    let allow = |item| AnswerItem {
        item,
        answer: Answer::Allow { input: None, for_run: false, for_project: true, rule: None },
    };
    let approver = with_token(&house, APPROVER);
    let refused = approver.call::<InboxAnswer>(allow(item)).await.expect_err("not an admin");
    let ClientError::Refused(problem) = refused else { panic!("{refused:?}") };
    assert!(
        problem.code == Code::Forbidden && problem.hint.contains("for this run"),
        "{problem:?}"
    );
    let problem = house.refused::<InboxAnswer>(allow(denied)).await;
    assert_eq!(problem.code, Code::Precondition, "the project denies it: {problem:?}");
    house.call::<InboxAnswer>(allow(item)).await;
    let project = house.call::<ProjectList>(Nothing {}).await.remove(0);
    assert_eq!(project.network.allow, ["a.org:443"]);
    let (_, act) = runner.order(run).await;
    assert!(matches!(act, Act::Answer { .. }), "whoever asked is answered: {act:?}");
    let (_, act) = runner.order(other).await;
    assert_eq!(act, Act::Allow { rules: vec!["a.org:443".to_owned()] }, "the others are told");
    house.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_is_granted_with_how_it_logs_in() {
    let house = House::new().await;
    let new = |name: &str, kind, key: &str| NewProvider {
        name: name.to_owned(),
        kind,
        base_url: None,
        key: Secret::new(key),
        login: ProviderLogin::Key,
        oauth: None,
    };
    let keyless = new("scripted", ProviderKind::OpenAi, "");
    assert_eq!(house.refused::<ProviderAdd>(keyless).await.code, Code::Invalid);
    house.call::<ProviderAdd>(new("scripted", ProviderKind::Ollama, "")).await;
    let oauth = OauthLogin {
        token_url: "https://login.example.org/token".to_owned(),
        client_id: "pilot".to_owned(),
        refresh_token: Secret::new("refresh-4242"),
        expires_at: None,
    };
    let renewed = NewProvider {
        login: ProviderLogin::Bearer,
        oauth: Some(oauth.clone()),
        ..new("other", ProviderKind::Ollama, "key-4242")
    };
    house.call::<ProviderAdd>(renewed).await;
    house.project().await;
    let mut runner = FakeRunner::connected(&house, 1).await;
    house.file("one").await;
    let spec = runner.take().await;
    let provider = spec.provider.expect("the one called like the agent");
    assert_eq!((provider.name.as_str(), provider.key.expose()), ("scripted", ""));
    let [other] = spec.fallbacks.as_slice() else { panic!("{:?}", spec.fallbacks) };
    assert_eq!((other.login, &other.oauth), (ProviderLogin::Bearer, &Some(oauth)));
    assert!(!holds(&written(&house.home.path().join("hub")), "4242"), "no key is written down");
    house.hub.stop().await;
}
