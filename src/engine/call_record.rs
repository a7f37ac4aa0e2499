//! What is written down of a call when it ends: who, whom, when, why.

use super::Engine;
use super::routing::{Caller, CallerSide, Route};
use crate::access::audit::{self, Action, Entry};
use crate::access::{Principal, UserId, WorkspaceId};
use crate::base::{CallId, Cause, UnixTime};
use crate::store::{NewCall, NumberId};

/// What a call leaves behind.
#[derive(Debug)]
pub enum Record {
    /// The call.
    Call(NewCall),
    /// Something that belongs into the audit.
    Audit(Box<Entry>),
}

/// A call's record while it runs.
#[derive(Debug)]
pub struct CallRecord {
    workspace_id: WorkspaceId,
    user_id: Option<UserId>,
    number_id: Option<NumberId>,
    direction: &'static str,
    caller: String,
    callee: String,
    started_at: UnixTime,
}

impl CallRecord {
    /// The record of a call that was just placed.
    #[must_use]
    pub fn begin(caller: &Caller, route: &Route, now: UnixTime) -> Self {
        let callee = caller.invite.number.clone();
        match &caller.side {
            CallerSide::Phone { principal, .. } => {
                let (direction, number_id, number) = outgoing(route, principal);
                Self {
                    workspace_id: principal.workspace_id,
                    user_id: Some(principal.user_id),
                    number_id,
                    direction,
                    caller: number,
                    callee,
                    started_at: now,
                }
            }
            CallerSide::Trunk { workspace_id, .. } => Self {
                workspace_id: *workspace_id,
                user_id: match route {
                    Route::Phones(phones) => phones.first().map(|phone| phone.user_id),
                    _ => None,
                },
                number_id: None,
                direction: "in",
                caller: caller.invite.from.uri.user.clone().unwrap_or_default(),
                callee,
                started_at: now,
            },
        }
    }

    /// That the browser of this call showed another certificate than its offer named (B18).
    #[must_use]
    pub fn fingerprint_mismatch(&self, call: CallId, now: UnixTime) -> Record {
        let actor = self.user_id.map_or(audit::Actor::SYSTEM, audit::Actor::user);
        let entry = Entry::new(now, actor, Action::DtlsFingerprintMismatch);
        Record::Audit(Box::new(entry.of_workspace(self.workspace_id).on("call", call)))
    }

    /// The finished record.
    #[must_use]
    pub fn end(self, answered_at: Option<UnixTime>, ended_at: UnixTime, cause: Cause) -> Record {
        Record::Call(NewCall {
            workspace_id: self.workspace_id,
            user_id: self.user_id,
            number_id: self.number_id,
            direction: self.direction,
            caller: self.caller,
            callee: self.callee,
            started_at: self.started_at,
            answered_at,
            ended_at,
            cause: cause.as_str(),
        })
    }
}

fn outgoing(route: &Route, principal: &Principal) -> (&'static str, Option<NumberId>, String) {
    match route {
        Route::Trunk(trunk) => match &trunk.calling {
            Some(calling) => ("out", Some(calling.id), calling.number.clone()),
            None => ("out", None, principal.number.to_string()),
        },
        Route::BuiltIn(_) | Route::Phones(_) | Route::Refuse(_) => {
            ("internal", None, principal.number.to_string())
        }
    }
}

impl Engine {
    /// Hands what is to be written down to housekeeping. A database that cannot keep up loses it,
    /// not the next call; it is counted and logged.
    pub(super) fn record(&self, record: Record) {
        if self.records.try_send(record).is_err() {
            tracing::error!("a call could not be recorded: the database is too slow");
            self.metrics.call_not_recorded();
        }
    }
}
