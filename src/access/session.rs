//! Sessions: a row for the record, a cookie for the browser, a copy in memory for the check.
//!
//! The cookie is 256 random bits; only its SHA-256 is kept. How long a session lives is asked of
//! the workspace's policy at every check, so a changed policy counts for open sessions at once.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::audit::{Action, AuditError};
use super::live::{self, Age, Live};
use super::principal::{Actor, Level, Principal, Proof, Role, SessionId, UserId, WorkspaceId};
use super::random;
use super::rights::RightsNow;
use super::shared::Shared;
use super::trail;
use crate::base::{Secret, UnixTime, limit};
use crate::store::{
    Change, Ending, LoginRow, Member, MembershipRow, NewSession, RecordId, SessionRow, StoreError,
};

/// Sessions: opened, checked, listed, ended.
#[derive(Clone, Copy)]
pub struct SessionDesk<'a> {
    pub(super) shared: &'a Shared,
}

/// Where a request comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Client {
    /// The browser's words, cleaned and cut.
    pub user_agent: Option<String>,
    /// The client's address.
    pub ip: Option<IpAddr>,
}

/// A sign-in that worked.
#[derive(Clone, Debug)]
pub struct SignedIn {
    /// The cookie's value.
    pub cookie: Secret,
    /// Who.
    pub principal: Principal,
    /// A new cookie for the device, when it should get one.
    pub device_cookie: Option<Secret>,
}

/// A cookie that is good.
#[derive(Clone, Debug)]
pub struct Checked {
    /// Whose.
    pub principal: Principal,
    /// The browser should get its cookie again, to keep it as long as the session (A34).
    pub refresh: bool,
}

/// How a session comes to be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Opening<'a> {
    /// `password`, `google`, `start_link`, ….
    pub method: &'a str,
    /// The second factor that was shown.
    pub factor: Option<&'a str>,
    /// Good for setting up a second factor and nothing else.
    pub enrolling: bool,
    /// When they signed in, where that was for another session: its age counts on.
    pub since: Option<UnixTime>,
}

/// Whose sessions somebody may end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Of {
    /// Their own.
    User(UserId),
    /// Those of a workspace.
    Workspace(WorkspaceId),
}

/// Why a cookie is not good.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// No such session.
    #[error("not signed in")]
    None,
    /// Unused or open for too long.
    #[error("the session has expired; sign in again")]
    Expired,
    /// Signed out, here or elsewhere.
    #[error("the session has ended; sign in again")]
    Ended,
    /// No random bytes.
    #[error(transparent)]
    NoRandom(#[from] random::NoRandom),
    /// It could not be audited, so it did not happen.
    #[error(transparent)]
    Audit(#[from] AuditError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl SessionError {
    /// A stable word.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::None => "not_signed_in",
            Self::Expired => "session_expired",
            Self::Ended => "session_ended",
            Self::NoRandom(_) | Self::Audit(_) | Self::Store(_) => "unavailable",
        }
    }
}

impl Client {
    /// From what a request says.
    #[must_use]
    pub fn new(user_agent: Option<&str>, ip: Option<IpAddr>) -> Self {
        let clean = |text: &str| {
            let shown = text.chars().filter(|letter| !letter.is_control());
            shown.take(limit::USER_AGENT_CHARS_MAX).collect()
        };
        Self { user_agent: user_agent.map(clean), ip: ip.map(|ip| ip.to_canonical()) }
    }

    pub(super) fn is_unknown(&self) -> bool {
        self.user_agent.is_none() && self.ip.is_none()
    }

    /// A number that differs for different clients, nearly always.
    pub(super) fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.user_agent.hash(&mut hasher);
        self.ip.hash(&mut hasher);
        hasher.finish()
    }

    pub(super) fn ip_text(&self) -> Option<String> {
        self.ip.map(|ip| ip.to_string())
    }
}

