use crate::peers::{
    Raw, accept_raw, connected, dial_raw, endpoint, enrolled, greet_as_hub, greeting, hear, key,
    listen, patient, refused, runner_id, say, welcome,
};
use futures_util::{SinkExt, StreamExt};
use pilot_link::dial::describe;
use pilot_link::{
    AcceptError, Deadlines, DialError, Incoming, LinkEvent, RunnerKey, Standing, dial,
};
use pilot_proto::Code;
use pilot_proto::runner::{MAX_FRAME, OLDEST, Refusal, Role, ToHub, ToRunner, VERSION, hello_text};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_tungstenite::tungstenite::Message;

#[tokio::test]
async fn a_runner_and_its_hub_greet_each_other() {
    let (dialled, accepted) = connected(patient()).await;
    assert_eq!(dialled.version, VERSION);
    let greeted = &accepted.greeted;
    assert_eq!(
        (greeted.runner, greeted.version, greeted.role),
        (runner_id(), VERSION, Role::Primary)
    );
    assert_eq!(greeted.about, greeting().about);
    assert_eq!(greeted.runs, greeting().runs);
    assert_eq!(accepted.live.peer(), "workshop", "from here on the hub knows its name");
}

#[tokio::test]
async fn what_the_hub_queues_right_behind_the_welcome_arrives() {
    let ((listener, address), key) = (listen().await, key());
    let hub = async {
        let accepted = greet_as_hub(&listener, enrolled(&key), patient()).await.expect("a hello");
        let sender = accepted.live.sender();
        sender.try_send(&welcome()).expect("queued");
        sender.try_send(&ToRunner::Missing { blobs: vec![] }).expect("queued");
        accepted
    };
    let endpoint = endpoint(address);
    let (dialled, _hub) = tokio::join!(dial(&endpoint, &key, greeting(), patient()), hub);
    let next = dialled.expect("welcomed").live.recv().await.expect("alive");
    assert!(matches!(next, Incoming::Message(ToRunner::Missing { .. })), "{next:?}");
}

#[tokio::test]
async fn a_runner_that_the_hub_does_not_trust_is_refused() {
    let (right, wrong) = (key(), key());
    for (key, standing, refusal) in [
        (&wrong, enrolled(&right), Refusal::NotEnrolled),
        (&right, Standing::Unknown, Refusal::NotEnrolled),
        (&right, Standing::Revoked, Refusal::Revoked),
    ] {
        let (dialled, accepted) = refused(key, standing.clone()).await;
        let DialError::Refused { refusal: told, .. } = &dialled else { panic!("{dialled:?}") };
        let AcceptError::Refused { refusal: logged, peer, .. } = &accepted else {
            panic!("{accepted:?}")
        };
        assert_eq!((told, logged), (&refusal, &refusal), "{standing:?}");
        assert!(peer.contains("192.0.2.7"), "the log says from where: {peer}");
        assert_eq!(dialled.event(), LinkEvent::Refused(refusal), "there is no point in going on");
        assert_eq!(dialled.problem().code, Code::Forbidden);
        assert!(dialled.problem().hint.contains("join"), "{:?}", dialled.problem());
    }
}

/// Says a hello of its own making to a real hub; what the hub makes of it.
async fn hello_to_hub(
    key: &RunnerKey,
    hello: impl FnOnce(&str) -> Message,
) -> (ToRunner, AcceptError) {
    let (listener, address) = listen().await;
    let runner = async {
        let mut socket = dial_raw(address).await;
        let challenge = serde_json::from_str(&hear(&mut socket).await).expect("a message");
        let ToRunner::Challenge { nonce, oldest, newest } = challenge else {
            panic!("first of all")
        };
        assert_eq!((oldest, newest), (OLDEST, VERSION), "the hub says what it speaks");
        socket.send(hello(&nonce)).await.expect("it listens");
        serde_json::from_str(&hear(&mut socket).await).expect("a message")
    };
    let (answer, accepted) =
        tokio::join!(runner, greet_as_hub(&listener, enrolled(key), patient()));
    (answer, accepted.expect_err("refused"))
}

fn signed_hello(key: &RunnerKey, nonce: &str, version: u32) -> Message {
    let signature = key.sign(&hello_text(nonce, runner_id(), Role::Bulk, version));
    let hello = ToHub::Hello {
        version,
        runner: runner_id(),
        role: Role::Bulk,
        signature,
        about: None,
        runs: vec![],
    };
    Message::text(serde_json::to_string(&hello).expect("JSON"))
}

