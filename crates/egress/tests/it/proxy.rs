//! Through the HTTP proxy: what `HTTP_PROXY` and `HTTPS_PROXY` lead to.

use crate::servers;
use crate::world::{PUBLIC, World, converse, enter, rules};
use pilot_egress::gate::Doors;
use pilot_egress::outside::UpstreamProxy;
use pilot_egress::policy::propose;
use pilot_egress::uplink::Entrance;
use pilot_proto::network::{Door, GateMode};
use std::net::SocketAddr;

#[tokio::test]
async fn curl_goes_through_the_proxy_and_everything_is_told() {
    let mut world = World::new(&["web.test"]);
    world.web().await;
    let output = world
        .inside(
            "curl -qsS http://web.test/plain?secret=1 -H 'Proxy-Connection: x' && \
             curl -qsS --cacert $CA https://web.test/secure && env | grep -i proxy",
        )
        .await;
    assert_eq!(output.code, Some(0), "{}", output.text);
    assert!(output.text.contains("GET /plain?secret=1 HTTP/1.1"), "{}", output.text);
    assert!(output.text.contains("GET /secure HTTP/1.1"), "{}", output.text);
    assert!(!output.text.to_lowercase().contains("proxy-connection"), "{}", output.text);
    assert!(!output.text.lines().any(|line| line.ends_with('=')), "no variable is empty");
    let told = world.hears(|told| told.ends.len() == 2).await;
    let [plain, secure] = told.decisions.as_slice() else { panic!("{:?}", told.decisions) };
    assert_eq!((plain.door, plain.method.as_deref()), (Door::Http, Some("GET")));
    assert_eq!(plain.path.as_deref(), Some("/plain"), "a query may hold a secret");
    assert_eq!((secure.door, secure.port), (Door::Connect, 443));
    assert!(plain.allowed && secure.allowed);
    assert_eq!(secure.because, "rule `web.test`");
    assert!(secure.process.as_deref().is_some_and(|name| name.starts_with("curl (")), "{secure:?}");
    let end = told.ends.iter().find(|end| end.id == secure.id).expect("its end");
    assert!(end.sent > 100 && end.received > 300, "{end:?} counts the handshake");
}

#[tokio::test]
async fn a_denial_says_why_in_what_each_tool_shows() {
    let mut world = World::new(&["web.test:8080", "http://path.test/allowed"]);
    let output = world
        .inside(
            "curl -qsS http://evil.test/x; curl -qsSv https://evil.test/x; \
             python3 -c 'import urllib.request as r; r.urlopen(\"https://evil.test\")'; \
             curl -qsS http://path.test/other; curl -qsS http://1.2.3.4/; true",
        )
        .await;
    let why = "no rule of the project's network policy allows it";
    for text in [
        &format!(
            "Pilothouse: this run may not reach `evil.test:80` ({why}). A person has been asked; carry on without it or try again later."
        ),
        &format!("403 Blocked by Pilothouse: evil.test:443: {why}"),
        &format!("Tunnel connection failed: 403 Blocked by Pilothouse: evil.test:443: {why}"),
        "may not reach `path.test:80`",
        "may not reach `1.2.3.4:80`",
    ] {
        assert!(output.text.contains(text.trim()), "`{text}` is missing in {}", output.text);
    }
    let told = world.listen();
    let places: Vec<_> =
        told.denied.iter().map(|denied| (denied.host.as_str(), denied.port)).collect();
    assert_eq!(
        places,
        [("evil.test", 80), ("evil.test", 443), ("path.test", 80), ("1.2.3.4", 80)],
        "each is asked about once"
    );
    assert!(world.internet.asked.lock().expect("fine").is_empty(), "nothing was looked up");
}

