//! The connections: one that writes, a few that read, over either engine.

use crate::error::StoreError;
use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::{Any, AnyConnection, AnyPool, Executor, Transaction};
use std::str::FromStr;

/// Readers at once. A read is short (one chunk, one page of rows), so a few
/// connections serve many consoles; each costs SQLite a page cache of 2 MiB
/// and PostgreSQL a process.
const READERS: u32 = 4;

/// Write-ahead log, so that readers and the writer do not wait for each other.
///
/// `FULL` and not `NORMAL`: with `NORMAL` a commit is not synced before the
/// next checkpoint, so a power loss takes back what the hub has acknowledged
/// and the runner may have deleted. It costs one sync per commit (0.3 ms on an
/// SSD, where the rest of a small commit takes 0.2); the hub makes up for it by
/// committing what has gathered from all runs at once.
const SQLITE_WRITER: &str = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
    PRAGMA busy_timeout = 10000; PRAGMA journal_size_limit = 67108864;";
const SQLITE_READER: &str = "PRAGMA query_only = ON; PRAGMA busy_timeout = 10000;";

/// A server may be set up with `synchronous_commit = off`, for which the same
/// holds as above. Any other setting is the administrator's business.
const POSTGRES_WRITER: &str = "SELECT CASE current_setting('synchronous_commit') WHEN 'off' \
    THEN set_config('synchronous_commit', 'on', false) ELSE '' END;";
const POSTGRES_READER: &str = "SET default_transaction_read_only = on;";

/// Which engine keeps the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Engine {
    Sqlite,
    Postgres,
}

impl Engine {
    /// The type of a column of bytes: the one word the two do not share.
    pub(crate) fn blob(self) -> &'static str {
        match self {
            Self::Sqlite => "BLOB",
            Self::Postgres => "BYTEA",
        }
    }
}

#[derive(Debug)]
pub(crate) struct Database {
    pub(crate) engine: Engine,
    pub(crate) readers: AnyPool,
    writer: AnyPool,
}

impl Database {
    pub(crate) async fn open(url: &str) -> Result<Self, StoreError> {
        sqlx::any::install_default_drivers();
        let (engine, options) = parse(url)?;
        let shown = without_password(&options);
        let (to_write, to_read) = match engine {
            Engine::Sqlite => (SQLITE_WRITER, SQLITE_READER),
            Engine::Postgres => (POSTGRES_WRITER, POSTGRES_READER),
        };
        let open = async {
            let writer = pool(1, to_write).connect_with(created_if_missing(engine, &options));
            let writer = writer.await?;
            // Lazily: the writer has to make the file, and its tables, first.
            Ok(Self { engine, readers: pool(READERS, to_read).connect_lazy_with(options), writer })
        };
        open.await.map_err(|source| StoreError::Open { url: shown, source })
    }

    /// Begins to write. On SQLite the write lock is taken at once: a lock
    /// taken later, by the first write, cannot be waited for.
    pub(crate) async fn begin(&self) -> Result<Transaction<'static, Any>, sqlx::Error> {
        match self.engine {
            Engine::Sqlite => self.writer.begin_with("BEGIN IMMEDIATE").await,
            Engine::Postgres => self.writer.begin().await,
        }
    }

    pub(crate) async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

/// Takes a transaction back. It failed already, so a failure of this is only
/// worth a line: the connection is thrown away.
pub(crate) async fn roll_back(transaction: Transaction<'static, Any>) {
    if let Err(error) = transaction.rollback().await {
        tracing::warn!(%error, "a failed transaction could not be rolled back");
    }
}

fn parse(url: &str) -> Result<(Engine, AnyConnectOptions), StoreError> {
    let engine = if url.starts_with("sqlite:///") {
        Engine::Sqlite
    } else if url.starts_with("postgres://") || url.starts_with("postgresql://") {
        Engine::Postgres
    } else {
        // What is before the first colon cannot be a password.
        let scheme = url.split(':').next().unwrap_or_default();
        return Err(StoreError::Url { url: format!("{scheme}:…") });
    };
    let options = AnyConnectOptions::from_str(url)
        .map_err(|source| StoreError::Open { url: "(unreadable)".to_owned(), source })?;
    Ok((engine, options))
}

fn created_if_missing(engine: Engine, options: &AnyConnectOptions) -> AnyConnectOptions {
    let mut options = options.clone();
    if engine == Engine::Sqlite {
        options.database_url.query_pairs_mut().append_pair("mode", "rwc");
    }
    options
}

fn without_password(options: &AnyConnectOptions) -> String {
    let mut url = options.database_url.clone();
    // A URL without a host cannot have a password either.
    if url.password().is_some() && url.set_password(None).is_err() {
        return format!("{}:…", url.scheme());
    }
    url.set_query(None);
    url.into()
}

fn pool(size: u32, set_up: &'static str) -> AnyPoolOptions {
    AnyPoolOptions::new().max_connections(size).after_connect(move |connection, _| {
        Box::pin(async move {
            let connection: &mut AnyConnection = connection;
            connection.execute(sqlx::raw_sql(set_up)).await?;
            Ok(())
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_shown_without_its_password() {
        let check = |url: &str, expected: &str| {
            let shown = match parse(url) {
                Ok((_, options)) => without_password(&options),
                Err(error) => error.to_string(),
            };
            assert!(shown.contains(expected), "`{shown}` should show `{expected}`");
            assert!(!shown.contains("hunter2"), "`{shown}` gives the password away");
        };
        check("postgres://me:hunter2@db.example.org/hub", "postgres://me@db.example.org/hub");
        check("postgres://%2Frun%2Fpg/hub?password=hunter2", "postgres://%2Frun%2Fpg/hub");
        check("mysql://me:hunter2@db.example.org/hub", "mysql:…");
        check("sqlite:///var/lib/hub.db", "sqlite:///var/lib/hub.db");
        check("sqlite::memory:", "not a database");
    }
}
