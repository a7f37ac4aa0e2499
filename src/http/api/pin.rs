//! The PIN that guards reports of previous days.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::caller::Caller;
use super::super::json::StrictJson;
use super::super::problem::Problem;
use super::super::services::Services;
use super::super::time::{rfc3339, rfc3339_or};
use super::factor::OwnPassword;
use crate::base::Secret;

/// One's PIN.
#[derive(Serialize, ToSchema)]
pub(in super::super) struct MyPin {
    set: bool,
    /// Whether the workspace wants everybody to have one.
    required: bool,
    /// Reports of previous days are open until then.
    unlocked_until: Option<String>,
    /// No PIN is looked at before.
    locked_until: Option<String>,
}

/// A PIN to set.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct PinToSet {
    /// 4 to 12 digits.
    pin: String,
    password: String,
}

/// One's PIN.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct PinToUnlock {
    pin: String,
}

/// Until when reports of previous days are open.
#[derive(Serialize, ToSchema)]
pub(in super::super) struct PinUnlocked {
    unlocked_until: String,
}

/// `GET me/pin`.
pub(in super::super) async fn show(
    State(services): State<Arc<Services>>,
    Caller { principal, .. }: Caller,
) -> Result<Json<MyPin>, Problem> {
    let status = services.access.organisation().pins().status(&principal).await?;
    Ok(Json(MyPin {
        set: status.is_set,
        required: status.is_required,
        unlocked_until: rfc3339_or(status.unlocked_until),
        locked_until: rfc3339_or(status.locked_until),
    }))
}

/// `PUT me/pin`.
pub(in super::super) async fn set(
    State(services): State<Arc<Services>>,
    caller: Caller,
    StrictJson(body): StrictJson<PinToSet>,
) -> Result<StatusCode, Problem> {
    let (pin, password) = (Secret::new(body.pin), Secret::new(body.password));
    let pins = services.access.organisation().pins();
    pins.set(&caller.principal, caller.actor.ip, &pin, &password).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST me/pin/remove`.
pub(in super::super) async fn remove(
    State(services): State<Arc<Services>>,
    caller: Caller,
    StrictJson(body): StrictJson<OwnPassword>,
) -> Result<StatusCode, Problem> {
    let password = Secret::new(body.password);
    let pins = services.access.organisation().pins();
    pins.remove(&caller.principal, caller.actor.ip, &password).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST me/pin/unlock`.
pub(in super::super) async fn unlock(
    State(services): State<Arc<Services>>,
    caller: Caller,
    StrictJson(body): StrictJson<PinToUnlock>,
) -> Result<Json<PinUnlocked>, Problem> {
    let pins = services.access.organisation().pins();
    let pin = Secret::new(body.pin);
    let until = pins.unlock(&caller.principal, caller.actor.ip, &pin).await?;
    Ok(Json(PinUnlocked { unlocked_until: rfc3339(until) }))
}
