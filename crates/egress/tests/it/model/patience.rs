//! What the gateway tries again, with whom, and what it leaves to the agent.

use super::provider::{Provider, event, soon};
use super::world::{JSON, World, grant, read, sent, whole};
use pilot_proto::ProviderKind;
use pilot_proto::model::Dialect;
use serde_json::json;
use tokio::task::JoinSet;

const BUSY: &str = r#"{"type":"error","error":{"type":"overloaded_error","message":"busy"}}"#;

#[tokio::test]
async fn a_busy_provider_is_asked_again_before_the_agent_hears_of_it() {
    let mut provider = Provider::start().await;
    let mut world = World::start(vec![grant(ProviderKind::Anthropic, &provider.url)]).await;
    let asking = JoinSet::from_iter([sent(world.ask())]);
    let mut first = provider.next().await;
    let asked = first.body().await;
    first.answer(429, &[JSON, ("retry-after", "0")], BUSY);
    // The connection breaks; then it is overloaded in Anthropic's way.
    provider.next().await.hang_up();
    let mut third = provider.next().await;
    assert_eq!(third.body().await, asked, "the same request");
    third.answer(200, &[JSON], &whole(1, 1));
    assert_eq!(asking.join_all().await[0].status(), 200);
    let call = world.call().await;
    assert_eq!((call.attempts, call.status, call.problem), (3, 200, None));
    assert_eq!(world.gateway.spent().calls, 1, "one call, however often it was tried");
}

#[tokio::test]
async fn patience_ends_with_the_providers_own_words() {
    let mut provider = Provider::start().await;
    let mut world = World::start(vec![grant(ProviderKind::Anthropic, &provider.url)]).await;
    let asking = JoinSet::from_iter([sent(world.ask())]);
    for _ in 0..3 {
        provider.next().await.answer(529, &[JSON, ("request-id", "req_9")], BUSY);
    }
    let response = asking.join_all().await.remove(0);
    assert_eq!(response.status(), 529);
    assert_eq!(response.headers()["request-id"], "req_9");
    assert!(response.headers().get("x-should-retry").is_none(), "the agent may well try again");
    assert_eq!(read(response).await["error"]["type"], "overloaded_error");
    let call = world.call().await;
    assert_eq!((call.attempts, call.status, call.usage.output_tokens), (3, 529, 0));
}

#[tokio::test]
async fn what_only_time_can_cure_is_left_to_the_agent() {
    let limit = [("anthropic-ratelimit-unified-status", "rejected"), ("retry-after", "1")];
    let check = async |status: u16, headers: &[(&str, &str)]| {
        let mut provider = Provider::start().await;
        let world = World::start(vec![grant(ProviderKind::Anthropic, &provider.url)]).await;
        let asking = JoinSet::from_iter([sent(world.ask())]);
        provider.next().await.answer(status, headers, BUSY);
        let response = asking.join_all().await.remove(0);
        assert_eq!(response.status(), status, "{headers:?}");
        for (name, value) in headers {
            assert_eq!(response.headers()[*name], *value, "the agent shows it");
        }
        provider.nothing_more();
    };
    check(429, &limit).await;
    check(429, &[("retry-after", "3600")]).await;
    check(503, &[("x-should-retry", "false")]).await;
    check(400, &[]).await;
    check(404, &[]).await;
}

#[tokio::test]
async fn the_next_provider_of_the_same_dialect_takes_over() {
    let mut first = Provider::start().await;
    let mut second = Provider::start().await;
    let deaf = grant(ProviderKind::OpenAi, "http://127.0.0.1:1/v1");
    let mut spare = grant(ProviderKind::Anthropic, &second.url);
    spare.name = "spare".to_owned();
    let providers = vec![grant(ProviderKind::Anthropic, &first.url), deaf, spare];
    let mut world = World::start(providers).await;
    let asking = JoinSet::from_iter([sent(world.ask())]);
    // It asks for patience, and there is somebody else.
    first.next().await.answer(429, &[JSON, ("retry-after", "1")], BUSY);
    let pieces = second.next().await.stream(&[]);
    pieces.send(&event(&json!({"type": "ping"}))).await;
    let mut response = asking.join_all().await.remove(0);
    soon("a piece", response.chunk()).await.expect("it is whole so far");
    pieces.break_off().await;
    soon("the break", response.chunk()).await.expect_err("nobody begins anew in the middle");
    first.nothing_more();
    second.nothing_more();
    let call = world.call().await;
    assert_eq!((call.provider.as_str(), call.attempts), ("spare", 2));
}

#[tokio::test]
async fn a_provider_that_is_not_there_is_named() {
    let mut world = World::start(vec![grant(ProviderKind::OpenAi, "http://127.0.0.1:1")]).await;
    let response = sent(world.post("/v1/responses", &json!({"model": "m"}))).await;
    assert_eq!(response.status(), 502);
    let said = read(response).await;
    let words = said["error"]["message"].as_str().expect("words");
    assert!(words.starts_with("the provider `main` cannot be reached: "), "{words}");
    let call = world.call().await;
    assert_eq!((call.dialect, call.attempts, call.status), (Dialect::Responses, 3, 502));
}