impl SessionDesk<'_> {
    /// Opens a session with a cookie, as part of a change. Nothing is signed in before
    /// [`Self::opened`] is called after the commit.
    pub(super) async fn open_in(
        &self,
        change: &mut Change,
        member: &Member,
        opening: Opening<'_>,
        client: &Client,
    ) -> Result<(SessionRow, [u8; 32], SignedIn), SessionError> {
        let cookie = random::key()?;
        let hash = random::hash(cookie.expose()).ok_or(SessionError::None)?;
        let row = self.insert(change, member, opening, client, Some(hash)).await?;
        let at_home = self.shared.is_home(row.workspace_id);
        let principal = live::principal(&row, member, at_home);
        Ok((row, hash, SignedIn { cookie, principal, device_cookie: None }))
    }

    /// Keeps an opened session in memory.
    pub(super) fn opened(&self, row: &SessionRow, hash: [u8; 32], principal: &Principal) {
        let live = Live::new(row, principal.clone(), self.shared.now());
        self.shared.live.put(hash, &Arc::new(live));
    }

    /// Opens a session with a cookie. The row is durable before the cookie is given.
    pub(super) async fn open(
        &self,
        member: &Member,
        opening: Opening<'_>,
        client: &Client,
    ) -> Result<SignedIn, SessionError> {
        let mut change = self.shared.store.begin().await?;
        let (row, hash, signed_in) = self.open_in(&mut change, member, opening, client).await?;
        change.commit().await?;
        self.opened(&row, hash, &signed_in.principal);
        Ok(signed_in)
    }

    /// Opens a session without a cookie, for a token made on the command line.
    pub(super) async fn open_without_cookie(
        &self,
        member: &Member,
        method: &str,
    ) -> Result<Principal, SessionError> {
        let mut change = self.shared.store.begin().await?;
        let opening = Opening { method, factor: None, enrolling: false, since: None };
        let row = self.insert(&mut change, member, opening, &Client::default(), None).await?;
        change.commit().await?;
        let at_home = self.shared.is_home(row.workspace_id);
        Ok(Principal { proof: Proof::Token, ..live::principal(&row, member, at_home) })
    }

    async fn insert(
        &self,
        change: &mut Change,
        member: &Member,
        opening: Opening<'_>,
        client: &Client,
        token_hash: Option<[u8; 32]>,
    ) -> Result<SessionRow, SessionError> {
        let now = self.shared.now();
        let new = NewSession {
            id: SessionId::random(),
            user_id: member.user.id,
            workspace_id: member.membership.workspace_id,
            token_hash,
            method: opening.method.to_owned(),
            factor: opening.factor.map(str::to_owned),
            enrolling: opening.enrolling,
            created_at: opening.since.unwrap_or(now),
            last_seen_at: now,
            user_agent: client.user_agent.clone(),
            ip: client.ip_text(),
        };
        change.sessions().insert(&new).await?;
        let row = SessionRow::from(new);
        change.login_history().insert(&login(&row, "login", now)).await?;
        let actor = Actor {
            kind: "user",
            user_id: Some(row.user_id),
            workspace_id: Some(row.workspace_id),
            ip: client.ip,
        };
        let entry = trail::entry(&actor, Action::SessionStart, now)
            .on("session", row.id)
            .with("method", opening.method)
            .with("factor", opening.factor.unwrap_or("none"));
        self.shared.audit.record(change, entry).await?;
        Ok(row)
    }

    /// Whose cookie this is; counts as use. Reads no database, unless this process has not seen
    /// the session for three hours or has had no news of other processes.
    ///
    /// # Errors
    /// It is nobody's, or the database failed.
    pub async fn check(&self, cookie: &str, client: &Client) -> Result<Checked, SessionError> {
        let hash = random::hash(cookie).ok_or(SessionError::None)?;
        let now = self.shared.now();
        let known = if self.has_news(now) { self.shared.live.get(&hash, now) } else { None };
        let live = match known {
            Some(live) => live,
            None => self.read(hash, now).await?,
        };
        let id = live.principal.session_id;
        if self.shared.revocations.is_ended(id) {
            self.shared.live.drop(id);
            return Err(self.why_ended(&hash).await?);
        }
        let policy = self.shared.policy(live.principal.workspace_id);
        if live.age(&policy, now) == Age::Expired {
            self.expire(id).await?;
            return Err(SessionError::Expired);
        }
        live.use_now(now);
        if let Some(former) = live.has_moved(client, now)
            && let Err(error) = self.moved(&live, client, now).await
        {
            live.has_not_moved(former);
            return Err(error);
        }
        let refresh = live.is_refresh_due(&policy, now);
        if refresh {
            // A note for who reads the session anew; without it the cookie is given again then.
            if let Err(error) = self.shared.store.sessions().refresh(id, now).await {
                tracing::error!(%error, "cannot note that a session's cookie was given again");
            }
        }
        Ok(Checked { principal: live.principal.clone(), refresh })
    }

    /// Whether other processes' endings are known up to a moment ago (X4).
    fn has_news(&self, now: UnixTime) -> bool {
        let until = UnixTime(self.shared.news_at.load(Ordering::Relaxed));
        now <= until.plus(limit::SESSION_NEWS_AGE_MAX)
    }

    /// Reads a session anew.
    async fn read(&self, hash: [u8; 32], now: UnixTime) -> Result<Arc<Live>, SessionError> {
        let found = self.shared.store.sessions().by_token_hash(&hash).await?;
        let Some((row, member)) = found else { return Err(self.why_ended(&hash).await?) };
        if member.user.disabled {
            return Err(SessionError::Ended);
        }
        let principal = live::principal(&row, &member, self.shared.is_home(row.workspace_id));
        let live = Arc::new(Live::new(&row, principal, now));
        if !self.shared.live.put(hash, &live) && now >= row.last_seen_at.plus(TOUCH) {
            self.shared.store.sessions().touch(row.id, now).await?;
        }
        Ok(live)
    }

    async fn why_ended(&self, hash: &[u8; 32]) -> Result<SessionError, StoreError> {
        Ok(match self.shared.store.sessions().ending_by_token_hash(hash).await? {
            None => SessionError::None,
            Some(Ending::Expired) => SessionError::Expired,
            Some(_) => SessionError::Ended,
        })
    }

    /// Notes that a session comes from elsewhere (A36).
    async fn moved(&self, live: &Live, client: &Client, now: UnixTime) -> Result<(), SessionError> {
        let Principal { session_id, user_id, workspace_id, .. } = live.principal;
        let mut change = self.shared.store.begin().await?;
        let old = change.sessions().by_id(session_id).await?;
        let (agent, ip) = (client.user_agent.as_deref(), client.ip_text());
        change.sessions().set_client(session_id, agent, ip.as_deref()).await?;
        let (user, workspace) = (Some(user_id), Some(workspace_id));
        let actor = Actor { kind: "user", user_id: user, workspace_id: workspace, ip: client.ip };
        let entry = trail::entry(&actor, Action::SessionMove, now)
            .on("session", session_id)
            .with("old_ip", old.as_ref().and_then(|row| row.ip.clone()))
            .with("new_ip", ip)
            .with("old_user_agent", old.and_then(|row| row.user_agent))
            .with("new_user_agent", agent);
        self.shared.audit.record(&mut change, entry).await?;
        change.commit().await?;
        Ok(())
    }

    /// Notes rights as they are after a change, here or in another process: tokens and cookies
    /// count for no more at once.
    pub(super) fn note_rights(&self, now: &MembershipRow) {
        let (user, workspace) = (now.user_id, now.workspace_id);
        self.set_rights(workspace, user, now.role, now.level, Some(&now.number), now.changed_at);
    }

    /// Notes that somebody is no longer in a workspace.
    pub(super) fn note_removed(&self, workspace: WorkspaceId, user: UserId) {
        let now = self.shared.now();
        self.set_rights(workspace, user, Role::Member, Level::NONE, None, now);
    }

    fn set_rights(
        &self,
        workspace: WorkspaceId,
        user: UserId,
        role: Role,
        level: Level,
        number: Option<&str>,
        at: UnixTime,
    ) {
        let number_now = number.map(Arc::from);
        self.shared.rights.note(workspace, user, RightsNow { level, role, number: number_now, at });
        self.shared.live.change(user, Some(workspace), |principal| {
            let kept = Arc::clone(&principal.number);
            live::set_rights(principal, level, role, number.unwrap_or(&kept));
        });
    }

    /// Gives a session that has set its second factor up its full rights; call
    /// [`Self::forget_copy`] after the commit.
    pub(super) async fn complete_in(
        &self,
        change: &mut Change,
        id: SessionId,
        factor: &str,
    ) -> Result<bool, SessionError> {
        Ok(change.sessions().complete(id, factor).await?)
    }

    /// Has a session read anew at its next check.
    pub(super) fn forget_copy(&self, id: SessionId) {
        self.shared.live.drop(id);
    }

    /// Notes another display name.
    pub(super) fn note_name(&self, user: UserId, name: &str) {
        self.shared.live.change(user, None, |principal| principal.name = name.into());
    }
}

/// How stale a stored last use may be.
const TOUCH: Duration = limit::SESSION_TOUCH_EVERY;

/// A row of the login history about a session.
pub(super) fn login(row: &SessionRow, event: &str, at: UnixTime) -> LoginRow {
    LoginRow {
        id: RecordId::random(),
        at,
        event: event.to_owned(),
        method: row.method.clone(),
        user_id: Some(row.user_id),
        workspace_id: Some(row.workspace_id),
        session_id: Some(row.id),
        ip: row.ip.clone(),
        user_agent: row.user_agent.clone(),
    }
}
