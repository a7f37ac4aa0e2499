//! The workspace's settings, each with its range and where its value comes from.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::super::caller::Caller;
use super::super::json::StrictJson;
use super::super::problem::Problem;
use super::super::services::Services;
use crate::access::settings::SettingShown;

/// All settings.
#[derive(Serialize, ToSchema)]
pub(in super::super) struct Policy {
    /// The bundle that unset values come from.
    preset: &'static str,
    items: Vec<Setting>,
}

/// A setting.
#[derive(Serialize, ToSchema)]
pub(in super::super) struct Setting {
    key: &'static str,
    value: Value,
    /// `default`, `preset NAME` or `set`.
    source: String,
    /// What it is when it is not set.
    default: Value,
    /// `duration` (seconds), `number`, `flag`, `choice`, `list` or `text`.
    kind: &'static str,
    min: Option<u64>,
    max: Option<u64>,
    choices: &'static [&'static str],
    words: &'static str,
}

/// Values by the settings' names; `null` takes a value back to its preset's.
#[derive(Deserialize, ToSchema)]
#[serde(transparent)]
pub(in super::super) struct PolicyChange(BTreeMap<String, Value>);

/// Which bundle.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct PresetChoice {
    /// `workspace`, `callcenter`, `analytics` or `defaults`.
    preset: String,
}

impl From<SettingShown> for Setting {
    fn from(shown: SettingShown) -> Self {
        Self {
            key: shown.setting.key(),
            source: shown.source.words(),
            default: shown.otherwise,
            kind: shown.kind.as_str(),
            min: shown.kind.min(),
            max: shown.kind.max(),
            choices: shown.kind.choices(),
            words: shown.setting.words(),
            value: shown.value,
        }
    }
}

/// `GET policy`.
pub(in super::super) async fn show(
    State(services): State<Arc<Services>>,
    caller: Caller,
) -> Result<Json<Policy>, Problem> {
    shown(&services, &caller).await
}

/// `PATCH policy`.
pub(in super::super) async fn change(
    State(services): State<Arc<Services>>,
    caller: Caller,
    StrictJson(PolicyChange(values)): StrictJson<PolicyChange>,
) -> Result<Json<Policy>, Problem> {
    let workspace = caller.principal.workspace_id;
    services.access.settings().change(&caller.actor, workspace, &values).await?;
    shown(&services, &caller).await
}

/// `POST policy/preset`.
pub(in super::super) async fn apply_preset(
    State(services): State<Arc<Services>>,
    caller: Caller,
    StrictJson(choice): StrictJson<PresetChoice>,
) -> Result<Json<Policy>, Problem> {
    let workspace = caller.principal.workspace_id;
    services.access.settings().apply_preset(&caller.actor, workspace, &choice.preset).await?;
    shown(&services, &caller).await
}

async fn shown(services: &Services, caller: &Caller) -> Result<Json<Policy>, Problem> {
    let shown = services.access.settings().show(caller.principal.workspace_id).await?;
    let items = shown.items.into_iter().map(Setting::from).collect();
    Ok(Json(Policy { preset: shown.preset.as_str(), items }))
}
