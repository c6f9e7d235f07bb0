//! Money: it stops an agent in the middle of a turn, and lets it go on.

use super::provider::{Provider, event, soon};
use super::world::{JSON, Setup, World, grant, price, read, sent, whole};
use pilot_egress::model::News;
use pilot_proto::ProviderKind;
use pilot_proto::model::Dialect;
use serde_json::{Value, json};
use tokio::task::JoinSet;

fn with_budget(micros: u64) -> Setup {
    Setup { budget: Some(micros), prices: vec![price()], ..Setup::default() }
}

#[tokio::test]
async fn a_used_up_budget_refuses_calls_until_it_is_raised() {
    let mut provider = Provider::start().await;
    let granted = grant(ProviderKind::Anthropic, &provider.url);
    let mut world = World::with(vec![granted], with_budget(1_500_000)).await;
    let asking = JoinSet::from_iter([sent(world.ask())]);
    provider.next().await.answer(200, &[JSON], &whole(1_000_000, 60_000));
    assert_eq!(asking.join_all().await[0].status(), 200, "what has begun is not taken away");
    assert_eq!(world.call().await.usage.cost_micros, Some(1_600_000));

    for _ in 0..2 {
        let response = sent(world.ask()).await;
        assert_eq!(response.status(), 400);
        assert_eq!(response.headers()["x-should-retry"], "false", "or it asks for ever");
        let said = read(response).await;
        assert_eq!(said["error"]["type"], "invalid_request_error");
        let words = said["error"]["message"].as_str().expect("words");
        assert!(words.starts_with("The budget of this task ($1.50) is used up."), "{words}");
        assert_eq!(world.call().await.problem.as_deref(), Some("the budget is used up"));
    }
    provider.nothing_more();
    let news = [News::BudgetReached { spent_micros: 1_600_000, budget_micros: 1_500_000 }];
    assert_eq!(world.news(), news, "told once");

    world.gateway.raise_budget(3_000_000);
    let asking = JoinSet::from_iter([sent(world.ask())]);
    provider.next().await.answer(200, &[JSON], &whole(1, 1));
    assert_eq!(asking.join_all().await[0].status(), 200, "the same agent goes on");
    assert_eq!(world.gateway.spent().task_micros, 1_600_011);
}

/// The events of a stream that writes text until it is cut off.
fn text(dialect: Dialect, text: &str) -> String {
    match dialect {
        Dialect::Anthropic => {
            event(&json!({"type": "content_block_delta", "delta": {"text": text}}))
        }
        Dialect::Responses => event(&json!({"type": "response.output_text.delta", "delta": text})),
        Dialect::Chat => {
            let choices = json!([{"delta": {"content": text}}]);
            format!("data: {}\n\n", json!({"model": "m-1", "choices": choices}))
        }
        Dialect::Gemini => {
            let candidates = json!([{"content": {"parts": [{"text": text}]}}]);
            format!("data: {}\n\n", json!({"modelVersion": "m-1", "candidates": candidates}))
        }
        Dialect::Ollama | Dialect::Unknown => {
            let message = json!({"content": text});
            format!("{}\n", json!({"model": "m-1", "message": message, "done": false}))
        }
    }
}

