//! The servers this one connects to for people's sake: mail, identity providers.
//!
//! One set for the installation, kept with the home workspace. Owns what an administrator says of
//! them; passwords and client secrets are in the vault and are opened only when one is used.
//! Connects to nothing itself.

mod mail;
mod provider;

pub use mail::MailConnection;
pub use provider::ProviderConnection;

use super::audit::{Action, Audit, AuditError};
use super::principal::Actor;
use super::trail;
use crate::base::{Clock, Secret};
use crate::store::{Change, SettingRow, Store, StoreError, WorkspaceId};
use crate::vault::{SecretBook, SecretKind, VaultError};

/// What is known of the servers.
#[derive(Clone, Debug)]
pub struct Connections {
    store: Store,
    secrets: SecretBook,
    audit: Audit,
    clock: Clock,
}

/// Why a server's settings were not read or changed.
#[derive(Debug, thiserror::Error)]
pub enum ConnectionError {
    /// A field holds what it may not.
    #[error("{field} {why}")]
    Field {
        /// Which.
        field: &'static str,
        /// What it takes.
        why: &'static str,
    },
    /// There is none of this name.
    #[error("there is nothing here")]
    None,
    /// There is no workspace yet.
    #[error("the server has not been set up: use its set-up link first")]
    NotSetUp,
    /// The audit failed, so nothing was changed.
    #[error(transparent)]
    Audit(#[from] AuditError),
    /// The vault failed.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ConnectionError {
    /// A stable word.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Field { .. } => "field_invalid",
            Self::None => "not_found",
            Self::NotSetUp => "not_set_up",
            Self::Audit(_) | Self::Vault(_) | Self::Store(_) => "unavailable",
        }
    }
}

impl Connections {
    /// The servers of an installation.
    #[must_use]
    pub fn new(store: Store, secrets: SecretBook, audit: Audit, clock: Clock) -> Self {
        Self { store, secrets, audit, clock }
    }

    async fn home(&self) -> Result<WorkspaceId, ConnectionError> {
        let installation = self.store.installation().read().await?;
        installation.and_then(|row| row.home_workspace).ok_or(ConnectionError::NotSetUp)
    }

    async fn read<T: serde::de::DeserializeOwned>(
        &self,
        key: &str,
    ) -> Result<Option<T>, ConnectionError> {
        let home = match self.home().await {
            Ok(home) => home,
            Err(ConnectionError::NotSetUp) => return Ok(None),
            Err(error) => return Err(error),
        };
        let rows = self.store.settings().list(home).await?;
        let row = rows.into_iter().find(|row| row.key == key);
        let read = |row: SettingRow| serde_json::from_str(&row.value);
        Ok(row.map(read).transpose().map_err(|_| StoreError::Damaged("settings"))?)
    }

    /// Writes settings, and a secret when one is given, with the row of the audit.
    async fn write<T: serde::Serialize>(
        &self,
        actor: &Actor,
        key: &str,
        value: &T,
        secret: Option<(SecretKind, &str, &Secret)>,
    ) -> Result<(), ConnectionError> {
        let (home, now) = (self.home().await?, self.clock.unix());
        let text = serde_json::to_string(value).map_err(|_| StoreError::Damaged("settings"))?;
        let mut change = self.store.begin().await?;
        let row = SettingRow {
            workspace_id: home,
            key: key.to_owned(),
            value: text,
            updated_by: actor.user_id,
        };
        change.settings().put(&row, now).await?;
        if let Some((kind, name, secret)) = secret {
            self.secrets.put(&mut change, home, kind, name, secret).await?;
            let entry = trail::entry(actor, Action::SecretPut, now).on(kind.as_str(), name);
            self.audit.record(&mut change, entry).await?;
        }
        let entry = trail::entry(actor, Action::SettingChange, now).on("setting", key);
        self.finish(change, entry).await
    }

    /// Removes settings and their secret.
    async fn remove(
        &self,
        actor: &Actor,
        key: &str,
        (kind, name): (SecretKind, &str),
    ) -> Result<(), ConnectionError> {
        let (home, now) = (self.home().await?, self.clock.unix());
        let mut change = self.store.begin().await?;
        if !change.settings().remove(home, key).await? {
            return Err(ConnectionError::None);
        }
        self.secrets.remove(&mut change, home, kind, name).await?;
        let entry = trail::entry(actor, Action::SettingChange, now).on("setting", key);
        self.finish(change, entry.with("removed", true)).await
    }

    async fn finish(
        &self,
        mut change: Change,
        entry: super::audit::Entry,
    ) -> Result<(), ConnectionError> {
        self.audit.record(&mut change, entry).await?;
        Ok(change.commit().await?)
    }
}

/// Texts of settings: something, printable, not endless.
fn check(field: &'static str, text: &str) -> Result<(), ConnectionError> {
    let is_good = (1..=TEXT_MAX).contains(&text.len()) && !text.chars().any(char::is_control);
    let why = "is 1 to 254 printable characters";
    if is_good { Ok(()) } else { Err(ConnectionError::Field { field, why }) }
}

const TEXT_MAX: usize = 254;
