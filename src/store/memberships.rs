//! Who belongs to which workspace, as what, at which number.

use sqlx::any::AnyRow;
use sqlx::query;

use super::link::{Columns, Link, seconds};
use super::users::user;
use super::{Level, Role, StoreError, UserId, UserRow, WorkspaceId};
use crate::base::UnixTime;

/// What a person is in a workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MembershipRow {
    /// Where.
    pub workspace_id: WorkspaceId,
    /// Who.
    pub user_id: UserId,
    /// Whether they pay, invite, or take part.
    pub role: Role,
    /// Which pages and powers they have.
    pub level: Level,
    /// What their phones are rung at; unique in the workspace.
    pub number: String,
    /// When they joined.
    pub created_at: UnixTime,
    /// When role, level or number last changed.
    pub changed_at: UnixTime,
}

/// A person in a workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Who.
    pub user: UserRow,
    /// As what.
    pub membership: MembershipRow,
}

/// The memberships' repository.
pub struct Memberships<'a> {
    pub(super) link: Link<'a>,
}

/// The columns that make a [`Member`], of `users` and of `memberships` as `m`.
macro_rules! member_columns {
    () => {
        "users.*, m.workspace_id AS m_workspace_id, m.role AS m_role, m.level AS m_level, \
         m.number AS m_number, m.created_at AS m_created_at, m.changed_at AS m_changed_at"
    };
}
pub(super) use member_columns;

/// A query for members; `$rest` says which.
macro_rules! member_query {
    ($rest:literal) => {
        query(concat!(
            "SELECT ",
            member_columns!(),
            " FROM memberships AS m JOIN users ON users.id = m.user_id ",
            $rest
        ))
    };
}

impl Memberships<'_> {
    /// Lets a person join.
    ///
    /// # Errors
    /// They are in it already (`workspace_id`), the number is taken (`number`), or the database
    /// cannot be used.
    pub async fn insert(&mut self, new: &MembershipRow) -> Result<(), StoreError> {
        let insert = query(
            "INSERT INTO memberships (workspace_id, user_id, role, level, number, created_at,
                                      changed_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(new.workspace_id.as_bytes().as_slice())
        .bind(new.user_id.as_bytes().as_slice())
        .bind(new.role.as_str())
        .bind(i64::from(new.level.get()))
        .bind(&new.number)
        .bind(seconds(new.created_at))
        .bind(seconds(new.changed_at));
        self.link.execute(insert).await.map(drop)
    }

    /// One person in one workspace.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn member(
        &mut self,
        workspace: WorkspaceId,
        user: UserId,
    ) -> Result<Option<Member>, StoreError> {
        let select = member_query!("WHERE m.workspace_id = $1 AND m.user_id = $2")
            .bind(workspace.as_bytes().as_slice())
            .bind(user.as_bytes().as_slice());
        self.link.optional(select).await?.as_ref().map(member).transpose()
    }

    /// The person rung at this number of a workspace.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn by_number(
        &mut self,
        workspace: WorkspaceId,
        number: &str,
    ) -> Result<Option<Member>, StoreError> {
        let select = member_query!("WHERE m.workspace_id = $1 AND m.number = $2")
            .bind(workspace.as_bytes().as_slice())
            .bind(number);
        self.link.optional(select).await?.as_ref().map(member).transpose()
    }

    /// A person's workspaces, the first joined first.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn of_user(&mut self, user: UserId) -> Result<Vec<Member>, StoreError> {
        let select = member_query!("WHERE m.user_id = $1 ORDER BY m.created_at, m.workspace_id")
            .bind(user.as_bytes().as_slice());
        self.link.all(select).await?.iter().map(member).collect()
    }

    /// Everybody in a workspace, by number.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn list(&mut self, workspace: WorkspaceId) -> Result<Vec<Member>, StoreError> {
        let select = member_query!("WHERE m.workspace_id = $1 ORDER BY m.number")
            .bind(workspace.as_bytes().as_slice());
        self.link.all(select).await?.iter().map(member).collect()
    }

    /// Changes what a person is in a workspace; `false` when they are not in it.
    ///
    /// # Errors
    /// The number is taken, or the database cannot be used.
    pub async fn set(
        &mut self,
        workspace: WorkspaceId,
        user: UserId,
        (role, level, number): (Role, Level, &str),
        now: UnixTime,
    ) -> Result<bool, StoreError> {
        let update = query(
            "UPDATE memberships SET role = $3, level = $4, number = $5, changed_at = $6
             WHERE workspace_id = $1 AND user_id = $2",
        )
        .bind(workspace.as_bytes().as_slice())
        .bind(user.as_bytes().as_slice())
        .bind(role.as_str())
        .bind(i64::from(level.get()))
        .bind(number)
        .bind(seconds(now));
        Ok(self.link.execute(update).await? == 1)
    }

    /// Takes a person out of a workspace; `false` when they were not in it.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn remove(
        &mut self,
        workspace: WorkspaceId,
        user: UserId,
    ) -> Result<bool, StoreError> {
        let delete = query("DELETE FROM memberships WHERE workspace_id = $1 AND user_id = $2")
            .bind(workspace.as_bytes().as_slice())
            .bind(user.as_bytes().as_slice());
        Ok(self.link.execute(delete).await? == 1)
    }

    /// Memberships whose rights changed at `since` or later, by whatever process.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn changed_since(&mut self, since: UnixTime) -> Result<Vec<Member>, StoreError> {
        let select = member_query!("WHERE m.changed_at >= $1 AND m.changed_at > m.created_at")
            .bind(seconds(since));
        self.link.all(select).await?.iter().map(member).collect()
    }
}

