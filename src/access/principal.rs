//! Who a request or a socket acts for.

use std::net::IpAddr;
use std::sync::Arc;

use super::api_key::Scope;
use super::policy::{Permission, Rights};
pub use crate::store::{Level, Role, SessionId, UserId, WorkspaceId};

/// A person who has proved who they are, in one session. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// The person.
    pub user_id: UserId,
    /// The workspace they act in; they see nothing of any other.
    pub workspace_id: WorkspaceId,
    /// Their name, for display: From headers, pages.
    pub name: Arc<str>,
    /// The number their phones register and are rung at; unique in the workspace.
    pub number: Arc<str>,
    /// What they may do; ask [`Principal::may`].
    pub level: Level,
    /// What they are in the workspace.
    pub role: Role,
    /// Whether the workspace runs the installation.
    pub at_home: bool,
    /// The session whose end ends this (see [`super::Revocations`]); a key's own id for a key.
    pub session_id: SessionId,
    /// Proved by what.
    pub proof: Proof,
}

/// What a principal showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// The session cookie.
    Cookie,
    /// The cookie of a session that must set up a second factor before anything else (B10).
    Enrolling,
    /// A short-lived token of a session.
    Token,
    /// An API key, which may do no more than its scopes.
    ApiKey(Arc<[Scope]>),
}

impl Principal {
    /// What permissions depend on.
    #[must_use]
    pub fn rights(&self) -> Rights {
        Rights { level: self.level, role: self.role, at_home: self.at_home }
    }

    /// Whether they may.
    #[must_use]
    pub fn may(&self, permission: Permission) -> bool {
        self.rights().allow(permission)
    }
}

/// Who changes something, for the audit log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// `user`, `api_key`, `command`, `system` or `anonymous`.
    pub kind: &'static str,
    /// The person behind it.
    pub user_id: Option<UserId>,
    /// Where they act.
    pub workspace_id: Option<WorkspaceId>,
    /// From where.
    pub ip: Option<IpAddr>,
}

impl Actor {
    /// A request's principal.
    #[must_use]
    pub fn of(principal: &Principal, ip: Option<IpAddr>) -> Self {
        let kind = match principal.proof {
            Proof::ApiKey(_) => "api_key",
            Proof::Cookie | Proof::Enrolling | Proof::Token => "user",
        };
        let workspace_id = Some(principal.workspace_id);
        Self { kind, user_id: Some(principal.user_id), workspace_id, ip }
    }

    /// Somebody at a shell of the server.
    #[must_use]
    pub fn command() -> Self {
        Self { kind: "command", user_id: None, workspace_id: None, ip: None }
    }

    /// The server itself.
    #[must_use]
    pub fn system() -> Self {
        Self { kind: "system", user_id: None, workspace_id: None, ip: None }
    }

    /// Somebody who has not proved who they are.
    #[must_use]
    pub fn anonymous(ip: Option<IpAddr>) -> Self {
        Self { kind: "anonymous", user_id: None, workspace_id: None, ip }
    }
}
