//! The vault's keys: what there is, and their rotation. Shows no key and opens nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::super::caller::Caller;
use super::super::json::StrictJson;
use super::super::problem::Problem;
use super::super::services::Services;
use super::super::time::{rfc3339, rfc3339_or};
use super::shared::{Nothing, entry};
use crate::access::audit::Action;
use crate::vault::Ring;

/// The vault.
#[derive(Serialize, ToSchema)]
pub(in super::super) struct VaultShown {
    /// The root key's name; says nothing about the key.
    root_key_id: String,
    keks: Vec<Kek>,
    /// How many secrets this process has opened, by what for.
    opened: BTreeMap<&'static str, u64>,
}

/// A numbered key.
#[derive(Serialize, ToSchema)]
pub(in super::super) struct Kek {
    id: u32,
    /// Which ring it is of.
    purpose: String,
    /// `active`, `retiring` or `retired`.
    state: &'static str,
    created_at: String,
    retired_at: Option<String>,
    /// How many values it seals.
    sealed: u64,
}

/// `GET vault`.
pub(in super::super) async fn show(
    State(services): State<Arc<Services>>,
) -> Result<Json<VaultShown>, Problem> {
    shown(&services).await
}

/// `POST vault/rotate`: a new key in each ring; what the old ones sealed is rewrapped soon.
pub(in super::super) async fn rotate(
    State(services): State<Arc<Services>>,
    caller: Caller,
    StrictJson(Nothing {}): StrictJson<Nothing>,
) -> Result<Json<VaultShown>, Problem> {
    let now = services.clock.unix();
    let mut change = services.store.begin().await?;
    for ring in Ring::ALL {
        let id = services.vault.rotate(&mut change, ring, now).await?;
        let entry = entry(&services, &caller.actor, Action::VaultRotate)
            .on("vault_key", format!("{}/{id}", ring.as_str()));
        services.access.audit().record(&mut change, entry).await?;
    }
    change.commit().await?;
    services.vault.refresh(&services.store).await?;
    shown(&services).await
}

async fn shown(services: &Services) -> Result<Json<VaultShown>, Problem> {
    let status = services.vault.status(&services.store).await?;
    let keks = status.keks.into_iter().map(|kek| Kek {
        id: kek.id,
        purpose: kek.ring,
        state: kek.state.as_str(),
        created_at: rfc3339(kek.created_at),
        retired_at: rfc3339_or(kek.retired_at),
        sealed: kek.sealed_count,
    });
    let (root_key_id, opened) = (status.root_key_id, status.opened);
    Ok(Json(VaultShown { root_key_id, keks: keks.collect(), opened }))
}
