//! Who changes something, and how much they may give.

use std::net::IpAddr;

use super::OrganisationError;
use crate::access::audit::{Action, Entry};
use crate::access::policy::{Permission, Rights};
use crate::access::principal::{Actor, Principal};
use crate::access::trail;
use crate::base::UnixTime;
use crate::store::{Level, MembershipRow, Role, WorkspaceId};

/// Somebody who changes something.
#[derive(Clone, Debug)]
pub struct Author {
    /// For the audit.
    pub actor: Actor,
    /// What they have; they can give no more.
    pub rights: Rights,
}

impl Author {
    /// Whoever sent a request.
    #[must_use]
    pub fn of(principal: &Principal, ip: Option<IpAddr>) -> Self {
        Self { actor: Actor::of(principal, ip), rights: principal.rights() }
    }

    /// Somebody at a shell of the server, who may do everything.
    #[must_use]
    pub fn command() -> Self {
        Self { actor: Actor::command(), rights: Self::all_rights() }
    }

    /// The server itself, for what it makes at its start.
    #[must_use]
    pub fn system() -> Self {
        Self { actor: Actor::system(), rights: Self::all_rights() }
    }

    fn all_rights() -> Rights {
        Rights { level: Level::ADMIN, role: Role::Owner, at_home: true }
    }

    /// Whether they own the installation: somebody who may own another workspace is theirs alone
    /// to change.
    pub(super) fn owns_installation(&self) -> bool {
        self.rights.allow(Permission::Connections)
    }

    /// Nobody grants more than they have.
    pub(super) fn check_grant(&self, role: Role, level: Level) -> Result<(), OrganisationError> {
        let is_more = role > self.rights.role || level > self.rights.level || level == Level::NONE;
        if is_more { Err(OrganisationError::MoreThanOwn) } else { Ok(()) }
    }

    /// Nobody changes somebody who has more than they.
    pub(super) fn check_over(&self, other: &MembershipRow) -> Result<(), OrganisationError> {
        self.check_grant(other.role, other.level)
    }

    /// An event of theirs in a workspace.
    pub(super) fn entry(&self, action: Action, workspace: WorkspaceId, now: UnixTime) -> Entry {
        trail::entry(&self.actor, action, now).of_workspace(workspace)
    }
}
