//! The database: what outlives the process.
//!
//! One file per aggregate: its rows as values, and a repository of a few methods with bound
//! parameters only. Knows no rule about who may do what and decrypts nothing. One schema on
//! SQLite (WAL, `synchronous=FULL`: what was acknowledged survives a power loss) and on
//! PostgreSQL. A repository of [`Store`] writes at once, one of [`Change`] in its transaction.

mod api_keys;
mod audit;
mod billing;
mod calls;
mod change;
pub mod dump;
mod error;
mod id;
mod identities;
mod inquiries;
mod installation;
mod invites;
mod level;
mod link;
mod lock;
mod login_attempts;
mod login_history;
mod mail_links;
mod memberships;
mod numbers;
mod open;
mod passkeys;
mod people;
mod profile;
mod role;
mod second_factors;
mod secrets;
mod sessions;
mod settings;
#[cfg(test)]
pub mod testing;
mod trunks;
mod users;
mod vault_keys;
mod workspaces;

pub use api_keys::{ApiKeyListing, ApiKeyRow, ApiKeys};
pub use audit::{AuditCheckpointRow, AuditFilter, AuditHead, AuditRow, AuditTable};
pub use billing::{Billing, BillingRow};
pub use calls::{CallQuarter, CallRow, Calls, NewCall};
pub use change::Change;
pub use error::StoreError;
pub use id::{
    ApiKeyId, InviteId, NotAnId, NumberId, PasskeyId, RecordId, SessionId, TrunkId, UserId,
    WorkspaceId,
};
pub use identities::{Identities, IdentityRow};
pub use inquiries::{Inquiries, InquiryRow};
pub use installation::{Installation, InstallationTable};
pub use invites::{InviteRow, Invites};
pub use level::Level;
pub use lock::DataLock;
pub use login_attempts::{LoginAttemptRow, LoginAttempts};
pub use login_history::{LoginCursor, LoginHistory, LoginListing, LoginRow};
pub use mail_links::{LinkKind, MailLinkRow, MailLinks};
pub use memberships::{Member, MembershipRow, Memberships};
pub use numbers::{NumberAccess, NumberRow, NumberUser, Numbers};
pub use open::{Backend, Store};
pub use passkeys::{PasskeyChallenge, PasskeyRow, Passkeys};
pub use people::PersonListing;
pub use role::Role;
pub use second_factors::{FactorListing, FactorLock, SecondFactorRow, SecondFactors};
pub use secrets::{SecretListing, SecretRow, Secrets};
pub use sessions::{Ending, NewSession, SessionRow, Sessions};
pub use settings::{SettingRow, Settings};
pub use trunks::{TrunkRow, TrunkSource, TrunkState, Trunks};
pub use users::{NewUser, Place, UserRow, Users};
pub use vault_keys::{KeyState, SEALED_COLUMNS, SealedColumn, SealedValue, VaultKeyRow, VaultKeys};
pub use workspaces::{WorkspaceRow, Workspaces};

use link::Link;

/// Gives every repository to the store and to transactions.
macro_rules! repositories {
    ($($(#[$doc:meta])* $name:ident: $repository:ident;)*) => {
        impl Store {
            $($(#[$doc])*
            #[must_use]
            pub fn $name(&self) -> $repository<'_> {
                $repository { link: Link::Store(self) }
            })*
        }

        impl Change {
            $($(#[$doc])*
            #[must_use]
            pub fn $name(&mut self) -> $repository<'_> {
                $repository { link: Link::Change(self) }
            })*
        }
    };
}

repositories! {
    /// The audit.
    audit: AuditTable;
    /// Keys for programs.
    api_keys: ApiKeys;
    /// Who pays.
    billing: Billing;
    /// Calls that are over.
    calls: Calls;
    /// What strangers wrote.
    inquiries: Inquiries;
    /// Invitations.
    invites: Invites;
    /// Phone numbers.
    numbers: Numbers;
    /// This installation.
    installation: InstallationTable;
    /// Who belongs to which workspace.
    memberships: Memberships;
    /// Third-party secrets.
    secrets: Secrets;
    /// Sign-ins.
    sessions: Sessions;
    /// What workspaces set.
    settings: Settings;
    /// PBXs.
    trunks: Trunks;
    /// People.
    users: Users;
    /// The vault's keys.
    vault_keys: VaultKeys;
    /// Workspaces.
    workspaces: Workspaces;
    /// Accounts at identity providers.
    identities: Identities;
    /// Sign-ins under way.
    login_attempts: LoginAttempts;
    /// Who signed in and out.
    login_history: LoginHistory;
    /// Passkeys.
    passkeys: Passkeys;
    /// Links sent by mail.
    mail_links: MailLinks;
    /// Second factors.
    second_factors: SecondFactors;
}