#[tokio::test]
async fn a_person_allows_it_and_the_same_run_carries_on() {
    let mut world = World::new(&[]);
    world.web().await;
    let script = "curl -qsS http://web.test/; getent hosts web.test; read go; \
                  curl -qsS http://web.test/again && curl -qsS --noproxy '*' http://web.test/straight \
                  && curl -qsS --cacert $CA --noproxy '*' https://web.test/secure";
    let mut child = world.start(script);
    let told = world.hears(|told| told.denied.len() == 2).await;
    assert_eq!((told.denied[0].host.as_str(), told.denied[0].port), ("web.test", 80));
    assert_eq!((told.denied[1].host.as_str(), told.denied[1].port), ("web.test", 0));
    world.gate.allow("web.test").expect("a rule");
    drop(child.stdin.take());
    let output = crate::world::finish(child).await;
    for path in ["/again", "/straight", "/secure"] {
        assert!(output.text.contains(&format!("GET {path} ")), "{path} in {}", output.text);
    }
    assert!(world.gate.allow("not a rule").is_err());
}

#[tokio::test]
async fn tls_in_a_tunnel_must_be_for_the_host_that_was_asked_for() {
    let mut world = World::new(&["web.test"]);
    world.web().await;
    let output = world
        .inside(
            "curl -qsS --cacert $CA --connect-to other.test:443:web.test:443 https://other.test/; \
             echo | openssl s_client -proxy 127.0.0.1:3128 -connect web.test:443 -noservername 2>&1; true",
        )
        .await;
    assert!(!output.text.contains("GET / "), "{}", output.text);
    assert!(output.text.contains("unrecognized name"), "{}", output.text);
    let told = world.hears(|told| told.denied.len() == 2).await;
    assert_eq!(told.denied[0].host, "other.test");
    assert!(told.denied[0].because.contains("another host than `web.test`"), "{:?}", told.denied);
    assert!(told.denied[1].because.contains("names no server"), "{:?}", told.denied);
}

#[tokio::test]
async fn private_addresses_are_refused_also_when_a_name_changes_its_mind() {
    let mut world = World::new(&["*.wild.test", "named.test", "10.9.9.9:7000"]);
    let echo = servers::echo(&mut world.work).await;
    for address in ["10.0.0.1", "169.254.169.254", "127.0.0.1", "10.9.9.9", PUBLIC] {
        world.internet.place(&format!("{address}:443"), echo);
        world.internet.place(&format!("{address}:7000"), echo);
    }
    world.internet.name("rebinds.wild.test", &[&[PUBLIC], &["10.0.0.1"]]);
    world.internet.name("meta.wild.test", &[&["169.254.169.254", "::ffff:10.0.0.1"]]);
    world.internet.name("mixed.wild.test", &[&["10.0.0.1", PUBLIC]]);
    world.internet.name("named.test", &[&["10.0.0.1"]]);
    let uplink = world.uplink();
    let asked: &[(&str, &str)] = &[
        ("rebinds.wild.test:443", "200"),
        ("rebinds.wild.test:443", "403"),
        ("meta.wild.test:443", "403"),
        ("mixed.wild.test:443", "200"),
        ("named.test:443", "200"),
        ("10.9.9.9:7000", "200"),
        ("10.9.9.9:443", "403"),
        ("127.0.0.1:443", "403"),
        ("[::1]:443", "403"),
        ("0x7f000001:443", "403"),
        ("2130706433:443", "403"),
        ("[::ffff:10.9.9.9]:7000", "200"),
    ];
    for (place, status) in asked {
        let mut client = enter(&uplink, Entrance::Proxy).await;
        let request = format!("CONNECT {place} HTTP/1.1\r\nHost: {place}\r\n\r\n");
        tokio::io::AsyncWriteExt::write_all(&mut client, request.as_bytes()).await.expect("said");
        let mut line = [0; 12];
        tokio::io::AsyncReadExt::read_exact(&mut client, &mut line).await.expect("an answer");
        assert_eq!(&line, format!("HTTP/1.1 {status}").as_bytes(), "to {place}");
    }
    let connected = world.internet.connected.lock().expect("fine").clone();
    let place = |text: &str| text.parse::<SocketAddr>().expect("a place");
    let (public, named) = (place(&format!("{PUBLIC}:443")), place("10.0.0.1:443"));
    let listed = place("10.9.9.9:7000");
    assert_eq!(connected, [public, public, named, listed, listed], "and nowhere else");
}

