//! Sign-ins that are open or were.

use sqlx::any::AnyRow;
use sqlx::query;

use super::link::{Columns, Link, seconds};
use super::memberships::{member, member_columns};
use super::{Member, SessionId, StoreError, UserId, WorkspaceId};
use crate::base::UnixTime;

/// One sign-in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRow {
    /// Identity, the `sid` of tokens.
    pub id: SessionId,
    /// Whose.
    pub user_id: UserId,
    /// Where they work.
    pub workspace_id: WorkspaceId,
    /// How they signed in: `password`, `google`, `start_link`, `minted`.
    pub method: String,
    /// The second factor they showed.
    pub factor: Option<String>,
    /// Good for setting up a second factor and nothing else.
    pub enrolling: bool,
    /// When they signed in.
    pub created_at: UnixTime,
    /// Last request, to within a minute.
    pub last_seen_at: UnixTime,
    /// When the browser last got the cookie again.
    pub refreshed_at: UnixTime,
    /// Reports of previous days are open until then.
    pub pin_until: UnixTime,
    /// When and why it ended.
    pub ended: Option<(UnixTime, Ending)>,
    /// The browser's words.
    pub user_agent: Option<String>,
    /// From where.
    pub ip: Option<String>,
}

/// A session to add.
#[derive(Clone)]
pub struct NewSession {
    /// Identity.
    pub id: SessionId,
    /// Whose.
    pub user_id: UserId,
    /// Where they work.
    pub workspace_id: WorkspaceId,
    /// SHA-256 of the cookie; `None` for a minted token, which has none.
    pub token_hash: Option<[u8; 32]>,
    /// How they signed in.
    pub method: String,
    /// The second factor they showed.
    pub factor: Option<String>,
    /// Good for setting up a second factor and nothing else.
    pub enrolling: bool,
    /// When they signed in.
    pub created_at: UnixTime,
    /// Now: the same, unless they signed in for another session before.
    pub last_seen_at: UnixTime,
    /// The browser's words.
    pub user_agent: Option<String>,
    /// From where.
    pub ip: Option<String>,
}

impl From<NewSession> for SessionRow {
    /// As it is right after its insertion.
    fn from(new: NewSession) -> Self {
        Self {
            id: new.id,
            user_id: new.user_id,
            workspace_id: new.workspace_id,
            method: new.method,
            factor: new.factor,
            enrolling: new.enrolling,
            created_at: new.created_at,
            last_seen_at: new.last_seen_at,
            refreshed_at: new.last_seen_at,
            pin_until: UnixTime(0),
            ended: None,
            user_agent: new.user_agent,
            ip: new.ip,
        }
    }
}

/// Why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The person signed out.
    Logout,
    /// Unused or too old.
    Expired,
    /// An administrator or the person ended it from elsewhere.
    Revoked,
    /// The password was changed.
    PasswordChanged,
    /// The person may not sign in any more.
    Disabled,
    /// A new sign-in of the same browser took its place.
    Replaced,
}

impl Ending {
    const ALL: [Self; 6] = [
        Self::Logout,
        Self::Expired,
        Self::Revoked,
        Self::PasswordChanged,
        Self::Disabled,
        Self::Replaced,
    ];

    /// As stored and shown.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Logout => "logout",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
            Self::PasswordChanged => "password_changed",
            Self::Disabled => "disabled",
            Self::Replaced => "replaced",
        }
    }

    /// From its stored word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|ending| ending.as_str() == word)
    }
}

/// The sessions' repository.
pub struct Sessions<'a> {
    pub(super) link: Link<'a>,
}

/// Most rows of one list.
const LIST_MAX: i64 = 1_000;

