//! `ringfence workspace`, `invite` and `set-up-link`.

use std::io::Write;

use serde_json::{Value, json};

use super::args::{
    InviteCommand, InviteCreate, OneWorkspace, SetUpLink, WorkspaceAdd, WorkspaceCommand,
};
use super::failure::{Exit, Failure};
use super::output;
use super::place::{self, Data, Missing};
use super::secret_source;
use crate::access::organisation::{Author, InviteState, NewInvite, NewPerson, WorkspaceShown};
use crate::access::{Actor, Letter};
use crate::store::{InviteRow, WorkspaceRow};

pub(super) async fn workspace(
    command: WorkspaceCommand,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<(), Failure> {
    match command {
        WorkspaceCommand::List { common } => {
            let data = place::open(&common.place, Missing::Refuse).await?;
            let all = data.access.organisation().workspaces().list().await?;
            if common.json {
                let shown =
                    |one: &WorkspaceShown| output::with(shown(&one.row), "people", one.people);
                let all: Vec<_> = all.iter().map(shown).collect();
                return output::json(out, &all);
            }
            let rows = all.into_iter().map(|one| {
                let state = if one.row.disabled { "disabled" } else { "open" };
                let made = one.row.created_at.rfc3339();
                vec![one.row.name, one.people.to_string(), state.to_owned(), made]
            });
            output::table(out, &["name", "people", "state", "made"], rows.collect())?;
            Ok(())
        }
        WorkspaceCommand::Add(command) => add(*command, out, err).await,
        WorkspaceCommand::Rename { one, new } => change(&one, Some(&new), None, out).await,
        WorkspaceCommand::Disable(one) => change(&one, None, Some(true), out).await,
        WorkspaceCommand::Enable(one) => change(&one, None, Some(false), out).await,
    }
}

async fn add(
    command: WorkspaceAdd,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<(), Failure> {
    let WorkspaceAdd { name, owner, number, display_name, email, password, common } = command;
    let password = secret_source::password(&password, &owner, err)?;
    let data = place::open(&common.place, Missing::Make).await?;
    let (role, level) = (None, None);
    let owner = NewPerson { name: owner, display_name, email, role, level, number, password };
    let workspaces = data.access.organisation().workspaces();
    let (row, member) = workspaces.create(&Author::command(), &name, &owner).await?;
    if common.json {
        return output::json(out, &shown(&row));
    }
    writeln!(out, "added workspace {} with its owner {}", row.name, member.user.name)?;
    Ok(())
}

async fn change(
    one: &OneWorkspace,
    name: Option<&str>,
    disabled: Option<bool>,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let data = place::open(&one.common.place, Missing::Refuse).await?;
    let old = data.workspace(Some(&one.name), Missing::Refuse).await?;
    let workspaces = data.access.organisation().workspaces();
    let new = workspaces.change(&Author::command(), old.id, name, disabled).await?;
    if one.common.json {
        return output::json(out, &shown(&new));
    }
    match disabled {
        None => writeln!(out, "{} is called {} now", old.name, new.name)?,
        Some(true) => writeln!(out, "disabled {}: nobody of it is let in", new.name)?,
        Some(false) => writeln!(out, "enabled {}", new.name)?,
    }
    Ok(())
}

fn shown(row: &WorkspaceRow) -> Value {
    json!({
        "id": row.id.to_string(), "name": row.name, "disabled": row.disabled,
        "created_at": row.created_at.rfc3339(),
    })
}

pub(super) async fn invite(command: InviteCommand, out: &mut dyn Write) -> Result<(), Failure> {
    match command {
        InviteCommand::Create(command) => create(*command, out).await,
        InviteCommand::List { within } => {
            let data = place::open(&within.common.place, Missing::Refuse).await?;
            let workspace = data.workspace(within.workspace.as_deref(), Missing::Refuse).await?;
            let all = data.access.organisation().invites().list(workspace.id).await?;
            if within.common.json {
                let all: Vec<_> = all.iter().map(|(row, state)| invited(row, *state)).collect();
                return output::json(out, &all);
            }
            let rows = all.into_iter().map(|(row, state)| {
                let (role, level) = (row.role.to_string(), row.level.to_string());
                let (until, state) = (row.expires_at.rfc3339(), state.as_str().to_owned());
                vec![row.email, role, level, row.number, state, until, row.id.to_string()]
            });
            let headers = ["mail", "role", "level", "number", "state", "good until", "id"];
            output::table(out, &headers, rows.collect())?;
            Ok(())
        }
        InviteCommand::Revoke { id, within } => {
            let data = place::open(&within.common.place, Missing::Refuse).await?;
            let workspace = data.workspace(within.workspace.as_deref(), Missing::Refuse).await?;
            revoke(&data, &workspace, &id).await?;
            if within.common.json {
                return output::json(out, &json!({"revoked": id}));
            }
            writeln!(out, "took the invitation of {id} back")?;
            Ok(())
        }
    }
}

async fn create(command: InviteCreate, out: &mut dyn Write) -> Result<(), Failure> {
    let InviteCreate { email, number, role, level, within } = command;
    let data = place::open(&within.common.place, Missing::Refuse).await?;
    let workspace = data.workspace(within.workspace.as_deref(), Missing::Refuse).await?;
    let new = NewInvite { email, role: role.into(), level, number };
    let invites = data.access.organisation().invites();
    let row = invites.create(&Author::command(), workspace.id, &new).await?;
    let link = data.letters.take().into_iter().find_map(|(_, letter)| match letter {
        Letter::Invite { key, .. } => Some(data.link("invite", &key)),
        _ => None,
    });
    let link = link.ok_or_else(|| Failure::words(Exit::Failed, "the invitation has no link"))?;
    if within.common.json {
        let invited = invited(&row, InviteState::Open);
        return output::json(out, &output::with(invited, "link", link));
    }
    writeln!(out, "invited {} to workspace {}; nothing was mailed", row.email, workspace.name)?;
    writeln!(out, "give them this link, good until {}:", row.expires_at.rfc3339())?;
    writeln!(out, "{link}")?;
    Ok(())
}

async fn revoke(data: &Data, workspace: &WorkspaceRow, id: &str) -> Result<(), Failure> {
    let invites = data.access.organisation().invites();
    let is_it = |(row, state): &(InviteRow, InviteState)| {
        *state == InviteState::Open && (row.id.to_string() == id || row.email == id.to_lowercase())
    };
    let found = invites.list(workspace.id).await?.into_iter().find(is_it);
    let (row, _) = found.ok_or_else(|| {
        let words = format!("there is no open invitation {id}; see: ringfence invite list");
        Failure::words(Exit::Failed, words)
    })?;
    Ok(invites.revoke(&Author::command(), workspace.id, row.id).await?)
}

fn invited(row: &InviteRow, state: InviteState) -> Value {
    json!({
        "id": row.id.to_string(), "email": row.email, "role": row.role.as_str(),
        "level": row.level.get(), "number": row.number, "state": state.as_str(),
        "created_at": row.created_at.rfc3339(), "expires_at": row.expires_at.rfc3339(),
    })
}

pub(super) async fn set_up_link(command: SetUpLink, out: &mut dyn Write) -> Result<(), Failure> {
    // Not in the folder of development mode by mistake: its people are there at every start.
    let place = &command.common.place;
    let missing = if place::is_named(place) { Missing::Make } else { Missing::Refuse };
    let data = place::open(place, missing).await?;
    let key = data.access.set_up().make_link(&Actor::command()).await?;
    let link = data.link("set-up", &key);
    if command.common.json {
        return output::json(out, &json!({"link": link}));
    }
    writeln!(out, "{link}")?;
    Ok(())
}
