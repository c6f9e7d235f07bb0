//! Nothing is behind the gate without a token that may; before it stand only
//! the pages, which are the same for everybody.

use crate::house::{House, VIEWER};
use pilot_proto::console::{
    AGENTAPI_PATH, BLOB_PATH, LIVE_PATH, Method, RESCUE_PATH, Role, SESSION_PATH, TABLE,
};
use pilot_proto::runner::{JOIN_PATH, LINK_PATH};

fn filled(path: &str) -> String {
    let id = "0190b1de-0000-7000-8000-00000000002a";
    path.replace("{task}", id)
        .replace("{item}", id)
        .replace("{runner}", id)
        .replace("{name}", "x")
        .replace("{blob}", &"a".repeat(40))
}

fn word(method: Method) -> &'static str {
    match method {
        Method::Get => "GET",
        Method::Post => "POST",
        Method::Delete => "DELETE",
    }
}

/// Every route there is, and some there are not.
fn everything() -> Vec<(&'static str, String)> {
    let mut all: Vec<_> =
        TABLE.iter().map(|entry| (word(entry.method), filled(entry.path))).collect();
    for raw in [LIVE_PATH, RESCUE_PATH, BLOB_PATH] {
        all.push(("GET", filled(raw)));
    }
    for end in ["status", "messages", "events", "", "nothing"] {
        all.push(("GET", format!("{}/{end}", filled(AGENTAPI_PATH))));
    }
    all.push(("POST", format!("{}/message", filled(AGENTAPI_PATH))));
    all.push(("GET", "/agentapi".to_owned()));
    for unknown in ["/api", "/api/", "/api/nothing", "//api/hub", "/healthz/x", "/session/x"] {
        all.push(("GET", unknown.to_owned()));
    }
    for unknown in ["/runner", "/runner/link/", "/runner/./link"] {
        all.push(("GET", unknown.to_owned()));
    }
    for changes in ["POST", "PUT", "DELETE"] {
        all.push((changes, "/".to_owned()));
        all.push((changes, "/tasks".to_owned()));
    }
    for odd in ["PUT", "PATCH", "OPTIONS", "HEAD", "TRACE"] {
        all.push((odd, "/api/tasks".to_owned()));
    }
    all
}

