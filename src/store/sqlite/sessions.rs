//! Sign-ins.

use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::Store;
use super::users::{seconds, time, user};
use crate::base::UnixTime;
use crate::store::{Ending, NewSession, SessionId, SessionRow, StoreError, UserId, UserRow};

/// The sessions' repository.
#[derive(Debug)]
pub struct Sessions<'a> {
    pub(super) store: &'a Store,
}

impl Sessions<'_> {
    /// Adds a session.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn insert(&self, new: &NewSession) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO sessions (id, user_id, token_hash, method, created_at, last_seen_at,
                                   expires_at, user_agent, ip)
             VALUES ($1, $2, $3, $4, $5, $5, $6, $7, $8)",
        )
        .bind(new.id.as_bytes().as_slice())
        .bind(new.user_id.as_bytes().as_slice())
        .bind(new.token_hash.as_ref().map(<[u8; 32]>::as_slice))
        .bind(new.method)
        .bind(seconds(new.created_at))
        .bind(seconds(new.expires_at))
        .bind(&new.user_agent)
        .bind(&new.ip)
        .execute(self.store.writer())
        .await?;
        Ok(())
    }

    /// A session that has not ended, with its person, by the hash of its cookie.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn by_token_hash(
        &self,
        hash: &[u8; 32],
    ) -> Result<Option<(SessionRow, UserRow)>, StoreError> {
        let row = sqlx::query(
            "SELECT users.*, s.id AS sid, s.user_id, s.method, s.created_at AS signed_in_at,
                    s.last_seen_at, s.expires_at, s.ended_at, s.ended_reason, s.user_agent, s.ip
             FROM sessions AS s JOIN users ON users.id = s.user_id
             WHERE s.token_hash = $1 AND s.ended_at IS NULL",
        )
        .bind(hash.as_slice())
        .fetch_optional(self.store.readers())
        .await?;
        row.map(|row| Ok((session(&row)?, user(&row)?))).transpose()
    }

    /// All sessions of a person, newest first.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn list_of(&self, user: UserId) -> Result<Vec<SessionRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT *, id AS sid, created_at AS signed_in_at FROM sessions WHERE user_id = $1
             ORDER BY created_at DESC LIMIT 1000",
        )
        .bind(user.as_bytes().as_slice())
        .fetch_all(self.store.readers())
        .await?;
        rows.iter().map(session).collect()
    }

    /// Notes a request of a session.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn touch(&self, id: SessionId, now: UnixTime) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE sessions SET last_seen_at = max(last_seen_at, $2)
             WHERE id = $1 AND ended_at IS NULL",
        )
        .bind(id.as_bytes().as_slice())
        .bind(seconds(now))
        .execute(self.store.writer())
        .await?;
        Ok(())
    }

    /// Ends a session; `false` when it had ended or never was.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn end(&self, id: SessionId, why: Ending, now: UnixTime) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "UPDATE sessions SET ended_at = $2, ended_reason = $3
             WHERE id = $1 AND ended_at IS NULL",
        )
        .bind(id.as_bytes().as_slice())
        .bind(seconds(now))
        .bind(why.as_str())
        .execute(self.store.writer())
        .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Ends every session of a person; the ended ones.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn end_all_of(
        &self,
        user: UserId,
        why: Ending,
        now: UnixTime,
    ) -> Result<Vec<SessionId>, StoreError> {
        let rows = sqlx::query(
            "UPDATE sessions SET ended_at = $2, ended_reason = $3
             WHERE user_id = $1 AND ended_at IS NULL RETURNING id AS sid",
        )
        .bind(user.as_bytes().as_slice())
        .bind(seconds(now))
        .bind(why.as_str())
        .fetch_all(self.store.writer())
        .await?;
        rows.iter().map(session_id).collect()
    }

    /// Ends every session unused since `idle_since` or past its life; the ended ones.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn end_expired(
        &self,
        idle_since: UnixTime,
        now: UnixTime,
    ) -> Result<Vec<SessionId>, StoreError> {
        let rows = sqlx::query(
            "UPDATE sessions SET ended_at = $2, ended_reason = 'expired'
             WHERE ended_at IS NULL AND (last_seen_at < $1 OR expires_at <= $2)
             RETURNING id AS sid",
        )
        .bind(seconds(idle_since))
        .bind(seconds(now))
        .fetch_all(self.store.writer())
        .await?;
        rows.iter().map(session_id).collect()
    }

    /// Sessions that ended at `since` or later, by whatever process.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn ended_since(
        &self,
        since: UnixTime,
    ) -> Result<Vec<(SessionId, UnixTime)>, StoreError> {
        let rows = sqlx::query("SELECT id AS sid, ended_at FROM sessions WHERE ended_at >= $1")
            .bind(seconds(since))
            .fetch_all(self.store.readers())
            .await?;
        rows.iter().map(|row| Ok((session_id(row)?, time(row.try_get("ended_at")?)))).collect()
    }
}

