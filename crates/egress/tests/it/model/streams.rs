//! Answers pass through as they come, and requests as long as they are.

use super::provider::{Provider, event, soon};
use super::world::{JSON, REAL_KEY, World, grant, read, sent, whole};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use pilot_proto::ProviderKind;
use pilot_proto::model::Dialect;
use pilot_proto::project::ProviderLogin;
use pilot_proto::run::Usage;
use serde_json::json;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const START: &str = r#"{"type":"message_start","message":{"model":"m-1","usage":{"input_tokens":100,"cache_read_input_tokens":50,"output_tokens":1}}}"#;
const END: &str = r#"{"type":"message_delta","delta":{},"usage":{"output_tokens":20}}"#;

#[tokio::test]
async fn every_piece_of_an_answer_arrives_before_the_next_is_sent() {
    let mut provider = Provider::start().await;
    let mut world = World::start(vec![grant(ProviderKind::Anthropic, &provider.url)]).await;
    let request = world.ask().header("accept-encoding", "gzip").header("x-app", "cli");
    let asking = tokio::task::JoinSet::from_iter([sent(request)]);

    let mut exchange = provider.next().await;
    assert_eq!(exchange.path(), "/v1/messages?beta=true");
    assert_eq!(exchange.header("x-api-key"), Some(REAL_KEY));
    assert_eq!(exchange.header("x-app"), Some("cli"), "what the vendor's client says is passed on");
    assert_eq!(exchange.header("accept-encoding"), Some("identity"), "the meter has to read");
    assert_eq!(exchange.header("authorization"), None);
    let placeholder = world.gateway.key().expose();
    assert!(!format!("{:?}", exchange.request).contains(placeholder), "it stays here");
    assert_eq!(exchange.body().await, r#"{"model":"m-asked","stream":true}"#, "byte for byte");

    let pieces = exchange.stream(&[
        ("anthropic-ratelimit-unified-status", "allowed_warning"),
        ("request-id", "req_1"),
        ("set-cookie", "session=1"),
    ]);
    // Cut in the middle of an event: the gateway does not wait for its end.
    let start = event(&serde_json::from_str(START).expect("JSON"));
    pieces.send(&start[..40]).await;
    let mut response = asking.join_all().await.remove(0);
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["anthropic-ratelimit-unified-status"], "allowed_warning");
    assert_eq!(response.headers()["request-id"], "req_1");
    assert!(response.headers().get("set-cookie").is_none(), "no session of ours goes in");
    for (sent, next) in [(&start[..40], &start[40..]), (&start[40..], ""), ("", "")] {
        if sent.is_empty() {
            break;
        }
        let piece = soon("a piece", response.chunk()).await.expect("it is whole").expect("more");
        assert_eq!(piece, Bytes::copy_from_slice(sent.as_bytes()));
        if !next.is_empty() {
            pieces.send(next).await;
        }
    }
    let end = event(&serde_json::from_str(END).expect("JSON"));
    pieces.send(&end).await;
    assert_eq!(soon("a piece", response.chunk()).await.expect("whole").expect("more"), end);
    drop(pieces);
    assert_eq!(soon("the end", response.chunk()).await.expect("it is whole"), None);

    let call = world.call().await;
    let usage = Usage {
        input_tokens: 100,
        output_tokens: 20,
        cache_read_tokens: 50,
        cache_write_tokens: 0,
        // 100 + 200 + 5.
        cost_micros: Some(305),
    };
    assert_eq!(call.usage, usage);
    assert_eq!((call.model.as_str(), call.provider.as_str()), ("m-1", "main"));
    assert_eq!((call.dialect, call.status, call.attempts), (Dialect::Anthropic, 200, 1));
    assert_eq!(call.problem, None);
    assert_eq!(world.gateway.spent().run, usage);
    assert_eq!(world.gateway.spent().turn, usage);
}

