//! How a runner comes in, and how it is shown the door.

use crate::house::{House, eventually};
use crate::runner::{FakeRunner, join};
use pilot_link::{DialError, RunnerKey};
use pilot_proto::console::{JoinCodeNew, NewJoinCode, OneRunner, RunnerRevoke};
use pilot_proto::runner::{OLDEST, Refusal, VERSION};
use pilot_proto::{Code, RunnerId};

fn key() -> RunnerKey {
    RunnerKey::generate().expect("randomness")
}

fn refusal(error: DialError) -> Refusal {
    match error {
        DialError::Refused { refusal, .. } => refusal,
        other => panic!("the hub must refuse: {other}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_join_code_lets_one_runner_in_once() {
    let house = House::new().await;
    let code = house.join_code().await;
    join(&code, &key()).await.expect("the first is let in");
    let problem = join(&code, &key()).await.expect_err("the second is not");
    assert_eq!(problem.code, Code::Unauthorized, "{problem}");
    assert_eq!(house.runners().await.len(), 1, "nobody else was entered");
    let house = house.restart().await;
    join(&code, &key()).await.expect_err("nor after a restart");
    house.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_join_code_lets_nobody_in() {
    let house = House::new().await;
    let code = house.call::<JoinCodeNew>(NewJoinCode { valid_secs: Some(1) }).await.code;
    // However late we wake up, it is too late for the code.
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    let problem = join(&code, &key()).await.expect_err("it is too old");
    assert_eq!(problem.code, Code::Unauthorized, "{problem}");
    assert!(house.runners().await.is_empty());
    for secs in [0, 24 * 3600 + 1] {
        let new = NewJoinCode { valid_secs: Some(secs) };
        assert_eq!(house.refused::<JoinCodeNew>(new).await.code, Code::Invalid, "{secs}");
    }
    house.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_runner_is_disconnected_at_once_and_refused_from_then_on() {
    let house = House::new().await;
    let mut runner = FakeRunner::connected(&house, 1).await;
    let mut bulk = runner.bulk().await;
    eventually("the runner is online", || async {
        let runners = house.runners().await;
        if runners.iter().any(|one| one.online) { Ok(()) } else { Err(runners) }
    })
    .await;
    house.call::<RunnerRevoke>(OneRunner { runner: runner.id }).await;
    runner.until_closed().await;
    crate::house::soon("its blobs stop too", async { while bulk.recv().await.is_ok() {} }).await;
    let error = runner.try_connect().await.expect_err("it is not let in again");
    assert_eq!(refusal(error), Refusal::Revoked);
    let seen = house.runners().await;
    assert!(seen[0].revoked && !seen[0].online, "{seen:?}");
    let house = house.restart().await;
    let error = runner.try_connect().await.expect_err("nor after a restart");
    assert_eq!(refusal(error), Refusal::Revoked);
    house.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hello_with_another_key_or_of_nobody_is_refused() {
    let house = House::new().await;
    let mut runner = FakeRunner::enrolled(&house, 1).await;
    let own = std::mem::replace(&mut runner.key, key());
    let error = runner.try_connect().await.expect_err("somebody else's key");
    assert_eq!(refusal(error), Refusal::NotEnrolled);
    runner.key = own;
    let id = std::mem::replace(&mut runner.id, RunnerId(uuid::Uuid::from_u128(7)));
    let error = runner.try_connect().await.expect_err("nobody's id");
    assert_eq!(refusal(error), Refusal::NotEnrolled);
    runner.id = id;
    runner.connect().await;
    house.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_runner_is_refused_with_both_versions() {
    use crate::wire::{greeted, hello};
    let house = House::new().await;
    let runner = FakeRunner::enrolled(&house, 1).await;
    for version in [0, VERSION + 1] {
        let (mut socket, nonce) = greeted(&house).await;
        let answer = hello(&mut socket, &runner, &nonce, version).await;
        assert_eq!(answer["type"], "refused", "{answer}");
        assert_eq!(answer["oldest"], OLDEST, "{answer}");
        assert_eq!(answer["newest"], VERSION, "{answer}");
        assert_eq!(answer["yours"], version, "{answer}");
    }
    house.hub.stop().await;
}
