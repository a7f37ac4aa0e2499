//! Invitations: read and accepted by those invited, sent and taken back by administrators.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::caller::Caller;
use super::super::json::StrictJson;
use super::super::paths::Id;
use super::super::problem::Problem;
use super::super::services::Services;
use super::super::time::rfc3339;
use super::super::visit::Visit;
use super::shared::{Items, Person, person};
use super::sign_in::{LinkKey, next};
use super::users::{level, role};
use crate::access::organisation::{Guest, InviteState, NewInvite};
use crate::base::Secret;
use crate::store::{InviteId, InviteRow};

/// What an invitation says.
#[derive(Serialize, ToSchema)]
pub(in super::super) struct Invitation {
    email: String,
    workspace: String,
    role: &'static str,
    /// Whether the address has an account, which must sign in and join.
    has_account: bool,
}

/// An invitation to accept.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct InviteToAccept {
    key: String,
    /// Sign-in name.
    name: String,
    display_name: Option<String>,
    password: String,
}

/// An invitation that was sent.
#[derive(Serialize, ToSchema)]
pub(in super::super) struct InviteShown {
    id: String,
    email: String,
    role: &'static str,
    level: u8,
    number: String,
    invited_by: Option<Person>,
    created_at: String,
    expires_at: String,
    /// `open`, `accepted`, `revoked` or `expired`.
    state: &'static str,
}

/// An invitation to send.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct InviteToSend {
    email: String,
    /// `owner`, `admin` or `member`.
    role: String,
    /// 1 to 9; what belongs to the role when it is not said.
    level: Option<u8>,
    number: String,
}

/// `POST invites/look`.
pub(in super::super) async fn look(
    State(services): State<Arc<Services>>,
    StrictJson(body): StrictJson<LinkKey>,
) -> Result<Json<Invitation>, Problem> {
    let found = services.access.organisation().invites().look(&body.key).await?;
    Ok(Json(Invitation {
        email: found.email,
        workspace: found.workspace,
        role: found.role.as_str(),
        has_account: found.has_account,
    }))
}

/// `POST invites/accept`.
pub(in super::super) async fn accept(
    State(services): State<Arc<Services>>,
    visit: Visit,
    headers: HeaderMap,
    StrictJson(body): StrictJson<InviteToAccept>,
) -> Result<Response, Problem> {
    let password = Secret::new(body.password);
    let (name, display_name) = (body.name, body.display_name);
    let guest = Guest { name: name.clone(), display_name, password: password.clone() };
    services.access.organisation().invites().accept(&body.key, &guest).await?;
    // As anybody signs in, so that a second factor is asked for where the policy wants one.
    let sign_in = services.access.sign_in();
    let step = sign_in.password(&name, &password, &visit.client(), None).await?;
    next(&services, &visit, &headers, step).await
}

/// `POST invites/join`: somebody with an account joins the workspace.
pub(in super::super) async fn join(
    State(services): State<Arc<Services>>,
    Caller { principal, .. }: Caller,
    StrictJson(body): StrictJson<LinkKey>,
) -> Result<StatusCode, Problem> {
    services.access.organisation().invites().join(&principal, &body.key).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `GET invites`.
pub(in super::super) async fn list(
    State(services): State<Arc<Services>>,
    Caller { principal, .. }: Caller,
) -> Result<Json<Items<InviteShown>>, Problem> {
    let rows = services.access.organisation().invites().list(principal.workspace_id).await?;
    let mut items = Vec::with_capacity(rows.len());
    for (row, state) in rows {
        items.push(shown(&services, row, state).await?);
    }
    Ok(Items::all(items))
}

/// `POST invites`.
pub(in super::super) async fn create(
    State(services): State<Arc<Services>>,
    caller: Caller,
    StrictJson(body): StrictJson<InviteToSend>,
) -> Result<(StatusCode, Json<InviteShown>), Problem> {
    let new = NewInvite {
        email: body.email,
        role: role(&body.role)?,
        level: body.level.map(level).transpose()?,
        number: body.number,
    };
    let invites = services.access.organisation().invites();
    let row = invites.create(&caller.author, caller.principal.workspace_id, &new).await?;
    let shown = shown(&services, row, InviteState::Open).await?;
    Ok((StatusCode::CREATED, Json(shown)))
}

/// `DELETE invites/{id}`.
pub(in super::super) async fn revoke(
    State(services): State<Arc<Services>>,
    caller: Caller,
    Id(id): Id<InviteId>,
) -> Result<StatusCode, Problem> {
    let invites = services.access.organisation().invites();
    invites.revoke(&caller.author, caller.principal.workspace_id, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn shown(
    services: &Services,
    row: InviteRow,
    state: InviteState,
) -> Result<InviteShown, Problem> {
    let invited_by = match row.invited_by {
        Some(id) => person(services, id).await?,
        None => None,
    };
    Ok(InviteShown {
        state: word(state),
        id: row.id.to_string(),
        email: row.email,
        role: row.role.as_str(),
        level: row.level.get(),
        number: row.number,
        invited_by,
        created_at: rfc3339(row.created_at),
        expires_at: rfc3339(row.expires_at),
    })
}

fn word(state: InviteState) -> &'static str {
    match state {
        InviteState::Open => "open",
        InviteState::Accepted => "accepted",
        InviteState::Revoked => "revoked",
        InviteState::Expired => "expired",
    }
}
