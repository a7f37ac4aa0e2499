//! Sign-ins between password and second factor.

use sqlx::any::AnyRow;
use sqlx::query;

use super::link::{Columns, Link, seconds};
use super::{StoreError, UserId, WorkspaceId};
use crate::base::UnixTime;

/// A sign-in that waits for its second factor.
#[derive(Clone, PartialEq, Eq)]
pub struct LoginAttemptRow {
    /// SHA-256 of its key.
    pub id_hash: [u8; 32],
    /// Whose.
    pub user_id: UserId,
    /// Where they will work.
    pub workspace_id: WorkspaceId,
    /// How they began: `password`, `google`, ….
    pub method: String,
    /// When it began.
    pub created_at: UnixTime,
    /// Good before then.
    pub expires_at: UnixTime,
    /// Wrong codes so far.
    pub failures: u32,
    /// The code that was mailed, as a keyed hash, and when.
    pub email_code: Option<([u8; 32], UnixTime)>,
    /// Tries at that code.
    pub email_code_failures: u32,
}

/// The attempts' repository.
pub struct LoginAttempts<'a> {
    pub(super) link: Link<'a>,
}

impl LoginAttempts<'_> {
    /// Adds an attempt.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn insert(&mut self, new: &LoginAttemptRow) -> Result<(), StoreError> {
        let insert = query(
            "INSERT INTO login_attempts (id_hash, user_id, workspace_id, method, created_at,
                                         expires_at)
             VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(new.id_hash.as_slice())
        .bind(new.user_id.as_bytes().as_slice())
        .bind(new.workspace_id.as_bytes().as_slice())
        .bind(&new.method)
        .bind(seconds(new.created_at))
        .bind(seconds(new.expires_at));
        self.link.execute(insert).await.map(drop)
    }

    /// An attempt that is good now.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn open(
        &mut self,
        hash: &[u8; 32],
        now: UnixTime,
    ) -> Result<Option<LoginAttemptRow>, StoreError> {
        let select = query(
            "SELECT * FROM login_attempts
             WHERE id_hash = $1 AND done_at IS NULL AND expires_at > $2",
        )
        .bind(hash.as_slice())
        .bind(seconds(now));
        self.link.optional(select).await?.as_ref().map(attempt).transpose()
    }

    /// Keeps the hash of a code just mailed; an older code is void.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn set_email_code(
        &mut self,
        hash: &[u8; 32],
        code_hash: &[u8; 32],
        now: UnixTime,
    ) -> Result<bool, StoreError> {
        let update = query(
            "UPDATE login_attempts
             SET email_code_hash = $2, email_code_at = $3, email_code_failures = 0,
                 email_codes_sent = email_codes_sent + 1
             WHERE id_hash = $1 AND done_at IS NULL",
        )
        .bind(hash.as_slice())
        .bind(code_hash.as_slice())
        .bind(seconds(now));
        Ok(self.link.execute(update).await? == 1)
    }

    /// How many codes were mailed to a person for attempts begun since then.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn codes_sent(&mut self, user: UserId, since: UnixTime) -> Result<u64, StoreError> {
        let select = query(
            "SELECT CAST(COALESCE(SUM(email_codes_sent), 0) AS BIGINT) AS codes
             FROM login_attempts WHERE user_id = $1 AND email_code_at > $2",
        )
        .bind(user.as_bytes().as_slice())
        .bind(seconds(since));
        let row = self.link.optional(select).await?;
        Ok(u64::try_from(row.map_or(Ok(0), |row| row.int("codes"))?).unwrap_or(0))
    }

    /// Counts a try at the mailed code before it is judged; the tries before this one.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn try_email_code(&mut self, hash: &[u8; 32]) -> Result<u32, StoreError> {
        let update = query(
            "UPDATE login_attempts SET email_code_failures = email_code_failures + 1
             WHERE id_hash = $1 RETURNING email_code_failures",
        )
        .bind(hash.as_slice());
        let rows = self.link.returning(update).await?;
        let tries = rows.first().map_or(Ok(i64::MAX), |row| row.int("email_code_failures"))?;
        Ok(u32::try_from(tries.saturating_sub(1)).unwrap_or(u32::MAX))
    }

    /// Ends an attempt that succeeded; `false` when it had.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn finish(&mut self, hash: &[u8; 32], now: UnixTime) -> Result<bool, StoreError> {
        let update = query(
            "UPDATE login_attempts SET done_at = $2
             WHERE id_hash = $1 AND done_at IS NULL AND expires_at > $2",
        )
        .bind(hash.as_slice())
        .bind(seconds(now));
        Ok(self.link.execute(update).await? == 1)
    }

    /// Ends all attempts of a person: their password or factor is another now.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn void_all_of(&mut self, user: UserId, now: UnixTime) -> Result<(), StoreError> {
        let update =
            query("UPDATE login_attempts SET done_at = $2 WHERE user_id = $1 AND done_at IS NULL")
                .bind(user.as_bytes().as_slice())
                .bind(seconds(now));
        self.link.execute(update).await.map(drop)
    }

    /// Forgets attempts that expired before `before`.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn forget(&mut self, before: UnixTime) -> Result<u64, StoreError> {
        let delete =
            query("DELETE FROM login_attempts WHERE expires_at < $1").bind(seconds(before));
        self.link.execute(delete).await
    }
}

