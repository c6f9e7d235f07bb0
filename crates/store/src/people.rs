//! What is kept per person and browser: sessions, sign-in codes, preferences.
//!
//! Only hashes of what somebody shows are here. Each change is a transaction
//! of its own: none of it belongs to a task, and it must not wait for a turn
//! of the hub's core.

use crate::changes::write;
use crate::database::{Database, roll_back};
use crate::error::StoreError;
use crate::store::Store;
use pilot_proto::Timestamp;
use sqlx::any::{AnyArguments, AnyRow};
use sqlx::query::Query;
use sqlx::{Any, Row};

/// Browsers of one person that are signed in at once; a program that signs in
/// anew for each call must not fill the disk.
pub const MOST_SESSIONS: i64 = 100;

/// A browser that somebody signed in with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Hash of what the browser shows.
    pub hash: String,
    /// Who signed in.
    pub principal: String,
    /// What they could do then, in words.
    pub role: String,
    /// Ties the session to the token it came from, without telling the token.
    pub binding: String,
    /// What the browser called itself.
    pub label: String,
    /// Since when.
    pub created_at: Timestamp,
    /// When it was last used, to within minutes.
    pub seen_at: Timestamp,
    /// Until when.
    pub expires_at: Timestamp,
}

/// A code that signs one browser in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignInCode {
    /// Hash of the code.
    pub hash: String,
    /// Whom it signs in.
    pub principal: String,
    /// Ties the code to the token it came from.
    pub binding: String,
    /// Until when.
    pub expires_at: Timestamp,
}

/// What became of a preference that was to be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// It is kept.
    Yes,
    /// This person has as many as anybody may have.
    TooMany,
}

impl Store {
    /// Keeps a session, and forgets those whose time is over, and of this
    /// person's those that were not used for longest beyond [`MOST_SESSIONS`].
    pub async fn put_session(&self, session: &Session) -> Result<(), StoreError> {
        let sweep = sqlx::query("DELETE FROM sessions WHERE expires_at <= $1");
        let sql = "INSERT INTO sessions \
                   (hash, principal, role, binding, label, created_at, seen_at, expires_at) \
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
        let insert = sqlx::query(sql)
            .bind(session.hash.clone())
            .bind(session.principal.clone())
            .bind(session.role.clone())
            .bind(session.binding.clone())
            .bind(session.label.clone())
            .bind(session.created_at.0)
            .bind(session.seen_at.0)
            .bind(session.expires_at.0);
        let crowd = "DELETE FROM sessions WHERE principal = $1 AND hash NOT IN (SELECT hash \
                     FROM sessions WHERE principal = $2 ORDER BY seen_at DESC, hash LIMIT $3)";
        let crowd = sqlx::query(crowd)
            .bind(session.principal.clone())
            .bind(session.principal.clone())
            .bind(MOST_SESSIONS - 1);
        let statements = vec![sweep.bind(session.created_at.0), crowd, insert];
        change(self.database(), "a session", statements).await.map(drop)
    }

    /// A session that is not over yet.
    pub async fn session(&self, hash: &str, now: Timestamp) -> Result<Option<Session>, StoreError> {
        let sql = "SELECT hash, principal, role, binding, label, created_at, seen_at, expires_at \
                   FROM sessions WHERE hash = $1 AND expires_at > $2";
        let row = sqlx::query(sql).bind(hash.to_owned()).bind(now.0);
        let row = row.fetch_optional(&self.database().readers).await;
        let read = |row: &AnyRow| -> Result<Session, sqlx::Error> {
            Ok(Session {
                hash: row.try_get(0)?,
                principal: row.try_get(1)?,
                role: row.try_get(2)?,
                binding: row.try_get(3)?,
                label: row.try_get(4)?,
                created_at: Timestamp(row.try_get(5)?),
                seen_at: Timestamp(row.try_get(6)?),
                expires_at: Timestamp(row.try_get(7)?),
            })
        };
        let failed = |source| StoreError::Read { what: "a session", source };
        row.map_err(failed)?.as_ref().map(read).transpose().map_err(failed)
    }

    /// A session was used.
    pub async fn saw_session(&self, hash: &str, at: Timestamp) -> Result<(), StoreError> {
        let sql = "UPDATE sessions SET seen_at = $1 WHERE hash = $2";
        let update = sqlx::query(sql).bind(at.0).bind(hash.to_owned());
        change(self.database(), "a session", vec![update]).await.map(drop)
    }

    /// Ends a session.
    pub async fn remove_session(&self, hash: &str) -> Result<(), StoreError> {
        let remove = sqlx::query("DELETE FROM sessions WHERE hash = $1").bind(hash.to_owned());
        change(self.database(), "a session", vec![remove]).await.map(drop)
    }

