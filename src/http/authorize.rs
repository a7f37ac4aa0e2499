//! The one gate before every route of the table: where a request comes from, who sends it, how
//! often, and whether they may (B30, A-18, A-23).
//!
//! In this order: another site's request is refused before anything of the session is read; then
//! who it is; then the request is counted, refused or not; then what is wrong is said; then the
//! route's own row decides. Handlers find the [`Caller`] in the request and ask no more about
//! rights, except about the one thing they are about.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::SET_COOKIE;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::caller::{Caller, Proven, identify};
use super::cookie::Jar;
use super::limiting::{Quota, class_of, count, facts_of};
use super::origin::From;
use super::problem::Problem;
use super::query::refuse_secrets;
use super::services::Services;
use super::visit::Visit;
use crate::access::policy::{Endpoint, Need, Permission, Rule};
use crate::access::throttle::{RateClass, RequestFacts};
use crate::access::{Principal, Proof};
use crate::base::Secret;

/// The gate of one route.
#[derive(Clone)]
pub(super) struct Gate {
    pub(super) services: Arc<Services>,
    pub(super) endpoint: Endpoint,
}

/// What the gate found; the answer is told of it.
struct Pass {
    quota: Quota,
    facts: RequestFacts,
    proven: Option<Proven>,
}

pub(super) async fn authorize(State(gate): State<Gate>, request: Request, next: Next) -> Response {
    let rule = gate.endpoint.rule();
    let (mut parts, body) = request.into_parts();
    let visit = match Visit::of(&parts.extensions) {
        Ok(visit) => visit,
        Err(problem) => return problem.into_response(),
    };
    let pass = gate.look_at(&rule, &parts, &visit).await;
    let (pass, judged) = match pass {
        Ok(found) => found,
        Err(problem) => return problem.into_response(),
    };
    let cookie = pass.cookie(&parts.headers, &visit, &gate.services);
    let mut response = match judged {
        Err(problem) => problem.into_response(),
        Ok(()) => {
            if let Some(proven) = &pass.proven {
                parts.extensions.insert(Caller::new(proven.principal.clone(), &visit));
            }
            next.run(Request::from_parts(parts, body)).await
        }
    };
    let status = response.status();
    if pass.facts.class == RateClass::Auth && (status.is_success() || status.is_redirection()) {
        gate.services.limits.succeeded(&pass.facts);
    }
    let headers = response.headers_mut();
    pass.quota.write(headers);
    if let Some(cookie) = cookie.filter(|_| !headers.contains_key(SET_COOKIE)) {
        headers.append(SET_COOKIE, cookie);
    }
    response
}

impl Gate {
    /// Identifies and counts a request, and judges it; an error is 429 and nothing else.
    async fn look_at(
        &self,
        rule: &Rule,
        request: &Parts,
        visit: &Visit,
    ) -> Result<(Pass, Result<(), Problem>), Problem> {
        let services = &self.services;
        let is_own = self.is_from_here(request, visit);
        let proven = match (&is_own, rule.need) {
            (Err(_), _) | (_, Need::Anyone) => Ok(None),
            (Ok(()), _) => identify(&request.headers, visit, services).await.map(Some),
        };
        let principal = proven.as_ref().ok().and_then(Option::as_ref).map(|p| &p.principal);
        let facts = facts_of(class_of(rule.rate), visit.ip, principal);
        let quota = count(services, &facts)?;
        let judged = is_own.and_then(|()| {
            if !is_provider(self.endpoint) {
                refuse_secrets(request.uri.query())?;
            }
            Ok(())
        });
        let (proven, judged) = match (proven, judged) {
            (Ok(proven), judged) => (proven, judged),
            (Err(_), Err(problem)) | (Err(problem), Ok(())) => (None, Err(problem)),
        };
        let judged = judged.and_then(|()| match &proven {
            Some(proven) => may(rule, &proven.principal),
            None => Ok(()),
        });
        Ok((Pass { quota, facts, proven }, judged))
    }

