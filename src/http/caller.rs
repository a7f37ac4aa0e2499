//! Who makes a request: a bearer token, or the session cookie.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::header::{AUTHORIZATION, USER_AGENT};
use axum::http::request::Parts;

use super::cookie;
use super::problem::Problem;
use super::router::Peer;
use super::services::Services;
use crate::access::{Client, Principal, policy};

/// The person a request acts for.
pub(super) struct Caller(pub(super) Principal);

/// The person a request acts for, proved by the session cookie: what a token may not do.
pub(super) struct SessionCaller(pub(super) Principal);

impl FromRequestParts<Arc<Services>> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(
        parts: &mut Parts,
        services: &Arc<Services>,
    ) -> Result<Self, Problem> {
        let peer = Peer::of(&parts.extensions)?;
        let principal = match bearer(&parts.headers)? {
            Some(token) => services.access.check_token(token)?,
            None => by_cookie(&parts.headers, peer, services).await?,
        };
        may(&principal, policy::Action::OwnAccount)?;
        Ok(Self(principal))
    }
}

impl FromRequestParts<Arc<Services>> for SessionCaller {
    type Rejection = Problem;

    async fn from_request_parts(
        parts: &mut Parts,
        services: &Arc<Services>,
    ) -> Result<Self, Problem> {
        let peer = Peer::of(&parts.extensions)?;
        let principal = by_cookie(&parts.headers, peer, services).await?;
        may(&principal, policy::Action::OwnAccount)?;
        Ok(Self(principal))
    }
}

async fn by_cookie(
    headers: &HeaderMap,
    peer: Peer,
    services: &Services,
) -> Result<Principal, Problem> {
    let Some(cookie) = cookie::read(headers, peer.listener) else {
        return Err(Problem::unauthorized("not_signed_in", "not signed in"));
    };
    Ok(services.access.check_cookie(cookie).await?)
}

/// The token of `Authorization: Bearer`, if there is such a header.
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

/// Refuses what the person's level does not allow.
pub(super) fn may(principal: &Principal, action: policy::Action) -> Result<(), Problem> {
    if policy::allows(principal.level, action) {
        return Ok(());
    }
    Err(Problem::forbidden("level_too_low", "your level does not allow this"))
}

/// `User-Agent`, printable and cut.
pub(super) fn user_agent(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(USER_AGENT)?;
    let text = String::from_utf8_lossy(value.as_bytes());
    Some(text.chars().filter(|c| !c.is_control()).take(200).collect())
}

/// Where a sign-in comes from, for its record.
pub(super) fn client(headers: &HeaderMap, peer: Peer) -> Client {
    Client {
        user_agent: user_agent(headers),
        ip: Some(peer.remote.ip().to_canonical().to_string()),
    }
}
