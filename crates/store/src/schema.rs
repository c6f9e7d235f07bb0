//! Tables, as the steps that made them.
//!
//! A step is never changed once it was released; a new one is added at the
//! end. There is no way back: an older build refuses the newer database.
//!
//! Only `TEXT`, `BIGINT` and bytes: what both engines and the driver agree on.
//! Times are microseconds, truth values 0 and 1. A `doc` is a `proto` type as
//! JSON; the columns beside it are what it is found by.

use crate::database::{Database, Engine, roll_back};
use crate::error::StoreError;
use sqlx::{Any, AssertSqlSafe, Executor, Transaction};

const STEPS: &[&str] = &[
    "
    CREATE TABLE tasks (
        id TEXT NOT NULL PRIMARY KEY,
        project TEXT NOT NULL,
        state TEXT NOT NULL,
        ended BIGINT NOT NULL,
        created_at BIGINT NOT NULL,
        doc TEXT NOT NULL
    );
    CREATE INDEX tasks_by_age ON tasks (created_at, id);
    CREATE INDEX tasks_by_state ON tasks (state, created_at, id);
    CREATE INDEX tasks_by_project ON tasks (project, created_at, id);
    CREATE INDEX tasks_by_end ON tasks (ended, created_at, id);

    CREATE TABLE runs (
        id TEXT NOT NULL PRIMARY KEY,
        task TEXT NOT NULL,
        attempt BIGINT NOT NULL,
        ended BIGINT NOT NULL,
        leased_at BIGINT NOT NULL,
        doc TEXT NOT NULL
    );
    CREATE INDEX runs_by_task ON runs (task, attempt);
    CREATE INDEX runs_by_end ON runs (ended, leased_at);

    CREATE TABLE specs (
        run TEXT NOT NULL PRIMARY KEY,
        doc TEXT NOT NULL
    );

    CREATE TABLE inbox (
        id TEXT NOT NULL PRIMARY KEY,
        task TEXT NOT NULL,
        answered BIGINT NOT NULL,
        asked_at BIGINT NOT NULL,
        doc TEXT NOT NULL
    );
    CREATE INDEX inbox_by_task ON inbox (task, asked_at);
    CREATE INDEX inbox_by_answer ON inbox (answered, asked_at);

    CREATE TABLE named (
        kind TEXT NOT NULL,
        name TEXT NOT NULL,
        doc TEXT NOT NULL,
        PRIMARY KEY (kind, name)
    );

    CREATE TABLE runners (
        id TEXT NOT NULL PRIMARY KEY,
        name TEXT NOT NULL,
        public_key TEXT NOT NULL,
        about TEXT,
        revoked BIGINT NOT NULL,
        enrolled_at BIGINT NOT NULL,
        seen_at BIGINT
    );

    CREATE TABLE join_codes (
        hash TEXT NOT NULL PRIMARY KEY,
        expires_at BIGINT NOT NULL
    );

    CREATE TABLE orders (
        id TEXT NOT NULL PRIMARY KEY,
        run TEXT NOT NULL,
        created_at BIGINT NOT NULL,
        position BIGINT NOT NULL,
        act TEXT NOT NULL
    );
    CREATE INDEX orders_by_run ON orders (run, position);
    CREATE INDEX orders_by_position ON orders (position);

    CREATE TABLE settings (
        key TEXT NOT NULL PRIMARY KEY,
        value TEXT NOT NULL
    );

    CREATE TABLE journals (
        run TEXT NOT NULL PRIMARY KEY,
        epoch BIGINT NOT NULL,
        seq BIGINT NOT NULL,
        lines BIGINT NOT NULL,
        bytes BIGINT NOT NULL,
        tail_seq BIGINT NOT NULL
    );

    CREATE TABLE journal_chunks (
        run TEXT NOT NULL,
        last_seq BIGINT NOT NULL,
        first_seq BIGINT NOT NULL,
        epoch BIGINT NOT NULL,
        first_line BIGINT NOT NULL,
        end_line BIGINT NOT NULL,
        raw_bytes BIGINT NOT NULL,
        body {blob} NOT NULL,
        PRIMARY KEY (run, last_seq)
    );
    CREATE INDEX journal_chunks_by_line ON journal_chunks (run, end_line, last_seq);

    CREATE TABLE snapshot_deltas (
        run TEXT NOT NULL,
        seq BIGINT NOT NULL,
        reset BIGINT NOT NULL,
        whole BIGINT NOT NULL,
        raw_bytes BIGINT NOT NULL,
        body {blob} NOT NULL,
        PRIMARY KEY (run, seq)
    );
",
    "
    CREATE TABLE sessions (
        hash TEXT NOT NULL PRIMARY KEY,
        principal TEXT NOT NULL,
        role TEXT NOT NULL,
        binding TEXT NOT NULL,
        label TEXT NOT NULL,
        created_at BIGINT NOT NULL,
        seen_at BIGINT NOT NULL,
        expires_at BIGINT NOT NULL
    );
    CREATE INDEX sessions_by_end ON sessions (expires_at);

    CREATE TABLE sign_in_codes (
        hash TEXT NOT NULL PRIMARY KEY,
        principal TEXT NOT NULL,
        binding TEXT NOT NULL,
        expires_at BIGINT NOT NULL
    );

    CREATE TABLE preferences (
        principal TEXT NOT NULL,
        key TEXT NOT NULL,
        value TEXT NOT NULL,
        PRIMARY KEY (principal, key)
    );
",
    "
    -- Chunks that hold nothing but output and snapshots are 0 and passed over
    -- by whoever reads a conversation. Of older ones it is not known: 1.
    ALTER TABLE journal_chunks ADD COLUMN talk BIGINT NOT NULL DEFAULT 1;
    CREATE INDEX journal_chunks_by_talk ON journal_chunks (run, last_seq) WHERE talk = 1;

    -- When the record was minted; of older ones it is not known here.
    ALTER TABLE snapshot_deltas ADD COLUMN minted_at BIGINT;
",
    "
    -- Best of N. Of tasks from before there were groups it is null.
    ALTER TABLE tasks ADD COLUMN task_group TEXT;
    CREATE INDEX tasks_by_group ON tasks (task_group) WHERE task_group IS NOT NULL;

    -- Comments on changes. `review` is what was sent together; its ids sort by time.
    CREATE TABLE review_notes (
        task TEXT NOT NULL,
        review TEXT NOT NULL,
        position BIGINT NOT NULL,
        doc TEXT NOT NULL,
        PRIMARY KEY (task, review, position)
    );
",
    "
    -- The task whose agent filed it; of a person's tasks it is null.
    ALTER TABLE tasks ADD COLUMN parent TEXT;
    CREATE INDEX tasks_by_parent ON tasks (parent, created_at, id) WHERE parent IS NOT NULL;
",
    "
    -- Webhook deliveries that were taken in; a forge may send one again.
    CREATE TABLE deliveries (
        id TEXT NOT NULL PRIMARY KEY,
        taken_at BIGINT NOT NULL
    );
    CREATE INDEX deliveries_by_age ON deliveries (taken_at);

    -- Which tasks an issue has had. Of tasks from before it is not known here.
    ALTER TABLE tasks ADD COLUMN issue BIGINT;
    CREATE INDEX tasks_by_issue ON tasks (project, issue) WHERE issue IS NOT NULL;
",
];

