//! Logins that end while a run goes on.

use super::provider::{Exchange, Provider, soon};
use super::world::{JSON, REAL_KEY, World, grant, read, sent, whole};
use pilot_egress::model::News;
use pilot_proto::project::{OauthLogin, ProviderGrant};
use pilot_proto::{ProviderKind, Secret};
use serde_json::json;
use std::time::Duration;
use tokio::task::JoinSet;

const HOUR: Duration = Duration::from_secs(3600);

fn with_login(provider: &Provider, tokens: &Provider) -> ProviderGrant {
    let oauth = OauthLogin {
        token_url: format!("{}/token", tokens.url),
        client_id: "client".to_owned(),
        refresh_token: Secret::new("refresh-1"),
        expires_at: None,
    };
    let granted = grant(ProviderKind::Anthropic, &provider.url);
    ProviderGrant { oauth: Some(oauth), ..granted }
}

fn shown(exchange: &Exchange) -> &str {
    assert_eq!(exchange.header("x-api-key"), None, "a token is no key");
    exchange.header("authorization").expect("a bearer token").strip_prefix("Bearer ").expect("so")
}

/// Answers a renewal (RFC 6749 §5.1), after a look at it (§6).
async fn renew(tokens: &mut Provider, old: &str, number: u32) {
    let mut exchange = tokens.next().await;
    assert_eq!(exchange.path(), "/token");
    assert_eq!(exchange.header("content-type"), Some("application/x-www-form-urlencoded"));
    let form = exchange.body().await;
    assert_eq!(form, format!("grant_type=refresh_token&refresh_token={old}&client_id=client"));
    let answer = json!({
        "access_token": format!("token-{number}"),
        "token_type": "Bearer",
        "expires_in": 3600,
        "refresh_token": format!("refresh-{number}"),
    });
    exchange.answer(200, &[JSON], &answer.to_string());
}

#[tokio::test]
async fn a_run_crosses_the_end_of_its_one_hour_token() {
    let mut provider = Provider::start().await;
    let mut tokens = Provider::start().await;
    let mut granted = with_login(&provider, &tokens);
    let world = World::start(Vec::new()).await;
    let end = world.now().after(HOUR);
    granted.oauth.as_mut().expect("it has one").expires_at = Some(end);
    let world = World::start(vec![granted]).await;

    let asking = JoinSet::from_iter([sent(world.ask())]);
    let exchange = provider.next().await;
    assert_eq!(shown(&exchange), REAL_KEY, "it is good for an hour");
    exchange.answer(200, &[JSON], &whole(1, 1));
    asking.join_all().await;
    assert_eq!(world.news(), []);

    world.advance(HOUR - Duration::from_secs(30));
    let asking = JoinSet::from_iter([sent(world.ask())]);
    renew(&mut tokens, "refresh-1", 2).await;
    let exchange = provider.next().await;
    assert_eq!(shown(&exchange), "token-2", "renewed before it ends, not after");
    exchange.answer(200, &[JSON], &whole(1, 1));
    asking.join_all().await;
    let news = world.news();
    let [News::Renewed { provider: name, key, oauth }] = news.as_slice() else {
        panic!("the owner keeps the new login: {news:?}")
    };
    assert_eq!((name.as_str(), key.expose()), ("main", "token-2"));
    assert_eq!(oauth.refresh_token.expose(), "refresh-2", "the old one may be gone");
    assert_eq!(oauth.expires_at, Some(world.now().after(HOUR)));

    // And once more, with the token that came with the last one.
    world.advance(HOUR);
    let asking = JoinSet::from_iter([sent(world.ask())]);
    renew(&mut tokens, "refresh-2", 3).await;
    let exchange = provider.next().await;
    assert_eq!(shown(&exchange), "token-3");
    exchange.answer(200, &[JSON], &whole(1, 1));
    asking.join_all().await;
}

#[tokio::test]
async fn a_refused_token_is_renewed_once() {
    let mut provider = Provider::start().await;
    let mut tokens = Provider::start().await;
    let mut world = World::start(vec![with_login(&provider, &tokens)]).await;
    let asking = JoinSet::from_iter([sent(world.ask())]);
    let mut exchange = provider.next().await;
    let asked = exchange.body().await;
    exchange.answer(401, &[JSON], "{}");
    renew(&mut tokens, "refresh-1", 2).await;
    let mut exchange = provider.next().await;
    assert_eq!(shown(&exchange), "token-2");
    assert_eq!(exchange.body().await, asked);
    exchange.answer(401, &[JSON], "{}");
    let response = asking.join_all().await.remove(0);
    assert_eq!(response.status(), 401, "a second refusal is final");
    tokens.nothing_more();
    assert_eq!(world.call().await.attempts, 2);
}