#[tokio::test]
async fn requests_are_written_anew_and_cannot_be_smuggled() {
    let mut world = World::new(&["web.test"]);
    let heard = world.web().await;
    let uplink = world.uplink();
    let say = |text: &'static str| {
        let uplink = &uplink;
        async move { converse(enter(uplink, Entrance::Proxy).await, text.as_bytes()).await }
    };
    // Both lengths: the chunks count, and what follows is a request of its own.
    let both = say(
        "POST http://web.test/a HTTP/1.1\r\nHost: evil.test\r\nContent-Length: 4\r\n\
         Transfer-Encoding: chunked\r\nConnection: close, X-Secret\r\nX-Secret: 1\r\n\
         Proxy-Authorization: Basic eDp5\r\nUpgrade: h2c\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\n\r\n",
    )
    .await;
    let seen = String::from_utf8_lossy(&heard.lock().expect("fine")).to_lowercase();
    assert!(!seen.contains("smuggled"), "{both} {seen}");
    assert!(seen.contains("host: web.test\r\n") && !seen.contains("evil.test"), "{seen}");
    for hop in ["x-secret", "proxy-authorization", "upgrade", "content-length: 4"] {
        assert!(!seen.contains(hop), "{hop} is between two neighbours: {seen}");
    }
    for (request, status) in [
        ("GET /no-host HTTP/1.1\r\nHost: web.test\r\n\r\n", "400"),
        ("GET https://web.test/ HTTP/1.1\r\nHost: web.test\r\n\r\n", "400"),
        ("GET http://user@web.test/ HTTP/1.1\r\nHost: web.test\r\n\r\n", "400"),
        ("CONNECT web.test HTTP/1.1\r\nHost: web.test\r\n\r\n", "400"),
        ("CONNECT web.test:99999 HTTP/1.1\r\nHost: web.test\r\n\r\n", "400"),
        ("GET http://web.test/ HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", "400"),
        ("GET http://web.test/ HTTP/1.1\r\nX: a\r\n b\r\n\r\n", "400"),
        ("GET http://web.test@evil.test/ HTTP/1.1\r\nHost: web.test\r\n\r\n", "400"),
    ] {
        let closing = request.replacen("\r\n", "\r\nConnection: close\r\n", 1);
        let client = enter(&uplink, Entrance::Proxy).await;
        let answer = converse(client, closing.as_bytes()).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{request} gave {answer}");
    }
    let answer = say("GET http://web.test/x HTTP/1.1\r\nConnection: close\r\n\r\n").await;
    assert!(!answer.to_lowercase().contains("x-hop: 1"), "{answer}");
}

#[tokio::test]
async fn one_connection_serves_many_requests_to_several_hosts() {
    let mut world = World::new(&["web.test", "second.test"]);
    world.web().await;
    let second = servers::web(&mut world.work).await.0;
    world.internet.name("second.test", &[&["93.184.215.15"]]);
    world.internet.place("93.184.215.15:80", second);
    let uplink = world.uplink();
    let mut requests = String::new();
    for host in ["web.test", "web.test", "second.test", "evil.test", "web.test"] {
        requests += &format!("GET http://{host}/ HTTP/1.1\r\nHost: {host}\r\n\r\n");
    }
    requests += "GET http://web.test/last HTTP/1.1\r\nHost: web.test\r\nConnection: close\r\n\r\n";
    let answer = converse(enter(&uplink, Entrance::Proxy).await, requests.as_bytes()).await;
    assert_eq!(answer.matches("HTTP/1.1 200 OK").count(), 5, "{answer}");
    assert_eq!(answer.matches("HTTP/1.1 403 ").count(), 1, "{answer}");
    let connected = world.internet.connected.lock().expect("fine").len();
    assert!(connected < 5, "{connected} connections: one is kept for the next request");
}

