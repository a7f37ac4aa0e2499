//! The people of a workspace and what belongs to it: numbers, invitations, keys, PINs, figures,
//! who pays.
//!
//! Every change is one transaction with its row of the audit. Every list and every lookup is of
//! one workspace: an identity of another is as if it did not exist. Does not sign anybody in
//! (`desk`) and does not decide who may use a route (`policy`); what depends on the thing itself is
//! decided here: nobody grants more than they have, the last owner stays, a number obeys its own
//! list.

mod author;
mod billing;
mod civil;
mod error;
pub(super) mod fields;
mod inquiries;
mod invites;
mod key_cache;
mod keys;
mod numbers;
mod people;
mod pins;
mod posix_zone;
mod reports;
mod standing;
#[cfg(test)]
mod tests;
mod time_zone;
mod workspaces;

use std::fmt;
use std::sync::Arc;

use futures_util::future::BoxFuture;

pub use author::Author;
pub use billing::Billing;
pub use civil::Day;
pub use error::{KeyError, NumberError, OrganisationError, ProofError};
pub use inquiries::{Inquiries, NewInquiry};
pub use invites::{Guest, InviteLook, InviteState, Invites, NewInvite};
pub use keys::{CreatedKey, Keys, NewKey};
pub use numbers::{AssignedNumber, CallingNumber, MyAccess, NumberShown, PhoneNumbers};
pub use people::{NewPerson, People, PersonChange, PersonShown};
pub use pins::{PinStatus, Pins};
pub use reports::{DayFigures, Reports};
pub use time_zone::{TimeZone, TimeZoneError};
pub use workspaces::{WorkspaceShown, Workspaces};

use super::audit::{Audit, Entry};
use super::letter::Mailbox;
use super::passkey::Assertion;
use super::password::Passwords;
use super::principal::Principal;
use super::revocation::Revocations;
use super::settings::SettingsBook;
use crate::base::{Clock, Secret, UnixTime};
use crate::store::{Change, LoginRow, Member, RecordId, SessionRow, Store, UserId, WorkspaceId};
use crate::vault::Vault;
use key_cache::KeyCache;

/// What the organisation is built from.
pub struct OrganisationParts {
    /// The database.
    pub store: Store,
    /// Time.
    pub clock: Clock,
    /// Where changes are recorded.
    pub audit: Audit,
    /// Holds the key under which PINs are kept.
    pub vault: Arc<Vault>,
    /// Policies.
    pub settings: Arc<SettingsBook>,
    /// Hashes passwords of new people.
    pub passwords: Passwords,
    /// Sends invitations.
    pub mailbox: Arc<dyn Mailbox>,
    /// Learns of revoked keys.
    pub revocations: Revocations,
    /// Who must know of changes at once.
    pub after: Arc<dyn AfterChange>,
    /// Who checks passwords and second factors.
    pub proofs: Arc<dyn Proofs>,
}

/// Hears of what changed, after it was committed; must not wait.
pub trait AfterChange: Send + Sync {
    /// Somebody came, or their role, level, number or name changed.
    fn member_changed(&self, member: &Member);
    /// Somebody left a workspace.
    fn member_removed(&self, workspace: WorkspaceId, user: UserId);
    /// Sessions ended: their sockets close.
    fn sessions_ended(&self, ended: &[SessionRow]);
}

/// What a person shows again before something that a stolen session must not do (C20).
#[derive(Clone, Debug)]
pub struct Shown {
    /// Sign-in name or mail address.
    pub user: String,
    /// Password.
    pub password: Secret,
    /// Second factor, where there is one: a code, or else a passkey.
    pub code: Option<Secret>,
    /// What a passkey signed.
    pub passkey: Option<Assertion>,
}

/// Checks what a person shows again, and spaces guesses out.
pub trait Proofs: Send + Sync {
    /// Whether it is the person's password.
    fn password<'a>(
        &'a self,
        principal: &'a Principal,
        password: &'a Secret,
    ) -> BoxFuture<'a, Result<(), ProofError>>;

    /// Whether name, password and, where the person has one, second factor are theirs.
    fn full<'a>(
        &'a self,
        principal: &'a Principal,
        shown: &'a Shown,
    ) -> BoxFuture<'a, Result<(), ProofError>>;
}

/// The organisation.
pub struct Organisation {
    parts: OrganisationParts,
    keys: KeyCache,
}

impl Organisation {
    /// The organisation of a database.
    #[must_use]
    pub fn new(parts: OrganisationParts) -> Self {
        let keys = KeyCache::new(parts.clock.unix());
        Self { parts, keys }
    }

    /// Who belongs to a workspace.
    #[must_use]
    pub fn people(&self) -> People<'_> {
        People { org: self }
    }

    /// Workspaces.
    #[must_use]
    pub fn workspaces(&self) -> Workspaces<'_> {
        Workspaces { org: self }
    }

    /// Invitations.
    #[must_use]
    pub fn invites(&self) -> Invites<'_> {
        Invites { org: self }
    }

    /// Phone numbers.
    #[must_use]
    pub fn numbers(&self) -> PhoneNumbers<'_> {
        PhoneNumbers { org: self }
    }

    /// API keys.
    #[must_use]
    pub fn keys(&self) -> Keys<'_> {
        Keys { org: self }
    }

    /// PINs.
    #[must_use]
    pub fn pins(&self) -> Pins<'_> {
        Pins { org: self }
    }

    /// What strangers write.
    #[must_use]
    pub fn inquiries(&self) -> Inquiries<'_> {
        Inquiries { org: self }
    }

    /// Figures of calls.
    #[must_use]
    pub fn reports(&self) -> Reports<'_> {
        Reports { org: self }
    }

    /// Who pays.
    #[must_use]
    pub fn billing(&self) -> Billing<'_> {
        Billing { org: self }
    }

    /// Looks for keys and memberships that other processes changed. To be called every second.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn follow(&self) -> Result<(), OrganisationError> {
        Ok(self.keys.follow(&self.parts.store, &self.parts.revocations, self.now()).await?)
    }

    fn now(&self) -> UnixTime {
        self.parts.clock.unix()
    }

    fn store(&self) -> &Store {
        &self.parts.store
    }

    async fn record(&self, change: &mut Change, entry: Entry) -> Result<(), OrganisationError> {
        self.parts.audit.record(change, entry).await?;
        Ok(())
    }

    /// Writes the end of sessions into the login history, in the transaction that ended them.
    async fn note_ended(
        &self,
        change: &mut Change,
        ended: &[SessionRow],
        now: UnixTime,
    ) -> Result<(), OrganisationError> {
        for session in ended {
            let why = session.ended.map_or("revoked", |(_, why)| why.as_str());
            let row = LoginRow {
                id: RecordId::random(),
                at: now,
                event: why.to_owned(),
                method: session.method.clone(),
                user_id: Some(session.user_id),
                workspace_id: Some(session.workspace_id),
                session_id: Some(session.id),
                ip: session.ip.clone(),
                user_agent: session.user_agent.clone(),
            };
            change.login_history().insert(&row).await?;
        }
        Ok(())
    }
}

impl fmt::Debug for Organisation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Organisation").finish_non_exhaustive()
    }
}
