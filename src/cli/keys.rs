//! `ringfence key`.

use std::io::Write;

use serde_json::{Value, json};

use super::args::{KeyCommand, KeyCreate};
use super::failure::{Exit, Failure};
use super::output;
use super::place::{self, Data, Missing};
use crate::access::api_key::{Scope, Scopes};
use crate::access::organisation::{Author, NewKey};
use crate::base::UnixTime;
use crate::store::{ApiKeyId, ApiKeyListing, ApiKeyRow, WorkspaceRow};

pub(super) async fn key(command: KeyCommand, out: &mut dyn Write) -> Result<(), Failure> {
    match command {
        KeyCommand::List { within } => {
            let data = place::open(&within.common.place, Missing::Refuse).await?;
            let workspace = data.workspace(within.workspace.as_deref(), Missing::Refuse).await?;
            let all = data.access.organisation().keys().list(workspace.id, None).await?;
            if within.common.json {
                let all: Vec<_> = all.iter().map(|one| shown(&one.row, &one.user_name)).collect();
                return output::json(out, &all);
            }
            let now = data.clock.unix();
            let headers = ["name", "key", "who", "may", "state", "last used", "from"];
            output::table(out, &headers, all.into_iter().map(|one| row(one, now)).collect())?;
            Ok(())
        }
        KeyCommand::Create(command) => create(*command, out).await,
        KeyCommand::Revoke { key, within } => {
            let data = place::open(&within.common.place, Missing::Refuse).await?;
            let workspace = data.workspace(within.workspace.as_deref(), Missing::Refuse).await?;
            let id = find(&data, &workspace, &key).await?;
            let keys = data.access.organisation().keys();
            keys.revoke(&Author::command(), workspace.id, id, None).await?;
            if within.common.json {
                return output::json(out, &json!({"revoked": key}));
            }
            writeln!(out, "revoked {key}")?;
            Ok(())
        }
    }
}

async fn create(command: KeyCreate, out: &mut dyn Write) -> Result<(), Failure> {
    let KeyCreate { name, user, scopes, expires_in_days, within } = command;
    let scopes = parse(&scopes)?;
    let data = place::open(&within.common.place, Missing::Refuse).await?;
    let workspace = data.workspace(within.workspace.as_deref(), Missing::Refuse).await?;
    let member = data.member(&workspace, &user).await?;
    let new = NewKey { name, scopes, expires_in_days };
    let keys = data.access.organisation().keys();
    let made = keys.create_for(&Author::command(), &member, &new).await?;
    let text = made.text.expose();
    if within.common.json {
        let made = shown(&made.row, &member.user.name);
        return output::json(out, &output::with(made, "key", text));
    }
    writeln!(out, "{text}")?;
    Ok(())
}

fn parse(words: &[String]) -> Result<Scopes, Failure> {
    let mut scopes = Vec::new();
    for word in words {
        let scope = Scope::parse(word).ok_or_else(|| {
            let all: Vec<_> = Scope::ALL.iter().map(|scope| scope.as_str()).collect();
            let words = format!("there is no scope `{word}`; there are {}", all.join(", "));
            Failure::words(Exit::Usage, words)
        })?;
        scopes.push(scope);
    }
    Ok(scopes.into_iter().collect())
}

/// The key of an id, or the one of this name that is not revoked.
async fn find(data: &Data, workspace: &WorkspaceRow, key: &str) -> Result<ApiKeyId, Failure> {
    let all = data.access.organisation().keys().list(workspace.id, None).await?;
    let is_it = |one: &&ApiKeyListing| {
        one.row.revoked_at.is_none() && (one.row.name == key || one.row.id.to_string() == key)
    };
    let found = all.iter().find(is_it).map(|one| one.row.id);
    found.ok_or_else(|| {
        let words = format!("there is no key `{key}` to revoke; see: ringfence key list");
        Failure::words(Exit::Failed, words)
    })
}

fn shown(row: &ApiKeyRow, user_name: &str) -> Value {
    json!({
        "id": row.id.to_string(),
        "name": row.name,
        "masked": row.masked,
        "scopes": row.scopes.split_whitespace().collect::<Vec<_>>(),
        "user": {"id": row.user_id.to_string(), "name": user_name},
        "created_at": row.created_at.rfc3339(),
        "expires_at": row.expires_at.map(UnixTime::rfc3339),
        "last_used_at": row.last_used_at.map(UnixTime::rfc3339),
        "last_used_ip": row.last_used_ip,
        "revoked_at": row.revoked_at.map(UnixTime::rfc3339),
    })
}

fn row(one: ApiKeyListing, now: UnixTime) -> Vec<String> {
    let ApiKeyListing { row, user_name } = one;
    let state = match (row.revoked_at, row.expires_at) {
        (Some(at), _) => format!("revoked {}", at.rfc3339()),
        (None, Some(at)) if at <= now => format!("expired {}", at.rfc3339()),
        (None, Some(at)) => format!("good until {}", at.rfc3339()),
        (None, None) => "good".into(),
    };
    let used = row.last_used_at.map_or_else(|| "never".to_owned(), UnixTime::rfc3339);
    let from = row.last_used_ip.unwrap_or_else(|| "-".into());
    vec![row.name, row.masked, user_name, row.scopes, state, used, from]
}
