//! What people may do now, where that changed less than a token's life ago.
//!
//! A token says what its person might do when it was signed. Whoever was demoted since has less
//! at once (SECURITY A-27): every check asks this table, which holds the memberships that changed
//! within the life of a token. What was raised counts from the next token on.

use std::sync::Arc;

use dashmap::DashMap;
use tokio::sync::broadcast;

use super::principal::{Level, Principal, Role};
use super::revocation::horizon;
use crate::base::{UnixTime, limit};
use crate::store::{UserId, WorkspaceId};

/// Memberships that changed lately; clones share it.
#[derive(Clone, Debug)]
pub(super) struct RightsTable {
    changed: Arc<DashMap<(WorkspaceId, UserId), RightsNow>>,
    listeners: broadcast::Sender<RightsChanged>,
}

/// Somebody's rights changed; whoever holds sockets looks at theirs again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RightsChanged {
    /// Where.
    pub workspace_id: WorkspaceId,
    /// Whose.
    pub user_id: UserId,
}

/// What somebody may do in a workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RightsNow {
    pub level: Level,
    pub role: Role,
    /// What their phones are rung at; `None` when they left.
    pub number: Option<Arc<str>>,
    pub at: UnixTime,
}

impl Default for RightsTable {
    fn default() -> Self {
        let (listeners, _) = broadcast::channel(limit::SESSION_ENDINGS_MAX);
        Self { changed: Arc::default(), listeners }
    }
}

impl RightsTable {
    /// Notes rights as they are since `now.at`.
    pub(super) fn note(&self, workspace: WorkspaceId, user: UserId, now: RightsNow) {
        if self.changed.len() >= limit::RIGHTS_CHANGED_MAX {
            self.forget_old(now.at);
        }
        // Kept even beyond the bound: forgetting one would give rights back. What changes is
        // bounded by the transactions of ten minutes.
        let known = self.changed.insert((workspace, user), now.clone());
        let is_news = known.is_none_or(|known| {
            (known.level, known.role, known.number) != (now.level, now.role, now.number)
        });
        if is_news {
            // Nobody listening is no failure.
            let _ = self.listeners.send(RightsChanged { workspace_id: workspace, user_id: user });
        }
    }

    /// Every change from now on. A listener that lagged looks at everybody again.
    pub(super) fn subscribe(&self) -> broadcast::Receiver<RightsChanged> {
        self.listeners.subscribe()
    }

    /// Lowers a principal to what they may do now, at the number they have now.
    pub(super) fn lower(&self, principal: &mut Principal) {
        if self.changed.is_empty() {
            return;
        }
        if let Some(now) = self.changed.get(&(principal.workspace_id, principal.user_id)) {
            principal.level = principal.level.min(now.level);
            principal.role = principal.role.min(now.role);
            if let Some(number) = &now.number {
                principal.number = Arc::clone(number);
            }
        }
    }

    /// Forgets changes that no token is older than.
    pub(super) fn forget_old(&self, now: UnixTime) {
        let oldest = horizon(now);
        self.changed.retain(|_, rights| rights.at >= oldest);
    }
}
