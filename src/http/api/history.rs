//! The login history: one's own, and the workspace's.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::caller::Caller;
use super::super::csv_file::CsvFile;
use super::super::problem::Problem;
use super::super::query::StrictQuery;
use super::super::services::Services;
use super::super::time::rfc3339;
use super::shared::{Items, Person, entry};
use crate::access::audit::Action;
use crate::base::{UnixTime, limit};
use crate::store::{LoginCursor, LoginListing, RecordId};

/// A sign-in, a sign-out, or a try.
#[derive(Serialize, ToSchema)]
pub(in super::super) struct LoginEvent {
    at: String,
    /// `login`, `failure`, `factor_failed`, or why a session ended.
    event: String,
    method: String,
    /// Nobody where the name was nobody's.
    user: Option<Person>,
    ip: Option<String>,
    user_agent: Option<String>,
    session_id: Option<String>,
}

/// Which part.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct HistoryQuery {
    after: Option<String>,
    limit: Option<u32>,
}

/// `GET me/logins`.
pub(in super::super) async fn mine(
    State(services): State<Arc<Services>>,
    Caller { principal, .. }: Caller,
    StrictQuery(query): StrictQuery<HistoryQuery>,
) -> Result<Json<Items<LoginEvent>>, Problem> {
    let (after, limit) = (query.cursor()?, query.limit());
    let rows = services.access.history().list_of(principal.user_id, after, limit).await?;
    Ok(Json(part(rows, limit)))
}

/// `GET login-history`.
pub(in super::super) async fn list(
    State(services): State<Arc<Services>>,
    Caller { principal, .. }: Caller,
    StrictQuery(query): StrictQuery<HistoryQuery>,
) -> Result<Json<Items<LoginEvent>>, Problem> {
    let (after, limit) = (query.cursor()?, query.limit());
    let rows = services.access.history().list(principal.workspace_id, after, limit).await?;
    Ok(Json(part(rows, limit)))
}

/// `GET login-history.csv`.
pub(in super::super) async fn export(
    State(services): State<Arc<Services>>,
    caller: Caller,
) -> Result<Response, Problem> {
    let head = ["at", "event", "method", "user_id", "user", "ip", "user_agent", "session_id"];
    let mut file = CsvFile::new("login-history.csv", &head)?;
    let (mut after, mut count) = (None, 0_i64);
    let workspace = caller.principal.workspace_id;
    while count < limit::EXPORT_ROWS_MAX {
        let page = limit::LOGIN_HISTORY_PAGE_MAX;
        let rows = services.access.history().list(workspace, after, page).await?;
        let Some(last) = rows.last() else { break };
        after = Some(LoginCursor { at: last.row.at, id: last.row.id });
        for listing in rows {
            count += 1;
            let event = LoginEvent::from(listing);
            let (id, name) = event.user.map_or_else(Default::default, |user| (user.id, user.name));
            file.row(&[
                event.at,
                event.event,
                event.method,
                id,
                name,
                event.ip.unwrap_or_default(),
                event.user_agent.unwrap_or_default(),
                event.session_id.unwrap_or_default(),
            ])?;
        }
    }
    let mut change = services.store.begin().await?;
    let exported = entry(&services, &caller.actor, Action::Export)
        .on("export", "login-history")
        .with("rows", count);
    services.access.audit().record(&mut change, exported).await?;
    change.commit().await?;
    file.finish()
}

impl HistoryQuery {
    fn limit(&self) -> u32 {
        self.limit.unwrap_or(100).clamp(1, limit::LOGIN_HISTORY_PAGE_MAX)
    }

    /// Where the part before ended: its last row's time and identity.
    fn cursor(&self) -> Result<Option<LoginCursor>, Problem> {
        let Some(text) = &self.after else { return Ok(None) };
        let parsed = text.split_once('.').and_then(|(at, id)| {
            Some(LoginCursor { at: UnixTime(at.parse().ok()?), id: id.parse::<RecordId>().ok()? })
        });
        let bad = || {
            let status = axum::http::StatusCode::BAD_REQUEST;
            Problem::new(status, "bad_query", "`after` is not the `next` of an answer")
        };
        parsed.map(Some).ok_or_else(bad)
    }
}

fn part(rows: Vec<LoginListing>, limit: u32) -> Items<LoginEvent> {
    let is_full = u32::try_from(rows.len()).is_ok_and(|length| length == limit);
    let next = rows.last().filter(|_| is_full).map(|last| {
        let (at, id) = (last.row.at.0, last.row.id);
        format!("{at}.{id}")
    });
    Items { items: rows.into_iter().map(LoginEvent::from).collect(), next }
}

impl From<LoginListing> for LoginEvent {
    fn from(listing: LoginListing) -> Self {
        let LoginListing { row, user_name } = listing;
        let user = row.user_id.zip(user_name);
        Self {
            at: rfc3339(row.at),
            event: row.event,
            method: row.method,
            user: user.map(|(id, name)| Person { id: id.to_string(), name }),
            ip: row.ip,
            user_agent: row.user_agent,
            session_id: row.session_id.map(|id| id.to_string()),
        }
    }
}
