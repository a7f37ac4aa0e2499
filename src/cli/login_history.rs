//! `ringfence login-history`.

use std::io::Write;

use serde_json::json;

use super::args::LoginHistory;
use super::failure::Failure;
use super::output;
use super::place::{self, Data, Missing};
use crate::access::audit::Action;
use crate::base::limit::LOGIN_HISTORY_PAGE_MAX;
use crate::store::{LoginCursor, LoginListing, WorkspaceRow};

pub(super) async fn login_history(
    command: LoginHistory,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let LoginHistory { limit, csv, within } = command;
    let data = place::open(&within.common.place, Missing::Refuse).await?;
    let workspace = data.workspace(within.workspace.as_deref(), Missing::Refuse).await?;
    if csv {
        return export(&data, &workspace, limit, out).await;
    }
    let rows = rows(&data, &workspace, limit).await?;
    if within.common.json {
        let shown: Vec<_> = rows
            .into_iter()
            .map(|LoginListing { row, user_name }| {
                let user = row.user_id.map(|id| json!({"id": id.to_string(), "name": user_name}));
                json!({
                    "at": row.at.rfc3339(), "event": row.event, "method": row.method,
                    "user": user, "ip": row.ip, "user_agent": row.user_agent,
                    "session_id": row.session_id.map(|id| id.to_string()),
                })
            })
            .collect();
        return output::json(out, &shown);
    }
    let row = |LoginListing { row, user_name }: LoginListing| {
        let (who, from) = (user_name.unwrap_or_else(dash), row.ip.unwrap_or_else(dash));
        let with = row.user_agent.unwrap_or_else(dash);
        vec![row.at.rfc3339(), row.event, row.method, who, from, with]
    };
    let rows = rows.into_iter().map(row).collect();
    output::table(out, &["at", "what", "by", "who", "from", "with"], rows)?;
    Ok(())
}

/// A file of rows, after a row of the audit that says so.
async fn export(
    data: &Data,
    workspace: &WorkspaceRow,
    limit: u32,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let rows = rows(data, workspace, limit).await?;
    let exported = data
        .entry(Action::Export)
        .of_workspace(workspace.id)
        .on("export", "login_history")
        .with("rows", rows.len());
    let mut change = data.store.begin().await?;
    data.record(&mut change, exported).await?;
    change.commit().await?;
    output::csv_row(out, &["at", "event", "method", "user", "ip", "user_agent", "session_id"])?;
    for LoginListing { row, user_name } in rows {
        let session = row.session_id.map(|id| id.to_string()).unwrap_or_default();
        let text = Option::unwrap_or_default;
        let cells = [
            row.at.rfc3339(),
            row.event,
            row.method,
            text(user_name),
            text(row.ip),
            text(row.user_agent),
            session,
        ];
        output::csv_row(out, &cells)?;
    }
    Ok(())
}

/// The newest rows, read page by page.
async fn rows(
    data: &Data,
    workspace: &WorkspaceRow,
    limit: u32,
) -> Result<Vec<LoginListing>, Failure> {
    let mut rows: Vec<LoginListing> = Vec::new();
    let mut left = limit;
    while left > 0 {
        let after = rows.last().map(|last| LoginCursor { at: last.row.at, id: last.row.id });
        let wanted = left.min(LOGIN_HISTORY_PAGE_MAX);
        let page = data.access.history().list(workspace.id, after, wanted).await?;
        let found = u32::try_from(page.len()).unwrap_or(u32::MAX);
        rows.extend(page);
        left = if found < wanted { 0 } else { left.saturating_sub(found) };
    }
    Ok(rows)
}

fn dash() -> String {
    "-".into()
}
