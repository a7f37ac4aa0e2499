//! The database: what outlives the process.
//!
//! One file per aggregate: its rows as values, and a repository of a few methods with bound
//! parameters only. Knows no rule about who may do what and decrypts nothing. One schema on
//! SQLite (WAL, `synchronous=FULL`: what was acknowledged survives a power loss) and on
//! PostgreSQL. A repository of [`Store`] writes at once, one of [`Change`] in its transaction.

mod change;
mod error;
mod id;
mod installation;
mod level;
mod link;
mod lock;
mod memberships;
mod open;
mod role;
mod sessions;
#[cfg(test)]
pub mod testing;
mod trunks;
mod users;
mod workspaces;

pub use change::Change;
pub use error::StoreError;
pub use id::{
    ApiKeyId, InviteId, NotAnId, NumberId, RecordId, SessionId, TrunkId, UserId, WorkspaceId,
};
pub use installation::{Installation, InstallationTable};
pub use level::Level;
pub use lock::DataLock;
pub use memberships::{Member, MembershipRow, Memberships};
pub use open::{Backend, Store};
pub use role::Role;
pub use sessions::{Ending, NewSession, SessionRow, Sessions};
pub use trunks::{TrunkRow, TrunkSource, TrunkState, Trunks};
pub use users::{NewUser, UserRow, Users};
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
    /// This installation.
    installation: InstallationTable;
    /// Who belongs to which workspace.
    memberships: Memberships;
    /// Sign-ins.
    sessions: Sessions;
    /// PBXs.
    trunks: Trunks;
    /// People.
    users: Users;
    /// Workspaces.
    workspaces: Workspaces;
}
