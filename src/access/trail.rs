//! From an actor to the row of the audit that names them.

use super::audit::{self, Action, Entry};
use super::principal::Actor;
use crate::base::UnixTime;

/// An event of `actor`, in the workspace they act in; of no target yet.
#[must_use]
pub fn entry(actor: &Actor, action: Action, at: UnixTime) -> Entry {
    let id = actor.user_id.map(|id| *id.as_bytes());
    let entry = Entry::new(at, audit::Actor { kind: actor.kind, id }, action).from_ip(actor.ip);
    match actor.workspace_id {
        Some(workspace) => entry.of_workspace(workspace),
        None => entry,
    }
}