fn attempt(row: &AnyRow) -> Result<LoginAttemptRow, StoreError> {
    let email_code = match row.bytes_opt("email_code_hash")? {
        None => None,
        Some(_) => Some((row.digest("email_code_hash")?, row.time("email_code_at")?)),
    };
    let count = |column: &'static str| {
        u32::try_from(row.int(column)?).map_err(|_| StoreError::Damaged(column))
    };
    Ok(LoginAttemptRow {
        id_hash: row.digest("id_hash")?,
        user_id: row.id("user_id")?,
        workspace_id: row.id("workspace_id")?,
        method: row.text("method")?,
        created_at: row.time("created_at")?,
        expires_at: row.time("expires_at")?,
        failures: count("failures")?,
        email_code,
        email_code_failures: count("email_code_failures")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Level, testing};

    #[tokio::test]
    async fn an_attempt_ends_once_and_counts_each_try_before_it_is_judged() {
        for test in testing::each().await {
            let store = &test.store;
            let (workspace, ann) =
                testing::workspace_with(store, "one", "1001", Level::AGENT).await;
            let (hash, now) = ([7; 32], UnixTime(100));
            let new = LoginAttemptRow {
                id_hash: hash,
                user_id: ann.id,
                workspace_id: workspace.id,
                method: "password".into(),
                created_at: now,
                expires_at: UnixTime(200),
                failures: 0,
                email_code: None,
                email_code_failures: 0,
            };
            let mut attempts = store.login_attempts();
            attempts.insert(&new).await.unwrap();
            assert!(attempts.open(&hash, now).await.unwrap() == Some(new));
            assert!(attempts.open(&hash, UnixTime(200)).await.unwrap().is_none());
            assert!(attempts.set_email_code(&hash, &[9; 32], now).await.unwrap());
            assert_eq!(attempts.try_email_code(&hash).await.unwrap(), 0);
            assert_eq!(attempts.try_email_code(&hash).await.unwrap(), 1);
            assert!(attempts.set_email_code(&hash, &[8; 32], now).await.unwrap());
            let open = attempts.open(&hash, now).await.unwrap().unwrap();
            assert_eq!((open.email_code, open.email_code_failures), (Some(([8; 32], now)), 0));
            assert_eq!(attempts.codes_sent(ann.id, UnixTime(99)).await.unwrap(), 2);
            assert_eq!(attempts.codes_sent(ann.id, now).await.unwrap(), 0);
            assert!(attempts.finish(&hash, now).await.unwrap());
            assert!(!attempts.finish(&hash, now).await.unwrap());
            assert!(attempts.open(&hash, now).await.unwrap().is_none());
            assert_eq!(attempts.forget(UnixTime(201)).await.unwrap(), 1);
        }
    }
}
