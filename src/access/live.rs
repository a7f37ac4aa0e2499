//! Sessions in memory: what a check of a cookie reads instead of the database.
//!
//! A copy counts for three hours and is then read again (A35); endings and changed rights do not
//! wait for that, they are pushed. Last uses are kept here and written together, once a minute.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use dashmap::DashMap;

use super::principal::{Level, Principal, Proof, Role, SessionId, UserId, WorkspaceId};
use super::session::Client;
use super::settings::Policy;
use crate::base::{UnixTime, limit};
use crate::store::{Member, SessionRow};

/// The sessions this process has seen.
#[derive(Debug, Default)]
pub(super) struct LiveSessions {
    by_cookie: DashMap<[u8; 32], Arc<Live>>,
    /// Where in `by_cookie` a session is.
    cookies: DashMap<SessionId, [u8; 32]>,
}

/// A session.
#[derive(Debug)]
pub(super) struct Live {
    pub principal: Principal,
    pub created_at: UnixTime,
    /// When this copy was read.
    read_at: UnixTime,
    last_seen_at: AtomicU64,
    written_at: AtomicU64,
    refreshed_at: AtomicU64,
    /// Where it came from, as a fingerprint, and when that was last looked into.
    client: AtomicU64,
    moved_at: AtomicU64,
}

/// Whether a session goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Age {
    /// It does.
    Good,
    /// Unused or open for too long.
    Expired,
}

impl LiveSessions {
    /// The session of a cookie, unless its copy is too old.
    pub(super) fn get(&self, hash: &[u8; 32], now: UnixTime) -> Option<Arc<Live>> {
        let live = self.by_cookie.get(hash).map(|live| Arc::clone(live.value()))?;
        let is_fresh = now < live.read_at.plus(limit::SESSION_CACHED_MAX);
        is_fresh.then_some(live)
    }

    /// Keeps a session; `false` when there is no room, and each check reads it anew.
    pub(super) fn put(&self, hash: [u8; 32], live: &Arc<Live>) -> bool {
        if self.by_cookie.len() >= limit::SESSIONS_CACHED_MAX {
            return false;
        }
        if let Some(old) = self.by_cookie.insert(hash, Arc::clone(live)) {
            live.last_seen_at.fetch_max(old.last_seen().0, Ordering::Relaxed);
            live.moved_at.fetch_max(old.moved_at.load(Ordering::Relaxed), Ordering::Relaxed);
        }
        self.cookies.insert(live.principal.session_id, hash);
        true
    }

    /// Drops a session.
    pub(super) fn drop(&self, id: SessionId) {
        if let Some((_, hash)) = self.cookies.remove(&id) {
            self.by_cookie.remove(&hash);
        }
    }

    /// Changes somebody's sessions, in one workspace or all, to what `change` makes of them.
    pub(super) fn change(
        &self,
        user: UserId,
        workspace: Option<WorkspaceId>,
        change: impl Fn(&mut Principal),
    ) {
        for mut live in self.by_cookie.iter_mut() {
            let is_theirs = live.principal.user_id == user
                && workspace.is_none_or(|workspace| live.principal.workspace_id == workspace);
            if is_theirs {
                let mut principal = live.principal.clone();
                change(&mut principal);
                *live = Arc::new(live.with(principal));
            }
        }
    }

    /// Sessions used since that was last written down, and when.
    pub(super) fn used(&self) -> Vec<(Arc<Live>, UnixTime)> {
        let seen = |live: &Arc<Live>| {
            let seen = live.last_seen_at.load(Ordering::Relaxed);
            let is_news = live.written_at.load(Ordering::Relaxed) < seen;
            is_news.then(|| (Arc::clone(live), UnixTime(seen)))
        };
        self.by_cookie.iter().filter_map(|live| seen(live.value())).collect()
    }

    /// How many.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.by_cookie.len()
    }
}

