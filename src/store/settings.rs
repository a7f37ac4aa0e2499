//! What workspaces set. Values are JSON; what they mean is `access::settings`'.

use sqlx::any::AnyRow;
use sqlx::query;

use super::link::{Columns, Link, seconds};
use super::{StoreError, UserId, WorkspaceId};
use crate::base::UnixTime;

/// One value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingRow {
    /// Of which workspace.
    pub workspace_id: WorkspaceId,
    /// The setting's name.
    pub key: String,
    /// JSON.
    pub value: String,
    /// Who set it.
    pub updated_by: Option<UserId>,
}

/// The settings' repository.
pub struct Settings<'a> {
    pub(super) link: Link<'a>,
}

impl Settings<'_> {
    /// What a workspace set, by name.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn list(&mut self, workspace: WorkspaceId) -> Result<Vec<SettingRow>, StoreError> {
        let select = query("SELECT * FROM settings WHERE workspace_id = $1 ORDER BY key")
            .bind(workspace.as_bytes().as_slice());
        self.link.all(select).await?.iter().map(setting).collect()
    }

    /// Writes a value in place of the one before.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn put(&mut self, new: &SettingRow, now: UnixTime) -> Result<(), StoreError> {
        let insert = query(
            "INSERT INTO settings (workspace_id, key, value, updated_at, updated_by)
             VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (workspace_id, key) DO UPDATE
             SET value = excluded.value, updated_at = excluded.updated_at,
                 updated_by = excluded.updated_by",
        )
        .bind(new.workspace_id.as_bytes().as_slice())
        .bind(&new.key)
        .bind(&new.value)
        .bind(seconds(now))
        .bind(new.updated_by.map(|id| id.as_bytes().to_vec()));
        self.link.execute(insert).await.map(drop)
    }

    /// Removes a value; `false` when there was none.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn remove(&mut self, workspace: WorkspaceId, key: &str) -> Result<bool, StoreError> {
        let delete = query("DELETE FROM settings WHERE workspace_id = $1 AND key = $2")
            .bind(workspace.as_bytes().as_slice())
            .bind(key);
        Ok(self.link.execute(delete).await? == 1)
    }

    /// Workspaces with a value written at `since` or later, by whatever process.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn changed_since(&mut self, since: UnixTime) -> Result<Vec<WorkspaceId>, StoreError> {
        let select = query("SELECT DISTINCT workspace_id FROM settings WHERE updated_at >= $1")
            .bind(seconds(since));
        self.link.all(select).await?.iter().map(|row| row.id("workspace_id")).collect()
    }
}

fn setting(row: &AnyRow) -> Result<SettingRow, StoreError> {
    Ok(SettingRow {
        workspace_id: row.id("workspace_id")?,
        key: row.text("key")?,
        value: row.text("value")?,
        updated_by: row.id_opt("updated_by")?,
    })
}
