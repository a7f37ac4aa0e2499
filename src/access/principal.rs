//! Who a request or a socket acts for.

use std::sync::Arc;

pub use crate::store::{Level, SessionId, UserId};

/// A person who has proved who they are, in one session. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// The person.
    pub user_id: UserId,
    /// Their name, for display: From headers, pages.
    pub name: Arc<str>,
    /// The number their phones register and are rung at.
    pub number: Arc<str>,
    /// What they may do; ask [`super::policy`].
    pub level: Level,
    /// The session whose end ends this (see [`super::Revocations`]).
    pub session_id: SessionId,
}
