//! The audit log, as its workspace sees it.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::super::caller::Caller;
use super::super::csv_file::CsvFile;
use super::super::json::StrictJson;
use super::super::problem::Problem;
use super::super::query::StrictQuery;
use super::super::services::Services;
use super::super::time::rfc3339;
use super::shared::{Items, Nothing, entry};
use crate::access::UserId;
use crate::access::audit::{Action, AuditError};
use crate::access::policy::Permission;
use crate::base::limit;
use crate::store::{AuditFilter, AuditRow};

/// A row.
#[derive(Serialize, ToSchema)]
pub(in super::super) struct AuditEvent {
    seq: i64,
    at: String,
    actor: AuditActor,
    /// A stable name, `aggregate.verb`.
    action: String,
    target: AuditTarget,
    ip: Option<String>,
    details: Value,
}

/// Who did it.
#[derive(Serialize, ToSchema)]
pub(in super::super) struct AuditActor {
    /// `user`, `api_key`, `command`, `system` or `anonymous`.
    kind: String,
    id: Option<String>,
    name: Option<String>,
}

/// What it was done to.
#[derive(Serialize, ToSchema)]
pub(in super::super) struct AuditTarget {
    kind: String,
    id: String,
}

/// What a check of the chain found.
#[derive(Serialize, ToSchema)]
pub(in super::super) struct AuditReport {
    /// How many rows there are; 0 when the chain is broken.
    rows: u64,
    ok: bool,
    /// The first row that is not as it was written.
    first_bad: Option<u64>,
    why: Option<String>,
    /// How many checkpoints agree.
    checkpoints: u64,
}

/// Which rows.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct AuditQuery {
    before: Option<i64>,
    limit: Option<i64>,
    action: Option<String>,
    target: Option<String>,
}

/// `GET audit`: newest first.
pub(in super::super) async fn list(
    State(services): State<Arc<Services>>,
    caller: Caller,
    StrictQuery(query): StrictQuery<AuditQuery>,
) -> Result<Json<Items<AuditEvent>>, Problem> {
    let limit = query.limit.unwrap_or(PAGE_ROWS).clamp(1, PAGE_ROWS_MAX);
    let items = events(&services, &caller, &query, limit).await?;
    let is_full = i64::try_from(items.len()).is_ok_and(|length| length == limit);
    let next = items.last().filter(|_| is_full).map(|last| last.seq.to_string());
    Ok(Json(Items { items, next }))
}

/// `GET audit.csv`.
pub(in super::super) async fn export(
    State(services): State<Arc<Services>>,
    caller: Caller,
    StrictQuery(query): StrictQuery<AuditQuery>,
) -> Result<Response, Problem> {
    let events = events(&services, &caller, &query, limit::EXPORT_ROWS_MAX).await?;
    let mut change = services.store.begin().await?;
    let exported = entry(&services, &caller.actor, Action::Export)
        .on("export", "audit")
        .with("rows", events.len());
    services.access.audit().record(&mut change, exported).await?;
    change.commit().await?;
    let head = [
        "seq",
        "at",
        "actor_kind",
        "actor_id",
        "actor_name",
        "action",
        "target_kind",
        "target_id",
        "ip",
        "details",
    ];
    let mut file = CsvFile::new("audit.csv", &head)?;
    for event in events {
        file.row(&[
            event.seq.to_string(),
            event.at,
            event.actor.kind,
            event.actor.id.unwrap_or_default(),
            event.actor.name.unwrap_or_default(),
            event.action,
            event.target.kind,
            event.target.id,
            event.ip.unwrap_or_default(),
            event.details.to_string(),
        ])?;
    }
    file.finish()
}

