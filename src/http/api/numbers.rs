//! Phone numbers, and who uses them.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::caller::Caller;
use super::super::json::StrictJson;
use super::super::paths::{Id, OtherUser};
use super::super::problem::Problem;
use super::super::services::Services;
use super::super::time::{rfc3339, rfc3339_or};
use super::shared::{Items, Person};
use crate::access::UserId;
use crate::access::organisation::{MyAccess, NumberShown as Shown};
use crate::store::{CallRow, NumberAccess, NumberId, NumberUser};

/// A phone number.
#[derive(Serialize, ToSchema)]
pub(in super::super) struct NumberShown {
    id: String,
    number: String,
    label: String,
    /// `owner`, `shared`, `view`, or `admin` for who manages all of them.
    access: &'static str,
    created_at: String,
}

/// A phone number to add.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct NumberToAdd {
    /// 1 to 16 digits, with or without a leading +.
    number: String,
    label: String,
}

/// A new label.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct NumberToChange {
    label: String,
}

/// A person who uses a number.
#[derive(Serialize, ToSchema)]
pub(in super::super) struct NumberUserShown {
    user: Person,
    access: &'static str,
}

/// As what somebody uses a number.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct NumberAccessChoice {
    /// `owner`, `shared` or `view`.
    access: String,
}

/// A call of a number.
#[derive(Serialize, ToSchema)]
pub(in super::super) struct CallShown {
    id: String,
    user_id: Option<String>,
    /// `out`, `in` or `internal`.
    direction: String,
    caller: String,
    callee: String,
    started_at: String,
    answered_at: Option<String>,
    ended_at: String,
    cause: String,
}

/// `GET numbers`.
pub(in super::super) async fn list(
    State(services): State<Arc<Services>>,
    Caller { principal, .. }: Caller,
) -> Result<Json<Items<NumberShown>>, Problem> {
    let numbers = services.access.organisation().numbers().list(&principal).await?;
    Ok(Items::all(numbers.into_iter().map(NumberShown::from)))
}

/// `POST numbers`.
pub(in super::super) async fn add(
    State(services): State<Arc<Services>>,
    caller: Caller,
    StrictJson(body): StrictJson<NumberToAdd>,
) -> Result<(StatusCode, Json<NumberShown>), Problem> {
    let numbers = services.access.organisation().numbers();
    let workspace = caller.principal.workspace_id;
    let row = numbers.add(&caller.author, workspace, &body.number, &body.label).await?;
    Ok((StatusCode::CREATED, Json(one(&services, &caller, row.id).await?)))
}

/// `GET numbers/{id}`.
pub(in super::super) async fn show(
    State(services): State<Arc<Services>>,
    caller: Caller,
    Id(id): Id<NumberId>,
) -> Result<Json<NumberShown>, Problem> {
    Ok(Json(one(&services, &caller, id).await?))
}

/// `PATCH numbers/{id}`.
pub(in super::super) async fn change(
    State(services): State<Arc<Services>>,
    caller: Caller,
    Id(id): Id<NumberId>,
    StrictJson(body): StrictJson<NumberToChange>,
) -> Result<Json<NumberShown>, Problem> {
    let numbers = services.access.organisation().numbers();
    let ip = caller.actor.ip;
    Ok(Json(numbers.rename(&caller.principal, ip, id, &body.label).await?.into()))
}

/// `DELETE numbers/{id}`.
pub(in super::super) async fn remove(
    State(services): State<Arc<Services>>,
    caller: Caller,
    Id(id): Id<NumberId>,
) -> Result<StatusCode, Problem> {
    let numbers = services.access.organisation().numbers();
    numbers.remove(&caller.principal, caller.actor.ip, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `GET numbers/{id}/calls`.
pub(in super::super) async fn calls(
    State(services): State<Arc<Services>>,
    Caller { principal, .. }: Caller,
    Id(id): Id<NumberId>,
) -> Result<Json<Items<CallShown>>, Problem> {
    let numbers = services.access.organisation().numbers();
    let calls = numbers.history(&principal, id, None).await?;
    Ok(Items::all(calls.into_iter().map(CallShown::from)))
}

/// `GET numbers/{id}/access`.
pub(in super::super) async fn access(
    State(services): State<Arc<Services>>,
    Caller { principal, .. }: Caller,
    Id(id): Id<NumberId>,
) -> Result<Json<Items<NumberUserShown>>, Problem> {
    let users = services.access.organisation().numbers().users(&principal, id).await?;
    Ok(Items::all(users.into_iter().map(NumberUserShown::from)))
}

/// `PUT numbers/{id}/access/{user}`.
pub(in super::super) async fn share(
    State(services): State<Arc<Services>>,
    caller: Caller,
    Id(id): Id<NumberId>,
    OtherUser(user): OtherUser<UserId>,
    StrictJson(body): StrictJson<NumberAccessChoice>,
) -> Result<StatusCode, Problem> {
    let access = NumberAccess::from_word(&body.access)
        .ok_or_else(|| Problem::invalid("access", "must be owner, shared or view"))?;
    let numbers = services.access.organisation().numbers();
    numbers.share(&caller.principal, caller.actor.ip, (id, user), access).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `DELETE numbers/{id}/access/{user}`.
pub(in super::super) async fn unshare(
    State(services): State<Arc<Services>>,
    caller: Caller,
    Id(id): Id<NumberId>,
    OtherUser(user): OtherUser<UserId>,
) -> Result<StatusCode, Problem> {
    let numbers = services.access.organisation().numbers();
    numbers.unshare(&caller.principal, caller.actor.ip, (id, user)).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn one(services: &Services, caller: &Caller, id: NumberId) -> Result<NumberShown, Problem> {
    let numbers = services.access.organisation().numbers();
    Ok(numbers.show(&caller.principal, id).await?.into())
}

impl From<Shown> for NumberShown {
    fn from(shown: Shown) -> Self {
        let row = shown.row;
        Self {
            id: row.id.to_string(),
            number: row.number,
            label: row.label,
            access: match shown.access {
                MyAccess::Admin => "admin",
                MyAccess::Own(access) => access.as_str(),
            },
            created_at: rfc3339(row.created_at),
        }
    }
}

impl From<NumberUser> for NumberUserShown {
    fn from(user: NumberUser) -> Self {
        let person = Person { id: user.user_id.to_string(), name: user.name };
        Self { user: person, access: user.access.as_str() }
    }
}

impl From<CallRow> for CallShown {
    fn from(row: CallRow) -> Self {
        Self {
            id: row.id.to_string(),
            user_id: row.user_id.map(|id| id.to_string()),
            direction: row.direction,
            caller: row.caller,
            callee: row.callee,
            started_at: rfc3339(row.started_at),
            answered_at: rfc3339_or(row.answered_at),
            ended_at: rfc3339(row.ended_at),
            cause: row.cause,
        }
    }
}
