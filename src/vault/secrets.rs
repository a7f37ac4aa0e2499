//! Third-party secrets of a workspace: the one way to write one down or to read it.

use std::sync::Arc;

use super::{Place, Vault, VaultError};
use crate::base::{Clock, Secret};
use crate::store::{Change, RecordId, SecretListing, SecretRow, Store, WorkspaceId};

/// What a secret is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum SecretKind {
    /// Password at a mail server.
    Smtp,
    /// Client secret at an identity provider.
    Oidc,
    /// Password at a PBX's manager interface.
    Ami,
    /// Shared secret of a TURN server.
    Turn,
    /// Signs what is sent to a webhook.
    Webhook,
    /// Key of a speech or language service.
    Ai,
    /// Key of an object store.
    S3,
}

impl SecretKind {
    /// As stored and shown.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Smtp => "smtp",
            Self::Oidc => "oidc",
            Self::Ami => "ami",
            Self::Turn => "turn",
            Self::Webhook => "webhook",
            Self::Ai => "ai",
            Self::S3 => "s3",
        }
    }
}

/// The secrets of the store, which only this opens.
#[derive(Clone, Debug)]
pub struct SecretBook {
    store: Store,
    vault: Arc<Vault>,
    clock: Clock,
}

impl SecretBook {
    /// The secrets of `store`, sealed by `vault`.
    #[must_use]
    pub fn new(store: Store, vault: Arc<Vault>, clock: Clock) -> Self {
        Self { store, vault, clock }
    }

    /// Seals a secret and writes it down as part of `change`, in place of the one before.
    ///
    /// # Errors
    /// Sealing failed, or the database cannot be used.
    pub async fn put(
        &self,
        change: &mut Change,
        workspace: WorkspaceId,
        kind: SecretKind,
        name: &str,
        secret: &Secret,
    ) -> Result<(), VaultError> {
        let known = change.secrets().find(workspace, kind.as_str(), name).await?;
        let id = known.map_or_else(RecordId::random, |row| row.id);
        let row = SecretRow {
            id,
            workspace_id: workspace,
            kind: kind.as_str().to_owned(),
            name: name.to_owned(),
            value_sealed: self.vault.seal(place(&workspace, &id), secret)?,
        };
        Ok(change.secrets().put(&row, self.clock.unix()).await?)
    }

    /// Opens a secret for a use, a word for metrics; `None` when there is none.
    ///
    /// # Errors
    /// The value is damaged or belongs to another row, or the database cannot be used.
    pub async fn open(
        &self,
        workspace: WorkspaceId,
        kind: SecretKind,
        name: &str,
        purpose: &'static str,
    ) -> Result<Option<Secret>, VaultError> {
        let row = self.store.secrets().find(workspace, kind.as_str(), name).await?;
        let Some(SecretRow { id, value_sealed, .. }) = row else { return Ok(None) };
        let place = place(&workspace, &id);
        self.vault.open_sealed(place, &value_sealed, purpose).map(Some)
    }

    /// Whether there is a secret; opens nothing.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn has(
        &self,
        workspace: WorkspaceId,
        kind: SecretKind,
        name: &str,
    ) -> Result<bool, VaultError> {
        let listed = self.list(workspace).await?;
        Ok(listed.iter().any(|secret| secret.kind == kind.as_str() && secret.name == name))
    }

    /// Which secrets a workspace has; opens nothing.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn list(&self, workspace: WorkspaceId) -> Result<Vec<SecretListing>, VaultError> {
        Ok(self.store.secrets().list(workspace).await?)
    }

    /// Removes a secret as part of `change`; `false` when there was none.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn remove(
        &self,
        change: &mut Change,
        workspace: WorkspaceId,
        kind: SecretKind,
        name: &str,
    ) -> Result<bool, VaultError> {
        Ok(change.secrets().remove(workspace, kind.as_str(), name).await?)
    }
}

fn place<'a>(workspace: &'a WorkspaceId, id: &'a RecordId) -> Place<'a> {
    let (table, column) = ("secrets", "value_sealed");
    Place { workspace: Some(workspace.as_bytes()), table, column, row: id.as_bytes() }
}
