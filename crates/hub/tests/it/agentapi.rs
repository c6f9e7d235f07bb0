//! A task as AgentAPI.

use crate::house::{House, VIEWER, eventually, soon};
use crate::runner::FakeRunner;
use pilot_proto::event::{Event, TurnEnd};
use pilot_proto::inbox::{Ask, Decider};
use pilot_proto::run::{Outcome, Phase, Usage};
use pilot_proto::runner::Act;
use pilot_proto::{Answer, InboxId, OnTimeout, TaskId};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use uuid::Uuid;

async fn get(house: &House, task: TaskId, end: &str, token: &str) -> (u16, Value) {
    let request = format!(
        "GET /agentapi/tasks/{task}/{end} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
         authorization: Bearer {token}\r\n\r\n"
    );
    let (status, body) = house.raw(&request).await;
    (status, serde_json::from_str(&body).unwrap_or_else(|_| panic!("{body}")))
}

async fn post(house: &House, task: TaskId, body: &Value, token: &str) -> (u16, Value) {
    let body = body.to_string();
    let request = format!(
        "POST /agentapi/tasks/{task}/message HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
         authorization: Bearer {token}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let (status, body) = house.raw(&request).await;
    (status, serde_json::from_str(&body).unwrap_or_else(|_| panic!("{body}")))
}

async fn status(house: &House, task: TaskId) -> Value {
    let (code, document) = get(house, task, "status", &house.token()).await;
    assert_eq!((code, &document["agent_type"]), (200, &json!("custom")), "{document}");
    document["status"].clone()
}

fn say(text: &str) -> Value {
    json!({"type": "user", "content": text})
}

fn turn(prompt: &str, words: &str) -> Vec<Event> {
    vec![
        Event::TurnStarted { turn: 1, prompt: prompt.to_owned() },
        Event::Text { text: words.to_owned(), parent: None, open: false },
    ]
}

fn ended(end: TurnEnd) -> Event {
    let (usage, summary) = (Usage::default(), String::new());
    Event::TurnEnded { turn: 1, end, usage, denials: 0, summary, problem: None }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_is_spoken_with_when_it_rests_and_not_before() {
    let house = House::new().await;
    house.project().await;
    let token = house.token();
    let task = house.file("say hello").await.id;
    assert_eq!(status(&house, task).await, "running", "it is about to begin");
    let mut runner = FakeRunner::connected(&house, 1).await;
    let spec = runner.take().await;
    let session = Event::SessionStarted { session: "s".to_owned(), model: None, version: None };
    let mut events = vec![Event::Phase { phase: Phase::AgentRunning }, session];
    events.extend(turn("say hello", "Hello."));
    let cursor = runner.write(spec.run, events).await;
    runner.acked(spec.run, cursor).await;
    let (code, busy) = post(&house, task, &say("and now?"), &token).await;
    assert_eq!(code, 409, "{busy}");
    assert!(busy["detail"].as_str().is_some_and(|text| text.contains("waiting for user input")));

    let over = vec![ended(TurnEnd::Completed), Event::Finished(Outcome::NoChange)];
    runner.write(spec.run, over).await;
    house.until(task, "no_change").await;
    assert_eq!(status(&house, task).await, "stable");
    let (_, document) = get(&house, task, "messages", VIEWER).await;
    let told = |at: usize| {
        let one = &document["messages"][at];
        (one["id"].clone(), one["role"].clone(), one["content"].clone())
    };
    assert_eq!(told(0), (json!(0), json!("user"), json!("say hello")));
    assert_eq!(told(1), (json!(1), json!("agent"), json!("Hello.")));
    assert!(document["messages"][0]["time"].as_str().is_some_and(|time| time.ends_with('Z')));

    let (code, document) = post(&house, task, &say("once more"), &token).await;
    assert_eq!((code, &document["ok"]), (200, &json!(true)), "{document}");
    assert_eq!(status(&house, task).await, "running", "at once, so that rest means the end");
    let spec = runner.take().await;
    assert_eq!(spec.prompt, "once more", "the session knows the rest");
    let mut events = turn("once more", "Again.");
    events.extend([ended(TurnEnd::Completed), Event::Finished(Outcome::NoChange)]);
    runner.write(spec.run, events).await;
    house.until(task, "no_change").await;
    let (_, document) = get(&house, task, "messages", &token).await;
    let ids: Vec<_> =
        document["messages"].as_array().into_iter().flatten().map(|one| &one["id"]).collect();
    assert_eq!(ids, [0, 1, 2, 3], "over all runs, and none twice");
    house.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_only_look_says_nothing_and_nonsense_is_refused() {
    let house = House::new().await;
    house.project().await;
    let (token, task) = (house.token(), house.file("say hello").await.id);
    assert_eq!(post(&house, task, &say("x"), VIEWER).await.0, 403);
    for (body, code) in [
        (json!({"type": "user", "content": " "}), 422),
        (json!({"type": "shout", "content": "x"}), 422),
        (json!({"content": "x"}), 422),
        (json!({"type": "raw", "content": "ls\r"}), 422),
        (json!({"type": "raw", "content": "\u{3}"}), 409),
    ] {
        let (status, document) = post(&house, task, &body, &token).await;
        assert_eq!((status, &document["status"]), (code, &json!(code)), "{body}: {document}");
        assert!(document["detail"].is_string(), "{document}");
    }
    let nobody = TaskId(Uuid::from_u128(7));
    for end in ["status", "messages", "events"] {
        assert_eq!(get(&house, nobody, end, &token).await.0, 404, "{end}");
    }
    assert_eq!(post(&house, nobody, &say("x"), &token).await.0, 404);
    house.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_agent_rests_until_it_is_told_something() {
    let house = House::new().await;
    house.project().await;
    let (token, task) = (house.token(), house.file("say hello").await.id);
    let mut runner = FakeRunner::connected(&house, 1).await;
    let spec = runner.take().await;
    let mut events = vec![Event::Phase { phase: Phase::AgentRunning }];
    events.extend(turn("say hello", "I"));
    runner.write(spec.run, events).await;
    house.until(task, "working").await;
    let (code, _) = post(&house, task, &json!({"type": "raw", "content": "\u{3}"}), &token).await;
    assert_eq!(code, 200);
    assert_eq!(runner.order(spec.run).await.1, Act::Interrupt);
    let item = InboxId(Uuid::from_u128(5));
    let on_timeout = OnTimeout::Proceed;
    let asked = Event::Asked { item, ask: Ask::Interrupted, deadline: None, on_timeout };
    runner.write(spec.run, vec![ended(TurnEnd::Interrupted), asked]).await;
    house.until(task, "needs_you").await;
    eventually("it rests", || async {
        let status = status(&house, task).await;
        if status == "stable" { Ok(()) } else { Err(status) }
    })
    .await;
    assert_eq!(post(&house, task, &say("go on"), &token).await.0, 200);
    assert_eq!(status(&house, task).await, "running", "it is on its way to the agent");
    assert_eq!(post(&house, task, &say("quickly"), &token).await.0, 409);
    let (_, act) = runner.order(spec.run).await;
    assert!(matches!(act, Act::Say { .. } | Act::Answer { .. }), "{act:?}");

    let question = Ask::Plan { plan: "p".to_owned() };
    let decided = Event::Decided {
        item,
        answer: Answer::Say { text: "go on".to_owned() },
        decider: Decider::Person { name: "owner".to_owned() },
    };
    let asked = Event::Asked {
        item: InboxId(Uuid::from_u128(6)),
        ask: question,
        deadline: None,
        on_timeout,
    };
    runner.write(spec.run, vec![decided, asked]).await;
    eventually("a plan is asked for", || async {
        let need = house
            .show(task)
            .await
            .inbox
            .iter()
            .any(|one| one.ask.need() == pilot_proto::Need::Plan);
        if need { Ok(()) } else { Err("not yet") }
    })
    .await;
    assert_eq!(status(&house, task).await, "running", "what it asks only people answer");
    house.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_tell_what_there_is_and_then_what_changes() {
    let house = House::new().await;
    house.project().await;
    let task = house.file("say hello").await.id;
    let mut runner = FakeRunner::connected(&house, 1).await;
    let spec = runner.take().await;
    let mut events = vec![Event::Phase { phase: Phase::AgentRunning }];
    events.extend(turn("say hello", "Hel"));
    let cursor = runner.write(spec.run, events).await;
    runner.acked(spec.run, cursor).await;
    let mut stream = TcpStream::connect(house.hub.address).await.expect("the hub listens");
    let request = format!(
        "GET /agentapi/tasks/{task}/events HTTP/1.1\r\nhost: localhost\r\n\
         authorization: Bearer {VIEWER}\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.expect("the hub reads");
    let mut seen = String::new();
    let mut until = async |words: &str| {
        while !seen.contains(words) {
            let mut bytes = [0; 4096];
            let count = soon(words, stream.read(&mut bytes)).await.expect("it is read");
            assert!(count > 0, "the stream ended: {seen}");
            seen.push_str(&String::from_utf8_lossy(&bytes[..count]));
        }
        seen.clone()
    };
    let head = until("event: status_change").await;
    assert!(head.contains("text/event-stream") && head.contains("say hello"), "{head}");
    until(r#""status":"running""#).await;
    let said = Event::Text { text: "lo, there.".to_owned(), parent: None, open: false };
    runner.write(spec.run, vec![said]).await;
    until("lo, there.").await;
    let over = vec![ended(TurnEnd::Completed), Event::Finished(Outcome::NoChange)];
    runner.write(spec.run, over).await;
    until(r#""status":"stable""#).await;
    house.hub.stop().await;
}
