//! Tasks, runs, inbox and the rest: what is put is found.

use crate::world::{
    World, change, on_both_engines, order_id, run, run_id, runner_id, task, task_id,
};
use pilot_proto::code::{Code, Problem};
use pilot_proto::console::{InboxQuery, ReviewNote, ReviewNoteSent, TaskQuery};
use pilot_proto::inbox::{Answer, Answered, Ask, Decider, InboxItem};
use pilot_proto::network::NetworkPolicy;
use pilot_proto::project::{
    Forge, ForgeKind, GitGrant, Profile, Project, Provider, ProviderKind, ProviderLogin,
};
use pilot_proto::runner::{About, Act};
use pilot_proto::task::{Limits, Mode, OnTimeout};
use pilot_proto::{
    GroupId, InboxId, Outcome, RunSpec, SealedGrant, Secret, SecretDelivery, SecretUse, Task,
    TaskState, Timestamp, WallsWish,
};
use pilot_store::{Change, EnrolledRunner, PendingOrder, Store};
use uuid::Uuid;

on_both_engines!(
    tasks_are_listed_newest_first_by_project_state_and_page,
    ten_thousand_tasks_are_listed,
    the_tasks_of_a_group_are_found_also_when_they_are_over,
    the_tasks_below_a_task_are_found_also_when_they_are_over,
    comments_are_kept_in_the_order_they_were_sent,
    runs_and_their_specs_are_kept_without_grants,
    the_inbox_shows_what_waits,
    projects_forges_and_providers_are_kept_by_name,
    runners_are_kept,
    orders_wait_in_the_order_given,
    settings_are_kept_and_read_for_the_open_tasks,
    fields_of_a_newer_build_survive_a_change,
    a_document_that_cannot_be_understood_is_named,
);

async fn listed(store: &Store, query: &TaskQuery) -> Vec<u128> {
    let tasks = store.tasks(query).await.expect("reads");
    tasks.iter().map(|task| task.id.0.as_u128()).collect()
}

async fn tasks_are_listed_newest_first_by_project_state_and_page(world: World) {
    let store = world.open().await;
    let failed = TaskState::Failed { problem: Problem::new(Code::AgentFailed, "it fell over") };
    let tasks = [
        task(1),
        Task { project: "boat".into(), ..task(2) },
        Task { state: TaskState::NoChange, ..task(3) },
        Task { state: failed, project: "boat".into(), ..task(4) },
        // Filed in the same microsecond as the one before: the id decides.
        Task { created_at: task(4).created_at, ..task(5) },
    ];
    change(&store, tasks.clone().map(Change::PutTask)).await.expect("commits");

    let all = TaskQuery::default();
    let boat = TaskQuery { project: Some("boat".into()), ..all.clone() };
    let queued = TaskQuery { state: Some("queued".into()), ..all.clone() };
    let check = async |query: TaskQuery, expected: &[u128]| {
        assert_eq!(listed(&store, &query).await, expected, "{query:?}");
    };
    check(all.clone(), &[5, 4, 3, 2, 1]).await;
    check(boat.clone(), &[4, 2]).await;
    check(queued.clone(), &[5, 2, 1]).await;
    check(TaskQuery { state: Some("queued".into()), ..boat.clone() }, &[2]).await;
    check(TaskQuery { limit: Some(2), ..all.clone() }, &[5, 4]).await;
    check(TaskQuery { limit: Some(2), before: Some(task_id(4)), ..all.clone() }, &[3, 2]).await;
    check(TaskQuery { before: Some(task_id(5)), ..all.clone() }, &[4, 3, 2, 1]).await;
    check(TaskQuery { before: Some(task_id(4)), ..boat }, &[2]).await;
    check(TaskQuery { before: Some(task_id(5)), ..queued.clone() }, &[2, 1]).await;

    assert_eq!(store.task(task_id(4)).await.expect("reads"), Some(tasks[3].clone()), "whole");
    assert_eq!(store.task(task_id(9)).await.expect("reads"), None, "there is no such task");
    let open: Vec<_> = store.open_tasks().await.expect("reads");
    assert_eq!(open, [tasks[0].clone(), tasks[1].clone(), tasks[4].clone()], "those not at an end");

    change(&store, [Change::PutTask(Task { state: TaskState::Cancelled, ..task(2) })])
        .await
        .expect("commits");
    check(queued, &[5, 1]).await;
}