    /// Refuses requests that change something and come from another site (W-03).
    fn is_from_here(&self, request: &Parts, visit: &Visit) -> Result<(), Problem> {
        // Apple's answer is a form from Apple's page; its `state` is checked instead.
        if request.method.is_safe() || self.endpoint == Endpoint::ProviderReturnForm {
            return Ok(());
        }
        let refused = || Problem::forbidden("cross_site", "this request comes from another site");
        let headers = &request.headers;
        match self.services.origins.of(headers) {
            From::Allowed(_) => Ok(()),
            From::Foreign => Err(refused()),
            From::Unsaid => {
                let has_cookie = Jar::Session.read(headers, visit.listener).is_some();
                match headers.get("sec-fetch-site").map(HeaderValue::as_bytes) {
                    Some(b"same-origin") => Ok(()),
                    Some(_) => Err(refused()),
                    None if has_cookie => Err(refused()),
                    None => Ok(()),
                }
            }
        }
    }
}

impl Pass {
    /// The cookie again, when it is due (A34).
    fn cookie(
        &self,
        headers: &HeaderMap,
        visit: &Visit,
        services: &Services,
    ) -> Option<HeaderValue> {
        let proven = self.proven.as_ref().filter(|proven| proven.refresh)?;
        let cookie = Secret::new(Jar::Session.read(headers, visit.listener)?);
        let life = services.cookie_life(proven.principal.workspace_id);
        Jar::Session.set(&cookie, life, visit.listener)
    }
}

/// A provider's answer comes with a code and a state, which are worth something only together with
/// the cookie of the browser that asked.
fn is_provider(endpoint: Endpoint) -> bool {
    matches!(endpoint, Endpoint::ProviderReturn | Endpoint::ProviderReturnForm)
}

/// Whether a row of the table lets somebody through.
///
/// # Errors
/// Why not.
pub(super) fn may(rule: &Rule, principal: &Principal) -> Result<(), Problem> {
    let is_key = matches!(principal.proof, Proof::ApiKey(_));
    match rule.need {
        Need::Anyone => Ok(()),
        Need::Leaving | Need::Enrolling | Need::Cookie(_) if is_key => Err(session_required()),
        Need::Leaving if principal.proof == Proof::Token => Err(session_required()),
        Need::Leaving => Ok(()),
        Need::Enrolling if principal.proof == Proof::Enrolling => Ok(()),
        Need::Enrolling => holds(principal, Permission::OwnAccount),
        Need::Cookie(_) if principal.proof == Proof::Token => Err(session_required()),
        Need::Cookie(permission) => {
            has_enrolled(principal)?;
            holds(principal, permission)
        }
        Need::Signed(permission) => {
            has_enrolled(principal)?;
            holds(principal, permission)?;
            is_in_scope(rule, principal)
        }
    }
}

/// A phone's socket needs this: the same as a route would.
pub(super) fn may_use(principal: &Principal, permission: Permission) -> Result<(), Problem> {
    has_enrolled(principal)?;
    if matches!(principal.proof, Proof::ApiKey(_)) {
        return Err(session_required());
    }
    holds(principal, permission)
}

fn has_enrolled(principal: &Principal) -> Result<(), Problem> {
    if principal.proof == Proof::Enrolling {
        let detail = "set up your second factor first: your workspace requires one";
        return Err(Problem::forbidden("mfa_enrolment_required", detail));
    }
    Ok(())
}

fn holds(principal: &Principal, permission: Permission) -> Result<(), Problem> {
    if principal.may(permission) {
        return Ok(());
    }
    Err(Problem::forbidden("level_too_low", "your level and your role do not allow this"))
}

fn is_in_scope(rule: &Rule, principal: &Principal) -> Result<(), Problem> {
    let Proof::ApiKey(scopes) = &principal.proof else { return Ok(()) };
    match rule.scope {
        Some(scope) if scopes.contains(&scope) => Ok(()),
        Some(scope) => {
            let detail = format!("this API key does not have the scope {}", scope.as_str());
            Err(Problem::forbidden("scope_missing", detail))
        }
        None => Err(session_required()),
    }
}

fn session_required() -> Problem {
    let detail = "this needs a session in a browser: a token or an API key does not do";
    Problem::forbidden("session_required", detail)
}
