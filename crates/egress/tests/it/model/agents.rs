//! The real Claude Code behind the gateway, with a key that is worth nothing.

use super::provider::soon;
use super::world::{REAL_KEY, Setup, World, grant, price};
use pilot_egress::model::{News, placeholder};
use pilot_proto::ProviderKind;
use pilot_proto::model::ModelPrice;
use pilot_testkit::agents;
use pilot_testkit::model::{Model, Script};
use serde_json::json;
use std::process::Output;
use tempfile::TempDir;

/// Runs Claude Code on a prompt, in a place of its own.
async fn run(world: &World, prompt: &str) -> (TempDir, Output) {
    let place = tempfile::tempdir().expect("a temporary directory can be made");
    let tree = place.path().join("tree");
    std::fs::create_dir(&tree).expect("it is ours");
    let given = placeholder(ProviderKind::Anthropic, world.port, world.gateway.key());
    let command = tokio::process::Command::new(agents::program("claude"))
        .args(["-p", "--output-format=json", "--permission-mode=bypassPermissions", prompt])
        .current_dir(&tree)
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env("HOME", place.path())
        .env("CLAUDE_CONFIG_DIR", place.path().join("config"))
        .env("CLAUDE_CODE_TMPDIR", place.path())
        .env("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1")
        .env("IS_SANDBOX", "1")
        .env("ANTHROPIC_BASE_URL", given.base_url.expect("a gateway has an address"))
        .env("ANTHROPIC_API_KEY", given.key.expose())
        .stdin(std::process::Stdio::null())
        .kill_on_drop(true)
        .output();
    let patience = std::time::Duration::from_secs(120);
    let ended = tokio::time::timeout(patience, command).await.expect("the agent ends in time");
    (place, ended.expect("the agent starts"))
}

/// Claude Code asks for models of its own choice.
fn any_model() -> ModelPrice {
    ModelPrice { model: "*".to_owned(), ..price() }
}

fn script(steps: &serde_json::Value) -> Script {
    Script::new(json!({"steps": steps, "usage": {"input": 1000, "output": 100}}))
}

#[tokio::test]
async fn claude_works_with_a_placeholder_key() {
    let model = Model::start().await;
    model.require_auth(REAL_KEY);
    let write = json!({"write": {"path": "hello.txt", "content": "hello\n"}});
    model.script("hello", script(&json!([write, {"text": "done"}])));
    let setup = Setup { prices: vec![any_model()], ..Setup::default() };
    let granted = vec![grant(ProviderKind::Anthropic, &model.url())];
    let mut world = World::with(granted, setup).await;
    let (place, output) = run(&world, "[[script:hello]]").await;
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
    let written = std::fs::read_to_string(place.path().join("tree/hello.txt"));
    assert_eq!(written.expect("the agent wrote it"), "hello\n");
    assert!(model.requests().iter().all(|seen| seen.key.as_deref() == Some(REAL_KEY)));
    let call = soon("a call", world.call()).await;
    assert_eq!((call.status, call.usage.cost_micros, call.problem), (200, Some(2000), None));
}

#[tokio::test]
async fn a_budget_ends_claudes_turn_with_words_and_without_retries() {
    let model = Model::start().await;
    let write = json!({"write": {"path": "hello.txt", "content": "hello\n"}});
    model.script("long", script(&json!([write, {"text": "never said"}])));
    let setup = Setup { budget: Some(2000), prices: vec![any_model()], ..Setup::default() };
    let granted = vec![grant(ProviderKind::Anthropic, &model.url())];
    let world = World::with(granted, setup).await;
    let (place, output) = run(&world, "[[script:long]]").await;
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("The budget of this task ($0.002) is used up."), "{said}");
    assert!(!said.contains("never said"), "{said}");
    assert!(place.path().join("tree/hello.txt").exists(), "the work so far is kept");
    assert!(world.gateway.spent().calls <= 2, "nothing was asked after that");
    assert!(matches!(world.news().as_slice(), [News::BudgetReached { .. }]));
}
