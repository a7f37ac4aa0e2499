//! Session tokens and socket tickets.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::super::caller::Caller;
use super::super::json::StrictJson;
use super::super::problem::Problem;
use super::super::services::Services;
use super::super::visit::Visit;
use super::shared::Nothing;
use crate::base::limit;

/// A token for sockets and programs.
#[derive(Serialize, ToSchema)]
pub(in super::super) struct Token {
    token: String,
    /// Seconds.
    expires_in: u64,
}

/// A ticket for `GET /ws?ticket=`: once, within 30 s, for the same browser.
#[derive(Serialize, ToSchema)]
pub(in super::super) struct Ticket {
    ticket: String,
    /// Seconds.
    expires_in: u64,
}

/// `POST token`. By cookie only: a token that could renew itself would never expire.
pub(in super::super) async fn token(
    State(services): State<Arc<Services>>,
    Caller { principal, .. }: Caller,
    StrictJson(Nothing {}): StrictJson<Nothing>,
) -> Result<Json<Token>, Problem> {
    let minted = services.access.mint(&principal)?;
    Ok(Json(Token { token: minted.token.expose().to_string(), expires_in: minted.expires_in }))
}

/// `POST ticket`.
pub(in super::super) async fn ticket(
    State(services): State<Arc<Services>>,
    Caller { principal, .. }: Caller,
    visit: Visit,
    StrictJson(Nothing {}): StrictJson<Nothing>,
) -> Result<Json<Ticket>, Problem> {
    let ticket = services
        .access
        .tickets()
        .give(principal, visit.user_agent.as_deref())
        .map_err(|error| Problem::busy("busy", error.to_string(), 5))?;
    let expires_in = limit::TICKET_LIFE.as_secs();
    Ok(Json(Ticket { ticket: ticket.expose().to_string(), expires_in }))
}