#[tokio::test]
async fn each_vendor_is_asked_its_own_way() {
    use ProviderKind::{Anthropic, Gemini, Ollama, OpenAi};
    let gemini = "/v1beta/models/m-1:streamGenerateContent?alt=sse&key=";
    let check = async |kind, login, base: &str, path: &str, expected: &str, header, dialect| {
        let mut provider = Provider::start().await;
        let url = format!("{}{base}", provider.url);
        let mut granted = grant(kind, &url);
        granted.login = login;
        let mut world = World::start(vec![granted]).await;
        let path = path.replace("&key=", &format!("&key={}", world.gateway.key().expose()));
        let body = json!({"model": "m-1"}).to_string();
        // As each vendor's client shows its key.
        let request = world.client.post(world.url(&path)).body(body);
        let key = world.gateway.key().expose();
        let request = match kind {
            Anthropic => request.header("x-api-key", key),
            OpenAi | Ollama => request.bearer_auth(key),
            Gemini => request,
        };
        let asking = tokio::task::JoinSet::from_iter([sent(request)]);
        let exchange = provider.next().await;
        assert_eq!(exchange.path(), expected, "{kind:?} at `{base}`");
        let (name, scheme) = header;
        assert_eq!(exchange.header(name), Some(format!("{scheme}{REAL_KEY}").as_str()), "{kind:?}");
        exchange.answer(200, &[JSON], "{}");
        assert_eq!(asking.join_all().await[0].status(), 200);
        let call = world.call().await;
        assert_eq!((call.dialect, call.model.as_str()), (dialect, "m-1"), "{path}");
    };
    let key = ProviderLogin::Key;
    let bearer = ("authorization", "Bearer ");
    let anthropic = "/v1/messages";
    check(Anthropic, key, "", anthropic, anthropic, ("x-api-key", ""), Dialect::Anthropic).await;
    check(Anthropic, key, "/v1", anthropic, anthropic, ("x-api-key", ""), Dialect::Anthropic).await;
    let login = ProviderLogin::Bearer;
    check(Anthropic, login, "/x", anthropic, "/x/v1/messages", bearer, Dialect::Anthropic).await;
    let responses = "/v1/responses";
    check(OpenAi, key, "", responses, responses, bearer, Dialect::Responses).await;
    check(OpenAi, key, "/api/v1", responses, "/api/v1/responses", bearer, Dialect::Responses).await;
    let chat = "/v1/chat/completions";
    check(OpenAi, key, "/openai", chat, "/openai/chat/completions", bearer, Dialect::Chat).await;
    let google = ("x-goog-api-key", "");
    let asked = "/v1beta/models/m-1:streamGenerateContent?alt=sse";
    check(Gemini, key, "", gemini, asked, google, Dialect::Gemini).await;
    check(Gemini, login, "/v1beta", gemini, asked, bearer, Dialect::Gemini).await;
    check(Ollama, key, "", "/api/chat", "/api/chat", bearer, Dialect::Ollama).await;
    check(Ollama, key, "/v1", chat, chat, bearer, Dialect::Chat).await;
}

#[tokio::test]
async fn what_is_no_call_of_this_run_is_refused_in_words() {
    let mut provider = Provider::start().await;
    let world = World::start(vec![grant(ProviderKind::OpenAi, &provider.url)]).await;
    let key = world.gateway.key().expose().to_owned();
    let check = async |request: reqwest::RequestBuilder, status, words: &str| {
        let response = sent(request).await;
        assert_eq!(response.status(), status, "{words}");
        let should = response.headers().get("x-should-retry");
        assert_eq!(should.map(|value| value.as_bytes()), Some(&b"false"[..]), "{words}");
        let said = read(response).await;
        assert!(said["error"]["message"].as_str().expect("words").contains(words), "{said}");
    };
    let post = |path: &str| world.client.post(world.url(path)).body("{}");
    check(post("/v1/responses"), 401, "only that run's key").await;
    check(post("/v1/responses").bearer_auth("sk-other"), 401, "only that run's key").await;
    check(post("/v1/files").bearer_auth(&key), 404, "no `POST /v1/files`").await;
    check(post("/v1/messages").bearer_auth(&key), 404, "speaks Anthropic Messages").await;
    let socket = world.client.get(world.url("/v1/responses")).bearer_auth(&key);
    check(socket.header("upgrade", "websocket"), 426, "HTTP/1.1 only").await;
    provider.nothing_more();
    assert_eq!(world.gateway.spent().calls, 0);
}