#[tokio::test]
async fn calls_that_need_a_new_token_together_renew_it_once() {
    let mut provider = Provider::start().await;
    let mut tokens = Provider::start().await;
    let world = World::start(vec![with_login(&provider, &tokens)]).await;
    let asking = JoinSet::from_iter([sent(world.ask()), sent(world.ask()), sent(world.ask())]);
    // All three are refused the same token before any of them can renew it.
    let mut refused = Vec::new();
    for _ in 0..3 {
        refused.push(provider.next().await);
    }
    for exchange in refused {
        assert_eq!(shown(&exchange), REAL_KEY);
        exchange.answer(401, &[JSON], "{}");
    }
    renew(&mut tokens, "refresh-1", 2).await;
    for _ in 0..3 {
        let exchange = provider.next().await;
        assert_eq!(shown(&exchange), "token-2");
        exchange.answer(200, &[JSON], &whole(1, 1));
    }
    assert!(asking.join_all().await.iter().all(|response| response.status() == 200));
    tokens.nothing_more();
    assert_eq!(world.news().len(), 1, "one new login to keep");
}

#[tokio::test]
async fn a_login_that_has_ended_is_said_and_not_asked_for_again() {
    let mut provider = Provider::start().await;
    let mut tokens = Provider::start().await;
    let mut granted = with_login(&provider, &tokens);
    // Nothing but a refresh token.
    granted.key = Secret::default();
    let mut world = World::start(vec![granted]).await;
    let asking = JoinSet::from_iter([sent(world.ask())]);
    let refusal = r#"{"error":"invalid_grant","error_description":"refresh-1 was used"}"#;
    tokens.next().await.answer(400, &[JSON], refusal);
    let response = asking.join_all().await.remove(0);
    assert_eq!(response.status(), 401);
    let said = read(response).await["error"]["message"].to_string();
    assert!(said.contains("Log in again"), "{said}");
    assert!(said.contains("invalid_grant") && !said.contains("refresh-1"), "{said}");
    assert_eq!(sent(world.ask()).await.status(), 401);
    tokens.nothing_more();
    provider.nothing_more();
    assert_eq!(world.call().await.status, 401);
}

#[tokio::test]
async fn a_renewal_that_does_not_work_yet_leaves_the_token_in_use_until_it_ends() {
    let mut provider = Provider::start().await;
    let mut tokens = Provider::start().await;
    let mut granted = with_login(&provider, &tokens);
    let end = World::start(Vec::new()).await.now().after(Duration::from_secs(30));
    granted.oauth.as_mut().expect("it has one").expires_at = Some(end);
    let world = World::start(vec![granted]).await;
    let asking = JoinSet::from_iter([sent(world.ask())]);
    tokens.next().await.answer(503, &[JSON], "{}");
    let exchange = provider.next().await;
    assert_eq!(shown(&exchange), REAL_KEY, "it still has half a minute");
    exchange.answer(200, &[JSON], &whole(1, 1));
    assert_eq!(asking.join_all().await[0].status(), 200);

    world.advance(Duration::from_secs(31));
    let asking = JoinSet::from_iter([sent(world.ask())]);
    tokens.next().await.answer(503, &[JSON], "{}");
    assert_eq!(asking.join_all().await[0].status(), 502, "now it has ended, and may come back");
    provider.nothing_more();
}

#[tokio::test]
async fn an_agent_that_hangs_up_does_not_lose_a_new_login() {
    let provider = Provider::start().await;
    let mut tokens = Provider::start().await;
    let mut granted = with_login(&provider, &tokens);
    granted.key = Secret::default();
    let mut world = World::start(vec![granted]).await;
    let mut asking = JoinSet::from_iter([sent(world.ask())]);
    let renewal = tokens.next().await;
    asking.abort_all();
    while asking.join_next().await.is_some() {}
    // The gateway has noticed.
    assert_eq!(world.call().await.status, 499);
    let answer = json!({"access_token": "token-2", "refresh_token": "refresh-2"});
    renewal.answer(200, &[JSON], &answer.to_string());
    soon("the renewal", world.gateway.finish()).await;
    assert_eq!(world.news().len(), 1, "the new login is kept");
}
