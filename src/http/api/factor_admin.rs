//! Others' second factors: who has which, resets, exemptions.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::caller::Caller;
use super::super::json::StrictJson;
use super::super::paths::Id;
use super::super::problem::Problem;
use super::super::services::Services;
use super::super::time::{parse_rfc3339, rfc3339_or};
use super::shared::{Items, Nothing, Person};
use crate::access::{Method, UserId};

/// A person's second factor.
#[derive(Serialize, ToSchema)]
pub(in super::super) struct FactorOfPerson {
    user: Person,
    /// `none`, `email`, `totp` or `passkey`.
    method: &'static str,
    last_used_at: Option<String>,
    /// Whether the workspace demands one of them.
    required: bool,
    exempt_until: Option<String>,
    exempt_reason: Option<String>,
    /// Whether an exemption is over.
    exempt_expired: bool,
}

/// Until when somebody needs no second factor, and why.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Exemption {
    /// RFC 3339.
    until: String,
    reason: String,
}

/// `GET second-factors`.
pub(in super::super) async fn list(
    State(services): State<Arc<Services>>,
    Caller { principal, .. }: Caller,
) -> Result<Json<Items<FactorOfPerson>>, Problem> {
    let found = services.access.second_factor().list(principal.workspace_id).await?;
    Ok(Items::all(found.into_iter().map(|of| FactorOfPerson {
        user: Person { id: of.row.user_id.to_string(), name: of.row.user_name },
        method: of.method.map_or("none", Method::as_str),
        last_used_at: rfc3339_or(of.row.last_used_at),
        required: of.required,
        exempt_until: rfc3339_or(of.row.exempt_until),
        exempt_reason: of.row.exempt_reason,
        exempt_expired: of.exempt_expired,
    })))
}

/// `POST users/{id}/second-factor/reset`.
pub(in super::super) async fn reset(
    State(services): State<Arc<Services>>,
    caller: Caller,
    Id(user): Id<UserId>,
    StrictJson(Nothing {}): StrictJson<Nothing>,
) -> Result<StatusCode, Problem> {
    let factor = services.access.second_factor();
    factor.reset(&caller.actor, user).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `PUT users/{id}/second-factor/exemption`.
pub(in super::super) async fn exempt(
    State(services): State<Arc<Services>>,
    caller: Caller,
    Id(user): Id<UserId>,
    StrictJson(body): StrictJson<Exemption>,
) -> Result<StatusCode, Problem> {
    let until = parse_rfc3339(&body.until)
        .ok_or_else(|| Problem::invalid("until", "a time is written 2026-11-22T16:30:00Z"))?;
    let factor = services.access.second_factor();
    factor.exempt(&caller.actor, user, until, &body.reason).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `DELETE users/{id}/second-factor/exemption`.
pub(in super::super) async fn end_exemption(
    State(services): State<Arc<Services>>,
    caller: Caller,
    Id(user): Id<UserId>,
) -> Result<StatusCode, Problem> {
    let factor = services.access.second_factor();
    factor.end_exemption(&caller.actor, user).await?;
    Ok(StatusCode::NO_CONTENT)
}
