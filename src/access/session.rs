//! Sessions: a row for the record, a cookie for the browser, a copy in memory for the check.
//!
//! The cookie is 256 random bits; only its SHA-256 is kept. A check reads memory; the row is
//! read once per process and its last use written at most once a minute.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use dashmap::DashMap;

use super::principal::{Principal, SessionId, UserId};
use super::random;
use super::revocation::{Revocations, horizon};
use crate::base::{Clock, Secret, UnixTime, limit};
use crate::store::{Ending, NewSession, SessionRow, Store, StoreError, UserRow};

/// All sessions.
pub(super) struct SessionBook {
    store: Store,
    clock: Clock,
    revocations: Revocations,
    live: DashMap<[u8; 32], Arc<Live>>,
    /// Where in `live` a session is.
    hashes: DashMap<SessionId, [u8; 32]>,
    followed_until: AtomicU64,
}

struct Live {
    principal: Principal,
    expires_at: UnixTime,
    last_seen_at: AtomicU64,
    written_at: AtomicU64,
}

/// Where a sign-in comes from.
#[derive(Clone, Debug, Default)]
pub struct Client {
    /// The browser's words, cleaned and cut.
    pub user_agent: Option<String>,
    /// The peer's address.
    pub ip: Option<String>,
}

/// A sign-in that worked.
#[derive(Clone, Debug)]
pub struct SignedIn {
    /// The cookie's value.
    pub cookie: Secret,
    /// Who.
    pub principal: Principal,
}

/// Why a cookie is not good.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// No such session, or it ended.
    #[error("not signed in")]
    None,
    /// Unused or open for too long.
    #[error("the session has expired; sign in again")]
    Expired,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No random bytes.
    #[error(transparent)]
    NoRandom(#[from] random::NoRandom),
}

impl SessionBook {
    pub(super) fn new(store: Store, clock: Clock, revocations: Revocations) -> Self {
        let followed_until = AtomicU64::new(horizon(clock.unix()).0);
        let (live, hashes) = (DashMap::new(), DashMap::new());
        Self { store, clock, revocations, live, hashes, followed_until }
    }

    /// Opens a session with a cookie. The row is durable before the cookie is given.
    pub(super) async fn open(
        &self,
        user: &UserRow,
        method: &'static str,
        client: &Client,
    ) -> Result<SignedIn, SessionError> {
        let cookie = random::key()?;
        let hash = random::hash(cookie.expose()).ok_or(SessionError::None)?;
        let principal = self.insert(user, method, client, Some(hash)).await?;
        let now = self.clock.unix();
        self.remember(hash, principal.clone(), now.plus(limit::SESSION_LIFE_MAX), now);
        Ok(SignedIn { cookie, principal })
    }

    /// Opens a session without a cookie, for a token made on the command line.
    pub(super) async fn open_without_cookie(
        &self,
        user: &UserRow,
        method: &'static str,
    ) -> Result<Principal, SessionError> {
        self.insert(user, method, &Client::default(), None).await
    }

    async fn insert(
        &self,
        user: &UserRow,
        method: &'static str,
        client: &Client,
        token_hash: Option<[u8; 32]>,
    ) -> Result<Principal, SessionError> {
        let now = self.clock.unix();
        let principal = principal(user, SessionId::random());
        let row = NewSession {
            id: principal.session_id,
            user_id: user.id,
            token_hash,
            method,
            created_at: now,
            expires_at: now.plus(limit::SESSION_LIFE_MAX),
            user_agent: client.user_agent.clone(),
            ip: client.ip.clone(),
        };
        self.store.sessions().insert(&row).await?;
        Ok(principal)
    }

    /// Whose cookie this is; counts as use.
    pub(super) async fn check(&self, cookie: &str) -> Result<Principal, SessionError> {
        let hash = random::hash(cookie).ok_or(SessionError::None)?;
        let known = self.live.get(&hash).map(|live| Arc::clone(live.value()));
        let live = match known {
            Some(live) => live,
            None => self.read(hash).await?,
        };
        if self.revocations.is_ended(live.principal.session_id) {
            self.drop_live(live.principal.session_id);
            return Err(SessionError::None);
        }
        let now = self.clock.unix();
        if live.is_expired(now) {
            self.end(live.principal.session_id, Ending::Expired).await?;
            return Err(SessionError::Expired);
        }
        live.last_seen_at.fetch_max(now.0, Ordering::Relaxed);
        let written = live.written_at.load(Ordering::Relaxed);
        if now.0 >= written.saturating_add(limit::SESSION_TOUCH_EVERY.as_secs()) {
            live.written_at.store(now.0, Ordering::Relaxed);
            self.store.sessions().touch(live.principal.session_id, now).await?;
        }
        Ok(live.principal.clone())
    }

