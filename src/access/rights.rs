//! What people may do now, where that changed less than a token's life ago.
//!
//! A token says what its person might do when it was signed. Whoever was demoted since has less
//! at once (SECURITY A-27): every check asks this table, which holds the memberships that changed
//! within the life of a token. What was raised counts from the next token on.

use std::sync::Arc;

use dashmap::DashMap;

use super::principal::{Level, Principal, Role};
use super::revocation::horizon;
use crate::base::{UnixTime, limit};
use crate::store::{UserId, WorkspaceId};

/// Memberships that changed lately; clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct RightsTable {
    changed: Arc<DashMap<(WorkspaceId, UserId), RightsNow>>,
}

/// What somebody may do in a workspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RightsNow {
    pub level: Level,
    pub role: Role,
    pub at: UnixTime,
}

impl RightsTable {
    /// Notes rights as they are since `now.at`.
    pub(super) fn note(&self, workspace: WorkspaceId, user: UserId, now: RightsNow) {
        if self.changed.len() >= limit::RIGHTS_CHANGED_MAX {
            self.forget_old(now.at);
        }
        // Kept even beyond the bound: forgetting one would give rights back. What changes is
        // bounded by the transactions of ten minutes.
        self.changed.insert((workspace, user), now);
    }

    /// Lowers a principal to what they may do now.
    pub(super) fn lower(&self, principal: &mut Principal) {
        if self.changed.is_empty() {
            return;
        }
        if let Some(now) = self.changed.get(&(principal.workspace_id, principal.user_id)) {
            principal.level = principal.level.min(now.level);
            principal.role = principal.role.min(now.role);
        }
    }

    /// Forgets changes that no token is older than.
    pub(super) fn forget_old(&self, now: UnixTime) {
        let oldest = horizon(now);
        self.changed.retain(|_, rights| rights.at >= oldest);
    }
}
