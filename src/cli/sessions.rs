//! `ringfence session`.

use std::io::Write;

use serde_json::json;

use super::args::SessionCommand;
use super::failure::{Exit, Failure};
use super::output;
use super::place::{self, Data, Missing, actor_in};
use crate::access::user_agent::UserAgent;
use crate::access::{Of, SessionId};
use crate::store::{Ending, SessionRow, StoreError};

pub(super) async fn session(command: SessionCommand, out: &mut dyn Write) -> Result<(), Failure> {
    let within = match &command {
        SessionCommand::List { within, .. }
        | SessionCommand::End { within, .. }
        | SessionCommand::EndAll { within, .. } => within,
    };
    let data = place::open(&within.common.place, Missing::Refuse).await?;
    let workspace = data.workspace(within.workspace.as_deref(), Missing::Refuse).await?;
    let json = within.common.json;
    let sessions = data.access.sessions();
    match &command {
        SessionCommand::List { user, .. } => {
            let rows = match user {
                Some(name) => {
                    sessions.list_of(data.member(&workspace, name).await?.user.id).await?
                }
                None => sessions.list(workspace.id).await?,
            };
            show(&data, rows, json, out).await
        }
        SessionCommand::End { id, .. } => {
            let none = || {
                let words =
                    format!("there is no open session {id} in workspace {}", workspace.name);
                Failure::words(Exit::Failed, words)
            };
            let session: SessionId = id.parse().map_err(|_| none())?;
            let of = Of::Workspace(workspace.id);
            if !sessions.end(&actor_in(&workspace), of, session, Ending::Revoked).await? {
                return Err(none());
            }
            if json {
                return output::json(out, &json!({"ended": 1}));
            }
            writeln!(out, "ended session {id}")?;
            Ok(())
        }
        SessionCommand::EndAll { user, .. } => {
            let member = data.member(&workspace, user).await?;
            let (actor, why) = (actor_in(&workspace), Ending::Revoked);
            let ended = sessions.end_all(&actor, member.user.id, None, None, why).await?;
            if json {
                return output::json(out, &json!({"ended": ended}));
            }
            writeln!(out, "ended {ended} sessions of {}", member.user.name)?;
            Ok(())
        }
    }
}

async fn show(
    data: &Data,
    rows: Vec<SessionRow>,
    as_json: bool,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let mut shown = Vec::new();
    let mut cells = Vec::new();
    for row in rows {
        let user = data.store.users().by_id(row.user_id).await?;
        let name = user.ok_or(StoreError::Damaged("sessions"))?.name;
        let ended = row.ended.map(|(at, why)| (at.rfc3339(), why.as_str()));
        let (opened, seen) = (row.created_at.rfc3339(), row.last_seen_at.rfc3339());
        if as_json {
            shown.push(json!({
                "id": row.id.to_string(), "user": {"id": row.user_id.to_string(), "name": name},
                "method": row.method, "factor": row.factor, "enrolling": row.enrolling,
                "created_at": opened, "last_seen_at": seen,
                "ended_at": ended.as_ref().map(|(at, _)| at),
                "ended_reason": ended.as_ref().map(|(_, why)| why),
                "ip": row.ip, "user_agent": row.user_agent,
            }));
            continue;
        }
        let state = ended.map_or_else(|| "open".to_owned(), |(at, why)| format!("{why} {at}"));
        let from = row.ip.unwrap_or_else(|| "-".into());
        let with = row.user_agent.as_deref().map_or_else(|| "-".to_owned(), device);
        cells.push(vec![row.id.to_string(), name, row.method, opened, seen, from, with, state]);
    }
    if as_json {
        return output::json(out, &shown);
    }
    let headers = ["session", "who", "by", "opened", "last seen", "from", "with", "state"];
    output::table(out, &headers, cells)?;
    Ok(())
}

/// A browser's words in the few by which a person knows their device.
fn device(header: &str) -> String {
    let UserAgent { browser, system, .. } = UserAgent::parse(header);
    format!("{browser}, {system}")
}