impl Live {
    /// A session from its row.
    pub(super) fn new(row: &SessionRow, principal: Principal, now: UnixTime) -> Self {
        let ip = row.ip.as_deref().and_then(|ip| ip.parse().ok());
        let client = Client { user_agent: row.user_agent.clone(), ip };
        Self {
            principal,
            created_at: row.created_at,
            read_at: now,
            last_seen_at: AtomicU64::new(row.last_seen_at.0),
            written_at: AtomicU64::new(row.last_seen_at.0),
            refreshed_at: AtomicU64::new(row.refreshed_at.0),
            client: AtomicU64::new(client.fingerprint()),
            moved_at: AtomicU64::new(0),
        }
    }

    fn with(&self, principal: Principal) -> Self {
        let copy = |value: &AtomicU64| AtomicU64::new(value.load(Ordering::Relaxed));
        Self {
            principal,
            created_at: self.created_at,
            read_at: self.read_at,
            last_seen_at: copy(&self.last_seen_at),
            written_at: copy(&self.written_at),
            refreshed_at: copy(&self.refreshed_at),
            client: copy(&self.client),
            moved_at: copy(&self.moved_at),
        }
    }

    /// Whether the policy lets it go on. Asked at every check, so that a policy counts at once.
    pub(super) fn age(&self, policy: &Policy, now: UnixTime) -> Age {
        let is_idle = now > self.last_seen().plus(policy.session_idle_timeout);
        let is_old =
            policy.session_absolute_max.is_some_and(|longest| now >= self.created_at.plus(longest));
        if is_idle || is_old { Age::Expired } else { Age::Good }
    }

    /// Notes a use; when the last one before it was.
    pub(super) fn use_now(&self, now: UnixTime) -> UnixTime {
        UnixTime(self.last_seen_at.fetch_max(now.0, Ordering::Relaxed))
    }

    /// The last use.
    pub(super) fn last_seen(&self) -> UnixTime {
        UnixTime(self.last_seen_at.load(Ordering::Relaxed))
    }

    /// Whether the browser is due to get its cookie again; says so to one of many requests.
    pub(super) fn is_refresh_due(&self, policy: &Policy, now: UnixTime) -> bool {
        let refreshed = self.refreshed_at.load(Ordering::Relaxed);
        let is_due = now >= UnixTime(refreshed).plus(policy.session_refresh_every);
        let order = Ordering::Relaxed;
        is_due && self.refreshed_at.compare_exchange(refreshed, now.0, order, order).is_ok()
    }

    /// Whether the session comes from elsewhere than before; says so once, and at most once a
    /// minute. Gives the fingerprint it had.
    pub(super) fn has_moved(&self, client: &Client, now: UnixTime) -> Option<u64> {
        let (new, old) = (client.fingerprint(), self.client.load(Ordering::Relaxed));
        if new == old || client.is_unknown() {
            return None;
        }
        let moved = self.moved_at.load(Ordering::Relaxed);
        let is_quiet = now.0 < moved.saturating_add(limit::SESSION_MOVES_EVERY.as_secs());
        let order = Ordering::Relaxed;
        if is_quiet || self.moved_at.compare_exchange(moved, now.0, order, order).is_err() {
            return None;
        }
        self.client.store(new, order);
        Some(old)
    }

    /// Notes that its last use is written down.
    pub(super) fn use_is_written(&self, at: UnixTime) {
        self.written_at.fetch_max(at.0, Ordering::Relaxed);
    }

    /// Takes back that it moved: it could not be audited, and the next request tells it again.
    pub(super) fn has_not_moved(&self, fingerprint: u64) {
        self.client.store(fingerprint, Ordering::Relaxed);
        self.moved_at.store(0, Ordering::Relaxed);
    }
}

/// Who a session acts for.
pub(super) fn principal(row: &SessionRow, member: &Member, at_home: bool) -> Principal {
    let Member { user, membership } = member;
    Principal {
        user_id: user.id,
        workspace_id: row.workspace_id,
        name: user.display_name.as_str().into(),
        number: membership.number.as_str().into(),
        level: membership.level,
        role: membership.role,
        at_home,
        session_id: row.id,
        proof: if row.enrolling { Proof::Enrolling } else { Proof::Cookie },
    }
}

/// Rights and number as they are now.
pub(super) fn set_rights(principal: &mut Principal, level: Level, role: Role, number: &str) {
    principal.level = level;
    principal.role = role;
    if &*principal.number != number {
        principal.number = number.into();
    }
}