async fn the_tasks_of_a_group_are_found_also_when_they_are_over(world: World) {
    let store = world.open().await;
    let group = |number: u128| Some(GroupId(Uuid::from_u128(number)));
    let tasks = [
        Task { group: group(1), state: TaskState::Cancelled, ..task(1) },
        Task { group: group(2), ..task(2) },
        Task { group: group(1), ..task(3) },
        task(4),
    ];
    change(&store, tasks.clone().map(Change::PutTask)).await.expect("commits");
    let found = store.tasks_of_group(GroupId(Uuid::from_u128(1))).await.expect("reads");
    assert_eq!(found, [tasks[0].clone(), tasks[2].clone()], "oldest first");
    let none = store.tasks_of_group(GroupId(Uuid::from_u128(9))).await.expect("reads");
    assert_eq!(none, []);
}

async fn the_tasks_below_a_task_are_found_also_when_they_are_over(world: World) {
    let store = world.open().await;
    let tasks = [
        task(1),
        Task { parent: Some(task_id(1)), state: TaskState::Cancelled, ..task(2) },
        Task { parent: Some(task_id(2)), ..task(3) },
        Task { parent: Some(task_id(1)), ..task(4) },
    ];
    change(&store, tasks.clone().map(Change::PutTask)).await.expect("commits");
    let found = store.tasks_below(task_id(1)).await.expect("reads");
    assert_eq!(found, [tasks[1].clone(), tasks[3].clone()], "oldest first, and not those below");
    assert_eq!(store.tasks_below(task_id(9)).await.expect("reads"), []);
    let query = TaskQuery { parent: Some(task_id(1)), ..TaskQuery::default() };
    assert_eq!(listed(&store, &query).await, [4, 2]);
}

async fn comments_are_kept_in_the_order_they_were_sent(world: World) {
    let store = world.open().await;
    let note = |text: &str| ReviewNoteSent {
        note: ReviewNote {
            path: "src/main.rs".into(),
            old_side: false,
            first_line: Some(3),
            last_line: None,
            quote: "let x;".into(),
            text: text.into(),
        },
        run: Some(run_id(1)),
        by: "owner".into(),
        at: Timestamp(5),
    };
    let review = |task: u128, review: u128, texts: &[&str]| Change::PutReview {
        task: task_id(task),
        review: Uuid::from_u128(review),
        notes: texts.iter().map(|text| note(text)).collect(),
    };
    let reviews =
        [review(1, 20, &["third"]), review(1, 10, &["first", "second"]), review(2, 15, &["x"])];
    change(&store, reviews).await.expect("commits");
    let notes = store.review_notes(task_id(1)).await.expect("reads");
    assert_eq!(notes, ["first", "second", "third"].map(note));
    assert_eq!(store.review_notes(task_id(3)).await.expect("reads"), []);
}

async fn ten_thousand_tasks_are_listed(world: World) {
    let store = world.open().await;
    for part in 0..10 {
        let tasks = part * 1_000 + 1..=part * 1_000 + 1_000;
        change(&store, tasks.map(|number| Change::PutTask(task(number)))).await.expect("commits");
    }
    let all = TaskQuery { limit: Some(10_000), ..TaskQuery::default() };
    let expected: Vec<u128> = (1..=10_000).rev().collect();
    assert_eq!(listed(&store, &all).await, expected, "all of them, in order");
    let first = listed(&store, &TaskQuery::default()).await;
    assert_eq!(first, expected[..1_000], "and a thousand if nobody says how many");
}

