//! Changing one's password.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;

use super::super::caller::Caller;
use super::super::json::StrictJson;
use super::super::problem::Problem;
use super::super::services::Services;
use super::super::visit::Visit;
use crate::base::Secret;

/// The old one and the new one.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct PasswordChange {
    old: String,
    new: String,
    /// Whether all other sessions end.
    end_other_sessions: bool,
}

/// `POST me/password`.
pub(in super::super) async fn change(
    State(services): State<Arc<Services>>,
    caller: Caller,
    visit: Visit,
    StrictJson(body): StrictJson<PasswordChange>,
) -> Result<StatusCode, Problem> {
    let (old, new) = (Secret::new(body.old), Secret::new(body.new));
    let account = services.access.account();
    account
        .change_password(&caller.principal, &old, &new, body.end_other_sessions, &visit.client())
        .await?;
    Ok(StatusCode::NO_CONTENT)
}
