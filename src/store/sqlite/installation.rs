//! The one row that names this installation.

use sqlx::Row;

use super::Store;
use crate::base::UnixTime;
use crate::store::{Installation, StoreError};

/// The installation's row.
#[derive(Debug)]
pub struct InstallationTable<'a> {
    pub(super) store: &'a Store,
}

impl InstallationTable<'_> {
    /// Reads it, `None` in a new database.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn read(&self) -> Result<Option<Installation>, StoreError> {
        let row = sqlx::query("SELECT install_id, root_key_id FROM installation WHERE one = 1")
            .fetch_optional(self.store.readers())
            .await?;
        let Some(row) = row else { return Ok(None) };
        let install_id: Vec<u8> = row.try_get("install_id")?;
        let install_id = install_id.try_into().map_err(|_| StoreError::Damaged("installation"))?;
        Ok(Some(Installation { install_id, root_key_id: row.try_get("root_key_id")? }))
    }

    /// Writes it, once; a second time is a conflict.
    ///
    /// # Errors
    /// The database cannot be used or has one already.
    pub async fn create(&self, new: &Installation, now: UnixTime) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO installation (one, install_id, root_key_id, created_at)
             VALUES (1, $1, $2, $3)",
        )
        .bind(new.install_id.as_slice())
        .bind(&new.root_key_id)
        .bind(super::users::seconds(now))
        .execute(self.store.writer())
        .await?;
        Ok(())
    }
}
