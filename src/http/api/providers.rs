//! The identity providers people may sign in with.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::caller::Caller;
use super::super::json::StrictJson;
use super::super::paths::Word;
use super::super::problem::Problem;
use super::super::services::Services;
use super::shared::Items;
use crate::access::connection::{Connections, ProviderConnection};
use crate::base::Secret;

/// A provider. Its secret is never shown.
#[derive(Serialize, ToSchema)]
pub(in super::super) struct ProviderShown {
    /// `google`, `microsoft` or `apple`.
    name: String,
    issuer: Option<String>,
    client_id: String,
    team_id: Option<String>,
    key_id: Option<String>,
    has_secret: bool,
    enabled: bool,
    /// The address to register at the provider.
    redirect_uri: String,
}

/// A provider to set up. Without a secret the one before stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct ProviderToSet {
    client_id: String,
    /// Its secret; for Apple the key's PEM.
    client_secret: Option<String>,
    issuer: Option<String>,
    team_id: Option<String>,
    key_id: Option<String>,
    enabled: bool,
}

/// `GET settings/identity-providers`.
pub(in super::super) async fn list(
    State(services): State<Arc<Services>>,
) -> Result<Json<Items<ProviderShown>>, Problem> {
    let providers = services.access.connections().providers().await?;
    Ok(Items::all(providers.into_iter().map(|(name, provider, has_secret)| ProviderShown {
        redirect_uri: redirect_uri(&services, name),
        name: name.to_string(),
        issuer: provider.issuer,
        client_id: provider.client_id,
        team_id: provider.team_id,
        key_id: provider.key_id,
        has_secret,
        enabled: provider.enabled,
    })))
}

/// `PUT settings/identity-providers/{provider}`.
pub(in super::super) async fn put(
    State(services): State<Arc<Services>>,
    caller: Caller,
    Word(name): Word,
    StrictJson(body): StrictJson<ProviderToSet>,
) -> Result<StatusCode, Problem> {
    if !Connections::PROVIDERS.contains(&name.as_str()) {
        return Err(Problem::not_found());
    }
    let secret = body.client_secret.map(Secret::new);
    let provider = ProviderConnection {
        client_id: body.client_id,
        issuer: body.issuer,
        team_id: body.team_id,
        key_id: body.key_id,
        enabled: body.enabled,
    };
    let connections = services.access.connections();
    connections.set_provider(&caller.actor, &name, &provider, secret.as_ref()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `DELETE settings/identity-providers/{provider}`.
pub(in super::super) async fn remove(
    State(services): State<Arc<Services>>,
    caller: Caller,
    Word(name): Word,
) -> Result<StatusCode, Problem> {
    services.access.connections().remove_provider(&caller.actor, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Where a provider sends browsers back to: at our configured name, whatever the request names.
pub(super) fn redirect_uri(services: &Services, name: &str) -> String {
    format!("{}/api/v1/identity/{name}/return", services.public_origin)
}
