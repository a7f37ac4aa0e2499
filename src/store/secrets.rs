//! Sealed third-party secrets: mail, identity providers, PBX managers, TURN, webhooks.

use sqlx::any::AnyRow;
use sqlx::query;

use super::link::{Columns, Link, seconds};
use super::{RecordId, StoreError, WorkspaceId};
use crate::base::UnixTime;

/// A sealed secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretRow {
    /// Identity; bound into the sealed value.
    pub id: RecordId,
    /// Whose; bound into the sealed value.
    pub workspace_id: WorkspaceId,
    /// What it is for: `smtp`, `oidc`, `ami`, `turn`, `webhook`.
    pub kind: String,
    /// Which of its kind.
    pub name: String,
    /// A vault envelope.
    pub value_sealed: Vec<u8>,
}

/// That there is a secret: all that a list shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretListing {
    /// What it is for.
    pub kind: String,
    /// Which of its kind.
    pub name: String,
    /// When it was put in.
    pub updated_at: UnixTime,
}

/// The secrets' repository.
pub struct Secrets<'a> {
    pub(super) link: Link<'a>,
}

impl Secrets<'_> {
    /// Adds a secret, or replaces the one of the same identity.
    ///
    /// # Errors
    /// There is one of this name with another identity, or the database cannot be used.
    pub async fn put(&mut self, secret: &SecretRow, now: UnixTime) -> Result<(), StoreError> {
        let put = query(
            "INSERT INTO secrets (id, workspace_id, kind, name, value_sealed, updated_at)
             VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT (id) DO UPDATE SET value_sealed = $5, updated_at = $6",
        )
        .bind(secret.id.as_bytes().as_slice())
        .bind(secret.workspace_id.as_bytes().as_slice())
        .bind(&secret.kind)
        .bind(&secret.name)
        .bind(&secret.value_sealed)
        .bind(seconds(now));
        self.link.execute(put).await.map(drop)
    }

    /// One secret, sealed.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn find(
        &mut self,
        workspace: WorkspaceId,
        kind: &str,
        name: &str,
    ) -> Result<Option<SecretRow>, StoreError> {
        let select =
            query("SELECT * FROM secrets WHERE workspace_id = $1 AND kind = $2 AND name = $3")
                .bind(workspace.as_bytes().as_slice())
                .bind(kind)
                .bind(name);
        self.link.optional(select).await?.as_ref().map(secret).transpose()
    }

    /// Which secrets a workspace has; reads no sealed value.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn list(&mut self, workspace: WorkspaceId) -> Result<Vec<SecretListing>, StoreError> {
        let select = query(
            "SELECT kind, name, updated_at FROM secrets WHERE workspace_id = $1
             ORDER BY kind, name",
        )
        .bind(workspace.as_bytes().as_slice());
        let listing = |row: &AnyRow| {
            Ok(SecretListing {
                kind: row.text("kind")?,
                name: row.text("name")?,
                updated_at: row.time("updated_at")?,
            })
        };
        self.link.all(select).await?.iter().map(listing).collect()
    }

    /// Removes a secret; `false` when there was none.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn remove(
        &mut self,
        workspace: WorkspaceId,
        kind: &str,
        name: &str,
    ) -> Result<bool, StoreError> {
        let delete =
            query("DELETE FROM secrets WHERE workspace_id = $1 AND kind = $2 AND name = $3")
                .bind(workspace.as_bytes().as_slice())
                .bind(kind)
                .bind(name);
        Ok(self.link.execute(delete).await? == 1)
    }
}

fn secret(row: &AnyRow) -> Result<SecretRow, StoreError> {
    Ok(SecretRow {
        id: row.id("id")?,
        workspace_id: row.id("workspace_id")?,
        kind: row.text("kind")?,
        name: row.text("name")?,
        value_sealed: row.bytes("value_sealed")?,
    })
}