#[tokio::test]
async fn a_runner_of_another_version_is_refused_with_both_versions() {
    let key = key();
    for version in [0, VERSION + 1, 99] {
        let (answer, error) = hello_to_hub(&key, |nonce| signed_hello(&key, nonce, version)).await;
        let wanted = Refusal::Version { oldest: OLDEST, newest: VERSION, yours: version };
        assert!(matches!(&answer, ToRunner::Refused(refusal) if *refusal == wanted), "{answer:?}");
        let logged = error.to_string();
        assert!(
            logged.contains(&format!("version {version}"))
                && logged.ends_with(&VERSION.to_string()),
            "the log names both: {logged}"
        );
        assert!(logged.contains(&runner_id().to_string()), "and the peer: {logged}");
    }
}

#[tokio::test]
async fn a_signature_for_another_connection_is_worth_nothing() {
    let key = key();
    let replayed = signed_hello(&key, "an old nonce", VERSION);
    let (answer, _error) = hello_to_hub(&key, |_nonce| replayed).await;
    assert!(matches!(answer, ToRunner::Refused(Refusal::NotEnrolled)), "{answer:?}");
}

#[tokio::test]
async fn a_first_frame_that_is_no_hello_is_refused_politely() {
    let key = key();
    let beat = serde_json::to_string(&ToHub::Beat { runs: vec![], load: None }).expect("JSON");
    for first in [
        Message::text("GET / HTTP/1.1"),
        Message::text("{\"type\":\"hello\"}"),
        Message::text(beat),
        Message::binary(vec![0, 159, 146, 150]),
    ] {
        let shown = format!("{first:?}");
        let (answer, error) = hello_to_hub(&key, |_nonce| first).await;
        assert!(matches!(answer, ToRunner::Refused(Refusal::Malformed)), "{shown}: {answer:?}");
        assert!(error.to_string().contains("192.0.2.7"), "logged with the peer: {error}");
    }
}

#[tokio::test]
async fn an_oversized_first_frame_ends_the_connection_by_name() {
    let (listener, address) = listen().await;
    let runner = async {
        let mut socket = dial_raw(address).await;
        let text = "x".repeat(MAX_FRAME + 1);
        // The hub hangs up in the middle of it.
        socket.send(Message::text(text)).await.ok();
    };
    let (error, ()) = tokio::join!(greet_as_hub(&listener, Standing::Unknown, patient()), runner);
    let error = error.expect_err("too large").to_string();
    assert!(error.contains("192.0.2.7") && error.contains(&MAX_FRAME.to_string()), "{error}");
}

#[tokio::test]
async fn a_peer_that_says_nothing_or_hangs_up_does_not_hold_the_hub() {
    let deadlines = Deadlines { greet: Duration::from_millis(100), ..patient() };
    let (listener, address) = listen().await;
    let (error, _silent) =
        tokio::join!(greet_as_hub(&listener, Standing::Unknown, deadlines), dial_raw(address));
    let error = error.expect_err("silence");
    assert!(matches!(error, AcceptError::Deadline { .. }), "{error:?}");

    let hang_up = async { dial_raw(address).await.close(None).await.expect("closed") };
    let (error, ()) = tokio::join!(greet_as_hub(&listener, Standing::Unknown, patient()), hang_up);
    let error = error.expect_err("gone");
    assert!(matches!(error, AcceptError::Gone { .. }), "{error:?}");
}

/// Dials a hub of our own making.
async fn dial_odd_hub<F: Future<Output = ()>>(hub: impl FnOnce(Raw) -> F) -> DialError {
    dial_odd_hub_for(patient().greet, hub).await
}

/// The same, with so much patience.
async fn dial_odd_hub_for<F: Future<Output = ()>>(
    greet: Duration,
    hub: impl FnOnce(Raw) -> F,
) -> DialError {
    let ((listener, address), key) = (listen().await, key());
    let odd = async { hub(accept_raw(&listener).await).await };
    let endpoint = endpoint(address);
    let deadlines = Deadlines { greet, ..patient() };
    let (dialled, ()) = tokio::join!(dial(&endpoint, &key, greeting(), deadlines), odd);
    dialled.expect_err("this is no hub for us")
}

#[tokio::test]
async fn a_hub_of_another_version_is_told_from_a_broken_one() {
    for (oldest, newest, words, hint) in
        [(5, 9, "versions 5 to 9", "on the runner"), (0, 0, "version 0", "Update the hub")]
    {
        let error = dial_odd_hub(async |mut socket| {
            let nonce = "00".repeat(32);
            let challenge = ToRunner::Challenge { nonce, oldest, newest };
            say(&mut socket, serde_json::to_string(&challenge).expect("JSON")).await;
            let hello = serde_json::from_str(&hear(&mut socket).await).expect("a message");
            let ToHub::Hello { version: yours, .. } = hello else { panic!("{hello:?}") };
            assert_eq!(yours, VERSION, "it says what it speaks, so that the hub can name both");
            let refused = ToRunner::Refused(Refusal::Version { oldest, newest, yours });
            say(&mut socket, serde_json::to_string(&refused).expect("JSON")).await;
        })
        .await;
        let problem = error.problem();
        assert_eq!(problem.code, Code::Version);
        assert!(
            problem.message.contains(&format!("version {VERSION}"))
                && problem.message.contains(words),
            "both versions: {problem:?}"
        );
        assert!(problem.hint.contains(hint), "{problem:?}");
    }
}

