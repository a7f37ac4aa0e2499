//! How the organisation reaches the desks: what it changed is known at once, and what a person
//! shows again is checked where passwords and codes are checked.

use std::sync::Arc;

use futures_util::future::BoxFuture;

use super::error::AccessError;
use super::organisation::{AfterChange, ProofError, Proofs, Shown};
use super::principal::{Principal, UserId, WorkspaceId};
use super::session::Client;
use super::shared::Shared;
use crate::base::Secret;
use crate::store::{Member, SessionId, SessionRow};

/// The desks as the organisation sees them.
pub(super) struct Desks(pub(super) Arc<Shared>);

impl AfterChange for Desks {
    fn member_changed(&self, member: &Member) {
        self.0.sessions().note_rights(&member.membership);
        self.0.sessions().note_name(member.user.id, &member.user.display_name);
    }

    fn member_removed(&self, workspace: WorkspaceId, user: UserId) {
        self.0.sessions().note_removed(workspace, user);
    }

    fn sessions_ended(&self, ended: &[SessionRow]) {
        let ended: Vec<SessionId> = ended.iter().map(|session| session.id).collect();
        self.0.sessions().announce(&ended);
    }
}

impl Proofs for Desks {
    fn password<'a>(
        &'a self,
        principal: &'a Principal,
        password: &'a Secret,
    ) -> BoxFuture<'a, Result<(), ProofError>> {
        Box::pin(async move {
            let member = self.0.second_factor().member(principal).await.map_err(refusal)?;
            let desk = self.0.sign_in();
            let client = Client::default();
            desk.confirm_password(principal, &member.user, password, &client).await.map_err(refusal)
        })
    }

    fn full<'a>(
        &'a self,
        principal: &'a Principal,
        shown: &'a Shown,
    ) -> BoxFuture<'a, Result<(), ProofError>> {
        Box::pin(async move {
            let member = self.0.second_factor().member(principal).await.map_err(refusal)?;
            let name = shown.user.to_lowercase();
            if name != member.user.name && Some(&name) != member.user.email.as_ref() {
                return Err(ProofError::Wrong);
            }
            self.password(principal, &shown.password).await?;
            let factors = self.0.second_factor();
            if !factors.own(principal.user_id).await.map_err(refusal)?.is_any() {
                return Ok(());
            }
            if let Some(answer) = &shown.passkey {
                return factors.verify_passkey(principal, answer).await.map_err(refusal);
            }
            let code = shown.code.as_ref().ok_or(ProofError::CodeRequired)?;
            factors.verify_any(principal.user_id, code).await.map_err(refusal)
        })
    }
}

fn refusal(error: AccessError) -> ProofError {
    match error {
        AccessError::Throttled { retry_after_s, .. } => ProofError::TooMany { retry_after_s },
        AccessError::FactorLocked { .. } => ProofError::TooMany { retry_after_s: 300 },
        AccessError::Busy | AccessError::Store(_) => ProofError::Busy,
        _ => ProofError::Wrong,
    }
}
