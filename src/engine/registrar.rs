//! Whether a phone may register, at which number and for how long (RFC 3261 §10.3).

use std::sync::Arc;

use super::directory::Line;
use crate::access::policy::Message;
use crate::access::{Access, Principal};
use crate::base::limit;
use crate::sip::user_agent::{RegisterAnswer, RegisterReceived};

/// Decides about REGISTER requests.
pub struct Registrar {
    access: Arc<Access>,
}

/// A decision.
pub struct Outcome {
    /// The person the socket now belongs to, when the request brought the token.
    pub principal: Option<Principal>,
    /// What was granted.
    pub grant: Option<Grant>,
    /// What to answer.
    pub answer: RegisterAnswer,
}

/// A granted registration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// What it rings for.
    pub line: Line,
    /// For how long; 0 removes it.
    pub expires_s: u32,
}

impl Registrar {
    /// A registrar that asks `access` about tokens.
    #[must_use]
    pub fn new(access: Arc<Access>) -> Self {
        Self { access }
    }

    /// Decides about `request` on a socket that belongs to `known`, or to nobody yet.
    #[must_use]
    pub fn decide(&self, known: Option<&Principal>, request: &RegisterReceived) -> Outcome {
        let fresh = match (known, &request.bearer) {
            (Some(_), _) => None,
            (None, None) => return refused("a Bearer token is required"),
            (None, Some(token)) => match self.access.check_token(token.expose()) {
                Ok(principal) => Some(principal),
                // Which check failed is nobody's business outside.
                Err(error) => {
                    tracing::info!(%error, "phone's token refused");
                    return refused("the token is not valid");
                }
            },
        };
        let Some(principal) = fresh.as_ref().or(known) else {
            return refused("a Bearer token is required");
        };
        let (grant, answer) = decide_for(principal, request);
        Outcome { principal: fresh, grant, answer }
    }
}

fn decide_for(
    principal: &Principal,
    request: &RegisterReceived,
) -> (Option<Grant>, RegisterAnswer) {
    if !Message::Register.permission().is_none_or(|permission| principal.may(permission)) {
        let reason = "this user may not have a phone".to_owned();
        return (None, RegisterAnswer::Forbidden { reason });
    }
    if request.aor.user.as_deref() != Some(&*principal.number) {
        let reason = "the address of record is not this user's number".to_owned();
        return (None, RegisterAnswer::Forbidden { reason });
    }
    let asked = request.expires_s.unwrap_or(limit::REGISTER_EXPIRES_S);
    if (1..limit::REGISTER_EXPIRES_MIN_S).contains(&asked) {
        let min_expires_s = limit::REGISTER_EXPIRES_MIN_S;
        return (None, RegisterAnswer::TooBrief { min_expires_s });
    }
    let expires_s = asked.min(limit::REGISTER_EXPIRES_S);
    let grant = Grant { line: Line::new(principal.workspace_id, &principal.number), expires_s };
    (Some(grant), RegisterAnswer::Granted { expires_s })
}

fn refused(reason: &str) -> Outcome {
    let answer = RegisterAnswer::Unauthorized { reason: reason.to_owned() };
    Outcome { principal: None, grant: None, answer }
}
