//! Opening: fresh, again, at the same time, and what is refused.

use crate::world::{World, change, on_both_engines, task, task_id};
use pilot_proto::Code;
use pilot_store::{Change, Store, StoreError};

on_both_engines!(
    a_database_is_made_once_and_found_again,
    a_newer_database_is_refused_and_left_alone,
    two_hubs_that_start_at_once_make_one_database,
);

async fn a_database_is_made_once_and_found_again(world: World) {
    let store = world.open().await;
    change(&store, [Change::PutTask(task(1))]).await.expect("commits");
    store.close().await;
    let store = world.open().await;
    assert_eq!(store.task(task_id(1)).await.expect("reads"), Some(task(1)), "it was kept");
    let closed = change(&world_closed(&world).await, [Change::PutTask(task(2))]).await;
    assert!(matches!(closed, Err(StoreError::Write { .. })), "a closed store says so");
}

async fn world_closed(world: &World) -> Store {
    let store = world.open().await;
    store.close().await;
    store
}

async fn a_newer_database_is_refused_and_left_alone(world: World) {
    world.open().await.close().await;
    world.tamper("INSERT INTO pilothouse_schema (version) VALUES (999)").await;
    let error = Store::open(&world.url).await.expect_err("it is newer than we are");
    assert!(matches!(error, StoreError::Newer { found: 999, .. }), "{error}");
    let problem = error.problem();
    assert_eq!(problem.code, Code::Version, "a program can tell");
    assert!(!problem.hint.is_empty(), "a person is told what to do");
    world.tamper("DELETE FROM pilothouse_schema WHERE version = 999").await;
    world.open().await;
}

async fn two_hubs_that_start_at_once_make_one_database(world: World) {
    let (first, second) = tokio::join!(Store::open(&world.url), Store::open(&world.url));
    for store in [first.expect("opens"), second.expect("opens")] {
        change(&store, [Change::PutTask(task(1))]).await.expect("commits");
    }
    let versions = world.number("SELECT COUNT(*) FROM pilothouse_schema").await;
    let steps = world.number("SELECT MAX(version) FROM pilothouse_schema").await;
    assert_eq!(versions, steps, "each step was taken once");
}

#[tokio::test]
async fn a_url_that_names_no_database_of_ours_is_refused() {
    let check = async |url: &str, code: Code| {
        let error = Store::open(url).await.expect_err("must be refused");
        assert_eq!(error.problem().code, code, "{url}: {error}");
        assert!(!format!("{error:?}").contains("hunter2"), "a password is not shown: {error:?}");
    };
    check("mysql://me:hunter2@localhost/hub", Code::Invalid).await;
    check("sqlite::memory:", Code::Invalid).await;
    check("hub.db", Code::Invalid).await;
    check("sqlite:///nowhere/at/all/hub.db", Code::Internal).await;
    check("postgres://me:hunter2@%2Fnowhere%2Fat%2Fall/hub", Code::Internal).await;
}