impl Sessions<'_> {
    /// Adds a session.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn insert(&mut self, new: &NewSession) -> Result<(), StoreError> {
        let insert = query(
            "INSERT INTO sessions (id, user_id, workspace_id, token_hash, method, factor, enrolling,
                                   created_at, last_seen_at, refreshed_at, user_agent, ip)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9, $10, $11)",
        )
        .bind(new.id.as_bytes().as_slice())
        .bind(new.user_id.as_bytes().as_slice())
        .bind(new.workspace_id.as_bytes().as_slice())
        .bind(new.token_hash.as_ref().map(<[u8; 32]>::as_slice))
        .bind(&new.method)
        .bind(&new.factor)
        .bind(i64::from(new.enrolling))
        .bind(seconds(new.created_at))
        .bind(seconds(new.last_seen_at))
        .bind(&new.user_agent)
        .bind(&new.ip);
        self.link.execute(insert).await.map(drop)
    }

    /// A session that has not ended, with its person, by the hash of its cookie.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn by_token_hash(
        &mut self,
        hash: &[u8; 32],
    ) -> Result<Option<(SessionRow, Member)>, StoreError> {
        let select = query(concat!(
            "SELECT ",
            member_columns!(),
            ", s.id AS sid, s.user_id AS s_user_id, s.workspace_id AS s_workspace_id, s.method,
               s.factor, s.enrolling, s.created_at AS s_created_at, s.last_seen_at,
               s.refreshed_at, s.pin_until, s.ended_at, s.ended_reason, s.user_agent, s.ip
             FROM sessions AS s JOIN users ON users.id = s.user_id
             JOIN memberships AS m ON m.user_id = s.user_id AND m.workspace_id = s.workspace_id
             WHERE s.token_hash = $1 AND s.ended_at IS NULL",
        ))
        .bind(hash.as_slice());
        let row = self.link.optional(select).await?;
        row.map(|row| Ok((session(&row)?, member(&row)?))).transpose()
    }

    /// Why the session of a cookie ended; `None` when there is none that ended.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn ending_by_token_hash(
        &mut self,
        hash: &[u8; 32],
    ) -> Result<Option<Ending>, StoreError> {
        let select = query(
            "SELECT ended_reason FROM sessions WHERE token_hash = $1 AND ended_at IS NOT NULL",
        )
        .bind(hash.as_slice());
        let row = self.link.optional(select).await?;
        row.map(|row| row.word("ended_reason", Ending::from_word)).transpose()
    }

    /// Lets a session do everything, now that its person has set up a second factor.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn complete(&mut self, id: SessionId, factor: &str) -> Result<bool, StoreError> {
        let update = query(
            "UPDATE sessions SET enrolling = 0, factor = $2 WHERE id = $1 AND ended_at IS NULL",
        )
        .bind(id.as_bytes().as_slice())
        .bind(factor);
        Ok(self.link.execute(update).await? == 1)
    }

    /// One session, ended or not.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn by_id(&mut self, id: SessionId) -> Result<Option<SessionRow>, StoreError> {
        let select = query(
            "SELECT *, id AS sid, user_id AS s_user_id, workspace_id AS s_workspace_id,
                    created_at AS s_created_at FROM sessions WHERE id = $1",
        )
        .bind(id.as_bytes().as_slice());
        self.link.optional(select).await?.as_ref().map(session).transpose()
    }

    /// All sessions of a person, newest first.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn list_of(&mut self, user: UserId) -> Result<Vec<SessionRow>, StoreError> {
        let select = query(
            "SELECT *, id AS sid, user_id AS s_user_id, workspace_id AS s_workspace_id,
                    created_at AS s_created_at
             FROM sessions WHERE user_id = $1 ORDER BY created_at DESC LIMIT $2",
        )
        .bind(user.as_bytes().as_slice())
        .bind(LIST_MAX);
        self.link.all(select).await?.iter().map(session).collect()
    }

    /// All sessions in a workspace, newest first.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn list(&mut self, workspace: WorkspaceId) -> Result<Vec<SessionRow>, StoreError> {
        let select = query(
            "SELECT *, id AS sid, user_id AS s_user_id, workspace_id AS s_workspace_id,
                    created_at AS s_created_at
             FROM sessions WHERE workspace_id = $1 ORDER BY created_at DESC LIMIT $2",
        )
        .bind(workspace.as_bytes().as_slice())
        .bind(LIST_MAX);
        self.link.all(select).await?.iter().map(session).collect()
    }

    /// Notes a request of a session.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn touch(&mut self, id: SessionId, now: UnixTime) -> Result<(), StoreError> {
        let update = query(
            "UPDATE sessions SET last_seen_at = $2
             WHERE id = $1 AND ended_at IS NULL AND last_seen_at < $2",
        )
        .bind(id.as_bytes().as_slice())
        .bind(seconds(now));
        self.link.execute(update).await.map(drop)
    }

    /// Notes that the browser got the cookie again.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn refresh(&mut self, id: SessionId, now: UnixTime) -> Result<(), StoreError> {
        let update = query("UPDATE sessions SET refreshed_at = $2 WHERE id = $1")
            .bind(id.as_bytes().as_slice())
            .bind(seconds(now));
        self.link.execute(update).await.map(drop)
    }

    /// Opens reports of previous days to a session until then.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn set_pin_until(
        &mut self,
        id: SessionId,
        until: UnixTime,
    ) -> Result<(), StoreError> {
        let update = query("UPDATE sessions SET pin_until = $2 WHERE id = $1")
            .bind(id.as_bytes().as_slice())
            .bind(seconds(until));
        self.link.execute(update).await.map(drop)
    }

    /// Notes that a session moved: another address or another browser.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn set_client(
        &mut self,
        id: SessionId,
        user_agent: Option<&str>,
        ip: Option<&str>,
    ) -> Result<(), StoreError> {
        let update = query("UPDATE sessions SET user_agent = $2, ip = $3 WHERE id = $1")
            .bind(id.as_bytes().as_slice())
            .bind(user_agent)
            .bind(ip);
        self.link.execute(update).await.map(drop)
    }

    /// Ends a session; `false` when it had ended or never was.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn end(
        &mut self,
        id: SessionId,
        why: Ending,
        now: UnixTime,
    ) -> Result<bool, StoreError> {
        let update = query(
            "UPDATE sessions SET ended_at = $2, ended_reason = $3
             WHERE id = $1 AND ended_at IS NULL",
        )
        .bind(id.as_bytes().as_slice())
        .bind(seconds(now))
        .bind(why.as_str());
        Ok(self.link.execute(update).await? == 1)
    }

    /// Ends every session of a person, in one workspace or all, but not `keep`; the ended ones.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn end_all_of(
        &mut self,
        user: UserId,
        workspace: Option<WorkspaceId>,
        keep: Option<SessionId>,
        why: Ending,
        now: UnixTime,
    ) -> Result<Vec<SessionRow>, StoreError> {
        let keep = keep.map_or([0; 16], |id| *id.as_bytes());
        let is_everywhere = i64::from(workspace.is_none());
        let workspace = workspace.map_or([0; 16], |id| *id.as_bytes());
        let update = query(
            "UPDATE sessions SET ended_at = $3, ended_reason = $4
             WHERE user_id = $1 AND id <> $2 AND ended_at IS NULL
                   AND ($5 = 1 OR workspace_id = $6)
             RETURNING *, id AS sid, user_id AS s_user_id, workspace_id AS s_workspace_id,
                       created_at AS s_created_at",
        )
        .bind(user.as_bytes().as_slice())
        .bind(keep.as_slice())
        .bind(seconds(now))
        .bind(why.as_str())
        .bind(is_everywhere)
        .bind(workspace.as_slice());
        self.link.returning(update).await?.iter().map(session).collect()
    }

    /// Ends every session of a workspace; the ended ones.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn end_all_in(
        &mut self,
        workspace: WorkspaceId,
        why: Ending,
        now: UnixTime,
    ) -> Result<Vec<SessionRow>, StoreError> {
        let update = query(
            "UPDATE sessions SET ended_at = $2, ended_reason = $3
             WHERE workspace_id = $1 AND ended_at IS NULL
             RETURNING *, id AS sid, user_id AS s_user_id, workspace_id AS s_workspace_id,
                       created_at AS s_created_at",
        )
        .bind(workspace.as_bytes().as_slice())
        .bind(seconds(now))
        .bind(why.as_str());
        self.link.returning(update).await?.iter().map(session).collect()
    }

    /// Ends every session of a workspace unused since `idle_since` or opened at `opened_until` or
    /// before; the ended ones.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn end_expired(
        &mut self,
        workspace: WorkspaceId,
        idle_since: UnixTime,
        opened_until: UnixTime,
        now: UnixTime,
    ) -> Result<Vec<SessionRow>, StoreError> {
        let update = query(
            "UPDATE sessions SET ended_at = $4, ended_reason = 'expired'
             WHERE workspace_id = $1 AND ended_at IS NULL
                   AND (last_seen_at < $2 OR created_at <= $3)
             RETURNING *, id AS sid, user_id AS s_user_id, workspace_id AS s_workspace_id,
                       created_at AS s_created_at",
        )
        .bind(workspace.as_bytes().as_slice())
        .bind(seconds(idle_since))
        .bind(seconds(opened_until))
        .bind(seconds(now));
        self.link.returning(update).await?.iter().map(session).collect()
    }

    /// Sessions that ended at `since` or later, by whatever process.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn ended_since(
        &mut self,
        since: UnixTime,
    ) -> Result<Vec<(SessionId, UnixTime)>, StoreError> {
        let select = query("SELECT id AS sid, ended_at FROM sessions WHERE ended_at >= $1")
            .bind(seconds(since));
        let rows = self.link.all(select).await?;
        rows.iter().map(|row| Ok((row.id("sid")?, row.time("ended_at")?))).collect()
    }
}

