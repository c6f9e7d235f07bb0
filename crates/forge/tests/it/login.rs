//! Logins against the doubles: in a browser, by a code, renewed, and as a
//! GitHub App.

use crate::gitea::SITE;
use pilot_forge::login::{
    Application, Browser, Device, Installation, LoginError, Tokens, app_jwt, app_token, renew,
};
use pilot_forge::{Credential, Reach, connect_with};
use pilot_proto::{ForgeKind, Secret};
use pilot_testkit::forge::ForgeDouble;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use url::Url;

const SOON: Duration = Duration::from_secs(60);

fn application() -> Application {
    Application { client_id: "pilothouse".to_owned(), client_secret: None }
}

async fn double(kind: ForgeKind) -> ForgeDouble {
    let double = ForgeDouble::start_as(kind, "/forge").await;
    double.repository(SITE);
    double.application("pilothouse", "alice");
    double
}

/// A browser: asks for a page, and the redirect it is answered with.
async fn open(url: &Url) -> (String, Option<Url>) {
    let port = url.port().expect("a port of loopback");
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.expect("somebody listens");
    let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
    let request = format!(
        "GET {}{query} HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n",
        url.path()
    );
    stream.write_all(request.as_bytes()).await.expect("it listens");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("it answers");
    let location = answer.lines().find_map(|line| line.strip_prefix("location: "));
    let location = location.and_then(|to| Url::parse(to.trim()).ok());
    (answer, location)
}

async fn who(double: &ForgeDouble, tokens: &Tokens) -> String {
    let credential = Credential::Login(tokens.access.clone());
    let forge = connect_with(double.kind(), &double.url(), &credential, &Reach::default());
    forge.expect("a good address").check().await.expect("the token is good").login
}

#[tokio::test]
async fn a_browser_comes_back_with_a_login_that_can_be_renewed_once() {
    for kind in [ForgeKind::Gitea, ForgeKind::Forgejo, ForgeKind::GitLab] {
        let (double, reach) = (double(kind).await, Reach::default());
        let login = Browser::begin(kind, &double.url(), &application(), 0, &reach).await;
        let login = login.expect("the port can be opened");
        let page = login.page().clone();
        let (_, back) = open(&page).await;
        let back = back.expect("the forge sends the browser back");
        let port = back.port().expect("to our port");
        let ours = Url::parse(&format!("http://127.0.0.1:{port}/")).expect("a URL");
        let (tokens, ()) = tokio::join!(login.wait(SOON), async {
            // What else calls there changes nothing.
            let (answer, _) = open(&ours.join("favicon.ico").expect("a URL")).await;
            assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
            let (answer, _) = open(&ours.join("callback?code=x&state=wrong").expect("a URL")).await;
            assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
            let (answer, _) = open(&back).await;
            assert!(answer.contains("You are logged in"), "{answer}");
        });
        let tokens = tokens.expect("the login succeeds");
        assert_eq!(who(&double, &tokens).await, "alice");
        assert_eq!(tokens.expires_in, Some(Duration::from_secs(3600)));

        let refresh = tokens.refresh.expect("it can be renewed");
        let renewed = renew(kind, &double.url(), &application(), &refresh, &reach).await;
        let renewed = renewed.expect("it is renewed");
        assert_eq!(who(&double, &renewed).await, "alice");
        let error = renew(kind, &double.url(), &application(), &refresh, &reach).await;
        let error = error.expect_err("the old one is used up");
        assert!(matches!(error, LoginError::Refused(_)), "{error:?}");
        let shown = format!("{error:?} {error} {renewed:?}");
        assert!(!shown.contains(refresh.expose()), "{shown}");
    }
}