#[tokio::test]
async fn something_else_than_a_hub_is_called_that_and_tried_again() {
    let nonsense = dial_odd_hub(async |mut socket| say(&mut socket, "hello?").await).await;
    let binary = dial_odd_hub(async |mut socket: Raw| {
        socket.send(Message::binary(vec![1])).await.expect("it listens");
    })
    .await;
    let early = dial_odd_hub(async |mut socket| {
        say(&mut socket, serde_json::to_string(&welcome()).expect("JSON")).await;
    })
    .await;
    let version = dial_odd_hub(async |mut socket| {
        let nonce = "00".repeat(32);
        let challenge = ToRunner::Challenge { nonce, oldest: 1, newest: 1 };
        say(&mut socket, serde_json::to_string(&challenge).expect("JSON")).await;
        hear(&mut socket).await;
        let welcome = ToRunner::Welcome { version: 7, runs: vec![] };
        say(&mut socket, serde_json::to_string(&welcome).expect("JSON")).await;
    })
    .await;
    for error in [nonsense, binary, early, version] {
        assert!(matches!(error, DialError::NotAHub { .. }), "{error:?}");
        assert!(matches!(error.event(), LinkEvent::Lost { .. }), "it may become one");
    }
    let gone = dial_odd_hub(async |mut socket: Raw| {
        socket.close(None).await.expect("closed");
        while socket.next().await.is_some() {}
    })
    .await;
    assert!(matches!(gone, DialError::Unreachable { .. }), "{gone:?}");
    let silent = dial_odd_hub_for(Duration::from_secs(2), async |mut socket: Raw| {
        while socket.next().await.is_some_and(|frame| frame.is_ok()) {}
    })
    .await;
    assert!(matches!(silent, DialError::Deadline { .. }), "{silent:?}");
}

#[tokio::test]
async fn an_http_server_is_not_a_hub_and_may_ask_for_patience() {
    let ((listener, address), key) = (listen().await, key());
    let server = async {
        let (mut stream, _address) = listener.accept().await.expect("somebody dials");
        let mut request = [0; 1024];
        let length = stream.read(&mut request).await.expect("a request");
        let answer =
            "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n";
        stream.write_all(answer.as_bytes()).await.expect("it listens");
        String::from_utf8_lossy(&request[..length]).into_owned()
    };
    let base = format!("http://{address}/behind/a/proxy/");
    let endpoint = pilot_link::Endpoint::new(&base, None).expect("loopback");
    let (error, request) = tokio::join!(dial(&endpoint, &key, greeting(), patient()), server);
    let error = error.expect_err("no hub");
    assert!(error.to_string().contains("503"), "{error}");
    let retry_after = Some(Duration::from_secs(7));
    assert!(
        matches!(error.event(), LinkEvent::Lost { retry_after: told, .. } if told == retry_after)
    );
    assert!(request.starts_with("GET /behind/a/proxy/runner/link HTTP/1.1\r\n"), "{request}");
    assert!(request.to_lowercase().contains(&format!("host: {address}")), "{request}");
}

#[tokio::test]
async fn a_hub_that_is_down_or_deaf_is_unreachable() {
    let (listener, address) = listen().await;
    drop(listener);
    let error = dial(&endpoint(address), &key(), greeting(), patient()).await;
    let error = error.expect_err("nobody listens");
    assert!(matches!(error, DialError::Unreachable { .. }), "{error:?}");
    assert!(error.problem().message.contains(&address.to_string()), "{:?}", error.problem());

    let (_listener, address) = listen().await;
    let deadlines = Deadlines { dial: Duration::from_millis(100), ..patient() };
    let error = dial(&endpoint(address), &key(), greeting(), deadlines).await;
    let error = error.expect_err("nobody accepts");
    assert!(matches!(error, DialError::Deadline { .. }), "{error:?}");
}

#[test]
fn a_refusal_of_a_newer_hub_is_shown_as_it_came() {
    let refusal: Refusal =
        serde_json::from_str(r#"{"reason":"quarantined","until":"monday"}"#).expect("kept");
    assert!(describe(&refusal).contains("quarantined"), "{}", describe(&refusal));
}
