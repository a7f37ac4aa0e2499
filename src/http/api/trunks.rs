//! PBXs of the workspace, their state, and where numbers lead.

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
use super::super::time::rfc3339_or;
use super::shared::{Items, entry};
use crate::access::audit::Action;
use crate::base::{Secret, UnixTime};
use crate::config::{CodecName, TrunkMedia, TrunkUri, is_host, is_trunk_name};
use crate::net::tls::Authorities;
use crate::store::{TrunkId, TrunkRow};
use crate::vault::NewTrunk;

/// A PBX. Its password is never shown.
#[derive(Serialize, ToSchema)]
pub(in super::super) struct TrunkShown {
    id: String,
    name: String,
    host: String,
    port: u16,
    user: Option<String>,
    /// `srtp` or `rtp`.
    media: &'static str,
    register: bool,
    /// `config` or `store`.
    source: &'static str,
    /// `unknown`, `up`, `registered`, `down`, `refused` or `untrusted`.
    state: String,
    state_detail: String,
    /// When that was learnt.
    state_at: Option<String>,
    has_password: bool,
}

/// A PBX to add.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct TrunkToAdd {
    /// 1 to 40 letters, digits, `-` and `_`.
    name: String,
    host: String,
    /// 5061 when it is not said.
    port: Option<u16>,
    user: Option<String>,
    password: Option<String>,
    /// Its certificate authority, PEM; the system's when it is not said.
    ca_pem: Option<String>,
    /// `srtp` (default) or `rtp`.
    media: Option<String>,
    #[serde(default)]
    register: bool,
    domain: Option<String>,
}

/// A number to try.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct DialPlanTest {
    /// The number of the agent who would call; one's own when it is not said.
    from: Option<String>,
    number: String,
}

/// Where it leads.
#[derive(Serialize, ToSchema)]
pub(in super::super) struct DialPlanAnswer {
    /// `built_in`, `agent`, `trunk` or `refused`.
    route: &'static str,
    words: String,
}

impl From<TrunkRow> for TrunkShown {
    fn from(row: TrunkRow) -> Self {
        Self {
            id: row.id.to_string(),
            name: row.name,
            host: row.uri.host,
            port: row.uri.port,
            user: row.user,
            media: row.media.as_str(),
            register: row.register,
            source: row.source.as_str(),
            state: row.state.word,
            state_detail: match row.state.at {
                UnixTime(0) => "it is connected to within seconds".to_owned(),
                _ => row.state.detail,
            },
            state_at: rfc3339_or(Some(row.state.at).filter(|at| at.0 > 0)),
            has_password: row.password_sealed.is_some(),
        }
    }
}

/// `GET trunks`.
pub(in super::super) async fn list(
    State(services): State<Arc<Services>>,
    caller: Caller,
) -> Result<Json<Items<TrunkShown>>, Problem> {
    Ok(Items::all(rows(&services, &caller).await?.into_iter().map(TrunkShown::from)))
}

/// `POST trunks`.
pub(in super::super) async fn add(
    State(services): State<Arc<Services>>,
    caller: Caller,
    StrictJson(body): StrictJson<TrunkToAdd>,
) -> Result<(StatusCode, Json<TrunkShown>), Problem> {
    let new = body.check()?;
    let workspace = caller.principal.workspace_id;
    let mut change = services.store.begin().await?;
    let row = services.trunks.add_in(&mut change, workspace, &new).await?;
    let added = entry(&services, &caller.actor, Action::TrunkCreate)
        .on("trunk", row.id)
        .with("name", row.name.as_str())
        .with("host", row.uri.host.as_str());
    services.access.audit().record(&mut change, added).await?;
    change.commit().await?;
    Ok((StatusCode::CREATED, Json(row.into())))
}

/// `DELETE trunks/{id}`.
pub(in super::super) async fn remove(
    State(services): State<Arc<Services>>,
    caller: Caller,
    Id(id): Id<TrunkId>,
) -> Result<StatusCode, Problem> {
    let rows = rows(&services, &caller).await?;
    let row = rows.into_iter().find(|row| row.id == id).ok_or_else(Problem::not_found)?;
    let mut change = services.store.begin().await?;
    if !services.trunks.remove_in(&mut change, &row.name).await? {
        return Err(Problem::not_found());
    }
    let removed = entry(&services, &caller.actor, Action::TrunkDelete)
        .on("trunk", row.id)
        .with("name", row.name);
    services.access.audit().record(&mut change, removed).await?;
    change.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST dial-plan/test`.
pub(in super::super) async fn test_dial_plan(
    State(services): State<Arc<Services>>,
    caller: Caller,
    StrictJson(test): StrictJson<DialPlanTest>,
) -> Result<Json<DialPlanAnswer>, Problem> {
    let principal = &caller.principal;
    // As people write them.
    let compact = |text: &str| text.replace([' ', '\u{a0}', '-', '.', '/', '(', ')'], "");
    let from = compact(test.from.as_deref().unwrap_or(&principal.number));
    let number = compact(&test.number);
    for (field, text) in [("from", &from), ("number", &number)] {
        let is_dialled = (1..=40).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_digit() || b"+*#".contains(&b));
        if !is_dialled {
            return Err(Problem::invalid(field, "a number is 1 to 40 of 0-9, +, * and #"));
        }
    }
    let lead = services.dial_plan.lead(principal.workspace_id, &from, &number).await;
    Ok(Json(DialPlanAnswer { route: lead.route, words: lead.words }))
}

/// The workspace's own; others' are not there.
async fn rows(services: &Services, caller: &Caller) -> Result<Vec<TrunkRow>, Problem> {
    let mut rows = services.trunks.list().await?;
    rows.retain(|row| row.workspace_id == caller.principal.workspace_id);
    Ok(rows)
}

impl TrunkToAdd {
    fn check(self) -> Result<NewTrunk, Problem> {
        if !is_trunk_name(&self.name) {
            let detail = "a name is 1 to 40 letters, digits, - and _";
            return Err(Problem::invalid("name", detail));
        }
        let port = self.port.unwrap_or(5061);
        let uri: TrunkUri = format!("sips:{}:{port}", self.host)
            .parse()
            .map_err(|_| Problem::invalid("host", "this is no name or address of a PBX"))?;
        let media = match self.media.as_deref() {
            None | Some("srtp") => TrunkMedia::Srtp,
            Some("rtp") => TrunkMedia::Rtp,
            Some(_) => return Err(Problem::invalid("media", "must be srtp or rtp")),
        };
        let authorities = Authorities { file: None, pem: self.ca_pem.clone() };
        if let Err(error) = authorities.check() {
            return Err(Problem::invalid("ca_pem", error.to_string()));
        }
        if self.user.as_deref().is_some_and(|user| !(1..=64).contains(&user.len())) {
            return Err(Problem::invalid("user", "must be 1 to 64 characters"));
        }
        if self.domain.as_deref().is_some_and(|domain| !is_host(domain)) {
            return Err(Problem::invalid("domain", "this is no name and no address"));
        }
        if self.password.is_some() && self.user.is_none() {
            return Err(Problem::invalid("user", "a password belongs to a user"));
        }
        if self.register && self.user.is_none() {
            return Err(Problem::invalid("user", "who registers has a user"));
        }
        Ok(NewTrunk {
            name: self.name,
            uri,
            user: self.user,
            password: self.password.map(Secret::new),
            ca_pem: self.ca_pem,
            media,
            codecs: vec![CodecName::Opus, CodecName::Pcmu, CodecName::Pcma],
            register: self.register,
            domain: self.domain,
        })
    }
}