/// Brings the database to this build's version, all steps or none.
pub(crate) async fn migrate(database: &Database) -> Result<(), StoreError> {
    let begin = database.begin().await;
    let mut transaction = begin.map_err(|source| StoreError::Migrate { version: 0, source })?;
    match steps(database.engine, &mut transaction).await {
        Ok(version) => {
            transaction.commit().await.map_err(|source| StoreError::Migrate { version, source })
        }
        Err(error) => {
            roll_back(transaction).await;
            Err(error)
        }
    }
}

async fn steps(
    engine: Engine,
    transaction: &mut Transaction<'static, Any>,
) -> Result<i64, StoreError> {
    let known = STEPS.len() as i64;
    let found = version(engine, transaction)
        .await
        .map_err(|source| StoreError::Migrate { version: 0, source })?;
    if found > known {
        return Err(StoreError::Newer { found, known });
    }
    for (version, step) in (1..).zip(STEPS).skip_while(|(version, _)| *version <= found) {
        let script = step.replace("{blob}", engine.blob());
        let done = async {
            // Safe: our own words, with one of two words of ours put in.
            transaction.execute(sqlx::raw_sql(AssertSqlSafe(script))).await?;
            let insert = sqlx::query("INSERT INTO pilothouse_schema (version) VALUES ($1)");
            insert.bind(version).execute(&mut **transaction).await
        };
        done.await.map_err(|source| StoreError::Migrate { version, source })?;
    }
    Ok(known)
}

async fn version(
    engine: Engine,
    transaction: &mut Transaction<'static, Any>,
) -> Result<i64, sqlx::Error> {
    if engine == Engine::Postgres {
        // Two hubs that start at once: the second waits here. (SQLite's
        // transaction has the write lock already.) The number is arbitrary.
        transaction.execute("SELECT pg_advisory_xact_lock(5030114501)").await?;
    }
    transaction
        .execute(
            "CREATE TABLE IF NOT EXISTS pilothouse_schema (version BIGINT NOT NULL PRIMARY KEY)",
        )
        .await?;
    let newest: Option<i64> = sqlx::query_scalar("SELECT MAX(version) FROM pilothouse_schema")
        .fetch_one(&mut **transaction)
        .await?;
    Ok(newest.unwrap_or(0))
}
