//! Workspaces: what isolates one company's people, numbers, keys and PBXs from another's.

use sqlx::any::AnyRow;
use sqlx::query;

use super::link::{Columns, Link, seconds};
use super::{Backend, StoreError, WorkspaceId};
use crate::base::UnixTime;

/// A workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkspaceRow {
    /// Identity.
    pub id: WorkspaceId,
    /// Unique name.
    pub name: String,
    /// Nobody of it may sign in.
    pub disabled: bool,
    /// When made.
    pub created_at: UnixTime,
}

/// The workspaces' repository.
pub struct Workspaces<'a> {
    pub(super) link: Link<'a>,
}

impl Workspaces<'_> {
    /// Makes a workspace.
    ///
    /// # Errors
    /// The name is taken, or the database cannot be used.
    pub async fn insert(&mut self, name: &str, now: UnixTime) -> Result<WorkspaceRow, StoreError> {
        let id = WorkspaceId::random();
        let insert = "INSERT INTO workspaces (id, name, created_at) VALUES ($1, $2, $3)";
        let insert = query(insert).bind(id.as_bytes().as_slice()).bind(name).bind(seconds(now));
        self.link.execute(insert).await?;
        Ok(WorkspaceRow { id, name: name.into(), disabled: false, created_at: now })
    }

    /// One workspace.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn by_id(&mut self, id: WorkspaceId) -> Result<Option<WorkspaceRow>, StoreError> {
        let select = query("SELECT * FROM workspaces WHERE id = $1").bind(id.as_bytes().as_slice());
        self.link.optional(select).await?.as_ref().map(workspace).transpose()
    }

    /// Keeps other transactions that lock this workspace waiting until this one is over, so that
    /// what was counted stays true; `false` when there is none. Only useful in a transaction.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn lock(&mut self, id: WorkspaceId) -> Result<bool, StoreError> {
        // SQLite has one writer, whose transaction began with the write lock.
        let is_locking = matches!(&self.link, Link::Change(change)
            if change.backend() == Backend::Postgres);
        let select = query(if is_locking {
            "SELECT id FROM workspaces WHERE id = $1 FOR UPDATE"
        } else {
            "SELECT id FROM workspaces WHERE id = $1"
        })
        .bind(id.as_bytes().as_slice());
        Ok(self.link.optional(select).await?.is_some())
    }

    /// The workspace of this name.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn by_name(&mut self, name: &str) -> Result<Option<WorkspaceRow>, StoreError> {
        let select = query("SELECT * FROM workspaces WHERE name = $1").bind(name);
        self.link.optional(select).await?.as_ref().map(workspace).transpose()
    }

    /// All workspaces, by name.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn list(&mut self) -> Result<Vec<WorkspaceRow>, StoreError> {
        let rows = self.link.all(query("SELECT * FROM workspaces ORDER BY name")).await?;
        rows.iter().map(workspace).collect()
    }

    /// Renames a workspace, and lets its people in or not; `false` when there is none.
    ///
    /// # Errors
    /// The name is taken, or the database cannot be used.
    pub async fn set(
        &mut self,
        id: WorkspaceId,
        name: &str,
        disabled: bool,
    ) -> Result<bool, StoreError> {
        let update = query("UPDATE workspaces SET name = $2, disabled = $3 WHERE id = $1")
            .bind(id.as_bytes().as_slice())
            .bind(name)
            .bind(i64::from(disabled));
        Ok(self.link.execute(update).await? == 1)
    }
}

fn workspace(row: &AnyRow) -> Result<WorkspaceRow, StoreError> {
    Ok(WorkspaceRow {
        id: row.id("id")?,
        name: row.text("name")?,
        disabled: row.flag("disabled")?,
        created_at: row.time("created_at")?,
    })
}
