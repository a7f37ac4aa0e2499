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

/// What becomes of a secret when its settings are written.
enum Given<'a> {
    /// It stays.
    Same,
    /// This one takes its place.
    New(&'a Secret),
    /// It goes: it was for another server.
    Nothing,
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

    /// Writes settings and their secret, with the rows of the audit.
    async fn write<T: serde::Serialize>(
        &self,
        actor: &Actor,
        key: &str,
        value: &T,
        (kind, name, secret): (SecretKind, &str, Given<'_>),
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
        let action = match secret {
            Given::Same => None,
            Given::New(secret) => {
                self.secrets.put(&mut change, home, kind, name, secret).await?;
                Some(Action::SecretPut)
            }
            Given::Nothing => {
                let was = self.secrets.remove(&mut change, home, kind, name).await?;
                was.then_some(Action::SecretRemove)
            }
        };
        if let Some(action) = action {
            let entry = trail::entry(actor, action, now).on(kind.as_str(), name);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::testing::{Bench, benches};

    fn connections(bench: &Bench) -> Connections {
        let (store, clock) = (bench.store.clone(), bench.clock.clone());
        let secrets = SecretBook::new(store.clone(), bench.vault.clone(), clock.clone());
        Connections::new(store, secrets, bench.audit.clone(), clock)
    }

    #[tokio::test]
    async fn b14_b15_a_password_is_not_sent_to_another_server_than_it_was_given_for() {
        for bench in benches().await {
            let (book, actor) = (connections(&bench), &bench.actor);
            let mail = MailConnection {
                host: "mail.example.com".into(),
                port: 587,
                user: Some("svc".into()),
                from: "a@example.com".into(),
                tls: "required".into(),
                ca_pem: None,
            };
            let password = Secret::new("canary-of-mail");
            book.set_mail(actor, &mail, Some(&password)).await.unwrap();
            let renamed = MailConnection { from: "b@example.com".into(), ..mail.clone() };
            book.set_mail(actor, &renamed, None).await.unwrap();
            let kept = book.mail_password().await.unwrap();
            assert_eq!(kept.unwrap().expose(), "canary-of-mail");
            for moved in [
                MailConnection { host: "mail.example.org".into(), ..mail.clone() },
                MailConnection { port: 25, ..mail.clone() },
                MailConnection { tls: "opportunistic".into(), ..mail.clone() },
                MailConnection { ca_pem: Some("other".into()), ..mail.clone() },
            ] {
                book.set_mail(actor, &mail, Some(&password)).await.unwrap();
                book.set_mail(actor, &moved, None).await.unwrap();
                assert!(book.mail_password().await.unwrap().is_none(), "{moved:?}");
            }
        }
    }

    #[tokio::test]
    async fn a_client_secret_goes_with_the_provider_it_was_given_for() {
        for bench in benches().await {
            let (book, actor) = (connections(&bench), &bench.actor);
            let google = ProviderConnection {
                client_id: "client".into(),
                issuer: None,
                team_id: None,
                key_id: None,
                enabled: true,
            };
            let secret = Secret::new("canary-of-google");
            book.set_provider(actor, "google", &google, Some(&secret)).await.unwrap();
            let off = ProviderConnection { enabled: false, ..google.clone() };
            book.set_provider(actor, "google", &off, None).await.unwrap();
            assert!(book.provider_secret("google").await.unwrap().is_some());
            let issuer = Some("https://login.example.org".into());
            let moved = ProviderConnection { issuer, ..google.clone() };
            book.set_provider(actor, "google", &moved, None).await.unwrap();
            assert!(book.provider_secret("google").await.unwrap().is_none());
            let issuer = Some("file:///etc/passwd".into());
            let odd = ProviderConnection { issuer, ..google };
            assert!(book.set_provider(actor, "google", &odd, None).await.is_err());
        }
    }
}
