//! What is carried for somebody else: commands as text, frames as they are.

use crate::hub::{HubDouble, Line, Says, TOKEN};
use pilot_client::{Age, Client, ClientError, Endpoint};
use pilot_proto::console::Method;
use pilot_proto::{Code, Problem, Secret};

const WATCH: &str = r#"{"type":"watch_all","watch":1}"#;

#[tokio::test]
async fn a_command_goes_out_and_comes_back_as_text() {
    let hub = HubDouble::start().await;
    let client = hub.client();
    hub.will_say(Says::new(200, r#"{"new":"words","kept":true}"#));
    let body = r#"{"text":"go on"}"#.to_owned();
    let answer =
        client.call_raw(Method::Post, "/api/tasks/x/say?a=b%20c", Some(body.clone())).await;
    assert_eq!(answer.expect("it answers"), r#"{"new":"words","kept":true}"#, "untouched");
    let asked = &hub.asked()[0];
    assert_eq!((asked.method.as_str(), asked.uri.as_str()), ("POST", "/api/tasks/x/say?a=b%20c"));
    assert_eq!(
        (asked.body.as_str(), asked.authorization.as_str()),
        (body.as_str(), format!("Bearer {TOKEN}").as_str())
    );
    hub.will_say(Says::new(409, r#"{"code":"precondition","message":"Not now."}"#));
    let refused = client.call_raw(Method::Delete, "/api/projects/x", None).await;
    let problem = Problem::from(refused.expect_err("the hub says no"));
    assert_eq!((problem.code, problem.message.as_str()), (Code::Precondition, "Not now."));
}

#[tokio::test]
async fn a_path_that_leads_elsewhere_is_not_asked_for() {
    let hub = HubDouble::start().await;
    let below = Endpoint {
        url: format!("{}/base/", hub.url()),
        token: Secret::new(TOKEN),
        fingerprint: None,
    };
    for client in [hub.client(), Client::new(&below).expect("a good endpoint")] {
        for path in [
            "/session",
            "/api/../session",
            "/api/%2e%2e/session",
            "@evil.example/api/x",
            ".evil.example/api/x",
            ":1/api/x",
            "/apis/x",
            "api/x",
            "https://evil.example/api/x",
            "",
        ] {
            let error = client.call_raw(Method::Get, path, None).await.expect_err(path);
            assert!(matches!(error, ClientError::Request { .. }), "{path}: {error:?}");
            let error = client.fetch(path, &mut Vec::new()).await.expect_err(path);
            assert!(matches!(error, ClientError::Request { .. }), "{path}: {error:?}");
        }
    }
    assert_eq!(hub.asked(), []);
    hub.will_say(Says::new(200, "[]"));
    let client = Client::new(&below).expect("a good endpoint");
    client.call_raw(Method::Get, "/api/tasks", None).await.expect("it answers");
    assert_eq!(hub.asked()[0].uri, "/base/api/tasks");
}

#[tokio::test]
async fn bytes_are_fetched_with_what_they_are() {
    let hub = HubDouble::start().await;
    hub.will_say(Says::new(200, "picture"));
    let mut bytes = Vec::new();
    let fetched = hub.client().fetch("/api/tasks/x/blobs/y", &mut bytes).await.expect("fetches");
    assert_eq!((bytes.as_slice(), fetched.size), (&b"picture"[..], 7));
    assert_eq!(fetched.media_type, "application/octet-stream");
}

#[tokio::test]
async fn a_hub_that_does_not_know_us_or_our_commands_is_told_from_others() {
    let hub = HubDouble::start().await;
    let client = hub.client();
    let ask = async |status, body: &str| {
        hub.will_say(Says::new(status, body));
        client.call_raw(Method::Get, "/api/new", None).await.expect_err("the hub says no")
    };
    let error = ask(401, r#"{"code":"unauthorized","message":"Who?"}"#).await;
    assert!(matches!(error, ClientError::Unauthorized { .. }), "{error:?}");
    assert_eq!(Problem::from(error).message, "Who?", "in its own words");
    for (status, body) in [
        (404, r#"{"code":"not_found","message":"There is nothing here."}"#),
        (404, r#"{"code":"version","message":"Unknown."}"#),
        (405, r#"{"code":"invalid","message":"This path does not take that method."}"#),
    ] {
        let error = ask(status, body).await;
        assert!(
            matches!(&error, ClientError::Older { what, .. } if what == "/api/new"),
            "{error:?}"
        );
        assert_eq!(Problem::from(error).code, Code::Version);
    }
    let error = ask(404, r#"{"code":"not_found","message":"There is no task `x`."}"#).await;
    assert!(matches!(error, ClientError::Refused(_)), "{error:?}");
}

#[tokio::test]
async fn a_hub_is_greeted_and_its_age_is_known() {
    let hub = HubDouble::start().await;
    for (build, age) in
        [(env!("CARGO_PKG_VERSION"), Age::Same), ("0.0.1", Age::Older), ("999.0.0", Age::Newer)]
    {
        let info = format!(r#"{{"build":"{build}","runner_version":1,"you":"me","role":"admin"}}"#);
        hub.will_say(Says::new(200, &info));
        let greeting = hub.client().greet().await.expect("it answers");
        assert_eq!((greeting.age, greeting.info.you.as_str()), (age, "me"), "{build}");
    }
}

#[tokio::test]
async fn frames_pass_as_they_are_until_the_hub_ends_it() {
    let hub = HubDouble::start().await;
    let said = [r#"{"type":"from a newer hub","x":[1]}"#.to_owned(), "no JSON at all".to_owned()];
    hub.will_play([Line::Say(said.to_vec())]);
    let mut frames = hub.client().frames().await.expect("connects");
    frames.send(WATCH.to_owned()).await.expect("sends");
    for text in &said {
        assert_eq!(frames.next().await.expect("open").as_ref(), Some(text), "untouched, in order");
    }
    frames.close().await;
    assert_eq!(hub.watched().len(), 1, "the hub heard what was said");

    hub.will_play([Line::Play { seqs: vec![1], end: false, stay: false }]);
    let mut frames = hub.client().frames().await.expect("connects");
    frames.send(WATCH.to_owned()).await.expect("sends");
    let mut seen = 0;
    while let Ok(Some(_)) = frames.next().await {
        seen += 1;
    }
    assert_eq!(seen, 2, "the watch, the record, and then the end");

    let refusal = r#"{"code":"unauthorized","message":"Who?"}"#;
    hub.will_play([Line::Refuse(Says::new(401, refusal))]);
    let error = hub.client().frames().await.expect_err("the hub says no");
    assert!(matches!(error, ClientError::Unauthorized { .. }), "{error:?}");
}
