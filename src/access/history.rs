//! The login history: who signed in and out, or tried to (B35).

use super::error::AccessError;
use super::principal::{UserId, WorkspaceId};
use super::session::Client;
use super::shared::Shared;
use crate::base::{UnixTime, limit};
use crate::store::{LoginCursor, LoginListing, LoginRow, RecordId};

/// The login history.
#[derive(Clone, Copy)]
pub struct History<'a> {
    pub(super) shared: &'a Shared,
}

/// A sign-in that failed.
pub(super) struct Failure<'a> {
    /// `failure` or `factor_failed`.
    pub event: &'static str,
    pub method: &'a str,
    /// Whose account, when there is one.
    pub user: Option<UserId>,
    /// In whose history it goes; the home workspace's when `None`.
    pub workspace: Option<WorkspaceId>,
}

impl History<'_> {
    /// A page of a workspace's history, newest first; the next one begins after its last row.
    ///
    /// # Errors
    /// The database failed.
    pub async fn list(
        &self,
        workspace: WorkspaceId,
        after: Option<LoginCursor>,
        limit: u32,
    ) -> Result<Vec<LoginListing>, AccessError> {
        let limit = limit.clamp(1, limit::LOGIN_HISTORY_PAGE_MAX);
        Ok(self.shared.store.login_history().list(workspace, after, limit).await?)
    }

    /// A page of a person's own history in all workspaces, newest first.
    ///
    /// # Errors
    /// The database failed.
    pub async fn list_of(
        &self,
        user: UserId,
        after: Option<LoginCursor>,
        limit: u32,
    ) -> Result<Vec<LoginListing>, AccessError> {
        let limit = limit.clamp(1, limit::LOGIN_HISTORY_PAGE_MAX);
        Ok(self.shared.store.login_history().list_of(user, after, limit).await?)
    }

    /// Notes a sign-in that failed. What was entered as a name is not kept: it may be a password.
    pub(super) async fn failed(
        &self,
        failure: Failure<'_>,
        client: &Client,
    ) -> Result<(), AccessError> {
        let row = LoginRow {
            id: RecordId::random(),
            at: self.shared.now(),
            event: failure.event.to_owned(),
            method: failure.method.to_owned(),
            user_id: failure.user,
            workspace_id: failure.workspace.or(self.shared.home()),
            session_id: None,
            ip: client.ip_text(),
            user_agent: client.user_agent.clone(),
        };
        Ok(self.shared.store.login_history().insert(&row).await?)
    }

    /// Forgets what is too old: history, links, attempts.
    pub(super) async fn forget_old(&self) -> Result<(), AccessError> {
        let now = self.shared.now();
        let before = |age: std::time::Duration| UnixTime(now.0.saturating_sub(age.as_secs()));
        let store = &self.shared.store;
        store.login_history().forget(before(limit::LOGIN_HISTORY_KEPT)).await?;
        store.mail_links().forget(before(limit::DEAD_LINKS_KEPT)).await?;
        store.login_attempts().forget(before(limit::DEAD_LINKS_KEPT)).await?;
        store.passkeys().forget_challenges(now).await?;
        Ok(())
    }
}
