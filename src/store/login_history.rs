//! Who signed in and out, or tried to, and from where.

use sqlx::any::AnyRow;
use sqlx::query;

use super::link::{Columns, Link, Query, seconds};
use super::{RecordId, SessionId, StoreError, UserId, WorkspaceId};
use crate::base::UnixTime;

/// One sign-in, sign-out or failed try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoginRow {
    /// Identity.
    pub id: RecordId,
    /// When.
    pub at: UnixTime,
    /// `login`, `failure`, `factor_failed`, or why a session ended.
    pub event: String,
    /// `password`, `google`, ….
    pub method: String,
    /// Who, where that is known.
    pub user_id: Option<UserId>,
    /// In whose history it is.
    pub workspace_id: Option<WorkspaceId>,
    /// Of which session.
    pub session_id: Option<SessionId>,
    /// From where.
    pub ip: Option<String>,
    /// The browser's words.
    pub user_agent: Option<String>,
}

/// A row of the history with its person's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoginListing {
    /// The row.
    pub row: LoginRow,
    /// The person's sign-in name.
    pub user_name: Option<String>,
}

/// Where a page of the history ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoginCursor {
    /// The last row's time.
    pub at: UnixTime,
    /// The last row.
    pub id: RecordId,
}

/// The login history's repository.
pub struct LoginHistory<'a> {
    pub(super) link: Link<'a>,
}

/// Later than any row.
const END: (i64, [u8; 16]) = (i64::MAX, [0xff; 16]);

impl LoginHistory<'_> {
    /// Adds a row.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn insert(&mut self, new: &LoginRow) -> Result<(), StoreError> {
        let insert = query(
            "INSERT INTO login_history (id, at, event, method, user_id, workspace_id, session_id,
                                        ip, user_agent)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        )
        .bind(new.id.as_bytes().as_slice())
        .bind(seconds(new.at))
        .bind(&new.event)
        .bind(&new.method)
        .bind(new.user_id.as_ref().map(|id| id.as_bytes().as_slice()))
        .bind(new.workspace_id.as_ref().map(|id| id.as_bytes().as_slice()))
        .bind(new.session_id.as_ref().map(|id| id.as_bytes().as_slice()))
        .bind(&new.ip)
        .bind(&new.user_agent);
        self.link.execute(insert).await.map(drop)
    }

    /// A page of a workspace's history, newest first.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn list(
        &mut self,
        workspace: WorkspaceId,
        after: Option<LoginCursor>,
        limit: u32,
    ) -> Result<Vec<LoginListing>, StoreError> {
        let select = query(
            "SELECT h.*, users.name AS user_name FROM login_history AS h
             LEFT JOIN users ON users.id = h.user_id
             WHERE h.workspace_id = $1 AND (h.at < $2 OR (h.at = $2 AND h.id < $3))
             ORDER BY h.at DESC, h.id DESC LIMIT $4",
        );
        self.page(select, workspace.as_bytes(), after, limit).await
    }

    /// A page of a person's history in all workspaces, newest first.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn list_of(
        &mut self,
        user: UserId,
        after: Option<LoginCursor>,
        limit: u32,
    ) -> Result<Vec<LoginListing>, StoreError> {
        let select = query(
            "SELECT h.*, users.name AS user_name FROM login_history AS h
             LEFT JOIN users ON users.id = h.user_id
             WHERE h.user_id = $1 AND (h.at < $2 OR (h.at = $2 AND h.id < $3))
             ORDER BY h.at DESC, h.id DESC LIMIT $4",
        );
        self.page(select, user.as_bytes(), after, limit).await
    }

    async fn page(
        &mut self,
        select: Query<'_>,
        of: &[u8; 16],
        after: Option<LoginCursor>,
        limit: u32,
    ) -> Result<Vec<LoginListing>, StoreError> {
        let (at, id) = after.map_or(END, |cursor| (seconds(cursor.at), *cursor.id.as_bytes()));
        let select = select.bind(of.to_vec()).bind(at).bind(id.to_vec()).bind(i64::from(limit));
        self.link.all(select).await?.iter().map(listing).collect()
    }

    /// Forgets rows from before `before`; how many.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn forget(&mut self, before: UnixTime) -> Result<u64, StoreError> {
        let delete = query("DELETE FROM login_history WHERE at < $1").bind(seconds(before));
        self.link.execute(delete).await
    }
}

fn listing(row: &AnyRow) -> Result<LoginListing, StoreError> {
    let user_name = row.text_opt("user_name")?;
    let row = LoginRow {
        id: row.id("id")?,
        at: row.time("at")?,
        event: row.text("event")?,
        method: row.text("method")?,
        user_id: row.id_opt("user_id")?,
        workspace_id: row.id_opt("workspace_id")?,
        session_id: row.id_opt("session_id")?,
        ip: row.text_opt("ip")?,
        user_agent: row.text_opt("user_agent")?,
    };
    Ok(LoginListing { row, user_name })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Level, testing};

    #[tokio::test]
    async fn pages_follow_one_another_without_gap_and_stay_in_their_workspace() {
        for test in testing::each().await {
            let store = &test.store;
            let (one, ann) = testing::workspace_with(store, "one", "1001", Level::AGENT).await;
            let (two, _) = testing::workspace_with(store, "two", "1002", Level::AGENT).await;
            for at in [5, 5, 5, 6, 7] {
                let row = LoginRow {
                    id: RecordId::random(),
                    at: UnixTime(at),
                    event: "login".into(),
                    method: "password".into(),
                    user_id: Some(ann.id),
                    workspace_id: Some(one.id),
                    session_id: Some(SessionId::random()),
                    ip: Some("192.0.2.1".into()),
                    user_agent: None,
                };
                store.login_history().insert(&row).await.unwrap();
            }
            let mut seen = Vec::new();
            let mut after = None;
            loop {
                let page = store.login_history().list(one.id, after, 2).await.unwrap();
                let Some(last) = page.last() else { break };
                after = Some(LoginCursor { at: last.row.at, id: last.row.id });
                assert_eq!(page[0].user_name.as_deref(), Some("agent1001"));
                seen.extend(page.into_iter().map(|listing| listing.row.id));
            }
            let all = store.login_history().list_of(ann.id, None, 9).await.unwrap();
            assert_eq!(seen, all.iter().map(|listing| listing.row.id).collect::<Vec<_>>());
            assert_eq!(all[0].row.at, UnixTime(7));
            assert!(store.login_history().list(two.id, None, 9).await.unwrap().is_empty());
            assert_eq!(store.login_history().forget(UnixTime(6)).await.unwrap(), 3);
        }
    }
}
