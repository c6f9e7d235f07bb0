//! The store takes nothing: nothing is acknowledged, nothing is lost, and the
//! hub says so.

use crate::house::{House, eventually, new_task};
use crate::runner::{FakeRunner, nothing_done, output};
use pilot_client::ClientError;
use pilot_proto::console::{JournalQuery, TaskJournal, TaskList, TaskNew, TaskQuery};
use pilot_proto::runner::ToRunner;
use sqlx::Connection;
use sqlx::sqlite::SqliteConnection;

/// From now on every write of a task's row or of records fails.
async fn jam(database: &mut SqliteConnection) {
    for table in ["tasks", "journals", "orders"] {
        for verb in ["INSERT", "UPDATE"] {
            let trigger = format!(
                "CREATE TRIGGER jam_{table}_{verb} BEFORE {verb} ON {table} BEGIN SELECT RAISE(ABORT, 'no room'); END"
            );
            run(database, trigger).await;
        }
    }
}

async fn free(database: &mut SqliteConnection) {
    for table in ["tasks", "journals", "orders"] {
        for verb in ["INSERT", "UPDATE"] {
            run(database, format!("DROP TRIGGER jam_{table}_{verb}")).await;
        }
    }
}

async fn run(database: &mut SqliteConnection, sql: String) {
    let sql = sqlx::AssertSqlSafe(sql);
    sqlx::raw_sql(sql).execute(database).await.expect("the test's own connection works");
}

#[tokio::test(flavor = "multi_thread")]
async fn while_nothing_can_be_stored_nothing_is_acknowledged_and_then_everything_is() {
    let house = House::new().await;
    house.project().await;
    let task = house.file("print").await.id;
    let mut runner = FakeRunner::connected(&house, 2).await;
    let run = runner.take().await.run;
    let end = runner.begin(run).await;
    runner.acked(run, end).await;
    let url = format!("sqlite://{}", house.options.data.join("hub.db").display());
    let mut database = SqliteConnection::connect(&url).await.expect("the database opens");
    jam(&mut database).await;

    let cursor = runner.write(run, vec![output("into the jam")]).await;
    let problem = match house.client.call::<TaskNew>(new_task("p", "say x")).await {
        Err(ClientError::Refused(problem)) => problem,
        other => panic!("the hub must say that it cannot: {other:?}"),
    };
    assert!(problem.message.contains("nothing of the commit was kept"), "{problem:?}");
    let tasks = house.call::<TaskList>(TaskQuery::default()).await;
    assert_eq!(tasks.len(), 1, "reading goes on, and nothing half-filed is there");
    let query =
        || JournalQuery { task, run: None, after: None, before: None, part: None, limit: None };
    let records = house.call::<TaskJournal>(query()).await.records;
    assert_eq!(records.len(), 2, "the record is not stored");

    free(&mut database).await;
    runner.acked(run, cursor).await;
    assert_eq!(
        house.call::<TaskJournal>(query()).await.records,
        runner.journals[&run].records,
        "what came meanwhile was kept and is there once"
    );
    let filed = eventually("tasks can be filed again", || async {
        house.client.call::<TaskNew>(new_task("p", "say x")).await
    })
    .await;
    let spec = runner.take().await;
    assert_eq!(spec.task, filed.id, "the runner is still connected, and gets it");
    let end = runner.write(run, nothing_done()).await;
    runner.acked(run, end).await;
    house.until(task, "no_change").await;
    house.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_that_is_stopped_in_trouble_has_promised_nothing() {
    let house = House::new().await;
    house.project().await;
    house.file("print").await;
    let mut runner = FakeRunner::connected(&house, 1).await;
    let run = runner.take().await.run;
    let end = runner.begin(run).await;
    runner.acked(run, end).await;
    let url = format!("sqlite://{}", house.options.data.join("hub.db").display());
    let mut database = SqliteConnection::connect(&url).await.expect("the database opens");
    jam(&mut database).await;
    runner.write(run, vec![output("lost with the hub")]).await;
    house.client.call::<TaskNew>(new_task("p", "say x")).await.expect_err("it cannot");
    runner.hang_up();
    let house = house.restart_after(async || free(&mut database).await).await;
    let known = runner.connect().await;
    assert_eq!(known[0].acked, end, "the runner is told to send it again");
    let rest = runner.journals[&run].records[2..].to_vec();
    runner.send(run, &rest).await;
    runner
        .until("it is acknowledged", |message| match message {
            ToRunner::Acked { cursor, .. } if *cursor == rest[0].cursor() => Some(()),
            _ => None,
        })
        .await;
    house.hub.stop().await;
}