/// A member from a row of [`member_query`].
pub(super) fn member(row: &AnyRow) -> Result<Member, StoreError> {
    let user = user(row)?;
    let level = u8::try_from(row.int("m_level")?).ok().and_then(Level::new);
    let membership = MembershipRow {
        workspace_id: row.id("m_workspace_id")?,
        user_id: user.id,
        role: row.word("m_role", Role::from_word)?,
        level: level.ok_or(StoreError::Damaged("level"))?,
        number: row.text("m_number")?,
        created_at: row.time("m_created_at")?,
        changed_at: row.time("m_changed_at")?,
    };
    Ok(Member { user, membership })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing;

    #[tokio::test]
    async fn a_number_leads_to_one_person_of_its_workspace_and_to_nobody_of_another() {
        for test in testing::each().await {
            let store = &test.store;
            let (one, ann) = testing::workspace_with(store, "one", "1001", Level::AGENT).await;
            let (two, bob) = testing::workspace_with(store, "two", "1002", Level::ADMIN).await;
            let found = store.memberships().by_number(one.id, "1001").await.unwrap().unwrap();
            assert_eq!((&found.user, found.membership.level), (&ann, Level::AGENT));
            assert!(store.memberships().by_number(two.id, "1001").await.unwrap().is_none());
            assert!(store.users().by_sign_in("' OR 1=1 --").await.unwrap().is_none());
            let by_mail = store.users().by_sign_in("1002@example.com").await.unwrap();
            assert_eq!(by_mail, Some(bob.clone()));

            let mut second = found.membership.clone();
            second.user_id = bob.id;
            let taken = store.memberships().insert(&second).await.unwrap_err();
            assert!(matches!(taken, StoreError::Conflict("number")), "{taken:?}");
            second.number = "1009".into();
            store.memberships().insert(&second).await.unwrap();
            assert_eq!(store.memberships().of_user(bob.id).await.unwrap().len(), 2);

            let now = UnixTime(50);
            let raised = (Role::Admin, Level::MANAGER, "1001");
            assert!(store.memberships().set(one.id, ann.id, raised, now).await.unwrap());
            let changed = store.memberships().changed_since(now).await.unwrap();
            assert_eq!(changed.len(), 1);
            assert_eq!(changed[0].membership.role, Role::Admin);
            assert!(store.users().remove(ann.id).await.unwrap());
            assert!(store.memberships().list(one.id).await.unwrap().len() == 1);
        }
    }
}