async fn runs_and_their_specs_are_kept_without_grants(world: World) {
    let store = world.open().await;
    let mut second = run(1, 7);
    second.attempt = 2;
    second.outcome = Some(Outcome::NoChange);
    second.ended_at = Some(Timestamp(9));
    let first = run(2, 7);
    let runs = [second.clone(), first.clone(), run(3, 8)];
    change(&store, runs.map(Change::PutRun)).await.expect("commits");
    let of_task = store.runs(task_id(7)).await.expect("reads");
    assert_eq!(of_task, [first.clone(), second.clone()], "oldest attempt first");
    assert_eq!(store.run(run_id(1)).await.expect("reads"), Some(second), "by id");
    let open = store.unfinished_runs().await.expect("reads");
    assert_eq!(open, [first, run(3, 8)], "those that have not ended");

    let git = GitGrant::new("me", Secret::new("hunter2"));
    let spec = RunSpec {
        run: run_id(3),
        task: task_id(8),
        attempt: 1,
        fence: 4,
        lease_secs: 60,
        title: "t".into(),
        prompt: "p".into(),
        project: "ship".into(),
        repo: "/repo".into(),
        base: None,
        branch: "pilot/8".into(),
        pushed: None,
        setup: vec![],
        agent: "scripted".into(),
        model: None,
        mode: Mode::Auto,
        on_timeout: OnTimeout::Proceed,
        limits: Limits::default(),
        resume: None,
        at: None,
        attachments: Vec::new(),
        git: Some(git),
        fallbacks: Vec::new(),
        network: NetworkPolicy::default(),
        walls: WallsWish::default(),
        secrets: vec![SealedGrant {
            name: "NPM".into(),
            sealed: "bm90aGluZw==".into(),
            delivery: SecretDelivery::FileDescriptor,
        }],
        prices: Vec::new(),
        spent_micros: 7,
        hub_key: None,
        permissions: Default::default(),
        review: None,
        children: Default::default(),
        remote_control: None,
        outgoing: None,
        provider: None,
    };
    change(&store, [Change::PutSpec(spec.clone())]).await.expect("commits");
    let kept = store.spec(run_id(3)).await.expect("reads");
    assert_eq!(kept, Some(spec.without_grants()), "a secret is never written");
    assert_eq!(store.spec(run_id(4)).await.expect("reads"), None, "there is no such run");
}

async fn the_inbox_shows_what_waits(world: World) {
    let store = world.open().await;
    let item = |number: u128, of: u128| InboxItem {
        id: InboxId(Uuid::from_u128(number)),
        task: task_id(of),
        run: run_id(of),
        ask: Ask::Plan { plan: format!("plan {number}") },
        asked_at: Timestamp(100 - i64::try_from(number).expect("small")),
        deadline: None,
        on_timeout: OnTimeout::Pause,
        answered: None,
    };
    let answered = Answered { answer: Answer::End, decider: Decider::Timeout, at: Timestamp(7) };
    let done = InboxItem { answered: Some(answered), ..item(3, 1) };
    change(&store, [item(1, 1), item(2, 2), item(3, 1)].map(Change::PutInbox)).await.expect("puts");
    change(&store, [Change::PutInbox(done.clone())]).await.expect("puts");
    let check = async |task: Option<u128>, all: Option<bool>, expected: &[InboxItem]| {
        let query = InboxQuery { task: task.map(task_id), all };
        assert_eq!(store.inbox(&query).await.expect("reads"), expected, "{query:?}");
    };
    check(None, None, &[item(2, 2), item(1, 1)]).await;
    check(None, Some(false), &[item(2, 2), item(1, 1)]).await;
    check(None, Some(true), &[done.clone(), item(2, 2), item(1, 1)]).await;
    check(Some(1), None, &[item(1, 1)]).await;
    check(Some(1), Some(true), &[done.clone(), item(1, 1)]).await;
    check(Some(9), Some(true), &[]).await;
    assert_eq!(store.inbox_item(done.id).await.expect("reads"), Some(done), "by id");
}

