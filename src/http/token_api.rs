//! Session tokens and socket tickets.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use serde::Serialize;

use super::caller::{Caller, SessionCaller, user_agent};
use super::json::{Nothing, StrictJson};
use super::problem::Problem;
use super::services::Services;
use crate::base::limit;

#[derive(Serialize)]
pub(super) struct Token {
    token: String,
    expires_in: u64,
}

#[derive(Serialize)]
pub(super) struct Ticket {
    ticket: String,
    expires_in: u64,
}

/// `POST /api/v1/token`. By cookie only: a token that could renew itself would never expire.
pub(super) async fn token(
    State(services): State<Arc<Services>>,
    SessionCaller(principal): SessionCaller,
    StrictJson(Nothing {}): StrictJson<Nothing>,
) -> Result<Json<Token>, Problem> {
    let minted = services.access.mint(&principal)?;
    Ok(Json(Token { token: minted.token.expose().to_string(), expires_in: minted.expires_in }))
}

/// `POST /api/v1/ticket`: for `GET /ws?ticket=`, once, within 30 s.
pub(super) async fn ticket(
    State(services): State<Arc<Services>>,
    Caller(principal): Caller,
    headers: HeaderMap,
    StrictJson(Nothing {}): StrictJson<Nothing>,
) -> Result<Json<Ticket>, Problem> {
    let ticket = services
        .access
        .tickets()
        .give(principal, user_agent(&headers).as_deref())
        .map_err(|error| Problem::busy("busy", error.to_string(), 5))?;
    let expires_in = limit::TICKET_LIFE.as_secs();
    Ok(Json(Ticket { ticket: ticket.expose().to_string(), expires_in }))
}
