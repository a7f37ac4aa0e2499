//! The ends of sessions: signed out, revoked, expired, and heard of from other processes.
//!
//! An ending is written first and told second: tokens and sockets of a session that ended die
//! through [`super::Revocations`], in this process at once, in others within a second.

use super::audit::Action;
use super::error::AccessError;
use super::principal::{Actor, SessionId, UserId, WorkspaceId};
use super::session::{Of, SessionDesk, SessionError, login};
use super::settings::Policy;
use super::trail;
use crate::base::{UnixTime, limit};
use crate::store::{Change, Ending, SessionRow, StoreError};

impl SessionDesk<'_> {
    /// All sessions of a person, newest first, open and ended (C2).
    ///
    /// # Errors
    /// The database failed.
    pub async fn list_of(&self, user: UserId) -> Result<Vec<SessionRow>, AccessError> {
        self.note_uses().await;
        Ok(self.shared.store.sessions().list_of(user).await?)
    }

    /// All sessions of a workspace, newest first, open and ended.
    ///
    /// # Errors
    /// The database failed.
    pub async fn list(&self, workspace: WorkspaceId) -> Result<Vec<SessionRow>, AccessError> {
        self.note_uses().await;
        Ok(self.shared.store.sessions().list(workspace).await?)
    }

    /// Ends a session of somebody's or of a workspace. `false` when it had ended, is another's,
    /// or never was.
    ///
    /// # Errors
    /// The database failed; nothing happened.
    pub async fn end(
        &self,
        actor: &Actor,
        of: Of,
        id: SessionId,
        why: Ending,
    ) -> Result<bool, AccessError> {
        let mut change = self.shared.store.begin().await?;
        if !self.end_in(&mut change, actor, of, id, why).await? {
            return Ok(false);
        }
        change.commit().await?;
        self.announce(&[id]);
        Ok(true)
    }

    /// Ends a session as part of a change; [`Self::announce`] it when that is done.
    pub(super) async fn end_in(
        &self,
        change: &mut Change,
        actor: &Actor,
        of: Of,
        id: SessionId,
        why: Ending,
    ) -> Result<bool, AccessError> {
        let now = self.shared.now();
        let row = change.sessions().by_id(id).await?;
        let is_theirs = |row: &SessionRow| match of {
            Of::User(user) => row.user_id == user,
            Of::Workspace(workspace) => row.workspace_id == workspace,
        };
        let Some(row) = row.filter(is_theirs) else { return Ok(false) };
        if !change.sessions().end(id, why, now).await? {
            return Ok(false);
        }
        change.login_history().insert(&login(&row, why.as_str(), now)).await?;
        let entry = trail::entry(actor, action(why), now)
            .on("session", id)
            .with("user", row.user_id.to_string())
            .with("reason", why.as_str());
        self.shared.record(change, entry).await?;
        Ok(true)
    }

    /// Ends all sessions of a person, in one workspace or all, but not `keep`; how many.
    ///
    /// # Errors
    /// The database failed; nothing happened.
    pub async fn end_all(
        &self,
        actor: &Actor,
        user: UserId,
        workspace: Option<WorkspaceId>,
        keep: Option<SessionId>,
        why: Ending,
    ) -> Result<usize, AccessError> {
        let now = self.shared.now();
        let mut change = self.shared.store.begin().await?;
        let ended = self.end_all_in(&mut change, user, workspace, keep, why).await?;
        let is_own = actor.user_id == Some(user);
        let action = if is_own { Action::SessionEnd } else { Action::SessionRevoke };
        let entry = trail::entry(actor, action, now)
            .on("user", user)
            .with("all", true)
            .with("ended", ended.len())
            .with("reason", why.as_str());
        self.shared.record(&mut change, entry).await?;
        change.commit().await?;
        self.announce(&ended);
        Ok(ended.len())
    }

    /// Ends all sessions of a person as part of a change; [`Self::announce`] them after the
    /// commit.
    pub(super) async fn end_all_in(
        &self,
        change: &mut Change,
        user: UserId,
        workspace: Option<WorkspaceId>,
        keep: Option<SessionId>,
        why: Ending,
    ) -> Result<Vec<SessionId>, StoreError> {
        let now = self.shared.now();
        // A session that is just being opened for another one is seen, or refused.
        change.users().lock(user).await?;
        let ended = change.sessions().end_all_of(user, workspace, keep, why, now).await?;
        for row in &ended {
            change.login_history().insert(&login(row, why.as_str(), now)).await?;
        }
        Ok(ended.into_iter().map(|row| row.id).collect())
    }

    /// Tells tokens and sockets of sessions that they have ended.
    pub(super) fn announce(&self, ended: &[SessionId]) {
        let now = self.shared.now();
        ended.iter().for_each(|id| self.forget(*id, now));
    }

    /// Ends a session that a check found expired.
    pub(super) async fn expire(&self, id: SessionId) -> Result<(), SessionError> {
        let now = self.shared.now();
        let mut change = self.shared.store.begin().await?;
        let row = change.sessions().by_id(id).await?;
        if change.sessions().end(id, Ending::Expired, now).await?
            && let Some(row) = row
        {
            change.login_history().insert(&login(&row, Ending::Expired.as_str(), now)).await?;
        }
        change.commit().await?;
        self.forget(id, now);
        Ok(())
    }

    /// Writes last uses down, ends what nobody used for too long by its workspace's policy, and
    /// forgets what is old; how many ended. Call about once a minute.
    ///
    /// # Errors
    /// The database failed; call again.
    pub async fn end_expired(&self) -> Result<usize, AccessError> {
        self.write_uses().await?;
        let now = self.shared.now();
        let mut ended = 0;
        for workspace in self.shared.store.workspaces().list().await? {
            let policy = self.shared.policy(workspace.id);
            ended += self.end_expired_in(workspace.id, &policy, now).await?;
        }
        self.shared.revocations.forget_old(now);
        self.shared.rights.forget_old(now);
        Ok(ended)
    }

    async fn end_expired_in(
        &self,
        workspace: WorkspaceId,
        policy: &Policy,
        now: UnixTime,
    ) -> Result<usize, AccessError> {
        // Rows may be a minute behind another process's memory, and as much until the next time
        // it is written down, so they get that more; a check is exact.
        let reach = policy.session_idle_timeout + 2 * limit::SESSION_TOUCH_EVERY;
        let before = |age: u64| UnixTime(now.0.saturating_sub(age));
        let idle_since = before(reach.as_secs());
        let opened_until =
            policy.session_absolute_max.map_or(UnixTime(0), |longest| before(longest.as_secs()));
        let mut change = self.shared.store.begin().await?;
        let rows = change.sessions().end_expired(workspace, idle_since, opened_until, now).await?;
        if rows.is_empty() {
            return Ok(0);
        }
        for row in &rows {
            change.login_history().insert(&login(row, Ending::Expired.as_str(), now)).await?;
        }
        change.commit().await?;
        let ids: Vec<SessionId> = rows.iter().map(|row| row.id).collect();
        self.announce(&ids);
        Ok(ids.len())
    }

    /// As [`Self::write_uses`], where reading goes on without.
    async fn note_uses(&self) {
        if let Err(error) = self.write_uses().await {
            tracing::error!(%error, "cannot write down when sessions were last used");
        }
    }

    /// Writes down when sessions were last used.
    async fn write_uses(&self) -> Result<(), StoreError> {
        for uses in self.shared.live.used().chunks(limit::SESSIONS_WRITTEN_AT_ONCE) {
            let mut change = self.shared.store.begin().await?;
            for (live, at) in uses {
                change.sessions().touch(live.principal.session_id, *at).await?;
            }
            change.commit().await?;
            for (live, at) in uses {
                live.use_is_written(*at);
            }
        }
        Ok(())
    }

    /// Notes sessions that other processes ended since then.
    pub(super) async fn follow(&self, since: UnixTime) -> Result<(), StoreError> {
        for (id, at) in self.shared.store.sessions().ended_since(since).await? {
            self.forget(id, at);
        }
        Ok(())
    }

    fn forget(&self, id: SessionId, at: UnixTime) {
        self.shared.revocations.note(id, at);
        self.shared.live.drop(id);
    }
}

/// Signing oneself out is another action than being thrown out (X18).
fn action(why: Ending) -> Action {
    match why {
        Ending::Logout | Ending::Expired | Ending::Replaced => Action::SessionEnd,
        Ending::Revoked | Ending::PasswordChanged | Ending::Disabled => Action::SessionRevoke,
    }
}