#[tokio::test]
async fn the_machines_own_proxy_is_used_with_its_password() {
    let mut work = tokio::task::JoinSet::new();
    let folder = tempfile::tempdir().expect("a folder");
    let (secure, ca) = servers::tls(&mut work, folder.path(), &["web.test"]).await;
    let (proxy, heard) = servers::proxy(&mut work, secure).await;
    let upstream = UpstreamProxy::parse("http://me:p%40ss@proxy.corp.test:3128", "near.test");
    let policy = rules(&["web.test", "near.test", "inner.test"], &[], GateMode::Enforce);
    let mut world = World::with(policy, upstream, Doors::default(), 4096);
    world.ca = world.folder.path().join("ca.pem");
    std::fs::copy(ca, &world.ca).expect("a copy");
    world.internet.name("proxy.corp.test", &[&["10.1.1.1"]]);
    world.internet.place("10.1.1.1:3128", proxy);
    let near = servers::web(&mut world.work).await.0;
    world.internet.server("near.test", 80, near);
    world.internet.name("inner.test", &[&["127.0.0.1"]]);
    let output = world
        .inside(
            "curl -qsS --cacert $CA https://web.test/secure && curl -qsS http://web.test/plain && \
             curl -qsS http://near.test/near; curl -qsS http://inner.test/",
        )
        .await;
    assert!(output.text.contains("GET /secure HTTP/1.1"), "{}", output.text);
    assert!(output.text.contains("GET http://web.test/plain HTTP/1.1"), "{}", output.text);
    assert!(output.text.contains("GET /near HTTP/1.1"), "{}", output.text);
    assert!(output.text.contains("`127.0.0.1` is loopback"), "{}", output.text);
    let heard = String::from_utf8_lossy(&heard.lock().expect("fine")).into_owned();
    assert!(heard.contains("CONNECT web.test:443") && !heard.contains("near.test"), "{heard}");
    assert!(!heard.contains("inner.test"), "{heard}");
}

#[tokio::test]
async fn what_was_learnt_makes_a_policy_that_is_enough() {
    let learning = rules(&[], &["denied.test"], GateMode::Learn);
    let mut world = World::with(learning, None, Doors::default(), 4096);
    world.web().await;
    world.internet.name("inner.test", &[&["10.0.0.1"]]);
    let script = "curl -qsS --cacert $CA https://web.test/ && curl -qsS http://web.test/; \
                  curl -qsS http://denied.test/; curl -qsS http://inner.test/; true";
    let output = world.inside(script).await;
    assert_eq!(output.text.matches("GET / HTTP/1.1").count(), 2, "{}", output.text);
    assert_eq!(output.text.matches("may not reach").count(), 2, "{}", output.text);
    let proposal = propose(&world.listen().decisions);
    assert_eq!(proposal.allow, ["web.test"]);
}

#[tokio::test]
async fn git_clones_through_the_proxy_and_is_told_why_not() {
    let mut world = World::new(&["http://code.test/good"]);
    let folder = world.folder.path().to_owned();
    let bare = folder.join("good");
    let run = |arguments: &[&str]| {
        let mut command = tokio::process::Command::new("git");
        command.args(arguments).current_dir(&folder).env("GIT_CONFIG_NOSYSTEM", "1");
        for role in ["AUTHOR", "COMMITTER"] {
            command
                .env(format!("GIT_{role}_NAME"), "a")
                .env(format!("GIT_{role}_EMAIL"), "a@b.test");
        }
        async move { assert!(command.status().await.expect("git runs").success()) }
    };
    run(&["init", "-q", "made"]).await;
    run(&["-C", "made", "commit", "-q", "--allow-empty", "-m", "first"]).await;
    run(&["clone", "-q", "--bare", "made", "good"]).await;
    run(&["-C", "good", "update-server-info"]).await;
    assert!(bare.join("info/refs").exists());
    let server = servers::files(&mut world.work, folder).await;
    world.internet.server("code.test", 80, server);
    let output = world
        .inside(
            "git clone -q http://code.test/good cloned && git -C cloned log --format=%s; \
             git clone http://code.test/bad bad; git clone git://code.test/good bad; true",
        )
        .await;
    assert!(output.text.contains("first"), "{}", output.text);
    assert!(output.text.contains("403"), "{}", output.text);
    assert!(
        output.text.contains("remote error: Pilothouse: this run may not reach `code.test:9418`"),
        "{}",
        output.text
    );
}
