//! Workspaces: one's own, and all of the installation's.

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
use super::super::time::rfc3339;
use super::shared::Items;
use crate::access::organisation::NewPerson;
use crate::access::{Role, WorkspaceId};
use crate::base::Secret;
use crate::store::WorkspaceRow;

/// The workspace one works in.
#[derive(Serialize, ToSchema)]
pub(in super::super) struct WorkspaceSettings {
    id: String,
    name: String,
    created_at: String,
}

/// A new name.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct WorkspaceToRename {
    name: String,
}

/// A workspace as the installation's administrators see it.
#[derive(Serialize, ToSchema)]
pub(in super::super) struct WorkspaceShown {
    id: String,
    name: String,
    disabled: bool,
    /// How many people belong to it.
    people: u64,
    created_at: String,
}

/// A workspace to make, with its owner.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct WorkspaceToAdd {
    name: String,
    owner: WorkspaceOwner,
}

/// Its first person.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct WorkspaceOwner {
    name: String,
    display_name: Option<String>,
    email: Option<String>,
    number: String,
    password: Option<String>,
}

/// What to change of a workspace; what is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct WorkspaceToChange {
    name: Option<String>,
    /// Whether it is closed: nobody works in it.
    disabled: Option<bool>,
}

/// `GET settings/workspace`.
pub(in super::super) async fn show(
    State(services): State<Arc<Services>>,
    caller: Caller,
) -> Result<Json<WorkspaceSettings>, Problem> {
    own(&services, &caller).await
}

/// `PATCH settings/workspace`.
pub(in super::super) async fn rename(
    State(services): State<Arc<Services>>,
    caller: Caller,
    StrictJson(body): StrictJson<WorkspaceToRename>,
) -> Result<Json<WorkspaceSettings>, Problem> {
    let workspaces = services.access.organisation().workspaces();
    let id = caller.principal.workspace_id;
    workspaces.change(&caller.author, id, Some(&body.name), None).await?;
    own(&services, &caller).await
}

/// `GET workspaces`.
pub(in super::super) async fn list(
    State(services): State<Arc<Services>>,
) -> Result<Json<Items<WorkspaceShown>>, Problem> {
    let all = services.access.organisation().workspaces().list().await?;
    Ok(Items::all(all.into_iter().map(|found| shown(found.row, found.people))))
}

/// `POST workspaces`.
pub(in super::super) async fn add(
    State(services): State<Arc<Services>>,
    caller: Caller,
    StrictJson(body): StrictJson<WorkspaceToAdd>,
) -> Result<(StatusCode, Json<WorkspaceShown>), Problem> {
    let owner = NewPerson {
        name: body.owner.name,
        display_name: body.owner.display_name,
        email: body.owner.email,
        role: Some(Role::Owner),
        level: None,
        number: body.owner.number,
        password: body.owner.password.map(Secret::new),
    };
    let workspaces = services.access.organisation().workspaces();
    let (row, _) = workspaces.create(&caller.author, &body.name, &owner).await?;
    Ok((StatusCode::CREATED, Json(shown(row, 1))))
}

/// `PATCH workspaces/{id}`.
pub(in super::super) async fn change(
    State(services): State<Arc<Services>>,
    caller: Caller,
    Id(id): Id<WorkspaceId>,
    StrictJson(body): StrictJson<WorkspaceToChange>,
) -> Result<StatusCode, Problem> {
    let workspaces = services.access.organisation().workspaces();
    workspaces.change(&caller.author, id, body.name.as_deref(), body.disabled).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn own(services: &Services, caller: &Caller) -> Result<Json<WorkspaceSettings>, Problem> {
    let workspaces = services.access.organisation().workspaces();
    let row = workspaces.show(caller.principal.workspace_id).await?;
    let created_at = rfc3339(row.created_at);
    Ok(Json(WorkspaceSettings { id: row.id.to_string(), name: row.name, created_at }))
}

fn shown(row: WorkspaceRow, people: u64) -> WorkspaceShown {
    WorkspaceShown {
        id: row.id.to_string(),
        name: row.name,
        disabled: row.disabled,
        people,
        created_at: rfc3339(row.created_at),
    }
}