    /// Reads a session this process has not seen yet.
    async fn read(&self, hash: [u8; 32]) -> Result<Arc<Live>, SessionError> {
        let found = self.store.sessions().by_token_hash(&hash).await?;
        let (row, user): (SessionRow, UserRow) = found.ok_or(SessionError::None)?;
        if user.disabled {
            return Err(SessionError::None);
        }
        Ok(self.remember(hash, principal(&user, row.id), row.expires_at, row.last_seen_at))
    }

    fn remember(
        &self,
        hash: [u8; 32],
        principal: Principal,
        expires_at: UnixTime,
        last_seen_at: UnixTime,
    ) -> Arc<Live> {
        let live = Arc::new(Live {
            principal,
            expires_at,
            last_seen_at: AtomicU64::new(last_seen_at.0),
            written_at: AtomicU64::new(last_seen_at.0),
        });
        if self.live.len() < limit::SESSIONS_CACHED_MAX {
            self.hashes.insert(live.principal.session_id, hash);
            self.live.insert(hash, Arc::clone(&live));
        }
        live
    }

    /// Ends a session everywhere; `false` when it had ended.
    pub(super) async fn end(&self, id: SessionId, why: Ending) -> Result<bool, StoreError> {
        let now = self.clock.unix();
        let ended = self.store.sessions().end(id, why, now).await?;
        self.forget(id, now);
        Ok(ended)
    }

    /// Ends all sessions of a person; how many.
    pub(super) async fn end_all_of(&self, user: UserId, why: Ending) -> Result<usize, StoreError> {
        let now = self.clock.unix();
        let ended = self.store.sessions().end_all_of(user, why, now).await?;
        ended.iter().for_each(|id| self.forget(*id, now));
        Ok(ended.len())
    }

    /// Ends sessions nobody used for too long. Rows may be a minute behind memory, so they get
    /// a minute more; [`Self::check`] is exact.
    pub(super) async fn end_expired(&self) -> Result<usize, StoreError> {
        let now = self.clock.unix();
        let reach = limit::SESSION_IDLE_MAX + limit::SESSION_TOUCH_EVERY;
        let idle_since = UnixTime(now.0.saturating_sub(reach.as_secs()));
        let ended = self.store.sessions().end_expired(idle_since, now).await?;
        ended.iter().for_each(|id| self.forget(*id, now));
        let expired: Vec<SessionId> = self
            .live
            .iter()
            .filter(|live| live.is_expired(now))
            .map(|live| live.principal.session_id)
            .collect();
        expired.into_iter().for_each(|id| self.drop_live(id));
        self.revocations.forget_old(now);
        Ok(ended.len())
    }

    /// Notes sessions that another process ended (`ringfence user passwd`).
    pub(super) async fn follow(&self) -> Result<(), StoreError> {
        let since = UnixTime(self.followed_until.load(Ordering::Relaxed));
        let now = self.clock.unix();
        for (id, at) in self.store.sessions().ended_since(since).await? {
            self.forget(id, at);
        }
        // Two seconds again next time: rows are written after their time is taken.
        self.followed_until.store(now.0.saturating_sub(2), Ordering::Relaxed);
        Ok(())
    }

    fn forget(&self, id: SessionId, at: UnixTime) {
        self.revocations.note(id, at);
        self.drop_live(id);
    }

    fn drop_live(&self, id: SessionId) {
        if let Some((_, hash)) = self.hashes.remove(&id) {
            self.live.remove(&hash);
        }
    }
}

impl Live {
    fn is_expired(&self, now: UnixTime) -> bool {
        let idle_since = UnixTime(self.last_seen_at.load(Ordering::Relaxed));
        now >= self.expires_at || now > idle_since.plus(limit::SESSION_IDLE_MAX)
    }
}

