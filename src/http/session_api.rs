//! Signing in and out.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Extension, State};
use axum::http::header::SET_COOKIE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

use super::caller::{Caller, SessionCaller, client};
use super::cookie;
use super::json::{Nothing, StrictJson};
use super::problem::Problem;
use super::router::Peer;
use super::services::Services;
use crate::access::{Principal, SignedIn};
use crate::base::Secret;
use crate::store::Ending;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Login {
    user: String,
    password: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Start {
    key: String,
}

/// The signed-in person.
#[derive(Serialize)]
pub(super) struct Me {
    id: String,
    user: String,
    number: String,
    level: u8,
    tier: &'static str,
    display_name: String,
}

/// `POST /api/v1/login`.
pub(super) async fn login(
    State(services): State<Arc<Services>>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    StrictJson(login): StrictJson<Login>,
) -> Result<Response, Problem> {
    let password = Secret::new(login.password);
    let from = client(&headers, peer);
    let signed_in = services.access.sign_in(&login.user, &password, &from).await?;
    welcome(&services, peer, &headers, signed_in).await
}

/// `POST /api/v1/start`: the key of a development link.
pub(super) async fn start(
    State(services): State<Arc<Services>>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    StrictJson(start): StrictJson<Start>,
) -> Result<Response, Problem> {
    let signed_in = services.access.start(&start.key, &client(&headers, peer)).await?;
    welcome(&services, peer, &headers, signed_in).await
}

/// Gives the new cookie; the session of the one it replaces ends.
async fn welcome(
    services: &Services,
    peer: Peer,
    headers: &HeaderMap,
    signed_in: SignedIn,
) -> Result<Response, Problem> {
    if let Some(old) = cookie::read(headers, peer.listener)
        && let Ok(old) = services.access.check_cookie(old).await
    {
        services.access.end_session(old.session_id, Ending::Replaced).await?;
    }
    let me = me_of(services, &signed_in.principal).await?;
    let cookie = cookie::set(&signed_in.cookie, peer.listener);
    Ok((StatusCode::OK, cookie.map(|cookie| [(SET_COOKIE, cookie)]), Json(me)).into_response())
}

/// `POST /api/v1/logout`.
pub(super) async fn logout(
    State(services): State<Arc<Services>>,
    Extension(peer): Extension<Peer>,
    SessionCaller(principal): SessionCaller,
    StrictJson(Nothing {}): StrictJson<Nothing>,
) -> Result<Response, Problem> {
    services.access.end_session(principal.session_id, Ending::Logout).await?;
    let cookie = cookie::clear(peer.listener).map(|cookie| [(SET_COOKIE, cookie)]);
    Ok((StatusCode::NO_CONTENT, cookie, ()).into_response())
}

/// `GET /api/v1/me`.
pub(super) async fn me(
    State(services): State<Arc<Services>>,
    Caller(principal): Caller,
) -> Result<Json<Me>, Problem> {
    Ok(Json(me_of(&services, &principal).await?))
}

async fn me_of(services: &Services, principal: &Principal) -> Result<Me, Problem> {
    let user = services.store.users().by_id(principal.user_id).await?;
    let user = user.ok_or_else(|| Problem::unauthorized("not_signed_in", "not signed in"))?;
    Ok(Me {
        id: principal.user_id.to_string(),
        user: user.name,
        number: principal.number.to_string(),
        level: principal.level.get(),
        tier: principal.level.tier(),
        display_name: principal.name.to_string(),
    })
}