async fn projects_forges_and_providers_are_kept_by_name(world: World) {
    let store = world.open().await;
    let project = |name: &str| Project {
        name: name.into(),
        repo: "/repo".into(),
        forge: None,
        base: None,
        agent: "scripted".into(),
        setup: vec!["make".into()],
        network: NetworkPolicy { allow: vec!["example.org".into()], ..NetworkPolicy::default() },
        walls: WallsWish::default(),
        secrets: vec![SecretUse { name: "NPM".into(), delivery: SecretDelivery::FileDescriptor }],
        permissions: Default::default(),
        profile: None,
        review: None,
        children: Default::default(),
        remote_control: false,
        actions: Vec::new(),
        pull_requests: Default::default(),
    };
    let forge = Forge::at("home", ForgeKind::Gitea, "http://f");
    let provider = Provider {
        name: "home".into(),
        kind: ProviderKind::Anthropic,
        base_url: None,
        login: ProviderLogin::Bearer,
        full_login: true,
    };
    let profile = |name: &str| Profile {
        name: name.into(),
        agent: "claude".into(),
        provider: Some("home".into()),
        model: None,
        mode: Some(Mode::Plan),
        limits: Some(Limits::default()),
        remote_control: true,
    };
    let changes = [
        Change::PutProject(project("zoo")),
        Change::PutProject(project("a-b")),
        Change::PutProject(project("aa")),
        Change::PutProject(Project { agent: "claude".into(), ..project("zoo") }),
        Change::PutForge(forge.clone()),
        Change::PutProvider(provider.clone()),
        Change::PutProfile(profile("zeal")),
        Change::PutProfile(profile("care")),
    ];
    change(&store, changes).await.expect("commits");
    let zoo = Project { agent: "claude".into(), ..project("zoo") };
    let projects = store.projects().await.expect("reads");
    assert_eq!(projects, [project("a-b"), project("aa"), zoo.clone()], "by name, as last put");
    assert_eq!(store.forges().await.expect("reads"), [forge], "a forge is not a project");
    assert_eq!(store.providers().await.expect("reads"), [provider], "nor is a provider");
    assert_eq!(store.profiles().await.expect("reads"), [profile("care"), profile("zeal")]);
    change(&store, [Change::RemoveProfile { name: "care".into() }]).await.expect("commits");
    assert_eq!(store.profiles().await.expect("reads"), [profile("zeal")], "it is gone");
    change(&store, [Change::RemoveProject { name: "aa".into() }]).await.expect("commits");
    assert_eq!(store.projects().await.expect("reads"), [project("a-b"), zoo], "it is gone");
}

async fn runners_are_kept(world: World) {
    let store = world.open().await;
    let fresh = EnrolledRunner {
        id: runner_id(2),
        name: "attic".into(),
        public_key: "ab".repeat(32),
        about: None,
        revoked: false,
        enrolled_at: Timestamp(1),
        seen_at: None,
    };
    let about = About {
        name: "attic".into(),
        build: "0.1.0".into(),
        platform: "linux x86_64".into(),
        workers: 3,
        draining: false,
        seal_key: Some("ab".repeat(32)),
        agents: vec![],
        checks: Vec::new(),
    };
    let later = EnrolledRunner { id: runner_id(1), enrolled_at: Timestamp(2), ..fresh.clone() };
    let puts = [Change::PutRunner(later.clone()), Change::PutRunner(fresh.clone())];
    change(&store, puts).await.expect("commits");
    assert_eq!(store.runners().await.expect("reads"), [fresh.clone(), later.clone()], "in order");
    let seen = EnrolledRunner {
        about: Some(about),
        revoked: true,
        seen_at: Some(Timestamp(3)),
        ..fresh.clone()
    };
    change(&store, [Change::PutRunner(seen.clone())]).await.expect("commits");
    assert_eq!(store.runner(seen.id).await.expect("reads"), Some(seen), "as last put");
    assert_eq!(store.runner(runner_id(9)).await.expect("reads"), None, "there is no such runner");
}

