//! API keys in memory: what a request with a key reads instead of the database.
//!
//! A copy counts for a minute at most; revocations and changed rights drop it at once, those by
//! other processes within a second.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use dashmap::DashMap;

use crate::access::api_key::{Scope, Scopes};
use crate::access::principal::{Principal, Proof, SessionId};
use crate::access::revocation::Revocations;
use crate::base::UnixTime;
use crate::base::limit::{
    API_KEY_CACHED_MAX, API_KEY_TOUCH_EVERY, API_KEYS_CACHED_MAX, SETTINGS_LOOK_BACK,
};
use crate::store::{ApiKeyId, ApiKeyRow, Member, Store, StoreError, UserId, WorkspaceId};

/// The keys this process has seen, by their public part.
pub(super) struct KeyCache {
    keys: DashMap<String, Arc<Known>>,
    /// Counts everything that was dropped: a read that began before a drop is not kept.
    drops: AtomicU64,
    /// When it began; changes before are in no copy.
    since: UnixTime,
}

/// A key.
pub(super) struct Known {
    pub id: ApiKeyId,
    pub hash: [u8; 32],
    pub principal: Principal,
    expires_at: Option<UnixTime>,
    read_at: UnixTime,
    used_at: AtomicU64,
}

impl Known {
    /// A key of a row and its person; `None` when its scopes are not understood.
    pub(super) fn new(
        row: &ApiKeyRow,
        member: &Member,
        at_home: bool,
        now: UnixTime,
    ) -> Option<Self> {
        let scopes: Arc<[Scope]> = Scopes::parse(&row.scopes)?.iter().collect();
        let principal = Principal {
            user_id: row.user_id,
            workspace_id: row.workspace_id,
            name: member.user.display_name.as_str().into(),
            number: member.membership.number.as_str().into(),
            level: member.membership.level,
            role: member.membership.role,
            at_home,
            session_id: session_id(row.id)?,
            proof: Proof::ApiKey(scopes),
        };
        Some(Self {
            id: row.id,
            hash: row.key_hash,
            principal,
            expires_at: row.expires_at,
            read_at: now,
            used_at: AtomicU64::new(row.last_used_at.map_or(0, |at| at.0)),
        })
    }

    pub(super) fn is_good(&self, now: UnixTime) -> bool {
        self.expires_at.is_none_or(|end| now < end)
    }

    /// Whether this use is to be written down; of many at once one is told so.
    pub(super) fn is_use_due(&self, now: UnixTime) -> bool {
        let last = self.used_at.load(Ordering::Relaxed);
        let is_due = last == 0 || now >= UnixTime(last).plus(API_KEY_TOUCH_EVERY);
        let (to, order) = (now.0.max(1), Ordering::Relaxed);
        is_due && self.used_at.compare_exchange(last, to, order, order).is_ok()
    }
}

impl KeyCache {
    pub(super) fn new(since: UnixTime) -> Self {
        Self { keys: DashMap::new(), drops: AtomicU64::new(0), since }
    }

    pub(super) fn get(&self, prefix: &str, now: UnixTime) -> Option<Arc<Known>> {
        let known = self.keys.get(prefix).map(|known| Arc::clone(known.value()))?;
        (now < known.read_at.plus(API_KEY_CACHED_MAX)).then_some(known)
    }

    /// To be called before a key is read, and given to [`KeyCache::put`].
    pub(super) fn begin_read(&self) -> u64 {
        self.drops.load(Ordering::SeqCst)
    }

    /// Keeps a copy, unless something was dropped since its read began: it may be that.
    pub(super) fn put(&self, prefix: String, known: Known, read: u64) -> Arc<Known> {
        let known = Arc::new(known);
        if self.keys.len() >= API_KEYS_CACHED_MAX {
            let now = known.read_at;
            self.keys.retain(|_, old| now < old.read_at.plus(API_KEY_CACHED_MAX));
        }
        if self.keys.len() < API_KEYS_CACHED_MAX {
            self.keys.insert(prefix.clone(), Arc::clone(&known));
            if self.drops.load(Ordering::SeqCst) != read {
                self.keys.remove(&prefix);
            }
        }
        known
    }

    /// A key was revoked: no copy, and its sockets close.
    pub(super) fn revoked(&self, row: &ApiKeyRow, revocations: &Revocations, now: UnixTime) {
        self.drops.fetch_add(1, Ordering::SeqCst);
        self.keys.remove(&row.prefix);
        if let Some(session_id) = session_id(row.id) {
            revocations.note(session_id, now);
        }
    }

    /// Somebody changed: their keys are read anew.
    pub(super) fn forget_user(&self, user: UserId) {
        self.drops.fetch_add(1, Ordering::SeqCst);
        self.keys.retain(|_, known| known.principal.user_id != user);
    }

    /// A workspace changed: its keys are read anew.
    pub(super) fn forget_workspace(&self, workspace: WorkspaceId) {
        self.drops.fetch_add(1, Ordering::SeqCst);
        self.keys.retain(|_, known| known.principal.workspace_id != workspace);
    }

    /// Looks for what other processes changed.
    pub(super) async fn follow(
        &self,
        store: &Store,
        revocations: &Revocations,
        now: UnixTime,
    ) -> Result<(), StoreError> {
        let since = UnixTime(now.0.saturating_sub(SETTINGS_LOOK_BACK.as_secs())).max(self.since);
        for row in store.api_keys().revoked_since(since).await? {
            self.revoked(&row, revocations, now);
        }
        if self.keys.is_empty() {
            return Ok(());
        }
        for member in store.memberships().changed_since(since).await? {
            self.forget_user(member.user.id);
        }
        Ok(())
    }
}

/// A key ends like a session: by its own identity.
fn session_id(id: ApiKeyId) -> Option<SessionId> {
    SessionId::from_slice(id.as_bytes())
}
