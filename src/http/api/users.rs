//! People of the workspace.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use super::super::caller::Caller;
use super::super::json::StrictJson;
use super::super::paths::Id;
use super::super::problem::Problem;
use super::super::services::Services;
use super::super::time::{rfc3339, rfc3339_or};
use super::shared::{Items, Nothing, over};
use crate::access::organisation::{NewPerson, PersonChange, PersonShown};
use crate::access::{Level, Role, UserId};
use crate::base::Secret;

/// A person.
#[derive(Serialize, ToSchema)]
pub(in super::super) struct UserShown {
    id: String,
    /// Sign-in name.
    name: String,
    display_name: String,
    email: Option<String>,
    email_verified: bool,
    role: &'static str,
    level: u8,
    tier: &'static str,
    number: String,
    disabled: bool,
    /// `none`, `email` or `totp`.
    second_factor: &'static str,
    created_at: String,
    last_seen_at: Option<String>,
}

/// A person to add.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct UserToAdd {
    name: String,
    display_name: Option<String>,
    email: Option<String>,
    /// `owner`, `admin` or `member` (default).
    role: Option<String>,
    /// 1 to 9; what belongs to the role when it is not said.
    level: Option<u8>,
    number: String,
    /// Without one they set their own by mail.
    password: Option<String>,
}

/// What to change of a person; what is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct UserToChange {
    display_name: Option<String>,
    /// `null` takes it away.
    #[serde(default, deserialize_with = "said")]
    email: Option<Option<String>>,
    role: Option<String>,
    level: Option<u8>,
    number: Option<String>,
    disabled: Option<bool>,
}

/// `GET users`.
pub(in super::super) async fn list(
    State(services): State<Arc<Services>>,
    Caller { principal, .. }: Caller,
) -> Result<Json<Items<UserShown>>, Problem> {
    let people = services.access.organisation().people().list(principal.workspace_id).await?;
    Ok(Items::all(people.into_iter().map(UserShown::from)))
}

/// `POST users`.
pub(in super::super) async fn add(
    State(services): State<Arc<Services>>,
    caller: Caller,
    StrictJson(body): StrictJson<UserToAdd>,
) -> Result<(StatusCode, Json<UserShown>), Problem> {
    let new = NewPerson {
        name: body.name,
        display_name: body.display_name,
        email: body.email,
        role: body.role.as_deref().map(role).transpose()?,
        level: body.level.map(level).transpose()?,
        number: body.number,
        password: body.password.map(Secret::new),
    };
    let people = services.access.organisation().people();
    let workspace = caller.principal.workspace_id;
    let added = people.add(&caller.author, workspace, &new).await?;
    Ok((StatusCode::CREATED, Json(one(&services, &caller, added.user.id).await?)))
}

/// `GET users/{id}`.
pub(in super::super) async fn show(
    State(services): State<Arc<Services>>,
    caller: Caller,
    Id(id): Id<UserId>,
) -> Result<Json<UserShown>, Problem> {
    Ok(Json(one(&services, &caller, id).await?))
}

/// `PATCH users/{id}`.
pub(in super::super) async fn change(
    State(services): State<Arc<Services>>,
    caller: Caller,
    Id(id): Id<UserId>,
    StrictJson(body): StrictJson<UserToChange>,
) -> Result<Json<UserShown>, Problem> {
    let change = PersonChange {
        display_name: body.display_name,
        email: body.email,
        role: body.role.as_deref().map(role).transpose()?,
        level: body.level.map(level).transpose()?,
        number: body.number,
        disabled: body.disabled,
    };
    let people = services.access.organisation().people();
    people.change(&caller.author, caller.principal.workspace_id, id, &change).await?;
    Ok(Json(one(&services, &caller, id).await?))
}

/// `DELETE users/{id}`.
pub(in super::super) async fn remove(
    State(services): State<Arc<Services>>,
    caller: Caller,
    Id(id): Id<UserId>,
) -> Result<StatusCode, Problem> {
    let people = services.access.organisation().people();
    people.remove(&caller.author, caller.principal.workspace_id, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST users/{id}/password-reset`: mails them a link.
pub(in super::super) async fn send_reset(
    State(services): State<Arc<Services>>,
    caller: Caller,
    Id(id): Id<UserId>,
    StrictJson(Nothing {}): StrictJson<Nothing>,
) -> Result<StatusCode, Problem> {
    over(&services, &caller.principal, id).await?;
    services.access.account().send_reset(&caller.actor, id).await?;
    Ok(StatusCode::ACCEPTED)
}

async fn one(services: &Services, caller: &Caller, id: UserId) -> Result<UserShown, Problem> {
    let people = services.access.organisation().people();
    Ok(people.show(caller.principal.workspace_id, id).await?.into())
}

/// A member that is there, `null` or not.
fn said<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(from).map(Some)
}

/// A level as people write it (B24).
pub(super) fn level(number: u8) -> Result<Level, Problem> {
    Level::new(number).ok_or_else(|| Problem::invalid("level", "a level is 1 to 9"))
}

/// A role as people write it.
pub(super) fn role(word: &str) -> Result<Role, Problem> {
    let words = "a role is owner, admin or member";
    Role::from_word(word).ok_or_else(|| Problem::invalid("role", words))
}

impl From<PersonShown> for UserShown {
    fn from(shown: PersonShown) -> Self {
        let PersonShown { member, last_seen_at, second_factor } = shown;
        let (user, membership) = (member.user, member.membership);
        let email_verified = user.email_verified_at.is_some();
        Self {
            id: user.id.to_string(),
            name: user.name,
            display_name: user.display_name,
            email: user.email,
            email_verified,
            role: membership.role.as_str(),
            level: membership.level.get(),
            tier: membership.level.tier(),
            number: membership.number,
            disabled: user.disabled,
            second_factor,
            created_at: rfc3339(membership.created_at),
            last_seen_at: rfc3339_or(last_seen_at),
        }
    }
}