async fn orders_wait_in_the_order_given(world: World) {
    let store = world.open().await;
    // The ids fall while the orders are given, all in the same microsecond.
    let order = |number: u128, to: u128| PendingOrder {
        order: order_id(100 - number),
        run: run_id(to),
        act: Act::Say { text: format!("say {number}") },
        created_at: Timestamp(5),
    };
    let stop = PendingOrder { act: Act::Stop, ..order(4, 1) };
    let given = [order(1, 1), order(2, 2), order(3, 1), stop.clone()];
    change(&store, given.map(Change::PutOrder)).await.expect("commits");
    let changed = PendingOrder { act: Act::Interrupt, ..order(1, 1) };
    change(&store, [Change::PutOrder(changed)]).await.expect("commits");
    let of_first = store.orders(run_id(1)).await.expect("reads");
    assert_eq!(of_first, [order(1, 1), order(3, 1), stop.clone()], "as first given");
    change(&store, [Change::DropOrder(order(1, 1).order)]).await.expect("commits");
    change(&store, [Change::PutOrder(order(5, 2))]).await.expect("commits");
    let all = store.all_orders().await.expect("reads");
    assert_eq!(all, [order(2, 2), order(3, 1), stop, order(5, 2)], "the done one is gone");
    change(&store, [Change::DropOrders(run_id(1))]).await.expect("commits");
    assert_eq!(store.all_orders().await.expect("reads"), [order(2, 2), order(5, 2)]);
}

async fn settings_are_kept_and_read_for_the_open_tasks(world: World) {
    let store = world.open().await;
    let put = |key: &str, value: &str| Change::PutSetting { key: key.into(), value: value.into() };
    let puts = [put("hub/id", "1"), put("hub/näme", "x"), put("hubris", "y"), put("hub/id", "2")];
    change(&store, puts).await.expect("commits");
    assert_eq!(store.setting("hub/id").await.expect("reads").as_deref(), Some("2"), "last put");
    change(&store, [Change::RemoveSetting { key: "hub/id".into() }]).await.expect("commits");
    assert_eq!(store.setting("hub/id").await.expect("reads"), None, "it is gone");
    assert_eq!(store.setting("hub/näme").await.expect("reads").as_deref(), Some("x"));

    let of = |number: u128| format!("memory/{}", task_id(number));
    change(&store, [1, 2, 3].map(|number| put(&of(number), "m"))).await.expect("commits");
    let over = Task { state: TaskState::Cancelled, ..task(2) };
    change(&store, [Change::PutTask(task(1)), Change::PutTask(over)]).await.expect("commits");
    let open = store.settings_of_open_tasks("memory/").await.expect("reads");
    let keys: Vec<&String> = open.keys().collect();
    assert_eq!(keys, [&of(1)], "neither of a task that is over, nor of none");
}

async fn fields_of_a_newer_build_survive_a_change(world: World) {
    let store = world.open().await;
    change(&store, [Change::PutTask(task(1))]).await.expect("commits");
    // As a newer build would leave it.
    let newer = r#"UPDATE tasks SET doc = REPLACE(REPLACE(doc,
        '"limits":{', '"limits":{"sails":3,'), '{"id"', '{"mast":2,"id"')"#;
    world.tamper(newer).await;
    let read = store.task(task_id(1)).await.expect("reads").expect("is there");
    assert_eq!(read, task(1), "what we do not know is no reason not to read the rest");
    let changed = Task { state: TaskState::Cancelled, title: "new".into(), ..read };
    change(&store, [Change::PutTask(changed.clone())]).await.expect("commits");
    assert_eq!(store.task(task_id(1)).await.expect("reads"), Some(changed), "ours is changed");
    let kept = world
        .number(
            r#"SELECT COUNT(*) FROM tasks WHERE doc LIKE '%"mast":2%' AND doc LIKE '%"sails":3%'"#,
        )
        .await;
    assert_eq!(kept, 1, "theirs is still there");
}

async fn a_document_that_cannot_be_understood_is_named(world: World) {
    let store = world.open().await;
    change(&store, [Change::PutTask(task(1))]).await.expect("commits");
    world.tamper("UPDATE tasks SET doc = 'nonsense'").await;
    let error = store.task(task_id(1)).await.expect_err("it is nonsense");
    assert!(error.to_string().contains(&task_id(1).to_string()), "{error}");
    assert_eq!(error.problem().code, Code::Internal, "no fault of the asker");
    change(&store, [Change::PutTask(task(1))]).await.expect("a new one replaces it");
    assert_eq!(store.task(task_id(1)).await.expect("reads"), Some(task(1)), "and is read");
}
