//! The one row that names this installation.

use sqlx::query;

use super::link::{Columns, Link, seconds};
use super::{StoreError, WorkspaceId};
use crate::base::UnixTime;

/// This installation; one row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Installation {
    /// Random, made once; salts every derived key.
    pub install_id: [u8; 16],
    /// Names the root key this data was encrypted with.
    pub root_key_id: String,
    /// The workspace whose administrators run the installation; none before the first.
    pub home_workspace: Option<WorkspaceId>,
}

/// The installation's row.
pub struct InstallationTable<'a> {
    pub(super) link: Link<'a>,
}

impl InstallationTable<'_> {
    /// Reads it, `None` in a new database.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn read(&mut self) -> Result<Option<Installation>, StoreError> {
        let select =
            query("SELECT install_id, root_key_id, home_workspace FROM installation WHERE one = 1");
        let Some(row) = self.link.optional(select).await? else { return Ok(None) };
        let install_id = row.bytes("install_id")?.try_into();
        Ok(Some(Installation {
            install_id: install_id.map_err(|_| StoreError::Damaged("installation"))?,
            root_key_id: row.text("root_key_id")?,
            home_workspace: row.id_opt("home_workspace")?,
        }))
    }

    /// Writes it, once; a second time is a conflict.
    ///
    /// # Errors
    /// The database cannot be used or has one already.
    pub async fn create(&mut self, new: &Installation, now: UnixTime) -> Result<(), StoreError> {
        let insert = query(
            "INSERT INTO installation (one, install_id, root_key_id, created_at)
             VALUES (1, $1, $2, $3)",
        )
        .bind(new.install_id.as_slice())
        .bind(&new.root_key_id)
        .bind(seconds(now));
        self.link.execute(insert).await.map(drop)
    }

    /// Says which workspace runs the installation, once; `false` when one does already.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn set_home(&mut self, workspace: WorkspaceId) -> Result<bool, StoreError> {
        let update = query(
            "UPDATE installation SET home_workspace = $1
             WHERE one = 1 AND home_workspace IS NULL",
        )
        .bind(workspace.as_bytes().as_slice());
        Ok(self.link.execute(update).await? == 1)
    }
}