#[tokio::test]
async fn free_calls_are_passed_on_and_not_told() {
    let mut provider = Provider::start().await;
    let world = World::start(vec![grant(ProviderKind::Anthropic, &provider.url)]).await;
    let request = world.post("/v1/messages/count_tokens", &json!({"model": "m"}));
    let asking = tokio::task::JoinSet::from_iter([sent(request)]);
    let exchange = provider.next().await;
    assert_eq!(exchange.path(), "/v1/messages/count_tokens");
    exchange.answer(200, &[JSON], r#"{"input_tokens":7}"#);
    let answer = asking.join_all().await.remove(0);
    assert_eq!(answer.headers()["content-length"], "18");
    assert_eq!(read(answer).await, json!({"input_tokens": 7}));
    assert_eq!(world.gateway.spent().calls, 0);
}

#[tokio::test]
async fn any_stream_of_bytes_is_a_connection() {
    let mut provider = Provider::start().await;
    let world = World::start(vec![grant(ProviderKind::Anthropic, &provider.url)]).await;
    let (mut agent, gate) = tokio::io::duplex(1024);
    let gateway = world.gateway.clone();
    let serving = tokio::task::JoinSet::from_iter([async move { gateway.serve(gate).await }]);
    let key = world.gateway.key().expose();
    let request = format!(
        "POST /v1/messages HTTP/1.1\r\nhost: x\r\nx-api-key: {key}\r\nconnection: close\r\n\
        content-length: 2\r\n\r\n{{}}"
    );
    agent.write_all(request.as_bytes()).await.expect("it is served");
    provider.next().await.answer(200, &[JSON], &whole(1, 1));
    let mut said = String::new();
    soon("the answer", agent.read_to_string(&mut said)).await.expect("it is served");
    assert!(said.starts_with("HTTP/1.1 200 OK\r\n"), "{said}");
    serving.join_all().await;
}

#[tokio::test]
async fn an_agent_that_hangs_up_cancels_its_call() {
    let mut provider = Provider::start().await;
    let mut world = World::start(vec![grant(ProviderKind::Anthropic, &provider.url)]).await;
    let asking = tokio::task::JoinSet::from_iter([sent(world.ask())]);
    let pieces = provider.next().await.stream(&[]);
    pieces.send(&event(&serde_json::from_str(START).expect("JSON"))).await;
    let mut response = asking.join_all().await.remove(0);
    soon("a piece", response.chunk()).await.expect("it is whole");
    let text = json!({"type": "content_block_delta", "delta": {"text": "12345678"}});
    pieces.send(&event(&text)).await;
    soon("a piece", response.chunk()).await.expect("it is whole");
    drop(response);
    pieces.cancelled().await;
    let call = world.call().await;
    // 100 and 5 for what was read; two tokens were written.
    assert_eq!(call.usage.cost_micros, Some(125), "what was used is paid for");
    assert!(call.problem.expect("a problem").contains("hung up"));
    assert_eq!(world.gateway.spent().task_micros, 125);
}

#[tokio::test]
async fn an_agent_that_hangs_up_before_the_answer_cancels_its_call_too() {
    let mut provider = Provider::start().await;
    let mut world = World::start(vec![grant(ProviderKind::Anthropic, &provider.url)]).await;
    let mut asking = tokio::task::JoinSet::from_iter([sent(world.ask())]);
    let exchange = provider.next().await;
    asking.abort_all();
    while asking.join_next().await.is_some() {}
    let call = world.call().await;
    assert_eq!((call.status, call.usage.output_tokens), (499, 0));
    exchange.stream(&[]).cancelled().await;
}

#[tokio::test]
async fn a_provider_that_breaks_off_breaks_off_the_agents_answer() {
    let mut provider = Provider::start().await;
    let mut world = World::start(vec![grant(ProviderKind::Anthropic, &provider.url)]).await;
    let asking = tokio::task::JoinSet::from_iter([sent(world.ask())]);
    let pieces = provider.next().await.stream(&[]);
    pieces.send(&event(&serde_json::from_str(START).expect("JSON"))).await;
    let mut response = asking.join_all().await.remove(0);
    soon("a piece", response.chunk()).await.expect("it is whole so far");
    pieces.break_off().await;
    soon("the break", response.chunk()).await.expect_err("half an answer is not a whole one");
    let call = world.call().await;
    assert!(call.problem.expect("a problem").contains("broke off"));
    provider.nothing_more();
}

/// Bytes that fit into the sockets' buffers between the two ends, with room.
const IN_BETWEEN: usize = 24 * 1024 * 1024;

#[tokio::test]
async fn a_request_of_any_length_passes_through_bounded_memory() {
    const TOTAL: usize = 96 * 1024 * 1024;
    const PIECE: usize = 64 * 1024;
    let mut provider = Provider::start().await;
    let world = World::start(vec![grant(ProviderKind::Anthropic, &provider.url)]).await;
    let produced = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&produced);
    let piece = Bytes::from(vec![b'x'; PIECE]);
    let body = stream::iter(0..TOTAL / PIECE).map(move |_| {
        counted.fetch_add(PIECE, Ordering::SeqCst);
        Ok::<_, io::Error>(piece.clone())
    });
    let request = world.ask().body(reqwest::Body::wrap_stream(body));
    let asking = tokio::task::JoinSet::from_iter([sent(request)]);
    let mut exchange = provider.next().await;
    // Nobody reads: it has to come to a halt long before its end.
    let mut before = 0;
    loop {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let now = produced.load(Ordering::SeqCst);
        if now == before {
            break;
        }
        before = now;
    }
    assert!(before < IN_BETWEEN, "{before} bytes were taken in and not passed on");
    let read = exchange.body().await;
    assert_eq!(read.len(), TOTAL, "nothing is lost");
    exchange.answer(200, &[JSON], &whole(1, 1));
    assert_eq!(asking.join_all().await[0].status(), 200);
}
