//! API keys: made by a person who proves once more who they are, shown once, revoked at once.

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
use super::super::time::{rfc3339, rfc3339_or};
use super::super::visit::Visit;
use super::passkey::PasskeyAnswer;
use super::shared::{Items, Person};
use crate::access::api_key::{Scope, Scopes};
use crate::access::organisation::{NewKey, Shown};
use crate::base::Secret;
use crate::store::{ApiKeyId, ApiKeyListing};

/// A key, masked.
#[derive(Serialize, ToSchema)]
pub(in super::super) struct KeyShown {
    id: String,
    name: String,
    /// Its first characters.
    masked: String,
    scopes: Vec<String>,
    user: Person,
    created_at: String,
    expires_at: Option<String>,
    last_used_at: Option<String>,
    last_used_ip: Option<String>,
    revoked_at: Option<String>,
}

/// A key to make.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct KeyToCreate {
    /// Unique in the workspace.
    name: String,
    /// What it may do.
    scopes: Vec<String>,
    /// 1 to 3650; never when it is not said.
    expires_in_days: Option<u32>,
    /// One's own sign-in name.
    user: String,
    password: String,
    /// The second factor, when there is one.
    code: Option<String>,
    /// A passkey instead of a code.
    passkey: Option<PasskeyAnswer>,
}

/// A key just made: the only time it is shown.
#[derive(Serialize, ToSchema)]
pub(in super::super) struct KeyCreated {
    id: String,
    name: String,
    /// The whole key. Copy it now; treat it like a password.
    key: String,
    masked: String,
    scopes: Vec<String>,
    created_at: String,
    expires_at: Option<String>,
}

/// `GET me/api-keys`.
pub(in super::super) async fn mine(
    State(services): State<Arc<Services>>,
    Caller { principal, .. }: Caller,
) -> Result<Json<Items<KeyShown>>, Problem> {
    let keys = services.access.organisation().keys();
    let listed = keys.list(principal.workspace_id, Some(principal.user_id)).await?;
    Ok(Items::all(listed.into_iter().map(KeyShown::from)))
}

/// `POST me/api-keys`.
pub(in super::super) async fn create(
    State(services): State<Arc<Services>>,
    caller: Caller,
    visit: Visit,
    StrictJson(body): StrictJson<KeyToCreate>,
) -> Result<(StatusCode, Json<KeyCreated>), Problem> {
    if let Some(unknown) = body.scopes.iter().find(|word| Scope::parse(word).is_none()) {
        return Err(scope_unknown(unknown));
    }
    let scopes = Scopes::parse(&body.scopes.join(" ")).ok_or_else(|| scope_unknown(""))?;
    let new = NewKey { name: body.name, scopes, expires_in_days: body.expires_in_days };
    let shown = Shown {
        user: body.user,
        password: Secret::new(body.password),
        code: body.code.map(Secret::new),
        passkey: body.passkey.map(PasskeyAnswer::read).transpose()?,
    };
    let keys = services.access.organisation().keys();
    let made = keys.create(&caller.principal, Some(visit.ip), &new, &shown).await?;
    let row = made.row;
    let created = KeyCreated {
        id: row.id.to_string(),
        name: row.name,
        key: made.text.expose().to_string(),
        masked: row.masked,
        scopes: words(&row.scopes),
        created_at: rfc3339(row.created_at),
        expires_at: rfc3339_or(row.expires_at),
    };
    Ok((StatusCode::CREATED, Json(created)))
}

/// `DELETE me/api-keys/{id}`.
pub(in super::super) async fn revoke_mine(
    State(services): State<Arc<Services>>,
    caller: Caller,
    Id(id): Id<ApiKeyId>,
) -> Result<StatusCode, Problem> {
    let principal = &caller.principal;
    let keys = services.access.organisation().keys();
    keys.revoke(&caller.author, principal.workspace_id, id, Some(principal.user_id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `GET api-keys`.
pub(in super::super) async fn list(
    State(services): State<Arc<Services>>,
    Caller { principal, .. }: Caller,
) -> Result<Json<Items<KeyShown>>, Problem> {
    let keys = services.access.organisation().keys();
    let listed = keys.list(principal.workspace_id, None).await?;
    Ok(Items::all(listed.into_iter().map(KeyShown::from)))
}

/// `DELETE api-keys/{id}`.
pub(in super::super) async fn revoke(
    State(services): State<Arc<Services>>,
    caller: Caller,
    Id(id): Id<ApiKeyId>,
) -> Result<StatusCode, Problem> {
    let keys = services.access.organisation().keys();
    keys.revoke(&caller.author, caller.principal.workspace_id, id, None).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn scope_unknown(word: &str) -> Problem {
    let known: Vec<_> = Scope::ALL.iter().map(|scope| scope.as_str()).collect();
    let word: String = word.chars().take(40).collect();
    Problem::invalid("scopes", format!("there is no scope {word}; there are {}", known.join(", ")))
}

fn words(scopes: &str) -> Vec<String> {
    scopes.split_whitespace().map(str::to_string).collect()
}

impl From<ApiKeyListing> for KeyShown {
    fn from(listing: ApiKeyListing) -> Self {
        let ApiKeyListing { row, user_name } = listing;
        Self {
            id: row.id.to_string(),
            name: row.name,
            masked: row.masked,
            scopes: words(&row.scopes),
            user: Person { id: row.user_id.to_string(), name: user_name },
            created_at: rfc3339(row.created_at),
            expires_at: rfc3339_or(row.expires_at),
            last_used_at: rfc3339_or(row.last_used_at),
            last_used_ip: row.last_used_ip,
            revoked_at: rfc3339_or(row.revoked_at),
        }
    }
}
