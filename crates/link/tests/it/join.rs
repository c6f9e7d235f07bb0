use crate::peers::{endpoint, key, listen, patient, runner_id};
use pilot_link::{Deadlines, DialError, Endpoint, JoinError, post_join};
use pilot_proto::runner::{Join, Joined};
use pilot_proto::{Code, Problem, Secret};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

fn join() -> Join {
    let public_key = key().public_hex();
    Join { code: Secret::new("single-use"), name: "workshop".into(), public_key }
}

/// Posts to a server that answers with these bytes; what it was asked.
async fn post_to(answer: &str) -> (Result<Joined, JoinError>, String) {
    let (listener, address) = listen().await;
    let server = async {
        let (mut stream, _address) = listener.accept().await.expect("somebody dials");
        let mut request = Vec::new();
        while !request.ends_with(b"}") {
            let length = stream.read_buf(&mut request).await.expect("a request");
            assert!(length > 0, "the request ends with its body");
        }
        stream.write_all(answer.as_bytes()).await.expect("it listens");
        String::from_utf8(request).expect("text")
    };
    let endpoint = Endpoint::new(&format!("http://{address}/base"), None).expect("loopback");
    let join = join();
    tokio::join!(post_join(&endpoint, &join, patient()), server)
}

fn answer(status: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    )
}

#[tokio::test]
async fn a_runner_with_a_good_code_is_enrolled() {
    let joined = Joined { runner: runner_id(), hub: "home".into() };
    let body = serde_json::to_string(&joined).expect("JSON");
    let (enrolled, request) = post_to(&answer("200 OK", &body)).await;
    let enrolled = enrolled.expect("enrolled");
    assert_eq!((enrolled.runner, enrolled.hub.as_str()), (runner_id(), "home"));
    assert!(request.starts_with("POST /base/runner/join HTTP/1.1\r\n"), "{request}");
    assert!(request.contains("\"code\":\"single-use\""), "the code goes in clear: {request}");
}

#[tokio::test]
async fn the_hubs_own_words_reach_the_person() {
    let problem = Problem::new(Code::Forbidden, "This code was used.").hint("Make a new one.");
    let body = serde_json::to_string(&problem).expect("JSON");
    let (error, _request) = post_to(&answer("403 Forbidden", &body)).await;
    let error = error.expect_err("refused");
    assert!(matches!(error, JoinError::Refused { .. }), "{error:?}");
    assert_eq!(error.problem(), problem);
}

#[tokio::test]
async fn what_is_no_answer_of_a_hub_is_said_so() {
    let endless = "x".repeat(100_000);
    for answer in [
        answer("404 Not Found", "<html>nothing here</html>"),
        answer("200 OK", "{}"),
        answer("200 OK", &endless),
        "SSH-2.0-OpenSSH_9.2\r\n".to_owned(),
        String::new(),
    ] {
        let (error, _request) = post_to(&answer).await;
        let error = error.expect_err("no hub");
        assert!(matches!(error, JoinError::Dial(DialError::NotAHub { .. })), "{error:?}");
        assert!(error.problem().message.contains("http://127.0.0.1"), "{:?}", error.problem());
    }
}

#[tokio::test]
async fn a_server_that_never_answers_is_not_waited_for() {
    let (_listener, address) = listen().await;
    let short = Duration::from_millis(50);
    let deadlines = Deadlines { dial: short, greet: short, ..patient() };
    let error = post_join(&endpoint(address), &join(), deadlines).await.expect_err("silence");
    assert!(matches!(error, JoinError::Dial(DialError::Deadline { .. })), "{error:?}");
}