#[tokio::test]
async fn a_call_is_cut_off_where_its_estimate_passes_the_budget() {
    let check = async |kind, dialect, path: &str, error: &str| {
        let mut provider = Provider::start().await;
        // 25 tokens written, which are a hundred bytes of text.
        let world = World::with(vec![grant(kind, &provider.url)], with_budget(250)).await;
        let asking = JoinSet::from_iter([sent(world.post(path, &json!({"model": "m-1"})))]);
        let lines = dialect == Dialect::Ollama;
        let kind = if lines { "application/x-ndjson" } else { "text/event-stream" };
        let pieces = provider.next().await.stream_of(kind, &[]);
        let fits = text(dialect, &"x".repeat(100));
        pieces.send(&fits).await;
        let mut response = asking.join_all().await.remove(0);
        let first = soon("a piece", response.chunk()).await.expect("whole").expect("more");
        assert_eq!(first, fits, "exactly the budget may be spent");
        // Half of an event is never left in front of the error.
        let over = text(dialect, "too much");
        pieces.send(&format!("{over}{}", &over[..over.len() / 2])).await;
        pieces.cancelled().await;
        let rest = soon("the end", response.text()).await.expect("the stream ends properly");
        let said = rest.strip_prefix(&over).expect("what came before it is passed on");
        let json = said.lines().find_map(|line| {
            serde_json::from_str::<Value>(line.strip_prefix("data: ").unwrap_or(line)).ok()
        });
        let json = json.unwrap_or_else(|| panic!("{dialect:?} says {said}"));
        let words = json.pointer(error).and_then(Value::as_str).unwrap_or_default();
        assert!(words.starts_with("The budget of this task"), "{dialect:?} says {said}");
        assert_eq!(world.news().len(), 1, "{dialect:?}");
        assert_eq!(sent(world.post(path, &json!({}))).await.status(), 400, "{dialect:?}");
    };
    use ProviderKind::{Anthropic, Gemini, Ollama, OpenAi};
    let plain = "/error/message";
    check(Anthropic, Dialect::Anthropic, "/v1/messages", plain).await;
    check(OpenAi, Dialect::Responses, "/v1/responses", "/response/error/message").await;
    check(OpenAi, Dialect::Chat, "/v1/chat/completions", plain).await;
    let gemini = "/v1beta/models/m-1:streamGenerateContent";
    check(Gemini, Dialect::Gemini, gemini, plain).await;
    check(Ollama, Dialect::Ollama, "/api/chat", "/error").await;
}

#[tokio::test]
async fn each_vendors_client_is_refused_in_its_own_words() {
    let check = async |kind, path: &str, expected: Value| {
        let world = World::with(vec![grant(kind, "http://127.0.0.1:1")], with_budget(0)).await;
        let response = sent(world.post(path, &json!({"model": "m-1"}))).await;
        assert_eq!(response.status(), 400, "{path}");
        let mut said = read(response).await;
        let words = if said["error"].is_string() {
            said["error"].take()
        } else {
            said["error"]["message"].take()
        };
        assert!(words.as_str().expect("words").contains("($0.00) is used up"), "{words}");
        assert_eq!(said, expected, "{path}");
    };
    use ProviderKind::{Anthropic, Gemini, Ollama, OpenAi};
    let anthropic = json!({
        "type": "error", "error": {"type": "invalid_request_error", "message": null},
    });
    check(Anthropic, "/v1/messages", anthropic).await;
    let mut openai = json!({"error": {
        "type": "invalid_request_error", "message": null, "param": null, "code": null,
    }});
    check(OpenAi, "/v1/responses", openai.clone()).await;
    openai["error"]["code"] = "budget_reached".into();
    check(OpenAi, "/v1/chat/completions", openai).await;
    let gemini = json!({"error": {
        "code": 400, "message": null, "status": "FAILED_PRECONDITION",
    }});
    check(Gemini, "/v1beta/models/m-1:generateContent", gemini).await;
    check(Ollama, "/api/chat", json!({"error": null})).await;
}

#[tokio::test]
async fn calls_that_nobody_takes_are_counted_and_their_money_is_not_lost() {
    let mut provider = Provider::start().await;
    let setup = Setup { calls: 1, ..with_budget(1_000) };
    let world = World::with(vec![grant(ProviderKind::Anthropic, &provider.url)], setup).await;
    for _ in 0..3 {
        let asking = JoinSet::from_iter([sent(world.ask())]);
        provider.next().await.answer(200, &[JSON], &whole(5, 1));
        let response = asking.join_all().await.remove(0);
        soon("the end", response.bytes()).await.expect("it is whole");
    }
    let spent = world.gateway.spent();
    assert_eq!((spent.calls, spent.calls_lost, spent.task_micros), (3, 2, 45));
}
