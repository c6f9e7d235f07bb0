//! No key, and no part of one, in anything that can be read.

use super::provider::{Provider, soon};
use super::world::{JSON, REAL_KEY, World, grant, read, sent};
use pilot_proto::project::{OauthLogin, ProviderGrant};
use pilot_proto::{ProviderKind, Secret};
use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use tokio::task::JoinSet;
use tracing_subscriber::fmt::MakeWriter;

/// All that is logged, at every level, by everybody.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().expect("no panic in here")).into_owned()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no panic in here").write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

const PROMPT: &str = "the prompt that nobody may write down";

#[tokio::test]
async fn keys_and_words_are_in_no_log_no_error_and_no_debug_output() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(log.clone())
        .finish();
    // With two of them each place that logs asks all whether they want to hear
    // it; one alone is asked on the thread that comes there first.
    let _other = tracing::Dispatch::new(tracing::subscriber::NoSubscriber::new());
    let _logging = tracing::subscriber::set_default(subscriber);

    let mut provider = Provider::start().await;
    let mut tokens = Provider::start().await;
    let oauth = OauthLogin {
        token_url: format!("{}/token", tokens.url),
        client_id: "client".to_owned(),
        refresh_token: Secret::new("refresh-secret"),
        expires_at: None,
    };
    let granted = grant(ProviderKind::Anthropic, &provider.url);
    let mut world = World::start(vec![ProviderGrant { oauth: Some(oauth), ..granted }]).await;
    let mut shown = format!("{:?}", world.gateway);

    // Refused, renewed, and then an error that repeats the key it was shown.
    let asking = JoinSet::from_iter([sent(world.ask().body(format!("{{\"x\":\"{PROMPT}\"}}")))]);
    let mut exchange = provider.next().await;
    assert!(exchange.body().await.contains(PROMPT), "the provider is told");
    exchange.answer(401, &[JSON], &format!("{{\"error\":\"{REAL_KEY} is wrong\"}}"));
    let answer = r#"{"access_token":"token-secret","refresh_token":"refresh-secret-2"}"#;
    tokens.next().await.answer(200, &[JSON], answer);
    let said = r#"{"error":{"message":"token-secret may not do this"}}"#;
    provider.next().await.answer(403, &[JSON, ("x-key", "token-secret")], said);
    let response = asking.join_all().await.remove(0);
    shown.push_str(&format!("{:?}", response.headers()));
    let said = read(response).await.to_string();
    assert!(said.contains("<redacted> may not do this"), "{said}");
    shown.push_str(&said);
    shown.push_str(&format!("{:?}", world.call().await));

    // Refused for good: vendors show a part of the key.
    let asking = JoinSet::from_iter([sent(world.ask())]);
    provider.next().await.answer(401, &[JSON], "{}");
    let refusal = r#"{"error":"invalid_grant","error_description":"refresh-secret-2"}"#;
    tokens.next().await.answer(400, &[JSON], refusal);
    let response = soon("an answer", asking.join_all()).await.remove(0);
    assert_eq!(response.status(), 401);
    shown.push_str(&response.text().await.expect("it is whole"));
    shown.push_str(&format!("{:?} {:?}", world.call().await, world.news()));

    let log = log.text();
    assert!(log.contains("a login was renewed"), "the log is captured: {log}");
    let placeholder = world.gateway.key().expose();
    for secret in [REAL_KEY, "token-secret", "refresh-secret", PROMPT] {
        assert!(!log.contains(secret), "`{secret}` is in the log");
        assert!(!shown.contains(secret), "`{secret}` is shown in {shown}");
    }
    assert!(!log.contains(placeholder), "the run's key is nobody else's business");
}

#[tokio::test]
async fn parts_of_a_refused_key_do_not_reach_the_agent() {
    let mut provider = Provider::start().await;
    let world = World::start(vec![grant(ProviderKind::OpenAi, &provider.url)]).await;
    let request = world.post("/v1/responses", &serde_json::json!({"model": "m"}));
    let asking = JoinSet::from_iter([sent(request)]);
    let said = r#"{"error":{"message":"Incorrect API key provided: sk-real-********cdef."}}"#;
    provider.next().await.answer(401, &[JSON], said);
    let response = asking.join_all().await.remove(0);
    assert_eq!(response.status(), 401);
    let said = read(response).await.to_string();
    assert!(said.contains("The provider `main` refuses the key of this run."), "{said}");
    assert!(!said.contains("sk-real") && !said.contains("cdef"), "{said}");
}
