//! Sessions: one's own, and those of the workspace.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::SET_COOKIE;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

use super::super::caller::Caller;
use super::super::cookie::Jar;
use super::super::json::StrictJson;
use super::super::paths::Id;
use super::super::problem::Problem;
use super::super::services::Services;
use super::super::time::{rfc3339, rfc3339_or};
use super::super::visit::Visit;
use super::shared::{Items, Nothing, Person, over, person};
use crate::access::user_agent::UserAgent;
use crate::access::{Of, SessionId, UserId};
use crate::store::{Ending, SessionRow};

/// A sign-in, open or ended.
#[derive(Serialize, ToSchema)]
pub(in super::super) struct SessionShown {
    id: String,
    /// Whose; left out in one's own list.
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<Person>,
    /// Whether this request is of it.
    current: bool,
    /// `password`, `google`, …
    method: String,
    /// The second factor that was shown.
    factor: Option<String>,
    created_at: String,
    last_seen_at: String,
    ended_at: Option<String>,
    /// `logout`, `expired`, `revoked`, `password_changed`, `disabled` or `replaced`.
    ended_reason: Option<&'static str>,
    ip: Option<String>,
    user_agent: Option<String>,
    browser: String,
    system: &'static str,
    device: &'static str,
}

/// Which sessions end.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct EndAll {
    /// Whether this one stays.
    keep_current: bool,
    /// Whether one's API keys are revoked too.
    api_keys: bool,
}

/// How many ended.
#[derive(Serialize, ToSchema)]
pub(in super::super) struct Ended {
    ended: usize,
}

/// `GET me/sessions`.
pub(in super::super) async fn mine(
    State(services): State<Arc<Services>>,
    Caller { principal, .. }: Caller,
) -> Result<Json<Items<SessionShown>>, Problem> {
    let rows = services.access.sessions().list_of(principal.user_id).await?;
    Ok(Items::all(rows.into_iter().map(|row| shown(row, principal.session_id, None))))
}

/// `DELETE me/sessions/{id}`.
pub(in super::super) async fn end_mine(
    State(services): State<Arc<Services>>,
    caller: Caller,
    Id(id): Id<SessionId>,
) -> Result<StatusCode, Problem> {
    let of = Of::User(caller.principal.user_id);
    end(&services, &caller, of, id).await
}

/// `POST me/sessions/end-all`.
pub(in super::super) async fn end_all_mine(
    State(services): State<Arc<Services>>,
    caller: Caller,
    visit: Visit,
    StrictJson(body): StrictJson<EndAll>,
) -> Result<Response, Problem> {
    let principal = &caller.principal;
    if body.api_keys {
        let keys = services.access.organisation().keys();
        keys.revoke_all_of(&caller.author, principal.user_id, None).await?;
    }
    let keep = body.keep_current.then_some(principal.session_id);
    let sessions = services.access.sessions();
    let ended =
        sessions.end_all(&caller.actor, principal.user_id, None, keep, Ending::Revoked).await?;
    let cookie = match body.keep_current {
        true => None,
        false => Jar::Session.clear(visit.listener).map(|cookie| [(SET_COOKIE, cookie)]),
    };
    Ok((cookie, Json(Ended { ended })).into_response())
}

/// `GET sessions`.
pub(in super::super) async fn list(
    State(services): State<Arc<Services>>,
    Caller { principal, .. }: Caller,
) -> Result<Json<Items<SessionShown>>, Problem> {
    let rows = services.access.sessions().list(principal.workspace_id).await?;
    let mut people: BTreeMap<UserId, Option<Person>> = BTreeMap::new();
    let mut items = Vec::with_capacity(rows.len());
    for row in rows {
        let user = match people.get(&row.user_id) {
            Some(known) => known.clone(),
            None => {
                let found = person(&services, row.user_id).await?;
                people.insert(row.user_id, found.clone());
                found
            }
        };
        items.push(shown(row, principal.session_id, user));
    }
    Ok(Items::all(items))
}

/// `DELETE sessions/{id}`.
pub(in super::super) async fn end_one(
    State(services): State<Arc<Services>>,
    caller: Caller,
    Id(id): Id<SessionId>,
) -> Result<StatusCode, Problem> {
    let of = Of::Workspace(caller.principal.workspace_id);
    end(&services, &caller, of, id).await
}

/// `GET users/{id}/sessions`: those in this workspace.
pub(in super::super) async fn of_user(
    State(services): State<Arc<Services>>,
    Caller { principal, .. }: Caller,
    Id(user): Id<UserId>,
) -> Result<Json<Items<SessionShown>>, Problem> {
    let member = services.store.memberships().member(principal.workspace_id, user).await?;
    member.ok_or_else(Problem::not_found)?;
    let rows = services.access.sessions().list_of(user).await?;
    let here = rows.into_iter().filter(|row| row.workspace_id == principal.workspace_id);
    Ok(Items::all(here.map(|row| shown(row, principal.session_id, None))))
}

/// `POST users/{id}/sessions/end-all`: those in this workspace.
pub(in super::super) async fn end_all_of_user(
    State(services): State<Arc<Services>>,
    caller: Caller,
    Id(user): Id<UserId>,
    StrictJson(Nothing {}): StrictJson<Nothing>,
) -> Result<Json<Ended>, Problem> {
    let workspace = caller.principal.workspace_id;
    let member = services.store.memberships().member(workspace, user).await?;
    member.ok_or_else(Problem::not_found)?;
    over(&services, &caller.principal, user).await?;
    let sessions = services.access.sessions();
    let ended =
        sessions.end_all(&caller.actor, user, Some(workspace), None, Ending::Revoked).await?;
    Ok(Json(Ended { ended }))
}

async fn end(
    services: &Services,
    caller: &Caller,
    of: Of,
    id: SessionId,
) -> Result<StatusCode, Problem> {
    if let Of::Workspace(workspace) = of
        && let Some(row) = services.store.sessions().by_id(id).await?
        && row.workspace_id == workspace
    {
        over(services, &caller.principal, row.user_id).await?;
    }
    let is_ended = services.access.sessions().end(&caller.actor, of, id, Ending::Revoked).await?;
    if is_ended { Ok(StatusCode::NO_CONTENT) } else { Err(Problem::not_found()) }
}

fn shown(row: SessionRow, current: SessionId, user: Option<Person>) -> SessionShown {
    let agent = UserAgent::parse(row.user_agent.as_deref().unwrap_or(""));
    SessionShown {
        id: row.id.to_string(),
        user,
        current: row.id == current,
        method: row.method,
        factor: row.factor,
        created_at: rfc3339(row.created_at),
        last_seen_at: rfc3339(row.last_seen_at),
        ended_at: rfc3339_or(row.ended.map(|(at, _)| at)),
        ended_reason: row.ended.map(|(_, why)| why.as_str()),
        ip: row.ip,
        user_agent: row.user_agent,
        browser: agent.browser,
        system: agent.system,
        device: agent.device,
    }
}
