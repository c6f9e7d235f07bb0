//! Signing a browser in and out, and what its cookie is good for.

use crate::house::{House, VIEWER, eventually, soon};
use futures_util::StreamExt;
use pilot_hub::Access;
use pilot_proto::console::{NewSignInCode, Role, SignInCodeNew};
use pilot_proto::{Code, Secret};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::{Error, Message};

/// A browser that shows one page of the hub.
struct Browser<'a> {
    house: &'a House,
    /// What it sends as `Cookie`.
    cookie: String,
}

impl<'a> Browser<'a> {
    fn new(house: &'a House) -> Self {
        Self { house, cookie: String::new() }
    }

    fn origin(&self) -> String {
        self.house.hub.url.clone()
    }

    async fn ask(
        &self,
        method: &str,
        path: &str,
        origin: &str,
        body: &str,
    ) -> (u16, String, String) {
        let host = self.house.hub.address;
        let cookie = match self.cookie.as_str() {
            "" => String::new(),
            cookie => format!("cookie: {cookie}\r\n"),
        };
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\norigin: {origin}\r\n\
             {cookie}user-agent: Firefox\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        self.house.exchange(&request).await
    }

    /// Signs in and takes the cookie; gives the status and the cookie header.
    async fn sign_in(&mut self, shown: &str) -> (u16, String) {
        let (status, head, _) = self.ask("POST", "/session", &self.origin(), shown).await;
        let set = head.lines().find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            name.eq_ignore_ascii_case("set-cookie").then(|| value.to_owned())
        });
        if let Some(set) = &set {
            self.cookie = set.split(';').next().unwrap_or_default().to_owned();
        }
        (status, set.unwrap_or_default())
    }

    async fn status(&self) -> (u16, String) {
        let (status, _, body) = self.ask("GET", "/api/hub", &self.origin(), "").await;
        (status, body)
    }

    async fn live(&self, origin: &str) -> Result<Socket, Error> {
        let url = format!("ws://{}/api/live", self.house.hub.address);
        let mut request = url.into_client_request().expect("a request");
        let header = |text: &str| HeaderValue::from_str(text).expect("a header");
        request.headers_mut().insert("cookie", header(&self.cookie));
        request.headers_mut().insert("origin", header(origin));
        tokio_tungstenite::connect_async(request).await.map(|(socket, _)| socket)
    }
}

type Socket =
    tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>>;

fn with_token(token: &str) -> String {
    serde_json::json!({ "token": token }).to_string()
}

async fn code(house: &House) -> String {
    let made = house.call::<SignInCodeNew>(NewSignInCode::default()).await;
    let link = made.link.expose().to_owned();
    let (page, code) = link.split_once("/#sign-in=").expect("a link with a code");
    assert_eq!(page, house.hub.page_url, "it leads to the hub's page");
    code.to_owned()
}