fn session_id(row: &SqliteRow) -> Result<SessionId, StoreError> {
    let id: Vec<u8> = row.try_get("sid")?;
    SessionId::from_slice(&id).ok_or(StoreError::Damaged("sessions"))
}

fn session(row: &SqliteRow) -> Result<SessionRow, StoreError> {
    let user_id: Vec<u8> = row.try_get("user_id")?;
    let ended_at: Option<i64> = row.try_get("ended_at")?;
    let reason: Option<String> = row.try_get("ended_reason")?;
    let ended = match ended_at {
        None => None,
        Some(at) => {
            let why = reason.as_deref().and_then(Ending::from_word);
            Some((time(at), why.ok_or(StoreError::Damaged("sessions"))?))
        }
    };
    Ok(SessionRow {
        id: session_id(row)?,
        user_id: UserId::from_slice(&user_id).ok_or(StoreError::Damaged("sessions"))?,
        method: row.try_get("method")?,
        created_at: time(row.try_get("signed_in_at")?),
        last_seen_at: time(row.try_get("last_seen_at")?),
        expires_at: time(row.try_get("expires_at")?),
        ended,
        user_agent: row.try_get("user_agent")?,
        ip: row.try_get("ip")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Level, NewUser};

    fn new_session(user_id: UserId, byte: u8) -> NewSession {
        NewSession {
            id: SessionId::random(),
            user_id,
            token_hash: Some([byte; 32]),
            method: "password",
            created_at: UnixTime(100),
            expires_at: UnixTime(1_000),
            user_agent: None,
            ip: Some("127.0.0.1".into()),
        }
    }

    #[tokio::test]
    async fn a_session_ends_once_and_is_then_found_no_more() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).await.unwrap();
        let new = NewUser {
            name: "a".into(),
            display_name: "A".into(),
            email: None,
            number: "1001".into(),
            level: Level::ADMIN,
            password_hash: None,
        };
        let user = store.users().insert(&new, UnixTime(1)).await.unwrap();
        let [one, two, three] = [1, 2, 3].map(|byte| new_session(user.id, byte));
        for session in [&one, &two, &three] {
            store.sessions().insert(session).await.unwrap();
        }
        let (found, whose) = store.sessions().by_token_hash(&[1; 32]).await.unwrap().unwrap();
        assert_eq!((found.id, whose.level), (one.id, Level::ADMIN));
        assert!(store.sessions().end(one.id, Ending::Logout, UnixTime(200)).await.unwrap());
        assert!(!store.sessions().end(one.id, Ending::Revoked, UnixTime(201)).await.unwrap());
        assert!(store.sessions().by_token_hash(&[1; 32]).await.unwrap().is_none());
        store.sessions().touch(two.id, UnixTime(500)).await.unwrap();
        let expired = store.sessions().end_expired(UnixTime(400), UnixTime(600)).await.unwrap();
        assert_eq!(expired, [three.id]);
        let ended = store.sessions().ended_since(UnixTime(600)).await.unwrap();
        assert_eq!(ended, [(three.id, UnixTime(600))]);
        let rest = store.sessions();
        let rest = rest.end_all_of(user.id, Ending::PasswordChanged, UnixTime(700)).await.unwrap();
        assert_eq!(rest, [two.id]);
        let all = store.sessions().list_of(user.id).await.unwrap();
        assert_eq!(all.len(), 3);
        assert!(all.iter().all(|session| session.ended.is_some()));
    }
}