#[tokio::test]
async fn a_login_that_nobody_answers_or_that_is_refused_ends() {
    let (double, reach) = (double(ForgeKind::Gitea).await, Reach::default());
    let nowhere = "http://127.0.0.1:1";
    let login = Browser::begin(ForgeKind::Gitea, nowhere, &application(), 0, &reach).await;
    let login = login.expect("the port can be opened");
    let error = login.wait(Duration::from_millis(20)).await.expect_err("nobody comes");
    assert!(matches!(error, LoginError::TimedOut), "{error:?}");

    let login = Browser::begin(ForgeKind::Gitea, &double.url(), &application(), 0, &reach).await;
    let login = login.expect("the port can be opened");
    // A page that lost the challenge: the forge sends an error back.
    let mut page = login.page().clone();
    let kept: Vec<_> = page
        .query_pairs()
        .filter(|(name, _)| !name.contains("challenge"))
        .map(|(a, b)| (a.into_owned(), b.into_owned()))
        .collect();
    page.query_pairs_mut().clear().extend_pairs(kept);
    let (_, back) = open(&page).await;
    let back = back.expect("the forge sends the browser back");
    let (outcome, _) = tokio::join!(login.wait(SOON), open(&back));
    let error = outcome.expect_err("it was refused");
    assert!(matches!(&error, LoginError::Refused(why) if why == "invalid_request"), "{error:?}");
}

#[tokio::test]
async fn a_code_is_typed_in_while_we_ask_no_oftener_than_we_may() {
    let double = Arc::new(double(ForgeKind::GitHub).await);
    let reach = Reach::default();
    let login = Device::begin(ForgeKind::GitHub, &double.url(), &application(), &reach).await;
    let login = login.expect("the forge gives a code");
    assert_eq!((login.code(), login.expires_in()), ("WDJB-MJHT", Duration::from_secs(900)));
    assert!(login.page().starts_with(&double.url()), "{}", login.page());
    let waits = Mutex::new(Vec::new());
    let tokens = login
        .wait(|wait| {
            let mut waits = waits.lock().expect("nobody panics");
            waits.push(wait.as_secs());
            if waits.len() == 3 {
                double.type_in_the_code();
            }
            std::future::ready(())
        })
        .await
        .expect("the code was typed in");
    assert_eq!(who(&double, &tokens).await, "alice");
    assert_eq!(*waits.lock().expect("nobody panics"), [10, 10, 10], "slower after `slow_down`");

    let error = Device::begin(ForgeKind::Gitea, &double.url(), &application(), &reach).await;
    assert!(matches!(error.err(), Some(LoginError::NoSuchWay(ForgeKind::Gitea))));
}

/// Made for this test with `openssl genrsa -traditional 2048`; nobody's.
const APP_KEY: &str = include_str!("app-key.pem");

#[tokio::test]
async fn an_app_signs_its_word_and_gets_a_token_of_its_installation() {
    let key = Secret::new(APP_KEY);
    let jwt = app_jwt("4711", &key, 1_700_000_000).expect("the key signs");
    let [head, claims, _] = jwt.expose().split('.').collect::<Vec<_>>()[..] else {
        panic!("three parts")
    };
    assert_eq!(head, "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9", "RS256");
    assert_eq!(
        claims, "eyJleHAiOjE3MDAwMDA1NDAsImlhdCI6MTY5OTk5OTk0MCwiaXNzIjoiNDcxMSJ9",
        "from a minute before to nine minutes after"
    );
    let double = double(ForgeKind::GitHub).await;
    double.install_app("4711");
    let forge = connect_with(
        ForgeKind::GitHub,
        &double.url(),
        &Credential::Token(key.clone()),
        &Reach::default(),
    );
    assert!(forge.is_err(), "a key is no token");
    let site = pilot_forge::Repository { owner: "alice".into(), name: "site".into() };
    let tokens = app_token(
        &double.url(),
        ("4711", &key),
        Installation::On(&site),
        1_700_000_000,
        &Reach::default(),
    )
    .await;
    assert_eq!(who(&double, &tokens.expect("it is installed")).await, "app[bot]");

    let error =
        app_token(&double.url(), ("4712", &key), Installation::On(&site), 0, &Reach::default())
            .await;
    assert!(matches!(error, Err(LoginError::Forge(_))), "{error:?}");
    let error = app_jwt("4711", &Secret::new("-----BEGIN NOTHING"), 0).expect_err("it is no key");
    assert!(matches!(error, LoginError::Key(_)), "{error:?}");
}