/// `POST audit/verify`.
pub(in super::super) async fn verify(
    State(services): State<Arc<Services>>,
    caller: Caller,
    StrictJson(Nothing {}): StrictJson<Nothing>,
) -> Result<Json<AuditReport>, Problem> {
    let report = match services.access.audit().verify(|_| ()).await {
        Ok(report) => AuditReport {
            rows: report.rows,
            ok: true,
            first_bad: None,
            why: None,
            checkpoints: report.checkpoints,
        },
        Err(AuditError::Broken(broken)) => AuditReport {
            rows: 0,
            ok: false,
            first_bad: Some(broken.seq),
            why: Some(broken.why.to_string()),
            checkpoints: 0,
        },
        Err(error) => return Err(error.into()),
    };
    // A broken chain takes no more rows, and the answer matters more than its own row.
    if report.ok {
        let mut change = services.store.begin().await?;
        let verified = entry(&services, &caller.actor, Action::AuditVerify).with("ok", report.ok);
        services.access.audit().record(&mut change, verified).await?;
        change.commit().await?;
    }
    Ok(Json(report))
}

const PAGE_ROWS: i64 = 100;
const PAGE_ROWS_MAX: i64 = 500;

async fn events(
    services: &Services,
    caller: &Caller,
    query: &AuditQuery,
    limit: i64,
) -> Result<Vec<AuditEvent>, Problem> {
    let rows = rows(services, caller, query, limit).await?;
    let mut names: BTreeMap<UserId, Option<String>> = BTreeMap::new();
    for id in rows.iter().filter_map(person_of) {
        if let Entry::Vacant(name) = names.entry(id) {
            let user = services.store.users().by_id(id).await?;
            name.insert(user.map(|user| user.display_name));
        }
    }
    Ok(rows.into_iter().map(|row| event(row, &names)).collect())
}

/// The workspace's rows; for who runs the installation, those of no workspace too.
async fn rows(
    services: &Services,
    caller: &Caller,
    query: &AuditQuery,
    limit: i64,
) -> Result<Vec<AuditRow>, Problem> {
    let principal = &caller.principal;
    let own = principal.workspace_id;
    let runs_installation = principal.may(Permission::Installation);
    let mut filter = AuditFilter {
        workspace: Some(own).filter(|_| !runs_installation),
        action: query.action.as_deref(),
        target_id: query.target.as_deref(),
        before_seq: query.before,
        since: None,
    };
    if !runs_installation {
        return Ok(services.store.audit().list(filter, limit).await?);
    }
    let wanted = usize::try_from(limit).unwrap_or(0);
    let mut found: Vec<AuditRow> = Vec::new();
    // Other workspaces' rows are passed over; so many parts at most, then the next request goes on.
    for _ in 0..PARTS_MAX {
        let part = services.store.audit().list(filter, PAGE_ROWS_MAX).await?;
        let Some(last) = part.last() else { break };
        filter.before_seq = Some(last.seq);
        let is_ours = |row: &AuditRow| {
            row.workspace_id.as_deref().is_none_or(|id| id == own.as_bytes().as_slice())
        };
        found.extend(part.into_iter().filter(is_ours));
        if found.len() >= wanted {
            break;
        }
    }
    found.truncate(wanted);
    Ok(found)
}

/// Parts of the audit that one request reads.
const PARTS_MAX: usize = 200;

fn person_of(row: &AuditRow) -> Option<UserId> {
    row.actor_id.as_deref().and_then(UserId::from_slice)
}

fn event(row: AuditRow, names: &BTreeMap<UserId, Option<String>>) -> AuditEvent {
    let id = person_of(&row);
    AuditEvent {
        seq: row.seq,
        at: rfc3339(row.at),
        actor: AuditActor {
            kind: row.actor_kind,
            name: id.and_then(|id| names.get(&id).cloned().flatten()),
            id: id.map(|id| id.to_string()),
        },
        action: row.action,
        target: AuditTarget { kind: row.target_kind, id: row.target_id },
        ip: row.ip,
        details: serde_json::from_str(&row.details).unwrap_or_default(),
    }
}