fn request(method: &str, path: &str, headers: &str) -> String {
    format!(
        "{method} {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n{headers}content-length: 0\r\n\r\n"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_and_every_unknown_path_wants_a_token() {
    let house = House::new().await;
    let upgrade = "upgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n";
    for (method, path) in everything() {
        for headers in [
            "",
            "authorization: Bearer wrong\r\n",
            "authorization: Basic b3duZXI6eA==\r\n",
            upgrade,
        ] {
            let (status, body) = house.raw(&request(method, &path, headers)).await;
            assert_eq!(status, 401, "{method} {path} with {headers:?} came past the gate: {body}");
        }
    }
    house.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn four_paths_have_credentials_of_their_own() {
    let house = House::new().await;
    let (status, body) = house.raw(&request("GET", "/healthz", "")).await;
    assert_eq!((status, body.as_str()), (200, "ok"), "health tells nothing more");
    let (status, _) = house.raw(&request("GET", LINK_PATH, "")).await;
    assert!(status == 400 || status == 426, "the link wants an upgrade: {status}");
    let bad = r#"{"code":"guess","name":"x","public_key":"KEY"}"#.replace("KEY", &"a".repeat(64));
    let post = format!(
        "POST {JOIN_PATH} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{bad}",
        bad.len()
    );
    let (status, body) = house.raw(&post).await;
    assert_eq!(status, 401, "a guessed code lets nobody in: {body}");
    let guess = r#"{"code":"guess"}"#;
    let post = format!(
        "POST {SESSION_PATH} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{guess}",
        guess.len()
    );
    let (status, body) = house.raw(&post).await;
    assert_eq!(status, 401, "nor does a guessed sign-in code: {body}");
    house.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pages_are_the_same_for_everybody_and_say_nothing_of_the_hub() {
    let house = House::new().await;
    house.project().await;
    let token = format!("authorization: Bearer {}\r\n", house.token());
    for path in ["/", "/tasks", "/tasks/0190b1de-0000-7000-8000-00000000002a/diff", "/%61pi/hub"] {
        let (status, head, nobody) = house.exchange(&request("GET", path, "")).await;
        assert_eq!(status, 200, "{path}: {nobody}");
        let head = head.to_lowercase();
        for said in [
            "content-type: text/html",
            "content-security-policy: default-src 'none'; script-src 'self';",
            "x-content-type-options: nosniff",
            "referrer-policy: no-referrer",
            "cross-origin-opener-policy: same-origin",
        ] {
            assert!(head.contains(said), "{path}: {said} in {head}");
        }
        assert!(!head.contains("set-cookie"), "looking makes no session: {head}");
        let (_, owner) = house.raw(&request("GET", path, &token)).await;
        assert_eq!(nobody, owner, "{path} must not depend on who asks");
        let (status, body) = house.raw(&request("HEAD", path, "")).await;
        assert_eq!((status, body.as_str()), (200, ""), "HEAD {path}");
    }
    let (status, head, _) = house.exchange(&request("GET", "/api/hub", &token)).await;
    let head = head.to_lowercase();
    assert_eq!(status, 200);
    assert!(head.contains("cache-control: no-store") && head.contains("nosniff"), "{head}");
    house.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_may_look_and_nothing_else() {
    let house = House::new().await;
    let token = format!("authorization: Bearer {VIEWER}\r\n");
    for entry in TABLE {
        let path = filled(entry.path);
        let (status, body) = house.raw(&request(word(entry.method), &path, &token)).await;
        if entry.role > Role::Viewer {
            assert_eq!(status, 403, "{} needs more than looking: {body}", entry.name);
            assert!(body.contains("viewer"), "it says what is missing: {body}");
        } else {
            assert!(!matches!(status, 401 | 403), "{} is looking: {status} {body}", entry.name);
        }
    }
    let owner = format!("authorization: Bearer {}\r\n", house.token());
    for entry in TABLE {
        let path = filled(entry.path);
        let (status, body) = house.raw(&request(word(entry.method), &path, &owner)).await;
        assert!(!matches!(status, 401 | 403), "{}: {status} {body}", entry.name);
    }
    house.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rebound_name_is_refused_token_or_not() {
    let house = House::new().await;
    let token = house.token();
    for path in ["/api/hub", "/healthz", LINK_PATH] {
        let request = format!(
            "GET {path} HTTP/1.1\r\nhost: evil.example\r\nconnection: close\r\nauthorization: Bearer {token}\r\n\r\n"
        );
        let (status, body) = house.raw(&request).await;
        assert_eq!(status, 403, "{path}: {body}");
        assert!(body.contains("evil.example"), "it says why: {body}");
    }
    house.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_input_is_answered_with_the_field_and_a_status() {
    let house = House::new().await;
    let token = house.token();
    let post = |path: &str, body: &str| {
        format!(
            "POST {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\nauthorization: Bearer {token}\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    let get = |path: &str| request("GET", path, &format!("authorization: Bearer {token}\r\n"));
    let id = "0190b1de-0000-7000-8000-00000000002a";
    for (request, status, said) in [
        (post("/api/tasks", "{"), 400, "JSON"),
        (post("/api/tasks", r#"{"project":7,"prompt":"x"}"#), 400, "project"),
        (post("/api/tasks", r#"{"project":"p"}"#), 400, "prompt"),
        (post("/api/tasks", r#"{"project":"none","prompt":"x"}"#), 404, "none"),
        (get("/api/tasks?limit=many"), 400, "limit"),
        (get("/api/tasks/not-an-id"), 400, "task"),
        (get(&format!("/api/tasks/{id}")), 404, id),
        (get(&format!("/api/tasks/{id}/log/search")), 400, "pattern"),
        (get("/api/nothing"), 404, "nothing here"),
        (post("/api/hub", ""), 405, "method"),
    ] {
        let (found, body) = house.raw(&request).await;
        assert_eq!(found, status, "{request}\n{body}");
        assert!(body.contains(said) && body.contains("\"code\""), "{said} in {body}");
    }
    house.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_without_end_is_cut_off() {
    let house = House::new().await;
    let token = house.token();
    let request = format!(
        "POST /api/tasks HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\nauthorization: Bearer {token}\r\ncontent-length: 999999999999\r\n\r\n{{"
    );
    let (status, body) = house.raw(&request).await;
    assert_eq!(status, 413, "{body}");
    assert!(body.contains("16 MiB"), "it names the bound: {body}");
    house.hub.stop().await;
}
