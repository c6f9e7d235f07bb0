//! Profiles, pinned agents and live checks, as a person types them.

use crate::agents::{KEY, add_claude, model, steps};
use crate::world::World;
use pilot_proto::project::Profile;
use pilot_proto::{Mode, Provider, Task};
use serde_json::{Value, json};

#[test]
fn a_task_is_filed_with_a_profile_and_its_provider_is_asked() {
    let mut world = World::with_hub();
    let model = model();
    add_claude(&mut world);
    // The one that would be taken leads nowhere.
    world.add_provider("anthropic", "anthropic", "http://127.0.0.1:9", KEY);
    world.add_provider("team", "anthropic", &model.server.url(), KEY);
    let words =
        ["profile", "add", "careful", "--agent", "claude", "--provider", "team", "--mode", "ask"];
    let profile: Profile = world.json(&[&words[..], &["--agent-secs", "600"]].concat());
    assert_eq!(
        (profile.mode, profile.limits.map(|limits| limits.agent_secs)),
        (Some(Mode::Ask), Some(600))
    );
    let listed = world.pilot(&["profile", "list"]).ok();
    assert!(listed.contains("careful") && listed.contains("team"), "{listed}");
    world.start_runner();
    let prompt = steps(&json!([{"text": "Nothing to do."}]));
    let new = ["task", "new", "--project", "demo", "--profile", "careful", "--prompt", &prompt];
    let task: Task = world.json(&new);
    assert_eq!((task.agent.as_str(), task.mode), ("claude", Mode::Ask));
    world.until("it is over", || world.task(task.id).state.is_end().then_some(()));
    assert!(!model.server.requests().is_empty(), "the profile's provider was asked");
    let unknown =
        world.pilot(&["task", "new", "--project", "demo", "--profile", "no", "--prompt", "x"]);
    assert!(unknown.err.contains("there is no profile `no`"), "{unknown:?}");
    world.pilot(&["profile", "remove", "careful"]).ok();
}

#[test]
fn an_agent_is_tried_with_the_login_that_a_run_would_have() {
    let mut world = World::with_hub();
    let model = model();
    add_claude(&mut world);
    world.add_provider("team", "anthropic", &model.server.url(), KEY);
    world.start_runner();
    let live = ["runner", "doctor", "--live", "claude", "--runner", "test"];
    let tried: Vec<Value> = world.json(&live);
    let check = &tried[0]["check"];
    assert_eq!(
        (&check["problem"], &check["provider"]),
        (&Value::Null, &"team".into()),
        "{tried:?}"
    );
    assert!(!check["answer"].as_str().unwrap_or_default().is_empty(), "{tried:?}");
    assert!(!model.server.requests().is_empty(), "the model was really asked");

    model.server.require_auth("another-key-9876543210");
    let said = world.pilot(&live);
    assert_eq!(said.code(), 1, "{said:?}");
    assert!(said.out.contains("refused"), "the exact error is told: {said:?}");
    let runners: Vec<Value> = world.json(&["runner", "list"]);
    assert!(!runners[0].to_string().contains("placeholder-key"), "no key in what is shown");
    world.until("nothing is left", || world.stray_processes().is_empty().then_some(()));
}

#[test]
fn a_full_login_is_kept_from_standard_input_and_forgotten() {
    let world = World::with_hub();
    let both = json!({
        "credentials": {"claudeAiOauth": {"accessToken": "canary-a-01", "refreshToken": "canary-r-02"}},
        "account": {"organizationUuid": "o-1"},
    });
    let said = world.pilot_with_input(&["provider", "login", "max", "--stdin"], &both.to_string());
    let out = said.ok();
    assert!(!out.contains("canary"), "it is not shown: {out}");
    let providers: Vec<Provider> = world.json(&["provider", "list"]);
    assert!(providers.iter().any(|one| one.name == "max" && one.full_login), "{providers:?}");
    world.pilot(&["provider", "login", "max", "--forget"]).ok();
    let providers: Vec<Provider> = world.json(&["provider", "list"]);
    assert!(providers.iter().all(|one| !one.full_login), "{providers:?}");
    let bad =
        world.pilot_with_input(&["provider", "login", "max", "--stdin"], "{\"credentials\":1}");
    assert!(!bad.status.success() && bad.err.contains("account"), "{bad:?}");
}

#[test]
fn agents_of_the_runners_own_are_listed_without_a_hub() {
    let world = World::bare();
    let listed: Vec<Value> = world.json(&["agent", "list"]);
    let claude = listed.iter().find(|one| one["agent"] == "claude").expect("it can be installed");
    assert_eq!(claude["version"], Value::Null);
    let refused = world.pilot(&["agent", "install", "nobody"]);
    assert!(!refused.status.success() && refused.err.contains("`claude`"), "{refused:?}");
    let refused = world.pilot(&["agent", "remove", "claude"]);
    assert!(refused.err.contains("not installed by us"), "{refused:?}");
}