fn principal(user: &UserRow, session_id: SessionId) -> Principal {
    Principal {
        user_id: user.id,
        name: Arc::from(user.display_name.as_str()),
        number: Arc::from(user.number.as_str()),
        level: user.level,
        session_id,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Level, NewUser};
    use std::time::Duration;

    struct Fixture {
        _folder: tempfile::TempDir,
        clock: Clock,
        store: Store,
        user: UserRow,
    }

    impl Fixture {
        async fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let store = Store::open(folder.path()).await.unwrap();
            let new = NewUser {
                name: "1001".into(),
                display_name: "Agent 1001".into(),
                email: None,
                number: "1001".into(),
                level: Level::AGENT,
                password_hash: None,
            };
            let user = store.users().insert(&new, UnixTime(1)).await.unwrap();
            let clock = Clock::manual(UnixTime(1_000_000));
            Self { _folder: folder, clock, store, user }
        }

        /// As a process of its own would have it.
        fn book(&self) -> SessionBook {
            SessionBook::new(self.store.clone(), self.clock.clone(), Revocations::default())
        }
    }

    #[tokio::test]
    async fn a11_b32_a_session_lasts_8_h_after_its_last_use_and_24_h_in_all() {
        let fixture = Fixture::new().await;
        let book = fixture.book();
        let open = async || book.open(&fixture.user, "password", &Client::default()).await.unwrap();
        let cookie = open().await.cookie;
        fixture.clock.advance(Duration::from_secs(8 * 3600 - 1));
        assert!(book.check(cookie.expose()).await.is_ok());
        fixture.clock.advance(Duration::from_secs(8 * 3600 + 1));
        let expired = book.check(cookie.expose()).await;
        assert!(matches!(expired, Err(SessionError::Expired)), "{expired:?}");
        let cookie = open().await.cookie;
        for _ in 0..3 {
            fixture.clock.advance(Duration::from_secs(7 * 3600));
            assert!(book.check(cookie.expose()).await.is_ok());
        }
        fixture.clock.advance(Duration::from_secs(3 * 3600));
        assert!(book.check(cookie.expose()).await.is_err());
    }

    #[tokio::test]
    async fn a_session_survives_a_restart_and_its_end_is_seen_by_other_processes() {
        let fixture = Fixture::new().await;
        let [here, there] = [fixture.book(), fixture.book()];
        let signed_in = here.open(&fixture.user, "password", &Client::default()).await.unwrap();
        let principal = there.check(signed_in.cookie.expose()).await.unwrap();
        assert_eq!(principal, signed_in.principal);
        let mut listener = here.revocations.subscribe();
        fixture.clock.advance(Duration::from_secs(5));
        there.end(principal.session_id, Ending::Revoked).await.unwrap();
        assert!(there.check(signed_in.cookie.expose()).await.is_err());
        assert!(here.check(signed_in.cookie.expose()).await.is_ok(), "not heard of yet");
        here.follow().await.unwrap();
        assert!(here.check(signed_in.cookie.expose()).await.is_err());
        assert_eq!(listener.try_recv().unwrap().session_id, principal.session_id);
        here.follow().await.unwrap();
        assert!(listener.try_recv().is_err(), "told once");
    }

    #[tokio::test]
    async fn the_last_use_is_written_once_a_minute_and_expired_rows_are_ended() {
        let fixture = Fixture::new().await;
        let book = fixture.book();
        let cookie = book.open(&fixture.user, "p", &Client::default()).await.unwrap().cookie;
        let row =
            async || fixture.store.sessions().list_of(fixture.user.id).await.unwrap().remove(0);
        fixture.clock.advance(Duration::from_secs(59));
        book.check(cookie.expose()).await.unwrap();
        assert_eq!(row().await.last_seen_at, UnixTime(1_000_000));
        fixture.clock.advance(Duration::from_secs(1));
        book.check(cookie.expose()).await.unwrap();
        assert_eq!(row().await.last_seen_at, UnixTime(1_000_060));
        fixture.clock.advance(limit::SESSION_IDLE_MAX + Duration::from_secs(120));
        assert_eq!(book.end_expired().await.unwrap(), 1);
        assert_eq!(row().await.ended.unwrap().1, Ending::Expired);
        assert!(book.live.is_empty() && book.hashes.is_empty());
    }

    #[tokio::test]
    async fn the_store_holds_no_cookie_and_no_text_but_a_cookie_is_looked_up() {
        let fixture = Fixture::new().await;
        let book = fixture.book();
        let cookie = book.open(&fixture.user, "p", &Client::default()).await.unwrap().cookie;
        for entry in std::fs::read_dir(fixture._folder.path()).unwrap() {
            let bytes = std::fs::read(entry.unwrap().path()).unwrap();
            assert!(!bytes.windows(43).any(|window| window == cookie.expose().as_bytes()));
        }
        for text in ["", "' OR 1=1 --", &"a".repeat(43), &"\u{1f511}".repeat(11)] {
            assert!(matches!(book.check(text).await, Err(SessionError::None)));
        }
    }
}