async fn until_closed(mut socket: Socket) {
    soon("the socket closes", async {
        while let Some(Ok(message)) = socket.next().await {
            if matches!(message, Message::Close(_)) {
                break;
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_signs_in_with_a_token_and_stays_so_over_a_restart() {
    let house = House::new().await;
    let mut browser = Browser::new(&house);
    assert_eq!(browser.status().await.0, 401, "nobody yet");
    let (status, set) = browser.sign_in(&with_token(&house.token())).await;
    assert_eq!(status, 200);
    for part in ["pilothouse_session_", "; HttpOnly", "; SameSite=Strict", "; Path=/;", "Max-Age="]
    {
        assert!(set.contains(part), "{part} in {set}");
    }
    assert!(!set.contains("Secure"), "plain HTTP on this machine could not send it back: {set}");
    let (status, body) = browser.status().await;
    assert!(status == 200 && body.contains("owner") && body.contains("admin"), "{status} {body}");
    let database = std::fs::read(house.home.path().join("hub/hub.db-wal")).expect("the log");
    let shown = browser.cookie.split_once('=').expect("a value").1.as_bytes();
    let kept = database.windows(shown.len()).any(|part| part == shown);
    assert!(!kept, "the store must not know what the browser shows");

    let cookie = browser.cookie.clone();
    let house = house.restart().await;
    let browser = Browser { house: &house, cookie };
    assert_eq!(browser.status().await.0, 200, "a restart signs nobody out");
    house.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_signs_one_browser_in_once() {
    let house = House::new().await;
    let shown = serde_json::json!({ "code": code(&house).await }).to_string();
    let link = house.hub.sign_in_link().await.expect("the hub makes one by itself");
    assert!(link.expose().starts_with(&format!("{}/#sign-in=", house.hub.url)), "{link:?}");
    let (mut first, mut second) = (Browser::new(&house), Browser::new(&house));
    assert_eq!(first.sign_in(&shown).await.0, 200);
    assert!(first.status().await.1.contains("owner"), "as whoever made the code");
    let (status, set) = second.sign_in(&shown).await;
    assert_eq!((status, set.as_str()), (401, ""), "it is used up");
    let used = second.ask("POST", "/session", &second.origin(), &shown).await.2;
    let guess = second.ask("POST", "/session", &second.origin(), r#"{"code":"guess"}"#).await.2;
    assert_eq!(used, guess, "a used code and one that never was are not told apart");
    for secs in [0, 3601] {
        let new = NewSignInCode { valid_secs: Some(secs) };
        assert_eq!(house.refused::<SignInCodeNew>(new).await.code, Code::Invalid, "{secs}");
    }
    house.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_viewers_code_opens_no_more_than_the_viewer_has() {
    let house = House::new().await;
    let mut browser = Browser::new(&house);
    assert_eq!(browser.sign_in(&with_token(VIEWER)).await.0, 200);
    let origin = browser.origin();
    let (status, _, body) = browser.ask("POST", "/api/sign-in-codes", &origin, "").await;
    assert_eq!(status, 200, "{body}");
    let made: serde_json::Value = serde_json::from_str(&body).expect("JSON");
    let code = made["link"].as_str().and_then(|link| link.split_once("#sign-in=")).expect("one").1;
    let mut phone = Browser::new(&house);
    let shown = serde_json::json!({ "code": code }).to_string();
    assert_eq!(phone.sign_in(&shown).await.0, 200);
    assert!(phone.status().await.1.contains("viewer"), "the guest again");
    let (status, ..) = phone.ask("DELETE", "/api/projects/x", &origin, "").await;
    assert_eq!(status, 403);
    house.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_page_can_neither_change_nor_watch_nor_sign_in() {
    let house = House::new().await;
    let mut browser = Browser::new(&house);
    browser.sign_in(&with_token(&house.token())).await;
    let own = browser.origin();
    for origin in ["https://evil.example", "http://127.0.0.1:1", "null"] {
        let (status, _, body) = browser.ask("DELETE", "/api/projects/x", origin, "").await;
        assert_eq!(status, 403, "{origin}: {body}");
        assert!(body.contains("page") && body.contains("hint"), "it says why: {body}");
        let (status, ..) = browser.ask("POST", "/session", origin, &with_token(VIEWER)).await;
        assert_eq!(status, 403, "nor sign the browser in as somebody else: {origin}");
        let (status, ..) = browser.ask("DELETE", "/session", origin, "").await;
        assert_eq!(status, 403, "nor out: {origin}");
        let refused = browser.live(origin).await.expect_err("nor listen");
        assert!(matches!(&refused, Error::Http(said) if said.status() == 403), "{refused}");
    }
    let (status, _, body) = browser.ask("DELETE", "/api/projects/x", &own, "").await;
    assert_eq!(status, 404, "our own page may: {body}");
    house.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_out_ends_the_session_and_what_it_has_open() {
    let house = House::new().await;
    let (mut here, mut there) = (Browser::new(&house), Browser::new(&house));
    here.sign_in(&with_token(&house.token())).await;
    there.sign_in(&with_token(&house.token())).await;
    let socket = here.live(&here.origin()).await.expect("our page watches");
    let mut other = there.live(&there.origin()).await.expect("the other one too");
    let (status, head, _) = here.ask("DELETE", "/session", &here.origin(), "").await;
    assert_eq!(status, 200);
    assert!(head.contains("Max-Age=0"), "the browser forgets it: {head}");
    until_closed(socket).await;
    assert_eq!(here.status().await.0, 401);
    assert_eq!(there.status().await.0, 200, "another browser stays signed in");
    let watch = r#"{"type":"watch_all","watch":1}"#;
    futures_util::SinkExt::send(&mut other, Message::text(watch)).await.expect("it still stands");
    let heard = soon("the hub answers", other.next()).await.expect("open").expect("a message");
    assert!(matches!(heard, Message::Text(_) | Message::Ping(_)), "{heard:?}");
    house.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_taken_away_takes_its_sessions_along() {
    let house = House::new().await;
    let mut browser = Browser::new(&house);
    browser.sign_in(&with_token(VIEWER)).await;
    assert_eq!(browser.status().await.0, 200);
    let cookie = browser.cookie.clone();
    let mut house = house;
    house.options.access = vec![Access {
        name: "guest".to_owned(),
        role: Role::Viewer,
        token: Secret::new("another"),
    }];
    let house = house.restart().await;
    let browser = Browser { house: &house, cookie };
    assert_eq!(browser.status().await.0, 401, "the same name with another token is somebody else");
    house.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_guesses_too_often_is_made_to_wait() {
    let house = House::new().await;
    let mut browser = Browser::new(&house);
    let refused = eventually("it has to wait", || async {
        let mut browser = Browser::new(&house);
        match browser.sign_in(&with_token("guess")).await.0 {
            429 => Ok(429),
            other => Err(other),
        }
    })
    .await;
    assert_eq!(refused, 429);
    let (status, head, body) =
        browser.ask("POST", "/session", &browser.origin(), &with_token(&house.token())).await;
    assert_eq!(status, 429, "also with the right one, or guessing would go on: {body}");
    assert!(head.to_lowercase().contains("retry-after: "), "{head}");
    assert_eq!(browser.sign_in("{}").await.0, 429);
    assert!(
        house.client.call::<SignInCodeNew>(NewSignInCode::default()).await.is_ok(),
        "a token in use works on"
    );
    house.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_a_proxy_the_pages_and_the_cookie_live_below_its_path() {
    let house =
        House::with(|options| options.public_url = Some("https://pilot.example/base".to_owned()))
            .await;
    let ask = async |method: &str, path: &str, body: &str| {
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: pilot.example\r\nconnection: close\r\n\
             origin: https://pilot.example\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        house.exchange(&request).await
    };
    // A proxy may leave its path, or take it away.
    for path in ["/base/", "/base/tasks/1/diff", "/tasks/1/diff", "/base/healthz", "/healthz"] {
        assert_eq!(ask("GET", path, "").await.0, 200, "{path}");
    }
    let (status, head, _) = ask("GET", "/base", "").await;
    assert!(status == 308 && head.contains("/base/"), "{status} {head}");
    for path in ["/base/api/hub", "/base//api/hub", "/base/base/../api/hub", "/base/api/x"] {
        let status = ask("GET", path, "").await.0;
        assert!(status == 401 || path.contains("..") && status == 200, "{path}: {status}");
    }
    let shown = with_token(&house.token());
    let (status, head, _) = ask("POST", "/base/session", &shown).await;
    assert_eq!(status, 200);
    assert!(head.contains("; Path=/base/;") && head.contains("; Secure"), "{head}");
    let made = house.call::<SignInCodeNew>(NewSignInCode::default()).await;
    assert!(
        made.link.expose().starts_with("https://pilot.example/base/#sign-in="),
        "the public one"
    );
    house.hub.stop().await;
}
