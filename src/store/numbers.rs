//! Phone numbers and who uses them.

use sqlx::any::AnyRow;
use sqlx::query;

use super::link::{Columns, Link, seconds};
use super::{NumberId, StoreError, UserId, WorkspaceId};
use crate::base::UnixTime;

/// A phone number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NumberRow {
    /// Identity.
    pub id: NumberId,
    /// Of which workspace.
    pub workspace_id: WorkspaceId,
    /// The number; unique in the workspace.
    pub number: String,
    /// What people call it.
    pub label: String,
    /// When added.
    pub created_at: UnixTime,
}

/// What somebody may do with a phone number (requirements A14–A16); nothing to do with the role
/// in the workspace (X6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NumberAccess {
    /// See it and its history.
    View,
    /// Call with it too.
    Shared,
    /// Rename, share and remove it too.
    Owner,
}

impl NumberAccess {
    /// All of them, from the least.
    pub const ALL: [Self; 3] = [Self::View, Self::Shared, Self::Owner];

    /// As stored and shown.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::View => "view",
            Self::Shared => "shared",
            Self::Owner => "owner",
        }
    }

    /// From its word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|access| access.as_str() == word)
    }
}

/// Somebody who uses a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NumberUser {
    /// Who.
    pub user_id: UserId,
    /// Their sign-in name.
    pub name: String,
    /// As what.
    pub access: NumberAccess,
}

/// The numbers' repository.
pub struct Numbers<'a> {
    pub(super) link: Link<'a>,
}

impl Numbers<'_> {
    /// Adds a number.
    ///
    /// # Errors
    /// The workspace has it already (`number`), or the database cannot be used.
    pub async fn insert(&mut self, new: &NumberRow) -> Result<(), StoreError> {
        let insert = query(
            "INSERT INTO numbers (id, workspace_id, number, label, created_at)
             VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(new.id.as_bytes().as_slice())
        .bind(new.workspace_id.as_bytes().as_slice())
        .bind(&new.number)
        .bind(&new.label)
        .bind(seconds(new.created_at));
        self.link.execute(insert).await.map(drop)
    }

    /// One number of a workspace.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn by_id(
        &mut self,
        workspace: WorkspaceId,
        id: NumberId,
    ) -> Result<Option<NumberRow>, StoreError> {
        let select = query("SELECT * FROM numbers WHERE workspace_id = $1 AND id = $2")
            .bind(workspace.as_bytes().as_slice())
            .bind(id.as_bytes().as_slice());
        self.link.optional(select).await?.as_ref().map(number).transpose()
    }

    /// Every number of a workspace.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn list(&mut self, workspace: WorkspaceId) -> Result<Vec<NumberRow>, StoreError> {
        let select = query("SELECT * FROM numbers WHERE workspace_id = $1 ORDER BY number")
            .bind(workspace.as_bytes().as_slice());
        self.link.all(select).await?.iter().map(number).collect()
    }

    /// The numbers of a workspace that a person may use, and as what.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn of_user(
        &mut self,
        workspace: WorkspaceId,
        user: UserId,
    ) -> Result<Vec<(NumberRow, NumberAccess)>, StoreError> {
        let select = query(
            "SELECT n.*, a.access FROM numbers AS n JOIN number_access AS a ON a.number_id = n.id
             WHERE n.workspace_id = $1 AND a.user_id = $2 ORDER BY n.number",
        )
        .bind(workspace.as_bytes().as_slice())
        .bind(user.as_bytes().as_slice());
        let rows = self.link.all(select).await?;
        rows.iter().map(|row| Ok((number(row)?, access(row)?))).collect()
    }

    /// What a person may do with a number.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn access_of(
        &mut self,
        id: NumberId,
        user: UserId,
    ) -> Result<Option<NumberAccess>, StoreError> {
        let select =
            query("SELECT access FROM number_access WHERE number_id = $1 AND user_id = $2")
                .bind(id.as_bytes().as_slice())
                .bind(user.as_bytes().as_slice());
        self.link.optional(select).await?.as_ref().map(access).transpose()
    }

    /// Everybody who may use a number, by name.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn users_of(&mut self, id: NumberId) -> Result<Vec<NumberUser>, StoreError> {
        let select = query(
            "SELECT a.user_id, a.access, u.name FROM number_access AS a
             JOIN users AS u ON u.id = a.user_id WHERE a.number_id = $1 ORDER BY u.name",
        )
        .bind(id.as_bytes().as_slice());
        let rows = self.link.all(select).await?;
        let user = |row: &AnyRow| {
            let (user_id, name) = (row.id("user_id")?, row.text("name")?);
            Ok(NumberUser { user_id, name, access: access(row)? })
        };
        rows.iter().map(user).collect()
    }

    /// Renames a number; `false` when there is none.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn rename(&mut self, id: NumberId, label: &str) -> Result<bool, StoreError> {
        let update = query("UPDATE numbers SET label = $2 WHERE id = $1")
            .bind(id.as_bytes().as_slice())
            .bind(label);
        Ok(self.link.execute(update).await? == 1)
    }

    /// Removes a number; `false` when there was none.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn remove(&mut self, id: NumberId) -> Result<bool, StoreError> {
        let delete = query("DELETE FROM numbers WHERE id = $1").bind(id.as_bytes().as_slice());
        Ok(self.link.execute(delete).await? == 1)
    }

    /// Lets a person use a number.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn share(
        &mut self,
        id: NumberId,
        user: UserId,
        access: NumberAccess,
    ) -> Result<(), StoreError> {
        let insert = query(
            "INSERT INTO number_access (number_id, user_id, access) VALUES ($1, $2, $3)
             ON CONFLICT (number_id, user_id) DO UPDATE SET access = excluded.access",
        )
        .bind(id.as_bytes().as_slice())
        .bind(user.as_bytes().as_slice())
        .bind(access.as_str());
        self.link.execute(insert).await.map(drop)
    }

    /// Takes a number away from a person; `false` when they did not have it.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn unshare(&mut self, id: NumberId, user: UserId) -> Result<bool, StoreError> {
        let delete = query("DELETE FROM number_access WHERE number_id = $1 AND user_id = $2")
            .bind(id.as_bytes().as_slice())
            .bind(user.as_bytes().as_slice());
        Ok(self.link.execute(delete).await? == 1)
    }

    /// Takes every number of a workspace away from a person.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn unshare_all(
        &mut self,
        workspace: WorkspaceId,
        user: UserId,
    ) -> Result<u64, StoreError> {
        let delete = query(
            "DELETE FROM number_access WHERE user_id = $2
             AND number_id IN (SELECT id FROM numbers WHERE workspace_id = $1)",
        )
        .bind(workspace.as_bytes().as_slice())
        .bind(user.as_bytes().as_slice());
        self.link.execute(delete).await
    }
}

fn number(row: &AnyRow) -> Result<NumberRow, StoreError> {
    Ok(NumberRow {
        id: row.id("id")?,
        workspace_id: row.id("workspace_id")?,
        number: row.text("number")?,
        label: row.text("label")?,
        created_at: row.time("created_at")?,
    })
}

fn access(row: &AnyRow) -> Result<NumberAccess, StoreError> {
    row.word("access", NumberAccess::from_word)
}
