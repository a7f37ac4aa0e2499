//! Who makes a request: a bearer token, an API key, or the session cookie.

use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};

use super::cookie::Jar;
use super::problem::Problem;
use super::services::Services;
use super::visit::Visit;
use crate::access::organisation::Author;
use crate::access::{Actor, Principal};

/// The person a request acts for; only [`super::authorize`] makes one.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    /// Who, where, and proved by what.
    pub(super) principal: Principal,
    /// The same for the audit log.
    pub(super) actor: Actor,
    /// The same for changes: nobody gives more than they have.
    pub(super) author: Author,
}

impl Caller {
    pub(super) fn new(principal: Principal, visit: &Visit) -> Self {
        let author = Author::of(&principal, Some(visit.ip));
        Self { actor: author.actor.clone(), author, principal }
    }
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        // Missing only where a handler asks for what its row of the table does not promise.
        parts.extensions.get::<Self>().cloned().ok_or_else(|| {
            tracing::error!(
                path = parts.uri.path(),
                "a handler needs a caller that no rule asks for"
            );
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "this is our fault")
        })
    }
}

/// A principal, and whether its cookie is due to be given again.
pub(super) struct Proven {
    pub(super) principal: Principal,
    pub(super) refresh: bool,
}

/// Finds out who asks. What was sent on purpose counts before the cookie, which browsers send by
/// themselves; what was sent and is not good is refused.
///
/// # Errors
/// Nobody, or the database failed.
pub(super) async fn identify(
    headers: &HeaderMap,
    visit: &Visit,
    services: &Services,
) -> Result<Proven, Problem> {
    if let Some(text) = bearer(headers)? {
        let principal = by_bearer(text, visit, services).await?;
        return Ok(Proven { principal, refresh: false });
    }
    let Some(cookie) = Jar::Session.read(headers, visit.listener) else {
        return Err(Problem::unauthorized("not_signed_in", "not signed in"));
    };
    let checked = services.access.check_cookie(cookie, &visit.client()).await?;
    Ok(Proven { principal: checked.principal, refresh: checked.refresh })
}

/// A session token or an API key.
pub(super) async fn by_bearer(
    text: &str,
    visit: &Visit,
    services: &Services,
) -> Result<Principal, Problem> {
    // A JWT has two dots, a key of ours has none.
    if text.contains("_live_") && !text.contains('.') {
        let keys = services.access.organisation().keys();
        return Ok(keys.check(text, Some(visit.ip)).await?);
    }
    Ok(services.access.check_token(text)?)
}

/// The credential of `Authorization: Bearer`, if there is such a header.
pub(super) fn bearer(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (value, more) = (values.next(), values.next());
    let Some(value) = value else { return Ok(None) };
    let refused = || Problem::unauthorized("token_invalid", "send one Authorization: Bearer token");
    if more.is_some() {
        return Err(refused());
    }
    let (scheme, token) =
        value.to_str().ok().and_then(|text| text.split_once(' ')).ok_or_else(refused)?;
    if scheme.eq_ignore_ascii_case("bearer") { Ok(Some(token.trim())) } else { Err(refused()) }
}