fn session(row: &AnyRow) -> Result<SessionRow, StoreError> {
    let ended = match row.time_opt("ended_at")? {
        None => None,
        Some(at) => Some((at, row.word("ended_reason", Ending::from_word)?)),
    };
    Ok(SessionRow {
        id: row.id("sid")?,
        user_id: row.id("s_user_id")?,
        workspace_id: row.id("s_workspace_id")?,
        method: row.text("method")?,
        factor: row.text_opt("factor")?,
        enrolling: row.flag("enrolling")?,
        created_at: row.time("s_created_at")?,
        last_seen_at: row.time("last_seen_at")?,
        refreshed_at: row.time("refreshed_at")?,
        pin_until: row.time("pin_until")?,
        ended,
        user_agent: row.text_opt("user_agent")?,
        ip: row.text_opt("ip")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Level, testing};

    #[tokio::test]
    async fn a_session_ends_once_and_is_then_found_no_more() {
        for test in testing::each().await {
            let store = &test.store;
            let (workspace, user) =
                testing::workspace_with(store, "one", "1001", Level::ADMIN).await;
            let new_session = |byte: u8| NewSession {
                id: SessionId::random(),
                user_id: user.id,
                workspace_id: workspace.id,
                token_hash: Some([byte; 32]),
                method: "password".into(),
                factor: None,
                enrolling: false,
                created_at: UnixTime(100),
                last_seen_at: UnixTime(100),
                user_agent: None,
                ip: Some("127.0.0.1".into()),
            };
            let [one, two, three, four] = [1, 2, 3, 4].map(new_session);
            for session in [&one, &two, &three, &four] {
                store.sessions().insert(session).await.unwrap();
            }
            let found = store.sessions().by_token_hash(&[1; 32]).await.unwrap().unwrap();
            assert_eq!((found.0.id, found.1.membership.level), (one.id, Level::ADMIN));
            let end = async |why, at| store.sessions().end(one.id, why, UnixTime(at)).await;
            assert!(end(Ending::Logout, 200).await.unwrap());
            assert!(!end(Ending::Revoked, 201).await.unwrap());
            assert!(store.sessions().by_token_hash(&[1; 32]).await.unwrap().is_none());
            for id in [two.id, four.id] {
                store.sessions().touch(id, UnixTime(500)).await.unwrap();
            }
            let [idle, opened, now] = [400, 50, 600].map(UnixTime);
            let expired = store.sessions().end_expired(workspace.id, idle, opened, now).await;
            let expired: Vec<_> = expired.unwrap().iter().map(|session| session.id).collect();
            assert_eq!(expired, [three.id]);
            let ended = store.sessions().ended_since(now).await.unwrap();
            assert_eq!(ended, [(three.id, now)]);
            let why = Ending::PasswordChanged;
            let rest =
                store.sessions().end_all_of(user.id, None, Some(two.id), why, now).await.unwrap();
            assert_eq!(rest.iter().map(|session| session.id).collect::<Vec<_>>(), [four.id]);
            let all = store.sessions().list_of(user.id).await.unwrap();
            assert_eq!(all.iter().filter(|session| session.ended.is_none()).count(), 1);
            assert_eq!(store.sessions().list(workspace.id).await.unwrap().len(), 4);
        }
    }
}