    /// Keeps a sign-in code, and forgets those whose time is over by `now`.
    pub async fn put_sign_in_code(
        &self,
        code: &SignInCode,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let sweep = sqlx::query("DELETE FROM sign_in_codes WHERE expires_at <= $1").bind(now.0);
        let sql = "INSERT INTO sign_in_codes (hash, principal, binding, expires_at) \
                   VALUES ($1, $2, $3, $4)";
        let insert = sqlx::query(sql)
            .bind(code.hash.clone())
            .bind(code.principal.clone())
            .bind(code.binding.clone())
            .bind(code.expires_at.0);
        change(self.database(), "a sign-in code", vec![sweep, insert]).await.map(drop)
    }

    /// Uses a code up; none if there is none that is still good. Of two that
    /// bring the same code, the engine lets one see that it took it.
    pub async fn take_sign_in_code(
        &self,
        hash: &str,
        now: Timestamp,
    ) -> Result<Option<SignInCode>, StoreError> {
        let sql = "SELECT hash, principal, binding, expires_at FROM sign_in_codes \
                   WHERE hash = $1 AND expires_at > $2";
        let row = sqlx::query(sql).bind(hash.to_owned()).bind(now.0);
        let row = row.fetch_optional(&self.database().readers).await;
        let failed = |source| StoreError::Read { what: "a sign-in code", source };
        let Some(row) = row.map_err(failed)? else { return Ok(None) };
        let read = |row: &AnyRow| -> Result<SignInCode, sqlx::Error> {
            Ok(SignInCode {
                hash: row.try_get(0)?,
                principal: row.try_get(1)?,
                binding: row.try_get(2)?,
                expires_at: Timestamp(row.try_get(3)?),
            })
        };
        let code = read(&row).map_err(failed)?;
        let take = sqlx::query("DELETE FROM sign_in_codes WHERE hash = $1").bind(hash.to_owned());
        let taken = change(self.database(), "a sign-in code", vec![take]).await?;
        Ok((taken == 1).then_some(code))
    }

    /// A preference, as JSON.
    pub async fn preference(
        &self,
        principal: &str,
        key: &str,
    ) -> Result<Option<String>, StoreError> {
        let sql = "SELECT value FROM preferences WHERE principal = $1 AND key = $2";
        let value = sqlx::query_scalar(sql).bind(principal.to_owned()).bind(key.to_owned());
        let value = value.fetch_optional(&self.database().readers).await;
        value.map_err(|source| StoreError::Read { what: "a preference", source })
    }

    /// Keeps a preference, unless it would be one more than `most`.
    pub async fn put_preference(
        &self,
        principal: &str,
        key: &str,
        value: &str,
        most: u32,
    ) -> Result<Kept, StoreError> {
        // One statement, so that the bound holds whoever else writes.
        let sql = "INSERT INTO preferences (principal, key, value) \
                   SELECT $1, $2, $3 WHERE \
                   (SELECT COUNT(*) FROM preferences WHERE principal = $4 AND key <> $5) < $6 \
                   ON CONFLICT (principal, key) DO UPDATE SET value = excluded.value";
        let upsert = sqlx::query(sql)
            .bind(principal.to_owned())
            .bind(key.to_owned())
            .bind(value.to_owned())
            .bind(principal.to_owned())
            .bind(key.to_owned())
            .bind(i64::from(most));
        let changed = change(self.database(), "a preference", vec![upsert]).await?;
        Ok(if changed == 0 { Kept::TooMany } else { Kept::Yes })
    }

    /// Forgets a preference.
    pub async fn remove_preference(&self, principal: &str, key: &str) -> Result<(), StoreError> {
        let sql = "DELETE FROM preferences WHERE principal = $1 AND key = $2";
        let remove = sqlx::query(sql).bind(principal.to_owned()).bind(key.to_owned());
        change(self.database(), "a preference", vec![remove]).await.map(drop)
    }
}

/// Carries out all statements or none; how many rows the last one changed.
async fn change(
    database: &Database,
    what: &'static str,
    statements: Vec<Query<'static, Any, AnyArguments>>,
) -> Result<u64, StoreError> {
    let failed = |source| StoreError::Write { what, source };
    let mut transaction = database.begin().await.map_err(failed)?;
    let mut changed = 0;
    for statement in statements {
        match write(&mut transaction, what, statement).await {
            Ok(rows) => changed = rows,
            Err(error) => {
                roll_back(transaction).await;
                return Err(error);
            }
        }
    }
    transaction.commit().await.map_err(failed)?;
    Ok(changed)
}
