//! What comes past the gate, header by header.

use super::*;
use axum::body::Body;

fn gate(listen: &str, public_url: Option<&str>) -> Gate {
    let listen = listen.parse().expect("an address");
    let guest =
        Access { name: "guest".into(), role: Role::Viewer, token: Secret::new("guest-token") };
    Gate::new(&Secret::new("owner-token"), &[guest], listen, public_url)
}

fn request(method: &str, headers: &[(&str, &str)]) -> Request {
    let mut request = Request::builder().method(method).uri("/api/hub");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Body::empty()).expect("a request")
}

fn check(gate: &Gate, headers: &[(&str, &str)], expected: Result<(), Code>, why: &str) {
    check_method(gate, "GET", headers, expected, why);
}

fn check_method(
    gate: &Gate,
    method: &str,
    headers: &[(&str, &str)],
    expected: Result<(), Code>,
    why: &str,
) {
    let said = gate.admit(&request(method, headers)).map(drop).map_err(|problem| problem.code);
    assert_eq!(said, expected, "{why}: {method} {headers:?}");
}

const TOKEN: (&str, &str) = ("authorization", "Bearer owner-token");

#[test]
fn only_a_known_token_comes_in() {
    let gate = gate("127.0.0.1:1", None);
    let host = ("host", "127.0.0.1:1");
    check(&gate, &[host, TOKEN], Ok(()), "the owner");
    check(&gate, &[host, ("authorization", "bearer owner-token")], Ok(()), "any spelling");
    check(&gate, &[host], Err(Code::Unauthorized), "nobody");
    for wrong in ["Bearer owner-toke", "Bearer ", "Basic owner-token", "owner-token"] {
        check(&gate, &[host, ("authorization", wrong)], Err(Code::Unauthorized), "wrong");
    }
    for cookie in ["pilothouse_session=x", "pilothouse_session_00000000=x"] {
        check(&gate, &[host, ("cookie", cookie)], Err(Code::Unauthorized), "another hub's cookie");
    }
}

#[test]
fn on_loopback_only_loopback_names_are_ours() {
    let local = gate("127.0.0.1:1", None);
    for host in ["127.0.0.1:1", "localhost:99", "LOCALHOST", "[::1]:1", "127.0.0.9"] {
        check(&local, &[("host", host), TOKEN], Ok(()), "a loopback name");
    }
    for host in ["evil.example", "evil.example:1", "127.0.0.1.evil.example", "10.0.0.1", ""] {
        check(&local, &[("host", host), TOKEN], Err(Code::Forbidden), "a rebound name");
    }
    let public = gate("127.0.0.1:1", Some("https://pilot.example/base"));
    check(&public, &[("host", "pilot.example"), TOKEN], Ok(()), "behind a proxy");
    let wide = gate("0.0.0.0:1", None);
    check(&wide, &[("host", "10.0.0.1"), TOKEN], Ok(()), "the certificate is the name");
}

#[test]
fn a_foreign_page_opens_no_socket() {
    let gate = gate("127.0.0.1:1", Some("https://pilot.example"));
    let socket = [("host", "127.0.0.1:1"), ("upgrade", "websocket"), TOKEN];
    check(&gate, &socket, Ok(()), "not a browser");
    let with = |origin| [&socket[..], &[("origin", origin)]].concat();
    check(&gate, &with("http://127.0.0.1:1"), Ok(()), "our own page");
    check(&gate, &with("https://pilot.example"), Ok(()), "our page behind the proxy");
    for origin in ["http://evil.example", "null", "http://127.0.0.1:2"] {
        check(&gate, &with(origin), Err(Code::Forbidden), "another's page");
    }
}

#[test]
fn a_cookie_counts_only_for_our_own_page() {
    let gate = gate("127.0.0.1:1", Some("https://pilot.example/base"));
    let cookie = format!("other=1; {}=abc; more=2", gate.cookie);
    let base = [("host", "127.0.0.1:1"), ("cookie", cookie.as_str())];
    let with = |more: &[(&'static str, &'static str)]| [&base[..], more].concat();
    let refused = Err(Code::Forbidden);
    check(&gate, &with(&[]), Ok(()), "a browser that says nothing looks");
    check(&gate, &with(&[("sec-fetch-site", "none")]), Ok(()), "an address typed in");
    check(&gate, &with(&[("sec-fetch-site", "same-origin")]), Ok(()), "our page looks");
    check(&gate, &with(&[("upgrade", "websocket")]), refused, "a socket names its page");
    for site in ["cross-site", "same-site", "nonsense"] {
        check(&gate, &with(&[("sec-fetch-site", site)]), refused, "another's page looks");
    }
    for method in ["POST", "DELETE", "PUT"] {
        let check = |more: &[_], expected, why| {
            check_method(&gate, method, &with(more), expected, why);
        };
        check(&[("origin", "http://127.0.0.1:1")], Ok(()), "our page");
        check(&[("origin", "https://pilot.example")], Ok(()), "our page behind the proxy");
        check(&[("sec-fetch-site", "same-origin")], Ok(()), "our page, said otherwise");
        check(&[], refused, "a change names its page");
        check(&[("sec-fetch-site", "none")], refused, "nobody types a change in");
        check(&[("sec-fetch-site", "same-site")], refused, "the neighbouring port");
        for origin in ["http://127.0.0.1:2", "null", "https://evil.example", "http://pilot.example"]
        {
            check(&[("origin", origin)], refused, "another's page");
            check(&[("origin", origin), TOKEN], Ok(()), "no browser sends a token by habit");
        }
    }
}

#[test]
fn a_cookie_goes_back_to_where_it_came_from_and_nowhere_else() {
    let headers = |host: &'static str, origin: &'static str| {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, axum::http::HeaderValue::from_static(host));
        headers.insert(ORIGIN, axum::http::HeaderValue::from_static(origin));
        headers
    };
    let local = gate("127.0.0.1:1", Some("https://pilot.example/base/"));
    let set = local.set_cookie("v", 60, &headers("127.0.0.1:1", "http://127.0.0.1:1"));
    assert!(set.ends_with("=v; Path=/; Max-Age=60; HttpOnly; SameSite=Strict"), "{set}");
    for host in ["pilot.example", "127.0.0.1:1"] {
        let set = local.set_cookie("v", 60, &headers(host, "https://pilot.example"));
        assert!(set.contains("; Path=/base/;") && set.ends_with("; Secure"), "{set}");
    }
    let wide = gate("0.0.0.0:1", None);
    let set = wide.set_cookie("v", 60, &HeaderMap::new());
    assert!(set.ends_with("; Secure"), "it only ever speaks TLS: {set}");
    let other = Gate::new(&Secret::new("x"), &[], "127.0.0.1:1".parse().expect("one"), None);
    assert_ne!(local.cookie, other.cookie, "two hubs on one machine");
}

#[test]
fn what_is_bound_to_a_token_goes_with_it() {
    let gate = gate("127.0.0.1:1", None);
    let guest = gate.holder("guest-token").expect("the guest");
    let tie = gate.bind("hash", &guest);
    let found = gate.bound("hash", &tie).expect("still known");
    assert_eq!((found.name.as_str(), found.role), ("guest", Role::Viewer));
    assert!(gate.bound("another", &tie).is_none(), "not for another session");
    let listen = "127.0.0.1:1".parse().expect("an address");
    let without = Gate::new(&Secret::new("owner-token"), &[], listen, None);
    assert!(without.bound("hash", &tie).is_none(), "the token was taken away");
}

#[test]
fn a_proxy_on_this_machine_says_for_whom_it_asks() {
    let mut headers = HeaderMap::new();
    let said = axum::http::HeaderValue::from_static("10.9.9.9, 192.0.2.7");
    headers.insert("x-forwarded-for", said);
    let (proxy, away): (IpAddr, IpAddr) =
        ("127.0.0.1".parse().expect("one"), "198.51.100.1".parse().expect("one"));
    let behind = gate("127.0.0.1:1", Some("https://pilot.example"));
    assert_eq!(behind.caller(proxy, &headers).to_string(), "192.0.2.7", "the last is the proxy's");
    assert_eq!(behind.caller(away, &headers), away, "whoever is away says what they like");
    assert_eq!(gate("127.0.0.1:1", None).caller(proxy, &headers), proxy);
}
